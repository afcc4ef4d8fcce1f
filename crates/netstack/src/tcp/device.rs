//! The two directions of smoltcp's device, each without a buffer of its own.

use smoltcp::phy::{Checksum, Device, DeviceCapabilities, Medium, RxToken, TxToken};
use smoltcp::time::Instant;

use super::held::HeldPackets;
use super::segment::write_checksum;
use super::sequence::HighestSent;
use crate::sink::PacketSink;

/// Hands one received packet to the stack; its answers are held.
pub(super) struct Ingress<'a> {
    pub(super) packet: Option<&'a [u8]>,
    pub(super) held: &'a mut HeldPackets,
    pub(super) highest_sent: &'a mut HighestSent,
    pub(super) mtu: usize,
}

/// Lets the stack write into `sink`; the packet that finds it full is held and ends the round.
pub(super) struct Egress<'a, S> {
    pub(super) sink: &'a mut S,
    pub(super) held: &'a mut HeldPackets,
    pub(super) highest_sent: &'a mut HighestSent,
    pub(super) budget: usize,
    pub(super) mtu: usize,
}

/// A token over the bytes of a received packet.
pub(super) struct Packet<'a>(&'a [u8]);

/// A token for an answer that is held.
pub(super) struct Answer<'a> {
    held: &'a mut HeldPackets,
    highest_sent: &'a mut HighestSent,
}

/// A token for a packet that goes to the sink, or is held where that has no room.
pub(super) struct Slot<'a, S> {
    sink: &'a mut S,
    held: &'a mut HeldPackets,
    highest_sent: &'a mut HighestSent,
}

impl Device for Ingress<'_> {
    type RxToken<'t>
        = Packet<'t>
    where
        Self: 't;
    type TxToken<'t>
        = Answer<'t>
    where
        Self: 't;

    fn receive(&mut self, _: Instant) -> Option<(Packet<'_>, Answer<'_>)> {
        let answer = Answer {
            held: self.held,
            highest_sent: self.highest_sent,
        };
        Some((Packet(self.packet.take()?), answer))
    }

    fn transmit(&mut self, _: Instant) -> Option<Answer<'_>> {
        None
    }

    fn capabilities(&self) -> DeviceCapabilities {
        capabilities(self.mtu)
    }
}

impl<S: PacketSink> Device for Egress<'_, S> {
    type RxToken<'t>
        = Packet<'t>
    where
        Self: 't;
    type TxToken<'t>
        = Slot<'t, S>
    where
        Self: 't;

    fn receive(&mut self, _: Instant) -> Option<(Packet<'_>, Slot<'_, S>)> {
        None
    }

    fn transmit(&mut self, _: Instant) -> Option<Slot<'_, S>> {
        if !self.held.is_empty() {
            return None;
        }
        self.budget = self.budget.checked_sub(1)?;
        Some(Slot {
            sink: self.sink,
            held: self.held,
            highest_sent: self.highest_sent,
        })
    }

    fn capabilities(&self) -> DeviceCapabilities {
        capabilities(self.mtu)
    }
}

impl RxToken for Packet<'_> {
    fn consume<R, F: FnOnce(&[u8]) -> R>(self, read: F) -> R {
        read(self.0)
    }
}

impl TxToken for Answer<'_> {
    fn consume<R, F: FnOnce(&mut [u8]) -> R>(self, len: usize, write: F) -> R {
        let packet = self.held.push(len);
        let result = write(packet);
        write_checksum(packet);
        self.highest_sent.pass(packet);
        result
    }
}

impl<S: PacketSink> TxToken for Slot<'_, S> {
    fn consume<R, F: FnOnce(&mut [u8]) -> R>(self, len: usize, write: F) -> R {
        let packet = match self.sink.reserve(len) {
            Some(slot) => slot,
            None => self.held.push(len),
        };
        let result = write(packet);
        write_checksum(packet);
        self.highest_sent.pass(packet);
        result
    }
}

fn capabilities(mtu: usize) -> DeviceCapabilities {
    let mut capabilities = DeviceCapabilities::default();
    capabilities.medium = Medium::Ip;
    capabilities.max_transmission_unit = mtu;
    // Ours is made of vector code, and the pieces of one acknowledgement need it once.
    capabilities.checksum.tcp = Checksum::None;
    capabilities
}
