//! What was measured, and on what, in words.

use crate::interop::output_of;
use std::process::Command;

/// Processor, kernel and day.
pub(super) fn machine() -> String {
    let of = |program: &str, word: &str| output_of(Command::new(program).arg(word));
    let kernel = of("uname", "-r").unwrap_or_default();
    let day = of("date", "+%F").unwrap_or_default();
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let info = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = info
        .lines()
        .find_map(|line| line.strip_prefix("model name"));
    let model = model
        .unwrap_or_default()
        .trim_start_matches(['\t', ' ', ':']);
    format!("{cores} cores ({model}), Linux {kernel}, {day}")
}

/// The commit that is built, and whether something was changed since.
pub(super) fn commit() -> String {
    let mut describe = Command::new("git");
    describe.args(["describe", "--always", "--dirty", "--exclude=*"]);
    output_of(&mut describe).unwrap_or_default()
}
