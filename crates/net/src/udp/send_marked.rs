//! Sending one datagram with a differentiated services code point, which `quinn-udp` cannot.

use std::io::{self, IoSlice};
use std::net::{IpAddr, SocketAddr};
use std::os::fd::{AsRawFd, BorrowedFd};

use arrayvec::ArrayVec;
use nix::libc;
use nix::sys::socket::{ControlMessage, MsgFlags, SockaddrStorage, sendmsg};
use wirecraft_ip_packets::Ecn;
use wirecraft_tunnel::Destination;

/// Sends `datagram`. Allocates: it is for what is rare.
pub(super) fn send_marked(
    socket: BorrowedFd<'_>,
    destination: &Destination,
    datagram: &[u8],
    dscp: u8,
) -> io::Result<()> {
    let octet = dscp << 2 | ecn_bits(destination.ecn);
    let class = i32::from(octet);
    let (mut v4, mut v6) = (None, None);
    let mut control = ArrayVec::<ControlMessage<'_>, 2>::new();
    control.push(match destination.to {
        SocketAddr::V4(_) => ControlMessage::Ipv4Tos(&octet),
        SocketAddr::V6(_) => ControlMessage::Ipv6TClass(&class),
    });
    match destination.from {
        Some(IpAddr::V4(from)) => {
            control.push(ControlMessage::Ipv4PacketInfo(v4.insert(
                libc::in_pktinfo {
                    ipi_ifindex: 0,
                    ipi_spec_dst: libc::in_addr {
                        s_addr: u32::from_ne_bytes(from.octets()),
                    },
                    ipi_addr: libc::in_addr { s_addr: 0 },
                },
            )));
        }
        Some(IpAddr::V6(from)) => {
            control.push(ControlMessage::Ipv6PacketInfo(v6.insert(
                libc::in6_pktinfo {
                    ipi6_ifindex: 0,
                    ipi6_addr: libc::in6_addr {
                        s6_addr: from.octets(),
                    },
                },
            )));
        }
        None => {}
    }
    let to = SockaddrStorage::from(destination.to);
    let slices = [IoSlice::new(datagram)];
    sendmsg(
        socket.as_raw_fd(),
        &slices,
        &control,
        MsgFlags::empty(),
        Some(&to),
    )?;
    Ok(())
}

const fn ecn_bits(ecn: Ecn) -> u8 {
    match ecn {
        Ecn::NotEct => 0,
        Ecn::Ect1 => 1,
        Ecn::Ect0 => 2,
        Ecn::Ce => 3,
    }
}

#[cfg(test)]
mod tests {
    use std::io::IoSliceMut;
    use std::net::UdpSocket;
    use std::os::fd::AsFd;

    use nix::sys::socket::{ControlMessageOwned, recvmsg};
    use rustix::net::sockopt;

    use super::*;

    /// Sends a datagram from `from` to itself, and returns the octet that it came with; `None` where
    /// there is no such address.
    fn octet_received(from: &str, destination: impl Fn(SocketAddr) -> Destination) -> Option<i32> {
        let receiver = UdpSocket::bind((from, 0)).ok()?;
        let to = receiver.local_addr().unwrap();
        if to.is_ipv4() {
            sockopt::set_ip_recvtos(&receiver, true).unwrap();
        } else {
            sockopt::set_ipv6_recvtclass(&receiver, true).unwrap();
        }
        let sender = UdpSocket::bind((from, 0)).unwrap();
        send_marked(sender.as_fd(), &destination(to), b"marked", 0x88 >> 2).unwrap();
        let mut bytes = [0; 20];
        let mut slices = [IoSliceMut::new(&mut bytes)];
        let mut space = nix::cmsg_space!(i32);
        let flags = MsgFlags::empty();
        let message =
            recvmsg::<SockaddrStorage>(receiver.as_raw_fd(), &mut slices, Some(&mut space), flags)
                .unwrap();
        assert_eq!(message.bytes, 6);
        match message.cmsgs().unwrap().next() {
            Some(ControlMessageOwned::Ipv4Tos(octet)) => Some(octet.into()),
            Some(ControlMessageOwned::Ipv6TClass(class)) => Some(class),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_datagram_carries_its_code_point_and_congestion_mark() {
        for (address, ecn, octet) in [
            ("127.0.0.1", Ecn::NotEct, 0x88),
            ("127.0.0.1", Ecn::Ect1, 0x89),
            ("127.0.0.1", Ecn::Ect0, 0x8a),
            ("::1", Ecn::NotEct, 0x88),
        ] {
            for pinned in [false, true] {
                let received = octet_received(address, |to| Destination {
                    to,
                    from: pinned.then(|| to.ip()),
                    ecn,
                    peer: None,
                });
                assert!(
                    received.is_none_or(|received| received == octet),
                    "{address} {ecn:?}"
                );
            }
        }
    }
}
