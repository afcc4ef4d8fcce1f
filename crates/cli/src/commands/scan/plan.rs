//! What will be scanned: targets, ports and pace out of the arguments.

use std::net::IpAddr;
use std::num::NonZeroU32;

use anyhow::anyhow;
use wirecraft::{AddressRange, ScanConfig, ScanMethod, Targets};

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
}

impl Plan {
    pub(super) fn new(scan: &Scan, list: &TargetList, sources: &[IpAddr]) -> Result<Self, Failure> {
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
        let targets = Targets::new(ranges, excluded.ranges, scan.port_list()?)
            .map_err(|error| Failure::call(anyhow!("targets: {error}")))?;
        let mut config = ScanConfig::new(targets, sources);
        config.method = scan.method();
        config.shape = scan.probe_shape();
        config.hop_limit = scan.ttl;
        config.retries = scan.retries;
        config.reply_timeout = scan.wait;
        config.seed = scan.seed;
        config.shard = scan.shard.unwrap_or_default();
        config.rate = scan.rate.probes(probe_len(scan.method()));
        let burst = (config.rate.get() / BURSTS_PER_SECOND).max(BURST_MIN);
        config.burst = NonZeroU32::new(burst).unwrap_or(NonZeroU32::MIN);
        Ok(Self { config })
    }

    /// Says what would happen.
    pub(super) fn explain(&self, names: &[String]) -> Result<(), Failure> {
        let ScanConfig {
            targets,
            rate,
            retries,
            ..
        } = &self.config;
        let (addresses, ports) = (targets.address_count(), targets.port_count());
        output::line(format_args!(
            "{addresses} addresses, {ports} ports each: {} targets",
            targets.len()
        ))?;
        let rounds = u128::from(*retries) + 1;
        let shortest = targets.len() / u128::from(rate.get());
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

/// The length of a probe in bytes, about.
fn probe_len(method: ScanMethod) -> usize {
    match method {
        ScanMethod::Syn | ScanMethod::Udp => 44,
        ScanMethod::Ack => 40,
        ScanMethod::Ping => 48,
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
