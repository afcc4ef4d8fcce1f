//! Who the process is, its capabilities, and what a program that is started could get back.

use rustix::io::{Errno, Result};
use rustix::process::{geteuid, getpid};
use rustix::thread::{
    CapabilitySet, CapabilitySets, Gid, Uid, capabilities, clear_ambient_capability_set,
    remove_capability_from_bounding_set, set_capabilities, set_keep_capabilities, set_no_new_privs,
    set_thread_groups, set_thread_res_gid, set_thread_res_uid,
};

/// What a running tunnel may be asked for: marks, buffers by force, ports below 1024.
const NEEDED: CapabilitySet = CapabilitySet::NET_ADMIN.union(CapabilitySet::NET_BIND_SERVICE);

/// Users that no program hands out, one for each number of a process, which has 22 bits at most.
///
/// Source: systemd, "Users, Groups, UIDs and GIDs": 0x70000000 to 0x7FFDFFFF is unused.
const USERS_FROM: u32 = 0x7000_0000;

/// Who has no files, where the namespace has no such users: `nobody`.
const NOBODY: u32 = 65_534;

/// Becomes a user that is nobody else, unless it is not root in the first place; capabilities stay.
///
/// # Errors
/// `PERM` without the right to, `INVAL` in a namespace that has but one user.
pub(super) fn leave_root() -> Result<()> {
    if !geteuid().is_root() {
        return Ok(());
    }
    let own = USERS_FROM | getpid().as_raw_pid().unsigned_abs();
    set_keep_capabilities(true)?;
    let left = become_user(own).or_else(|_| become_user(NOBODY));
    set_keep_capabilities(false)?;
    left
}

fn become_user(number: u32) -> Result<()> {
    let (user, group) = (Uid::from_raw(number), Gid::from_raw(number));
    // Groups first: afterwards the right to change them is gone.
    set_thread_groups(&[])?;
    set_thread_res_gid(group, group, group)?;
    set_thread_res_uid(user, user, user)
}

/// Gives up all capabilities but those that are needed, and `beside`.
pub(super) fn give_up(beside: CapabilitySet) -> Result<()> {
    let needed = NEEDED | beside;
    let held = capabilities(None)?;
    clear_ambient_capability_set()?;
    let kept = held.permitted.intersection(needed);
    set_capabilities(
        None,
        CapabilitySets {
            effective: kept,
            permitted: kept,
            inheritable: CapabilitySet::empty(),
        },
    )?;
    set_no_new_privs(true)
}

/// Has no program that is started get capabilities that are not needed. Takes the right to change it, so
/// that it comes before all else.
pub(super) fn bound(beside: CapabilitySet) -> Result<()> {
    for capability in CapabilitySet::all().difference(NEEDED | beside).iter() {
        match remove_capability_from_bounding_set(capability) {
            // One that the kernel does not know, or the lack of the right to remove any.
            Ok(()) | Err(Errno::INVAL | Errno::PERM) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// Whether any right is left that is not needed, or could be had again.
#[cfg(test)]
pub(super) fn can_more_than_needed() -> Result<bool> {
    let CapabilitySets {
        effective,
        permitted,
        inheritable,
    } = capabilities(None)?;
    let held = effective | permitted | inheritable;
    let regained = set_capabilities(
        None,
        CapabilitySets {
            effective: CapabilitySet::SYS_ADMIN,
            permitted: CapabilitySet::SYS_ADMIN,
            inheritable: CapabilitySet::empty(),
        },
    );
    Ok(!NEEDED.contains(held) || regained.is_ok())
}
