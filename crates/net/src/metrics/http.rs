//! As much of HTTP as a scraper needs: one request a connection.

use core::time::Duration;
use std::io;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::{Figures, text};
use crate::handle::DriverHandle;

/// How long no client is taken after the operating system could give none.
pub(super) const PAUSE: Duration = Duration::from_millis(100);

/// How long a client may take for its request, and again to take in the answer.
const PATIENCE: Duration = Duration::from_secs(10);

/// The longest head of a request that is read.
const HEAD_LEN_MAX: usize = 8 << 10;

/// What a request asks for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Asked {
    Metrics,
    /// The same without its body.
    MetricsHead,
    Unknown,
    OtherMethod,
    NoHttp,
}

/// Reads a request and answers it.
pub(super) async fn converse(
    mut stream: TcpStream,
    driver: &DriverHandle,
    name: &str,
) -> io::Result<()> {
    let head = timeout(PATIENCE, read_head(&mut stream)).await??;
    let asked = Asked::read(&head);
    let body = match asked {
        Asked::Metrics | Asked::MetricsHead => {
            let figures = Figures::of(driver).await.map_err(io::Error::other)?;
            text::of(&figures, name)
        }
        _ => "The figures are at /metrics.\n".to_owned(),
    };
    let answer = asked.answer(&body);
    timeout(PATIENCE, async {
        stream.write_all(answer.as_bytes()).await?;
        stream.shutdown().await
    })
    .await?
}

/// Reads to the empty line, or to as much as is taken in.
async fn read_head(stream: &mut TcpStream) -> io::Result<Vec<u8>> {
    let mut head = Vec::with_capacity(1024);
    while !is_whole(&head) && head.len() < HEAD_LEN_MAX {
        if stream.read_buf(&mut head).await? == 0 {
            break;
        }
    }
    Ok(head)
}

/// Whether there is an empty line; something may follow it already. Some end lines without a carriage
/// return.
fn is_whole(head: &[u8]) -> bool {
    let has = |end: &[u8]| head.windows(end.len()).any(|window| window == end);
    has(b"\r\n\r\n") || has(b"\n\n")
}

impl Asked {
    fn read(head: &[u8]) -> Self {
        let line = head.split(|byte| matches!(byte, b'\r' | b'\n')).next();
        let line = line.and_then(|line| str::from_utf8(line).ok());
        let mut words = line.unwrap_or_default().split(' ');
        let (method, target, version) = (words.next(), words.next(), words.next());
        if !version.is_some_and(|version| version.starts_with("HTTP/1.")) {
            return Self::NoHttp;
        }
        let path = target.and_then(|target| target.split('?').next());
        match (method, path) {
            (Some("GET"), Some("/metrics")) => Self::Metrics,
            (Some("HEAD"), Some("/metrics")) => Self::MetricsHead,
            (Some("GET" | "HEAD"), _) => Self::Unknown,
            _ => Self::OtherMethod,
        }
    }

    fn answer(self, body: &str) -> String {
        let (status, kind) = match self {
            Self::Metrics | Self::MetricsHead => ("200 OK", "text/plain; version=0.0.4"),
            Self::Unknown => ("404 Not Found", "text/plain"),
            Self::OtherMethod => ("405 Method Not Allowed\r\nAllow: GET, HEAD", "text/plain"),
            Self::NoHttp => ("400 Bad Request", "text/plain"),
        };
        let sent = if self == Self::MetricsHead { "" } else { body };
        format!(
            "HTTP/1.1 {status}\r\nContent-Type: {kind}; charset=utf-8\r\nContent-Length: {}\r\n\
             Connection: close\r\n\r\n{sent}",
            body.len()
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_one_path_and_two_methods_are_answered_well() {
        for (request, asked) in [
            ("GET /metrics HTTP/1.1\r\nHost: a\r\n\r\n", Asked::Metrics),
            ("GET /metrics?x=1 HTTP/1.0\r\n\r\n", Asked::Metrics),
            ("GET /metrics HTTP/1.0\nHost: a\n\n", Asked::Metrics),
            ("HEAD /metrics HTTP/1.1\r\n\r\n", Asked::MetricsHead),
            ("GET / HTTP/1.1\r\n\r\n", Asked::Unknown),
            ("POST /metrics HTTP/1.1\r\n\r\n", Asked::OtherMethod),
            ("GET /metrics\r\n\r\n", Asked::NoHttp),
            ("\u{16}\u{3}\u{1}", Asked::NoHttp),
            ("", Asked::NoHttp),
        ] {
            assert_eq!(Asked::read(request.as_bytes()), asked, "{request:?}");
        }
    }

    #[test]
    fn a_request_ends_with_an_empty_line_whatever_follows() {
        let line = "GET /metrics HTTP/1.1";
        for head in [
            format!("{line}\r\n\r\n"),
            format!("{line}\n\n"),
            format!("{line}\r\n\r\nbody"),
            format!("{line}\r\n\r\n{line}\r\n"),
        ] {
            assert!(is_whole(head.as_bytes()), "{head:?}");
        }
        assert!(!is_whole(format!("{line}\r\nHost: a\r\n").as_bytes()));
    }

    #[test]
    fn an_answer_tells_the_length_of_its_body_even_without_it() {
        let whole = Asked::Metrics.answer("a 1\n");
        assert!(whole.contains("Content-Length: 4\r\n") && whole.ends_with("\r\n\r\na 1\n"));
        let head = Asked::MetricsHead.answer("a 1\n");
        assert!(head.contains("Content-Length: 4\r\n") && head.ends_with("\r\n\r\n"));
    }
}
