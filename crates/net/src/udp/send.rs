//! Sending: one system call for a run of datagrams where the kernel can split it.

use std::io;

use quinn_udp::{EcnCodepoint, Transmit, is_msg_size_err};
use tokio::io::Interest;
use wirecraft_ip_packets::Ecn;
use wirecraft_tunnel::DatagramRun;

use super::{Bound, UdpTransport};

impl UdpTransport {
    /// Sends a run of datagrams, waiting while the socket's buffer is full.
    ///
    /// What cannot be sent is counted and forgotten: to the protocols above it is a lost packet.
    pub(crate) async fn send(&mut self, run: &DatagramRun<'_>) {
        let Some(bound) = self.bound_for(run.destination.to) else {
            self.counters.send_errors += 1;
            return;
        };
        let most = bound.state.max_gso_segments().max(1) * run.segment_len;
        let mut rest = run.bytes;
        let (mut failed, mut too_long) = (0, 0);
        while !rest.is_empty() {
            let (part, later) = rest.split_at(most.min(rest.len()));
            rest = later;
            if bound.send(&transmit(run, part)).await.is_ok() {
                continue;
            }
            // Segmentation may be what failed: each datagram gets a second chance alone.
            for datagram in part.chunks(run.segment_len) {
                match bound.send(&transmit(run, datagram)).await {
                    Ok(()) => {}
                    Err(error) if is_msg_size_err(&error) => too_long += 1,
                    Err(_) => failed += 1,
                }
            }
        }
        self.counters.send_errors += failed;
        self.counters.too_long += too_long;
    }
}

impl Bound {
    async fn send(&self, transmit: &Transmit<'_>) -> io::Result<()> {
        let attempt = || self.state.try_send((&self.socket).into(), transmit);
        let sent = self.socket.async_io(Interest::WRITABLE, attempt).await;
        match (sent, transmit.src_ip) {
            // The address the peer was heard on is gone: the routing table picks another.
            (Err(_), Some(_)) => {
                let afresh = Transmit {
                    src_ip: None,
                    ..transmit.clone()
                };
                let attempt = || self.state.try_send((&self.socket).into(), &afresh);
                self.socket.async_io(Interest::WRITABLE, attempt).await
            }
            (sent, _) => sent,
        }
    }
}

fn transmit<'a>(run: &DatagramRun<'_>, contents: &'a [u8]) -> Transmit<'a> {
    Transmit {
        destination: run.destination.to,
        ecn: match run.destination.ecn {
            Ecn::NotEct => None,
            Ecn::Ect0 => Some(EcnCodepoint::Ect0),
            Ecn::Ect1 => Some(EcnCodepoint::Ect1),
            Ecn::Ce => Some(EcnCodepoint::Ce),
        },
        contents,
        segment_size: (contents.len() > run.segment_len).then_some(run.segment_len),
        src_ip: run.destination.from,
    }
}
