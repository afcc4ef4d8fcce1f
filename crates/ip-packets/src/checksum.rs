//! The Internet checksum: whole (RFC 1071), by difference (RFC 1624), over pseudo headers.
//!
//! Sums are kept in the byte order of the machine, since the one's complement sum is the same in
//! either order but for a swap at the end; words of 32 bits are added into lanes of 64, which
//! compilers turn into vector code and which cannot overflow for anything that fits in memory.

use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::{IpVersion, Protocol};

/// Computes the Internet checksum of `bytes`.
///
/// Over bytes that already hold their checksum the result is zero.
///
/// Source: RFC 1071.
#[must_use]
#[inline]
pub fn checksum(bytes: &[u8]) -> u16 {
    Sum::new().add_bytes(bytes).finish()
}

/// Updates `checksum` for a 16-bit word that changes from `old` to `new`.
///
/// Source: RFC 1624 §3, equation 3.
#[must_use]
#[inline]
pub const fn update(checksum: u16, old: u16, new: u16) -> u16 {
    !fold(!checksum as u64 + !old as u64 + new as u64)
}

/// A one's complement sum in the making.
///
/// ```
/// use wirecraft_ip_packets::checksum::{Sum, checksum};
///
/// let parts = Sum::new().add_u16(0x1234).add_bytes(&[0x56, 0x78, 0x9a]).finish();
/// assert_eq!(parts, checksum(&[0x12, 0x34, 0x56, 0x78, 0x9a]));
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct Sum(u64);

impl Sum {
    /// Starts a sum at zero.
    #[must_use]
    #[inline]
    pub const fn new() -> Self {
        Self(0)
    }

    /// Adds `bytes`; an odd last byte counts as the high half of a word.
    ///
    /// Only the last of several pieces may have an odd length.
    #[must_use]
    #[inline]
    pub fn add_bytes(self, bytes: &[u8]) -> Self {
        if bytes.len() < BLOCK_LEN {
            return Self(self.0.wrapping_add(sum_short(bytes)));
        }
        Self(self.0.wrapping_add(sum_blocks(bytes)))
    }

    /// Adds one word.
    #[must_use]
    #[inline]
    pub const fn add_u16(self, word: u16) -> Self {
        Self(self.0.wrapping_add(word.to_be() as u64))
    }

    /// Adds the two words of `value`.
    #[must_use]
    #[inline]
    pub const fn add_u32(self, value: u32) -> Self {
        Self(self.0.wrapping_add(value.to_be() as u64))
    }

    /// Adds the bytes that `words` stand for, first to last.
    #[inline(always)]
    pub(crate) fn add_words(self, words: &[u32]) -> Self {
        words.iter().fold(self, |sum, word| sum.add_u32(*word))
    }

    /// Adds another sum, of bytes that stand at an even place.
    #[inline(always)]
    pub(crate) const fn add(self, other: Self) -> Self {
        Self(self.0.wrapping_add(other.0))
    }

    /// Takes away `bytes` that were added before, at the same parity.
    #[must_use]
    #[inline]
    pub fn subtract_bytes(self, bytes: &[u8]) -> Self {
        Self(
            self.0
                .wrapping_add(!fold(Self::new().add_bytes(bytes).0) as u64),
        )
    }

    /// Folds the sum and returns its complement: the checksum.
    #[must_use]
    #[inline]
    pub const fn finish(self) -> u16 {
        !u16::from_be(fold(self.0))
    }

    /// Applies this sum as a difference to an existing checksum.
    ///
    /// The sum is of new bytes added and old ones subtracted.
    ///
    /// Source: RFC 1624 §3, equation 3.
    #[must_use]
    #[inline]
    pub const fn apply_to(self, checksum: u16) -> u16 {
        let old = !checksum.to_be();
        !u16::from_be(fold(fold(self.0) as u64 + old as u64))
    }
}

/// The bytes that one turn of the vector loop takes.
const BLOCK_LEN: usize = 32;

/// Words of 8 bytes in a block; each has two lanes, for its two halves.
const BLOCK_WORDS: usize = BLOCK_LEN / 8;

/// Sums at least one block.
///
/// Halves of 8-byte words, in this shape and apart from its callers, become vector code under every
/// setting of the compiler that was tried; lanes of 4-byte words did not.
#[inline(never)]
fn sum_blocks(bytes: &[u8]) -> u64 {
    let (blocks, rest) = bytes.as_chunks::<BLOCK_LEN>();
    let (mut even, mut odd) = ([0_u64; BLOCK_WORDS], [0_u64; BLOCK_WORDS]);
    for block in blocks {
        let (words, _) = block.as_chunks::<8>();
        for (at, word) in words.iter().enumerate().take(BLOCK_WORDS) {
            let word = u64::from_ne_bytes(*word);
            even[at] = even[at].wrapping_add(word & 0xffff_ffff);
            odd[at] = odd[at].wrapping_add(word >> 32);
        }
    }
    even.iter()
        .chain(&odd)
        .fold(sum_short(rest), |total, lane| total.wrapping_add(*lane))
}

/// Sums less than a block.
#[inline]
fn sum_short(bytes: &[u8]) -> u64 {
    let (words, mut rest) = bytes.as_chunks::<4>();
    let mut total = words.iter().fold(0_u64, |total, word| {
        total.wrapping_add(u64::from(u32::from_ne_bytes(*word)))
    });
    if let Some((half, last)) = rest.split_first_chunk::<2>() {
        total = total.wrapping_add(u64::from(u16::from_ne_bytes(*half)));
        rest = last;
    }
    if let [last] = rest {
        total = total.wrapping_add(u64::from(u16::from_ne_bytes([*last, 0])));
    }
    total
}

/// Folds a sum to 16 bits with end-around carries.
#[inline]
const fn fold(sum: u64) -> u16 {
    let sum = (sum >> 32) + (sum & 0xffff_ffff);
    let sum = (sum >> 32) + (sum & 0xffff_ffff);
    let sum = (sum >> 16) + (sum & 0xffff);
    let sum = (sum >> 16) + (sum & 0xffff);
    (((sum >> 16) + (sum & 0xffff)) & 0xffff) as u16
}

/// The addresses that the checksums of TCP, UDP and ICMPv6 cover beside their own bytes.
///
/// Source: RFC 9293 §3.1, RFC 768, RFC 8200 §8.1.
#[derive(Clone, Copy, Debug)]
pub struct PseudoHeader {
    addresses: Sum,
    version: IpVersion,
}

impl PseudoHeader {
    /// Makes the pseudo header of an IPv4 packet.
    #[must_use]
    #[inline]
    pub fn v4(source: Ipv4Addr, destination: Ipv4Addr) -> Self {
        let addresses = Sum::new()
            .add_u32(source.to_bits())
            .add_u32(destination.to_bits());
        Self {
            addresses,
            version: IpVersion::V4,
        }
    }

    /// Makes the pseudo header of an IPv6 packet.
    ///
    /// `destination` is the last one: under a routing header not the one in the IPv6 header.
    #[must_use]
    #[inline]
    pub fn v6(source: Ipv6Addr, destination: Ipv6Addr) -> Self {
        let addresses = Sum::new()
            .add_bytes(&source.octets())
            .add_bytes(&destination.octets());
        Self {
            addresses,
            version: IpVersion::V6,
        }
    }

    /// Makes the pseudo header for two addresses, `None` if their families differ.
    #[must_use]
    pub fn new(source: IpAddr, destination: IpAddr) -> Option<Self> {
        match (source, destination) {
            (IpAddr::V4(source), IpAddr::V4(destination)) => Some(Self::v4(source, destination)),
            (IpAddr::V6(source), IpAddr::V6(destination)) => Some(Self::v6(source, destination)),
            _ => None,
        }
    }

    /// Returns the version of the IP header it stands for.
    #[must_use]
    #[inline]
    pub const fn version(&self) -> IpVersion {
        self.version
    }

    /// Computes the checksum of `segment`, header and payload, in which the checksum field is zero.
    ///
    /// UDP writes the result 0 as `0xffff`; that is left to the caller.
    #[must_use]
    #[inline]
    pub fn checksum(&self, protocol: Protocol, segment: &[u8]) -> u16 {
        self.sum(protocol, segment.len())
            .add_bytes(segment)
            .finish()
    }

    /// Says whether `segment`, with the checksum it holds, sums up as it must.
    #[must_use]
    #[inline]
    pub fn verify(&self, protocol: Protocol, segment: &[u8]) -> bool {
        self.checksum(protocol, segment) == 0
    }

    /// Sums the pseudo header for a segment of `len` bytes.
    #[inline]
    pub(crate) fn sum(&self, protocol: Protocol, len: usize) -> Sum {
        // No segment is longer than 4 GiB.
        let len = u32::try_from(len).unwrap_or(u32::MAX);
        self.addresses
            .add_u32(len)
            .add_u16(u16::from(protocol.number()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The plain form of RFC 1071 §4.1.
    fn plain(bytes: &[u8]) -> u16 {
        let mut sum = 0_u64;
        for pair in bytes.chunks(2) {
            sum += u64::from(u16::from_be_bytes([pair[0], *pair.get(1).unwrap_or(&0)]));
        }
        while sum > 0xffff {
            sum = (sum >> 16) + (sum & 0xffff);
        }
        !u16::try_from(sum).unwrap()
    }

    #[test]
    fn example_of_rfc_1071_has_its_checksum() {
        let bytes = [0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7];
        assert_eq!(checksum(&bytes), !0xddf2);
    }

    #[test]
    fn example_of_rfc_1624_is_updated_right() {
        // RFC 1624 §4: HC = 0xDD2F, m = 0x5555, m' = 0x3285.
        assert_eq!(update(0xdd2f, 0x5555, 0x3285), 0x0000);
    }

    #[test]
    fn every_length_up_to_three_blocks_agrees_with_the_plain_form() {
        let bytes: [u8; 100] = core::array::from_fn(|i| u8::try_from(i * 41 % 256).unwrap());
        for len in 0..=bytes.len() {
            assert_eq!(
                checksum(&bytes[..len]),
                plain(&bytes[..len]),
                "length {len}"
            );
        }
    }

    #[test]
    fn many_full_words_carry_around() {
        assert_eq!(checksum(&[0xff; 70_000]), 0);
    }

    #[test]
    fn difference_of_bytes_equals_a_new_sum() {
        let mut bytes = *b"the quick brown fox jumps over the lazy dog....";
        let before = checksum(&bytes);
        let difference = Sum::new()
            .subtract_bytes(&bytes[4..10])
            .add_bytes(b"snail ");
        bytes[4..10].copy_from_slice(b"snail ");
        assert_eq!(difference.apply_to(before), checksum(&bytes));
    }

    #[test]
    fn pseudo_headers_of_mixed_families_are_refused() {
        assert!(
            PseudoHeader::new(
                IpAddr::V4(Ipv4Addr::LOCALHOST),
                IpAddr::V6(Ipv6Addr::LOCALHOST)
            )
            .is_none()
        );
    }
}
