//! What a proxy and its exits have done, for Prometheus.

use std::convert::Infallible;
use std::fmt::{Display, Write};
use std::sync::Arc;

use bytes::Bytes;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::header::{CONTENT_TYPE, HeaderValue};
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::task::JoinSet;
use tokio::time::sleep;
use wirecraft::{ExitState, ExitStatus};

use crate::host::{HostListener, HostStream};
use crate::proxy::{ACCEPT_PAUSE, ProxyCounters, Shared};

/// Readers at once; of more, the one that waits longest is cut off.
const READERS_MAX: usize = 16;

/// The form of the text (Prometheus exposition format 0.0.4).
const FORM: HeaderValue = HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8");

/// Answers `GET /metrics`, for ever.
pub(crate) async fn serve(shared: Arc<Shared>, listener: HostListener) {
    let mut readers = JoinSet::new();
    loop {
        match listener.accept().await {
            Ok((stream, _)) if readers.len() < READERS_MAX => {
                readers.spawn(serve_reader(shared.clone(), stream));
            }
            Ok(_) => {}
            Err(error) => {
                tracing::warn!(%error, "metrics: cannot accept");
                sleep(ACCEPT_PAUSE).await;
            }
        }
        while readers.try_join_next().is_some() {}
    }
}

async fn serve_reader(shared: Arc<Shared>, stream: HostStream) {
    let limit = shared.options.request_timeout;
    let service = service_fn(|request| {
        let answer = answer(&shared, &request);
        async { Ok::<_, Infallible>(answer) }
    });
    // A reader that goes away has what it wanted.
    let _ = hyper::server::conn::http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(limit)
        .serve_connection(TokioIo::new(stream), service)
        .await;
}

fn answer(shared: &Shared, request: &Request<Incoming>) -> Response<Full<Bytes>> {
    let is_asked = request.method() == Method::GET && request.uri().path() == "/metrics";
    if !is_asked {
        let mut answer = Response::new(Full::new(Bytes::from_static(b"GET /metrics\n")));
        *answer.status_mut() = StatusCode::NOT_FOUND;
        return answer;
    }
    let text = text(&shared.counters(), &shared.exits());
    let mut answer = Response::new(Full::new(Bytes::from(text)));
    answer.headers_mut().insert(CONTENT_TYPE, FORM);
    answer
}

fn text(counters: &ProxyCounters, exits: &[ExitStatus]) -> String {
    let mut text = String::new();
    for (name, kind, help, value) in OF_PROXY {
        let name = format!("wirecraft_proxy_{name}");
        family(&mut text, &name, kind, help, [("", &value(counters))]);
    }
    for (name, kind, help, value) in OF_EXITS {
        let name = format!("wirecraft_exit_{name}");
        let values: Vec<(String, u64)> = exits
            .iter()
            .map(|exit| (format!("{{exit=\"{}\"}}", escaped(&exit.name)), value(exit)))
            .collect();
        let values = values.iter().map(|(label, value)| (label.as_str(), value));
        family(&mut text, &name, kind, help, values);
    }
    text
}

/// The name of a metric, its type, what it says, and its value.
type Metric<T> = (&'static str, &'static str, &'static str, fn(&T) -> u64);

const OF_PROXY: [Metric<ProxyCounters>; 6] = [
    ("clients_total", "counter", "Clients accepted.", |of| {
        of.accepted
    }),
    ("clients", "gauge", "Clients at this moment.", |of| {
        of.active
    }),
    (
        "connections_total",
        "counter",
        "Connections through tunnels.",
        |of| of.connected,
    ),
    (
        "refused_total",
        "counter",
        "Wishes that could not be fulfilled.",
        |of| of.refused,
    ),
    (
        "unauthorised_total",
        "counter",
        "Clients without the right password.",
        |of| of.unauthorised,
    ),
    ("malformed_total", "counter", "What was no request.", |of| {
        of.malformed
    }),
];

const OF_EXITS: [Metric<ExitStatus>; 6] = [
    (
        "up",
        "gauge",
        "Whether the peer of the exit answers.",
        |of| u64::from(of.state == ExitState::Up),
    ),
    (
        "connections",
        "gauge",
        "Connections of the exit at this moment.",
        |of| of.active,
    ),
    (
        "connections_total",
        "counter",
        "Connections that the exit was taken for.",
        |of| of.connections,
    ),
    (
        "sent_bytes_total",
        "counter",
        "Bytes of connections into the tunnel.",
        |of| of.bytes_up,
    ),
    (
        "received_bytes_total",
        "counter",
        "Bytes of connections out of the tunnel.",
        |of| of.bytes_down,
    ),
    (
        "deaths_total",
        "counter",
        "How often the exit fell silent.",
        |of| of.deaths,
    ),
];

/// Writes the values of one metric.
fn family<'a>(
    text: &mut String,
    name: &str,
    kind: &str,
    help: &str,
    values: impl IntoIterator<Item = (&'a str, &'a (impl Display + 'a))>,
) {
    // Writing to a string does not fail.
    let _ = writeln!(text, "# HELP {name} {help}\n# TYPE {name} {kind}");
    for (label, value) in values {
        let _ = writeln!(text, "{name}{label} {value}");
    }
}

/// The value of a label.
fn escaped(name: &str) -> String {
    name.replace('\\', "\\\\")
        .replace('"', "\\\"")
        .replace('\n', "\\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_metric_has_its_help_its_type_and_a_value() {
        let text = text(&ProxyCounters::default(), &[]);
        let mut lines = text.lines();
        while let Some(help) = lines.next() {
            let name = help.split(' ').nth(2).unwrap();
            let kind = lines.next().unwrap();
            assert!(kind.starts_with(&format!("# TYPE {name} ")), "{kind}");
            assert_eq!(
                name.ends_with("_total"),
                kind.ends_with(" counter"),
                "{kind}"
            );
            if name.starts_with("wirecraft_proxy_") {
                assert_eq!(lines.next(), Some(format!("{name} 0").as_str()));
            }
        }
    }

    #[test]
    fn names_of_exits_cannot_end_their_label() {
        assert_eq!(escaped("a\"b\\c\nd"), "a\\\"b\\\\c\\nd");
    }
}
