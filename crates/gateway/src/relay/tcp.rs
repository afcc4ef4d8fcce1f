//! TCP: a connection of the host first, then the handshake with the peer.

use std::collections::HashSet;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use socket2::SockRef;
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio::time::timeout;
use wirecraft::ip_packets::{IpPacket, TcpSegment};
use wirecraft::relay::{Relayed, both_ways};

use super::answer::{self, Refusal};
use super::{Permit, Shared};

/// How long a host may take: as long as a peer's own attempts last with most systems.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(60);

/// How often a peer that says nothing is asked whether it is there: one that is gone must not hold a
/// descriptor for ever.
const KEEPALIVE: Duration = Duration::from_secs(60);

/// Ends of connections whose hosts have not answered.
pub(super) type Opening = HashSet<(SocketAddr, SocketAddr)>;

/// Takes in the first segment of a connection.
pub(super) fn pass_on(
    shared: &Arc<Shared>,
    tasks: &mut JoinSet<()>,
    packet: &IpPacket<'_>,
    segment: &TcpSegment<'_>,
) {
    let from = SocketAddr::new(packet.source(), segment.source_port());
    let to = SocketAddr::new(packet.destination(), segment.destination_port());
    let permit = match shared.admit(from, to, Some(to.port())) {
        Ok(permit) => permit,
        Err(verdict) => {
            shared.refuse(tasks, packet, verdict);
            return;
        }
    };
    let Some(opening) = Ticket::take(shared, from, to) else {
        return;
    };
    let (shared, bytes) = (Arc::clone(shared), packet.as_bytes().to_vec());
    tasks.spawn(serve(shared, bytes, to, opening, permit));
}

async fn serve(shared: Arc<Shared>, first: Vec<u8>, to: SocketAddr, opening: Ticket, _: Permit) {
    let connecting = timeout(CONNECT_TIMEOUT, TcpStream::connect(canonical(to)));
    // A host that says nothing gets the peer no answer either.
    let Ok(connected) = connecting.await else {
        shared.count(|counters| counters.refused += 1);
        return;
    };
    let mut host = match connected {
        Ok(host) => host,
        Err(error) => {
            match Refusal::of(&error) {
                Some(_) => shared.count(|counters| counters.refused += 1),
                None if error.kind() == io::ErrorKind::TimedOut => {
                    shared.count(|counters| counters.refused += 1);
                }
                None => shared.note_no_room(&error),
            }
            if let Some(answer) = refuse(&shared, &first, &error) {
                let _ = shared.passage.send(&answer).await;
            }
            return;
        }
    };
    shared.count(|counters| counters.connections += 1);
    let accepted = shared.passage.accept(first).await;
    drop(opening);
    let Ok(peer) = accepted else {
        return;
    };
    // Delays are the peer's to add: what it sends alone is sent on alone.
    let _ = host.set_nodelay(true);
    let _ = SockRef::from(&host).set_keepalive(true);
    peer.set_nodelay(true);
    peer.set_keepalive(Some(KEEPALIVE));
    let relayed = both_ways(&peer, &mut host, &Relayed::default()).await;
    if let Err(error) = relayed {
        tracing::debug!(%to, %error, "connection cut off");
        peer.abort();
        cut_off(host);
    }
}

/// Addresses of IPv4 in the clothes of IPv6 are reached as what they are, as the rules see them.
pub(super) fn canonical(address: SocketAddr) -> SocketAddr {
    SocketAddr::new(address.ip().to_canonical(), address.port())
}

fn refuse(shared: &Shared, first: &[u8], error: &io::Error) -> Option<Vec<u8>> {
    let packet = IpPacket::parse(first).ok()?;
    match Refusal::of(error)? {
        Refusal::Refused => answer::reset(&packet, &packet.tcp().ok()?),
        refusal => answer::unreachable(&packet, &shared.addresses, refusal),
    }
}

/// Closes a connection of the host with a reset.
fn cut_off(host: TcpStream) {
    // Without it the host's end would look like an orderly one; there is nothing else to do about that.
    let _ = host.set_zero_linger();
}

/// Says that a connection is being opened, until it is dropped.
struct Ticket {
    shared: Arc<Shared>,
    ends: (SocketAddr, SocketAddr),
}

impl Ticket {
    /// Returns nothing if it is being opened already: the first segment came again.
    fn take(shared: &Arc<Shared>, from: SocketAddr, to: SocketAddr) -> Option<Self> {
        let ends = (from, to);
        let mut opening = shared
            .opening
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        opening.insert(ends).then(|| Self {
            shared: Arc::clone(shared),
            ends,
        })
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        let opening = self.shared.opening.lock();
        opening
            .unwrap_or_else(PoisonError::into_inner)
            .remove(&self.ends);
    }
}
