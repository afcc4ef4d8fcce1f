//! The options of a TCP segment, typed both ways.

use core::iter::FusedIterator;

use crate::error::{Layer, ParseError};
use crate::option_frames::{END, Frame, Frames, NOP};

const MSS: u8 = 2;
const WINDOW_SCALE: u8 = 3;
const SACK_PERMITTED: u8 = 4;
const SACK: u8 = 5;
const TIMESTAMPS: u8 = 8;

/// The most blocks that fit into the options of one segment.
const MAX_SACK_BLOCKS: usize = 4;
const SACK_BLOCK_LEN: usize = 8;

/// One option of a TCP segment.
///
/// An option whose length does not fit its kind is [`Unknown`](Self::Unknown): every well-framed
/// option reads as something that writes back to the same bytes.
#[non_exhaustive]
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum TcpOption<'a> {
    /// The end of all options. Reading stops at it and does not return it.
    End,
    /// No operation: padding between options.
    Nop,
    /// The largest segment the sender takes, in bytes. RFC 9293 §3.7.1.
    Mss(u16),
    /// The power of two by which windows are scaled. RFC 7323 §2.
    WindowScale(u8),
    /// Selective acknowledgments may be sent. RFC 2018 §2.
    SackPermitted,
    /// Selective acknowledgments. RFC 2018 §3.
    Sack(SackBlocks),
    /// Timestamps. RFC 7323 §3.
    Timestamps {
        /// The sender's clock.
        value: u32,
        /// The last clock value the sender has from the receiver.
        echo: u32,
    },
    /// Any other option.
    Unknown {
        /// Its kind.
        kind: u8,
        /// What follows kind and length.
        data: &'a [u8],
    },
}

impl<'a> TcpOption<'a> {
    /// Reads the content of an option.
    fn read(kind: u8, data: &'a [u8]) -> Self {
        match (kind, data) {
            (MSS, [high, low]) => Self::Mss(u16::from_be_bytes([*high, *low])),
            (WINDOW_SCALE, [shift]) => Self::WindowScale(*shift),
            (SACK_PERMITTED, []) => Self::SackPermitted,
            (TIMESTAMPS, [a, b, c, d, e, f, g, h]) => Self::Timestamps {
                value: u32::from_be_bytes([*a, *b, *c, *d]),
                echo: u32::from_be_bytes([*e, *f, *g, *h]),
            },
            (SACK, blocks) => match SackBlocks::read(blocks) {
                Some(blocks) => Self::Sack(blocks),
                None => Self::Unknown { kind, data },
            },
            _ => Self::Unknown { kind, data },
        }
    }

    /// Returns the kind.
    #[must_use]
    pub const fn kind(&self) -> u8 {
        match self {
            Self::End => END,
            Self::Nop => NOP,
            Self::Mss(_) => MSS,
            Self::WindowScale(_) => WINDOW_SCALE,
            Self::SackPermitted => SACK_PERMITTED,
            Self::Sack(_) => SACK,
            Self::Timestamps { .. } => TIMESTAMPS,
            Self::Unknown { kind, .. } => *kind,
        }
    }

    /// Returns the length with kind and length fields, in bytes.
    #[must_use]
    #[inline]
    pub const fn encoded_len(&self) -> usize {
        match self {
            Self::End | Self::Nop => 1,
            Self::Mss(_) => 4,
            Self::WindowScale(_) => 3,
            Self::SackPermitted => 2,
            Self::Sack(blocks) => 2 + blocks.as_slice().len() * SACK_BLOCK_LEN,
            Self::Timestamps { .. } => 10,
            Self::Unknown { data, .. } => 2 + data.len(),
        }
    }

    /// Writes the option to the start of `buf` and returns its length in bytes.
    ///
    /// `None` if it does not fit, or is longer than 255 bytes; `buf` is then as it was.
    #[inline]
    pub fn write(&self, buf: &mut [u8]) -> Option<usize> {
        let len = self.encoded_len();
        let buf = buf.get_mut(..len)?;
        let Some((head, data)) = buf.split_first_chunk_mut::<2>() else {
            buf.fill(self.kind());
            return Some(len);
        };
        *head = [self.kind(), u8::try_from(len).ok()?];
        match self {
            Self::End | Self::Nop | Self::SackPermitted => {}
            Self::Mss(mss) => data.copy_from_slice(&mss.to_be_bytes()),
            Self::WindowScale(shift) => data.fill(*shift),
            Self::Timestamps { value, echo } => {
                data[..4].copy_from_slice(&value.to_be_bytes());
                data[4..].copy_from_slice(&echo.to_be_bytes());
            }
            Self::Sack(blocks) => blocks.write(data),
            Self::Unknown { data: content, .. } => data.copy_from_slice(content),
        }
        Some(len)
    }
}

/// A range of sequence numbers that arrived out of order.
///
/// Source: RFC 2018 §3.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Hash)]
pub struct SackBlock {
    /// The first sequence number of the range.
    pub left: u32,
    /// The first sequence number after the range.
    pub right: u32,
}

/// One to four ranges of a selective acknowledgment.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct SackBlocks {
    blocks: [SackBlock; MAX_SACK_BLOCKS],
    len: usize,
}

impl SackBlocks {
    /// Takes one to four blocks; `None` for none or more.
    #[must_use]
    pub fn new(blocks: &[SackBlock]) -> Option<Self> {
        let mut kept = [SackBlock::default(); MAX_SACK_BLOCKS];
        kept.get_mut(..blocks.len())?.copy_from_slice(blocks);
        (!blocks.is_empty()).then_some(Self {
            blocks: kept,
            len: blocks.len(),
        })
    }

    fn read(data: &[u8]) -> Option<Self> {
        let (chunks, []) = data.as_chunks::<SACK_BLOCK_LEN>() else {
            return None;
        };
        let mut blocks = [SackBlock::default(); MAX_SACK_BLOCKS];
        for (block, [a, b, c, d, e, f, g, h]) in
            blocks.get_mut(..chunks.len())?.iter_mut().zip(chunks)
        {
            block.left = u32::from_be_bytes([*a, *b, *c, *d]);
            block.right = u32::from_be_bytes([*e, *f, *g, *h]);
        }
        (!chunks.is_empty()).then_some(Self {
            blocks,
            len: chunks.len(),
        })
    }

    fn write(&self, data: &mut [u8]) {
        let (chunks, _) = data.as_chunks_mut::<SACK_BLOCK_LEN>();
        for (chunk, block) in chunks.iter_mut().zip(self.as_slice()) {
            chunk[..4].copy_from_slice(&block.left.to_be_bytes());
            chunk[4..].copy_from_slice(&block.right.to_be_bytes());
        }
    }

    /// Returns the blocks.
    #[must_use]
    #[inline]
    pub const fn as_slice(&self) -> &[SackBlock] {
        self.blocks.split_at(self.len).0
    }
}

/// Reads options one after the other, up to the end-of-options mark or the end of the header.
///
/// After an error nothing follows: the framing is lost.
#[derive(Clone, Debug)]
pub struct TcpOptions<'a>(Frames<'a>);

impl<'a> TcpOptions<'a> {
    /// Reads options from the bytes between the fixed header and the payload.
    #[must_use]
    #[inline]
    pub const fn new(bytes: &'a [u8]) -> Self {
        Self(Frames::new(bytes))
    }

    /// Returns the bytes of all options with their padding.
    #[must_use]
    #[inline]
    pub const fn as_bytes(&self) -> &'a [u8] {
        self.0.as_bytes()
    }

    /// Returns the end mark and what follows it; nothing where no end mark is.
    #[must_use]
    pub fn padding(&self) -> &'a [u8] {
        self.0.clone().padding(Layer::Tcp)
    }
}

impl<'a> Iterator for TcpOptions<'a> {
    type Item = Result<TcpOption<'a>, ParseError>;

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        let frame = self.0.next(Layer::Tcp)?;
        Some(frame.map(|frame| match frame {
            Frame::Nop => TcpOption::Nop,
            Frame::Option { kind, data } => TcpOption::read(kind, data),
        }))
    }
}

impl FusedIterator for TcpOptions<'_> {}
