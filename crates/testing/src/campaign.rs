//! Many runs, on several threads.

use core::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use core::time::Duration;
use std::sync::Mutex;

use crate::observer::Violation;
use crate::scenario::Scenario;
use crate::simulation::simulate;
use crate::tally::{Reconnections, Tally};

/// The share of flows that is to deliver a packet within 60 s of the first one offered after healing.
const RECONNECTED_SHARE_MIN: f64 = 0.999;

/// Seeds to run, and when to stop.
#[derive(Clone, Copy, Debug)]
pub struct Campaign {
    /// The first seed; the others follow.
    pub first_seed: u64,
    /// When enough was run.
    pub goal: Goal,
    /// Threads.
    pub jobs: usize,
}

/// When enough was run.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum Goal {
    /// After so many seeds.
    Seeds(u64),
    /// After so much simulated time.
    Simulated(Duration),
    /// When the caller says so.
    Stopped,
}

/// A seed whose run broke an invariant.
#[derive(Clone, PartialEq, Debug)]
pub struct Failure {
    /// The seed.
    pub seed: u64,
    /// The invariant.
    pub violation: Violation,
}

/// What came of a campaign.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Report {
    /// What happened, in numbers.
    pub tally: Tally,
    /// The runs that broke an invariant, by seed.
    pub failures: Vec<Failure>,
    /// The seeds of runs in which a flow took longer than 60 s.
    pub late: Vec<u64>,
}

impl Report {
    /// Whether nothing was broken, and enough flows reconnected in time: of all, and of those where 30 %
    /// are lost.
    ///
    /// One late flow is allowed in any case: a share says nothing of few.
    #[must_use]
    pub fn is_good(&self) -> bool {
        let is_enough = |it: &Reconnections| it.share() >= RECONNECTED_SHARE_MIN || it.late <= 1;
        let Tally {
            reconnections,
            at_30_percent,
            ..
        } = &self.tally;
        self.failures.is_empty() && is_enough(reconnections) && is_enough(at_30_percent)
    }
}

impl Campaign {
    /// Runs the seeds. `on_run` hears of the report after each run, and says whether to go on.
    pub fn run(&self, on_run: impl Fn(&Report) -> bool + Sync) -> Report {
        let next_seed = AtomicU64::new(self.first_seed);
        let is_stopped = AtomicBool::new(false);
        let report = Mutex::new(Report::default());
        let work = || {
            while !is_stopped.load(Ordering::Relaxed) {
                let seed = next_seed.fetch_add(1, Ordering::Relaxed);
                if self.goal == Goal::Seeds(seed - self.first_seed) {
                    is_stopped.store(true, Ordering::Relaxed);
                    break;
                }
                let outcome = simulate(&Scenario::draw(seed), None);
                let mut report = report
                    .lock()
                    .unwrap_or_else(|poisoned| poisoned.into_inner());
                report.tally.add(&outcome.tally);
                if outcome.tally.reconnections.late > 0 {
                    report.late.push(seed);
                }
                if let Some(violation) = outcome.violation {
                    report.failures.push(Failure { seed, violation });
                }
                let is_enough =
                    matches!(self.goal, Goal::Simulated(goal) if report.tally.simulated >= goal);
                if is_enough || !on_run(&report) {
                    is_stopped.store(true, Ordering::Relaxed);
                }
            }
        };
        std::thread::scope(|scope| {
            for _ in 0..self.jobs.max(1) {
                scope.spawn(work);
            }
        });
        let mut report = report
            .into_inner()
            .unwrap_or_else(|poisoned| poisoned.into_inner());
        report.failures.sort_by_key(|failure| failure.seed);
        report.late.sort_unstable();
        report
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_good(all: [u64; 2], at_30_percent: [u64; 2]) -> bool {
        let flows = |[in_time, late]: [u64; 2]| Reconnections { in_time, late };
        let tally = Tally {
            reconnections: flows(all),
            at_30_percent: flows(at_30_percent),
            ..Tally::default()
        };
        let report = Report {
            tally,
            ..Report::default()
        };
        report.is_good()
    }

    #[test]
    fn flows_where_much_is_lost_are_judged_by_themselves() {
        assert!(is_good([10_000, 2], [5_000, 2]));
        assert!(!is_good([10_000, 2], [1_000, 2]));
        assert!(!is_good([1_000, 2], [0, 0]));
    }

    #[test]
    fn one_late_flow_of_few_says_nothing() {
        assert!(is_good([10, 1], [10, 1]));
    }
}
