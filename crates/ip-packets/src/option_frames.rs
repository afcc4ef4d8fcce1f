//! The framing that the options of IPv4 and TCP share: kind, length, data; two kinds are one byte.

use crate::error::{Expected, Field, Layer, ParseError};

/// The end of all options; what follows it is padding.
pub(crate) const END: u8 = 0;
/// One byte of padding between options.
pub(crate) const NOP: u8 = 1;
/// The room for options that a header length of four bits leaves, in bytes.
pub(crate) const MAX_OPTIONS_LEN: usize = 40;
/// The length of the fixed header before them, the same in IPv4 and TCP.
const FIXED_HEADER_LEN: usize = 20;

/// Goes from option to option.
#[derive(Clone, Debug)]
pub(crate) struct Frames<'a> {
    bytes: &'a [u8],
    at: usize,
}

/// One option, its content not looked at.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Frame<'a> {
    Nop,
    Option { kind: u8, data: &'a [u8] },
}

impl<'a> Frames<'a> {
    #[inline]
    pub(crate) const fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0 }
    }

    #[inline]
    pub(crate) const fn as_bytes(&self) -> &'a [u8] {
        self.bytes
    }

    /// Returns where the next option stands.
    pub(crate) const fn offset(&self) -> usize {
        self.at
    }

    /// Returns what the end mark and the bytes behind it are, if the end was reached.
    pub(crate) fn padding(mut self, layer: Layer) -> &'a [u8] {
        let mut end = self.at;
        while let Some(Ok(_)) = self.next(layer) {
            end = self.at;
        }
        match self.bytes.get(end..) {
            Some(padding @ [END, ..]) => padding,
            _ => &[],
        }
    }

    /// Returns the next option; after an error nothing follows, since the framing is lost.
    #[inline]
    pub(crate) fn next(&mut self, layer: Layer) -> Option<Result<Frame<'a>, ParseError>> {
        let at = self.at;
        let rest = self.bytes.get(at..)?;
        match *rest {
            [] | [END, ..] => {
                self.at = self.bytes.len();
                None
            }
            [NOP, ..] => {
                self.at += 1;
                Some(Ok(Frame::Nop))
            }
            [kind, len, ..] if len >= 2 && usize::from(len) <= rest.len() => {
                self.at += usize::from(len);
                let data = &rest[2..usize::from(len)];
                Some(Ok(Frame::Option { kind, data }))
            }
            [_, ref len @ ..] => {
                self.at = self.bytes.len();
                let (offset, len) = (FIXED_HEADER_LEN + at, len.first().copied());
                Some(Err(wrong_option(layer, offset, len, rest.len())))
            }
        }
    }
}

#[cold]
fn wrong_option(layer: Layer, offset: usize, len: Option<u8>, left: usize) -> ParseError {
    let (field, available) = (Field::Option, offset + left);
    match len.map(usize::from) {
        Some(found @ ..2) => ParseError::Invalid {
            layer,
            field,
            offset,
            found,
            expected: Expected::AtLeast(2),
        },
        len => ParseError::Truncated {
            layer,
            field,
            offset,
            needed: offset + len.unwrap_or(2),
            available,
        },
    }
}
