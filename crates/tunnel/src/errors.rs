//! Why a datagram or a packet was refused.

use core::net::IpAddr;

use wirecraft_ip_packets::ParseError as PacketError;
use wirecraft_noise_handshake::{HandshakeError, MacError};
use wirecraft_wire_format::ParseError;

use crate::peer_id::PeerId;

/// Why a received datagram had no effect. Each concerns that datagram alone.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReceiveError {
    /// The device is halted.
    #[error("the device is halted")]
    Halted,
    /// It is no WireGuard message.
    #[error("malformed message: {0}")]
    Malformed(ParseError),
    /// The device has no private key.
    #[error("the device has no private key")]
    NoPrivateKey,
    /// A handshake message whose mac1 was not made for our public key.
    #[error("wrong mac1")]
    InvalidMac1(MacError),
    /// Under load, and the source could not show a valid cookie; it was sent one.
    #[error("under load, a cookie was sent")]
    CookieRequired,
    /// Under load, and the source sends more than its share.
    #[error("the source sends too many handshake messages")]
    RateLimited,
    /// Too many handshake messages wait already.
    #[error("too many handshake messages wait")]
    LaneFull,
    /// No handshake or keypair has the receiver index.
    #[error("unknown receiver index")]
    UnknownIndex,
    /// The initiation comes from a public key that is no peer's.
    #[error("no peer has this public key")]
    UnknownPeer,
    /// The initiation came too soon after the one before.
    #[error("initiations of one peer too close together")]
    InitiationTooSoon,
    /// The handshake message does not verify.
    #[error("handshake: {0}")]
    Handshake(HandshakeError),
    /// The cookie reply does not verify or answers nothing.
    #[error("cookie reply: {0}")]
    CookieReply(MacError),
    /// The keypair is too old.
    #[error("the keypair has expired")]
    KeypairExpired,
    /// The packet does not verify.
    #[error("the tag does not verify")]
    InvalidTag,
    /// The counter was seen before or is too old.
    #[error("replayed counter")]
    Replayed,
    /// The plaintext is no IP packet.
    #[error("inner packet: {0}")]
    InnerPacket(PacketError),
    /// The source address is not among the peer's allowed IPs.
    #[error("inner source {source_address} is not allowed for this peer")]
    SourceNotAllowed {
        /// The source address of the inner packet.
        source_address: IpAddr,
    },
}

/// Why a packet could not be sent.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SendError {
    /// The device is halted.
    #[error("the device is halted")]
    Halted,
    /// It is no IP packet.
    #[error("not an IP packet: {0}")]
    NotIp(PacketError),
    /// No peer's allowed IPs cover its destination.
    #[error("no peer's allowed IPs cover the destination")]
    NoRoute,
    /// The peer's address is not known.
    #[error("{0:?} has no endpoint")]
    NoEndpoint(PeerId),
    /// The peer's public key is a point of low order: a session with it would have no secret.
    #[error("the public key of {0:?} is a point of low order")]
    LowOrderKey(PeerId),
}

/// The arena has no room for the packet.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("the arena is full")]
pub struct ArenaFull;

/// Why a change of the configuration was refused.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigureError {
    /// A peer may not have the device's own public key.
    #[error("the peer's public key is the device's own")]
    OwnKey,
    /// There is no such peer, or no longer.
    #[error("no such peer")]
    UnknownPeer,
}
