#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]

mod answers;
mod config;
mod cookie;
mod finding;
mod pace;
mod permutation;
mod scan;
mod targets;

pub use config::{PortRange, ScanConfig};
pub use finding::{Finding, PortState, Reason};
pub use pace::TokenBucket;
pub use permutation::Permutation;
pub use scan::{Counts, PROBE_MAX_LEN, Polled, Scan, ScanError};
pub use targets::{AddressRange, Target, TargetError, Targets};
