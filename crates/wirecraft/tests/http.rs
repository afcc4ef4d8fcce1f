//! Requests over loopback sockets, against a server that answers by path.

#![expect(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

mod loopback;

use std::convert::Infallible;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use http_body_util::Full;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use loopback::Loopback;
use rustls::ServerConfig;
use rustls::pki_types::PrivateKeyDer;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;
use wirecraft::dial::Dialer;
use wirecraft::dns::{Resolver, ResolverOptions};
use wirecraft::http::{
    Bytes, HttpClient, HttpError, Method, Request, Response, Resumed, StatusCode, Trust, Version,
};

const CONTENT: &str = "0123456789";

/// The answer to the head of a request, by its path.
fn answer(head: &str) -> String {
    let path = head.split(' ').nth(1).unwrap();
    let (path, query) = path.split_once('?').unwrap_or((path, ""));
    let redirect = |status: &str| {
        format!("HTTP/1.1 {status} Elsewhere\r\nLocation: {query}\r\nContent-Length: 0\r\n\r\n")
    };
    match path {
        "/echo" => {
            format!(
                "HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{head}",
                head.len()
            )
        }
        "/301" => redirect("301"),
        "/307" => redirect("307"),
        "/loop" => "HTTP/1.1 302 Found\r\nLocation: /loop\r\nContent-Length: 0\r\n\r\n".to_owned(),
        "/chunked" => "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n01234\r\n5\r\n\
                       56789\r\n0\r\nTrailer: x\r\n\r\n"
            .to_owned(),
        "/cut" => "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n0123456789".to_owned(),
        "/until-close" => "HTTP/1.0 200 OK\r\n\r\n0123456789".to_owned(),
        "/garbage" => "SSH-2.0-OpenSSH_10.0\r\n".to_owned(),
        "/file" => ranged(head),
        _ => "HTTP/1.1 404 Not Found\r\nContent-Length: 4\r\n\r\nnone".to_owned(),
    }
}

/// [`CONTENT`] from where the request's range starts.
fn ranged(head: &str) -> String {
    let wanted = head
        .lines()
        .find_map(|line| line.strip_prefix("range: bytes="));
    let Some(start) = wanted.map(|range| range.trim_end_matches('-').parse::<usize>().unwrap())
    else {
        return format!("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n{CONTENT}");
    };
    match CONTENT.get(start..).filter(|rest| !rest.is_empty()) {
        Some(rest) => format!(
            "HTTP/1.1 206 Partial Content\r\nContent-Range: bytes {start}-9/10\r\n\
             Content-Length: {}\r\n\r\n{rest}",
            rest.len()
        ),
        None => "HTTP/1.1 416 Range Not Satisfiable\r\nContent-Range: bytes */10\r\n\
                 Content-Length: 0\r\n\r\n"
            .to_owned(),
    }
}

async fn serve(mut stream: impl AsyncRead + AsyncWrite + Unpin) {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        match stream.read_u8().await {
            Ok(byte) if byte.is_ascii_graphic() || byte.is_ascii_whitespace() => head.push(byte),
            // The first byte of a TLS handshake.
            Ok(_) => {
                return stream
                    .write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n")
                    .await
                    .unwrap();
            }
            Err(_) => return,
        }
    }
    let answer = answer(std::str::from_utf8(&head).unwrap());
    stream.write_all(answer.as_bytes()).await.unwrap();
    stream.shutdown().await.unwrap();
}

/// Starts the server and says its origin, such as `http://127.0.0.1:4711`.
async fn server() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let origin = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(serve(stream));
        }
    });
    origin
}

/// Accepts TLS, with the protocols that the server would speak; writes the certificate to trust, and says where.
fn tls(file: &str, protocols: &[&[u8]]) -> (TlsAcceptor, PathBuf) {
    let made = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]).unwrap();
    let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(file);
    std::fs::write(&path, made.cert.pem()).unwrap();
    let key = PrivateKeyDer::try_from(made.signing_key.serialize_der()).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![made.cert.der().clone()], key)
        .unwrap();
    config.alpn_protocols = protocols.iter().map(|name| name.to_vec()).collect();
    (TlsAcceptor::from(Arc::new(config)), path)
}

/// A server of HTTP/2 that answers with what it was asked for, and [`LONG_LEN`] more bytes.
async fn http2_server(file: &str) -> (String, PathBuf) {
    let (acceptor, path) = tls(file, &[b"h2"]);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let origin = format!("https://{}", listener.local_addr().unwrap());
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let stream = TokioIo::new(acceptor.accept(stream).await.unwrap());
            let service = service_fn(|request: hyper::Request<Incoming>| async move {
                let headers = request.headers();
                let hop = headers.contains_key("connection") || headers.contains_key("host");
                let asked = format!("{} {:?} {hop}\n", request.uri(), headers.get("x-own"));
                let text = asked + &"x".repeat(LONG_LEN);
                Ok::<_, Infallible>(hyper::Response::new(Full::<Bytes>::from(text)))
            });
            let served = hyper::server::conn::http2::Builder::new(TokioExecutor::new());
            // A client that goes away ends it.
            tokio::spawn(served.serve_connection(stream, service));
        }
    });
    (origin, path)
}

/// More than the windows of HTTP/2 hold at first, in bytes.
const LONG_LEN: usize = 3_000_000;

/// The same over TLS, with the path of the certificate to trust.
async fn tls_server(file: &str) -> (String, PathBuf) {
    let (acceptor, path) = tls(file, &[]);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let origin = format!("https://{}", listener.local_addr().unwrap());
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            // A client that does not trust the certificate ends the handshake.
            if let Ok(stream) = acceptor.accept(stream).await {
                serve(stream).await;
            }
        }
    });
    (origin, path)
}

fn client(trust: Trust) -> HttpClient<Loopback> {
    let resolver = Resolver::new(Loopback, &ResolverOptions::default());
    HttpClient::new(Dialer::new(Loopback, resolver), trust)
}

async fn get(url: &str) -> Result<Response, HttpError> {
    client(Trust::Host).send(Request::get(url).unwrap()).await
}

async fn body(mut response: Response) -> Result<String, HttpError> {
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await? {
        body.extend_from_slice(&chunk);
    }
    Ok(String::from_utf8(body).unwrap())
}

#[tokio::test]
async fn request_has_the_headers_that_servers_need() {
    let origin = server().await;
    let request = Request::get(&format!("{origin}/echo?a=b#c")).unwrap();
    let request = request.header("X-Mine", "yes").unwrap();

    let response = client(Trust::Host).send(request).await.unwrap();
    let head = body(response)
        .await
        .unwrap()
        .replace(&origin["http://".len()..], "HOST");
    let version = env!("CARGO_PKG_VERSION");
    assert_eq!(
        head,
        format!(
            "GET /echo?a=b HTTP/1.1\r\nx-mine: yes\r\nhost: HOST\r\nuser-agent: wirecraft/{version}\r\n\
             accept: */*\r\n\r\n"
        )
    );
}

#[tokio::test]
async fn head_has_headers_and_no_body() {
    let origin = server().await;
    let request = Request::head(&format!("{origin}/file")).unwrap();
    let response = client(Trust::Host).send(request).await.unwrap();
    assert_eq!(response.headers()["content-length"], "10");
    assert_eq!(body(response).await.unwrap(), "");
}

#[tokio::test]
async fn body_arrives_with_a_length_in_chunks_and_until_the_end() {
    let origin = server().await;
    for path in ["/file", "/chunked", "/until-close"] {
        let response = get(&format!("{origin}{path}")).await.unwrap();
        assert_eq!(body(response).await.unwrap(), CONTENT, "{path}");
    }
}

#[tokio::test]
async fn body_that_ends_early_is_an_error() {
    let response = get(&format!("{}/cut", server().await)).await.unwrap();
    assert_eq!(response.body_len(), Some(100));
    assert!(matches!(
        body(response).await,
        Err(HttpError::Protocol { .. })
    ));
}

#[tokio::test]
async fn every_status_is_an_answer() {
    let response = get(&format!("{}/nothing", server().await)).await.unwrap();
    assert_eq!(response.status(), StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn other_protocol_is_an_error() {
    let error = get(&format!("{}/garbage", server().await))
        .await
        .unwrap_err();
    assert!(matches!(error, HttpError::Protocol { .. }), "{error}");
}

#[tokio::test]
async fn relative_redirect_is_followed() {
    let origin = server().await;
    let response = get(&format!("{origin}/301?/file")).await.unwrap();
    assert_eq!(response.url().as_str(), format!("{origin}/file"));
    assert_eq!(body(response).await.unwrap(), CONTENT);
}

#[tokio::test]
async fn redirect_to_another_origin_leaves_secrets_behind() {
    let (origin, other) = (server().await, server().await);
    let request = |target: &str| {
        Request::get(&format!("{origin}/301?{target}/echo"))
            .unwrap()
            .header("Authorization", "Bearer secret")
            .unwrap()
    };

    let same = client(Trust::Host).send(request(&origin)).await.unwrap();
    assert!(
        body(same)
            .await
            .unwrap()
            .contains("authorization: Bearer secret")
    );
    let elsewhere = client(Trust::Host).send(request(&other)).await.unwrap();
    assert!(!body(elsewhere).await.unwrap().contains("authorization"));
}

#[tokio::test]
async fn only_307_and_308_repeat_the_method_and_the_body() {
    let origin = server().await;
    for (path, method) in [("/301", "GET"), ("/307", "POST")] {
        let request = Request::new(Method::POST, &format!("{origin}{path}?/echo"))
            .unwrap()
            .body("");
        let response = client(Trust::Host).send(request).await.unwrap();
        assert!(body(response).await.unwrap().starts_with(method), "{path}");
    }
}

#[tokio::test]
async fn redirects_end_at_their_limit() {
    let error = get(&format!("{}/loop", server().await)).await.unwrap_err();
    assert!(
        matches!(error, HttpError::TooManyRedirects { limit: 10 }),
        "{error}"
    );
}

#[tokio::test]
async fn redirect_out_of_the_web_is_an_error() {
    let error = get(&format!("{}/301?file:///etc/passwd", server().await))
        .await
        .unwrap_err();
    assert!(matches!(error, HttpError::BadRedirect { .. }), "{error}");
}

#[tokio::test]
async fn resuming_continues_restarts_or_is_complete() {
    let origin = server().await;
    let from = async |path: &str, offset| {
        let request = Request::get(&format!("{origin}{path}"))
            .unwrap()
            .resume_from(offset);
        let response = client(Trust::Host).send(request).await.unwrap();
        (response.resumed(), body(response).await.unwrap())
    };

    assert_eq!(
        from("/file", 4).await,
        (Resumed::At(4), "456789".to_owned())
    );
    assert_eq!(from("/file", 10).await, (Resumed::Complete, String::new()));
    assert_eq!(from("/file", 11).await.0, Resumed::FromStart);
    assert_eq!(
        from("/chunked", 4).await,
        (Resumed::FromStart, CONTENT.to_owned())
    );
    assert_eq!(from("/file", 0).await.0, Resumed::FromStart);
}

// The clock jumps to the next deadline whenever nothing else is left to do.
#[tokio::test(start_paused = true)]
async fn silent_server_is_given_up() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    let client = client(Trust::Host).step_limit(Duration::from_secs(3600));

    let error = client.send(Request::get(&url).unwrap()).await.unwrap_err();
    assert!(matches!(error, HttpError::TimedOut { .. }), "{error}");
}

#[tokio::test]
async fn https_works_with_a_certificate_that_is_trusted() {
    let (origin, certificate) = tls_server("trusted.pem").await;
    let request = Request::get(&format!("{origin}/file")).unwrap();
    let response = client(Trust::File(certificate))
        .send(request)
        .await
        .unwrap();
    assert_eq!(body(response).await.unwrap(), CONTENT);
}

#[tokio::test]
async fn http2_is_spoken_with_servers_that_choose_it() {
    let (origin, certificate) = http2_server("http2.pem").await;
    let request = Request::get(&format!("{origin}/path?query"))
        .and_then(|request| request.header("X-Own", "1"))
        .and_then(|request| request.header("Connection", "close"))
        .unwrap();
    let response = client(Trust::File(certificate))
        .send(request)
        .await
        .unwrap();
    assert_eq!(response.version(), Version::HTTP_2);
    let body = body(response).await.unwrap();
    let (asked, rest) = body.split_once('\n').unwrap();
    assert_eq!(asked, format!("{origin}/path?query Some(\"1\") false"));
    assert_eq!(rest.len(), LONG_LEN);
}

#[tokio::test]
async fn http2_can_be_left_out() {
    let (origin, certificate) = http2_server("http1.pem").await;
    let client = client(Trust::File(certificate)).http1_only();
    let request = Request::get(&format!("{origin}/")).unwrap();
    // The server insists on its one protocol.
    let error = client.send(request).await.unwrap_err();
    assert!(matches!(error, HttpError::Tls { .. }), "{error}");
}

#[tokio::test]
async fn https_fails_with_a_certificate_that_is_not_trusted() {
    let (origin, _) = tls_server("untrusted.pem").await;
    let (_, other) = tls_server("other.pem").await;
    let request = Request::get(&format!("{origin}/file")).unwrap();
    let error = client(Trust::File(other)).send(request).await.unwrap_err();
    assert!(matches!(error, HttpError::Certificate { .. }), "{error}");
}

#[tokio::test]
async fn https_to_a_server_without_tls_is_an_error() {
    let origin = server().await.replace("http:", "https:");
    let (_, certificate) = tls_server("plain.pem").await;
    let request = Request::get(&format!("{origin}/file")).unwrap();
    let error = client(Trust::File(certificate))
        .send(request)
        .await
        .unwrap_err();
    assert!(matches!(error, HttpError::Tls { .. }), "{error}");
}

#[tokio::test]
async fn trust_file_without_certificates_is_named() {
    let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("empty.pem");
    std::fs::write(&path, "nothing here\n").unwrap();
    let (origin, _) = tls_server("unused.pem").await;
    let request = Request::get(&origin).unwrap();
    let error = client(Trust::File(path.clone()))
        .send(request)
        .await
        .unwrap_err();
    assert!(
        error.to_string().starts_with(&path.display().to_string()),
        "{error}"
    );
}

#[test]
fn what_cannot_be_fetched_is_refused_before_anything_is_sent() {
    for url in [
        "",
        "example.org",
        "ftp://example.org/",
        "file:///etc/passwd",
        "http://",
        "mailto:a@b",
    ] {
        assert!(
            matches!(Request::get(url), Err(HttpError::BadUrl { .. })),
            "{url}"
        );
    }
    for url in [
        "http://user:secret@example.org/",
        "http://user:secret@example.org:99999/",
        "ftp://user:secret@example.org/",
    ] {
        let error = Request::get(url).unwrap_err().to_string();
        assert!(!error.contains("secret"), "{error}");
    }
}

#[test]
fn header_that_would_break_the_request_is_refused() {
    for (name, value) in [("A b", "c"), ("A", "b\r\nC: d"), ("", "b")] {
        let request = Request::get("http://example.org/").unwrap();
        assert!(
            matches!(
                request.header(name, value),
                Err(HttpError::BadHeader { .. })
            ),
            "{name}"
        );
    }
}
