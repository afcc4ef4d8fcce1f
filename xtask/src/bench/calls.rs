//! System calls and allocations of a program under load, counted by perf.

use crate::interop::output_of;
use anyhow::{Context as _, Result};
use std::process::{Child, Command, Stdio};

/// What is counted: calls into the kernel, and calls of the C library that allocate.
const SYSTEM_CALLS: &str = "raw_syscalls:sys_enter";
const ALLOCATIONS: [&str; 4] = ["malloc", "calloc", "realloc", "posix_memalign"];

/// The group of our probes.
const GROUP: &str = "wirecraft_bench";

/// How often a program did something.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) struct Calls {
    pub(super) system: u64,
    pub(super) allocations: u64,
}

/// Probes at the functions that allocate; removed when dropped.
pub(super) struct Probes;

impl Probes {
    /// Sets them in the C library of process `process`, and so of any that has the same one.
    ///
    /// # Errors
    /// When perf is not there or may not do so.
    pub(super) fn set(process: u32) -> Result<Self> {
        let maps = std::fs::read_to_string(format!("/proc/{process}/maps"))?;
        let library = maps
            .split_whitespace()
            .find(|word| word.ends_with("/libc.so.6"));
        let library = library.context("the program has no C library")?;
        let mut command = Command::new("perf");
        command.args(["probe", "-q", "-f", "-x", library]);
        for function in ALLOCATIONS {
            command.args(["-a", &format!("{GROUP}:{function}={function}")]);
        }
        output_of(&mut command)?;
        Ok(Self)
    }
}

impl Drop for Probes {
    fn drop(&mut self) {
        // They are gone only if somebody else removed them.
        let group = format!("{GROUP}:*");
        let _ = output_of(Command::new("perf").args(["probe", "-q", "-d", &group]));
    }
}

/// A count that goes on.
pub(super) struct Counting(Child);

impl Counting {
    /// Counts what `process` does during the next `seconds`.
    ///
    /// # Errors
    /// When perf is not there or may not do so.
    pub(super) fn start(_: &Probes, process: u32, seconds: u32) -> Result<Self> {
        let allocations = ALLOCATIONS.map(|function| format!("{GROUP}:{function}"));
        let events = format!("{SYSTEM_CALLS},{}", allocations.join(","));
        let mut command = Command::new("perf");
        command.args(["stat", "-x", ",", "-e", &events, "-p", &process.to_string()]);
        command.args(["--", "sleep", &seconds.to_string()]);
        let perf = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn();
        perf.map(Self).context("starting perf")
    }

    /// Waits until the time is over.
    ///
    /// # Errors
    /// When perf fails.
    pub(super) fn finish(self) -> Result<Calls> {
        let output = self.0.wait_with_output()?;
        let printed = String::from_utf8_lossy(&output.stderr).into_owned();
        Calls::read(&printed).context(printed)
    }
}

impl Calls {
    /// Reads lines such as `1234,,raw_syscalls:sys_enter,..`.
    fn read(printed: &str) -> Option<Self> {
        let mut calls = Self::default();
        let mut lines = 0;
        for line in printed.lines() {
            let mut fields = line.split(',');
            let (Some(count), Some(event)) = (fields.next(), fields.nth(1)) else {
                continue;
            };
            let count: u64 = count.parse().ok()?;
            lines += 1;
            if event == SYSTEM_CALLS {
                calls.system += count;
            } else {
                calls.allocations += count;
            }
        }
        (lines == 1 + ALLOCATIONS.len()).then_some(calls)
    }
}

#[cfg(test)]
mod tests {
    use super::Calls;

    #[test]
    fn calls_are_told_apart_and_added_up() {
        let printed = "120,,raw_syscalls:sys_enter,1,100.00,,\n3,,wirecraft_bench:malloc,1,100.00,,\n\
                       0,,wirecraft_bench:calloc,1,100.00,,\n1,,wirecraft_bench:realloc,1,100.00,,\n\
                       0,,wirecraft_bench:posix_memalign,1,100.00,,\n";
        let expected = Calls {
            system: 120,
            allocations: 4,
        };
        assert_eq!(Calls::read(printed), Some(expected));
        assert_eq!(
            Calls::read("<not counted>,,raw_syscalls:sys_enter,0,0.00,,\n"),
            None
        );
    }
}
