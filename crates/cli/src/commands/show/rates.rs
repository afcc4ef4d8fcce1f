//! How much goes through a tunnel, from one showing to the next.

use std::collections::HashMap;

use wirecraft::running::TunnelReport;
use wirecraft::{Instant, PublicKey};

/// What the peers of a tunnel had received and sent at one moment.
#[derive(Clone)]
pub(super) struct Sample {
    at: Instant,
    peers: HashMap<PublicKey, Lens>,
}

#[derive(Clone, Copy, Default)]
struct Lens {
    received: u64,
    sent: u64,
}

/// Bytes a second of each peer.
pub(super) struct Rates(HashMap<PublicKey, Rate>);

/// Bytes a second of one peer.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(super) struct Rate {
    pub(super) received: f64,
    pub(super) sent: f64,
}

impl Sample {
    pub(super) fn of(report: &TunnelReport, at: Instant) -> Self {
        let lens = report.peers.iter().map(|peer| {
            let lens = Lens {
                received: peer.received_len,
                sent: peer.sent_len,
            };
            (peer.public_key, lens)
        });
        Self {
            at,
            peers: lens.collect(),
        }
    }

    /// The rates since an earlier sample; a peer that began anew meanwhile has none for once.
    pub(super) fn since(&self, before: &Self) -> Rates {
        let seconds = self.at.since(before.at).as_secs_f64();
        let rates = self.peers.iter().filter_map(|(key, lens)| {
            let earlier = before.peers.get(key)?;
            let received = lens.received.checked_sub(earlier.received)?;
            let sent = lens.sent.checked_sub(earlier.sent)?;
            let rate = Rate {
                received: received as f64 / seconds,
                sent: sent as f64 / seconds,
            };
            Some((*key, rate))
        });
        Rates(if seconds > 0.0 {
            rates.collect()
        } else {
            HashMap::new()
        })
    }
}

impl Rates {
    pub(super) fn of(&self, peer: &PublicKey) -> Option<Rate> {
        self.0.get(peer).copied()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn sample(at: u64, received: u64) -> Sample {
        Sample {
            at: Instant::from_origin(Duration::from_secs(at)),
            peers: HashMap::from([(key(), Lens { received, sent: 0 })]),
        }
    }

    fn key() -> PublicKey {
        PublicKey::from_bytes([7; 32])
    }

    #[test]
    fn a_rate_is_what_came_in_the_time_between() {
        let rate = sample(12, 3000).since(&sample(10, 1000)).of(&key());
        let expected = Rate {
            received: 1000.0,
            sent: 0.0,
        };
        assert_eq!(rate, Some(expected));
    }

    #[test]
    fn a_peer_that_began_anew_has_no_rate() {
        assert_eq!(sample(12, 10).since(&sample(10, 1000)).of(&key()), None);
        assert_eq!(sample(10, 10).since(&sample(10, 1)).of(&key()), None);
    }
}
