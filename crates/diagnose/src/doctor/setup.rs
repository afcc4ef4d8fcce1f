//! What can be seen in a configuration alone.

use std::net::IpAddr;

use wirecraft::config::{Config, Notice, PeerConfig};
use wirecraft::noise_handshake::{LocalStatic, RemoteStatic};
use wirecraft::{DEFAULT_MTU, PrivateKey};

use super::Advice;

/// The least MTU of IPv6, in bytes. RFC 8200 §5.
const IPV6_MTU_MIN: u16 = 1280;

/// The greatest MTU that fits into a link of 1500 bytes: IPv4, UDP and WireGuard take 60.
const MTU_MAX_OF_ETHERNET: u16 = 1440;

/// Looks at a configuration without sending anything.
#[must_use]
pub fn check_config(config: &Config) -> Vec<Advice> {
    let mut advice = Vec::new();
    check_notices(config, &mut advice);
    check_addresses(config, &mut advice);
    if config.peers.is_empty() {
        advice.push(Advice::wrong(
            "there is no [Peer] section: a tunnel needs somebody at its other end",
        ));
    }
    for peer in &config.peers {
        check_keys(config, peer, &mut advice);
        check_allowed_ips(config, peer, &mut advice);
    }
    if !config.peers.is_empty() && config.peers.iter().all(|peer| peer.endpoint.is_none()) {
        advice.push(Advice::warning(
            "no peer has an Endpoint: this end can only wait to be called, as a server does; \
             to call, add Endpoint = HOST:PORT to a [Peer]",
        ));
    }
    check_dns(config, &mut advice);
    check_mtu(config, &mut advice);
    advice
}

fn check_notices(config: &Config, advice: &mut Vec<Advice>) {
    for notice in config.notices() {
        advice.push(match notice {
            Notice::Readable { path, .. } => Advice::warning(format!(
                "others can read {} with its private key: chmod 600 it",
                path.display()
            )),
            other => Advice::warning(other.to_string()),
        });
    }
}

fn check_addresses(config: &Config, advice: &mut Vec<Advice>) {
    if config.interface.addresses.is_empty() {
        advice.push(Advice::wrong(
            "[Interface] has no Address: without one nothing can be sent through the tunnel",
        ));
    }
    for address in &config.interface.addresses {
        let is_v4_network = matches!(address, ipnet if ipnet.prefix_len() < 31)
            && address.addr().is_ipv4()
            && address.addr() == address.network();
        if is_v4_network {
            advice.push(Advice::warning(format!(
                "Address = {address} is the address of a network, not of a host in it: it works, but is \
                 seldom meant"
            )));
        }
    }
}

fn check_keys(config: &Config, peer: &PeerConfig, advice: &mut Vec<Advice>) {
    let own = &config.interface.private_key;
    let public_key = peer.public_key;
    if public_key == own.public_key() {
        advice.push(Advice::wrong(format!(
            "the PublicKey {public_key} of a peer is that of this end: \
             the other end's public key belongs there"
        )));
    } else if is_same(own, public_key.as_bytes()) {
        advice.push(Advice::wrong(
            "the PublicKey of a peer is the PrivateKey of this end: \
             the other end's public key belongs there",
        ));
    } else if RemoteStatic::new(&LocalStatic::new(own.clone()), public_key).is_err() {
        advice.push(Advice::wrong(format!(
            "the PublicKey {public_key} of a peer is no key that anybody can have"
        )));
    }
    if let Some(preshared_key) = &peer.preshared_key {
        let text = preshared_key.to_base64();
        let text = text.as_str();
        if text == public_key.to_string() || text == own.public_key().to_string() {
            advice.push(Advice::wrong(format!(
                "the PresharedKey of peer {public_key} is a public key: \
                 make one with `wirecraft genpsk` and give it to both ends"
            )));
        }
    }
}

/// Says whether bytes are those of a private key, as it is used.
fn is_same(private_key: &PrivateKey, bytes: &[u8; 32]) -> bool {
    PrivateKey::from_bytes(*bytes).public_key() == private_key.public_key()
}

fn check_allowed_ips(config: &Config, peer: &PeerConfig, advice: &mut Vec<Advice>) {
    let key = peer.public_key;
    let own = || config.interface.addresses.iter();
    if peer.allowed_ips.is_empty() {
        advice.push(Advice::wrong(format!(
            "peer {key} has no AllowedIPs: nothing is sent to it, and nothing it sends is taken"
        )));
    }
    for address in own() {
        let host = address.addr();
        let is_claimed = |net: &&wirecraft::IpNet| {
            net.contains(&host) && net.prefix_len() == net.max_prefix_len()
        };
        if let Some(net) = peer.allowed_ips.iter().find(is_claimed) {
            advice.push(Advice::wrong(format!(
                "AllowedIPs of peer {key} have {net}, the address of this end: \
                 what is meant there are the other end's addresses"
            )));
        }
    }
    for (is_v4, family) in [(true, "IPv4"), (false, "IPv6")] {
        let mut allowed = peer.allowed_ips.iter();
        let is_allowed = allowed.any(|net| net.addr().is_ipv4() == is_v4);
        let has_address = own().any(|address| address.addr().is_ipv4() == is_v4);
        if is_allowed && !has_address && own().next().is_some() {
            advice.push(Advice::warning(format!(
                "AllowedIPs of peer {key} have {family} networks, but this end has no {family} \
                 Address to send from"
            )));
        }
        if !is_allowed && has_address && config.peers.len() == 1 && !peer.allowed_ips.is_empty() {
            advice.push(Advice::warning(format!(
                "this end has an {family} Address, but AllowedIPs of peer {key} have no {family} \
                 network: it is of no use"
            )));
        }
    }
}

fn check_dns(config: &Config, advice: &mut Vec<Advice>) {
    for server in &config.interface.dns.servers {
        if !is_carried(config, *server) {
            advice.push(Advice::warning(format!(
                "DNS = {server} is outside of all AllowedIPs: it is not asked through the tunnel, and whoever \
                 carries the questions sees them"
            )));
        }
    }
}

/// Says whether some peer takes packets for an address.
pub(super) fn is_carried(config: &Config, address: IpAddr) -> bool {
    let mut allowed = config.peers.iter().flat_map(|peer| &peer.allowed_ips);
    allowed.any(|net| net.contains(&address))
}

fn check_mtu(config: &Config, advice: &mut Vec<Advice>) {
    let mtu = config.interface.mtu.unwrap_or(DEFAULT_MTU);
    let has_v6 = config
        .interface
        .addresses
        .iter()
        .any(|it| it.addr().is_ipv6());
    if mtu < IPV6_MTU_MIN && has_v6 {
        advice.push(Advice::wrong(format!(
            "MTU = {mtu} is too small for IPv6, which needs {IPV6_MTU_MIN}"
        )));
    } else if mtu < 576 {
        advice.push(Advice::wrong(format!(
            "MTU = {mtu} is too small: hosts count on 576 bytes"
        )));
    } else if mtu > MTU_MAX_OF_ETHERNET {
        advice.push(Advice::warning(format!(
            "MTU = {mtu} does not fit into links of 1500 bytes: long packets are fragmented or lost; \
             {DEFAULT_MTU} fits such links, and less is needed where they are narrower (PPPoE: 1412)"
        )));
    }
}
