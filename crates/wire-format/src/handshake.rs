//! The two handshake messages and what they have in common: a sender and two macs.

use zerocopy::little_endian::U32;
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, TryFromBytes, Unaligned};

use crate::number::Index;
use crate::type_word::{InitiationType, RESERVED, Reserved, ResponseType};

/// The length of a handshake initiation in bytes.
pub const INITIATION_LEN: usize = 148;

/// The length of a handshake response in bytes.
pub const RESPONSE_LEN: usize = 92;

/// The length of each of the macs that end a handshake message, in bytes.
pub const MAC_LEN: usize = 16;

/// What [`Initiation`] and [`Response`] share: a sender index and two macs at the end.
///
/// Source: WireGuard whitepaper §5.4.4.
pub trait HandshakeMessage {
    /// Returns the index that the sender gave to this handshake.
    fn sender_index(&self) -> Index;

    /// Returns the bytes that mac1 covers: all before it.
    fn mac1_input(&self) -> &[u8];

    /// Returns the bytes that mac2 covers: all before it, mac1 included.
    fn mac2_input(&self) -> &[u8];

    /// Returns mac1.
    fn mac1(&self) -> &[u8; MAC_LEN];

    /// Returns mac2, all zero where the sender had no cookie.
    fn mac2(&self) -> &[u8; MAC_LEN];

    /// Replaces mac1.
    fn set_mac1(&mut self, mac1: [u8; MAC_LEN]);

    /// Replaces mac2.
    fn set_mac2(&mut self, mac2: [u8; MAC_LEN]);
}

/// A handshake initiation message.
///
/// Source: WireGuard whitepaper §5.4.2.
#[derive(
    Clone, PartialEq, Eq, Debug, TryFromBytes, IntoBytes, KnownLayout, Immutable, Unaligned,
)]
#[repr(C)]
pub struct Initiation {
    message_type: InitiationType,
    reserved: [Reserved; 3],
    sender_index: U32,
    /// The initiator's ephemeral public key.
    pub ephemeral: [u8; 32],
    /// The initiator's static public key, sealed: 32 bytes and their tag.
    pub encrypted_static: [u8; 48],
    /// The initiator's TAI64N timestamp, sealed: 12 bytes and their tag.
    pub encrypted_timestamp: [u8; 28],
    mac1: [u8; MAC_LEN],
    mac2: [u8; MAC_LEN],
}

const _: () = assert!(size_of::<Initiation>() == INITIATION_LEN);

impl Initiation {
    /// Makes an initiation from `sender` in which all else is zero.
    #[must_use]
    pub fn new(sender: Index) -> Self {
        Self {
            message_type: InitiationType::Byte,
            reserved: RESERVED,
            sender_index: U32::new(sender.value()),
            ephemeral: [0; 32],
            encrypted_static: [0; 48],
            encrypted_timestamp: [0; 28],
            mac1: [0; MAC_LEN],
            mac2: [0; MAC_LEN],
        }
    }

    /// Returns the message as it goes on the wire.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        IntoBytes::as_bytes(self)
    }
}

impl HandshakeMessage for Initiation {
    fn sender_index(&self) -> Index {
        Index::new(self.sender_index.get())
    }

    fn mac1_input(&self) -> &[u8] {
        let parts: &BeforeMac1<{ INITIATION_LEN - 2 * MAC_LEN }> = zerocopy::transmute_ref!(self);
        &parts.input
    }

    fn mac2_input(&self) -> &[u8] {
        let parts: &BeforeMac2<{ INITIATION_LEN - MAC_LEN }> = zerocopy::transmute_ref!(self);
        &parts.input
    }

    fn mac1(&self) -> &[u8; MAC_LEN] {
        &self.mac1
    }

    fn mac2(&self) -> &[u8; MAC_LEN] {
        &self.mac2
    }

    fn set_mac1(&mut self, mac1: [u8; MAC_LEN]) {
        self.mac1 = mac1;
    }

    fn set_mac2(&mut self, mac2: [u8; MAC_LEN]) {
        self.mac2 = mac2;
    }
}

/// A handshake response message.
///
/// Source: WireGuard whitepaper §5.4.3.
#[derive(
    Clone, PartialEq, Eq, Debug, TryFromBytes, IntoBytes, KnownLayout, Immutable, Unaligned,
)]
#[repr(C)]
pub struct Response {
    message_type: ResponseType,
    reserved: [Reserved; 3],
    sender_index: U32,
    receiver_index: U32,
    /// The responder's ephemeral public key.
    pub ephemeral: [u8; 32],
    /// Nothing, sealed: a tag alone.
    pub encrypted_nothing: [u8; 16],
    mac1: [u8; MAC_LEN],
    mac2: [u8; MAC_LEN],
}

const _: () = assert!(size_of::<Response>() == RESPONSE_LEN);

impl Response {
    /// Makes a response from `sender` to `receiver` in which all else is zero.
    #[must_use]
    pub fn new(sender: Index, receiver: Index) -> Self {
        Self {
            message_type: ResponseType::Byte,
            reserved: RESERVED,
            sender_index: U32::new(sender.value()),
            receiver_index: U32::new(receiver.value()),
            ephemeral: [0; 32],
            encrypted_nothing: [0; 16],
            mac1: [0; MAC_LEN],
            mac2: [0; MAC_LEN],
        }
    }

    /// Returns the index that the initiator gave to this handshake.
    #[must_use]
    pub fn receiver_index(&self) -> Index {
        Index::new(self.receiver_index.get())
    }

    /// Returns the message as it goes on the wire.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        IntoBytes::as_bytes(self)
    }
}

impl HandshakeMessage for Response {
    fn sender_index(&self) -> Index {
        Index::new(self.sender_index.get())
    }

    fn mac1_input(&self) -> &[u8] {
        let parts: &BeforeMac1<{ RESPONSE_LEN - 2 * MAC_LEN }> = zerocopy::transmute_ref!(self);
        &parts.input
    }

    fn mac2_input(&self) -> &[u8] {
        let parts: &BeforeMac2<{ RESPONSE_LEN - MAC_LEN }> = zerocopy::transmute_ref!(self);
        &parts.input
    }

    fn mac1(&self) -> &[u8; MAC_LEN] {
        &self.mac1
    }

    fn mac2(&self) -> &[u8; MAC_LEN] {
        &self.mac2
    }

    fn set_mac1(&mut self, mac1: [u8; MAC_LEN]) {
        self.mac1 = mac1;
    }

    fn set_mac2(&mut self, mac2: [u8; MAC_LEN]) {
        self.mac2 = mac2;
    }
}

/// A handshake message as mac1 sees it. The compiler checks that the lengths add up.
#[derive(FromBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
struct BeforeMac1<const LEN: usize> {
    input: [u8; LEN],
    _macs: [u8; 2 * MAC_LEN],
}

/// A handshake message as mac2 sees it. The compiler checks that the lengths add up.
#[derive(FromBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
struct BeforeMac2<const LEN: usize> {
    input: [u8; LEN],
    _mac2: [u8; MAC_LEN],
}
