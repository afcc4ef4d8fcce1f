//! HTTP and HTTPS inside a tunnel: one request, its redirects, and the body as it arrives.
//!
//! An [`HttpClient`] opens a connection for each request through a [`Dialer`], so names are looked up inside
//! the tunnel too. It keeps no cookies and no connections, and asks for no compression. It speaks HTTP/2 with servers
//! that choose it in the TLS handshake, and HTTP/1.1 with all others.

mod error;
mod redirect;
mod request;
mod response;
mod tls;

pub use error::HttpError;
pub use request::Request;
pub use response::{Response, Resumed};
pub use tls::Trust;

/// A piece of a body.
pub use bytes::Bytes;
/// The types of headers, methods and statuses.
pub use hyper::{HeaderMap, Method, StatusCode, Version};
/// Addresses of the web.
pub use url::Url;

use std::future::Future;
use std::time::Duration;

use http_body_util::Full;
use hyper::body::Incoming;
use hyper::client::conn::{http1, http2};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::timeout;

use crate::dial::Dialer;
use crate::network::Network;
use tls::Tls;

/// How long a server may take for each step unless told otherwise.
const STEP_LIMIT: Duration = Duration::from_secs(30);

/// Fetches over HTTP and HTTPS through a [`Network`].
#[derive(Debug)]
pub struct HttpClient<N: Network> {
    dialer: Dialer<N>,
    tls: Tls,
    step_limit: Duration,
}

impl<N: Network> HttpClient<N> {
    /// Prepares a client; nothing is sent and no certificate is read.
    #[must_use]
    pub fn new(dialer: Dialer<N>, trust: Trust) -> Self {
        Self {
            dialer,
            tls: Tls::new(trust),
            step_limit: STEP_LIMIT,
        }
    }

    /// Sets how long each step may take: connecting, the TLS handshake, the answer, the next piece of the body.
    #[must_use]
    pub fn step_limit(mut self, limit: Duration) -> Self {
        self.step_limit = limit;
        self
    }

    /// Speaks HTTP/1.1 with every server.
    #[must_use]
    pub fn http1_only(mut self) -> Self {
        self.tls.speak_http1_only();
        self
    }

    /// Sends `request` and follows redirects until there is an answer.
    ///
    /// Every status is an answer, 404 too. `Authorization` and `Cookie` are not carried to another origin.
    ///
    /// # Errors
    /// [`HttpError`] where there is no answer.
    ///
    /// # Cancel safety
    /// Dropping the future closes the connection.
    pub async fn send(&self, request: Request) -> Result<Response, HttpError> {
        let mut request = request;
        let mut redirects_left = request.max_redirects;
        loop {
            let answer = self.send_once(&request).await?;
            let Some(target) = redirect::target(&request.url, &answer)? else {
                return Ok(Response::new(
                    request.url,
                    answer,
                    request.resume_from,
                    self.step_limit,
                ));
            };
            redirects_left = redirects_left
                .checked_sub(1)
                .ok_or(HttpError::TooManyRedirects {
                    limit: request.max_redirects,
                })?;
            redirect::apply(&mut request, target, answer.status());
        }
    }

    async fn send_once(&self, request: &Request) -> Result<hyper::Response<Incoming>, HttpError> {
        let (host, port) = request.host_and_port();
        let connecting = async { Ok(self.dialer.connect(&host, port).await?) };
        let stream = self.within("connection", connecting).await?;
        if request.url.scheme() == "https" {
            let handshake = self.tls.handshake(&host, stream);
            let stream = self.within("TLS handshake", handshake).await?;
            if stream.get_ref().1.alpn_protocol() == Some(tls::HTTP_2) {
                return self.exchange_http2(stream, request).await;
            }
            self.exchange(stream, request).await
        } else {
            self.exchange(stream, request).await
        }
    }

    /// The connection lives in a task of its own until the body was read or dropped.
    async fn exchange<S>(
        &self,
        stream: S,
        request: &Request,
    ) -> Result<hyper::Response<Incoming>, HttpError>
    where
        S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
    {
        let exchange = async {
            let (mut sender, connection) =
                http1::handshake::<_, Full<Bytes>>(TokioIo::new(stream)).await?;
            tokio::spawn(connection);
            Ok(sender.send_request(request.to_hyper()?).await?)
        };
        self.within("answer", exchange).await
    }

    /// As [`exchange`](Self::exchange), by HTTP/2.
    async fn exchange_http2<S>(
        &self,
        stream: S,
        request: &Request,
    ) -> Result<hyper::Response<Incoming>, HttpError>
    where
        S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
    {
        let exchange = async {
            let (mut sender, connection) = http2::Builder::new(TokioExecutor::new())
                // Windows follow what the path can hold.
                .adaptive_window(true)
                .handshake::<_, Full<Bytes>>(TokioIo::new(stream))
                .await?;
            tokio::spawn(connection);
            Ok(sender.send_request(request.to_hyper2()?).await?)
        };
        self.within("answer", exchange).await
    }

    async fn within<T>(
        &self,
        step: &'static str,
        future: impl Future<Output = Result<T, HttpError>>,
    ) -> Result<T, HttpError> {
        let finished = timeout(self.step_limit, future).await;
        finished.unwrap_or(Err(HttpError::TimedOut {
            step,
            limit: self.step_limit,
        }))
    }
}
