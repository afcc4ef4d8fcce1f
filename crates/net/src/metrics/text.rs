//! The text format of Prometheus, version 0.0.4.

use core::fmt::{Display, Write as _};

use wirecraft_tunnel::PeerStatus;

use super::Figures;

/// The figures of a peer: name, kind, meaning, and where to find it.
type PeerMetric = (
    &'static str,
    &'static str,
    &'static str,
    fn(&PeerStatus) -> f64,
);

const PEER_METRICS: &[PeerMetric] = &[
    (
        "wirecraft_peer_received_bytes_total",
        "counter",
        "Bytes received from the peer, headers of messages included.",
        |peer| as_f64(peer.traffic.received_len),
    ),
    (
        "wirecraft_peer_sent_bytes_total",
        "counter",
        "Bytes sent to the peer, headers of messages included.",
        |peer| as_f64(peer.traffic.sent_len),
    ),
    (
        "wirecraft_peer_last_handshake_seconds",
        "gauge",
        "When the last handshake was completed, since the Unix epoch; 0 is never.",
        |peer| {
            peer.traffic
                .last_handshake
                .unwrap_or_default()
                .as_secs_f64()
        },
    ),
    (
        "wirecraft_peer_session",
        "gauge",
        "1 while there is a session with the peer.",
        |peer| f64::from(u8::from(peer.has_session)),
    ),
    (
        "wirecraft_peer_staged_packets",
        "gauge",
        "Packets that wait for a session.",
        |peer| as_f64(peer.staged as u64),
    ),
];

/// Writes down the figures of the tunnel that is called `name`.
pub(super) fn of(figures: &Figures, name: &str) -> String {
    let interface = Label(name);
    let mut text = Text(String::new());
    text.heading("wirecraft_info", "gauge", "The tunnel.");
    let key = figures.public_key.map(|key| key.to_string());
    let (key, port) = (key.unwrap_or_default(), figures.listen_port);
    text.sample(
        "wirecraft_info",
        format_args!("interface=\"{interface}\",public_key=\"{key}\",listen_port=\"{port}\""),
        1,
    );
    text.heading(
        "wirecraft_events_total",
        "counter",
        "How often each thing happened to the tunnel.",
    );
    let sockets = figures.sockets.iter();
    let inner = figures.inner.iter().copied();
    for (event, count) in figures.counters.iter().chain(sockets).chain(inner) {
        let labels = format_args!("interface=\"{interface}\",event=\"{event}\"");
        text.sample("wirecraft_events_total", labels, count);
    }
    for (metric, kind, meaning, value) in PEER_METRICS {
        text.heading(metric, kind, meaning);
        for peer in &figures.peers {
            let key = peer.public_key;
            let labels = format_args!("interface=\"{interface}\",public_key=\"{key}\"");
            text.sample(metric, labels, value(peer));
        }
    }
    text.0
}

struct Text(String);

impl Text {
    fn heading(&mut self, metric: &str, kind: &str, meaning: &str) {
        self.line(format_args!("# HELP {metric} {meaning}"));
        self.line(format_args!("# TYPE {metric} {kind}"));
    }

    fn sample(&mut self, metric: &str, labels: impl Display, value: impl Display) {
        self.line(format_args!("{metric}{{{labels}}} {value}"));
    }

    fn line(&mut self, line: impl Display) {
        writeln!(self.0, "{line}").expect("a string takes what is written to it");
    }
}

/// The value of a label, with what would end it escaped.
struct Label<'a>(&'a str);

impl Display for Label<'_> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        for character in self.0.chars() {
            match character {
                '\\' | '"' => write!(f, "\\{character}")?,
                '\n' => f.write_str("\\n")?,
                _ => f.write_char(character)?,
            }
        }
        Ok(())
    }
}

/// The format knows no other numbers; beyond 2^53 the last bytes are lost.
fn as_f64(count: u64) -> f64 {
    count as f64
}

#[cfg(test)]
mod tests {
    use core::time::Duration;

    use wirecraft_tunnel::{Counters, PublicKey, Roaming, Traffic};

    use super::*;
    use crate::udp::SocketCounters;

    fn figures() -> Figures {
        Figures {
            public_key: None,
            listen_port: 51_820,
            counters: Counters::default(),
            sockets: SocketCounters {
                send_errors: 3,
                ..SocketCounters::default()
            },
            inner: vec![("interface_refused", 7)],
            peers: vec![PeerStatus {
                public_key: PublicKey::from_bytes([0; 32]),
                endpoint: None,
                configured_endpoint: None,
                roaming: Roaming::Pinned,
                allowed_ips: Vec::new(),
                persistent_keepalive: None,
                traffic: Traffic {
                    received_len: 1 << 40,
                    sent_len: 148,
                    last_handshake: Some(Duration::from_millis(1_700_000_000_250)),
                },
                has_session: true,
                staged: 2,
            }],
        }
    }

    #[test]
    fn every_metric_is_explained_before_its_samples() {
        let text = of(&figures(), "wg0");
        let mut explained = Vec::new();
        for line in text.lines() {
            if let Some(rest) = line.strip_prefix("# TYPE ") {
                explained.push(rest.split(' ').next().unwrap());
            } else if !line.starts_with('#') {
                let metric = line.split('{').next().unwrap();
                assert_eq!(explained.last(), Some(&metric), "{line}");
            }
        }
    }

    #[test]
    fn numbers_are_written_in_full() {
        let text = of(&figures(), "wg0");
        let key = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";
        let peer = format!("{{interface=\"wg0\",public_key=\"{key}\"}}");
        for line in [
            format!("wirecraft_peer_received_bytes_total{peer} 1099511627776\n"),
            format!("wirecraft_peer_last_handshake_seconds{peer} 1700000000.25\n"),
            format!("wirecraft_peer_session{peer} 1\n"),
            "wirecraft_events_total{interface=\"wg0\",event=\"socket_send_errors\"} 3\n".to_owned(),
            "wirecraft_events_total{interface=\"wg0\",event=\"interface_refused\"} 7\n".to_owned(),
        ] {
            assert!(text.contains(&line), "{line}{text}");
        }
    }

    #[test]
    fn a_name_cannot_end_its_label() {
        let text = of(&figures(), "a\"b\\c\nd");
        assert!(text.contains(r#"interface="a\"b\\c\nd""#), "{text}");
    }
}
