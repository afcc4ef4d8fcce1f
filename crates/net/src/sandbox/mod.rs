//! Rights that a process gives up once its sockets and its interface are open.
//!
//! Whoever takes the process over by a packet, or by a request on its socket, finds it unable to start
//! programs, to open files, to debug other processes or to become more than it is. In order:
//!
//! 1. Capabilities: all go but `CAP_NET_ADMIN`, for marks and large buffers, and `CAP_NET_BIND_SERVICE`,
//!    as `wg set` may ask for a port below 1024. The bounding set goes likewise.
//! 2. `no_new_privs`, and neither core dumps nor debuggers of the same user.
//! 3. Landlock: the only thing left to do with files is to remove one in the directory of the socket; no
//!    TCP, no signals to others. Who looks names up may read what the system's resolver needs.
//! 4. seccomp: system calls that are not needed fail with `EPERM`.
//!
//! The user stays who it is: another one could not remove the socket, which root alone may have.

mod calls;
mod files;
mod rights;

use std::fmt;
use std::path::PathBuf;

use rustix::process::{DumpableBehavior, set_dumpable_behavior};

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
        let dumpable = set_dumpable_behavior(DumpableBehavior::NotDumpable);
        let mut confinement = self.confine_thread();
        if Layer::of("not dumpable", dumpable) == Layer::Absent {
            confinement.rights = Layer::Partial;
        }
        Ok(confinement)
    }

    fn confine_thread(&self) -> Confinement {
        Confinement {
            rights: Layer::of("capabilities", rights::give_up()),
            files: files::confine(self),
            calls: Layer::of("seccomp", calls::confine(self)),
        }
    }
}

impl Layer {
    fn of(name: &str, outcome: Result<(), impl fmt::Display>) -> Self {
        match outcome {
            Ok(()) => Self::Full,
            Err(error) => {
                tracing::info!(%error, "sandbox without {name}");
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
    use std::path::Path;
    use std::process::Command;
    use std::thread;

    use super::*;

    /// Whether something went well in a thread that is confined; the rest of the process is not.
    fn confined<T: Send + 'static>(
        sandbox: Sandbox,
        attempt: impl FnOnce(Confinement) -> T + Send + 'static,
    ) -> T {
        thread::spawn(move || attempt(sandbox.confine_thread()))
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
            rights::give_up()?;
            rights::can_more_than_needed()
        });
        assert_eq!(outcome.join().unwrap(), Ok(false));
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
