//! When probes left: a table of fixed size in which newer probes take the place of older ones.

use core::fmt;
use core::time::Duration;

use wirecraft_time::Instant;

/// Probes whose time is known, at most: the last minute at 1000 a second.
const SLOTS: usize = 1 << 16;

/// The times of the latest probes, by the number that their cookie has.
///
/// The number is a hash already: it says which slot, and whose time is in it.
pub(crate) struct SentTimes {
    slots: Vec<Slot>,
}

#[derive(Clone, Copy)]
struct Slot {
    number: u32,
    at: Option<Instant>,
}

impl SentTimes {
    pub(crate) fn new() -> Self {
        let slot = Slot {
            number: 0,
            at: None,
        };
        Self {
            slots: vec![slot; SLOTS],
        }
    }

    pub(crate) fn note(&mut self, number: u32, at: Instant) {
        self.slots[place(number)] = Slot {
            number,
            at: Some(at),
        };
    }

    /// Returns how long ago a probe left, `None` if a newer one took its place.
    pub(crate) fn age(&self, number: u32, now: Instant) -> Option<Duration> {
        let slot = self.slots[place(number)];
        slot.at
            .filter(|_| slot.number == number)
            .map(|at| now.since(at))
    }
}

fn place(number: u32) -> usize {
    let [low, high, ..] = number.to_le_bytes();
    usize::from(u16::from_le_bytes([low, high]))
}

impl fmt::Debug for SentTimes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SentTimes").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_newer_probe_takes_the_place_of_an_older_one() {
        let at = |millis| Instant::from_origin(Duration::from_millis(millis));
        let mut times = SentTimes::new();
        times.note(7, at(1));
        times.note(8, at(2));
        assert_eq!(times.age(7, at(5)), Some(Duration::from_millis(4)));
        times.note(7 + (1 << 16), at(3));
        assert_eq!(times.age(7, at(5)), None);
        assert_eq!(times.age(8, at(5)), Some(Duration::from_millis(3)));
        assert_eq!(times.age(0, at(5)), None);
    }
}
