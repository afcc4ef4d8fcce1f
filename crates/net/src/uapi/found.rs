//! Which tunnels run: their sockets, in the places where they are kept.

use std::env;
use std::ffi::OsStr;
use std::fs;
use std::io;
use std::os::unix::fs::FileTypeExt as _;
use std::path::{Path, PathBuf};

use super::socket::{Socket, SocketError};

/// Characters of a name: the path of a socket has room for some hundred bytes.
const NAME_LEN_MAX: usize = 15;

/// A socket by which a tunnel may be asked.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Found {
    /// The name of the interface, or of the tunnel if it has none.
    pub name: String,
    /// Where the socket is.
    pub path: PathBuf,
}

impl Found {
    /// Every socket where `wg` looks for them and where tunnels without root keep theirs; whether somebody
    /// listens there is not known. A directory that may not be read counts as an empty one:
    /// [`may_hide`](Self::may_hide) tells.
    #[must_use]
    pub fn all() -> Vec<Self> {
        let system = PathBuf::from(Socket::SYSTEM_DIRECTORY);
        let directories = [Some(system), Socket::user_directory()];
        directories
            .into_iter()
            .flatten()
            .flat_map(|directory| Self::all_in(&directory))
            .collect()
    }

    /// Whether there may be more than [`all`](Self::all) finds: the directory of interfaces is for root
    /// alone.
    #[must_use]
    pub fn may_hide() -> bool {
        is_closed(Path::new(Socket::SYSTEM_DIRECTORY))
    }

    fn all_in(directory: &Path) -> Vec<Self> {
        let entries = fs::read_dir(directory).into_iter().flatten().flatten();
        let mut found: Vec<Self> = entries
            .filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_socket()))
            .filter_map(|entry| Self::at(entry.path()))
            .collect();
        found.sort();
        found
    }

    fn at(path: PathBuf) -> Option<Self> {
        if path.extension() != Some(OsStr::new("sock")) {
            return None;
        }
        let name = path.file_stem()?.to_str()?.to_owned();
        Some(Self { name, path })
    }
}

fn is_closed(directory: &Path) -> bool {
    let error = fs::read_dir(directory).err();
    error.is_some_and(|error| error.kind() == io::ErrorKind::PermissionDenied)
}

impl Socket {
    /// Where tunnels without root keep their sockets: `$XDG_RUNTIME_DIR/wirecraft`. `None` for a user who
    /// has no such directory.
    #[must_use]
    pub fn user_directory() -> Option<PathBuf> {
        let runtime = PathBuf::from(env::var_os("XDG_RUNTIME_DIR")?);
        runtime.is_absolute().then(|| runtime.join("wirecraft"))
    }

    /// Opens a socket called `name` in `directory`, or one that has the number of this process behind its
    /// name where another program is called so. Characters that no name of a file has are left out.
    ///
    /// # Errors
    /// As [`bind`](Self::bind).
    pub fn bind_beside_others(directory: &Path, name: &str) -> Result<Self, SocketError> {
        let name: String = name
            .chars()
            .filter(|character| !character.is_control() && *character != '/')
            .take(NAME_LEN_MAX)
            .collect();
        let name = name.trim_start_matches('.');
        let name = if name.is_empty() { "tunnel" } else { name };
        match Self::bind(directory, name) {
            Err(SocketError::InUse { .. }) => {
                Self::bind(directory, &format!("{name}-{}", std::process::id()))
            }
            outcome => outcome,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::net::UnixListener;

    use super::*;

    #[test]
    fn sockets_are_found_by_the_ending_of_their_names_in_order() {
        let directory = tempfile::tempdir().unwrap();
        let path = |name: &str| directory.path().join(name);
        for name in ["wg1.sock", "wg0.sock", "wg2"] {
            drop(UnixListener::bind(path(name)).unwrap());
        }
        fs::write(path("wg3.sock"), "").unwrap();
        let found = Found::all_in(directory.path());
        let names: Vec<&str> = found.iter().map(|found| found.name.as_str()).collect();
        assert_eq!(names, ["wg0", "wg1"]);
        assert_eq!(found[0].path, path("wg0.sock"));
        assert_eq!(Found::all_in(&path("absent")), []);
        assert!(!is_closed(directory.path()) && !is_closed(&path("absent")));
    }

    #[tokio::test]
    async fn a_name_that_is_taken_or_impossible_gives_way_to_another() {
        let directory = tempfile::tempdir().unwrap();
        let bound = |name| Socket::bind_beside_others(directory.path(), name).unwrap();
        let sockets = ["wg0", "wg0", "../a/b", ""].map(bound);
        let name = |socket: &Socket| Found::at(socket.path().to_owned()).unwrap().name;
        let id = std::process::id();
        let expected = [
            "wg0".to_owned(),
            format!("wg0-{id}"),
            "ab".into(),
            "tunnel".into(),
        ];
        assert_eq!(sockets.each_ref().map(name), expected);
    }
}
