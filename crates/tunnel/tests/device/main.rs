//! What whole devices do, on a simulated network and a clock that moves only when told.

mod arena;
mod configuration;
mod cookies;
mod data;
mod halt;
mod handshake;
mod hostile;
mod interleaved;
mod keypairs;
mod many;
mod raw_peer;
mod reconfiguration;
mod redaction;
mod roaming;
mod routing;
mod suspend;
mod timers;
mod world;
