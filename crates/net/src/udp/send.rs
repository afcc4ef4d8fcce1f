//! Sending: one system call for a run of datagrams where the kernel can split it.

use std::io;

use quinn_udp::{EcnCodepoint, Transmit, is_msg_size_err};
use rustix::io::Errno;
use wirecraft_ip_packets::Ecn;
use wirecraft_tunnel::{DatagramRun, Destination};

use super::{Bound, SocketCounters, UdpTransport};

impl UdpTransport {
    /// Sends a run of datagrams with the differentiated services code point `dscp`, waiting while the
    /// socket's buffer is full.
    ///
    /// What cannot be sent is counted and forgotten: to the protocols above it is a lost packet. Says
    /// whether the local address that was asked for could be sent from.
    pub(crate) async fn send(&mut self, run: &DatagramRun<'_>, dscp: u8) -> LocalAddress {
        let mut destination = run.destination;
        let mut counters = self.counters;
        let Some(bound) = self.bound_for(destination.to) else {
            self.counters.send_errors += 1;
            return LocalAddress::Kept;
        };
        if dscp > 0 {
            destination.from = bound.send_marked(run, dscp, &mut counters).await;
        } else {
            let segments = bound.segments_max(run.segment_len);
            for part in run.bytes.chunks(segments * run.segment_len) {
                let part = DatagramRun {
                    destination,
                    bytes: part,
                    ..*run
                };
                destination.from = bound.send_part(&part, &mut counters).await;
            }
        }
        self.counters = counters;
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
    /// How many datagrams of `segment_len` bytes the kernel takes as one.
    fn segments_max(&self, segment_len: usize) -> usize {
        if segment_len > self.segment_len_max {
            return 1;
        }
        self.state.max_gso_segments().max(1)
    }

    /// Sends datagrams that the kernel may take as one; returns the local address that was kept.
    async fn send_part(
        &mut self,
        part: &DatagramRun<'_>,
        counters: &mut SocketCounters,
    ) -> Option<std::net::IpAddr> {
        let mut destination = part.destination;
        let whole = transmit(&destination, part.bytes, part.segment_len);
        let Err(error) = self.send(&whole).await else {
            return destination.from;
        };
        // It may be the local address that failed: one of the routing table's choice may do.
        if destination.from.is_some() && !is_msg_size_err(&error) {
            destination.from = None;
            let whole = transmit(&destination, part.bytes, part.segment_len);
            if self.send(&whole).await.is_ok() {
                return None;
            }
        }
        // Or it is that they were to be cut: each datagram gets another chance alone.
        let failed_before = counters.send_errors + counters.too_long;
        for datagram in part.bytes.chunks(part.segment_len) {
            let alone = transmit(&destination, datagram, part.segment_len);
            match self.send(&alone).await {
                Ok(()) => {}
                Err(error) if is_msg_size_err(&error) => counters.too_long += 1,
                Err(_) => counters.send_errors += 1,
            }
        }
        let all_sent = counters.send_errors + counters.too_long == failed_before;
        if all_sent && part.bytes.len() > part.segment_len {
            self.cut_no_longer(part.segment_len, &error);
        }
        destination.from
    }

    /// Remembers that the kernel takes datagrams of this length alone, but not to be cut.
    ///
    /// A path that is too narrow concerns long ones; a device that cannot do checksums, all.
    fn cut_no_longer(&mut self, segment_len: usize, error: &io::Error) {
        let is_device = Errno::from_io_error(error) == Some(Errno::IO);
        self.segment_len_max = if is_device { 0 } else { segment_len - 1 };
        tracing::debug!(%error, segment_len, "datagrams of this length are no longer sent as one");
    }

    async fn send(&mut self, transmit: &Transmit<'_>) -> io::Result<()> {
        let sent = self
            .socket
            .send(|socket| self.state.try_send(socket.into(), transmit))
            .await;
        if let Err(error) = &sent
            && matches!(Errno::from_io_error(error), Some(Errno::INVAL | Errno::IO))
        {
            self.renew();
        }
        sent
    }

    /// Sends datagrams one by one, marked; returns the local address that was kept.
    #[cfg(target_os = "linux")]
    async fn send_marked(
        &mut self,
        run: &DatagramRun<'_>,
        dscp: u8,
        counters: &mut SocketCounters,
    ) -> Option<std::net::IpAddr> {
        use super::send_marked::send_marked;
        use std::os::fd::AsFd;

        let mut destination = run.destination;
        for datagram in run.bytes.chunks(run.segment_len) {
            loop {
                let attempt = |socket: &super::socket::Raw| {
                    send_marked(socket.as_fd(), &destination, datagram, dscp)
                };
                match self.socket.send(attempt).await {
                    Ok(()) => break,
                    Err(_) if destination.from.is_some() => destination.from = None,
                    Err(_) => {
                        counters.send_errors += 1;
                        break;
                    }
                }
            }
        }
        destination.from
    }

    /// Elsewhere datagrams are not marked.
    #[cfg(not(target_os = "linux"))]
    async fn send_marked(
        &mut self,
        run: &DatagramRun<'_>,
        _: u8,
        counters: &mut SocketCounters,
    ) -> Option<std::net::IpAddr> {
        self.send_part(run, counters).await
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
        let mut transport = UdpTransport::bind(0).expect("a free port");
        send_by(&mut transport, local, bytes, segment_len, 0).await
    }

    async fn send_by(
        transport: &mut UdpTransport,
        local: Option<IpAddr>,
        bytes: &[u8],
        segment_len: usize,
        dscp: u8,
    ) -> LocalAddress {
        let receiver = UdpSocket::bind("127.0.0.1:0").await.expect("a free port");
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
        let outcome = transport.send(&run, dscp).await;
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

    #[tokio::test]
    async fn a_local_address_that_is_gone_leaves_segmentation_on() {
        let mut transport = UdpTransport::bind(0).expect("a free port");
        let at_first = transport.v4.as_ref().expect("IPv4").segments_max(5);
        send_by(&mut transport, Some(NOT_OURS), b"some datagrams", 5, 0).await;
        let v4 = transport.v4.as_ref().expect("IPv4");
        assert_eq!(v4.segments_max(5), at_first);
    }

    #[tokio::test]
    async fn datagrams_too_long_to_be_cut_leave_segmentation_on_for_shorter_ones() {
        let mut transport = UdpTransport::bind(0).expect("a free port");
        let at_first = transport.v4.as_ref().expect("IPv4").segments_max(1000);
        let bytes: Vec<u8> = (0..=u8::MAX).cycle().take(80_000).collect();
        send_by(&mut transport, None, &bytes, 2000, 0).await;
        let v4 = transport.v4.as_ref().expect("IPv4");
        assert_eq!(
            (v4.segments_max(1000), v4.segments_max(2000)),
            (at_first, 1)
        );
    }

    #[tokio::test]
    async fn marked_datagrams_arrive_even_if_the_local_address_is_gone() {
        let mut transport = UdpTransport::bind(0).expect("a free port");
        let loopback = Some(IpAddr::V4(Ipv4Addr::LOCALHOST));
        for (local, outcome) in [
            (None, LocalAddress::Kept),
            (loopback, LocalAddress::Kept),
            (Some(NOT_OURS), LocalAddress::Failed),
        ] {
            let bytes = b"some datagrams";
            let sent = send_by(&mut transport, local, bytes, 14, 0x88 >> 2).await;
            assert_eq!(sent, outcome, "{local:?}");
        }
    }
}
