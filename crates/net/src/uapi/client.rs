//! Asking a running tunnel how it is, whoever made it.

use core::time::Duration;
use std::io::{self, Read as _, Write as _};
use std::net::SocketAddr;
use std::os::unix::net::UnixStream;
use std::path::Path;

use wirecraft_tunnel::PublicKey;
use zeroize::Zeroizing;

use super::report;

/// How long a tunnel may take for its answer.
const PATIENCE: Duration = Duration::from_secs(5);

/// The longest answer that is taken in: that of a million peers.
const ANSWER_LEN_MAX: u64 = 512 << 20;

/// Room for an answer that has keys in it, which are not to be moved about.
const ANSWER_LEN_USUAL: usize = 64 << 10;

/// How a tunnel is at one moment, without secrets.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
#[non_exhaustive]
pub struct TunnelReport {
    /// Its public key, if it has a key.
    pub public_key: Option<PublicKey>,
    /// The UDP port it receives on.
    pub listen_port: u16,
    /// The mark of its outer packets; 0 is none.
    pub mark: u32,
    /// How often each thing happened, by name; nothing for programs other than ours.
    pub counters: Vec<(String, u64)>,
    /// Its peers.
    pub peers: Vec<PeerReport>,
}

/// How a peer is at one moment.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct PeerReport {
    /// Its public key.
    pub public_key: PublicKey,
    /// Whether a preshared key is set.
    pub has_preshared_key: bool,
    /// Where it is.
    pub endpoint: Option<SocketAddr>,
    /// Its allowed IPs, as `ADDRESS/LENGTH`.
    pub allowed_ips: Vec<String>,
    /// When the last handshake was completed, since the Unix epoch.
    pub last_handshake: Option<Duration>,
    /// Bytes received from it, headers of the messages included.
    pub received_len: u64,
    /// Bytes sent to it, headers of the messages included.
    pub sent_len: u64,
    /// The interval of persistent keepalives, if they are on.
    pub persistent_keepalive: Option<Duration>,
    /// Whether there is a session; programs other than ours do not say.
    pub has_session: Option<bool>,
    /// Packets that wait for a session.
    pub staged: u64,
}

/// Why a tunnel gave no account of itself.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReportError {
    /// It could not be asked.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// It refused.
    #[error("the tunnel answers with error {errno}")]
    Refused {
        /// The error number, positive.
        errno: i32,
    },
    /// Its answer is not one.
    #[error("the answer of the tunnel cannot be read: {line:?}")]
    Malformed {
        /// The line that says nothing.
        line: String,
    },
}

impl TunnelReport {
    /// Names of counters of what is no loss.
    const NO_DROPS: &[&str] = &[
        "packets_received",
        "packets_sent",
        "keepalives_received",
        "keepalives_sent",
        "initiations_sent",
        "initiations_received",
        "responses_received",
        "cookie_replies_sent",
        "cookie_replies_received",
        "staged",
        "socket_sent_apart",
        "interface_written_apart",
    ];

    /// Asks the tunnel whose socket is at `path`; one that is not ours is asked as `wg` does.
    ///
    /// # Errors
    /// [`ReportError`].
    pub fn ask(path: &Path) -> Result<Self, ReportError> {
        let answer = converse(path, "wirecraft_get=1\n\n")?;
        match Self::read(&answer) {
            // wireguard-go ends the conversation, others say that they know no such request.
            Err(ReportError::Refused { .. } | ReportError::Malformed { .. }) => {
                Self::read(&converse(path, "get=1\n\n")?)
            }
            outcome => outcome,
        }
    }

    /// Reads the answer to such a request.
    ///
    /// # Errors
    /// [`ReportError::Refused`], [`ReportError::Malformed`].
    pub fn read(answer: &str) -> Result<Self, ReportError> {
        report::read(answer)
    }

    /// What was dropped or refused, and errors of the sockets: counters that are not zero.
    pub fn drops(&self) -> impl Iterator<Item = (&str, u64)> {
        let counters = self
            .counters
            .iter()
            .map(|(name, count)| (name.as_str(), *count));
        counters.filter(|(name, count)| *count > 0 && !Self::NO_DROPS.contains(name))
    }
}

fn converse(path: &Path, request: &str) -> io::Result<Zeroizing<String>> {
    let mut stream = UnixStream::connect(path)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    stream.write_all(request.as_bytes())?;
    stream.shutdown(std::net::Shutdown::Write)?;
    let mut answer = Zeroizing::new(String::with_capacity(ANSWER_LEN_USUAL));
    stream.take(ANSWER_LEN_MAX).read_to_string(&mut answer)?;
    Ok(answer)
}
