//! The attacker: datagrams at a steady rate from addresses that are not its own.

use core::time::Duration;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle, sleep};

use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};
use socket2::{Domain, Protocol, Socket, Type};
use wirecraft_net::{Clock, SystemEntropy};
use wirecraft_noise_handshake::{
    LocalStatic, PrivateKey, PublicKey, RemoteStatic, Tai64N, initiate,
};
use wirecraft_tests::{Orders, answer};
use wirecraft_wire_format::{HandshakeMessage, Index};

use crate::identities::PORT;
use crate::phase::{Attack, Kind};
use crate::recorder::Recording;

/// Different initiations that are made beforehand.
const INITIATIONS: u32 = 4096;

/// How long the attacker rests between two bursts.
const REST: Duration = Duration::from_micros(500);

/// What was not sent in time is left out beyond this many datagrams.
const BURST_MAX: u64 = 2048;

/// Attacks as ordered until the conductor ends.
pub(crate) fn run() -> Result<()> {
    let mut orders = Orders::listen();
    let target = Target::from_json(&orders.first_blocking()?)?;
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
}

impl Target {
    fn from_json(value: &Value) -> Result<Self> {
        let text = |name: &str| value[name].as_str().with_context(|| name.to_owned());
        let recording = Recording::load(Path::new(text("recording")?))?;
        ensure!(
            !recording.initiations.is_empty() && !recording.data.is_empty(),
            "the recording has nothing to replay"
        );
        Ok(Self {
            key: text("key")?.parse()?,
            v4: text("v4")?.parse()?,
            v6: text("v6")?.parse()?,
            recording,
        })
    }

    /// What is sent again and again.
    fn ammunition(&self, kind: Kind) -> Vec<Vec<u8>> {
        match kind {
            Kind::BadMac1 => self.initiations(|message| message.set_mac1([7; 16])),
            Kind::ValidMac1 => self.initiations(|_| {}),
            // A cookie that has to be checked costs the receiver more than none.
            Kind::ValidMac1OverV6 => self.initiations(|message| message.set_mac2([7; 16])),
            Kind::ReplayedInitiations => self.recording.initiations.clone(),
            Kind::ReplayedData => self.recording.data.clone(),
        }
    }

    /// Whole initiations of somebody who is no peer: the receiver learns that only by computing.
    fn initiations(&self, spoil: impl Fn(&mut wirecraft_wire_format::Initiation)) -> Vec<Vec<u8>> {
        let mut entropy = SystemEntropy::default();
        let local = LocalStatic::new(PrivateKey::generate(&mut entropy));
        let remote = RemoteStatic::new(&local, self.key).expect("the receiver's key is sound");
        let timestamp = Tai64N::from_unix(Clock::new().since_unix_epoch());
        let messages = (0..INITIATIONS).map(|number| {
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
            dice: Dice(0x5eed),
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
        let source = self.dice.source(self.to.is_ipv4());
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

/// Where spoofed datagrams pretend to come from (SplitMix64).
struct Dice(u64);

impl Dice {
    fn roll(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ self.0 >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ mixed >> 31
    }

    /// An address in 100.64.0.0/10 or fd64::/16, and a port.
    #[expect(
        clippy::cast_possible_truncation,
        reason = "some of the bits are enough"
    )]
    fn source(&mut self, is_v4: bool) -> SocketAddr {
        let roll = self.roll();
        let port = 1024 + (roll >> 48) as u16 % 64_000;
        let address = if is_v4 {
            Ipv4Addr::from_bits(Ipv4Addr::new(100, 64, 0, 0).to_bits() | roll as u32 >> 10).into()
        } else {
            Ipv6Addr::from_bits(0xfd64 << 112 | u128::from(roll) << 32 | 1).into()
        };
        SocketAddr::new(address, port)
    }
}
