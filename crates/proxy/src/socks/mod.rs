//! The protocols SOCKS5, SOCKS4 and SOCKS4a: what clients say, read from bytes, and what is answered.
//!
//! Each reader takes what has arrived so far: `None` is "more is needed", and what it read comes with its length, as
//! a client may send more at once.
//!
//! Source: RFC 1928, RFC 1929, "SOCKS: A protocol for TCP proxy across firewalls" (SOCKS4) and its extension 4A.

mod associate;
mod message;
mod serve;

pub use message::{
    Answered, Credentials, Datagram, Greeting, Read, Reply, Request, RequestKind, Socks4Reply,
    SocksError, read_credentials, read_datagram, read_greeting, read_request, read_socks4_request,
    write_datagram_header,
};
pub(crate) use serve::serve;
