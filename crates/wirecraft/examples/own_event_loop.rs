//! A tunnel without tokio: the state machine of the protocol, a socket of the standard library and a loop
//! of one's own: `own_event_loop wg0.conf 10.0.0.1`.

#![expect(clippy::print_stdout, reason = "an example prints what it finds")]

use std::env::args;
use std::error::Error;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, ToSocketAddrs as _, UdpSocket};
use std::time::Duration;

use wirecraft::config::{Config, Endpoint, PeerConfig};
use wirecraft::ip_packets::{IpPacket, ip};
use wirecraft::{Clock, SystemEntropy, is_reply};
use wirecraft_tunnel::{Arena, Datagram, Device};

const MTU: usize = 1420;

fn main() -> Result<(), Box<dyn Error>> {
    let config = Config::load(args().nth(1).ok_or("which configuration?")?)?;
    let host: IpAddr = args().nth(2).ok_or("which host?")?.parse()?;
    let mut own = config
        .interface
        .addresses
        .iter()
        .map(|address| address.addr());
    let source = own
        .find(|address| address.is_ipv4() == host.is_ipv4())
        .ok_or("no address of that family")?;

    let clock = Clock::new();
    let endpoint = config.peers.first().map(endpoint_of).transpose()?.flatten();
    let any: IpAddr = match endpoint {
        Some(SocketAddr::V6(_)) => Ipv6Addr::UNSPECIFIED.into(),
        _ => Ipv4Addr::UNSPECIFIED.into(),
    };
    let socket = UdpSocket::bind((any, 0))?;
    let mut device = device(&config)?;
    let ping = ip(source, host)?
        .icmp_echo_request(7, 1)
        .payload(b"own loop")
        .build();

    // Without a session the packet waits, and a handshake starts.
    device.set_wall_clock(clock.now(), clock.since_unix_epoch());
    device.send(clock.now(), &ping, &mut Arena::new(4096, MTU))?;
    let gives_up_at = clock.now() + Duration::from_secs(10);
    let mut bytes = [0; 65_535];
    while clock.now() < gives_up_at {
        while let Some(transmit) = device.poll_transmit() {
            socket.send_to(transmit.datagram(), transmit.destination.to)?;
        }
        let now = clock.now();
        let deadline = device
            .poll_timeout()
            .map_or(gives_up_at, |deadline| deadline.at);
        let wait = deadline
            .min(gives_up_at)
            .since(now)
            .max(Duration::from_millis(1));
        socket.set_read_timeout(Some(wait))?;
        if let Ok((len, from)) = socket.recv_from(&mut bytes) {
            let mut datagram = Datagram::new(from, &mut bytes[..len]);
            // A datagram that is refused is counted, and nothing else.
            let _ = device.receive(clock.now(), &mut datagram);
            if let Some((_, packet)) = datagram.packet()
                && let Ok(reply) = IpPacket::parse(packet)
                && is_reply(&IpPacket::parse(&ping)?, &reply)
            {
                println!("{} answered: {reply}", reply.source());
                return Ok(());
            }
        }
        let now = clock.now();
        device.set_wall_clock(now, clock.since_unix_epoch());
        device.process_handshakes(now, 8);
        device.handle_timeout(now);
    }
    Err("no answer within ten seconds".into())
}

/// The address of a peer's endpoint; a name is looked up.
fn endpoint_of(peer: &PeerConfig) -> Result<Option<SocketAddr>, Box<dyn Error>> {
    Ok(match &peer.endpoint {
        None => None,
        Some(Endpoint::Address(address)) => Some(*address),
        Some(Endpoint::Name { host, port }) => {
            let mut found = (host.as_str(), *port).to_socket_addrs()?;
            Some(found.next().ok_or("the endpoint's name has no address")?)
        }
    })
}

/// A device with the keys and peers of a configuration.
fn device(config: &Config) -> Result<Device<SystemEntropy>, Box<dyn Error>> {
    let mut device = Device::new(MTU, SystemEntropy::default());
    device.set_private_key(Some(config.interface.private_key.clone()));
    for peer in &config.peers {
        let id = device.add_peer(peer.public_key)?;
        if let Some(preshared_key) = &peer.preshared_key {
            device.set_preshared_key(id, preshared_key.clone())?;
        }
        if let Some(endpoint) = endpoint_of(peer)? {
            device.set_endpoint(id, endpoint)?;
        }
        for prefix in &peer.allowed_ips {
            device.add_allowed_ip(id, *prefix)?;
        }
    }
    Ok(device)
}
