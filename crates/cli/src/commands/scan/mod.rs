//! `wirecraft scan`: a stateless port scan through the tunnel.

mod arguments;
mod plan;
mod progress;
mod rate;
mod report;
mod results;
mod resume;
mod target_list;
mod writer;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

use anyhow::anyhow;
use tokio::task::JoinSet;
use tokio::time::{Instant, MissedTickBehavior, interval};
use wirecraft::{
    BannerOptions, Finding, PortState, RunningScan, ScanError, ScanMethod, ScanTarget, Tunnel,
    TunnelScanError,
};

pub(crate) use arguments::Scan;

use crate::arguments::Verbosity;
use crate::failure::Failure;
use crate::interrupt::{stop_wanted, unless_interrupted};
use crate::output;
use plan::{Carried, Plan};
use progress::{Progress, Tally};
use report::{Report, Row};
use results::Results;
use resume::Saved;
use writer::Writer;

/// How often progress is shown.
const TICK: Duration = Duration::from_millis(250);

/// Ticks between two resume files.
const TICKS_PER_CHECKPOINT: u32 = 40;

/// Connections for banners at once.
const BANNERS_MAX: usize = 64;

impl Scan {
    pub(crate) async fn run(self, verbosity: Verbosity) -> Result<(), Failure> {
        self.check()?;
        let mut list = self.target_list()?;
        let config = self.tunnel.load(verbosity)?;
        let carried = Carried::of(&config);
        if self.dry_run {
            return Plan::new(&self, &list, &carried)?.explain(&list.names);
        }
        let saved = self.resume.as_deref().map(resume::read).transpose()?;
        let (checkpoint, untold) = match saved.flatten() {
            Some(saved) => (Some(saved.checkpoint), saved.untold),
            None => (None, Vec::new()),
        };
        // What cannot be written to is known before anything is sent.
        let goes_on = checkpoint.is_some();
        let (results, is_continued) =
            Results::open(self.output.as_deref(), self.format(), goes_on)?;
        let tunnel = self.tunnel.connect(config).await?;
        unless_interrupted(list.look_up(&tunnel)).await?;
        let plan = Plan::new(&self, &list, &carried)?;
        if let Some(text) = plan.remark() {
            remark(verbosity, text);
        }
        let scan = match &checkpoint {
            Some(checkpoint) => tunnel.resume_scan(plan.config, checkpoint).await,
            None => tunnel.scan_with(plan.config).await,
        };
        drop(checkpoint);
        let session = Session {
            scan: scan.map_err(failure)?,
            tunnel: tunnel.clone(),
            writer: Writer::start(results),
            report: Report::new(self.format(), self.method(), is_continued),
            tally: Tally::default(),
            progress: Progress::new(verbosity),
            banners: JoinSet::new(),
            untold: BTreeMap::new(),
            waiting: Vec::new(),
            call: &self,
        };
        let outcome = session.run(is_continued, untold).await;
        tunnel.close().await.map_err(Failure::network)?;
        outcome
    }
}

/// What the call is to blame for, and what the network.
fn failure(error: TunnelScanError) -> Failure {
    match error {
        TunnelScanError::Socket(error) => Failure::from(error),
        TunnelScanError::Silent => Failure::network(error),
        TunnelScanError::Scan(ScanError::NoSource { .. }) => Failure::call(anyhow!(
            "{error} (Address of the configuration gives it one)"
        )),
        _ => Failure::call(error),
    }
}

/// A scan under way and everything it writes to.
struct Session<'a> {
    scan: RunningScan,
    tunnel: Tunnel,
    writer: Writer,
    report: Report,
    tally: Tally,
    progress: Progress,
    /// Banners under way.
    banners: JoinSet<(ScanTarget, Vec<u8>)>,
    /// Open ports that are told once their banner is there, and those of them whose turn is still to come.
    untold: BTreeMap<ScanTarget, Finding>,
    waiting: Vec<ScanTarget>,
    call: &'a Scan,
}

impl Session<'_> {
    async fn run(mut self, is_continued: bool, untold: Vec<Finding>) -> Result<(), Failure> {
        let began_at = Instant::now();
        if !is_continued {
            let words: Vec<String> = std::env::args().skip(1).collect();
            self.writer.push(self.report.head(&words.join(" ")));
        }
        for finding in untold {
            self.take(finding);
        }
        let ended = self.go_on().await;
        self.progress.clear();
        // Whatever happened: what was found is written, and how far the scan came.
        for finding in core::mem::take(&mut self.untold).into_values() {
            self.push(&finding, None);
        }
        let is_complete = matches!(ended, Ok(true));
        if is_complete && self.call.all {
            self.push_silent().await;
        }
        let tail = self.report.tail(began_at.elapsed(), is_complete);
        self.writer.push(tail);
        let written = self.writer.finish();
        // A resume file that knew of findings which nobody has would lose them.
        if let (Some(path), false) = (&self.call.resume, written.is_lost) {
            match is_complete && written.is_whole {
                true => resume::remove(path)?,
                false => resume::write(path, &saved(&self.scan, &self.untold))?,
            }
        }
        self.progress
            .sum_up(&self.scan, &self.tally, began_at.elapsed());
        match (ended, written.failure) {
            (Err(failure), _) | (_, Some(failure)) => Err(failure),
            _ if !written.is_whole => Err(Failure::call(anyhow!(
                "not all findings are in the output file"
            ))),
            (Ok(true), None) => Ok(()),
            (Ok(false), None) => Err(Failure::network(anyhow!("interrupted"))),
        }
    }

    /// Scans until the end, or until somebody interrupts; returns whether it came to its end.
    async fn go_on(&mut self) -> Result<bool, Failure> {
        let mut interrupted = std::pin::pin!(stop_wanted());
        let (mut is_stopped, mut is_done, mut ticks) = (false, false, 0_u32);
        let mut was_paused = false;
        let mut ticker = interval(TICK);
        ticker.set_missed_tick_behavior(MissedTickBehavior::Delay);
        while !(is_done && self.banners.is_empty()) {
            let takes_more = !is_done && !self.writer.is_behind();
            tokio::select! {
                () = &mut interrupted => {
                    if is_stopped {
                        return Ok(false);
                    }
                    is_stopped = true;
                    interrupted.set(stop_wanted());
                    self.scan.stop();
                    self.progress.tell_stopping();
                }
                found = self.scan.next(), if takes_more => match found.map_err(failure)? {
                    Some(finding) => self.take(finding),
                    None => is_done = true,
                },
                Some(ended) = self.banners.join_next() => {
                    if let Ok((target, banner)) = ended {
                        self.told(target, &banner);
                    }
                    self.ask_for_banners();
                }
                _ = ticker.tick() => {
                    ticks += 1;
                    self.writer.nudge();
                    if self.writer.has_failed() && !is_stopped {
                        is_stopped = true;
                        self.scan.stop();
                    }
                    if self.scan.is_paused() != was_paused {
                        was_paused = !was_paused;
                        self.progress.tell_silence(was_paused);
                    }
                    self.progress.show(&self.scan, &self.tally);
                    self.save_now_and_then(ticks);
                }
            }
        }
        Ok(!is_stopped)
    }

    fn save_now_and_then(&self, ticks: u32) {
        if let Some(path) = &self.call.resume
            && ticks.is_multiple_of(TICKS_PER_CHECKPOINT)
        {
            self.writer
                .save(path.clone(), || saved(&self.scan, &self.untold));
        }
    }

    /// Takes a finding in: it is told at once, or when its banner is there.
    fn take(&mut self, finding: Finding) {
        self.tally.count(finding.state);
        let is_tcp_open = finding.state == PortState::Open && self.call.method() == ScanMethod::Syn;
        if self.call.banners && is_tcp_open {
            self.untold.insert(finding.target, finding);
            self.waiting.push(finding.target);
            self.ask_for_banners();
            return;
        }
        let is_told = match finding.state {
            PortState::Open | PortState::Unfiltered | PortState::Up => true,
            PortState::Closed | PortState::Filtered | PortState::Unreachable => self.call.all,
        };
        if is_told {
            self.push(&finding, None);
        }
    }

    fn ask_for_banners(&mut self) {
        while self.banners.len() < BANNERS_MAX
            && let Some(target) = self.waiting.pop()
        {
            let tunnel = self.tunnel.clone();
            self.banners.spawn(async move {
                let address = SocketAddr::new(target.address, target.port);
                let banner = tunnel.banner(address, BannerOptions::default()).await;
                (target, banner.unwrap_or_default())
            });
        }
    }

    /// A banner is there.
    fn told(&mut self, target: ScanTarget, banner: &[u8]) {
        if let Some(finding) = self.untold.remove(&target) {
            self.push(&finding, Some(banner));
        }
    }

    fn push(&mut self, finding: &Finding, banner: Option<&[u8]>) {
        let mut row = Row::of(finding, self.call.method());
        row.banner = banner
            .filter(|banner| !banner.is_empty())
            .map(|banner| String::from_utf8_lossy(banner).trim_end().to_owned());
        let text = self.report.row(&row);
        if self.progress.is_watched() {
            self.progress.clear();
            self.writer.push(text);
            self.writer.flush();
        } else {
            self.writer.push(text);
        }
    }

    /// Tells the targets that did not answer.
    async fn push_silent(&mut self) {
        let method = self.call.method();
        for (target, state) in self.scan.findings() {
            if state.is_none() {
                let text = self.report.row(&Row::silent(target, method));
                self.writer.push(text);
                while self.writer.is_behind() && !self.writer.has_failed() {
                    tokio::time::sleep(TICK / 10).await;
                }
            }
        }
    }
}

/// How far the scan has come, and what of it is not in the output.
fn saved(scan: &RunningScan, untold: &BTreeMap<ScanTarget, Finding>) -> Saved {
    Saved {
        checkpoint: scan.checkpoint(),
        untold: untold.values().copied().collect(),
    }
}

/// Tells something on standard error unless the user wants silence.
fn remark(verbosity: Verbosity, text: impl std::fmt::Display) {
    if !verbosity.is_quiet() {
        output::remark(text);
    }
}
