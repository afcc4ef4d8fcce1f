//! The prefixes of a peer, in the order in which it got them.
//!
//! Most peers have one or two, which are looked for one after the other. But a request may take a hundred
//! thousand of them away one by one: of many, each is found by its place, and what is taken leaves a gap,
//! which is closed when there are more gaps than prefixes.

use std::collections::HashMap;

use ipnet::IpNet;

/// Prefixes up to this many are looked for one after the other.
const FEW: usize = 16;

/// Prefixes, each once.
#[derive(Default)]
pub(crate) struct Prefixes {
    /// With gaps where there are places.
    held: Vec<Option<IpNet>>,
    /// Where each prefix is, if they are or were many.
    #[expect(clippy::box_collection, reason = "most peers have none, and are small")]
    places: Option<Box<HashMap<IpNet, usize>>>,
}

impl Prefixes {
    pub(crate) fn len(&self) -> usize {
        let places = self.places.as_ref();
        places.map_or(self.held.len(), |places| places.len())
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = IpNet> {
        self.held.iter().copied().flatten()
    }

    /// Adds a prefix that is not there.
    pub(crate) fn push(&mut self, prefix: IpNet) {
        if let Some(places) = &mut self.places {
            places.insert(prefix, self.held.len());
        }
        self.held.push(Some(prefix));
        if self.places.is_none() && self.held.len() > FEW {
            self.close_gaps();
        }
    }

    /// Takes a prefix away; says whether it was there.
    pub(crate) fn remove(&mut self, prefix: IpNet) -> bool {
        let Some(places) = &mut self.places else {
            let before = self.held.len();
            self.held.retain(|held| *held != Some(prefix));
            return self.held.len() < before;
        };
        let Some(place) = places.remove(&prefix) else {
            return false;
        };
        let is_sparse = self.held.len() > 2 * places.len();
        if let Some(held) = self.held.get_mut(place) {
            *held = None;
        }
        if is_sparse {
            self.close_gaps();
        }
        true
    }

    /// Takes all of them away.
    pub(crate) fn take(&mut self) -> impl Iterator<Item = IpNet> {
        core::mem::take(self).held.into_iter().flatten()
    }

    /// Closes the gaps, and keeps no more memory than what is left needs.
    fn close_gaps(&mut self) {
        self.held.retain(Option::is_some);
        self.held.shrink_to(2 * self.held.len());
        let places = self.held.iter().flatten().zip(0..);
        let places = (self.held.len() > FEW)
            .then(|| Box::new(places.map(|(prefix, place)| (*prefix, place)).collect()));
        self.places = places;
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
    fn few_prefixes_need_no_places_and_many_that_went_leave_no_memory_behind() {
        let mut prefixes = Prefixes::default();
        for number in 0..10_000 {
            assert_eq!(prefixes.places.is_some(), number > 16);
            prefixes.push(prefix(number));
        }
        for number in 1..10_000 {
            assert!(prefixes.remove(prefix(number)));
        }

        assert!(prefixes.places.is_none());
        assert!(
            prefixes.held.capacity() <= 32,
            "{}",
            prefixes.held.capacity()
        );
        assert!(prefixes.iter().eq([prefix(0)]));
        assert!(prefixes.remove(prefix(0)));
        assert_eq!(prefixes.len(), 0);
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
