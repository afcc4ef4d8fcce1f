//! The figures that need no sockets.

use core::time::Duration;

use anyhow::Result;
use wirecraft_tests::{Figures, Target, Usage};

use crate::Plan;
use crate::crowd::Crowd;
use crate::packets::{From, Load, median};

/// The interval at which most are told to send keepalives.
const KEEPALIVE: Duration = Duration::from_secs(25);

/// Packets of which the cost is measured at once.
const PACKETS: usize = 10_000;

/// How long idle peers are watched, by the clock of the devices.
const IDLE: Duration = Duration::from_secs(60);

/// How long their keepalives are watched: long enough for all to change their keys twice.
const KEPT_ALIVE: Duration = Duration::from_secs(250);

pub(crate) fn measure(plan: &Plan, figures: &mut Figures) -> Result<()> {
    let peers = plan.peers as f64;
    let resident_before = Usage::of_this_process()?.resident_len;
    let mut crowd = Crowd::new(plan.peers)?;
    figures.add(
        "loading all peers, s",
        Target::AtMost(2.0),
        crowd.load_time.as_secs_f64(),
    );
    let loaded = crowd.spent.heap_len as f64 / peers;
    figures.add(
        "heap of a peer without a session, bytes",
        Target::None,
        loaded,
    );
    crowd.connect()?;
    let connected = crowd.spent.heap_len as f64 / peers;
    figures.add(
        "heap of a peer with a session, bytes",
        Target::AtMost(12_288.0),
        connected,
    );
    let resident = Usage::of_this_process()?.resident_len - resident_before;
    let both = resident as f64 / peers;
    figures.add("resident, a peer and its client, bytes", Target::None, both);
    figures.add(
        "handshake at the endpoint, us",
        Target::None,
        crowd.spent.time.as_secs_f64() * 1e6 / peers,
    );
    measure_idle(&mut crowd, figures)?;
    measure_packets(plan, &mut crowd, figures)
}

fn measure_idle(crowd: &mut Crowd, figures: &mut Figures) -> Result<()> {
    crowd.spent.time = Duration::ZERO;
    let wakeups = crowd.idle(IDLE);
    figures.add(
        "idle, no keepalives: wakeups in 60 s",
        Target::AtMost(0.0),
        wakeups as f64,
    );
    crowd.keep_alive(KEEPALIVE, KEPT_ALIVE)?;
    let share = crowd.spent.time.as_secs_f64() / KEPT_ALIVE.as_secs_f64() * 100.0;
    figures.add(
        "25 s keepalives of peers and new keys, % of a core",
        Target::AtMost(1.0),
        share,
    );
    crowd.keep_alive_by_endpoint(KEEPALIVE)?;
    crowd.idle(IDLE);
    let share = crowd.spent.time.as_secs_f64() / IDLE.as_secs_f64() * 100.0;
    figures.add(
        "25 s keepalives of the endpoint, % of a core",
        Target::AtMost(1.0),
        share,
    );
    Ok(())
}

fn measure_packets(plan: &Plan, crowd: &mut Crowd, figures: &mut Figures) -> Result<()> {
    let mut alone = Crowd::new(1)?;
    alone.connect()?;
    let mut fresh = Crowd::new(plan.peers)?;
    fresh.connect()?;
    *crowd = fresh;
    let (mut of_one, mut among_all, mut of_all) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..plan.repetitions {
        let load = Load::seal(&mut alone, From::One, PACKETS)?;
        of_one.push(load.receive(&mut alone)?);
        let load = Load::seal(crowd, From::One, PACKETS)?;
        among_all.push(load.receive(crowd)?);
        let load = Load::seal(crowd, From::All, PACKETS)?;
        of_all.push(load.receive(crowd)?);
    }
    let nanoseconds = |times| median(times).as_secs_f64() * 1e9;
    let (of_one, among_all) = (nanoseconds(of_one), nanoseconds(among_all));
    figures.add("packet of the only peer, ns", Target::None, of_one);
    let more = (among_all / of_one - 1.0) * 100.0;
    figures.add(
        "packet of one busy peer among all: more, %",
        Target::AtMost(10.0),
        more,
    );
    let more = nanoseconds(of_all) - of_one;
    figures.add(
        "packet when all are busy: more, ns",
        Target::AtMost(400.0),
        more,
    );
    Ok(())
}
