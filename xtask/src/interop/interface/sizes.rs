//! How much: bytes counted and padded, many streams, many prefixes, a tunnel inside a tunnel.

use super::Checks;
use super::end::{End, Transfer};
use super::pair::{FAR_PORT, NEAR_PORT, Pair, inside};
use crate::interop::network::{Family, Host};
use crate::interop::node::Implementation;
use crate::stopwatch::Stopwatch;
use anyhow::{Context as _, Result, ensure};
use std::fmt::Write as _;
use std::time::Duration;

/// A handshake's messages, and a keepalive.
const INITIATION_LEN: u64 = 148;
const RESPONSE_LEN: u64 = 92;
const KEEPALIVE_LEN: u64 = 32;

/// Header and tag around every packet.
const OVERHEAD_LEN: u64 = 32;

/// An IPv4 ping of 56 bytes: 84, padded to 96.
const PING_LEN: u64 = 96 + OVERHEAD_LEN;

/// The same from `BoringTun`, which does not pad.
const PING_UNPADDED_LEN: u64 = 84 + OVERHEAD_LEN;

/// IPv4 and ICMP in front of a ping's payload.
const PING_HEADER_LEN: u64 = 28;

/// Ten pings and a handshake are counted to the byte, on both ends.
pub(super) fn counters(pair: &Pair<'_>, checks: &mut Checks) {
    for outer in [Family::V4, Family::V6] {
        checks.add(
            format!("ten pings over {outer:?}"),
            count_pings(pair, outer),
        );
    }
}

fn count_pings(pair: &Pair<'_>, outer: Family) -> Result<()> {
    let far = &pair.far.keys.public;
    // A peer that is removed and set again is counted from zero.
    pair.near.set(&format!("peer {far} remove"))?;
    pair.far
        .set(&format!("peer {} remove", pair.near.keys.public))?;
    pair.configure_far()?;
    pair.configure_near()?;
    let endpoint = std::net::SocketAddr::new(pair.cable.far(outer), FAR_PORT);
    pair.near.set(&format!("peer {far} endpoint {endpoint}"))?;

    let received_before = pair.near.packets_received()?;
    pair.near
        .ping_with(pair.inside(Family::V4), "-c 10 -i 0.01 -W 2")?;

    let is_boringtun = pair.far.implementation == Implementation::Boringtun;
    let pings = 10 * PING_LEN;
    let answers = 10
        * if is_boringtun {
            PING_UNPADDED_LEN
        } else {
            PING_LEN
        };
    let near = pair.near.transfer(far)?;
    ensure!(near.received == RESPONSE_LEN + answers, "near {near:?}");
    // A keepalive may say that the response has arrived.
    let sent = INITIATION_LEN + pings;
    let may_have_sent = [sent, sent + KEEPALIVE_LEN];
    ensure!(may_have_sent.contains(&near.sent), "near {near:?}");
    let packets = pair.near.packets_received()? - received_before;
    ensure!(packets == 10, "{packets} packets at the interface");
    if is_boringtun {
        // It counts the packets, not what they are carried in.
        return Ok(());
    }
    let expected = Transfer {
        received: near.sent,
        sent: near.received,
    };
    let far = pair.far.transfer(&pair.near.keys.public)?;
    ensure!(far == expected, "far {far:?}, near {near:?}");
    Ok(())
}

/// Packets are padded to a multiple of 16, but not past the MTU, and those that fill it not at all.
pub(super) fn padding(pair: &Pair<'_>, checks: &mut Checks) {
    for (mtu, packet, padded) in [
        (1420, 84, 96),
        (1420, 96, 96),
        (1300, 1297, 1300),
        (1300, 1300, 1300),
        (1299, 1281, 1296),
        (1299, 1297, 1299),
    ] {
        let name = format!("{packet} bytes with an MTU of {mtu}");
        checks.add(name, pad(pair, mtu, packet, padded));
    }
}

fn pad(pair: &Pair<'_>, mtu: u16, packet: u64, padded: u64) -> Result<()> {
    for end in [&pair.near, &pair.far] {
        end.host
            .ip(&format!("link set {} mtu {mtu}", end.interface))?;
    }
    // A handshake beforehand is not counted, and the program hears of the MTU.
    pair.near.ping(pair.inside(Family::V4), 1)?;
    let before = pair.near.transfer(&pair.far.keys.public)?;
    let payload = packet - PING_HEADER_LEN;
    let words = format!("-c 1 -W 2 -s {payload} -M do");
    pair.near.ping_with(pair.inside(Family::V4), &words)?;
    let after = pair.near.transfer(&pair.far.keys.public)?;
    let sent = after.sent - before.sent - OVERHEAD_LEN;
    ensure!(sent == padded, "{sent} bytes, not {padded}");
    Ok(())
}

/// Fifty streams each way at once.
pub(super) fn flows(pair: &mut Pair<'_>, checks: &mut Checks) {
    for family in [Family::V4, Family::V6] {
        let to = pair.inside(family);
        let outcome = pair.streams(to, 50, 200_000);
        checks.add(format!("50 streams, {family:?}"), outcome);
    }
}

/// 130,560 allowed IPs in one `wg setconf`: all are there, and packets flow.
pub(super) fn many_prefixes(pair: &Pair<'_>, checks: &mut Checks) {
    let stopwatch = Stopwatch::start();
    checks.add("setconf", set_many_prefixes(pair));
    let took = stopwatch.elapsed();
    let in_time = || {
        ensure!(took < Duration::from_secs(10), "it took {took:?}");
        Ok(())
    };
    checks.add("in time", in_time());
    let shown = || {
        let count = pair
            .near
            .of_peer("allowed-ips", &pair.far.keys.public)?
            .len();
        ensure!(count == PREFIXES + 2, "{count} prefixes");
        Ok(())
    };
    checks.add("all of them", shown());
    checks.add("ping", pair.ping_both_ways());
}

const PREFIXES: usize = 130_560;

fn set_many_prefixes(pair: &Pair<'_>) -> Result<()> {
    let mut text = pair.near_config().for_wg();
    // Half of each family; no two alike, and none of those of the two ends.
    for high in 0..255 {
        text += "AllowedIPs = ";
        for low in 0..256 {
            write!(text, "10.1.{high}.{low}/32, fd42::{high:x}:{low:x}/128")?;
            text += if low == 255 { "\n" } else { ", " };
        }
    }
    pair.near.setconf(&text)
}

/// A tunnel whose outer packets go through the first one.
pub(super) fn nested(pair: &mut Pair<'_>, checks: &mut Checks) {
    match start_inner(pair) {
        Ok([near, far]) => {
            checks.add("ping inside", ping_inner(&near, &far));
            let to = inside(&far, Family::V4);
            checks.add("streams inside", pair.streams(to, 4, 1_000_000));
        }
        Err(error) => checks.add("the tunnel inside", Err(error)),
    }
    checks.add("ping outside", pair.ping_both_ways());
}

fn ping_inner(near: &End<'_>, far: &End<'_>) -> Result<()> {
    near.ping(inside(far, Family::V4), 3)?;
    near.ping(inside(far, Family::V6), 3)?;
    let words = "-c 3 -i 0.1 -W 2 -s 1312 -M do";
    near.ping_with(inside(far, Family::V4), words)
}

/// Programs of their own on the same hosts, whose endpoints are inside the first tunnel.
fn start_inner<'a>(pair: &Pair<'a>) -> Result<[End<'a>; 2]> {
    let inner = |end: &End<'a>, number| {
        let host = Host::again(&end.host);
        let context = (end.programs, &end.journal);
        let name = format!("{}-i", end.interface);
        let inner = End::start(host, name, number, end.implementation, context)?;
        // Packets of the tunnel inside are longer by 80 bytes than what they hold.
        inner
            .host
            .ip(&format!("link set {} mtu 1340", inner.interface))?;
        Ok::<_, anyhow::Error>(inner)
    };
    let (near, far) = (inner(&pair.near, 11)?, inner(&pair.far, 12)?);
    for (end, other, outer) in [(&near, &far, &pair.far), (&far, &near, &pair.near)] {
        let (v4, v6) = (other.addresses.v4, other.addresses.v6);
        let mut text = format!("[Interface]\nPrivateKey = {}\n", end.keys.private);
        let (port, other_port) = if std::ptr::eq(end, &near) {
            (NEAR_PORT + 10, FAR_PORT + 10)
        } else {
            (FAR_PORT + 10, NEAR_PORT + 10)
        };
        write!(
            text,
            "ListenPort = {port}\n[Peer]\nPublicKey = {}\nAllowedIPs = {v4}/32, {v6}/128\n\
             Endpoint = {}:{other_port}\n",
            other.keys.public, outer.addresses.v4
        )
        .context("a string takes it")?;
        end.setconf(&text)?;
        // The prefix of the outer interface holds these addresses, too: these routes are longer.
        end.host
            .ip(&format!("route add {v4}/32 dev {}", end.interface))?;
        end.host
            .ip(&format!("route add {v6}/128 dev {}", end.interface))?;
    }
    Ok([near, far])
}
