//! Packets read and written, and checksums, beside etherparse, smoltcp and pnet.
//!
//! Every side reads the same fields of the same packets, and writes the same packets: before anything
//! is measured, their bytes are compared.

mod etherparse;
mod ours;
mod pnet;
mod smoltcp;

use criterion::measurement::WallTime;
use criterion::{
    BenchmarkGroup, BenchmarkId, Criterion, Throughput, criterion_group, criterion_main,
};
use std::hint::black_box;
use std::net::{Ipv4Addr, Ipv6Addr};

const SOURCE_V4: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 1);
const DESTINATION_V4: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 2);
const SOURCE_V6: Ipv6Addr = Ipv6Addr::new(0xfd00, 0, 0, 0, 0, 0, 0, 1);
const DESTINATION_V6: Ipv6Addr = Ipv6Addr::new(0xfd00, 0, 0, 0, 0, 0, 0, 2);
const SOURCE_PORT: u16 = 40_000;
const DESTINATION_PORT: u16 = 443;
const SEQ: u32 = 0x0102_0304;
const WINDOW: u16 = 65_535;
const TTL: u8 = 64;
const PAYLOAD: [u8; 12] = *b"twelve bytes";

/// Room for the largest packet that is written.
const ROOM: usize = 128;

/// The lengths that checksums are taken of, in bytes: a SYN, a full segment, the most of an IP packet.
const CHECKSUM_LENS: [usize; 3] = [40, 1460, 65_535];

/// What is read of a packet: something of each header, and where the payload is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Seen {
    hop_limit: u8,
    source_port: u16,
    destination_port: u16,
    /// The sequence number of TCP, 0 for UDP.
    seq: u32,
    payload_len: usize,
}

impl Seen {
    /// Uses every field and fits a register: a structure that is kept whole in memory takes longer to
    /// be copied than to be read from a packet.
    fn total(self) -> usize {
        usize::from(self.hop_limit)
            ^ usize::from(self.source_port)
            ^ usize::from(self.destination_port)
            ^ self.seq as usize
            ^ self.payload_len
    }
}

/// Reads a packet of the kind that it is for.
type Parse = fn(&[u8]) -> Option<Seen>;

/// Writes a packet to the start of a buffer and returns its length in bytes.
type Build = fn(&mut [u8]) -> usize;

/// What a side can do.
struct Side {
    name: &'static str,
    parse: [Parse; 4],
    build: [Build; 4],
    /// The sum may be in any form: only that it is taken counts.
    checksum: fn(&[u8]) -> u16,
}

const KINDS: [&str; 4] = ["tcp-v4", "udp-v4", "tcp-v6", "udp-v6"];

const SIDES: [Side; 4] = [ours::SIDE, etherparse::SIDE, smoltcp::SIDE, pnet::SIDE];

/// The packets that are read, one of each kind.
fn packets() -> [Vec<u8>; 4] {
    ours::SIDE.build.map(|build| {
        let mut buf = vec![0; ROOM];
        let len = build(&mut buf);
        buf.truncate(len);
        buf
    })
}

/// # Panics
/// If one side reads or writes something else than the others.
fn compare() {
    for (kind, packet) in packets().iter().enumerate() {
        let seen = (ours::SIDE.parse[kind])(packet).expect("it was built");
        assert_eq!(seen.payload_len, PAYLOAD.len());
        for side in &SIDES {
            assert_eq!((side.parse[kind])(packet), Some(seen), "{}", side.name);
            let mut buf = [0; ROOM];
            let len = (side.build[kind])(&mut buf);
            assert_eq!(&buf[..len], packet, "{} {}", side.name, KINDS[kind]);
        }
    }
}

fn parse(criterion: &mut Criterion) {
    compare();
    for (kind, packet) in packets().iter().enumerate() {
        let mut group = group(criterion, "parse", kind);
        for side in &SIDES {
            group.bench_function(side.name, |bencher| {
                bencher.iter(|| (side.parse[kind])(black_box(packet)).map_or(0, Seen::total));
            });
        }
        group.finish();
    }
}

fn build(criterion: &mut Criterion) {
    for kind in 0..KINDS.len() {
        let mut group = group(criterion, "build", kind);
        for side in &SIDES {
            group.bench_function(side.name, |bencher| {
                let mut buf = [0; ROOM];
                bencher.iter(|| (side.build[kind])(black_box(&mut buf)));
            });
        }
        group.finish();
    }
}

/// Those that write the options of a SYN in the order they are told to.
const SYN: [(&str, Build); 2] = [("wirecraft", ours::syn), ("etherparse", etherparse::syn)];

fn syn(criterion: &mut Criterion) {
    let written = SYN.map(|(_, build)| {
        let mut buf = vec![0; ROOM];
        let len = build(&mut buf);
        buf.truncate(len);
        buf
    });
    assert_eq!(written[0], written[1]);
    let mut group = criterion.benchmark_group("build/syn-options-v4");
    for (name, build) in SYN {
        group.bench_function(name, |bencher| {
            let mut buf = [0; ROOM];
            bencher.iter(|| build(black_box(&mut buf)));
        });
    }
    group.finish();
}

fn group<'a>(
    criterion: &'a mut Criterion,
    what: &str,
    kind: usize,
) -> BenchmarkGroup<'a, WallTime> {
    criterion.benchmark_group(format!("{what}/{}", KINDS[kind]))
}

fn checksum(criterion: &mut Criterion) {
    for len in CHECKSUM_LENS {
        let bytes: Vec<u8> = (0..=u8::MAX).cycle().take(len).collect();
        let mut group = criterion.benchmark_group(format!("checksum/{len}"));
        group.throughput(Throughput::Bytes(len as u64));
        for side in &SIDES {
            group.bench_with_input(
                BenchmarkId::from_parameter(side.name),
                &bytes,
                |b, bytes| {
                    b.iter(|| (side.checksum)(black_box(bytes)));
                },
            );
        }
        group.finish();
    }
}

criterion_group! {
    name = benches;
    config = Criterion::default().configure_from_args();
    targets = parse, build, syn, checksum
}
criterion_main!(benches);
