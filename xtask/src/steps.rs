//! A run of named steps: each prints its name and time, a failed one how to run it again.

use crate::stopwatch::Stopwatch;
use anyhow::{Context, Result, bail};
use std::ffi::OsStr;
use std::fmt::Write as _;
use std::process::Command;

/// Steps of one task, in order; a failure does not stop the ones behind it.
pub(crate) struct Steps {
    failures: Vec<Failure>,
    passed: usize,
    total: Stopwatch,
}

struct Failure {
    name: String,
    rerun: String,
}

impl Steps {
    pub(crate) fn new() -> Self {
        Self {
            failures: Vec::new(),
            passed: 0,
            total: Stopwatch::start(),
        }
    }

    /// Runs `command` with the terminal's output; success is exit status 0.
    pub(crate) fn command(&mut self, name: &str, mut command: Command) {
        let line = command_line(&command);
        self.check(name, &line, || {
            let status = command
                .status()
                .with_context(|| format!("starting `{line}`"))?;
            if !status.success() {
                bail!("{status}");
            }
            Ok(())
        });
    }

    /// Runs `check`; `rerun` is the command that runs this step alone.
    pub(crate) fn check(&mut self, name: &str, rerun: &str, check: impl FnOnce() -> Result<()>) {
        eprintln!("== {name}");
        let stopwatch = Stopwatch::start();
        let outcome = check();
        let seconds = stopwatch.elapsed().as_secs_f64();
        match outcome {
            Ok(()) => {
                self.passed += 1;
                eprintln!("== {name}: ok, {seconds:.1} s");
            }
            Err(error) => {
                eprintln!("== {name}: FAILED, {seconds:.1} s: {error:#}");
                self.failures.push(Failure {
                    name: name.to_owned(),
                    rerun: rerun.to_owned(),
                });
            }
        }
    }

    /// Says that a step cannot be done here, and why; this is not a failure.
    pub(crate) fn skip(&self, name: &str, reason: &str) {
        eprintln!("== {name}: skipped: {reason}");
    }

    /// Closes the run with a summary.
    ///
    /// # Errors
    /// When a step failed.
    pub(crate) fn finish(self) -> Result<()> {
        let seconds = self.total.elapsed().as_secs_f64();
        let failed = self.failures.len();
        eprintln!(
            "== {} steps passed, {failed} failed, {seconds:.0} s",
            self.passed
        );
        if failed == 0 {
            return Ok(());
        }
        let mut message = String::from("to run what failed again:");
        for Failure { name, rerun } in &self.failures {
            write!(message, "\n  {rerun}    # {name}")?;
        }
        bail!(message)
    }
}

/// Builds a call of the cargo that runs this task.
pub(crate) fn cargo<I, S>(arguments: I) -> Command
where
    I: IntoIterator<Item = S>,
    S: AsRef<OsStr>,
{
    let program = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(program);
    command.args(arguments);
    command
}

/// Writes a command as one types it in a shell.
pub(crate) fn command_line(command: &Command) -> String {
    let variables = command.get_envs().filter_map(|(name, value)| {
        let value = value?.to_string_lossy();
        Some(format!("{}={}", name.to_string_lossy(), quoted(&value)))
    });
    let path = std::path::Path::new(command.get_program());
    let program = path.file_name().unwrap_or(path.as_os_str());
    let words = std::iter::once(program).chain(command.get_args());
    let words = words.map(|word| quoted(&word.to_string_lossy()));
    variables.chain(words).collect::<Vec<_>>().join(" ")
}

fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_=./:,+@%".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', r"'\''"))
    }
}

#[cfg(test)]
mod tests {
    use super::{Steps, command_line};
    use anyhow::bail;
    use std::process::Command;

    #[test]
    fn failed_step_names_the_command_to_run_again() {
        let mut steps = Steps::new();
        steps.check("fine", "true", || Ok(()));
        steps.check("broken", "cargo broken", || bail!("no"));
        let message = steps.finish().expect_err("a step failed").to_string();
        assert!(message.contains("cargo broken    # broken"), "{message}");
        assert!(!message.contains("# fine"), "{message}");
    }

    #[test]
    fn command_line_can_be_typed_in_a_shell() {
        let mut command = Command::new("/usr/bin/cargo");
        command
            .env("RUSTDOCFLAGS", "-D warnings")
            .args(["doc", "it's"]);
        assert_eq!(
            command_line(&command),
            r"RUSTDOCFLAGS='-D warnings' cargo doc 'it'\''s'"
        );
    }
}
