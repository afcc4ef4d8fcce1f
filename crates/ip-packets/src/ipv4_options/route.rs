//! The list of addresses in the source route and record route options of IPv4.

use core::net::Ipv4Addr;

/// The most addresses that fit into the options of one packet.
const MAX_ADDRESSES: usize = 9;
/// The pointer that names the first address; it counts from the type octet, which is 1.
const FIRST: u8 = 4;

/// Up to nine addresses, and a pointer to the next one of them.
///
/// Source: RFC 791 §3.1, p. 18 to 21.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Ipv4Route {
    pointer: u8,
    addresses: [Ipv4Addr; MAX_ADDRESSES],
    len: usize,
}

impl Ipv4Route {
    /// Takes addresses to be passed, the first of them next; `None` for more than nine.
    #[must_use]
    pub fn new(addresses: &[Ipv4Addr]) -> Option<Self> {
        let mut kept = [Ipv4Addr::UNSPECIFIED; MAX_ADDRESSES];
        kept.get_mut(..addresses.len())?.copy_from_slice(addresses);
        Some(Self {
            pointer: FIRST,
            addresses: kept,
            len: addresses.len(),
        })
    }

    /// Makes room for `slots` addresses to be recorded; nine at most.
    #[must_use]
    pub const fn empty(slots: usize) -> Self {
        Self {
            pointer: FIRST,
            addresses: [Ipv4Addr::UNSPECIFIED; MAX_ADDRESSES],
            len: if slots < MAX_ADDRESSES {
                slots
            } else {
                MAX_ADDRESSES
            },
        }
    }

    /// Sets the pointer: where the next address stands, the first of all at 4.
    #[must_use]
    pub const fn with_pointer(mut self, pointer: u8) -> Self {
        self.pointer = pointer;
        self
    }

    /// Returns the pointer: where the next address stands, the first of all at 4.
    #[must_use]
    pub const fn pointer(&self) -> u8 {
        self.pointer
    }

    /// Returns all addresses, those that no router has written yet included.
    #[must_use]
    pub const fn addresses(&self) -> &[Ipv4Addr] {
        self.addresses.split_at(self.len).0
    }

    /// Returns the addresses before the pointer: recorded, or passed.
    #[must_use]
    pub fn passed(&self) -> &[Ipv4Addr] {
        let passed = usize::from(self.pointer.saturating_sub(FIRST)) / 4;
        self.addresses()
            .get(..passed)
            .unwrap_or_else(|| self.addresses())
    }

    /// Returns the last address, where some are still to be passed.
    pub(super) fn end(&self) -> Option<Ipv4Addr> {
        let is_used_up = self.passed().len() == self.len;
        self.addresses().last().copied().filter(|_| !is_used_up)
    }

    pub(super) fn read(data: &[u8]) -> Option<Self> {
        let (pointer, list) = data.split_first()?;
        let (chunks, []) = list.as_chunks::<4>() else {
            return None;
        };
        let mut addresses = [Ipv4Addr::UNSPECIFIED; MAX_ADDRESSES];
        for (address, octets) in addresses.get_mut(..chunks.len())?.iter_mut().zip(chunks) {
            *address = Ipv4Addr::from(*octets);
        }
        Some(Self {
            pointer: *pointer,
            addresses,
            len: chunks.len(),
        })
    }

    pub(super) const fn data_len(&self) -> usize {
        1 + self.len * 4
    }

    pub(super) fn write(&self, data: &mut [u8]) {
        data[0] = self.pointer;
        let (chunks, _) = data[1..].as_chunks_mut::<4>();
        for (octets, address) in chunks.iter_mut().zip(self.addresses()) {
            *octets = address.octets();
        }
    }
}
