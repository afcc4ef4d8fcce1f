//! Runs programs and looks at what they say.

use std::io::Write;
use std::process::{Command, Output, Stdio};

/// What a run left behind.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Run {
    pub(crate) status: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

/// Runs a command with `input` on standard input; `None` if there is no such program.
pub(crate) fn run(mut command: Command, input: &str) -> Option<Run> {
    command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut child = command.spawn().ok()?;
    // A program that reads nothing closes the pipe early.
    let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
    let Output {
        status,
        stdout,
        stderr,
    } = child.wait_with_output().unwrap();
    Some(Run {
        status: status.code(),
        stdout: String::from_utf8(stdout).unwrap(),
        stderr: String::from_utf8(stderr).unwrap(),
    })
}

/// The command wirecraft with `arguments`, without the settings of the environment.
pub(crate) fn wirecraft(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_wirecraft"));
    let settings = ["WIRECRAFT_CONFIG", "WIRECRAFT_AEAD"];
    for name in settings {
        command.env_remove(name);
    }
    command.args(arguments);
    command
}
