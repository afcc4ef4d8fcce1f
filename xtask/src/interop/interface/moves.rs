//! Where the ends are: roaming, NAT, an address of ours that goes away.

use super::Checks;
use super::end::End;
use super::pair::{FAR_PORT, NEAR_PORT, Pair, inside};
use super::relay::Relay;
use crate::interop::network::{Cable, Family, Host};
use crate::stopwatch::Deadline;
use anyhow::{Context as _, Result, ensure};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::thread::sleep;
use std::time::Duration;

/// How long a router remembers a flow of datagrams.
const FORGET_AFTER: Duration = Duration::from_secs(2);

/// An end that moves is followed from the first packet on, over both families, in both directions.
pub(super) fn roaming(pair: &Pair<'_>, checks: &mut Checks) {
    checks.add("at first", pair.ping_both_ways());
    for (port, family) in [(9991, Family::V4), (9992, Family::V6), (9993, Family::V4)] {
        let name = format!("the near end moves to port {port}, {family:?}");
        checks.add(name, near_moves(pair, port, family));
        let name = format!("the far end moves to port {}, {family:?}", port + 10);
        checks.add(name, far_moves(pair, port + 10, family));
    }
}

fn near_moves(pair: &Pair<'_>, port: u16, family: Family) -> Result<()> {
    let far = &pair.far.keys.public;
    let far_port = listen_port(&pair.far)?;
    let endpoint = SocketAddr::new(pair.cable.far(family), far_port);
    pair.near.set(&format!(
        "listen-port {port} peer {far} endpoint {endpoint}"
    ))?;
    pair.near.ping(pair.inside(Family::V6), 1)?;
    let expected = SocketAddr::new(pair.cable.near(family), port);
    pair.far.has_endpoint(&pair.near.keys.public, expected)?;
    pair.far.ping(inside(&pair.near, Family::V4), 1)
}

fn far_moves(pair: &Pair<'_>, port: u16, family: Family) -> Result<()> {
    pair.far.set(&format!("listen-port {port}"))?;
    pair.far.ping(inside(&pair.near, Family::V6), 1)?;
    let expected = SocketAddr::new(pair.cable.far(family), port);
    pair.near.has_endpoint(&pair.far.keys.public, expected)?;
    pair.near.ping(pair.inside(Family::V4), 1)
}

fn listen_port(end: &End<'_>) -> Result<u16> {
    let shown = end.wg(&["show", &end.interface, "listen-port"])?;
    shown.parse().context(shown)
}

/// The address that the far end heard us on is removed: we send from another.
pub(super) fn source_address(pair: &Pair<'_>, checks: &mut Checks) {
    for (family, other) in [
        (Family::V4, Ipv4Addr::new(10, 77, 1, 10).into()),
        (
            Family::V6,
            Ipv6Addr::new(0xfd77, 1, 0, 0, 0, 0, 0, 0x10).into(),
        ),
    ] {
        let name = format!("another address of ours, {family:?}");
        checks.add(name, falls_over(pair, family, other));
    }
}

fn falls_over(pair: &Pair<'_>, family: Family, other: IpAddr) -> Result<()> {
    let endpoint = SocketAddr::new(pair.cable.far(family), FAR_PORT);
    pair.near.set(&format!(
        "peer {} endpoint {endpoint}",
        pair.far.keys.public
    ))?;
    pair.ping_both_ways()?;
    let first = pair.cable.near(family);
    let near = &pair.near.keys.public;
    pair.far
        .has_endpoint(near, SocketAddr::new(first, NEAR_PORT))?;

    let interface = format!("v-{}", pair.far.host.name());
    let (length, flag) = match family {
        Family::V4 => (24, ""),
        Family::V6 => (64, "nodad"),
    };
    pair.near
        .host
        .ip(&format!("addr del {first}/{length} dev {interface}"))?;
    pair.near
        .host
        .ip(&format!("addr add {other}/{length} dev {interface} {flag}"))?;

    // The packet that finds the address gone may be lost.
    let ping = || pair.near.ping(pair.inside(Family::V4), 1);
    ping().or_else(|_| ping())?;
    pair.far
        .has_endpoint(near, SocketAddr::new(other, NEAR_PORT))?;
    pair.far.ping(inside(&pair.near, Family::V4), 1)
}

/// Behind a router that forgets after two seconds, keepalives keep the way in open, and nothing else does.
pub(super) fn nat(pair: &Pair<'_>, checks: &mut Checks) {
    let router = match Router::between(pair) {
        Ok(router) => router,
        Err(error) => return checks.add("the router", Err(error)),
    };
    checks.add("through the router", router.is_passed(pair));
    let from_outside = || {
        sleep(FORGET_AFTER * 2);
        pair.far.ping(inside(&pair.near, Family::V4), 1)
    };
    checks.add("open with keepalives", from_outside());
    let closed = || {
        let far = &pair.far.keys.public;
        pair.near
            .set(&format!("peer {far} persistent-keepalive 0"))?;
        ensure!(from_outside().is_err(), "the router did not forget");
        Ok(())
    };
    checks.add("closed without", closed());
    checks.add("opened from inside", pair.ping_both_ways());
}

/// A host between the ends whose near side the near end sends to.
struct Router {
    outer: Cable,
    _relay: Relay,
    _host: Host,
}

impl Router {
    fn between(pair: &Pair<'_>) -> Result<Self> {
        let host = Host::add(pair.near.interface.replace("near", "nat"))?;
        let inner = Cable::join(&pair.near.host, &host, 2)?;
        let outer = Cable::join_as(&host, &pair.far.host, 3, "r")?;
        let listen = SocketAddr::new(inner.far(Family::V4), 7000);
        let to = SocketAddr::new(outer.far(Family::V4), FAR_PORT);
        let context = (pair.near.programs, &pair.near.journal);
        let relay = Relay::start(&host, (listen, to), FORGET_AFTER, context)?;
        let far = &pair.far.keys.public;
        pair.near.set(&format!(
            "peer {far} endpoint {listen} persistent-keepalive 1"
        ))?;
        Ok(Self {
            outer,
            _relay: relay,
            _host: host,
        })
    }

    fn is_passed(&self, pair: &Pair<'_>) -> Result<()> {
        pair.ping_both_ways()?;
        let columns = pair.far.of_peer("endpoints", &pair.near.keys.public)?;
        let seen: SocketAddr = columns.first().context("an endpoint")?.parse()?;
        let router = self.outer.near(Family::V4);
        ensure!(seen.ip() == router, "the far end sees {seen}, not {router}");
        Ok(())
    }
}

/// Waits until `what` holds.
pub(super) fn wait_until(within: Duration, mut what: impl FnMut() -> Result<()>) -> Result<()> {
    let deadline = Deadline::after(within);
    loop {
        match what() {
            Err(_) if !deadline.has_passed() => sleep(Duration::from_millis(50)),
            outcome => return outcome,
        }
    }
}
