#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]
#![cfg_attr(not(test), deny(clippy::indexing_slicing))]

mod allowed_ips;
mod arena;
mod change;
mod constants;
mod counters;
mod datagram;
mod device;
mod errors;
mod event;
mod index_table;
mod keypair;
mod known_endpoints;
mod lane;
mod last_second;
mod peer;
mod peer_id;
mod peers;
mod prefixes;
mod rate_limit;
mod replay;
mod schedule;
mod shared;
mod staging;

pub use allowed_ips::AllowedIps;
pub use arena::{Arena, DatagramRun, Destination, MAX_RUN_LEN, MAX_SEGMENTS, Runs};
pub use change::{AllowedIpChange, DeviceChange, PeerChange, Presence, PrivateKeyChange, Roaming};
pub use constants::{
    COOKIE_SECRET_LATENCY, COOKIE_SECRET_MAX_AGE, INITIATION_INTERVAL_MIN, KEEPALIVE_TIMEOUT,
    MAX_QUEUED_INCOMING_HANDSHAKES, MAX_STAGED_PACKETS, REJECT_AFTER_MESSAGES, REJECT_AFTER_TIME,
    REKEY_AFTER_MESSAGES, REKEY_AFTER_TIME, REKEY_ATTEMPT_TIME, REKEY_TIMEOUT,
    REKEY_TIMEOUT_JITTER_MAX, UNDER_LOAD_DURATION, UNDER_LOAD_QUEUE_LEN,
};
pub use counters::Counters;
pub use datagram::{Datagram, Received};
pub use device::{Deadline, DeadlineReason, Device, Held, PeerStatus};
pub use errors::{ArenaFull, ConfigureError, ReceiveError, SendError};
pub use event::Event;
pub use peer::Traffic;
pub use peer_id::PeerId;
pub use replay::{REPLAY_WINDOW_LEN, ReplayWindow};
pub use shared::{Transmit, TransmitKind};
pub use wirecraft_noise_handshake::{
    AeadPath, AeadPathError, PresharedKey, PrivateKey, PublicKey, wipe_stack_after,
};
