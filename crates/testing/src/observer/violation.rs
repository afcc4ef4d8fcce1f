//! The ways in which a run can break what must always hold.

use core::time::Duration;

/// An invariant that does not hold. Nodes are numbers of the scenario.
#[derive(Clone, PartialEq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Violation {
    /// A nonce was used twice with one key.
    #[error("node {from} sealed counter {counter} twice for index {index:#010x} of node {to}")]
    CounterReused {
        /// The sender.
        from: usize,
        /// The receiver.
        to: usize,
        /// The receiver's index.
        index: u32,
        /// The counter.
        counter: u64,
    },
    /// Data was sealed for an index that no handshake of the run made.
    #[error("node {from} sealed for index {index:#010x} of node {to}, which no handshake made")]
    SealedWithoutHandshake {
        /// The sender.
        from: usize,
        /// The receiver.
        to: usize,
        /// The receiver's index.
        index: u32,
    },
    /// A keypair was used after its time.
    #[error("node {from} sealed for node {to} with a keypair {age:.1?} old")]
    SealedTooLate {
        /// The sender.
        from: usize,
        /// The receiver.
        to: usize,
        /// The age of the keypair.
        age: Duration,
    },
    /// A device sent something that is no message.
    #[error("node {from} sent {len} bytes that are no message")]
    NotAMessage {
        /// The sender.
        from: usize,
        /// The length in bytes.
        len: usize,
    },
    /// An initiation does not verify with the keys of the two nodes.
    #[error("node {from} sent node {to} an initiation that does not verify")]
    InvalidInitiation {
        /// The sender.
        from: usize,
        /// The receiver.
        to: usize,
    },
    /// Other than cookie replies went to an address that no node ever had.
    #[error("node {from} sent to an address that is no node's")]
    SentToStranger {
        /// The sender.
        from: usize,
    },
    /// Initiations followed each other too closely.
    #[error("node {from} initiated to node {to} {after:.3?} after its last handshake message")]
    InitiationTooSoon {
        /// The sender.
        from: usize,
        /// The receiver.
        to: usize,
        /// The time between the two.
        after: Duration,
    },
    /// A timestamp was not greater than the one before.
    #[error("the timestamps of node {from} to node {to} do not increase")]
    TimestampNotIncreasing {
        /// The sender.
        from: usize,
        /// The receiver.
        to: usize,
    },
    /// A packet came out of a tunnel twice.
    #[error("node {to} was delivered packet {number} of node {origin} twice")]
    DeliveredTwice {
        /// The node that offered it.
        origin: usize,
        /// The node that got it.
        to: usize,
        /// Its number.
        number: u64,
    },
    /// A packet came out of a tunnel that nobody offered, or another one than was offered.
    #[error("node {to} was delivered a packet that nobody offered, or that was altered: {what}")]
    Altered {
        /// The node that got it.
        to: usize,
        /// What is wrong.
        what: &'static str,
    },
    /// A packet came out as if from another peer.
    #[error("node {to} was delivered a packet of node {origin} as one of {claimed:?}")]
    WrongPeer {
        /// The node that offered it.
        origin: usize,
        /// The node that got it.
        to: usize,
        /// The node that the device says it is from.
        claimed: Option<usize>,
    },
    /// A queue or a table is larger than it may be.
    #[error("node {node}: {held} {what}, at most {most} allowed")]
    Unbounded {
        /// The node.
        node: usize,
        /// What there is too much of.
        what: &'static str,
        /// How many there are.
        held: usize,
        /// How many there may be.
        most: usize,
    },
    /// A node was woken too often.
    #[error("node {node} was woken {wakeups} times within a second")]
    TimerSpins {
        /// The node.
        node: usize,
        /// How often it was.
        wakeups: usize,
    },
    /// A device was woken and wants to be woken again at once.
    #[error("node {node} was woken and its deadline did not move on")]
    DeadlineNotMoved {
        /// The node.
        node: usize,
    },
    /// What an attacker repeated changed where a peer is thought to be.
    #[error("node {node} moved the endpoint of node {peer:?} to an address it never had")]
    EndpointHijacked {
        /// The node.
        node: usize,
        /// Its peer.
        peer: Option<usize>,
    },
    /// On a clean path a tunnel took too long to work again.
    #[error("flow {flow}: nothing delivered for {after:.1?} on a clean path, at most {most:.1?}")]
    SlowReconnect {
        /// The flow.
        flow: usize,
        /// How long it took, or had taken when the run ended.
        after: Duration,
        /// How long it may take.
        most: Duration,
    },
    /// A packet of a tunnel that works vanished on a clean path.
    #[error("flow {flow}: packet {number}, offered at {offered_at:.3?}, vanished on a clean path")]
    Vanished {
        /// The flow.
        flow: usize,
        /// The number of the packet.
        number: u64,
        /// When it was offered, since the start of the run.
        offered_at: Duration,
    },
    /// Something panicked.
    #[error("panic: {0}")]
    Panicked(String),
}
