//! The values of single keys, from text without the white space around it.

use std::net::IpAddr;
use std::num::{NonZeroU16, NonZeroU32};

use ipnet::IpNet;
use wirecraft_noise_handshake::{PresharedKey, PrivateKey, PublicKey};
use zeroize::Zeroizing;

use super::DnsConfig;
use super::endpoint::Endpoint;
use super::error::Problem;

/// A value that its key does not allow.
pub(super) enum Mismatch {
    /// What was expected and what was there.
    Shown {
        expected: &'static str,
        found: String,
    },
    /// What was expected; what was there is a secret.
    Hidden { expected: &'static str },
}

impl Mismatch {
    fn new(expected: &'static str, found: &str) -> Self {
        Self::Shown {
            expected,
            found: presentable(found),
        }
    }

    pub(super) fn of_key(self, key: &'static str) -> Problem {
        match self {
            Self::Shown { expected, found } => Problem::Value {
                key,
                expected,
                found,
            },
            Self::Hidden { expected } => Problem::Secret { key, expected },
        }
    }
}

/// The longest piece of a file that an error message repeats, in characters.
const SHOWN_LEN: usize = 60;

/// A base64 key has 44 characters; whatever has this many in a row might be one.
const SECRET_RUN_LEN: usize = 38;

/// Shortens `text` for a message and hides it where it could be a misplaced key.
fn presentable(text: &str) -> String {
    if may_hold_a_secret(text) {
        return "(not shown: could be a key)".to_owned();
    }
    let mut shown: String = text.chars().take(SHOWN_LEN).collect();
    if shown.len() < text.len() {
        shown.push_str("..");
    }
    shown
}

/// Whether `text` has so many base64 characters in a row that it could hold a key.
pub(super) fn may_hold_a_secret(text: &str) -> bool {
    let is_base64 = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'+' || byte == b'/';
    text.as_bytes()
        .split(|byte| !is_base64(*byte))
        .any(|run| run.len() >= SECRET_RUN_LEN)
}

/// Removes white space everywhere, as `wg` does before it looks at a line.
pub(super) fn compact(text: &str) -> Zeroizing<String> {
    // The capacity is that of `text`, so the secret is never left behind in a smaller buffer.
    let mut compact = Zeroizing::new(String::with_capacity(text.len()));
    compact.extend(text.chars().filter(|c| !c.is_whitespace()));
    compact
}

pub(super) fn private_key(text: &str) -> Result<PrivateKey, Mismatch> {
    compact(text).parse().map_err(|_| Mismatch::Hidden {
        expected: "a private key as `wirecraft genkey` prints it",
    })
}

pub(super) fn preshared_key(text: &str) -> Result<PresharedKey, Mismatch> {
    compact(text).parse().map_err(|_| Mismatch::Hidden {
        expected: "a preshared key as `wirecraft genpsk` prints it",
    })
}

/// What stands in place of a public key may be a private one, so it is not shown either.
pub(super) fn public_key(text: &str) -> Result<PublicKey, Mismatch> {
    compact(text).parse().map_err(|_| Mismatch::Hidden {
        expected: "a public key as `wirecraft pubkey` prints it",
    })
}

/// `Address`: separated by commas or white space, host bits kept.
pub(super) fn addresses(text: &str) -> Result<Vec<IpNet>, Mismatch> {
    words(text).map(network).collect()
}

/// `AllowedIPs`: separated by commas, host bits kept for the caller to look at. May be empty.
pub(super) fn allowed_ips(text: &str) -> Result<Vec<IpNet>, Mismatch> {
    let text = compact(text);
    if text.is_empty() {
        return Ok(Vec::new());
    }
    text.split(',').map(network).collect()
}

/// `DNS`: what looks like an address is a server, everything else a search domain, as for `wg-quick`.
pub(super) fn dns(text: &str) -> Result<DnsConfig, Mismatch> {
    let mut dns = DnsConfig::default();
    for word in words(text) {
        let address_like =
            word.contains(':') || word.bytes().all(|b| b.is_ascii_digit() || b == b'.');
        if address_like {
            dns.servers.push(
                word.parse()
                    .map_err(|_| Mismatch::new("an IP address", word))?,
            );
        } else if is_domain(word) {
            dns.search.push(word.to_owned());
        } else {
            return Err(Mismatch::new("IP addresses and search domains", word));
        }
    }
    Ok(dns)
}

fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c: char| c == ',' || c.is_whitespace())
        .filter(|word| !word.is_empty())
}

/// The leading `~` of a routing domain is what systemd's resolver knows.
fn is_domain(word: &str) -> bool {
    let allowed = |c: char| c.is_alphanumeric() || "-_.~".contains(c);
    word.len() <= 255 && word.chars().all(allowed)
}

fn network(text: &str) -> Result<IpNet, Mismatch> {
    let mismatch = || Mismatch::new("an address with an optional /prefix", text);
    let (address, prefix) = match text.split_once('/') {
        Some((address, prefix)) => (address, Some(prefix)),
        None => (text, None),
    };
    let address: IpAddr = address.parse().map_err(|_| mismatch())?;
    let Some(prefix) = prefix else {
        return Ok(IpNet::from(address));
    };
    let prefix_len = decimal(prefix)
        .and_then(|value| u8::try_from(value).ok())
        .ok_or_else(mismatch)?;
    IpNet::new(address, prefix_len).map_err(|_| mismatch())
}

pub(super) fn listen_port(text: &str) -> Result<u16, Mismatch> {
    number_u16(text, 0).ok_or_else(|| Mismatch::new("a port from 0 to 65535", text))
}

/// The smallest MTU of IPv4.
///
/// Source: RFC 791 §3.1 (every module forwards 68 bytes).
const MIN_MTU_LEN: u16 = 68;

pub(super) fn mtu(text: &str) -> Result<u16, Mismatch> {
    number_u16(text, MIN_MTU_LEN).ok_or_else(|| Mismatch::new("bytes from 68 to 65535", text))
}

pub(super) fn persistent_keepalive(text: &str) -> Result<Option<NonZeroU16>, Mismatch> {
    if text.eq_ignore_ascii_case("off") {
        return Ok(None);
    }
    number_u16(text, 0)
        .map(NonZeroU16::new)
        .ok_or_else(|| Mismatch::new("`off` or seconds from 0 to 65535", text))
}

pub(super) fn fwmark(text: &str) -> Result<Option<NonZeroU32>, Mismatch> {
    if text.eq_ignore_ascii_case("off") {
        return Ok(None);
    }
    let value = match text.strip_prefix("0x").or_else(|| text.strip_prefix("0X")) {
        Some(digits) => hexadecimal(digits),
        None => decimal(text),
    };
    value
        .map(NonZeroU32::new)
        .ok_or_else(|| Mismatch::new("`off` or a mark from 0 to 0xffffffff", text))
}

pub(super) fn table(text: &str) -> Result<String, Mismatch> {
    if text.is_empty() || text.contains(char::is_whitespace) {
        return Err(Mismatch::new("`off`, `auto` or a routing table", text));
    }
    Ok(text.to_owned())
}

pub(super) fn save_config(text: &str) -> Result<bool, Mismatch> {
    match text {
        _ if text.eq_ignore_ascii_case("true") => Ok(true),
        _ if text.eq_ignore_ascii_case("false") => Ok(false),
        _ => Err(Mismatch::new("`true` or `false`", text)),
    }
}

pub(super) fn endpoint(text: &str) -> Result<Endpoint, Mismatch> {
    let text = compact(text);
    text.parse()
        .map_err(|_| Mismatch::new("ADDRESS:PORT, [IPV6]:PORT or HOST:PORT", &text))
}

fn number_u16(text: &str, least: u16) -> Option<u16> {
    decimal(text)
        .and_then(|value| u16::try_from(value).ok())
        .filter(|value| *value >= least)
}

/// Digits only: no sign, no white space, as `strtoul` would let through.
fn decimal(text: &str) -> Option<u32> {
    if !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    text.parse().ok()
}

fn hexadecimal(text: &str) -> Option<u32> {
    if !text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return None;
    }
    u32::from_str_radix(text, 16).ok()
}
