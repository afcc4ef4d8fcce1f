//! What must hold for packets of any kind, in one binary.

#![cfg(test)]

mod any_bytes;
mod builders;
mod carriers;
#[cfg(feature = "pcap")]
mod captures;
mod etherparse;
mod extensions;
#[cfg(feature = "text")]
mod expressions;
mod fragments;
mod header;
mod icmp;
mod ipv4_options;
mod ipv6;
mod lenient;
mod messages;
mod ndp;
mod nesting;
mod pnet;
mod quotes;
mod reassembly;
mod registries;
mod rewrite;
mod shown;
mod smoltcp;
mod strategies;
mod tcp_options;
mod views;
