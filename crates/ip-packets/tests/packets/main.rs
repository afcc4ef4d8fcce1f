//! What must hold for packets of any kind, in one binary.

#![cfg(test)]

#[cfg(feature = "text")]
mod agreement;
mod any_bytes;
mod builders;
#[cfg(feature = "pcap")]
mod captures;
mod carriers;
mod etherparse;
#[cfg(feature = "text")]
mod expressions;
mod extensions;
mod fragments;
mod header;
mod icmp;
mod ipv4_options;
mod ipv6;
mod lenient;
mod limits;
mod messages;
mod ndp;
mod nesting;
mod pnet;
mod quotes;
mod reassembly;
mod registries;
mod rewrite;
mod rewrite_upper;
#[cfg(all(feature = "serde", feature = "text"))]
mod serialized;
#[cfg(feature = "text")]
mod shown;
mod smoltcp;
mod source_routes;
mod strategies;
mod tcp_options;
mod udp_lite;
mod views;
