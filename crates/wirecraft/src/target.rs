//! Where a connection goes: a host, by name or address, and a port.

use std::net::{IpAddr, SocketAddr};

use crate::dial::DialError;

/// A host and a port.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Target {
    /// A name to look up inside the tunnel, or an address.
    pub host: String,
    /// The TCP port.
    pub port: u16,
}

/// What can be turned into a [`Target`]: `"host:port"`, `("host", port)`, a socket address.
pub trait ToTarget {
    /// Takes host and port apart.
    ///
    /// # Errors
    /// [`DialError::Target`] if that is not what it is.
    fn to_target(self) -> Result<Target, DialError>;
}

impl ToTarget for Target {
    fn to_target(self) -> Result<Target, DialError> {
        Ok(self)
    }
}

impl ToTarget for SocketAddr {
    fn to_target(self) -> Result<Target, DialError> {
        Ok(Target {
            host: self.ip().to_string(),
            port: self.port(),
        })
    }
}

impl ToTarget for (IpAddr, u16) {
    fn to_target(self) -> Result<Target, DialError> {
        SocketAddr::from(self).to_target()
    }
}

impl ToTarget for (&str, u16) {
    fn to_target(self) -> Result<Target, DialError> {
        Ok(Target {
            host: self.0.to_owned(),
            port: self.1,
        })
    }
}

impl ToTarget for &str {
    fn to_target(self) -> Result<Target, DialError> {
        if let Ok(address) = self.parse::<SocketAddr>() {
            return address.to_target();
        }
        let (host, port) = self.rsplit_once(':').ok_or_else(|| not_a_target(self))?;
        // Digits only: a number type would take a sign.
        let is_number = port.bytes().all(|byte| byte.is_ascii_digit());
        let port = port.parse().ok().filter(|_| is_number);
        let port = port.ok_or_else(|| not_a_target(self))?;
        if host.is_empty() || host.contains(':') {
            return Err(not_a_target(self));
        }
        Ok(Target {
            host: host.to_owned(),
            port,
        })
    }
}

impl ToTarget for String {
    fn to_target(self) -> Result<Target, DialError> {
        self.as_str().to_target()
    }
}

fn not_a_target(text: &str) -> DialError {
    DialError::Target {
        text: text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(text: &str) -> Option<(String, u16)> {
        text.to_target()
            .ok()
            .map(|target| (target.host, target.port))
    }

    #[test]
    fn names_and_addresses_are_split_from_their_ports() {
        assert_eq!(parsed("example.org:80"), Some(("example.org".into(), 80)));
        assert_eq!(parsed("10.0.0.1:443"), Some(("10.0.0.1".into(), 443)));
        assert_eq!(parsed("[fd00::1]:443"), Some(("fd00::1".into(), 443)));
    }

    #[test]
    fn what_has_no_port_or_no_host_is_no_target() {
        for text in [
            "example.org",
            "example.org:",
            "example.org:65536",
            "example.org:+80",
            ":80",
            "fd00::1",
            "",
        ] {
            assert_eq!(parsed(text), None, "{text}");
        }
    }
}
