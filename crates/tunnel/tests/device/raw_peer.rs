//! A peer that is not a device: it says what no device would.

use chacha20::ChaCha8Rng;
use chacha20::rand_core::SeedableRng;
use wirecraft_ip_packets::Ecn;
use wirecraft_noise_handshake::{
    AwaitingResponse, Cookie, LocalStatic, Mac1, PresharedKey, PrivateKey, PublicKey, RemoteStatic,
    Tai64N, TransportKeys, initiate, initiate_with_low_order,
};
use wirecraft_tunnel::{ReceiveError, Received};
use wirecraft_wire_format::{
    CookieReply, Counter, DataHeader, HandshakeMessage, Index, Initiation, Message,
};

use crate::world::{Flight, WALL_CLOCK_AT_START, World, address, milliseconds, socket};

/// Somebody who knows the public key of a host, and may be its peer.
pub(crate) struct RawPeer {
    local: LocalStatic,
    remote: RemoteStatic,
    /// Where its datagrams come from.
    pub(crate) at: std::net::SocketAddr,
    to: std::net::SocketAddr,
    rng: ChaCha8Rng,
    messages: u32,
}

impl RawPeer {
    /// Somebody with a key of their own.
    pub(crate) fn stranger(world: &World, host: usize) -> Self {
        let key = PrivateKey::generate(&mut ChaCha8Rng::seed_from_u64(99));
        Self::with_key(key, world.public_key(host), host)
    }

    /// Somebody who speaks for the host `as_host`.
    pub(crate) fn impersonating(world: &World, as_host: usize, host: usize) -> Self {
        let key = world.hosts[as_host].key.clone();
        Self::with_key(key, world.public_key(host), host)
    }

    pub(crate) fn with_key(key: PrivateKey, remote: PublicKey, host: usize) -> Self {
        let local = LocalStatic::new(key);
        let remote = RemoteStatic::new(&local, remote).expect("the key of a host is sound");
        Self {
            local,
            remote,
            at: socket("198.51.100.7:4242"),
            to: address(host),
            rng: ChaCha8Rng::seed_from_u64(7),
            messages: 0,
        }
    }

    pub(crate) fn datagram(&self, bytes: &[u8]) -> Flight {
        Flight {
            sent_at: core::time::Duration::ZERO,
            from: self.at,
            to: self.to,
            pinned: None,
            ecn: Ecn::NotEct,
            bytes: bytes.to_vec(),
        }
    }

    /// A genuine initiation, with a timestamp later than the one before.
    pub(crate) fn initiation(&mut self) -> (Flight, AwaitingResponse) {
        self.messages += 1;
        let timestamp = WALL_CLOCK_AT_START + milliseconds(20) * self.messages;
        self.initiation_of(Tai64N::from_unix(timestamp))
    }

    pub(crate) fn initiation_of(&mut self, timestamp: Tai64N) -> (Flight, AwaitingResponse) {
        let index = Index::new(self.messages);
        let made = initiate(&self.local, &self.remote, timestamp, index, &mut self.rng);
        let (mut message, attempt) = made.expect("the key of a host is sound");
        self.remote.stamp(&mut message, None);
        (self.datagram(message.as_bytes()), attempt)
    }

    /// An initiation that is genuine but for its ephemeral, which gives results of zeros.
    pub(crate) fn initiation_with_low_order(&mut self) -> Flight {
        let timestamp = Tai64N::from_unix(WALL_CLOCK_AT_START);
        let (local, remote) = (&self.local, &self.remote);
        let mut message = initiate_with_low_order(local, remote, timestamp, Index::new(1));
        self.remote.stamp(&mut message, None);
        self.datagram(message.as_bytes())
    }

    /// A message with right macs and nothing behind them, and its mac1.
    pub(crate) fn hollow_initiation(&mut self, cookie: Option<&Cookie>) -> (Flight, Mac1) {
        self.messages += 1;
        let mut message = Initiation::new(Index::new(self.messages));
        let mac1 = self.remote.stamp(&mut message, cookie);
        (self.datagram(message.as_bytes()), mac1)
    }

    /// Puts right macs on a handshake message that was tampered with.
    pub(crate) fn restamp<M: HandshakeMessage>(&self, message: &mut M) {
        self.remote.stamp(message, None);
    }

    pub(crate) fn open_cookie_reply(&self, flight: &Flight, mac1: &Mac1) -> Cookie {
        let opened = self.remote.open_cookie_reply(as_cookie_reply(flight), mac1);
        opened.expect("the reply answers the message with this mac1")
    }

    /// Does a handshake as initiator.
    pub(crate) fn handshake(&mut self, world: &mut World) -> RawSession {
        let (initiation, attempt) = self.initiation();
        let outcome = world.deliver_and_process(&initiation);
        assert_eq!(outcome, Ok(Received::Handled));
        let response = world.intercept_one();
        let Ok(Message::Response(message)) = Message::parse(&response.bytes) else {
            panic!("an initiation is answered by a response");
        };
        let keys = attempt.read_response(&self.local, &PresharedKey::ZERO, message);
        RawSession {
            keys: keys.expect("the response is for us"),
            receiver: message.sender_index(),
            counter: 0,
        }
    }

    /// Seals a plaintext as it is and delivers it.
    pub(crate) fn say(
        &self,
        world: &mut World,
        session: &mut RawSession,
        plaintext: &[u8],
    ) -> Result<Received, ReceiveError> {
        let sealed = session.seal(plaintext);
        world.deliver(&self.datagram(&sealed))
    }
}

/// The keys of a session with a device.
pub(crate) struct RawSession {
    keys: TransportKeys,
    receiver: Index,
    counter: u64,
}

impl RawSession {
    /// Seals a plaintext without padding, under the next counter.
    pub(crate) fn seal(&mut self, plaintext: &[u8]) -> Vec<u8> {
        let counter = self.counter;
        self.counter += 1;
        self.seal_under(counter, plaintext)
    }

    pub(crate) fn seal_under(&self, counter: u64, plaintext: &[u8]) -> Vec<u8> {
        let counter = Counter::new(counter);
        let mut message = [plaintext, &[0; 16]].concat();
        self.keys.sealing.seal(counter, &mut message);
        let header = DataHeader::new(self.receiver, counter);
        [header.as_bytes(), &message].concat()
    }

    /// The plaintext of a datagram, with its padding.
    pub(crate) fn open(&self, datagram: &[u8]) -> Vec<u8> {
        let Ok(Message::Data(data)) = Message::parse(datagram) else {
            panic!("transport data: {datagram:?}");
        };
        let mut message = data.ciphertext.to_vec();
        let opened = self.keys.opening.open(data.header.counter(), &mut message);
        opened.expect("the datagram is of this session");
        message.truncate(message.len() - 16);
        message
    }
}

pub(crate) fn as_cookie_reply(flight: &Flight) -> &CookieReply {
    match Message::parse(&flight.bytes) {
        Ok(Message::CookieReply(reply)) => reply,
        other => panic!("a cookie reply: {other:?}"),
    }
}
