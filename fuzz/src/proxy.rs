//! What clients of proxies send.

use std::fmt::Debug;
use std::net::SocketAddr;

use http::header::{CONNECTION, CONTENT_LENGTH, HOST, TRANSFER_ENCODING};
use http::{HeaderName, Method, Request, Version};
use wirecraft_proxy::http::{Route, credentials, route, strip_hop_by_hop};
use wirecraft_proxy::socks::{
    Read, SocksError, read_credentials, read_datagram, read_greeting, read_request,
    read_socks4_request, write_datagram_header,
};

/// Messages are longer than this only if they are refused, in bytes.
const MESSAGE_LEN_MAX: usize = 1024;

/// A message is the same in whatever pieces it comes, and takes no byte that is not there. A datagram's header is
/// the one that we would write.
pub fn socks_request(input: &[u8]) {
    whatever_the_pieces(input, read_greeting);
    whatever_the_pieces(input, read_credentials);
    whatever_the_pieces(input, read_request);
    whatever_the_pieces(input, read_socks4_request);
    let Ok(Some(datagram)) = read_datagram(input) else {
        return;
    };
    assert!(!datagram.target.host.is_empty());
    assert!(!datagram.target.host.contains(char::is_control));
    // Names are not written by us.
    let Ok(ip) = datagram.target.host.parse() else {
        return;
    };
    let mut written = Vec::new();
    write_datagram_header(&mut written, SocketAddr::new(ip, datagram.target.port));
    written.extend_from_slice(datagram.payload);
    assert_eq!(read_datagram(&written), Ok(Some(datagram)));
}

/// From the first piece that says something on, all longer ones say the same.
fn whatever_the_pieces<T: Debug + PartialEq>(
    input: &[u8],
    read: impl Fn(&[u8]) -> Result<Option<Read<T>>, SocksError>,
) {
    let mut said = None;
    for len in 0..=input.len().min(MESSAGE_LEN_MAX) {
        let outcome = read(&input[..len]).transpose();
        if let Some(Ok(read)) = &outcome {
            assert!(read.len <= len, "{read:?} of {len} bytes");
        }
        match &said {
            None => said = outcome,
            Some(first) => assert_eq!(outcome.as_ref(), Some(first)),
        }
    }
}

/// What is tunneled or forwarded has a host, a port and one length; no header of one connection goes further, and all
/// others do.
pub fn http_proxy_request(input: &[u8]) {
    let Some(parts) = request(input) else { return };
    let lengths = parts.headers.get_all(CONTENT_LENGTH).iter().count();
    let has_encoding = parts.headers.contains_key(TRANSFER_ENCODING);
    match route(&parts) {
        Err(_) => {}
        Ok(Route::Tunnel(target)) => {
            assert_eq!(parts.method, Method::CONNECT);
            assert!(!target.host.is_empty() && target.port != 0);
        }
        Ok(Route::Forward {
            target, authority, ..
        }) => {
            assert_ne!(parts.method, Method::CONNECT);
            assert!(!target.host.is_empty() && target.port != 0);
            assert!(!authority.as_str().contains('@'));
            assert!(lengths <= 1 && !(has_encoding && lengths == 1));
        }
    }
    if let Some((user, _)) = credentials(&parts.headers) {
        assert!(!user.contains(&b':'));
    }
    check_headers(&parts.headers);
}

fn check_headers(before: &http::HeaderMap) {
    let mut after = before.clone();
    strip_hop_by_hop(&mut after);
    let stays = [CONTENT_LENGTH, HOST];
    let is_named = |name: &HeaderName| {
        let values = before.get_all(CONNECTION).iter();
        let mut words = values
            .filter_map(|value| value.to_str().ok())
            .flat_map(|value| value.split(','));
        !stays.contains(name) && words.any(|word| word.trim().eq_ignore_ascii_case(name.as_str()))
    };
    let always = [
        "connection",
        "proxy-connection",
        "keep-alive",
        "proxy-authenticate",
        "proxy-authorization",
        "te",
        "transfer-encoding",
        "upgrade",
    ];
    for name in before.keys() {
        let goes = is_named(name) || always.contains(&name.as_str());
        assert_eq!(after.contains_key(name), !goes, "{name}");
    }
    let once = after.clone();
    strip_hop_by_hop(&mut after);
    assert_eq!(once, after);
}

/// The head of a request: method and address on the first line, headers behind it; in the old version if the input
/// begins with a zero.
fn request(input: &[u8]) -> Option<http::request::Parts> {
    let is_old = input.first() == Some(&0);
    let input = input.strip_prefix(&[0]).unwrap_or(input);
    let mut lines = input.split(|byte| *byte == b'\n');
    let first = lines.next()?;
    let space = first.iter().position(|byte| *byte == b' ')?;
    let mut request = Request::builder()
        .method(&first[..space])
        .uri(&first[space + 1..]);
    if is_old {
        request = request.version(Version::HTTP_10);
    }
    for line in lines {
        if let Some(colon) = line.iter().position(|byte| *byte == b':') {
            request = request.header(&line[..colon], line[colon + 1..].trim_ascii());
        }
    }
    Some(request.body(()).ok()?.into_parts().0)
}
