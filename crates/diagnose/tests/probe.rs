//! The probe, against our own endpoint and against endpoints that break one rule each.

#![cfg(test)]

use std::collections::HashSet;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

use rand_core::Rng as _;
use tokio::net::UdpSocket;
use tokio::runtime::Builder;
use tokio::time::Instant;
use wirecraft::config::Endpoint;
use wirecraft::ip_packets::{Icmpv4Kind, IpPacket, Transport, v4};
use wirecraft::noise_handshake::{
    CookieSecret, FreshInitiation, LocalStatic, ReceivedInitiation, RemoteStatic, Tai64N,
    TransportKeys,
};
use wirecraft::wire_format::{
    Counter, DATA_HEADER_LEN, DataHeader, DataMut, HandshakeMessage as _, Index, Initiation,
    Message, Response, TAG_LEN,
};
use wirecraft::{PresharedKey, PrivateKey, SystemEntropy};
use wirecraft_diagnose::{Check, ProbeOptions, Verdict, probe};
use wirecraft_gateway::{DemoGateway, GATEWAY_V4};

const US: Ipv4Addr = Ipv4Addr::new(10, 9, 0, 2);
const HOST: Ipv4Addr = Ipv4Addr::new(10, 9, 0, 1);

/// The one rule that an endpoint breaks.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Breach {
    None,
    Reserved,
    Length,
    Mac1,
    Mac2,
    SameIndex,
    Replay,
    Older,
    Burst,
    Stranger,
    LowOrder,
    Unasked,
    Keepalive,
    Padding,
    DataReplay,
    Forgery,
    Limit,
    Window,
    Confirmation,
    Previous,
    Roaming,
    /// No rule: it is under load all the time.
    Load,
}

/// What the check of a rule says that is broken.
const BREACHES: &[(Breach, &str)] = &[
    (Breach::Reserved, "reserved bytes"),
    (Breach::Length, "has 148 bytes"),
    (Breach::Mac1, "wrong mac1"),
    (Breach::Mac2, "mac2 does not count"),
    (Breach::SameIndex, "sender index of its own"),
    (Breach::Replay, "sent again"),
    (Breach::Older, "older timestamp"),
    (Breach::Burst, "less than 20 ms apart"),
    (Breach::Stranger, "does not know"),
    (Breach::LowOrder, "low order"),
    (Breach::Unasked, "nobody asked for"),
    (Breach::Keepalive, "a keepalive has no answer"),
    (Breach::Padding, "padded by zeros"),
    (Breach::DataReplay, "not taken again"),
    (Breach::Forgery, "does not use its counter up"),
    (Breach::Limit, "are refused"),
    (Breach::Window, "older than the window"),
    (Breach::Confirmation, "only once its initiator has used it"),
    (Breach::Previous, "key before is still taken"),
    (Breach::Roaming, "newest authenticated packet"),
];

fn key(byte: u8) -> PrivateKey {
    PrivateKey::from_bytes([byte; 32])
}

/// Keys that came out of a handshake.
struct Keys {
    keys: TransportKeys,
    local: Index,
    remote: Index,
    counter: u64,
    seen: HashSet<u64>,
    greatest: u64,
    is_used: bool,
}

/// An endpoint whose host answers pings by itself.
struct Responder {
    breach: Breach,
    socket: UdpSocket,
    local: LocalStatic,
    remote: RemoteStatic,
    newest: Option<Tai64N>,
    accepted_at: Option<Instant>,
    /// The newest first.
    sessions: Vec<Keys>,
    first_from: Option<SocketAddr>,
    rng: SystemEntropy,
}

impl Responder {
    async fn start(breach: Breach) -> SocketAddr {
        let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let address = socket.local_addr().unwrap();
        let local = LocalStatic::new(key(2));
        let remote = RemoteStatic::new(&local, key(1).public_key()).unwrap();
        let mut responder = Self {
            breach,
            socket,
            local,
            remote,
            newest: None,
            accepted_at: None,
            sessions: Vec::new(),
            first_from: None,
            rng: SystemEntropy::default(),
        };
        tokio::spawn(async move {
            let mut bytes = [0; 2000];
            while let Ok((len, from)) = responder.socket.recv_from(&mut bytes).await {
                responder.take(&mut bytes[..len], from).await;
            }
        });
        address
    }

    async fn take(&mut self, bytes: &mut [u8], from: SocketAddr) {
        if let [1, first, second, third, ..] = bytes {
            let is_dirty = (*first, *second, *third) != (0, 0, 0);
            if is_dirty && self.breach == Breach::Reserved && self.has_right_mac1(bytes) {
                return self.answer_anything(bytes, from).await;
            }
        }
        if bytes.len() == 149 && self.breach == Breach::Length {
            return self.answer_anything(bytes, from).await;
        }
        match Message::parse(bytes) {
            Ok(Message::Initiation(initiation)) => {
                let initiation = initiation.clone();
                self.initiation(&initiation, from).await;
            }
            Ok(Message::Response(response)) => {
                let is_valid = self.local.verify_mac1(response).is_ok();
                if is_valid && self.breach == Breach::Unasked {
                    self.answer_anything(bytes, from).await;
                }
            }
            Ok(Message::Data(_)) => self.data(bytes, from).await,
            _ => {}
        }
    }

    /// mac1 as it is over the bytes that came, whatever they are.
    fn has_right_mac1(&self, bytes: &[u8]) -> bool {
        let own = RemoteStatic::new(&LocalStatic::new(key(9)), *self.local.public_key()).unwrap();
        let mut stamped = bytes.to_vec();
        own.stamp_bytes(&mut stamped);
        stamped[..bytes.len() - 16] == bytes[..bytes.len() - 16]
    }

    /// Sends a response that does not open, to whatever says that it is from an index.
    async fn answer_anything(&mut self, bytes: &[u8], from: SocketAddr) {
        let index = Index::new(u32::from_le_bytes(bytes[4..8].try_into().unwrap()));
        let response = Response::new(Index::new(1), index);
        self.socket
            .send_to(response.as_bytes(), from)
            .await
            .unwrap();
    }

    async fn initiation(&mut self, initiation: &Initiation, from: SocketAddr) {
        if self.local.verify_mac1(initiation).is_err() {
            if self.breach == Breach::Mac1 {
                self.answer_anything(initiation.as_bytes(), from).await;
            }
            return;
        }
        if self.breach == Breach::Mac2 && initiation.mac2() != &[0; 16] {
            return;
        }
        // The first handshake is taken, the rest under load.
        if self.breach == Breach::Load && self.newest.is_some() {
            return self.send_cookie(initiation, from).await;
        }
        let Ok(received) = ReceivedInitiation::read(&self.local, initiation) else {
            if self.breach == Breach::LowOrder && initiation.ephemeral == [0; 32] {
                self.answer_anything(initiation.as_bytes(), from).await;
            }
            return;
        };
        if received.remote_static() != self.remote.public_key() {
            if self.breach == Breach::Stranger {
                self.answer_anything(initiation.as_bytes(), from).await;
            }
            return;
        }
        let newest = self.newest;
        let Ok(fresh) = received.authenticate(&self.remote, None) else {
            return;
        };
        let stamp = fresh.timestamp();
        let is_allowed = match newest {
            Some(newest) if stamp == newest => self.breach == Breach::Replay,
            Some(newest) if stamp < newest => self.breach == Breach::Older,
            _ => true,
        };
        let is_soon = self
            .accepted_at
            .is_some_and(|at| at.elapsed() < Duration::from_millis(20));
        if !is_allowed || (is_soon && self.breach != Breach::Burst) {
            return;
        }
        self.newest = newest.max(Some(stamp));
        self.accepted_at = Some(Instant::now());
        self.respond(fresh, from).await;
    }

    async fn send_cookie(&mut self, initiation: &Initiation, from: SocketAddr) {
        let (index, mac1) = (initiation.sender_index(), *initiation.mac1());
        let cookie = CookieSecret::generate(&mut self.rng).cookie(from);
        let reply = self
            .local
            .seal_cookie_reply(index, &mac1, &cookie, &mut self.rng);
        self.socket.send_to(reply.as_bytes(), from).await.unwrap();
    }

    async fn respond(&mut self, fresh: FreshInitiation, from: SocketAddr) {
        let local = match self.breach {
            Breach::SameIndex if self.sessions.len() < 2 => Index::new(7),
            _ => Index::new(self.rng.next_u32()),
        };
        let remote = fresh.sender_index();
        let made = fresh.respond(&PresharedKey::default(), local, &mut self.rng);
        let (mut response, keys) = made.unwrap();
        self.remote.stamp(&mut response, None);
        self.sessions.insert(
            0,
            Keys {
                keys,
                local,
                remote,
                counter: 0,
                seen: HashSet::new(),
                greatest: 0,
                is_used: false,
            },
        );
        self.socket
            .send_to(response.as_bytes(), from)
            .await
            .unwrap();
    }

    async fn data(&mut self, bytes: &mut [u8], from: SocketAddr) {
        let breach = self.breach;
        let Ok(DataMut { header, ciphertext }) = DataMut::parse(bytes) else {
            return;
        };
        let counter = header.counter().value();
        let index = header.receiver_index();
        let is_current = |keys: &Keys| keys.local == index;
        let Some(at) = self.sessions.iter().position(is_current) else {
            return;
        };
        let newest_used = self.sessions.iter().position(|keys| keys.is_used);
        if breach == Breach::Previous && newest_used.is_some_and(|newest| newest < at) {
            return;
        }
        let keys = &mut self.sessions[at];
        if counter >= u64::MAX - (1 << 13) && breach != Breach::Limit {
            return;
        }
        let is_old = counter + 8128 < keys.greatest && breach != Breach::Window;
        if is_old || (keys.seen.contains(&counter) && breach != Breach::DataReplay) {
            return;
        }
        if breach == Breach::Forgery {
            keys.seen.insert(counter);
        }
        if keys
            .keys
            .opening
            .open(header.counter(), ciphertext)
            .is_err()
        {
            return;
        }
        keys.seen.insert(counter);
        keys.greatest = keys.greatest.max(counter);
        keys.is_used = true;
        let packet = ciphertext[..ciphertext.len() - TAG_LEN].to_vec();
        let to = match breach {
            Breach::Roaming => *self.first_from.get_or_insert(from),
            _ => from,
        };
        if packet.is_empty() {
            if breach == Breach::Keepalive {
                self.send(&[], to).await;
            }
            return;
        }
        self.answer(&packet, to).await;
    }

    /// Answers a ping, as the host behind the endpoint does.
    async fn answer(&mut self, packet: &[u8], to: SocketAddr) {
        let Ok(packet) = IpPacket::parse(packet) else {
            return;
        };
        if let Ok(Transport::Icmpv4(message)) = packet.transport()
            && let Icmpv4Kind::EchoRequest(echo) = message.kind()
        {
            let reply = v4(HOST, US)
                .icmp_echo_reply(echo.identifier, echo.sequence)
                .payload(b"probe")
                .build();
            self.send(&reply, to).await;
        }
    }

    async fn send(&mut self, packet: &[u8], to: SocketAddr) {
        let is_used = |keys: &&mut Keys| keys.is_used;
        let keys = match self.breach {
            Breach::Confirmation => self.sessions.first_mut(),
            _ => self.sessions.iter_mut().find(is_used),
        };
        let keys = keys.unwrap();
        let counter = Counter::new(keys.counter);
        keys.counter += 1;
        let header = DataHeader::new(keys.remote, counter);
        let mut message = packet.to_vec();
        if self.breach != Breach::Padding {
            message.resize(packet.len().next_multiple_of(16), 0);
        }
        message.resize(message.len() + TAG_LEN, 0);
        keys.keys.sealing.seal(counter, &mut message);
        let datagram = [&header.as_bytes()[..DATA_HEADER_LEN], &message].concat();
        self.socket.send_to(&datagram, to).await.unwrap();
    }
}

/// Probes an endpoint that breaks a rule.
async fn probed(breach: Breach) -> Vec<Check> {
    let endpoint = Responder::start(breach).await;
    let mut options = ProbeOptions::new(endpoint, key(2).public_key(), key(1), None);
    options.inside = Some((IpAddr::from(US), HOST.into()));
    options.silence = Duration::from_millis(300);
    probe(&options, |_| {}).await.unwrap()
}

fn failures(checks: &[Check]) -> Vec<&str> {
    let failed = checks
        .iter()
        .filter(|it| matches!(it.verdict, Verdict::Fail(_)));
    failed.map(|check| check.rule).collect()
}

#[test]
fn an_endpoint_that_breaks_one_rule_fails_the_check_of_that_rule_alone() {
    let in_thread = |breach: Breach| {
        std::thread::spawn(move || {
            let runtime = Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(probed(breach))
        })
    };
    let running: Vec<_> = BREACHES
        .iter()
        .map(|(breach, words)| (breach, words, in_thread(*breach)))
        .collect();
    let mut wrong = Vec::new();
    for (breach, words, checks) in running {
        let checks = checks.join().unwrap();
        let failed = failures(&checks);
        if failed.len() != 1 || !failed[0].contains(words) {
            wrong.push(format!("{breach:?}: {failed:#?}"));
        }
    }
    assert_eq!(wrong, [""; 0]);
}

#[tokio::test]
async fn an_endpoint_under_load_breaks_no_rule() {
    let checks = probed(Breach::Load).await;
    let under_load = checks.iter().filter(|check| {
        check.verdict == Verdict::NotObservable("the endpoint is under load".to_owned())
    });
    assert!(under_load.count() >= 5, "{checks:#?}");
    // It says so itself: with cookies alone no handshake completes.
    let failed = failures(&checks);
    assert!(
        failed.iter().all(|rule| rule.contains("after all of this")),
        "{failed:#?}"
    );
}

#[tokio::test]
async fn an_endpoint_that_keeps_the_rules_passes() {
    let checks = probed(Breach::None).await;
    assert_eq!(failures(&checks), [""; 0]);
    let passed = checks.iter().filter(|it| it.verdict == Verdict::Pass);
    assert_eq!(passed.count(), 23, "{checks:#?}");
}

#[tokio::test]
async fn our_own_endpoint_keeps_every_rule() {
    let gateway = DemoGateway::start().await.unwrap();
    let config = gateway.client_config();
    let peer = &config.peers[0];
    let Some(Endpoint::Address(endpoint)) = peer.endpoint.clone() else {
        panic!("the demo's endpoint is an address");
    };
    let mut options = ProbeOptions::new(
        endpoint,
        peer.public_key,
        config.interface.private_key.clone(),
        peer.preshared_key.clone(),
    );
    options.inside = Some((config.interface.addresses[0].addr(), GATEWAY_V4.into()));
    options.silence = Duration::from_millis(300);
    options.with_long = true;
    let checks = probe(&options, |_| {}).await.unwrap();
    assert_eq!(failures(&checks), [""; 0]);
    let passed = checks.iter().filter(|it| it.verdict == Verdict::Pass);
    assert_eq!(passed.count(), 25, "{checks:#?}");
}
