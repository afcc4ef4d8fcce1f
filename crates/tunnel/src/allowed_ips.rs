//! Cryptokey routing: which peer a prefix belongs to, by longest match.
//!
//! ```text
//!                      0.0.0.0/0 -> e
//!                     /              \
//!            10.0.0.0/7*           192.168.0.0/16 -> c
//!           /          \                    \
//!   10.0.0.0/25 -> a  ...             192.168.4.0/24 -> a
//! ```
//!
//! A binary trie with compressed paths: a node is a prefix, its children are longer prefixes that
//! begin with it and differ in the next bit. A node without an owner (starred) only branches. The
//! nodes lie in a vector and name each other by position, so that a lookup is a short walk through
//! one block of memory. IPv4 and IPv6 have a trie each.

use core::net::IpAddr;

use ipnet::IpNet;

/// A map from prefixes to their owners.
pub struct AllowedIps<T> {
    v4: Trie<u32, T>,
    v6: Trie<u128, T>,
    /// How often the map was changed, so that what was looked up can be remembered until it is.
    changes: u64,
}

impl<T: Copy + PartialEq> AllowedIps<T> {
    /// Makes a map without prefixes.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            v4: Trie::new(),
            v6: Trie::new(),
            changes: 0,
        }
    }

    /// Gives `prefix` to `owner`; returns whose it was. Host bits of `prefix` are ignored.
    pub fn insert(&mut self, prefix: IpNet, owner: T) -> Option<T> {
        self.changes += 1;
        match prefix {
            IpNet::V4(net) => self
                .v4
                .insert(net.network().to_bits(), net.prefix_len(), owner),
            IpNet::V6(net) => self
                .v6
                .insert(net.network().to_bits(), net.prefix_len(), owner),
        }
    }

    /// Takes `prefix` from its owner and returns whose it was.
    pub fn remove(&mut self, prefix: IpNet) -> Option<T> {
        self.changes += 1;
        match prefix {
            IpNet::V4(net) => self.v4.remove(net.network().to_bits(), net.prefix_len()),
            IpNet::V6(net) => self.v6.remove(net.network().to_bits(), net.prefix_len()),
        }
    }

    /// How many nodes are in use: fewer than two for each prefix.
    pub(crate) const fn nodes(&self) -> usize {
        self.v4.nodes_in_use() + self.v6.nodes_in_use()
    }

    /// How often the map was changed: what was looked up holds as long as this is the same.
    pub(crate) const fn changes(&self) -> u64 {
        self.changes
    }

    /// Finds the owner of the longest prefix that `address` lies in.
    #[must_use]
    #[inline]
    pub fn lookup(&self, address: IpAddr) -> Option<T> {
        match address {
            IpAddr::V4(address) => self.v4.lookup(address.to_bits()),
            IpAddr::V6(address) => self.v6.lookup(address.to_bits()),
        }
    }
}

impl<T: Copy + PartialEq> Default for AllowedIps<T> {
    fn default() -> Self {
        Self::new()
    }
}

/// The bits of an address, the first one most significant.
trait Bits: Copy + Eq {
    const WIDTH: u8;

    fn common_len(self, other: Self) -> u8;
    fn bit(self, position: u8) -> Side;
    fn truncated(self, len: u8) -> Self;
}

macro_rules! impl_bits {
    ($int:ty, $width:literal) => {
        impl Bits for $int {
            const WIDTH: u8 = $width;

            #[expect(clippy::cast_possible_truncation, reason = "at most 128")]
            fn common_len(self, other: Self) -> u8 {
                (self ^ other).leading_zeros() as u8
            }

            fn bit(self, position: u8) -> Side {
                match self >> (Self::WIDTH - 1 - position) & 1 {
                    0 => Side::Zero,
                    _ => Side::One,
                }
            }

            fn truncated(self, len: u8) -> Self {
                match len {
                    0 => 0,
                    len => self & (Self::MAX << (Self::WIDTH - len)),
                }
            }
        }
    };
}

impl_bits!(u32, 32);
impl_bits!(u128, 128);

/// The value of the bit by which two children differ.
#[derive(Clone, Copy)]
enum Side {
    Zero,
    One,
}

struct Node<B, T> {
    bits: B,
    len: u8,
    owner: Option<T>,
    children: [Link; 2],
}

impl<B, T> Node<B, T> {
    const fn child(&self, side: Side) -> Link {
        let [zero, one] = self.children;
        match side {
            Side::Zero => zero,
            Side::One => one,
        }
    }

    const fn child_mut(&mut self, side: Side) -> &mut Link {
        let [zero, one] = &mut self.children;
        match side {
            Side::Zero => zero,
            Side::One => one,
        }
    }
}

/// The position of a node, or none.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Link(u32);

impl Link {
    const NONE: Self = Self(u32::MAX);

    fn to(position: usize) -> Self {
        Self(u32::try_from(position).expect("fewer than 2^32 prefixes fit in memory"))
    }

    const fn position(self) -> usize {
        self.0 as usize
    }
}

struct Trie<B, T> {
    nodes: Vec<Node<B, T>>,
    /// Positions of `nodes` that hold nothing.
    vacant: Vec<Link>,
    root: Link,
}

/// The place where a link is stored.
#[derive(Clone, Copy)]
enum Holder {
    Root,
    Child { parent: Link, side: Side },
}

impl<B: Bits, T: Copy + PartialEq> Trie<B, T> {
    const fn new() -> Self {
        Self {
            nodes: Vec::new(),
            vacant: Vec::new(),
            root: Link::NONE,
        }
    }

    fn lookup(&self, address: B) -> Option<T> {
        let mut best = None;
        let mut link = self.root;
        while let Some(node) = self.nodes.get(link.position()) {
            if address.common_len(node.bits) < node.len {
                break;
            }
            best = node.owner.or(best);
            if node.len == B::WIDTH {
                break;
            }
            link = node.child(address.bit(node.len));
        }
        best
    }

    const fn nodes_in_use(&self) -> usize {
        self.nodes.len() - self.vacant.len()
    }

    fn insert(&mut self, bits: B, len: u8, owner: T) -> Option<T> {
        let (holder, link) = self.descend(bits, len);
        let Some(node) = self.nodes.get_mut(link.position()) else {
            let leaf = self.add(bits, len, Some(owner));
            self.set(holder, leaf);
            return None;
        };
        if (node.bits, node.len) == (bits, len) {
            return node.owner.replace(owner);
        }
        let (node_bits, node_len) = (node.bits, node.len);
        let shared = bits.common_len(node_bits).min(len).min(node_len);
        let above = if shared == len {
            self.add(bits, len, Some(owner))
        } else {
            let branch = self.add(bits.truncated(shared), shared, None);
            let leaf = self.add(bits, len, Some(owner));
            self.set(
                Holder::Child {
                    parent: branch,
                    side: bits.bit(shared),
                },
                leaf,
            );
            branch
        };
        self.set(
            Holder::Child {
                parent: above,
                side: node_bits.bit(shared),
            },
            link,
        );
        self.set(holder, above);
        None
    }

    /// Walks down to the node of exactly this prefix, or to the first link that leads past it.
    fn descend(&self, bits: B, len: u8) -> (Holder, Link) {
        let (mut holder, mut link) = (Holder::Root, self.root);
        while let Some(node) = self.nodes.get(link.position()) {
            if node.len >= len || bits.common_len(node.bits) < node.len {
                break;
            }
            let side = bits.bit(node.len);
            (holder, link) = (Holder::Child { parent: link, side }, node.child(side));
        }
        (holder, link)
    }

    fn remove(&mut self, bits: B, len: u8) -> Option<T> {
        let (holder, link) = self.descend(bits, len);
        let node = self.nodes.get_mut(link.position())?;
        if (node.bits, node.len) != (bits, len) {
            return None;
        }
        let owner = node.owner.take()?;
        self.prune(holder, link);
        if let Holder::Child { parent, .. } = holder
            && let Some(above) = self.nodes.get(parent.position())
        {
            let (holder, _) = self.descend(above.bits, above.len);
            self.prune(holder, parent);
        }
        Some(owner)
    }

    /// Takes the node at `link` out if it has no owner and does not branch.
    fn prune(&mut self, holder: Holder, link: Link) {
        let Some(node) = self.nodes.get_mut(link.position()) else {
            return;
        };
        let (None, [Link::NONE, heir] | [heir, Link::NONE]) = (node.owner, node.children) else {
            return;
        };
        node.children = [Link::NONE; 2];
        self.set(holder, heir);
        self.vacant.push(link);
    }

    fn set(&mut self, holder: Holder, link: Link) {
        match holder {
            Holder::Root => self.root = link,
            Holder::Child { parent, side } => {
                if let Some(node) = self.nodes.get_mut(parent.position()) {
                    *node.child_mut(side) = link;
                }
            }
        }
    }

    fn add(&mut self, bits: B, len: u8, owner: Option<T>) -> Link {
        let node = Node {
            bits,
            len,
            owner,
            children: [Link::NONE; 2],
        };
        if let Some(link) = self.vacant.pop()
            && let Some(place) = self.nodes.get_mut(link.position())
        {
            *place = node;
            return link;
        }
        self.nodes.push(node);
        Link::to(self.nodes.len() - 1)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use proptest::prelude::*;

    use super::*;

    fn table(entries: &[(&str, char)]) -> AllowedIps<char> {
        let mut table = AllowedIps::new();
        for (prefix, owner) in entries {
            table.insert(prefix.parse().unwrap(), *owner);
        }
        table
    }

    fn assert_lookups(table: &AllowedIps<char>, lookups: &[(&str, Option<char>)]) {
        for (address, owner) in lookups {
            assert_eq!(table.lookup(address.parse().unwrap()), *owner, "{address}");
        }
    }

    #[test]
    fn the_published_v4_table_is_looked_up_as_the_kernel_does() {
        let table = table(&[
            ("192.168.4.0/24", 'a'),
            ("192.168.4.4/32", 'b'),
            ("192.168.0.0/16", 'c'),
            ("192.95.5.64/27", 'd'),
            ("192.95.5.65/27", 'c'),
            ("0.0.0.0/0", 'e'),
            ("64.15.112.0/20", 'g'),
            ("64.15.123.211/25", 'h'),
            ("10.0.0.0/25", 'a'),
            ("10.0.0.128/25", 'b'),
            ("10.1.0.0/30", 'a'),
            ("10.1.0.4/30", 'b'),
            ("10.1.0.8/29", 'c'),
            ("10.1.0.16/29", 'd'),
        ]);
        assert_lookups(
            &table,
            &[
                ("192.168.4.20", Some('a')),
                ("192.168.4.0", Some('a')),
                ("192.168.4.4", Some('b')),
                ("192.168.200.182", Some('c')),
                ("192.95.5.68", Some('c')),
                ("192.95.5.96", Some('e')),
                ("64.15.116.26", Some('g')),
                ("64.15.127.3", Some('g')),
                ("64.15.123.1", Some('g')),
                ("64.15.123.128", Some('h')),
                ("64.15.123.129", Some('h')),
                ("10.0.0.52", Some('a')),
                ("10.0.0.220", Some('b')),
                ("10.1.0.2", Some('a')),
                ("10.1.0.6", Some('b')),
                ("10.1.0.10", Some('c')),
                ("10.1.0.20", Some('d')),
            ],
        );
    }

    #[test]
    fn the_published_v6_table_is_looked_up_as_the_kernel_does() {
        let table = table(&[
            ("2607:5300:6000:6b00::c05f:543/128", 'd'),
            ("2607:5300:6000:6b00::/64", 'c'),
            ("::/0", 'e'),
            ("::/0", 'f'),
            ("2404:6800::/32", 'g'),
            ("2404:6800:4004:800:dead:beef:dead:beef/64", 'h'),
            ("2404:6800:4004:800:dead:beef:dead:beef/128", 'a'),
            ("2444:6800:40e4:800:deae:beef:def:beef/128", 'c'),
            ("2444:6800:f0e4:800:eeae:beef::/98", 'b'),
        ]);
        assert_lookups(
            &table,
            &[
                ("2607:5300:6000:6b00::c02e:1ee", Some('c')),
                ("2607:5300:6000:6b01::", Some('f')),
                ("2404:6800:4004:806::1006", Some('g')),
                ("2404:67ff::", Some('f')),
                ("2404:6801::", Some('f')),
                ("2404:6800:4004:800::1", Some('h')),
                ("2404:6800:4004:800:dead:beef:dead:beef", Some('a')),
            ],
        );
    }

    #[test]
    fn an_address_outside_every_prefix_has_no_owner() {
        let table = table(&[("10.0.0.0/8", 'a'), ("fd00::/8", 'b')]);
        assert_lookups(&table, &[("11.0.0.1", None), ("fe80::1", None)]);
    }

    #[test]
    fn a_removed_prefix_falls_back_to_the_shorter_one() {
        let mut table = table(&[
            ("10.0.0.0/8", 'a'),
            ("10.1.0.0/16", 'b'),
            ("10.2.0.0/16", 'c'),
        ]);
        assert_eq!(table.remove("10.1.0.0/16".parse().unwrap()), Some('b'));
        assert_eq!(table.remove("10.1.0.0/16".parse().unwrap()), None);
        assert_lookups(&table, &[("10.1.2.3", Some('a')), ("10.2.0.1", Some('c'))]);
    }

    #[test]
    fn inserting_a_prefix_again_returns_its_former_owner() {
        let mut table = table(&[("10.0.0.0/8", 'a')]);
        assert_eq!(table.insert("10.0.0.0/8".parse().unwrap(), 'b'), Some('a'));
    }

    #[test]
    fn removing_everything_leaves_no_node_in_use() {
        let mut table = AllowedIps::new();
        let prefixes: Vec<IpNet> = (0..=255u8)
            .map(|byte| format!("10.{byte}.0.0/{}", 16 + byte % 17).parse().unwrap())
            .collect();
        for prefix in &prefixes {
            table.insert(*prefix, ());
        }
        for prefix in &prefixes {
            table.remove(*prefix);
        }
        assert!(table.v4.root == Link::NONE);
        assert_eq!(table.v4.vacant.len(), table.v4.nodes.len());
    }

    fn naive_lookup(model: &HashMap<IpNet, u8>, address: IpAddr) -> Option<u8> {
        let matching = model.iter().filter(|(prefix, _)| prefix.contains(&address));
        matching
            .max_by_key(|(prefix, _)| prefix.prefix_len())
            .map(|(_, owner)| *owner)
    }

    fn address(seed: u32) -> IpAddr {
        let spread = (seed & 0x0303_0303).reverse_bits() ^ (seed & 7);
        if seed >> 31 == 0 {
            IpAddr::V4(core::net::Ipv4Addr::from_bits(spread))
        } else {
            IpAddr::V6(core::net::Ipv6Addr::from_bits(
                u128::from(spread) << 90 | u128::from(seed & 3),
            ))
        }
    }

    /// An interpreter takes a minute for what a processor does at once.
    const CASES: u32 = if cfg!(miri) { 4 } else { 256 };

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(CASES))]

        #[test]
        fn the_trie_agrees_with_a_list_of_prefixes(
            steps in prop::collection::vec((any::<u32>(), any::<u8>(), any::<u8>()), 1..200)
        ) {
            let mut table = AllowedIps::new();
            let mut model = HashMap::new();
            for (seed, len, owner) in steps {
                let host = address(seed);
                let width = if host.is_ipv4() { 33 } else { 129u8 };
                let prefix = IpNet::new(host, len % width).unwrap().trunc();
                if owner % 4 == 0 {
                    prop_assert_eq!(table.remove(prefix), model.remove(&prefix));
                } else {
                    prop_assert_eq!(table.insert(prefix, owner), model.insert(prefix, owner));
                }
                for probe in [seed, seed ^ 1, seed.rotate_left(7), !seed] {
                    let address = address(probe);
                    prop_assert_eq!(table.lookup(address), naive_lookup(&model, address));
                }
            }
        }
    }
}
