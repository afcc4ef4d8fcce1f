//! Which targets answered and how, in pages that exist once one of theirs did.
//!
//! ```text
//! few answers on a page    | place, state | place, state | ..    in order, four bytes each
//! more than 4096           | state | state | state | ..          four bits for every target of the page
//! ```
//!
//! So an answer takes eight bytes at most, and silence nothing. Copies share their pages until one of them
//! writes to a page: a checkpoint of millions of answers costs no more than the list of its pages.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::PortState;

/// Targets on one page.
pub(crate) const PAGE_TARGETS: usize = 1 << 16;

/// Answers up to which a page is a list: beyond, four bits for each target take no more than twice as much.
const FEW_MAX: usize = 4096;

/// Targets of one word, with four bits each.
const WORD_TARGETS: usize = 16;
const BITS: usize = 4;
const MASK: u64 = 0b1111;

/// The states of targets, by index.
#[derive(Clone, Debug, Default)]
pub(crate) struct Answers {
    pages: BTreeMap<u128, Arc<Page>>,
    len: u128,
}

/// The states of neighbouring targets.
#[derive(Clone, Debug)]
pub(crate) enum Page {
    /// Those that answered, in order.
    Few(Vec<Entry>),
    /// All, 0 for those that did not answer.
    Many(Vec<u64>),
}

/// A target that answered, and how.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Entry {
    pub(crate) place: u16,
    pub(crate) state: PortState,
}

impl Answers {
    /// Returns how many targets answered.
    pub(crate) const fn len(&self) -> u128 {
        self.len
    }

    pub(crate) fn get(&self, index: u128) -> Option<PortState> {
        let (number, place) = split(index);
        self.pages.get(&number)?.get(place)
    }

    /// Returns the pages and their numbers, in order.
    pub(crate) fn pages(&self) -> impl Iterator<Item = (u128, &Page)> {
        self.pages.iter().map(|(number, page)| (*number, &**page))
    }

    /// Notes the state of a target and says whether it is the first; later ones do not count.
    pub(crate) fn insert(&mut self, index: u128, state: PortState) -> bool {
        let (number, place) = split(index);
        let page = self.pages.entry(number).or_default();
        if page.get(place).is_some() {
            return false;
        }
        Arc::make_mut(page).insert(Entry { place, state });
        self.len += 1;
        true
    }

    /// Says whether all targets that answered are below `len`.
    pub(crate) fn are_below(&self, len: u128) -> bool {
        self.pages.last_key_value().is_none_or(|(number, page)| {
            let start = number.checked_mul(PAGE_TARGETS as u128);
            let last = page.entries().last().map_or(0, |entry| entry.place);
            start.is_some_and(|start| len.checked_sub(start).is_some_and(|len| len > last.into()))
        })
    }
}

impl Page {
    pub(crate) fn get(&self, place: u16) -> Option<PortState> {
        match self {
            Self::Few(entries) => {
                let at = entries.binary_search_by_key(&place, |entry| entry.place);
                Some(entries[at.ok()?].state)
            }
            Self::Many(words) => {
                let (word, shift) = bits_of(place);
                state_of(words.get(word)? >> shift & MASK)
            }
        }
    }

    /// Returns the targets that answered, in order.
    pub(crate) fn entries(&self) -> impl DoubleEndedIterator<Item = Entry> + '_ {
        let (few, many) = match self {
            Self::Few(entries) => (&entries[..], None),
            Self::Many(_) => (&[][..], Some(0..=u16::MAX)),
        };
        let many = many.into_iter().flatten().filter_map(|place| {
            let state = self.get(place)?;
            Some(Entry { place, state })
        });
        few.iter().copied().chain(many)
    }

    /// Enters a target that is not there yet.
    fn insert(&mut self, entry: Entry) {
        match self {
            Self::Few(entries) if entries.len() < FEW_MAX => {
                let at = entries.partition_point(|known| known.place < entry.place);
                entries.insert(at, entry);
            }
            Self::Few(entries) => {
                let mut words = vec![0; PAGE_TARGETS / WORD_TARGETS];
                for known in entries.iter().chain([&entry]) {
                    set(&mut words, *known);
                }
                *self = Self::Many(words);
            }
            Self::Many(words) => set(words, entry),
        }
    }
}

impl Default for Page {
    fn default() -> Self {
        Self::Few(Vec::new())
    }
}

fn set(words: &mut [u64], entry: Entry) {
    let (word, shift) = bits_of(entry.place);
    words[word] |= digit_of(entry.state) << shift;
}

/// Returns the number of a page and the place on it.
fn split(index: u128) -> (u128, u16) {
    let [low, high, ..] = index.to_le_bytes();
    (
        index / PAGE_TARGETS as u128,
        u16::from_le_bytes([low, high]),
    )
}

/// Returns word and shift of a place.
fn bits_of(place: u16) -> (usize, usize) {
    let place = usize::from(place);
    (place / WORD_TARGETS, place % WORD_TARGETS * BITS)
}

/// The digit that a state is kept as; 0 is none.
pub(crate) const fn digit_of(state: PortState) -> u64 {
    match state {
        PortState::Open => 1,
        PortState::Closed => 2,
        PortState::Filtered => 3,
        PortState::Unreachable => 4,
        PortState::Unfiltered => 5,
        PortState::Up => 6,
    }
}

/// The state that a digit is kept for.
pub(crate) const fn state_of(digit: u64) -> Option<PortState> {
    match digit {
        1 => Some(PortState::Open),
        2 => Some(PortState::Closed),
        3 => Some(PortState::Filtered),
        4 => Some(PortState::Unreachable),
        5 => Some(PortState::Unfiltered),
        6 => Some(PortState::Up),
        _ => None,
    }
}

/// Puts an index together again.
pub(crate) fn index_of(page: u128, place: u16) -> Option<u128> {
    page.checked_mul(PAGE_TARGETS as u128)?
        .checked_add(place.into())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn answers_are_kept_as_a_map_keeps_them(
            answers in prop::collection::vec((0..1000_u128, 0..6_usize, any::<bool>()), 0..200),
        ) {
            let mut kept = Answers::default();
            let mut model = BTreeMap::new();
            for (index, state, is_far) in answers {
                let index = if is_far { u128::MAX - 1 - index } else { index };
                let state = PortState::ALL[state];
                let is_first = !model.contains_key(&index);
                prop_assert_eq!(kept.insert(index, state), is_first);
                model.entry(index).or_insert(state);
            }
            prop_assert_eq!(kept.len(), u128::try_from(model.len()).unwrap());
            let all: Vec<_> = kept.pages().flat_map(|(number, page)| {
                page.entries().map(move |it| (index_of(number, it.place).unwrap(), it.state))
            }).collect();
            let last = model.last_key_value().map(|(index, _)| *index);
            if let Some(last) = last {
                prop_assert!(kept.are_below(last + 1) && !kept.are_below(last));
            }
            prop_assert_eq!(all, model.into_iter().collect::<Vec<_>>());
        }
    }

    #[test]
    fn a_page_that_fills_keeps_what_was_on_it() {
        let state = |index: u128| PortState::ALL[usize::try_from(index % 6).unwrap()];
        let mut kept = Answers::default();
        // Every third target, from both ends.
        let indices =
            || (0..10_000_u128).map(|at| if at % 2 == 0 { 3 * at } else { 60_000 - 3 * at });
        for index in indices() {
            assert!(kept.insert(index, state(index)), "{index}");
            assert!(!kept.insert(index, PortState::Open));
        }
        assert_eq!((kept.pages().count(), kept.len()), (1, 10_000));
        for index in indices() {
            assert_eq!(kept.get(index), Some(state(index)));
            assert_eq!(kept.get(index + 1), None);
        }
    }

    #[test]
    fn a_copy_stays_as_it_was() {
        let mut kept = Answers::default();
        kept.insert(7, PortState::Open);
        let copy = kept.clone();
        kept.insert(8, PortState::Closed);
        assert_eq!((copy.get(8), copy.len()), (None, 1));
        assert_eq!(kept.get(8), Some(PortState::Closed));
    }
}
