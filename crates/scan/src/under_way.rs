//! From which position on probes may still be answered: what an interruption must not count as probed.
//!
//! ```text
//! position  0 ........ 4000 ....... 4700 ....... 5300 ....... next
//! sent at              t1           t2           t3           now
//!                      `-- the oldest mark after which all may be under way
//! ```

use core::time::Duration;
use std::collections::VecDeque;

use wirecraft_time::Instant;

/// How long the positions of probes are remembered: more than a peer takes to be found silent, which is
/// 15 s after the first packet without an answer.
const MEMORY: Duration = Duration::from_secs(30);

/// The time from one mark to the next.
const STEP: Duration = Duration::from_millis(50);

/// Where the scan was, and when.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Mark {
    pub(crate) at: Instant,
    pub(crate) pass: u8,
    pub(crate) next: u128,
}

/// Where the scan was in the last half minute.
#[derive(Debug, Default)]
pub(crate) struct UnderWay {
    marks: VecDeque<Mark>,
}

impl UnderWay {
    /// Notes that the probe at a position is sent.
    pub(crate) fn note(&mut self, mark: Mark) {
        if let Some(last) = self.marks.back()
            && last.pass == mark.pass
            && mark.at.since(last.at) < STEP
        {
            return;
        }
        self.marks.push_back(mark);
        while self.marks.len() > 1 && self.marks[1].at + MEMORY <= mark.at {
            self.marks.pop_front();
        }
    }

    /// Returns the last position before which all probes were sent before `since`; `None` if no probe was
    /// sent after that.
    pub(crate) fn since(&self, since: Instant, last_sent_at: Instant) -> Option<Mark> {
        if last_sent_at < since {
            return None;
        }
        // What follows a mark was sent before the next one. A pass starts with a mark of its own, and once the
        // one before was waited for.
        let later = self.marks.partition_point(|mark| mark.at < since);
        let earlier = later.checked_sub(1).and_then(|at| self.marks.get(at));
        match (earlier, self.marks.get(later)) {
            (Some(earlier), Some(later)) if earlier.pass != later.pass => Some(*later),
            (earlier, later) => earlier.or(later).copied(),
        }
    }

    /// Forgets what came after a mark, for a scan that goes on from there.
    pub(crate) fn forget_after(&mut self, mark: Mark) {
        self.marks.retain(|known| known.at <= mark.at);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(millis: u64) -> Instant {
        Instant::from_origin(Duration::from_millis(millis))
    }

    #[test]
    fn no_probe_of_the_last_seconds_is_before_the_mark() {
        let mut under_way = UnderWay::default();
        // One probe a millisecond, for a minute.
        for millis in 0..60_000_u64 {
            let (at, next) = (at(millis), millis.into());
            under_way.note(Mark { at, pass: 0, next });
        }
        for seconds in [1_u64, 3, 25] {
            let since = 60_000 - 1000 * seconds;
            let mark = under_way.since(at(since), at(59_999)).unwrap();
            let expected = u128::from(since);
            assert!((expected - 50..=expected).contains(&mark.next), "{mark:?}");
        }
        assert_eq!(under_way.since(at(60_000), at(59_999)), None);
        assert!(under_way.marks.len() < 700, "the rest is forgotten");
    }

    #[test]
    fn a_pass_that_has_just_begun_is_told_from_the_one_before() {
        let mut under_way = UnderWay::default();
        let first = Mark {
            at: at(0),
            pass: 0,
            next: 0,
        };
        let second = Mark {
            at: at(3001),
            pass: 1,
            next: 0,
        };
        under_way.note(first);
        under_way.note(second);
        assert_eq!(under_way.since(at(5), at(3001)), Some(second));
        assert_eq!(under_way.since(at(0), at(3001)), Some(first));
    }
}
