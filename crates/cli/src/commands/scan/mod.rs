//! `wirecraft scan`: a stateless port scan through the tunnel.

mod arguments;
mod plan;
mod progress;
mod rate;
mod report;
mod results;
mod resume;
mod target_list;

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::anyhow;
use tokio::task::JoinSet;
use tokio::time::{Instant, MissedTickBehavior, interval};
use wirecraft::{
    BannerOptions, Finding, PortState, RunningScan, ScanError, ScanMethod, Tunnel, TunnelScanError,
};

pub(crate) use arguments::Scan;

use crate::arguments::Verbosity;
use crate::failure::Failure;
use crate::interrupt::unless_interrupted;
use crate::output;
use plan::Plan;
use progress::{Progress, Tally};
use report::{Report, Row};
use results::Results;

/// How often findings are written and progress is shown.
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
        if self.dry_run {
            let sources: Vec<_> = config
                .interface
                .addresses
                .iter()
                .map(|it| it.addr())
                .collect();
            return Plan::new(&self, &list, &sources)?.explain(&list.names);
        }
        let checkpoint = self
            .resume
            .as_deref()
            .map(resume::read)
            .transpose()?
            .flatten();
        // What cannot be written to is known before anything is sent.
        let goes_on = checkpoint.is_some();
        let (results, is_continued) =
            Results::open(self.output.as_deref(), self.format(), goes_on)?;
        let tunnel = self.tunnel.connect(config).await?;
        unless_interrupted(list.look_up(&tunnel)).await?;
        let sources: Vec<_> = tunnel.addresses().iter().map(|it| it.addr()).collect();
        let plan = Plan::new(&self, &list, &sources)?;
        let scan = match &checkpoint {
            Some(checkpoint) => tunnel.resume_scan(plan.config, checkpoint).await,
            None => tunnel.scan_with(plan.config).await,
        };
        let report = Report::new(self.format(), self.method(), is_continued);
        let mut session = Session {
            scan: scan.map_err(failure)?,
            tunnel: tunnel.clone(),
            results,
            report,
            tally: Tally::default(),
            progress: Progress::new(verbosity),
            banners: JoinSet::new(),
            waiting: Vec::new(),
            call: &self,
        };
        let outcome = session.run(is_continued).await;
        tunnel.close().await.map_err(Failure::network)?;
        outcome
    }
}

/// What the call is to blame for, and what the network.
fn failure(error: TunnelScanError) -> Failure {
    match error {
        TunnelScanError::Socket(error) => Failure::from(error),
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
    results: Results,
    report: Report,
    tally: Tally,
    progress: Progress,
    /// Banners under way, and open ports whose turn is still to come.
    banners: JoinSet<(Finding, Vec<u8>)>,
    waiting: Vec<Finding>,
    call: &'a Scan,
}

impl Session<'_> {
    async fn run(&mut self, is_continued: bool) -> Result<(), Failure> {
        let began_at = Instant::now();
        if !is_continued {
            let words: Vec<String> = std::env::args().skip(1).collect();
            self.results.push(&self.report.head(&words.join(" ")))?;
        }
        let ended = self.go_on().await;
        self.progress.clear();
        // Whatever happened: what was found is written, and how far the scan came.
        let is_complete = matches!(ended, Ok(true));
        if is_complete && self.call.all {
            self.push_silent()?;
        }
        self.results
            .push(&self.report.tail(began_at.elapsed(), is_complete))?;
        self.results.flush()?;
        if let Some(path) = &self.call.resume {
            if is_complete && !self.results.has_failed {
                resume::remove(path)?;
            } else {
                resume::write(path, &self.scan.progress().checkpoint())?;
            }
        }
        self.progress
            .sum_up(&self.scan, &self.tally, began_at.elapsed());
        match ended {
            Err(failure) => Err(failure),
            Ok(_) if self.results.has_failed => Err(Failure::call(anyhow!(
                "not all findings are in the output file"
            ))),
            Ok(true) => Ok(()),
            Ok(false) => Err(Failure::network(anyhow!("interrupted"))),
        }
    }

    /// Scans until the end, or until somebody interrupts; returns whether it came to its end.
    async fn go_on(&mut self) -> Result<bool, Failure> {
        let mut interrupted = std::pin::pin!(tokio::signal::ctrl_c());
        let (mut is_stopped, mut is_done, mut ticks) = (false, false, 0_u32);
        let mut ticker = interval(TICK);
        ticker.set_missed_tick_behavior(MissedTickBehavior::Delay);
        while !(is_done && self.banners.is_empty()) {
            tokio::select! {
                _ = &mut interrupted => {
                    if is_stopped {
                        return Ok(false);
                    }
                    is_stopped = true;
                    interrupted.set(tokio::signal::ctrl_c());
                    self.scan.stop();
                    self.progress.tell_stopping();
                }
                found = self.scan.next(), if !is_done => match found.map_err(failure)? {
                    Some(finding) => self.take(finding)?,
                    None => is_done = true,
                },
                Some(Ok((finding, banner))) = self.banners.join_next() => {
                    self.push(&finding, Some(&banner))?;
                    self.ask_for_banners();
                }
                _ = ticker.tick() => {
                    ticks += 1;
                    self.results.flush()?;
                    if self.results.has_failed && !is_stopped {
                        is_stopped = true;
                        self.scan.stop();
                    }
                    self.progress.show(&self.scan, &self.tally);
                    self.save_now_and_then(ticks)?;
                }
            }
        }
        Ok(!is_stopped)
    }

    fn save_now_and_then(&self, ticks: u32) -> Result<(), Failure> {
        match &self.call.resume {
            Some(path) if ticks.is_multiple_of(TICKS_PER_CHECKPOINT) => {
                resume::write(path, &self.scan.progress().checkpoint())
            }
            _ => Ok(()),
        }
    }

    /// Takes a finding in: it is told at once, or when its banner is there.
    fn take(&mut self, finding: Finding) -> Result<(), Failure> {
        self.tally.count(finding.state);
        let is_tcp_open = finding.state == PortState::Open && self.call.method() == ScanMethod::Syn;
        if self.call.banners && is_tcp_open {
            self.waiting.push(finding);
            self.ask_for_banners();
            return Ok(());
        }
        let is_told = match finding.state {
            PortState::Open | PortState::Unfiltered | PortState::Up => true,
            PortState::Closed | PortState::Filtered | PortState::Unreachable => self.call.all,
        };
        if is_told {
            self.push(&finding, None)?;
        }
        Ok(())
    }

    fn ask_for_banners(&mut self) {
        while self.banners.len() < BANNERS_MAX
            && let Some(finding) = self.waiting.pop()
        {
            let tunnel = self.tunnel.clone();
            self.banners.spawn(async move {
                let target = SocketAddr::new(finding.target.address, finding.target.port);
                let banner = tunnel.banner(target, BannerOptions::default()).await;
                (finding, banner.unwrap_or_default())
            });
        }
    }

    fn push(&mut self, finding: &Finding, banner: Option<&[u8]>) -> Result<(), Failure> {
        let mut row = Row::of(finding, self.call.method());
        row.banner = banner
            .filter(|banner| !banner.is_empty())
            .map(|banner| String::from_utf8_lossy(banner).trim_end().to_owned());
        let text = self.report.row(&row);
        self.results.push(&text)?;
        if self.progress.is_watched() {
            self.progress.clear();
            self.results.flush()?;
        }
        Ok(())
    }

    /// Tells the targets that did not answer.
    fn push_silent(&mut self) -> Result<(), Failure> {
        let method = self.call.method();
        for (target, state) in self.scan.findings() {
            if state.is_none() {
                let text = self.report.row(&Row::silent(target, method));
                self.results.push(&text)?;
            }
        }
        Ok(())
    }
}

/// Tells something on standard error unless the user wants silence.
fn remark(verbosity: Verbosity, text: impl std::fmt::Display) {
    if !verbosity.is_quiet() {
        output::remark(text);
    }
}
