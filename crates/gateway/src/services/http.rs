//! A web server with one page.

use std::convert::Infallible;

use bytes::Bytes;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::header::{ALLOW, CONTENT_TYPE, HeaderValue};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use tokio::task::JoinSet;
use wirecraft::{TcpListener, TcpStream};

use super::has_room;

pub(super) async fn serve(listener: TcpListener, page: Bytes) {
    let mut connections = JoinSet::new();
    while let Ok((stream, from)) = listener.accept().await {
        if has_room(&mut connections) {
            tracing::debug!(%from, "page: connected");
            connections.spawn(serve_connection(stream, page.clone()));
        }
    }
}

async fn serve_connection(stream: TcpStream, page: Bytes) {
    let service = service_fn(|request| {
        let response = respond(&request, &page);
        async { Ok::<_, Infallible>(response) }
    });
    let served = http1::Builder::new()
        .serve_connection(TokioIo::new(stream), service)
        .await;
    if let Err(error) = served {
        tracing::debug!(%error, "page: connection ended");
    }
}

fn respond(request: &Request<Incoming>, page: &Bytes) -> Response<Full<Bytes>> {
    let allowed = [Method::GET, Method::HEAD].contains(request.method());
    let body = if allowed { page.clone() } else { Bytes::new() };
    let mut response = Response::new(Full::new(body));
    let headers = response.headers_mut();
    headers.insert(
        CONTENT_TYPE,
        HeaderValue::from_static("text/plain; charset=utf-8"),
    );
    if !allowed {
        headers.insert(ALLOW, HeaderValue::from_static("GET, HEAD"));
        *response.status_mut() = StatusCode::METHOD_NOT_ALLOWED;
    }
    response
}
