//! How much memory connections may fill: few may each fill a long path, many must not fill the host.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Bytes of buffers beyond which further connections get the least, both directions of all together.
const BUFFERS_LEN: usize = 128 << 20;
/// Bytes beyond which even that is too much.
const CROWDED_LEN: usize = 256 << 20;
/// One more connection takes no more than this part of what is left.
const SHARE: usize = 32;
const BUFFER_LEN_MAX: usize = 1 << 20;
const BUFFER_LEN_MIN: usize = 64 << 10;
const BUFFER_LEN_CROWDED: usize = 16 << 10;

/// The memory of a stack's connections: 256 MiB, and 32 KiB for each one more.
#[derive(Clone, Debug, Default)]
pub(crate) struct Memory {
    claimed: Arc<AtomicUsize>,
}

/// What one connection has of it; given back when this is dropped.
#[derive(Debug)]
pub(crate) struct Claim {
    memory: Memory,
    len: usize,
}

impl Memory {
    /// Returns the bytes for each direction of one more connection.
    pub(crate) fn buffer_len(&self) -> usize {
        let claimed = self.claimed();
        if claimed >= CROWDED_LEN {
            return BUFFER_LEN_CROWDED;
        }
        let left = BUFFERS_LEN.saturating_sub(claimed);
        (left / SHARE).clamp(BUFFER_LEN_MIN, BUFFER_LEN_MAX)
    }

    /// Enters a connection whose buffers have `len` bytes together.
    pub(crate) fn claim(&self, len: usize) -> Claim {
        self.claimed.fetch_add(len, Ordering::Relaxed);
        Claim {
            memory: self.clone(),
            len,
        }
    }

    fn claimed(&self) -> usize {
        self.claimed.load(Ordering::Relaxed)
    }
}

impl Claim {
    /// Takes note of what the buffers have become.
    pub(crate) fn set(&mut self, len: usize) {
        if len != self.len {
            self.memory.claimed.fetch_add(len, Ordering::Relaxed);
            self.memory.claimed.fetch_sub(self.len, Ordering::Relaxed);
            self.len = len;
        }
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        self.memory.claimed.fetch_sub(self.len, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn open(memory: &Memory, count: usize) -> Vec<Claim> {
        let one = |_| memory.claim(2 * memory.buffer_len());
        (0..count).map(one).collect()
    }

    #[test]
    fn few_connections_get_much_and_the_sum_is_bounded() {
        let memory = Memory::default();
        let few = open(&memory, 40);
        assert!(few.iter().all(|claim| claim.len == 2 * BUFFER_LEN_MAX));
        let many = open(&memory, 10_000);
        assert!(memory.claimed() <= CROWDED_LEN + 10_000 * 2 * BUFFER_LEN_CROWDED);
        assert_eq!(memory.buffer_len(), BUFFER_LEN_CROWDED);
        drop(many);
        drop(few);
        assert_eq!(memory.claimed(), 0);
    }

    #[test]
    fn connections_that_have_ended_make_room() {
        let memory = Memory::default();
        let mut claims = open(&memory, 200);
        assert_eq!(memory.buffer_len(), BUFFER_LEN_MIN);
        claims.iter_mut().for_each(|claim| claim.set(2));
        assert_eq!(memory.buffer_len(), BUFFER_LEN_MAX);
    }
}
