//! The lines of an answer.

use core::time::Duration;
use std::str::FromStr;

use wirecraft_tunnel::{PrivateKey, PublicKey};

use super::client::{PeerReport, ReportError, TunnelReport};
use super::hex;

/// A line whose value is not what its key says.
struct Unreadable;

/// Reads an answer to `wirecraft_get=1` or `get=1`. Lines that are not known are passed over.
pub(super) fn read(answer: &str) -> Result<TunnelReport, ReportError> {
    let mut report = TunnelReport::default();
    for line in answer.lines().take_while(|line| !line.is_empty()) {
        let malformed = |_| ReportError::Malformed {
            line: printable(line),
        };
        let (key, value) = line.split_once('=').ok_or(Unreadable).map_err(malformed)?;
        if key == "errno" {
            let errno: i32 = number(value).map_err(malformed)?;
            return if errno == 0 {
                Ok(report)
            } else {
                Err(ReportError::Refused {
                    errno: errno.saturating_abs(),
                })
            };
        }
        read_line(&mut report, key, value).map_err(malformed)?;
    }
    Err(ReportError::Malformed {
        line: String::new(),
    })
}

fn read_line(report: &mut TunnelReport, key: &str, value: &str) -> Result<(), Unreadable> {
    if key == "public_key" {
        report.peers.push(PeerReport::new(public_key(value)?));
        return Ok(());
    }
    match report.peers.last_mut() {
        Some(peer) => peer_line(peer, key, value),
        None => device_line(report, key, value),
    }
}

fn device_line(report: &mut TunnelReport, key: &str, value: &str) -> Result<(), Unreadable> {
    match key {
        "own_public_key" => report.public_key = Some(public_key(value)?),
        "private_key" => {
            let key = hex::decode(value).ok_or(Unreadable)?;
            report.public_key = Some(PrivateKey::from_bytes(*key).public_key());
        }
        "listen_port" => report.listen_port = number(value)?,
        "fwmark" => report.mark = number(value)?,
        _ => {
            let counter = key.strip_prefix("counter_");
            let is_ours = key.starts_with("socket_") || key.starts_with("interface_");
            if let Some(name) = counter.or_else(|| is_ours.then_some(key)) {
                report.counters.push((name.to_owned(), number(value)?));
            }
        }
    }
    Ok(())
}

fn peer_line(peer: &mut PeerReport, key: &str, value: &str) -> Result<(), Unreadable> {
    match key {
        "preshared_key" => {
            let key = hex::decode(value).ok_or(Unreadable)?;
            peer.has_preshared_key = *key != [0; hex::KEY_LEN];
        }
        "has_preshared_key" => peer.has_preshared_key = value == "true",
        "endpoint" => peer.endpoint = Some(number(value)?),
        "allowed_ip" => peer.allowed_ips.push(printable(value)),
        "last_handshake_time_sec" => add_handshake(peer, Duration::from_secs(number(value)?)),
        "last_handshake_time_nsec" => add_handshake(peer, Duration::from_nanos(number(value)?)),
        "rx_bytes" => peer.received_len = number(value)?,
        "tx_bytes" => peer.sent_len = number(value)?,
        "persistent_keepalive_interval" => {
            let seconds: u64 = number(value)?;
            peer.persistent_keepalive = (seconds > 0).then_some(Duration::from_secs(seconds));
        }
        "has_session" => peer.has_session = Some(value == "true"),
        "staged_packets" => peer.staged = number(value)?,
        _ => {}
    }
    Ok(())
}

impl PeerReport {
    fn new(public_key: PublicKey) -> Self {
        Self {
            public_key,
            has_preshared_key: false,
            endpoint: None,
            allowed_ips: Vec::new(),
            last_handshake: None,
            received_len: 0,
            sent_len: 0,
            persistent_keepalive: None,
            has_session: None,
            staged: 0,
        }
    }
}

/// Seconds and nanoseconds come on lines of their own; all zeros say that there was none.
fn add_handshake(peer: &mut PeerReport, part: Duration) {
    let sum = peer.last_handshake.unwrap_or_default().saturating_add(part);
    peer.last_handshake = (!sum.is_zero()).then_some(sum);
}

fn public_key(value: &str) -> Result<PublicKey, Unreadable> {
    let key = hex::decode(value).ok_or(Unreadable)?;
    Ok(PublicKey::from_bytes(*key))
}

fn number<T: FromStr>(value: &str) -> Result<T, Unreadable> {
    value.parse().map_err(|_| Unreadable)
}

/// What is safe to be shown on a terminal, and short.
fn printable(text: &str) -> String {
    let shown = text.chars().filter(|character| !character.is_control());
    shown.take(100).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str = "1111111111111111111111111111111111111111111111111111111111111111";

    #[test]
    fn an_answer_of_ours_is_read() {
        let report = read(&format!(
            "own_public_key={KEY}\nlisten_port=51820\nfwmark=7\ncounter_replayed=3\n\
             counter_packets_sent=9\nsocket_send_errors=1\nsocket_sent_apart=2\n\
             interface_refused=4\npublic_key={KEY}\n\
             has_preshared_key=true\nendpoint=[fe80::1%2]:1\nlast_handshake_time_sec=5\n\
             last_handshake_time_nsec=6\ntx_bytes=148\nrx_bytes=92\n\
             persistent_keepalive_interval=25\nhas_session=true\nstaged_packets=2\n\
             endpoint_pinned=false\nallowed_ip=10.0.0.0/8\nallowed_ip=::/0\nerrno=0\n\n"
        ))
        .unwrap();
        assert_eq!((report.listen_port, report.mark), (51_820, 7));
        assert!(report.public_key.is_some());
        let drops: Vec<_> = report.drops().collect();
        let expected = [
            ("replayed", 3),
            ("socket_send_errors", 1),
            ("interface_refused", 4),
        ];
        assert_eq!(drops, expected);
        let [peer] = &report.peers[..] else {
            panic!("one peer: {report:?}");
        };
        assert_eq!(peer.last_handshake, Some(Duration::new(5, 6)));
        assert_eq!(
            (peer.sent_len, peer.received_len, peer.staged),
            (148, 92, 2)
        );
        assert_eq!(peer.persistent_keepalive, Some(Duration::from_secs(25)));
        assert_eq!(peer.has_session, Some(true));
        assert!(peer.has_preshared_key && peer.endpoint.is_some());
        assert_eq!(peer.allowed_ips, ["10.0.0.0/8", "::/0"]);
    }

    #[test]
    fn an_answer_of_others_is_read_without_its_secrets() {
        let zeros = "0".repeat(64);
        let report = read(&format!(
            "private_key={KEY}\nlisten_port=1\npublic_key={KEY}\npreshared_key={zeros}\n\
             protocol_version=1\nlast_handshake_time_sec=0\nlast_handshake_time_nsec=0\n\
             persistent_keepalive_interval=0\nerrno=0\n\n"
        ))
        .unwrap();
        assert!(
            report
                .public_key
                .is_some_and(|key| *key.as_bytes() != [0x11; 32])
        );
        let peer = &report.peers[0];
        assert_eq!(
            (peer.last_handshake, peer.persistent_keepalive),
            (None, None)
        );
        assert!(!peer.has_preshared_key && peer.has_session.is_none());
    }

    #[test]
    fn an_answer_that_breaks_off_or_says_nothing_is_refused() {
        for answer in [
            "",
            "\n",
            "listen_port=1\n",
            "listen_port=x\nerrno=0\n\n",
            "\u{1b}[2J\n",
        ] {
            let error = read(answer).unwrap_err();
            assert!(matches!(error, ReportError::Malformed { .. }), "{answer:?}");
            assert!(!error.to_string().contains('\u{1b}'));
        }
        let error = read("errno=-22\n\n").unwrap_err();
        assert!(matches!(error, ReportError::Refused { errno: 22 }));
    }
}
