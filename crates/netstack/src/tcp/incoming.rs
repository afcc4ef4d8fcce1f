//! Segments in: what is wrong with them is found, answered or mended before the stack sees them.
//!
//! smoltcp 0.14 takes a reset anywhere in the window, leaves a first segment on an open connection unanswered,
//! drops data whose acknowledgement was overtaken, lets such a segment shrink the window, and believes the
//! acknowledgement of what was never sent.
//!
//! Source: RFC 9293 §3.10.7.4, RFC 5961 §3 to §5.

use core::time::Duration;

use smoltcp::socket::tcp::Socket;
use wirecraft_time::Instant;

use super::bare::BareAcknowledgement;
use super::connection::{TcpConnection, instant};
use super::device::Ingress;
use super::offered::Window;
use super::quiet::Quiet;
use super::segment::{ACK, RST, SYN, Segment, checksum_is_valid};
use super::state::{Ending, TcpState};
use super::stretch::Standing;

/// No more than one answer in this time goes to segments that may be forged.
///
/// Source: RFC 5961 §7.
const CHALLENGE_INTERVAL: Duration = Duration::from_secs(1);

/// What is to be done with a segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verdict {
    /// The stack looks at it as it is, and what it acknowledges counts.
    Sound,
    /// As [`Sound`](Self::Sound), with some of it put right before.
    Mended(Mend),
    /// The stack answers it, and takes nothing from it.
    Strange,
    /// Whoever sent it is told where the connection stands.
    Challenge,
    Drop,
}

/// What is put right about a segment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Mend {
    /// Acknowledgement and window as a later segment had them.
    overtaken_by: Option<(u32, u16)>,
    /// The bytes of data that there is room for.
    data_len: Option<usize>,
}

impl TcpConnection {
    /// Takes a whole IP packet of this connection.
    ///
    /// What does not parse, fails its checksum or belongs elsewhere is ignored, as TCP demands.
    /// Answers wait for [`poll_transmit`](Self::poll_transmit).
    pub fn receive(&mut self, now: Instant, packet: &[u8]) {
        if let Some(quiet) = self.quiet {
            self.receive_late(quiet, packet);
            return;
        }
        let before = self.state();
        let is_alive = self.process(now, packet);
        let after = self.state();
        if is_alive && !matches!(after, TcpState::SynSent | TcpState::SynReceived) {
            self.highest_sent.hear_life();
            self.waiting_since = self.waiting_since.map(|_| now);
        }
        if after == TcpState::Closed && before != TcpState::Closed {
            let socket = self.sockets.get::<Socket<'_>>(self.socket);
            let ending = Ending::by_segment(before, socket.send_queue());
            self.ending.get_or_insert(ending);
            self.silence();
        }
        if self.abandoned_until.is_some() && self.has_unread_data() {
            self.abort();
        }
    }

    /// Says whether `packet`, a first segment with the same ends, opens a new connection in place of this one, which
    /// only waits for late segments.
    ///
    /// Source: RFC 9293 §3.6.1, "TIME-WAIT".
    #[must_use]
    pub fn makes_way_for(&self, packet: &[u8]) -> bool {
        let segment = Segment::read(packet).filter(|_| checksum_is_valid(packet));
        let Some(segment) = segment.filter(|segment| segment.flags & (SYN | ACK | RST) == SYN)
        else {
            return false;
        };
        match self.quiet {
            Some(quiet) => quiet.makes_way_for(segment.sequence),
            // Something is left to be read: it goes before.
            None => false,
        }
    }

    /// Shows the stack a packet, but only TCP: to others it would answer with ICMP of its own.
    ///
    /// Returns whether the packet shows that the other end lives.
    #[must_use]
    pub(super) fn process(&mut self, now: Instant, packet: &[u8]) -> bool {
        self.now = now;
        // The stack leaves checksums to us.
        let segment = Segment::read(packet).filter(|segment| segment.checksum_is_valid(packet));
        let Some(segment) = segment else {
            return false;
        };
        let state = self.state();
        let window = self.highest_sent.offered().window();
        let Some(window) = window.filter(|_| is_synchronised(state)) else {
            self.show_first(packet, &segment);
            return true;
        };
        match self.judge(&segment, state, window) {
            Verdict::Sound => self.take(packet, segment),
            Verdict::Mended(mend) => self.take_mended(packet, segment, mend),
            Verdict::Strange => self.show_within(packet, segment, window),
            Verdict::Challenge => self.challenge(window),
            Verdict::Drop => {}
        }
        window.is_near(&segment)
    }

    fn judge(&self, segment: &Segment, state: TcpState, window: Window) -> Verdict {
        let is_open = state != TcpState::SynReceived;
        if segment.flags & RST != 0 {
            return match (
                segment.sequence == window.next,
                window.has(segment.sequence),
            ) {
                (true, _) => Verdict::Sound,
                (false, true) => Verdict::Challenge,
                (false, false) => Verdict::Drop,
            };
        }
        if segment.flags & SYN != 0 {
            return if is_open {
                Verdict::Challenge
            } else {
                Verdict::Strange
            };
        }
        let standing = self.acknowledged.compare(segment, self.highest_sent);
        match standing {
            _ if segment.flags & ACK == 0 => return Verdict::Drop,
            Standing::Impossible if is_open => return Verdict::Challenge,
            Standing::Impossible => return Verdict::Strange,
            _ => {}
        }
        let room = usize::try_from(window.room_at(segment.sequence)).unwrap_or(usize::MAX);
        if segment.data_len > 0 && room == 0 {
            // A probe of a closed window is answered.
            return match self.highest_sent.offered().is_known_to_stack() {
                true => Verdict::Strange,
                false => Verdict::Drop,
            };
        }
        if !is_acceptable(segment, window, room) {
            return Verdict::Strange;
        }
        let mend = Mend {
            overtaken_by: match standing {
                Standing::Overtaken { up_to, window } => Some((up_to, window)),
                _ => None,
            },
            data_len: (segment.data_len > room).then_some(room),
        };
        match mend {
            mend if mend == Mend::default() => Verdict::Sound,
            // There is nothing else in it.
            mend if mend.overtaken_by.is_some() && segment.is_pure_acknowledgement() => {
                Verdict::Drop
            }
            mend => Verdict::Mended(mend),
        }
    }

    /// Shows a segment of which nothing can be known: the connection has no numbers yet.
    fn show_first(&mut self, packet: &[u8], segment: &Segment) {
        let before = self.state();
        self.note_acknowledgement(packet, *segment);
        self.show(packet);
        let answered = matches!(self.state(), TcpState::SynReceived | TcpState::Established);
        if before == TcpState::SynSent && answered {
            self.highest_sent.offered_mut().hear_first(packet, segment);
        }
    }

    /// Shows a segment of which nothing may be taken.
    fn show_within(&mut self, packet: &[u8], segment: Segment, window: Window) {
        let room = usize::try_from(window.room_at(segment.sequence)).unwrap_or(usize::MAX);
        if segment.data_len <= room || self.highest_sent.offered().is_known_to_stack() {
            self.show(packet);
            return;
        }
        let mut packet = packet.to_vec();
        segment.shorten(&mut packet, room);
        self.show(&packet);
    }

    fn take_mended(&mut self, packet: &[u8], segment: Segment, mend: Mend) {
        let mut packet = packet.to_vec();
        if let Some((acknowledgement, window)) = mend.overtaken_by {
            segment.set_acknowledgement(&mut packet, acknowledgement);
            segment.set_window(&mut packet, window);
        }
        if let Some(data_len) = mend.data_len {
            segment.shorten(&mut packet, data_len);
        }
        match Segment::read(&packet) {
            Some(segment) if mend.overtaken_by.is_none() => self.take(&packet, segment),
            _ => self.show(&packet),
        }
    }

    /// Shows a segment that is part of the stream, an acknowledgement of much in pieces.
    fn take(&mut self, packet: &[u8], segment: Segment) {
        let segment_len = self.segment_len();
        let pieces = self
            .acknowledged
            .pass(packet, segment, self.highest_sent, segment_len);
        if let Some(up_to) = self.acknowledged.up_to() {
            self.highest_sent
                .hear(up_to, self.acknowledged.window_end());
        }
        if let Some(mut pieces) = pieces {
            while let Some(piece) = pieces.next_piece() {
                self.show(piece);
            }
        }
        self.show(packet);
    }

    fn note_acknowledgement(&mut self, packet: &[u8], segment: Segment) {
        let segment_len = self.segment_len();
        let _ = self
            .acknowledged
            .pass(packet, segment, self.highest_sent, segment_len);
        if let Some(up_to) = self.acknowledged.up_to() {
            self.highest_sent
                .hear(up_to, self.acknowledged.window_end());
        }
    }

    fn show(&mut self, packet: &[u8]) {
        let (before_len, had_ended) = self.received();
        let mut device = Ingress {
            packet: Some(packet),
            held: &mut self.held,
            highest_sent: &mut self.highest_sent,
            mtu: self.mtu,
        };
        let now = instant(self.now);
        let acknowledged = device.highest_sent.last_acknowledgement();
        self.interface
            .poll_ingress_single(now, &mut device, &mut self.sockets);
        // An answer says by itself what was received.
        if self.highest_sent.last_acknowledgement() == acknowledged {
            let (len, has_ended) = self.received();
            let len = len.saturating_sub(before_len) + usize::from(has_ended && !had_ended);
            let len = u32::try_from(len).unwrap_or(0);
            self.highest_sent.offered_mut().advance(len);
        }
    }

    /// Returns how many bytes wait to be read, and whether the stream has ended behind them.
    fn received(&self) -> (usize, bool) {
        let ended = matches!(
            self.state(),
            TcpState::CloseWait | TcpState::Closing | TcpState::LastAck | TcpState::TimeWait
        );
        let socket = self.sockets.get::<Socket<'_>>(self.socket);
        (socket.recv_queue(), ended)
    }

    /// Says where the connection stands, at most once a second: an honest end that knows no better resets it.
    fn challenge(&mut self, window: Window) {
        let is_early = |at: Instant| self.now < at + CHALLENGE_INTERVAL;
        if self.challenged_at.is_some_and(is_early) {
            return;
        }
        let Some(sequence) = self.highest_sent.get() else {
            return;
        };
        let answer = BareAcknowledgement {
            sequence,
            acknowledgement: window.next,
            window: self.highest_sent.offered().to_write(),
            hop_limit: self.stack_socket().hop_limit().unwrap_or(1),
        };
        if let Some(answer) = answer.build(&self.tuple) {
            self.challenged_at = Some(self.now);
            self.held.push(answer.len()).copy_from_slice(&answer);
        }
    }

    /// Answers a segment that comes late, once for all of a batch.
    fn receive_late(&mut self, quiet: Quiet, packet: &[u8]) {
        let segment = Segment::read(packet).filter(|_| checksum_is_valid(packet));
        let late = segment.is_some_and(|segment| quiet.answers(segment));
        if late
            && self.held.is_empty()
            && let Some(answer) = quiet.acknowledgement(&self.tuple)
        {
            self.held.push(answer.len()).copy_from_slice(&answer);
        }
    }
}

/// Says whether both ends' numbers are known.
const fn is_synchronised(state: TcpState) -> bool {
    !matches!(state, TcpState::Closed | TcpState::SynSent)
}

/// Says whether any of a segment may come, of whose data `room` bytes lie before the edge.
///
/// Source: RFC 9293 §3.10.7.4.
fn is_acceptable(segment: &Segment, window: Window, room: usize) -> bool {
    let Ok(len) = u32::try_from(segment.data_len.min(room)) else {
        return false;
    };
    let last = segment.sequence.wrapping_add(len).wrapping_sub(1);
    window.has(segment.sequence) || (len > 0 && window.has(last))
}
