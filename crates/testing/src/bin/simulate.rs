//! Runs scenarios until told to stop, and says what came of them.
#![forbid(unsafe_code)]
#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a harness reports on the terminal"
)]

use core::sync::atomic::{AtomicU64, Ordering};
use core::time::Duration;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Instant;

use anyhow::{Context, Result, bail};
use wirecraft_testing::{Campaign, Goal, Report, Scenario, simulate};

const USAGE: &str = "\
Usage: cargo xtask simulate [OPTIONS]

Devices on a bad simulated network, under virtual time; every run checks what must always hold.

  --hours N        so many simulated hours (default: 20)
  --seeds N        so many runs
  --minutes N      for so many minutes of real time
  --seed N         the one run of this seed, with its scenario; or the first of several
  --jobs N         threads (default: as many as there are processors)
  --trace FILE     writes the run of --seed to FILE, as pcapng
";

/// How often a long campaign says how far it is.
const PROGRESS_INTERVAL: Duration = Duration::from_secs(30);

struct Options {
    goal: Option<Goal>,
    minutes: Option<f64>,
    seed: Option<u64>,
    jobs: usize,
    trace: Option<PathBuf>,
}

fn main() -> ExitCode {
    match run() {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::from(2)
        }
    }
}

fn run() -> Result<bool> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let Some(options) = Options::parse(&arguments)? else {
        print!("{USAGE}");
        return Ok(true);
    };
    match (options.seed, options.goal, options.minutes) {
        (Some(seed), None, None) => run_one(seed, options.trace.as_deref()),
        _ => run_many(&options),
    }
}

impl Options {
    /// Reads the arguments; `None` is a call for help.
    fn parse(arguments: &[String]) -> Result<Option<Self>> {
        let mut options = Self {
            goal: None,
            minutes: None,
            seed: None,
            jobs: std::thread::available_parallelism().map_or(1, usize::from),
            trace: None,
        };
        let mut rest = arguments.iter();
        while let Some(argument) = rest.next() {
            if matches!(argument.as_str(), "--help" | "-h") {
                return Ok(None);
            }
            let value = rest.next();
            let value = value.with_context(|| format!("{argument} needs a value"))?;
            let wrong = || format!("{argument} {value}: not a number");
            match argument.as_str() {
                "--hours" => {
                    let hours: f64 = value.parse().with_context(wrong)?;
                    let simulated = Duration::try_from_secs_f64(hours * 3600.0);
                    options.goal = Some(Goal::Simulated(simulated.with_context(wrong)?));
                }
                "--seeds" => options.goal = Some(Goal::Seeds(value.parse().with_context(wrong)?)),
                "--minutes" => options.minutes = Some(value.parse().with_context(wrong)?),
                "--seed" => options.seed = Some(value.parse().with_context(wrong)?),
                "--jobs" => options.jobs = value.parse().with_context(wrong)?,
                "--trace" => options.trace = Some(value.into()),
                other => bail!("unknown option {other}\n{USAGE}"),
            }
        }
        Ok(Some(options))
    }
}

/// Runs one seed and prints its scenario.
fn run_one(seed: u64, trace: Option<&Path>) -> Result<bool> {
    let scenario = Scenario::draw(seed);
    print!("{scenario}");
    let outcome = match trace {
        Some(path) => {
            let recorded = scenario.record(path);
            println!("trace            {}", path.display());
            recorded.with_context(|| format!("writing {}", path.display()))?
        }
        None => simulate(&scenario, None),
    };
    println!("{}", outcome.tally);
    println!("fingerprint      {:016x}", outcome.fingerprint);
    let Some(violation) = outcome.violation else {
        return Ok(true);
    };
    println!("VIOLATION        {violation}");
    Ok(false)
}

#[expect(
    clippy::disallowed_methods,
    reason = "how long a campaign takes is measured, and what happens in it does not depend on that"
)]
fn now() -> Instant {
    Instant::now()
}

fn run_many(options: &Options) -> Result<bool> {
    let began_at = now();
    let deadline = options.minutes.map(|minutes| minutes * 60.0);
    let goal = match deadline {
        Some(_) => Goal::Stopped,
        None => Goal::Simulated(Duration::from_secs(20 * 3600)),
    };
    let campaign = Campaign {
        first_seed: options.seed.unwrap_or(0),
        goal: options.goal.unwrap_or(goal),
        jobs: options.jobs,
    };
    let said = AtomicU64::new(0);
    let report = campaign.run(|report| {
        let elapsed = began_at.elapsed();
        let intervals = elapsed.as_secs() / PROGRESS_INTERVAL.as_secs();
        if said.swap(intervals, Ordering::Relaxed) != intervals {
            let (tally, failures) = (&report.tally, report.failures.len());
            eprintln!(
                "{:.0} h in {} runs, {failures} failed",
                tally.hours(),
                tally.runs
            );
        }
        deadline.is_none_or(|deadline| elapsed.as_secs_f64() < deadline)
    });
    println!("{}", report.tally);
    println!("violations       {:>12}", report.failures.len());
    print_speed(&report, began_at.elapsed());
    let explained = report.explain(&mut std::io::stdout(), &std::env::temp_dir());
    explained.context("writing traces")?;
    Ok(report.is_good())
}

fn print_speed(report: &Report, wall: Duration) {
    let hours = report.tally.hours();
    print!("took             {:>12.1} s", wall.as_secs_f64());
    match processor_minutes() {
        Some(minutes) if minutes > 0.0 => {
            println!(
                ", {:.0} simulated hours a processor minute",
                hours / minutes
            );
        }
        _ => println!(),
    }
}

/// The processor time of this process in minutes, where the system tells.
fn processor_minutes() -> Option<f64> {
    const TICKS_PER_SECOND: f64 = 100.0;
    let text = std::fs::read_to_string("/proc/self/stat").ok()?;
    let mut fields = text.rsplit_once(')')?.1.split_whitespace().skip(11);
    let user: f64 = fields.next()?.parse().ok()?;
    let system: f64 = fields.next()?.parse().ok()?;
    Some((user + system) / TICKS_PER_SECOND / 60.0)
}
