//! A UDP socket whose readiness wakes its task: to receive, always; to send, only while one waits for it.
//!
//! A socket that is watched for both wakes its task after everything that was sent, too: there is room
//! again, which there was before.

use std::io;
use std::task::{Context, Poll, ready};

#[cfg(unix)]
pub(super) use std::net::UdpSocket as Raw;
#[cfg(not(unix))]
pub(super) use tokio::net::UdpSocket as Raw;

/// Whether a call to receive left something behind.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Left {
    /// The call took less than it could have taken.
    Nothing,
    Perhaps,
}

/// A socket that does not block.
#[cfg(unix)]
pub(super) struct Socket(tokio::io::unix::AsyncFd<Raw>);

#[cfg(unix)]
#[expect(
    deprecated,
    reason = "their successors are unsafe for types that change their descriptor, which a socket does not"
)]
impl Socket {
    pub(super) fn new(socket: socket2::Socket) -> io::Result<Self> {
        use tokio::io::{Interest, unix::AsyncFd};
        Ok(Self(AsyncFd::with_interest(
            socket.into(),
            Interest::READABLE,
        )?))
    }

    pub(super) fn get_ref(&self) -> &Raw {
        self.0.get_ref()
    }

    /// Calls `attempt` once there is something to receive, and again when it would block.
    pub(super) fn poll_receive(
        &self,
        cx: &mut Context<'_>,
        mut attempt: impl FnMut(&Raw) -> io::Result<Left>,
    ) -> Poll<io::Result<()>> {
        loop {
            let mut ready = ready!(self.0.poll_read_ready(cx))?;
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

    /// Calls `attempt`, and again when there may be room if it would block.
    pub(super) async fn send(
        &self,
        mut attempt: impl FnMut(&Raw) -> io::Result<()>,
    ) -> io::Result<()> {
        use tokio::io::{Interest, unix::AsyncFd};
        loop {
            match attempt(self.get_ref()) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                result => return result,
            }
            let copy = self.get_ref().try_clone()?;
            let copy = AsyncFd::with_interest(copy, Interest::WRITABLE)?;
            copy.writable().await?.retain_ready();
        }
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

    /// Calls `attempt`, and again when there may be room if it would block.
    pub(super) async fn send(
        &self,
        mut attempt: impl FnMut(&Raw) -> io::Result<()>,
    ) -> io::Result<()> {
        let interest = tokio::io::Interest::WRITABLE;
        self.0.async_io(interest, || attempt(&self.0)).await
    }
}
