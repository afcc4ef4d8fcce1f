//! Answers to requests.

use core::fmt::{Display, Write as _};

use wirecraft_tunnel::{PresharedKey, Roaming, wipe_stack_after};
use zeroize::Zeroizing;

use super::hex::{self, KEY_LEN};
use super::snapshot::{Peer, Snapshot};

/// More than the lines of a device without its peers have, and the last line with them.
const DEVICE_LEN_MAX: usize = 256;

/// More than the lines of a peer without its allowed IPs have.
const PEER_LEN_MAX: usize = 512;

/// More than the line of an allowed IP has.
const ALLOWED_IP_LEN_MAX: usize = 64;

/// The text of an answer, wiped when dropped.
pub(super) struct Answer(Zeroizing<String>);

impl Answer {
    /// An answer that says nothing but how it went; `errno` is positive, or zero for well.
    pub(super) fn status(errno: i32) -> Self {
        Self::with_capacity(DEVICE_LEN_MAX).end(errno)
    }

    /// The configuration, its secrets included.
    pub(super) fn configuration(snapshot: &Snapshot) -> Self {
        wipe_stack_after(|| {
            let mut answer = Self::with_capacity(configuration_len_max(snapshot));
            if let Some(key) = &snapshot.private_key {
                answer.key("private_key", key.as_bytes());
            }
            answer.sockets(snapshot);
            for peer in &snapshot.peers {
                answer.key("public_key", peer.status.public_key.as_bytes());
                answer.key("preshared_key", peer.preshared_key.as_bytes());
                answer.line("protocol_version", 1);
                answer.peer(peer);
                answer.allowed_ips(peer);
            }
            answer.end(0)
        })
    }

    /// Counters and sessions; no secrets.
    pub(super) fn state(snapshot: &Snapshot) -> Self {
        let mut answer = Self::with_capacity(configuration_len_max(snapshot));
        if let Some(key) = &snapshot.public_key {
            answer.key("own_public_key", key.as_bytes());
        }
        answer.sockets(snapshot);
        for (name, count) in snapshot.counters.iter() {
            answer.line(format_args!("counter_{name}"), count);
        }
        let inner = snapshot.inner.iter().copied();
        for (name, count) in snapshot.sockets.iter().chain(inner) {
            answer.line(name, count);
        }
        for peer in &snapshot.peers {
            let status = &peer.status;
            answer.key("public_key", status.public_key.as_bytes());
            let has_preshared_key = peer.preshared_key != PresharedKey::ZERO;
            answer.line("has_preshared_key", has_preshared_key);
            answer.peer(peer);
            answer.line("has_session", status.has_session);
            answer.line("staged_packets", status.staged);
            answer.line("endpoint_pinned", status.roaming == Roaming::Pinned);
            answer.allowed_ips(peer);
        }
        answer.end(0)
    }

    pub(super) fn as_bytes(&self) -> &[u8] {
        self.0.as_bytes()
    }

    /// A text that grows leaves its bytes where they were, so one with secrets must not have to.
    fn with_capacity(len: usize) -> Self {
        Self(Zeroizing::new(String::with_capacity(len)))
    }

    fn sockets(&mut self, snapshot: &Snapshot) {
        self.line("listen_port", snapshot.port);
        if snapshot.mark != 0 {
            self.line("fwmark", snapshot.mark);
        }
    }

    fn peer(&mut self, peer: &Peer) {
        let status = &peer.status;
        if let Some(endpoint) = status.endpoint {
            self.line("endpoint", endpoint);
        }
        let last_handshake = peer.last_handshake();
        self.line("last_handshake_time_sec", last_handshake.as_secs());
        self.line("last_handshake_time_nsec", last_handshake.subsec_nanos());
        self.line("tx_bytes", status.traffic.sent_len);
        self.line("rx_bytes", status.traffic.received_len);
        let interval = status.persistent_keepalive.unwrap_or_default();
        self.line("persistent_keepalive_interval", interval.as_secs());
    }

    fn allowed_ips(&mut self, peer: &Peer) {
        for prefix in &peer.status.allowed_ips {
            self.line("allowed_ip", prefix);
        }
    }

    fn key(&mut self, name: &str, key: &[u8; KEY_LEN]) {
        self.0.push_str(name);
        self.0.push('=');
        self.0
            .extend(key.iter().flat_map(|byte| hex::digits(*byte)));
        self.0.push('\n');
    }

    fn line(&mut self, key: impl Display, value: impl Display) {
        writeln!(self.0, "{key}={value}").expect("a string takes what is written to it");
    }

    fn end(mut self, errno: i32) -> Self {
        self.line("errno", -errno);
        self.0.push('\n');
        self
    }
}

fn configuration_len_max(snapshot: &Snapshot) -> usize {
    let peer = |peer: &Peer| PEER_LEN_MAX + ALLOWED_IP_LEN_MAX * peer.status.allowed_ips.len();
    DEVICE_LEN_MAX + snapshot.peers.iter().map(peer).sum::<usize>()
}

#[cfg(test)]
mod tests {
    use core::time::Duration;

    use wirecraft_tunnel::{Counters, PeerStatus, PrivateKey, PublicKey, Traffic};

    use super::*;
    use crate::udp::SocketCounters;

    fn snapshot(peers: Vec<Peer>) -> Snapshot {
        Snapshot {
            private_key: Some(PrivateKey::from_bytes([0x11; KEY_LEN])),
            public_key: Some(PublicKey::from_bytes([0x22; KEY_LEN])),
            port: 51_820,
            mark: u32::MAX,
            counters: Counters::default(),
            sockets: SocketCounters::default(),
            inner: vec![("interface_refused", 7)],
            peers,
        }
    }

    /// A peer of which everything takes as many characters as it can.
    fn longest_peer() -> Peer {
        let longest = "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff";
        Peer {
            status: PeerStatus {
                public_key: PublicKey::from_bytes([0x33; KEY_LEN]),
                endpoint: format!("[{longest}%4294967295]:65535").parse().ok(),
                configured_endpoint: None,
                roaming: Roaming::Pinned,
                allowed_ips: vec![format!("{longest}/128").parse().unwrap(); 100],
                persistent_keepalive: Some(Duration::from_secs(65_535)),
                traffic: Traffic {
                    received_len: u64::MAX,
                    sent_len: u64::MAX,
                    last_handshake: Some(Duration::MAX),
                },
                has_session: true,
                staged: usize::MAX,
            },
            preshared_key: PresharedKey::from_bytes([0x44; KEY_LEN]),
        }
    }

    #[test]
    fn an_answer_with_secrets_fits_into_the_room_it_is_given_at_first() {
        for count in [0, 1, 10] {
            let snapshot = snapshot((0..count).map(|_| longest_peer()).collect());
            let answer = Answer::configuration(&snapshot);
            assert!(answer.0.len() <= configuration_len_max(&snapshot));
        }
    }

    #[test]
    fn the_state_holds_no_secrets() {
        let answer = Answer::state(&snapshot(vec![longest_peer()]));
        for secret in ["1111", "4444"] {
            assert!(!answer.0.contains(secret), "{}", *answer.0);
        }
        for line in [
            "has_preshared_key=true\n",
            "counter_replayed=0\n",
            "socket_no_room=0\n",
            "interface_refused=7\n",
            "endpoint_pinned=true\n",
        ] {
            assert!(answer.0.contains(line), "{}", *answer.0);
        }
    }

    #[test]
    fn an_error_is_answered_by_its_negative_number() {
        assert_eq!(Answer::status(22).as_bytes(), b"errno=-22\n\n");
        assert_eq!(Answer::status(0).as_bytes(), b"errno=0\n\n");
    }
}
