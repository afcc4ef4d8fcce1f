//! Joins a connection through a tunnel with one of the host, byte for byte.
//!
//! Bytes are read from the host straight into the send buffer of the tunnel's connection, and written
//! from its receive buffer straight to the host: nothing is copied in between, and one system call moves
//! as much as there is.

use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::tcp::TcpStream;

/// Steps of one direction before the other, and other tasks, have their turn.
const STEPS_AT_ONCE: usize = 16;

/// Bytes that one step moves at most: the connection is locked meanwhile, and the task that serves all of them
/// may wait for it.
const STEP_LEN_MAX: usize = 256 << 10;

/// One end on the host.
pub trait HostEnd: AsyncRead + AsyncWrite + Unpin {
    /// Waits until the connection is broken, where the system tells that by itself.
    ///
    /// It is asked once the host has ended its direction: reading says nothing more then.
    fn poll_failed(&mut self, _cx: &mut Context<'_>) -> Poll<io::Error> {
        Poll::Pending
    }
}

impl HostEnd for tokio::net::TcpStream {}
impl HostEnd for tokio::io::DuplexStream {}

/// Who counts what is relayed.
pub trait Tally {
    /// Takes note of bytes that went into the tunnel, and out of it.
    fn add(&self, into_tunnel: u64, out_of_tunnel: u64);
}

/// How many bytes went each way so far.
#[derive(Debug, Default)]
pub struct Relayed {
    into_tunnel: AtomicU64,
    out_of_tunnel: AtomicU64,
}

impl Relayed {
    /// The bytes that went from the host into the tunnel.
    #[must_use]
    pub fn into_tunnel(&self) -> u64 {
        self.into_tunnel.load(Ordering::Relaxed)
    }

    /// The bytes that went out of the tunnel to the host.
    #[must_use]
    pub fn out_of_tunnel(&self) -> u64 {
        self.out_of_tunnel.load(Ordering::Relaxed)
    }
}

impl Tally for Relayed {
    fn add(&self, into_tunnel: u64, out_of_tunnel: u64) {
        self.into_tunnel.fetch_add(into_tunnel, Ordering::Relaxed);
        self.out_of_tunnel
            .fetch_add(out_of_tunnel, Ordering::Relaxed);
    }
}

/// Relays both directions until both have ended; each ends by itself, so a half-closed connection goes on.
///
/// What was relayed so far is counted in `relayed`. Dropping the streams
/// afterwards closes them; after an error it is for the caller to [abort](TcpStream::abort) what should
/// not look like an orderly end.
///
/// # Errors
/// Whatever ended either stream, also one that has nothing more to say.
///
/// # Cancel safety
/// No byte is lost: what is not relayed is still in one of the streams.
pub async fn both_ways<H>(tunnel: &TcpStream, host: &mut H, relayed: &impl Tally) -> io::Result<()>
where
    H: HostEnd,
{
    let (mut up, mut down) = (Stage::Moving, Stage::Moving);
    poll_fn(|cx| {
        let into = poll_direction(&mut up, cx, |stage, cx| {
            step_up(stage, cx, tunnel, host, relayed)
        })?;
        let out = poll_direction(&mut down, cx, |stage, cx| {
            step_down(stage, cx, tunnel, host, relayed)
        })?;
        if into.is_ready() && out.is_ready() {
            return Poll::Ready(Ok(()));
        }
        // Whoever has ended its direction fails without being read.
        if down == Stage::Closed
            && let Poll::Ready(error) = tunnel.poll_failed(cx)
        {
            return Poll::Ready(Err(error));
        }
        if up == Stage::Closed
            && let Poll::Ready(error) = host.poll_failed(cx)
        {
            return Poll::Ready(Err(error));
        }
        Poll::Pending
    })
    .await
}

/// How far a direction is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Stage {
    Moving,
    /// The end was read; the other stream is yet to be told.
    Closing,
    Closed,
}

/// Takes steps until one has to wait, the direction is closed, or others are to have their turn.
fn poll_direction(
    stage: &mut Stage,
    cx: &mut Context<'_>,
    mut step: impl FnMut(&mut Stage, &mut Context<'_>) -> Poll<io::Result<()>>,
) -> Poll<io::Result<()>> {
    for _ in 0..STEPS_AT_ONCE {
        if *stage == Stage::Closed {
            return Poll::Ready(Ok(()));
        }
        match step(stage, cx) {
            Poll::Ready(Ok(())) => {}
            other => return other,
        }
    }
    if *stage == Stage::Closed {
        return Poll::Ready(Ok(()));
    }
    cx.waker().wake_by_ref();
    Poll::Pending
}

/// Moves what the host has into the tunnel.
fn step_up<H: AsyncRead + Unpin>(
    stage: &mut Stage,
    cx: &mut Context<'_>,
    tunnel: &TcpStream,
    host: &mut H,
    relayed: &impl Tally,
) -> Poll<io::Result<()>> {
    if *stage == Stage::Closing {
        tunnel.close_writing();
        *stage = Stage::Closed;
        return Poll::Ready(Ok(()));
    }
    let waker = cx.waker().clone();
    let mut read = Poll::Pending;
    let room = tunnel.poll_write_with(&Context::from_waker(&waker), |room| {
        let room_len = room.len().min(STEP_LEN_MAX);
        let mut buffer = ReadBuf::new(&mut room[..room_len]);
        read = Pin::new(host).poll_read(cx, &mut buffer);
        buffer.filled().len()
    });
    let len = match room {
        Poll::Ready(len) => len?,
        Poll::Pending => return Poll::Pending,
    };
    match read {
        Poll::Ready(outcome) => outcome?,
        Poll::Pending => return Poll::Pending,
    }
    if len == 0 {
        *stage = Stage::Closing;
    }
    relayed.add(len as u64, 0);
    Poll::Ready(Ok(()))
}

/// Moves what came through the tunnel to the host.
fn step_down<H: AsyncWrite + Unpin>(
    stage: &mut Stage,
    cx: &mut Context<'_>,
    tunnel: &TcpStream,
    host: &mut H,
    relayed: &impl Tally,
) -> Poll<io::Result<()>> {
    if *stage == Stage::Closing {
        return Pin::new(host).poll_shutdown(cx).map(|closed| {
            *stage = Stage::Closed;
            // One that was closed by the other side already is closed all the same.
            closed.or_else(|error| match error.kind() {
                io::ErrorKind::NotConnected => Ok(()),
                _ => Err(error),
            })
        });
    }
    let waker = cx.waker().clone();
    let mut written = None;
    let taken = tunnel.poll_read_with(&Context::from_waker(&waker), |bytes| {
        let bytes = &bytes[..bytes.len().min(STEP_LEN_MAX)];
        let outcome = Pin::new(host).poll_write(cx, bytes);
        let len = match &outcome {
            Poll::Ready(Ok(len)) => *len,
            _ => 0,
        };
        written = Some(outcome);
        len
    });
    let len = match taken {
        Poll::Ready(len) => len?,
        Poll::Pending => return Poll::Pending,
    };
    match written {
        None => *stage = Stage::Closing,
        Some(Poll::Pending) => return Poll::Pending,
        Some(Poll::Ready(Ok(0))) => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
        Some(Poll::Ready(outcome)) => drop(outcome?),
    }
    relayed.add(0, len as u64);
    Poll::Ready(Ok(()))
}
