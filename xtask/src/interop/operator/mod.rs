//! What an operator does with `wirecraft tun`: wg-quick, the background, signals, `wg` after the rights are
//! gone, `show`, metrics, and requests that are none.

mod background;
mod confined;
mod machine;
mod quick;
mod requests;
mod show;

use super::journal::Journal;
use super::node::Programs;
use super::traffic::Check;
use anyhow::Result;
use std::fmt;

/// A case of its own for each habit.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Habit {
    /// `wg-quick up` and `down`, `wg syncconf` and `addconf`, against wireguard-go.
    Quick,
    /// Going to the background, and every way to end.
    Background,
    /// `wg set` after the rights are given up.
    Confined,
    /// `wirecraft show` of interfaces and of tunnels without root; metrics.
    Show,
    /// Requests that are none, while packets flow.
    Requests,
}

impl Habit {
    pub(super) const ALL: [Self; 5] = [
        Self::Quick,
        Self::Background,
        Self::Confined,
        Self::Show,
        Self::Requests,
    ];

    /// Runs the case.
    ///
    /// # Errors
    /// When it cannot be set up; what fails later is in the checks.
    pub(super) fn run(
        self,
        number: usize,
        programs: &Programs,
        journal: &Journal,
    ) -> Result<Vec<Check>> {
        match self {
            Self::Quick => quick::run(number, programs, journal),
            Self::Background => background::run(number, programs, journal),
            Self::Confined => confined::run(number, programs, journal),
            Self::Show => show::run(number, programs, journal),
            Self::Requests => requests::run(number, programs, journal),
        }
    }
}

impl fmt::Display for Habit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Quick => "tun/wg-quick",
            Self::Background => "tun/background",
            Self::Confined => "tun/confined",
            Self::Show => "tun/show",
            Self::Requests => "tun/requests",
        })
    }
}

/// Checks in the order they were made.
#[derive(Default)]
struct Checks(Vec<Check>);

impl Checks {
    fn add(&mut self, name: &str, outcome: Result<()>) {
        self.0.push(Check::new(name.to_owned(), outcome));
    }
}
