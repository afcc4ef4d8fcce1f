//! UDP: a socket of the host for each pair of ends, until it falls silent.

use std::collections::HashMap;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use tokio::net::UdpSocket;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};
use tokio::task::JoinSet;
use tokio::time::timeout;
use wirecraft::ip_packets::{IpPacket, UdpDatagram, v4, v6};

use super::answer::{self, Refusal};
use super::tcp::canonical;
use super::{Permit, Shared};

/// How long a flow lasts in which nothing comes back from the host, nor goes there.
///
/// Source: RFC 4787 §4.3: two minutes at least.
const IDLE_MAX: Duration = Duration::from_secs(120);

/// Datagrams that wait for the host's socket, however short they are; what exceeds them is dropped.
const WAITING_MAX: usize = 256;

const DATAGRAM_LEN_MAX: usize = 65_535;

/// Flows by their two ends.
pub(super) type Flows = HashMap<(SocketAddr, SocketAddr), Way>;

/// The way of datagrams to the task of a flow.
pub(super) struct Way {
    sender: mpsc::Sender<Waiting>,
    /// What is left of the bytes of the peer that may wait.
    room: Arc<Semaphore>,
}

/// A datagram that waits, and its part of the bytes that may.
struct Waiting {
    payload: Vec<u8>,
    _room: OwnedSemaphorePermit,
}

impl Way {
    /// Sends a datagram on, or loses it as the network might.
    fn send(&self, payload: &[u8]) {
        let len = u32::try_from(payload.len()).unwrap_or(u32::MAX);
        if let Ok(room) = Arc::clone(&self.room).try_acquire_many_owned(len) {
            let payload = payload.to_vec();
            let _ = self.sender.try_send(Waiting {
                payload,
                _room: room,
            });
        }
    }
}

/// Takes in a datagram, all of `packet`.
pub(super) fn pass_on(
    shared: &Arc<Shared>,
    tasks: &mut JoinSet<()>,
    packet: &IpPacket<'_>,
    datagram: &UdpDatagram<'_>,
) {
    let from = SocketAddr::new(packet.source(), datagram.source_port());
    let to = SocketAddr::new(packet.destination(), datagram.destination_port());
    let mut flows = shared.flows.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(flow) = flows.get(&(from, to)) {
        flow.send(datagram.payload());
        return;
    }
    let permit = match shared.admit(from, to, Some(to.port())) {
        Ok(permit) => permit,
        Err(verdict) => {
            drop(flows);
            shared.refuse(tasks, packet, verdict);
            return;
        }
    };
    let (sender, datagrams) = mpsc::channel(WAITING_MAX);
    let way = Way {
        sender,
        room: Arc::clone(&permit.waiting),
    };
    way.send(datagram.payload());
    flows.insert((from, to), way);
    drop(flows);
    shared.count(|counters| counters.flows += 1);
    let flow = Flow {
        shared: Arc::clone(shared),
        from,
        to,
        first: packet.as_bytes().to_vec(),
    };
    tasks.spawn(serve(flow, datagrams, permit));
}

/// A flow; forgotten when this is dropped.
struct Flow {
    shared: Arc<Shared>,
    from: SocketAddr,
    to: SocketAddr,
    /// The packet that errors quote.
    first: Vec<u8>,
}

impl Drop for Flow {
    fn drop(&mut self) {
        let flows = self.shared.flows.lock();
        flows
            .unwrap_or_else(PoisonError::into_inner)
            .remove(&(self.from, self.to));
    }
}

async fn serve(flow: Flow, mut datagrams: mpsc::Receiver<Waiting>, _: Permit) {
    let socket = match open(canonical(flow.to)).await {
        Ok(socket) => socket,
        Err(error) => {
            flow.shared.note_no_room(&error);
            return flow.tell(&error).await;
        }
    };
    loop {
        let step = async {
            tokio::select! {
                datagram = datagrams.recv() => match datagram {
                    Some(datagram) => socket.send(&datagram.payload).await.map(|_| None),
                    None => Ok(None),
                },
                answer = receive(&socket) => answer.map(Some),
            }
        };
        let Ok(step) = timeout(IDLE_MAX, step).await else {
            return;
        };
        match step {
            Ok(None) => {}
            Ok(Some(answer)) => flow.answer(&answer).await,
            Err(error) => flow.tell(&error).await,
        }
    }
}

/// Waits for a datagram of any length. Memory that nothing was written to costs none.
pub(super) async fn receive(socket: &UdpSocket) -> io::Result<Vec<u8>> {
    let mut datagram = Vec::with_capacity(DATAGRAM_LEN_MAX);
    socket.recv_buf(&mut datagram).await?;
    Ok(datagram)
}

/// Opens a socket of the host that speaks to `to` alone.
async fn open(to: SocketAddr) -> io::Result<UdpSocket> {
    let any: IpAddr = match to {
        SocketAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
        SocketAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
    };
    let socket = UdpSocket::bind((any, 0)).await?;
    socket.connect(to).await?;
    Ok(socket)
}

impl Flow {
    /// Sends a datagram of the host to the peer.
    async fn answer(&self, payload: &[u8]) {
        let (from, to) = (self.to.port(), self.from.port());
        let packet = match (self.to.ip(), self.from.ip()) {
            (IpAddr::V4(source), IpAddr::V4(destination)) => {
                let ip = v4(source, destination).dont_fragment(false);
                ip.udp(from, to).payload(payload).try_build()
            }
            (IpAddr::V6(source), IpAddr::V6(destination)) => {
                let ip = v6(source, destination);
                ip.udp(from, to).payload(payload).try_build()
            }
            _ => return,
        };
        if let Ok(packet) = packet {
            // What the tunnel does not take is lost, as it might be on the way.
            let _ = self.shared.passage.send(&packet).await;
        }
    }

    /// Tells the peer what the host's socket says.
    async fn tell(&self, error: &io::Error) {
        let Ok(packet) = IpPacket::parse(&self.first) else {
            return;
        };
        let refusal = Refusal::of(error);
        let answer =
            refusal.and_then(|why| answer::unreachable(&packet, &self.shared.addresses, why));
        if let Some(answer) = answer {
            let _ = self.shared.passage.send(&answer).await;
        }
    }
}
