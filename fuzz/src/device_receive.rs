//! One device, and datagrams of which none is what it seems.
//!
//! The device has a session with one peer and waits for another one to answer. Everything it is sent is
//! noise, a replay or a forgery, so nothing but its counters may change.

use core::cell::RefCell;
use core::time::Duration;
use std::net::SocketAddr;

use chacha20::ChaCha8Rng;
use rand_core::SeedableRng;
use wirecraft_ip_packets::v4;
use wirecraft_noise_handshake::{
    CookieSecret, LocalStatic, PresharedKey, PrivateKey, ReceivedInitiation, RemoteStatic, Tai64N,
    initiate,
};
use wirecraft_time::Instant;
use wirecraft_tunnel::{
    Arena, Datagram, Deadline, Device, PeerId, PeerStatus, Received, TransmitKind,
};
use wirecraft_wire_format::{
    COOKIE_REPLY_LEN, HandshakeMessage, Index, Initiation, Message, Response,
};

use crate::input::Input;

const MTU: usize = 1420;
const WALL_CLOCK: Duration = Duration::from_secs(1_700_000_000);
/// The most datagrams that one input brings, a flood apart.
const DATAGRAMS_MAX: usize = 32;
/// More than the lane takes before it asks for cookies.
const FLOOD_LEN: usize = 600;
/// A device is made anew after so many handshake messages, before their number is itself a flood.
const ADMITTED_MAX: u64 = 200;

thread_local! {
    static SCENE: RefCell<Option<Scene>> = const { RefCell::new(None) };
}

/// Nothing that is not authenticated changes a peer, a timer or what is sent, but for cookie replies.
pub fn device_receive(input: &[u8]) {
    SCENE.with_borrow_mut(|kept| {
        let scene = kept.get_or_insert_with(Scene::new);
        scene.play(&mut Input::new(input));
        if scene.is_worn() {
            *kept = None;
        }
    });
}

/// The device, what it knew when the scene was set, and messages to forge from.
struct Scene {
    device: Device<ChaCha8Rng>,
    now: Instant,
    peers: Vec<PeerId>,
    messages: Vec<Vec<u8>>,
    before: Snapshot,
    /// What everybody knows who knows the device's public key.
    to_device: RemoteStatic,
    admitted: u64,
    was_flooded: bool,
}

/// What must not change.
#[derive(PartialEq, Eq, Debug)]
struct Snapshot {
    statuses: Vec<Option<PeerStatus>>,
    deadline: Option<Deadline>,
    /// All counters of what was accepted and sent.
    done: Vec<(&'static str, u64)>,
}

/// Counters of what was taken or sent. Of the others, those of cookie replies apart, each counts a
/// refusal.
const DONE: [&str; 11] = [
    "packets_received",
    "packets_sent",
    "keepalives_received",
    "keepalives_sent",
    "initiations_sent",
    "initiations_received",
    "responses_received",
    "cookie_replies_received",
    "staged",
    "staged_dropped",
    "events_dropped",
];

/// Counters of the answers that anybody may cause.
const COOKIE_REPLIES: [&str; 2] = ["cookie_replies_sent", "cookie_replies_suppressed"];

fn local_address() -> SocketAddr {
    ([192, 0, 2, 1], 51820).into()
}

fn bob_address() -> SocketAddr {
    ([192, 0, 2, 2], 51820).into()
}

fn carol_address() -> SocketAddr {
    ([192, 0, 2, 3], 51820).into()
}

impl Scene {
    fn new() -> Self {
        let mut setting = Setting::new();
        let (initiation, data) = setting.session_with_bob();
        let (response, cookie_reply) = setting.unanswered_attempt_at_carol();
        let stranger = setting.initiation_of_a_stranger();
        let to_device = RemoteStatic::new(&setting.carol, setting.key.public_key())
            .expect("a generated key is no point of low order");
        let messages = vec![initiation, data, response, cookie_reply, stranger];
        let Setting {
            mut device, now, ..
        } = setting;
        while device.poll_event().is_some() {}
        let peers: Vec<PeerId> = device.peers().collect();
        let before = snapshot(&device, now, &peers);
        Self {
            device,
            now,
            peers,
            messages,
            before,
            to_device,
            admitted: 0,
            was_flooded: false,
        }
    }

    fn play(&mut self, input: &mut Input<'_>) {
        let mut datagrams = self.datagrams(input);
        let refused_before = self.refusals();
        let mut batch: Vec<Datagram<'_>> = datagrams
            .iter_mut()
            .map(|(from, bytes)| Datagram::new(*from, bytes))
            .collect();
        self.device.receive_batch(self.now, &mut batch);
        let mut refused = 0;
        for datagram in &batch {
            match datagram.outcome() {
                Ok(Received::Handled) => self.admitted += 1,
                Ok(other) => panic!("{other:?} of a datagram that nobody made"),
                Err(_) => refused += 1,
            }
        }
        assert_eq!(
            self.refusals() - refused_before,
            refused,
            "each refusal is counted"
        );
        self.check_transmits(&datagrams);
        let budget = if self.was_flooded { 1 } else { usize::MAX };
        self.device.process_handshakes(self.now, budget);
        assert_eq!(self.device.poll_transmit(), None, "no message was answered");
        assert_eq!(self.device.poll_event(), None, "nothing happened");
        let mut after = snapshot(&self.device, self.now, &self.peers);
        if self.was_flooded {
            // Messages of the flood wait for their turn.
            after.deadline = self.before.deadline;
        }
        assert_eq!(after, self.before, "only counters of refusals change");
    }

    /// Reads datagrams, each with the address that it seems to come from.
    fn datagrams(&mut self, input: &mut Input<'_>) -> Vec<(SocketAddr, Vec<u8>)> {
        let mut datagrams = Vec::new();
        while !input.is_empty() && datagrams.len() < DATAGRAMS_MAX {
            let from = match input.choice(3) {
                0 => bob_address(),
                1 => carol_address(),
                _ => ([203, 0, 113, input.byte()], 4000).into(),
            };
            let kind = usize::from(input.choice(7));
            if let Some(message) = self.messages.get(kind) {
                let mut bytes = message.clone();
                input.edit(&mut bytes, 4);
                if input.choice(2) == 1 {
                    self.restamp(&mut bytes);
                }
                datagrams.push((from, bytes));
            } else if kind == 5 && input.byte() == 0xff && !self.was_flooded {
                self.was_flooded = true;
                let flood = || (from, self.messages[4].clone());
                datagrams.extend(core::iter::repeat_with(flood).take(FLOOD_LEN));
            } else {
                let len = usize::from(input.byte());
                datagrams.push((from, input.bytes(len).to_vec()));
            }
        }
        datagrams
    }

    /// Puts a right mac1 on what is a handshake message, so that more of it is looked at.
    fn restamp(&self, bytes: &mut [u8]) {
        let is_handshake = matches!(
            Message::parse(bytes),
            Ok(Message::Initiation(_) | Message::Response(_))
        );
        if is_handshake {
            self.to_device.stamp_bytes(bytes);
        }
    }

    /// Cookie replies alone, to where something came from, fewer and shorter than what came.
    fn check_transmits(&mut self, datagrams: &[(SocketAddr, Vec<u8>)]) {
        let mut count = 0;
        while let Some(transmit) = self.device.poll_transmit() {
            assert_eq!(transmit.kind, TransmitKind::CookieReply);
            assert_eq!(transmit.datagram().len(), COOKIE_REPLY_LEN);
            let to = transmit.destination.to;
            assert!(datagrams.iter().any(|(from, _)| *from == to));
            assert!(self.was_flooded, "cookies are asked for under load only");
            count += 1;
        }
        assert!(count <= datagrams.len());
    }

    fn refusals(&self) -> u64 {
        let counters = self.device.counters().iter();
        let refusals = counters.filter(|(name, _)| is_refusal(name));
        refusals.map(|(_, count)| count).sum()
    }

    fn is_worn(&self) -> bool {
        self.was_flooded || self.admitted > ADMITTED_MAX
    }
}

fn is_refusal(name: &str) -> bool {
    !DONE.contains(&name) && !COOKIE_REPLIES.contains(&name)
}

fn snapshot(device: &Device<ChaCha8Rng>, now: Instant, peers: &[PeerId]) -> Snapshot {
    let counters = device.counters().iter();
    Snapshot {
        statuses: peers
            .iter()
            .map(|id| device.peer_status(now, *id))
            .collect(),
        deadline: device.poll_timeout(),
        done: counters.filter(|(name, _)| DONE.contains(name)).collect(),
    }
}

/// A device on the way into its scene.
struct Setting {
    rng: ChaCha8Rng,
    now: Instant,
    key: PrivateKey,
    device: Device<ChaCha8Rng>,
    bob: Device<ChaCha8Rng>,
    carol: LocalStatic,
}

impl Setting {
    fn new() -> Self {
        let mut rng = ChaCha8Rng::seed_from_u64(1);
        let now = Instant::from_origin(Duration::from_secs(1000));
        let [key, bob_key, carol_key] = [(); 3].map(|()| PrivateKey::generate(&mut rng));
        let [mut device, mut bob] = [&key, &bob_key].map(|key| {
            let mut device = Device::new(MTU, ChaCha8Rng::from_rng(&mut rng));
            device.set_private_key(Some(key.clone()));
            device.set_wall_clock(now, WALL_CLOCK);
            device
        });
        introduce(&mut device, &bob_key, bob_address(), 2);
        introduce(&mut device, &carol_key, carol_address(), 3);
        introduce(&mut bob, &key, local_address(), 1);
        Self {
            rng,
            now,
            key,
            device,
            bob,
            carol: LocalStatic::new(carol_key),
        }
    }

    /// Has Bob connect and send a packet; returns his initiation and his packet, both delivered.
    fn session_with_bob(&mut self) -> (Vec<u8>, Vec<u8>) {
        let alice = self.bob.peers().next().expect("Bob has one peer");
        self.bob
            .start_handshake(self.now, alice)
            .expect("Bob knows the device");
        let initiation = self.deliver_from_bob();
        let response = self
            .device
            .poll_transmit()
            .expect("the initiation is genuine");
        let mut bytes = response.datagram().to_vec();
        let mut datagram = Datagram::new(local_address(), &mut bytes);
        assert!(self.bob.receive(self.now, &mut datagram).is_ok());
        self.bob.process_handshakes(self.now, 1);
        self.deliver_from_bob();
        let packet = v4([10, 0, 0, 2].into(), [10, 0, 0, 1].into())
            .udp(1, 2)
            .build();
        let mut arena = Arena::new(4096, MTU);
        self.bob
            .send(self.now, &packet, &mut arena)
            .expect("the arena is large");
        let run = arena.runs().next().expect("Bob has a session");
        let data = run.bytes.to_vec();
        let mut bytes = data.clone();
        let mut datagram = Datagram::new(bob_address(), &mut bytes);
        assert!(self.device.receive(self.now, &mut datagram).is_ok());
        (initiation, data)
    }

    /// Delivers what Bob wants to send.
    fn deliver_from_bob(&mut self) -> Vec<u8> {
        let transmit = self.bob.poll_transmit().expect("Bob has something to send");
        let mut bytes = transmit.datagram().to_vec();
        let mut datagram = Datagram::new(bob_address(), &mut bytes);
        assert!(self.device.receive(self.now, &mut datagram).is_ok());
        self.device.process_handshakes(self.now, 1);
        transmit.datagram().to_vec()
    }

    /// Has the device call Carol twice; returns the answer to the first call under the index of the
    /// second one, and a cookie reply that was taken.
    fn unanswered_attempt_at_carol(&mut self) -> (Vec<u8>, Vec<u8>) {
        let carol = self
            .device
            .peer_id(self.carol.public_key())
            .expect("Carol is known");
        self.device
            .start_handshake(self.now, carol)
            .expect("Carol is known");
        let first = self.initiation_to_carol();
        let to_device = RemoteStatic::new(&self.carol, self.key.public_key())
            .expect("a generated key is no point of low order");
        let received = ReceivedInitiation::read(&self.carol, &first);
        let fresh = received.and_then(|received| received.authenticate(&to_device, None));
        let fresh = fresh.expect("the initiation is genuine");
        let answer = fresh.respond(&PresharedKey::ZERO, Index::new(7), &mut self.rng);
        let (late, _) = answer.expect("the device's key is sound");
        self.now = self.now + Duration::from_secs(6);
        self.device.handle_timeout(self.now);
        let second = self.initiation_to_carol();
        let index = second.sender_index();
        let mut forged = Response::new(Index::new(7), index);
        forged.ephemeral = late.ephemeral;
        forged.encrypted_nothing = late.encrypted_nothing;
        to_device.stamp(&mut forged, None);
        let cookie = CookieSecret::generate(&mut self.rng).cookie(local_address());
        let mac1 = second.mac1();
        let reply = self
            .carol
            .seal_cookie_reply(index, mac1, &cookie, &mut self.rng);
        let mut bytes = reply.as_bytes().to_vec();
        let mut datagram = Datagram::new(carol_address(), &mut bytes);
        assert_eq!(
            self.device.receive(self.now, &mut datagram),
            Ok(Received::Handled)
        );
        (forged.as_bytes().to_vec(), reply.as_bytes().to_vec())
    }

    fn initiation_to_carol(&mut self) -> Initiation {
        while let Some(transmit) = self.device.poll_transmit() {
            if let Ok(Message::Initiation(message)) = Message::parse(transmit.datagram()) {
                return message.clone();
            }
        }
        panic!("the device calls Carol");
    }

    /// A sound initiation of somebody who is no peer.
    fn initiation_of_a_stranger(&mut self) -> Vec<u8> {
        let stranger = LocalStatic::new(PrivateKey::generate(&mut self.rng));
        let to_device = RemoteStatic::new(&stranger, self.key.public_key())
            .expect("a generated key is no point of low order");
        let timestamp = Tai64N::from_unix(WALL_CLOCK);
        let made = initiate(
            &stranger,
            &to_device,
            timestamp,
            Index::new(9),
            &mut self.rng,
        );
        let (mut message, _) = made.expect("the device's key is sound");
        to_device.stamp(&mut message, None);
        message.as_bytes().to_vec()
    }
}

fn introduce(device: &mut Device<ChaCha8Rng>, key: &PrivateKey, at: SocketAddr, number: u8) {
    let peer = device
        .add_peer(key.public_key())
        .expect("another key than its own");
    device.set_endpoint(peer, at).expect("the peer was added");
    let address = core::net::IpAddr::from([10, 0, 0, number]);
    device
        .add_allowed_ip(peer, address.into())
        .expect("the peer was added");
}
