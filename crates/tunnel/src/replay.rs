//! The sliding window that accepts each counter of a keypair once (RFC 6479).
//!
//! ```text
//!            oldest acceptable                         newest
//!                 v                                      v
//!  ..too old.. | w | w | w | ............... | w | w | w:10110 | ..newer: slides..
//!              '------------- 127 full words ---------'--- 1 ---'
//! ```
//!
//! The bitmap is a ring of 64-bit words. A counter falls into the word `counter / 64`, which lies at
//! that number modulo the ring's size. To slide forward is to clear the words that come into view,
//! not to shift bits; the price is that only 8128 of the 8192 bits are usable at any time.

use wirecraft_wire_format::Counter;

use crate::constants::REJECT_AFTER_MESSAGES;

const WORD_BITS: u64 = u64::BITS as u64;
const WORDS: usize = 128;

/// How far behind the newest counter one may still be accepted (RFC 6479 §2).
pub const REPLAY_WINDOW_LEN: u64 = (WORDS as u64 - 1) * WORD_BITS;

/// Remembers which counters of a keypair were seen.
#[derive(Clone, Debug)]
pub struct ReplayWindow {
    /// One more than the newest counter, so that zero says that nothing was seen.
    next: u64,
    words: [u64; WORDS],
}

impl ReplayWindow {
    /// Makes a window that has seen nothing.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            next: 0,
            words: [0; WORDS],
        }
    }

    /// Says whether `counter` is new and young enough, and marks it if so.
    ///
    /// To be asked only of a counter whose message was authenticated: a forged message would else
    /// push the window away from the true ones.
    ///
    /// Source: RFC 6479; WireGuard whitepaper §5.4.6.
    #[must_use]
    pub fn accept(&mut self, counter: Counter) -> bool {
        let counter = counter.value();
        if counter >= REJECT_AFTER_MESSAGES || counter + REPLAY_WINDOW_LEN + 1 < self.next {
            return false;
        }
        if counter >= self.next {
            self.slide_to(counter);
        }
        let bit = 1u64 << (counter % WORD_BITS);
        let Some(word) = self.words.get_mut(Self::ring_position(counter / WORD_BITS)) else {
            return false;
        };
        let unseen = *word & bit == 0;
        *word |= bit;
        unseen
    }

    /// The word that the next counter is likely to fall into.
    pub(crate) fn newest_word(&self) -> u64 {
        let word = self.words.get(Self::ring_position(self.next / WORD_BITS));
        word.copied().unwrap_or_default()
    }

    fn slide_to(&mut self, newest: u64) {
        let word = newest / WORD_BITS;
        let first_fresh = match self.next.checked_sub(1) {
            Some(former) => former / WORD_BITS + 1,
            None => 0,
        };
        let first_kept = word.saturating_sub(WORDS as u64 - 1);
        for fresh in first_fresh.max(first_kept)..=word {
            if let Some(slot) = self.words.get_mut(Self::ring_position(fresh)) {
                *slot = 0;
            }
        }
        self.next = newest + 1;
    }

    #[expect(
        clippy::cast_possible_truncation,
        reason = "a remainder of 128 fits every usize"
    )]
    const fn ring_position(word: u64) -> usize {
        (word % WORDS as u64) as usize
    }
}

impl Default for ReplayWindow {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const T: u64 = REPLAY_WINDOW_LEN + 1;
    const R: u64 = REJECT_AFTER_MESSAGES;

    fn check(window: &mut ReplayWindow, sequence: &[(u64, bool)]) {
        for (step, &(counter, expected)) in sequence.iter().enumerate() {
            assert_eq!(
                window.accept(Counter::new(counter)),
                expected,
                "step {step}: {counter}"
            );
        }
    }

    #[test]
    fn the_published_sequence_of_counters_is_judged_as_the_kernel_does() {
        let sequence = [
            (0, true),
            (1, true),
            (1, false),
            (9, true),
            (8, true),
            (7, true),
            (7, false),
            (T, true),
            (T - 1, true),
            (T - 1, false),
            (T - 2, true),
            (2, true),
            (2, false),
            (T + 16, true),
            (3, false),
            (T + 16, false),
            (T * 4, true),
            (T * 4 - (T - 1), true),
            (10, false),
            (T * 4 - T, false),
            (T * 4 - (T + 1), false),
            (T * 4 - (T - 2), true),
            (T * 4 + 1 - T, false),
            (0, false),
            (R, false),
            (R - 1, true),
            (R, false),
            (R - 1, false),
            (R - 2, true),
            (R + 1, false),
            (R + 2, false),
            (R - 2, false),
            (R - 3, true),
            (0, false),
        ];
        check(&mut ReplayWindow::new(), &sequence);
    }

    #[test]
    fn a_full_window_accepts_every_counter_once_in_any_direction() {
        let upwards = |from: u64, to: u64| (from..=to).map(|counter| (counter, true));
        let downwards = |from: u64, to: u64| (to..=from).rev().map(|counter| (counter, true));
        let w = REPLAY_WINDOW_LEN;
        let cases: [Vec<(u64, bool)>; 6] = [
            upwards(1, w).chain([(0, true), (0, false)]).collect(),
            upwards(2, w + 1).chain([(1, true), (0, false)]).collect(),
            downwards(w, 0).collect(),
            downwards(w + 1, 1).chain([(0, false)]).collect(),
            downwards(w, 1).chain([(w + 1, true), (0, false)]).collect(),
            downwards(w, 1).chain([(0, true), (w + 1, true)]).collect(),
        ];
        for case in &cases {
            check(&mut ReplayWindow::new(), case);
        }
    }
}
