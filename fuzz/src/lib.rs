#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]

mod aead;
mod checksums;
mod config_text;
mod device_pair;
mod device_receive;
mod fragments;
mod handshake;
mod icmp;
mod input;
mod ip;
mod keys;
mod netstack;
mod packet_text;
mod proxy;
mod reserved;
mod rewrite;
mod scan;
mod tcp_connection;
mod transport;
mod typed;
mod uapi;
mod upper;
mod wire;

pub use aead::aead_batch;
pub use config_text::{config_text, endpoint_text};
pub use device_pair::device_pair;
pub use device_receive::device_receive;
pub use fragments::{fragmentation, reassembler};
pub use handshake::handshake_message;
pub use icmp::icmp_message;
pub use ip::{ip_header, ip_packet};
pub use keys::{key_text, tai64n};
pub use netstack::inner_packet;
pub use packet_text::{capture_file, expression_text, packet_text};
pub use proxy::{http_proxy_request, socks_request};
pub use reserved::clear_reserved;
pub use rewrite::{rewrite, rewritten_packet};
pub use scan::{scan_answers, scan_targets};
pub use tcp_connection::tcp_connection;
pub use transport::{tcp_segment, udp_datagram};
pub use typed::rebuilt_in_types;
pub use uapi::uapi_request;
pub use upper::upper_message;
pub use wire::wire_message;

/// A fuzz target: what is done with an input, and checked.
#[derive(Clone, Copy, Debug)]
pub struct Target {
    /// The name of its program, its corpus and its function.
    pub name: &'static str,
    /// Takes any bytes; panics if something that must hold does not.
    pub run: fn(&[u8]),
}

macro_rules! targets {
    ($($name:ident,)*) => {
        &[$(Target { name: stringify!($name), run: $name },)*]
    };
}

/// All targets.
pub const TARGETS: &[Target] = targets![
    aead_batch,
    capture_file,
    config_text,
    device_pair,
    device_receive,
    endpoint_text,
    expression_text,
    fragmentation,
    handshake_message,
    http_proxy_request,
    icmp_message,
    inner_packet,
    ip_header,
    ip_packet,
    key_text,
    packet_text,
    reassembler,
    rewrite,
    scan_answers,
    scan_targets,
    socks_request,
    tai64n,
    tcp_connection,
    tcp_segment,
    uapi_request,
    udp_datagram,
    upper_message,
    wire_message,
];
