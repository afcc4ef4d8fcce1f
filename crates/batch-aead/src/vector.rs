//! Batches in vector code.
//!
//! A chunk of up to 16 packets is worked on in two passes. ChaCha20 makes 16 blocks of key stream at
//! a time, a block to a lane, from whichever packets they are; the first blocks are those that hold
//! the packets' one-time keys:
//!
//! ```text
//! lane   0  1  2  3 | 4  5  6  7  8  9 ..            packet:block, block 0 is the one-time key
//!       0:0 1:0 2:0 3:0 0:1 0:2 0:3 1:1 2:1 2:2 ..
//! ```
//!
//! Poly1305 has a packet to a lane. Its packets end together, so that the last steps (what is left of
//! the text, and the lengths) are the same for all; a lane whose packet has not begun adds nothing to
//! nothing:
//!
//! ```text
//! step   0  1  2  3  4  5
//! lane 0 a0 a1 a2 a3 a4 len
//! lane 1 .. .. b0 b1 b2 len
//! lane 2 .. .. .. .. .. len                          an empty packet
//! ```
//!
//! What is opened is authenticated first; the text of a packet whose tag is wrong stays as it came.

mod avx2;
mod avx512;
mod chunk;
mod keys;
mod streams;
#[cfg(test)]
mod tag_edges;
mod worth;

pub(crate) use avx2::Avx2;
pub(crate) use avx512::Avx512;
pub(crate) use chunk::{CAPACITY, Chunk};
pub(crate) use keys::{KeyRows, Keys};

use streams::{Jobs, Streams};
use worth::Costs;

use subtle::ConstantTimeEq;
use zeroize::{ZeroizeOnDrop, optimization_barrier};

use crate::batch::{Message, TAG_LEN};
use crate::path::Path;

/// Vector code of one kind; having a value proves that the processor has what it needs.
pub(crate) trait Engine: Copy {
    /// Makes the blocks of key stream that `jobs` names.
    fn streams(self, keys: Keys<'_>, chunk: &Chunk<'_>, jobs: &Jobs, streams: &mut Streams);

    /// Adds blocks of key stream to the texts that they belong to.
    fn add(self, chunk: &mut Chunk<'_>, jobs: &Jobs, streams: &Streams);

    /// Computes the tag of each packet; the one-time keys begin the blocks of `keys`.
    fn tags(self, chunk: &Chunk<'_>, keys: &Streams, tags: &mut [[u8; TAG_LEN]; CAPACITY]);
}

/// The vector code in use.
#[derive(Clone, Copy)]
enum Kind {
    Avx2(Avx2),
    Avx512(Avx512),
}

/// How a part of a batch is worked on.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Way {
    /// In vector code.
    Together,
    /// By the library.
    OneByOne,
}

/// A key for vector code.
#[derive(ZeroizeOnDrop)]
pub(crate) struct VectorKey {
    words: [u32; 8],
    #[zeroize(skip)]
    kind: Kind,
    #[zeroize(skip)]
    costs: Costs,
}

const fn is_wiped<T: ZeroizeOnDrop>() {}

// What holds secrets is wiped when it goes.
const _: () = {
    is_wiped::<VectorKey>();
    is_wiped::<Streams>();
    is_wiped::<KeyRows>();
};

impl VectorKey {
    /// Makes a key for the code of `path` or of one below it, unless that is one packet at a time.
    pub(crate) fn new(key: &[u8; 32], path: Path) -> Option<Self> {
        let (kind, costs) = code(path)?;
        let mut words = [0; 8];
        for (word, bytes) in words.iter_mut().zip(key.as_chunks().0) {
            *word = u32::from_le_bytes(*bytes);
        }
        Some(Self { words, kind, costs })
    }

    /// Works by the code of `path` or of one below it from here on; says whether there is any.
    pub(crate) fn limit_to(&mut self, path: Path) -> bool {
        let Some((kind, costs)) = code(path) else {
            return false;
        };
        self.kind = kind;
        self.costs = self.costs.of_less(costs);
        true
    }

    /// Whose code works.
    pub(crate) fn path(&self) -> Path {
        match self.kind {
            Kind::Avx2(_) => Path::Avx2,
            Kind::Avx512(_) => Path::Avx512,
        }
    }

    /// Has vector code work on every batch, whether it is faster or not.
    #[cfg(any(test, feature = "forced-path"))]
    pub(crate) fn work_always(&mut self) {
        self.costs = worth::NOTHING;
    }

    /// Cuts a batch into parts, each for whoever is faster, and calls `work` with them.
    #[inline]
    pub(crate) fn for_each_part<M: Message>(
        &self,
        mut batch: &mut [M],
        mut work: impl FnMut(Way, &mut [M]),
    ) {
        while !batch.is_empty() {
            let len = batch.len().min(CAPACITY);
            let (way, len) = match self.costs.taken(&mut batch[..len]) {
                0 => (Way::OneByOne, len),
                taken => (Way::Together, taken),
            };
            let (part, left) = batch.split_at_mut(len);
            work(way, part);
            batch = left;
        }
    }

    /// Returns this key as that of every packet.
    #[inline]
    pub(crate) fn for_all(&self) -> Keys<'_> {
        Keys::One(&self.words)
    }

    /// Returns the words of the key.
    #[inline]
    pub(crate) fn words(&self) -> &[u32; 8] {
        &self.words
    }

    /// Seals each packet with its key, by the code of this one.
    pub(crate) fn seal(&self, keys: Keys<'_>, chunk: &mut Chunk<'_>) {
        match self.kind {
            Kind::Avx2(engine) => seal(engine, keys, chunk),
            Kind::Avx512(engine) => seal(engine, keys, chunk),
        }
    }

    /// Opens each packet with its key, by the code of this one; says of each whether it was opened.
    pub(crate) fn open(&self, keys: Keys<'_>, chunk: &mut Chunk<'_>) -> [bool; CAPACITY] {
        match self.kind {
            Kind::Avx2(engine) => open(engine, keys, chunk),
            Kind::Avx512(engine) => open(engine, keys, chunk),
        }
    }
}

/// The code of `path` or of one below it and what it costs, unless that is one packet at a time.
fn code(path: Path) -> Option<(Kind, Costs)> {
    match path.or_below() {
        Path::Avx512 => Some((Kind::Avx512(Avx512::detect()?), worth::AVX512)),
        Path::Avx2 => Some((Kind::Avx2(Avx2::detect()?), worth::AVX2)),
        Path::Single => None,
    }
}

fn seal(engine: impl Engine, keys: Keys<'_>, chunk: &mut Chunk<'_>) {
    let mut jobs = Jobs::keys(chunk);
    let (mut one_time_keys, mut streams) = (Streams::default(), Streams::default());
    engine.streams(keys, chunk, &jobs, &mut one_time_keys);
    engine.add(chunk, &jobs, &one_time_keys);
    while jobs.advance(chunk) {
        engine.streams(keys, chunk, &jobs, &mut streams);
        engine.add(chunk, &jobs, &streams);
    }
    let mut tags = [[0; TAG_LEN]; CAPACITY];
    engine.tags(chunk, &one_time_keys, &mut tags);
    chunk.write_tags(&tags);
    // Where there is no packet a lane holds the tag of nothing under key stream of another.
    tags = [[0; TAG_LEN]; CAPACITY];
    optimization_barrier(&tags);
}

fn open(engine: impl Engine, keys: Keys<'_>, chunk: &mut Chunk<'_>) -> [bool; CAPACITY] {
    let mut jobs = Jobs::keys(chunk);
    let (mut one_time_keys, mut streams) = (Streams::default(), Streams::default());
    engine.streams(keys, chunk, &jobs, &mut one_time_keys);
    let mut tags = [[0; TAG_LEN]; CAPACITY];
    engine.tags(chunk, &one_time_keys, &mut tags);
    let mut is_open = [false; CAPACITY];
    for (packet, (is_open, tag)) in is_open.iter_mut().zip(&tags).enumerate() {
        let received = chunk.received_tag(packet);
        *is_open = received.is_some_and(|it| is_same(it, tag));
        if !*is_open {
            chunk.give_up(packet);
        }
    }
    // Whoever finds the right tag of a packet that was forged can forge.
    tags = [[0; TAG_LEN]; CAPACITY];
    optimization_barrier(&tags);
    engine.add(chunk, &jobs, &one_time_keys);
    while jobs.advance(chunk) {
        engine.streams(keys, chunk, &jobs, &mut streams);
        engine.add(chunk, &jobs, &streams);
    }
    is_open
}

/// Whether two tags are equal, in a time that tells nothing else.
fn is_same(one: &[u8; TAG_LEN], other: &[u8; TAG_LEN]) -> bool {
    let halves = |tag: &[u8; TAG_LEN]| {
        let (low, high) = tag.split_at(TAG_LEN / 2);
        [low, high].map(|half| u64::from_le_bytes(half.try_into().expect("half a tag")))
    };
    let ([low, high], [its_low, its_high]) = (halves(one), halves(other));
    // One comparison is guarded against the optimiser, not one a half.
    ((low ^ its_low) | (high ^ its_high)).ct_eq(&0).into()
}
