//! The protocol's constants, under the names the whitepaper and the kernel give them.

use core::time::Duration;

/// A new handshake is started once a keypair has sealed this many messages (whitepaper §6.2).
pub const REKEY_AFTER_MESSAGES: u64 = 1 << 60;

/// No counter from this one on is sealed or accepted (whitepaper §6.1, less the replay window).
pub const REJECT_AFTER_MESSAGES: u64 = u64::MAX - (1 << 13);

/// The initiator of a keypair of this age starts a new handshake when it sends (§6.2).
pub const REKEY_AFTER_TIME: Duration = Duration::from_secs(120);

/// A keypair of this age neither seals nor opens (§6.1).
pub const REJECT_AFTER_TIME: Duration = Duration::from_secs(180);

/// An attempt at a handshake is given up after this long (§6.4).
pub const REKEY_ATTEMPT_TIME: Duration = Duration::from_secs(90);

/// The least time between two initiations to one peer (§6.4).
pub const REKEY_TIMEOUT: Duration = Duration::from_secs(5);

/// A receiver that has nothing to say sends a keepalive after this long (§6.5).
pub const KEEPALIVE_TIMEOUT: Duration = Duration::from_secs(10);

/// The most that is added at random to [`REKEY_TIMEOUT`] (§6.1).
pub const REKEY_TIMEOUT_JITTER_MAX: Duration = Duration::from_millis(333);

/// A cookie secret lives this long, and so does a cookie (§5.4.7).
pub const COOKIE_SECRET_MAX_AGE: Duration = Duration::from_secs(120);

/// A sender stops using a cookie this long before it dies, to allow for its way (`cookie.h`).
pub const COOKIE_SECRET_LATENCY: Duration = Duration::from_secs(5);

/// The least time between two accepted initiations of one peer (`messages.h`: 50 a second).
pub const INITIATION_INTERVAL_MIN: Duration = Duration::from_millis(20);

/// Packets that wait for a session, for each peer (`messages.h`: `MAX_STAGED_PACKETS`).
pub const MAX_STAGED_PACKETS: usize = 128;

/// Handshake messages that wait for their Diffie-Hellman (`messages.h`).
pub const MAX_QUEUED_INCOMING_HANDSHAKES: usize = 4096;

/// Waiting handshake messages from which on the device is under load (`receive.c`).
pub const UNDER_LOAD_QUEUE_LEN: usize = MAX_QUEUED_INCOMING_HANDSHAKES / 8;

/// Once under load, a device stays so for this long (`receive.c`).
pub const UNDER_LOAD_DURATION: Duration = Duration::from_secs(1);

const _: () = assert!(REJECT_AFTER_MESSAGES == u64::MAX - 8192);
