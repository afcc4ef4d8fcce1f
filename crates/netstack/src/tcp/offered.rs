//! What the other end was told that it may send, and how much of that has arrived.
//!
//! ```text
//!   received and acknowledged | received | may still come | not offered: never shown to the stack
//!   ------------------------- | -------- | -------------- | -------------------------------------
//!             last acknowledgement    RCV.NXT           the edge
//! ```
//!
//! The window of a first segment is not scaled, but smoltcp 0.14 scales it when it compares what comes next: until
//! it has sent something else it takes data up to 32 times farther than it has room for, and panics or counts as
//! received what never was. So the edge is kept here, and what lies behind it is cut off.
//!
//! Source: RFC 7323 §2.2, RFC 9293 §3.4 and §3.10.7.4.

use super::segment::{ACK, SYN, Segment, is_before};

/// The window that was offered.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Offered {
    /// How far the windows that we write are shifted.
    shift: u8,
    /// The window of a first segment, which has nothing to acknowledge yet.
    first_window: u16,
    window: Option<Window>,
    /// Whether nothing was offered but by a first segment.
    is_first: bool,
}

/// From where to where data may come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Window {
    /// RCV.NXT.
    pub(super) next: u32,
    /// Behind the last byte that was ever offered.
    pub(super) edge: u32,
}

impl Offered {
    /// Takes note of a segment that is sent.
    pub(super) fn pass(&mut self, packet: &[u8], segment: &Segment) {
        let is_first = segment.flags & SYN != 0;
        if is_first {
            self.shift = segment.window_scale(packet).unwrap_or(0);
            self.first_window = segment.window;
        }
        if segment.flags & ACK == 0 {
            return;
        }
        let shift = if is_first { 0 } else { self.shift };
        let next = segment.acknowledgement;
        let edge = next.wrapping_add(u32::from(segment.window) << shift);
        let edge = match self.window {
            Some(window) if is_before(edge, window.edge) => window.edge,
            _ => edge,
        };
        self.window = Some(Window { next, edge });
        self.is_first = is_first;
    }

    /// Takes note of the answer to our first segment.
    pub(super) fn hear_first(&mut self, packet: &[u8], segment: &Segment) {
        if segment.window_scale(packet).is_none() {
            self.shift = 0;
        }
        let next = segment.sequence.wrapping_add(1);
        let edge = next.wrapping_add(u32::from(self.first_window));
        self.window = Some(Window { next, edge });
        self.is_first = true;
    }

    /// Takes note of what was received in order, the end of the stream included.
    pub(super) const fn advance(&mut self, len: u32) {
        if let Some(window) = &mut self.window {
            window.next = window.next.wrapping_add(len);
        }
    }

    /// Returns from where to where data may come, once the other end has begun.
    pub(super) const fn window(&self) -> Option<Window> {
        self.window
    }

    /// Says whether the stack may look at what begins behind the edge: it knows the edge as it is.
    pub(super) const fn is_known_to_stack(&self) -> bool {
        !self.is_first
    }

    /// Returns the window to write: as much as was offered already, and no more.
    pub(super) fn to_write(self) -> u16 {
        let left = self.window.map_or(0, |window| {
            if is_before(window.next, window.edge) {
                window.edge.wrapping_sub(window.next)
            } else {
                0
            }
        });
        u16::try_from(left >> self.shift).unwrap_or(u16::MAX)
    }
}

impl Window {
    /// Says whether `sequence` is one that may come, or the next one if none may.
    pub(super) const fn has(self, sequence: u32) -> bool {
        let is_inside = !is_before(sequence, self.next) && is_before(sequence, self.edge);
        is_inside || sequence == self.next
    }

    /// Says whether a segment is of this stream: near enough to show that the other end lives.
    ///
    /// A probe of a connection or of a closed window carries the number before the next, or the next.
    pub(super) fn is_near(self, segment: &Segment) -> bool {
        !is_before(segment.end(), self.next.wrapping_sub(1))
            && !is_before(self.edge, segment.sequence)
    }

    /// Returns how many bytes of data fit if they begin at `sequence`.
    pub(super) const fn room_at(self, sequence: u32) -> u32 {
        if is_before(sequence, self.edge) {
            self.edge.wrapping_sub(sequence)
        } else {
            0
        }
    }
}
