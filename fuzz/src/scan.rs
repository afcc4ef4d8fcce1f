//! What a scan takes in: the text of its targets, and answers to its probes.

use core::net::IpAddr;
use core::time::Duration;
use std::collections::BTreeMap;

use chacha20::ChaCha8Rng;
use rand_core::SeedableRng;
use wirecraft_ip_packets::{IpPacket, TcpFlags, ip, v4, v6};
use wirecraft_scan::{
    AddressRange, PROBE_MAX_LEN, Polled, PortState, Scan, ScanConfig, Target, TargetError, Targets,
};
use wirecraft_time::Instant;

use crate::checksums::{residue, upper_residue};
use crate::input::Input;

/// Words are ranges, `!` before one leaves it out, `:` before one makes it a port.
///
/// Ranges are what a plain reader takes them for; numbers and targets belong together.
pub fn scan_targets(input: &[u8]) {
    let text = String::from_utf8_lossy(input);
    let (mut ranges, mut holes, mut ports) = (Vec::new(), Vec::new(), Vec::new());
    for word in text.split(' ').take(64) {
        if let Some(port) = word.strip_prefix(':') {
            ports.extend(port.parse::<u16>());
        } else if let Some(hole) = word.strip_prefix('!') {
            holes.extend(read_range(hole));
        } else {
            ranges.extend(read_range(word));
        }
    }
    let only = |ranges: &[(AddressRange, Bounds)]| -> Vec<AddressRange> {
        ranges.iter().map(|(range, _)| *range).collect()
    };
    match Targets::new(only(&ranges), only(&holes), ports.clone()) {
        Ok(targets) => {
            for index in sampled(targets.len()) {
                let target = targets
                    .get(index)
                    .expect("the number is less than the length");
                assert_eq!(targets.index_of(target), Some(index));
                let is_in = |list: &[(AddressRange, Bounds)]| {
                    list.iter()
                        .any(|(_, bounds)| bounds.contains(target.address))
                };
                assert!(is_in(&ranges) && !is_in(&holes), "{target}");
                assert!(ports.contains(&target.port));
            }
            assert_eq!(targets.get(targets.len()), None);
        }
        Err(TargetError::Empty) => check_empty(&ranges, &holes, &ports),
        Err(error) => assert_eq!(error, TargetError::TooMany),
    }
}

fn check_empty(ranges: &[(AddressRange, Bounds)], holes: &[(AddressRange, Bounds)], ports: &[u16]) {
    let is_left_out = |address: IpAddr| holes.iter().any(|(_, bounds)| bounds.contains(address));
    let ends = ranges
        .iter()
        .flat_map(|(_, bounds)| [bounds.first, bounds.last]);
    assert!(ports.is_empty() || ends.into_iter().all(is_left_out));
}

/// The ends of a range of numbers, and some between.
fn sampled(len: u128) -> impl Iterator<Item = u128> {
    let steps = (0..16_u128).map(move |step| len / 16 * step + step % len.min(16));
    [0, len - 1]
        .into_iter()
        .chain(steps)
        .filter(move |index| *index < len)
}

/// A range as plain addresses.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Bounds {
    first: IpAddr,
    last: IpAddr,
}

impl Bounds {
    fn contains(&self, address: IpAddr) -> bool {
        address.is_ipv4() == self.first.is_ipv4() && self.first <= address && address <= self.last
    }

    /// Reads a range the plain way.
    fn read(text: &str) -> Option<Self> {
        if let Some((_, prefix_len)) = text.split_once('/') {
            let is_number = prefix_len.bytes().all(|byte| byte.is_ascii_digit());
            let (address, _) = text.split_once('/')?;
            let prefix_len = prefix_len.parse().ok().filter(|_| is_number)?;
            let net = ipnet::IpNet::new(address.parse().ok()?, prefix_len).ok()?;
            return Some(Self {
                first: net.network(),
                last: net.broadcast(),
            });
        }
        let (first, last) = text.split_once('-').unwrap_or((text, text));
        let (first, last): (IpAddr, IpAddr) = (first.parse().ok()?, last.parse().ok()?);
        (first.is_ipv4() == last.is_ipv4() && first <= last).then_some(Self { first, last })
    }
}

fn read_range(text: &str) -> Option<(AddressRange, Bounds)> {
    let (range, bounds) = (text.parse::<AddressRange>(), Bounds::read(text));
    assert_eq!(range.is_ok(), bounds.is_some(), "{text:?}: {range:?}");
    let (range, bounds) = (range.ok()?, bounds?);
    assert_eq!(AddressRange::new(bounds.first, bounds.last), Ok(range));
    Some((range, bounds))
}

/// A scan of a few targets, the probes it sent, and what a plain model thinks was found.
struct Scanned {
    scan: Scan,
    now: Instant,
    probes: Vec<(Target, Vec<u8>)>,
    found: BTreeMap<Target, PortState>,
}

/// Answers to probes are findings, of targets alone, and each target is found once.
///
/// What a probe's sequence number is depends on the seed, so a fuzzer may guess it.
pub fn scan_answers(input: &[u8]) {
    let mut input = Input::new(input);
    let mut scanned = Scanned::new();
    while !input.is_empty() {
        match input.choice(6) {
            0 => scanned.now = scanned.now + Duration::from_millis(u64::from(input.word())),
            1 => scanned.poll(),
            2 => {
                let len = usize::from(input.byte());
                scanned.receive(input.bytes(len), None);
            }
            _ => scanned.answer(&mut input),
        }
    }
    scanned.check();
}

impl Scanned {
    fn new() -> Self {
        let range = |text: &str| text.parse::<AddressRange>().expect("a range");
        let ranges = [range("10.0.0.0/30"), range("fd00::/127")];
        let targets = Targets::new(ranges, [], [80, 443]).expect("twelve targets");
        let sources = [IpAddr::from([10, 9, 9, 9]), IpAddr::from([9_u8; 16])];
        let config = ScanConfig::new(targets, &sources);
        let mut rng = ChaCha8Rng::seed_from_u64(1);
        Self {
            scan: Scan::new(config, &mut rng).expect("both versions have a source"),
            now: Instant::from_origin(Duration::from_secs(1)),
            probes: Vec::new(),
            found: BTreeMap::new(),
        }
    }

    /// Takes one packet that the scan wants to send.
    fn poll(&mut self) {
        let mut buffer = [0; PROBE_MAX_LEN];
        let (len, target) = match self.scan.poll_probe(self.now, &mut buffer) {
            Ok(Polled::Probe { target, len }) => {
                self.probes.push((target, buffer[..len].to_vec()));
                (len, target)
            }
            Ok(Polled::Reset { target, len }) => (len, target),
            Ok(Polled::Finished) => return assert!(self.scan.is_finished()),
            Ok(Polled::Wait) => {
                let wake = self.scan.poll_timeout();
                return assert!(wake.is_some_and(|at| at > self.now), "it waits for nothing");
            }
            Err(error) => panic!("{error}"),
        };
        let packet = IpPacket::parse(&buffer[..len]).expect("a probe is a packet");
        assert_eq!(packet.as_bytes().len(), len);
        assert_eq!(packet.destination(), target.address);
        assert_eq!(upper_residue(&packet), Some(0));
        if let IpPacket::V4(packet) = &packet {
            assert_eq!(residue(&packet.as_bytes()[..20]), 0);
        }
    }

    /// Answers a probe as its target or a router does, perhaps with changes.
    fn answer(&mut self, input: &mut Input<'_>) {
        let Some((target, probe)) = self.probes.get(usize::from(input.byte())) else {
            return;
        };
        let (mut answer, state) = answer_to(probe, input.choice(4));
        let genuine = answer.clone();
        input.edit(&mut answer, 4);
        let state = (answer == genuine).then_some((*target, state));
        self.receive(&answer, state);
    }

    /// Hands a packet to the scan; `genuine` is what it must find if it was not found before.
    fn receive(&mut self, packet: &[u8], genuine: Option<(Target, PortState)>) {
        let finding = self.scan.receive(self.now, packet);
        match (finding, genuine) {
            (Some(finding), genuine) => {
                let known = self.found.insert(finding.target, finding.state);
                assert_eq!(known, None, "each target is found once");
                if let Some(genuine) = genuine {
                    assert_eq!((finding.target, finding.state), genuine);
                }
            }
            (None, Some((target, _))) => {
                assert!(
                    self.found.contains_key(&target),
                    "an answer of {target} is lost"
                );
            }
            (None, None) => {}
        }
    }

    fn check(&self) {
        let counts = self.scan.counts();
        assert_eq!(counts.answered, self.found.len() as u128);
        let mut found_count = 0;
        for (target, state) in self.scan.findings() {
            assert_eq!(state, self.found.get(&target).copied());
            found_count += usize::from(state.is_some());
        }
        assert_eq!(found_count, self.found.len(), "only targets are found");
        let is_idle = self.scan.poll_timeout().is_none();
        assert_eq!(is_idle, self.scan.is_finished());
    }
}

/// An answer to a probe, and the state of the port that it shows.
fn answer_to(probe: &[u8], kind: u8) -> (Vec<u8>, PortState) {
    let packet = IpPacket::parse(probe).expect("a probe is a packet");
    let segment = packet.tcp().expect("a probe is TCP");
    let back = ip(packet.destination(), packet.source()).expect("one version");
    let reply = back
        .tcp(segment.destination_port(), segment.source_port())
        .seq(77)
        .ack(segment.seq().wrapping_add(1));
    match (kind, &packet) {
        (0, _) => (reply.syn().mss(1200).build(), PortState::Open),
        (1, _) => (
            reply.flags(TcpFlags::RST.with(TcpFlags::ACK)).build(),
            PortState::Closed,
        ),
        (_, IpPacket::V4(packet)) => {
            let router = v4([10, 8, 8, 8].into(), packet.source());
            (
                router.icmp_time_exceeded(probe).build(),
                PortState::Unreachable,
            )
        }
        (_, IpPacket::V6(packet)) => {
            let router = v6([8; 16].into(), packet.source());
            (
                router.icmp_time_exceeded(probe).build(),
                PortState::Unreachable,
            )
        }
    }
}
