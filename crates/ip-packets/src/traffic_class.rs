//! The octet that IPv4 calls type of service and IPv6 traffic class: DSCP and ECN.

use core::fmt;
use core::str::FromStr;

use crate::registry::{UnknownName, is_same_name, number, registry};

registry! {
    /// The differentiated services code point: six bits.
    ///
    /// Values above 63 do not fit; writers keep the low six bits.
    ///
    /// Source: IANA dscp-registry, as of January 2025; RFC 2474, RFC 2597, RFC 3246, RFC 5865,
    /// RFC 8622.
    pub struct Dscp ..= 63 {
        /// Default forwarding.
        CS0 = 0, "CS0";
        /// Lower effort.
        LE = 1, "LE";
        /// Class selector 1.
        CS1 = 8, "CS1";
        /// Assured forwarding, class 1, low drop.
        AF11 = 10, "AF11";
        /// Assured forwarding, class 1, medium drop.
        AF12 = 12, "AF12";
        /// Assured forwarding, class 1, high drop.
        AF13 = 14, "AF13";
        /// Class selector 2.
        CS2 = 16, "CS2";
        /// Assured forwarding, class 2, low drop.
        AF21 = 18, "AF21";
        /// Assured forwarding, class 2, medium drop.
        AF22 = 20, "AF22";
        /// Assured forwarding, class 2, high drop.
        AF23 = 22, "AF23";
        /// Class selector 3.
        CS3 = 24, "CS3";
        /// Assured forwarding, class 3, low drop.
        AF31 = 26, "AF31";
        /// Assured forwarding, class 3, medium drop.
        AF32 = 28, "AF32";
        /// Assured forwarding, class 3, high drop.
        AF33 = 30, "AF33";
        /// Class selector 4.
        CS4 = 32, "CS4";
        /// Assured forwarding, class 4, low drop.
        AF41 = 34, "AF41";
        /// Assured forwarding, class 4, medium drop.
        AF42 = 36, "AF42";
        /// Assured forwarding, class 4, high drop.
        AF43 = 38, "AF43";
        /// Class selector 5.
        CS5 = 40, "CS5";
        /// Admitted voice.
        VOICE_ADMIT = 44, "VOICE-ADMIT";
        /// Expedited forwarding.
        EF = 46, "EF";
        /// Class selector 6.
        CS6 = 48, "CS6";
        /// Class selector 7.
        CS7 = 56, "CS7";
    }
}

/// Explicit congestion notification: two bits, every value of which is known.
///
/// Source: RFC 3168 §5.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Hash)]
#[repr(u8)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum Ecn {
    /// The transport does not take part.
    #[default]
    NotEct = 0,
    /// The transport takes part, code point 1 (L4S).
    Ect1 = 1,
    /// The transport takes part, code point 0.
    Ect0 = 2,
    /// A router met congestion.
    Ce = 3,
}

impl Ecn {
    /// Reads the two low bits of a traffic class octet.
    #[must_use]
    #[inline]
    pub const fn from_traffic_class(octet: u8) -> Self {
        match octet & 0b11 {
            0 => Self::NotEct,
            1 => Self::Ect1,
            2 => Self::Ect0,
            _ => Self::Ce,
        }
    }

    /// Returns the two bits.
    #[must_use]
    #[inline]
    pub const fn bits(self) -> u8 {
        self as u8
    }

    /// Returns the name that RFC 3168 §5 gives it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::NotEct => "Not-ECT",
            Self::Ect1 => "ECT(1)",
            Self::Ect0 => "ECT(0)",
            Self::Ce => "CE",
        }
    }

    /// Returns a name without signs, which parses as this value again.
    #[must_use]
    pub const fn keyword(self) -> &'static str {
        match self {
            Self::NotEct => "not-ect",
            Self::Ect1 => "ect1",
            Self::Ect0 => "ect0",
            Self::Ce => "ce",
        }
    }
}

impl fmt::Display for Ecn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for Ecn {
    type Err = UnknownName;

    /// Reads a name or keyword in any case, or a number from 0 to 3.
    fn from_str(text: &str) -> Result<Self, UnknownName> {
        let all = [Self::NotEct, Self::Ect1, Self::Ect0, Self::Ce];
        let known = all.into_iter().find(|known| {
            is_same_name(text, Some(known.name())) || is_same_name(text, Some(known.keyword()))
        });
        match known {
            Some(known) => Ok(known),
            None => number(text, 3).map(Self::from_traffic_class),
        }
    }
}

/// Replaces the ECN bits of a traffic class octet.
#[inline]
pub(crate) const fn with_ecn(octet: u8, ecn: Ecn) -> u8 {
    octet & !0b11 | ecn.bits()
}

/// Replaces the DSCP bits of a traffic class octet.
#[inline]
pub(crate) const fn with_dscp(octet: u8, dscp: Dscp) -> u8 {
    octet & 0b11 | dscp.number() << 2
}
