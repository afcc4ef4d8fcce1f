//! Which targets answered and how: four bits each, in pages that exist once one of theirs did.

use std::collections::BTreeMap;

use crate::PortState;

/// Targets on one page: 16 words of 16 times four bits.
const PAGE_TARGETS: u128 = 256;
const BITS: u32 = 4;
const MASK: u64 = 0b1111;
const LAST_STATE: u64 = 6;

/// The states of targets, by index.
#[derive(Clone, Debug, Default)]
pub(crate) struct Answers {
    pages: BTreeMap<u128, Box<[u64; 16]>>,
    len: u128,
}

impl Answers {
    /// Returns how many targets answered.
    pub(crate) const fn len(&self) -> u128 {
        self.len
    }

    pub(crate) fn get(&self, index: u128) -> Option<PortState> {
        let (page, word, shift) = place(index);
        let nibble = self.pages.get(&page)?.get(word)? >> shift & MASK;
        match nibble {
            1 => Some(PortState::Open),
            2 => Some(PortState::Closed),
            3 => Some(PortState::Filtered),
            4 => Some(PortState::Unreachable),
            5 => Some(PortState::Unfiltered),
            6 => Some(PortState::Up),
            _ => None,
        }
    }

    /// Returns the pages and their numbers, in order.
    pub(crate) fn pages(&self) -> impl Iterator<Item = (u128, &[u64; 16])> {
        self.pages.iter().map(|(number, page)| (*number, &**page))
    }

    /// Enters a page that was kept elsewhere; it must hold states of targets below `len`.
    ///
    /// Returns whether it does.
    pub(crate) fn insert_page(&mut self, number: u128, page: [u64; 16], len: u128) -> bool {
        let mut count = 0;
        for within in 0..PAGE_TARGETS {
            let index = number.checked_mul(PAGE_TARGETS).map(|start| start + within);
            let (_, word, shift) = place(within);
            match page[word] >> shift & MASK {
                0 => {}
                1..=LAST_STATE if index.is_some_and(|index| index < len) => count += 1,
                _ => return false,
            }
        }
        let is_new = self.pages.insert(number, Box::new(page)).is_none();
        self.len += count;
        is_new
    }

    /// Notes the state of a target and says whether it is the first; later ones do not count.
    pub(crate) fn insert(&mut self, index: u128, state: PortState) -> bool {
        let nibble: u64 = match state {
            PortState::Open => 1,
            PortState::Closed => 2,
            PortState::Filtered => 3,
            PortState::Unreachable => 4,
            PortState::Unfiltered => 5,
            PortState::Up => 6,
        };
        let (page, word, shift) = place(index);
        let page = self.pages.entry(page).or_default();
        let is_first = page[word] >> shift & MASK == 0;
        if is_first {
            page[word] |= nibble << shift;
            self.len += 1;
        }
        is_first
    }
}

/// Returns page, word and shift of an index.
fn place(index: u128) -> (u128, usize, u32) {
    let [within, ..] = (index % PAGE_TARGETS).to_le_bytes();
    (
        index / PAGE_TARGETS,
        usize::from(within / 16),
        u32::from(within % 16) * BITS,
    )
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use proptest::prelude::*;

    use super::*;

    const STATES: [PortState; 6] = [
        PortState::Open,
        PortState::Closed,
        PortState::Filtered,
        PortState::Unreachable,
        PortState::Unfiltered,
        PortState::Up,
    ];

    proptest! {
        #[test]
        fn answers_are_kept_as_a_map_keeps_them(
            answers in prop::collection::vec((0..1000_u128, 0..6_usize, any::<bool>()), 0..200),
        ) {
            let mut kept = Answers::default();
            let mut model = HashMap::new();
            for (index, state, is_far) in answers {
                let index = if is_far { u128::MAX - 1 - index } else { index };
                let is_first = !model.contains_key(&index);
                prop_assert_eq!(kept.insert(index, STATES[state]), is_first);
                model.entry(index).or_insert(STATES[state]);
            }
            prop_assert_eq!(kept.len(), u128::try_from(model.len()).unwrap());
            let mut again = Answers::default();
            for (number, page) in kept.pages() {
                let len = if number > 10 { u128::MAX } else { 1000 };
                let is_taken = again.insert_page(number, *page, len);
                prop_assert!(is_taken);
            }
            prop_assert_eq!(again.len(), kept.len());
            for index in (0..1000).chain(u128::MAX - 1000..=u128::MAX) {
                prop_assert_eq!(kept.get(index), model.get(&index).copied());
            }
        }
    }
}
