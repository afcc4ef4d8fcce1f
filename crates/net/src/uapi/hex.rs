//! Keys in hexadecimal, in a time that does not depend on them.

use zeroize::Zeroizing;

/// The length of a key in bytes.
pub(super) const KEY_LEN: usize = 32;

/// Reads a key: 64 digits of either case.
pub(super) fn decode(text: &str) -> Option<Zeroizing<[u8; KEY_LEN]>> {
    if text.len() != 2 * KEY_LEN {
        return None;
    }
    let mut key = Zeroizing::new([0; KEY_LEN]);
    let mut all_valid = u8::MAX;
    let (digits, _) = text.as_bytes().as_chunks::<2>();
    for (byte, [high, low]) in key.iter_mut().zip(digits) {
        let (high, low) = (Digit::read(*high), Digit::read(*low));
        *byte = high.value << 4 | low.value;
        all_valid &= high.valid & low.valid;
    }
    (all_valid == u8::MAX).then_some(key)
}

/// The two digits of a byte, in lower case.
pub(super) fn digits(byte: u8) -> [char; 2] {
    [byte >> 4, byte & 0xf].map(|value| {
        let letter = !below(value, 10);
        char::from(b'0' + value + (letter & (b'a' - b'0' - 10)))
    })
}

struct Digit {
    value: u8,
    /// All ones for a digit, all zeros for anything else.
    valid: u8,
}

impl Digit {
    fn read(digit: u8) -> Self {
        let decimal = digit.wrapping_sub(b'0');
        let letter = (digit | 0x20).wrapping_sub(b'a');
        let (is_decimal, is_letter) = (below(decimal, 10), below(letter, 6));
        Self {
            value: decimal & is_decimal | letter.wrapping_add(10) & is_letter,
            valid: is_decimal | is_letter,
        }
    }
}

/// All ones if `value` is less than `limit`, else all zeros, without a branch.
fn below(value: u8, limit: u16) -> u8 {
    let [borrow, _] = u16::from(value).wrapping_sub(limit).to_be_bytes();
    borrow
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_byte_is_written_and_read_again_as_the_same() {
        for byte in 0..=u8::MAX {
            let written = String::from_iter(digits(byte));
            assert_eq!(written, format!("{byte:02x}"));
            for text in [written.to_uppercase(), written] {
                assert_eq!(decode(&text.repeat(KEY_LEN)).unwrap()[7], byte);
            }
        }
    }

    #[test]
    fn what_is_no_digit_is_refused_wherever_it_stands() {
        let good = "0".repeat(2 * KEY_LEN);
        let is_digit = |byte: u8| byte.is_ascii_hexdigit();
        for place in [0, 1, 62, 63] {
            for byte in (0..0x80).filter(|byte| !is_digit(*byte)) {
                let mut text = good.clone();
                text.replace_range(place..=place, &char::from(byte).to_string());
                assert_eq!(decode(&text), None, "{text:?}");
            }
        }
    }

    #[test]
    fn a_key_has_64_digits() {
        for len in [0, 1, 62, 63, 65, 66, 128] {
            assert_eq!(decode(&"0".repeat(len)), None, "{len}");
        }
    }
}
