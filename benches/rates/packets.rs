//! Packets read and written, and checksums.

use std::hint::black_box;
use wirecraft_benches::Contestant;
use wirecraft_benches::packets::{CHECKSUM_LENS, KINDS, ROOM, SIDES, Seen, compare, packets};

use crate::{Entry, Group};

/// How often something of nanoseconds is done between two looks at the clock.
const TIMES: usize = 1000;

/// Does something so often.
struct Often<F>(F);

impl<F: FnMut()> Contestant for Often<F> {
    fn run(&mut self) -> usize {
        (0..TIMES).for_each(|_| (self.0)());
        TIMES
    }
}

/// Each kind of packet read and written, and checksums of each length.
pub(crate) fn groups() -> impl Iterator<Item = Group> {
    compare();
    let kinds = 0..KINDS.len();
    let parses = kinds.clone().map(parse);
    parses
        .chain(kinds.map(build))
        .chain(CHECKSUM_LENS.into_iter().map(checksum))
}

fn group(name: String, work: &'static str, contestants: [Box<dyn Contestant>; 4]) -> Group {
    let entry = |(number, contestant): (usize, Box<dyn Contestant>)| Entry {
        work,
        code: SIDES[number].name.to_owned(),
        batch: 1,
        is_rival: number > 0,
        contestant,
    };
    Group {
        name,
        entries: contestants.into_iter().enumerate().map(entry).collect(),
    }
}

fn parse(kind: usize) -> Group {
    let contestants = SIDES.map(|side| -> Box<dyn Contestant> {
        let (parse, packet) = (side.parse[kind], packets()[kind].clone());
        Box::new(Often(move || {
            black_box(parse(black_box(&packet)).map_or(0, Seen::total));
        }))
    });
    group(KINDS[kind].to_owned(), "parse", contestants)
}

fn build(kind: usize) -> Group {
    let contestants = SIDES.map(|side| -> Box<dyn Contestant> {
        let (build, mut buf) = (side.build[kind], [0; ROOM]);
        Box::new(Often(move || {
            black_box(build(black_box(&mut buf)));
        }))
    });
    group(KINDS[kind].to_owned(), "build", contestants)
}

fn checksum(len: usize) -> Group {
    let contestants = SIDES.map(|side| -> Box<dyn Contestant> {
        let bytes: Vec<u8> = (0..=u8::MAX).cycle().take(len).collect();
        Box::new(Often(move || {
            black_box((side.checksum)(black_box(&bytes)));
        }))
    });
    group(len.to_string(), "checksum", contestants)
}
