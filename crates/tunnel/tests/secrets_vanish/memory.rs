//! A search through all memory that the process can write to.

use std::fmt;
use std::fs::File;
use std::ops::Range;
use std::os::unix::fs::FileExt as _;

use zeroize::Zeroize as _;

use crate::needles::Group;

/// What the bytes of needles are disguised with. No constant of HMAC or of the protocol.
pub(crate) const MASK: u8 = 0xa5;

/// Half of a secret: values that lie in vector registers are put down in pieces of this size.
pub(crate) const NEEDLE_LEN: usize = 16;

/// How much is read at once.
const CHUNK_LEN: usize = 1 << 20;

/// Sixteen bytes to look for, disguised.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Needle {
    pub(crate) group: Group,
    pub(crate) name: String,
    masked: [u8; NEEDLE_LEN],
}

impl Needle {
    pub(crate) fn new(group: Group, name: &str, masked: [u8; NEEDLE_LEN]) -> Self {
        let name = name.to_owned();
        Self {
            group,
            name,
            masked,
        }
    }

    /// Reads the line that [`Display`](fmt::Display) writes.
    pub(crate) fn parse(line: &str) -> Self {
        let mut words = line.splitn(3, ' ');
        let mut word = || {
            words
                .next()
                .expect("a group, hexadecimal digits and a name")
        };
        let group = Group::parse(word());
        let digits = word();
        let byte = |at: usize| {
            u8::from_str_radix(&digits[2 * at..2 * at + 2], 16).expect("two hexadecimal digits")
        };
        Self::new(group, word(), std::array::from_fn(byte))
    }
}

impl fmt::Display for Needle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ", self.group)?;
        for byte in self.masked {
            write!(f, "{byte:02x}")?;
        }
        write!(f, " {}", self.name)
    }
}

/// A place where a needle lies.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Find {
    pub(crate) group: Group,
    pub(crate) name: String,
    pub(crate) place: String,
}

/// Looks for the needles in all memory that could hold them.
pub(crate) fn search(needles: &[Needle]) -> Vec<Find> {
    let maps = std::fs::read_to_string("/proc/self/maps").expect("Linux tells the mappings");
    let memory = File::open("/proc/self/mem").expect("a process may read its own memory");
    let beginnings = Beginnings::of(needles);
    let mut chunk = vec![0; CHUNK_LEN];
    let mut finds = Vec::new();
    let mappings = maps.lines().filter_map(Mapping::parse);
    let own = chunk.as_ptr_range();
    for mapping in mappings.flat_map(|mapping| mapping.without(&own)) {
        let mut at = mapping.start;
        while at < mapping.end {
            let len = CHUNK_LEN.min(mapping.len_from(at));
            // A mapping may be gone since the list was read.
            let Ok(read) = memory.read_at(&mut chunk[..len], at) else {
                break;
            };
            for (offset, needle) in beginnings.search(&chunk[..read], needles) {
                let address = at + offset as u64;
                finds.push(Find {
                    group: needle.group,
                    name: needle.name.clone(),
                    place: format!("{address:#x} in {}", mapping.name),
                });
            }
            // A needle may lie across two chunks.
            let is_last = at + read as u64 >= mapping.end || read <= NEEDLE_LEN;
            at += if is_last { len } else { read - NEEDLE_LEN + 1 } as u64;
        }
    }
    chunk.zeroize();
    finds
}

/// The first two bytes of all needles, so that most positions cost one look.
struct Beginnings(Vec<bool>);

impl Beginnings {
    fn of(needles: &[Needle]) -> Self {
        let mut present = vec![false; 1 << 16];
        for Needle { masked, .. } in needles {
            present[usize::from(u16::from_le_bytes([masked[0] ^ MASK, masked[1] ^ MASK]))] = true;
        }
        Self(present)
    }

    fn search<'a>(&self, hay: &[u8], needles: &'a [Needle]) -> Vec<(usize, &'a Needle)> {
        let mut found = Vec::new();
        for (offset, window) in hay.windows(NEEDLE_LEN).enumerate() {
            if !self.0[usize::from(u16::from_le_bytes([window[0], window[1]]))] {
                continue;
            }
            let is_here = |needle: &&Needle| {
                let bytes = window.iter().zip(&needle.masked);
                bytes.fold(0, |differs, (byte, masked)| differs | byte ^ masked ^ MASK) == 0
            };
            found.extend(
                needles
                    .iter()
                    .filter(is_here)
                    .map(|needle| (offset, needle)),
            );
        }
        found
    }
}

/// A line of `/proc/self/maps`.
struct Mapping {
    start: u64,
    end: u64,
    name: String,
}

impl Mapping {
    /// Reads a line, if it is of a mapping that the process can write to.
    fn parse(line: &str) -> Option<Self> {
        let mut words = line.split_whitespace();
        let (start, end) = words.next()?.split_once('-')?;
        let is_writable = words.next()?.starts_with("rw");
        is_writable.then(|| Self {
            start: u64::from_str_radix(start, 16).expect("an address"),
            end: u64::from_str_radix(end, 16).expect("an address"),
            name: words.nth(3).unwrap_or("memory without a name").to_owned(),
        })
    }

    /// The parts of it that are not the buffer into which they are read.
    fn without(self, buffer: &Range<*const u8>) -> [Self; 2] {
        let [start, end] = [buffer.start, buffer.end].map(|address| address.addr() as u64);
        let before = Self {
            end: self.end.min(start).max(self.start),
            name: self.name.clone(),
            ..self
        };
        let behind = Self {
            start: self.start.max(end).min(self.end).max(before.end),
            ..self
        };
        [before, behind]
    }

    /// How many bytes it has from an address in it on.
    fn len_from(&self, at: u64) -> usize {
        usize::try_from(self.end - at).expect("memory is not larger than an address")
    }
}
