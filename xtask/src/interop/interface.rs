//! Network interfaces joined by a tunnel, ours at the near end, put through what happens to them in use.
//!
//! Much of it follows the tests that the kernel has of its own (`tools/testing/selftests/wireguard/netns.sh`).

pub(super) mod churn;
pub(super) mod end;
mod moves;
pub(super) mod pair;
mod relay;
mod sizes;
pub(super) mod trust;

use super::journal::Journal;
use super::node::{Implementation, Programs};
use super::traffic::Check;
use anyhow::Result;
use pair::Pair;
use std::fmt;

/// What an interface is put through.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Trial {
    Counters,
    Padding,
    Flows,
    Roaming,
    Spoofing,
    PrivateKey,
    Nat,
    SourceAddress,
    ManyPrefixes,
    LowOrderKeys,
    Nested,
    Changes,
    Kills,
}

impl Trial {
    pub(super) const ALL: &[Self] = &[
        Self::Counters,
        Self::Padding,
        Self::Flows,
        Self::Roaming,
        Self::Spoofing,
        Self::PrivateKey,
        Self::Nat,
        Self::SourceAddress,
        Self::ManyPrefixes,
        Self::LowOrderKeys,
        Self::Nested,
        Self::Changes,
        Self::Kills,
    ];

    /// Whether the make of the far end cannot make a difference.
    pub(super) fn is_one_sided(self) -> bool {
        matches!(
            self,
            Self::Padding | Self::ManyPrefixes | Self::LowOrderKeys
        )
    }

    fn name(self) -> &'static str {
        match self {
            Self::Counters => "counters",
            Self::Padding => "padding",
            Self::Flows => "flows",
            Self::Roaming => "roaming",
            Self::Spoofing => "spoofing",
            Self::PrivateKey => "private-key",
            Self::Nat => "nat",
            Self::SourceAddress => "source-address",
            Self::ManyPrefixes => "many-prefixes",
            Self::LowOrderKeys => "low-order-keys",
            Self::Nested => "nested",
            Self::Changes => "changes",
            Self::Kills => "kills",
        }
    }
}

/// One trial with one far end.
pub(super) struct Interface {
    pub(super) trial: Trial,
    pub(super) ours: Implementation,
    pub(super) theirs: Implementation,
    /// Whether to repeat less of what is repeated.
    pub(super) is_quick: bool,
}

impl fmt::Display for Interface {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "interface/{}/{}", self.trial.name(), self.theirs)
    }
}

impl Interface {
    /// Brings both ends up, and has them do what the trial asks.
    ///
    /// # Errors
    /// When an end does not come up; what fails later is in the checks.
    pub(super) fn run(
        &self,
        number: usize,
        programs: &Programs,
        journal: &Journal,
    ) -> Result<Vec<Check>> {
        let mut pair = Pair::start(number, (self.ours, self.theirs), programs, journal)?;
        let mut checks = Checks::default();
        match self.trial {
            Trial::Counters => sizes::counters(&pair, &mut checks),
            Trial::Padding => sizes::padding(&pair, &mut checks),
            Trial::Flows => sizes::flows(&mut pair, &mut checks),
            Trial::Roaming => moves::roaming(&pair, &mut checks),
            Trial::SourceAddress => moves::source_address(&pair, &mut checks),
            Trial::Nat => moves::nat(&pair, &mut checks),
            Trial::Spoofing => trust::spoofing(&pair, &mut checks),
            Trial::PrivateKey => trust::private_key(&mut pair, &mut checks),
            Trial::LowOrderKeys => trust::low_order_keys(&pair, &mut checks),
            Trial::ManyPrefixes => sizes::many_prefixes(&pair, &mut checks),
            Trial::Nested => sizes::nested(&mut pair, &mut checks),
            Trial::Changes => churn::changes(&mut pair, self.is_quick, &mut checks),
            Trial::Kills => churn::kills(&mut pair, self.is_quick, &mut checks),
        }
        let alive = pair
            .near
            .check_alive()
            .and_then(|()| pair.far.check_alive());
        checks.add("both programs run", alive);
        Ok(checks.0)
    }
}

/// The checks of a trial, in order.
#[derive(Default)]
struct Checks(Vec<Check>);

impl Checks {
    fn add(&mut self, name: impl Into<String>, outcome: Result<()>) {
        self.0.push(Check::new(name, outcome));
    }
}
