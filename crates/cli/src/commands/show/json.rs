//! A tunnel as one JSON object on one line.

use std::collections::BTreeMap;

use serde::Serialize;
use wirecraft::running::PeerReport;

use super::Shown;
use super::rates::{Rate, Rates};
use crate::failure::Failure;
use crate::output;

#[derive(Serialize)]
struct Tunnel<'a> {
    interface: &'a str,
    socket: String,
    public_key: Option<String>,
    listen_port: u16,
    fwmark: u32,
    counters: BTreeMap<&'a str, u64>,
    peers: Vec<Peer<'a>>,
}

#[derive(Serialize)]
struct Peer<'a> {
    public_key: String,
    preshared_key: bool,
    endpoint: Option<String>,
    allowed_ips: &'a [String],
    /// Seconds since the Unix epoch.
    latest_handshake: Option<f64>,
    received_bytes: u64,
    sent_bytes: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    received_bytes_per_second: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    sent_bytes_per_second: Option<f64>,
    persistent_keepalive: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    session: Option<bool>,
    staged_packets: u64,
}

/// Prints a tunnel.
pub(super) fn print(shown: &Shown) -> Result<(), Failure> {
    let report = &shown.report;
    let counters = report.counters.iter();
    let rate = |peer: &PeerReport| {
        shown
            .rates
            .as_ref()
            .and_then(|rates: &Rates| rates.of(&peer.public_key))
    };
    output::json(&Tunnel {
        interface: &shown.found.name,
        socket: shown.found.path.display().to_string(),
        public_key: report.public_key.map(|key| key.to_string()),
        listen_port: report.listen_port,
        fwmark: report.mark,
        counters: counters
            .map(|(name, count)| (name.as_str(), *count))
            .collect(),
        peers: report
            .peers
            .iter()
            .map(|peer| Peer::new(peer, rate(peer)))
            .collect(),
    })
}

impl<'a> Peer<'a> {
    fn new(peer: &'a PeerReport, rate: Option<Rate>) -> Self {
        Self {
            public_key: peer.public_key.to_string(),
            preshared_key: peer.has_preshared_key,
            endpoint: peer.endpoint.map(|endpoint| endpoint.to_string()),
            allowed_ips: &peer.allowed_ips,
            latest_handshake: peer.last_handshake.map(|at| at.as_secs_f64()),
            received_bytes: peer.received_len,
            sent_bytes: peer.sent_len,
            received_bytes_per_second: rate.map(|rate| rate.received.round()),
            sent_bytes_per_second: rate.map(|rate| rate.sent.round()),
            persistent_keepalive: peer.persistent_keepalive.map(|interval| interval.as_secs()),
            session: peer.has_session,
            staged_packets: peer.staged,
        }
    }
}
