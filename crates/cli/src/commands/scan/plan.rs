//! What will be scanned: targets, ports and pace out of the arguments.

use std::net::IpAddr;
use std::num::NonZeroU32;

use anyhow::anyhow;
use wirecraft::ip_packets::IpVersion;
use wirecraft::{
    AddressRange, Config, IpNet, ProbeShape, Scan as ScanOfConfig, ScanConfig, ScanMethod,
    SystemEntropy, Targets,
};

use super::arguments::Scan;
use super::target_list::TargetList;
use crate::failure::Failure;
use crate::output;

/// Targets that a dry run shows.
const SHOWN: u128 = 5;

/// The most packets that leave at once are those of 2 ms, or some few: what comes in heaps overflows the
/// receive buffers of peers, which hold some 250 of such packets.
const BURSTS_PER_SECOND: u32 = 500;
const BURST_MIN: u32 = 8;

/// A scan that could start.
pub(super) struct Plan {
    pub(super) config: ScanConfig,
    /// Ranges that no peer takes packets for.
    left_out: Vec<AddressRange>,
}

/// What the tunnel carries.
pub(super) struct Carried {
    sources: Vec<IpAddr>,
    allowed: Vec<AddressRange>,
}

impl Carried {
    pub(super) fn of(config: &Config) -> Self {
        let addresses = config.interface.addresses.iter();
        let nets = config.peers.iter().flat_map(|peer| &peer.allowed_ips);
        let range = |net: &IpNet| AddressRange::prefix(net.addr(), net.prefix_len()).ok();
        Self {
            sources: addresses.map(|it| it.addr()).collect(),
            allowed: nets.filter_map(range).collect(),
        }
    }
}

impl Plan {
    pub(super) fn new(scan: &Scan, list: &TargetList, carried: &Carried) -> Result<Self, Failure> {
        let excluded = TargetList::read(&scan.exclude)?;
        if let Some(name) = excluded.names.first() {
            return Err(Failure::call(anyhow!(
                "--exclude {name}: only addresses can be left out"
            )));
        }
        let ranges: Vec<AddressRange> = if scan.special_use {
            list.ranges.clone()
        } else {
            let ranges = list.ranges.iter();
            ranges
                .flat_map(|range| range.without_special_use())
                .collect()
        };
        if ranges.is_empty() && !list.names.is_empty() && scan.dry_run {
            return Err(Failure::call(anyhow!(
                "a dry run looks up no names: give an address"
            )));
        }
        let wanted: Vec<AddressRange> = ranges
            .into_iter()
            .flat_map(|range| range.without_all(&excluded.ranges))
            .collect();
        let outside = wanted
            .iter()
            .flat_map(|it| it.without_all(&carried.allowed));
        let left_out: Vec<AddressRange> = outside.collect();
        if !left_out.is_empty() && wanted.iter().all(|it| it.without_all(&left_out).is_empty()) {
            return Err(Failure::call(anyhow!(
                "{} outside of all AllowedIPs, which say what goes through the tunnel",
                are(&left_out)
            )));
        }
        let targets = Targets::new(wanted, left_out.iter().copied(), scan.port_list()?)
            .map_err(|error| Failure::call(anyhow!("targets: {error}")))?;
        let mut config = ScanConfig::new(targets, &carried.sources);
        config.method = scan.method();
        config.shape = scan.probe_shape();
        config.hop_limit = scan.ttl;
        config.retries = scan.retries;
        config.reply_timeout = scan.wait;
        config.seed = scan.seed;
        config.shard = scan.shard.unwrap_or_default();
        config.rate = scan.rate.probes(probe_len(&config));
        let burst = (config.rate.get() / BURSTS_PER_SECOND).max(BURST_MIN);
        config.burst = NonZeroU32::new(burst).unwrap_or(NonZeroU32::MIN);
        Ok(Self { config, left_out })
    }

    /// Says which targets are left out, if some are.
    pub(super) fn remark(&self) -> Option<String> {
        let are = are(&self.left_out);
        (!self.left_out.is_empty()).then(|| format!("{are} outside of all AllowedIPs: left out"))
    }

    /// Says what would happen.
    pub(super) fn explain(&self, names: &[String]) -> Result<(), Failure> {
        let ScanConfig {
            targets,
            rate,
            retries,
            shard,
            ..
        } = &self.config;
        // What could not start is said here as well.
        let scan = ScanOfConfig::new(self.config.clone(), &mut SystemEntropy::default());
        let count = scan.map_err(|error| super::failure(error.into()))?.len();
        if let Some(remark) = self.remark() {
            output::remark(remark);
        }
        let (addresses, ports) = (targets.address_count(), targets.port_count());
        output::line(format_args!(
            "{addresses} addresses, {ports} ports each: {} targets",
            targets.len()
        ))?;
        if !shard.is_whole() {
            output::line(format_args!("{count} of them in this shard"))?;
        }
        let rounds = u128::from(*retries) + 1;
        let shortest = count / u128::from(rate.get());
        output::line(format_args!(
            "{rate} probes a second: from {} to {} and the waits for answers",
            duration(shortest),
            duration(shortest.saturating_mul(rounds))
        ))?;
        for target in (0..SHOWN.min(targets.len())).filter_map(|index| targets.get(index)) {
            match self.config.method {
                ScanMethod::Ping => output::line(target.address)?,
                _ => output::line(target)?,
            }
        }
        if targets.len() > SHOWN {
            output::line("..")?;
        }
        for name in names {
            output::line(format_args!("{name}: to be looked up through the tunnel"))?;
        }
        Ok(())
    }
}

/// The length of the longest probe in bytes, UDP payloads for single services aside.
fn probe_len(config: &ScanConfig) -> usize {
    let ip = match config.targets.has_version(IpVersion::V6) {
        true => 40,
        false => 20,
    };
    let options = match config.shape {
        ProbeShape::None => 0,
        ProbeShape::Mss => 4,
        ProbeShape::Windows => 12,
        ProbeShape::Linux | ProbeShape::Bsd => 20,
    };
    ip + match config.method {
        ScanMethod::Syn => 20 + options,
        ScanMethod::Udp => 24,
        ScanMethod::Ack => 20,
        ScanMethod::Ping => 28,
    }
}

/// Names ranges as the subject of a sentence.
fn are(ranges: &[AddressRange]) -> String {
    let shown: Vec<String> = ranges.iter().take(3).map(ToString::to_string).collect();
    match (&shown[..], ranges.len()) {
        ([one], 1) => format!("{one} is"),
        (some, count) if count <= 3 => format!("{} are", some.join(", ")),
        (some, count) => format!("{} and {} more ranges are", some.join(", "), count - 3),
    }
}

/// Seconds as people say them.
pub(super) fn duration(seconds: u128) -> String {
    match seconds {
        0..60 => format!("{seconds} s"),
        60..3600 => format!("{} min {} s", seconds / 60, seconds % 60),
        3600..86_400 => format!("{} h {} min", seconds / 3600, seconds % 3600 / 60),
        _ => format!("{} days {} h", seconds / 86_400, seconds % 86_400 / 3600),
    }
}
