//! What does not touch the heap: every packet of a session, and everything that is refused, each reason
//! by itself. What AWS-LC, which is C, allocates for itself is not seen. Its bindings allocate for a
//! Diffie-Hellman operation: of handshake messages that are refused after one, nothing is left.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use core::time::Duration;
use std::net::{Ipv4Addr, SocketAddr};

use allocation_counter::measure;
use chacha20::ChaCha8Rng;
use chacha20::rand_core::SeedableRng;
use wirecraft_noise_handshake::{
    LocalStatic, PresharedKey, PrivateKey, RemoteStatic, Tai64N, TransportKeys, initiate,
};
use wirecraft_time::Instant;
use wirecraft_tunnel::{
    Arena, Counters, Datagram, Device, MAX_QUEUED_INCOMING_HANDSHAKES, PeerId, REJECT_AFTER_TIME,
    UNDER_LOAD_QUEUE_LEN,
};
use wirecraft_wire_format::{
    COOKIE_REPLY_LEN, Counter, DataHeader, HandshakeMessage, INITIATION_LEN, Index, Initiation,
    Message, RESPONSE_LEN, Response, TAG_LEN,
};

const MTU: usize = 1420;

/// Packets that are handed over at once.
const BATCH: usize = 64;

/// How often each thing is done while allocations are counted.
const ROUNDS: usize = 20;

/// Messages with a cookie that a source may send at once.
const BURST: usize = 5;

/// Two devices with a session; nothing is drawn but from a seed.
struct Pair {
    here: Device<ChaCha8Rng>,
    there: Device<ChaCha8Rng>,
    addresses: [SocketAddr; 2],
    there_id: PeerId,
    now: Instant,
    key_here: PrivateKey,
    key_there: PrivateKey,
}

impl Pair {
    fn new() -> Self {
        let key = |seed| PrivateKey::generate(&mut ChaCha8Rng::seed_from_u64(seed));
        let device = |seed| Device::new(MTU, ChaCha8Rng::seed_from_u64(seed));
        let (mut here, mut there) = (device(1), device(2));
        let (key_here, key_there) = (key(3), key(4));
        let addresses = ["192.0.2.1:51820", "192.0.2.2:51820"].map(|it| it.parse().unwrap());
        here.set_private_key(Some(key_here.clone()));
        there.set_private_key(Some(key_there.clone()));
        let there_id = here.add_peer(key_there.public_key()).unwrap();
        here.set_endpoint(there_id, addresses[1]).unwrap();
        here.add_allowed_ip(there_id, "10.0.0.2/32".parse().unwrap())
            .unwrap();
        let here_id = there.add_peer(key_here.public_key()).unwrap();
        there
            .add_allowed_ip(here_id, "10.0.0.1/32".parse().unwrap())
            .unwrap();
        let mut pair = Self {
            here,
            there,
            addresses,
            there_id,
            now: Instant::from_origin(Duration::from_secs(100)),
            key_here,
            key_there,
        };
        pair.shake_hands();
        pair
    }

    fn shake_hands(&mut self) {
        let now = self.now;
        let [here, there] = self.addresses;
        self.here
            .set_wall_clock(now, Duration::from_secs(1_700_000_000));
        self.here.start_handshake(now, self.there_id).unwrap();
        for _ in 0..2 {
            carry(&mut self.here, here, &mut self.there, now);
            carry(&mut self.there, there, &mut self.here, now);
        }
        let status = self.here.peer_status(now, self.there_id).unwrap();
        assert!(status.has_session);
        while self.here.poll_event().is_some() || self.there.poll_event().is_some() {}
    }

    /// Sealed copies of `packet`, one after another, all equally long.
    fn seal(&mut self, packet: &[u8], count: usize) -> Sealed {
        let mut arena = Arena::new(1 << 18, MTU);
        for _ in 0..count {
            arena.push(packet).unwrap();
        }
        self.here.send_batch(self.now, &mut arena);
        let bytes: Vec<u8> = arena.runs().flat_map(|run| run.bytes.to_vec()).collect();
        Sealed {
            len: bytes.len() / count,
            bytes,
        }
    }

    /// Hands datagrams of `len` bytes from `from` to the device over there, and counts what that
    /// allocates.
    fn allocations_of(&mut self, bytes: &mut [u8], len: usize, from: SocketAddr) -> u64 {
        let mut datagrams: Vec<Datagram<'_>> = bytes
            .chunks_mut(len)
            .map(|bytes| Datagram::new(from, bytes))
            .collect();
        let (there, now) = (&mut self.there, self.now);
        measure(|| there.receive_batch(now, &mut datagrams)).count_total
    }

    /// Has datagrams refused `ROUNDS` times; asserts that no time but the first allocated, and that
    /// all are counted by `counter`.
    fn assert_refused_without_allocation(
        &mut self,
        datagrams: &[u8],
        len: usize,
        counter: impl Fn(&Counters) -> u64,
    ) {
        let from = stranger();
        self.allocations_of(&mut datagrams.to_vec(), len, from);
        self.drain();
        let before = counter(self.there.counters());
        for _ in 0..ROUNDS {
            let mut bytes = datagrams.to_vec();
            assert_eq!(self.allocations_of(&mut bytes, len, from), 0);
            self.drain();
        }
        let refused = counter(self.there.counters()) - before;
        assert_eq!(refused, (ROUNDS * (datagrams.len() / len)) as u64);
    }

    /// The same for handshake messages that are refused once they are looked into. Rounds are a second
    /// apart, so that the device never comes under load.
    fn assert_handshakes_refused_without_allocation(
        &mut self,
        messages: &[u8],
        len: usize,
        counter: impl Fn(&Counters) -> u64,
    ) {
        let (from, count) = (stranger(), messages.len() / len);
        let before = counter(self.there.counters());
        for round in 0..=ROUNDS {
            self.now = self.now + Duration::from_secs(1);
            let allocated = self.allocations_of(&mut messages.to_vec(), len, from);
            assert!(round == 0 || allocated == 0, "round {round}: {allocated}");
            let allocated = self.allocations_of_handshakes();
            assert!(round == 0 || allocated == 0, "round {round}: {allocated}");
            self.drain();
        }
        let refused = counter(self.there.counters()) - before;
        assert_eq!(refused, ((ROUNDS + 1) * count) as u64);
    }

    /// Does handshakes that wait, and counts what that allocates: with AWS-LC, what is left of it.
    fn allocations_of_handshakes(&mut self) -> i64 {
        let (there, now) = (&mut self.there, self.now);
        let counted = measure(|| there.process_handshakes(now, usize::MAX));
        if cfg!(feature = "aws-lc") {
            counted.count_current
        } else {
            i64::try_from(counted.count_total).unwrap()
        }
    }

    /// Genuine initiations of the device here, each with a later timestamp.
    fn initiations(&self, count: u64) -> Vec<u8> {
        initiations_of(&self.key_here, &self.key_there, count, |_| {})
    }

    fn drain(&mut self) {
        while self.there.poll_transmit().is_some() || self.there.poll_event().is_some() {}
    }

    /// Messages with right macs and nothing behind them.
    fn hollow_initiations(&self, count: usize) -> Vec<u8> {
        let mut rng = ChaCha8Rng::seed_from_u64(9);
        let stranger = LocalStatic::new(PrivateKey::generate(&mut rng));
        let remote = RemoteStatic::new(&stranger, self.key_there.public_key()).unwrap();
        let message = |number| {
            let mut message = Initiation::new(Index::new(number));
            remote.stamp(&mut message, None);
            message.as_bytes().to_vec()
        };
        (0..u32::try_from(count).unwrap())
            .flat_map(message)
            .collect()
    }

    /// Messages with nothing behind them but the right cookie of `from`.
    fn initiations_with_cookie(&mut self, from: SocketAddr, count: usize) -> Vec<u8> {
        let mut rng = ChaCha8Rng::seed_from_u64(9);
        let stranger = LocalStatic::new(PrivateKey::generate(&mut rng));
        let remote = RemoteStatic::new(&stranger, self.key_there.public_key()).unwrap();
        let mut message = Initiation::new(Index::new(0));
        let mac1 = remote.stamp(&mut message, None);
        self.allocations_of(&mut message.as_bytes().to_vec(), INITIATION_LEN, from);
        let reply = self.there.poll_transmit().unwrap();
        let Ok(Message::CookieReply(reply)) = Message::parse(reply.datagram()) else {
            panic!("a device under load asks for a cookie");
        };
        let cookie = remote.open_cookie_reply(reply, &mac1).unwrap();
        remote.stamp(&mut message, Some(&cookie));
        message.as_bytes().repeat(count)
    }

    /// A session of somebody who has the private key of the device here, and its receiver index.
    fn session_of_an_impostor(&mut self) -> (Index, TransportKeys) {
        let mut rng = ChaCha8Rng::seed_from_u64(10);
        let local = LocalStatic::new(self.key_here.clone());
        let remote = RemoteStatic::new(&local, self.key_there.public_key()).unwrap();
        let later = Tai64N::from_unix(Duration::from_secs(1_800_000_000));
        let made = initiate(&local, &remote, later, Index::new(1), &mut rng);
        let (mut message, attempt) = made.unwrap();
        remote.stamp(&mut message, None);
        self.now = self.now + Duration::from_secs(1);
        let from = self.addresses[0];
        self.allocations_of(&mut message.as_bytes().to_vec(), INITIATION_LEN, from);
        self.there.process_handshakes(self.now, 1);
        let response = self.there.poll_transmit().unwrap();
        let Ok(Message::Response(response)) = Message::parse(response.datagram()) else {
            panic!("an initiation is answered by a response");
        };
        let keys = attempt.read_response(&local, &PresharedKey::ZERO, response);
        (response.sender_index(), keys.unwrap())
    }

    fn put_under_load(&mut self) {
        let from = "198.51.100.1:1".parse().unwrap();
        let mut flood = self.hollow_initiations(UNDER_LOAD_QUEUE_LEN);
        self.allocations_of(&mut flood, INITIATION_LEN, from);
    }
}

/// Initiations of `from`, each with a later timestamp, and the macs that belong to what `change` makes of
/// them.
fn initiations_of(
    from: &PrivateKey,
    to: &PrivateKey,
    count: u64,
    change: impl Fn(&mut Initiation),
) -> Vec<u8> {
    let mut rng = ChaCha8Rng::seed_from_u64(11);
    let local = LocalStatic::new(from.clone());
    let remote = RemoteStatic::new(&local, to.public_key()).unwrap();
    let message = |number| {
        let timestamp = Tai64N::from_unix(Duration::from_secs(1_900_000_000 + number));
        let made = initiate(&local, &remote, timestamp, Index::new(1), &mut rng);
        let (mut message, _) = made.unwrap();
        change(&mut message);
        remote.stamp(&mut message, None);
        message.as_bytes().to_vec()
    };
    (0..count).flat_map(message).collect()
}

/// Where no peer was ever heard.
fn stranger() -> SocketAddr {
    "203.0.113.9:9".parse().unwrap()
}

struct Sealed {
    bytes: Vec<u8>,
    len: usize,
}

fn carry(
    from: &mut Device<ChaCha8Rng>,
    address: SocketAddr,
    to: &mut Device<ChaCha8Rng>,
    now: Instant,
) {
    while let Some(transmit) = from.poll_transmit() {
        let mut bytes = transmit.datagram().to_vec();
        to.receive(now, &mut Datagram::new(address, &mut bytes))
            .unwrap();
        to.process_handshakes(now, 1);
    }
}

fn packet_from(source: [u8; 4]) -> Vec<u8> {
    wirecraft_ip_packets::v4(source.into(), [10, 0, 0, 2].into())
        .udp(1000, 2000)
        .payload(&[0x5a; 500])
        .build()
}

fn packet() -> Vec<u8> {
    packet_from([10, 0, 0, 1])
}

#[test]
fn sealing_allocates_nothing() {
    let mut pair = Pair::new();
    let mut arena = Arena::new(1 << 18, MTU);
    let packet = packet();
    let mut round = || {
        arena.clear();
        for _ in 0..BATCH {
            arena.push(&packet).unwrap();
        }
        pair.here.send_batch(pair.now, &mut arena);
        assert_eq!(arena.failures().count(), 0);
        assert_eq!(
            arena.runs().map(|run| run.bytes.len()).sum::<usize>() % BATCH,
            0
        );
    };
    round();
    let counted = measure(|| (0..ROUNDS).for_each(|_| round()));
    assert_eq!(counted.count_total, 0);
}

#[test]
fn opening_allocates_nothing() {
    let mut pair = Pair::new();
    for round in 0..ROUNDS {
        let Sealed { mut bytes, len } = pair.seal(&packet(), BATCH);
        let from = pair.addresses[0];
        let allocated = pair.allocations_of(&mut bytes, len, from);
        assert!(round == 0 || allocated == 0, "round {round}: {allocated}");
    }
    let received = pair.there.counters().packets_received;
    assert_eq!(received, (ROUNDS * BATCH) as u64);
}

#[test]
fn a_keepalive_allocates_nothing() {
    let mut pair = Pair::new();
    let interval = Duration::from_secs(1);
    pair.here
        .set_persistent_keepalive(pair.now, pair.there_id, Some(interval))
        .unwrap();
    let mut round = || {
        pair.now = pair.now + interval;
        pair.here.handle_timeout(pair.now);
        let sent = core::iter::from_fn(|| pair.here.poll_transmit()).count();
        while pair.here.poll_event().is_some() {}
        sent
    };
    round();
    let mut sent = 0;
    let counted = measure(|| sent = (0..20).map(|_| round()).sum());
    assert_eq!((sent, counted.count_total), (20, 0));
}

#[test]
fn a_malformed_datagram_allocates_nothing() {
    let bytes = [9; 10 * 100];
    Pair::new().assert_refused_without_allocation(&bytes, 100, |it| it.malformed);
}

#[test]
fn a_wrong_mac1_allocates_nothing() {
    let mut pair = Pair::new();
    let mut bytes = pair.hollow_initiations(BATCH);
    for message in bytes.chunks_mut(INITIATION_LEN) {
        message[120] ^= 1;
    }
    pair.assert_refused_without_allocation(&bytes, INITIATION_LEN, |it| it.invalid_mac1);
}

#[test]
fn an_unknown_index_allocates_nothing() {
    let mut pair = Pair::new();
    let Sealed { mut bytes, len } = pair.seal(&packet(), BATCH);
    for datagram in bytes.chunks_mut(len) {
        datagram[4] ^= 1;
    }
    pair.assert_refused_without_allocation(&bytes, len, |it| it.unknown_index);
}

#[test]
fn a_wrong_tag_allocates_nothing() {
    let mut pair = Pair::new();
    let Sealed { mut bytes, len } = pair.seal(&packet(), BATCH);
    for datagram in bytes.chunks_mut(len) {
        datagram[len - 1] ^= 1;
    }
    pair.assert_refused_without_allocation(&bytes, len, |it| it.invalid_tag);
}

#[test]
fn a_replay_allocates_nothing() {
    let mut pair = Pair::new();
    let Sealed { bytes, len } = pair.seal(&packet(), BATCH);
    pair.assert_refused_without_allocation(&bytes, len, |it| it.replayed);
}

#[test]
fn a_source_that_is_not_the_peers_allocates_nothing() {
    let mut pair = Pair::new();
    let from = pair.addresses[0];
    for round in 0..ROUNDS {
        let Sealed { mut bytes, len } = pair.seal(&packet_from([10, 0, 0, 9]), BATCH);
        let allocated = pair.allocations_of(&mut bytes, len, from);
        assert!(round == 0 || allocated == 0, "round {round}: {allocated}");
    }
    let refused = pair.there.counters().source_not_allowed;
    assert_eq!(refused, (ROUNDS * BATCH) as u64);
}

#[test]
fn what_is_no_ip_packet_allocates_nothing() {
    let mut pair = Pair::new();
    let (index, keys) = pair.session_of_an_impostor();
    let from = pair.addresses[0];
    for number in 0..ROUNDS as u64 {
        let counter = Counter::new(number);
        let mut message = [0x5a; 64 + TAG_LEN];
        keys.sealing.seal(counter, &mut message);
        let mut bytes = [DataHeader::new(index, counter).as_bytes(), &message].concat();
        let len = bytes.len();
        let allocated = pair.allocations_of(&mut bytes, len, from);
        assert!(number == 0 || allocated == 0, "{number}: {allocated}");
    }
    assert_eq!(pair.there.counters().invalid_inner_packet, ROUNDS as u64);
}

#[test]
fn asking_for_a_cookie_allocates_nothing() {
    let mut pair = Pair::new();
    pair.put_under_load();
    let bytes = pair.hollow_initiations(BATCH);
    pair.assert_refused_without_allocation(&bytes, INITIATION_LEN, |it| it.cookie_required);
    let replies = pair.there.counters().cookie_replies_sent;
    assert_eq!(replies, ((ROUNDS + 1) * BATCH) as u64);
}

#[test]
fn a_source_that_comes_too_often_allocates_nothing() {
    let mut pair = Pair::new();
    pair.put_under_load();
    let bytes = pair.initiations_with_cookie(stranger(), BATCH);
    pair.assert_refused_without_allocation(&bytes, INITIATION_LEN, |it| it.rate_limited);
}

#[test]
fn a_full_lane_allocates_nothing() {
    let mut pair = Pair::new();
    pair.put_under_load();
    let rest = MAX_QUEUED_INCOMING_HANDSHAKES - UNDER_LOAD_QUEUE_LEN;
    for number in 0..u32::try_from(rest.div_ceil(BURST)).unwrap() {
        let address = Ipv4Addr::from_bits(Ipv4Addr::new(100, 64, 0, 0).to_bits() + number);
        let from = SocketAddr::new(address.into(), 1000);
        let mut bytes = pair.initiations_with_cookie(from, BURST);
        pair.allocations_of(&mut bytes, INITIATION_LEN, from);
    }
    let from = stranger();
    for _ in 0..ROUNDS {
        let before = pair.there.counters().lane_full;
        let bytes = pair.initiations_with_cookie(from, BURST);
        pair.allocations_of(&mut bytes.clone(), INITIATION_LEN, from);
        // Long enough for the source to be let in as often again.
        pair.now = pair.now + Duration::from_millis(250);
        assert_eq!(
            pair.allocations_of(&mut bytes.clone(), INITIATION_LEN, from),
            0
        );
        pair.now = pair.now + Duration::from_millis(250);
        let refused = pair.there.counters().lane_full - before;
        assert_eq!(refused, 2 * BURST as u64);
    }
}

#[test]
fn an_initiation_of_a_stranger_leaves_nothing_on_the_heap() {
    let mut pair = Pair::new();
    let stranger = PrivateKey::generate(&mut ChaCha8Rng::seed_from_u64(12));
    let bytes = initiations_of(&stranger, &pair.key_there, 4, |_| {});
    let counter = |it: &Counters| it.unknown_peer;
    pair.assert_handshakes_refused_without_allocation(&bytes, INITIATION_LEN, counter);
}

#[test]
fn an_initiation_that_does_not_verify_leaves_nothing_on_the_heap() {
    let mut pair = Pair::new();
    let (here, there) = (pair.key_here.clone(), pair.key_there.clone());
    let hollow = pair.hollow_initiations(4);
    let changed = [
        initiations_of(&here, &there, 4, |message| message.encrypted_static[0] ^= 1),
        initiations_of(&here, &there, 4, |message| {
            message.encrypted_timestamp[0] ^= 1;
        }),
    ];
    for bytes in [hollow].into_iter().chain(changed) {
        let counter = |it: &Counters| it.invalid_handshake;
        pair.assert_handshakes_refused_without_allocation(&bytes, INITIATION_LEN, counter);
    }
}

#[test]
fn a_response_that_does_not_verify_leaves_nothing_on_the_heap() {
    let mut pair = Pair::new();
    let now = pair.now + Duration::from_secs(10);
    let here_id = pair.there.peer_id(&pair.key_here.public_key()).unwrap();
    pair.there.start_handshake(now, here_id).unwrap();
    let transmit = pair.there.poll_transmit().unwrap();
    let Ok(Message::Initiation(initiation)) = Message::parse(transmit.datagram()) else {
        panic!("a handshake begins with an initiation");
    };
    let mut response = Response::new(Index::new(1), initiation.sender_index());
    let local = LocalStatic::new(pair.key_here.clone());
    let remote = RemoteStatic::new(&local, pair.key_there.public_key()).unwrap();
    response.ephemeral = *pair.key_here.public_key().as_bytes();
    remote.stamp(&mut response, None);

    let counter = |it: &Counters| it.invalid_handshake;
    pair.assert_handshakes_refused_without_allocation(response.as_bytes(), RESPONSE_LEN, counter);
}

#[test]
fn a_replayed_initiation_leaves_nothing_on_the_heap() {
    let mut pair = Pair::new();
    let bytes = pair.initiations(1);
    let from = pair.addresses[0];
    pair.now = pair.now + Duration::from_secs(1);
    pair.allocations_of(&mut bytes.clone(), INITIATION_LEN, from);
    pair.there.process_handshakes(pair.now, 1);
    pair.drain();

    let counter = |it: &Counters| it.replayed_initiation;
    pair.assert_handshakes_refused_without_allocation(&bytes, INITIATION_LEN, counter);
}

#[test]
fn an_initiation_that_comes_too_soon_leaves_nothing_on_the_heap() {
    let mut pair = Pair::new();
    let from = pair.addresses[0];
    pair.now = pair.now + Duration::from_secs(1);
    for (number, initiation) in pair.initiations(20).chunks(INITIATION_LEN).enumerate() {
        let received = pair.allocations_of(&mut initiation.to_vec(), INITIATION_LEN, from);
        let looked_into = pair.allocations_of_handshakes();
        pair.drain();
        // The first is accepted.
        assert!(
            number < 2 || (received, looked_into) == (0, 0),
            "{number}: {received}, {looked_into}"
        );
    }
    assert_eq!(pair.there.counters().initiation_too_soon, 19);
}

#[test]
fn a_forged_cookie_reply_allocates_nothing() {
    let mut pair = Pair::new();
    let (index, _) = pair.session_of_an_impostor();
    let mut reply = [0x5a; COOKIE_REPLY_LEN];
    reply[..4].copy_from_slice(&[3, 0, 0, 0]);
    reply[4..8].copy_from_slice(&index.value().to_le_bytes());
    let bytes = reply.repeat(BATCH);
    pair.assert_refused_without_allocation(&bytes, COOKIE_REPLY_LEN, |it| it.invalid_cookie_reply);
}

#[test]
fn data_of_a_session_that_is_over_allocates_nothing() {
    let mut pair = Pair::new();
    let Sealed { bytes, len } = pair.seal(&packet(), BATCH);
    pair.now = pair.now + REJECT_AFTER_TIME;
    pair.assert_refused_without_allocation(&bytes, len, |it| it.keypair_expired);
}

#[test]
fn a_handshake_message_to_a_device_without_a_key_allocates_nothing() {
    let mut pair = Pair::new();
    let bytes = pair.initiations(4);
    pair.there.set_private_key(None);
    pair.assert_refused_without_allocation(&bytes, INITIATION_LEN, |it| it.no_private_key);
}
