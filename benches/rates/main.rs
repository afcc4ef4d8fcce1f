//! Times a packet and ratios to rivals, measured in turns of a millisecond; `cargo xtask aead-table`,
//! `cargo xtask bench data-path` and `cargo xtask bench packets` run it several times and make tables of it.
//!
//! A line says what was measured, of what, by whom, how many packets at once, how many nanoseconds a packet
//! (or a handshake) took, and how many times as long others took; tabs stand between.
#![forbid(unsafe_code)]
#![expect(clippy::print_stdout, reason = "a harness reports on the terminal")]

mod aead;
mod data_path;
mod packets;

use std::process::ExitCode;

use wirecraft_benches::{Contestant, measure, median, ratio};

const ROUNDS: usize = 21;

/// What is measured in turns.
pub(crate) struct Group {
    name: String,
    entries: Vec<Entry>,
}

/// One contestant of a group.
pub(crate) struct Entry {
    /// What it does.
    work: &'static str,
    /// Who does it.
    code: String,
    /// Packets at once.
    batch: usize,
    /// Whether others are compared with it.
    is_rival: bool,
    contestant: Box<dyn Contestant>,
}

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["aead"] => aead::groups().for_each(report),
        ["data-path"] => data_path::groups().for_each(report),
        ["packets"] => packets::groups().for_each(report),
        _ => {
            println!("Usage: rates aead|data-path|packets");
            return ExitCode::from(2);
        }
    }
    ExitCode::SUCCESS
}

fn report(group: Group) {
    let (rows, mut contestants): (Vec<_>, Vec<_>) = group
        .entries
        .into_iter()
        .map(|it| ((it.work, it.code, it.batch, it.is_rival), it.contestant))
        .unzip();
    let times = measure(&mut contestants, ROUNDS);
    for (number, (work, code, batch, _)) in rows.iter().enumerate() {
        let own = &times[number];
        let time = median(own.iter().copied());
        print!("{}\t{work}\t{code}\t{batch}\t{time:.2}", group.name);
        for (other, (its_work, its_code, its_batch, is_rival)) in rows.iter().enumerate() {
            let name = if its_work == work && its_code != code && *is_rival {
                // Of a rival that was measured with several batches, the same one is compared.
                let has_own = |row: &(_, String, usize, _)| {
                    row.1 == *its_code && row.0 == *work && row.2 == *batch
                };
                if its_batch != batch && rows.iter().any(has_own) {
                    continue;
                }
                its_code
            } else if its_work != work && its_code == code && its_batch == batch {
                *its_work
            } else {
                continue;
            };
            print!("\t{name}={:.4}", ratio(own, &times[other]));
        }
        println!();
    }
}
