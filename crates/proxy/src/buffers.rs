//! Buffers that relays share, so that a connection without data in flight holds none.

use std::ops::{Deref, DerefMut};
use std::sync::{Mutex, PoisonError};

/// Bytes that a relay moves at a time.
const LEN: usize = 256 << 10;

/// Buffers that are kept for the next relay that needs one; further ones are freed.
const KEPT_MAX: usize = 32;

/// Empty buffers; the one that was used last is handed out first, as the cache still has it.
#[derive(Debug, Default)]
pub(crate) struct Buffers {
    free: Mutex<Vec<Vec<u8>>>,
}

impl Buffers {
    /// Takes an empty buffer; it comes back when it is dropped.
    pub(crate) fn take(&self) -> Buffer<'_> {
        let free = self.lock().pop();
        Buffer {
            bytes: free.unwrap_or_else(|| Vec::with_capacity(LEN)),
            home: self,
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<Vec<u8>>> {
        self.free.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A buffer on loan.
pub(crate) struct Buffer<'a> {
    bytes: Vec<u8>,
    home: &'a Buffers,
}

impl Deref for Buffer<'_> {
    type Target = Vec<u8>;

    fn deref(&self) -> &Vec<u8> {
        &self.bytes
    }
}

impl DerefMut for Buffer<'_> {
    fn deref_mut(&mut self) -> &mut Vec<u8> {
        &mut self.bytes
    }
}

impl Drop for Buffer<'_> {
    fn drop(&mut self) {
        let mut bytes = core::mem::take(&mut self.bytes);
        bytes.clear();
        let mut free = self.home.lock();
        if free.len() < KEPT_MAX {
            free.push(bytes);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buffer_that_came_back_is_empty_and_handed_out_again() {
        let buffers = Buffers::default();
        let mut first = buffers.take();
        first.extend_from_slice(b"left over");
        let address = first.as_ptr();
        drop(first);
        let again = buffers.take();
        assert_eq!((again.as_ptr(), again.len()), (address, 0));
    }

    #[test]
    fn no_more_than_a_handful_is_kept() {
        let buffers = Buffers::default();
        let many: Vec<_> = (0..2 * KEPT_MAX).map(|_| buffers.take()).collect();
        drop(many);
        assert_eq!(buffers.lock().len(), KEPT_MAX);
    }
}
