//! Sending: one system call for a run of datagrams where the kernel can split it.

use std::io;

use quinn_udp::{EcnCodepoint, Transmit, is_msg_size_err};
use rustix::io::Errno;
use wirecraft_ip_packets::Ecn;
use wirecraft_time::Instant;
use wirecraft_tunnel::{DatagramRun, Destination};

use super::{Bound, SocketCounters, UdpTransport};
use crate::clock::Clock;

impl UdpTransport {
    /// Sends a run of datagrams with the differentiated services code point `dscp`, waiting for a moment
    /// while the socket's buffer is full.
    ///
    /// What cannot be sent is counted and forgotten: to the protocols above it is a lost packet. Says
    /// whether the local address that was asked for could be sent from.
    pub(crate) async fn send(&mut self, run: &DatagramRun<'_>, dscp: u8) -> LocalAddress {
        let mut destination = run.destination;
        let mut counters = self.counters;
        let is_open = self.is_open();
        let Some(bound) = self.bound_for(destination.to) else {
            self.counters.send_errors += u64::from(is_open);
            return LocalAddress::Kept;
        };
        if dscp > 0 {
            destination.from = bound.send_marked(run, dscp, &mut counters).await;
        } else {
            let segments = bound.segments_max(destination.to, run.segment_len);
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

/// How to go on after a send that failed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Remedy {
    /// It may be that the datagrams were to be cut: each gets a chance alone.
    Apart,
    /// It may be the local address: one of the routing table's choice may do.
    AnotherSource,
    /// None: they are lost.
    Nothing,
}

impl Remedy {
    /// `is_cut` says that the datagrams were many as one, `has_source` that they were to leave from a
    /// certain address.
    ///
    /// A path that is too narrow to be cut for is `EINVAL`, of younger kernels `EMSGSIZE`, a device that
    /// cannot do checksums `EIO`. Source: Linux `net/ipv4/udp.c:udp_send_skb`.
    fn of(error: &io::Error, is_cut: bool, has_source: bool) -> Self {
        match Errno::from_io_error(error) {
            Some(Errno::INVAL | Errno::IO | Errno::MSGSIZE) if is_cut => Self::Apart,
            Some(Errno::MSGSIZE | Errno::AGAIN) => Self::Nothing,
            _ if has_source && !is_msg_size_err(error) => Self::AnotherSource,
            _ => Self::Nothing,
        }
    }
}

impl Bound {
    /// How many datagrams of `segment_len` bytes the kernel takes as one for a destination.
    fn segments_max(&mut self, to: std::net::SocketAddr, segment_len: usize) -> usize {
        let is_apart = |now: Instant, bound: &mut Self| bound.apart.holds(now, to, segment_len);
        if !self.offloads.segmentation
            || (!self.apart.is_empty() && is_apart(Clock::new().now(), self))
        {
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
        let is_cut = part.bytes.len() > part.segment_len;
        let mut destination = part.destination;
        let sent = self.send_at_once(&mut destination, part.bytes, part.segment_len);
        let Err(error) = sent.await else {
            return destination.from;
        };
        if Remedy::of(&error, is_cut, false) != Remedy::Apart {
            counters.lost(&error, part.bytes.len().div_ceil(part.segment_len));
            return destination.from;
        }
        destination = part.destination;
        let mut all_sent = true;
        for datagram in part.bytes.chunks(part.segment_len) {
            let sent = self.send_at_once(&mut destination, datagram, part.segment_len);
            if let Err(error) = sent.await {
                counters.lost(&error, 1);
                all_sent = false;
            }
        }
        // If the local address was kept, it was not that which failed.
        if all_sent && destination.from == part.destination.from {
            counters.sent_apart += 1;
            self.cut_no_longer(destination.to, part.segment_len, &error);
        }
        destination.from
    }

    /// Makes one send of `bytes`, and another if it may have been the local address that failed, which
    /// `destination` loses then.
    async fn send_at_once(
        &mut self,
        destination: &mut Destination,
        bytes: &[u8],
        segment_len: usize,
    ) -> io::Result<()> {
        let is_cut = bytes.len() > segment_len;
        loop {
            let sent = self.send(&transmit(destination, bytes, segment_len)).await;
            let Err(error) = sent else {
                return Ok(());
            };
            let has_source = destination.from.is_some();
            if Remedy::of(&error, is_cut, has_source) != Remedy::AnotherSource {
                return Err(error);
            }
            destination.from = None;
        }
    }

    /// Remembers that the kernel takes datagrams of this length to this destination alone, but not to be
    /// cut.
    ///
    /// A path that is too narrow concerns long ones; a device that cannot do checksums, all.
    fn cut_no_longer(&mut self, to: std::net::SocketAddr, segment_len: usize, error: &io::Error) {
        let is_device = Errno::from_io_error(error) == Some(Errno::IO);
        let segment_len_max = if is_device { 0 } else { segment_len - 1 };
        self.apart.add(Clock::new().now(), to, segment_len_max);
        tracing::debug!(%error, %to, segment_len, "datagrams are sent one by one for a while");
    }

    async fn send(&mut self, transmit: &Transmit<'_>) -> io::Result<()> {
        let Self { socket, state, .. } = self;
        let sent = socket
            .send(|socket| state.try_send(socket.into(), transmit))
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
                let Err(error) = self.socket.send(attempt).await else {
                    break;
                };
                let has_source = destination.from.is_some();
                if Remedy::of(&error, false, has_source) != Remedy::AnotherSource {
                    counters.lost(&error, 1);
                    break;
                }
                destination.from = None;
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

impl SocketCounters {
    /// Counts datagrams that could not be sent.
    fn lost(&mut self, error: &io::Error, datagrams: usize) {
        let counter = if is_msg_size_err(error) {
            &mut self.too_long
        } else if error.kind() == io::ErrorKind::WouldBlock {
            &mut self.no_room
        } else {
            &mut self.send_errors
        };
        *counter += datagrams as u64;
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
        send_to(transport, &receiver, local, bytes, segment_len, dscp).await
    }

    /// Somewhere else.
    const OTHER: SocketAddr = SocketAddr::new(NOT_OURS, 9);

    fn segments_max(transport: &mut UdpTransport, to: SocketAddr, segment_len: usize) -> usize {
        let v4 = transport.v4.as_mut().expect("IPv4");
        v4.segments_max(to, segment_len)
    }

    async fn send_to(
        transport: &mut UdpTransport,
        receiver: &UdpSocket,
        local: Option<IpAddr>,
        bytes: &[u8],
        segment_len: usize,
        dscp: u8,
    ) -> LocalAddress {
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
        let lost = SocketCounters {
            sent_apart: 0,
            ..transport.counters()
        };
        assert_eq!(lost, SocketCounters::default());
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
        let at_first = segments_max(&mut transport, OTHER, 5);
        send_by(&mut transport, Some(NOT_OURS), b"some datagrams", 5, 0).await;
        assert!(transport.v4.as_ref().expect("IPv4").apart.is_empty());
        assert_eq!(segments_max(&mut transport, OTHER, 5), at_first);
    }

    #[tokio::test]
    async fn datagrams_too_long_to_be_cut_leave_segmentation_on_for_shorter_ones_and_for_others() {
        let mut transport = UdpTransport::bind(0).expect("a free port");
        let at_first = segments_max(&mut transport, OTHER, 1000);
        let bytes: Vec<u8> = (0..=u8::MAX).cycle().take(80_000).collect();
        let receiver = UdpSocket::bind("127.0.0.1:0").await.expect("a free port");
        let to = receiver.local_addr().expect("it is bound");
        send_to(&mut transport, &receiver, None, &bytes, 2000, 0).await;
        assert_eq!(transport.counters().sent_apart, 1);
        assert_eq!(segments_max(&mut transport, to, 1000), at_first);
        assert_eq!(segments_max(&mut transport, to, 2000), 1);
        assert_eq!(segments_max(&mut transport, OTHER, 2000), at_first);
    }

    /// The local address is there: what the kernel did not cut leaves from it all the same.
    #[tokio::test]
    async fn a_local_address_is_kept_where_datagrams_are_not_cut() {
        let bytes: Vec<u8> = (0..=u8::MAX).cycle().take(80_000).collect();
        let loopback = IpAddr::V4(Ipv4Addr::LOCALHOST);
        let sent = send_from(Some(loopback), &bytes, 2000).await;
        assert_eq!(sent, LocalAddress::Kept);
    }

    #[test]
    fn what_has_nothing_to_do_with_cutting_leaves_segmentation_on() {
        for errno in [Errno::INVAL, Errno::IO, Errno::MSGSIZE] {
            for has_source in [false, true] {
                let remedy = Remedy::of(&errno.into(), true, has_source);
                assert_eq!(remedy, Remedy::Apart, "{errno}");
            }
        }
        for errno in [Errno::NOBUFS, Errno::PERM, Errno::NETUNREACH, Errno::AGAIN] {
            let remedy = Remedy::of(&errno.into(), true, false);
            assert_eq!(remedy, Remedy::Nothing, "{errno}");
        }
        let of_source = Remedy::of(&Errno::INVAL.into(), false, true);
        assert_eq!(of_source, Remedy::AnotherSource);
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
