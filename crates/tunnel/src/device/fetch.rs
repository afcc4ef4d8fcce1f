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
use wirecraft_wire_format::{Index, Message};

use super::Device;
use crate::datagram::Datagram;
use crate::peer::Peer;

/// The most datagrams whose peers are fetched at once: with more, the first ones would be gone again.
pub(super) const FETCHED_MAX: usize = 64;

/// Fewer runs than this are not worth the time to ask.
const RUNS_MIN: usize = 4;

impl<R> Device<R> {
    /// Fetches what opening `datagrams` is going to need. Changes nothing.
    pub(super) fn fetch(&self, datagrams: &[Datagram<'_>]) {
        let mut indices = ArrayVec::<Index, FETCHED_MAX>::new();
        for index in datagrams.iter().filter_map(receiver_index) {
            if indices.last() != Some(&index) && indices.try_push(index).is_err() {
                break;
            }
        }
        if indices.len() < RUNS_MIN {
            return;
        }
        let peers: ArrayVec<(Index, &Peer), FETCHED_MAX> = indices
            .into_iter()
            .filter_map(|index| {
                let owner = self.shared.indices.owner(index)?;
                Some((index, self.peers.get(owner)?))
            })
            .collect();
        for (index, peer) in peers {
            black_box(peer.fetch(index));
        }
    }
}

fn receiver_index(datagram: &Datagram<'_>) -> Option<Index> {
    match Message::parse(datagram.bytes) {
        Ok(Message::Data(data)) => Some(data.header.receiver_index()),
        Ok(_) | Err(_) => None,
    }
}
