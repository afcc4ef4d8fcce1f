//! Sockets of the host: TCP and unix, as one.

use std::fmt;
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::pin::Pin;
use std::str::FromStr;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use socket2::SockRef;
use tokio::io::{AsyncRead, AsyncWrite, Interest, ReadBuf};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
#[cfg(unix)]
use tokio::net::{UnixListener, UnixSocket, UnixStream};
use tokio::time::timeout;
use wirecraft::relay::HostEnd;

/// Connections that the kernel keeps until they are accepted.
const BACKLOG: u32 = 1024;

/// How long an address of the host may take to answer.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// Where on the host something listens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HostAddress {
    /// An address and a port.
    Ip(SocketAddr),
    /// The path of a unix socket.
    Unix(PathBuf),
}

impl fmt::Display for HostAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ip(address) => address.fmt(f),
            Self::Unix(path) => path.display().fmt(f),
        }
    }
}

/// The text is no place to listen on.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected a port, ADDRESS:PORT or the path of a unix socket, found {text:?}")]
pub struct ParseHostAddressError {
    /// The text.
    pub text: String,
}

/// `1080` and `localhost:1080` are ports of the loopback address; what has a slash is a path.
impl FromStr for HostAddress {
    type Err = ParseHostAddressError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text.contains('/') {
            return Ok(Self::Unix(text.into()));
        }
        let port = text.strip_prefix("localhost:").unwrap_or(text);
        let is_number = !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit());
        let address = match is_number {
            true => port
                .parse()
                .ok()
                .map(|port| (Ipv4Addr::LOCALHOST, port).into()),
            false => text.parse().ok(),
        };
        address.map(Self::Ip).ok_or_else(|| ParseHostAddressError {
            text: text.to_owned(),
        })
    }
}

/// A listener on the host.
#[derive(Debug)]
pub(crate) enum HostListener {
    Tcp(TcpListener),
    #[cfg(unix)]
    Unix {
        listener: UnixListener,
        path: PathBuf,
    },
}

impl HostListener {
    /// Listens on an address and port.
    pub(crate) fn tcp(address: SocketAddr) -> io::Result<Self> {
        let socket = match address {
            SocketAddr::V4(_) => TcpSocket::new_v4()?,
            SocketAddr::V6(_) => TcpSocket::new_v6()?,
        };
        if address.is_ipv6() {
            // Both families are asked for, where both are meant.
            SockRef::from(&socket).set_only_v6(true)?;
        }
        // Connections of an earlier run that still wait for their end do not keep the port.
        #[cfg(unix)]
        socket.set_reuseaddr(true)?;
        socket.bind(address)?;
        Ok(Self::Tcp(socket.listen(BACKLOG)?))
    }

    /// Listens on a unix socket that nobody but the user can reach. One that nobody listens on gives way.
    #[cfg(unix)]
    pub(crate) fn unix(path: PathBuf) -> io::Result<Self> {
        use std::fs::{Permissions, set_permissions};
        use std::os::unix::fs::PermissionsExt;

        let socket = UnixSocket::new_stream()?;
        if let Err(error) = socket.bind(&path) {
            if error.kind() != io::ErrorKind::AddrInUse || !is_stale_socket(&path) {
                return Err(error);
            }
            std::fs::remove_file(&path)?;
            socket.bind(&path)?;
        }
        // Nobody can connect before it listens.
        set_permissions(&path, Permissions::from_mode(0o600))?;
        let listener = socket.listen(BACKLOG)?;
        Ok(Self::Unix { listener, path })
    }

    /// Listens on a unix socket.
    #[cfg(not(unix))]
    pub(crate) fn unix(_path: PathBuf) -> io::Result<Self> {
        Err(io::ErrorKind::Unsupported.into())
    }

    /// Where it listens, with the port that it got.
    pub(crate) fn address(&self) -> io::Result<HostAddress> {
        match self {
            Self::Tcp(listener) => listener.local_addr().map(HostAddress::Ip),
            #[cfg(unix)]
            Self::Unix { path, .. } => Ok(HostAddress::Unix(path.clone())),
        }
    }

    /// Waits for a connection; returns it with a name for its other end.
    pub(crate) async fn accept(&self) -> io::Result<(HostStream, String)> {
        match self {
            Self::Tcp(listener) => {
                let (stream, from) = listener.accept().await?;
                Ok((HostStream::of_tcp(stream), from.to_string()))
            }
            #[cfg(unix)]
            Self::Unix { listener, path } => {
                let (stream, _) = listener.accept().await?;
                Ok((HostStream::Unix(stream), path.display().to_string()))
            }
        }
    }
}

/// Whether a file is a socket and has nobody behind it.
///
/// Connecting to a file of another kind is refused as well: it is somebody's, and stays.
#[cfg(unix)]
fn is_stale_socket(path: &std::path::Path) -> bool {
    use std::os::unix::fs::FileTypeExt;

    let found = std::fs::symlink_metadata(path);
    if !found.is_ok_and(|found| found.file_type().is_socket()) {
        return false;
    }
    let connected = std::os::unix::net::UnixStream::connect(path);
    connected.is_err_and(|error| error.kind() == io::ErrorKind::ConnectionRefused)
}

#[cfg(unix)]
impl Drop for HostListener {
    fn drop(&mut self) {
        if let Self::Unix { path, .. } = self {
            // Somebody may have removed it already.
            let _ = std::fs::remove_file(path);
        }
    }
}

/// A connection on the host. Two directions may use it at once.
#[derive(Debug)]
pub(crate) enum HostStream {
    Tcp(TcpStream),
    #[cfg(unix)]
    Unix(UnixStream),
}

impl HostStream {
    /// Takes a TCP connection; what is relayed is not held back for more.
    pub(crate) fn of_tcp(stream: TcpStream) -> Self {
        // A connection that is gone already is noticed by the first read; one whose other end vanishes, by this.
        let _ = stream.set_nodelay(true);
        let _ = SockRef::from(&stream).set_keepalive(true);
        Self::Tcp(stream)
    }

    /// Connects to an address of the host, for ten seconds at most.
    pub(crate) async fn connect(address: SocketAddr) -> io::Result<Self> {
        let connected = timeout(CONNECT_TIMEOUT, TcpStream::connect(address)).await;
        let connected = connected.map_err(|_| io::Error::from(io::ErrorKind::TimedOut))?;
        connected.map(Self::of_tcp)
    }

    /// Connects to a unix socket.
    pub(crate) async fn connect_unix(path: &std::path::Path) -> io::Result<Self> {
        #[cfg(unix)]
        return UnixStream::connect(path).await.map(Self::Unix);
        #[cfg(not(unix))]
        return Err(io::Error::new(
            io::ErrorKind::Unsupported,
            path.display().to_string(),
        ));
    }

    /// The address of the other end, if it has one.
    pub(crate) fn peer_ip(&self) -> Option<IpAddr> {
        match self {
            Self::Tcp(stream) => stream.peer_addr().ok().map(|address| address.ip()),
            #[cfg(unix)]
            Self::Unix(_) => None,
        }
    }

    /// The address of this end; that of loopback, if it has none.
    pub(crate) fn local_ip(&self) -> Option<IpAddr> {
        match self {
            Self::Tcp(stream) => stream.local_addr().ok().map(|address| address.ip()),
            #[cfg(unix)]
            Self::Unix(_) => Some(Ipv4Addr::LOCALHOST.into()),
        }
    }

    /// Waits until there is something to read: data, the end, or an error.
    pub(crate) async fn readable(&self) -> io::Result<()> {
        match self {
            Self::Tcp(stream) => stream.readable().await,
            #[cfg(unix)]
            Self::Unix(stream) => stream.readable().await,
        }
    }

    /// Reads what is there into the free capacity of `buffer`.
    pub(crate) fn try_read(&self, buffer: &mut Vec<u8>) -> io::Result<usize> {
        match self {
            Self::Tcp(stream) => stream.try_read_buf(buffer),
            #[cfg(unix)]
            Self::Unix(stream) => stream.try_read_buf(buffer),
        }
    }

    /// Writes all of `bytes`.
    pub(crate) async fn write_all(&self, mut bytes: &[u8]) -> io::Result<()> {
        while !bytes.is_empty() {
            match self.try_write(bytes) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(written) => bytes = &bytes[written..],
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => self.writable().await?,
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    fn try_write(&self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Tcp(stream) => stream.try_write(bytes),
            #[cfg(unix)]
            Self::Unix(stream) => stream.try_write(bytes),
        }
    }

    async fn writable(&self) -> io::Result<()> {
        match self {
            Self::Tcp(stream) => stream.writable().await,
            #[cfg(unix)]
            Self::Unix(stream) => stream.writable().await,
        }
    }

    /// Ends the sending direction.
    pub(crate) fn shutdown(&self) -> io::Result<()> {
        let ended = match self {
            Self::Tcp(stream) => SockRef::from(stream).shutdown(std::net::Shutdown::Write),
            #[cfg(unix)]
            Self::Unix(stream) => SockRef::from(stream).shutdown(std::net::Shutdown::Write),
        };
        match ended {
            // The other end is gone as a whole: there is nothing to be ended.
            Err(error) if error.kind() == io::ErrorKind::NotConnected => Ok(()),
            ended => ended,
        }
    }

    /// Ends the connection; the other end gets a reset where the protocol has one.
    pub(crate) fn reset(self) {
        if let Self::Tcp(stream) = &self {
            // Without it the other end sees an end in good order.
            let _ = SockRef::from(stream).set_linger(Some(Duration::ZERO));
        }
    }
}

impl HostStream {
    /// Returns it as what is relayed with a connection of a tunnel.
    pub(crate) const fn end(&self) -> RelayedEnd<'_> {
        RelayedEnd {
            stream: self,
            failure: None,
        }
    }

    fn poll_readable(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self {
            Self::Tcp(stream) => stream.poll_read_ready(cx),
            #[cfg(unix)]
            Self::Unix(stream) => stream.poll_read_ready(cx),
        }
    }

    fn poll_writable(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self {
            Self::Tcp(stream) => stream.poll_write_ready(cx),
            #[cfg(unix)]
            Self::Unix(stream) => stream.poll_write_ready(cx),
        }
    }

    fn read_some(&self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Tcp(stream) => stream.try_read(buffer),
            #[cfg(unix)]
            Self::Unix(stream) => stream.try_read(buffer),
        }
    }

    /// Waits until the system says that the connection is broken.
    async fn failed(&self) -> io::Error {
        let (ready, error) = match self {
            Self::Tcp(stream) => {
                let ready = stream.ready(Interest::ERROR).await;
                (ready, stream.take_error())
            }
            #[cfg(unix)]
            Self::Unix(stream) => {
                let ready = stream.ready(Interest::ERROR).await;
                (ready, stream.take_error())
            }
        };
        let broken = || io::Error::from(io::ErrorKind::ConnectionReset);
        match (ready, error) {
            (Err(error), _) | (_, Err(error)) => error,
            (Ok(_), Ok(error)) => error.unwrap_or_else(broken),
        }
    }
}

/// A connection on the host as one end of a relay.
pub(crate) struct RelayedEnd<'a> {
    stream: &'a HostStream,
    /// Waits for the connection to break, once somebody asks.
    failure: Option<Failure<'a>>,
}

type Failure<'a> = Pin<Box<dyn Future<Output = io::Error> + Send + 'a>>;

impl HostEnd for RelayedEnd<'_> {
    fn poll_failed(&mut self, cx: &mut Context<'_>) -> Poll<io::Error> {
        let stream = self.stream;
        let failure = self
            .failure
            .get_or_insert_with(|| Box::pin(stream.failed()));
        failure.as_mut().poll(cx)
    }
}

impl AsyncRead for RelayedEnd<'_> {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        loop {
            ready!(self.stream.poll_readable(cx))?;
            match self.stream.read_some(buffer.initialize_unfilled()) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) => return Poll::Ready(Err(error)),
                Ok(len) => {
                    buffer.advance(len);
                    return Poll::Ready(Ok(()));
                }
            }
        }
    }
}

impl AsyncWrite for RelayedEnd<'_> {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        loop {
            ready!(self.stream.poll_writable(cx))?;
            match self.stream.try_write(bytes) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                written => return Poll::Ready(written),
            }
        }
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(self.stream.shutdown())
    }
}

impl AsyncRead for HostStream {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Tcp(stream) => Pin::new(stream).poll_read(cx, buffer),
            #[cfg(unix)]
            Self::Unix(stream) => Pin::new(stream).poll_read(cx, buffer),
        }
    }
}

impl AsyncWrite for HostStream {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Tcp(stream) => Pin::new(stream).poll_write(cx, bytes),
            #[cfg(unix)]
            Self::Unix(stream) => Pin::new(stream).poll_write(cx, bytes),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Tcp(stream) => Pin::new(stream).poll_flush(cx),
            #[cfg(unix)]
            Self::Unix(stream) => Pin::new(stream).poll_flush(cx),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Tcp(stream) => Pin::new(stream).poll_shutdown(cx),
            #[cfg(unix)]
            Self::Unix(stream) => Pin::new(stream).poll_shutdown(cx),
        }
    }
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    fn path(name: &str) -> PathBuf {
        let path = std::env::temp_dir().join(format!("wirecraft-{name}-{}", std::process::id()));
        let _ = std::fs::remove_file(&path);
        path
    }

    #[test]
    fn places_to_listen_on_are_ports_addresses_and_paths() {
        let ip = |text: &str| HostAddress::Ip(text.parse().unwrap());
        for (text, expected) in [
            ("1080", ip("127.0.0.1:1080")),
            ("localhost:0", ip("127.0.0.1:0")),
            ("0.0.0.0:1080", ip("0.0.0.0:1080")),
            ("[::1]:1080", ip("[::1]:1080")),
            ("./socks", HostAddress::Unix("./socks".into())),
        ] {
            assert_eq!(text.parse(), Ok(expected), "{text}");
        }
        for text in ["", "65536", "+1", "host:80", "::1", "127.0.0.1"] {
            assert!(text.parse::<HostAddress>().is_err(), "{text}");
        }
    }

    #[tokio::test]
    async fn socket_file_of_a_dead_listener_gives_way() {
        let path = path("stale");
        drop(std::os::unix::net::UnixListener::bind(&path).unwrap());
        assert!(path.exists());
        let listener = HostListener::unix(path.clone()).unwrap();
        HostStream::connect_unix(&path).await.unwrap();
        drop(listener);
        assert!(!path.exists(), "the socket file goes with its listener");
    }

    #[tokio::test]
    async fn file_that_is_no_socket_stays_as_it_is() {
        let path = path("notes");
        std::fs::write(&path, "precious").unwrap();
        let error = HostListener::unix(path.clone()).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::AddrInUse);
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "precious");
        let link = path.with_extension("link");
        let _ = std::fs::remove_file(&link);
        std::os::unix::fs::symlink(&path, &link).unwrap();
        HostListener::unix(link.clone()).unwrap_err();
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "precious");
        std::fs::remove_file(&link).unwrap();
        std::fs::remove_file(&path).unwrap();
    }

    #[tokio::test]
    async fn reset_is_noticed_although_the_other_end_has_ended_its_direction() {
        let listener = HostListener::tcp("127.0.0.1:0".parse().unwrap()).unwrap();
        let HostAddress::Ip(address) = listener.address().unwrap() else {
            panic!("it has a port");
        };
        let mut client = TcpStream::connect(address).await.unwrap();
        let (stream, _) = listener.accept().await.unwrap();
        tokio::io::AsyncWriteExt::shutdown(&mut client)
            .await
            .unwrap();
        let mut end = stream.end();
        let mut byte = [0];
        let read = tokio::io::AsyncReadExt::read(&mut end, &mut byte).await;
        assert_eq!(read.unwrap(), 0);
        SockRef::from(&client)
            .set_linger(Some(Duration::ZERO))
            .unwrap();
        drop(client);
        let error = std::future::poll_fn(|cx| end.poll_failed(cx)).await;
        assert!(
            matches!(
                error.kind(),
                io::ErrorKind::BrokenPipe | io::ErrorKind::ConnectionReset
            ),
            "{error}"
        );
    }

    #[tokio::test]
    async fn socket_file_of_a_living_listener_stays() {
        let path = path("living");
        let _first = HostListener::unix(path.clone()).unwrap();
        let error = HostListener::unix(path.clone()).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::AddrInUse);
        HostStream::connect_unix(&path).await.unwrap();
    }

    #[tokio::test]
    async fn nobody_but_the_user_reaches_a_unix_socket() {
        use std::os::unix::fs::PermissionsExt;
        let path = path("private");
        let _listener = HostListener::unix(path.clone()).unwrap();
        let mode = std::fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }
}
