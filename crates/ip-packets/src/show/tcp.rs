//! TCP as tcpdump has it.

use core::fmt::{self, Write};

use super::tcp_options::Short;
use crate::{TcpFlags, TcpSegment};

/// The letters of flags, in the order in which tcpdump writes them.
const LETTERS: [(TcpFlags, char); 9] = [
    (TcpFlags::FIN, 'F'),
    (TcpFlags::SYN, 'S'),
    (TcpFlags::RST, 'R'),
    (TcpFlags::PSH, 'P'),
    (TcpFlags::ACK, '.'),
    (TcpFlags::URG, 'U'),
    (TcpFlags::ECE, 'E'),
    (TcpFlags::CWR, 'W'),
    (TcpFlags::AE, 'e'),
];

pub(super) fn line(f: &mut fmt::Formatter<'_>, segment: &TcpSegment<'_>) -> fmt::Result {
    let (flags, len) = (segment.flags(), segment.payload().len());
    f.write_str("Flags [")?;
    letters(f, flags)?;
    f.write_char(']')?;
    let counts = TcpFlags::SYN | TcpFlags::FIN | TcpFlags::RST;
    if len > 0 {
        let end = u32::try_from(len).map_or(0, |len| segment.seq().wrapping_add(len));
        write!(f, ", seq {}:{end}", segment.seq())?;
    } else if flags.without(counts) != flags {
        write!(f, ", seq {}", segment.seq())?;
    }
    if flags.contains(TcpFlags::ACK) {
        write!(f, ", ack {}", segment.ack())?;
    }
    write!(f, ", win {}", segment.window())?;
    if flags.contains(TcpFlags::URG) {
        write!(f, ", urg {}", segment.urgent_pointer())?;
    }
    if !segment.options().as_bytes().is_empty() {
        f.write_str(", options [")?;
        options(f, segment)?;
        f.write_char(']')?;
    }
    write!(f, ", length {len}")
}

/// Shows flags as letters.
pub(super) fn letters(f: &mut fmt::Formatter<'_>, flags: TcpFlags) -> fmt::Result {
    if flags == TcpFlags::NONE {
        return f.write_str("none");
    }
    for (flag, letter) in LETTERS {
        if flags.contains(flag) {
            f.write_char(letter)?;
        }
    }
    Ok(())
}

fn options(f: &mut fmt::Formatter<'_>, segment: &TcpSegment<'_>) -> fmt::Result {
    let mut separator = "";
    let mut len = 0;
    for found in segment.options() {
        f.write_str(separator)?;
        match found {
            Ok(found) => {
                write!(f, "{}", Short(found))?;
                len += found.encoded_len();
            }
            Err(error) => return write!(f, "[{error}]"),
        }
        separator = ",";
    }
    if len < segment.options().as_bytes().len() {
        write!(f, "{separator}eol")?;
    }
    Ok(())
}
