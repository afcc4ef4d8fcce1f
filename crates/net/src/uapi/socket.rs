//! The unix socket of a tunnel: where it is, who may reach it, and whose it is.

use std::fs::{self, DirBuilder, File, Permissions};
use std::io;
use std::os::unix::fs::{
    DirBuilderExt as _, FileTypeExt as _, MetadataExt as _, PermissionsExt as _,
};
use std::path::{Path, PathBuf};

use socket2::{Domain, SockAddr, Type};
use tokio::net::UnixListener;

use super::removal::FileEvents;

/// A listening socket that `wg` finds: `DIRECTORY/INTERFACE.sock`.
///
/// Only its owner can reach it: the directory is 0700, and so before the socket is in it, the socket is
/// 0600. (The mode of a new socket follows from the umask, which belongs to the whole process; where
/// nobody else can enter the directory, it is of no importance.) The file is removed when this is
/// dropped, unless somebody has put another in its place.
#[derive(Debug)]
pub struct Socket {
    pub(super) listener: UnixListener,
    path: PathBuf,
    inode: Inode,
    /// Nothing is heard of the file where the system has no more to listen by.
    file_events: Option<FileEvents>,
}

/// Why a socket could not be made.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SocketError {
    /// The name of the interface cannot be that of a file.
    #[error("{name:?} cannot be the name of an interface")]
    Name {
        /// The name.
        name: String,
    },
    /// The directory could not be made, or not be closed to others.
    #[error("{}: {source}", path.display())]
    Directory {
        /// Where it is.
        path: PathBuf,
        /// What the operating system said.
        source: io::Error,
    },
    /// A running program listens there.
    #[error("{}: in use by a running program", path.display())]
    InUse {
        /// Where it is.
        path: PathBuf,
    },
    /// Something is there that is no socket.
    #[error("{}: there is something that is no socket", path.display())]
    NoSocket {
        /// Where it is.
        path: PathBuf,
    },
    /// The socket could not be made.
    #[error("{}: {source}", path.display())]
    Bind {
        /// Where it was to be.
        path: PathBuf,
        /// What the operating system said.
        source: io::Error,
    },
}

/// Which file it is, whatever its name.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Inode {
    device: u64,
    number: u64,
}

impl Socket {
    /// Where `wg` looks for sockets.
    pub const SYSTEM_DIRECTORY: &str = "/var/run/wireguard";

    /// Opens the socket of `interface` in `directory`, which is made if it is not there.
    ///
    /// A socket that a program left behind when it was killed is replaced; of several that try at the
    /// same time, one succeeds. Needs a tokio runtime.
    ///
    /// # Errors
    /// [`SocketError::InUse`] if a program listens there, and the others if it cannot be made.
    pub fn bind(directory: &Path, interface: &str) -> Result<Self, SocketError> {
        if !is_file_name(interface) {
            return Err(SocketError::Name {
                name: interface.to_owned(),
            });
        }
        let path = directory.join(format!("{interface}.sock"));
        let in_directory = |source| SocketError::Directory {
            path: directory.to_owned(),
            source,
        };
        make_private(directory).map_err(in_directory)?;
        // Nobody else who comes by here removes what is made now, until it is closed.
        let turn = File::open(directory).map_err(in_directory)?;
        turn.lock().map_err(in_directory)?;
        remove_left_behind(&path)?;
        let bound = listen(&path);
        let (listener, inode) = bound.map_err(|source| SocketError::Bind {
            path: path.clone(),
            source,
        })?;
        let file_events = FileEvents::open(&path).inspect_err(
            |error| tracing::warn!(%error, "a removal of the socket will not be noticed"),
        );
        Ok(Self {
            listener,
            path,
            inode,
            file_events: file_events.ok(),
        })
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Waits until somebody removes the file of the socket, or puts another in its place.
    ///
    /// # Cancel safety
    /// May be dropped and called again.
    pub(super) async fn removed(&self) {
        let Some(events) = &self.file_events else {
            return std::future::pending().await;
        };
        while self.is_in_place() {
            if let Err(error) = events.changed().await {
                tracing::warn!(%error, "a removal of the socket will not be noticed");
                return std::future::pending().await;
            }
        }
    }

    fn is_in_place(&self) -> bool {
        Inode::of(&self.path).is_ok_and(|inode| inode == self.inode)
    }
}

impl Drop for Socket {
    fn drop(&mut self) {
        if self.is_in_place()
            && let Err(error) = fs::remove_file(&self.path)
        {
            tracing::warn!(path = %self.path.display(), %error, "socket left behind");
        }
    }
}

impl Inode {
    fn of(path: &Path) -> io::Result<Self> {
        let metadata = fs::symlink_metadata(path)?;
        Ok(Self {
            device: metadata.dev(),
            number: metadata.ino(),
        })
    }
}

fn is_file_name(name: &str) -> bool {
    !name.is_empty() && !name.starts_with('.') && !name.contains(['/', '\0'])
}

/// Makes a directory that only its owner can enter, or closes one that anybody can. A group that an
/// administrator has let in stays: it sees which sockets there are.
fn make_private(directory: &Path) -> io::Result<()> {
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(directory)?;
    let metadata = fs::symlink_metadata(directory)?;
    if !metadata.is_dir() {
        return Err(io::ErrorKind::NotADirectory.into());
    }
    if metadata.mode() & 0o007 != 0 {
        fs::set_permissions(directory, Permissions::from_mode(0o700))?;
    }
    Ok(())
}

/// Removes a socket on which nobody listens.
fn remove_left_behind(path: &Path) -> Result<(), SocketError> {
    let path = || path.to_owned();
    let failed = |source| SocketError::Bind {
        path: path(),
        source,
    };
    match fs::symlink_metadata(path()) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(failed(error)),
        Ok(metadata) if !metadata.file_type().is_socket() => {
            return Err(SocketError::NoSocket { path: path() });
        }
        Ok(_) => {}
    }
    match connect(&path()) {
        Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => {
            fs::remove_file(path()).map_err(failed)
        }
        // One whose queue is full has somebody who listens, however slowly.
        Ok(()) => Err(SocketError::InUse { path: path() }),
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
            Err(SocketError::InUse { path: path() })
        }
        Err(error) => Err(failed(error)),
    }
}

fn connect(path: &Path) -> io::Result<()> {
    let socket = socket2::Socket::new(Domain::UNIX, Type::STREAM, None)?;
    socket.set_nonblocking(true)?;
    socket.connect(&SockAddr::unix(path)?)
}

fn listen(path: &Path) -> io::Result<(UnixListener, Inode)> {
    let listener = UnixListener::bind(path)?;
    fs::set_permissions(path, Permissions::from_mode(0o600))?;
    Ok((listener, Inode::of(path)?))
}

#[cfg(test)]
mod tests {
    use tempfile::TempDir;

    use super::*;

    fn directory() -> (TempDir, PathBuf) {
        let parent = TempDir::new().unwrap();
        let directory = parent.path().join("wireguard");
        (parent, directory)
    }

    fn mode(path: &Path) -> u32 {
        fs::symlink_metadata(path).unwrap().mode() & 0o777
    }

    #[tokio::test]
    async fn only_the_owner_can_reach_a_socket() {
        let (_parent, directory) = directory();
        let socket = Socket::bind(&directory, "wg0").unwrap();
        assert_eq!(socket.path(), directory.join("wg0.sock"));
        assert_eq!((mode(&directory), mode(socket.path())), (0o700, 0o600));
    }

    #[tokio::test]
    async fn a_directory_that_was_open_to_others_is_closed() {
        let (_parent, directory) = directory();
        fs::create_dir(&directory).unwrap();
        fs::set_permissions(&directory, Permissions::from_mode(0o755)).unwrap();
        Socket::bind(&directory, "wg0").unwrap();
        assert_eq!(mode(&directory), 0o700);
    }

    #[tokio::test]
    async fn a_directory_that_a_group_may_enter_stays_so() {
        let (_parent, directory) = directory();
        fs::create_dir(&directory).unwrap();
        fs::set_permissions(&directory, Permissions::from_mode(0o750)).unwrap();
        let socket = Socket::bind(&directory, "wg0").unwrap();
        assert_eq!((mode(&directory), mode(socket.path())), (0o750, 0o600));
    }

    #[tokio::test]
    async fn a_socket_in_use_is_left_alone() {
        let (_parent, directory) = directory();
        let socket = Socket::bind(&directory, "wg0").unwrap();
        let error = Socket::bind(&directory, "wg0").unwrap_err();
        assert!(matches!(error, SocketError::InUse { .. }), "{error}");
        connect(socket.path()).unwrap();
        Socket::bind(&directory, "wg1").unwrap();
    }

    #[tokio::test]
    async fn a_socket_with_a_full_queue_is_in_use() {
        let (_parent, directory) = directory();
        let socket = Socket::bind(&directory, "wg0").unwrap();
        let address = SockAddr::unix(socket.path()).unwrap();
        let mut waiting = Vec::new();
        loop {
            let client = socket2::Socket::new(Domain::UNIX, Type::STREAM, None).unwrap();
            client.set_nonblocking(true).unwrap();
            if client.connect(&address).is_err() {
                break;
            }
            waiting.push(client);
        }
        let error = Socket::bind(&directory, "wg0").unwrap_err();
        assert!(matches!(error, SocketError::InUse { .. }), "{error}");
    }

    #[tokio::test]
    async fn a_socket_that_was_left_behind_is_replaced() {
        let (_parent, directory) = directory();
        fs::create_dir(&directory).unwrap();
        let path = directory.join("wg0.sock");
        drop(std::os::unix::net::UnixListener::bind(&path).unwrap());
        let socket = Socket::bind(&directory, "wg0").unwrap();
        connect(socket.path()).unwrap();
    }

    #[tokio::test]
    async fn what_is_no_socket_is_not_removed() {
        let (_parent, directory) = directory();
        fs::create_dir(&directory).unwrap();
        fs::write(directory.join("wg0.sock"), "of value").unwrap();
        let error = Socket::bind(&directory, "wg0").unwrap_err();
        assert!(matches!(error, SocketError::NoSocket { .. }), "{error}");
        assert!(directory.join("wg0.sock").exists());
    }

    #[tokio::test]
    async fn a_dropped_socket_removes_its_file_and_no_other() {
        let (_parent, directory) = directory();
        let first = Socket::bind(&directory, "wg0").unwrap();
        let path = first.path().to_owned();
        fs::remove_file(&path).unwrap();
        let second = Socket::bind(&directory, "wg0").unwrap();
        drop(first);
        connect(&path).unwrap();
        drop(second);
        assert!(!path.exists());
    }

    #[cfg(target_os = "linux")]
    #[tokio::test]
    async fn a_file_that_is_removed_replaced_or_renamed_is_noticed() {
        let (_parent, directory) = directory();
        for (name, change) in [
            (
                "wg0",
                (|path, _| fs::remove_file(path)) as fn(&Path, &Path) -> io::Result<()>,
            ),
            ("wg1", |path, other| fs::rename(path, other)),
            ("wg2", |path, other| {
                fs::write(other, "").and_then(|()| fs::rename(other, path))
            }),
        ] {
            let socket = Socket::bind(&directory, name).unwrap();
            fs::set_permissions(socket.path(), Permissions::from_mode(0o700)).unwrap();
            let soon = core::time::Duration::from_millis(20);
            let waited = tokio::time::timeout(soon, socket.removed()).await;
            waited.expect_err("it is there");

            change(socket.path(), &directory.join(format!("beside-{name}"))).unwrap();

            let limit = core::time::Duration::from_secs(10);
            let waited = tokio::time::timeout(limit, socket.removed()).await;
            waited.expect("it is noticed");
        }
    }

    #[tokio::test]
    async fn a_name_that_leads_elsewhere_is_refused() {
        let (_parent, directory) = directory();
        for name in ["", "..", "../wg0", "a/b", ".wg0", "a\0b"] {
            let error = Socket::bind(&directory, name).unwrap_err();
            assert!(matches!(error, SocketError::Name { .. }), "{error}");
        }
        assert!(!directory.exists());
    }

    #[tokio::test]
    async fn a_link_in_the_place_of_the_directory_is_refused() {
        let (parent, directory) = directory();
        std::os::unix::fs::symlink(parent.path(), &directory).unwrap();
        let error = Socket::bind(&directory, "wg0").unwrap_err();
        assert!(matches!(error, SocketError::Directory { .. }), "{error}");
    }
}
