//! Having the memory of many peers fetched at once.
//!
//! ```text
//!  one by one    |wait|wait|wait| open |wait|wait|wait| open |wait|wait|wait| open ..
//!  fetched       |wait| open | open | open ..
//!                |wait|
//!                |wait|
//! ```
//!
//! Of thousands of peers few are in the processor's caches, and what belongs to one lies in several
//! places. A datagram that is opened waits for each in turn. Asked for before anything depends on them,
//! those of a whole batch come side by side.

use core::hint::black_box;

use arrayvec::ArrayVec;
use wirecraft_wire_format::Index;

use super::Device;
use crate::peer::Peer;

/// The most datagrams whose peers are fetched at once: with more, the first ones would be gone again.
pub(super) const FETCHED_MAX: usize = 64;

/// Fewer runs than this are not worth the time to ask.
const RUNS_MIN: usize = 4;

impl<R> Device<R> {
    /// Fetches what opening data with these indices is going to need. Changes nothing.
    pub(super) fn fetch(&self, indices: &[Option<Index>]) {
        let runs = || indices.chunk_by(|one, next| one == next);
        if runs().count() < RUNS_MIN {
            return;
        }
        let mut peers = ArrayVec::<(Index, &Peer), FETCHED_MAX>::new();
        let indices = runs().filter_map(|run| *run.first()?).take(FETCHED_MAX);
        peers.extend(indices.filter_map(|index| {
            let owner = self.shared.indices.owner(index)?;
            Some((index, self.peers.get(owner)?))
        }));
        for (index, peer) in peers {
            black_box(peer.fetch(index));
        }
    }
}
