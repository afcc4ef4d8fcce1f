//! The options of `cargo xtask bench tun`.

use crate::bench::iperf::{self, Load};
use crate::bench::program::Program;
use anyhow::{Context as _, Result, bail};
use std::path::PathBuf;

pub(super) const USAGE: &str = "\
Usage: cargo xtask bench tun [OPTIONS]     (as root, on Linux)

Options:
  --quick             one round of 2 s a load instead of three of 6; ends within 5 minutes, and nothing
                      is written to docs/benchmarks then, as with less rounds or seconds
  --rounds N, --seconds N
                      how often, and how long a load
  --only FILTER       only what has FILTER in its name: tcp, udp, 64 bytes, ping, calls ..;
                      nothing is written to docs/benchmarks then
  --program FILTER    only programs with FILTER in their name; nothing is written then
  --rival NAME=PATH   another program beside ours; a NAME that begins with wireguard-go, boringtun or
                      gotatun says how it is called, others get `-f INTERFACE`
  --no-usual          without the rivals that are there in any case: wireguard-go if it is in PATH, and
                      of crates.io boringtun-cli (with its usual threads and with one) and gotatun-cli,
                      from the directory in WIRECRAFT_RIVALS, PATH, or installed under target/rivals;
                      nothing is written then
  --output DIRECTORY  where to write the table and the chart instead of docs/benchmarks

Of several rounds the medians are printed. A target that is missed makes the run a failure; one that needs
a program that is not there is shown as not measured: `--rival wireguard-go-2025=PATH` for some of them. The machine should have nothing else to do.
";

/// How long a load and how often, unless the caller says otherwise.
const SECONDS: u32 = 6;
const ROUNDS: usize = 3;

/// What the caller asked for.
pub(super) struct Options {
    pub(super) seconds: u32,
    pub(super) rounds: usize,
    only: String,
    pub(super) program: String,
    pub(super) rivals: Vec<Program>,
    pub(super) has_usual_rivals: bool,
    pub(super) output: Option<PathBuf>,
    /// Where our programs are; given by the task to itself inside its namespaces.
    pub(super) inside: Option<PathBuf>,
}

impl Options {
    /// Reads the arguments; `None` is a call for help.
    pub(super) fn parse(arguments: &[String]) -> Result<Option<Self>> {
        let mut options = Self {
            seconds: SECONDS,
            rounds: ROUNDS,
            only: String::new(),
            program: String::new(),
            rivals: Vec::new(),
            has_usual_rivals: true,
            output: None,
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
                "--quick" => (options.seconds, options.rounds) = (2, 1),
                "--rounds" => options.rounds = value()?.parse().context("--rounds")?,
                "--seconds" => options.seconds = value()?.parse().context("--seconds")?,
                "--only" => options.only.clone_from(value()?),
                "--program" => options.program.clone_from(value()?),
                "--rival" => options.rivals.push(value()?.parse()?),
                "--no-usual" => options.has_usual_rivals = false,
                "--output" => options.output = Some(value()?.into()),
                "--inside" => options.inside = Some(value()?.into()),
                other => bail!("unknown option {other}; see cargo xtask bench tun --help"),
            }
        }
        Ok(Some(options))
    }

    pub(super) fn loads(&self) -> impl Iterator<Item = &'static Load> {
        let loads = iperf::LOADS.iter();
        loads.filter(|load| self.wants(load.name))
    }

    /// Whether what is called `name` is to be measured.
    pub(super) fn wants(&self, name: &str) -> bool {
        name.contains(&self.only)
    }

    /// Whether nothing was left out, and nothing done in less time than usual.
    pub(super) fn is_whole(&self) -> bool {
        self.only.is_empty()
            && self.program.is_empty()
            && self.has_usual_rivals
            && self.seconds >= SECONDS
            && self.rounds >= ROUNDS
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_run_of_everything_is_written_down() {
        let is_whole = |arguments: &str| {
            let words: Vec<String> = arguments.split_whitespace().map(str::to_owned).collect();
            let options = Options::parse(&words).expect("they are known");
            options.expect("no call for help").is_whole()
        };
        assert!(is_whole("") && is_whole("--rounds 5"));
        for part in [
            "--quick",
            "--no-usual",
            "--only tcp",
            "--program go",
            "--seconds 1",
        ] {
            assert!(!is_whole(part), "{part}");
        }
    }
}
