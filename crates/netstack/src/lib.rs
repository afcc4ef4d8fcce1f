#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]

mod demux;
mod four_tuple;
mod packet_queue;
mod ports;
mod sink;
mod tcp;
mod unreachable;

pub use demux::{Binding, Bindings, Demux, PortError, Target};
pub use four_tuple::FourTuple;
pub use packet_queue::PacketQueue;
pub use sink::{PacketSink, Transmission};
pub use tcp::{ReadyWakers, TcpConfig, TcpConnection, TcpError, TcpState};
pub use unreachable::Unreachable;
