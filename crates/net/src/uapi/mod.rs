//! The configuration protocol that `wg` speaks, on a unix socket.
//!
//! A request is lines of `KEY=VALUE`, the first of them the operation, and an empty line; the answer has
//! the same form and ends with `errno`. Several requests may come on a connection, one after the other.
//!
//! - `get=1` is answered by the configuration, keys included, with what was sent and received.
//! - `set=1` changes it, as the lines that follow say.
//! - `wirecraft_get=1`, an operation of ours, is answered by the same as `get=1` without secrets, and
//!   with counters and sessions: `wg` would pass over lines it does not know, others may not.
//!
//! A request is done as a whole or not at all: nothing changes before its empty line has come and every
//! line was understood, and the sockets change first, as they alone can be refused then. (wireguard-go
//! and the kernel stop at the faulty line and leave what came before it done.) A refused request is read
//! to its end before it is answered; the connection and the interface live on.
//!
//! `errno` is zero or a *negative* error number, as wireguard-go sends and `wg` expects: `-22` (`EINVAL`)
//! for an unknown operation, version, key or value and for a line that is too long, `-71` (`EPROTO`) for
//! a line without `=` and for a request without its empty line, `-7` (`E2BIG`) for a request that is too
//! long; the operating system's own for what it refuses, such as `-98` (`EADDRINUSE`) for a port that is
//! taken.
//!
//! Source: <https://www.wireguard.com/xplatform/>.

mod answer;
mod client;
mod connection;
mod found;
mod hex;
mod removal;
mod report;
mod request;
mod server;
mod set;
mod snapshot;
mod socket;
mod value;

pub use client::{PeerReport, ReportError, TunnelReport};
pub use found::Found;
pub use request::{LINE_LEN_MAX, REQUEST_LEN_MAX, Request, RequestError, RequestReader};
pub use server::{Server, ServerEnd};
pub use set::SetRequest;
pub use socket::{Socket, SocketError};
pub use value::ScopeOf;
