//! A table of what was measured beside what it should be.

use std::fmt;

/// What a measured value should be.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum Target {
    /// No less than this.
    AtLeast(f64),
    /// No more than this.
    AtMost(f64),
    /// For the reader alone.
    None,
}

impl Target {
    fn is_met_by(self, value: f64) -> bool {
        match self {
            Self::AtLeast(least) => value >= least,
            Self::AtMost(most) => value <= most,
            Self::None => true,
        }
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::AtLeast(least) => write!(f, ">= {least}"),
            Self::AtMost(most) => write!(f, "<= {most}"),
            Self::None => f.write_str("-"),
        }
    }
}

/// Measured values, in the order in which they are to be read.
#[derive(Default, Debug)]
pub struct Figures {
    rows: Vec<Row>,
}

#[derive(Debug)]
struct Row {
    name: String,
    target: Target,
    value: f64,
}

impl Figures {
    /// Adds a value, which is in the unit that `name` ends with.
    ///
    /// A value that is not a number, because it could not be measured, meets no target.
    pub fn add(&mut self, name: impl Into<String>, target: Target, value: f64) {
        self.rows.push(Row {
            name: name.into(),
            target,
            value,
        });
    }

    /// Whether every target was met.
    #[must_use]
    pub fn all_met(&self) -> bool {
        self.rows.iter().all(|row| row.target.is_met_by(row.value))
    }
}

impl fmt::Display for Figures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{:62} {:>10} {:>12}  ok", "figure", "target", "measured")?;
        for row in &self.rows {
            let verdict = match row.target {
                Target::None => "",
                target if target.is_met_by(row.value) => "yes",
                _ => "NO",
            };
            let target = row.target.to_string();
            writeln!(
                f,
                "{:62} {target:>10} {:>12.2}  {verdict}",
                row.name, row.value
            )?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_missed_target_is_enough() {
        let mut figures = Figures::default();
        figures.add("flow, %", Target::AtLeast(99.0), 99.5);
        figures.add("rate, /s", Target::None, 7.0);
        assert!(figures.all_met());
        figures.add("memory, MiB", Target::AtMost(8.0), 8.5);
        assert!(!figures.all_met());
    }

    #[test]
    fn what_could_not_be_measured_meets_no_target() {
        for target in [Target::AtLeast(0.0), Target::AtMost(1.0)] {
            let mut figures = Figures::default();
            figures.add("time, s", target, f64::NAN);
            assert!(!figures.all_met());
        }
    }
}
