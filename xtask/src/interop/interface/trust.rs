//! Who: a source that is another's, another key of ours, keys that are no keys.

use super::Checks;
use super::pair::{FAR_PORT, Pair, inside};
use super::relay::Relay;
use crate::interop::config::KeyPair;
use crate::interop::network::Family;
use anyhow::{Result, ensure};
use std::net::SocketAddr;
use std::time::Duration;

/// The public keys with which every secret is the same (RELIABILITY.md §3), as `wg` writes them.
const LOW_ORDER: &[&str] = &[
    "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=",
    "AQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=",
    "4Ot6fDtBuK4WVuP68Z/EatoJjeucMrH9hmIFFl9JuAA=",
    "X5yVvKNQjCSx0LFVnIPvWwREXMRYHI6G2CJO3dCfEVc=",
    "7P///////////////////////////////////////38=",
    "7f///////////////////////////////////////38=",
    "7v///////////////////////////////////////38=",
];

/// What a peer sends from an address of another peer is dropped, and all the same says where it is.
pub(super) fn spoofing(pair: &Pair<'_>, checks: &mut Checks) {
    checks.add("at first", pair.ping_both_ways());
    checks.add("an address of another peer", spoof(pair));
    let given_back = || {
        pair.configure_near()?;
        pair.ping_both_ways()
    };
    checks.add("the address given back", given_back());
}

fn spoof(pair: &Pair<'_>) -> Result<()> {
    let (far, other) = (&pair.far.keys.public, Pair::stranger()?);
    let address = pair.far.addresses.v4;
    pair.near
        .set(&format!("peer {other} allowed-ips {address}/32"))?;
    pair.far.set("listen-port 9997")?;
    let before = pair.near.packets_received()?;
    let ping = pair.far.ping(inside(&pair.near, Family::V4), 1);
    ensure!(ping.is_err(), "it was answered");
    let packets = pair.near.packets_received()? - before;
    ensure!(packets == 0, "{packets} packets came through");
    let moved = SocketAddr::new(pair.cable.far(Family::V4), 9997);
    pair.near.has_endpoint(far, moved)?;
    pair.near.set(&format!("peer {other} remove"))?;
    pair.far.set(&format!("listen-port {FAR_PORT}"))?;
    pair.far.ping(inside(&pair.near, Family::V6), 1)
}

/// With another private key there is another handshake at once.
pub(super) fn private_key(pair: &mut Pair<'_>, checks: &mut Checks) {
    checks.add("at first", pair.ping_both_ways());
    for round in 1..=3 {
        checks.add(format!("near key {round}"), change_near_key(pair));
        checks.add(format!("far key {round}"), change_far_key(pair));
    }
}

pub(in crate::interop) fn change_near_key(pair: &mut Pair<'_>) -> Result<()> {
    let former = std::mem::replace(&mut pair.near.keys, KeyPair::generate()?);
    // The far end has to know the key before packets that wait have it used: the next handshake is
    // tried five seconds later.
    pair.far.set(&format!("peer {} remove", former.public))?;
    pair.configure_far()?;
    let path = pair.near.secret("key", &pair.near.keys.private)?;
    let outcome = pair.near.set(&format!("private-key {}", path.display()));
    std::fs::remove_file(path)?;
    outcome?;
    pair.near.ping_with(pair.inside(Family::V4), "-c 1 -W 1")?;
    pair.ping_both_ways()
}

pub(in crate::interop) fn change_far_key(pair: &mut Pair<'_>) -> Result<()> {
    let former = std::mem::replace(&mut pair.far.keys, KeyPair::generate()?);
    pair.configure_far()?;
    pair.near.set(&format!("peer {} remove", former.public))?;
    pair.configure_near()?;
    pair.near.ping_with(pair.inside(Family::V4), "-c 1 -W 1")?;
    pair.ping_both_ways()
}

/// A peer with a public key that is no key is never sent anything.
pub(super) fn low_order_keys(pair: &Pair<'_>, checks: &mut Checks) {
    checks.add("nothing is sent", send_to_low_order_keys(pair));
    checks.add("the other peer", pair.ping_both_ways());
}

fn send_to_low_order_keys(pair: &Pair<'_>) -> Result<()> {
    let listen = SocketAddr::new(pair.cable.far(Family::V4), 1111);
    let nobody = SocketAddr::from(([127, 0, 0, 1], 9));
    let context = (pair.far.programs, &pair.far.journal);
    let relay = Relay::start(
        &pair.far.host,
        (listen, nobody),
        Duration::from_secs(60),
        context,
    )?;
    let route = |peer: &str, address: &str| {
        pair.near.set(&format!(
            "peer {peer} allowed-ips {address}/32 endpoint {listen} persistent-keepalive 1"
        ))
    };
    for (number, key) in LOW_ORDER.iter().enumerate() {
        let address = format!("10.99.0.{}", 100 + number);
        // It may be refused; what counts is what is sent.
        let _ = route(key, &address);
        let ping = pair.near.ping_with(address.parse()?, "-c 1 -W 0.2");
        ensure!(ping.is_err(), "{key} answered");
    }
    let heard = relay.wait_for_sender(Duration::from_secs(3));
    ensure!(heard.is_err(), "something was sent");
    // The same with a key that nobody has, to see that the listener hears.
    route(&Pair::stranger()?, "10.99.0.99")?;
    relay.wait_for_sender(Duration::from_secs(3))
}
