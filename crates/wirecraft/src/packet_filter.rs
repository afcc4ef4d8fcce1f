//! Which packets are meant, in words: the filter language of `sniff`.

use std::net::IpAddr;
use std::ops::RangeInclusive;
use std::str::FromStr;

use ipnet::IpNet;
use wirecraft_ip_packets::{IpPacket, IpVersion, Protocol, TcpFlags};

/// Says of packets whether they are meant; parsed once, from text.
///
/// | Words | Mean |
/// |---|---|
/// | `tcp` `udp` `icmp` `ip4` `ip6` `fragment` | packets of that kind; `icmp` of both versions |
/// | `proto NAME` | an IP protocol, by name or number |
/// | `host ADDRESS` | from or to it; `src host` and `dst host` only one of both |
/// | `net PREFIX` | from or to it; `src net`, `dst net` |
/// | `port N`, `port N-M` | from or to it, of TCP or UDP; `src port`, `dst port` |
/// | `flags LETTERS` | TCP segments that have these flags: `F S R P A U E C N`; `flags =S` has no other |
/// | `less N`, `greater N` | at most or at least N bytes long |
/// | `ttl N` | with that many hops left |
///
/// `not`, `and` and `or` combine them, in parentheses where need be; `and` may be left out, as may
/// `host` and `net` before an address.
///
/// ```
/// use wirecraft::PacketFilter;
/// use wirecraft::ip_packets::{IpPacket, v4};
///
/// let filter: PacketFilter = "tcp and dst port 80-90 and not src host 10.0.0.9".parse()?;
/// let packet = v4([10, 0, 0, 1].into(), [10, 0, 0, 2].into()).tcp(40_000, 80).syn().build();
/// assert!(filter.matches(&IpPacket::parse(&packet)?));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PacketFilter(Node);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Node {
    Everything,
    Not(Box<Self>),
    All(Vec<Self>),
    Any(Vec<Self>),
    Version(IpVersion),
    Fragment,
    Icmp,
    Protocol(Protocol),
    Net(Side, IpNet),
    Port(Side, RangeInclusive<u16>),
    Flags { flags: TcpFlags, exactly: bool },
    AtMost(usize),
    AtLeast(usize),
    HopLimit(u8),
}

/// Which end of a packet is meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Side {
    Either,
    Source,
    Destination,
}

/// Why a text is no filter.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("filter: {problem} at {}", shown(word))]
pub struct PacketFilterError {
    problem: &'static str,
    /// The word, nothing for the end of the text.
    word: String,
}

fn shown(word: &str) -> String {
    if word.is_empty() {
        "the end".to_owned()
    } else {
        format!("{word:?}")
    }
}

impl PacketFilter {
    /// Takes every packet.
    pub const EVERYTHING: Self = Self(Node::Everything);

    /// Says whether a packet is meant.
    #[must_use]
    pub fn matches(&self, packet: &IpPacket<'_>) -> bool {
        self.0.matches(packet)
    }
}

impl FromStr for PacketFilter {
    type Err = PacketFilterError;

    fn from_str(text: &str) -> Result<Self, PacketFilterError> {
        let spaced = text.replace('(', " ( ").replace(')', " ) ");
        let words: Vec<&str> = spaced.split_whitespace().collect();
        if words.is_empty() {
            return Ok(Self::EVERYTHING);
        }
        let mut parser = Parser {
            words: &words,
            depth: 0,
        };
        let node = parser.any()?;
        match parser.next() {
            None => Ok(Self(node)),
            Some(word) => Err(error("cannot go on", word)),
        }
    }
}

impl Node {
    fn matches(&self, packet: &IpPacket<'_>) -> bool {
        match self {
            Self::Everything => true,
            Self::Not(node) => !node.matches(packet),
            Self::All(nodes) => nodes.iter().all(|node| node.matches(packet)),
            Self::Any(nodes) => nodes.iter().any(|node| node.matches(packet)),
            Self::Version(version) => packet.version() == *version,
            Self::Fragment => packet.is_fragment(),
            Self::Icmp => matches!(packet.protocol(), Protocol::ICMPV4 | Protocol::ICMPV6),
            Self::Protocol(protocol) => packet.protocol() == *protocol,
            Self::Net(side, net) => side.is_met(packet.source(), packet.destination(), |it| {
                net.contains(&it)
            }),
            Self::Port(side, ports) => ports_of(packet).is_some_and(|(source, destination)| {
                side.is_met(source, destination, |port| ports.contains(&port))
            }),
            Self::Flags { flags, exactly } => packet.tcp().is_ok_and(|segment| {
                let theirs = segment.flags();
                theirs.contains(*flags) && (!exactly || theirs == *flags)
            }),
            Self::AtMost(len) => packet.as_bytes().len() <= *len,
            Self::AtLeast(len) => packet.as_bytes().len() >= *len,
            Self::HopLimit(hops) => packet.hop_limit() == *hops,
        }
    }
}

impl Side {
    fn is_met<T>(self, source: T, destination: T, is_met: impl Fn(T) -> bool) -> bool {
        match self {
            Self::Either => is_met(source) || is_met(destination),
            Self::Source => is_met(source),
            Self::Destination => is_met(destination),
        }
    }
}

/// Reads the ports of TCP and UDP; fragments after the first have none.
fn ports_of(packet: &IpPacket<'_>) -> Option<(u16, u16)> {
    match packet.protocol() {
        Protocol::TCP => {
            let segment = packet.tcp().ok()?;
            Some((segment.source_port(), segment.destination_port()))
        }
        Protocol::UDP => {
            let datagram = packet.udp().ok()?;
            Some((datagram.source_port(), datagram.destination_port()))
        }
        _ => None,
    }
}

/// How deep parentheses and `not` may be.
const DEPTH_MAX: usize = 64;

struct Parser<'w, 't> {
    words: &'w [&'t str],
    depth: usize,
}

impl<'t> Parser<'_, 't> {
    fn peek(&self) -> Option<&'t str> {
        self.words.first().copied()
    }

    fn next(&mut self) -> Option<&'t str> {
        let (word, rest) = self.words.split_first()?;
        self.words = rest;
        Some(word)
    }

    /// Takes a word if it is the next one.
    fn take(&mut self, word: &str) -> bool {
        let is_next = self.peek() == Some(word);
        if is_next {
            self.next();
        }
        is_next
    }

    fn any(&mut self) -> Result<Node, PacketFilterError> {
        let mut nodes = vec![self.all()?];
        while self.take("or") || self.take("||") {
            nodes.push(self.all()?);
        }
        Ok(one_or(nodes, Node::Any))
    }

    fn all(&mut self) -> Result<Node, PacketFilterError> {
        let mut nodes = vec![self.one()?];
        loop {
            let goes_on = self.take("and") || self.take("&&");
            match self.peek() {
                None | Some(")" | "or" | "||") if !goes_on => {
                    return Ok(one_or(nodes, Node::All));
                }
                _ => nodes.push(self.one()?),
            }
        }
    }

    fn one(&mut self) -> Result<Node, PacketFilterError> {
        self.depth += 1;
        let word = self.next().unwrap_or_default();
        if self.depth > DEPTH_MAX {
            return Err(error("too deep", word));
        }
        let node = match word {
            "(" => {
                let node = self.any()?;
                if !self.take(")") {
                    return Err(error("expected )", self.peek().unwrap_or_default()));
                }
                node
            }
            "not" | "!" => Node::Not(Box::new(self.one()?)),
            "tcp" => Node::Protocol(Protocol::TCP),
            "udp" => Node::Protocol(Protocol::UDP),
            "icmp" => Node::Icmp,
            "ip4" => Node::Version(IpVersion::V4),
            "ip6" => Node::Version(IpVersion::V6),
            "fragment" => Node::Fragment,
            "proto" => Node::Protocol(self.value("expected a protocol")?),
            "flags" => self.flags()?,
            "less" => Node::AtMost(self.value("expected a length")?),
            "greater" => Node::AtLeast(self.value("expected a length")?),
            "ttl" => Node::HopLimit(self.value("expected a number of hops")?),
            "src" => self.end(Side::Source)?,
            "dst" => self.end(Side::Destination)?,
            "host" | "net" => Node::Net(Side::Either, self.network()?),
            "port" => Node::Port(Side::Either, self.ports()?),
            address => Node::Net(Side::Either, network(address)?),
        };
        self.depth -= 1;
        Ok(node)
    }

    fn end(&mut self, side: Side) -> Result<Node, PacketFilterError> {
        if self.take("port") {
            return Ok(Node::Port(side, self.ports()?));
        }
        let _ = self.take("host") || self.take("net");
        Ok(Node::Net(side, self.network()?))
    }

    fn value<T: FromStr>(&mut self, problem: &'static str) -> Result<T, PacketFilterError> {
        let word = self.next().unwrap_or_default();
        word.parse().map_err(|_| error(problem, word))
    }

    fn network(&mut self) -> Result<IpNet, PacketFilterError> {
        network(self.next().unwrap_or_default())
    }

    fn ports(&mut self) -> Result<RangeInclusive<u16>, PacketFilterError> {
        let word = self.next().unwrap_or_default();
        let (first, last) = word.split_once('-').unwrap_or((word, word));
        match (first.parse(), last.parse()) {
            (Ok(first), Ok(last)) if first <= last => Ok(first..=last),
            _ => Err(error("expected a port or a range of ports", word)),
        }
    }

    fn flags(&mut self) -> Result<Node, PacketFilterError> {
        let word = self.next().unwrap_or_default();
        let (letters, exactly) = match word.strip_prefix('=') {
            Some(letters) => (letters, true),
            None => (word, false),
        };
        let mut flags = TcpFlags::default();
        for letter in letters.chars() {
            flags = flags.with(match letter.to_ascii_uppercase() {
                'F' => TcpFlags::FIN,
                'S' => TcpFlags::SYN,
                'R' => TcpFlags::RST,
                'P' => TcpFlags::PSH,
                'A' => TcpFlags::ACK,
                'U' => TcpFlags::URG,
                'E' => TcpFlags::ECE,
                'C' => TcpFlags::CWR,
                'N' => TcpFlags::AE,
                _ => return Err(error("expected letters of FSRPAUECN", word)),
            });
        }
        if word.is_empty() {
            return Err(error("expected letters of FSRPAUECN", word));
        }
        Ok(Node::Flags { flags, exactly })
    }
}

fn one_or(mut nodes: Vec<Node>, join: fn(Vec<Node>) -> Node) -> Node {
    match nodes.len() {
        1 => nodes.swap_remove(0),
        _ => join(nodes),
    }
}

fn network(word: &str) -> Result<IpNet, PacketFilterError> {
    let host = || word.parse::<IpAddr>().map(IpNet::from);
    let net = word.parse().or_else(|_| host());
    net.map_err(|_| {
        error(
            "expected an address, a prefix or a word of the filter language",
            word,
        )
    })
}

fn error(problem: &'static str, word: &str) -> PacketFilterError {
    PacketFilterError {
        problem,
        word: word.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use wirecraft_ip_packets::v4;

    use super::*;

    fn takes(filter: &str) -> bool {
        let packet = v4([10, 0, 0, 1].into(), [10, 0, 0, 2].into())
            .ttl(9)
            .tcp(40_000, 80)
            .syn()
            .ece()
            .payload(b"hi")
            .build();
        let filter: PacketFilter = filter.parse().unwrap();
        filter.matches(&IpPacket::parse(&packet).unwrap())
    }

    #[test]
    fn every_word_means_what_the_table_says() {
        for filter in [
            "",
            "tcp",
            "ip4",
            "proto tcp",
            "proto 6",
            "host 10.0.0.1",
            "10.0.0.2",
            "src host 10.0.0.1",
            "dst 10.0.0.2",
            "net 10.0.0.0/8",
            "src net 10.0.0.1/32",
            "port 80",
            "dst port 79-81",
            "src port 40000",
            "flags S",
            "flags se",
            "flags =SE",
            "less 42",
            "greater 42",
            "ttl 9",
            "not udp",
            "tcp and port 80",
            "tcp port 80",
            "udp or tcp",
            "udp or (tcp and (ttl 9))",
            "udp and port 1 or tcp",
            "! ( udp || icmp ) && tcp",
        ] {
            assert!(takes(filter), "{filter}");
        }
        for filter in [
            "udp",
            "icmp",
            "ip6",
            "fragment",
            "proto 17",
            "host 10.0.0.3",
            "src host 10.0.0.2",
            "dst net fd00::/8",
            "port 81",
            "src port 80",
            "flags SA",
            "flags =S",
            "less 41",
            "greater 43",
            "ttl 8",
            "not tcp",
            "tcp and udp",
            "tcp and (udp or icmp)",
        ] {
            assert!(!takes(filter), "{filter}");
        }
    }

    #[test]
    fn a_filter_that_cannot_be_read_names_the_word() {
        for (filter, message) in [
            (
                "tcp and",
                "filter: expected an address, a prefix or a word of the filter language at the end",
            ),
            (
                "port http",
                "filter: expected a port or a range of ports at \"http\"",
            ),
            (
                "port 9-1",
                "filter: expected a port or a range of ports at \"9-1\"",
            ),
            ("flags X", "filter: expected letters of FSRPAUECN at \"X\""),
            ("(tcp", "filter: expected ) at the end"),
            ("tcp)", "filter: cannot go on at \")\""),
            (
                "proto nonsense",
                "filter: expected a protocol at \"nonsense\"",
            ),
        ] {
            let error = filter.parse::<PacketFilter>().unwrap_err();
            assert_eq!(error.to_string(), message);
        }
        let deep = "not ".repeat(1000) + "tcp";
        assert!(deep.parse::<PacketFilter>().is_err());
    }

    proptest! {
        #[test]
        fn parsing_never_panics(words in prop::collection::vec("(not|\\(|\\)|and|or|src|dst|port|flags|net|[a-z0-9./=-]{1,6})", 0..20)) {
            let _ = words.join(" ").parse::<PacketFilter>();
        }
    }
}
