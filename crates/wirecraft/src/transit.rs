//! Packets to addresses that are not the tunnel's: what a gateway passes on.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};
use wirecraft_ip_packets::{FragmentError, IpPacket};

use crate::raw::RawSocket;
use crate::socket_error::SocketError;
use crate::stack::StackHandle;
use crate::tcp::TcpStream;

/// Packets that wait for the gateway, and their bytes; what exceeds either is dropped.
const PACKETS_MAX: usize = 1024;
const WAITING_LEN_MAX: usize = 4 << 20;

/// A packet that waits for the gateway, and its part of the bytes that may.
#[derive(Debug)]
struct Waiting {
    packet: Vec<u8>,
    _room: OwnedSemaphorePermit,
}

/// The way of packets to the gateway.
#[derive(Debug)]
pub(crate) struct Gate {
    packets: mpsc::Sender<Waiting>,
    room: Arc<Semaphore>,
}

/// Where packets come through a [`Gate`].
#[derive(Debug)]
pub(crate) struct Queue(mpsc::Receiver<Waiting>);

impl Gate {
    pub(crate) fn new() -> (Self, Queue) {
        let (packets, queue) = mpsc::channel(PACKETS_MAX);
        let room = Arc::new(Semaphore::new(WAITING_LEN_MAX));
        (Self { packets, room }, Queue(queue))
    }

    /// Says whether nobody is left who takes packets out.
    pub(crate) fn is_closed(&self) -> bool {
        self.packets.is_closed()
    }

    /// Lets a packet in; returns whether there was room for it.
    pub(crate) fn push(&self, packet: &[u8]) -> bool {
        let len = u32::try_from(packet.len()).unwrap_or(u32::MAX);
        let Ok(room) = Arc::clone(&self.room).try_acquire_many_owned(len) else {
            return false;
        };
        let waiting = Waiting {
            packet: packet.to_vec(),
            _room: room,
        };
        self.packets.try_send(waiting).is_ok()
    }
}

/// Gets what peers send to addresses that are not the tunnel's, as whole packets.
///
/// Of TCP it gets the first segments alone: once [accepted](Passage::accept), a connection is a
/// [`TcpStream`] like any other, under the address that the peer called. Segments of no connection are
/// reset. What nobody takes out in time is dropped: beyond 1024 packets, or 4 MiB of them. There is one for a tunnel at a time, the latest.
#[derive(Debug)]
pub struct Transit {
    packets: Queue,
    passage: Passage,
}

/// The way back to the peers; may be cloned.
#[derive(Clone)]
pub struct Passage {
    stack: StackHandle,
    raw: Arc<RawSocket>,
    mtu: usize,
    /// The identification of the next packet that is cut into fragments.
    identification: Arc<AtomicU32>,
}

/// A packet cannot be sent to a peer.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PassageError {
    /// It is no IP packet, or too long and not to be cut.
    #[error(transparent)]
    Fragments(#[from] FragmentError),
    /// It is no IP packet.
    #[error(transparent)]
    Malformed(#[from] wirecraft_ip_packets::ParseError),
    /// The tunnel does not take it.
    #[error(transparent)]
    Socket(#[from] SocketError),
}

impl Transit {
    pub(crate) fn new(packets: Queue, stack: StackHandle, raw: RawSocket, mtu: usize) -> Self {
        let passage = Passage {
            stack,
            raw: Arc::new(raw),
            mtu,
            identification: Arc::default(),
        };
        Self { packets, passage }
    }

    /// Waits for a packet; `None` once the tunnel is closed, or another [`Transit`] takes its place.
    ///
    /// # Cancel safety
    /// No packet is lost.
    pub async fn next(&mut self) -> Option<Vec<u8>> {
        self.packets.0.recv().await.map(|waiting| waiting.packet)
    }

    /// The way back to the peers.
    #[must_use]
    pub fn passage(&self) -> Passage {
        self.passage.clone()
    }
}

impl Passage {
    /// Answers the first segment of a connection, a whole packet, and waits for the end of the handshake.
    ///
    /// # Errors
    /// [`SocketError::Tcp`] if `packet` is no such segment or the peer gives up; [`SocketError::Port`] if
    /// the connection is accepted already; [`SocketError::Closed`].
    pub async fn accept(&self, packet: Vec<u8>) -> Result<TcpStream, SocketError> {
        self.stack.accept(packet).await
    }

    /// Sends a packet to a peer under whatever source address it has, in fragments if it is too long.
    ///
    /// # Errors
    /// [`PassageError`].
    pub async fn send(&self, packet: &[u8]) -> Result<(), PassageError> {
        if packet.len() <= self.mtu {
            return Ok(self.raw.send(packet).await?);
        }
        let fragments = match IpPacket::parse(packet)? {
            IpPacket::V4(packet) => packet.fragments(self.mtu)?,
            IpPacket::V6(packet) => {
                let identification = self.identification.fetch_add(1, Ordering::Relaxed);
                packet.fragments(self.mtu, identification)?
            }
        };
        for fragment in fragments {
            let mut bytes = vec![0; fragment.len()];
            if fragment.write(&mut bytes).is_ok() {
                self.raw.send(bytes).await?;
            }
        }
        Ok(())
    }
}

impl fmt::Debug for Passage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Passage").finish_non_exhaustive()
    }
}
