//! What a user should hear about a configuration that is valid nevertheless.

use std::fmt;
use std::path::PathBuf;

use ipnet::IpNet;
use wirecraft_noise_handshake::PublicKey;

/// Something worth a line to the user, who may have meant something else.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Notice {
    /// The file holds a private key, and others than its owner may read it.
    Readable {
        /// The file.
        path: PathBuf,
        /// Whether everybody may, not only the group.
        world: bool,
    },
    /// Keys that `wg-quick` would act upon and wirecraft does not.
    NotExecuted {
        /// The keys, each once, in the order of the manual.
        keys: Vec<&'static str>,
    },
    /// An allowed IP had host bits, which were cleared.
    HostBits {
        /// The line, counted from 1.
        line: usize,
        /// The network as it was written.
        written: IpNet,
    },
    /// Two sections have the same public key. The later one wins: its allowed IPs replace the earlier ones.
    RepeatedPeer {
        /// The line of the later section, counted from 1.
        line: usize,
        /// The key of both.
        public_key: PublicKey,
    },
    /// Two peers claim the same network. The later one has it.
    ClaimedTwice {
        /// The network.
        network: IpNet,
        /// The peer that has it.
        owner: PublicKey,
    },
}

impl fmt::Display for Notice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Readable { path, world: true } => {
                write!(f, "Warning: `{}' is world accessible", path.display())
            }
            Self::Readable { path, world: false } => {
                write!(f, "Warning: `{}' is group accessible", path.display())
            }
            Self::NotExecuted { keys } => {
                write!(f, "{}: read, but not executed", keys.join(", "))
            }
            Self::HostBits { line, written } => write!(
                f,
                "line {line}: AllowedIPs: {written} has host bits, taken as {}",
                written.trunc()
            ),
            Self::RepeatedPeer { line, public_key } => write!(
                f,
                "line {line}: the peer {public_key} stands here again: what is given here replaces what was given before"
            ),
            Self::ClaimedTwice { network, owner } => {
                write!(
                    f,
                    "AllowedIPs: {network} is claimed twice, the last peer {owner} has it"
                )
            }
        }
    }
}
