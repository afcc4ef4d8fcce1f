//! Bytes with their offsets and characters.

use core::fmt::{self, Write};

/// Shows bytes sixteen to a line: offset, hexadecimal, and the characters that are ASCII.
///
/// ```
/// use wirecraft_ip_packets::Hexdump;
///
/// let dump = Hexdump(b"GET / HTTP/1.1\r\nHost").to_string();
/// let expected = "0000  47 45 54 20 2f 20 48 54  54 50 2f 31 2e 31 0d 0a  GET / HTTP/1.1..
/// 0010  48 6f 73 74                                       Host";
/// assert_eq!(dump, expected);
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Hexdump<'a>(pub &'a [u8]);

const LINE_LEN: usize = 16;

impl fmt::Display for Hexdump<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut separator = "";
        for (index, bytes) in self.0.chunks(LINE_LEN).enumerate() {
            write!(f, "{separator}{:04x} ", index * LINE_LEN)?;
            show_line(f, bytes)?;
            separator = "\n";
        }
        Ok(())
    }
}

/// Shows the bytes of a line behind its offset.
pub(super) fn show_line(f: &mut fmt::Formatter<'_>, bytes: &[u8]) -> fmt::Result {
    for column in 0..LINE_LEN {
        if column == LINE_LEN / 2 {
            f.write_char(' ')?;
        }
        match bytes.get(column) {
            Some(byte) => write!(f, " {byte:02x}")?,
            None => f.write_str("   ")?,
        }
    }
    f.write_str("  ")?;
    for byte in bytes {
        f.write_char(match byte {
            b' '..=b'~' => char::from(*byte),
            _ => '.',
        })?;
    }
    Ok(())
}
