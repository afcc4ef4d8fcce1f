//! How often: a thousand changes under traffic, twenty kills.

use super::Checks;
use super::end::End;
use super::moves::wait_until;
use super::pair::{NEAR_PORT, Pair, finish_streams};
use crate::interop::network::Family;
use crate::stopwatch::Stopwatch;
use anyhow::{Context as _, Result, ensure};
use std::fs;
use std::thread::sleep;
use std::time::Duration;

/// How much more memory a program may have after the changes, in KiB: what is kept for use again
/// is taken during the first ones.
const GROWTH_MAX: u64 = 1024;

/// How long a tunnel may take to be back (RELIABILITY.md §1).
const BACK_WITHIN: Duration = Duration::from_secs(6);

/// What a program holds.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(in crate::interop) struct Held {
    pub(in crate::interop) descriptors: usize,
    pub(in crate::interop) threads: usize,
    pub(in crate::interop) resident_kib: u64,
}

impl Held {
    /// What a program holds at rest: nobody who asks it something is connected.
    pub(in crate::interop) fn at_rest(end: &End<'_>) -> Result<Self> {
        let mut least = Self::by(end)?;
        for _ in 0..5 {
            sleep(Duration::from_millis(40));
            let held = Self::by(end)?;
            least.descriptors = least.descriptors.min(held.descriptors);
        }
        Ok(least)
    }

    fn by(end: &End<'_>) -> Result<Self> {
        let count = |directory: &str| -> Result<usize> {
            let path = end.proc().join(directory);
            let entries = fs::read_dir(&path).with_context(|| path.display().to_string())?;
            Ok(entries.count())
        };
        let status = fs::read_to_string(end.proc().join("status"))?;
        let resident = status.lines().find_map(|line| {
            let rest = line.strip_prefix("VmRSS:")?.trim();
            rest.strip_suffix(" kB")?.parse().ok()
        });
        Ok(Self {
            descriptors: count("fd")?,
            threads: count("task")?,
            resident_kib: resident.context("VmRSS")?,
        })
    }
}

/// A thousand changes of ports and peers under traffic leave descriptors and memory as they were.
pub(super) fn changes(pair: &mut Pair<'_>, is_quick: bool, checks: &mut Checks) {
    let rounds = if is_quick { 100 } else { 500 };
    checks.add("at first", pair.ping_both_ways());
    checks.add("changes under traffic", change_under_traffic(pair, rounds));
    checks.add("afterwards", pair.ping_both_ways());
}

fn change_under_traffic(pair: &mut Pair<'_>, rounds: u16) -> Result<()> {
    let far = &pair.far.keys.public;
    // Whoever is sent to alone would never say where it is.
    pair.near
        .set(&format!("peer {far} persistent-keepalive 1"))?;
    let to = pair.inside(Family::V4);
    // A first stream and first changes take what is kept.
    pair.streams(to, 2, 1_000_000)?;
    change(pair, 0..rounds / 10, |_| Ok(()))?;
    let before = Held::at_rest(&pair.near)?;
    let start = |pair: &mut Pair<'_>| pair.start_streams(to, 4, 3_000_000);
    let mut traffic = start(pair)?;
    // Streams that have ended are followed by others, so that every change is made while some flow.
    change(pair, 0..rounds, |pair| {
        if !traffic.is_running() {
            let ended = std::mem::replace(&mut traffic, start(pair)?);
            finish_streams(ended, 8)?;
        }
        Ok(())
    })?;
    finish_streams(traffic, 8)?;
    let after = Held::at_rest(&pair.near)?;
    let constant = after.descriptors == before.descriptors && after.threads == before.threads;
    ensure!(constant, "before {before:?}, after {after:?}");
    let growth = after.resident_kib.saturating_sub(before.resident_kib);
    ensure!(growth <= GROWTH_MAX, "before {before:?}, after {after:?}");
    Ok(())
}

/// Each round moves the near end to another port and adds a peer or removes it: two changes.
fn change(
    pair: &mut Pair<'_>,
    rounds: std::ops::Range<u16>,
    mut before_each: impl FnMut(&mut Pair<'_>) -> Result<()>,
) -> Result<()> {
    let stranger = Pair::stranger()?;
    for round in rounds {
        before_each(pair)?;
        let port = NEAR_PORT + 100 + round % 50;
        let peer = if round % 2 == 0 {
            "allowed-ips 10.100.0.0/16 endpoint 127.0.0.1:9"
        } else {
            "remove"
        };
        pair.near
            .set(&format!("listen-port {port} peer {stranger} {peer}"))?;
    }
    Ok(())
}

/// Killed and started again, the tunnel is back, and nothing is left of the former one.
pub(super) fn kills(pair: &mut Pair<'_>, is_quick: bool, checks: &mut Checks) {
    let rounds = if is_quick { 5 } else { 20 };
    checks.add("at first", pair.ping_both_ways());
    for round in 1..=rounds {
        checks.add(format!("kill {round}"), kill(pair));
    }
    checks.add("streams", pair.streams(pair.inside(Family::V4), 2, 500_000));
}

fn kill(pair: &mut Pair<'_>) -> Result<()> {
    pair.near.kill()?;
    let gone = || {
        ensure!(!pair.near.has_interface(), "the interface is still there");
        Ok(())
    };
    wait_until(Duration::from_secs(2), gone)?;
    let stopwatch = Stopwatch::start();
    pair.near.start_again()?;
    pair.configure_near()?;
    let to = pair.inside(Family::V4);
    wait_until(BACK_WITHIN, || pair.near.ping(to, 1))?;
    let took = stopwatch.elapsed();
    ensure!(took < BACK_WITHIN, "it took {took:?}");
    Ok(())
}
