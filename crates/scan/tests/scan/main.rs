//! Scans against a network made up on the spot.

#![cfg(test)]

mod answers;
mod course;
mod methods;
mod resume;

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::net::IpAddr;
use std::time::Duration;

use rand_core::{TryCryptoRng, TryRng};
use wirecraft_ip_packets::{
    BuildError, Icmpv4Unreachable, Icmpv6Unreachable, IpPacket, IpPacketMut, IpVersion, TcpFlags,
    v4, v6,
};
use wirecraft_scan::{
    Checkpoint, Finding, Method, PROBE_MAX_LEN, Polled, PortState, ProbeShape, Reason, Scan,
    ScanConfig, ScanError, Shard, SynAck, Target, Targets,
};
use wirecraft_time::Instant;

const US_V4: [u8; 4] = [10, 9, 9, 9];
const START: Instant = Instant::ORIGIN;

/// Not random at all: the same keys in every run.
struct FixedRng(u64);

impl TryRng for FixedRng {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        self.try_next_u64()
            .map(|word| u32::try_from(word >> 32).unwrap())
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        Ok(self.0)
    }

    fn try_fill_bytes(&mut self, dst: &mut [u8]) -> Result<(), Infallible> {
        for chunk in dst.chunks_mut(8) {
            let word = self.try_next_u64()?.to_le_bytes();
            chunk.copy_from_slice(&word[..chunk.len()]);
        }
        Ok(())
    }
}

impl TryCryptoRng for FixedRng {}

fn config(targets: &[&str], ports: &[u16]) -> ScanConfig {
    let ranges = targets.iter().map(|text| text.parse().unwrap());
    let targets = Targets::new(ranges, [], ports.iter().copied()).unwrap();
    ScanConfig::new(targets, &[US_V4.into(), us_v6()])
}

fn us_v6() -> IpAddr {
    "fd00::9".parse().unwrap()
}

fn scan(config: ScanConfig) -> Scan {
    Scan::new(config, &mut FixedRng(7)).unwrap()
}

fn one_target() -> Scan {
    scan(config(&["10.0.0.1"], &[80]))
}

/// Sends what is to be sent now.
fn flush(scan: &mut Scan, now: Instant) -> Vec<Vec<u8>> {
    let mut sent = Vec::new();
    let mut buf = [0; PROBE_MAX_LEN];
    while let Polled::Probe { len, .. } | Polled::Reset { len, .. } =
        scan.poll_probe(now, &mut buf).unwrap()
    {
        sent.push(buf[..len].to_vec());
    }
    sent
}

/// Answers a SYN as a TCP does that has the port open, or that has not.
fn answer(probe: &[u8], is_open: bool) -> Vec<u8> {
    let probe = IpPacket::parse(probe).unwrap();
    let syn = probe.tcp().unwrap();
    let answer = wirecraft_ip_packets::ip(probe.destination(), probe.source())
        .unwrap()
        .tcp(syn.destination_port(), syn.source_port())
        .ack(syn.seq().wrapping_add(1));
    if is_open {
        answer.seq(99).syn().mss(1460).window(1000).build()
    } else {
        answer.rst().build()
    }
}

/// Runs a scan to its end; `network` returns what answers a packet. Returns the findings.
fn run(scan: &mut Scan, mut network: impl FnMut(&[u8]) -> Option<Vec<u8>>) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut now = START;
    for _ in 0..1_000_000 {
        for packet in flush(scan, now) {
            let reply = network(&packet);
            findings.extend(reply.and_then(|reply| scan.receive(now, &reply)));
        }
        match scan.poll_timeout() {
            Some(at) => now = now.max(at),
            None => return findings,
        }
    }
    panic!("the scan never ends");
}

fn is_syn(packet: &[u8]) -> bool {
    IpPacket::parse(packet).unwrap().tcp().unwrap().flags() == TcpFlags::SYN
}

fn destination(packet: &[u8]) -> Target {
    let packet = IpPacket::parse(packet).unwrap();
    Target {
        address: packet.destination(),
        port: packet.tcp().unwrap().destination_port(),
    }
}

#[test]
fn every_target_is_probed_and_found_as_it_is() {
    let mut scan = scan(config(&["10.0.0.0/28", "fd00::/124"], &[22, 80, 443]));
    let state = |target: Target| match target.port {
        22 => Some(PortState::Open),
        80 => Some(PortState::Closed),
        _ => None,
    };
    let mut probes = BTreeMap::new();
    let findings = run(&mut scan, |packet| {
        let target = destination(packet);
        is_syn(packet).then(|| *probes.entry(target).or_insert(0) += 1)?;
        state(target).map(|state| answer(packet, state == PortState::Open))
    });
    assert_eq!(probes.len(), 96);
    // Silent ports are probed twice, others once.
    assert!(
        probes
            .iter()
            .all(|(target, count)| *count == if target.port == 443 { 2 } else { 1 })
    );
    assert_eq!(findings.len(), 64);
    assert!(
        findings
            .iter()
            .all(|finding| Some(finding.state) == state(finding.target))
    );
    assert!(
        scan.findings()
            .all(|(target, found)| found == state(target))
    );
    assert_eq!(scan.findings().count(), 96);
    assert!(scan.is_finished());
    let counts = scan.counts();
    assert_eq!(
        (counts.probes, counts.resets, counts.answered),
        (128, 32, 64)
    );
}

#[test]
fn a_probe_is_a_valid_syn_of_another_port_and_number_in_every_pass() {
    let mut scan = one_target();
    let mut seen = Vec::new();
    run(&mut scan, |packet| {
        let packet = IpPacket::parse(packet).unwrap();
        let syn = packet.tcp().unwrap();
        assert!(syn.checksum_is_valid(&packet.pseudo_header()));
        assert_eq!(packet.source(), IpAddr::from(US_V4));
        assert_eq!(
            (syn.flags(), syn.mss(), packet.hop_limit()),
            (TcpFlags::SYN, Some(1380), 64)
        );
        assert!((32_768..=60_999).contains(&syn.source_port()));
        seen.push((syn.source_port(), syn.seq()));
        None
    });
    assert_eq!(seen.len(), 2);
    assert!(seen[0].0 != seen[1].0 && seen[0].1 != seen[1].1);
}
