//! How fast probes leave: a token bucket that is told the time.

use core::num::NonZeroU32;
use core::time::Duration;

use wirecraft_time::Instant;

const NANOS_PER_SECOND: u128 = 1_000_000_000;

/// Lets through `rate` packets a second, and up to `burst` at once after a pause.
///
/// Credit is counted in billionths of a packet: nothing is lost to rounding however often the
/// bucket is asked.
#[derive(Clone, Copy, Debug)]
pub struct TokenBucket {
    rate: NonZeroU32,
    burst: NonZeroU32,
    /// Billionths of packets.
    credit: u128,
    filled_at: Option<Instant>,
}

impl TokenBucket {
    /// Makes a full bucket; its time starts with the first call that tells one.
    #[must_use]
    pub fn new(rate: NonZeroU32, burst: NonZeroU32) -> Self {
        Self {
            rate,
            burst,
            credit: full_credit(burst),
            filled_at: None,
        }
    }

    /// Takes a packet's worth and says whether there was one.
    pub fn take(&mut self, now: Instant) -> bool {
        self.fill(now);
        match self.credit.checked_sub(NANOS_PER_SECOND) {
            Some(rest) => {
                self.credit = rest;
                true
            }
            None => false,
        }
    }

    /// Returns when there is, or was, a packet's worth.
    #[must_use]
    pub fn ready_at(&self) -> Instant {
        let Some(filled_at) = self.filled_at else {
            return Instant::ORIGIN;
        };
        let missing = NANOS_PER_SECOND.saturating_sub(self.credit);
        let wait = missing.div_ceil(u128::from(self.rate.get()));
        filled_at + Duration::from_nanos(u64::try_from(wait).unwrap_or(u64::MAX))
    }

    fn fill(&mut self, now: Instant) {
        let elapsed = self
            .filled_at
            .map_or(Duration::ZERO, |filled_at| now.since(filled_at));
        let gained = elapsed
            .as_nanos()
            .saturating_mul(u128::from(self.rate.get()));
        self.credit = self
            .credit
            .saturating_add(gained)
            .min(full_credit(self.burst));
        // A clock that went back gives no credit twice.
        self.filled_at = Some(self.filled_at.map_or(now, |filled_at| filled_at.max(now)));
    }
}

fn full_credit(burst: NonZeroU32) -> u128 {
    u128::from(burst.get()) * NANOS_PER_SECOND
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bucket(rate: u32, burst: u32) -> TokenBucket {
        TokenBucket::new(
            NonZeroU32::new(rate).unwrap(),
            NonZeroU32::new(burst).unwrap(),
        )
    }

    fn at(millis: u64) -> Instant {
        Instant::from_origin(Duration::from_millis(millis))
    }

    #[test]
    fn a_burst_leaves_at_once_and_then_the_rate_holds() {
        let mut bucket = bucket(100, 3);
        assert_eq!((0..5).filter(|_| bucket.take(at(0))).count(), 3);
        assert_eq!(bucket.ready_at(), at(10));
        assert!(!bucket.take(at(9)));
        assert!(bucket.take(at(10)));
    }

    #[test]
    fn exactly_the_rate_leaves_over_ten_seconds_asked_at_odd_times() {
        let mut bucket = bucket(333, 2);
        assert!(bucket.take(at(0)) && bucket.take(at(0)));
        let mut taken = 0;
        for millis in 1..=10_000 {
            taken += u32::from(bucket.take(at(millis)));
        }
        assert_eq!(taken, 3330);
    }

    #[test]
    fn a_pause_gives_no_more_than_a_burst() {
        let mut bucket = bucket(1000, 5);
        assert!(bucket.take(at(0)));
        assert_eq!((0..100).filter(|_| bucket.take(at(1_000_000))).count(), 5);
    }

    #[test]
    fn a_clock_that_goes_back_gives_nothing() {
        let mut bucket = bucket(1000, 1);
        assert!(bucket.take(at(100)));
        assert!(!bucket.take(at(50)));
        assert!(!bucket.take(at(100)));
        assert!(bucket.take(at(101)));
    }
}
