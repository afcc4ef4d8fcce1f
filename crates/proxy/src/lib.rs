#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]

mod datagrams;
mod forward;
mod host;
pub mod http;
mod metrics;
mod proxy;
mod refusal;
mod relay;
pub mod socks;

pub use forward::{
    ForwardError, ForwardLimits, Forwards, HostBind, HostTarget, Listening, LocalForward,
    ParseForwardError, Protocol, RemoteForward,
};
pub use host::{HostAddress, ParseHostAddressError};
pub use proxy::{Proxy, ProxyCounters, ProxyError, ProxyOptions, ProxyUser};
pub use refusal::Refusal;
