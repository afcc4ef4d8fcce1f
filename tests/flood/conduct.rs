//! The conductor: starts the parts, goes through the phases and judges what came of them.

use core::time::Duration;
use std::net::{IpAddr, SocketAddr};
use std::thread::sleep;

use anyhow::{Context as _, Result, bail, ensure};
use serde_json::{Value, json};
use wirecraft_net::Clock;
use wirecraft_tests::{Figures, Part, Target};

use crate::identities::{FLOW_PEER, Identities, PORT};
use crate::phase::{self, Phase};

/// How many peers that were heard before, and how many that were not, shake hands in a phase.
const HANDSHAKES_PER_PHASE: usize = 3;

/// Peers that the attacker is, each at an address of its own: endpoints that it can pretend to be at.
const SETTLERS: usize = 200;

/// How long what is on the way may take to arrive after a phase.
const SETTLE: Duration = Duration::from_millis(400);

/// How long genuine traffic is recorded before.
const RECORDING: Duration = Duration::from_secs(3);

/// Counters of datagrams that were refused, or answered by a cookie alone.
const REFUSALS: [&str; 15] = [
    "malformed",
    "no_private_key",
    "invalid_mac1",
    "cookie_required",
    "rate_limited",
    "lane_full",
    "unknown_index",
    "unknown_peer",
    "initiation_too_soon",
    "replayed_initiation",
    "invalid_handshake",
    "invalid_cookie_reply",
    "keypair_expired",
    "invalid_tag",
    "replayed",
];

const MIB: f64 = 1024.0 * 1024.0;

/// Where everybody is, and how thorough to be.
struct Options {
    receiver_host: String,
    peers_host: String,
    attacker_host: String,
    /// The receiver's address for its peers.
    endpoint: IpAddr,
    /// The receiver's addresses for the attacker.
    v4: IpAddr,
    v6: IpAddr,
    /// A file to record into.
    recording: String,
    phase: Duration,
    only: String,
}

impl Options {
    /// Reads the words after `conduct`: hosts, addresses, file, seconds a phase, and what has to
    /// be in the name of a phase.
    fn parse(words: &[String]) -> Result<Self> {
        let [
            receiver_host,
            peers_host,
            attacker_host,
            endpoint,
            v4,
            v6,
            recording,
            seconds,
            only,
        ] = words
        else {
            bail!("conduct RECEIVER PEERS ATTACKER ENDPOINT V4 V6 FILE SECONDS ONLY");
        };
        Ok(Self {
            receiver_host: receiver_host.clone(),
            peers_host: peers_host.clone(),
            attacker_host: attacker_host.clone(),
            endpoint: endpoint.parse()?,
            v4: v4.parse()?,
            v6: v6.parse()?,
            recording: recording.clone(),
            phase: Duration::from_secs_f64(seconds.parse()?),
            only: only.clone(),
        })
    }
}

/// Runs all phases and prints what was measured; answers whether every target was met.
pub(crate) fn run(arguments: &[String]) -> Result<bool> {
    let options = Options::parse(arguments)?;
    let mut phases = phase::all();
    phases.retain(|phase| phase.attacks.is_empty() || phase.name.contains(&options.only));
    let mut stage = Stage::set(&options, phases.len())?;
    let mut figures = Figures::default();
    let mut baseline = None;
    for (number, phase) in phases.iter().enumerate() {
        eprintln!("{} ..", phase.name);
        let seen = stage.go_through(number, phase, options.phase)?;
        seen.judge(phase, baseline.unwrap_or(0.0), &mut figures)?;
        baseline.get_or_insert_with(|| seen.cpu_share());
    }
    print!("{figures}");
    Ok(figures.all_met())
}

/// The parts, all of them running.
struct Stage {
    receiver: Part,
    peers: Part,
    attacker: Part,
    phases: usize,
}

impl Stage {
    fn set(options: &Options, phases: usize) -> Result<Self> {
        let honest = 1 + 2 * HANDSHAKES_PER_PHASE * phases;
        let endpoint = SocketAddr::new(options.endpoint, PORT);
        let identities = Identities::draw(honest + SETTLERS, endpoint);
        let settlers = identities.keys_from(honest);
        let key = identities.receiver.public_key().to_string();
        let cast = identities.to_json();
        let mut receiver = Part::start(Some(&options.receiver_host), "receiver", &[])?;
        receiver.ask(&cast)?;
        let seconds = RECORDING.as_secs_f64().to_string();
        let words = [options.recording.as_str(), &seconds];
        let mut recorder = Part::start(Some(&options.receiver_host), "recorder", &words)?;
        let mut peers = Part::start(Some(&options.peers_host), "peers", &[])?;
        peers.ask(&cast)?;
        peers.ask(&json!({"flow": 0}))?;
        peers.ask(&json!({"handshakes": known(0, phases)}))?;
        let recorded = recorder.hear()?;
        eprintln!("recorded {recorded}");
        let mut attacker = Part::start(Some(&options.attacker_host), "attacker", &[])?;
        let target = json!({"key": key, "v4": options.v4.to_string(),
            "v6": options.v6.to_string(), "recording": options.recording, "settlers": settlers});
        attacker.ask(&target)?;
        let heard = number_in(&receiver.ask(&json!({}))?["counters"]["initiations_received"])?;
        ensure!(heard >= SETTLERS as f64, "settlers were not heard");
        Ok(Self {
            receiver,
            peers,
            attacker,
            phases,
        })
    }

    fn go_through(&mut self, number: usize, phase: &Phase, time: Duration) -> Result<Seen> {
        let label = number + 1;
        let attacks: Vec<Value> = phase.attacks.iter().map(|it| it.to_json()).collect();
        self.attacker.ask(&json!({ "attacks": attacks }))?;
        sleep(SETTLE);
        let clock = Clock::new();
        let began_at = clock.now();
        let before = self.receiver.ask(&json!({}))?;
        self.peers.ask(&json!({"flow": label}))?;
        let mut who = known(number, 1);
        who.extend(strangers(number, self.phases));
        self.peers.tell(&json!({ "handshakes": who }))?;
        sleep(time);
        let handshakes = self.peers.hear()?;
        sleep(time.saturating_sub(clock.now().since(began_at)));
        let sent = self.peers.ask(&json!({"flow": 0}))?;
        let after = self.receiver.ask(&json!({}))?;
        let attacked = self.attacker.ask(&json!({"stop": true}))?;
        sleep(SETTLE);
        let settled = self.receiver.ask(&json!({}))?;
        Ok(Seen {
            sent: number_in(&sent["sent"][label])?,
            sent_len: number_in(&sent["sent_len"][label])?,
            delivered: number_in(&settled["delivered"][label])?,
            duplicates: number_in(&settled["duplicates"])?,
            attacked: attacked["per_second"]
                .as_array()
                .map(|rates| rates.iter().filter_map(Value::as_f64).collect())
                .unwrap_or_default(),
            before,
            after,
            handshakes,
        })
    }
}

/// Peers that shake hands before anything else, so that the receiver knows their endpoints.
fn known(first_phase: usize, phases: usize) -> Vec<usize> {
    let from = FLOW_PEER + 1 + HANDSHAKES_PER_PHASE * first_phase;
    (from..from + HANDSHAKES_PER_PHASE * phases).collect()
}

/// Peers that the receiver never heard of before a phase.
fn strangers(phase: usize, phases: usize) -> Vec<usize> {
    known(phases + phase, 1)
}

/// What was seen in a phase.
struct Seen {
    sent: f64,
    /// Bytes of inner packets.
    sent_len: f64,
    delivered: f64,
    duplicates: f64,
    /// Datagrams a second of each attack.
    attacked: Vec<f64>,
    /// The receiver's reports.
    before: Value,
    after: Value,
    handshakes: Value,
}

impl Seen {
    fn difference(&self, of: impl Fn(&Value) -> Option<f64>) -> f64 {
        let values = of(&self.after).zip(of(&self.before));
        values.map_or(f64::NAN, |(after, before)| after - before)
    }

    fn seconds(&self) -> f64 {
        self.difference(|report| report["at"].as_f64())
    }

    /// Processor time of the receiver, as a share of one core.
    fn cpu_share(&self) -> f64 {
        self.difference(|report| report["cpu"].as_f64()) / self.seconds()
    }

    /// How often a second the receiver counted one of these.
    fn rate(&self, names: &[&str]) -> f64 {
        let rate = |name: &&str| self.difference(|report| report["counters"][name].as_f64());
        names.iter().map(rate).sum::<f64>() / self.seconds()
    }

    /// The longest of some of the handshakes, in seconds.
    fn longest_handshake(&self, of: core::ops::Range<usize>) -> f64 {
        let times = self.handshakes["seconds"].as_array();
        let times = times.and_then(|times| times.get(of)).unwrap_or_default();
        let seconds = times
            .iter()
            .map(|time| time.as_f64().unwrap_or(f64::INFINITY));
        seconds.fold(0.0, f64::max)
    }

    fn judge(&self, phase: &Phase, baseline: f64, figures: &mut Figures) -> Result<()> {
        let mut add = |figure: &str, target, value| {
            figures.add(format!("{}: {figure}", phase.name), target, value);
        };
        self.judge_attack(phase, &mut add);
        self.judge_flow(&mut add);
        let core = self.cpu_share() * 100.0;
        add("receiver in all, % of a core", Target::None, core);
        if !phase.attacks.is_empty() {
            // What an attack costs is judged, not what the flow does that it is beside.
            let more = core - baseline * 100.0;
            add(
                "for the attack alone, % of a core",
                Target::AtMost(25.0),
                more,
            );
        }
        let resident = self.before["resident"].as_f64().context("memory")?;
        let grown = (self.after["peak"].as_f64().context("memory")? - resident) / MIB;
        add("more memory at the peak, MiB", Target::AtMost(8.0), grown);
        self.judge_handshakes(phase, &mut add);
        Ok(())
    }

    /// An attack that did not reach its strength proves nothing, nor does one that did not arrive.
    fn judge_attack(&self, phase: &Phase, add: &mut impl FnMut(&str, Target, f64)) {
        for (attack, rate) in phase.attacks.iter().zip(&self.attacked) {
            add("sent, /s", Target::AtLeast(attack.per_second * 0.95), *rate);
        }
        if !phase.attacks.is_empty() {
            let sent: f64 = self.attacked.iter().sum();
            let arrived = Target::AtLeast((sent * 0.95).round());
            add("refused, /s", arrived, self.rate(&REFUSALS));
        }
    }

    fn judge_flow(&self, add: &mut impl FnMut(&str, Target, f64)) {
        let offered = self.sent_len * 8.0 / self.seconds() / 1e6;
        add("flow offered, Mbit/s", Target::AtLeast(29.0), offered);
        let delivered = self.delivered / self.sent * 100.0;
        add("flow delivered, %", Target::AtLeast(99.0), delivered);
        let twice = self.duplicates;
        add("delivered twice, packets", Target::AtMost(0.0), twice);
    }

    fn judge_handshakes(&self, phase: &Phase, add: &mut impl FnMut(&str, Target, f64)) {
        let unproven = ["unknown_peer", "invalid_handshake", "replayed_initiation"];
        let for_nobody = self.rate(&unproven);
        let most = Target::AtMost(1000.0);
        add("Diffie-Hellman for nobody, /s", most, for_nobody);
        let replies = self.rate(&["cookie_replies_sent"]);
        add("cookie replies, /s", Target::None, replies);
        let known = self.longest_handshake(0..HANDSHAKES_PER_PHASE);
        let within = Target::AtMost(phase.known_within());
        add("handshake of a known endpoint, s", within, known);
        let new = self.longest_handshake(HANDSHAKES_PER_PHASE..2 * HANDSHAKES_PER_PHASE);
        add("handshake of a new endpoint, s", Target::AtMost(6.0), new);
    }
}

fn number_in(value: &Value) -> Result<f64> {
    value.as_f64().context("a number")
}
