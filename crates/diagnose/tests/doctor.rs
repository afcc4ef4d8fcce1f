//! Set-ups that are broken, each in one way, and the sentence that says so.

#![cfg(test)]

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

use tokio::net::UdpSocket;
use wirecraft::config::{Config, Endpoint, PeerConfig};
use wirecraft::noise_handshake::{CookieSecret, LocalStatic};
use wirecraft::wire_format::{HandshakeMessage as _, Message};
use wirecraft::{PresharedKey, PrivateKey, PublicKey, SystemEntropy, Tunnel};
use wirecraft_diagnose::{Advice, ExamineOptions, Severity, check_config, examine};

const HERE: Ipv4Addr = Ipv4Addr::new(10, 66, 0, 2);
const THERE: Ipv4Addr = Ipv4Addr::new(10, 66, 0, 1);

fn key(byte: u8) -> PrivateKey {
    PrivateKey::from_bytes([byte; 32])
}

fn psk(byte: u8) -> PresharedKey {
    PresharedKey::from_bytes([byte; 32])
}

/// A configuration in which nothing is wrong.
fn sound() -> Config {
    let mut config = Config::new(key(1));
    config.interface.addresses = vec!["10.66.0.2/24".parse().unwrap()];
    let mut peer = PeerConfig::new(key(2).public_key());
    peer.allowed_ips = vec!["10.66.0.0/24".parse().unwrap()];
    peer.endpoint = Some(Endpoint::Address("192.0.2.1:51820".parse().unwrap()));
    config.peers.push(peer);
    config
}

fn worst(advice: &[Advice]) -> Severity {
    let severities = advice.iter().map(|advice| advice.severity);
    severities.max().unwrap_or(Severity::Fine)
}

/// Expects that one sentence and no other speaks of something wrong.
#[track_caller]
fn expect(advice: &[Advice], severity: Severity, words: &str) {
    let said: Vec<&Advice> = advice.iter().filter(|it| it.severity == severity).collect();
    assert_eq!(said.len(), 1, "{advice:#?}");
    assert!(said[0].sentence.contains(words), "{advice:#?}");
    assert_eq!(worst(advice), severity, "{advice:#?}");
}

#[track_caller]
fn expect_wrong(change: impl FnOnce(&mut Config), words: &str) {
    let mut config = sound();
    change(&mut config);
    expect(&check_config(&config), Severity::Wrong, words);
}

#[track_caller]
fn expect_warning(change: impl FnOnce(&mut Config), words: &str) {
    let mut config = sound();
    change(&mut config);
    expect(&check_config(&config), Severity::Warning, words);
}

#[test]
fn nothing_is_said_of_a_sound_configuration() {
    assert_eq!(check_config(&sound()), []);
}

#[test]
fn a_key_that_cannot_be_read_is_named_with_its_line() {
    let text = "[Interface]\nPrivateKey = yAnz5TF+lXXJte14tji3zlMNq\n";
    let error = Config::parse(text, "wg0.conf").unwrap_err().to_string();
    assert!(
        error.contains("wg0.conf:2") && error.contains("PrivateKey"),
        "{error}"
    );
}

#[test]
fn a_configuration_without_a_peer_has_nobody_to_talk_to() {
    expect_wrong(|config| config.peers.clear(), "there is no [Peer] section");
}

#[test]
fn the_own_public_key_as_that_of_the_peer_is_told() {
    let own = key(1).public_key();
    expect_wrong(
        |config| config.peers[0].public_key = own,
        "is that of this end",
    );
}

#[test]
fn the_private_key_where_a_public_key_belongs_is_told() {
    let pasted = PublicKey::from_bytes([1; 32]);
    expect_wrong(
        |config| config.peers[0].public_key = pasted,
        "is the PrivateKey of this end",
    );
}

#[test]
fn a_public_key_that_nobody_can_have_is_told() {
    let zero = PublicKey::from_bytes([0; 32]);
    expect_wrong(
        |config| config.peers[0].public_key = zero,
        "no key that anybody can have",
    );
}

#[test]
fn a_public_key_where_a_preshared_key_belongs_is_told() {
    let pasted = PresharedKey::from_bytes(*key(2).public_key().as_bytes());
    expect_wrong(
        |config| config.peers[0].preshared_key = Some(pasted),
        "is a public key: make one with `wirecraft genpsk`",
    );
}

#[test]
fn an_interface_without_an_address_is_told() {
    expect_wrong(
        |config| config.interface.addresses.clear(),
        "[Interface] has no Address",
    );
}

#[test]
fn the_address_of_a_network_is_no_address_of_a_host() {
    expect_warning(
        |config| config.interface.addresses[0] = "10.66.0.0/24".parse().unwrap(),
        "is the address of a network",
    );
}

#[test]
fn a_peer_without_allowed_ips_gets_nothing() {
    expect_wrong(
        |config| config.peers[0].allowed_ips.clear(),
        "has no AllowedIPs",
    );
}

#[test]
fn the_own_address_among_allowed_ips_is_told() {
    expect_wrong(
        |config| {
            config.peers[0]
                .allowed_ips
                .push("10.66.0.2/32".parse().unwrap())
        },
        "10.66.0.2/32, the address of this end",
    );
}

#[test]
fn allowed_ips_of_a_family_without_an_address_are_told() {
    expect_warning(
        |config| config.peers[0].allowed_ips.push("::/0".parse().unwrap()),
        "this end has no IPv6 Address",
    );
}

#[test]
fn an_address_of_a_family_without_allowed_ips_is_told() {
    expect_warning(
        |config| {
            config
                .interface
                .addresses
                .push("fd66::2/64".parse().unwrap())
        },
        "have no IPv6 network",
    );
}

#[test]
fn a_name_server_outside_of_allowed_ips_is_told() {
    expect_warning(
        |config| config.interface.dns.servers = vec!["1.1.1.1".parse().unwrap()],
        "DNS = 1.1.1.1 is outside of all AllowedIPs",
    );
}

#[test]
fn peers_without_an_endpoint_can_only_be_waited_for() {
    expect_warning(
        |config| config.peers[0].endpoint = None,
        "no peer has an Endpoint",
    );
}

#[test]
fn an_mtu_that_hosts_cannot_live_with_is_told() {
    expect_wrong(
        |config| config.interface.mtu = Some(500),
        "MTU = 500 is too small",
    );
}

#[test]
fn an_mtu_that_does_not_fit_ethernet_is_told() {
    expect_warning(
        |config| config.interface.mtu = Some(1500),
        "does not fit into links of 1500 bytes",
    );
}

#[test]
fn networks_that_two_peers_claim_are_told() {
    let text = format!(
        "[Interface]\nPrivateKey = {}\nAddress = 10.66.0.2/24\n\
         [Peer]\nPublicKey = {}\nAllowedIPs = 10.66.0.0/24\nEndpoint = 192.0.2.1:1\n\
         [Peer]\nPublicKey = {}\nAllowedIPs = 10.66.0.0/24\nEndpoint = 192.0.2.2:1\n",
        key(1).to_base64().as_str(),
        key(2).public_key(),
        key(3).public_key()
    );
    let config = Config::parse(&text, "wg0.conf").unwrap();
    expect(&check_config(&config), Severity::Warning, "claimed twice");
}

fn quickly() -> ExamineOptions {
    let mut options = ExamineOptions::default();
    options.wait = Duration::from_millis(500);
    options.attempts = 1;
    options
}

async fn examined(config: &Config, options: &ExamineOptions) -> Vec<Advice> {
    let mut found = Vec::new();
    examine(config, options, |advice| found.push(advice)).await;
    found
}

/// Another end on loopback, and this end's configuration for it.
async fn pair(their_psk: Option<PresharedKey>, ours: Option<PresharedKey>) -> (Tunnel, Config) {
    let mut rng = SystemEntropy::default();
    let [own, theirs] = [(); 2].map(|()| PrivateKey::generate(&mut rng));
    let mut there = Config::new(theirs.clone());
    there.interface.addresses = vec!["10.66.0.1/24".parse().unwrap()];
    let mut peer = PeerConfig::new(own.public_key());
    peer.allowed_ips = vec![IpAddr::V4(HERE).into()];
    peer.preshared_key = their_psk;
    there.peers.push(peer);
    let tunnel = Tunnel::listen(there).await.unwrap();
    let port = tunnel.status().await.unwrap().listen_port;
    let mut config = sound();
    config.interface.private_key = own;
    config.peers[0].public_key = theirs.public_key();
    config.peers[0].preshared_key = ours;
    config.peers[0].endpoint = Some(at(port));
    (tunnel, config)
}

fn at(port: u16) -> Endpoint {
    Endpoint::Address(SocketAddr::from((Ipv4Addr::LOCALHOST, port)))
}

#[tokio::test]
async fn a_tunnel_that_works_is_found_to_work() {
    let (_there, config) = pair(Some(psk(9)), Some(psk(9))).await;
    let found = examined(&config, &quickly()).await;
    assert_eq!(worst(&found), Severity::Fine, "{found:#?}");
    for words in [
        "all keys match",
        "data comes through: 10.66.0.1 answers pings",
        "packets of 1420 bytes, the MTU, arrive",
    ] {
        assert!(
            found.iter().any(|it| it.sentence.contains(words)),
            "{found:#?}"
        );
    }
}

#[tokio::test]
async fn a_preshared_key_that_only_this_end_has_is_told() {
    let (_there, config) = pair(None, Some(psk(9))).await;
    let found = examined(&config, &quickly()).await;
    expect(&found, Severity::Wrong, "has no PresharedKey for this end");
}

#[tokio::test]
async fn a_preshared_key_that_only_the_other_end_has_is_told() {
    let (_there, config) = pair(Some(psk(9)), None).await;
    let found = examined(&config, &quickly()).await;
    expect(
        &found,
        Severity::Wrong,
        "the configuration has none: add the PresharedKey line",
    );
}

#[tokio::test]
async fn different_preshared_keys_are_told() {
    let (_there, config) = pair(Some(psk(9)), Some(psk(8))).await;
    let found = examined(&config, &quickly()).await;
    expect(&found, Severity::Wrong, "has another PresharedKey");
}

#[tokio::test]
async fn silence_names_all_that_it_can_mean() {
    let (_there, mut config) = pair(None, None).await;
    config.interface.private_key = key(77);
    let found = examined(&config, &quickly()).await;
    let own = key(77).public_key();
    let words = format!("the peer does not know this end's key {own}");
    expect(&found, Severity::Wrong, &words);
}

#[tokio::test]
async fn a_port_that_nobody_listens_on_is_told() {
    let closed = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let port = closed.local_addr().unwrap().port();
    drop(closed);
    let mut config = sound();
    config.peers[0].endpoint = Some(at(port));
    let mut options = quickly();
    options.attempts = 2;
    let found = examined(&config, &options).await;
    expect(&found, Severity::Wrong, "nothing listens on that port");
}

#[tokio::test]
async fn a_name_that_nobody_knows_is_told() {
    let mut config = sound();
    config.peers[0].endpoint = Some(Endpoint::Name {
        host: "nowhere.invalid".to_owned(),
        port: 51_820,
    });
    let found = examined(&config, &quickly()).await;
    expect(
        &found,
        Severity::Wrong,
        "nowhere.invalid cannot be looked up",
    );
}

#[tokio::test]
async fn a_clock_that_is_years_behind_is_told() {
    let (_there, config) = pair(None, None).await;
    let mut options = quickly();
    options.now = Duration::from_secs(1_000_000_000);
    let found = examined(&config, &options).await;
    expect(
        &found,
        Severity::Wrong,
        "the clock of this machine is years behind",
    );
}

#[tokio::test]
async fn cookies_and_nothing_else_mean_an_overloaded_peer() {
    let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let mut config = sound();
    config.peers[0].endpoint = Some(at(socket.local_addr().unwrap().port()));
    tokio::spawn(async move {
        let mut rng = SystemEntropy::default();
        let (local, secret) = (LocalStatic::new(key(2)), CookieSecret::generate(&mut rng));
        let mut bytes = [0; 2000];
        while let Ok((len, from)) = socket.recv_from(&mut bytes).await {
            let Ok(Message::Initiation(initiation)) = Message::parse(&bytes[..len]) else {
                continue;
            };
            let (index, mac1) = (initiation.sender_index(), *initiation.mac1());
            let reply = local.seal_cookie_reply(index, &mac1, &secret.cookie(from), &mut rng);
            socket.send_to(reply.as_bytes(), from).await.unwrap();
        }
    });
    let found = examined(&config, &quickly()).await;
    let wrong: Vec<_> = found
        .iter()
        .filter(|it| it.severity == Severity::Wrong)
        .collect();
    assert!(
        wrong[0].sentence.contains("answers with cookies only"),
        "{found:#?}"
    );
}

#[tokio::test]
async fn a_handshake_without_data_is_told() {
    let (_there, mut config) = pair(None, None).await;
    // The other end takes packets from 10.66.0.2 alone.
    config.interface.addresses = vec!["10.66.0.3/24".parse().unwrap()];
    let found = examined(&config, &quickly()).await;
    expect(
        &found,
        Severity::Warning,
        "AllowedIPs for this end may lack 10.66.0.3",
    );
}

#[tokio::test]
async fn that_nobody_is_known_who_could_be_asked_is_no_silence() {
    let (_there, mut config) = pair(None, None).await;
    // As configurations of providers are: one address, and everything behind the tunnel.
    config.interface.addresses = vec!["10.66.0.2/32".parse().unwrap()];
    config.peers[0].allowed_ips = vec!["0.0.0.0/0".parse().unwrap()];
    let found = examined(&config, &quickly()).await;
    expect(
        &found,
        Severity::Warning,
        "no host behind the tunnel is known",
    );
}

#[tokio::test]
async fn a_named_host_that_was_not_asked_is_told_as_such() {
    let (_there, config) = pair(None, None).await;
    let mut options = quickly();
    options.host = Some([192, 0, 2, 1].into());
    let found = examined(&config, &options).await;
    expect(
        &found,
        Severity::Warning,
        "192.0.2.1 was not asked: no AllowedIPs have it",
    );
}

#[tokio::test]
async fn a_named_host_that_is_silent_is_told_though_another_answers() {
    let (_there, config) = pair(None, None).await;
    let mut options = quickly();
    options.host = Some([10, 66, 0, 9].into());
    let found = examined(&config, &options).await;
    expect(&found, Severity::Warning, "10.66.0.9 does not answer pings");
}

#[tokio::test]
async fn a_name_server_that_does_not_answer_is_told() {
    let (_there, mut config) = pair(None, None).await;
    config.interface.dns.servers = vec![THERE.into()];
    let found = examined(&config, &quickly()).await;
    expect(
        &found,
        Severity::Wrong,
        "the name server 10.66.0.1 does not answer through the tunnel",
    );
}

/// Carries datagrams to `port` and back, those alone that are not too long.
async fn narrow_path(port: u16, len_max: usize) -> u16 {
    let near = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let far = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    far.connect(("127.0.0.1", port)).await.unwrap();
    let local = near.local_addr().unwrap().port();
    tokio::spawn(async move {
        let (mut there, mut back) = ([0; 4000], [0; 4000]);
        let mut client = None;
        loop {
            tokio::select! {
                Ok((len, from)) = near.recv_from(&mut there) => {
                    client = Some(from);
                    if len <= len_max {
                        let _ = far.send(&there[..len]).await;
                    }
                }
                Ok(len) = far.recv(&mut back) => {
                    if let Some(client) = client.filter(|_| len <= len_max) {
                        let _ = near.send_to(&back[..len], client).await;
                    }
                }
            }
        }
    });
    local
}

#[tokio::test]
async fn long_packets_that_are_lost_are_told_with_the_mtu_that_would_do() {
    let (there, mut config) = pair(None, None).await;
    let port = there.status().await.unwrap().listen_port;
    config.interface.mtu = Some(1300);
    config.peers[0].endpoint = Some(at(narrow_path(port, 1232).await));
    let found = examined(&config, &quickly()).await;
    expect(&found, Severity::Wrong, "set MTU = 1200 in [Interface]");
}
