#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]

mod addresses;
mod answers;
mod demux;
mod echo;
mod filter;
mod four_tuple;
mod listener;
mod outbox;
mod packet_queue;
mod ports;
mod raw;
mod report;
mod sink;
mod tcp;
mod udp;
mod unreachable;
mod waiters;

pub use addresses::OwnAddresses;
pub use answers::Answers;
pub use demux::{Binding, Bindings, Demux, PortError, Target};
pub use echo::{EchoEndpoint, EchoError, EchoReply, EchoRequest};
pub use filter::Filter;
pub use four_tuple::FourTuple;
pub use listener::{Listener, ListenerClosed};
pub use packet_queue::PacketQueue;
pub use raw::{RawConfig, RawEndpoint, RawError};
pub use report::{Report, Subject};
pub use sink::{PacketSink, Transmission};
pub use tcp::{ReadyWakers, TcpConfig, TcpConnection, TcpError, TcpState};
pub use udp::{Received, UdpConfig, UdpEndpoint, UdpError};
pub use unreachable::Unreachable;
