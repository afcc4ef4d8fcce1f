//! One client that speaks HTTP.

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::client::conn::http1::SendRequest;
use hyper::header::{CONTENT_TYPE, HOST, HeaderValue, PROXY_AUTHENTICATE};
use hyper::http::request::Parts;
use hyper::http::uri::{Authority, PathAndQuery};
use hyper::service::service_fn;
use hyper::upgrade::OnUpgrade;
use hyper::{Request, Response, StatusCode, Uri, Version};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::sync::Mutex;
use wirecraft::{Lease, Target, TcpStream};

use super::rewrite::strip_hop_by_hop;
use super::route::{Route, credentials, route};
use crate::host::HostStream;
use crate::proxy::{Client, count, shown};
use crate::refusal::Refusal;

/// The longest head of a request in bytes.
const HEAD_LEN_MAX: usize = 64 << 10;

/// What is asked of clients without the right password (RFC 7617).
const CHALLENGE: HeaderValue =
    HeaderValue::from_static("Basic realm=\"wirecraft\", charset=\"UTF-8\"");

/// Bodies of answers: those of servers, and our own.
type AnyBody = UnsyncBoxBody<Bytes, hyper::Error>;

/// What a client gets.
type Answer = Response<AnyBody>;

/// What a server gets.
type Outgoing = Request<AnyBody>;

/// Serves a client to its end.
pub(crate) async fn serve(client: Client, stream: HostStream) {
    let session = Arc::new(Session {
        upstream: Mutex::new(None),
        up: Arc::default(),
        relay: Mutex::new(None),
        client,
    });
    let service = service_fn(|request| {
        let session = session.clone();
        async move { Ok::<_, Infallible>(session.answer(request).await) }
    });
    let served = hyper::server::conn::http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(session.client.shared.options.request_timeout)
        .max_buf_size(HEAD_LEN_MAX)
        .preserve_header_case(true)
        .serve_connection(TokioIo::new(stream), service)
        .with_upgrades()
        .await;
    if let Err(error) = served {
        if error.is_parse() {
            count(&session.client.shared.counts.malformed);
        }
        tracing::debug!(from = %session.client.from, %error, "http: connection ended");
    }
    // Nothing of the last server is needed beside it.
    session.upstream.lock().await.take();
    let relay = session.relay.lock().await.take();
    if let Some(relay) = relay {
        relay.carry(&session.client).await;
    }
}

/// A client's connection, and the one to the server that it asked last.
struct Session {
    client: Client,
    upstream: Mutex<Option<Upstream>>,
    /// Bytes of requests that are not counted as the exit's yet.
    up: Arc<AtomicU64>,
    /// What comes when there are no requests any more.
    relay: Mutex<Option<Relay>>,
}

/// A connection whose bytes are relayed once the client knows that it is there.
struct Relay {
    upgrade: OnUpgrade,
    exit: Lease,
    inside: TcpStream,
    target: Target,
}

impl Relay {
    /// Relays what hyper hands over, what it has read of it first.
    async fn carry(self, client: &Client) {
        let upgraded = match self.upgrade.await {
            Ok(upgraded) => upgraded,
            Err(error) => {
                tracing::debug!(from = %client.from, %error, "http: no tunnel");
                return;
            }
        };
        // It is what was handed to hyper.
        if let Ok(parts) = upgraded.downcast::<TokioIo<HostStream>>() {
            let (stream, early) = (parts.io.into_inner(), parts.read_buf);
            client
                .carry(stream, &early, &self.exit, self.inside, &self.target)
                .await;
        }
    }
}

/// A connection to a server.
struct Upstream {
    authority: Authority,
    /// What chose its exit.
    wish: Option<String>,
    sender: SendRequest<AnyBody>,
    exit: Arc<Lease>,
}

impl Session {
    async fn answer(&self, request: Request<Incoming>) -> Answer {
        let client = &self.client;
        let is_allowed = match credentials(request.headers()) {
            Some((user, password)) => client.authenticate(&user, &password),
            None => !client.must_authenticate(),
        };
        if !is_allowed {
            let mut answer = told(
                StatusCode::PROXY_AUTHENTICATION_REQUIRED,
                "user name and password, please",
            );
            answer.headers_mut().insert(PROXY_AUTHENTICATE, CHALLENGE);
            return answer;
        }
        let (parts, body) = request.into_parts();
        match route(&parts) {
            Ok(Route::Tunnel(target)) => self.tunnel(parts, body, target).await,
            Ok(Route::Forward {
                target,
                authority,
                path,
            }) => {
                let to = Destination { target, authority };
                let up = self.up.clone();
                let body = counted(body, move |len| {
                    up.fetch_add(len, Ordering::Relaxed);
                });
                let outgoing = outgoing(parts, body, &to.authority, path);
                self.forward(outgoing, to).await.unwrap_or_else(refused)
            }
            Err(error) => {
                count(&client.shared.counts.malformed);
                tracing::info!(from = %client.from, %error, "http: not for a proxy");
                told(error.status(), &error.to_string())
            }
        }
    }

    /// Connects, and relays bytes once the client knows.
    async fn tunnel(&self, parts: Parts, body: Incoming, target: Target) -> Answer {
        let (exit, inside) = match self.client.connect(&target).await {
            Ok(connected) => connected,
            Err(refusal) => return refused(refusal),
        };
        let upgrade = hyper::upgrade::on(Request::from_parts(parts, body));
        *self.relay.lock().await = Some(Relay {
            upgrade,
            exit,
            inside,
            target,
        });
        Response::new(empty())
    }

    /// Sends a request on, over the connection of the last one if that goes to the same place.
    async fn forward(&self, request: Outgoing, to: Destination) -> Result<Answer, Refusal> {
        let mut upstream = self.upstream.lock().await;
        let wish = self.client.wish();
        let mut request = request;
        if let Some(mut known) = upstream.take()
            && known.authority == to.authority
            && known.wish == wish
            && known.exit.is_up()
            && known.sender.ready().await.is_ok()
        {
            match known.sender.try_send_request(request).await {
                Ok(answer) => return Ok(self.keep(&mut upstream, known, answer, &to)),
                Err(mut error) => match error.take_message() {
                    // The server has closed it meanwhile, and has not seen the request.
                    Some(unsent) => request = unsent,
                    None => return Err(self.broken(error.error(), &to)),
                },
            }
        }
        let mut fresh = self.open(&to, wish).await?;
        match fresh.sender.send_request(request).await {
            Ok(answer) => Ok(self.keep(&mut upstream, fresh, answer, &to)),
            Err(error) => Err(self.broken(&error, &to)),
        }
    }

    fn broken(&self, error: &hyper::Error, to: &Destination) -> Refusal {
        let client = &self.client;
        count(&client.shared.counts.refused);
        let to = shown(&to.target);
        tracing::info!(from = %client.from, %to, %error, "http: no answer");
        Refusal::Failed
    }

    async fn open(&self, to: &Destination, wish: Option<String>) -> Result<Upstream, Refusal> {
        let (exit, stream) = self.client.connect(&to.target).await?;
        stream.set_nodelay(true);
        let exit = Arc::new(exit);
        let (sender, connection) = hyper::client::conn::http1::Builder::new()
            .preserve_header_case(true)
            .max_buf_size(8 * HEAD_LEN_MAX)
            .handshake(TokioIo::new(stream))
            .await
            .map_err(|_| Refusal::Failed)?;
        // It ends with the sender, or with the server.
        tokio::spawn(connection);
        Ok(Upstream {
            authority: to.authority.clone(),
            wish,
            sender,
            exit,
        })
    }

    /// Makes an answer of the server's one of ours, and keeps the connection for the next request.
    fn keep(
        &self,
        place: &mut Option<Upstream>,
        upstream: Upstream,
        answer: Response<Incoming>,
        to: &Destination,
    ) -> Answer {
        let (mut parts, body) = answer.into_parts();
        let (from, exit) = (&self.client.from, upstream.exit.name());
        let (to, status) = (shown(&to.target), parts.status.as_u16());
        tracing::info!(%from, %to, %exit, status, "http: answered");
        strip_hop_by_hop(&mut parts.headers);
        parts.version = Version::HTTP_11;
        let exit = upstream.exit.clone();
        exit.count(self.up.swap(0, Ordering::Relaxed), 0);
        *place = Some(upstream);
        let down = move |len| exit.count(0, len);
        Response::from_parts(parts, counted(body, down))
    }
}

/// Where a request goes.
struct Destination {
    target: Target,
    authority: Authority,
}

/// The request as the server gets it.
///
/// Source: RFC 9112 §3.2.2: the address counts, whatever `Host` says.
fn outgoing(
    mut parts: Parts,
    body: AnyBody,
    authority: &Authority,
    path: PathAndQuery,
) -> Outgoing {
    strip_hop_by_hop(&mut parts.headers);
    parts.headers.remove(HOST);
    if let Ok(host) = HeaderValue::from_str(authority.as_str()) {
        parts.headers.insert(HOST, host);
    }
    parts.uri = Uri::from(path);
    parts.version = Version::HTTP_11;
    parts.extensions.clear();
    Request::from_parts(parts, body)
}

/// Tells the length of each piece of a body.
fn counted(body: Incoming, tell: impl Fn(u64) + Send + 'static) -> AnyBody {
    body.map_frame(move |frame| {
        tell(frame.data_ref().map_or(0, |data| data.len() as u64));
        frame
    })
    .boxed_unsync()
}

fn empty() -> AnyBody {
    full(Bytes::new())
}

fn full(bytes: Bytes) -> AnyBody {
    Full::new(bytes)
        .map_err(|never| match never {})
        .boxed_unsync()
}

/// An answer of our own.
fn told(status: StatusCode, text: &str) -> Answer {
    let mut answer = Response::new(full(Bytes::from(format!("wirecraft: {text}\n"))));
    *answer.status_mut() = status;
    let plain = HeaderValue::from_static("text/plain; charset=utf-8");
    answer.headers_mut().insert(CONTENT_TYPE, plain);
    answer
}

fn refused(refusal: Refusal) -> Answer {
    let status = StatusCode::from_u16(refusal.http()).unwrap_or(StatusCode::BAD_GATEWAY);
    told(status, &refusal.to_string())
}
