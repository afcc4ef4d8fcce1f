//! Scenarios drawn at random.

use core::time::Duration;

use crate::dice::{Dice, Purpose};
use crate::link::{Loss, Quality, Reorder};
use crate::scenario::{
    Attachment, Cut, Cycle, Fault, FaultKind, Flow, Pattern, Scenario, Topology, TunnelPlan,
};

const fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

const fn milliseconds(milliseconds: u64) -> Duration {
    Duration::from_millis(milliseconds)
}

/// The shortest calm: 60 s to reconnect in and what is needed to see that it stays so.
const CALM_MIN: Duration = seconds(90);

/// A day, in seconds: the furthest that a wall clock is set.
const DAY: usize = 86_400;

impl Scenario {
    /// Draws the scenario of a seed.
    #[must_use]
    pub fn draw(seed: u64) -> Self {
        let mut dice = Dice::new(seed, Purpose::Scenario);
        let topology = dice.pick(&[
            Topology::Pair,
            Topology::Pair,
            Topology::Pair,
            Topology::Star,
            Topology::Mesh,
        ]);
        let nodes = attachments(topology, &mut dice);
        let tunnels = tunnels(topology, nodes.len(), &mut dice);
        let flows = flows(&tunnels, &mut dice);
        let mut scenario = Self {
            seed,
            topology,
            outer_v6: dice.chance(0.25),
            latency: dice.pick(&[Duration::ZERO, milliseconds(1), milliseconds(20)]),
            cycles: cycles(&nodes, &mut dice),
            nodes,
            tunnels,
            flows,
        };
        if dice.chance(DEEP_REORDERING) {
            reorder_deeply(&mut scenario, &mut dice);
        }
        scenario
    }
}

/// How many scenarios have what overtakes a datagram by more than the replay window is long.
const DEEP_REORDERING: f64 = 0.08;

/// Packets of a burst: more than the replay window is long.
const BURST_LEN_MAX: usize = 12_000;

/// Has the first flow send long bursts, over paths that hold back some datagrams for long and lose few:
/// one without the other overtakes nothing by much.
fn reorder_deeply(scenario: &mut Scenario, dice: &mut Dice) {
    let Some(flow) = scenario.flows.first_mut() else {
        return;
    };
    let every = dice.magnitude(seconds(60), seconds(600));
    flow.pattern = Pattern::Bursts(every, BURST_LEN_MAX);
    for path in scenario.cycles.iter_mut().flat_map(|it| &mut it.rough) {
        path.loss = Loss::Uniform(dice.fraction(0.0, 0.1));
        path.corrupt = 0.0;
        path.mtu = 1500;
        path.reorder = Reorder {
            probability: dice.fraction(0.0005, 0.01),
            depth: 10_000,
        };
    }
}

/// Of two peers at most one changes its address: if both do at once, neither can find the other.
fn attachments(topology: Topology, dice: &mut Dice) -> Vec<Attachment> {
    let count = match topology {
        Topology::Pair => 2,
        Topology::Star => dice.between(3, 7),
        Topology::Mesh => dice.between(3, 5),
    };
    let mut nodes = vec![Attachment::Fixed; count];
    let may_move = match topology {
        Topology::Pair | Topology::Star => 1..count,
        Topology::Mesh => {
            let one = dice.below(count);
            one..one + 1
        }
    };
    for node in &mut nodes[may_move] {
        *node = dice.pick(&[Attachment::Fixed, Attachment::Nat, Attachment::Roaming]);
    }
    nodes
}

fn tunnels(topology: Topology, nodes: usize, dice: &mut Dice) -> Vec<TunnelPlan> {
    let mut tunnels = Vec::new();
    for one in 0..nodes {
        for other in one + 1..nodes {
            if one == 0 || topology == Topology::Mesh {
                tunnels.push(TunnelPlan {
                    ends: [one, other],
                    preshared_key: dice.chance(0.5),
                    keepalive: [keepalive(dice), keepalive(dice)],
                });
            }
        }
    }
    tunnels
}

fn keepalive(dice: &mut Dice) -> Option<Duration> {
    dice.pick(&[None, None, None, Some(seconds(25)), Some(seconds(5))])
}

fn flows(tunnels: &[TunnelPlan], dice: &mut Dice) -> Vec<Flow> {
    let mut flows = Vec::new();
    for tunnel in tunnels {
        let [one, other] = tunnel.ends;
        for (from, to) in [(one, other), (other, one)] {
            // A quarter of the tunnels, and half of the directions, stay idle.
            if dice.chance(0.5) {
                let pattern = pattern(dice);
                flows.push(Flow { from, to, pattern });
            }
        }
    }
    flows
}

fn pattern(dice: &mut Dice) -> Pattern {
    let interval = dice.magnitude(milliseconds(100), seconds(5));
    match dice.below(20) {
        0..8 => Pattern::PingPong(interval),
        8..14 => Pattern::OneWay(interval),
        14..17 => {
            let every = dice.magnitude(seconds(3), seconds(200));
            Pattern::Bursts(every, dice.between(2, 150))
        }
        17 => {
            let every = dice.magnitude(seconds(1800), seconds(7200));
            Pattern::Bursts(every, BURST_LEN_MAX)
        }
        _ => Pattern::Rare(dice.magnitude(seconds(60), seconds(900))),
    }
}

fn cycles(nodes: &[Attachment], dice: &mut Dice) -> Vec<Cycle> {
    let total = dice.magnitude(seconds(300), seconds(3 * 3600));
    let mut cycles: Vec<Cycle> = Vec::new();
    let mut begins = Duration::ZERO;
    // A few runs know no trouble at all: there, not one packet may be lost.
    let is_quiet = dice.chance(0.05);
    while begins < total {
        let heals = if is_quiet {
            begins
        } else {
            begins + dice.magnitude(seconds(10), seconds(800))
        };
        let ends = heals + CALM_MIN + dice.magnitude(seconds(1), seconds(600));
        cycles.push(Cycle {
            begins,
            heals,
            ends,
            rough: [rough(dice), rough(dice)],
            calm: calm(dice, is_quiet),
            faults: faults(nodes, begins, heals, dice),
        });
        begins = ends;
    }
    cycles
}

fn rough(dice: &mut Dice) -> Quality {
    let loss = match dice.below(4) {
        0 => Loss::None,
        1 => Loss::Uniform(dice.fraction(0.0, 0.9)),
        2 => Loss::Uniform(dice.fraction(0.0, 0.3)),
        _ => Loss::Bursts {
            begin: dice.fraction(0.002, 0.1),
            end: dice.fraction(0.01, 0.3),
            loss: dice.fraction(0.5, 1.0),
        },
    };
    let depth = dice.pick(&[3, 30, 300, 3000, 10_000]);
    Quality {
        loss,
        delay: dice.magnitude(milliseconds(1), milliseconds(800)),
        jitter: dice.magnitude(milliseconds(1), seconds(2)),
        duplicate: sometimes(dice, 0.3, 0.05),
        reorder: Reorder {
            probability: sometimes(dice, 0.3, 0.1),
            depth,
        },
        corrupt: sometimes(dice, 0.2, 0.05),
        mtu: dice.pick(&[1500, 1500, 1500, 1500, 1400, 1280, 576]),
    }
}

/// At most 30 % lost, and half the time nothing at all.
fn calm(dice: &mut Dice, is_quiet: bool) -> Quality {
    let loss = match dice.below(4) {
        _ if is_quiet => Loss::None,
        0 => Loss::Uniform(dice.fraction(0.0, 0.3)),
        1 => Loss::Uniform(0.3),
        _ => Loss::None,
    };
    Quality {
        loss,
        delay: dice.magnitude(milliseconds(1), milliseconds(300)),
        jitter: dice.pick(&[Duration::ZERO, milliseconds(5), milliseconds(100)]),
        duplicate: sometimes(dice, 0.2, 0.05),
        ..Quality::CLEAN
    }
}

fn sometimes(dice: &mut Dice, how_often: f64, at_most: f64) -> f64 {
    if dice.chance(how_often) {
        dice.fraction(0.0, at_most)
    } else {
        0.0
    }
}

fn faults(nodes: &[Attachment], begins: Duration, heals: Duration, dice: &mut Dice) -> Vec<Fault> {
    if begins == heals {
        return Vec::new();
    }
    let mut faults: Vec<Fault> = (0..dice.between(0, 6))
        .map(|_| {
            let at = dice.duration(begins, heals);
            let node = dice.below(nodes.len());
            let kind = fault(nodes[node], heals - at, dice);
            Fault { at, node, kind }
        })
        .collect();
    faults.sort_by_key(|fault| fault.at);
    faults
}

/// Draws a fault that is over after `left`.
fn fault(attachment: Attachment, left: Duration, dice: &mut Dice) -> FaultKind {
    match dice.below(14) {
        0..3 => FaultKind::Partition {
            lasts: dice.magnitude(seconds(1), seconds(400)).min(left),
            cut: dice.pick(&[Cut::Both, Cut::Both, Cut::Outgoing, Cut::Incoming]),
        },
        3..5 => FaultKind::Restart {
            gone: dice.magnitude(milliseconds(100), seconds(300)).min(left),
            reboot: dice.chance(0.5),
        },
        5..7 => FaultKind::Suspend {
            lasts: dice.magnitude(seconds(1), seconds(7200)).min(left),
            noticed: dice.chance(0.7),
        },
        7..9 => FaultKind::ClockStep(clock_step(dice)),
        9..12 if attachment != Attachment::Fixed => FaultKind::Rebind,
        12 => FaultKind::Readd,
        13 => FaultKind::Flood(dice.between(600, 1200)),
        _ => FaultKind::Replay {
            count: dice.between(1, 100),
            spoofed: dice.chance(0.5),
        },
    }
}

fn clock_step(dice: &mut Dice) -> i64 {
    let most = dice.pick(&[2, 60, 3600, DAY]);
    let by = i64::try_from(dice.between(1, most)).unwrap_or(1);
    if dice.chance(0.5) { -by } else { by }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_draws_the_same_scenario_each_time_and_others_differ() {
        assert_eq!(Scenario::draw(1), Scenario::draw(1));
        assert_ne!(Scenario::draw(1).cycles, Scenario::draw(2).cycles);
    }

    #[test]
    fn every_fault_is_over_when_its_trouble_ends() {
        for scenario in (0..500).map(Scenario::draw) {
            for cycle in &scenario.cycles {
                assert!(cycle.begins <= cycle.heals && cycle.heals + CALM_MIN <= cycle.ends);
                for fault in &cycle.faults {
                    let lasts = match fault.kind {
                        FaultKind::Partition { lasts, .. } | FaultKind::Suspend { lasts, .. } => {
                            lasts
                        }
                        FaultKind::Restart { gone, .. } => gone,
                        _ => Duration::ZERO,
                    };
                    assert!(fault.at + lasts <= cycle.heals, "{scenario}");
                }
            }
        }
    }

    #[test]
    fn of_two_peers_at_least_one_keeps_its_address() {
        for scenario in (0..500).map(Scenario::draw) {
            for tunnel in &scenario.tunnels {
                let is_fixed = |end: usize| scenario.nodes[end] == Attachment::Fixed;
                assert!(tunnel.ends.into_iter().any(is_fixed), "{scenario}");
            }
        }
    }

    #[test]
    fn every_kind_of_fault_and_of_traffic_is_drawn() {
        let scenarios: Vec<Scenario> = (0..500).map(Scenario::draw).collect();
        let text: String = scenarios.iter().map(ToString::to_string).collect();
        for name in [
            "Pair",
            "Star",
            "Mesh",
            "IPv6",
            "Nat",
            "Roaming",
            "PingPong",
            "OneWay",
            "Bursts",
            "Rare",
            "Both",
            "Outgoing",
            "Incoming",
            "Restart",
            "Suspend",
            "ClockStep",
            "Rebind",
            "Replay",
            "Readd",
            "Flood",
            "bursts of",
            "twice",
            "late",
            "corrupted",
            "MTU",
            "12000",
        ] {
            assert!(text.contains(name), "{name}");
        }
    }
}
