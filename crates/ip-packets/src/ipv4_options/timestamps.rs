//! The timestamp option of IPv4.

use core::net::Ipv4Addr;

/// The most words of 4 bytes that fit into the options of one packet.
const MAX_WORDS: usize = 9;
/// The pointer that names the first entry; it counts from the type octet, which is 1.
const FIRST: u8 = 5;

/// What a timestamp option asks for.
///
/// Source: RFC 791 §3.1, p. 22.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub enum Ipv4TimestampsKind {
    /// Times alone: flag 0.
    Times,
    /// Every router writes its address before its time: flag 1.
    WithAddresses,
    /// Only the routers whose addresses are there write their time: flag 3.
    Prespecified,
}

impl Ipv4TimestampsKind {
    const fn of_flag(flag: u8) -> Option<Self> {
        match flag {
            0 => Some(Self::Times),
            1 => Some(Self::WithAddresses),
            3 => Some(Self::Prespecified),
            _ => None,
        }
    }

    const fn flag(self) -> u8 {
        match self {
            Self::Times => 0,
            Self::WithAddresses => 1,
            Self::Prespecified => 3,
        }
    }

    const fn entry_words(self) -> usize {
        match self {
            Self::Times => 1,
            Self::WithAddresses | Self::Prespecified => 2,
        }
    }
}

/// One entry of a timestamp option.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Ipv4Timestamp {
    /// Whose time it is, where the option has addresses.
    pub address: Option<Ipv4Addr>,
    /// Milliseconds since midnight UT; with the highest bit set, any other clock.
    pub time: u32,
}

/// Times that hosts and routers write into a packet on its way.
///
/// Source: RFC 791 §3.1, p. 22.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Ipv4Timestamps {
    kind: Ipv4TimestampsKind,
    pointer: u8,
    overflow: u8,
    words: [u32; MAX_WORDS],
    len: usize,
}

impl Ipv4Timestamps {
    /// Makes room for `slots` entries; as many as fit: nine times, or four with addresses.
    #[must_use]
    pub const fn empty(kind: Ipv4TimestampsKind, slots: usize) -> Self {
        let most = MAX_WORDS / kind.entry_words();
        let slots = if slots < most { slots } else { most };
        Self {
            kind,
            pointer: FIRST,
            overflow: 0,
            words: [0; MAX_WORDS],
            len: slots * kind.entry_words(),
        }
    }

    /// Asks the routers at up to four addresses for their time; `None` for more.
    #[must_use]
    pub fn prespecified(addresses: &[Ipv4Addr]) -> Option<Self> {
        let mut made = Self::empty(Ipv4TimestampsKind::Prespecified, addresses.len());
        let (entries, _) = made.words.as_chunks_mut::<2>();
        for (entry, address) in entries
            .get_mut(..addresses.len())?
            .iter_mut()
            .zip(addresses)
        {
            entry[0] = address.to_bits();
        }
        Some(made)
    }

    /// Takes entries as they are; `None` for more than fit, or where addresses are missing or too
    /// many for the kind.
    #[must_use]
    pub fn new(kind: Ipv4TimestampsKind, entries: &[Ipv4Timestamp]) -> Option<Self> {
        let has_addresses = kind != Ipv4TimestampsKind::Times;
        let mut made = Self::empty(kind, 0);
        for entry in entries {
            if entry.address.is_some() != has_addresses {
                return None;
            }
            for word in entry
                .address
                .map(Ipv4Addr::to_bits)
                .iter()
                .chain([&entry.time])
            {
                *made.words.get_mut(made.len)? = *word;
                made.len += 1;
            }
        }
        Some(made)
    }

    /// Takes words as they are on the wire; `None` if the flag is not assigned or they are not
    /// whole entries.
    #[cfg(feature = "text")]
    pub(crate) fn of_words(flag: u8, words: &[u32]) -> Option<Self> {
        let kind = Ipv4TimestampsKind::of_flag(flag)?;
        let mut made = Self::empty(kind, 0);
        made.words.get_mut(..words.len())?.copy_from_slice(words);
        made.len = words.len();
        words
            .len()
            .is_multiple_of(kind.entry_words())
            .then_some(made)
    }

    /// Sets the pointer: where the next entry stands, the first of all at 5.
    #[must_use]
    pub const fn with_pointer(mut self, pointer: u8) -> Self {
        self.pointer = pointer;
        self
    }

    /// Sets the number of hosts that found no room; the low four bits count.
    #[must_use]
    pub const fn with_overflow(mut self, overflow: u8) -> Self {
        self.overflow = overflow & 0x0f;
        self
    }

    /// Returns what the option asks for.
    #[must_use]
    pub const fn kind(&self) -> Ipv4TimestampsKind {
        self.kind
    }

    /// Returns the pointer: where the next entry stands, the first of all at 5.
    #[must_use]
    pub const fn pointer(&self) -> u8 {
        self.pointer
    }

    /// Returns the number of hosts that found no room, 15 at most.
    #[must_use]
    pub const fn overflow(&self) -> u8 {
        self.overflow
    }

    /// Returns all entries, those that nobody has written yet included.
    pub fn entries(&self) -> impl Iterator<Item = Ipv4Timestamp> + '_ {
        let entries = self.words[..self.len].chunks_exact(self.kind.entry_words());
        entries.filter_map(|words| match *words {
            [time] => Some(Ipv4Timestamp {
                address: None,
                time,
            }),
            [address, time] => Some(Ipv4Timestamp {
                address: Some(Ipv4Addr::from_bits(address)),
                time,
            }),
            _ => None,
        })
    }

    pub(super) fn read(data: &[u8]) -> Option<Self> {
        let [pointer, overflow_and_flag, rest @ ..] = data else {
            return None;
        };
        let (chunks, []) = rest.as_chunks::<4>() else {
            return None;
        };
        let kind = Ipv4TimestampsKind::of_flag(overflow_and_flag & 0x0f)?;
        let mut words = [0; MAX_WORDS];
        for (word, octets) in words.get_mut(..chunks.len())?.iter_mut().zip(chunks) {
            *word = u32::from_be_bytes(*octets);
        }
        chunks
            .len()
            .is_multiple_of(kind.entry_words())
            .then_some(Self {
                kind,
                pointer: *pointer,
                overflow: overflow_and_flag >> 4,
                words,
                len: chunks.len(),
            })
    }

    pub(super) const fn data_len(&self) -> usize {
        2 + self.len * 4
    }

    pub(super) fn write(&self, data: &mut [u8]) {
        data[0] = self.pointer;
        data[1] = self.overflow << 4 | self.kind.flag();
        let (chunks, _) = data[2..].as_chunks_mut::<4>();
        for (octets, word) in chunks.iter_mut().zip(self.words) {
            *octets = word.to_be_bytes();
        }
    }
}
