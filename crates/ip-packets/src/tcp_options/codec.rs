//! Options of a caller's own, read and written beside those this crate knows.

use core::marker::PhantomData;

use super::{TcpOption, TcpOptions};
use crate::ParseError;
use crate::error::Layer;
use crate::option_frames::{Frame, Frames};

/// A caller's own type for options, asked before this crate's.
///
/// One type may stand for several kinds: an enum with a variant for each.
///
/// ```
/// use wirecraft_ip_packets::{DecodedTcpOption, IpPacket, TcpOptionCodec, v4};
///
/// #[derive(PartialEq, Debug)]
/// struct Experiment(u32);
///
/// impl TcpOptionCodec<'_> for Experiment {
///     fn parse(kind: u8, data: &[u8]) -> Option<Self> {
///         let value = data.try_into().ok().filter(|_| kind == 0x4e)?;
///         Some(Self(u32::from_be_bytes(value)))
///     }
///     fn kind(&self) -> u8 {
///         0x4e
///     }
///     fn data_len(&self) -> usize {
///         4
///     }
///     fn emit(&self, data: &mut [u8]) {
///         data.copy_from_slice(&self.0.to_be_bytes());
///     }
/// }
///
/// let (source, destination) = ([10, 0, 0, 1].into(), [10, 0, 0, 2].into());
/// let bytes = v4(source, destination).tcp(1, 2).own_option(&Experiment(7)).build();
/// let segment = IpPacket::parse(&bytes)?.tcp()?;
/// let first = segment.options().decode::<Experiment>().next();
/// assert_eq!(first, Some(Ok(DecodedTcpOption::Own(Experiment(7)))));
/// # Ok::<(), wirecraft_ip_packets::ParseError>(())
/// ```
pub trait TcpOptionCodec<'a>: Sized {
    /// Reads what follows kind and length; `None` for an option that is not of this type.
    fn parse(kind: u8, data: &'a [u8]) -> Option<Self>;

    /// Returns the kind it is written under.
    fn kind(&self) -> u8;

    /// Returns the length without kind and length fields, in bytes.
    fn data_len(&self) -> usize;

    /// Writes what follows kind and length to `data`, which is exactly as long.
    fn emit(&self, data: &mut [u8]);
}

/// An option as a codec reads it, or else as this crate does.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum DecodedTcpOption<'a, C> {
    /// One that the codec took.
    Own(C),
    /// One that it left.
    Standard(TcpOption<'a>),
}

/// Reads options one after the other, each through a codec first.
#[derive(Clone, Debug)]
pub struct DecodedTcpOptions<'a, C> {
    frames: Frames<'a>,
    codec: PhantomData<fn() -> C>,
}

impl<'a> TcpOptions<'a> {
    /// Reads the options that are left through the codec `C` first.
    #[must_use]
    pub fn decode<C: TcpOptionCodec<'a>>(self) -> DecodedTcpOptions<'a, C> {
        DecodedTcpOptions {
            frames: self.0,
            codec: PhantomData,
        }
    }
}

impl<'a, C: TcpOptionCodec<'a>> Iterator for DecodedTcpOptions<'a, C> {
    type Item = Result<DecodedTcpOption<'a, C>, ParseError>;

    fn next(&mut self) -> Option<Self::Item> {
        let frame = self.frames.next(Layer::Tcp)?;
        Some(frame.map(|frame| match frame {
            Frame::Nop => DecodedTcpOption::Standard(TcpOption::Nop),
            Frame::Option { kind, data } => C::parse(kind, data).map_or_else(
                || DecodedTcpOption::Standard(TcpOption::read(kind, data)),
                DecodedTcpOption::Own,
            ),
        }))
    }
}

/// Returns the whole length of an option, in bytes.
pub(crate) fn encoded_len<'a>(option: &impl TcpOptionCodec<'a>) -> usize {
    2 + option.data_len()
}

/// Writes a whole option to the start of `buf` and returns its length, `None` if it does not fit.
pub(crate) fn write<'a>(option: &impl TcpOptionCodec<'a>, buf: &mut [u8]) -> Option<usize> {
    let len = encoded_len(option);
    let (head, data) = buf.get_mut(..len)?.split_first_chunk_mut::<2>()?;
    *head = [option.kind(), u8::try_from(len).ok()?];
    option.emit(data);
    Some(len)
}
