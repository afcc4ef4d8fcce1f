#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]

mod answer;
mod answers;
mod checkpoint;
mod config;
mod cookie;
mod finding;
mod method;
mod pace;
mod payload;
mod permutation;
mod ports;
mod probe;
mod scan;
mod sent_times;
mod shard;
mod special_use;
mod targets;
mod under_way;

pub use checkpoint::{Checkpoint, CheckpointError, CheckpointReader, LineTaken};
pub use config::{PortRange, ScanConfig};
pub use finding::{Finding, PortState, Reason, SynAck};
pub use method::{Method, ProbeShape};
pub use pace::TokenBucket;
pub use permutation::Permutation;
pub use ports::{PortListError, parse_ports};
pub use probe::PROBE_MAX_LEN;
pub use scan::{Counts, Polled, Scan, ScanError};
pub use shard::{Shard, ShardError};
pub use special_use::special_use;
pub use targets::{AddressRange, Target, TargetError, Targets};
