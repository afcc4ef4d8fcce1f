//! Being told that something about a network interface has changed.

use std::io;
use std::os::fd::OwnedFd;
use std::task::{Context, Poll};

use rustix::io::Errno;
use rustix::net::netlink::SocketAddrNetlink;
use rustix::net::{AddressFamily, RecvFlags, SocketFlags, SocketType};
use tokio::io::unix::AsyncFd;

/// The group of changes to interfaces (Linux `rtnetlink.h`: `RTMGRP_LINK`).
const LINK_GROUP: u32 = 1;

/// More than a message has that is looked at: none of them is.
const MESSAGE_LEN: usize = 16;

/// Hears of every change to every interface of the network namespace it was opened in.
pub(super) struct LinkEvents(AsyncFd<OwnedFd>);

impl LinkEvents {
    #[expect(
        deprecated,
        reason = "its successor is unsafe for types that change their descriptor, which an OwnedFd does not"
    )]
    pub(super) fn open() -> io::Result<Self> {
        let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
        // Of netlink's protocols routing, where interfaces belong, is number 0: no other is asked for.
        let socket =
            rustix::net::socket_with(AddressFamily::NETLINK, SocketType::RAW, flags, None)?;
        rustix::net::bind(&socket, &SocketAddrNetlink::new(0, LINK_GROUP))?;
        Ok(Self(AsyncFd::new(socket)?))
    }

    /// Is ready if anything has changed since the last call; what it was has to be looked up.
    pub(super) fn poll(&self, cx: &mut Context<'_>) -> Poll<()> {
        let mut any = false;
        while let Poll::Ready(Ok(mut ready)) = self.0.poll_read_ready(cx) {
            let mut message = [0; MESSAGE_LEN];
            match rustix::net::recv(self.0.get_ref(), &mut message, RecvFlags::empty()) {
                Err(Errno::AGAIN) => ready.clear_ready(),
                // Messages were lost, if any.
                Ok(_) | Err(Errno::NOBUFS | Errno::INTR) => any = true,
                Err(error) => {
                    tracing::debug!(%error, "changes of interfaces");
                    ready.clear_ready();
                    any = true;
                }
            }
        }
        if any { Poll::Ready(()) } else { Poll::Pending }
    }
}
