//! What is going to happen, in the order of time.

use core::cmp::Ordering;
use std::collections::BinaryHeap;

use wirecraft_time::Instant;

/// Events of the future. Those of one instant come out in the order in which they were put in.
pub(crate) struct Agenda<E> {
    entries: BinaryHeap<Entry<E>>,
    next_number: u64,
}

struct Entry<E> {
    at: Instant,
    number: u64,
    event: E,
}

impl<E> Agenda<E> {
    pub(crate) fn new() -> Self {
        Self {
            entries: BinaryHeap::new(),
            next_number: 0,
        }
    }

    pub(crate) fn push(&mut self, at: Instant, event: E) {
        let number = self.next_number;
        self.next_number += 1;
        self.entries.push(Entry { at, number, event });
    }

    pub(crate) fn pop(&mut self) -> Option<(Instant, E)> {
        let entry = self.entries.pop()?;
        Some((entry.at, entry.event))
    }
}

impl<E> Ord for Entry<E> {
    /// The earliest entry is the greatest: the heap hands out the greatest first.
    fn cmp(&self, other: &Self) -> Ordering {
        (other.at, other.number).cmp(&(self.at, self.number))
    }
}

impl<E> PartialOrd for Entry<E> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl<E> PartialEq for Entry<E> {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl<E> Eq for Entry<E> {}

#[cfg(test)]
mod tests {
    use super::*;
    use core::time::Duration;

    #[test]
    fn events_come_in_order_of_time_and_those_of_one_instant_in_order_of_arrival() {
        let at = |second| Instant::from_origin(Duration::from_secs(second));
        let mut agenda = Agenda::new();
        for (second, name) in [(2, "c"), (1, "a"), (2, "d"), (1, "b")] {
            agenda.push(at(second), name);
        }
        let order: String = core::iter::from_fn(|| agenda.pop())
            .map(|(_, name)| name)
            .collect();
        assert_eq!(order, "abcd");
    }
}
