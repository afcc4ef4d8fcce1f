//! CRC32c: the checksum of SCTP.

/// The generator polynomial of Castagnoli, its bits in reverse.
const POLYNOMIAL: u32 = 0x82f6_3b78;

/// How many bytes one turn of the loop takes: a table for each.
const STRIDE: usize = 8;

/// The remainders of every byte, followed by 0 to 7 bytes of zeros.
static TABLES: [[u32; 256]; STRIDE] = tables();

const fn tables() -> [[u32; 256]; STRIDE] {
    let mut tables = [[0; 256]; STRIDE];
    let mut byte = 0_u32;
    while byte < 256 {
        let mut remainder = byte;
        let mut bit = 0;
        while bit < 8 {
            let carry = remainder & 1;
            remainder >>= 1;
            if carry == 1 {
                remainder ^= POLYNOMIAL;
            }
            bit += 1;
        }
        tables[0][byte as usize] = remainder;
        byte += 1;
    }
    let mut zeros = 1;
    while zeros < STRIDE {
        let mut byte = 0;
        while byte < 256 {
            let before: u32 = tables[zeros - 1][byte];
            tables[zeros][byte] = before >> 8 ^ tables[0][(before & 0xff) as usize];
            byte += 1;
        }
        zeros += 1;
    }
    tables
}

/// A CRC32c in the making.
///
/// ```
/// use wirecraft_ip_packets::Crc32c;
///
/// let crc = Crc32c::new().add_bytes(b"1234").add_bytes(b"56789").finish();
/// assert_eq!(crc, 0xe306_9283);
/// ```
///
/// Source: RFC 9260 appendix A, RFC 3720 appendix B.4.
#[derive(Clone, Copy, Debug)]
pub struct Crc32c(u32);

impl Crc32c {
    /// Starts over nothing.
    #[must_use]
    pub const fn new() -> Self {
        Self(u32::MAX)
    }

    /// Adds `bytes`.
    #[must_use]
    pub fn add_bytes(self, bytes: &[u8]) -> Self {
        let (strides, rest) = bytes.as_chunks::<STRIDE>();
        let crc = strides.iter().fold(self.0, add_stride);
        let crc = rest.iter().fold(crc, |crc, byte| {
            let [low, ..] = crc.to_le_bytes();
            crc >> 8 ^ TABLES[0][usize::from(low ^ byte)]
        });
        Self(crc)
    }

    /// Returns by which bits the checksum changes where `difference` is added to what it covers,
    /// with `behind` bytes behind that: it is linear but for how it starts and ends.
    pub(crate) fn change(difference: &[u8], behind: usize) -> u32 {
        let mut crc = Self(0).add_bytes(difference);
        for _ in 0..behind {
            let [low, ..] = crc.0.to_le_bytes();
            crc = Self(crc.0 >> 8 ^ TABLES[0][usize::from(low)]);
        }
        crc.0
    }

    /// Returns the checksum.
    #[must_use]
    pub const fn finish(self) -> u32 {
        !self.0
    }
}

impl Default for Crc32c {
    fn default() -> Self {
        Self::new()
    }
}

#[inline]
fn add_stride(crc: u32, stride: &[u8; STRIDE]) -> u32 {
    let crc = crc.to_le_bytes();
    let mut sum = 0;
    for (at, (byte, table)) in stride.iter().zip(TABLES.iter().rev()).enumerate() {
        let byte = byte ^ crc.get(at).copied().unwrap_or(0);
        sum ^= table[usize::from(byte)];
    }
    sum
}

#[cfg(test)]
mod tests {
    use super::*;

    /// One bit after the other.
    fn plain(bytes: &[u8]) -> u32 {
        let mut crc = u32::MAX;
        for byte in bytes {
            crc ^= u32::from(*byte);
            for _ in 0..8 {
                crc = crc >> 1 ^ if crc & 1 == 1 { POLYNOMIAL } else { 0 };
            }
        }
        !crc
    }

    #[test]
    fn examples_of_rfc_3720_have_their_checksums() {
        let rising: [u8; 32] = core::array::from_fn(|i| u8::try_from(i).unwrap());
        let falling: [u8; 32] = core::array::from_fn(|i| u8::try_from(31 - i).unwrap());
        let crc = |bytes: &[u8]| Crc32c::new().add_bytes(bytes).finish();
        assert_eq!(crc(&[0; 32]), 0x8a91_36aa);
        assert_eq!(crc(&[0xff; 32]), 0x62a8_ab43);
        assert_eq!(crc(&rising), 0x46dd_794e);
        assert_eq!(crc(&falling), 0x113f_db5c);
    }

    #[test]
    fn what_a_difference_changes_agrees_with_the_checksums_before_and_after() {
        let before: [u8; 20] = core::array::from_fn(|i| u8::try_from(i * 29 % 256).unwrap());
        for at in 0..before.len() - 1 {
            let mut after = before;
            after[at] ^= 0x5a;
            after[at + 1] ^= 0xc3;
            let change = Crc32c::change(&[0x5a, 0xc3], before.len() - at - 2);
            assert_eq!(plain(&before) ^ plain(&after), change, "{at}");
        }
    }

    #[test]
    fn every_length_and_every_cut_agrees_with_the_plain_form() {
        let bytes: [u8; 40] = core::array::from_fn(|i| u8::try_from(i * 37 % 256).unwrap());
        for len in 0..=bytes.len() {
            let expected = plain(&bytes[..len]);
            for at in 0..=len {
                let (start, end) = bytes[..len].split_at(at);
                let crc = Crc32c::new().add_bytes(start).add_bytes(end);
                assert_eq!(crc.finish(), expected, "{at} of {len}");
            }
        }
    }
}
