//! The packet side of a connection: segments in, segments out, deadlines.

use core::net::SocketAddr;
use core::task::Waker;
use core::time::Duration;

use smoltcp::iface::{Config, Interface, SocketHandle, SocketSet};
use smoltcp::socket::tcp::{CongestionControl, Socket, SocketBuffer, State};
use smoltcp::time::Instant as StackInstant;
use smoltcp::wire::{HardwareAddress, IpEndpoint};
use wirecraft_ip_packets::{IPV4_HEADER_LEN, IPV6_HEADER_LEN, TCP_HEADER_LEN};
use wirecraft_time::Instant;

use super::config::TcpConfig;
use super::device::{Egress, Ingress};
use super::error::TcpError;
use super::held::HeldPackets;
use super::quiet::Quiet;
use super::sequence::HighestSent;
use super::state::{Ending, TcpState};
use super::stretch::Acknowledged;
use crate::four_tuple::FourTuple;
use crate::sink::{PacketSink, Transmission};
use crate::unreachable::Unreachable;

/// No smaller MTU is configured or believed, so that headers never outweigh the data.
///
/// Source: RFC 791 §3.1 for the one (a host takes 576 bytes; less what routers may add), RFC 8200 §5.
const MTU_MIN_V4: usize = 552;
const MTU_MIN_V6: usize = 1280;
/// The largest IP packet without jumbograms.
const MTU_MAX: usize = 65_535;
/// The most that a window can say.
///
/// Source: RFC 7323 §2.3.
const BUFFER_MAX: usize = 1 << 30;

/// One TCP connection between a byte stream and whole IP packets.
///
/// Feed it the packets of its four-tuple with [`receive`](Self::receive), a batch at a time,
/// then let it write with [`poll_transmit`](Self::poll_transmit). Call that again after reads and
/// writes and when [`poll_timeout`](Self::poll_timeout) is due.
pub struct TcpConnection {
    pub(super) tuple: FourTuple,
    pub(super) sockets: SocketSet<'static>,
    pub(super) socket: SocketHandle,
    pub(super) ending: Option<Ending>,
    pub(super) reader: Option<Waker>,
    pub(super) writer: Option<Waker>,
    /// Who waits for the connection to fail.
    pub(super) mourner: Option<Waker>,
    pub(super) interface: Interface,
    pub(super) held: HeldPackets,
    pub(super) highest_sent: HighestSent,
    pub(super) acknowledged: Acknowledged,
    pub(super) mtu: usize,
    timeouts: Timeouts,
    /// The time of the latest call.
    pub(super) now: Instant,
    /// Since when an answer has been owed to us and nothing was heard.
    pub(super) waiting_since: Option<Instant>,
    /// When an abandoned connection gives up.
    pub(super) abandoned_until: Option<Instant>,
    /// Once both sides have ended: the socket is an empty one.
    pub(super) quiet: Option<Quiet>,
    /// When a segment that may be forged was answered last.
    pub(super) challenged_at: Option<Instant>,
}

struct Timeouts {
    connect: Duration,
    user: Duration,
    linger: Duration,
}

impl TcpConnection {
    /// Starts to connect from `local` to `remote`; the first segment leaves with the next transmission.
    ///
    /// `seed` picks the initial sequence number: it must come from a cryptographic generator.
    ///
    /// # Errors
    /// [`TcpError::Unaddressable`] for addresses that cannot be the ends of one connection.
    pub fn connect(
        now: Instant,
        local: SocketAddr,
        remote: SocketAddr,
        config: &TcpConfig,
        seed: u64,
    ) -> Result<Self, TcpError> {
        let mut connection = Self::new(now, FourTuple::new(local, remote), config, seed);
        let Self {
            interface,
            sockets,
            socket,
            ..
        } = &mut connection;
        sockets
            .get_mut::<Socket<'_>>(*socket)
            .connect(
                interface.context(),
                IpEndpoint::from(remote),
                IpEndpoint::from(local),
            )
            .map_err(|_| TcpError::Unaddressable)?;
        connection.waiting_since = Some(now);
        Ok(connection)
    }

    /// Answers `packet`, the first segment of a connection to `local` from `remote`.
    ///
    /// # Errors
    /// [`TcpError::NotOpening`] if `packet` is no such segment.
    pub fn accept(
        now: Instant,
        tuple: FourTuple,
        packet: &[u8],
        config: &TcpConfig,
        seed: u64,
    ) -> Result<Self, TcpError> {
        let mut connection = Self::new(now, tuple, config, seed);
        let listening = connection
            .stack_socket()
            .listen(IpEndpoint::from(tuple.local()));
        listening.map_err(|_| TcpError::Unaddressable)?;
        let _ = connection.process(now, packet);
        let socket = connection.stack_socket();
        if socket.state() != State::SynReceived
            || socket.remote_endpoint() != Some(IpEndpoint::from(tuple.remote()))
        {
            return Err(TcpError::NotOpening);
        }
        connection.waiting_since = Some(now);
        Ok(connection)
    }

    fn new(now: Instant, tuple: FourTuple, config: &TcpConfig, seed: u64) -> Self {
        let mtu = config.mtu.clamp(mtu_min(&tuple), MTU_MAX);
        let buffer = |len: usize| SocketBuffer::new(vec![0; len.clamp(1, BUFFER_MAX)]);
        let mut socket = Socket::new(
            buffer(config.receive_buffer_len),
            buffer(config.send_buffer_len),
        );
        socket.set_congestion_control(CongestionControl::Cubic);
        socket.set_nagle_enabled(config.nagle);
        socket.set_keep_alive(config.keepalive.map(duration));
        socket.set_hop_limit(Some(config.hop_limit.max(1)));
        let mut sockets = SocketSet::new(Vec::with_capacity(1));
        Self {
            tuple,
            socket: sockets.add(socket),
            sockets,
            ending: None,
            reader: None,
            writer: None,
            mourner: None,
            interface: interface(now, mtu, seed),
            held: HeldPackets::default(),
            highest_sent: HighestSent::default(),
            acknowledged: Acknowledged::default(),
            mtu,
            timeouts: Timeouts {
                connect: config.connect_timeout,
                user: config.user_timeout,
                linger: config.linger,
            },
            now,
            waiting_since: None,
            abandoned_until: None,
            quiet: None,
            challenged_at: None,
        }
    }

    /// Writes what is due into `sink`, at most `budget` packets.
    ///
    /// A packet that finds the sink full is kept and goes first the next time.
    pub fn poll_transmit(
        &mut self,
        now: Instant,
        sink: &mut impl PacketSink,
        budget: usize,
    ) -> Transmission {
        self.now = now;
        self.quiet = self.quiet.filter(|quiet| now < quiet.until);
        self.check_deadlines(now);
        let mut left = budget - self.held.drain_into(sink, budget);
        while self.held.is_empty() && left > 0 {
            let mut device = Egress {
                sink,
                held: &mut self.held,
                highest_sent: &mut self.highest_sent,
                budget: left,
                mtu: self.mtu,
            };
            let _ = self
                .interface
                .poll_egress(instant(now), &mut device, &mut self.sockets);
            if device.budget == left {
                break;
            }
            left = device.budget;
        }
        self.note_end_by_clock();
        self.note_waiting(now);
        self.grow_quiet(now);
        if self.held.is_empty() && left > 0 {
            let queued_len = self.stack_socket().send_queue();
            let segment_len = self.segment_len();
            self.acknowledged
                .after_transmission(queued_len, self.highest_sent, segment_len);
            Transmission::Complete
        } else {
            self.acknowledged.after_interruption();
            Transmission::Interrupted
        }
    }

    /// Returns when to call [`poll_transmit`](Self::poll_transmit) again without any other cause.
    ///
    /// An instant in the past means that output is due. `None`: nothing will happen by itself.
    #[must_use]
    pub fn poll_timeout(&mut self) -> Option<Instant> {
        if !self.held.is_empty() {
            return Some(Instant::ORIGIN);
        }
        let stack = self
            .interface
            .poll_at(instant(self.now), &self.sockets)
            .map(from_stack);
        let quiet_until = self.quiet.map(|quiet| quiet.until);
        [stack, self.give_up_at(), self.abandoned_until, quiet_until]
            .into_iter()
            .flatten()
            .min()
    }

    /// Says whether a call of [`poll_transmit`](Self::poll_transmit) is due already.
    #[must_use]
    pub fn has_output(&mut self) -> bool {
        let now = self.now;
        self.poll_timeout().is_some_and(|at| at <= now)
    }

    /// Takes note that the destination was said to be unreachable for the segment with `sequence`.
    ///
    /// What quotes a number that is not under way is ignored: whoever sent it has not seen the segment.
    /// It ends an attempt to connect. An established connection goes on trying, as the
    /// cause may pass; only [`Unreachable::TooBig`] has an effect on it: segments get smaller.
    ///
    /// Source: RFC 5461 §4, RFC 5927 §4.1, RFC 8201 §5.4.
    pub fn unreachable(&mut self, now: Instant, why: Unreachable, sequence: u32) {
        let oldest = self.acknowledged.up_to();
        if !self.highest_sent.is_outstanding(oldest, sequence) {
            return;
        }
        if let Unreachable::TooBig { mtu } = why {
            self.lower_mtu(now, mtu);
        } else if matches!(self.state(), TcpState::SynSent) {
            self.end_silently(Ending::Failed(match why {
                Unreachable::Port => TcpError::Refused,
                why => why.into(),
            }));
        }
    }

    /// Cuts the connection off: the other end gets a reset, calls get [`TcpError::Aborted`].
    pub fn abort(&mut self) {
        self.quiet = None;
        self.ending.get_or_insert(Ending::Failed(TcpError::Aborted));
        match self.state() {
            TcpState::SynSent | TcpState::TimeWait | TcpState::Closed => self.silence(),
            _ => self.stack_socket().abort(),
        }
    }

    /// Lets the connection end without a reader or writer.
    ///
    /// What was written is still delivered, for at most the configured linger time. If data
    /// was left unread, or more arrives, the other end gets a reset.
    ///
    /// Source: RFC 9293 §3.6.1, RFC 1122 §4.2.2.13.
    pub fn abandon(&mut self, now: Instant) {
        if self.has_unread_data() || self.state() == TcpState::SynReceived {
            self.abort();
        } else if self.state() == TcpState::SynSent {
            self.end_silently(Ending::Failed(TcpError::Aborted));
        } else if self.state() != TcpState::Closed && self.quiet.is_none() {
            self.stack_socket().close();
            self.abandoned_until = Some(now + self.timeouts.linger);
        }
        self.reader = None;
        self.writer = None;
        self.mourner = None;
    }

    /// Returns the two ends.
    #[must_use]
    pub const fn tuple(&self) -> FourTuple {
        self.tuple
    }

    /// Returns the state.
    #[must_use]
    pub fn state(&self) -> TcpState {
        if self.quiet.is_some() {
            return TcpState::TimeWait;
        }
        self.sockets.get::<Socket<'_>>(self.socket).state().into()
    }

    /// Says whether the connection has ended and nothing of it is left to be sent.
    #[must_use]
    pub fn is_finished(&self) -> bool {
        let socket = self.sockets.get::<Socket<'_>>(self.socket);
        socket.state() == State::Closed
            && socket.remote_endpoint().is_none()
            && self.held.is_empty()
            && self.quiet.is_none()
    }

    /// Returns how many bytes are set aside for what is received and sent: the size of both buffers.
    #[must_use]
    pub fn buffers_len(&self) -> usize {
        let socket = self.sockets.get::<Socket<'_>>(self.socket);
        socket.recv_capacity() + socket.send_capacity()
    }

    /// Sets whether small writes wait for the acknowledgement of earlier ones (Nagle's algorithm).
    pub fn set_nagle(&mut self, nagle: bool) {
        self.stack_socket().set_nagle_enabled(nagle);
    }

    /// Sets the interval of keepalive probes while the connection is idle; `None` sends none.
    ///
    /// The connection fails once a probe was not answered for the user timeout.
    pub fn set_keepalive(&mut self, interval: Option<Duration>) {
        self.stack_socket().set_keep_alive(interval.map(duration));
    }

    /// Sets how long sent data may stay unacknowledged, and probes unanswered, while nothing is heard.
    ///
    /// Source: RFC 9293 §3.9.1.1, the user timeout.
    pub const fn set_user_timeout(&mut self, timeout: Duration) {
        self.timeouts.user = timeout;
    }

    pub(super) fn stack_socket(&mut self) -> &mut Socket<'static> {
        self.sockets.get_mut(self.socket)
    }

    /// Returns the length of the data in a full segment.
    pub(super) const fn segment_len(&self) -> usize {
        let ip_header_len = if self.tuple.local().is_ipv4() {
            IPV4_HEADER_LEN
        } else {
            IPV6_HEADER_LEN
        };
        self.mtu - ip_header_len - TCP_HEADER_LEN
    }

    pub(super) fn has_unread_data(&self) -> bool {
        self.sockets.get::<Socket<'_>>(self.socket).can_recv()
    }

    /// Gives the buffers up once both sides have ended and everything was read.
    fn grow_quiet(&mut self, now: Instant) {
        if self.state() != TcpState::TimeWait
            || self.quiet.is_some()
            || self.has_unread_data()
            || !self.held.is_empty()
        {
            return;
        }
        let hop_limit = self.stack_socket().hop_limit().unwrap_or(1);
        self.quiet = Quiet::new(now, self.highest_sent, hop_limit);
        if self.quiet.is_some() {
            self.ending.get_or_insert(Ending::Finished);
            self.abandoned_until = None;
            let empty = Socket::new(SocketBuffer::new(vec![0]), SocketBuffer::new(vec![0]));
            self.sockets = SocketSet::new(Vec::with_capacity(1));
            self.socket = self.sockets.add(empty);
        }
    }

    /// Takes note when a connection reached its end by the clock: TIME-WAIT is over.
    fn note_end_by_clock(&mut self) {
        if self.state() == TcpState::Closed && self.ending.is_none() {
            self.ending = Some(Ending::Finished);
        }
    }

    /// Starts or stops the clock of the connect and user timeouts.
    fn note_waiting(&mut self, now: Instant) {
        let probing = self.highest_sent.is_probing();
        let owed = match self.state() {
            TcpState::Closed | TcpState::TimeWait => false,
            TcpState::Established | TcpState::CloseWait | TcpState::FinWait2 => {
                probing || self.stack_socket().send_queue() > 0
            }
            _ => true,
        };
        self.waiting_since = owed.then(|| self.waiting_since.unwrap_or(now));
    }

    fn give_up_at(&self) -> Option<Instant> {
        let timeout = match self.state() {
            TcpState::SynSent | TcpState::SynReceived => self.timeouts.connect,
            _ => self.timeouts.user,
        };
        Some(self.waiting_since? + timeout)
    }

    fn check_deadlines(&mut self, now: Instant) {
        if self.give_up_at().is_some_and(|at| at <= now) {
            self.ending
                .get_or_insert(Ending::Failed(TcpError::TimedOut));
            self.waiting_since = None;
            self.abort();
        }
        if self.abandoned_until.is_some_and(|until| until <= now) {
            self.abandoned_until = None;
            self.abort();
        }
    }

    fn end_silently(&mut self, ending: Ending) {
        self.ending.get_or_insert(ending);
        self.silence();
    }

    /// Closes the socket so that it sends nothing more.
    ///
    /// A socket that was told to listen anew forgets its peer, and one that listens closes
    /// without a segment. Unread data stays readable if the peer is forgotten already.
    pub(super) fn silence(&mut self) {
        self.waiting_since = None;
        self.abandoned_until = None;
        let local = self.tuple.local();
        let socket = self.stack_socket();
        if socket.state() == State::Closed && socket.remote_endpoint().is_none() {
            return;
        }
        socket.abort();
        if socket.listen(IpEndpoint::from(local)).is_ok() {
            socket.close();
        }
    }

    fn lower_mtu(&mut self, now: Instant, mtu: usize) {
        let mtu = mtu.max(mtu_min(&self.tuple));
        if mtu < self.mtu {
            self.mtu = mtu;
            // The sequence number is chosen already: the seed has nothing left to decide.
            self.interface = interface(now, mtu, 0);
        }
    }
}

const fn mtu_min(tuple: &FourTuple) -> usize {
    if tuple.local().is_ipv4() {
        MTU_MIN_V4
    } else {
        MTU_MIN_V6
    }
}

/// Makes an interface that takes any address: whose packet it is was decided by the four-tuple.
fn interface(now: Instant, mtu: usize, seed: u64) -> Interface {
    let mut config = Config::new(HardwareAddress::Ip);
    config.random_seed = seed;
    let (mut held, mut highest_sent) = (HeldPackets::default(), HighestSent::default());
    let mut device = Ingress {
        packet: None,
        held: &mut held,
        highest_sent: &mut highest_sent,
        mtu,
    };
    let mut interface = Interface::new(config, &mut device, instant(now));
    interface.set_any_ip(true);
    interface
}

/// Converts to microseconds, with room to add any timeout.
pub(super) fn instant(now: Instant) -> StackInstant {
    let micros = i64::try_from(now.since_origin().as_micros()).unwrap_or(i64::MAX);
    StackInstant::from_micros(micros.min(i64::MAX / 2))
}

/// Converts a deadline; a deadline before the origin is one that has passed.
fn from_stack(at: StackInstant) -> Instant {
    let micros = u64::try_from(at.total_micros()).unwrap_or(0);
    Instant::from_origin(Duration::from_micros(micros))
}

fn duration(duration: Duration) -> smoltcp::time::Duration {
    smoltcp::time::Duration::from_micros(
        u64::try_from(duration.as_micros()).unwrap_or(u64::MAX / 2),
    )
}
