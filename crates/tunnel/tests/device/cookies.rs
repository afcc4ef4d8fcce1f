//! Handshake floods: the bounded lane, cookies, rate limits.

use core::time::Duration;
use std::net::{Ipv4Addr, SocketAddr};

use wirecraft_noise_handshake::{Cookie, MacError, PrivateKey};
use wirecraft_tunnel::{
    Event, MAX_QUEUED_INCOMING_HANDSHAKES, ReceiveError, Received, UNDER_LOAD_QUEUE_LEN,
};

use crate::raw_peer::RawPeer;
use crate::world::{
    ALICE, BOB, Flight, Kind, World, address, milliseconds, packet, seconds, socket,
};

/// Fills the lane of a host until it is under load; nothing of it is processed.
fn flood(world: &mut World, host: usize) -> RawPeer {
    let mut flooder = RawPeer::stranger(world, host);
    for _ in 0..UNDER_LOAD_QUEUE_LEN {
        let (message, _) = flooder.hollow_initiation(None);
        assert_eq!(world.deliver(&message), Ok(Received::Handled));
    }
    assert!(world.intercept().is_empty());
    flooder
}

fn source(number: u32) -> SocketAddr {
    let address = Ipv4Addr::from_bits(Ipv4Addr::new(100, 64, 0, 0).to_bits() + number);
    SocketAddr::new(address.into(), 1000)
}

/// Asks a host under load for a cookie.
fn cookie_for(world: &mut World, peer: &mut RawPeer, at: SocketAddr) -> Cookie {
    peer.at = at;
    let (message, mac1) = peer.hollow_initiation(None);
    assert_eq!(world.deliver(&message), Err(ReceiveError::CookieRequired));
    let reply = world.intercept_one();
    assert_eq!(reply.to, at);
    peer.open_cookie_reply(&reply, &mac1)
}

/// Whether a message has a mac2.
fn has_mac2(flight: &Flight) -> bool {
    let mac2 = flight.bytes.last_chunk::<16>();
    mac2.is_some_and(|mac2| *mac2 != [0; 16])
}

#[test]
fn with_512_waiting_messages_a_source_is_sent_a_cookie_in_64_bytes() {
    let mut world = World::pair();
    let mut flooder = flood(&mut world, BOB);

    let (message, _) = flooder.hollow_initiation(None);
    let outcome = world.deliver(&message);

    assert_eq!(outcome, Err(ReceiveError::CookieRequired));
    let reply = world.intercept_one();
    assert_eq!((reply.kind(), reply.to), (Kind::CookieReply, flooder.at));
    assert_eq!(
        reply.word(4),
        message.word(4),
        "for the sender of the message"
    );
}

#[test]
fn a_device_stays_under_load_for_a_second() {
    let mut world = World::pair();
    let mut flooder = flood(&mut world, BOB);
    let (message, _) = flooder.hollow_initiation(None);
    world.deliver(&message).unwrap_err();
    world.process_handshakes(BOB);

    world.now = world.now + milliseconds(999);
    assert_eq!(world.deliver(&message), Err(ReceiveError::CookieRequired));
    world.now = world.now + milliseconds(1);
    assert_eq!(world.deliver(&message), Ok(Received::Handled));
}

#[test]
fn messages_with_a_wrong_mac1_put_no_load_on_a_device_and_are_not_answered() {
    let mut world = World::pair();
    let mut flooder = RawPeer::stranger(&world, BOB);
    for _ in 0..5000 {
        let (mut message, _) = flooder.hollow_initiation(None);
        message.bytes[120] ^= 1;
        let outcome = world.deliver(&message);
        assert_eq!(outcome, Err(ReceiveError::InvalidMac1(MacError::WrongMac1)));
    }

    assert!(world.intercept().is_empty());
    world.start_handshake(ALICE, BOB);
    world.settle();
    world.assert_connected(ALICE, BOB);
}

#[test]
fn an_initiator_shows_the_cookie_it_was_sent_and_is_let_in() {
    let mut world = World::pair();
    flood(&mut world, BOB);
    world.send(ALICE, &packet(ALICE, BOB, b"hello"));
    let initiation = world.intercept_one();
    assert!(!has_mac2(&initiation));
    assert_eq!(
        world.deliver(&initiation),
        Err(ReceiveError::CookieRequired)
    );
    let reply = world.intercept_one();

    world.deliver(&reply).unwrap();
    assert!(
        world.intercept().is_empty(),
        "nothing is sent again at once"
    );
    assert_eq!(world.counters(ALICE).cookie_replies_received, 1);

    // The flood goes on: nothing is processed meanwhile.
    let retry_at = world.hosts[ALICE].device.poll_timeout().unwrap().at;
    assert!(
        retry_at.since(world.now) >= seconds(5),
        "a cookie reply moves no timer"
    );
    world.now = retry_at;
    world.change(ALICE, |device, now| device.handle_timeout(now));
    let retry = world.intercept_one();
    assert!(has_mac2(&retry));
    assert_eq!(world.deliver(&retry), Ok(Received::Handled));
    world.process_handshakes(BOB);
    world.settle();
    assert_eq!(world.take_delivered(BOB), [packet(ALICE, BOB, b"hello")]);
}

#[test]
fn a_cookie_reply_is_taken_once_and_only_for_the_last_message() {
    let mut world = World::pair();
    flood(&mut world, BOB);
    world.start_handshake(ALICE, BOB);
    let first = world.intercept_one();
    world.deliver(&first).unwrap_err();
    let stale = world.intercept_one();
    world.advance_without_processing(seconds(5) + milliseconds(333));
    let second = world.intercept_one();
    world.deliver(&second).unwrap_err();
    let fresh = world.intercept_one();

    world.deliver(&stale).unwrap_err();
    let mut for_other_mac1 = stale;
    for_other_mac1.bytes[4..8].copy_from_slice(&fresh.bytes[4..8]);
    let outcome = world.deliver(&for_other_mac1);
    assert_eq!(
        outcome,
        Err(ReceiveError::CookieReply(MacError::ForgedCookieReply))
    );

    let mut forged = fresh.clone();
    forged.bytes[40] ^= 1;
    let outcome = world.deliver(&forged);
    assert_eq!(
        outcome,
        Err(ReceiveError::CookieReply(MacError::ForgedCookieReply))
    );

    assert_eq!(world.deliver(&fresh), Ok(Received::Handled));
    assert_eq!(world.deliver(&fresh), Err(ReceiveError::UnknownIndex));
    assert_eq!(world.counters(ALICE).cookie_replies_received, 1);
}

#[test]
fn a_cookie_reply_moves_no_endpoint_and_is_no_sign_of_life() {
    let mut world = World::pair_with_session();
    let bob = world.peer(ALICE, BOB);
    world.lose(|_| true);
    world.send(ALICE, &packet(ALICE, BOB, b"lost"));
    world.advance(seconds(10));
    let reply = cookie_reply_to_a_call_of_alice(&mut world);
    let before = world.status(ALICE, BOB);

    world.deliver(&reply).unwrap();

    assert_eq!(world.status(ALICE, BOB), before);
    world.advance(seconds(5) + milliseconds(333));
    let lost = world.times_of(ALICE, Event::ConnectionLost { peer: bob });
    assert_eq!(lost.len(), 1, "the silence goes on");
}

#[test]
fn a_cookie_reply_does_not_postpone_the_persistent_keepalive() {
    let mut world = World::pair_with_session();
    let bob = world.peer(ALICE, BOB);
    world.lose(|_| true);
    world.advance(seconds(10));
    world
        .change(ALICE, |device, now| {
            device.set_persistent_keepalive(now, bob, Some(seconds(4)))
        })
        .unwrap();
    world.settle();
    let reply = cookie_reply_to_a_call_of_alice(&mut world);
    world.advance(seconds(3));

    world.deliver(&reply).unwrap();
    world.advance(seconds(2));

    let keepalives = world.times_sent(ALICE, Kind::Keepalive);
    assert_eq!(keepalives, [0, 10, 14].map(seconds));
}

/// Has Alice call Bob, who is under load, and takes what he answers off the network, from elsewhere.
fn cookie_reply_to_a_call_of_alice(world: &mut World) -> Flight {
    let mut flooder = RawPeer::stranger(world, BOB);
    while let (message, _) = flooder.hollow_initiation(None)
        && world.deliver(&message).is_ok()
    {}
    world.intercept();
    world.hosts[ALICE].address = socket("203.0.113.1:1");
    world.start_handshake(ALICE, BOB);
    let initiation = world.intercept_one();
    world.hosts[ALICE].address = address(ALICE);
    assert_eq!(
        world.deliver(&initiation),
        Err(ReceiveError::CookieRequired)
    );
    let mut reply = world.intercept_one().from(socket("203.0.113.9:9"));
    reply.to = address(ALICE);
    world.process_handshakes(BOB);
    reply
}

#[test]
fn a_cookie_is_good_for_its_address_and_port_alone() {
    let mut world = World::pair();
    let mut peer = flood(&mut world, BOB);
    let cookie = cookie_for(&mut world, &mut peer, source(1));

    for (at, outcome) in [
        (socket("100.64.0.1:1001"), Err(ReceiveError::CookieRequired)),
        (socket("100.64.0.2:1000"), Err(ReceiveError::CookieRequired)),
        (socket("100.64.0.1:1000"), Ok(Received::Handled)),
        (socket("[::ffff:100.64.0.1]:1000"), Ok(Received::Handled)),
    ] {
        peer.at = at;
        let (message, _) = peer.hollow_initiation(Some(&cookie));
        assert_eq!(world.deliver(&message), outcome, "{at}");
    }
}

#[test]
fn a_cookie_of_a_secret_older_than_120_s_is_not_good_any_more() {
    let mut world = World::pair();
    let mut peer = flood(&mut world, BOB);
    let cookie = cookie_for(&mut world, &mut peer, source(1));

    for (after, outcome) in [
        (milliseconds(119_999), Ok(Received::Handled)),
        (milliseconds(1), Err(ReceiveError::CookieRequired)),
    ] {
        world.now = world.now + after;
        let (message, _) = peer.hollow_initiation(Some(&cookie));
        assert_eq!(world.deliver(&message), outcome);
    }
}

#[test]
fn a_sender_uses_a_cookie_for_115_s() {
    let mut world = World::pair();
    flood(&mut world, BOB);
    world.start_handshake(ALICE, BOB);
    let initiation = world.intercept_one();
    world.deliver(&initiation).unwrap_err();
    let reply = world.intercept_one();
    world.deliver(&reply).unwrap();
    let received_at = world.elapsed();

    while world.elapsed() < seconds(150) {
        world.start_handshake(ALICE, BOB);
        world.advance_without_processing(seconds(1));
    }

    let initiations = world
        .sent
        .iter()
        .filter(|flight| flight.kind() == Kind::Initiation);
    for initiation in initiations.skip(1) {
        let is_fresh = initiation.sent_at - received_at < seconds(115);
        assert_eq!(
            has_mac2(initiation),
            is_fresh,
            "at {:?}",
            initiation.sent_at
        );
    }
}

#[test]
fn a_response_needs_a_cookie_as_well_when_the_initiator_is_under_load() {
    let mut world = World::pair();
    flood(&mut world, ALICE);
    world.start_handshake(ALICE, BOB);
    let initiation = world.intercept_one();
    world.deliver_and_process_at(&initiation, BOB);
    let response = world.intercept_one();
    assert_eq!(response.kind(), Kind::Response);

    assert_eq!(world.deliver(&response), Err(ReceiveError::CookieRequired));
    let reply = world.intercept_one();
    assert_eq!(world.deliver(&reply), Ok(Received::Handled));

    world.advance_without_processing(seconds(5) + milliseconds(333));
    let retry = world.intercept_one();
    world.deliver_and_process_at(&retry, BOB);
    let response = world.intercept_one();
    assert!(has_mac2(&response));
    assert_eq!(world.deliver(&response), Ok(Received::Handled));
    world.process_handshakes(ALICE);
    world.settle();
    world.assert_connected(ALICE, BOB);
}

#[test]
fn a_source_with_a_cookie_is_let_in_5_times_at_once_and_20_times_a_second() {
    for sources in [
        ["192.0.2.77:5", "192.0.2.78:5"],
        ["[2001:db8::1]:5", "[2001:db8:0:1::1]:5"],
    ] {
        let mut world = World::pair();
        let mut peer = flood(&mut world, BOB);
        let [cookie, of_neighbour] =
            sources.map(|at| cookie_for(&mut world, &mut peer, socket(at)));
        let mut attempt = |world: &mut World, at: &str, cookie: &Cookie| {
            peer.at = socket(at);
            let (message, _) = peer.hollow_initiation(Some(cookie));
            world.deliver(&message)
        };
        for _ in 0..5 {
            assert_eq!(
                attempt(&mut world, sources[0], &cookie),
                Ok(Received::Handled)
            );
        }
        let limited = Err(ReceiveError::RateLimited);
        assert_eq!(attempt(&mut world, sources[0], &cookie), limited);
        assert_eq!(
            attempt(&mut world, sources[1], &of_neighbour),
            Ok(Received::Handled)
        );
        world.now = world.now + milliseconds(50);
        assert_eq!(
            attempt(&mut world, sources[0], &cookie),
            Ok(Received::Handled)
        );
        assert_eq!(attempt(&mut world, sources[0], &cookie), limited);
        assert!(
            world.intercept().is_empty(),
            "too many messages are dropped in silence"
        );
    }
}

#[test]
fn v4_sources_seen_through_a_v6_socket_are_limited_one_by_one() {
    let mut world = World::pair();
    let mut peer = flood(&mut world, BOB);
    for number in 1..=20 {
        let at = socket(&format!("[::ffff:192.0.2.{number}]:5"));
        let cookie = cookie_for(&mut world, &mut peer, at);
        let (message, _) = peer.hollow_initiation(Some(&cookie));
        assert_eq!(world.deliver(&message), Ok(Received::Handled), "{at}");
    }
}

#[test]
fn the_endpoint_of_a_peer_needs_no_cookie_and_is_served_first() {
    let mut world = World::pair_with_session();
    world.advance(seconds(10));
    flood(&mut world, BOB);
    let answered = world.counters(BOB).initiations_received;
    world.start_handshake(ALICE, BOB);
    let initiation = world.intercept_one();

    assert_eq!(world.deliver(&initiation), Ok(Received::Handled));
    let now = world.now;
    world.change(BOB, |device, _| device.process_handshakes(now, 1));

    assert_eq!(world.counters(BOB).initiations_received, answered + 1);
    assert_eq!(world.intercept_one().kind(), Kind::Response);
}

#[test]
fn the_endpoint_of_a_peer_is_served_first_though_there_is_no_load_yet() {
    let mut world = World::pair_with_session();
    world.advance(seconds(10));
    let mut flooder = RawPeer::stranger(&world, BOB);
    for _ in 0..UNDER_LOAD_QUEUE_LEN - 1 {
        let (message, _) = flooder.hollow_initiation(None);
        assert_eq!(world.deliver(&message), Ok(Received::Handled));
    }
    world.start_handshake(ALICE, BOB);
    let initiation = world.intercept_one();

    assert_eq!(world.deliver(&initiation), Ok(Received::Handled));
    world.change(BOB, |device, now| device.process_handshakes(now, 1));

    assert_eq!(world.intercept_one().kind(), Kind::Response);
}

#[test]
fn a_configured_endpoint_at_which_the_peer_was_heard_is_known_without_a_local_address_too() {
    let mut world = World::pair();
    world.sockets_tell_local = false;
    world.handshake(ALICE, BOB);
    world.advance(seconds(10));
    flood(&mut world, BOB);
    world.start_handshake(ALICE, BOB);
    let initiation = world.intercept_one();

    assert_eq!(world.deliver(&initiation), Ok(Received::Handled));
}

#[test]
fn the_endpoint_of_a_removed_peer_is_like_any_other_address() {
    let mut world = World::pair_with_session();
    let alice = world.peer(BOB, ALICE);
    let mut flooder = flood(&mut world, BOB);
    flooder.at = world.hosts[ALICE].address;

    world.device(BOB).remove_peer(alice);

    let (message, _) = flooder.hollow_initiation(None);
    assert_eq!(world.deliver(&message), Err(ReceiveError::CookieRequired));
}

#[test]
fn whoever_pretends_to_be_the_endpoint_of_a_peer_is_limited_to_the_rate_of_a_source() {
    let mut world = World::pair_with_session();
    let mut flooder = flood(&mut world, BOB);
    flooder.at = world.hosts[ALICE].address;

    let let_in = (0..100).filter(|_| {
        let (message, _) = flooder.hollow_initiation(None);
        world.deliver(&message).is_ok()
    });

    assert_eq!(let_in.count(), 5);
}

#[test]
fn at_most_4096_messages_wait() {
    let mut world = World::pair();
    let mut peer = flood(&mut world, BOB);
    let mut let_in = UNDER_LOAD_QUEUE_LEN;
    let mut refused = 0;
    for number in 0..720 {
        let cookie = cookie_for(&mut world, &mut peer, source(number));
        for _ in 0..5 {
            let (message, _) = peer.hollow_initiation(Some(&cookie));
            match world.deliver(&message) {
                Ok(_) => let_in += 1,
                Err(error) => {
                    assert_eq!(error, ReceiveError::LaneFull);
                    refused += 1;
                }
            }
        }
    }

    assert_eq!(let_in, MAX_QUEUED_INCOMING_HANDSHAKES);
    assert_eq!(refused, 512 + 720 * 5 - 4096);
    assert_eq!(world.counters(BOB).lane_full, refused);
}

#[test]
fn at_most_750_messages_of_strangers_without_a_cookie_cause_work_within_a_second() {
    let mut world = World::pair();
    let mut flooder = RawPeer::stranger(&world, BOB);
    for round in 0..3 {
        let mut let_in = 0;
        for _ in 0..3000 {
            let (message, _) = flooder.hollow_initiation(None);
            let_in += u32::from(world.deliver(&message).is_ok());
            world.process_handshakes(BOB);
        }
        assert_eq!(let_in, 750, "round {round}");
        world.now = world.now + seconds(2);
    }
}

#[test]
fn whoever_pretends_to_be_200_peers_causes_work_at_most_1000_times_within_a_second() {
    let mut world = World::pair();
    let mut flooder = RawPeer::stranger(&world, BOB);
    for number in 0..200u8 {
        let key = PrivateKey::from_bytes([number; 32]);
        world.device(BOB).add_peer(key.public_key()).unwrap();
        let mut peer = RawPeer::with_key(key, world.public_key(BOB), BOB);
        peer.at = source(number.into());
        peer.handshake(&mut world);
    }
    world.advance(seconds(10));
    let began_at = world.now;

    let mut let_in = Vec::new();
    while world.now < began_at + seconds(3) {
        for number in 0..200 {
            flooder.at = source(number);
            let (message, _) = flooder.hollow_initiation(None);
            if world.deliver(&message).is_ok() {
                let_in.push(world.now);
            }
        }
        world.process_handshakes(BOB);
        world.intercept();
        world.now = world.now + milliseconds(25);
    }

    for first in &let_in {
        let within = let_in
            .iter()
            .filter(|at| *at >= first && **at < *first + seconds(1));
        assert!(within.count() <= 1000);
    }
    assert!(
        let_in.len() > 1000,
        "known endpoints are let in all the same"
    );
}

#[test]
fn cookie_replies_that_nobody_fetches_do_not_pile_up() {
    let mut world = World::pair();
    let mut flooder = flood(&mut world, BOB);
    let (message, _) = flooder.hollow_initiation(None);
    let now = world.now;
    for _ in 0..3000 {
        let mut bytes = message.bytes.clone();
        let mut datagram = wirecraft_tunnel::Datagram::new(message.from, &mut bytes);
        let outcome = world.device(BOB).receive(now, &mut datagram);
        assert_eq!(outcome, Err(ReceiveError::CookieRequired));
    }

    let device = world.device(BOB);
    let waiting = core::iter::from_fn(|| device.poll_transmit()).count();

    assert_eq!(waiting, 1024);
    assert_eq!(world.counters(BOB).cookie_replies_suppressed, 3000 - 1024);
}

impl World {
    /// Lets time pass for timers, while nothing is delivered and handshake messages stay waiting.
    fn advance_without_processing(&mut self, duration: Duration) {
        self.now = self.now + duration;
        for host in [ALICE, BOB] {
            self.change(host, |device, now| device.handle_timeout(now));
        }
    }

    /// Delivers a datagram and does only the handshakes that wait at `host`.
    fn deliver_and_process_at(&mut self, flight: &Flight, host: usize) {
        assert_eq!(self.deliver(flight), Ok(Received::Handled));
        self.process_handshakes(host);
    }
}

#[test]
fn a_wrong_mac1_is_refused_before_the_cookie_is_looked_at() {
    let mut world = World::pair();
    let mut peer = flood(&mut world, BOB);
    let cookie = cookie_for(&mut world, &mut peer, source(1));

    for _ in 0..100 {
        let (mut message, _) = peer.hollow_initiation(Some(&cookie));
        message.bytes[120] ^= 1;
        let outcome = world.deliver(&message);
        assert_eq!(outcome, Err(ReceiveError::InvalidMac1(MacError::WrongMac1)));
    }
    assert!(world.intercept().is_empty(), "no cookie is sent for it");

    let (genuine, _) = peer.hollow_initiation(Some(&cookie));
    let outcome = world.deliver(&genuine);
    assert_eq!(outcome, Ok(Received::Handled), "its rate is not used up");
}

#[test]
fn a_wrong_cookie_does_not_use_up_the_rate_of_a_source() {
    let mut world = World::pair();
    let mut peer = flood(&mut world, BOB);
    let wrong = cookie_for(&mut world, &mut peer, source(1));
    let right = cookie_for(&mut world, &mut peer, source(2));

    for _ in 0..100 {
        let (message, _) = peer.hollow_initiation(Some(&wrong));
        let outcome = world.deliver(&message);
        assert_eq!(outcome, Err(ReceiveError::CookieRequired));
    }

    let (genuine, _) = peer.hollow_initiation(Some(&right));
    assert_eq!(world.deliver(&genuine), Ok(Received::Handled));
}
