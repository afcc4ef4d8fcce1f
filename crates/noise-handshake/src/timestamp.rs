//! TAI64N labels: the timestamps that keep initiations from being replayed.

use core::time::Duration;

/// The label of 1970-01-01 00:00:00 UTC: 2^62, and the ten seconds that TAI was ahead.
///
/// Source: Linux `drivers/net/wireguard/noise.c:tai64n_now`.
const UNIX_EPOCH: u64 = (1 << 62) + 10;

/// Nanoseconds are rounded down to a multiple of this, which blurs when exactly a message was made.
///
/// The power of two below the 20 ms that lie between two accepted initiations of a peer.
///
/// Source: Linux `drivers/net/wireguard/noise.c:tai64n_now`.
const TICK_NANOS: u32 = 1 << 24;

const NANOS_PER_SECOND: u32 = 1_000_000_000;

/// A TAI64N timestamp, compared as its 12 bytes.
///
/// What a peer sends is taken as it is: a receiver asks only which of two is greater.
///
/// Source: WireGuard whitepaper §5.4.2, §5.1; <https://cr.yp.to/libtai/tai64.html>.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Tai64N([u8; 12]);

impl Tai64N {
    /// Makes the timestamp of a time since the Unix epoch, rounded down by at most 16.8 ms.
    ///
    /// A time beyond the last label of all gets that one.
    #[must_use]
    pub fn from_unix(since_epoch: Duration) -> Self {
        let (seconds, nanos) = match UNIX_EPOCH.checked_add(since_epoch.as_secs()) {
            Some(seconds) => (seconds, since_epoch.subsec_nanos()),
            None => (u64::MAX, NANOS_PER_SECOND - 1),
        };
        Self::from_parts(seconds, nanos - nanos % TICK_NANOS)
    }

    /// Makes a timestamp from its bytes.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 12]) -> Self {
        Self(bytes)
    }

    /// Returns the bytes: seconds, then nanoseconds, both big-endian.
    #[must_use]
    pub const fn to_bytes(self) -> [u8; 12] {
        self.0
    }

    /// Returns the bytes.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 12] {
        &self.0
    }

    /// Returns the smallest greater timestamp that [`from_unix`](Self::from_unix) can make.
    ///
    /// For senders whose clock did not advance, or went backwards. The last label of all is its own
    /// successor.
    #[must_use]
    pub fn next(self) -> Self {
        let [s0, s1, s2, s3, s4, s5, s6, s7, n0, n1, n2, n3] = self.0;
        let seconds = u64::from_be_bytes([s0, s1, s2, s3, s4, s5, s6, s7]);
        let nanos = u32::from_be_bytes([n0, n1, n2, n3]);
        match (nanos - nanos % TICK_NANOS).checked_add(TICK_NANOS) {
            Some(nanos) if nanos < NANOS_PER_SECOND => Self::from_parts(seconds, nanos),
            _ => seconds
                .checked_add(1)
                .map_or(self, |seconds| Self::from_parts(seconds, 0)),
        }
    }

    fn from_parts(seconds: u64, nanos: u32) -> Self {
        let label = u128::from(seconds) << 32 | u128::from(nanos);
        let [_, _, _, _, bytes @ ..] = label.to_be_bytes();
        Self(bytes)
    }
}

#[cfg(test)]
mod tests {
    use core::time::Duration;

    use super::Tai64N;

    fn at(seconds: u64, nanos: u32) -> Tai64N {
        Tai64N::from_unix(Duration::new(seconds, nanos))
    }

    #[test]
    fn nanoseconds_are_rounded_down_to_sixteen_milliseconds() {
        let expected = "400000006553f10a07000000";
        assert_eq!(
            hex::encode(at(1_700_000_000, 123_456_789).to_bytes()),
            expected
        );
        assert_eq!(
            at(1_700_000_000, 0x0700_0000),
            at(1_700_000_000, 0x07ff_ffff)
        );
        assert!(at(1_700_000_000, 0x0700_0000) < at(1_700_000_000, 0x0800_0000));
    }

    #[test]
    fn epoch_is_ten_seconds_after_the_start_of_tai() {
        assert_eq!(hex::encode(at(0, 0).to_bytes()), "400000000000000a00000000");
    }

    #[test]
    fn order_is_that_of_the_bytes() {
        assert!(at(1, 999_999_999) < at(2, 0));
        assert!(at(255, 0) < at(256, 0));
        assert!(Tai64N::from_bytes([0x80; 12]) > at(u64::from(u32::MAX), 0));
    }

    #[test]
    fn next_is_the_next_that_a_clock_can_give() {
        assert_eq!(at(5, 0).next(), at(5, 1 << 24));
        assert_eq!(at(5, 999_999_999).next(), at(6, 0));
        assert_eq!(at(5, 58 << 24).next(), at(5, 59 << 24));
        assert_eq!(at(5, 59 << 24).next(), at(6, 0));
    }

    #[test]
    fn next_of_a_label_between_two_ticks_is_the_later_tick() {
        let mut between = at(5, 3 << 24).to_bytes();
        between[11] = 1;
        assert_eq!(Tai64N::from_bytes(between).next(), at(5, 4 << 24));
    }

    #[test]
    fn next_of_nanoseconds_beyond_a_second_is_the_next_second() {
        let mut overfull = at(5, 0).to_bytes();
        overfull[8..].fill(0xff);
        assert_eq!(Tai64N::from_bytes(overfull).next(), at(6, 0));
    }

    #[test]
    fn time_beyond_the_last_label_saturates() {
        let last = Tai64N::from_bytes([0xff; 12]);
        assert_eq!(last.next(), last);
        assert_eq!(at(u64::MAX, 0).to_bytes()[..8], [0xff; 8]);
    }

    #[test]
    fn time_beyond_the_last_label_is_not_before_one_with_more_nanoseconds() {
        assert_eq!(at(u64::MAX, 0), at(u64::MAX - 1, 999_999_999));
        assert!(at(u64::MAX, 0) >= at(u64::MAX - (1 << 62) - 10, 999_999_999));
    }
}
