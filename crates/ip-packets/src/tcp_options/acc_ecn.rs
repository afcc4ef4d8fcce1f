//! The accurate ECN option of TCP: how many bytes arrived under which mark.

/// The most counters an option has.
const MAX_COUNTERS: usize = 3;
const COUNTER_LEN: usize = 3;
const COUNTER_MASK: u32 = 0x00ff_ffff;

/// The order in which the counters stand, and with it the kind of the option.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub enum AccEcnOrder {
    /// ECT(0), CE, ECT(1): kind 172.
    Ect0First,
    /// ECT(1), CE, ECT(0): kind 174.
    Ect1First,
}

/// Up to three counters of 24 bits; a shorter option leaves out the last.
///
/// ```
/// use wirecraft_ip_packets::{AccEcn, AccEcnOrder};
///
/// let counters = AccEcn::new(AccEcnOrder::Ect1First, &[7, 8]).unwrap();
/// assert_eq!((counters.ect1(), counters.ce(), counters.ect0()), (Some(7), Some(8), None));
/// ```
///
/// Source: RFC 9768 §3.2.3.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct AccEcn {
    order: AccEcnOrder,
    counters: [u32; MAX_COUNTERS],
    len: usize,
}

impl AccEcn {
    /// Takes up to three counters in the order given; the low 24 bits count. `None` for more.
    #[must_use]
    pub fn new(order: AccEcnOrder, counters: &[u32]) -> Option<Self> {
        let mut kept = [0; MAX_COUNTERS];
        for (kept, counter) in kept.get_mut(..counters.len())?.iter_mut().zip(counters) {
            *kept = counter & COUNTER_MASK;
        }
        Some(Self {
            order,
            counters: kept,
            len: counters.len(),
        })
    }

    /// Returns the order of the counters.
    #[must_use]
    pub const fn order(&self) -> AccEcnOrder {
        self.order
    }

    /// Returns the counters in their order.
    #[must_use]
    pub const fn counters(&self) -> &[u32] {
        self.counters.split_at(self.len).0
    }

    /// Returns the bytes that arrived as ECT(0), modulo 2^24.
    #[must_use]
    pub fn ect0(&self) -> Option<u32> {
        self.counter(match self.order {
            AccEcnOrder::Ect0First => 0,
            AccEcnOrder::Ect1First => 2,
        })
    }

    /// Returns the bytes that arrived as CE, modulo 2^24.
    #[must_use]
    pub fn ce(&self) -> Option<u32> {
        self.counter(1)
    }

    /// Returns the bytes that arrived as ECT(1), modulo 2^24.
    #[must_use]
    pub fn ect1(&self) -> Option<u32> {
        self.counter(match self.order {
            AccEcnOrder::Ect0First => 2,
            AccEcnOrder::Ect1First => 0,
        })
    }

    fn counter(&self, at: usize) -> Option<u32> {
        self.counters().get(at).copied()
    }

    pub(super) fn read(order: AccEcnOrder, data: &[u8]) -> Option<Self> {
        let (chunks, []) = data.as_chunks::<COUNTER_LEN>() else {
            return None;
        };
        let mut counters = [0; MAX_COUNTERS];
        for (counter, [a, b, c]) in counters.get_mut(..chunks.len())?.iter_mut().zip(chunks) {
            *counter = u32::from_be_bytes([0, *a, *b, *c]);
        }
        Some(Self {
            order,
            counters,
            len: chunks.len(),
        })
    }

    pub(super) const fn data_len(&self) -> usize {
        self.len * COUNTER_LEN
    }

    pub(super) fn write(&self, data: &mut [u8]) {
        let (chunks, _) = data.as_chunks_mut::<COUNTER_LEN>();
        for (chunk, counter) in chunks.iter_mut().zip(self.counters()) {
            let [_, octets @ ..] = counter.to_be_bytes();
            *chunk = octets;
        }
    }
}
