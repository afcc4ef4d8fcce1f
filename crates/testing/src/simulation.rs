//! One run: a scenario from its start to its end, or to the first violation.

use std::panic::{AssertUnwindSafe, catch_unwind};

use crate::observer::Violation;
use crate::scenario::Scenario;
use crate::tally::Tally;
use crate::trace::Recorder;
use crate::world::World;

/// What came of a run.
#[derive(Clone, PartialEq, Debug)]
pub struct Outcome {
    /// What happened, in numbers.
    pub tally: Tally,
    /// The invariant that ended the run.
    pub violation: Option<Violation>,
    /// A digest of every datagram that was sent and of every packet that was delivered, with its time:
    /// the same for the same scenario.
    pub fingerprint: u64,
}

/// Runs a scenario, and writes down what happens if there is a recorder.
///
/// A panic of a device ends the run as a violation.
#[must_use]
pub fn simulate(scenario: &Scenario, recorder: Option<&mut Recorder>) -> Outcome {
    let mut world = World::new(scenario, recorder);
    let run = catch_unwind(AssertUnwindSafe(|| world.run()));
    let violation = match run {
        Ok(result) => result.err(),
        Err(panic) => {
            let text = panic.downcast_ref::<String>().cloned();
            let text = text.or_else(|| Some((*panic.downcast_ref::<&str>()?).to_owned()));
            Some(Violation::Panicked(text.unwrap_or_default()))
        }
    };
    if let Some(violation) = &violation {
        world.note(&format!("violation: {violation}"));
    }
    Outcome {
        violation,
        fingerprint: world.fingerprint,
        tally: world.into_tally(),
    }
}
