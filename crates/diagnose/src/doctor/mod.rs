//! Says why a tunnel does not work, in sentences.

mod peer;
mod setup;
mod traffic;

use std::fmt;
use std::net::IpAddr;
use std::time::Duration;

use tokio::time::sleep;
use wirecraft::config::Config;
use wirecraft::{AeadPath, Clock, ConnectOptions, Tunnel};

pub use setup::check_config;

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// It works.
    Fine,
    /// It may be meant so.
    Warning,
    /// It cannot work.
    Wrong,
}

/// One thing that was looked at, and what came of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Advice {
    /// How bad it is.
    pub severity: Severity,
    /// What it is and what to do, in a sentence.
    pub sentence: String,
}

impl Advice {
    pub(crate) fn fine(sentence: impl Into<String>) -> Self {
        Self::new(Severity::Fine, sentence)
    }

    pub(crate) fn warning(sentence: impl Into<String>) -> Self {
        Self::new(Severity::Warning, sentence)
    }

    pub(crate) fn wrong(sentence: impl Into<String>) -> Self {
        Self::new(Severity::Wrong, sentence)
    }

    fn new(severity: Severity, sentence: impl Into<String>) -> Self {
        let sentence = sentence.into();
        Self { severity, sentence }
    }
}

impl fmt::Display for Advice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.sentence)
    }
}

/// How a tunnel is examined.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ExamineOptions {
    /// How long an answer is waited for, each time. 2 seconds.
    pub wait: Duration,
    /// How often a peer is called. 3.
    pub attempts: u8,
    /// A host behind the tunnel that answers pings, if one is known.
    pub host: Option<IpAddr>,
    /// What the clock of this machine says, since 1970. Read when the options are made.
    pub now: Duration,
    /// What encrypts batches of packets. The fastest that the processor has.
    pub aead_path: AeadPath,
}

impl Default for ExamineOptions {
    fn default() -> Self {
        Self {
            wait: Duration::from_secs(2),
            attempts: 3,
            host: None,
            now: Clock::new().since_unix_epoch(),
            aead_path: AeadPath::detect(),
        }
    }
}

/// Time between the last initiation by hand and the tunnel's.
const BETWEEN_INITIATIONS: Duration = Duration::from_millis(60);

/// Long enough for a second initiation, should the first be lost.
const TWO_INITIATIONS: Duration = Duration::from_secs(7);

/// The start of 2025: whatever a clock says before is wrong.
const EARLIEST_NOW: Duration = Duration::from_secs(1_735_689_600);

/// Looks at a configuration, speaks to its peers, brings the tunnel up and sends data through it.
///
/// `tell` gets what is found, as it is found. Nothing changes on this machine, but peers are sent valid
/// initiations and take this end to be where they come from: another tunnel that runs with the same keys is
/// cut off until its next handshake.
pub async fn examine(config: &Config, options: &ExamineOptions, mut tell: impl FnMut(Advice)) {
    check_config(config).into_iter().for_each(&mut tell);
    if options.now < EARLIEST_NOW {
        tell(Advice::wrong(
            "the clock of this machine is years behind: peers ignore initiations that are older \
             than one they have seen; set the clock",
        ));
    }
    let mut is_any_up = false;
    for peer in &config.peers {
        let (advice, is_up) = peer::examine(config, peer, options).await;
        is_any_up |= is_up;
        advice.into_iter().for_each(&mut tell);
    }
    if !is_any_up || config.interface.addresses.is_empty() {
        return;
    }
    // The tunnel's initiation must be newer than those before by a tick of its timestamp, and the peer
    // takes none within 20 ms of another.
    sleep(BETWEEN_INITIATIONS).await;
    let mut connect = ConnectOptions::default();
    connect.aead_path = options.aead_path;
    connect.handshake_timeout = (options.wait * 5).max(TWO_INITIATIONS);
    match Tunnel::connect_with(config.clone(), connect).await {
        Ok(tunnel) => {
            let found = traffic::examine(&tunnel, config, options).await;
            found.into_iter().for_each(&mut tell);
            // It may have ended by itself.
            let _ = tunnel.close().await;
        }
        Err(error) => tell(Advice::wrong(format!(
            "the tunnel does not come up: {error}"
        ))),
    }
}
