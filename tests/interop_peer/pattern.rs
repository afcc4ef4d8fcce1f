//! Bytes that both ends know without telling each other, and a checksum over what came.

/// The byte at `position` of the endless pattern: SplitMix64 over the number of its 8-byte word.
fn byte_at(position: u64) -> u8 {
    let mut word = (position / 8)
        .wrapping_add(1)
        .wrapping_mul(0x9e37_79b9_7f4a_7c15);
    word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    (word ^ (word >> 31)).to_le_bytes()[(position % 8) as usize]
}

/// Fills `buffer` with the pattern from byte `position` on.
pub(crate) fn fill(position: u64, buffer: &mut [u8]) {
    for (byte, position) in buffer.iter_mut().zip(position..) {
        *byte = byte_at(position);
    }
}

/// Whether `bytes` are the pattern from byte `position` on.
pub(crate) fn matches(position: u64, bytes: &[u8]) -> bool {
    bytes
        .iter()
        .zip(position..)
        .all(|(&byte, position)| byte == byte_at(position))
}

/// FNV-1a over a stream, with its length: tells lost, doubled and changed bytes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Checksum {
    len: u64,
    hash: u64,
}

impl Checksum {
    pub(crate) fn new() -> Self {
        Self {
            len: 0,
            hash: 0xcbf2_9ce4_8422_2325,
        }
    }

    pub(crate) fn update(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            self.hash = (self.hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3);
            self.len += 1;
        }
    }

    /// The checksum of the first `len` bytes of the pattern.
    pub(crate) fn of_pattern(len: u64) -> Self {
        let mut checksum = Self::new();
        for position in 0..len {
            checksum.update(&[byte_at(position)]);
        }
        checksum
    }

    /// The line that a sink answers with.
    pub(crate) fn line(self) -> String {
        format!("{} {:016x}\n", self.len, self.hash)
    }
}

#[cfg(test)]
mod tests {
    use super::{Checksum, fill, matches};

    #[test]
    fn pattern_is_the_same_in_any_cut() {
        let mut whole = [0; 100];
        fill(0, &mut whole);
        let mut piece = [0; 13];
        fill(27, &mut piece);
        assert_eq!(piece, whole[27..40]);
        assert!(matches(27, &piece));
        assert!(!matches(28, &piece));
    }

    #[test]
    fn checksum_is_the_published_fnv1a() {
        let mut checksum = Checksum::new();
        checksum.update(b"foobar");
        assert_eq!(checksum.line(), "6 85944171f73967e8\n");
    }

    #[test]
    fn checksum_of_the_pattern_needs_no_buffer() {
        let mut bytes = vec![0; 1001];
        fill(0, &mut bytes);
        let mut checksum = Checksum::new();
        checksum.update(&bytes);
        assert_eq!(checksum, Checksum::of_pattern(1001));
    }
}
