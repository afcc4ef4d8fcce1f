//! Times and ratios by the program `rates` of the benchmarks, over several runs, and what they should be.

use super::machine::{commit, machine};
use crate::steps::cargo;
use crate::workspace::Workspace;
use anyhow::{Context as _, Result, bail, ensure};
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::process::Command;

/// How often the program runs unless told otherwise; fewer runs are not written down.
const RUNS: usize = 5;

/// How to measure and what to do about it.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Options {
    runs: usize,
    /// Whether a target that is missed is a failure.
    is_checked: bool,
}

impl Options {
    /// Reads `[--runs N] [--check]`.
    pub(super) fn parse(arguments: &[String], usage: &'static str) -> Result<Self> {
        let mut options = Self {
            runs: RUNS,
            is_checked: false,
        };
        let mut rest = arguments.iter().map(String::as_str);
        while let Some(argument) = rest.next() {
            match argument {
                "--check" => options.is_checked = true,
                "--runs" => {
                    let number = rest.next().and_then(|text| text.parse().ok());
                    options.runs = number.filter(|runs| *runs > 0).context(usage)?;
                }
                _ => bail!(usage),
            }
        }
        Ok(options)
    }
}

/// What was measured: work on packets of a group, by some code, so many at once.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) struct Key {
    pub(super) group: String,
    pub(super) work: String,
    pub(super) code: String,
    pub(super) batch: u32,
}

/// What came of it, of one run or the median of several.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Row {
    /// Nanoseconds a packet.
    pub(super) time: f64,
    /// How many times as long others took.
    pub(super) ratios: BTreeMap<String, f64>,
}

/// The medians of all runs, in the order of the program.
#[derive(Debug, Default)]
pub(super) struct Rates(pub(super) Vec<(Key, Row)>);

impl Rates {
    fn read(text: &str) -> Result<Self> {
        let lines = text.lines().map(|line| {
            read_line(line)
                .with_context(|| format!("the program wrote a line of another form: {line}"))
        });
        Ok(Self(lines.collect::<Result<_>>()?))
    }

    /// The median of each value over several runs.
    fn median(runs: &[Self]) -> Self {
        let Some(first) = runs.first() else {
            return Self::default();
        };
        let of_row = |(number, (key, row)): (usize, &(Key, Row))| {
            let rows = || runs.iter().filter_map(|run| Some(&run.0.get(number)?.1));
            let of_ratio = |name: &String| median(rows().filter_map(|row| row.ratios.get(name)));
            let ratios = row.ratios.keys().map(|name| (name.clone(), of_ratio(name)));
            let row = Row {
                time: median(rows().map(|row| &row.time)),
                ratios: ratios.collect(),
            };
            (key.clone(), row)
        };
        Self(first.0.iter().enumerate().map(of_row).collect())
    }

    /// The rows of a group by some code, in which so many packets or more were worked on at once.
    pub(super) fn rows<'a>(
        &'a self,
        group: &'a str,
        code: &'a str,
        batches: impl Fn(u32) -> bool + 'a,
    ) -> impl Iterator<Item = (&'a Key, &'a Row)> {
        let rows = self.0.iter().map(|(key, row)| (key, row));
        rows.filter(move |(key, _)| key.group == group && key.code == code && batches(key.batch))
    }

    /// The groups, in order.
    pub(super) fn groups(&self) -> Vec<&str> {
        let mut groups: Vec<&str> = self.0.iter().map(|(key, _)| key.group.as_str()).collect();
        groups.dedup();
        groups
    }
}

/// Reads what the program says of one contestant.
fn read_line(line: &str) -> Option<(Key, Row)> {
    let mut words = line.split('\t');
    let mut word = || words.next().map(str::to_owned);
    let key = Key {
        group: word()?,
        work: word()?,
        code: word()?,
        batch: word()?.parse().ok()?,
    };
    let time = word()?.parse().ok()?;
    let ratios = words.map(|word| {
        let (name, ratio) = word.split_once('=')?;
        Some((name.to_owned(), ratio.parse().ok()?))
    });
    let ratios = ratios.collect::<Option<_>>()?;
    Some((key, Row { time, ratios }))
}

fn median<'a>(values: impl Iterator<Item = &'a f64>) -> f64 {
    let mut values: Vec<f64> = values.copied().collect();
    values.sort_by(f64::total_cmp);
    let at = |place: usize| values.get(place).copied().unwrap_or(f64::NAN);
    f64::midpoint(at(values.len().saturating_sub(1) / 2), at(values.len() / 2))
}

/// A figure that is to be reached.
pub(super) struct Target {
    pub(super) what: String,
    pub(super) limit: Limit,
    /// `None` if this machine has not the code for it.
    pub(super) found: Option<f64>,
}

/// Where a figure must be.
#[derive(Clone, Copy)]
pub(super) enum Limit {
    AtMost(f64),
    AtLeast(f64),
}

impl Target {
    fn is_missed(&self) -> bool {
        self.found.is_some_and(|found| match self.limit {
            Limit::AtMost(limit) => found > limit,
            Limit::AtLeast(limit) => found < limit,
        })
    }

    fn line(&self) -> String {
        let (sign, limit) = match self.limit {
            Limit::AtMost(limit) => ('≤', limit),
            Limit::AtLeast(limit) => ('≥', limit),
        };
        let found = self.found.map(|found| format!("{found:.2}"));
        let found = found.unwrap_or_default();
        let verdict = match (self.found, self.is_missed()) {
            (None, _) => "not here",
            (_, false) => "reached",
            (_, true) => "**missed**",
        };
        format!("| {} | {sign} {limit} | {found} | {verdict} |\n", self.what)
    }
}

/// The greatest of some values, if there are any.
pub(super) fn greatest(values: impl Iterator<Item = f64>) -> Option<f64> {
    values.reduce(f64::max)
}

/// The least of some values, if there are any.
pub(super) fn least(values: impl Iterator<Item = f64>) -> Option<f64> {
    values.reduce(f64::min)
}

/// A page of docs/benchmarks.
pub(super) struct Page {
    /// The word that the program `rates` takes.
    pub(super) word: &'static str,
    pub(super) title: &'static str,
    /// The command that writes it.
    pub(super) command: &'static str,
    /// Its file.
    pub(super) file: &'static str,
    pub(super) targets: fn(&Rates) -> Vec<Target>,
    pub(super) tables: fn(&Rates) -> String,
}

impl Page {
    /// Measures, prints and writes it.
    pub(super) fn make(&self, options: &Options) -> Result<()> {
        let workspace = Workspace::load()?;
        let build = "build --release --package wirecraft-benches --bin rates";
        let status = cargo(build.split(' ')).status()?;
        ensure!(status.success(), "building the program: {status}");
        let program = workspace.target.join("release").join("rates");
        let mut runs = Vec::new();
        for run in 1..=options.runs {
            eprintln!("run {run} of {}", options.runs);
            let output = Command::new(&program).arg(self.word).output()?;
            ensure!(
                output.status.success(),
                "the program failed: {}",
                String::from_utf8_lossy(&output.stderr)
            );
            runs.push(Rates::read(&String::from_utf8(output.stdout)?)?);
        }
        let rates = Rates::median(&runs);
        let targets = (self.targets)(&rates);
        let text = self.text(options, &rates, &targets);
        print!("{text}");
        if options.runs >= RUNS {
            let path = workspace.root.join("docs/benchmarks").join(self.file);
            std::fs::write(&path, &text).with_context(|| path.display().to_string())?;
        }
        let missed: Vec<&str> = targets
            .iter()
            .filter(|target| target.is_missed())
            .map(|target| target.what.as_str())
            .collect();
        ensure!(
            missed.is_empty() || !options.is_checked,
            "missed: {}",
            missed.join(", ")
        );
        Ok(())
    }

    fn text(&self, options: &Options, rates: &Rates, targets: &[Target]) -> String {
        let mut text = format!(
            "# {}\n\n`{}`, commit {}: {}. Medians of {} runs, in each of which all take turns of a\n\
             millisecond; a ratio is the median of those of single rounds.\n\n\
             | Target | | found | |\n|---|---|---|---|\n",
            self.title,
            self.command,
            commit(),
            machine(),
            options.runs,
        );
        for target in targets {
            let _ = write!(text, "{}", target.line());
        }
        text + &(self.tables)(rates)
    }
}

#[cfg(test)]
mod tests {
    use super::{Limit, Options, Rates, Target};

    #[test]
    fn values_are_medians_of_the_runs() {
        let run = |time: f64, ratio: f64| {
            let line = format!("64\tseal\tavx2\t16\t{time}\tring={ratio}\tsingle=2\n");
            Rates::read(&line).expect("a line")
        };
        let rates = Rates::median(&[run(90.0, 1.5), run(70.0, 1.75), run(80.0, 2.5)]);
        let (key, row) = &rates.0[0];
        assert_eq!((key.code.as_str(), key.batch), ("avx2", 16));
        assert!((row.time - 80.0).abs() < 1e-9);
        assert!((row.ratios["ring"] - 1.75).abs() < 1e-9);
        assert!(Rates::read("64\tseal\tavx2\n").is_err());
    }

    #[test]
    fn target_is_missed_beyond_its_limit_and_not_where_nothing_was_found() {
        let target = |limit, found| Target {
            what: "x".to_owned(),
            limit,
            found,
        };
        assert!(target(Limit::AtMost(45.0), Some(46.0)).is_missed());
        assert!(!target(Limit::AtMost(45.0), Some(45.0)).is_missed());
        assert!(target(Limit::AtLeast(3.0), Some(2.9)).is_missed());
        assert!(!target(Limit::AtLeast(3.0), None).is_missed());
    }

    #[test]
    fn options_are_runs_and_whether_to_check() {
        let parsed = |line: &str| {
            let words: Vec<String> = line.split_whitespace().map(str::to_owned).collect();
            Options::parse(&words, "usage").ok()
        };
        let expected = Options {
            runs: 3,
            is_checked: true,
        };
        assert_eq!(parsed("--runs 3 --check"), Some(expected));
        for wrong in ["--runs", "--runs 0", "--fast", "3"] {
            assert_eq!(parsed(wrong), None, "{wrong}");
        }
    }
}
