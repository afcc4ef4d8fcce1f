//! Why a destination cannot be reached, as the network or the layer below says.

use thiserror::Error;

/// Why a destination cannot be reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Error)]
#[non_exhaustive]
pub enum Unreachable {
    /// The layer below has no way to the address: no packet left this side.
    #[error("no route to the destination")]
    NoRoute,
    /// The layer below knows who should carry the packet, but not where to send it.
    #[error("the next hop has no known endpoint")]
    NoNextHop,
    /// A router knows no way to the network.
    #[error("network unreachable")]
    Network,
    /// The last router found no such host.
    #[error("host unreachable")]
    Host,
    /// The host does not speak the protocol.
    #[error("protocol unreachable")]
    Protocol,
    /// Nothing listens on the port.
    #[error("port unreachable")]
    Port,
    /// A filter on the path forbids it.
    #[error("communication prohibited")]
    Prohibited,
    /// The packet's time to live ran out on the way.
    #[error("time exceeded on the way")]
    TimeExceeded,
    /// The packet was too big for a link on the path; how big it may be is in bytes.
    #[error("packet larger than the path's {mtu} bytes")]
    TooBig {
        /// The largest packet that the link takes.
        mtu: usize,
    },
}
