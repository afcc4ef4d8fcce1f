//! The allowed-IPs trie and the replay window against models that are too simple to be wrong, over a
//! million random operations each.

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use chacha20::ChaCha8Rng;
use chacha20::rand_core::{Rng, SeedableRng};
use ipnet::IpNet;
use wirecraft_tunnel::{AllowedIps, REJECT_AFTER_MESSAGES, REPLAY_WINDOW_LEN, ReplayWindow};
use wirecraft_wire_format::Counter;

const OPERATIONS: usize = if cfg!(miri) { 1_000 } else { 1_000_000 };

/// A random number below `end`.
fn below(rng: &mut ChaCha8Rng, end: u64) -> u64 {
    rng.next_u64() % end
}

/// All prefixes with their owners, in a list.
#[derive(Default)]
struct List(Vec<(IpNet, u8)>);

impl List {
    fn insert(&mut self, prefix: IpNet, owner: u8) -> Option<u8> {
        let former = self.remove(prefix);
        self.0.push((prefix, owner));
        former
    }

    fn remove(&mut self, prefix: IpNet) -> Option<u8> {
        let at = self.0.iter().position(|(other, _)| *other == prefix)?;
        Some(self.0.swap_remove(at).1)
    }

    fn lookup(&self, address: IpAddr) -> Option<u8> {
        let matching = self
            .0
            .iter()
            .filter(|(prefix, _)| prefix.contains(&address));
        let longest = matching.max_by_key(|(prefix, _)| prefix.prefix_len());
        longest.map(|(_, owner)| *owner)
    }

    fn of_owner(&self, owner: u8) -> Vec<IpNet> {
        let own = self.0.iter().filter(|(_, other)| *other == owner);
        own.map(|(prefix, _)| *prefix).collect()
    }
}

/// An address near those that were drawn before: few bits vary, at both ends and in the middle.
fn address(rng: &mut ChaCha8Rng) -> IpAddr {
    let bits = rng.next_u32();
    if rng.next_u32() & 1 == 0 {
        IpAddr::V4(Ipv4Addr::from_bits(bits & 0xc018_1803))
    } else {
        let wide = u128::from(bits);
        let few = wide << 96 & 0xc000_0001 << 96 | (wide & 0x1818) << 52 | wide & 3;
        IpAddr::V6(Ipv6Addr::from_bits(few))
    }
}

fn prefix(rng: &mut ChaCha8Rng) -> IpNet {
    let address = address(rng);
    let width: u8 = if address.is_ipv4() { 32 } else { 128 };
    // A host, everything, or any length between.
    let len = match below(rng, 8) {
        0 => width,
        1 => u8::try_from(below(rng, 3)).expect("less than 3"),
        _ => u8::try_from(below(rng, u64::from(width) + 1)).expect("at most 128"),
    };
    IpNet::new(address, len).expect("a length within the width")
}

#[test]
fn allowed_ips_agree_with_a_list_over_a_million_operations() {
    let mut rng = ChaCha8Rng::seed_from_u64(1);
    let mut table = AllowedIps::new();
    let mut list = List::default();
    for operation in 0..OPERATIONS {
        let prefix = prefix(&mut rng);
        let owner = u8::try_from(below(&mut rng, 6)).expect("less than 6");
        match below(&mut rng, 32) {
            0..8 => {
                let former = list.insert(prefix.trunc(), owner);
                assert_eq!(table.insert(prefix, owner), former, "{operation}: {prefix}");
            }
            8..12 => {
                let former = list.remove(prefix.trunc());
                assert_eq!(table.remove(prefix), former, "{operation}: {prefix}");
            }
            12 => {
                for held in list.of_owner(owner) {
                    assert_eq!(table.remove(held), list.remove(held), "{operation}: {held}");
                }
            }
            _ => {
                let address = address(&mut rng);
                let owner = list.lookup(address);
                assert_eq!(table.lookup(address), owner, "{operation}: {address}");
            }
        }
    }
}

/// All counters that were accepted, and the newest.
#[derive(Default)]
struct Seen {
    counters: BTreeSet<u64>,
    newest: Option<u64>,
}

impl Seen {
    fn accept(&mut self, counter: u64) -> bool {
        let oldest = self
            .newest
            .map_or(0, |newest| newest.saturating_sub(REPLAY_WINDOW_LEN));
        if counter >= REJECT_AFTER_MESSAGES || counter < oldest {
            return false;
        }
        self.newest = self.newest.max(Some(counter));
        self.counters.insert(counter)
    }

    /// Forgets what is too old to matter.
    fn prune(&mut self) {
        if self.counters.len() > 20_000 {
            let newest = self.newest.unwrap_or(0);
            let oldest = newest.saturating_sub(REPLAY_WINDOW_LEN);
            self.counters = self.counters.split_off(&oldest);
        }
    }
}

/// A counter where mistakes are likely: around the newest, both edges of the window, the ends of words,
/// the limit, and far ahead.
fn counter(rng: &mut ChaCha8Rng, newest: u64) -> u64 {
    let near = below(rng, 7).wrapping_sub(3);
    let oldest = newest.saturating_sub(REPLAY_WINDOW_LEN);
    match below(rng, 64) {
        0..16 => newest.wrapping_add(1),
        16..24 => newest.wrapping_add(near),
        24..32 => oldest.wrapping_add(near),
        32..36 => (newest & !63).wrapping_add(near),
        36..40 => (oldest & !63).wrapping_add(near),
        40..44 => newest.saturating_add(below(rng, 200)),
        44 => newest.saturating_add(below(rng, 3 * REPLAY_WINDOW_LEN)),
        45 => newest.saturating_add(8192).wrapping_add(near),
        46 => REJECT_AFTER_MESSAGES.saturating_add(below(rng, 1 << 13)),
        _ => newest.saturating_sub(below(rng, REPLAY_WINDOW_LEN + 200)),
    }
}

#[test]
fn replay_window_agrees_with_a_set_over_a_million_counters() {
    let mut rng = ChaCha8Rng::seed_from_u64(2);
    let starts = [
        0,
        64 * 127,
        (1 << 32) - 5_000,
        1 << 60,
        REJECT_AFTER_MESSAGES - 40_000,
    ];
    for start in starts {
        let mut window = ReplayWindow::new();
        let mut seen = Seen::default();
        for operation in 0..OPERATIONS / starts.len() {
            let newest = seen.newest.unwrap_or(start);
            let counter = counter(&mut rng, newest);
            let expected = seen.accept(counter);
            let accepted = window.accept(Counter::new(counter));
            assert_eq!(
                accepted, expected,
                "{operation}: {counter}, newest {newest}"
            );
            seen.prune();
        }
    }
}
