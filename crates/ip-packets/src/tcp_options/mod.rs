//! The options of a TCP segment, typed both ways.

mod acc_ecn;
mod codec;
mod mptcp;
mod sack;

use core::iter::FusedIterator;

use crate::TcpOptionKind;
use crate::error::{Layer, ParseError};
use crate::option_frames::{END, Frame, Frames, NOP};

pub use acc_ecn::{AccEcn, AccEcnOrder};
pub use codec::{DecodedTcpOption, DecodedTcpOptions, TcpOptionCodec};
pub(crate) use codec::{encoded_len as own_encoded_len, write as write_own};
pub use mptcp::{DataMapping, DataNumber, Mptcp, MptcpJoin, MptcpKeys};
pub use sack::{SackBlock, SackBlocks};

const MSS: u8 = TcpOptionKind::MSS.number();
const WINDOW_SCALE: u8 = TcpOptionKind::WINDOW_SCALE.number();
const SACK_PERMITTED: u8 = TcpOptionKind::SACK_PERMITTED.number();
const SACK: u8 = TcpOptionKind::SACK.number();
const TIMESTAMPS: u8 = TcpOptionKind::TIMESTAMPS.number();
const MD5: u8 = TcpOptionKind::MD5.number();
const USER_TIMEOUT: u8 = TcpOptionKind::USER_TIMEOUT.number();
const AUTHENTICATION: u8 = TcpOptionKind::AUTHENTICATION.number();
const MULTIPATH: u8 = TcpOptionKind::MULTIPATH.number();
const FAST_OPEN: u8 = TcpOptionKind::FAST_OPEN.number();
const ACC_ECN_0: u8 = TcpOptionKind::ACCURATE_ECN_0.number();
const ACC_ECN_1: u8 = TcpOptionKind::ACCURATE_ECN_1.number();
const EXPERIMENT_1: u8 = TcpOptionKind::EXPERIMENT_1.number();
const EXPERIMENT_2: u8 = TcpOptionKind::EXPERIMENT_2.number();

/// The bit of a user timeout that says that it counts minutes.
const MINUTES: u16 = 0x8000;

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
    /// A digest of the segment under a shared key. RFC 2385 §3.
    Md5([u8; 16]),
    /// TCP-AO: a code over the segment, and the keys it was made with. RFC 5925 §2.2.
    Authentication {
        /// The key of this segment.
        key_id: u8,
        /// The key the sender wants to get segments under.
        next_key_id: u8,
        /// The code.
        mac: &'a [u8],
    },
    /// How long unacknowledged data may stay so. RFC 5482 §3.
    UserTimeout(UserTimeout),
    /// A fast open cookie; empty asks for one. RFC 7413 §4.1.1.
    FastOpen(&'a [u8]),
    /// Multipath TCP. RFC 8684 §3.
    Mptcp(Mptcp<'a>),
    /// Accurate ECN counters. RFC 9768 §3.2.3.
    AccEcn(AccEcn),
    /// An experiment that says which it is. RFC 6994 §3.
    Experiment {
        /// Kind 253 or 254.
        kind: u8,
        /// The experiment's identifier, its first two octets where it has four.
        id: u16,
        /// What follows.
        data: &'a [u8],
    },
    /// Any other option.
    Unknown {
        /// Its kind.
        kind: u8,
        /// What follows kind and length.
        data: &'a [u8],
    },
}

/// A user timeout: 15 bits of either unit.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum UserTimeout {
    /// Seconds.
    Seconds(u16),
    /// Minutes.
    Minutes(u16),
}

impl UserTimeout {
    const fn bits(self) -> u16 {
        match self {
            Self::Seconds(seconds) => seconds & !MINUTES,
            Self::Minutes(minutes) => minutes | MINUTES,
        }
    }

    /// Returns the number of seconds or minutes.
    pub(crate) const fn number(self) -> u16 {
        match self {
            Self::Seconds(number) | Self::Minutes(number) => number,
        }
    }

    /// Says whether 15 bits can say the number.
    pub(crate) const fn fits(self) -> bool {
        self.number() & MINUTES == 0
    }

    const fn from_bits(bits: u16) -> Self {
        match bits & MINUTES {
            0 => Self::Seconds(bits),
            _ => Self::Minutes(bits & !MINUTES),
        }
    }
}

impl<'a> TcpOption<'a> {
    /// Reads the content of an option.
    #[inline]
    fn read(kind: u8, data: &'a [u8]) -> Self {
        match (kind, data) {
            (MSS, [high, low]) => Self::Mss(u16::from_be_bytes([*high, *low])),
            (WINDOW_SCALE, [shift]) => Self::WindowScale(*shift),
            (SACK_PERMITTED, []) => Self::SackPermitted,
            (TIMESTAMPS, [a, b, c, d, e, f, g, h]) => Self::Timestamps {
                value: u32::from_be_bytes([*a, *b, *c, *d]),
                echo: u32::from_be_bytes([*e, *f, *g, *h]),
            },
            _ => Self::read_rare(kind, data).unwrap_or(Self::Unknown { kind, data }),
        }
    }

    fn read_rare(kind: u8, data: &'a [u8]) -> Option<Self> {
        match (kind, data) {
            (SACK, blocks) => SackBlocks::read(blocks).map(Self::Sack),
            (MD5, digest) => digest.try_into().ok().map(Self::Md5),
            (AUTHENTICATION, [key_id, next_key_id, mac @ ..]) => Some(Self::Authentication {
                key_id: *key_id,
                next_key_id: *next_key_id,
                mac,
            }),
            (USER_TIMEOUT, [high, low]) => {
                let bits = u16::from_be_bytes([*high, *low]);
                Some(Self::UserTimeout(UserTimeout::from_bits(bits)))
            }
            (FAST_OPEN, cookie) => Some(Self::FastOpen(cookie)),
            (MULTIPATH, data) => Mptcp::read(data).map(Self::Mptcp),
            (ACC_ECN_0, data) => AccEcn::read(AccEcnOrder::Ect0First, data).map(Self::AccEcn),
            (ACC_ECN_1, data) => AccEcn::read(AccEcnOrder::Ect1First, data).map(Self::AccEcn),
            (EXPERIMENT_1 | EXPERIMENT_2, [high, low, data @ ..]) => Some(Self::Experiment {
                kind,
                id: u16::from_be_bytes([*high, *low]),
                data,
            }),
            _ => None,
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
            Self::Md5(_) => MD5,
            Self::Authentication { .. } => AUTHENTICATION,
            Self::UserTimeout(_) => USER_TIMEOUT,
            Self::FastOpen(_) => FAST_OPEN,
            Self::Mptcp(_) => MULTIPATH,
            Self::AccEcn(counters) => match counters.order() {
                AccEcnOrder::Ect0First => ACC_ECN_0,
                AccEcnOrder::Ect1First => ACC_ECN_1,
            },
            Self::Experiment { kind, .. } | Self::Unknown { kind, .. } => *kind,
        }
    }

    /// Returns the length with kind and length fields, in bytes.
    #[must_use]
    #[inline(always)]
    pub fn encoded_len(&self) -> usize {
        match self {
            Self::End | Self::Nop => 1,
            Self::SackPermitted => 2,
            Self::WindowScale(_) => 3,
            Self::Mss(_) | Self::UserTimeout(_) => 4,
            Self::Timestamps { .. } => 10,
            Self::Md5(_) => 18,
            Self::Sack(blocks) => 2 + blocks.data_len(),
            Self::Mptcp(multipath) => 2 + multipath.data_len(),
            Self::AccEcn(counters) => 2 + counters.data_len(),
            Self::FastOpen(data) | Self::Unknown { data, .. } => 2 + data.len(),
            Self::Authentication { mac: data, .. } | Self::Experiment { data, .. } => {
                4 + data.len()
            }
        }
    }

    /// Writes the option to the start of `buf` and returns its length in bytes.
    ///
    /// `None` if it does not fit, or is longer than 255 bytes; `buf` is then as it was.
    #[inline(always)]
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
            rare => rare.write_rare(data),
        }
        Some(len)
    }

    /// Writes what follows kind and length.
    fn write_rare(&self, data: &mut [u8]) {
        match self {
            Self::Sack(blocks) => blocks.write(data),
            Self::Md5(digest) => data.copy_from_slice(digest),
            Self::Authentication {
                key_id,
                next_key_id,
                mac,
            } => {
                data[..2].copy_from_slice(&[*key_id, *next_key_id]);
                data[2..].copy_from_slice(mac);
            }
            Self::UserTimeout(timeout) => data.copy_from_slice(&timeout.bits().to_be_bytes()),
            Self::Mptcp(multipath) => multipath.write(data),
            Self::AccEcn(counters) => counters.write(data),
            Self::Experiment {
                id, data: content, ..
            } => {
                data[..2].copy_from_slice(&id.to_be_bytes());
                data[2..].copy_from_slice(content);
            }
            Self::FastOpen(content) | Self::Unknown { data: content, .. } => {
                data.copy_from_slice(content);
            }
            Self::End
            | Self::Nop
            | Self::Mss(_)
            | Self::WindowScale(_)
            | Self::SackPermitted
            | Self::Timestamps { .. } => {}
        }
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
