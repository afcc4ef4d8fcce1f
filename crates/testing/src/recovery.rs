//! Whether tunnels work again after trouble, and then go on working.

use core::time::Duration;
use std::collections::BTreeMap;

use wirecraft_time::Instant;
use wirecraft_tunnel::{
    KEEPALIVE_TIMEOUT, REKEY_TIMEOUT, REKEY_TIMEOUT_JITTER_MAX, REPLAY_WINDOW_LEN,
};

use crate::link::Loss;
use crate::observer::Violation;
use crate::payload::Label;
use crate::scenario::{Attachment, Cycle, Fault, FaultKind, Flow, Pattern, Scenario};
use crate::tally::Tally;

/// The time in which a flow is to deliver something after trouble.
pub(crate) const RECONNECT_WITHIN: Duration = Duration::from_secs(60);

/// Flows that send more seldom than this are not counted: where much is lost, 60 s are too few packets.
const COUNTED_INTERVAL_MAX: Duration = Duration::from_secs(5);

/// After it delivered something, a flow has this long until it must not lose anything any more.
const SETTLES_WITHIN: Duration = Duration::from_secs(20);

/// What is offered so shortly before the end of a calm may still be under way when it ends.
///
/// Without a session a packet waits until an initiation may be sent.
const ARRIVES_WITHIN: Duration = Duration::from_secs(10);

/// A node that moved and speaks at least so often is found again in time where much is lost, too.
const HEARD_INTERVAL_MAX: Duration = Duration::from_secs(5);

/// What the sender of a flow has of its receiver when a calm begins.
#[derive(Clone, Copy, Default, Debug)]
pub(crate) struct Acquaintance {
    /// Whether it knows where the receiver is.
    pub(crate) knows_address: bool,
    /// Whether it understands what the receiver says: in a session, or in a handshake if the receiver
    /// lost that, and is not shut out by its clock.
    pub(crate) understands: bool,
}

/// A flow in a calm.
pub(crate) struct Watch {
    flow: usize,
    /// Whether the flow has to deliver something in time.
    is_counted: bool,
    calm_began_at: Duration,
    calm_ends_at: Duration,
    is_lossless: bool,
    /// Whether every packet of a flow that has settled has to arrive.
    misses_none: bool,
    loses_30_percent: bool,
    /// The longest that it may take on a lossless path.
    most: Duration,
    first_offered_at: Option<Instant>,
    delivered_at: Option<Instant>,
    /// Packets that must arrive.
    awaited: BTreeMap<(bool, u64), Duration>,
}

impl Watch {
    /// Begins to watch a flow.
    ///
    /// It has to deliver something in time if its sender can know where its receiver is.
    pub(crate) fn begin(
        scenario: &Scenario,
        cycle: &Cycle,
        flow: usize,
        acquaintance: Acquaintance,
    ) -> Self {
        let interval = scenario.flows[flow].pattern.interval();
        let found_after = found_after(scenario, cycle, flow, acquaintance);
        Self {
            flow,
            is_counted: found_after.is_some() && interval <= COUNTED_INTERVAL_MAX,
            calm_began_at: cycle.heals,
            calm_ends_at: cycle.ends,
            is_lossless: cycle.calm.is_lossless(),
            misses_none: cycle.calm.is_lossless() && is_within_window(scenario, cycle, flow),
            loses_30_percent: cycle.calm.loss == Loss::Uniform(0.3),
            most: recovery_time(scenario, cycle, interval) + found_after.unwrap_or_default(),
            first_offered_at: None,
            delivered_at: None,
            awaited: BTreeMap::new(),
        }
    }

    pub(crate) fn is_counted(&self) -> bool {
        self.is_counted
    }

    /// Takes note that a packet, or an answer, was given to a device.
    pub(crate) fn offered(&mut self, now: Instant, label: &Label) {
        if !label.is_answer {
            self.first_offered_at.get_or_insert(now);
        }
        let is_settled = |at: Instant| now >= at + SETTLES_WITHIN;
        let arrives_in_time = label.offered_at + ARRIVES_WITHIN <= self.calm_ends_at;
        if self.misses_none && arrives_in_time && self.delivered_at.is_some_and(is_settled) {
            let packet = (label.is_answer, label.number);
            self.awaited.insert(packet, label.offered_at);
        }
    }

    pub(crate) fn delivered(
        &mut self,
        now: Instant,
        label: &Label,
        tally: &mut Tally,
    ) -> Result<(), Violation> {
        self.awaited.remove(&(label.is_answer, label.number));
        let Some(first) = self.first_offered_at else {
            return Ok(());
        };
        let is_old = label.offered_at < self.calm_began_at || label.is_answer;
        if is_old || self.delivered_at.is_some() {
            return Ok(());
        }
        self.delivered_at = Some(now);
        if !self.is_counted {
            return Ok(());
        }
        let after = now.since(first);
        self.count(after <= RECONNECT_WITHIN, tally);
        self.judge(after, tally)
    }

    fn count(&self, in_time: bool, tally: &mut Tally) {
        tally.reconnections.count(in_time);
        if self.loses_30_percent {
            tally.at_30_percent.count(in_time);
        }
    }

    /// Expects none of the packets any more that were offered so far.
    pub(crate) fn forgive(&mut self) {
        self.awaited.clear();
    }

    /// Ends the watch with the calm.
    pub(crate) fn end(self, now: Instant, tally: &mut Tally) -> Result<(), Violation> {
        let flow = self.flow;
        if let (None, Some(first), true) =
            (self.delivered_at, self.first_offered_at, self.is_counted)
        {
            let after = now.since(first);
            if after > RECONNECT_WITHIN {
                self.count(false, tally);
            }
            self.judge(after, tally)?;
        }
        match self.awaited.first_key_value() {
            None => Ok(()),
            Some((&(_, number), &offered_at)) => Err(Violation::Vanished {
                flow,
                number,
                offered_at,
            }),
        }
    }

    fn judge(&self, after: Duration, tally: &mut Tally) -> Result<(), Violation> {
        if !self.is_lossless {
            return Ok(());
        }
        tally.slowest_on_clean_path = tally.slowest_on_clean_path.max(after);
        let (flow, most) = (self.flow, self.most);
        if after > most {
            return Err(Violation::SlowReconnect { flow, after, most });
        }
        Ok(())
    }
}

/// Whether no packet of a flow can be overtaken by more than the replay window is long: jitter puts a
/// burst, and what else goes through its tunnel, into any order.
fn is_within_window(scenario: &Scenario, cycle: &Cycle, flow: usize) -> bool {
    let ends = |flow: &Flow| [flow.from.min(flow.to), flow.from.max(flow.to)];
    let tunnel = ends(&scenario.flows[flow]);
    let is_long = |flow: &Flow| match flow.pattern {
        Pattern::Bursts(_, count) => count as u64 > REPLAY_WINDOW_LEN,
        Pattern::PingPong(_) | Pattern::OneWay(_) | Pattern::Rare(_) => false,
    };
    let mut flows = scenario.flows.iter();
    cycle.calm.jitter.is_zero() || !flows.any(|flow| ends(flow) == tunnel && is_long(flow))
}

/// How long it takes at most until the sender of a flow knows where its receiver is; `None` if nothing
/// says that it ever does.
///
/// A node that moved is found when it speaks and is understood: with a persistent keepalive it speaks by
/// itself. One that stayed is where it was, if the sender knows that.
fn found_after(
    scenario: &Scenario,
    cycle: &Cycle,
    flow: usize,
    acquaintance: Acquaintance,
) -> Option<Duration> {
    let Flow { from, to, .. } = scenario.flows[flow];
    if scenario.nodes[to] == Attachment::Fixed {
        return Some(Duration::ZERO);
    }
    let is_move = |fault: &Fault| fault.node == to && fault.kind == FaultKind::Rebind;
    if acquaintance.knows_address && !cycle.faults.iter().any(is_move) {
        return Some(Duration::ZERO);
    }
    let tunnel = scenario.tunnel(from, to)?;
    let keepalive = tunnel.keepalive[usize::from(to > from)]?;
    let is_often_enough = cycle.calm.is_lossless() || keepalive <= HEARD_INTERVAL_MAX;
    // The first keepalive may find that a handshake is due, and the next one that it may begin.
    (acquaintance.understands && is_often_enough).then_some(keepalive * 2)
}

/// The longest that a flow may take to deliver something on a path that loses nothing, and to a node
/// whose address is known.
///
/// The sender may have a session that its peer lost. It learns that 15 s and jitter after the first
/// packet without an answer (whitepaper §6.5); a handshake message just before delays the initiation by
/// up to 5 s and jitter (§6.4). Three messages are then under way one after another, and the packet that
/// arrives may be the next one. Nodes look at what arrives with their latency.
fn recovery_time(scenario: &Scenario, cycle: &Cycle, interval: Duration) -> Duration {
    let silence = KEEPALIVE_TIMEOUT + REKEY_TIMEOUT + REKEY_TIMEOUT_JITTER_MAX;
    let barred = REKEY_TIMEOUT + REKEY_TIMEOUT_JITTER_MAX;
    let way = cycle.calm.delay + cycle.calm.jitter + scenario.latency;
    silence + barred + way * 4 + interval * 2
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::link::Quality;
    use crate::scenario::{Topology, TunnelPlan};
    use crate::tally::Reconnections;

    const INTERVAL: Duration = Duration::from_secs(1);

    /// One flow from node 0 to node 1 in a calm from 100 s to 300 s.
    fn scenario(to: Attachment, interval: Duration, calm: Quality) -> Scenario {
        Scenario {
            seed: 0,
            topology: Topology::Pair,
            outer_v6: false,
            latency: Duration::ZERO,
            nodes: vec![Attachment::Fixed, to],
            tunnels: vec![TunnelPlan {
                ends: [0, 1],
                preshared_key: false,
                keepalive: [None, None],
            }],
            flows: vec![Flow {
                from: 0,
                to: 1,
                pattern: Pattern::OneWay(interval),
            }],
            cycles: vec![Cycle {
                begins: Duration::ZERO,
                heals: Duration::from_secs(100),
                ends: Duration::from_secs(300),
                rough: [Quality::CLEAN; 2],
                calm,
                faults: Vec::new(),
            }],
        }
    }

    fn watch(calm: Quality) -> Watch {
        let scenario = scenario(Attachment::Fixed, INTERVAL, calm);
        begin(&scenario, Acquaintance::default())
    }

    fn begin(scenario: &Scenario, acquaintance: Acquaintance) -> Watch {
        Watch::begin(scenario, &scenario.cycles[0], 0, acquaintance)
    }

    fn at(seconds: u64) -> Instant {
        Instant::from_origin(Duration::from_secs(seconds))
    }

    fn label(offered_at: u64) -> Label {
        Label {
            origin: 0,
            destination: 1,
            incarnation: 0,
            flow: 0,
            is_answer: false,
            number: offered_at,
            offered_at: Duration::from_secs(offered_at),
        }
    }

    fn lossy() -> Quality {
        Quality {
            loss: Loss::Uniform(0.3),
            ..Quality::CLEAN
        }
    }

    const KNOWN: Acquaintance = Acquaintance {
        knows_address: true,
        understands: true,
    };

    #[test]
    fn a_flow_that_sends_seldom_or_to_a_node_that_is_nowhere_known_is_not_counted() {
        let is_counted = |to, interval, acquaintance| {
            let scenario = scenario(to, interval, Quality::CLEAN);
            begin(&scenario, acquaintance).is_counted()
        };
        let stranger = Acquaintance::default();
        assert!(is_counted(Attachment::Fixed, INTERVAL, stranger));
        assert!(is_counted(Attachment::Nat, INTERVAL, KNOWN));
        assert!(!is_counted(Attachment::Nat, INTERVAL, stranger));
        assert!(!is_counted(Attachment::Fixed, INTERVAL * 6, KNOWN));
    }

    #[test]
    fn a_flow_to_a_node_that_moved_is_counted_if_that_speaks_in_a_session_by_itself() {
        let most = |keepalive, acquaintance, calm| {
            let mut scenario = scenario(Attachment::Roaming, INTERVAL, calm);
            scenario.tunnels[0].keepalive[1] = keepalive;
            scenario.cycles[0].faults.push(Fault {
                at: Duration::from_secs(50),
                node: 1,
                kind: FaultKind::Rebind,
            });
            let watch = begin(&scenario, acquaintance);
            watch.is_counted().then_some(watch.most)
        };
        let [often, seldom] = [5, 25].map(|interval| Some(Duration::from_secs(interval)));
        let forgotten = Acquaintance {
            understands: false,
            ..KNOWN
        };

        assert_eq!(most(None, KNOWN, Quality::CLEAN), None);
        assert_eq!(most(often, forgotten, Quality::CLEAN), None);
        assert_eq!(most(seldom, KNOWN, lossy()), None);
        assert!(most(often, KNOWN, lossy()).is_some());
        assert!(most(seldom, KNOWN, Quality::CLEAN) > most(often, KNOWN, Quality::CLEAN));
    }

    #[test]
    fn a_lossy_path_may_take_longer_but_60_s_are_counted_as_late() {
        let (mut watch, mut tally) = (watch(lossy()), Tally::default());
        watch.offered(at(101), &label(101));
        assert_eq!(watch.delivered(at(162), &label(101), &mut tally), Ok(()));
        let late = Reconnections {
            in_time: 0,
            late: 1,
        };
        assert_eq!((tally.reconnections, tally.at_30_percent), (late, late));
    }

    #[test]
    fn flows_on_a_path_that_loses_less_are_not_among_those_where_30_percent_are_lost() {
        let (mut watch, mut tally) = (watch(Quality::CLEAN), Tally::default());
        watch.offered(at(101), &label(101));
        watch.delivered(at(102), &label(101), &mut tally).unwrap();
        assert_eq!(tally.reconnections.in_time, 1);
        assert_eq!(tally.at_30_percent.total(), 0);
    }

    #[test]
    fn a_flow_that_delivers_nothing_at_all_is_late_and_on_a_clean_path_a_violation() {
        let mut tally = Tally::default();
        let mut lossy = watch(lossy());
        lossy.offered(at(101), &label(101));
        assert_eq!(lossy.end(at(300), &mut tally), Ok(()));
        assert_eq!(tally.reconnections.late, 1);
        let mut clean = watch(Quality::CLEAN);
        clean.offered(at(101), &label(101));
        let ended = clean.end(at(300), &mut tally);
        assert!(matches!(ended, Err(Violation::SlowReconnect { .. })));
    }

    #[test]
    fn a_packet_of_before_the_calm_shows_nothing() {
        let (mut watch, mut tally) = (watch(Quality::CLEAN), Tally::default());
        watch.offered(at(101), &label(101));
        assert_eq!(watch.delivered(at(102), &label(99), &mut tally), Ok(()));
        assert_eq!(tally.reconnections.total(), 0);
    }

    #[test]
    fn a_clean_path_is_to_work_after_21_s_and_a_little() {
        let deliver_at = |seconds| {
            let mut watch = watch(Quality::CLEAN);
            watch.offered(at(101), &label(101));
            watch.delivered(at(seconds), &label(102), &mut Tally::default())
        };
        assert_eq!(deliver_at(101 + 22), Ok(()));
        assert!(matches!(
            deliver_at(101 + 23),
            Err(Violation::SlowReconnect { .. })
        ));
    }

    #[test]
    fn a_packet_that_vanishes_from_a_settled_flow_on_a_clean_path_is_missed() {
        let vanishing = |calm| {
            let (mut watch, mut tally) = (watch(calm), Tally::default());
            watch.offered(at(101), &label(101));
            watch.delivered(at(102), &label(101), &mut tally).unwrap();
            for second in [103, 130, 131] {
                watch.offered(at(second), &label(second));
            }
            watch.delivered(at(131), &label(131), &mut tally).unwrap();
            watch.end(at(300), &mut tally)
        };
        let missed = vanishing(Quality::CLEAN);
        assert!(matches!(
            missed,
            Err(Violation::Vanished { number: 130, .. })
        ));
        assert_eq!(vanishing(lossy()), Ok(()));
    }

    #[test]
    fn beside_a_burst_longer_than_the_replay_window_jitter_may_make_packets_too_late() {
        let misses_none = |count, jitter| {
            let calm = Quality {
                jitter,
                ..Quality::CLEAN
            };
            let mut scenario = scenario(Attachment::Fixed, INTERVAL, calm);
            scenario.flows.push(Flow {
                from: 1,
                to: 0,
                pattern: Pattern::Bursts(INTERVAL, count),
            });
            begin(&scenario, KNOWN).misses_none
        };
        let jitter = Duration::from_millis(5);
        assert!(misses_none(12_000, Duration::ZERO));
        assert!(misses_none(8_000, jitter));
        assert!(!misses_none(12_000, jitter));
    }
}
