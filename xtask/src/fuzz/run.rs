//! One target at a time: run for a while, or minimised.

use crate::stopwatch::Stopwatch;
use anyhow::{Context, Result, ensure};
use std::fs::{self, File};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::Duration;

/// The longest input that is tried, in bytes: a few packets, or as many actions as are played.
const INPUT_LEN_MAX: usize = 1024;

/// The longest input of targets that take all of it for one packet or datagram: what of IPv6 has no room in
/// the length of a datagram, and more.
const DATAGRAM_LEN_MAX: usize = 70_000;

/// Targets that parse one packet or datagram.
const OF_ONE_DATAGRAM: [&str; 8] = [
    "icmp_message",
    "inner_packet",
    "ip_header",
    "ip_packet",
    "tcp_segment",
    "udp_datagram",
    "upper_message",
    "wire_message",
];

/// The longest that one input may take, in seconds; more is a hang.
const INPUT_SECONDS_MAX: usize = 20;

/// The most memory that a target may take, in MiB; more is a leak.
const MEMORY_MIB_MAX: usize = 2048;

/// When a target has run for long enough.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Limit {
    Seconds(u64),
    Runs(u64),
}

/// Where things are.
pub(super) struct Place {
    /// The fuzz package: its corpus is read, crashes are written.
    pub(super) fuzz: PathBuf,
    pub(super) programs: PathBuf,
    /// Where new inputs go, a directory for each target.
    pub(super) found: PathBuf,
    pub(super) logs: PathBuf,
}

/// What came of running a target.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Outcome {
    pub(super) target: String,
    pub(super) executions: u64,
    pub(super) elapsed: Duration,
    /// Inputs that each do something of their own.
    pub(super) corpus: u64,
    /// Edges that were taken, and how many of them by no kept input before.
    pub(super) coverage: u64,
    pub(super) new_coverage: u64,
    /// The input that made it crash, or its log where there is none.
    pub(super) crash: Option<String>,
}

impl Outcome {
    pub(super) fn per_second(&self) -> u64 {
        let milliseconds = u64::try_from(self.elapsed.as_millis()).unwrap_or(u64::MAX);
        self.executions.saturating_mul(1000) / milliseconds.max(1)
    }

    pub(super) fn how_to_reproduce(&self) -> Option<String> {
        let input = self.crash.as_ref()?;
        let target = &self.target;
        Some(format!(
            "  {input}\n  cargo run --package wirecraft-fuzz --example replay -- {target} {input}"
        ))
    }

    /// Reads what libFuzzer wrote.
    fn read(target: &str, log: &str) -> Self {
        let mut outcome = Self {
            target: target.to_owned(),
            ..Self::default()
        };
        let mut coverage_at_start = None;
        for line in log.lines() {
            if let Some(path) = line.split_once("Test unit written to ") {
                outcome.crash = Some(path.1.to_owned());
            }
            let Some(executions) = line.strip_prefix('#').and_then(first_number) else {
                continue;
            };
            outcome.executions = outcome.executions.max(executions);
            outcome.coverage = after(line, "cov: ").unwrap_or(outcome.coverage);
            outcome.corpus = after(line, "corp: ").unwrap_or(outcome.corpus);
            if line.contains("INITED") {
                coverage_at_start = Some(outcome.coverage);
            }
        }
        let at_start = coverage_at_start.unwrap_or(outcome.coverage);
        outcome.new_coverage = outcome.coverage.saturating_sub(at_start);
        let total = "stat::number_of_executed_units:";
        let total = log.lines().find_map(|line| line.strip_prefix(total));
        outcome.executions = total.and_then(first_number).unwrap_or(outcome.executions);
        outcome
    }
}

fn input_len_max(target: &str) -> usize {
    if OF_ONE_DATAGRAM.contains(&target) {
        DATAGRAM_LEN_MAX
    } else {
        INPUT_LEN_MAX
    }
}

fn first_number(text: &str) -> Option<u64> {
    let text = text.trim_start();
    let len = text.bytes().take_while(u8::is_ascii_digit).count();
    text[..len].parse().ok()
}

fn after(line: &str, word: &str) -> Option<u64> {
    first_number(line.split_once(word)?.1)
}

impl Place {
    /// Runs a target from the inputs that were kept; what it finds goes beside the build.
    pub(super) fn run(&self, target: &str, limit: Limit) -> Result<Outcome> {
        let found = self.found.join(target);
        let kept = self.fuzz.join("corpus").join(target);
        let artifacts = self.fuzz.join("artifacts").join(target);
        for directory in [&found, &artifacts, &self.logs] {
            fs::create_dir_all(directory)?;
        }
        let mut command = self.program(target);
        command.arg(&found).arg(&kept);
        command.arg(match limit {
            Limit::Seconds(seconds) => format!("-max_total_time={seconds}"),
            Limit::Runs(runs) => format!("-runs={runs}"),
        });
        command.arg(format!("-artifact_prefix={}/", artifacts.display()));
        let dictionary = self
            .fuzz
            .join("dictionaries")
            .join(format!("{target}.dict"));
        if dictionary.exists() {
            command.arg(format!("-dict={}", dictionary.display()));
        }
        let path = self.logs.join(target);
        let stopwatch = Stopwatch::start();
        let status = command
            .stdout(Stdio::null())
            .stderr(File::create(&path)?)
            .status()
            .with_context(|| format!("starting {target}"))?;
        let log = String::from_utf8_lossy(&fs::read(&path)?).into_owned();
        let mut outcome = Outcome::read(target, &log);
        outcome.elapsed = stopwatch.elapsed();
        if !status.success() {
            let log = || path.display().to_string();
            outcome.crash.get_or_insert_with(log);
        }
        Ok(outcome)
    }

    /// Keeps of all inputs, old and found, the fewest that take every edge; how often they do does not
    /// count, or there would be thousands.
    pub(super) fn minimise(&self, target: &str) -> Result<()> {
        let kept = self.fuzz.join("corpus").join(target);
        let fewest = self.found.join(format!("{target}.fewest"));
        let found = self.found.join(target);
        for directory in [&fewest, &found] {
            fs::create_dir_all(directory)?;
        }
        let mut merge = self.program(target);
        merge
            .args([
                "-use_counters=0".as_ref(),
                "-merge=1".as_ref(),
                fewest.as_os_str(),
            ])
            .arg(&kept)
            .arg(&found);
        let status = merge.stdout(Stdio::null()).stderr(Stdio::null()).status()?;
        ensure!(status.success(), "merging the inputs of {target}: {status}");
        fs::remove_dir_all(&kept)?;
        fs::create_dir(&kept)?;
        for entry in fs::read_dir(&fewest)? {
            let entry = entry?;
            fs::copy(entry.path(), kept.join(entry.file_name()))?;
        }
        fs::remove_dir_all(&fewest)?;
        eprintln!("== {target}: {} inputs", fs::read_dir(&kept)?.count());
        Ok(())
    }

    fn program(&self, target: &str) -> Command {
        let mut command = Command::new(self.programs.join(target));
        command.arg(format!("-max_len={}", input_len_max(target)));
        command.arg(format!("-timeout={INPUT_SECONDS_MAX}"));
        command.arg(format!("-rss_limit_mb={MEMORY_MIB_MAX}"));
        command.args(["-print_final_stats=1", "-use_value_profile=0"]);
        command
    }
}

#[cfg(test)]
mod tests {
    use super::Outcome;

    #[test]
    fn log_says_what_was_run_and_found() {
        let log = "INFO: seed corpus: files: 9\n\
            #10\tINITED cov: 100 ft: 200 corp: 9/90b exec/s: 0 rss: 30Mb\n\
            #512\tNEW    cov: 117 ft: 240 corp: 12/130b lim: 4 exec/s: 0\n\
            #4096\tDONE   cov: 117 ft: 240 corp: 12/130b lim: 4 exec/s: 2048\n\
            stat::number_of_executed_units: 4097\n";
        let outcome = Outcome::read("ip_packet", log);
        assert_eq!(outcome.executions, 4097);
        assert_eq!((outcome.coverage, outcome.new_coverage), (117, 17));
        assert_eq!(outcome.corpus, 12);
        assert_eq!(outcome.how_to_reproduce(), None);
    }

    #[test]
    fn crash_is_told_with_its_input_and_a_command() {
        let log = "#2\tINITED cov: 5 ft: 5 corp: 1/1b\n\
            artifact_prefix='a/'; Test unit written to a/crash-1\n";
        let outcome = Outcome::read("ip_packet", log);
        let told = outcome.how_to_reproduce().expect("it crashed");
        assert!(
            told.contains("--example replay -- ip_packet a/crash-1"),
            "{told}"
        );
    }
}
