//! What to do about a run that failed: its scenario, its trace, and how to have it again.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::Path;

use pcap_file::PcapError;

use crate::campaign::Report;
use crate::scenario::Scenario;
use crate::simulation::{Outcome, simulate};
use crate::trace::Recorder;

/// Failed runs that are written down; the others can be had by their seeds.
const TRACES_MAX: usize = 3;

/// Seeds with late flows that are named.
const LATE_MAX: usize = 20;

impl Report {
    /// Says of each failed run how it can be had once more, and writes scenario and trace of the first
    /// few: the one to `output`, the other to a file in `directory`.
    ///
    /// # Errors
    /// [`std::io::Error`] if something cannot be written.
    pub fn explain(&self, output: &mut dyn Write, directory: &Path) -> io::Result<()> {
        if !self.late.is_empty() {
            let few: Vec<u64> = self.late.iter().copied().take(LATE_MAX).collect();
            writeln!(
                output,
                "flows that took longer than 60 s are in seeds {few:?}"
            )?;
        }
        for (number, failure) in self.failures.iter().enumerate() {
            let seed = failure.seed;
            writeln!(output, "\nseed {seed} VIOLATION {}", failure.violation)?;
            writeln!(output, "again with: cargo xtask simulate --seed {seed}")?;
            if number < TRACES_MAX {
                let scenario = Scenario::draw(seed);
                write!(output, "{scenario}")?;
                let path = directory.join(format!("wirecraft-seed-{seed}.pcapng"));
                scenario.record(&path).map_err(io::Error::other)?;
                writeln!(output, "trace            {}", path.display())?;
            }
        }
        Ok(())
    }
}

impl Scenario {
    /// Runs the scenario and writes its trace to a file.
    ///
    /// # Errors
    /// [`PcapError`] if the file cannot be written.
    pub fn record(&self, path: &Path) -> Result<Outcome, PcapError> {
        let output = Box::new(BufWriter::new(
            File::create(path).map_err(PcapError::IoError)?,
        ));
        let mut recorder = Recorder::new(output, self.nodes.len())?;
        let outcome = simulate(self, Some(&mut recorder));
        recorder.finish()?;
        Ok(outcome)
    }
}
