//! Sending: one system call for a run of datagrams where the kernel can split it.

use std::io;

use quinn_udp::{EcnCodepoint, Transmit, is_msg_size_err};
use tokio::io::Interest;
use wirecraft_ip_packets::Ecn;
use wirecraft_tunnel::{DatagramRun, Destination};

use super::{Bound, UdpTransport};

impl UdpTransport {
    /// Sends a run of datagrams, waiting while the socket's buffer is full.
    ///
    /// What cannot be sent is counted and forgotten: to the protocols above it is a lost packet. Says
    /// whether the local address that was asked for could be sent from.
    pub(crate) async fn send(&mut self, run: &DatagramRun<'_>) -> LocalAddress {
        let mut destination = run.destination;
        let Some(bound) = self.bound_for(destination.to) else {
            self.counters.send_errors += 1;
            return LocalAddress::Kept;
        };
        let most = bound.state.max_gso_segments().max(1) * run.segment_len;
        let (mut failed, mut too_long) = (0, 0);
        for part in run.bytes.chunks(most) {
            let whole = transmit(&destination, part, run.segment_len);
            let Err(error) = bound.send(&whole).await else {
                continue;
            };
            // Segmentation may be what failed, or the local address: each datagram gets a second
            // chance alone, from an address that the routing table picks.
            if !is_msg_size_err(&error) {
                destination.from = None;
            }
            for datagram in part.chunks(run.segment_len) {
                let alone = transmit(&destination, datagram, run.segment_len);
                match bound.send(&alone).await {
                    Ok(()) => {}
                    Err(error) if is_msg_size_err(&error) => too_long += 1,
                    Err(_) => failed += 1,
                }
            }
        }
        self.counters.send_errors += failed;
        self.counters.too_long += too_long;
        if destination.from == run.destination.from {
            LocalAddress::Kept
        } else {
            LocalAddress::Failed
        }
    }
}

/// Whether the local address that a peer was heard on could be sent from.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum LocalAddress {
    /// It could, or none was asked for.
    Kept,
    /// It could not; the routing table picked one where it could.
    Failed,
}

impl Bound {
    async fn send(&self, transmit: &Transmit<'_>) -> io::Result<()> {
        let attempt = || self.state.try_send((&self.socket).into(), transmit);
        self.socket.async_io(Interest::WRITABLE, attempt).await
    }
}

fn transmit<'a>(destination: &Destination, contents: &'a [u8], segment_len: usize) -> Transmit<'a> {
    Transmit {
        destination: destination.to,
        ecn: match destination.ecn {
            Ecn::NotEct => None,
            Ecn::Ect0 => Some(EcnCodepoint::Ect0),
            Ecn::Ect1 => Some(EcnCodepoint::Ect1),
            Ecn::Ce => Some(EcnCodepoint::Ce),
        },
        contents,
        segment_size: (contents.len() > segment_len).then_some(segment_len),
        src_ip: destination.from,
    }
}

#[cfg(test)]
mod tests {
    use std::net::{IpAddr, Ipv4Addr, SocketAddr};
    use std::time::Duration;

    use tokio::net::UdpSocket;

    use super::*;
    use crate::udp::SocketCounters;

    /// An address of the block for documentation: no machine has it.
    const NOT_OURS: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 77));

    /// Sends a run from `local` and sees all of it arrive.
    async fn send_from(local: Option<IpAddr>, bytes: &[u8], segment_len: usize) -> LocalAddress {
        let receiver = UdpSocket::bind("127.0.0.1:0").await.expect("a free port");
        let mut transport = UdpTransport::bind(0).expect("a free port");
        let run = DatagramRun {
            destination: Destination {
                to: receiver.local_addr().expect("it is bound"),
                from: local,
                ecn: Ecn::NotEct,
                peer: None,
            },
            bytes,
            segment_len,
        };
        let outcome = transport.send(&run).await;
        assert_eq!(transport.counters(), SocketCounters::default());
        for expected in bytes.chunks(segment_len) {
            let mut buffer = vec![0; segment_len + 1];
            let receive = receiver.recv_from(&mut buffer);
            let received = tokio::time::timeout(Duration::from_secs(10), receive).await;
            let (len, _): (usize, SocketAddr) = received
                .expect("loopback is quick")
                .expect("nothing was refused");
            assert_eq!(&buffer[..len], expected);
        }
        outcome
    }

    #[tokio::test]
    async fn a_local_address_that_is_gone_is_reported_and_the_datagrams_arrive_all_the_same() {
        assert_eq!(
            send_from(Some(NOT_OURS), b"some datagrams", 5).await,
            LocalAddress::Failed
        );
    }

    #[tokio::test]
    async fn a_local_address_that_is_ours_is_kept() {
        let loopback = IpAddr::V4(Ipv4Addr::LOCALHOST);
        assert_eq!(
            send_from(Some(loopback), b"some datagrams", 5).await,
            LocalAddress::Kept
        );
        assert_eq!(
            send_from(None, b"some datagrams", 5).await,
            LocalAddress::Kept
        );
    }

    #[tokio::test]
    async fn datagrams_of_a_segmented_send_that_fails_are_sent_one_by_one() {
        // Together they are longer than any datagram may be, which the kernel refuses.
        let bytes: Vec<u8> = (0..=u8::MAX).cycle().take(80_000).collect();
        assert_eq!(send_from(None, &bytes, 2000).await, LocalAddress::Kept);
    }
}
