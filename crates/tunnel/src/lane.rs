//! The bounded lane in which handshake messages wait for their Diffie-Hellman.

use core::net::IpAddr;
use std::collections::VecDeque;
use std::net::SocketAddr;

use rand_core::CryptoRng;
use wirecraft_noise_handshake::{Cookie, CookieSecret};
use wirecraft_time::Instant;
use wirecraft_wire_format::{HandshakeMessage, Initiation, Response};

use crate::constants::{
    COOKIE_SECRET_MAX_AGE, MAX_QUEUED_INCOMING_HANDSHAKES, UNDER_LOAD_DURATION,
    UNDER_LOAD_QUEUE_LEN,
};
use crate::last_second::LastSecond;
use crate::peer::Source;
use crate::rate_limit::RateLimiter;

/// Handshake messages that are let in within a second without a cookie.
///
/// Each costs a Diffie-Hellman operation for somebody who has proven nothing; what costs two counts twice.
const UNPROVEN_PER_SECOND_MAX: u32 = 1000;

/// From so many on the device is under load; what is left is for the endpoints of peers alone.
///
/// A peer renews its session every 120 s, so there is enough for tens of thousands.
const UNDER_LOAD_PER_SECOND: u32 = 750;

/// A handshake message whose mac1 has verified.
pub(crate) enum QueuedMessage {
    Initiation(Initiation),
    Response(Response),
}

/// A handshake message of which it is known what it costs to find out that it is forged.
pub(crate) trait Unproven: HandshakeMessage {
    /// Diffie-Hellman operations until it fails to verify.
    const OPERATIONS: u32;
}

/// The ephemeral key with our static one; the two static ones were computed before.
impl Unproven for Initiation {
    const OPERATIONS: u32 = 1;
}

/// Its ephemeral key with ours, and with our static one.
impl Unproven for Response {
    const OPERATIONS: u32 = 2;
}

/// A message in the lane, and where it came from.
pub(crate) struct Queued {
    pub(crate) message: QueuedMessage,
    pub(crate) source: Source,
}

/// What to do with a handshake message whose mac1 has verified.
#[derive(Debug)]
pub(crate) enum Admission {
    Admitted(Origin),
    /// The cookie that the source has to show.
    CookieRequired(Cookie),
    RateLimited,
    Full,
}

/// Whether a message came from the endpoint of a peer.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Origin {
    KnownEndpoint,
    Elsewhere,
}

/// Decides which handshake messages may cause work, and holds them until it is done.
pub(crate) struct HandshakeLane {
    /// From the endpoint of a peer: served first, so that a flood does not delay known peers.
    known: VecDeque<Queued>,
    unknown: VecDeque<Queued>,
    under_load_until: Instant,
    /// Operations for messages let in without a cookie, from the endpoint of a peer or elsewhere.
    unproven: LastSecond,
    secret: Option<CookieSecret>,
    secret_made_at: Instant,
    limiter: RateLimiter,
    known_limiter: RateLimiter,
}

impl HandshakeLane {
    pub(crate) fn new() -> Self {
        Self {
            known: VecDeque::new(),
            unknown: VecDeque::new(),
            under_load_until: Instant::ORIGIN,
            unproven: LastSecond::default(),
            secret: None,
            secret_made_at: Instant::ORIGIN,
            limiter: RateLimiter::new(),
            known_limiter: RateLimiter::new(),
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.known.is_empty() && self.unknown.is_empty()
    }

    /// How many messages wait.
    pub(crate) fn len(&self) -> usize {
        self.known.len() + self.unknown.len()
    }

    /// How many sources are remembered.
    pub(crate) fn sources(&self) -> usize {
        self.limiter.len() + self.known_limiter.len()
    }

    /// Forgets the messages that wait.
    pub(crate) fn clear(&mut self) {
        self.known.clear();
        self.unknown.clear();
    }

    /// Takes the next message, those of known endpoints first.
    pub(crate) fn pop(&mut self) -> Option<Queued> {
        self.known.pop_front().or_else(|| self.unknown.pop_front())
    }

    pub(crate) fn push(&mut self, queued: Queued, origin: Origin) {
        match origin {
            Origin::KnownEndpoint => self.known.push_back(queued),
            Origin::Elsewhere => self.unknown.push_back(queued),
        }
    }

    /// Judges a message whose mac1 has verified.
    ///
    /// Source: Linux `cookie.c:wg_cookie_validate_packet`, `receive.c:wg_receive_handshake_packet`.
    pub(crate) fn admit<M: Unproven>(
        &mut self,
        now: Instant,
        message: &M,
        from: SocketAddr,
        is_known: impl FnOnce() -> bool,
        entropy: &mut impl CryptoRng,
    ) -> Admission {
        if !self.is_under_load(now) {
            // Of what waits for nobody it does not matter where it comes from.
            let goes_first = !self.unknown.is_empty() && is_known();
            let origin = if goes_first {
                Origin::KnownEndpoint
            } else {
                Origin::Elsewhere
            };
            return self.let_in_unproven::<M>(now, origin);
        }
        // An address is no proof: whoever guesses those of many peers gets no more than the rest.
        let is_room_for_known = self.unproven.total(now) + M::OPERATIONS <= UNPROVEN_PER_SECOND_MAX;
        if is_room_for_known && is_known() && self.known_limiter.allow(now, from.ip()) {
            return self.let_in_unproven::<M>(now, Origin::KnownEndpoint);
        }
        let cookie = self.cookie(now, from, entropy);
        if !shows_cookie(message) || cookie.verify_mac2(message).is_err() {
            return Admission::CookieRequired(cookie);
        }
        if !self.limiter.allow(now, from.ip()) {
            return Admission::RateLimited;
        }
        self.room(Origin::Elsewhere)
    }

    fn let_in_unproven<M: Unproven>(&mut self, now: Instant, origin: Origin) -> Admission {
        let admission = self.room(origin);
        if matches!(admission, Admission::Admitted(_)) {
            self.unproven.count(now, M::OPERATIONS);
        }
        admission
    }

    fn room(&self, origin: Origin) -> Admission {
        let lane = match origin {
            Origin::KnownEndpoint => &self.known,
            Origin::Elsewhere => &self.unknown,
        };
        if lane.len() < MAX_QUEUED_INCOMING_HANDSHAKES {
            Admission::Admitted(origin)
        } else {
            Admission::Full
        }
    }

    /// Whether sources have to prove that they receive at their address; sticky for a second.
    pub(crate) fn is_under_load(&mut self, now: Instant) -> bool {
        let too_many = self.unproven.total(now) >= UNDER_LOAD_PER_SECOND;
        if self.unknown.len() >= UNDER_LOAD_QUEUE_LEN || too_many {
            self.under_load_until = now + UNDER_LOAD_DURATION;
        }
        now < self.under_load_until
    }

    /// The cookie of a source, under a secret that is made anew every 120 s.
    fn cookie(&mut self, now: Instant, source: SocketAddr, entropy: &mut impl CryptoRng) -> Cookie {
        if now.since(self.secret_made_at) >= COOKIE_SECRET_MAX_AGE {
            self.secret = None;
        }
        let secret = self.secret.get_or_insert_with(|| {
            self.secret_made_at = now;
            CookieSecret::generate(entropy)
        });
        secret.cookie(unmapped(source))
    }
}

/// Whether the sender claims to have a cookie. In a flood hardly anybody does, and that is seen for
/// less than it takes to compute mac2.
fn shows_cookie(message: &impl HandshakeMessage) -> bool {
    message.mac2().iter().any(|byte| *byte != 0)
}

/// An IPv4 source that a dual-stack socket shows as an IPv6 address is the same source.
fn unmapped(source: SocketAddr) -> SocketAddr {
    let address: IpAddr = source.ip().to_canonical();
    SocketAddr::new(address, source.port())
}

#[cfg(test)]
mod tests {
    use core::net::Ipv4Addr;
    use core::time::Duration;

    use chacha20::ChaCha8Rng;
    use chacha20::rand_core::SeedableRng;
    use wirecraft_noise_handshake::{LocalStatic, PrivateKey, RemoteStatic};
    use wirecraft_wire_format::Index;

    use super::*;

    const NOW: Instant = Instant::from_origin(Duration::from_secs(100));

    fn source(number: u32) -> SocketAddr {
        (Ipv4Addr::from_bits(0x0a00_0000 + number), 1000).into()
    }

    fn push(lane: &mut HandshakeLane, from: SocketAddr, origin: Origin) {
        let message = QueuedMessage::Initiation(Initiation::new(Index::new(0)));
        let source = Source { from, local: None };
        lane.push(Queued { message, source }, origin);
    }

    fn lane_with_waiting(messages: usize) -> HandshakeLane {
        let mut lane = HandshakeLane::new();
        for _ in 0..messages {
            push(&mut lane, source(0), Origin::Elsewhere);
        }
        lane
    }

    #[test]
    fn the_512th_message_that_waits_puts_the_device_under_load_and_none_before() {
        assert!(!lane_with_waiting(UNDER_LOAD_QUEUE_LEN - 1).is_under_load(NOW));
        assert!(lane_with_waiting(UNDER_LOAD_QUEUE_LEN).is_under_load(NOW));
    }

    /// Has sources send 25 messages a second each from `begins` on, and returns when one was let in.
    fn let_in_of(
        lane: &mut HandshakeLane,
        sources: u32,
        begins: Instant,
        lasts: Duration,
        expected: Option<Origin>,
    ) -> Vec<Instant> {
        let mut rng = ChaCha8Rng::seed_from_u64(1);
        let message = Initiation::new(Index::new(0));
        let mut let_in = Vec::new();
        for step in 0..u32::try_from(lasts.as_millis() / 40).expect("a few seconds") {
            let now = begins + Duration::from_millis(40) * step;
            for number in 0..sources {
                let is_known = || expected.is_some();
                let admission = lane.admit(now, &message, source(number), is_known, &mut rng);
                if let Admission::Admitted(origin) = admission {
                    assert!(expected.is_none_or(|expected| origin == expected));
                    push(lane, source(number), origin);
                    let_in.push(now);
                }
            }
        }
        let_in
    }

    /// The most of the given times, which ascend, that lie within one second.
    fn most_within_a_second(times: &[Instant]) -> usize {
        let within = |first: &Instant| {
            let ends = *first + Duration::from_secs(1);
            times
                .iter()
                .filter(|at| (first..&ends).contains(at))
                .count()
        };
        times.iter().map(within).max().unwrap_or(0)
    }

    #[test]
    fn at_most_4096_messages_of_known_endpoints_wait() {
        let mut lane = lane_with_waiting(UNDER_LOAD_QUEUE_LEN);
        let known = Some(Origin::KnownEndpoint);
        let let_in = let_in_of(&mut lane, 300, NOW, Duration::from_secs(6), known);

        assert_eq!(let_in.len(), MAX_QUEUED_INCOMING_HANDSHAKES);
    }

    #[test]
    fn of_all_known_endpoints_together_at_most_1000_messages_are_let_in_within_a_second() {
        let mut lane = lane_with_waiting(UNDER_LOAD_QUEUE_LEN);
        let known = Some(Origin::KnownEndpoint);
        let let_in = let_in_of(&mut lane, 200, NOW, Duration::from_secs(3), known);

        assert_eq!(most_within_a_second(&let_in), 1000);
    }

    #[test]
    fn no_second_across_the_boundary_of_two_lets_in_more_than_one_within() {
        let begins = NOW + Duration::from_millis(900);
        let mut lane = HandshakeLane::new();
        let mut let_in = let_in_of(&mut lane, 29, begins, Duration::from_secs(1), None);
        assert!(let_in.len() < 750, "there is no load yet");
        while lane.pop().is_some() {}
        let begins = begins + Duration::from_secs(1);
        let_in.extend(let_in_of(
            &mut lane,
            900,
            begins,
            Duration::from_secs(3),
            None,
        ));

        assert!(most_within_a_second(&let_in) <= 1000);
    }

    #[test]
    fn known_endpoints_are_let_in_while_a_flood_has_used_up_what_there_is_for_all() {
        let mut lane = HandshakeLane::new();
        let mut rng = ChaCha8Rng::seed_from_u64(1);
        let message = Initiation::new(Index::new(0));
        for number in 0..5000 {
            lane.admit(NOW, &message, source(number), || false, &mut rng);
        }

        let admission = lane.admit(NOW, &message, source(9999), || true, &mut rng);

        assert!(matches!(
            admission,
            Admission::Admitted(Origin::KnownEndpoint)
        ));
    }

    #[test]
    fn a_response_counts_twice_as_a_forged_one_costs_two_multiplications() {
        let mut lane = HandshakeLane::new();
        let mut rng = ChaCha8Rng::seed_from_u64(1);
        let message = Response::new(Index::new(0), Index::new(0));
        let mut let_in = |is_known: bool| {
            let admissions = (0..5000)
                .map(|number| lane.admit(NOW, &message, source(number), || is_known, &mut rng));
            let admitted =
                admissions.filter(|admission| matches!(admission, Admission::Admitted(_)));
            admitted.count()
        };

        assert_eq!(let_in(false), 375);
        assert_eq!(let_in(true), 125);
    }

    #[test]
    fn messages_of_known_endpoints_are_taken_first() {
        let mut lane = HandshakeLane::new();
        push(&mut lane, source(1), Origin::Elsewhere);
        push(&mut lane, source(2), Origin::KnownEndpoint);
        push(&mut lane, source(3), Origin::KnownEndpoint);

        let taken = core::iter::from_fn(|| lane.pop()).map(|queued| queued.source.from);

        assert!(taken.eq([source(2), source(3), source(1)]));
        assert!(lane.is_empty());
    }

    #[test]
    fn a_cookie_is_the_same_whether_a_v4_or_a_dual_stack_socket_shows_the_source() {
        let mut rng = ChaCha8Rng::seed_from_u64(1);
        let mut lane = HandshakeLane::new();
        let [local, remote] = [1, 2].map(|byte| PrivateKey::from_bytes([byte; 32]));
        let remote = RemoteStatic::new(&LocalStatic::new(local), remote.public_key()).unwrap();
        let plain = lane.cookie(NOW, "192.0.2.1:1000".parse().unwrap(), &mut rng);
        let mut message = Initiation::new(Index::new(0));
        remote.stamp(&mut message, Some(&plain));

        let mapped = "[::ffff:192.0.2.1]:1000".parse().unwrap();
        let other_port = "192.0.2.1:1001".parse().unwrap();

        let mapped = lane.cookie(NOW, mapped, &mut rng);
        assert_eq!(mapped.verify_mac2(&message), Ok(()));
        let other_port = lane.cookie(NOW, other_port, &mut rng);
        assert!(other_port.verify_mac2(&message).is_err());
    }
}
