//! How a scan is getting on, for who watches it.

use std::io::{self, IsTerminal, Write};
use std::time::Duration;

use tokio::time::Instant;
use wirecraft::{PortState, RunningScan};

use super::plan::duration;
use super::remark;
use crate::arguments::Verbosity;

/// Targets by state.
#[derive(Debug, Default)]
pub(super) struct Tally {
    counts: [u64; PortState::ALL.len()],
}

impl Tally {
    pub(super) fn count(&mut self, state: PortState) {
        for (known, count) in PortState::ALL.iter().zip(&mut self.counts) {
            *count += u64::from(*known == state);
        }
    }

    /// All targets that were counted.
    fn total(&self) -> u128 {
        self.counts.iter().map(|count| u128::from(*count)).sum()
    }

    /// What was found, the states that nothing is in left out.
    fn text(&self) -> String {
        let counted = PortState::ALL.iter().zip(self.counts);
        let found: Vec<String> = counted
            .filter(|(_, count)| *count > 0)
            .map(|(state, count)| format!("{count} {state}"))
            .collect();
        if found.is_empty() {
            return "nothing answered".to_owned();
        }
        found.join(", ")
    }
}

/// A line on the terminal that is written over.
pub(super) struct Progress {
    verbosity: Verbosity,
    is_terminal: bool,
    shown: Option<(Instant, u64)>,
    is_visible: bool,
}

impl Progress {
    pub(super) fn new(verbosity: Verbosity) -> Self {
        Self {
            verbosity,
            is_terminal: !verbosity.is_quiet() && io::stderr().is_terminal(),
            shown: None,
            is_visible: false,
        }
    }

    /// Whether a person sees findings as they come.
    pub(super) fn is_watched(&self) -> bool {
        io::stdout().is_terminal()
    }

    pub(super) fn show(&mut self, scan: &RunningScan, tally: &Tally) {
        if !self.is_terminal {
            return;
        }
        let (now, probes) = (Instant::now(), scan.counts().probes);
        let rate = self.shown.map_or(0.0, |(at, before)| {
            let seconds = now.duration_since(at).as_secs_f64().max(0.001);
            f64::from(u32::try_from(probes - before).unwrap_or(u32::MAX)) / seconds
        });
        self.shown = Some((now, probes));
        let (pass, done) = scan.progress().position();
        let len = scan.progress().len();
        let left = (len - done) / u128::from(scan.progress().config().rate.get());
        let state = if scan.is_paused() {
            "the peer is silent, waiting; "
        } else {
            ""
        };
        let line = format!(
            "{state}pass {} of {}: {}, {probes} sent, {rate:.0}/s, {}, {} left in this pass",
            u32::from(pass) + 1,
            u32::from(scan.progress().config().retries) + 1,
            percent(done, len),
            tally.text(),
            duration(left),
        );
        // Without a terminal there is nobody to tell.
        let _ = write!(io::stderr(), "\r\x1b[K{line}");
        self.is_visible = true;
    }

    /// Takes the line away.
    pub(super) fn clear(&mut self) {
        if core::mem::take(&mut self.is_visible) {
            let _ = write!(io::stderr(), "\r\x1b[K");
        }
    }

    /// Says once that the peer is silent, and that it is back.
    pub(super) fn tell_silence(&mut self, is_silent: bool) {
        self.clear();
        remark(
            self.verbosity,
            match is_silent {
                true => "the peer fell silent: no probes are sent until it answers",
                false => "the peer answers again: what was lost is probed again",
            },
        );
    }

    pub(super) fn tell_stopping(&mut self) {
        self.clear();
        remark(
            self.verbosity,
            "no more probes are sent; waiting for answers under way (Ctrl-C again ends at once)",
        );
    }

    /// Says what came of it all.
    pub(super) fn sum_up(&self, scan: &RunningScan, tally: &Tally, elapsed: Duration) {
        let counts = scan.counts();
        let progress = scan.progress();
        let silent = progress.len().saturating_sub(counts.answered);
        let seconds = elapsed.as_secs_f64();
        // What a run before this one has found is not in this one's tally.
        let before = counts.answered.saturating_sub(tally.total());
        let before = match before {
            0 => String::new(),
            count => format!(", {count} answered before"),
        };
        remark(
            self.verbosity,
            format_args!(
                "{} targets: {}{before}, {silent} without a reply; {} probes in {seconds:.1} s; seed {}",
                progress.len(),
                tally.text(),
                counts.probes,
                progress.seed()
            ),
        );
        if scan.dropped() > 0 {
            remark(
                self.verbosity,
                format_args!(
                    "{} answers came faster than they were read: scan again with a lower --rate",
                    scan.dropped()
                ),
            );
        }
    }
}

fn percent(done: u128, len: u128) -> String {
    let tenths = done.saturating_mul(1000) / len.max(1);
    format!("{}.{} %", tenths / 10, tenths % 10)
}
