//! Packets read and written, and checksums, by this workspace and by etherparse, smoltcp and pnet.
//!
//! Every side reads the same fields of the same packets, and writes the same packets.

mod etherparse;
mod ours;
mod pnet;
mod smoltcp;

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
pub const ROOM: usize = 128;

/// The lengths that checksums are taken of, in bytes: a SYN, a full segment, the most of an IP packet.
pub const CHECKSUM_LENS: [usize; 3] = [40, 1460, 65_535];

/// What is read of a packet: something of each header, and where the payload is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Seen {
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
    #[must_use]
    pub fn total(self) -> usize {
        usize::from(self.hop_limit)
            ^ usize::from(self.source_port)
            ^ usize::from(self.destination_port)
            ^ self.seq as usize
            ^ self.payload_len
    }
}

/// Reads a packet of the kind that it is for.
pub type Parse = fn(&[u8]) -> Option<Seen>;

/// Writes a packet to the start of a buffer and returns its length in bytes.
pub type Build = fn(&mut [u8]) -> usize;

/// What a side can do.
pub struct Side {
    /// The name of the crate.
    pub name: &'static str,
    /// For each of [`KINDS`].
    pub parse: [Parse; 4],
    /// For each of [`KINDS`].
    pub build: [Build; 4],
    /// The sum may be in any form: only that it is taken counts.
    pub checksum: fn(&[u8]) -> u16,
}

/// The kinds of packets.
pub const KINDS: [&str; 4] = ["tcp-v4", "udp-v4", "tcp-v6", "udp-v6"];

/// All sides, this workspace first.
pub const SIDES: [Side; 4] = [ours::SIDE, etherparse::SIDE, smoltcp::SIDE, pnet::SIDE];

/// The packets that are read, one of each kind.
#[must_use]
pub fn packets() -> [Vec<u8>; 4] {
    ours::SIDE.build.map(|build| {
        let mut buf = vec![0; ROOM];
        let len = build(&mut buf);
        buf.truncate(len);
        buf
    })
}

/// Compares what the sides read and write.
///
/// # Panics
/// If one side reads or writes something else than the others.
pub fn compare() {
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

/// Those that write the options of a SYN in the order they are told to.
pub const SYN: [(&str, Build); 2] = [("wirecraft", ours::syn), ("etherparse", etherparse::syn)];
