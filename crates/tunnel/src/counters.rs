//! How often each thing happened to a device.

use wirecraft_noise_handshake::HandshakeError;

use crate::errors::{ReceiveError, SendError};

macro_rules! counters {
    ($($(#[$doc:meta])* $name:ident,)*) => {
        /// Counters of a device, all since it was made.
        #[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
        #[non_exhaustive]
        pub struct Counters {
            $($(#[$doc])* pub $name: u64,)*
        }

        impl Counters {
            /// Every counter with its name, for output.
            pub fn iter(&self) -> impl Iterator<Item = (&'static str, u64)> {
                [$((stringify!($name), self.$name)),*].into_iter()
            }
        }
    };
}

counters! {
    /// Packets handed up.
    packets_received,
    /// Packets sealed.
    packets_sent,
    /// Keepalives received.
    keepalives_received,
    /// Keepalives sent.
    keepalives_sent,
    /// Initiations sent.
    initiations_sent,
    /// Initiations that verified and were answered.
    initiations_received,
    /// Responses that verified.
    responses_received,
    /// Cookie replies sent.
    cookie_replies_sent,
    /// Cookie replies that verified.
    cookie_replies_received,
    /// Packets put aside until there is a session.
    staged,
    /// Packets that were put aside and dropped in the end: for further ones, after 90 s without an
    /// answer, or with the peer.
    staged_dropped,
    /// Events that nobody took before 4096 further ones happened.
    events_dropped,
    /// Cookie replies that were not sent because too much output waits.
    cookie_replies_suppressed,
    /// Datagrams that came to a device that is halted.
    halted,
    /// Datagrams that are no WireGuard message.
    malformed,
    /// Handshake messages that came while there was no private key.
    no_private_key,
    /// Handshake messages with a wrong mac1.
    invalid_mac1,
    /// Handshake messages that were answered by a cookie.
    cookie_required,
    /// Handshake messages of sources that send too many.
    rate_limited,
    /// Handshake messages for which there was no room.
    lane_full,
    /// Messages for no known handshake or keypair.
    unknown_index,
    /// Initiations from no known peer.
    unknown_peer,
    /// Initiations too close after the one before.
    initiation_too_soon,
    /// Initiations with a timestamp that was seen before.
    replayed_initiation,
    /// Handshake messages that do not verify.
    invalid_handshake,
    /// Cookie replies that do not verify.
    invalid_cookie_reply,
    /// Data on keypairs that are too old.
    keypair_expired,
    /// Data that does not verify.
    invalid_tag,
    /// Data that was seen before.
    replayed,
    /// Packets that are no IP packets inside.
    invalid_inner_packet,
    /// Packets with an inner source that is not allowed.
    source_not_allowed,
    /// Packets to send that came to a device that is halted.
    send_halted,
    /// Packets to send that are no IP packets.
    send_not_ip,
    /// Packets to send whose destination no peer has.
    send_no_route,
    /// Packets to send to a peer whose address is not known.
    send_no_endpoint,
    /// Packets to send to a peer whose public key is a point of low order.
    send_low_order_key,
}

impl Counters {
    pub(crate) fn count_receive_error(&mut self, error: ReceiveError) {
        let counter = match error {
            ReceiveError::Halted => &mut self.halted,
            ReceiveError::Malformed(_) => &mut self.malformed,
            ReceiveError::NoPrivateKey => &mut self.no_private_key,
            ReceiveError::InvalidMac1(_) => &mut self.invalid_mac1,
            ReceiveError::CookieRequired => &mut self.cookie_required,
            ReceiveError::RateLimited => &mut self.rate_limited,
            ReceiveError::LaneFull => &mut self.lane_full,
            ReceiveError::UnknownIndex => &mut self.unknown_index,
            ReceiveError::UnknownPeer => &mut self.unknown_peer,
            ReceiveError::InitiationTooSoon => &mut self.initiation_too_soon,
            ReceiveError::Handshake(HandshakeError::ReplayedTimestamp) => {
                &mut self.replayed_initiation
            }
            ReceiveError::Handshake(_) => &mut self.invalid_handshake,
            ReceiveError::CookieReply(_) => &mut self.invalid_cookie_reply,
            ReceiveError::KeypairExpired => &mut self.keypair_expired,
            ReceiveError::InvalidTag => &mut self.invalid_tag,
            ReceiveError::Replayed => &mut self.replayed,
            ReceiveError::InnerPacket(_) => &mut self.invalid_inner_packet,
            ReceiveError::SourceNotAllowed { .. } => &mut self.source_not_allowed,
        };
        *counter += 1;
    }

    pub(crate) fn count_send_error(&mut self, error: SendError) {
        let counter = match error {
            SendError::Halted => &mut self.send_halted,
            SendError::NotIp(_) => &mut self.send_not_ip,
            SendError::NoRoute => &mut self.send_no_route,
            SendError::NoEndpoint(_) => &mut self.send_no_endpoint,
            SendError::LowOrderKey(_) => &mut self.send_low_order_key,
        };
        *counter += 1;
    }
}
