//! The tunnel under HTTP clients that take a connector: those of hyper-util, and what is built on them.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use hyper::Uri;
use hyper::rt::{Read, ReadBufCursor, Write};
use hyper_util::client::legacy::connect::{Connected, Connection};
use hyper_util::rt::TokioIo;
use tower_service::Service;

use crate::tcp::TcpStream;
use crate::tunnel::Tunnel;

/// Opens the connections of an HTTP client through a tunnel; names are looked up inside it.
///
/// It opens plain TCP. For `https` put it under a connector that does TLS, such as that of
/// `hyper-rustls`.
///
/// ```no_run
/// use hyper_util::client::legacy::Client;
/// use hyper_util::rt::TokioExecutor;
/// use wirecraft::connector::Connector;
///
/// # async fn run(tunnel: wirecraft::Tunnel) -> Result<(), Box<dyn std::error::Error>> {
/// # type Body = http_body_util::Full<bytes::Bytes>;
/// let connector = Connector::new(tunnel);
/// let client: Client<_, Body> = Client::builder(TokioExecutor::new()).build(connector);
/// let page = client.get("http://10.0.0.1/".parse()?).await?;
/// # drop(page);
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Connector {
    tunnel: Tunnel,
}

impl Connector {
    /// Makes a connector of a tunnel.
    #[must_use]
    pub const fn new(tunnel: Tunnel) -> Self {
        Self { tunnel }
    }
}

impl Service<Uri> for Connector {
    type Response = TunnelIo;
    type Error = io::Error;
    type Future = Pin<Box<dyn Future<Output = io::Result<TunnelIo>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        let tunnel = self.tunnel.clone();
        Box::pin(async move {
            let host = uri.host().ok_or(io::ErrorKind::InvalidInput)?;
            let is_https = uri.scheme_str() == Some("https");
            let port = uri.port_u16().unwrap_or(if is_https { 443 } else { 80 });
            // An IPv6 address stands in brackets in an address, and nowhere else.
            let host = host.trim_start_matches('[').trim_end_matches(']');
            let connecting = tunnel.dialer().connect(host, port);
            let stream = connecting.await.map_err(io::Error::other)?;
            Ok(TunnelIo(TokioIo::new(stream)))
        })
    }
}

/// A connection through the tunnel as hyper takes it.
#[derive(Debug)]
pub struct TunnelIo(TokioIo<TcpStream>);

impl Connection for TunnelIo {
    fn connected(&self) -> Connected {
        Connected::new()
    }
}

impl Read for TunnelIo {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_read(cx, buffer)
    }
}

impl Write for TunnelIo {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(cx)
    }
}
