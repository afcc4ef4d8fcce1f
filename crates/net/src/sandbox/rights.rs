//! Capabilities, and what a program that is started could get back.

use rustix::io::{Errno, Result};
use rustix::thread::{
    CapabilitySet, CapabilitySets, capabilities, clear_ambient_capability_set,
    remove_capability_from_bounding_set, set_capabilities, set_no_new_privs,
};

/// What a running tunnel may be asked for: marks, buffers by force, ports below 1024.
const NEEDED: CapabilitySet = CapabilitySet::NET_ADMIN.union(CapabilitySet::NET_BIND_SERVICE);

/// Gives up all capabilities that are not needed.
pub(super) fn give_up() -> Result<()> {
    let held = capabilities(None)?;
    for capability in CapabilitySet::all().difference(NEEDED).iter() {
        match remove_capability_from_bounding_set(capability) {
            // One that the kernel does not know, or the lack of the right to remove any.
            Ok(()) | Err(Errno::INVAL | Errno::PERM) => {}
            Err(error) => return Err(error),
        }
    }
    clear_ambient_capability_set()?;
    let kept = held.permitted.intersection(NEEDED);
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
