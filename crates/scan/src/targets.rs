//! The targets of a scan: address ranges times ports, numbered from zero.

use core::fmt;
use core::hash::Hasher;
use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use core::str::FromStr;

use wirecraft_ip_packets::IpVersion;

/// A port of an address.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Hash)]
pub struct Target {
    /// The address.
    pub address: IpAddr,
    /// The TCP or UDP port; 0 where hosts and not ports are scanned.
    pub port: u16,
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        core::net::SocketAddr::new(self.address, self.port).fmt(f)
    }
}

/// Why something is no set of targets.
#[non_exhaustive]
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum TargetError {
    /// The text is no address, range or prefix.
    #[error("not an address, a range of two or a prefix")]
    Syntax,
    /// The prefix length is more than the address has bits.
    #[error("a prefix length of {len} is more than {max}")]
    PrefixTooLong {
        /// The prefix length.
        len: u8,
        /// The most it can be.
        max: u8,
    },
    /// The ends of a range are of different IP versions.
    #[error("{first} and {last} are of different IP versions")]
    MixedVersions {
        /// The first address.
        first: IpAddr,
        /// The last address.
        last: IpAddr,
    },
    /// A range ends before it starts.
    #[error("{last} comes before {first}")]
    Backwards {
        /// The first address.
        first: IpAddr,
        /// The last address.
        last: IpAddr,
    },
    /// There is no address left, or no port.
    #[error("no targets")]
    Empty,
    /// The targets cannot be numbered with 128 bits.
    #[error("more than 2^128 targets")]
    TooMany,
}

/// Addresses from a first to a last one, both included.
///
/// ```
/// use wirecraft_scan::AddressRange;
///
/// let prefix: AddressRange = "10.0.0.77/24".parse()?;
/// assert_eq!(prefix, "10.0.0.0-10.0.0.255".parse()?);
/// let one: AddressRange = "fd00::1".parse()?;
/// assert_eq!(one, "fd00::1/128".parse()?);
/// # Ok::<(), wirecraft_scan::TargetError>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct AddressRange {
    version: IpVersion,
    first: u128,
    last: u128,
}

impl AddressRange {
    /// Makes the range from `first` to `last`.
    ///
    /// # Errors
    /// [`TargetError`] if the versions differ, or `last` comes before `first`.
    pub fn new(first: IpAddr, last: IpAddr) -> Result<Self, TargetError> {
        let (version, from) = number(first);
        let (last_version, to) = number(last);
        if version != last_version {
            return Err(TargetError::MixedVersions { first, last });
        }
        if to < from {
            return Err(TargetError::Backwards { first, last });
        }
        Ok(Self {
            version,
            first: from,
            last: to,
        })
    }

    /// Makes the range of all addresses that share their first `prefix_len` bits with `address`.
    ///
    /// # Errors
    /// [`TargetError::PrefixTooLong`].
    pub fn prefix(address: IpAddr, prefix_len: u8) -> Result<Self, TargetError> {
        let (version, number) = number(address);
        let max = match version {
            IpVersion::V4 => 32,
            IpVersion::V6 => 128,
        };
        if prefix_len > max {
            return Err(TargetError::PrefixTooLong {
                len: prefix_len,
                max,
            });
        }
        let host_bits = u32::from(max - prefix_len);
        let host_mask = 1_u128
            .checked_shl(host_bits)
            .map_or(u128::MAX, |bit| bit - 1);
        Ok(Self {
            version,
            first: number & !host_mask,
            last: number | host_mask,
        })
    }

    /// Says whether all of `other` is in this range.
    #[must_use]
    pub const fn covers(self, other: Self) -> bool {
        let is_same_version = matches!(
            (self.version, other.version),
            (IpVersion::V4, IpVersion::V4) | (IpVersion::V6, IpVersion::V6)
        );
        is_same_version && self.first <= other.first && other.last <= self.last
    }

    /// Returns what is left of this range without `holes`, in order.
    ///
    /// ```
    /// use wirecraft_scan::AddressRange;
    ///
    /// let range: AddressRange = "10.0.0.0/30".parse()?;
    /// let left = range.without_all(&["10.0.0.1".parse()?]);
    /// assert_eq!(left, ["10.0.0.0".parse()?, "10.0.0.2-10.0.0.3".parse()?]);
    /// # Ok::<(), wirecraft_scan::TargetError>(())
    /// ```
    #[must_use]
    pub fn without_all(self, holes: &[Self]) -> Vec<Self> {
        outside(&[self], &merged(holes.to_vec()))
    }

    /// Takes `hole` out of this range: what is left before and after it.
    pub(crate) fn without(self, hole: Self) -> impl Iterator<Item = Self> {
        let is_apart =
            self.version != hole.version || hole.last < self.first || self.last < hole.first;
        let whole = is_apart.then_some(self);
        let before = (!is_apart && self.first < hole.first).then(|| Self {
            last: hole.first - 1,
            ..self
        });
        let after = (!is_apart && hole.last < self.last).then(|| Self {
            first: hole.last + 1,
            ..self
        });
        [whole, before, after].into_iter().flatten()
    }
}

/// As it is written: an address, a prefix where it is one, else its ends.
impl fmt::Display for AddressRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (first, last) = (
            address(self.version, self.first),
            address(self.version, self.last),
        );
        if first == last {
            return write!(f, "{first}");
        }
        let max = match self.version {
            IpVersion::V4 => 32_u8,
            IpVersion::V6 => 128,
        };
        let is_this = |len: &u8| Self::prefix(first, *len) == Ok(*self);
        match (0..max).find(is_this) {
            Some(len) => write!(f, "{first}/{len}"),
            None => write!(f, "{first}-{last}"),
        }
    }
}

impl From<IpAddr> for AddressRange {
    fn from(address: IpAddr) -> Self {
        let (version, number) = number(address);
        Self {
            version,
            first: number,
            last: number,
        }
    }
}

impl FromStr for AddressRange {
    type Err = TargetError;

    fn from_str(text: &str) -> Result<Self, TargetError> {
        let address = |text: &str| text.parse().map_err(|_| TargetError::Syntax);
        if let Some((start, prefix_len)) = text.split_once('/') {
            // Digits only: a number type would take a sign.
            let is_number = prefix_len.bytes().all(|byte| byte.is_ascii_digit());
            let prefix_len = prefix_len.parse().ok().filter(|_| is_number);
            let prefix_len = prefix_len.ok_or(TargetError::Syntax)?;
            return Self::prefix(address(start)?, prefix_len);
        }
        match text.split_once('-') {
            Some((first, last)) => Self::new(address(first)?, address(last)?),
            None => address(text).map(Self::from),
        }
    }
}

/// Address ranges times ports, without doubles, each target under a number.
#[derive(Clone, Debug)]
pub struct Targets {
    /// In order, apart from each other.
    spans: Vec<Span>,
    /// In order, without doubles.
    ports: Vec<u16>,
    len: u128,
}

#[derive(Clone, Copy, Debug)]
struct Span {
    range: AddressRange,
    /// The number of its first address, over all spans.
    start: u128,
}

impl Targets {
    /// Takes all of `ports` of all addresses in `ranges` but those in `excluded`.
    ///
    /// # Errors
    /// [`TargetError`] if that is nothing, or too much to be numbered.
    pub fn new(
        ranges: impl IntoIterator<Item = AddressRange>,
        excluded: impl IntoIterator<Item = AddressRange>,
        ports: impl IntoIterator<Item = u16>,
    ) -> Result<Self, TargetError> {
        let mut ports: Vec<u16> = ports.into_iter().collect();
        ports.sort_unstable();
        ports.dedup();
        let ranges = merged(ranges.into_iter().collect());
        let ranges = outside(&ranges, &merged(excluded.into_iter().collect()));
        let mut spans = Vec::with_capacity(ranges.len());
        let mut start = 0_u128;
        for range in ranges {
            spans.push(Span { range, start });
            let next = (range.last - range.first).checked_add(1);
            start = next
                .and_then(|len| start.checked_add(len))
                .ok_or(TargetError::TooMany)?;
        }
        let len = start
            .checked_mul(port_count(&ports))
            .ok_or(TargetError::TooMany)?;
        if len == 0 {
            return Err(TargetError::Empty);
        }
        Ok(Self { spans, ports, len })
    }

    /// Takes the addresses of hosts themselves, as targets with port 0.
    ///
    /// # Errors
    /// As [`new`](Self::new).
    pub fn hosts(
        ranges: impl IntoIterator<Item = AddressRange>,
        excluded: impl IntoIterator<Item = AddressRange>,
    ) -> Result<Self, TargetError> {
        Self::new(ranges, excluded, [0])
    }

    /// Returns how many addresses there are.
    #[must_use]
    pub fn address_count(&self) -> u128 {
        self.len / port_count(&self.ports)
    }

    /// Returns how many ports each address has.
    #[must_use]
    pub const fn port_count(&self) -> usize {
        self.ports.len()
    }

    /// Hashes all that says which target has which number.
    pub(crate) fn hash(&self, hasher: &mut impl Hasher) {
        for span in &self.spans {
            let AddressRange {
                version,
                first,
                last,
            } = span.range;
            hasher.write(&[match version {
                IpVersion::V4 => 4,
                IpVersion::V6 => 6,
            }]);
            hasher.write(&first.to_le_bytes());
            hasher.write(&last.to_le_bytes());
        }
        for port in &self.ports {
            hasher.write(&port.to_le_bytes());
        }
    }

    /// Returns how many targets there are.
    #[must_use]
    #[expect(
        clippy::len_without_is_empty,
        reason = "there is always at least one target"
    )]
    pub const fn len(&self) -> u128 {
        self.len
    }

    /// Returns the target of a number.
    #[must_use]
    pub fn get(&self, index: u128) -> Option<Target> {
        let (address_index, port_index) = divide(index, self.ports.len())?;
        let port = *self.ports.get(port_index)?;
        let after = self
            .spans
            .partition_point(|span| span.start <= address_index);
        let Span { range, start } = self.spans.get(after.checked_sub(1)?)?;
        let number = range.first.checked_add(address_index - start)?;
        (number <= range.last).then_some(Target {
            address: address(range.version, number),
            port,
        })
    }

    /// Returns the number of a target, `None` if it is none.
    #[must_use]
    pub fn index_of(&self, target: Target) -> Option<u128> {
        let (version, number) = number(target.address);
        let after = self
            .spans
            .partition_point(|span| (span.range.version, span.range.first) <= (version, number));
        let Span { range, start } = self.spans.get(after.checked_sub(1)?)?;
        if range.version != version || number > range.last {
            return None;
        }
        let port_index = u128::try_from(self.ports.binary_search(&target.port).ok()?).ok()?;
        Some((start + (number - range.first)) * port_count(&self.ports) + port_index)
    }

    /// Says whether there are targets of an IP version.
    #[must_use]
    pub fn has_version(&self, version: IpVersion) -> bool {
        self.spans.iter().any(|span| span.range.version == version)
    }
}

/// Sorts ranges and joins those that overlap or touch.
fn merged(mut ranges: Vec<AddressRange>) -> Vec<AddressRange> {
    ranges.sort_unstable();
    let mut merged: Vec<AddressRange> = Vec::with_capacity(ranges.len());
    for range in ranges {
        match merged.last_mut() {
            Some(known)
                if known.version == range.version
                    && range.first <= known.last.saturating_add(1) =>
            {
                known.last = known.last.max(range.last);
            }
            _ => merged.push(range),
        }
    }
    merged
}

/// Takes holes out of ranges; both are in order and apart from each other.
fn outside(ranges: &[AddressRange], holes: &[AddressRange]) -> Vec<AddressRange> {
    let mut left = Vec::with_capacity(ranges.len());
    let mut holes = holes.iter().peekable();
    for range in ranges {
        let mut rest = Some(*range);
        while let (Some(range), Some(hole)) = (rest, holes.peek()) {
            if (hole.version, hole.last) < (range.version, range.first) {
                holes.next();
                continue;
            }
            if (range.version, range.last) < (hole.version, hole.first) {
                break;
            }
            let is_before = |piece: &AddressRange| piece.last < hole.first;
            let (before, after): (Vec<_>, Vec<_>) = range.without(**hole).partition(is_before);
            left.extend(before);
            rest = after.first().copied();
        }
        left.extend(rest);
    }
    left
}

/// Divides an index into that of an address and that of a port.
///
/// Most indices have 64 bits, in which division is several times as fast.
fn divide(index: u128, port_count: usize) -> Option<(u128, usize)> {
    let ports = u64::try_from(port_count).ok()?;
    if let Ok(index) = u64::try_from(index) {
        let port = usize::try_from(index.checked_rem(ports)?).ok()?;
        return Some((u128::from(index / ports), port));
    }
    let ports = u128::from(ports);
    let port = usize::try_from(index.checked_rem(ports)?).ok()?;
    Some((index / ports, port))
}

/// There are at most 65536 ports.
fn port_count(ports: &[u16]) -> u128 {
    u128::try_from(ports.len()).unwrap_or(u128::MAX)
}

fn number(address: IpAddr) -> (IpVersion, u128) {
    match address {
        IpAddr::V4(address) => (IpVersion::V4, u128::from(address.to_bits())),
        IpAddr::V6(address) => (IpVersion::V6, address.to_bits()),
    }
}

/// The number is of the version: an IPv4 one has 32 bits.
fn address(version: IpVersion, number: u128) -> IpAddr {
    match version {
        IpVersion::V4 => {
            let [a, b, c, d, ..] = number.to_le_bytes();
            IpAddr::V4(Ipv4Addr::new(d, c, b, a))
        }
        IpVersion::V6 => IpAddr::V6(Ipv6Addr::from_bits(number)),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    fn range(text: &str) -> AddressRange {
        text.parse().unwrap()
    }

    fn all(targets: &Targets) -> Vec<String> {
        (0..targets.len())
            .map(|index| targets.get(index).unwrap().to_string())
            .collect()
    }

    #[test]
    fn ports_of_an_address_follow_each_other() {
        let targets = Targets::new([range("10.0.0.0/31"), range("fd00::1")], [], [443, 80, 80]);
        let expected = [
            "10.0.0.0:80",
            "10.0.0.0:443",
            "10.0.0.1:80",
            "10.0.0.1:443",
            "[fd00::1]:80",
            "[fd00::1]:443",
        ];
        assert_eq!(all(&targets.unwrap()), expected);
    }

    #[test]
    fn overlapping_ranges_give_each_address_once() {
        let ranges = [
            range("10.0.0.0/30"),
            range("10.0.0.2-10.0.0.5"),
            range("10.0.0.6"),
        ];
        let targets = Targets::new(ranges, [], [1]).unwrap();
        assert_eq!(targets.len(), 7);
        assert_eq!(targets.spans.len(), 1);
    }

    #[test]
    fn excluded_addresses_are_left_out() {
        let excluded = [range("10.0.0.0"), range("10.0.0.3-10.0.0.4"), range("::/0")];
        let targets = Targets::new([range("10.0.0.0/29")], excluded, [1]).unwrap();
        let expected = [
            "10.0.0.1:1",
            "10.0.0.2:1",
            "10.0.0.5:1",
            "10.0.0.6:1",
            "10.0.0.7:1",
        ];
        assert_eq!(all(&targets), expected);
    }

    #[test]
    fn nothing_left_to_scan_is_an_error() {
        let everything = [range("0.0.0.0/0")];
        let error = Targets::new([range("10.0.0.0/8")], everything, [1]).unwrap_err();
        assert_eq!(error, TargetError::Empty);
        assert_eq!(
            Targets::new(everything, [], []).unwrap_err(),
            TargetError::Empty
        );
    }

    #[test]
    fn more_than_can_be_numbered_is_an_error() {
        let everything = Targets::new([range("::/0")], [], [1]);
        assert_eq!(everything.unwrap_err(), TargetError::TooMany);
        let two_ports = Targets::new([range("::/1")], [], [1, 2]);
        assert_eq!(two_ports.unwrap_err(), TargetError::TooMany);
        assert_eq!(
            Targets::new([range("::/1")], [], [1]).unwrap().len(),
            1 << 127
        );
    }

    #[test]
    fn text_that_is_no_range_is_refused() {
        let parse = |text: &str| text.parse::<AddressRange>().unwrap_err();
        assert_eq!(parse("10.0.0"), TargetError::Syntax);
        assert_eq!(parse("10.0.0.0/x"), TargetError::Syntax);
        assert_eq!(parse("10.0.0.0/+8"), TargetError::Syntax);
        assert_eq!(
            parse("10.0.0.0/33"),
            TargetError::PrefixTooLong { len: 33, max: 32 }
        );
        let (first, last) = ([10, 0, 0, 2].into(), [10, 0, 0, 1].into());
        assert_eq!(
            parse("10.0.0.2-10.0.0.1"),
            TargetError::Backwards { first, last }
        );
        let last = IpAddr::V6(Ipv6Addr::LOCALHOST);
        assert_eq!(
            parse("10.0.0.2-::1"),
            TargetError::MixedVersions { first, last }
        );
    }

    proptest! {
        #[test]
        fn numbers_and_targets_belong_together(
            ranges in prop::collection::vec((any::<bool>(), 0..200_u8, 0..20_u8), 1..6),
            holes in prop::collection::vec((any::<bool>(), 0..200_u8, 0..20_u8), 0..4),
            ports in prop::collection::vec(any::<u16>(), 1..4),
        ) {
            let range = |(is_v6, start, len): &(bool, u8, u8)| {
                let address = |last| if *is_v6 {
                    IpAddr::V6(Ipv6Addr::from_bits((0xfd << 120) | u128::from(last)))
                } else {
                    IpAddr::from([10, 0, 0, last])
                };
                AddressRange::new(address(*start), address(start + len)).unwrap()
            };
            let Ok(targets) = Targets::new(ranges.iter().map(range), holes.iter().map(range), ports)
            else {
                return Ok(());
            };
            let mut seen = BTreeSet::new();
            for index in 0..targets.len() {
                let target = targets.get(index).unwrap();
                prop_assert_eq!(targets.index_of(target), Some(index));
                prop_assert!(seen.insert(target));
            }
            prop_assert_eq!(targets.get(targets.len()), None);
        }
    }

    #[test]
    fn strangers_have_no_number() {
        let targets = Targets::new([range("10.0.0.0/30")], [], [80]).unwrap();
        let target = |address: [u8; 4], port| Target {
            address: address.into(),
            port,
        };
        assert_eq!(targets.index_of(target([10, 0, 0, 3], 80)), Some(3));
        assert_eq!(targets.index_of(target([10, 0, 0, 4], 80)), None);
        assert_eq!(targets.index_of(target([9, 0, 0, 0], 80)), None);
        assert_eq!(targets.index_of(target([10, 0, 0, 3], 81)), None);
        let mapped = Target {
            address: "::a00:3".parse().unwrap(),
            port: 80,
        };
        assert_eq!(targets.index_of(mapped), None);
    }
}
