#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]

mod caller;
mod doctor;
mod path_mtu;
mod probe;
mod trace;

pub use caller::{Caller, CallerError, Port, Reception, Session};
pub use doctor::{Advice, ExamineOptions, Severity, check_config, examine};
pub use path_mtu::{PathMtu, PathMtuError, path_mtu};
pub use probe::{Check, ProbeOptions, Verdict, probe};
pub use trace::{Hop, HopReply, ReplyKind, TraceMethod, TraceOptions, trace};
