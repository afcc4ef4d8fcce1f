//! The prefixes of a peer, in the order in which it got them.
//!
//! A request may take a hundred thousand of them away one by one: each is found by its place, and what is
//! taken leaves a gap, which is closed when there are as many gaps as prefixes.

use std::collections::HashMap;

use ipnet::IpNet;

/// Prefixes, each once.
#[derive(Default)]
pub(crate) struct Prefixes {
    /// With gaps.
    held: Vec<Option<IpNet>>,
    places: HashMap<IpNet, usize>,
}

impl Prefixes {
    pub(crate) fn len(&self) -> usize {
        self.places.len()
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = IpNet> {
        self.held.iter().copied().flatten()
    }

    /// Adds a prefix that is not there.
    pub(crate) fn push(&mut self, prefix: IpNet) {
        self.places.insert(prefix, self.held.len());
        self.held.push(Some(prefix));
    }

    /// Takes a prefix away; says whether it was there.
    pub(crate) fn remove(&mut self, prefix: IpNet) -> bool {
        let Some(place) = self.places.remove(&prefix) else {
            return false;
        };
        if let Some(held) = self.held.get_mut(place) {
            *held = None;
        }
        if self.held.len() > 2 * self.places.len() {
            self.close_gaps();
        }
        true
    }

    /// Takes all of them away.
    pub(crate) fn take(&mut self) -> impl Iterator<Item = IpNet> {
        core::mem::take(self).held.into_iter().flatten()
    }

    fn close_gaps(&mut self) {
        self.held.retain(Option::is_some);
        for (place, prefix) in self.held.iter().flatten().enumerate() {
            self.places.insert(*prefix, place);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn prefix(number: u32) -> IpNet {
        IpNet::new(std::net::Ipv4Addr::from_bits(number).into(), 32).unwrap()
    }

    #[test]
    fn what_is_left_keeps_its_order_whatever_is_taken() {
        let mut prefixes = Prefixes::default();
        let mut expected = Vec::new();
        for number in 0..100 {
            prefixes.push(prefix(number));
            expected.push(prefix(number));
        }
        for number in (0..100).map(|step| step * 37 % 100) {
            assert!(prefixes.remove(prefix(number)));
            assert!(!prefixes.remove(prefix(number)));
            expected.retain(|held| *held != prefix(number));
            assert!(prefixes.iter().eq(expected.iter().copied()));
            assert_eq!(prefixes.len(), expected.len());
            assert!(prefixes.held.len() <= 2 * expected.len());
        }
    }

    #[test]
    fn a_prefix_that_comes_again_comes_last() {
        let mut prefixes = Prefixes::default();
        for number in [1, 2, 3] {
            prefixes.push(prefix(number));
        }
        prefixes.remove(prefix(1));
        prefixes.push(prefix(1));
        assert!(prefixes.take().eq([2, 3, 1].map(prefix)));
        assert_eq!(prefixes.len(), 0);
    }
}
