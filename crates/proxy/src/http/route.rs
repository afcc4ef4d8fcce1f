//! What a request asks of a proxy.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hyper::header::{CONTENT_LENGTH, HeaderMap, PROXY_AUTHORIZATION, TRANSFER_ENCODING};
use hyper::http::request::Parts;
use hyper::http::uri::{Authority, PathAndQuery, Scheme};
use hyper::{Method, StatusCode, Version};
use wirecraft::Target;

/// The port of `http` addresses that name none.
const HTTP_PORT: u16 = 80;

/// What to do for a client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Route {
    /// Connect, and relay bytes (CONNECT).
    Tunnel(Target),
    /// Send the request on.
    Forward {
        /// Where to.
        target: Target,
        /// The host as the request names it, for its `Host` header.
        authority: Authority,
        /// What to ask for there.
        path: PathAndQuery,
    },
}

/// A request that is not for a proxy, or not to be trusted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NotForUs {
    /// It asks for a path, as of a web server.
    #[error("this is a proxy: ask for http://host/path, or CONNECT host:port")]
    NoHost,
    /// It asks for another scheme.
    #[error("only http:// is fetched; for https use CONNECT")]
    Scheme,
    /// The host or its port is none.
    #[error("expected HOST:PORT")]
    Authority,
    /// It has a user name in the address, which nobody should pass on.
    #[error("user names in addresses are not passed on")]
    UserInfo,
    /// Two readers could disagree on where its body ends.
    #[error("the length of the body is ambiguous")]
    Ambiguous,
}

impl NotForUs {
    /// The status that says so.
    #[must_use]
    pub fn status(self) -> StatusCode {
        match self {
            Self::Scheme => StatusCode::NOT_IMPLEMENTED,
            _ => StatusCode::BAD_REQUEST,
        }
    }
}

/// Finds out what a request asks for.
///
/// # Errors
/// [`NotForUs`].
///
/// Source: RFC 9112 §3.2, RFC 9110 §9.3.6.
pub fn route(request: &Parts) -> Result<Route, NotForUs> {
    refuse_ambiguous(request)?;
    let uri = &request.uri;
    let authority = uri.authority().ok_or(NotForUs::NoHost)?;
    if authority.as_str().contains('@') {
        return Err(NotForUs::UserInfo);
    }
    if request.method == Method::CONNECT {
        let port = authority.port_u16().ok_or(NotForUs::Authority)?;
        return Ok(Route::Tunnel(target(authority, port)?));
    }
    match uri.scheme() {
        Some(scheme) if *scheme == Scheme::HTTP => {}
        Some(_) => return Err(NotForUs::Scheme),
        None => return Err(NotForUs::NoHost),
    }
    let port = match authority.port() {
        Some(port) => port.as_u16(),
        // Nothing, or what is no port.
        None if authority.as_str() == authority.host() => HTTP_PORT,
        None => return Err(NotForUs::Authority),
    };
    let path = uri.path_and_query().cloned();
    Ok(Route::Forward {
        target: target(authority, port)?,
        authority: authority.clone(),
        path: path.unwrap_or_else(|| PathAndQuery::from_static("/")),
    })
}

fn target(authority: &Authority, port: u16) -> Result<Target, NotForUs> {
    let host = authority.host();
    let host = host
        .strip_prefix('[')
        .and_then(|host| host.strip_suffix(']'))
        .unwrap_or(host);
    if host.is_empty() || port == 0 {
        return Err(NotForUs::Authority);
    }
    Ok(Target {
        host: host.to_owned(),
        port,
    })
}

/// A body with two lengths, or with chunks in a version that has none, is the way to hide a second request in it.
///
/// Source: RFC 9112 §6.1, §6.3.
fn refuse_ambiguous(request: &Parts) -> Result<(), NotForUs> {
    let has_encoding = request.headers.contains_key(TRANSFER_ENCODING);
    let lengths = request.headers.get_all(CONTENT_LENGTH).iter().count();
    let is_old = request.version < Version::HTTP_11;
    if (has_encoding && (lengths > 0 || is_old)) || lengths > 1 {
        return Err(NotForUs::Ambiguous);
    }
    Ok(())
}

/// The user name and the password of a request, if it has them in the form that we ask for.
///
/// Source: RFC 7617 §2.
#[must_use]
pub fn credentials(headers: &HeaderMap) -> Option<(Vec<u8>, Vec<u8>)> {
    let value = headers.get(PROXY_AUTHORIZATION)?.to_str().ok()?;
    let (scheme, encoded) = value.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let decoded = STANDARD.decode(encoded.trim()).ok()?;
    let colon = decoded.iter().position(|byte| *byte == b':')?;
    Some((decoded[..colon].to_vec(), decoded[colon + 1..].to_vec()))
}

#[cfg(test)]
mod tests {
    use hyper::Request;
    use hyper::header::HeaderValue;

    use super::*;

    fn parts(method: &str, uri: &str, headers: &[(&str, &str)]) -> Parts {
        let mut request = Request::builder().method(method).uri(uri);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        request.body(()).unwrap().into_parts().0
    }

    fn target(host: &str, port: u16) -> Target {
        Target {
            host: host.to_owned(),
            port,
        }
    }

    #[test]
    fn connect_names_host_and_port() {
        for (uri, expected) in [
            ("example.org:443", target("example.org", 443)),
            ("10.0.0.1:22", target("10.0.0.1", 22)),
            ("[fd00::1]:443", target("fd00::1", 443)),
        ] {
            let routed = route(&parts("CONNECT", uri, &[]));
            assert_eq!(routed, Ok(Route::Tunnel(expected)));
        }
    }

    #[test]
    fn address_of_the_web_is_taken_apart() {
        for (uri, expected, path) in [
            (
                "http://example.org/a?b=c",
                target("example.org", 80),
                "/a?b=c",
            ),
            ("http://example.org", target("example.org", 80), "/"),
            ("http://[fd00::1]:8080/", target("fd00::1", 8080), "/"),
        ] {
            let Ok(Route::Forward {
                target,
                path: asked,
                ..
            }) = route(&parts("GET", uri, &[]))
            else {
                panic!("{uri} is not forwarded");
            };
            assert_eq!((target, asked.as_str()), (expected, path));
        }
    }

    #[test]
    fn what_is_not_for_a_proxy_is_told_apart() {
        for (method, uri, error) in [
            ("GET", "/", NotForUs::NoHost),
            ("OPTIONS", "*", NotForUs::NoHost),
            ("GET", "https://example.org/", NotForUs::Scheme),
            ("GET", "ftp://example.org/", NotForUs::Scheme),
            ("CONNECT", "example.org", NotForUs::Authority),
            ("CONNECT", "example.org:0", NotForUs::Authority),
            ("GET", "http://me:secret@example.org/", NotForUs::UserInfo),
            ("GET", "http://example.org:/", NotForUs::Authority),
            ("GET", "http://example.org:99999/", NotForUs::Authority),
        ] {
            assert_eq!(
                route(&parts(method, uri, &[])),
                Err(error),
                "{method} {uri}"
            );
        }
    }

    #[test]
    fn body_with_two_lengths_is_refused() {
        let uri = "http://example.org/";
        let both = [("transfer-encoding", "chunked"), ("content-length", "5")];
        let two = [("content-length", "5"), ("content-length", "5")];
        for headers in [both, two] {
            let routed = route(&parts("POST", uri, &headers));
            assert_eq!(routed, Err(NotForUs::Ambiguous));
        }
        let mut old = parts("POST", uri, &both[..1]);
        assert!(route(&old).is_ok());
        old.version = Version::HTTP_10;
        assert_eq!(route(&old), Err(NotForUs::Ambiguous));
    }

    #[test]
    fn credentials_are_read_in_the_form_that_is_asked_for() {
        let read = |value: &'static str| {
            let mut headers = HeaderMap::new();
            headers.insert(PROXY_AUTHORIZATION, HeaderValue::from_static(value));
            credentials(&headers)
        };
        let expected = Some((b"me".to_vec(), b"se:cret".to_vec()));
        assert_eq!(read("Basic bWU6c2U6Y3JldA=="), expected);
        assert_eq!(read("basic  bWU6c2U6Y3JldA=="), expected);
        for value in [
            "Basic",
            "Basic bWU=",
            "Basic !",
            "Digest bWU6c2U6Y3JldA==",
            "",
        ] {
            assert_eq!(read(value), None, "{value}");
        }
    }
}
