//! Domain names as the search list of neighbor discovery has them.

use core::fmt;

use crate::BuildError;
use crate::error::{Field, Layer, ParseError};
use crate::sequence::{Element, cut, too_short};

/// The most bytes of a label.
const MAX_LABEL_LEN: usize = 63;
/// The most bytes of a name, with the lengths of its labels and the zero at its end.
const MAX_NAME_LEN: usize = 255;

/// A domain name: labels, uncompressed.
///
/// Source: RFC 8106 §5.2, RFC 1035 §3.1.
#[derive(Clone, Copy)]
pub struct DomainName<'a>(Form<'a>);

#[derive(Clone, Copy)]
enum Form<'a> {
    /// Each label behind its length, and a zero at the end.
    Wire(&'a [u8]),
    Text(&'a str),
}

impl<'a> DomainName<'a> {
    /// Takes a name such as `example.org`; a dot at its end changes nothing.
    ///
    /// A label has 1 to 63 bytes, and a name at most 255 with the length of each label and a zero at
    /// the end: what is not so is refused by all that builds a packet and says so. Where it is
    /// written nevertheless, as by [`build`](crate::PacketBuilder::build), of a longer label the
    /// first 63 bytes are, and nothing from an empty label on.
    #[must_use]
    pub const fn new(name: &'a str) -> Self {
        Self(Form::Text(name))
    }

    /// Returns the labels in order, without dots.
    #[must_use]
    pub const fn labels(&self) -> DomainNameLabels<'a> {
        DomainNameLabels(self.0)
    }
}

impl PartialEq for DomainName<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.labels().eq(other.labels())
    }
}

impl Eq for DomainName<'_> {}

impl fmt::Display for DomainName<'_> {
    /// Writes the labels with dots between; bytes that are no printable ASCII are escaped.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, label) in self.labels().enumerate() {
            let dot = if at == 0 { "" } else { "." };
            write!(f, "{dot}{}", label.escape_ascii())?;
        }
        Ok(())
    }
}

impl fmt::Debug for DomainName<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"{self}\"")
    }
}

/// The labels of a [`DomainName`].
#[derive(Clone)]
pub struct DomainNameLabels<'a>(Form<'a>);

impl fmt::Debug for DomainNameLabels<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("DomainNameLabels").finish_non_exhaustive()
    }
}

impl<'a> Iterator for DomainNameLabels<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        match &mut self.0 {
            Form::Wire(bytes) => {
                let (len, rest) = bytes.split_first()?;
                let (label, rest) = rest.split_at_checked(usize::from(*len))?;
                *bytes = rest;
                (!label.is_empty()).then_some(label)
            }
            Form::Text(text) => {
                let (label, rest) = text.split_once('.').unwrap_or((text, ""));
                *text = rest;
                let label = label.as_bytes();
                let label = label.get(..MAX_LABEL_LEN).unwrap_or(label);
                (!label.is_empty()).then_some(label)
            }
        }
    }
}

impl<'a> Element<'a> for DomainName<'a> {
    fn read(bytes: &'a [u8]) -> Result<(Self, usize), ParseError> {
        let mut at = 0;
        loop {
            let Some(len) = bytes.get(at) else {
                return Err(cut(Layer::Icmpv6, Field::Option, at + 1, bytes.len()));
            };
            let len = usize::from(*len);
            at += 1 + len;
            match len {
                0 if at == 1 => return Err(too_short(Layer::Icmpv6, Field::Option, 0, 1)),
                0 => return Ok((Self(Form::Wire(&bytes[..at])), at)),
                1..=MAX_LABEL_LEN => {}
                // Two high bits are a pointer, which is not allowed here.
                _ => return Err(cut(Layer::Icmpv6, Field::Option, at, bytes.len())),
            }
        }
    }

    fn encoded_len(&self) -> usize {
        self.labels().map(|label| 1 + label.len()).sum::<usize>() + 1
    }

    fn check(&self) -> Result<(), BuildError> {
        let Form::Text(text) = self.0 else {
            return Ok(());
        };
        let name = text.strip_suffix('.').unwrap_or(text);
        for label in name.split('.') {
            if label.is_empty() {
                let layer = Layer::Icmpv6;
                return Err(BuildError::Empty { layer });
            }
            BuildError::check_len(Layer::Icmpv6, label.len(), MAX_LABEL_LEN)?;
        }
        BuildError::check_len(Layer::Icmpv6, self.encoded_len(), MAX_NAME_LEN)
    }

    fn write(&self, room: &mut [u8]) {
        let mut at = 0;
        for label in self.labels() {
            let [len, ..] = label.len().to_le_bytes();
            room[at] = len;
            room[at + 1..][..label.len()].copy_from_slice(label);
            at += 1 + label.len();
        }
    }
}

/// Cuts the zeros off that pad a list of names; `None` if what is there is not a list of names.
pub(super) fn names(data: &[u8]) -> Option<&[u8]> {
    let mut rest = data;
    loop {
        if rest.iter().all(|byte| *byte == 0) {
            return data.get(..data.len() - rest.len());
        }
        let (_, len) = DomainName::read(rest).ok()?;
        rest = rest.get(len..)?;
    }
}
