//! `cargo xtask soak`: a tunnel under traffic and changes for as long as one likes, its memory watched.

use super::interface::pair::{Pair, inside};
use super::interface::{churn, trust};
use super::journal::Journal;
use super::network::{Family, Host};
use super::node::{Implementation, Programs};
use super::sandbox;
use crate::bench::iperf::{self, PACED_STREAM};
use crate::steps::cargo;
use crate::stopwatch::{Deadline, Stopwatch};
use crate::workspace::Workspace;
use anyhow::{Context as _, Result, bail, ensure};
use churn::Held;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

const USAGE: &str = "\
Usage: cargo xtask soak [--minutes N]     (as root, on Linux)

Joins two hosts by interfaces of wirecraft, sends more than 300 Mbit/s through them, and every second
changes a port, a peer or a key. Prints how much memory both programs gain an hour; 60 minutes, unless
told otherwise. Of a run of at least 10 minutes a gain of 1 MiB an hour is a failure.
";

/// The rate that has to be held, in Gbit/s.
const RATE_MIN: f64 = 0.3;

/// The greatest gain in MiB an hour (RELIABILITY.md §1), and the shortest run that can tell.
const GAIN_MAX: f64 = 1.0;
const MINUTES_MIN: u32 = 10;

/// How often something is changed, and memory looked at.
const STEP: Duration = Duration::from_secs(1);

struct Options {
    minutes: u32,
    /// Where our program is; given by the task to itself inside its namespaces.
    inside: Option<PathBuf>,
}

impl Options {
    /// Reads the arguments; `None` is a call for help.
    fn parse(arguments: &[String]) -> Result<Option<Self>> {
        let mut options = Self {
            minutes: 60,
            inside: None,
        };
        let mut rest = arguments.iter();
        while let Some(argument) = rest.next() {
            let mut value = || {
                rest.next()
                    .with_context(|| format!("{argument} needs a value"))
            };
            match argument.as_str() {
                "--help" | "-h" => return Ok(None),
                "--minutes" => options.minutes = value()?.parse().context("--minutes")?,
                "--inside" => options.inside = Some(value()?.into()),
                other => bail!("unknown option {other}; see cargo xtask soak --help"),
            }
        }
        Ok(Some(options))
    }
}

/// Runs for the time that is asked for.
///
/// # Errors
/// When the tunnel fails, is too slow or gains memory, or this machine cannot run the harness.
pub(crate) fn run(arguments: &[String]) -> Result<()> {
    let Some(options) = Options::parse(arguments)? else {
        print!("{USAGE}");
        return Ok(());
    };
    if let Some(directory) = &options.inside {
        return run_inside(options.minutes, directory);
    }
    sandbox::check_rights("soak")?;
    let workspace = Workspace::load()?;
    let build = "build --profile harness --package wirecraft-cli --bin wirecraft";
    let status = cargo(build.split(' ')).status()?;
    ensure!(status.success(), "building wirecraft: {status}");
    let directory = workspace.target.join("harness");
    let mut again = arguments.to_vec();
    again.extend(["--inside".to_owned(), directory.display().to_string()]);
    let limit = Duration::from_secs(60) * (options.minutes + 3);
    let status = sandbox::enter("soak", &again, limit)?;
    ensure!(status.success(), "not every target was met");
    Ok(())
}

/// The second life: first process of the namespaces.
fn run_inside(minutes: u32, directory: &Path) -> Result<()> {
    sandbox::furnish()?;
    let programs = Programs::without_peer(directory)?;
    let journal = Journal::new();
    let ours = Implementation::WirecraftTun;
    let mut pair = Pair::start(0, (ours, ours), &programs, &journal)?;
    pair.ping_both_ways()?;
    let outcome = soak(&mut pair, minutes);
    if outcome.is_err() {
        for line in journal.last(40) {
            println!("| {line}");
        }
    }
    outcome
}

fn soak(pair: &mut Pair<'_>, minutes: u32) -> Result<()> {
    let hosts = [Host::again(&pair.near.host), Host::again(&pair.far.host)];
    let to = inside(&pair.far, Family::V4);
    let seconds = minutes * 60;
    let (measured, watched) = thread::scope(|scope| {
        let [near, far] = &hosts;
        let traffic = scope.spawn(|| iperf::run(near, far, to, &PACED_STREAM, seconds));
        let flows = || !traffic.is_finished();
        let watched = watch(pair, Duration::from_secs(seconds.into()), flows);
        match traffic.join() {
            Ok(measured) => (measured, watched),
            Err(panic) => std::panic::resume_unwind(panic),
        }
    });
    let (measured, watched) = (measured?, watched?);
    println!(
        "{:.0} Mbit/s, {} changes",
        measured.rate * 1e3,
        watched.changes
    );
    let mut greatest: f64 = 0.0;
    for (name, samples) in ["near", "far"].into_iter().zip(&watched.samples) {
        let gain = slope(samples) * 3600.0 / 1024.0;
        greatest = greatest.max(gain);
        let (Some(first), Some(last)) = (samples.first(), samples.last()) else {
            bail!("nothing was looked at");
        };
        let (first, last) = (first.held, last.held);
        println!("{name}: {gain:+.2} MiB/h; {first:?} at first, {last:?} at last");
        ensure!(first.descriptors == last.descriptors, "other descriptors");
        ensure!(first.threads == last.threads, "other threads");
    }
    ensure!(measured.rate >= RATE_MIN, "too slow");
    ensure!(
        minutes < MINUTES_MIN || greatest < GAIN_MAX,
        "it gains memory"
    );
    Ok(())
}

/// What was seen of both programs.
struct Watched {
    changes: usize,
    samples: [Vec<Sample>; 2],
}

/// What a program held at a time.
struct Sample {
    seconds: f64,
    held: Held,
}

/// Ends before its time if nothing flows any more: the traffic says why.
fn watch(pair: &mut Pair<'_>, duration: Duration, flows: impl Fn() -> bool) -> Result<Watched> {
    let (deadline, stopwatch) = (Deadline::after(duration), Stopwatch::start());
    let mut watched = Watched {
        changes: 0,
        samples: [Vec::new(), Vec::new()],
    };
    // The first fifth takes what is kept for use again.
    let settled = duration / 5;
    while deadline.remaining() > 2 * STEP && flows() {
        change(pair, watched.changes).with_context(|| format!("change {}", watched.changes))?;
        watched.changes += 1;
        thread::sleep(STEP);
        if stopwatch.elapsed() < settled {
            continue;
        }
        for (samples, end) in watched.samples.iter_mut().zip([&pair.near, &pair.far]) {
            samples.push(Sample {
                seconds: stopwatch.elapsed().as_secs_f64(),
                held: Held::at_rest(end)?,
            });
        }
    }
    Ok(watched)
}

/// Ports of both ends, peers and keys take turns.
fn change(pair: &mut Pair<'_>, number: usize) -> Result<()> {
    let port = 52_000 + number % 1000;
    match number % 6 {
        0 => pair.near.set(&format!("listen-port {port}")),
        1 => pair.near.set(&format!(
            "peer {} allowed-ips 10.100.0.0/16 endpoint 127.0.0.1:9",
            Pair::stranger()?
        )),
        2 => trust::change_near_key(pair),
        3 => pair.far.set(&format!("listen-port {port}")).and_then(|()| {
            // Only who sends says where it is.
            pair.far.ping(inside(&pair.near, Family::V4), 1)
        }),
        4 => trust::change_far_key(pair),
        _ => pair.configure_near(),
    }
}

/// The slope of the line through the samples with the least squares, in KiB a second.
fn slope(samples: &[Sample]) -> f64 {
    #[expect(
        clippy::cast_precision_loss,
        reason = "memory of a program, and some samples"
    )]
    let points: Vec<(f64, f64)> = samples
        .iter()
        .map(|sample| (sample.seconds, sample.held.resident_kib as f64))
        .collect();
    #[expect(clippy::cast_precision_loss, reason = "some samples")]
    let count = points.len().max(1) as f64;
    let mean = |of: fn(&(f64, f64)) -> f64| points.iter().map(of).sum::<f64>() / count;
    let (x, y) = (mean(|it| it.0), mean(|it| it.1));
    let above: f64 = points.iter().map(|it| (it.0 - x) * (it.1 - y)).sum();
    let below: f64 = points.iter().map(|it| (it.0 - x).powi(2)).sum();
    if below > 0.0 { above / below } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(seconds: f64, resident_kib: u64) -> Sample {
        let held = Held {
            descriptors: 9,
            threads: 2,
            resident_kib,
        };
        Sample { seconds, held }
    }

    #[test]
    fn slope_is_that_of_the_line_between_the_samples() {
        let rising = [
            sample(0.0, 100),
            sample(1.0, 104),
            sample(2.0, 104),
            sample(3.0, 108),
        ];
        assert!((slope(&rising) - 2.4).abs() < 1e-9);
        assert_eq!(slope(&[sample(0.0, 7), sample(9.0, 7)]), 0.0);
        assert_eq!(slope(&[]), 0.0);
    }
}
