//! A program that another one started, perhaps in a network namespace, and talks to.

use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;

/// A child; dropping it kills it.
pub struct Part {
    name: String,
    process: Child,
    orders: ChildStdin,
    answers: BufReader<ChildStdout>,
}

impl Part {
    /// Starts this program with `name` as its first argument, in the network namespace `host` if any.
    ///
    /// # Errors
    /// When it cannot be started.
    pub fn start(host: Option<&str>, name: &str, arguments: &[&str]) -> Result<Self> {
        let program = std::env::current_exe().context("finding this program")?;
        let mut command = match host {
            Some(host) => {
                let mut command = Command::new("ip");
                command.args(["netns", "exec", host]).arg(program);
                command
            }
            None => Command::new(program),
        };
        let mut process = command
            .arg(name)
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .with_context(|| format!("starting {name}"))?;
        let orders = process.stdin.take().context("a pipe to the child")?;
        let answers = process.stdout.take().context("a pipe from the child")?;
        Ok(Self {
            name: name.to_owned(),
            process,
            orders,
            answers: BufReader::new(answers),
        })
    }

    /// Says `order` and waits for the answer.
    ///
    /// # Errors
    /// When the child has ended, or answered something else than JSON.
    pub fn ask(&mut self, order: &Value) -> Result<Value> {
        self.tell(order)?;
        self.hear()
    }

    /// Says `order`; the answer is to be heard later.
    ///
    /// # Errors
    /// When the child has ended.
    pub fn tell(&mut self, order: &Value) -> Result<()> {
        let written = writeln!(self.orders, "{order}").and_then(|()| self.orders.flush());
        written.with_context(|| format!("speaking to {}", self.name))
    }

    /// Waits for an answer.
    ///
    /// # Errors
    /// When the child has ended, or answered something else than JSON.
    pub fn hear(&mut self) -> Result<Value> {
        let mut line = String::new();
        let len = self.answers.read_line(&mut line)?;
        ensure!(len > 0, "{} ended before its time", self.name);
        serde_json::from_str(&line).with_context(|| format!("{} said {line}", self.name))
    }
}

impl Drop for Part {
    fn drop(&mut self) {
        // Both fail only when it has ended and was waited for.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
