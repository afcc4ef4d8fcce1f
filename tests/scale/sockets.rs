//! The figures of real sockets: the handshakes of all peers at once, and what idle peers cost.

use core::time::Duration;
use std::thread::sleep;

use anyhow::{Context as _, Result};
use serde_json::{Value, json};
use wirecraft_tests::{Figures, Part, Target};

use crate::Plan;

/// The handshakes of all peers may take this long, in seconds.
const STORM_TARGET: f64 = 15.0;

/// After this long the harness gives them up, in seconds.
const STORM_LIMIT: f64 = 60.0;

/// Timers that the handshakes set have run out after this long.
const SETTLE: Duration = Duration::from_secs(6);

/// The interval of keepalives.
const KEEPALIVE: Duration = Duration::from_secs(25);

/// All peers change their keys within this long: once in 120 s, when a keepalive is due.
const KEY_LIFE: Duration = Duration::from_secs(125);

pub(crate) fn measure(plan: &Plan, figures: &mut Figures) -> Result<()> {
    let mut endpoint = Part::start(None, "endpoint", &[])?;
    let started = endpoint.ask(&json!({"peers": plan.peers}))?;
    let mut clients = Part::start(None, "clients", &[])?;
    clients.ask(&json!({"peers": plan.peers, "port": started["port"]}))?;
    let before = endpoint.ask(&json!({}))?;
    let storm = clients.ask(&json!({"connect within": STORM_LIMIT}))?;
    let after = endpoint.ask(&json!({}))?;
    let peers = plan.peers as f64;
    figures.add(
        "loading into a driver, s of a core",
        Target::AtMost(2.0),
        number(&started["load"])?,
    );
    figures.add(
        "peers connected",
        Target::AtLeast(peers),
        number(&storm["connected"])?,
    );
    figures.add(
        "handshakes of all at once, s",
        Target::AtMost(STORM_TARGET),
        number(&storm["seconds"])?,
    );
    report_storm(&before, &after, figures)?;
    let grown = number(&after["resident"])? - number(&started["empty"])?;
    figures.add(
        "resident memory of a peer, bytes",
        Target::AtMost(12_288.0),
        grown / peers,
    );
    sleep(SETTLE);
    let share = watch(&mut endpoint, plan.idle)?;
    figures.add(
        "idle, no keepalives, % of a core",
        Target::AtMost(0.1),
        share,
    );
    clients.ask(&json!({"keepalive": KEEPALIVE.as_secs_f64()}))?;
    // Each peer sends one at once; then all do so once in each interval.
    sleep(SETTLE);
    let share = watch(&mut endpoint, KEEPALIVE)?;
    figures.add(
        "25 s keepalives of peers, % of a core",
        Target::AtMost(1.0),
        share,
    );
    if plan.long {
        let share = watch(&mut endpoint, KEY_LIFE)?;
        figures.add(
            "the same with new keys, % of a core",
            Target::AtMost(1.0),
            share,
        );
    }
    Ok(())
}

/// What the handshakes cost the endpoint, and how it defended itself.
fn report_storm(before: &Value, after: &Value, figures: &mut Figures) -> Result<()> {
    for name in [
        "initiations_received",
        "cookie_replies_sent",
        "rate_limited",
        "lane_full",
    ] {
        let count = number(&after["counters"][name])?;
        figures.add(format!("  {name}"), Target::None, count);
    }
    let cpu = difference(before, after, "cpu")?;
    figures.add("  endpoint, s of a core", Target::None, cpu);
    Ok(())
}

/// Lets time pass; answers what the endpoint used meanwhile, in per cent of a core.
fn watch(endpoint: &mut Part, time: Duration) -> Result<f64> {
    let before = endpoint.ask(&json!({}))?;
    sleep(time);
    let after = endpoint.ask(&json!({}))?;
    Ok(difference(&before, &after, "cpu")? / difference(&before, &after, "at")? * 100.0)
}

fn difference(before: &Value, after: &Value, name: &str) -> Result<f64> {
    Ok(number(&after[name])? - number(&before[name])?)
}

fn number(value: &Value) -> Result<f64> {
    value.as_f64().context("a number")
}
