//! What a forward is told, in the manner of ssh.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::PathBuf;
use std::str::FromStr;

use wirecraft::{Binding, Target};

/// What is forwarded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protocol {
    /// Connections.
    Tcp,
    /// Datagrams.
    Udp,
}

impl fmt::Display for Protocol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Tcp => "tcp",
            Self::Udp => "udp",
        })
    }
}

/// A place on the host to listen on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HostBind {
    /// A port of one or more addresses; 0 is any free port.
    Ip {
        /// The addresses, the first of which the host must have.
        addresses: Vec<IpAddr>,
        /// The port.
        port: u16,
    },
    /// A unix socket.
    Unix(PathBuf),
}

/// A place on the host to connect to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HostTarget {
    /// Addresses with ports, tried in turn.
    Ip(Vec<SocketAddr>),
    /// A unix socket.
    Unix(PathBuf),
}

impl fmt::Display for HostTarget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ip(addresses) => match addresses.first() {
                Some(address) => address.fmt(f),
                None => f.write_str("nowhere"),
            },
            Self::Unix(path) => path.display().fmt(f),
        }
    }
}

/// From the host into the tunnel: `[BIND:]PORT:HOST:PORT[/udp]` or `PATH:HOST:PORT`.
///
/// Without `BIND` it listens on the loopback addresses; `*`, or nothing before the colon, are all addresses.
/// IPv6 addresses stand in brackets. `PATH` has a slash.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LocalForward {
    /// Where on the host it listens.
    pub listen: HostBind,
    /// Where inside the tunnel it connects to; a name is looked up there.
    pub target: Target,
    /// What is forwarded.
    pub protocol: Protocol,
}

/// From the tunnel to the host: `[BIND:]PORT:HOST:PORT[/udp]` or `[BIND:]PORT:PATH`.
///
/// Without `BIND` it listens on all addresses of the tunnel. `HOST` is an address or `localhost`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RemoteForward {
    /// Where inside the tunnel it listens.
    pub listen: Binding,
    /// Where on the host it connects to.
    pub target: HostTarget,
    /// What is forwarded.
    pub protocol: Protocol,
}

/// The text is no forward.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ParseForwardError {
    /// The parts are not those of a forward.
    #[error("expected {expected}")]
    Form {
        /// What would be right.
        expected: &'static str,
    },
    /// A port is none.
    #[error("{text:?} is not a port")]
    Port {
        /// What stands there.
        text: String,
    },
    /// There is nothing to connect to.
    #[error("the host to connect to is missing")]
    NoHost,
    /// A place on the host has a name.
    #[error("{text:?}: expected an address or localhost; names are never looked up on the host")]
    HostName {
        /// The name.
        text: String,
    },
    /// An address of the tunnel is none.
    #[error("{text:?} is not an address of the tunnel")]
    Inside {
        /// What stands there.
        text: String,
    },
    /// Unix sockets have no datagrams here.
    #[error("/udp does not go with a unix socket")]
    UnixUdp,
}

const LOCAL_FORM: &str = "[BIND:]PORT:HOST:PORT, with /udp behind it for UDP, or PATH:HOST:PORT; \
                          IPv6 addresses stand in brackets";

const REMOTE_FORM: &str = "[BIND:]PORT:HOST:PORT, with /udp behind it for UDP, or [BIND:]PORT:PATH; \
                           IPv6 addresses stand in brackets";

impl FromStr for LocalForward {
    type Err = ParseForwardError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (text, protocol) = split_protocol(text);
        let form = || ParseForwardError::Form {
            expected: LOCAL_FORM,
        };
        let fields = fields(text).ok_or_else(form)?;
        let (listen, host, target_port) = match fields[..] {
            [path, host, target_port] if path.contains('/') => {
                (HostBind::Unix(path.into()), host, target_port)
            }
            [port, host, target_port] => (host_bind("localhost", port)?, host, target_port),
            [bind, port, host, target_port] => (host_bind(bind, port)?, host, target_port),
            _ => return Err(form()),
        };
        if matches!(listen, HostBind::Unix(_)) && protocol == Protocol::Udp {
            return Err(ParseForwardError::UnixUdp);
        }
        if host.is_empty() {
            return Err(ParseForwardError::NoHost);
        }
        let target = Target {
            host: host.to_owned(),
            port: nonzero_port(target_port)?,
        };
        Ok(Self {
            listen,
            target,
            protocol,
        })
    }
}

impl FromStr for RemoteForward {
    type Err = ParseForwardError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (text, protocol) = split_protocol(text);
        let form = || ParseForwardError::Form {
            expected: REMOTE_FORM,
        };
        let fields = fields(text).ok_or_else(form)?;
        let (bind, port, target) = match fields[..] {
            [port, path] if path.contains('/') => ("*", port, HostTarget::Unix(path.into())),
            [bind, port, path] if path.contains('/') => (bind, port, HostTarget::Unix(path.into())),
            [port, host, target_port] => ("*", port, host_target(host, target_port)?),
            [bind, port, host, target_port] => (bind, port, host_target(host, target_port)?),
            _ => return Err(form()),
        };
        if matches!(target, HostTarget::Unix(_)) && protocol == Protocol::Udp {
            return Err(ParseForwardError::UnixUdp);
        }
        let listen = inside_bind(bind, port)?;
        Ok(Self {
            listen,
            target,
            protocol,
        })
    }
}

/// Takes `/udp` or `/tcp` from behind a port.
fn split_protocol(text: &str) -> (&str, Protocol) {
    let behind_port = |suffix| {
        let rest = text.strip_suffix(suffix)?;
        rest.ends_with(|last: char| last.is_ascii_digit())
            .then_some(rest)
    };
    if let Some(rest) = behind_port("/udp") {
        return (rest, Protocol::Udp);
    }
    (behind_port("/tcp").unwrap_or(text), Protocol::Tcp)
}

/// Splits at colons, but not at those in brackets; brackets around a field go.
fn fields(text: &str) -> Option<Vec<&str>> {
    let mut fields = Vec::new();
    let mut rest = text;
    loop {
        let (field, behind) = match rest.strip_prefix('[') {
            Some(inside) => inside.split_once(']')?,
            None => rest.split_at(rest.find(':').unwrap_or(rest.len())),
        };
        fields.push(field);
        if behind.is_empty() {
            return Some(fields);
        }
        rest = behind.strip_prefix(':')?;
    }
}

fn port(text: &str) -> Result<u16, ParseForwardError> {
    // Digits only: a number type would take a sign.
    let is_number = text.bytes().all(|byte| byte.is_ascii_digit());
    let port = text.parse().ok().filter(|_| is_number);
    port.ok_or_else(|| ParseForwardError::Port {
        text: text.to_owned(),
    })
}

fn nonzero_port(text: &str) -> Result<u16, ParseForwardError> {
    match port(text)? {
        0 => Err(ParseForwardError::Port {
            text: text.to_owned(),
        }),
        port => Ok(port),
    }
}

/// The addresses that a word stands for, the one that every host has first.
fn host_addresses(text: &str) -> Result<Vec<IpAddr>, ParseForwardError> {
    match text {
        "localhost" => Ok(vec![Ipv4Addr::LOCALHOST.into(), Ipv6Addr::LOCALHOST.into()]),
        "" | "*" => Ok(vec![
            Ipv4Addr::UNSPECIFIED.into(),
            Ipv6Addr::UNSPECIFIED.into(),
        ]),
        _ => match text.parse() {
            Ok(address) => Ok(vec![address]),
            Err(_) => Err(ParseForwardError::HostName {
                text: text.to_owned(),
            }),
        },
    }
}

fn host_bind(bind: &str, port_text: &str) -> Result<HostBind, ParseForwardError> {
    Ok(HostBind::Ip {
        addresses: host_addresses(bind)?,
        port: port(port_text)?,
    })
}

fn host_target(host: &str, port_text: &str) -> Result<HostTarget, ParseForwardError> {
    if host.is_empty() {
        return Err(ParseForwardError::NoHost);
    }
    let port = nonzero_port(port_text)?;
    let with_port = |address| SocketAddr::new(address, port);
    Ok(HostTarget::Ip(
        host_addresses(host)?.into_iter().map(with_port).collect(),
    ))
}

fn inside_bind(bind: &str, port_text: &str) -> Result<Binding, ParseForwardError> {
    let address = match bind {
        "" | "*" => None,
        _ => Some(bind.parse().map_err(|_| ParseForwardError::Inside {
            text: bind.to_owned(),
        })?),
    };
    Ok(Binding {
        address,
        port: port(port_text)?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn local(text: &str) -> Result<LocalForward, ParseForwardError> {
        text.parse()
    }

    fn remote(text: &str) -> Result<RemoteForward, ParseForwardError> {
        text.parse()
    }

    fn ip(addresses: &[&str], port: u16) -> HostBind {
        let addresses = addresses.iter().map(|text| text.parse().unwrap()).collect();
        HostBind::Ip { addresses, port }
    }

    fn target(host: &str, port: u16) -> Target {
        Target {
            host: host.to_owned(),
            port,
        }
    }

    #[test]
    fn local_forward_listens_on_loopback_unless_told_otherwise() {
        let cases = [
            ("8080:h:80", ip(&["127.0.0.1", "::1"], 8080)),
            ("localhost:8080:h:80", ip(&["127.0.0.1", "::1"], 8080)),
            ("*:8080:h:80", ip(&["0.0.0.0", "::"], 8080)),
            (":8080:h:80", ip(&["0.0.0.0", "::"], 8080)),
            ("192.0.2.1:0:h:80", ip(&["192.0.2.1"], 0)),
            ("[::1]:8080:h:80", ip(&["::1"], 8080)),
            ("/run/h.sock:h:80", HostBind::Unix("/run/h.sock".into())),
            ("./h.sock:h:80", HostBind::Unix("./h.sock".into())),
        ];
        for (text, listen) in cases {
            let forward = local(text).unwrap();
            assert_eq!(forward.listen, listen, "{text}");
            assert_eq!(forward.target, target("h", 80), "{text}");
            assert_eq!(forward.protocol, Protocol::Tcp, "{text}");
        }
    }

    #[test]
    fn targets_may_be_names_and_addresses_of_both_families() {
        assert_eq!(
            local("1:example.org:80").unwrap().target,
            target("example.org", 80)
        );
        assert_eq!(
            local("[::1]:1:[fd00::1]:443").unwrap().target,
            target("fd00::1", 443)
        );
        let udp = local("53:10.0.0.1:53/udp").unwrap();
        assert_eq!(
            (udp.target, udp.protocol),
            (target("10.0.0.1", 53), Protocol::Udp)
        );
        assert_eq!(local("53:h:53/tcp").unwrap().protocol, Protocol::Tcp);
    }

    #[test]
    fn remote_forward_listens_on_all_addresses_of_the_tunnel_unless_told_otherwise() {
        let web = HostTarget::Ip(vec!["127.0.0.1:80".parse().unwrap()]);
        let ssh = HostTarget::Ip(vec![
            "127.0.0.1:22".parse().unwrap(),
            "[::1]:22".parse().unwrap(),
        ]);
        let unix = HostTarget::Unix("/run/app.sock".into());
        let one: SocketAddr = "10.0.0.2:8080".parse().unwrap();
        let cases = [
            ("8080:127.0.0.1:80", Binding::from(8080), &web),
            ("*:8080:127.0.0.1:80", Binding::from(8080), &web),
            ("10.0.0.2:8080:127.0.0.1:80", Binding::from(one), &web),
            ("2222:localhost:22", Binding::from(2222), &ssh),
            ("8080:/run/app.sock", Binding::from(8080), &unix),
            ("10.0.0.2:8080:/run/app.sock", Binding::from(one), &unix),
        ];
        for (text, listen, target) in cases {
            let forward = remote(text).unwrap();
            assert_eq!(
                (forward.listen, &forward.target),
                (listen, target),
                "{text}"
            );
        }
        assert_eq!(
            remote("53:127.0.0.1:53/udp").unwrap().protocol,
            Protocol::Udp
        );
    }

    #[test]
    fn what_is_no_forward_says_why() {
        let port = |text: &str| ParseForwardError::Port {
            text: text.to_owned(),
        };
        let cases = [
            ("65536:h:80", port("65536")),
            ("1:h:0", port("0")),
            ("1:h:+80", port("+80")),
            ("1:h:", port("")),
            ("1::80", ParseForwardError::NoHost),
            ("/run/x:h:53/udp", ParseForwardError::UnixUdp),
            (
                "host.example:1:h:80",
                ParseForwardError::HostName {
                    text: "host.example".to_owned(),
                },
            ),
        ];
        for (text, error) in cases {
            assert_eq!(local(text), Err(error), "{text}");
        }
        for text in ["", "80", "1:h", "1:2:3:4:5", "[::1:1:h:80", "[::1]x:h:80"] {
            let error = local(text).unwrap_err();
            assert!(matches!(error, ParseForwardError::Form { .. }), "{text}");
        }
    }

    #[test]
    fn names_of_the_host_side_are_refused_rather_than_looked_up() {
        assert_eq!(
            remote("8080:intranet.example:80"),
            Err(ParseForwardError::HostName {
                text: "intranet.example".to_owned()
            })
        );
        assert_eq!(
            remote("gate.example:8080:127.0.0.1:80"),
            Err(ParseForwardError::Inside {
                text: "gate.example".to_owned()
            })
        );
    }
}
