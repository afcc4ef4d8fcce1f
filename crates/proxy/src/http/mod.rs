//! The HTTP proxy: what requests ask of it, and which of their headers go further.
//!
//! Messages are read and written by hyper, both ways: what goes on is a message of our own making, framed anew, so
//! that no reader behind us can see another one in it.

mod rewrite;
mod route;
mod serve;

pub use rewrite::strip_hop_by_hop;
pub use route::{NotForUs, Route, credentials, route};
pub(crate) use serve::serve;
