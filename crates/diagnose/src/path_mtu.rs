//! The longest packet that reaches a host behind the tunnel.

use std::net::IpAddr;
use std::time::Duration;

use rand_core::Rng as _;
use tokio::time::timeout;
use wirecraft::ip_packets::{
    Icmpv4Kind, Icmpv4Unreachable, Icmpv6Kind, IpPacket, Transport, v4, v6,
};
use wirecraft::{Filter, RawSocket, SocketError, SystemEntropy, Tunnel, is_reply};

/// How often a length is tried before it counts as too long.
const ATTEMPTS: u16 = 3;

/// How long an answer is waited for.
const WAIT: Duration = Duration::from_secs(1);

/// The lengths that every path must carry, in bytes.
///
/// Sources: RFC 791 §3.2, RFC 8200 §5.
const LEAST_V4: usize = 68;
const LEAST_V6: usize = 1280;

/// ICMP and IP headers around the payload of a probe, in bytes.
const HEADERS_V4: usize = 28;
const HEADERS_V6: usize = 48;

/// What is known of a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PathMtu {
    /// The length of the longest packet that arrived and was answered, in bytes.
    pub mtu: usize,
    /// The MTU of the tunnel, beyond which nothing was tried.
    pub tunnel_mtu: usize,
    /// The router that said that longer ones do not fit; `None` if none did.
    pub limited_by: Option<IpAddr>,
}

/// Why the MTU of a path is not known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PathMtuError {
    /// Not even short packets are answered.
    #[error("{destination} does not answer echo requests")]
    Silent {
        /// The host.
        destination: IpAddr,
    },
    /// The tunnel has no address of that family.
    #[error(transparent)]
    Socket(#[from] SocketError),
}

/// Finds the longest packet that reaches `destination`, by echo requests that may not be fragmented.
///
/// What routers say of their next hop shortens the search; silence of routers only makes it longer.
///
/// # Errors
/// [`PathMtuError::Silent`] if the host does not answer; [`PathMtuError::Socket`].
pub async fn path_mtu(tunnel: &Tunnel, destination: IpAddr) -> Result<PathMtu, PathMtuError> {
    let source = tunnel.pinger(destination).await?.source();
    let prober = Prober {
        socket: tunnel.raw(Filter::icmp()).await?,
        source,
        destination,
        identifier: identifier(),
    };
    prober.search(tunnel.mtu()).await
}

fn identifier() -> u16 {
    let [a, b, ..] = SystemEntropy::default().next_u32().to_le_bytes();
    u16::from_le_bytes([a, b])
}

struct Prober {
    socket: RawSocket,
    source: IpAddr,
    destination: IpAddr,
    identifier: u16,
}

/// What became of a packet of some length.
enum Fate {
    Arrived,
    TooLong { mtu: usize, from: IpAddr },
    Lost,
}

impl Prober {
    async fn search(&self, tunnel_mtu: usize) -> Result<PathMtu, PathMtuError> {
        let least = match self.destination {
            IpAddr::V4(_) => LEAST_V4,
            IpAddr::V6(_) => LEAST_V6,
        };
        let least = least.min(tunnel_mtu);
        let mut limited_by = None;
        // Between them lies the answer: `arrived` arrives, `lost` does not.
        let (mut arrived, mut lost) = (None, tunnel_mtu + 1);
        let mut next = tunnel_mtu;
        loop {
            let mut named = None;
            match self.fate_of(next).await? {
                Fate::Arrived => arrived = Some(next),
                Fate::Lost => lost = next,
                Fate::TooLong { mtu, from } => {
                    limited_by = Some(from);
                    lost = next;
                    // A router may name no length, or one that cannot be.
                    let least = arrived.unwrap_or(least);
                    named = Some(mtu).filter(|mtu| *mtu > least && *mtu < next);
                }
            }
            next = match (arrived, named) {
                (_, Some(named)) => named,
                (None, None) if next > least => least,
                (None, None) => {
                    let destination = self.destination;
                    return Err(PathMtuError::Silent { destination });
                }
                (Some(mtu), None) if mtu + 1 >= lost => {
                    return Ok(PathMtu {
                        mtu,
                        tunnel_mtu,
                        limited_by,
                    });
                }
                (Some(mtu), None) => mtu + (lost - mtu) / 2,
            };
        }
    }

    /// Sends packets of `len` bytes until one is answered.
    async fn fate_of(&self, len: usize) -> Result<Fate, SocketError> {
        for attempt in 0..ATTEMPTS {
            let sequence = u16::try_from(len)
                .unwrap_or(u16::MAX)
                .wrapping_mul(ATTEMPTS)
                .wrapping_add(attempt);
            let packet = self.packet(sequence, len);
            self.socket.send(&packet).await?;
            let Ok(sent) = IpPacket::parse(&packet) else {
                return Ok(Fate::Lost);
            };
            if let Ok(fate) = timeout(WAIT, self.answer_to(&sent)).await {
                return fate;
            }
        }
        Ok(Fate::Lost)
    }

    async fn answer_to(&self, sent: &IpPacket<'_>) -> Result<Fate, SocketError> {
        loop {
            let bytes = self.socket.recv().await?;
            let Ok(reply) = IpPacket::parse(&bytes) else {
                continue;
            };
            if is_reply(sent, &reply)
                && let Some(fate) = fate(&reply)
            {
                return Ok(fate);
            }
        }
    }

    fn packet(&self, sequence: u16, len: usize) -> Vec<u8> {
        match (self.source, self.destination) {
            (IpAddr::V4(source), IpAddr::V4(destination)) => v4(source, destination)
                .dont_fragment(true)
                .icmp_echo_request(self.identifier, sequence)
                .payload(&vec![0; len.saturating_sub(HEADERS_V4)])
                .build(),
            (IpAddr::V6(source), IpAddr::V6(destination)) => v6(source, destination)
                .icmp_echo_request(self.identifier, sequence)
                .payload(&vec![0; len.saturating_sub(HEADERS_V6)])
                .build(),
            // The source was chosen for the destination.
            _ => Vec::new(),
        }
    }
}

/// What a reply says of the packet's length; nothing, if it speaks of something else.
fn fate(reply: &IpPacket<'_>) -> Option<Fate> {
    let from = reply.source();
    let too_long = |mtu: u32| Fate::TooLong {
        mtu: usize::try_from(mtu).unwrap_or(usize::MAX),
        from,
    };
    match reply.transport().ok()? {
        Transport::Icmpv4(message) => match message.kind() {
            Icmpv4Kind::EchoReply(_) => Some(Fate::Arrived),
            Icmpv4Kind::DestinationUnreachable {
                code: Icmpv4Unreachable::FRAGMENTATION_NEEDED,
                next_hop_mtu,
                ..
            } => Some(too_long(next_hop_mtu.into())),
            _ => None,
        },
        Transport::Icmpv6(message) => match message.kind() {
            Icmpv6Kind::EchoReply(_) => Some(Fate::Arrived),
            Icmpv6Kind::PacketTooBig { mtu, .. } => Some(too_long(mtu)),
            _ => None,
        },
        _ => None,
    }
}
