#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]

mod alarm;
mod clock;
#[cfg(target_os = "linux")]
pub mod confine;
#[cfg(target_os = "linux")]
pub mod daemon;
mod driver;
mod entropy;
mod handle;
mod inner;
pub mod metrics;
#[cfg(target_os = "linux")]
pub mod notify;
#[cfg(target_os = "linux")]
pub mod sandbox;
#[cfg(target_os = "linux")]
mod tun;
#[cfg(unix)]
pub mod uapi;
mod udp;

pub use clock::Clock;
pub use driver::{Driver, DriverConfig};
pub use entropy::SystemEntropy;
pub use handle::{DriverGone, DriverHandle};
pub use inner::{Inner, Packets};
#[cfg(target_os = "linux")]
pub use tun::{Tun, TunConfig, TunCounters, TunError, TunOffloads, TunParcel, TunState};
pub use udp::{
    BindError, SocketChange, SocketChangeError, SocketCounters, UdpOffloads, UdpTransport,
};
