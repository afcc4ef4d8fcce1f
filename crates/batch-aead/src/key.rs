//! The key, and who does its work.

use core::fmt;

use zeroize::ZeroizeOnDrop;

use crate::batch::{Message, Nonce, OpenError, Received, TAG_LEN};
use crate::path::Path;
use crate::single::SingleKey;
#[cfg(all(feature = "batch", target_arch = "x86_64"))]
use crate::vector::{Chunk, Keys, VectorKey, Way};

/// A ChaCha20-Poly1305 key, ready to seal and open. Wiped when dropped.
///
/// It hands out no nonces: **the same nonce twice under one key gives both packets away**.
#[derive(ZeroizeOnDrop)]
pub struct Key {
    single: SingleKey,
    #[cfg(all(feature = "batch", target_arch = "x86_64"))]
    vector: Option<VectorKey>,
}

impl Key {
    /// Makes a key that works on batches in the fastest way that the processor has.
    #[must_use]
    pub fn new(key: &[u8; 32]) -> Self {
        Self::with_path(key, Path::detect())
    }

    /// Makes a key that works on batches by `path`, or [what is there below it](Path::or_below).
    #[must_use]
    #[cfg_attr(
        not(all(feature = "batch", target_arch = "x86_64")),
        expect(unused_variables, reason = "there is one path")
    )]
    pub fn with_path(key: &[u8; 32], path: Path) -> Self {
        Self {
            single: SingleKey::new(key),
            #[cfg(all(feature = "batch", target_arch = "x86_64"))]
            vector: VectorKey::new(key, path),
        }
    }

    /// Has `path`, or [what is there below it](Path::or_below), work on batches where until now one that
    /// needs more of a processor did. A path that needs less stays.
    #[cfg_attr(
        not(all(feature = "batch", target_arch = "x86_64")),
        expect(unused_variables, reason = "there is one path")
    )]
    pub fn limit_to(&mut self, path: Path) {
        #[cfg(all(feature = "batch", target_arch = "x86_64"))]
        if self.path() > path {
            let limited = self.vector.as_mut().is_some_and(|it| it.limit_to(path));
            if !limited {
                self.vector = None;
            }
        }
    }

    /// Returns the path that works on batches where it is faster than one packet after the other.
    #[must_use]
    pub fn path(&self) -> Path {
        #[cfg(all(feature = "batch", target_arch = "x86_64"))]
        if let Some(vector) = &self.vector {
            return vector.path();
        }
        Path::Single
    }

    /// Makes a key whose path works on every batch, whether it is faster or not: for tests.
    #[cfg(any(test, feature = "forced-path"))]
    #[doc(hidden)]
    #[must_use]
    pub fn with_path_always(key: &[u8; 32], path: Path) -> Self {
        #[cfg_attr(
            not(all(feature = "batch", target_arch = "x86_64")),
            expect(unused_mut, reason = "there is one path")
        )]
        let mut key = Self::with_path(key, path);
        #[cfg(all(feature = "batch", target_arch = "x86_64"))]
        if let Some(vector) = &mut key.vector {
            vector.work_always();
        }
        key
    }

    /// Returns the path that would work on all of a batch, and [`Path::Single`] if a part of it went to
    /// one packet at a time: for tests and measurements.
    #[cfg(any(test, feature = "forced-path"))]
    #[doc(hidden)]
    #[cfg_attr(
        not(all(feature = "batch", target_arch = "x86_64")),
        expect(unused_variables, reason = "there is one path")
    )]
    pub fn path_of<M: Message>(&self, batch: &mut [M]) -> Path {
        #[cfg(all(feature = "batch", target_arch = "x86_64"))]
        if let Some(vector) = &self.vector {
            let mut path = vector.path();
            vector.for_each_part(batch, |way, _| {
                if way == Way::OneByOne {
                    path = Path::Single;
                }
            });
            return path;
        }
        Path::Single
    }

    /// Encrypts `text` in place and writes the tag over it and `aad` to `tag`.
    ///
    /// # Panics
    /// If `text` has 256 GiB.
    #[inline]
    pub fn seal(&self, nonce: &Nonce, aad: &[u8], text: &mut [u8], tag: &mut [u8; TAG_LEN]) {
        self.single.seal(nonce, aad, text, tag);
    }

    /// Checks `tag` over `text` and `aad`, and decrypts `text` in place.
    ///
    /// After an error `text` is what it was, or zeros; it is never the plaintext.
    ///
    /// # Errors
    /// [`OpenError::WrongTag`].
    #[inline]
    pub fn open(
        &self,
        nonce: &Nonce,
        aad: &[u8],
        text: &mut [u8],
        tag: &[u8; TAG_LEN],
    ) -> Result<(), OpenError> {
        self.single.open(nonce, aad, text, tag)
    }

    /// Encrypts many packets in place, without associated data, and writes the tag behind each.
    ///
    /// # Panics
    /// If a message is shorter than a tag or has 256 GiB. Messages before it may be sealed then.
    #[inline]
    pub fn seal_batch<M: Message>(&self, batch: &mut [M]) {
        #[cfg(all(feature = "batch", target_arch = "x86_64"))]
        if let Some(vector) = &self.vector {
            return vector.for_each_part(batch, |way, part| match way {
                Way::Together => seal_together(vector, vector.for_all(), part),
                Way::OneByOne => self.seal_each(part),
            });
        }
        self.seal_each(batch);
    }

    pub(crate) fn seal_each<M: Message>(&self, batch: &mut [M]) {
        for item in batch {
            let nonce = item.nonce();
            let (text, tag) = item.bytes().split_last_chunk_mut().expect(NO_ROOM);
            self.seal(&nonce, &[], text, tag);
        }
    }

    /// Checks the tags of many packets without associated data, decrypts those in place whose tag is
    /// right, and tells each its own result.
    ///
    /// A message that does not open holds what it held before, or zeros before its tag; it never holds the
    /// plaintext.
    ///
    /// # Panics
    /// If a message has 256 GiB.
    #[inline]
    pub fn open_batch<R: Received>(&self, batch: &mut [R]) {
        #[cfg(all(feature = "batch", target_arch = "x86_64"))]
        if let Some(vector) = &self.vector {
            return vector.for_each_part(batch, |way, part| match way {
                Way::Together => open_together(vector, vector.for_all(), part),
                Way::OneByOne => self.open_each(part),
            });
        }
        self.open_each(batch);
    }

    pub(crate) fn open_each<R: Received>(&self, batch: &mut [R]) {
        for item in batch {
            let result = self.open_one(item.nonce(), item.bytes());
            item.set_result(result);
        }
    }

    /// What works on batches, if anything does.
    #[cfg(all(feature = "batch", target_arch = "x86_64"))]
    pub(crate) const fn vector(&self) -> Option<&VectorKey> {
        self.vector.as_ref()
    }

    fn open_one(&self, nonce: Nonce, message: &mut [u8]) -> Result<(), OpenError> {
        let (text, tag) = message.split_last_chunk_mut().ok_or(OpenError::TooShort)?;
        self.open(&nonce, &[], text, tag)
    }
}

#[cfg(all(feature = "batch", target_arch = "x86_64"))]
pub(crate) fn seal_together<M: Message>(vector: &VectorKey, keys: Keys<'_>, part: &mut [M]) {
    let mut chunk = Chunk::new();
    for item in part {
        assert!(item.bytes().len() >= TAG_LEN, "{NO_ROOM}");
        chunk.push(item.nonce(), item.bytes());
    }
    vector.seal(keys, &mut chunk);
}

#[cfg(all(feature = "batch", target_arch = "x86_64"))]
pub(crate) fn open_together<R: Received>(vector: &VectorKey, keys: Keys<'_>, part: &mut [R]) {
    let mut chunk = Chunk::new();
    for item in part.iter_mut() {
        chunk.push(item.nonce(), item.bytes());
    }
    let is_open = vector.open(keys, &mut chunk);
    for (item, is_open) in part.iter_mut().zip(is_open) {
        let is_short = item.bytes().len() < TAG_LEN;
        item.set_result(match (is_open, is_short) {
            (true, _) => Ok(()),
            (false, false) => Err(OpenError::WrongTag),
            (false, true) => Err(OpenError::TooShort),
        });
    }
}

/// What a caller of [`Key::seal_batch`] did wrong.
const NO_ROOM: &str = "a message has room for the tag at its end";

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Key(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::Key;
    use crate::batch::{Seal, TAG_LEN};
    use crate::path::Path;

    /// Which path works on seventeen packets of a length, a register and one more.
    fn path_of(key: &Key, len: usize) -> Path {
        let mut messages = [0; 17].map(|_: u8| std::vec![0; len + TAG_LEN]);
        let mut batch = messages.each_mut().map(|message| Seal {
            nonce: [0; 12],
            message,
        });
        key.path_of(&mut batch)
    }

    #[test]
    fn forced_key_that_is_limited_works_on_every_batch_still() {
        for path in Path::ALL {
            for limit in Path::ALL {
                let mut key = Key::with_path_always(&[7; 32], path);
                assert_eq!(path_of(&key, 9000), path.or_below());
                key.limit_to(limit);
                assert_eq!(path_of(&key, 9000), path.min(limit).or_below());
            }
        }
    }

    #[cfg(feature = "aws-lc")]
    #[test]
    fn packet_for_which_vector_code_is_slower_goes_to_the_library() {
        let key = Key::with_path(&[7; 32], Path::Avx2);
        assert_eq!(path_of(&key, 9000), Path::Single);
    }

    #[test]
    fn key_works_by_the_least_path_that_it_was_limited_to() {
        for path in Path::ALL {
            assert_eq!(Key::with_path(&[7; 32], path).path(), path.or_below());
            for limit in Path::ALL {
                let mut key = Key::with_path(&[7; 32], path);
                key.limit_to(limit);
                assert_eq!(key.path(), path.min(limit).or_below());
            }
        }
    }
}
