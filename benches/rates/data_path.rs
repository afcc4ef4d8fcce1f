//! The library data path and handshakes, both ends in one thread.

use wirecraft_benches::{
    BATCHES, BoringtunPair, Contestant, GotatunPair, PACKET_LENS, ReceiveBuffer, WirecraftPair,
    packet,
};
use wirecraft_tunnel::{AeadPath, Arena};

use crate::{Entry, Group};

/// Packets between two looks at the clock, at least.
const PACKETS: usize = 64;

/// The packets that the rivals are measured with, which take one at a time.
const RIVAL_BATCH: usize = 32;

/// Does something that returns for how many packets it was done.
struct Repeated<F>(F);

impl<F: FnMut() -> usize> Contestant for Repeated<F> {
    fn run(&mut self) -> usize {
        (self.0)()
    }
}

/// Packets of each length, and handshakes.
pub(crate) fn groups() -> impl Iterator<Item = Group> {
    let packets = PACKET_LENS.map(transfers);
    packets.into_iter().chain([handshakes()])
}

fn entry(
    work: &'static str,
    code: &str,
    batch: usize,
    run: impl FnMut() -> usize + 'static,
) -> Entry {
    Entry {
        work,
        code: code.to_owned(),
        batch,
        is_rival: matches!(code, "boringtun" | "gotatun"),
        contestant: Box::new(Repeated(run)),
    }
}

fn transfers(len: usize) -> Group {
    const WORK: &str = "transfer";
    let mut entries = Vec::new();
    for path in AeadPath::ALL.into_iter().filter(|it| it.is_available()) {
        for batch in BATCHES {
            let (mut pair, packet) = (WirecraftPair::with_path(path), packet(len));
            let (mut arena, mut buffer) = (Arena::new(1 << 18, 1420), ReceiveBuffer::default());
            entries.push(entry(WORK, path.name(), batch, move || {
                for _ in 0..PACKETS.div_ceil(batch) {
                    let opened = pair.transfer(&packet, batch, &mut arena, &mut buffer);
                    assert_eq!(opened, batch);
                }
                PACKETS.next_multiple_of(batch)
            }));
        }
    }
    let (mut boringtun, sent) = (BoringtunPair::new(), packet(len));
    entries.push(entry(WORK, "boringtun", RIVAL_BATCH, move || {
        (0..PACKETS).for_each(|_| assert!(boringtun.transfer(&sent)));
        PACKETS
    }));
    let (mut gotatun, sent) = (GotatunPair::new(), packet(len));
    entries.push(entry(WORK, "gotatun", RIVAL_BATCH, move || {
        (0..PACKETS).for_each(|_| assert!(gotatun.transfer(&sent)));
        PACKETS
    }));
    Group {
        name: len.to_string(),
        entries,
    }
}

fn handshakes() -> Group {
    const WORK: &str = "handshake";
    let mut wirecraft = WirecraftPair::new();
    let mut boringtun = BoringtunPair::new();
    let mut gotatun = GotatunPair::new();
    let entries = vec![
        entry(WORK, "wirecraft", 1, move || {
            wirecraft.handshake();
            1
        }),
        entry(WORK, "boringtun", 1, move || {
            boringtun.handshake();
            1
        }),
        entry(WORK, "gotatun", 1, move || {
            gotatun.handshake();
            1
        }),
    ];
    Group {
        name: "handshake".to_owned(),
        entries,
    }
}
