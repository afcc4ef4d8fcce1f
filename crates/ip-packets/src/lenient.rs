//! Reading packets that are wrong: what could be read, and why no more.

use crate::ParseError;

/// What lenient parsing made of bytes.
///
/// The view is the same type as strict parsing returns, over what is there: a payload that is cut
/// off is shorter, a header length that cannot be is taken for the smallest or greatest that can.
/// Where [`stopped`](field@Self::stopped) is `None`, strict parsing returns the same view; otherwise it is
/// the error of strict parsing.
///
/// ```
/// use wirecraft_ip_packets::{Field, IpPacket, Transport, v4};
///
/// let mut bytes = v4([10, 0, 0, 1].into(), [10, 0, 0, 2].into()).udp(1000, 53).build();
/// bytes.truncate(26);
/// let packet = IpPacket::parse_lenient(&bytes)?;
/// assert_eq!(packet.stopped.map(|error| error.field()), Some(Field::TotalLen));
/// assert_eq!(packet.read.destination().to_string(), "10.0.0.2");
/// assert_eq!(packet.read.payload().len(), 6);
/// # Ok::<(), wirecraft_ip_packets::ParseError>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Lenient<T> {
    /// What could be read.
    pub read: T,
    /// The first thing that was wrong.
    pub stopped: Option<ParseError>,
}

impl<T> Lenient<T> {
    /// Takes what strict parsing read.
    #[inline]
    pub(crate) const fn whole(read: T) -> Self {
        Self {
            read,
            stopped: None,
        }
    }

    /// Takes what could be read before `error`.
    #[inline]
    pub(crate) const fn stopped(read: T, error: ParseError) -> Self {
        Self {
            read,
            stopped: Some(error),
        }
    }

    /// Returns what was read if nothing was wrong.
    ///
    /// # Errors
    /// The first thing that was wrong.
    pub fn strict(self) -> Result<T, ParseError> {
        match self.stopped {
            None => Ok(self.read),
            Some(error) => Err(error),
        }
    }

    /// Changes what was read.
    pub fn map<U>(self, change: impl FnOnce(T) -> U) -> Lenient<U> {
        Lenient {
            read: change(self.read),
            stopped: self.stopped,
        }
    }
}
