//! UDP: a socket of the host for each pair of ends, until it falls silent.

use std::collections::HashMap;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use tokio::net::UdpSocket;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::timeout;
use wirecraft::ip_packets::{IpPacket, UdpDatagram, v4, v6};

use super::answer::{self, Refusal};
use super::tcp::canonical;
use super::{Permit, Shared, Verdict};

/// How long a flow lasts in which nothing comes back from the host, nor goes there.
///
/// Source: RFC 4787 §4.3: two minutes at least.
const IDLE_MAX: Duration = Duration::from_secs(120);

/// Datagrams that wait for the host's socket; what exceeds them is dropped.
const WAITING_MAX: usize = 256;

const DATAGRAM_LEN_MAX: usize = 65_535;

/// Flows by their two ends.
pub(super) type Flows = HashMap<(SocketAddr, SocketAddr), mpsc::Sender<Vec<u8>>>;

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
        // A flow that has no room loses the datagram, as the network might.
        let _ = flow.try_send(datagram.payload().to_vec());
        return;
    }
    let permit = match shared.admit(from, to, Some(to.port())) {
        Ok(permit) => permit,
        Err(verdict) => {
            drop(flows);
            shared.count(|counters| counters.forbidden += 1);
            if verdict == Verdict::Forbidden {
                let error = answer::unreachable(packet, &shared.addresses, Refusal::Prohibited);
                answer::send(shared, tasks, error);
            }
            return;
        }
    };
    let (sender, datagrams) = mpsc::channel(WAITING_MAX);
    // The channel is empty: there is room for one.
    let _ = sender.try_send(datagram.payload().to_vec());
    flows.insert((from, to), sender);
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

async fn serve(flow: Flow, mut datagrams: mpsc::Receiver<Vec<u8>>, _: Permit) {
    let socket = match open(canonical(flow.to)).await {
        Ok(socket) => socket,
        Err(error) => return flow.tell(&error).await,
    };
    let mut buffer = vec![0; DATAGRAM_LEN_MAX];
    loop {
        let step = async {
            tokio::select! {
                datagram = datagrams.recv() => match datagram {
                    Some(datagram) => socket.send(&datagram).await.map(|_| None),
                    None => Ok(None),
                },
                len = socket.recv(&mut buffer) => len.map(Some),
            }
        };
        let Ok(step) = timeout(IDLE_MAX, step).await else {
            return;
        };
        match step {
            Ok(None) => {}
            Ok(Some(len)) => flow.answer(&buffer[..len]).await,
            Err(error) => flow.tell(&error).await,
        }
    }
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
