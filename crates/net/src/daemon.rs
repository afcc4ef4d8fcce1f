//! A process that goes on in the background once it is ready.
//!
//! ```text
//! starter     runs itself again and waits for a word       exits 0 on it, else as its child did
//!  `- child   does all that can fail, says so on stderr,   then leaves the terminal and gives the word
//! ```
//!
//! To fork without to execute is not safe in a program that may have threads; to start anew is, and what
//! the starter has read by then is not in the memory of the child.

use std::env;
use std::fs::{File, OpenOptions};
use std::io::{self, PipeReader, Read as _, Write as _};
use std::process::{Child, Command, ExitStatus, Stdio};

use rustix::fs::Mode;
use rustix::stdio::{dup2_stderr, dup2_stdin, dup2_stdout};

/// Says to a process that its standard output is the pipe to its starter.
const VARIABLE: &str = "WIRECRAFT_BACKGROUND";

/// The word: a byte, whichever.
const READY: &[u8] = b"+";

/// What becomes of standard error once a process is in the background.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Logs {
    /// It stays what it is, as wireguard-go's does with `LOG_LEVEL`.
    ToStandardError,
    /// Nothing is written anywhere.
    Nowhere,
}

/// How a process in the background came up, as its starter sees it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Started {
    /// It is ready.
    Ready,
    /// It ended before it was, and has said why on standard error.
    Ended(ExitStatus),
}

/// The end of a process in the background that its starter waits for.
#[derive(Debug)]
pub struct Background {
    /// What takes the place of the terminal.
    null: File,
}

impl Background {
    /// Whether this process was started by [`start`].
    ///
    /// # Errors
    /// When `/dev/null` cannot be opened.
    pub fn of_this_process() -> io::Result<Option<Self>> {
        if env::var_os(VARIABLE).is_none() {
            return Ok(None);
        }
        let null = OpenOptions::new()
            .read(true)
            .write(true)
            .open("/dev/null")?;
        Ok(Some(Self { null }))
    }

    /// Leaves the terminal, the working directory and the starter, which is told that all is well.
    ///
    /// # Errors
    /// What the operating system refuses.
    pub fn ready(self, logs: Logs) -> io::Result<()> {
        rustix::process::setsid()?;
        env::set_current_dir("/")?;
        dup2_stdin(&self.null)?;
        if logs == Logs::Nowhere {
            dup2_stderr(&self.null)?;
        }
        let mut starter = io::stdout().lock();
        starter.write_all(READY)?;
        starter.flush()?;
        dup2_stdout(&self.null)?;
        Ok(())
    }
}

/// Runs this program again, with the same arguments, and waits until it is ready or has ended.
///
/// # Errors
/// When it could not be started.
pub fn start() -> io::Result<Started> {
    let (reader, writer) = io::pipe()?;
    let mut again = Command::new(env::current_exe()?);
    again.args(env::args_os().skip(1));
    again.env(VARIABLE, "1").stdout(Stdio::from(writer));
    let child = again.spawn()?;
    // It holds the other end of the pipe, which only the child may have.
    drop(again);
    wait(reader, child)
}

fn wait(mut reader: PipeReader, mut child: Child) -> io::Result<Started> {
    let mut word = [0; READY.len()];
    match reader.read_exact(&mut word) {
        Ok(()) => Ok(Started::Ready),
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
            child.wait().map(Started::Ended)
        }
        Err(error) => Err(error),
    }
}

/// Has this process make no file from here on that others than its owner can use.
pub fn keep_files_private() {
    rustix::process::umask(Mode::RWXG | Mode::RWXO);
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;

    fn started(script: &str) -> Started {
        let (reader, writer) = io::pipe().unwrap();
        let mut shell = Command::new("sh");
        shell.args(["-c", script]).stdout(Stdio::from(writer));
        let child = shell.spawn().unwrap();
        drop(shell);
        wait(reader, child).unwrap()
    }

    #[test]
    fn a_process_that_gave_the_word_is_ready_though_it_runs_on() {
        assert_eq!(started("printf +; exec sleep 1 >/dev/null"), Started::Ready);
    }

    #[test]
    fn a_process_that_ended_without_the_word_hands_its_status_on() {
        let Started::Ended(status) = started("exit 2") else {
            panic!("it gave no word");
        };
        assert_eq!(status.code(), Some(2));
    }
}
