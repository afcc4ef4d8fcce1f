//! `wirecraft show`: how the tunnels are that run.

mod json;
mod rates;
mod text;

use std::collections::HashMap;
use std::io::{self, IsTerminal as _};
use std::time::Duration;

use anyhow::anyhow;
use clap::Args;
use wirecraft::Clock;
use wirecraft::running::{Found, ReportError, TunnelReport};

use super::block_on_one_thread;
use crate::arguments::{FormArgs, Verbosity, seconds};
use crate::failure::Failure;
use crate::interrupt::stop_wanted;
use crate::output;
use rates::{Rates, Sample};
use text::Page;

/// Show the tunnels that run, of every mode
///
/// Interfaces are found by their sockets in /var/run/wireguard, those of other programs too; tunnels
/// without root by theirs in $XDG_RUNTIME_DIR/wirecraft. Drops are counted since the tunnel began.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  wirecraft show
  wirecraft show wg0 --watch
  wirecraft show --json | jq .peers")]
pub(crate) struct Show {
    /// The name of an interface, or of a tunnel without one; all of them if there is none
    #[arg(value_name = "IFACE")]
    interface: Option<String>,
    /// Show it again and again, with rates, until Ctrl-C
    #[arg(short, long)]
    watch: bool,
    /// Seconds from one showing to the next
    #[arg(long, value_name = "S", default_value = "1", value_parser = seconds, requires = "watch")]
    interval: Duration,
    #[command(flatten)]
    form: FormArgs,
}

/// A tunnel that has answered.
struct Shown {
    found: Found,
    report: TunnelReport,
    /// Since the showing before.
    rates: Option<Rates>,
}

impl Show {
    pub(crate) fn run(self, verbosity: Verbosity) -> Result<(), Failure> {
        if !self.watch {
            return self.show(&mut HashMap::new(), verbosity);
        }
        block_on_one_thread(async {
            tokio::select! {
                outcome = self.show_on(verbosity) => outcome,
                () = stop_wanted() => Ok(()),
            }
        })
    }

    async fn show_on(&self, verbosity: Verbosity) -> Result<(), Failure> {
        let mut samples = HashMap::new();
        loop {
            self.show(&mut samples, verbosity)?;
            tokio::time::sleep(self.interval).await;
        }
    }

    /// Asks every tunnel once and prints what it says.
    fn show(
        &self,
        samples: &mut HashMap<Found, Sample>,
        verbosity: Verbosity,
    ) -> Result<(), Failure> {
        let mut tunnels = Vec::new();
        for found in self.wanted()? {
            match TunnelReport::ask(&found.path) {
                Ok(report) => tunnels.push(Shown::new(found, report, samples)),
                // Left behind by a program that was killed.
                Err(error) if self.interface.is_none() && is_refused(&error) => {}
                Err(error) => self.tell(&found, &error)?,
            }
        }
        if tunnels.is_empty() && !self.watch && !verbosity.is_quiet() {
            output::remark(if Found::may_hide() {
                "no tunnel of yours is running; those of root only root is shown"
            } else {
                "no tunnel is running"
            });
        }
        if self.form.json {
            return tunnels.iter().try_for_each(json::print);
        }
        let is_terminal = io::stdout().is_terminal();
        let mut page = Page::new(is_terminal && std::env::var_os("NO_COLOR").is_none());
        let now = Clock::new().since_unix_epoch();
        for tunnel in &tunnels {
            page.tunnel(tunnel, now);
        }
        let page = page.finish(self.watch, is_terminal);
        if page.is_empty() {
            return Ok(());
        }
        output::line(page)
    }

    fn wanted(&self) -> Result<Vec<Found>, Failure> {
        let mut found = Found::all();
        if let Some(name) = &self.interface {
            found.retain(|found| found.name == *name);
            if found.is_empty() {
                return Err(Failure::network(if Found::may_hide() {
                    anyhow!(
                        "no tunnel {name} of yours is running; those of root only root is shown"
                    )
                } else {
                    anyhow!("no tunnel {name} is running")
                }));
            }
        }
        Ok(found)
    }

    /// What one tunnel does not say is told beside what the others say; of a tunnel that was asked for by
    /// name, it is the outcome.
    fn tell(&self, found: &Found, error: &ReportError) -> Result<(), Failure> {
        let message = anyhow!("{}: {error}", found.path.display());
        if self.interface.is_some() {
            return Err(Failure::network(message));
        }
        output::remark(message);
        Ok(())
    }
}

impl Shown {
    fn new(found: Found, report: TunnelReport, samples: &mut HashMap<Found, Sample>) -> Self {
        let sample = Sample::of(&report, Clock::new().now());
        let before = samples.insert(found.clone(), sample.clone());
        Self {
            rates: before.map(|before| sample.since(&before)),
            found,
            report,
        }
    }
}

fn is_refused(error: &ReportError) -> bool {
    matches!(error, ReportError::Io(error) if matches!(
        error.kind(),
        io::ErrorKind::ConnectionRefused | io::ErrorKind::NotFound
    ))
}
