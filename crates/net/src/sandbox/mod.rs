//! Rights that a process gives up once its sockets and its interface are open.
//!
//! Whoever takes the process over by a packet, or by a request on its socket, finds it unable to start
//! programs, to change files, to speak to other programs of the machine, to debug processes or to become
//! more than it is. In order:
//!
//! 1. The user: root becomes a user that has no files and no other processes. A program that serves root
//!    on a socket, such as a bus, does nothing for it.
//! 2. Capabilities: all go but `CAP_NET_ADMIN`, for marks and large buffers, `CAP_NET_BIND_SERVICE`,
//!    as `wg set` may ask for a port below 1024, and `CAP_DAC_OVERRIDE`, to remove the socket from the
//!    directory of root: Landlock leaves it nothing else there. The bounding set goes likewise.
//! 3. `no_new_privs`, and neither core dumps nor debuggers of the same user.
//! 4. Landlock: the only thing left to do with files is to remove one in the directory of the socket; no
//!    TCP, no signals to others. Who looks names up may read what the system's resolver needs, `/etc`
//!    with all that is in it: files of the resolver are often replaced, so that a rule must name the
//!    directory.
//! 5. seccomp: system calls that are not needed fail. No sockets are left but those of IP, no files but
//!    those that a resolver reads.

/// seccomp's filters are programs for a certain machine.
#[cfg(any(
    target_arch = "x86_64",
    target_arch = "aarch64",
    target_arch = "riscv64"
))]
mod calls;
mod files;
mod rights;

use std::fmt;
use std::path::PathBuf;

use rustix::io::Errno;
use rustix::process::{DumpableBehavior, set_dumpable_behavior};
use rustix::thread::CapabilitySet;

/// What a process needs after it has opened all it works with.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Sandbox {
    /// Where it may remove a file: its socket, when it ends.
    pub socket_directory: Option<PathBuf>,
    /// Whether it looks names up: then it reads the resolver's files, and asks over TCP, too.
    pub looks_names_up: bool,
}

/// How much of a layer is in force.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Layer {
    /// All of it.
    Full,
    /// As much as the kernel has.
    Partial,
    /// Nothing: the kernel lacks it, or refuses it.
    Absent,
}

/// What of a sandbox is in force.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Confinement {
    /// A user who is not root.
    pub user: Layer,
    /// Capabilities, `no_new_privs`, not dumpable.
    pub rights: Layer,
    /// Landlock.
    pub files: Layer,
    /// seccomp.
    pub calls: Layer,
}

/// Why a process was not confined.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SandboxError {
    /// Other threads would keep what this one gives up.
    #[error("a sandbox is for processes of one thread, this one has {threads}")]
    Threads {
        /// How many there are.
        threads: usize,
    },
}

impl Sandbox {
    /// Gives rights up for good, in this thread and those that it starts.
    ///
    /// What the kernel lacks is left out; the outcome says so.
    ///
    /// # Errors
    /// [`SandboxError::Threads`]: nothing was given up.
    pub fn enter(&self) -> Result<Confinement, SandboxError> {
        let threads = std::fs::read_dir("/proc/self/task").map_or(1, Iterator::count);
        if threads > 1 {
            return Err(SandboxError::Threads { threads });
        }
        Ok(self.confine_thread(|| set_dumpable_behavior(DumpableBehavior::NotDumpable)))
    }

    /// `hide` has effect on the whole process; a change of the user undoes it.
    fn confine_thread(&self, hide: impl FnOnce() -> Result<(), Errno>) -> Confinement {
        let beside = if self.socket_directory.is_some() {
            CapabilitySet::DAC_OVERRIDE
        } else {
            CapabilitySet::empty()
        };
        let bounded = rights::bound(beside);
        let user = Layer::of("a user of its own", rights::leave_root());
        let given_up = rights::give_up(beside);
        let mut rights = Layer::of("capabilities", bounded.and(given_up));
        if Layer::of("not dumpable", hide()) == Layer::Absent {
            rights = Layer::Partial;
        }
        Confinement {
            user,
            rights,
            files: files::confine(self),
            calls: self.confine_calls(),
        }
    }

    #[cfg(any(
        target_arch = "x86_64",
        target_arch = "aarch64",
        target_arch = "riscv64"
    ))]
    fn confine_calls(&self) -> Layer {
        Layer::of("seccomp", calls::confine(self))
    }

    #[cfg(not(any(
        target_arch = "x86_64",
        target_arch = "aarch64",
        target_arch = "riscv64"
    )))]
    fn confine_calls(&self) -> Layer {
        Layer::of("seccomp", Err(Errno::NOSYS))
    }
}

impl Layer {
    fn of(name: &str, outcome: Result<(), impl fmt::Display>) -> Self {
        match outcome {
            Ok(()) => Self::Full,
            Err(error) => {
                tracing::warn!(%error, "sandbox without {name}");
                Self::Absent
            }
        }
    }
}

impl fmt::Display for Layer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Full => "full",
            Self::Partial => "partial",
            Self::Absent => "absent",
        })
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::net::{TcpStream, UdpSocket};
    use std::os::unix::net::{UnixListener, UnixStream};
    use std::path::Path;
    use std::process::Command;
    use std::thread;

    use super::*;

    /// Whether something went well in a thread that is confined; the rest of the process is not.
    fn confined<T: Send + 'static>(
        sandbox: Sandbox,
        attempt: impl FnOnce(Confinement) -> T + Send + 'static,
    ) -> T {
        thread::spawn(move || attempt(sandbox.confine_thread(|| Ok(()))))
            .join()
            .unwrap()
    }

    fn of_directory(path: &Path) -> Sandbox {
        Sandbox {
            socket_directory: Some(path.to_owned()),
            looks_names_up: false,
        }
    }

    #[test]
    fn a_confined_thread_removes_its_socket_and_nothing_elsewhere() {
        let (own, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let paths = [&own, &other].map(|directory| directory.path().join("wg0.sock"));
        for path in &paths {
            fs::write(path, "").unwrap();
        }
        let kept = paths.clone();
        let (files, removed) = confined(of_directory(own.path()), move |confinement| {
            (
                confinement.files,
                paths.map(|path| fs::remove_file(path).is_ok()),
            )
        });
        assert!(removed[0] && !kept[0].exists());
        assert_eq!(removed[1], files == Layer::Absent);
    }

    #[test]
    fn a_confined_thread_opens_no_files_and_starts_no_programs() {
        let sandbox = Sandbox::default();
        let (confinement, read, started) = confined(sandbox, |confinement| {
            let read = fs::read("/etc/passwd").is_ok();
            (confinement, read, Command::new("true").status().is_ok())
        });
        assert_eq!(confinement.rights, Layer::Full);
        let is_confined = confinement.calls == Layer::Full;
        assert_eq!((read, started), (!is_confined, !is_confined));
    }

    #[test]
    fn a_confined_thread_opens_udp_ports() {
        let is_open = confined(Sandbox::default(), |_| {
            UdpSocket::bind("127.0.0.1:0").is_ok()
        });
        assert!(is_open);
    }

    #[test]
    fn rights_that_were_given_up_are_not_had_again() {
        let outcome = thread::spawn(|| {
            let nothing = CapabilitySet::empty();
            rights::bound(nothing)?;
            rights::give_up(nothing)?;
            rights::can_more_than_needed()
        });
        assert_eq!(outcome.join().unwrap(), Ok(false));
    }

    #[test]
    fn a_confined_thread_is_not_root_and_has_no_groups() {
        let was_root = rustix::process::geteuid().is_root();
        let (user, outcome) = confined(Sandbox::default(), |confinement| {
            (rustix::process::geteuid(), confinement.user)
        });
        assert!(!user.is_root() || outcome == Layer::Absent);
        assert!(was_root || outcome == Layer::Full);
    }

    #[test]
    fn a_confined_thread_speaks_to_no_program_of_the_machine() {
        for looks_names_up in [false, true] {
            let directory = tempfile::tempdir().unwrap();
            let path = directory.path().join("bus");
            let _listener = UnixListener::bind(&path).unwrap();
            let sandbox = Sandbox {
                looks_names_up,
                ..of_directory(directory.path())
            };
            let (connected, calls) = confined(sandbox, move |confinement| {
                (UnixStream::connect(path).is_ok(), confinement.calls)
            });
            assert_eq!(connected, calls == Layer::Absent);
        }
    }

    #[test]
    fn a_confined_thread_changes_no_routes() {
        for looks_names_up in [false, true] {
            let sandbox = Sandbox {
                looks_names_up,
                ..Sandbox::default()
            };
            let (opened, calls) = confined(sandbox, |confinement| {
                let family = rustix::net::AddressFamily::NETLINK;
                let kind = rustix::net::SocketType::RAW;
                let opened = rustix::net::socket(family, kind, None).is_ok();
                (opened, confinement.calls)
            });
            assert_eq!(opened, calls == Layer::Absent);
        }
    }

    /// Without Landlock, which some kernels do not have: seccomp has to see to it alone.
    #[test]
    fn who_looks_names_up_changes_no_file() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("file");
        fs::write(&path, "as it was").unwrap();
        let outcome = thread::spawn(move || {
            let sandbox = Sandbox {
                looks_names_up: true,
                ..Sandbox::default()
            };
            let calls = sandbox.confine_calls();
            let read = fs::read(&path).is_ok();
            let other = path.with_extension("other");
            let changed = [
                fs::write(&path, "").is_ok(),
                fs::write(other, "").is_ok(),
                fs::OpenOptions::new().append(true).open(path).is_ok(),
            ];
            (calls, read, changed)
        });
        let (calls, read, changed) = outcome.join().unwrap();
        assert!(read);
        assert_eq!(changed, [calls == Layer::Absent; 3]);
    }

    #[test]
    fn a_call_that_nobody_knows_is_one_that_the_kernel_does_not_have() {
        let (outcome, calls) = confined(Sandbox::default(), |confinement| {
            let none = rustix::fs::ResolveFlags::empty();
            let flags = rustix::fs::OFlags::RDONLY;
            let mode = rustix::fs::Mode::empty();
            let opened = rustix::fs::openat2(rustix::fs::CWD, "/", flags, mode, none);
            (opened.map(drop), confinement.calls)
        });
        assert!(outcome == Err(Errno::NOSYS) || calls == Layer::Absent);
    }

    #[test]
    fn who_looks_names_up_reads_what_the_resolver_reads() {
        let sandbox = Sandbox {
            looks_names_up: true,
            ..Sandbox::default()
        };
        let (read, elsewhere, files) = confined(sandbox, |confinement| {
            let read = fs::read("/etc/passwd").is_ok();
            (read, fs::read("/proc/version").is_ok(), confinement.files)
        });
        assert!(read);
        assert_eq!(elsewhere, files == Layer::Absent);
    }

    #[test]
    fn a_confined_thread_makes_no_tcp_connection() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let (connected, files) = confined(Sandbox::default(), move |confinement| {
            (TcpStream::connect(address).is_ok(), confinement.files)
        });
        assert!(!connected || files != Layer::Full);
    }

    #[test]
    fn a_process_of_several_threads_is_left_as_it_is() {
        let (keep, kept) = std::sync::mpsc::channel::<()>();
        let other = thread::spawn(move || kept.recv().is_ok());
        let entered = Sandbox::default().enter();
        drop(keep);
        other.join().unwrap();
        assert!(matches!(
            entered,
            Err(SandboxError::Threads { threads: 2.. })
        ));
    }
}
