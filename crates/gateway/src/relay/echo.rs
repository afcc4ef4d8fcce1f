//! Pings: by sockets that the system lets users have.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use socket2::{Domain, Protocol, Socket, Type};
use tokio::net::UdpSocket;
use tokio::task::JoinSet;
use tokio::time::timeout;
use wirecraft::ip_packets::{Echo, Icmpv4Kind, Icmpv6Kind, IpPacket, Transport, v4, v6};

use super::answer::{self, Refusal};
use super::tcp::canonical;
use super::{Permit, Shared, udp};

/// How long a reply may take.
const REPLY_TIMEOUT: Duration = Duration::from_secs(10);

/// The header of an echo message in bytes: type, code, checksum, identifier, sequence number.
const HEADER_LEN: usize = 8;

const ECHO_REQUEST_V4: u8 = 8;
const ECHO_REPLY_V4: u8 = 0;
const ECHO_REQUEST_V6: u8 = 128;
const ECHO_REPLY_V6: u8 = 129;

/// Takes in an ICMP message; only echo requests are passed on.
pub(super) fn pass_on(
    shared: &Arc<Shared>,
    tasks: &mut JoinSet<()>,
    packet: &IpPacket<'_>,
    transport: &Transport<'_>,
) {
    let Some(echo) = request(packet, transport) else {
        return;
    };
    let (from, to) = (packet.source(), packet.destination());
    let admitted = shared.admit(SocketAddr::new(from, 0), SocketAddr::new(to, 0), None);
    let permit = match admitted {
        Ok(permit) => permit,
        Err(verdict) => {
            shared.refuse(tasks, packet, verdict);
            return;
        }
    };
    shared.count(|counters| counters.pings += 1);
    let ping = Ping {
        shared: Arc::clone(shared),
        from,
        to,
        identifier: echo.identifier,
        sequence: echo.sequence,
        request: packet.as_bytes().to_vec(),
    };
    tasks.spawn(serve(ping, echo.payload.to_vec(), permit));
}

fn request<'a>(packet: &IpPacket<'_>, transport: &Transport<'a>) -> Option<Echo<'a>> {
    match transport {
        Transport::Icmpv4(message) if message.checksum_is_valid() => match message.kind() {
            Icmpv4Kind::EchoRequest(echo) => Some(echo),
            _ => None,
        },
        Transport::Icmpv6(message) if message.checksum_is_valid(&packet.pseudo_header()) => {
            match message.kind() {
                Icmpv6Kind::EchoRequest(echo) => Some(echo),
                _ => None,
            }
        }
        _ => None,
    }
}

/// One ping of a peer.
struct Ping {
    shared: Arc<Shared>,
    from: IpAddr,
    to: IpAddr,
    identifier: u16,
    sequence: u16,
    /// The packet that errors quote.
    request: Vec<u8>,
}

async fn serve(ping: Ping, payload: Vec<u8>, _: Permit) {
    let exchanged = timeout(REPLY_TIMEOUT, exchange(&ping, &payload));
    let Ok(outcome) = exchanged.await else {
        return;
    };
    let answer = match outcome {
        Ok(payload) => ping.reply(&payload),
        Err(error) => {
            tracing::debug!(to = %ping.to, %error, "ping not passed on");
            ping.refuse(&error)
        }
    };
    if let Some(answer) = answer {
        // What the tunnel does not take is lost, as it might be on the way.
        let _ = ping.shared.passage.send(&answer).await;
    }
}

/// Sends the request and waits for the reply to it; returns its payload.
async fn exchange(ping: &Ping, payload: &[u8]) -> io::Result<Vec<u8>> {
    let to = canonical(SocketAddr::new(ping.to, 0));
    let socket = open(to).await?;
    let (request, reply) = match to {
        SocketAddr::V4(_) => (ECHO_REQUEST_V4, ECHO_REPLY_V4),
        SocketAddr::V6(_) => (ECHO_REQUEST_V6, ECHO_REPLY_V6),
    };
    // Checksum and identifier are the kernel's to fill in.
    let mut message = vec![request, 0, 0, 0, 0, 0];
    message.extend_from_slice(&ping.sequence.to_be_bytes());
    message.extend_from_slice(payload);
    socket.send(&message).await?;
    loop {
        let message = udp::receive(&socket).await?;
        let Some((header, payload)) = message.split_at_checked(HEADER_LEN) else {
            continue;
        };
        if header[0] == reply && header[6..] == ping.sequence.to_be_bytes() {
            return Ok(payload.to_vec());
        }
    }
}

/// Opens a ping socket that speaks to `to` alone.
///
/// Source: Linux `icmp(7)`, `ping_group_range`.
async fn open(to: SocketAddr) -> io::Result<UdpSocket> {
    let (domain, protocol) = match to {
        SocketAddr::V4(_) => (Domain::IPV4, Protocol::ICMPV4),
        SocketAddr::V6(_) => (Domain::IPV6, Protocol::ICMPV6),
    };
    let socket = Socket::new(domain, Type::DGRAM, Some(protocol))?;
    socket.set_nonblocking(true)?;
    let socket = UdpSocket::from_std(socket.into())?;
    socket.connect(to).await?;
    Ok(socket)
}

impl Ping {
    fn reply(&self, payload: &[u8]) -> Option<Vec<u8>> {
        let (identifier, sequence) = (self.identifier, self.sequence);
        let built = match (self.to, self.from) {
            (IpAddr::V4(source), IpAddr::V4(destination)) => {
                let ip = v4(source, destination).dont_fragment(false);
                let reply = ip.icmp_echo_reply(identifier, sequence);
                reply.payload(payload).try_build()
            }
            (IpAddr::V6(source), IpAddr::V6(destination)) => {
                let reply = v6(source, destination).icmp_echo_reply(identifier, sequence);
                reply.payload(payload).try_build()
            }
            _ => return None,
        };
        built.ok()
    }

    fn refuse(&self, error: &io::Error) -> Option<Vec<u8>> {
        // That this host may not ping says nothing about the other.
        let refusal = Refusal::of(error).filter(|refusal| *refusal != Refusal::Prohibited)?;
        let packet = IpPacket::parse(&self.request).ok()?;
        answer::unreachable(&packet, &self.shared.addresses, refusal)
    }
}
