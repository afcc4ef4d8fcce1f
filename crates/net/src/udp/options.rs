//! Options of a socket that `quinn-udp` sets for a protocol of its own.

use std::os::fd::AsFd;

use nix::sys::socket::{setsockopt, sockopt as options};
use rustix::io::Errno;
use rustix::net::sockopt::{self, Ipv4PathMtuDiscovery, Ipv6PathMtuDiscovery};
use socket2::{Domain, SockRef};

use super::UdpOffloads;

/// Lets outer packets be fragmented, as the kernel's WireGuard does, has no time stamps taken that
/// nobody reads, and switches coalescing off where it is not wanted.
pub(super) fn set_what_others_leave(socket: &SockRef<'_>, offloads: UdpOffloads) {
    let is_v6 = socket.domain().is_ok_and(|domain| domain == Domain::IPV6);
    let allowed = if is_v6 {
        allow_v6_fragments(socket)
    } else {
        sockopt::set_ip_mtu_discover(socket.as_fd(), Ipv4PathMtuDiscovery::DONT)
    };
    if let Err(error) = allowed {
        tracing::debug!(%error, "outer packets will not be fragmented");
    }
    // Each costs some time if it fails, and nothing else.
    let _ = setsockopt(&socket.as_fd(), options::ReceiveTimestampns, &false);
    if !offloads.coalescing {
        let _ = setsockopt(&socket.as_fd(), options::UdpGroSegment, &false);
    }
}

fn allow_v6_fragments(socket: &SockRef<'_>) -> rustix::io::Result<()> {
    sockopt::set_ipv6_mtu_discover(socket.as_fd(), Ipv6PathMtuDiscovery::DONT)?;
    setsockopt(&socket.as_fd(), options::Ipv6DontFrag, &false)
        .map_err(|errno| Errno::from_raw_os_error(errno as i32))
}
