//! What a process has used of the machine.

use std::fs;
use std::io;
use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};

/// Processor time and memory of this process.
#[derive(Clone, Copy, Debug)]
pub struct Usage {
    /// Processor time of all its threads so far.
    pub cpu: Duration,
    /// Memory that is resident, in bytes.
    pub resident_len: u64,
    /// The most memory that was ever resident, in bytes.
    pub peak_len: u64,
}

impl Usage {
    /// Asks the operating system.
    ///
    /// # Errors
    /// When `/proc` is not there.
    pub fn of_this_process() -> io::Result<Self> {
        let status = fs::read_to_string("/proc/self/status")?;
        Ok(Self {
            cpu: cpu_time(),
            resident_len: field_len(&status, "VmRSS:"),
            peak_len: field_len(&status, "VmHWM:"),
        })
    }
}

/// Processor time that all threads of this process have used so far.
#[must_use]
pub fn cpu_time() -> Duration {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    Duration::new(
        u64::try_from(time.tv_sec).unwrap_or(0),
        u32::try_from(time.tv_nsec).unwrap_or(0),
    )
}

/// Reads a line such as `VmRSS:     1234 kB`.
fn field_len(status: &str, name: &str) -> u64 {
    let line = status.lines().find_map(|line| line.strip_prefix(name));
    let number = line.and_then(|line| line.split_whitespace().next());
    number.and_then(|it| it.parse::<u64>().ok()).unwrap_or(0) * 1024
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_uses_memory_and_no_less_than_its_peak() {
        let usage = Usage::of_this_process().unwrap();
        assert!(usage.resident_len > 0 && usage.peak_len >= usage.resident_len);
    }

    #[test]
    fn kilobytes_of_a_status_line_are_read_as_bytes() {
        assert_eq!(
            field_len("VmHWM:\t  12 kB\nVmRSS:\t  10 kB\n", "VmRSS:"),
            10_240
        );
        assert_eq!(field_len("", "VmRSS:"), 0);
    }
}
