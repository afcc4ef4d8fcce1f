//! What to scan, from where and how fast.

use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use core::num::NonZeroU32;
use core::time::Duration;

use wirecraft_ip_packets::IpVersion;

use crate::{Method, ProbeShape, Shard, Targets};

/// The settings of a scan.
#[derive(Clone, Debug)]
pub struct ScanConfig {
    /// What to scan.
    pub targets: Targets,
    /// The address that probes for IPv4 targets come from.
    pub source_v4: Option<Ipv4Addr>,
    /// The address that probes for IPv6 targets come from.
    pub source_v6: Option<Ipv6Addr>,
    /// The ports that probes come from; nobody else may use them meanwhile. 32768 to 60999.
    pub source_ports: PortRange,
    /// Probes a second. 1000.
    pub rate: NonZeroU32,
    /// Probes at once, after a pause. 20.
    pub burst: NonZeroU32,
    /// How often targets that do not answer are probed again. 1.
    pub retries: u8,
    /// How long answers are waited for after the last probe of a pass. 3 s.
    pub reply_timeout: Duration,
    /// TTL or hop limit of probes. 64.
    pub hop_limit: u8,
    /// What is sent. SYNs.
    pub method: Method,
    /// The options of TCP probes. The maximum segment size alone.
    pub shape: ProbeShape,
    /// The maximum segment size that probes offer, in bytes. 1380.
    pub mss: u16,
    /// The part of the targets that is scanned. All.
    pub shard: Shard,
    /// What the order of the targets comes from; random if it is not given.
    pub seed: Option<u64>,
}

impl ScanConfig {
    /// Makes the settings that the fields name as their defaults, for one source address of each
    /// version at most: the last one given counts.
    #[must_use]
    pub fn new(targets: Targets, sources: &[IpAddr]) -> Self {
        const RATE: NonZeroU32 = NonZeroU32::new(1000).expect("1000 is not zero");
        const BURST: NonZeroU32 = NonZeroU32::new(20).expect("20 is not zero");
        let mut config = Self {
            targets,
            source_v4: None,
            source_v6: None,
            source_ports: PortRange {
                first: 32_768,
                last: 60_999,
            },
            rate: RATE,
            burst: BURST,
            retries: 1,
            reply_timeout: Duration::from_secs(3),
            hop_limit: 64,
            method: Method::default(),
            shape: ProbeShape::default(),
            mss: 1380,
            shard: Shard::WHOLE,
            seed: None,
        };
        for source in sources {
            match source {
                IpAddr::V4(address) => config.source_v4 = Some(*address),
                IpAddr::V6(address) => config.source_v6 = Some(*address),
            }
        }
        config
    }

    pub(crate) fn source(&self, version: IpVersion) -> Option<IpAddr> {
        match version {
            IpVersion::V4 => self.source_v4.map(IpAddr::V4),
            IpVersion::V6 => self.source_v6.map(IpAddr::V6),
        }
    }
}

/// Ports from a first to a last one, both included.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct PortRange {
    first: u16,
    last: u16,
}

impl PortRange {
    /// Makes a range, `None` if `last` comes before `first`.
    #[must_use]
    pub const fn new(first: u16, last: u16) -> Option<Self> {
        if first <= last {
            Some(Self { first, last })
        } else {
            None
        }
    }

    /// Says whether a port is in the range.
    #[must_use]
    pub const fn contains(self, port: u16) -> bool {
        self.first <= port && port <= self.last
    }

    /// Spreads all numbers evenly over the ports.
    pub(crate) fn pick(self, number: u16) -> u16 {
        let count = u32::from(self.last - self.first) + 1;
        let [_, _, low, high] = (u32::from(number) * count).to_le_bytes();
        self.first + u16::from_le_bytes([low, high])
    }
}
