//! What was measured, as a table and as a chart.

use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

/// One column of the table.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) enum Figure {
    TcpRate,
    TcpCost,
    FlowsRate,
    FlowsCost,
    LongDatagrams,
    ShortDatagrams,
    PacedCost,
    PacedLost,
    Ping,
    Resident,
    SystemCalls,
    Allocations,
}

impl Figure {
    const ALL: [Self; 12] = [
        Self::TcpRate,
        Self::TcpCost,
        Self::FlowsRate,
        Self::FlowsCost,
        Self::LongDatagrams,
        Self::ShortDatagrams,
        Self::PacedCost,
        Self::PacedLost,
        Self::Ping,
        Self::Resident,
        Self::SystemCalls,
        Self::Allocations,
    ];

    /// The head of its column: what, and in which unit.
    fn title(self) -> &'static str {
        match self {
            Self::TcpRate => "TCP, Gbit/s",
            Self::TcpCost => "TCP, CPU s/GB of both ends",
            Self::FlowsRate => "TCP, 8 flows, Gbit/s",
            Self::FlowsCost => "TCP, 8 flows, CPU s/GB of both ends",
            Self::LongDatagrams => "UDP 1360 B, kpps received",
            Self::ShortDatagrams => "UDP 64 B, kpps received",
            Self::PacedCost => "UDP 400 Mbit/s, CPU s/GB of both ends",
            Self::PacedLost => "UDP 400 Mbit/s, lost %",
            Self::Ping => "ping p10, µs",
            Self::Resident => "RSS idle, MB",
            Self::SystemCalls => "system calls a full packet, TCP",
            Self::Allocations => "allocations a full packet, TCP",
        }
    }

    /// Those that are drawn.
    const DRAWN: [Self; 6] = [
        Self::TcpRate,
        Self::TcpCost,
        Self::LongDatagrams,
        Self::ShortDatagrams,
        Self::PacedCost,
        Self::Ping,
    ];
}

/// All samples of all programs, in the order in which they were first measured.
#[derive(Default)]
pub(super) struct Figures {
    programs: Vec<String>,
    samples: BTreeMap<(usize, Figure), Vec<f64>>,
}

impl Figures {
    pub(super) fn add(&mut self, program: &str, figure: Figure, value: f64) {
        let found = self.programs.iter().position(|name| name == program);
        let number = found.unwrap_or_else(|| {
            self.programs.push(program.to_owned());
            self.programs.len() - 1
        });
        self.samples
            .entry((number, figure))
            .or_default()
            .push(value);
    }

    /// Adds what was measured at one of several ends: the greatest counts.
    pub(super) fn add_greatest(&mut self, program: &str, figure: Figure, value: f64) {
        self.add(program, figure, value);
        let found = self.programs.iter().position(|name| name == program);
        if let Some(samples) = found.and_then(|number| self.samples.get_mut(&(number, figure))) {
            let greatest = samples.iter().copied().fold(f64::MIN, f64::max);
            *samples = vec![greatest];
        }
    }

    /// The median of all rounds.
    pub(super) fn median(&self, program: &str, figure: Figure) -> Option<f64> {
        let number = self.programs.iter().position(|name| name == program)?;
        let mut samples = self.samples.get(&(number, figure))?.clone();
        samples.sort_by(f64::total_cmp);
        let (low, high) = (
            samples.get((samples.len() - 1) / 2)?,
            samples.get(samples.len() / 2)?,
        );
        Some(f64::midpoint(*low, *high))
    }

    /// One line a program, one column a figure.
    pub(super) fn table(&self) -> String {
        let measured = |figure: &Figure| self.samples.keys().any(|(_, it)| it == figure);
        let columns: Vec<Figure> = Figure::ALL.into_iter().filter(measured).collect();
        let mut text = String::from("| |");
        for figure in &columns {
            text += &format!(" {} |", figure.title());
        }
        text += &format!("\n|---|{}\n", "---|".repeat(columns.len()));
        for program in &self.programs {
            text += &format!("| {program} |");
            for &figure in &columns {
                text += &match self.median(program, figure) {
                    Some(value) if value < 0.1 => format!(" {value:.4} |"),
                    Some(value) if value < 100.0 => format!(" {value:.2} |"),
                    Some(value) => format!(" {value:.0} |"),
                    None => " – |".to_owned(),
                };
            }
            text.push('\n');
        }
        text
    }

    /// What has to be shown, and what was measured in this run.
    pub(super) fn targets(&self) -> String {
        let mut text = String::from("| target | asked | measured |\n|---|---|---|\n");
        for target in TARGETS {
            let measured = match target.measured(self) {
                None => "not measured".to_owned(),
                Some(measured) => {
                    let digits = if measured < 0.1 { 4 } else { 2 };
                    let is_met = target.is_met(measured);
                    let verdict = if is_met { "" } else { " (missed)" };
                    format!("{measured:.digits$}{verdict}")
                }
            };
            let (what, sign, asked) = (target.what, target.sign(), target.asked);
            // A string takes whatever is written.
            let _ = writeln!(text, "| {what} | {sign} {asked} | {measured} |");
        }
        text
    }

    /// What was measured and is not as asked.
    pub(super) fn missed(&self) -> Vec<&'static str> {
        let is_missed = |target: &&Target| {
            let measured = target.measured(self);
            measured.is_some_and(|measured| !target.is_met(measured))
        };
        let missed = TARGETS.iter().filter(is_missed);
        missed.map(|target| target.what).collect()
    }

    /// The input of the program that draws.
    fn panels(&self) -> Vec<Value> {
        let panel = |figure: Figure| {
            let bars: Vec<Value> = self
                .programs
                .iter()
                .filter_map(|name| Some(json!({"name": name, "value": self.median(name, figure)?})))
                .collect();
            (!bars.is_empty()).then(|| json!({"title": figure.title(), "bars": bars}))
        };
        Figure::DRAWN.into_iter().filter_map(panel).collect()
    }

    /// Has `program` draw the chart into `path`.
    ///
    /// # Errors
    /// When it fails.
    pub(super) fn draw(&self, program: &Path, path: &Path, title: &str) -> Result<()> {
        let mut command = Command::new(program);
        let child = command.arg(path).stdin(Stdio::piped()).spawn();
        let mut child = child.context("starting the program that draws")?;
        let input = json!({"title": title, "panels": self.panels()});
        if let Some(mut stdin) = child.stdin.take() {
            stdin.write_all(input.to_string().as_bytes())?;
        }
        let status = child.wait()?;
        ensure!(status.success(), "drawing: {status}");
        Ok(())
    }
}

/// A figure of ours, or its ratio to that of another program in the same run.
struct Target {
    what: &'static str,
    ours: &'static str,
    figure: Figure,
    beside: Option<&'static str>,
    asked: f64,
}

/// A ratio to another program.
const fn ratio(what: &'static str, figure: Figure, beside: &'static str, asked: f64) -> Target {
    Target {
        beside: Some(beside),
        ..alone(what, figure, asked)
    }
}

/// A figure of ours.
const fn alone(what: &'static str, figure: Figure, asked: f64) -> Target {
    Target {
        what,
        ours: "wirecraft",
        figure,
        beside: None,
        asked,
    }
}

/// What the interface has to show.
const TARGETS: &[Target] = &[
    ratio(
        "TCP rate / wireguard-go",
        Figure::TcpRate,
        "wireguard-go",
        4.5,
    ),
    ratio("TCP rate / gotatun", Figure::TcpRate, "gotatun", 3.0),
    ratio("TCP rate / boringtun", Figure::TcpRate, "boringtun", 3.0),
    ratio(
        "TCP rate / boringtun -t 1",
        Figure::TcpRate,
        "boringtun -t 1",
        2.5,
    ),
    ratio(
        "TCP rate / bare forwarder",
        Figure::TcpRate,
        "bare forwarder",
        0.85,
    ),
    ratio(
        "TCP cost / wireguard-go",
        Figure::TcpCost,
        "wireguard-go",
        0.2,
    ),
    ratio("TCP cost / gotatun", Figure::TcpCost, "gotatun", 0.35),
    ratio(
        "TCP rate / wireguard-go of 2025",
        Figure::TcpRate,
        "wireguard-go-2025",
        1.8,
    ),
    ratio(
        "TCP cost / wireguard-go of 2025",
        Figure::TcpCost,
        "wireguard-go-2025",
        0.5,
    ),
    alone("TCP cost, batches, s/GB", Figure::TcpCost, 2.2),
    Target {
        ours: "wirecraft, one by one",
        ..alone("TCP cost, one by one, s/GB", Figure::TcpCost, 2.6)
    },
    alone("UDP 64 B, kpps", Figure::ShortDatagrams, 280.0),
    ratio(
        "UDP 1360 B / gotatun",
        Figure::LongDatagrams,
        "gotatun",
        2.0,
    ),
    ratio("UDP 64 B / gotatun", Figure::ShortDatagrams, "gotatun", 1.8),
    alone("UDP 400 Mbit/s, s/GB", Figure::PacedCost, 3.5),
    ratio(
        "ping p10 / bare forwarder",
        Figure::Ping,
        "bare forwarder",
        1.15,
    ),
    alone("RSS idle, MB", Figure::Resident, 8.0),
    alone("system calls a packet, TCP", Figure::SystemCalls, 0.0625),
    // Some are made by what is not the data path: a timer, a question of `wg`.
    alone("allocations a packet, TCP", Figure::Allocations, 0.001),
];

impl Target {
    fn measured(&self, figures: &Figures) -> Option<f64> {
        let ours = figures.median(self.ours, self.figure)?;
        let Some(beside) = self.beside else {
            return Some(ours);
        };
        Some(ours / figures.median(beside, self.figure)?)
    }

    /// Whether more is better.
    fn is_rate(&self) -> bool {
        let rates = [
            Figure::TcpRate,
            Figure::LongDatagrams,
            Figure::ShortDatagrams,
        ];
        rates.contains(&self.figure)
    }

    fn sign(&self) -> &'static str {
        if self.is_rate() { "≥" } else { "≤" }
    }

    fn is_met(&self, measured: f64) -> bool {
        if self.is_rate() {
            measured >= self.asked
        } else {
            measured <= self.asked
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn figures() -> Figures {
        let mut figures = Figures::default();
        for (program, rates) in [("wirecraft", [4.0, 9.0, 5.0]), ("gotatun", [1.0, 2.0, 1.5])] {
            for rate in rates {
                figures.add(program, Figure::TcpRate, rate);
            }
        }
        figures.add("wirecraft", Figure::Ping, 123.0);
        figures
    }

    #[test]
    fn table_has_a_line_a_program_and_a_column_a_figure() {
        let expected = "| | TCP, Gbit/s | ping p10, µs |\n|---|---|---|\n\
                        | wirecraft | 5.00 | 123 |\n| gotatun | 1.50 | – |\n";
        assert_eq!(figures().table(), expected);
    }

    #[test]
    fn ratio_is_that_of_the_medians() {
        let targets = figures().targets();
        assert!(
            targets.contains("| TCP rate / gotatun | ≥ 3 | 3.33 |"),
            "{targets}"
        );
        assert!(
            targets.contains("| TCP rate / boringtun | ≥ 3 | not measured |"),
            "{targets}"
        );
    }

    #[test]
    fn what_is_not_as_asked_is_missed_and_what_was_not_measured_is_not() {
        let mut figures = figures();
        assert_eq!(figures.missed(), Vec::<&str>::new());
        figures.add("boringtun", Figure::TcpRate, 2.0);
        figures.add("bare forwarder", Figure::Ping, 100.0);
        let missed = ["TCP rate / boringtun", "ping p10 / bare forwarder"];
        assert_eq!(figures.missed(), missed);
    }

    #[test]
    fn of_several_ends_the_greatest_figure_counts() {
        let mut figures = Figures::default();
        for calls in [0.02, 0.09, 0.05] {
            figures.add_greatest("wirecraft", Figure::SystemCalls, calls);
        }
        let median = figures.median("wirecraft", Figure::SystemCalls);
        assert_eq!(median, Some(0.09));
    }

    #[test]
    fn median_of_two_is_between_them() {
        let mut figures = Figures::default();
        figures.add("it", Figure::Ping, 1.0);
        figures.add("it", Figure::Ping, 2.0);
        assert_eq!(figures.median("it", Figure::Ping), Some(1.5));
        assert_eq!(figures.median("other", Figure::Ping), None);
    }
}
