//! The attacker: datagrams at a steady rate from addresses that are not its own.

use core::time::Duration;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle, sleep};

use anyhow::{Context as _, Result, ensure};
use chacha20::ChaCha8Rng;
use chacha20::rand_core::{Rng, SeedableRng};
use serde_json::{Value, json};
use socket2::{Domain, Protocol, Socket, Type};
use wirecraft_net::{Clock, SystemEntropy};
use wirecraft_noise_handshake::{
    LocalStatic, PrivateKey, PublicKey, RemoteStatic, Tai64N, initiate,
};
use wirecraft_tests::{Orders, answer};
use wirecraft_wire_format::{HandshakeMessage, Index, Initiation};

use crate::identities::PORT;
use crate::phase::{Attack, Kind};
use crate::recorder::Recording;

/// Different initiations that are made beforehand.
const INITIATIONS: u32 = 4096;

/// The time from one settler to the next.
const SETTLING_PACE: Duration = Duration::from_millis(5);

/// How long the attacker rests between two bursts.
const REST: Duration = Duration::from_micros(500);

/// What was not sent in time is left out beyond this many datagrams.
const BURST_MAX: u64 = 2048;

/// Attacks as ordered until the conductor ends.
pub(crate) fn run() -> Result<()> {
    let mut orders = Orders::listen();
    let target = Target::from_json(&orders.first_blocking()?)?;
    target.settle()?;
    answer(&json!({"ready": true}));
    let mut running: Vec<Running> = Vec::new();
    while let Some(order) = orders.next_blocking() {
        if let Some(attacks) = order["attacks"].as_array() {
            for attack in attacks {
                running.push(Running::start(Attack::from_json(attack)?, &target)?);
            }
            answer(&json!({"started": running.len()}));
        } else {
            let sent: Result<Vec<f64>> = running.drain(..).map(Running::stop).collect();
            answer(&json!({"per_second": sent?}));
        }
    }
    Ok(())
}

/// Whom the attack is for, and what was recorded of those it listens to.
struct Target {
    key: PublicKey,
    v4: Ipv4Addr,
    v6: Ipv6Addr,
    recording: Recording,
    /// The keys of peers, for each of which the attacker was at an address of its own once.
    settlers: Vec<PrivateKey>,
}

impl Target {
    fn from_json(value: &Value) -> Result<Self> {
        let text = |name: &str| value[name].as_str().with_context(|| name.to_owned());
        let recording = Recording::load(Path::new(text("recording")?))?;
        ensure!(
            !recording.initiations.is_empty() && !recording.data.is_empty(),
            "the recording has nothing to replay"
        );
        let settlers = value["settlers"].as_array().context("settlers")?;
        let key = |key: &Value| Ok(key.as_str().context("a key is a string")?.parse()?);
        Ok(Self {
            settlers: settlers.iter().map(key).collect::<Result<_>>()?,
            key: text("key")?.parse()?,
            v4: text("v4")?.parse()?,
            v6: text("v6")?.parse()?,
            recording,
        })
    }

    /// Has the receiver hear each settler at an address of its own, slowly enough to cause no load.
    fn settle(&self) -> Result<()> {
        let mut gun = Gun::new(Kind::ValidMac1FromPeers, self)?;
        for (number, key) in self.settlers.iter().enumerate() {
            gun.ammunition = self.initiations_of(key.clone(), 1, |_| {});
            gun.shoot(number as u64)?;
            sleep(SETTLING_PACE);
        }
        Ok(())
    }

    /// What is sent again and again.
    fn ammunition(&self, kind: Kind) -> Vec<Vec<u8>> {
        match kind {
            Kind::BadMac1 => self.initiations(|message| message.set_mac1([7; 16])),
            Kind::ValidMac1 | Kind::ValidMac1FromPeers => self.initiations(|_| {}),
            // A cookie that has to be checked costs the receiver more than none.
            Kind::ValidMac1OverV6 => self.initiations(|message| message.set_mac2([7; 16])),
            Kind::ReplayedInitiations => self.recording.initiations.clone(),
            Kind::ReplayedData => self.recording.data.clone(),
        }
    }

    /// Whole initiations of somebody who is no peer: the receiver learns that only by computing.
    fn initiations(&self, spoil: impl Fn(&mut Initiation)) -> Vec<Vec<u8>> {
        let stranger = PrivateKey::generate(&mut SystemEntropy::default());
        self.initiations_of(stranger, INITIATIONS, spoil)
    }

    fn initiations_of(
        &self,
        key: PrivateKey,
        count: u32,
        spoil: impl Fn(&mut Initiation),
    ) -> Vec<Vec<u8>> {
        let mut entropy = SystemEntropy::default();
        let local = LocalStatic::new(key);
        let remote = RemoteStatic::new(&local, self.key).expect("the receiver's key is sound");
        let timestamp = Tai64N::from_unix(Clock::new().since_unix_epoch());
        let messages = (0..count).map(|number| {
            let index = Index::new(number);
            let made = initiate(&local, &remote, timestamp, index, &mut entropy);
            let (mut message, _) = made.expect("the receiver's key is sound");
            remote.stamp(&mut message, None);
            spoil(&mut message);
            message.as_bytes().to_vec()
        });
        messages.collect()
    }
}

/// An attack that goes on until it is stopped.
struct Running {
    stop: Arc<AtomicBool>,
    thread: JoinHandle<Result<f64>>,
}

impl Running {
    fn start(attack: Attack, target: &Target) -> Result<Self> {
        let gun = Gun::new(attack.kind, target)?;
        let stop = Arc::new(AtomicBool::new(false));
        let seen = Arc::clone(&stop);
        let thread = thread::spawn(move || gun.fire(attack.per_second, &seen));
        Ok(Self { stop, thread })
    }

    /// Answers how many datagrams a second were sent.
    fn stop(self) -> Result<f64> {
        self.stop.store(true, Ordering::Relaxed);
        match self.thread.join() {
            Ok(sent) => sent,
            Err(panic) => std::panic::resume_unwind(panic),
        }
    }
}

struct Gun {
    socket: Socket,
    to: SocketAddr,
    ammunition: Vec<Vec<u8>>,
    packet: Vec<u8>,
    dice: Dice,
    /// How many settlers it pretends to be, if not anybody.
    sources: Option<u64>,
}

impl Gun {
    fn new(kind: Kind, target: &Target) -> Result<Self> {
        let to: IpAddr = match kind {
            Kind::ValidMac1OverV6 => target.v6.into(),
            _ => target.v4.into(),
        };
        let domain = if to.is_ipv4() {
            Domain::IPV4
        } else {
            Domain::IPV6
        };
        // IPPROTO_RAW: the caller writes the IP header, and so chooses the source.
        let socket = Socket::new(domain, Type::RAW, Some(Protocol::from(255)))
            .context("a raw socket to attack from")?;
        Ok(Self {
            socket,
            to: SocketAddr::new(to, 0),
            ammunition: target.ammunition(kind),
            packet: vec![0; 1 << 16],
            dice: Dice::new(),
            sources: (kind == Kind::ValidMac1FromPeers).then_some(target.settlers.len() as u64),
        })
    }

    fn fire(mut self, per_second: f64, stop: &AtomicBool) -> Result<f64> {
        let clock = Clock::new();
        let began_at = clock.now();
        let (mut due_before, mut sent) = (0.0, 0u64);
        let mut left_out = 0.0;
        let mut elapsed = 0.0;
        while !stop.load(Ordering::Relaxed) {
            elapsed = clock.now().since(began_at).as_secs_f64();
            let due = elapsed * per_second - left_out;
            if due - due_before > BURST_MAX as f64 {
                left_out += due - due_before - BURST_MAX as f64;
            }
            while (sent as f64) < elapsed * per_second - left_out {
                self.shoot(sent)?;
                sent += 1;
            }
            due_before = elapsed * per_second - left_out;
            sleep(REST);
        }
        Ok(sent as f64 / elapsed)
    }

    fn shoot(&mut self, number: u64) -> Result<()> {
        let source = match self.sources {
            Some(count) => settlement(number % count),
            None => self.dice.source(self.to.is_ipv4()),
        };
        let position = usize::try_from(number % self.ammunition.len() as u64)?;
        let datagram = &self.ammunition[position];
        let builder = wirecraft_ip_packets::ip(source.ip(), self.to.ip())?
            .udp(source.port(), PORT)
            .payload(datagram);
        let len = builder.write(&mut self.packet)?;
        self.socket
            .send_to(&self.packet[..len], &self.to.into())
            .context("sending a spoofed datagram")?;
        Ok(())
    }
}

/// The address of a settler, in the range that spoofed datagrams come from.
fn settlement(number: u64) -> SocketAddr {
    let [.., high, low] = number.to_be_bytes();
    SocketAddr::new(Ipv4Addr::new(100, 127, high, low).into(), PORT)
}

/// Where spoofed datagrams pretend to come from.
struct Dice(ChaCha8Rng);

impl Dice {
    fn new() -> Self {
        Self(ChaCha8Rng::seed_from_u64(0x5eed))
    }

    /// An address in 100.64.0.0/10 or fd64::/16, and a port.
    #[expect(
        clippy::cast_possible_truncation,
        reason = "some of the bits are enough"
    )]
    fn source(&mut self, is_v4: bool) -> SocketAddr {
        let roll = self.0.next_u64();
        let port = 1024 + (roll >> 48) as u16 % 64_000;
        let address = if is_v4 {
            Ipv4Addr::from_bits(Ipv4Addr::new(100, 64, 0, 0).to_bits() | roll as u32 >> 10).into()
        } else {
            Ipv6Addr::from_bits(0xfd64 << 112 | u128::from(roll) << 32 | 1).into()
        };
        SocketAddr::new(address, port)
    }
}
