//! The byte side of a connection: reading, writing, half closing, and who waits for it.

use core::task::{Context, Poll, Waker};

use smoltcp::socket::tcp::{RecvError, Socket};

use super::connection::TcpConnection;
use super::error::TcpError;
use super::state::{Ending, TcpState};

/// A blocked writer is woken when this part of the send buffer is free, not for every byte.
const WRITER_SHARE: usize = 4;

/// The tasks that can make progress; wake them after the connection is unlocked.
#[derive(Debug, Default)]
#[must_use]
pub struct ReadyWakers {
    reader: Option<Waker>,
    writer: Option<Waker>,
    mourner: Option<Waker>,
}

impl ReadyWakers {
    /// Wakes them.
    pub fn wake(self) {
        for waker in [self.reader, self.writer, self.mourner]
            .into_iter()
            .flatten()
        {
            waker.wake();
        }
    }
}

impl TcpConnection {
    /// Waits for the handshake to end.
    ///
    /// # Errors
    /// Why the connection failed: [`TcpError::Refused`], [`TcpError::TimedOut`] and so on.
    pub fn poll_established(&mut self, context: &Context<'_>) -> Poll<Result<(), TcpError>> {
        match (self.ending, self.state()) {
            (Some(Ending::Failed(error)), _) => Poll::Ready(Err(error)),
            (None, TcpState::SynSent | TcpState::SynReceived) => {
                self.writer = Some(context.waker().clone());
                Poll::Pending
            }
            _ => Poll::Ready(Ok(())),
        }
    }

    /// Hands received bytes to `take`, which says how many it took; 0 is the end of the stream.
    ///
    /// What is handed over lies in one piece; more may be ready behind it.
    /// Data that arrived before the connection failed can still be read.
    /// One task at a time waits; the last to call is the one woken.
    ///
    /// # Errors
    /// Why the connection failed.
    pub fn poll_read_with(
        &mut self,
        context: &Context<'_>,
        take: impl FnOnce(&[u8]) -> usize,
    ) -> Poll<Result<usize, TcpError>> {
        if let Some(end) = self.end_of_input() {
            return Poll::Ready(end.map(|()| 0));
        }
        let socket = self.stack_socket();
        if !socket.can_recv() {
            self.reader = Some(context.waker().clone());
            return Poll::Pending;
        }
        let taken = socket.recv(|bytes| {
            let taken = take(bytes).min(bytes.len());
            (taken, taken)
        });
        Poll::Ready(Ok(taken.unwrap_or(0)))
    }

    /// Reads into `buffer` as much as is there; 0 is the end of the stream.
    ///
    /// # Errors
    /// As [`poll_read_with`](Self::poll_read_with).
    pub fn poll_read(
        &mut self,
        context: &Context<'_>,
        buffer: &mut [u8],
    ) -> Poll<Result<usize, TcpError>> {
        let mut read = 0;
        while read < buffer.len() {
            let rest = &mut buffer[read..];
            let step = self.poll_read_with(context, |bytes| {
                let len = bytes.len().min(rest.len());
                rest[..len].copy_from_slice(&bytes[..len]);
                len
            });
            match step {
                Poll::Ready(Ok(len)) if len > 0 => read += len,
                _ if read > 0 => break,
                other => return other,
            }
        }
        Poll::Ready(Ok(read))
    }

    /// Writes as much of `bytes` as the send buffer takes.
    ///
    /// One task at a time waits; the last to call is the one woken, when a quarter of the buffer
    /// is free.
    ///
    /// # Errors
    /// [`TcpError::SendingClosed`] after [`shutdown`](Self::shutdown), else why the connection failed.
    pub fn poll_write(
        &mut self,
        context: &Context<'_>,
        bytes: &[u8],
    ) -> Poll<Result<usize, TcpError>> {
        if let Some(error) = self.end_of_output() {
            return Poll::Ready(Err(error));
        }
        let written = self.stack_socket().send_slice(bytes).unwrap_or(0);
        if written == 0 && !bytes.is_empty() {
            self.writer = Some(context.waker().clone());
            return Poll::Pending;
        }
        Poll::Ready(Ok(written))
    }

    /// Lends free room of the send buffer to `fill`, which says how much it wrote there.
    ///
    /// What is lent lies in one piece and is not empty; more may be free behind it. Waits as
    /// [`poll_write`](Self::poll_write) does.
    ///
    /// # Errors
    /// [`TcpError::SendingClosed`] after [`shutdown`](Self::shutdown), else why the connection failed.
    pub fn poll_write_with(
        &mut self,
        context: &Context<'_>,
        fill: impl FnOnce(&mut [u8]) -> usize,
    ) -> Poll<Result<usize, TcpError>> {
        if let Some(error) = self.end_of_output() {
            return Poll::Ready(Err(error));
        }
        if !self.stack_socket().can_send() {
            self.writer = Some(context.waker().clone());
            return Poll::Pending;
        }
        let written = self.stack_socket().send(|room| {
            let written = fill(room).min(room.len());
            (written, written)
        });
        Poll::Ready(Ok(written.unwrap_or(0)))
    }

    /// Waits until the other end has acknowledged everything that was written.
    ///
    /// # Errors
    /// Why the connection failed.
    pub fn poll_acknowledged(&mut self, context: &Context<'_>) -> Poll<Result<(), TcpError>> {
        if let Some(Ending::Failed(error)) = self.ending {
            return Poll::Ready(Err(error));
        }
        if self.is_acknowledged() {
            return Poll::Ready(Ok(()));
        }
        self.writer = Some(context.waker().clone());
        Poll::Pending
    }

    /// Waits until the connection fails; one that ends in good order never does.
    ///
    /// For whoever has read the end of the stream and has nothing to write: neither tells any more.
    /// One task at a time waits; the last to call is the one woken.
    pub fn poll_failed(&mut self, context: &Context<'_>) -> Poll<TcpError> {
        if let Some(Ending::Failed(error)) = self.ending {
            return Poll::Ready(error);
        }
        self.mourner = Some(context.waker().clone());
        Poll::Pending
    }

    /// Closes the sending direction once what was written is sent; reading goes on.
    pub fn shutdown(&mut self) {
        if self.state() != TcpState::SynSent {
            self.stack_socket().close();
        }
    }

    /// Takes out the wakers of those who can make progress.
    pub fn take_ready_wakers(&mut self) -> ReadyWakers {
        let reader = self.reader.is_some()
            && (self.stack_socket().can_recv() || self.end_of_input().is_some());
        let writer = self.writer.is_some() && self.writer_can_go_on();
        let has_failed = matches!(self.ending, Some(Ending::Failed(_)));
        ReadyWakers {
            reader: if reader { self.reader.take() } else { None },
            writer: if writer { self.writer.take() } else { None },
            mourner: if has_failed {
                self.mourner.take()
            } else {
                None
            },
        }
    }

    fn writer_can_go_on(&mut self) -> bool {
        let handshaking = matches!(self.state(), TcpState::SynSent | TcpState::SynReceived);
        if self.ending.is_some() || (!handshaking && self.end_of_output().is_some()) {
            return true;
        }
        let socket = self.stack_socket();
        let free = socket.send_capacity() - socket.send_queue();
        !handshaking && free >= socket.send_capacity().div_ceil(WRITER_SHARE)
    }

    /// Says whether and how the stream of received bytes is over, all of them read.
    fn end_of_input(&mut self) -> Option<Result<(), TcpError>> {
        let socket = self.stack_socket();
        if socket.can_recv() {
            return None;
        }
        if let Err(RecvError::Finished) = socket.recv(|_| (0, ())) {
            return Some(Ok(()));
        }
        match self.ending? {
            Ending::Finished => Some(Ok(())),
            Ending::Failed(error) => Some(Err(error)),
        }
    }

    fn end_of_output(&self) -> Option<TcpError> {
        match (self.ending, self.state()) {
            (Some(Ending::Failed(error)), _) => Some(error),
            (Some(Ending::Finished), _) => Some(TcpError::SendingClosed),
            (
                None,
                TcpState::SynSent
                | TcpState::SynReceived
                | TcpState::Established
                | TcpState::CloseWait,
            ) => None,
            _ => Some(TcpError::SendingClosed),
        }
    }

    fn is_acknowledged(&self) -> bool {
        let socket = self.sockets.get::<Socket<'_>>(self.socket);
        let closing = matches!(
            self.state(),
            TcpState::FinWait1 | TcpState::Closing | TcpState::LastAck
        );
        socket.send_queue() == 0 && !closing
    }
}
