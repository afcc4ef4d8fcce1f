//! The results, for a terminal.

use super::journal::Journal;
use super::traffic::Check;
use std::time::Duration;

/// Lines of the journal that are shown with a failed case.
const JOURNAL_LINES: usize = 60;

/// How a case went.
pub(super) struct CaseResult {
    pub(super) name: String,
    pub(super) checks: Vec<Check>,
    pub(super) took: Duration,
    pub(super) journal: Journal,
}

impl CaseResult {
    pub(super) fn passed(&self) -> bool {
        self.failures().next().is_none()
    }

    /// Prints one line, and for a failed case what went wrong and what its programs printed.
    pub(super) fn print(&self) {
        println!("{}", self.line());
        if self.passed() {
            return;
        }
        for check in self.failures() {
            if let Err(error) = &check.outcome {
                println!("     {}: {error:#}", check.name);
            }
        }
        for line in self.journal.last(JOURNAL_LINES) {
            println!("     | {line}");
        }
    }

    fn failures(&self) -> impl Iterator<Item = &Check> {
        self.checks.iter().filter(|check| check.outcome.is_err())
    }

    fn line(&self) -> String {
        let verdict = if self.passed() { "ok" } else { "FAILED" };
        let passed = self.checks.len() - self.failures().count();
        let seconds = self.took.as_secs_f64();
        let (name, all) = (&self.name, self.checks.len());
        format!("{verdict:6}  {name:44}  {passed:3}/{all:<3} checks  {seconds:6.1} s")
    }
}

/// Prints all results below each other.
pub(super) fn print(results: &[CaseResult]) {
    println!("\nInterop:");
    for result in results {
        println!("{}", result.line());
    }
}
