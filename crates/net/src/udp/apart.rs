//! Destinations to which datagrams are sent one by one, as the kernel did not cut theirs.

use core::time::Duration;
use std::net::SocketAddr;

use arrayvec::ArrayVec;
use wirecraft_time::Instant;

/// How long a destination is remembered: routes change, and with them what can be cut.
const REMEMBERED_FOR: Duration = Duration::from_secs(60);

/// Destinations that are remembered; of more, those that were refused first are tried afresh.
const DESTINATIONS_MAX: usize = 32;

/// What the kernel refused to cut, for a while.
#[derive(Default)]
pub(super) struct Apart(ArrayVec<Refused, DESTINATIONS_MAX>);

struct Refused {
    to: SocketAddr,
    /// Datagrams that are longer are sent alone.
    segment_len_max: usize,
    until: Instant,
}

impl Apart {
    /// Whether nothing was refused lately, as mostly.
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether datagrams of `segment_len` bytes are to go to `to` alone; forgets what is long ago.
    pub(super) fn holds(&mut self, now: Instant, to: SocketAddr, segment_len: usize) -> bool {
        self.0.retain(|refused| now < refused.until);
        let refused = self.0.iter().find(|refused| refused.to == to);
        refused.is_some_and(|refused| segment_len > refused.segment_len_max)
    }

    /// Takes note that datagrams to `to` longer than `segment_len_max` bytes are not cut.
    pub(super) fn add(&mut self, now: Instant, to: SocketAddr, segment_len_max: usize) {
        self.0.retain(|refused| refused.to != to);
        if self.0.is_full() {
            self.0.remove(0);
        }
        self.0.push(Refused {
            to,
            segment_len_max,
            until: now + REMEMBERED_FOR,
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> Instant {
        Instant::from_origin(Duration::from_secs(seconds))
    }

    fn destination(port: u16) -> SocketAddr {
        SocketAddr::from(([192, 0, 2, 1], port))
    }

    #[test]
    fn a_refusal_concerns_longer_datagrams_to_one_destination_for_a_minute() {
        let mut apart = Apart::default();
        apart.add(at(10), destination(1), 1000);
        assert!(apart.holds(at(69), destination(1), 1001));
        assert!(!apart.holds(at(69), destination(1), 1000));
        assert!(!apart.holds(at(69), destination(2), 1001));
        assert!(!apart.holds(at(70), destination(1), 1001));
        assert!(apart.is_empty());
    }

    #[test]
    fn of_many_destinations_the_latest_are_remembered() {
        let mut apart = Apart::default();
        for port in 0..=32 {
            apart.add(at(0), destination(port), 0);
            apart.add(at(0), destination(port), 0);
        }
        assert!(!apart.holds(at(1), destination(0), 1));
        assert!((1..=32).all(|port| apart.holds(at(1), destination(port), 1)));
    }
}
