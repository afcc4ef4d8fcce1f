//! What must hold for every configuration, and for every text that is none.

#![expect(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

use std::net::IpAddr;
use std::num::{NonZeroU16, NonZeroU32};

use ipnet::IpNet;
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use wirecraft::config::{Config, Endpoint, PeerConfig};
use wirecraft_noise_handshake::{PresharedKey, PrivateKey, PublicKey};

fn network() -> impl Strategy<Value = IpNet> {
    let any_address = any::<IpAddr>();
    (any_address, any::<u8>()).prop_map(|(address, prefix)| {
        let longest = if address.is_ipv4() { 32 } else { 128 };
        IpNet::new(address, prefix % (longest + 1)).unwrap()
    })
}

fn endpoint() -> impl Strategy<Value = Endpoint> {
    prop_oneof![
        (any::<IpAddr>(), 1..=u16::MAX).prop_map(|address| Endpoint::Address(address.into())),
        ("[a-z][a-z0-9-]{0,20}(\\.[a-zü]{2,8}){0,3}", 1..=u16::MAX)
            .prop_map(|(host, port)| Endpoint::Name { host, port }),
    ]
}

fn peer() -> impl Strategy<Value = PeerConfig> {
    (
        any::<[u8; 32]>(),
        option::of(any::<[u8; 32]>()),
        vec(network(), 0..5),
        option::of(endpoint()),
        option::of(any::<NonZeroU16>()),
    )
        .prop_map(
            |(public_key, preshared_key, allowed_ips, endpoint, keepalive)| {
                let mut peer = PeerConfig::new(PublicKey::from_bytes(public_key));
                peer.preshared_key = preshared_key.map(PresharedKey::from_bytes);
                peer.allowed_ips = allowed_ips.iter().map(IpNet::trunc).collect();
                peer.endpoint = endpoint;
                peer.persistent_keepalive = keepalive;
                peer
            },
        )
}

fn config() -> impl Strategy<Value = Config> {
    (
        any::<[u8; 32]>(),
        vec(network(), 0..4),
        option::of(any::<u16>()),
        vec(any::<IpAddr>(), 0..3),
        vec("[a-z]{1,10}\\.[a-z]{2,5}", 0..3),
        option::of(68..=u16::MAX),
        option::of(any::<NonZeroU32>()),
        vec(peer(), 0..4),
    )
        .prop_map(
            |(key, addresses, port, servers, search, mtu, fwmark, peers)| {
                let mut config = Config::new(PrivateKey::from_bytes(key));
                config.interface.addresses = addresses;
                config.interface.listen_port = port;
                config.interface.dns.servers = servers;
                config.interface.dns.search = search;
                config.interface.mtu = mtu;
                config.interface.fwmark = fwmark;
                config.peers = peers;
                config
            },
        )
}

/// Text made of what configurations are made of, in an order that means nothing.
fn almost_a_config() -> impl Strategy<Value = String> {
    let pieces = prop_oneof![
        Just("[Interface]\n".to_owned()),
        Just("[Peer]\n".to_owned()),
        Just("PrivateKey = yAnz5TF+lXXJte14tji3zlMNq+hd2rYUIgJBgB3fBmk=\n".to_owned()),
        Just("PublicKey = xTIBA5rboUvnH4htodjb6e697QjLERt1NAB4mZqp8Dg=\n".to_owned()),
        "(Address|AllowedIPs|DNS|Endpoint|MTU|FwMark|Jc|PostUp) ?= ?[0-9a-f:./,\\[\\]]{0,30}\n",
        "[A-Za-z]{1,12}=\\PC{0,20}\n",
        "\\PC{0,12}",
        Just("\r\n".to_owned()),
        Just("#".to_owned()),
    ];
    vec(pieces, 0..12).prop_map(|pieces| pieces.concat())
}

proptest! {
    #[test]
    fn parsing_never_panics(text in any::<String>()) {
        let _ = Config::parse(&text, "any");
    }

    #[test]
    fn parsing_almost_a_config_never_panics_and_valid_ones_round_trip(text in almost_a_config()) {
        if let Ok(config) = Config::parse(&text, "any") {
            let written = config.to_text_with_secrets();
            let again = Config::parse(&written, "again").unwrap();
            prop_assert_eq!(&*again.to_text_with_secrets(), &*written);
        }
    }

    #[test]
    fn every_config_round_trips(config in config()) {
        let text = config.to_text_with_secrets();
        let again = Config::parse(&text, "again").unwrap();

        prop_assert_eq!(again.interface, config.interface);
        // Two generated peers have the same key once in 2^256 cases.
        prop_assert_eq!(again.peers, config.peers);
    }
}
