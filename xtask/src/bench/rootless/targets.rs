//! What our rows of the table are to reach, and which of them do not.

/// What one load came to through one program.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Row {
    pub(super) program: String,
    pub(super) load: &'static str,
    /// Gigabits a second.
    pub(super) rate: f64,
    /// Processor seconds of the near program a gigabyte.
    pub(super) cost: f64,
    /// The most memory that it had, in megabytes.
    pub(super) peak: u64,
}

/// Gigabits a second to the near end, and away from it.
const DOWN_MIN: f64 = 3.0;
const UP_MIN: f64 = 2.5;
const COST_MAX: f64 = 2.0;
const PEAK_MAX: u64 = 32;
/// Times the rate of our own interface, and of onetun.
const OF_TUN_MIN: f64 = 0.6;
const OF_ONETUN_MIN: f64 = 15.0;

/// The load towards the near end.
pub(super) const DOWN: &str = "tcp, other way";
/// The load away from it.
pub(super) const UP: &str = "tcp";

/// Returns a line for each target that `rows` miss. Only single streams through rootless modes of ours have any.
pub(super) fn missed(rows: &[Row]) -> Vec<String> {
    let ours = rows.iter().filter(|row| {
        let is_rootless = row.program.starts_with("wirecraft ") && row.program != "wirecraft tun";
        is_rootless && [DOWN, UP].contains(&row.load)
    });
    ours.flat_map(|row| missed_by(row, rows)).collect()
}

fn missed_by(row: &Row, rows: &[Row]) -> Vec<String> {
    let rate_min = if row.load == DOWN { DOWN_MIN } else { UP_MIN };
    let rate_of = |program: &str| {
        let found = rows
            .iter()
            .find(|other| other.program == program && other.load == row.load);
        found.map(|other| other.rate)
    };
    let mut missed = Vec::new();
    let mut demand = |is_met: bool, text: String| {
        if !is_met {
            missed.push(format!("{}, {}: {text}", row.program, row.load));
        }
    };
    let (rate, cost, peak) = (row.rate, row.cost, row.peak);
    demand(
        rate >= rate_min,
        format!("{rate:.2} Gbit/s, target {rate_min}"),
    );
    demand(
        cost <= COST_MAX,
        format!("{cost:.2} CPU s/GB, at most {COST_MAX}"),
    );
    demand(peak <= PEAK_MAX, format!("{peak} MB, at most {PEAK_MAX}"));
    for (other, times) in [("wirecraft tun", OF_TUN_MIN), ("onetun", OF_ONETUN_MIN)] {
        if let Some(other_rate) = rate_of(other) {
            let is_met = rate >= times * other_rate;
            demand(
                is_met,
                format!("{:.2}x {other}, target {times}x", rate / other_rate),
            );
        }
    }
    missed
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(program: &str, load: &'static str, rate: f64) -> Row {
        Row {
            program: program.to_owned(),
            load,
            rate,
            cost: 1.5,
            peak: 20,
        }
    }

    #[test]
    fn what_is_reached_is_not_missed() {
        let rows = [
            row("wirecraft forward", UP, 2.6),
            row("wirecraft forward", DOWN, 3.1),
            row("wirecraft tun", UP, 4.0),
            row("onetun", UP, 0.006),
        ];
        assert_eq!(missed(&rows), [""; 0]);
    }

    #[test]
    fn each_target_that_is_missed_is_told() {
        let mut slow = row("wirecraft proxy", DOWN, 2.0);
        (slow.cost, slow.peak) = (3.0, 100);
        let rows = [
            slow,
            row("wirecraft tun", DOWN, 5.0),
            row("onetun", DOWN, 0.17),
        ];
        let missed = missed(&rows);
        assert_eq!(missed.len(), 5, "{missed:?}");
        assert!(missed[3].contains("0.40x wirecraft tun"), "{missed:?}");
    }
}
