//! One UDP port on both IP versions, a batch at a time.

mod apart;
mod change;
#[cfg(target_os = "linux")]
mod options;
mod receive;
mod send;
#[cfg(target_os = "linux")]
mod send_marked;
mod socket;

use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};

use quinn_udp::UdpSocketState;
use rustix::net::sockopt;
use socket2::{Domain, Protocol, SockRef, Type};

use apart::Apart;
pub use change::{SocketChange, SocketChangeError};
pub(crate) use receive::ReceiveBatch;
pub(crate) use send::LocalAddress;
use socket::Socket;

/// Room for what arrives while the process does not run, as the kernel's and wireguard-go's have.
const SOCKET_BUFFER_LEN: usize = 7 << 20;

/// How often a free port that both IP versions have is looked for.
const BIND_ATTEMPTS: usize = 16;

/// A UDP port, on IPv4 and on IPv6 where the machine has it.
pub struct UdpTransport {
    v4: Option<Bound>,
    v6: Option<Bound>,
    /// Which IP version is received on first: they take turns, so that a flood on one leaves room for the other.
    v6_first: bool,
    local_port: u16,
    /// The mark of what is sent, for the host's policy routing; 0 is none.
    mark: u32,
    offloads: UdpOffloads,
    counters: SocketCounters,
}

/// Which datagrams may go to and fro between the kernel and us many as one.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct UdpOffloads {
    /// Those that are sent: `UDP_SEGMENT`.
    pub segmentation: bool,
    /// Those that are received: `UDP_GRO`.
    pub coalescing: bool,
}

impl Default for UdpOffloads {
    /// Whatever the kernel can.
    fn default() -> Self {
        Self {
            segmentation: true,
            coalescing: true,
        }
    }
}

/// What happened on the sockets beside what was received and sent well.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct SocketCounters {
    /// Receive calls that failed, a refusal of an earlier datagram for example.
    pub receive_errors: u64,
    /// Datagrams that could not be sent.
    pub send_errors: u64,
    /// Datagrams that were longer than the path takes, and could not be fragmented.
    pub too_long: u64,
    /// Datagrams that were dropped as the socket's buffer stayed full.
    pub no_room: u64,
    /// Runs of datagrams that the kernel did not take as one: they were sent one by one, and those that
    /// follow to the same destination are for a while.
    pub sent_apart: u64,
}

impl SocketCounters {
    /// The counters by their names.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&'static str, u64)> + use<> {
        let counters = [
            ("socket_receive_errors", self.receive_errors),
            ("socket_send_errors", self.send_errors),
            ("socket_too_long", self.too_long),
            ("socket_no_room", self.no_room),
            ("socket_sent_apart", self.sent_apart),
        ];
        counters.into_iter()
    }
}

/// Why a port could not be opened.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BindError {
    /// The operating system refused a socket.
    #[error("could not open UDP port {port}: {source}")]
    Socket {
        /// The port that was asked for, 0 for any.
        port: u16,
        /// What the operating system said.
        source: io::Error,
    },
}

struct Bound {
    socket: Socket,
    state: UdpSocketState,
    offloads: UdpOffloads,
    apart: Apart,
}

impl UdpTransport {
    /// Opens `port` on both IP versions, or any free port if it is 0.
    ///
    /// A machine without IPv6, or without IPv4, is served on the other alone. Needs a tokio runtime.
    ///
    /// # Errors
    /// [`BindError::Socket`] if neither could be opened, or the port is taken on one of them.
    pub fn bind(port: u16) -> Result<Self, BindError> {
        Self::bind_with(port, UdpOffloads::default())
    }

    /// As [`bind`](Self::bind), leaving no more than `offloads` to the kernel.
    ///
    /// # Errors
    /// As [`bind`](Self::bind).
    pub fn bind_with(port: u16, offloads: UdpOffloads) -> Result<Self, BindError> {
        let mut last = io::Error::from(io::ErrorKind::AddrInUse);
        for _ in 0..BIND_ATTEMPTS {
            match Self::bind_both(port, offloads) {
                Err(error) if port == 0 && error.kind() == io::ErrorKind::AddrInUse => last = error,
                Err(source) => return Err(BindError::Socket { port, source }),
                Ok(transport) => return Ok(transport),
            }
        }
        Err(BindError::Socket { port, source: last })
    }

    fn bind_both(port: u16, offloads: UdpOffloads) -> io::Result<Self> {
        let v4 = unless_absent(Bound::new((Ipv4Addr::UNSPECIFIED, port).into(), offloads))?;
        let port = match &v4 {
            Some(bound) => bound.socket.get_ref().local_addr()?.port(),
            None => port,
        };
        let v6 = unless_absent(Bound::new((Ipv6Addr::UNSPECIFIED, port).into(), offloads))?;
        let Some(any) = v4.as_ref().or(v6.as_ref()) else {
            return Err(io::Error::from(io::ErrorKind::AddrNotAvailable));
        };
        let local_port = any.socket.get_ref().local_addr()?.port();
        Ok(Self {
            v4,
            v6,
            v6_first: false,
            local_port,
            mark: 0,
            offloads,
            counters: SocketCounters::default(),
        })
    }

    /// The port that is open.
    #[must_use]
    pub fn local_port(&self) -> u16 {
        self.local_port
    }

    /// What happened on the sockets so far.
    #[must_use]
    pub fn counters(&self) -> SocketCounters {
        self.counters
    }

    /// Whether any socket is open.
    fn is_open(&self) -> bool {
        self.v4.is_some() || self.v6.is_some()
    }

    fn bound_for(&mut self, address: SocketAddr) -> Option<&mut Bound> {
        if address.is_ipv4() {
            self.v4.as_mut()
        } else {
            self.v6.as_mut()
        }
    }
}

impl Bound {
    fn new(address: SocketAddr, offloads: UdpOffloads) -> io::Result<Self> {
        let socket = socket2::Socket::new(
            Domain::for_address(address),
            Type::DGRAM,
            Some(Protocol::UDP),
        )?;
        if address.is_ipv6() {
            socket.set_only_v6(true)?;
        }
        enlarge_buffers(&socket);
        socket.bind(&address.into())?;
        let state = new_state(SockRef::from(&socket), offloads)?;
        let socket = Socket::new(socket)?;
        Ok(Self {
            socket,
            state,
            offloads,
            apart: Apart::default(),
        })
    }

    /// Has the socket begin anew after a call with arguments that the kernel refused.
    ///
    /// `quinn-udp` takes any such refusal for a kernel that can neither cut datagrams nor mark
    /// congestion, for good. Mostly it was a local address that is gone, or a path too narrow.
    fn renew(&mut self) {
        match new_state(SockRef::from(self.socket.get_ref()), self.offloads) {
            Ok(state) => self.state = state,
            Err(error) => tracing::debug!(%error, "the socket could not be set up again"),
        }
    }
}

/// Sets a bound socket up for whole batches.
fn new_state(socket: SockRef<'_>, offloads: UdpOffloads) -> io::Result<UdpSocketState> {
    let state = UdpSocketState::new((&*socket).into())?;
    #[cfg(target_os = "linux")]
    options::set_what_others_leave(&socket, offloads);
    Ok(state)
}

/// Takes an IP version that the machine does not have for no error.
fn unless_absent(bound: io::Result<Bound>) -> io::Result<Option<Bound>> {
    match bound {
        Ok(bound) => Ok(Some(bound)),
        Err(error) if is_absent(&error) => Ok(None),
        Err(error) => Err(error),
    }
}

fn is_absent(error: &io::Error) -> bool {
    use rustix::io::Errno;
    let absent = [
        Errno::AFNOSUPPORT,
        Errno::ADDRNOTAVAIL,
        Errno::PROTONOSUPPORT,
    ];
    Errno::from_io_error(error).is_some_and(|errno| absent.contains(&errno))
}

/// Asks for large buffers, by force where the process may.
fn enlarge_buffers(socket: &socket2::Socket) {
    let enlarged = sockopt::set_socket_recv_buffer_size_force(socket, SOCKET_BUFFER_LEN)
        .and_then(|()| sockopt::set_socket_send_buffer_size_force(socket, SOCKET_BUFFER_LEN));
    if enlarged.is_err() {
        // Without the right to force it, the system's limit applies: smaller buffers do, too.
        let _ = socket.set_recv_buffer_size(SOCKET_BUFFER_LEN);
        let _ = socket.set_send_buffer_size(SOCKET_BUFFER_LEN);
    }
}
