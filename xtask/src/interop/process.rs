//! A program that the harness started: its output is read, its end is certain.

use super::journal::Journal;
use crate::steps::command_line;
use crate::stopwatch::Deadline;
use anyhow::{Context, Result, bail};
use std::io::{BufRead as _, BufReader, Read};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread::{self, sleep};
use std::time::Duration;

/// How often the end of a program is looked for.
const POLL: Duration = Duration::from_millis(10);

/// A running program; dropping it kills it, and nothing else.
pub(super) struct Process {
    name: String,
    child: Child,
    stdout: Receiver<String>,
}

/// What a program left behind.
pub(super) struct Finished {
    pub(super) status: ExitStatus,
    /// Lines of standard output that nobody took before.
    pub(super) stdout: Vec<String>,
}

impl Process {
    /// Starts `command`; both its outputs go to the journal, its input is empty.
    ///
    /// # Errors
    /// When the program cannot be started.
    pub(super) fn start(name: &str, mut command: Command, journal: &Journal) -> Result<Self> {
        let line = command_line(&command);
        journal.add(name, &format!("$ {line}"));
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .with_context(|| format!("starting `{line}`"))?;
        let (sender, stdout) = channel();
        if let Some(stream) = child.stdout.take() {
            record(name.to_owned(), stream, journal.clone(), Some(sender));
        }
        if let Some(stream) = child.stderr.take() {
            record(name.to_owned(), stream, journal.clone(), None);
        }
        Ok(Self {
            name: name.to_owned(),
            child,
            stdout,
        })
    }

    /// Waits until the program prints a line that has `wanted` in it.
    ///
    /// # Errors
    /// When it ends before, or the time runs out.
    pub(super) fn wait_for_line(&self, wanted: &str, within: Duration) -> Result<()> {
        let deadline = Deadline::after(within);
        loop {
            match self.stdout.recv_timeout(deadline.remaining()) {
                Ok(line) if line.contains(wanted) => return Ok(()),
                Ok(_) => {}
                Err(RecvTimeoutError::Timeout) => {
                    bail!("{} did not say `{wanted}` within {within:?}", self.name)
                }
                Err(RecvTimeoutError::Disconnected) => {
                    bail!("{} ended and did not say `{wanted}`", self.name)
                }
            }
        }
    }

    /// Its number.
    pub(super) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Whether the program has not ended by itself.
    pub(super) fn is_running(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(None))
    }

    /// Kills the program and waits until it has ended.
    ///
    /// # Errors
    /// When it cannot be waited for.
    pub(super) fn kill(&mut self) -> Result<()> {
        self.child.kill()?;
        self.child.wait()?;
        Ok(())
    }

    /// Waits for the end of the program.
    ///
    /// # Errors
    /// When the time runs out; the program is killed then.
    pub(super) fn finish(mut self, within: Duration) -> Result<Finished> {
        let deadline = Deadline::after(within);
        let status = loop {
            if let Some(status) = self.child.try_wait()? {
                break status;
            }
            if deadline.has_passed() {
                bail!("{} did not end within {within:?}", self.name);
            }
            sleep(POLL);
        };
        let mut stdout = Vec::new();
        while let Ok(line) = self.stdout.recv_timeout(Duration::from_secs(1)) {
            stdout.push(line);
        }
        Ok(Finished { status, stdout })
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // Both fail only when the program has ended and was waited for.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn record(
    name: String,
    stream: impl Read + Send + 'static,
    journal: Journal,
    sender: Option<Sender<String>>,
) {
    thread::spawn(move || {
        for line in BufReader::new(stream).split(b'\n').map_while(Result::ok) {
            let line = String::from_utf8_lossy(&line).into_owned();
            journal.add(&name, &line);
            if let Some(sender) = &sender {
                // The receiver is gone when nobody waits for this program any more.
                let _ = sender.send(line);
            }
        }
    });
}
