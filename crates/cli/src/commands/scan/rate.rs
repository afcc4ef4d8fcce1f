//! How fast a scan sends, as it is said on the command line.

use std::num::NonZeroU32;
use std::str::FromStr;

/// Probes or bits a second.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Rate {
    Probes(f64),
    Bits(f64),
}

/// What WireGuard, UDP and IPv4 add to a packet, in bytes; the packet itself is padded to 16.
const OVERHEAD_LEN: usize = 20 + 8 + 16 + 16;

impl Rate {
    /// Returns probes a second for probes of `len` bytes inside the tunnel.
    pub(super) fn probes(self, len: usize) -> NonZeroU32 {
        let outer_len = OVERHEAD_LEN + len.next_multiple_of(16);
        let bits = u32::try_from(8 * outer_len).unwrap_or(u32::MAX);
        let probes = match self {
            Self::Probes(probes) => probes,
            Self::Bits(rate) => rate / f64::from(bits),
        };
        let probes = probes.clamp(1.0, f64::from(u32::MAX));
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "the number was brought into range"
        )]
        NonZeroU32::new(probes as u32).unwrap_or(NonZeroU32::MIN)
    }
}

impl FromStr for Rate {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let lower = text.to_ascii_lowercase();
        let bits = ["bit/s", "bits", "bit", "bps"];
        let (number, is_bits) = bits
            .iter()
            .find_map(|unit| lower.strip_suffix(unit).map(|number| (number, true)))
            .unwrap_or_else(|| (lower.strip_suffix("pps").unwrap_or(&lower), false));
        let (digits, factor) = match number.trim_end().char_indices().last() {
            Some((at, 'k')) => (&number[..at], 1e3),
            Some((at, 'm')) => (&number[..at], 1e6),
            Some((at, 'g')) => (&number[..at], 1e9),
            _ => (number, 1.0),
        };
        let is_number = digits
            .trim()
            .bytes()
            .all(|it| it.is_ascii_digit() || it == b'.');
        let number: f64 = digits
            .trim()
            .parse()
            .ok()
            .filter(|_| is_number)
            .unwrap_or(0.0);
        let rate = number * factor;
        if !(1.0..=1e12).contains(&rate) {
            return Err(
                "expected probes a second such as 1000 or 50k, or bits such as 10Mbit".into(),
            );
        }
        Ok(if is_bits {
            Self::Bits(rate)
        } else {
            Self::Probes(rate)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_are_probes_or_bits() {
        let probes = |text: &str| text.parse::<Rate>().unwrap().probes(44).get();
        let found = [
            "1",
            "1000",
            "50k",
            "1.5M",
            "20 kpps",
            "864 bit/s",
            "86.4kbit",
            "1Gbps",
        ]
        .map(probes);
        assert_eq!(
            found,
            [1, 1000, 50_000, 1_500_000, 20_000, 1, 100, 1_157_407]
        );
    }

    #[test]
    fn what_is_no_rate_is_refused() {
        for text in [
            "", "0", "-1", "fast", "k", "1e400", "inf", "nan", "0.5", "1tbit",
        ] {
            assert!(text.parse::<Rate>().is_err(), "{text}");
        }
    }
}
