//! A UDP socket whose readiness wakes its task: to receive, always; to send, only while one waits for it.
//!
//! A socket that is watched for both wakes its task after everything that was sent, too: there is room
//! again, which there was before.
//!
//! A socket whose buffer stays full, as behind a link that is paused, must not hold up what else there is to
//! do: it is waited for once and shortly, and what is sent until there is room again is dropped.

use core::time::Duration;
use std::io;
use std::task::{Context, Poll, ready};

#[cfg(unix)]
pub(super) use std::net::UdpSocket as Raw;
#[cfg(not(unix))]
pub(super) use tokio::net::UdpSocket as Raw;
use tokio::time::timeout;

/// How long a full buffer is waited for. One of 7 MB is empty by then at 1 Gbit/s.
const WAIT_MAX: Duration = Duration::from_millis(60);

/// Whether a call to receive left something behind.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Left {
    /// The call took less than it could have taken.
    Nothing,
    Perhaps,
}

/// A socket that does not block.
#[cfg(unix)]
pub(super) struct Socket {
    socket: tokio::io::unix::AsyncFd<Raw>,
    /// Whether the buffer was waited for in vain, and has had no room since.
    stays_full: bool,
}

#[cfg(unix)]
#[expect(
    deprecated,
    reason = "their successors are unsafe for types that change their descriptor, which a socket does not"
)]
impl Socket {
    pub(super) fn new(socket: socket2::Socket) -> io::Result<Self> {
        use tokio::io::{Interest, unix::AsyncFd};
        Ok(Self {
            socket: AsyncFd::with_interest(socket.into(), Interest::READABLE)?,
            stays_full: false,
        })
    }

    pub(super) fn get_ref(&self) -> &Raw {
        self.socket.get_ref()
    }

    /// Calls `attempt` once there is something to receive, and again when it would block.
    pub(super) fn poll_receive(
        &self,
        cx: &mut Context<'_>,
        mut attempt: impl FnMut(&Raw) -> io::Result<Left>,
    ) -> Poll<io::Result<()>> {
        loop {
            let mut ready = ready!(self.socket.poll_read_ready(cx))?;
            match attempt(self.get_ref()) {
                Ok(Left::Perhaps) => return Poll::Ready(Ok(())),
                // To note it at once saves the call that would find nothing.
                Ok(Left::Nothing) => {
                    ready.clear_ready();
                    return Poll::Ready(Ok(()));
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => ready.clear_ready(),
                Err(error) => return Poll::Ready(Err(error)),
            }
        }
    }

    /// Calls `attempt`, and again for a while when there may be room if it would block.
    pub(super) async fn send(
        &mut self,
        mut attempt: impl FnMut(&Raw) -> io::Result<()>,
    ) -> io::Result<()> {
        let would_block = |sent: &io::Result<()>| {
            let error = sent.as_ref().err();
            error.is_some_and(|error| error.kind() == io::ErrorKind::WouldBlock)
        };
        let mut sent = attempt(self.get_ref());
        if would_block(&sent) && !self.stays_full {
            let waited = async {
                while would_block(&sent) {
                    self.room().await?;
                    sent = attempt(self.get_ref());
                }
                io::Result::Ok(())
            };
            // In vain or not, the last attempt tells.
            let _ = timeout(WAIT_MAX, waited).await;
        }
        self.stays_full = would_block(&sent);
        sent
    }

    async fn room(&self) -> io::Result<()> {
        use tokio::io::{Interest, unix::AsyncFd};
        let copy = self.get_ref().try_clone()?;
        let copy = AsyncFd::with_interest(copy, Interest::WRITABLE)?;
        copy.writable().await?.retain_ready();
        Ok(())
    }
}

/// A socket that does not block.
#[cfg(not(unix))]
pub(super) struct Socket(Raw);

#[cfg(not(unix))]
impl Socket {
    pub(super) fn new(socket: socket2::Socket) -> io::Result<Self> {
        Raw::from_std(socket.into()).map(Self)
    }

    pub(super) fn get_ref(&self) -> &Raw {
        &self.0
    }

    /// Calls `attempt` once there is something to receive, and again when it would block.
    pub(super) fn poll_receive(
        &self,
        cx: &mut Context<'_>,
        mut attempt: impl FnMut(&Raw) -> io::Result<Left>,
    ) -> Poll<io::Result<()>> {
        loop {
            ready!(self.0.poll_recv_ready(cx))?;
            let interest = tokio::io::Interest::READABLE;
            match self.0.try_io(interest, || attempt(&self.0)) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                result => return Poll::Ready(result.map(drop)),
            }
        }
    }

    /// Calls `attempt`, and again for a while when there may be room if it would block.
    pub(super) async fn send(
        &mut self,
        attempt: impl FnMut(&Raw) -> io::Result<()>,
    ) -> io::Result<()> {
        let interest = tokio::io::Interest::WRITABLE;
        let sent = self.0.async_io(interest, || attempt(&self.0));
        let sent = timeout(WAIT_MAX, sent).await;
        sent.unwrap_or_else(|_| Err(io::ErrorKind::WouldBlock.into()))
    }
}

#[cfg(all(test, unix))]
mod tests {
    use socket2::{Domain, Type};
    use tokio::time::Instant;

    use super::*;

    /// A socket whose buffer is full until the other end is read.
    fn full() -> (Socket, std::os::unix::net::UnixDatagram) {
        let pair = socket2::Socket::pair(Domain::UNIX, Type::DGRAM, None);
        let (near, far) = pair.expect("a pair");
        near.set_nonblocking(true).expect("it is a socket");
        while near.send(b"some").is_ok() {}
        (Socket::new(near).expect("a runtime"), far.into())
    }

    async fn send(socket: &mut Socket) -> io::Result<()> {
        socket.send(|raw| raw.send(b"more").map(drop)).await
    }

    #[tokio::test(start_paused = true)]
    async fn a_buffer_that_stays_full_is_waited_for_once_and_not_for_ever() {
        let (mut socket, far) = full();
        let began_at = Instant::now();
        for _ in 0..3 {
            let error = send(&mut socket).await.unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::WouldBlock);
        }
        assert!(began_at.elapsed() < 2 * WAIT_MAX);
        let mut bytes = [0; 8];
        far.recv(&mut bytes).unwrap();
        send(&mut socket).await.unwrap();
        assert!(!socket.stays_full);
    }

    #[tokio::test]
    async fn what_waits_for_room_is_sent_when_there_is_some() {
        let (mut socket, far) = full();
        far.set_nonblocking(true).unwrap();
        let reader = tokio::task::spawn_blocking(move || {
            let mut bytes = [0; 8];
            while far.recv(&mut bytes).is_ok() {}
            far
        });
        send(&mut socket).await.unwrap();
        reader.await.unwrap();
    }
}
