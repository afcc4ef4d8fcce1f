//! What a packet in the making can carry: bytes, or another packet in the making.

#[cfg(feature = "alloc")]
use alloc::{boxed::Box, vec::Vec};

use super::{BuildError, PacketBuilder, Upper};
use crate::Protocol;
use crate::header::IpVersion;

/// What stands behind the last header of a packet in the making.
///
/// Bytes are payload, and so is every [`PacketBuilder`]: packets nest as deep as they are told to.
/// Two payloads in a tuple follow each other. A format of a caller's own becomes payload by these
/// four calls.
///
/// ```
/// use wirecraft_ip_packets::{Protocol, v4, v6};
///
/// let inner = v6([1; 16].into(), [2; 16].into()).udp(1000, 53).payload(b"query");
/// let outer = v4([10, 0, 0, 1].into(), [10, 0, 0, 2].into()).encapsulate(inner);
/// let packet = outer.build();
/// assert_eq!(Protocol::new(packet[9]), Protocol::IPV6);
/// assert_eq!(packet[20..], inner.build());
/// ```
pub trait Payload {
    /// Returns the length, in bytes.
    fn encoded_len(&self) -> usize;

    /// Says whether everything can be written as it was asked for.
    ///
    /// # Errors
    /// [`BuildError`] if something is longer than its length field or its header can hold.
    fn check(&self) -> Result<(), BuildError> {
        Ok(())
    }

    /// Writes to `room`, which is exactly [`encoded_len`](Self::encoded_len) bytes long.
    ///
    /// Every byte is written.
    fn emit(&self, room: &mut [u8]);

    /// Returns the number under which IP carries it, `None` where bytes are all it is.
    fn protocol(&self) -> Option<Protocol> {
        None
    }
}

impl Payload for [u8] {
    #[inline]
    fn encoded_len(&self) -> usize {
        self.len()
    }

    #[inline]
    fn emit(&self, room: &mut [u8]) {
        room.copy_from_slice(self);
    }
}

impl<const N: usize> Payload for [u8; N] {
    #[inline]
    fn encoded_len(&self) -> usize {
        N
    }

    #[inline]
    fn emit(&self, room: &mut [u8]) {
        room.copy_from_slice(self);
    }
}

impl Payload for str {
    #[inline]
    fn encoded_len(&self) -> usize {
        self.len()
    }

    #[inline]
    fn emit(&self, room: &mut [u8]) {
        room.copy_from_slice(self.as_bytes());
    }
}

#[cfg(feature = "alloc")]
impl Payload for Vec<u8> {
    #[inline]
    fn encoded_len(&self) -> usize {
        self.len()
    }

    #[inline]
    fn emit(&self, room: &mut [u8]) {
        room.copy_from_slice(self);
    }
}

/// Passes every call on to what a pointer points at.
macro_rules! by_pointer {
    ($pointer:ty) => {
        impl<P: Payload + ?Sized> Payload for $pointer {
            #[inline]
            fn encoded_len(&self) -> usize {
                (**self).encoded_len()
            }

            #[inline]
            fn check(&self) -> Result<(), BuildError> {
                (**self).check()
            }

            #[inline]
            fn emit(&self, room: &mut [u8]) {
                (**self).emit(room);
            }

            #[inline]
            fn protocol(&self) -> Option<Protocol> {
                (**self).protocol()
            }
        }
    };
}

by_pointer!(&P);
#[cfg(feature = "alloc")]
by_pointer!(Box<P>);

/// One after the other; the protocol is that of the first.
impl<A: Payload, B: Payload> Payload for (A, B) {
    #[inline]
    fn encoded_len(&self) -> usize {
        self.0.encoded_len() + self.1.encoded_len()
    }

    #[inline]
    fn check(&self) -> Result<(), BuildError> {
        self.0.check()?;
        self.1.check()
    }

    #[inline]
    fn emit(&self, room: &mut [u8]) {
        let (first, second) = room.split_at_mut(self.0.encoded_len());
        self.0.emit(first);
        self.1.emit(second);
    }

    #[inline]
    fn protocol(&self) -> Option<Protocol> {
        self.0.protocol()
    }
}

/// A packet inside of another; its protocol is 4 or 41.
impl<U: Upper, P: Payload> Payload for PacketBuilder<'_, U, P> {
    #[inline]
    fn encoded_len(&self) -> usize {
        self.len()
    }

    #[inline]
    fn check(&self) -> Result<(), BuildError> {
        self.check_all()
    }

    #[inline]
    fn emit(&self, room: &mut [u8]) {
        self.emit_all(room);
    }

    #[inline]
    fn protocol(&self) -> Option<Protocol> {
        Some(match self.ip_version() {
            IpVersion::V4 => Protocol::IPV4,
            IpVersion::V6 => Protocol::IPV6,
        })
    }
}
