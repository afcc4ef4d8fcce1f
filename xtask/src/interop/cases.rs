//! The table of cases.

use super::config::MTU;
use super::interface::{Interface, Trial};
use super::journal::Journal;
use super::network::Family;
use super::node::{Implementation, Programs};
use super::operator::Habit;
use super::options::Options;
use super::report::CaseResult;
use super::scan::Scanned;
use super::scenario::{Role, Traffic, compare_keys};
use super::traffic::Check;
use super::{packets, probe, uapi};
use crate::stopwatch::Stopwatch;
use std::fmt;
use std::thread;

/// One line of the table.
pub(super) enum Case {
    /// Keys of `wirecraft` and of `wg` are the same to the byte.
    Keys,
    /// What `wg` sets and shows by the socket of a running tunnel.
    Uapi,
    /// What happens to an interface in use.
    Interface(Interface),
    /// What an operator does with our interface.
    Operator(Habit),
    /// Our scanner beside `nmap`.
    Scan(Scanned),
    /// Our probe of another endpoint.
    Probe(Implementation),
    /// Packets of our making, as the far end sees them.
    Packets,
    Traffic(Traffic),
}

impl fmt::Display for Case {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Keys => f.write_str("keys"),
            Self::Uapi => f.write_str("uapi"),
            Self::Interface(interface) => interface.fmt(f),
            Self::Operator(habit) => habit.fmt(f),
            Self::Scan(scanned) => scanned.fmt(f),
            Self::Probe(theirs) => write!(f, "probe of {theirs}"),
            Self::Packets => f.write_str("packets"),
            Self::Traffic(traffic) => traffic.fmt(f),
        }
    }
}

impl Case {
    /// Everyone who plays in this case.
    pub(super) fn implementations(&self) -> impl Iterator<Item = Implementation> {
        let everyone = match self {
            Self::Keys | Self::Uapi | Self::Operator(_) => vec![Implementation::Wirecraft],
            Self::Interface(interface) => vec![interface.ours, interface.theirs],
            Self::Scan(Scanned::Served) => vec![Implementation::Wirecraft],
            Self::Scan(_) | Self::Packets => {
                vec![Implementation::Wirecraft, Implementation::WireguardGo]
            }
            Self::Probe(theirs) => vec![Implementation::Wirecraft, *theirs],
            Self::Traffic(traffic) => {
                let mut everyone = traffic.theirs.clone();
                everyone.push(traffic.ours);
                everyone
            }
        };
        everyone.into_iter()
    }

    fn is_long(&self) -> bool {
        matches!(self, Self::Traffic(traffic) if traffic.is_long)
    }
}

/// The cases that the options ask for.
pub(super) fn chosen(options: &Options) -> Vec<Case> {
    let mut cases = Vec::new();
    if options.ours == Implementation::Wirecraft {
        cases.extend([Case::Keys, Case::Uapi, Case::Packets]);
        cases.extend(Scanned::ALL.map(Case::Scan));
        cases.extend(rivals(options).iter().copied().map(Case::Probe));
        cases.extend(Habit::ALL.map(Case::Operator));
        cases.extend(interfaces(options).into_iter().map(Case::Traffic));
    }
    cases.extend(trials(options).into_iter().map(Case::Interface));
    cases.extend(single_peer(options).into_iter().map(Case::Traffic));
    cases.extend(two_peers(options).into_iter().map(Case::Traffic));
    if options.long {
        cases.extend(across_rekey(options).into_iter().map(Case::Traffic));
    }
    let wanted = options.only.as_deref().unwrap_or_default();
    cases.retain(|case| case.to_string().contains(wanted));
    cases
}

fn rivals(options: &Options) -> &'static [Implementation] {
    if options.quick {
        &[Implementation::WireguardGo]
    } else {
        &[Implementation::WireguardGo, Implementation::Boringtun]
    }
}

/// Every combination; a quick run takes each value of each column once per role.
fn single_peer(options: &Options) -> Vec<Traffic> {
    let all = [
        (false, Family::V4),
        (true, Family::V6),
        (true, Family::V4),
        (false, Family::V6),
    ];
    let columns = if options.quick { &all[..2] } else { &all[..] };
    let mut cases = Vec::new();
    for &theirs in rivals(options) {
        for role in [Role::Initiator, Role::Responder] {
            cases.extend(columns.iter().map(|&(with_psk, outer)| Traffic {
                ours: options.ours,
                theirs: vec![theirs],
                role,
                with_psk,
                outer,
                mtu: MTU,
                is_long: false,
            }));
        }
    }
    cases
}

/// Our end with two others at the same time, of two makes where there are two.
fn two_peers(options: &Options) -> Vec<Traffic> {
    let theirs = rivals(options).iter().copied().cycle().take(2);
    let roles = [Role::Initiator, Role::Responder].into_iter();
    roles
        .map(|role| Traffic {
            ours: options.ours,
            theirs: theirs.clone().collect(),
            role,
            with_psk: true,
            outer: Family::V4,
            mtu: MTU,
            is_long: false,
        })
        .collect()
}

/// Our interface with that of others, of all lengths that are in use. From 9000 on it goes in fragments
/// outside; boringtun loses the first packet that is longer than it expects.
fn interfaces(options: &Options) -> Vec<Traffic> {
    let (ours, go) = (Implementation::WirecraftTun, Implementation::WireguardGo);
    let all = [
        (go, Role::Initiator, Family::V4, 1280),
        (ours, Role::Initiator, Family::V6, MTU),
        (ours, Role::Initiator, Family::V4, 9000),
        (ours, Role::Initiator, Family::V6, 34_736),
        (go, Role::Responder, Family::V6, 9000),
        (ours, Role::Initiator, Family::V6, 1280),
        (go, Role::Initiator, Family::V4, MTU),
        (Implementation::Boringtun, Role::Initiator, Family::V4, MTU),
        (Implementation::Boringtun, Role::Responder, Family::V6, MTU),
        (Implementation::Boringtun, Role::Initiator, Family::V6, 1280),
        (go, Role::Responder, Family::V4, 34_736),
    ];
    let chosen = if options.quick { &all[..4] } else { &all[..] };
    chosen
        .iter()
        .map(|&(theirs, role, outer, mtu)| Traffic {
            ours,
            theirs: vec![theirs],
            role,
            with_psk: true,
            outer,
            mtu,
            is_long: false,
        })
        .collect()
}

/// Our interface in use, with each make at the far end where that can make a difference.
fn trials(options: &Options) -> Vec<Interface> {
    let (ours, go) = (Implementation::WirecraftTun, Implementation::WireguardGo);
    let near = match options.ours {
        Implementation::Wirecraft => ours,
        other => other,
    };
    let mut trials = Vec::new();
    for &trial in Trial::ALL {
        let everyone: &[Implementation] = match (options.quick, trial.is_one_sided()) {
            (true, _) | (_, true) => &[go],
            (false, false) => &[ours, go, Implementation::Boringtun],
        };
        trials.extend(everyone.iter().map(|&theirs| Interface {
            trial,
            ours: near,
            theirs,
            is_quick: options.quick,
        }));
    }
    trials
}

fn across_rekey(options: &Options) -> Vec<Traffic> {
    let mut cases = Vec::new();
    for &theirs in rivals(options) {
        cases.extend([Role::Initiator, Role::Responder].map(|role| Traffic {
            ours: options.ours,
            theirs: vec![theirs],
            role,
            with_psk: true,
            outer: Family::V4,
            mtu: MTU,
            is_long: true,
        }));
    }
    cases
}

/// Runs the cases one after the other, the long ones all at once at the end.
pub(super) fn run_all(cases: &[Case], programs: &Programs) -> Vec<CaseResult> {
    let run = |(number, case): (usize, &Case)| {
        let result = run_one(case, number, programs);
        result.print();
        result
    };
    let numbered = || cases.iter().enumerate();
    let short = numbered().filter(|(_, case)| !case.is_long());
    let mut results: Vec<CaseResult> = short.map(run).collect();
    thread::scope(|scope| {
        let long = numbered().filter(|(_, case)| case.is_long());
        let running: Vec<_> = long.map(|item| scope.spawn(move || run(item))).collect();
        for case in running {
            match case.join() {
                Ok(result) => results.push(result),
                Err(panic) => std::panic::resume_unwind(panic),
            }
        }
    });
    results
}

fn run_one(case: &Case, number: usize, programs: &Programs) -> CaseResult {
    let stopwatch = Stopwatch::start();
    let journal = Journal::new();
    let checks = match case {
        Case::Keys => compare_keys(programs),
        Case::Uapi => uapi::run(number, programs, &journal),
        Case::Interface(interface) => interface.run(number, programs, &journal),
        Case::Operator(habit) => habit.run(number, programs, &journal),
        Case::Scan(scanned) => scanned.run(number, programs, &journal),
        Case::Probe(theirs) => probe::run(*theirs, number, programs, &journal),
        Case::Packets => packets::run(number, programs, &journal),
        Case::Traffic(traffic) => traffic.run(number, programs, &journal),
    };
    let checks = checks.unwrap_or_else(|error| vec![Check::new("set up", Err(error))]);
    CaseResult {
        name: case.to_string(),
        checks,
        took: stopwatch.elapsed(),
        journal,
    }
}
