//! How many handshake messages one source may cause work with.

use core::net::IpAddr;
use core::time::Duration;
use std::collections::HashMap;

use wirecraft_time::Instant;

/// A source may cause this many handshakes a second (`ratelimiter.c`).
const PACKETS_PER_SECOND: u32 = 20;

/// This many at once are let through before the rate applies (`ratelimiter.c`).
const PACKETS_BURSTABLE: u32 = 5;

/// Sources that are remembered at once; further ones are refused until the next collection.
pub(crate) const SOURCES_MAX: usize = 8192;

const COLLECT_INTERVAL: Duration = Duration::from_secs(1);
const COST: Duration = Duration::from_nanos(1_000_000_000 / PACKETS_PER_SECOND as u64);
const TOKENS_MAX: Duration = COST.saturating_mul(PACKETS_BURSTABLE);

/// A token bucket for each source address, IPv6 ones taken together by /64.
pub(crate) struct RateLimiter {
    buckets: HashMap<u128, Bucket>,
    collected_at: Instant,
}

struct Bucket {
    tokens: Duration,
    updated_at: Instant,
}

impl RateLimiter {
    pub(crate) fn new() -> Self {
        Self {
            buckets: HashMap::new(),
            collected_at: Instant::ORIGIN,
        }
    }

    /// Takes one token from the bucket of `source`; says whether there was one.
    pub(crate) fn allow(&mut self, now: Instant, source: IpAddr) -> bool {
        self.collect(now);
        let key = source_key(source);
        if let Some(bucket) = self.buckets.get_mut(&key) {
            return bucket.take(now);
        }
        if self.buckets.len() >= SOURCES_MAX {
            return false;
        }
        self.buckets.insert(
            key,
            Bucket {
                tokens: TOKENS_MAX - COST,
                updated_at: now,
            },
        );
        true
    }

    /// How many sources are remembered.
    pub(crate) fn len(&self) -> usize {
        self.buckets.len()
    }

    /// Forgets the sources that were silent long enough to have a full bucket again.
    fn collect(&mut self, now: Instant) {
        if now.since(self.collected_at) < COLLECT_INTERVAL {
            return;
        }
        self.collected_at = now;
        self.buckets
            .retain(|_, bucket| now.since(bucket.updated_at) < COLLECT_INTERVAL);
    }
}

impl Bucket {
    fn take(&mut self, now: Instant) -> bool {
        let earned = now.since(self.updated_at);
        self.tokens = self.tokens.saturating_add(earned).min(TOKENS_MAX);
        self.updated_at = now;
        match self.tokens.checked_sub(COST) {
            Some(rest) => {
                self.tokens = rest;
                true
            }
            None => false,
        }
    }
}

/// An IPv4 address, or the first 64 bits of an IPv6 address: two families that cannot collide.
///
/// What a dual-stack socket shows as `::ffff:192.0.2.1` is an IPv4 address: taken by /64, all of them
/// would be one source.
fn source_key(source: IpAddr) -> u128 {
    match source.to_canonical() {
        IpAddr::V4(address) => u128::from(address.to_bits()),
        IpAddr::V6(address) => address.to_bits() >> 64 << 64 | 1 << 63,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(milliseconds: u64) -> Instant {
        Instant::from_origin(Duration::from_secs(100) + Duration::from_millis(milliseconds))
    }

    fn assert_published_sequence(source: &str, neighbour: impl Fn(usize) -> String) {
        let source = source.parse().unwrap();
        let mut limiter = RateLimiter::new();
        let steps = [
            (0, true),
            (0, true),
            (0, true),
            (0, true),
            (0, true),
            (0, false),
            (50, true),
            (50, false),
            (150, true),
            (150, true),
            (150, false),
        ];
        for (number, (time, expected)) in steps.into_iter().enumerate() {
            assert_eq!(limiter.allow(at(time), source), expected, "step {number}");
            assert!(limiter.allow(at(time), neighbour(number).parse().unwrap()));
        }
    }

    #[test]
    fn the_published_sequence_holds_for_a_v4_address() {
        assert_published_sequence("192.0.2.1", |number| format!("198.51.100.{number}"));
    }

    #[test]
    fn the_published_sequence_holds_for_a_v6_prefix() {
        assert_published_sequence("2001:db8::1", |number| format!("2001:db8:0:{number}1::1"));
    }

    #[test]
    fn addresses_of_one_v6_slash_64_share_a_bucket() {
        let mut limiter = RateLimiter::new();
        let allowed = (0..10u16).filter(|number| {
            limiter.allow(at(0), format!("2001:db8::{number:x}").parse().unwrap())
        });
        assert_eq!(allowed.count(), 5);
    }

    #[test]
    fn a_v4_address_and_a_v6_prefix_of_the_same_bits_have_buckets_of_their_own() {
        let mut limiter = RateLimiter::new();
        let from_both = ["0.0.0.0", "::2"].map(|source| source.parse().unwrap());
        for source in from_both {
            for _ in 0..PACKETS_BURSTABLE {
                assert!(limiter.allow(at(0), source), "{source}");
            }
        }
    }

    #[test]
    fn the_table_of_sources_is_bounded_and_empties_itself() {
        let mut limiter = RateLimiter::new();
        for number in 0..20_000u32 {
            limiter.allow(at(0), IpAddr::V4(number.into()));
        }
        assert_eq!(limiter.buckets.len(), SOURCES_MAX);
        limiter.allow(at(2000), IpAddr::V4(1.into()));
        assert_eq!(limiter.buckets.len(), 1);
    }
}
