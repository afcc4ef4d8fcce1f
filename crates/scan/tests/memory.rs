//! How much memory a scan takes.

#![cfg(test)]

use std::convert::Infallible;

use allocation_counter::measure;
use rand_core::{TryCryptoRng, TryRng};
use wirecraft_ip_packets::IpPacket;
use wirecraft_scan::{PROBE_MAX_LEN, Polled, Scan, ScanConfig, Targets};
use wirecraft_time::Instant;

/// Not random at all: the same keys in every run.
struct FixedRng(u64);

impl TryRng for FixedRng {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        let [.., a, b, c, d] = self.try_next_u64()?.to_le_bytes();
        Ok(u32::from_le_bytes([a, b, c, d]))
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

fn scan_of(prefix: &str) -> Scan {
    let targets = Targets::new([prefix.parse().unwrap()], [], [443]).unwrap();
    let mut config = ScanConfig::new(targets, &[[10, 9, 9, 9].into()]);
    config.burst = u32::MAX.try_into().unwrap();
    Scan::new(config, &mut FixedRng(7)).unwrap()
}

/// Probes so many targets, of which every so many-th answers.
fn probe(scan: &mut Scan, count: usize, answers_every: usize) {
    let mut buf = [0; PROBE_MAX_LEN];
    for number in 1..=count {
        let Polled::Probe { len, .. } = scan.poll_probe(Instant::ORIGIN, &mut buf).unwrap() else {
            panic!("the scan has more targets");
        };
        if number.is_multiple_of(answers_every) {
            let probe = IpPacket::parse(&buf[..len]).unwrap();
            let syn = probe.tcp().unwrap();
            let reset = wirecraft_ip_packets::ip(probe.destination(), probe.source())
                .unwrap()
                .tcp(syn.destination_port(), syn.source_port())
                .ack(syn.seq().wrapping_add(1))
                .rst()
                .build();
            assert!(scan.receive(Instant::ORIGIN, &reset).is_some());
        }
    }
}

/// 65,536 times of probes of 32 bytes, the marks of half a minute, and some.
const FIXED_MAX_LEN: u64 = 3 << 20;

#[test]
fn a_scan_of_a_wide_network_that_is_silent_takes_no_more_memory_than_a_small_one() {
    for prefix in ["10.0.0.0/20", "10.0.0.0/8", "0.0.0.0/0", "2000::/3"] {
        let count = 4000;
        let mut config_source = None;
        let memory = measure(|| {
            let mut scan = if prefix.contains(':') {
                let targets = Targets::new([prefix.parse().unwrap()], [], [443]).unwrap();
                let source = "fd00::9".parse().unwrap();
                let mut config = ScanConfig::new(targets, &[source]);
                config.burst = u32::MAX.try_into().unwrap();
                Scan::new(config, &mut FixedRng(7)).unwrap()
            } else {
                scan_of(prefix)
            };
            probe(&mut scan, count, usize::MAX);
            config_source = Some(scan.counts().probes);
        });
        assert_eq!(config_source, Some(4000));
        assert!(memory.bytes_max < FIXED_MAX_LEN, "{prefix}: {memory:?}");
    }
}

#[test]
fn answers_that_lie_far_apart_take_some_bytes_each() {
    let count = 200_000;
    let mut scan = scan_of("10.0.0.0/8");
    // One of a hundred answers, in random order over all of the network.
    let memory = measure(|| probe(&mut scan, count, 100));
    let answered = u64::try_from(scan.counts().answered).unwrap();
    assert_eq!(answered, 2000);
    let pages = 256;
    let expected = answered * 8 + pages * 160;
    assert!(
        memory.bytes_current <= i64::try_from(expected).unwrap() + 100_000,
        "{memory:?}, {expected}"
    );
}

#[test]
fn a_checkpoint_shares_the_memory_of_its_scan() {
    let mut scan = scan_of("10.0.0.0/8");
    probe(&mut scan, 60_000, 3);
    let mut checkpoint = None;
    let memory = measure(|| checkpoint = Some(scan.checkpoint(Instant::ORIGIN)));
    // 20,000 answers of eight bytes are not copied: the list of 256 pages is.
    assert!(memory.bytes_max < 20_000, "{memory:?}");
    assert_eq!(checkpoint.map(|it| it.answered()), Some(20_000));
}
