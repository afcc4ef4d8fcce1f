//! How often something happened within the last second.

use wirecraft_time::Instant;

/// Slots a second is divided into.
const SLOTS_PER_SECOND: u32 = 8;

/// A second touches one slot more than it has, unless it begins with one.
const SLOTS: usize = SLOTS_PER_SECOND as usize + 1;

/// Counts by the time at which they were made, the newest slot first.
///
/// ```text
///   now ─┐        ├──────────── a second ────────────┤
///        [ 3 ][ 0 ][ 7 ][ 0 ][ 0 ][ 1 ][ 0 ][ 0 ][ 4 ]
/// ```
///
/// The sum of the slots is never less than what was counted within the last second, wherever that
/// begins: a limit on it holds for every second, also for one that lies across a boundary.
#[derive(Default)]
pub(crate) struct LastSecond {
    counts: [u32; SLOTS],
    newest: u64,
}

impl LastSecond {
    pub(crate) fn count(&mut self, now: Instant, times: u32) {
        self.advance(now);
        let [newest, ..] = &mut self.counts;
        *newest = newest.saturating_add(times);
    }

    /// What was counted within the last second, and up to an eighth of a second before.
    pub(crate) fn total(&mut self, now: Instant) -> u32 {
        self.advance(now);
        self.counts.iter().sum()
    }

    fn advance(&mut self, now: Instant) {
        let slot = slot_of(now);
        let passed = slot.saturating_sub(self.newest).min(SLOTS as u64);
        self.newest = self.newest.max(slot);
        for _ in 0..passed {
            self.counts.rotate_right(1);
            let [newest, ..] = &mut self.counts;
            *newest = 0;
        }
    }
}

fn slot_of(now: Instant) -> u64 {
    let now = now.since_origin();
    let within = u64::from(now.subsec_nanos()) * u64::from(SLOTS_PER_SECOND) / 1_000_000_000;
    now.as_secs()
        .saturating_mul(SLOTS_PER_SECOND.into())
        .saturating_add(within)
}

#[cfg(test)]
mod tests {
    use core::time::Duration;

    use super::*;

    fn at(milliseconds: u64) -> Instant {
        Instant::from_origin(Duration::from_millis(milliseconds))
    }

    #[test]
    fn what_was_counted_within_a_second_is_in_the_total_wherever_the_second_begins() {
        for begins in 5000..5200 {
            let mut last = LastSecond::default();
            last.count(at(begins), 1);
            last.count(at(begins + 500), 1);
            assert_eq!(last.total(at(begins + 999)), 2, "{begins}");
            assert_eq!(last.total(at(begins + 1126)), 1, "{begins}");
            assert_eq!(last.total(at(begins + 1626)), 0, "{begins}");
        }
    }

    #[test]
    fn a_clock_that_jumps_leaves_nothing_behind() {
        let mut last = LastSecond::default();
        last.count(at(1000), 1);
        assert_eq!(last.total(at(u64::MAX)), 0);
        last.count(at(0), 1);
        assert_eq!(last.total(at(u64::MAX)), 1, "time does not run backwards");
    }
}
