//! Where a peer is reached: an address, or a name that is looked up outside the tunnel.

use std::fmt;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::str::FromStr;

use thiserror::Error;

/// The outer UDP endpoint of a peer.
///
/// ```
/// use wirecraft::config::Endpoint;
///
/// let endpoint: Endpoint = "[2001:db8::1]:51820".parse()?;
/// assert_eq!(endpoint, Endpoint::Address("[2001:db8::1]:51820".parse().unwrap()));
/// assert_eq!("vpn.example.org:51820".parse::<Endpoint>()?.port(), 51820);
/// # Ok::<(), wirecraft::config::ParseEndpointError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Endpoint {
    /// A literal address and port.
    Address(SocketAddr),
    /// A host name, as written, and a port. Scoped addresses (`fe80::1%eth0`) are names too.
    Name {
        /// The name to look up, in the form the file had.
        host: String,
        /// The UDP port.
        port: u16,
    },
}

/// The text is not an endpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("expected ADDRESS:PORT, [IPV6]:PORT or HOST:PORT")]
pub struct ParseEndpointError;

impl Endpoint {
    /// The UDP port.
    #[must_use]
    pub fn port(&self) -> u16 {
        match self {
            Self::Address(address) => address.port(),
            Self::Name { port, .. } => *port,
        }
    }
}

impl FromStr for Endpoint {
    type Err = ParseEndpointError;

    /// Splits at the last colon, as `wg` does, so that an IPv6 address without brackets is understood.
    fn from_str(text: &str) -> Result<Self, ParseEndpointError> {
        let (host, port) = match text.strip_prefix('[') {
            Some(rest) => rest.split_once("]:"),
            None => text.rsplit_once(':'),
        }
        .ok_or(ParseEndpointError)?;
        let port = parse_port(port).ok_or(ParseEndpointError)?;
        if let Ok(address) = host.parse::<IpAddr>() {
            return Ok(Self::Address(SocketAddr::new(address, port)));
        }
        if !is_lookup_name(host) {
            return Err(ParseEndpointError);
        }
        Ok(Self::Name {
            host: host.to_owned(),
            port,
        })
    }
}

/// Port 0 cannot be sent to, so it is no port of an endpoint.
fn parse_port(text: &str) -> Option<u16> {
    if !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    text.parse().ok().filter(|port| *port != 0)
}

/// Sorts out what no resolver could answer: URLs, mistyped addresses, white space.
fn is_lookup_name(host: &str) -> bool {
    let foreign = |c: char| c.is_whitespace() || c.is_control() || "/:@[]\\\"'<>,;?#".contains(c);
    if let Some((address, zone)) = host.split_once('%') {
        let is_zone = !zone.is_empty() && !zone.contains(foreign);
        return address.parse::<Ipv6Addr>().is_ok() && is_zone;
    }
    let mistyped_v4 = host
        .bytes()
        .all(|byte| byte.is_ascii_digit() || byte == b'.');
    !host.is_empty() && host.len() <= 1024 && !mistyped_v4 && !host.contains(foreign)
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Address(address) => address.fmt(f),
            Self::Name { host, port } if host.contains(':') => write!(f, "[{host}]:{port}"),
            Self::Name { host, port } => write!(f, "{host}:{port}"),
        }
    }
}

impl From<SocketAddr> for Endpoint {
    fn from(address: SocketAddr) -> Self {
        Self::Address(address)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(host: &str, port: u16) -> Endpoint {
        Endpoint::Name {
            host: host.to_owned(),
            port,
        }
    }

    #[test]
    fn addresses_are_recognised_with_and_without_brackets() {
        let v6 = Endpoint::Address("[2001:db8::1]:51820".parse().unwrap());
        assert_eq!(
            "192.0.2.1:1".parse(),
            Ok(Endpoint::Address("192.0.2.1:1".parse().unwrap()))
        );
        assert_eq!("[2001:db8::1]:51820".parse(), Ok(v6.clone()));
        assert_eq!("2001:db8::1:51820".parse(), Ok(v6));
    }

    #[test]
    fn names_stay_as_they_are_written() {
        assert_eq!(
            "VPN.example.org:51820".parse(),
            Ok(name("VPN.example.org", 51820))
        );
        assert_eq!(
            "bücher.example:51820".parse(),
            Ok(name("bücher.example", 51820))
        );
        assert_eq!(
            "[fe80::1%eth0]:51820".parse(),
            Ok(name("fe80::1%eth0", 51820))
        );
        assert_eq!(
            name("fe80::1%eth0", 51820).to_string(),
            "[fe80::1%eth0]:51820"
        );
    }

    #[test]
    fn what_cannot_be_an_endpoint_is_refused() {
        for text in [
            "",
            ":51820",
            "host",
            "host:",
            "host:0",
            "host:65536",
            "host:+1",
            "300.1.1.1:51820",
            "[::1]51820",
            "[::1",
            "https://vpn.example.org:51820",
            "vpn.example.org:51820:51820",
            "a b:51820",
            "fe80::1%:51820",
            "fe80::1%eth 0:51820",
            "fe80::1%a]:b:51820",
        ] {
            assert_eq!(text.parse::<Endpoint>(), Err(ParseEndpointError), "{text}");
        }
    }
}
