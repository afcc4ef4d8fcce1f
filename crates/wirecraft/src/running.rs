//! Tunnels that run on this machine, whoever made them: which there are, and how they are.
//!
//! ```no_run
//! use wirecraft::running::{Found, TunnelReport};
//!
//! for found in Found::all() {
//!     let report = TunnelReport::ask(&found.path)?;
//!     println!("{}: {} peers", found.name, report.peers.len());
//! }
//! # Ok::<(), wirecraft::running::ReportError>(())
//! ```

pub use wirecraft_net::uapi::{Found, PeerReport, ReportError, TunnelReport};
