//! Lists inside of messages: read from the wire, or given by a caller, and the same type either way.

use core::fmt;
use core::net::{Ipv4Addr, Ipv6Addr};

use crate::error::{Expected, Field, Layer};
use crate::{BuildError, Lenient, ParseError};

/// What a [`Sequence`] is made of: an address, an option, a record.
pub trait Element<'a>: Copy + PartialEq {
    /// Reads the element at the start of `bytes` and returns it with the
    /// number of bytes it takes there: at least one, and no more than there are.
    ///
    /// # Errors
    /// [`ParseError`] if there is no such element; offsets count from its first byte.
    fn read(bytes: &'a [u8]) -> Result<(Self, usize), ParseError>;

    /// Returns the length it is written with, in bytes.
    fn encoded_len(&self) -> usize;

    /// Says whether its lengths and counts can say what it is.
    ///
    /// # Errors
    /// [`BuildError`] if something is longer or more than its field can say.
    fn check(&self) -> Result<(), BuildError> {
        Ok(())
    }

    /// Writes it to `room`, which is exactly [`encoded_len`](Self::encoded_len) bytes long and zero.
    fn write(&self, room: &mut [u8]);
}

/// Elements that follow each other.
///
/// Parsing makes it over the bytes of the message, [`Sequence::new`] over values that a message
/// shall be built of. Two sequences are equal if their elements are.
///
/// ```
/// use core::net::Ipv4Addr;
/// use wirecraft_ip_packets::Sequence;
///
/// let given = [Ipv4Addr::LOCALHOST, Ipv4Addr::BROADCAST];
/// let wire = Sequence::from_bytes(&[127, 0, 0, 1, 255, 255, 255, 255]);
/// assert_eq!(Sequence::new(&given), wire);
/// assert_eq!(wire.iter().last(), Some(Ipv4Addr::BROADCAST));
/// ```
#[derive(Clone, Copy)]
pub struct Sequence<'a, T>(Form<'a, T>);

#[derive(Clone, Copy)]
enum Form<'a, T> {
    Wire(&'a [u8]),
    Given(&'a [T]),
}

impl<'a, T> Sequence<'a, T> {
    /// A sequence of nothing.
    pub const EMPTY: Self = Self(Form::Wire(&[]));

    /// Takes values to write.
    #[must_use]
    #[inline]
    pub const fn new(elements: &'a [T]) -> Self {
        Self(Form::Given(elements))
    }

    /// Takes what is on the wire, unchecked: elements are read up to the first that cannot be.
    #[must_use]
    #[inline]
    pub const fn from_bytes(bytes: &'a [u8]) -> Self {
        Self(Form::Wire(bytes))
    }
}

impl<'a, T: Element<'a>> Sequence<'a, T> {
    /// Returns the elements in order.
    #[inline]
    pub const fn iter(&self) -> SequenceIter<'a, T> {
        SequenceIter {
            rest: self.0,
            read_len: 0,
        }
    }

    /// Returns how many elements there are.
    #[must_use]
    pub fn len(&self) -> usize {
        match self.0 {
            Form::Given(elements) => elements.len(),
            Form::Wire(_) => self.iter().count(),
        }
    }

    /// Says whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.iter().next().is_none()
    }

    /// Returns why the elements end before the bytes do, with offsets from the first byte of the
    /// sequence; `None` if they do not.
    #[must_use]
    pub fn stopped(&self) -> Option<ParseError> {
        let mut iter = self.iter();
        while iter.next().is_some() {}
        match iter.rest {
            Form::Wire(rest) if !rest.is_empty() => {
                let error = T::read(rest).err()?;
                Some(error.shifted(iter.read_len))
            }
            _ => None,
        }
    }

    /// Returns the length that the elements are written with, in bytes.
    #[must_use]
    pub fn encoded_len(&self) -> usize {
        self.iter().map(|element| element.encoded_len()).sum()
    }

    /// Says whether all elements can be written as they are; those that were read can.
    pub(crate) fn check(&self) -> Result<(), BuildError> {
        match self.0 {
            Form::Given(elements) => elements.iter().try_for_each(T::check),
            Form::Wire(_) => Ok(()),
        }
    }

    /// Takes as many elements from the start of `bytes` as a count says, or as can be read.
    pub(crate) fn counted(bytes: &'a [u8], count: usize) -> Lenient<Self> {
        let mut at = 0;
        for _ in 0..count {
            let rest = bytes.get(at..).unwrap_or_default();
            match T::read(rest) {
                Ok((_, len)) => at += len,
                Err(error) => {
                    let read = Self::from_bytes(&bytes[..at]);
                    return Lenient::stopped(read, error.shifted(at));
                }
            }
        }
        Lenient::whole(Self::from_bytes(bytes.get(..at).unwrap_or(bytes)))
    }

    /// Writes the elements to the start of `room`, as far as there is room for whole ones.
    pub(crate) fn write(&self, room: &mut [u8]) {
        let mut rest = room;
        for element in self.iter() {
            let Some((own, behind)) = rest.split_at_mut_checked(element.encoded_len()) else {
                return;
            };
            own.fill(0);
            element.write(own);
            rest = behind;
        }
    }
}

impl<T> Default for Sequence<'_, T> {
    fn default() -> Self {
        Self::EMPTY
    }
}

impl<'a, T> From<&'a [T]> for Sequence<'a, T> {
    fn from(elements: &'a [T]) -> Self {
        Self::new(elements)
    }
}

impl<'a, T: Element<'a>> PartialEq for Sequence<'a, T> {
    fn eq(&self, other: &Self) -> bool {
        self.iter().eq(*other)
    }
}

impl<'a, T: Element<'a> + Eq> Eq for Sequence<'a, T> {}

impl<'a, T: Element<'a> + fmt::Debug> fmt::Debug for Sequence<'a, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(*self).finish()
    }
}

impl<'a, T: Element<'a>> IntoIterator for Sequence<'a, T> {
    type Item = T;
    type IntoIter = SequenceIter<'a, T>;

    fn into_iter(self) -> SequenceIter<'a, T> {
        self.iter()
    }
}

/// The elements of a [`Sequence`], in order.
#[derive(Clone)]
pub struct SequenceIter<'a, T> {
    rest: Form<'a, T>,
    /// How many bytes of the wire were read.
    read_len: usize,
}

impl<T> fmt::Debug for SequenceIter<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SequenceIter")
            .field("read_len", &self.read_len)
            .finish_non_exhaustive()
    }
}

impl<'a, T: Element<'a>> Iterator for SequenceIter<'a, T> {
    type Item = T;

    #[inline]
    fn next(&mut self) -> Option<T> {
        match &mut self.rest {
            Form::Given(elements) => {
                let (first, rest) = elements.split_first()?;
                *elements = rest;
                Some(*first)
            }
            Form::Wire([]) => None,
            Form::Wire(bytes) => {
                let (element, len) = T::read(bytes).ok()?;
                // An element of no bytes would be read forever.
                *bytes = bytes.get(len.max(1)..)?;
                self.read_len += len.max(1);
                Some(element)
            }
        }
    }
}

/// Implements [`Element`] for an address of `$len` bytes.
macro_rules! address_element {
    ($address:ty, $len:literal, $layer:expr) => {
        impl Element<'_> for $address {
            #[inline]
            fn read(bytes: &[u8]) -> Result<(Self, usize), ParseError> {
                match bytes.first_chunk::<$len>() {
                    Some(octets) => Ok((Self::from(*octets), $len)),
                    None => Err(cut_address($layer, $len, bytes.len())),
                }
            }

            #[inline]
            fn encoded_len(&self) -> usize {
                $len
            }

            #[inline]
            fn write(&self, room: &mut [u8]) {
                room.copy_from_slice(&self.octets());
            }
        }
    };
}

address_element!(Ipv4Addr, 4, Layer::Ipv4);
address_element!(Ipv6Addr, 16, Layer::Ipv6);

#[cold]
const fn cut_address(layer: Layer, needed: usize, available: usize) -> ParseError {
    ParseError::Truncated {
        layer,
        field: Field::Address,
        offset: 0,
        needed,
        available,
    }
}

/// Makes the error for a length field that says less than what is always there.
#[cold]
pub(crate) const fn too_short(
    layer: Layer,
    field: Field,
    found: usize,
    least: usize,
) -> ParseError {
    ParseError::Invalid {
        layer,
        field,
        offset: 0,
        found,
        expected: Expected::AtLeast(least),
    }
}

/// Makes the error for a part of a message that is cut off.
#[cold]
pub(crate) const fn cut(layer: Layer, field: Field, needed: usize, available: usize) -> ParseError {
    ParseError::Truncated {
        layer,
        field,
        offset: 0,
        needed,
        available,
    }
}
