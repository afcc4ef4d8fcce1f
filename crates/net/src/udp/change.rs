//! Another port or another mark for sockets that are in use.

use std::io;

use socket2::SockRef;

use super::{BindError, Bound, UdpTransport};

/// What is to change about the sockets. What is not named stays as it is.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct SocketChange {
    /// The UDP port, if it is to change; 0 is any that is free.
    pub port: Option<u16>,
    /// The mark of outer packets (`SO_MARK`), if it is to change; 0 is none.
    pub mark: Option<u32>,
}

/// Why sockets could not be changed; they are as they were.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SocketChangeError {
    /// The port could not be opened.
    #[error(transparent)]
    Bind(#[from] BindError),
    /// The operating system refused the mark; it takes the right to administer the network.
    #[error("could not mark packets with {mark}: {source}")]
    Mark {
        /// The mark that was asked for.
        mark: u32,
        /// What the operating system said.
        source: io::Error,
    },
}

impl SocketChange {
    /// Whether nothing is to change.
    #[must_use]
    pub fn is_empty(self) -> bool {
        self == Self::default()
    }
}

impl SocketChangeError {
    /// What the operating system said.
    #[must_use]
    pub fn io_error(&self) -> &io::Error {
        match self {
            Self::Bind(BindError::Socket { source, .. }) | Self::Mark { source, .. } => source,
        }
    }
}

impl UdpTransport {
    /// Moves to another port, marks what is sent, or both.
    ///
    /// The port and the mark that are set already cost nothing and need no right; port 0 opens another
    /// one, as in the kernel. What arrived at the old port and was not read is lost. Needs a tokio runtime.
    ///
    /// # Errors
    /// [`SocketChangeError`] if either is refused; then both are as they were.
    pub fn change(&mut self, change: SocketChange) -> Result<(), SocketChangeError> {
        let mark = change.mark.unwrap_or(self.mark);
        match change.port.filter(|port| *port != self.local_port) {
            // It is opened with the others.
            Some(port) if !self.is_open() => {
                self.local_port = port;
                self.set_mark(mark)
            }
            None => self.set_mark(mark),
            Some(port) => {
                let mut other = Self::bind_with(port, self.offloads)?;
                other.set_mark(mark)?;
                other.counters = self.counters;
                *self = other;
                Ok(())
            }
        }
    }

    /// Closes the sockets until [`reopen`](Self::reopen). A change meanwhile has effect from then on.
    pub(crate) fn close(&mut self) {
        (self.v4, self.v6) = (None, None);
    }

    /// Opens the port again, or another one if somebody has taken it meanwhile: peers that are called
    /// learn of that.
    pub(crate) fn reopen(&mut self) {
        let reopened = [self.local_port, 0].into_iter().find_map(|port| {
            let bound = Self::bind_with(port, self.offloads);
            let failed = |error: &BindError| tracing::warn!(%error, "another port is taken");
            bound.inspect_err(failed).ok()
        });
        let Some(mut other) = reopened else {
            return;
        };
        if let Err(error) = other.set_mark(self.mark) {
            tracing::warn!(%error, "packets go without a mark");
        }
        other.counters = self.counters;
        *self = other;
    }

    /// The mark of outer packets, 0 for none.
    #[must_use]
    pub fn mark(&self) -> u32 {
        self.mark
    }

    fn set_mark(&mut self, mark: u32) -> Result<(), SocketChangeError> {
        if mark == self.mark {
            return Ok(());
        }
        let sockets = || [&self.v4, &self.v6].into_iter().flatten();
        let set = |mark| sockets().try_for_each(|bound| bound.set_mark(mark));
        if let Err(source) = set(mark) {
            // Whoever may not set a mark may clear none either: the first socket has not changed.
            let _ = set(self.mark);
            return Err(SocketChangeError::Mark { mark, source });
        }
        self.mark = mark;
        Ok(())
    }
}

impl Bound {
    #[cfg(target_os = "linux")]
    fn set_mark(&self, mark: u32) -> io::Result<()> {
        SockRef::from(self.socket.get_ref()).set_mark(mark)
    }

    #[cfg(not(target_os = "linux"))]
    fn set_mark(&self, _: u32) -> io::Result<()> {
        Err(io::ErrorKind::Unsupported.into())
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;
    use std::net::{Ipv4Addr, UdpSocket};

    use super::*;
    use crate::udp::ReceiveBatch;

    fn to_port(port: u16) -> SocketChange {
        SocketChange {
            port: Some(port),
            mark: None,
        }
    }

    #[tokio::test]
    async fn a_transport_receives_at_the_port_that_it_moved_to() {
        let mut transport = UdpTransport::bind(0).unwrap();
        let former = transport.local_port();

        transport.change(to_port(0)).unwrap();

        let port = transport.local_port();
        assert_ne!(port, former);
        let sender = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        sender
            .send_to(b"here", (Ipv4Addr::LOCALHOST, port))
            .unwrap();
        let mut batch = ReceiveBatch::new();
        poll_fn(|cx| transport.poll_receive(cx, &mut batch)).await;
        let mut received = Vec::new();
        batch.for_each_chunk(|chunk| received.extend(chunk.iter().map(|it| it.from)));
        assert_eq!(received, [sender.local_addr().unwrap()]);
        UdpTransport::bind(former).unwrap();
    }

    #[tokio::test]
    async fn a_port_that_is_taken_is_refused_and_the_old_one_stays() {
        let taken = UdpTransport::bind(0).unwrap();
        let mut transport = UdpTransport::bind(0).unwrap();
        let former = transport.local_port();

        let error = transport.change(to_port(taken.local_port())).unwrap_err();

        assert_eq!(error.io_error().kind(), io::ErrorKind::AddrInUse);
        assert_eq!(transport.local_port(), former);
        assert!(UdpTransport::bind(former).is_err());
    }

    #[tokio::test]
    async fn a_transport_that_is_closed_leaves_its_port_to_others_and_has_it_again() {
        let mut transport = UdpTransport::bind(0).unwrap();
        let port = transport.local_port();
        transport.close();
        let other = UdpTransport::bind(port).unwrap();
        assert_eq!(transport.local_port(), port);
        drop(other);
        transport.reopen();
        assert_eq!(transport.local_port(), port);
        assert!(UdpTransport::bind(port).is_err());
    }

    #[tokio::test]
    async fn a_port_that_is_set_while_closed_is_opened_with_the_others_or_another_if_it_is_taken() {
        let free = UdpTransport::bind(0).unwrap().local_port();
        let taken = UdpTransport::bind(0).unwrap();
        let mut transport = UdpTransport::bind(0).unwrap();
        for (wanted, is_had) in [(free, true), (taken.local_port(), false)] {
            transport.close();
            transport.change(to_port(wanted)).unwrap();
            assert_eq!(transport.local_port(), wanted);
            transport.reopen();
            assert_eq!(transport.local_port() == wanted, is_had);
            assert!(transport.is_open());
        }
    }

    #[tokio::test]
    async fn the_port_and_the_mark_that_are_set_change_nothing() {
        let mut transport = UdpTransport::bind(0).unwrap();
        let same = SocketChange {
            port: Some(transport.local_port()),
            mark: Some(0),
        };
        let port = transport.local_port();

        transport.change(same).unwrap();

        assert_eq!((transport.local_port(), transport.mark()), (port, 0));
    }

    /// Whether the process may mark packets depends on who runs the tests: either way it must be known.
    #[cfg(target_os = "linux")]
    #[tokio::test]
    async fn a_mark_is_on_both_sockets_and_on_those_of_another_port_or_on_none() {
        let mut transport = UdpTransport::bind(0).unwrap();
        let marked = SocketChange {
            port: None,
            mark: Some(51_820),
        };
        let mark = match transport.change(marked) {
            Ok(()) => 51_820,
            Err(SocketChangeError::Mark { mark: 51_820, .. }) => 0,
            Err(error) => panic!("{error}"),
        };
        for port in [None, Some(0)] {
            transport.change(SocketChange { port, mark: None }).unwrap();
            assert_eq!(transport.mark(), mark);
            for bound in [&transport.v4, &transport.v6].into_iter().flatten() {
                let found = SockRef::from(bound.socket.get_ref()).mark();
                assert_eq!(found.unwrap(), mark);
            }
        }
    }
}
