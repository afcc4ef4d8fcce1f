//! A datagram on its way in, and what became of it.

use core::net::IpAddr;
use core::ops::Range;
use std::net::SocketAddr;

use wirecraft_ip_packets::Ecn;

use crate::errors::ReceiveError;
use crate::peer_id::PeerId;

/// A received UDP datagram, to be opened in place.
#[derive(Debug)]
pub struct Datagram<'a> {
    /// The address it came from.
    pub from: SocketAddr,
    /// The address of ours that it came to, where the socket tells.
    pub local: Option<IpAddr>,
    /// The congestion mark of its IP header.
    pub ecn: Ecn,
    /// Its bytes; a packet inside is decrypted where it lies.
    pub bytes: &'a mut [u8],
    pub(crate) outcome: Result<Received, ReceiveError>,
}

/// What a datagram was.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Received {
    /// It held an IP packet.
    Packet {
        /// The peer whose packet it is: the source address is one of its allowed IPs.
        peer: PeerId,
        /// Where in the datagram the packet lies, without padding.
        packet: Range<usize>,
    },
    /// It was for the device itself: a handshake message, a cookie reply or a keepalive.
    Handled,
}

impl<'a> Datagram<'a> {
    /// Makes a datagram of which only the source is known.
    #[must_use]
    pub fn new(from: SocketAddr, bytes: &'a mut [u8]) -> Self {
        Self {
            from,
            local: None,
            ecn: Ecn::NotEct,
            bytes,
            outcome: Ok(Received::Handled),
        }
    }

    /// What became of the datagram when it was received.
    ///
    /// # Errors
    /// [`ReceiveError`] if it had no effect. That concerns this datagram alone.
    pub fn outcome(&self) -> Result<&Received, ReceiveError> {
        self.outcome.as_ref().map_err(|error| *error)
    }

    /// The IP packet that was inside and the peer it came from.
    pub fn packet(&mut self) -> Option<(PeerId, &mut [u8])> {
        match &self.outcome {
            Ok(Received::Packet { peer, packet }) => {
                Some((*peer, self.bytes.get_mut(packet.clone())?))
            }
            Ok(Received::Handled) | Err(_) => None,
        }
    }
}
