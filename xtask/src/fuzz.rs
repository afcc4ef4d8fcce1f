//! `cargo xtask fuzz`: runs the fuzz targets and says what came of it.

pub(crate) mod instrument;
mod run;

use crate::steps::command_line;
use crate::workspace::Workspace;
use anyhow::{Context, Result, bail, ensure};
use run::{Limit, Outcome, Place};
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Mutex;

const USAGE: &str = "usage: cargo xtask fuzz [--minutes N | --runs N | --quick | --minimise] \
     [--sanitizer address|none] [TARGET..]";

const INSTALL: &str = "\
fuzzing needs a nightly compiler and cargo-fuzz:
  rustup toolchain install nightly --profile minimal
  cargo install --locked cargo-fuzz
Without them, `cargo test --package wirecraft-fuzz` replays the inputs that were kept.";

/// Targets that run at a time.
const PARALLEL: usize = 2;

/// How long each target runs under `--quick`, in seconds.
const QUICK_SECONDS: u64 = 10;

/// How long all targets run together unless told otherwise, in minutes.
const MINUTES: u64 = 10;

#[derive(Debug, PartialEq, Eq)]
struct Options {
    task: Task,
    sanitizer: Sanitizer,
    targets: Vec<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Task {
    Minutes(u64),
    Runs(u64),
    Quick,
    Minimise,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Sanitizer {
    Address,
    None,
}

impl Sanitizer {
    const fn name(self) -> &'static str {
        match self {
            Self::Address => "address",
            Self::None => "none",
        }
    }
}

/// Runs the targets that are named, or all of them.
///
/// # Errors
/// When something is not installed, does not build, or a target crashed.
pub(crate) fn run(arguments: &[String]) -> Result<()> {
    let options = parse(arguments)?;
    let workspace = Workspace::load()?;
    let fuzz = workspace.root.join("fuzz");
    let targets = chosen(&fuzz, &options.targets)?;
    check_installed()?;
    let built = workspace.target.join("fuzz").join(options.sanitizer.name());
    build(&workspace.root, &built, options.sanitizer, &targets)?;
    let place = Place {
        fuzz,
        programs: built.join(instrument::HOST).join("release"),
        found: workspace.target.join("fuzz/corpus"),
        logs: workspace.target.join("fuzz/logs"),
    };
    if options.task == Task::Minimise {
        return targets.iter().try_for_each(|target| place.minimise(target));
    }
    let limit = limit(options.task, targets.len());
    let outcomes = run_all(&place, &targets, limit)?;
    report(&outcomes)
}

fn parse(arguments: &[String]) -> Result<Options> {
    let mut options = Options {
        task: Task::Minutes(MINUTES),
        sanitizer: Sanitizer::Address,
        targets: Vec::new(),
    };
    let mut rest = arguments.iter();
    while let Some(argument) = rest.next() {
        let mut number = || -> Result<u64> {
            let number = rest.next().and_then(|text| text.parse().ok());
            number.filter(|number| *number > 0).context(USAGE)
        };
        match argument.as_str() {
            "--minutes" => options.task = Task::Minutes(number()?),
            "--runs" => options.task = Task::Runs(number()?),
            "--quick" => options.task = Task::Quick,
            "--minimise" => options.task = Task::Minimise,
            "--sanitizer" => {
                options.sanitizer = match rest.next().map(String::as_str) {
                    Some("address") => Sanitizer::Address,
                    Some("none") => Sanitizer::None,
                    _ => bail!(USAGE),
                }
            }
            name if !name.starts_with('-') => options.targets.push(name.to_owned()),
            _ => bail!(USAGE),
        }
    }
    Ok(options)
}

/// An equal share for each target: as many as can run at a time share the time.
fn limit(task: Task, targets: usize) -> Limit {
    match task {
        Task::Runs(runs) => Limit::Runs(runs),
        Task::Minutes(minutes) => {
            let (targets, parallel) = (targets as u64, PARALLEL.min(targets) as u64);
            Limit::Seconds((minutes * 60 * parallel / targets.max(1)).max(1))
        }
        Task::Quick | Task::Minimise => Limit::Seconds(QUICK_SECONDS),
    }
}

/// The names of the programs, or those of them that were asked for.
fn chosen(fuzz: &Path, asked: &[String]) -> Result<Vec<String>> {
    let programs = fuzz.join("fuzz_targets");
    let mut known = Vec::new();
    for entry in fs::read_dir(&programs).with_context(|| programs.display().to_string())? {
        let path = entry?.path();
        let name = path.file_stem().and_then(|stem| stem.to_str());
        known.extend(name.map(str::to_owned));
    }
    known.sort_unstable();
    if asked.is_empty() {
        return Ok(known);
    }
    for name in asked {
        ensure!(
            known.contains(name),
            "no target {name}; there are {}",
            known.join(", ")
        );
    }
    Ok(asked.to_vec())
}

/// A command of the nightly toolchain, whichever toolchain runs this task.
fn nightly(arguments: &[&str]) -> Command {
    let mut command = Command::new("rustup");
    command.args(["run", "nightly"]).args(arguments);
    command
}

fn check_installed() -> Result<()> {
    let mut version = nightly(&["cargo", "fuzz", "--version"]);
    let status = version.stdout(Stdio::null()).stderr(Stdio::null()).status();
    ensure!(status.is_ok_and(|status| status.success()), INSTALL);
    Ok(())
}

fn build(root: &Path, built: &Path, sanitizer: Sanitizer, targets: &[String]) -> Result<()> {
    let mut build = nightly(&["cargo", "fuzz", "build", "--features", "libfuzzer"]);
    build.args([
        "--sanitizer",
        sanitizer.name(),
        "--target",
        instrument::HOST,
    ]);
    // Under `--cfg fuzzing` libraries leave checks out, smoltcp those of checksums.
    build.arg("--no-cfg-fuzzing");
    build.arg("--target-dir").arg(built).current_dir(root);
    if let [only] = targets {
        build.arg(only);
    }
    instrument::prepare(&mut build, root)?;
    let line = command_line(&build);
    eprintln!("== {line}");
    let status = build
        .status()
        .with_context(|| format!("starting `{line}`"))?;
    ensure!(status.success(), "the targets do not build: {status}");
    Ok(())
}

/// Runs the targets, some at a time.
fn run_all(place: &Place, targets: &[String], limit: Limit) -> Result<Vec<Outcome>> {
    let waiting = Mutex::new(targets.iter());
    let next = || waiting.lock().ok().and_then(|mut targets| targets.next());
    let work = || -> Result<Vec<Outcome>> {
        let mut outcomes = Vec::new();
        while let Some(target) = next() {
            eprintln!("== {target}");
            outcomes.push(place.run(target, limit)?);
        }
        Ok(outcomes)
    };
    let mut outcomes = std::thread::scope(|scope| -> Result<Vec<Outcome>> {
        let workers = [(); PARALLEL].map(|()| scope.spawn(work));
        let mut outcomes = Vec::new();
        for worker in workers {
            let done = worker.join().ok().context("a worker panicked")?;
            outcomes.extend(done?);
        }
        Ok(outcomes)
    })?;
    outcomes.sort_by(|one, other| one.target.cmp(&other.target));
    Ok(outcomes)
}

/// Prints the table.
fn report(outcomes: &[Outcome]) -> Result<()> {
    println!(
        "{:<18} {:>12} {:>9} {:>7} {:>8} {:>8} {:>7}",
        "target", "executions", "per s", "corpus", "coverage", "new", "crashes"
    );
    for outcome in outcomes {
        let crashes = usize::from(outcome.crash.is_some());
        println!(
            "{:<18} {:>12} {:>9} {:>7} {:>8} {:>8} {:>7}",
            outcome.target,
            outcome.executions,
            outcome.per_second(),
            outcome.corpus,
            outcome.coverage,
            outcome.new_coverage,
            crashes
        );
    }
    let crashed: Vec<String> = outcomes
        .iter()
        .filter_map(Outcome::how_to_reproduce)
        .collect();
    ensure!(
        crashed.is_empty(),
        "{} crashed:\n{}",
        crashed.len(),
        crashed.join("\n")
    );
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::{Limit, Options, Sanitizer, Task, limit, parse};

    fn parsed(line: &str) -> Option<Options> {
        let words: Vec<String> = line.split_whitespace().map(str::to_owned).collect();
        parse(&words).ok()
    }

    #[test]
    fn options_and_targets_are_told_apart() {
        let expected = Options {
            task: Task::Runs(7),
            sanitizer: Sanitizer::None,
            targets: vec!["ip_packet".to_owned()],
        };
        assert_eq!(
            parsed("--runs 7 ip_packet --sanitizer none"),
            Some(expected)
        );
        for wrong in [
            "--runs",
            "--runs 0",
            "--minutes x",
            "--sanitizer leak",
            "--fast",
        ] {
            assert_eq!(parsed(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn minutes_are_shared_by_the_targets_that_run_at_a_time() {
        assert_eq!(limit(Task::Minutes(10), 20), Limit::Seconds(60));
        assert_eq!(limit(Task::Minutes(1), 1), Limit::Seconds(60));
        assert_eq!(limit(Task::Runs(5), 20), Limit::Runs(5));
    }
}
