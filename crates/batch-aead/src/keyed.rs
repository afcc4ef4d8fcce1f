//! Batches of packets that have different keys.
//!
//! Vector code has a block to a lane, and a lane may have a key of its own: packets of many sessions cost
//! what packets of one do.

use core::slice;

use crate::batch::{Message, Nonce, OpenError, Received};
use crate::key::Key;
#[cfg(all(feature = "batch", target_arch = "x86_64"))]
use crate::key::{open_together, seal_together};
#[cfg(all(feature = "batch", target_arch = "x86_64"))]
use crate::vector::{KeyRows, Keys, VectorKey, Way};

/// A packet of a batch, and its key.
#[derive(Debug)]
pub struct Keyed<'k, M> {
    key: &'k Key,
    message: M,
}

impl Key {
    /// Makes `message` a packet of a batch in which others may have other keys.
    #[inline]
    #[must_use]
    pub const fn keyed<M>(&self, message: M) -> Keyed<'_, M> {
        Keyed { key: self, message }
    }
}

impl<M> Keyed<'_, M> {
    /// Returns the packet.
    #[inline]
    #[must_use]
    pub const fn message(&self) -> &M {
        &self.message
    }
}

impl<M: Message> Message for Keyed<'_, M> {
    #[inline]
    fn nonce(&self) -> Nonce {
        self.message.nonce()
    }

    #[inline]
    fn bytes(&mut self) -> &mut [u8] {
        self.message.bytes()
    }
}

impl<R: Received> Received for Keyed<'_, R> {
    #[inline]
    fn set_result(&mut self, result: Result<(), OpenError>) {
        self.message.set_result(result);
    }
}

/// Encrypts packets in place, each with its key, as [`Key::seal_batch`] does with one.
///
/// # Panics
/// As [`Key::seal_batch`].
pub fn seal_keyed<M: Message>(batch: &mut [Keyed<'_, M>]) {
    if let Some(key) = one_key(batch) {
        return key.seal_batch(batch);
    }
    for run in batch.chunk_by_mut(|one, next| one.key.path() == next.key.path()) {
        seal_by_one_path(run);
    }
}

fn seal_by_one_path<M: Message>(batch: &mut [Keyed<'_, M>]) {
    #[cfg(all(feature = "batch", target_arch = "x86_64"))]
    if let Some(vector) = batch.first().and_then(|item| item.key.vector()) {
        return vector.for_each_part(batch, |way, part| match way {
            Way::Together => {
                let mut rows = KeyRows::new();
                rows.fill(words(part));
                seal_together(vector, Keys::Each(&rows), part);
            }
            Way::OneByOne => seal_alone(part),
        });
    }
    seal_alone(batch);
}

/// Opens packets in place, each with its key, as [`Key::open_batch`] does with one.
///
/// # Panics
/// As [`Key::open_batch`].
pub fn open_keyed<R: Received>(batch: &mut [Keyed<'_, R>]) {
    if let Some(key) = one_key(batch) {
        return key.open_batch(batch);
    }
    for run in batch.chunk_by_mut(|one, next| one.key.path() == next.key.path()) {
        open_by_one_path(run);
    }
}

fn open_by_one_path<R: Received>(batch: &mut [Keyed<'_, R>]) {
    #[cfg(all(feature = "batch", target_arch = "x86_64"))]
    if let Some(vector) = batch.first().and_then(|item| item.key.vector()) {
        return vector.for_each_part(batch, |way, part| match way {
            Way::Together => {
                let mut rows = KeyRows::new();
                rows.fill(words(part));
                open_together(vector, Keys::Each(&rows), part);
            }
            Way::OneByOne => open_alone(part),
        });
    }
    open_alone(batch);
}

fn seal_alone<M: Message>(batch: &mut [Keyed<'_, M>]) {
    for item in batch {
        item.key.seal_each(slice::from_mut(&mut item.message));
    }
}

fn open_alone<R: Received>(batch: &mut [Keyed<'_, R>]) {
    for item in batch {
        item.key.open_each(slice::from_mut(&mut item.message));
    }
}

/// The key that all packets have.
fn one_key<'k, M>(batch: &[Keyed<'k, M>]) -> Option<&'k Key> {
    let (first, others) = batch.split_first()?;
    let is_same = |item: &Keyed<'_, M>| core::ptr::eq(item.key, first.key);
    others.iter().all(is_same).then_some(first.key)
}

/// The keys of packets that have vector code.
#[cfg(all(feature = "batch", target_arch = "x86_64"))]
fn words<'k, M>(part: &[Keyed<'k, M>]) -> impl Iterator<Item = &'k [u32; 8]> {
    let vectors = part.iter().filter_map(|item| item.key.vector());
    vectors.map(VectorKey::words)
}
