//! A network of its own for one program: namespaces with nothing in them but an interface.
//!
//! ```text
//!  serving process, host's network            confined process, before it becomes the program
//!  Plan::send ------------------------------> enter: user, network and mount namespace
//!                                             the interface: address, routes, up
//!                                             files: resolv.conf, nsswitch.conf, daemons hidden
//!  TunParcel::receive, Tun::adopt <---------- TunParcel::send
//! ```
//!
//! Namespaces are per process and user namespaces need a process of one thread, so the confined side is
//! a program started anew, which then replaces itself by the program that is to be confined. Everything
//! ends with it.

mod files;
mod link;
mod plan;
mod refusal;

use std::fs;
use std::io::{self, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;

use nix::sched::{CloneFlags, unshare};
use rustix::mount::MountPropagationFlags;
use rustix::process::{Pid, Signal, getegid, geteuid, set_parent_process_death_signal};

use crate::tun::{TunConfig, TunError, TunOffloads, TunParcel};

pub use plan::Plan;

/// The name of the interface inside.
const INTERFACE: &str = "wg0";

/// Why a program cannot be confined. The text names the setting of the system that forbids it, if one does.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConfineError {
    /// The namespaces cannot be had.
    #[error("no namespaces for the program: {source}{}", refusal::of_namespaces())]
    Namespaces {
        /// What the system said.
        source: io::Error,
    },
    /// The interface cannot be had.
    #[error("{source}{}", refusal::of_interfaces())]
    Interface {
        /// What the system said.
        source: TunError,
    },
    /// The interface cannot be set up.
    #[error("cannot {what}: {source}{}", refusal::of_namespaces())]
    Link {
        /// What was to be done.
        what: &'static str,
        /// What the system said.
        source: io::Error,
    },
    /// A file or directory cannot be replaced for the program.
    #[error("cannot replace {} for the program: {source}{}", path.display(), refusal::of_namespaces())]
    File {
        /// The file or directory.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The serving process is gone, or sent what cannot be understood.
    #[error("the tunnel's process: {source}")]
    Handover {
        /// What happened.
        source: io::Error,
    },
}

/// Takes this process, all of it, into namespaces of its own, and hands the interface to the process at
/// the other end of `socket`, which sends the [`Plan`].
///
/// The process must have one thread. Afterwards it has no network but the interface, asks no other
/// name servers than those of the plan, and is ended when the process that started it ends.
///
/// # Errors
/// [`ConfineError`]. Half of it may be done: the process should end.
pub fn enter(socket: &UnixStream) -> Result<(), ConfineError> {
    let handover = |source| ConfineError::Handover { source };
    let plan = Plan::receive(socket).map_err(handover)?;
    enter_namespaces().map_err(|source| ConfineError::Namespaces { source })?;
    let parcel = open_interface(&plan)?;
    files::replace(&plan)?;
    parcel.send(socket).map_err(handover)?;
    wait_for_release(socket).map_err(handover)?;
    let died = set_parent_process_death_signal(Some(Signal::TERM));
    died.map_err(|error| handover(error.into()))
}

/// Lets the confined process go on, once the interface it handed over is served.
///
/// # Errors
/// Those of the socket.
pub fn release(mut socket: &UnixStream) -> io::Result<()> {
    socket.write_all(&[0])
}

fn wait_for_release(mut socket: &UnixStream) -> io::Result<()> {
    socket.read_exact(&mut [0])
}

/// Sends the signal with this number to a process that was started.
///
/// # Errors
/// There is no such process any more, or no such signal.
pub fn send_signal(process: u32, signal: i32) -> io::Result<()> {
    let process = i32::try_from(process).ok().and_then(Pid::from_raw);
    let (process, signal) = process
        .zip(Signal::from_named_raw(signal))
        .ok_or(io::ErrorKind::InvalidInput)?;
    Ok(rustix::process::kill_process(process, signal)?)
}

/// Makes the namespaces. Root needs none for users, and keeps its rights over files.
fn enter_namespaces() -> io::Result<()> {
    let namespaces = CloneFlags::CLONE_NEWNET | CloneFlags::CLONE_NEWNS;
    let (user, group) = (geteuid(), getegid());
    if !(user.is_root() && unshare(namespaces).is_ok()) {
        unshare(namespaces | CloneFlags::CLONE_NEWUSER)?;
        // Who may drop groups could get around permissions that exclude them: the kernel wants this first.
        write("/proc/self/setgroups", "deny")?;
        write("/proc/self/gid_map", &format!("{group} {group} 1"))?;
        write("/proc/self/uid_map", &format!("{user} {user} 1"))?;
    }
    // What is mounted from here on is seen by nobody else.
    let private = MountPropagationFlags::PRIVATE | MountPropagationFlags::REC;
    rustix::mount::mount_change("/", private)?;
    // Pings without privileges, as the host may allow them too. Old kernels have none.
    let _ = write(
        "/proc/sys/net/ipv4/ping_group_range",
        &format!("{group} {group}"),
    );
    Ok(())
}

fn open_interface(plan: &Plan) -> Result<TunParcel, ConfineError> {
    let parcel = TunParcel::open(&TunConfig {
        name: INTERFACE.to_owned(),
        mtu: plan.mtu,
        offloads: TunOffloads {
            tcp: plan.offloads,
            udp: plan.offloads,
        },
    });
    let parcel = parcel.map_err(|source| ConfineError::Interface { source })?;
    link::set_up(parcel.name(), plan)?;
    Ok(parcel)
}

/// Writes in one system call, as these files of the kernel want it.
fn write(path: &str, text: &str) -> io::Result<()> {
    let mut file = fs::File::options().write(true).open(path)?;
    file.write_all(text.as_bytes())
}
