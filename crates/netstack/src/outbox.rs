//! Packets that an endpoint has built and the tunnel has not yet taken.

use core::net::IpAddr;

use thiserror::Error;
use wirecraft_ip_packets::{IpBuilder, IpPacket, PacketBuilder, Upper, v4, v6};

use crate::packet_queue::PacketQueue;
use crate::sink::{PacketSink, Transmission};

/// The source and destination of a packet, and how far it may go.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Envelope {
    pub(crate) source: IpAddr,
    pub(crate) destination: IpAddr,
    pub(crate) hop_limit: u8,
}

/// Why a packet was not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub(crate) enum Refused {
    #[error("no room at present")]
    Full,
    #[error("cannot be sent, not even in fragments")]
    Impossible,
}

/// A bounded queue of outgoing packets that cuts what exceeds the MTU into fragments.
#[derive(Debug)]
pub(crate) struct Outbox {
    packets: PacketQueue,
    mtu: usize,
    identification: u32,
    /// A packet that is about to be cut.
    whole: Vec<u8>,
}

impl Outbox {
    /// Makes an outbox for `capacity_len` bytes; `seed` is where the identifications of
    /// fragmented packets start.
    pub(crate) const fn new(
        capacity_len: usize,
        packets_max: usize,
        mtu: usize,
        seed: u32,
    ) -> Self {
        Self {
            packets: PacketQueue::new(capacity_len, packets_max),
            mtu,
            identification: seed,
            whole: Vec::new(),
        }
    }

    /// Builds a packet and queues it, whole or in fragments; all of it or nothing.
    pub(crate) fn push<'a, U: Upper>(
        &mut self,
        envelope: Envelope,
        build: impl FnOnce(IpBuilder<'a>) -> PacketBuilder<'a, U>,
    ) -> Result<(), Refused> {
        let Some(ip) = self.header(envelope) else {
            return Err(Refused::Impossible);
        };
        let builder = build(ip);
        if builder.len() <= self.mtu {
            let slot = self.packets.push(builder.len(), ()).ok_or(Refused::Full)?;
            builder.write(slot).map_err(|_| Refused::Impossible)?;
            return Ok(());
        }
        self.whole.resize(builder.len(), 0);
        builder
            .write(&mut self.whole)
            .map_err(|_| Refused::Impossible)?;
        let queued = self.packets.len();
        let pushed = self.push_fragments();
        if pushed.is_err() {
            self.packets.truncate(queued);
        }
        pushed
    }

    /// Queues a packet as it is.
    pub(crate) fn push_raw(&mut self, packet: &[u8]) -> Result<(), Refused> {
        self.packets
            .push(packet.len(), ())
            .ok_or(Refused::Full)?
            .copy_from_slice(packet);
        Ok(())
    }

    /// Starts a packet that routers may cut as well: it has no path MTU to discover.
    fn header<'a>(&mut self, envelope: Envelope) -> Option<IpBuilder<'a>> {
        self.identification = self.identification.wrapping_add(1);
        let [.., high, low] = self.identification.to_be_bytes();
        match (envelope.source, envelope.destination) {
            (IpAddr::V4(source), IpAddr::V4(destination)) => Some(
                v4(source, destination)
                    .dont_fragment(false)
                    .identification(u16::from_be_bytes([high, low]))
                    .ttl(envelope.hop_limit)
                    .into(),
            ),
            (IpAddr::V6(source), IpAddr::V6(destination)) => {
                Some(v6(source, destination).hop_limit(envelope.hop_limit).into())
            }
            _ => None,
        }
    }

    fn push_fragments(&mut self) -> Result<(), Refused> {
        let packet = IpPacket::parse(&self.whole).map_err(|_| Refused::Impossible)?;
        let fragments = match packet {
            IpPacket::V4(packet) => packet.fragments(self.mtu),
            IpPacket::V6(packet) => packet.fragments(self.mtu, self.identification),
        };
        for fragment in fragments.map_err(|_| Refused::Impossible)? {
            let slot = self.packets.push(fragment.len(), ()).ok_or(Refused::Full)?;
            fragment.write(slot).map_err(|_| Refused::Impossible)?;
        }
        Ok(())
    }

    /// Moves packets into `sink`, at most `budget`.
    pub(crate) fn poll_transmit(
        &mut self,
        sink: &mut impl PacketSink,
        budget: usize,
    ) -> Transmission {
        self.packets.drain_into(sink, budget);
        if self.packets.is_empty() {
            Transmission::Complete
        } else {
            Transmission::Interrupted
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.packets.is_empty()
    }
}
