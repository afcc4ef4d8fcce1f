//! Telling the manager of services, such as systemd, how a service is, where it has asked for it.
//!
//! Source: sd_notify(3).

use std::env;
use std::ffi::OsStr;
use std::io;
use std::os::linux::net::SocketAddrExt as _;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::net::{SocketAddr, UnixDatagram};

/// A way to the manager of services. It is found before the process gives up its rights, as no socket of
/// unix is opened afterwards.
#[derive(Debug, Default)]
pub struct ServiceManager(Option<UnixDatagram>);

impl ServiceManager {
    /// Finds the one that `NOTIFY_SOCKET` names; without it nobody has asked, and nobody is told.
    #[must_use]
    pub fn find() -> Self {
        let connected = env::var_os("NOTIFY_SOCKET").map(|name| connect(&name));
        let connected = connected.transpose().inspect_err(was_not_told);
        Self(connected.unwrap_or_default())
    }

    /// Says that the service can be used.
    pub fn ready(&self) {
        self.tell("READY=1");
    }

    /// Says that the service has begun to end.
    pub fn stopping(&self) {
        self.tell("STOPPING=1");
    }

    fn tell(&self, state: &str) {
        if let Some(socket) = &self.0
            && let Err(error) = socket.send(state.as_bytes())
        {
            was_not_told(&error);
        }
    }
}

/// A name that begins with `@` is no file's.
fn connect(name: &OsStr) -> io::Result<UnixDatagram> {
    let socket = UnixDatagram::unbound()?;
    let address = match name.as_bytes() {
        [b'@', abstract_name @ ..] => SocketAddr::from_abstract_name(abstract_name)?,
        _ => SocketAddr::from_pathname(name)?,
    };
    socket.connect_addr(&address)?;
    Ok(socket)
}

fn was_not_told(error: &io::Error) {
    tracing::warn!(%error, "the manager of services was not told");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_manager_hears_what_it_is_told_whatever_its_address() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("notify");
        let abstract_name = format!("wirecraft-test-{}", std::process::id());
        let listeners = [
            (
                path.clone().into_os_string(),
                SocketAddr::from_pathname(path),
            ),
            (
                format!("@{abstract_name}").into(),
                SocketAddr::from_abstract_name(abstract_name),
            ),
        ];
        for (name, address) in listeners {
            let listener = UnixDatagram::bind_addr(&address.unwrap()).unwrap();
            let manager = ServiceManager(Some(connect(&name).unwrap()));
            manager.ready();
            manager.stopping();
            for expected in ["READY=1", "STOPPING=1"] {
                let mut bytes = [0; 64];
                let len = listener.recv(&mut bytes).unwrap();
                assert_eq!(&bytes[..len], expected.as_bytes());
            }
        }
    }
}
