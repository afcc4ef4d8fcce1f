//! Requests of the configuration protocol, and what they make of a device.

use std::collections::HashSet;
use std::net::{SocketAddr, SocketAddrV4, SocketAddrV6};

use chacha20::ChaCha8Rng;
use ipnet::IpNet;
use rand_core::SeedableRng;
use wirecraft_net::uapi::{LINE_LEN_MAX, Request, RequestError, RequestReader};
use wirecraft_time::Instant;
use wirecraft_tunnel::Device;

/// However requests come in pieces they are the same; the first is taken exactly if a plain reader takes
/// it; a device that did all of them is in order.
pub fn uapi_request(input: &[u8]) {
    let Some((piece_len, input)) = input.split_first() else {
        return;
    };
    let (whole, end) = read(input, usize::MAX);
    let (in_pieces, end_in_pieces) = read(input, usize::from(*piece_len).max(1));
    assert_eq!(format!("{whole:?}"), format!("{in_pieces:?}"));
    assert_eq!(end, end_in_pieces);
    if let Some(first) = whole.first() {
        assert_eq!(first.is_ok(), plainly_taken(input), "{first:?}");
    }
    let mut device = Device::new(1420, ChaCha8Rng::from_seed([7; 32]));
    for request in whole.into_iter().flatten() {
        if let Request::Set(request) = request {
            // The one error is a peer with our own key, which is passed over.
            let _ = device.apply(Instant::ORIGIN, &request.device);
        }
        check(&device);
    }
}

type Outcomes = Vec<Result<Request, RequestError>>;

fn read(input: &[u8], piece_len: usize) -> (Outcomes, Result<(), RequestError>) {
    let mut reader = RequestReader::new(|name| (name == "lo").then_some(1));
    let mut outcomes = Vec::new();
    for mut piece in input.chunks(piece_len) {
        while let Some(outcome) = reader.read(&mut piece) {
            outcomes.push(outcome);
        }
        assert!(piece.is_empty());
    }
    (outcomes, reader.end())
}

/// No peer is ourselves, and no prefix belongs to two peers.
fn check(device: &Device<ChaCha8Rng>) {
    let mut prefixes = HashSet::new();
    for peer in device.peers() {
        let status = device.peer_status(Instant::ORIGIN, peer);
        let status = status.expect("it is among the peers");
        assert_ne!(Some(status.public_key), device.public_key());
        assert_eq!(device.peer_id(&status.public_key), Some(peer));
        for prefix in status.allowed_ips {
            assert_eq!(prefix, prefix.trunc());
            assert!(prefixes.insert(prefix), "{prefix} belongs to two");
        }
    }
}

/// Whether the first request in `input` can be done, as the published text of the protocol says.
fn plainly_taken(input: &[u8]) -> bool {
    let lines = input.split(|byte| *byte == b'\n');
    let mut lines = lines.skip_while(|line| line.is_empty());
    let operation = lines.next();
    let mut rest = lines.take_while(|line| !line.is_empty());
    match operation {
        Some(b"get=1" | b"wirecraft_get=1") => rest.next().is_none(),
        Some(b"set=1") => {
            let mut has_peer = false;
            rest.all(|line| line_taken(line, &mut has_peer))
        }
        _ => false,
    }
}

fn line_taken(line: &[u8], has_peer: &mut bool) -> bool {
    let Ok(line) = std::str::from_utf8(line) else {
        return false;
    };
    let Some((key, value)) = line.split_once('=') else {
        return false;
    };
    *has_peer |= key == "public_key";
    let is_key = value.len() == 64 && value.chars().all(|it| it.is_ascii_hexdigit());
    let number = || value.bytes().all(|it| it.is_ascii_digit()).then_some(value);
    let is_number_to = |most: u64| {
        let number = number().filter(|digits| !digits.is_empty());
        number.is_some_and(|digits| digits.parse().is_ok_and(|it: u64| it <= most))
    };
    let allowed = match (*has_peer, key) {
        (true, "public_key" | "preshared_key") | (false, "private_key") => is_key,
        (false, "listen_port") | (true, "persistent_keepalive_interval") => is_number_to(65_535),
        (false, "fwmark") => is_number_to(u32::MAX.into()),
        (false, "replace_peers") | (true, "remove" | "update_only" | "replace_allowed_ips") => {
            value == "true"
        }
        (true, "protocol_version") => value == "1",
        (true, "endpoint") => is_endpoint(value),
        (true, "allowed_ip") => value
            .strip_prefix('-')
            .unwrap_or(value)
            .parse::<IpNet>()
            .is_ok(),
        _ => false,
    };
    allowed && line.len() <= LINE_LEN_MAX
}

fn is_endpoint(text: &str) -> bool {
    let by_index = text.replacen("%lo]", "%1]", 1);
    match by_index.parse() {
        Ok(SocketAddr::V4(v4)) => v4.to_string() == text || text.parse::<SocketAddrV4>().is_ok(),
        Ok(SocketAddr::V6(_)) => by_index.parse::<SocketAddrV6>().is_ok(),
        Err(_) => false,
    }
}
