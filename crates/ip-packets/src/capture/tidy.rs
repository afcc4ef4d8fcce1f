//! Blocks of a pcapng file, brought into the form that `pcap-file` reads.
//!
//! It asks for an end mark behind the options of a block, which the format leaves to the writer;
//! refuses a file for an option that nobody here asks for; keeps all options of all interfaces;
//! and reads the time of the older packet block as one number, where the high word stands first in
//! either order of bytes. So options that are not asked for are left out before it sees them, as
//! are blocks that say nothing of packets. It also refuses a file for a text that is not UTF-8, as
//! the names of interfaces often are not: bytes that are none become question marks.
//!
//! Source: draft-ietf-opsawg-pcapng, §3.1, §3.5, §4.

use alloc::vec::Vec;
use std::io::{Read, Result};

/// The longest block that is read, in bytes: what `pcap-file` has room for.
const BLOCK_LEN_MAX: usize = 8_000_000;
/// The most names and comments of one block that are kept.
const TEXTS_MAX: usize = 64;
/// How many bytes of names and notes about the interfaces of a section are kept.
const NOTES_LEN_MAX: usize = 1 << 20;
/// What an option takes in memory beside its text, in bytes, twice.
const OPTION_COST: usize = 128;

/// Type and length before a block, in bytes.
const HEAD_LEN: usize = 8;
/// The length that stands once more behind it, in bytes.
const TAIL_LEN: usize = 4;

const SECTION_HEADER: u32 = 0x0a0d_0d0a;
const INTERFACE_DESCRIPTION: u32 = 1;
const PACKET: u32 = 2;
const SIMPLE_PACKET: u32 = 3;
const ENHANCED_PACKET: u32 = 6;

const END: u16 = 0;
const COMMENT: u16 = 1;
const NAME: u16 = 2;
const TIME_RESOLUTION: u16 = 9;
const TIME_OFFSET: u16 = 14;

/// Reads a file block by block and hands out what is asked for of each.
pub(super) struct TidyBlocks<R> {
    file: R,
    /// The order of bytes in the section.
    is_little: bool,
    /// Bytes of names and notes that interfaces of the section may still have.
    notes_left: usize,
    /// The block that is handed out, and how much of it was.
    block: Vec<u8>,
    at: usize,
    /// Nothing more is tidied: the file is cut off or malformed, which `pcap-file` finds as well.
    is_lost: bool,
}

impl<R: Read> TidyBlocks<R> {
    pub(super) const fn new(file: R) -> Self {
        Self {
            file,
            is_little: false,
            notes_left: NOTES_LEN_MAX,
            block: Vec::new(),
            at: 0,
            is_lost: false,
        }
    }

    /// Reads the next block that says something; leaves nothing at the end of the file.
    fn next_block(&mut self) -> Result<()> {
        loop {
            self.block.clear();
            self.at = 0;
            let has_head = self.fill(HEAD_LEN)?;
            if !has_head {
                return Ok(());
            }
            let kind = self.word(0);
            // The type of a section header reads the same in both orders.
            if kind == SECTION_HEADER {
                if !self.fill(HEAD_LEN + 4)? {
                    return Ok(());
                }
                self.is_little = self.block[HEAD_LEN..].starts_with(&[0x4d]);
                self.notes_left = NOTES_LEN_MAX;
            }
            let len = usize::try_from(self.word(4)).unwrap_or(usize::MAX);
            let is_possible = len.is_multiple_of(4) && len >= self.block.len() + TAIL_LEN;
            if !is_possible || len > BLOCK_LEN_MAX {
                self.is_lost = true;
                return Ok(());
            }
            if !self.fill(len)? || self.tidy(kind) {
                return Ok(());
            }
        }
    }

    /// Reads on until the block has `len` bytes; says whether there were as many.
    fn fill(&mut self, len: usize) -> Result<bool> {
        let missing = u64::try_from(len - self.block.len()).unwrap_or(u64::MAX);
        self.file
            .by_ref()
            .take(missing)
            .read_to_end(&mut self.block)?;
        self.is_lost |= self.block.len() < len;
        Ok(self.block.len() == len)
    }

    /// Leaves out of a block what is not asked for; says whether anything is.
    fn tidy(&mut self, kind: u32) -> bool {
        let body_len = self.block.len() - HEAD_LEN - TAIL_LEN;
        let options_at = match kind {
            SECTION_HEADER => 16,
            INTERFACE_DESCRIPTION => 8,
            PACKET | ENHANCED_PACKET if body_len >= 20 => {
                let len = usize::try_from(self.word(HEAD_LEN + 12)).unwrap_or(usize::MAX);
                len.checked_next_multiple_of(4)
                    .and_then(|len| len.checked_add(20))
                    .unwrap_or(usize::MAX)
            }
            SIMPLE_PACKET | PACKET | ENHANCED_PACKET => return true,
            _ => return false,
        };
        if options_at > body_len || self.word(HEAD_LEN + body_len) != self.word(4) {
            // It is malformed, and is called so.
            return true;
        }
        match kind {
            // Two bytes are reserved.
            INTERFACE_DESCRIPTION => self.block[HEAD_LEN + 2..][..2].fill(0),
            PACKET if self.is_little => self.block[HEAD_LEN + 4..][..8].rotate_left(4),
            _ => {}
        }
        let body_end = HEAD_LEN + body_len;
        let options = self.block[HEAD_LEN + options_at..body_end].to_vec();
        self.block.truncate(HEAD_LEN + options_at);
        self.keep_options(kind, &options);
        self.close();
        true
    }

    /// Writes those of `options` that are asked for, and an end mark if there are any.
    fn keep_options(&mut self, kind: u32, options: &[u8]) {
        let (mut rest, start, mut texts) = (options, self.block.len(), 0);
        let mut clock = Clock::default();
        while let Some((head, behind)) = rest.split_first_chunk::<4>() {
            let (code, len) = (self.half([head[0], head[1]]), self.half([head[2], head[3]]));
            let len = usize::from(len);
            let Some(value) = behind.get(..len) else {
                break;
            };
            if code == END {
                break;
            }
            let is_text = matches!(code, NAME | COMMENT);
            let is_enough = clock.has(code) || is_text && texts == TEXTS_MAX;
            if !is_enough && self.asks_for(kind, code, len) {
                self.block.extend_from_slice(head);
                if is_text {
                    texts += 1;
                    self.push_text(value);
                } else {
                    clock.take(code);
                    self.block.extend_from_slice(value);
                }
                let padded = self.block.len().next_multiple_of(4);
                self.block.resize(padded, 0);
            }
            rest = behind.get(len.next_multiple_of(4)..).unwrap_or_default();
        }
        if self.block.len() > start {
            self.block.extend([0; 4]);
        }
    }

    /// Writes a text, with question marks for what is not UTF-8: as many, so that its length holds.
    fn push_text(&mut self, value: &[u8]) {
        for chunk in value.utf8_chunks() {
            self.block.extend_from_slice(chunk.valid().as_bytes());
            self.block
                .extend(core::iter::repeat_n(b'?', chunk.invalid().len()));
        }
    }

    /// Says whether an option is asked for; of an interface it counts what that takes.
    fn asks_for(&mut self, kind: u32, code: u16, len: usize) -> bool {
        match (kind, code) {
            (PACKET | ENHANCED_PACKET, COMMENT) => true,
            (INTERFACE_DESCRIPTION, TIME_RESOLUTION) => len == 1,
            (INTERFACE_DESCRIPTION, TIME_OFFSET) => len == 8,
            (INTERFACE_DESCRIPTION, NAME | COMMENT) => {
                let left = self.notes_left.checked_sub(len + OPTION_COST);
                self.notes_left = left.unwrap_or(self.notes_left);
                left.is_some()
            }
            _ => false,
        }
    }

    /// Ends the block with its length, which stands at its start too.
    fn close(&mut self) {
        let len = u32::try_from(self.block.len() + TAIL_LEN).unwrap_or(u32::MAX);
        let len = match self.is_little {
            true => len.to_le_bytes(),
            false => len.to_be_bytes(),
        };
        self.block.extend(len);
        self.block[4..HEAD_LEN].copy_from_slice(&len);
    }

    /// Reads a word of the block, which is that long.
    fn word(&self, at: usize) -> u32 {
        let word = self.block[at..].first_chunk().copied().unwrap_or_default();
        match self.is_little {
            true => u32::from_le_bytes(word),
            false => u32::from_be_bytes(word),
        }
    }

    const fn half(&self, half: [u8; 2]) -> u16 {
        match self.is_little {
            true => u16::from_le_bytes(half),
            false => u16::from_be_bytes(half),
        }
    }
}

impl<R: Read> Read for TidyBlocks<R> {
    fn read(&mut self, room: &mut [u8]) -> Result<usize> {
        if self.at == self.block.len() {
            if self.is_lost {
                return self.file.read(room);
            }
            if let Err(error) = self.next_block() {
                // Half a block is none.
                self.block.clear();
                self.at = 0;
                return Err(error);
            }
        }
        let rest = &self.block[self.at..];
        let len = rest.len().min(room.len());
        room[..len].copy_from_slice(&rest[..len]);
        self.at += len;
        Ok(len)
    }
}

/// Which of the options that set an interface's clock were there: the first of each counts.
#[derive(Default)]
struct Clock {
    has_resolution: bool,
    has_offset: bool,
}

impl Clock {
    const fn has(&self, code: u16) -> bool {
        match code {
            TIME_RESOLUTION => self.has_resolution,
            TIME_OFFSET => self.has_offset,
            _ => false,
        }
    }

    const fn take(&mut self, code: u16) {
        self.has_resolution |= code == TIME_RESOLUTION;
        self.has_offset |= code == TIME_OFFSET;
    }
}
