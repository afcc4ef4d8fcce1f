#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]

pub mod config;
#[cfg(feature = "connector")]
pub mod connector;
pub mod dial;
pub mod dns;
#[cfg(feature = "http")]
pub mod http;
pub mod network;
pub mod relay;
#[cfg(unix)]
pub mod running;

mod banner;
mod connect;
#[cfg(unix)]
mod control;
mod endpoints;
mod events;
mod icmp;
#[cfg(target_os = "linux")]
mod interface;
mod packet_filter;
mod pool;
mod raw;
mod replies;
mod round_trips;
mod scan;
mod socket_error;
mod stack;
mod status;
mod tap;
mod target;
mod tcp;
mod transit;
mod tunnel;
mod tunnel_network;
mod udp;

pub use banner::BannerOptions;
pub use config::Config;
pub use connect::{ConnectError, ConnectOptions, DEFAULT_MTU};
pub use endpoints::EndpointError;
pub use events::Events;
pub use icmp::{PingOptions, Pinger};
#[cfg(target_os = "linux")]
pub use interface::{Interface, InterfaceEnd, InterfaceError, InterfaceOptions, Offloads};
pub use ipnet::IpNet;
pub use packet_filter::{PacketFilter, PacketFilterError};
pub use pool::{
    AddExitError, DirectoryChange, ExitState, ExitStatus, HealthOptions, Lease, PoolDirectory,
    PoolError, PoolOptions, Quota, Rotation, TunnelPool,
};
pub use raw::{RawBatch, RawSocket};
pub use replies::is_reply;
pub use round_trips::{RoundTripSummary, RoundTrips};
pub use scan::{RunningScan, TunnelScanError};
pub use socket_error::SocketError;
pub use stack::{Stack, StackConfig, StackCounters, StackHandle};
pub use status::TunnelStatus;
pub use tap::Direction;
pub use target::{Target, ToTarget};
pub use tcp::{ReadHalf, TcpListener, TcpStream, WriteHalf};
pub use transit::{Passage, PassageError, Transit};
pub use tunnel::Tunnel;
pub use tunnel_network::TunnelNetwork;
pub use udp::UdpSocket;
pub use wirecraft_ip_packets as ip_packets;
pub use wirecraft_net::{
    BindError, Clock, DriverGone as TunnelClosed, SocketChangeError, SocketCounters, SystemEntropy,
};
#[cfg(target_os = "linux")]
pub use wirecraft_net::{TunParcel, confine, daemon, notify, sandbox};
pub use wirecraft_netstack::{
    Binding, EchoError, EchoReply, Filter, PortError, RawConfig, RawError, Received, TcpConfig,
    TcpError, UdpConfig, UdpError, Unreachable,
};
pub use wirecraft_noise_handshake as noise_handshake;
pub use wirecraft_noise_handshake::{KeyError, KeyText, PresharedKey, PrivateKey, PublicKey};
pub use wirecraft_scan::{
    AddressRange, Checkpoint as ScanCheckpoint, CheckpointError as ScanCheckpointError,
    CheckpointReader as ScanCheckpointReader, Counts as ScanCounts, Finding,
    LineTaken as ScanLineTaken, Method as ScanMethod, PortListError, PortState, ProbeShape, Reason,
    Scan, ScanConfig, ScanError, Shard, ShardError, SynAck, Target as ScanTarget, TargetError,
    Targets, parse_ports,
};
pub use wirecraft_time::Instant;
pub use wirecraft_tunnel::{
    AeadPath, AeadPathError, ConfigureError, Counters, Event, PeerId, PeerStatus, Traffic,
};
pub use wirecraft_wire_format as wire_format;
