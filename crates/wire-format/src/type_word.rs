//! The first four bytes of a message, as types that have one value each.
//!
//! On the wire they are a type of one byte and three reserved bytes of zero; the kernel reads them as
//! one little-endian word. A message whose first fields have these types cannot hold another word.
//!
//! Source: WireGuard whitepaper §5.4; Linux `drivers/net/wireguard/messages.h:message_header`.

use zerocopy::{Immutable, IntoBytes, KnownLayout, TryFromBytes, Unaligned};

macro_rules! type_byte {
    ($($(#[$doc:meta])* $name:ident = $value:literal;)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, Debug)]
        #[derive(TryFromBytes, IntoBytes, KnownLayout, Immutable, Unaligned)]
        #[repr(u8)]
        pub(crate) enum $name {
            Byte = $value,
        }

        impl $name {
            /// The whole word: the type byte and the reserved zeros.
            pub(crate) const WORD: u32 = $value;
        }
    )*};
}

type_byte! {
    /// The type byte of a handshake initiation.
    InitiationType = 1;
    /// The type byte of a handshake response.
    ResponseType = 2;
    /// The type byte of a cookie reply.
    CookieReplyType = 3;
    /// The type byte of transport data.
    DataType = 4;
}

/// A reserved byte.
#[derive(
    Clone, Copy, PartialEq, Eq, Debug, TryFromBytes, IntoBytes, KnownLayout, Immutable, Unaligned,
)]
#[repr(u8)]
pub(crate) enum Reserved {
    Zero = 0,
}

/// The three reserved bytes that follow every type byte.
pub(crate) const RESERVED: [Reserved; 3] = [Reserved::Zero; 3];
