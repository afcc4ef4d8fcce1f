#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]

mod buffers;
mod datagrams;
mod forward;
mod host;
mod relay;

pub use forward::{
    ForwardError, ForwardLimits, Forwards, HostBind, HostTarget, Listening, LocalForward,
    ParseForwardError, Protocol, RemoteForward,
};
pub use host::HostAddress;
