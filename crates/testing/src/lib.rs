#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]

mod agenda;
mod campaign;
mod dice;
mod draw;
mod explain;
mod faults;
mod intake;
mod link;
mod node;
mod observer;
mod packets;
mod payload;
mod recovery;
mod scenario;
mod simulation;
mod tally;
mod trace;
mod traffic;
mod world;

pub use campaign::{Campaign, Failure, Goal, Report};
pub use link::{Loss, Quality, Reorder};
pub use observer::{Observer, Violation, WAKEUPS_PER_SECOND_MAX};
pub use packets::Packets;
pub use payload::Label;
pub use scenario::{
    Attachment, Cut, Cycle, Fault, FaultKind, Flow, Pattern, Scenario, Topology, TunnelPlan,
};
pub use simulation::{Outcome, simulate};
pub use tally::{Reconnections, Tally};
pub use trace::Recorder;
