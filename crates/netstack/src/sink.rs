//! Where outgoing packets are written: straight into the caller's buffer.

/// A place that takes whole IP packets, one slice for each.
///
/// The send arena of a tunnel is one; a `Vec` of packets, for tests, another.
pub trait PacketSink {
    /// Returns `len` writable bytes that become the next packet, or `None` when there is no room.
    ///
    /// The slice must be exactly `len` bytes long; its contents are overwritten in full.
    /// `None` is back-pressure: the packet is kept and offered again.
    fn reserve(&mut self, len: usize) -> Option<&mut [u8]>;
}

impl PacketSink for Vec<Vec<u8>> {
    fn reserve(&mut self, len: usize) -> Option<&mut [u8]> {
        self.push(vec![0; len]);
        self.last_mut().map(Vec::as_mut_slice)
    }
}

impl<S: PacketSink + ?Sized> PacketSink for &mut S {
    fn reserve(&mut self, len: usize) -> Option<&mut [u8]> {
        (**self).reserve(len)
    }
}

/// Says whether a sender has more to give than its sink took.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum Transmission {
    /// Everything that was due is in the sink.
    Complete,
    /// The sink or the packet budget ended first: call again when there is room.
    Interrupted,
}
