//! The GRE header of a packet in the making.

use super::{BuildError, PacketBuilder, Upper};
use crate::checksum::{PseudoHeader, checksum};
use crate::gre::{CHECKSUM, KEY, SEQUENCE, header_len};
use crate::header::IpVersion;
use crate::{EtherType, Protocol};

/// A packet with a GRE header in the making.
pub type GreBuilder<'a, P = &'a [u8]> = PacketBuilder<'a, Gre, P>;

/// A GRE header in the making; [`GreBuilder`] sets its fields.
#[derive(Clone, Copy, Debug)]
pub struct Gre {
    flags: Option<u16>,
    version: u8,
    protocol: Option<EtherType>,
    carried: EtherType,
    checksum: Checksum,
    key: Option<u32>,
    sequence: Option<u32>,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Checksum {
    Absent,
    Computed,
    Given(u16),
}

impl Gre {
    #[inline]
    pub(super) const fn new() -> Self {
        Self {
            flags: None,
            version: 0,
            protocol: None,
            carried: EtherType::IPV4,
            checksum: Checksum::Absent,
            key: None,
            sequence: None,
        }
    }

    /// Returns the bits of the parts that are there.
    fn parts(&self) -> u16 {
        let checksum = if self.checksum == Checksum::Absent {
            0
        } else {
            CHECKSUM
        };
        let key = self.key.map_or(0, |_| KEY);
        checksum | key | self.sequence.map_or(0, |_| SEQUENCE)
    }
}

impl<P> GreBuilder<'_, P> {
    /// Sets the protocol of the payload, whatever it is.
    #[inline]
    pub const fn protocol(mut self, protocol: EtherType) -> Self {
        self.upper.protocol = Some(protocol);
        self
    }

    /// Adds the right checksum.
    #[inline]
    pub const fn with_checksum(mut self) -> Self {
        self.upper.checksum = Checksum::Computed;
        self
    }

    /// Adds this checksum.
    #[inline]
    pub const fn checksum(mut self, checksum: u16) -> Self {
        self.upper.checksum = Checksum::Given(checksum);
        self
    }

    /// Adds a key, which tells flows apart.
    #[inline]
    pub const fn key(mut self, key: u32) -> Self {
        self.upper.key = Some(key);
        self
    }

    /// Adds a sequence number.
    #[inline]
    pub const fn sequence(mut self, sequence: u32) -> Self {
        self.upper.sequence = Some(sequence);
        self
    }

    /// Overrides the version; the low three bits count.
    #[inline]
    pub const fn version(mut self, version: u8) -> Self {
        self.upper.version = version & 0b111;
        self
    }

    /// Overrides the first 16 bits: what parts there are, reserved bits and version.
    ///
    /// The parts stay those that were added, whatever the bits say.
    #[inline]
    pub const fn flags(mut self, flags: u16) -> Self {
        self.upper.flags = Some(flags);
        self
    }
}

impl Upper for Gre {
    #[inline]
    fn protocol(&self, _: IpVersion) -> Protocol {
        Protocol::GRE
    }

    #[inline]
    fn header_len(&self) -> usize {
        header_len(self.parts())
    }

    #[inline]
    fn check(&self, _: usize) -> Result<(), BuildError> {
        Ok(())
    }

    fn write(&self, segment: &mut [u8], _: &PseudoHeader) {
        let flags = self
            .flags
            .unwrap_or_else(|| self.parts() | u16::from(self.version));
        let protocol = self.protocol.unwrap_or(self.carried);
        segment[..2].copy_from_slice(&flags.to_be_bytes());
        segment[2..4].copy_from_slice(&protocol.0.to_be_bytes());
        let checksum_word = match self.checksum {
            Checksum::Absent => None,
            Checksum::Computed => Some(0),
            Checksum::Given(checksum) => Some(u32::from(checksum) << 16),
        };
        let mut at = 4;
        for part in [checksum_word, self.key, self.sequence]
            .into_iter()
            .flatten()
        {
            segment[at..at + 4].copy_from_slice(&part.to_be_bytes());
            at += 4;
        }
        if self.checksum == Checksum::Computed {
            let sum = checksum(segment);
            segment[4..6].copy_from_slice(&sum.to_be_bytes());
        }
    }

    fn carry(&mut self, payload: Protocol) {
        self.carried = match payload {
            Protocol::IPV6 => EtherType::IPV6,
            _ => EtherType::IPV4,
        };
    }
}
