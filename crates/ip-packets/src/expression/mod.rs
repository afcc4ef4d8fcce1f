//! Packets as text: layers with their fields, from the outermost to the payload.
//!
//! ```text
//! expression = part { "/" part }
//! part       = text | call | name
//! call       = name "(" [ argument { "," argument } ] ")"
//! argument   = [ name "=" ] value
//! value      = word | text | call | "[" [ value { "," value } ] "]"
//! text       = '"' { any character | \n \r \t \0 \" \\ \xHH } '"'
//! ```
//!
//! A word is a run of letters, digits and `.:_+|-`: a number (`80`, `0x50`), an address, flags or a
//! name, as the field has it. Names may be in any case.

mod argument;
mod build;
mod error;
mod extension;
mod icmp;
mod ip;
mod link_options;
mod multipath;
mod neighbour;
mod options;
mod parse;
mod show;
mod syntax;
mod upper;

use alloc::string::String;
use alloc::vec::Vec;
use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use core::str::FromStr;

pub use error::{ExpressionError, ExpressionProblem};

use error::Problem;
use syntax::{Part, Place};

/// A packet as text, parsed.
///
/// ```
/// use wirecraft_ip_packets::{Defaults, Expression, IpPacket};
///
/// let text = r#"ip(dst=10.0.0.1,ttl=3,options=[rr(3)])/tcp(dport=80,flags=S,mss=1380)/"hello""#;
/// let expression: Expression = text.parse()?;
/// let packet = expression.build(&Defaults::default())?;
/// assert_eq!(IpPacket::parse(&packet).unwrap().tcp().unwrap().payload(), b"hello");
/// assert_eq!(expression.to_string(), text);
///
/// let error = "ip(dst=10.0.0.1)/tcp(dport=70000)".parse::<Expression>().unwrap_err();
/// assert_eq!(error.column(), 28);
/// # Ok::<(), wirecraft_ip_packets::ExpressionError>(())
/// ```
///
/// Layers and fields are named as scapy names them, where it has a name:
///
/// | Layer | Fields |
/// |---|---|
/// | `ip` | `src` `dst` `ttl` `tos` `dscp` `ecn` `id` `flags` (`DF`, `MF`, `evil`, with `+` or a vertical bar between) `frag` (in 8 bytes) `proto` `len` `ihl` (in words) `chksum` `version` `options` |
/// | `ip6` | `src` `dst` `hlim` `tc` `dscp` `ecn` `fl` `plen` `nh` `version` |
/// | `hbh`, `dstopts` | `options` `nh` `len` (in 8 bytes, less the first) |
/// | `routing` | `type` (a number, or a name such as `srh`) `segleft` `addresses` (in the order of the type) `data` (in place of what stands before them) `nh` `len` |
/// | `srh` | `addresses` (the last one first) `segleft` `lastentry` `flags` `tag` `tlvs` `nh` `len` |
/// | `frag` | `offset` (in 8 bytes) `m` `id` `nh` |
/// | `ah`, `esp` | `spi` `seq`; `icv` `nh` `len` (in words, less 2) of `ah` |
/// | `tcp` | `sport` `dport` `seq` `ack` `flags` (letters of `FSRPAUECN`; `S` if left out) `window` `urgptr` `reserved` `dataofs` (in words) `chksum` `options` `mss` `wscale` `sackok` `ts` |
/// | `udp`, `udplite` | `sport` `dport` `len` (`cscov` of `udplite`) `chksum` |
/// | `icmp`, `icmp6` | `type` `code` `id` `seq` `mtu` `ptr` `length` `word` `chksum`; of `icmp` also `gw`, `ori` `rx` `tx` of timestamps, and `mask` |
/// | `rs`, `ra`, `ns`, `na`, `redirect` | neighbour discovery: `target` `dst` `flags` `hlim` `lifetime` `reachable` `retrans` `options` `chksum` |
/// | `mldq`, `mldr`, `mldd`, `mld2r` | `group` `delay` `flags` `qqic` `sources` `records` `chksum` |
/// | `igmp`, `igmp3r` | `type` `mrt` `group` `flags` `qqic` `sources` `records` `chksum` |
/// | `gre` | `proto` `key` `seq` `chksum` (`auto` or a number) `version` |
/// | `sctp` | `sport` `dport` `tag` `chksum` `chunks` |
/// | `ext` | `objects` behind the packet that an ICMP error quotes (RFC 4884): `mpls(label, tc, s, ttl)` `iface(role, index, address, name, mtu)` `object(class, type, bytes)`; what an extended echo request asks about (RFC 8335): `ifname(name)` `ifindex(n)` `ifaddr(address)`. The innermost message that can have it takes the first one |
/// | `hex(0a0b)`, `"text"`, `zeros(n)`, `repeat(n, byte)` | a payload |
///
/// Options, each with a raw form by number, `opt(kind, bytes)`:
/// - IPv4: `eol` `nop` `rr(slots)` `rr([addresses], pointer)` `lsrr([..], pointer)` `ssrr([..], pointer)`
///   `ts(flag, [words], pointer, overflow)` `ra(value)` `sec(bytes)`
/// - IPv6: `pad1` `padn(n)` (`n` bytes in all, 2 at least) `ra(value)` `jumbo(n)` `home(address)`, the last two
///   behind padding where they must stand at a multiple of their own
/// - TCP: `eol` `nop` `mss(n)` `wscale(n)` `sackok` `sack([left, right, ..])` `ts(value, echo)` `md5(bytes)`
///   `ao(keyid, rnextkeyid, mac)` `uto(timeout, granularity)` `tfo(cookie)` `mptcp(subtype, bytes)`
///   `accecn0(..)` `accecn1(..)` `exp(kind, exid, bytes)`; subtypes of `mptcp` by their fields: `mpcapable(version,
///   flags, sender, receiver, len, csum)` `mpjoin(backup, id, token, hmac, nonce)` `dss(ack, ack64, seq, seq64, subseq,
///   len, csum, fin)` `addaddr(id, address, port, hmac)` `remaddr([ids])` `mpprio(backup, id)` `mpfail(seq)`
///   `fastclose(key)` `mpreset(reason, flags)`
/// - NDP: `slla(mac)` `tlla(mac)` `prefix(prefix, length, valid, preferred, flags)` `mtu(n)` `quoted(bytes)`
///   `nonce(bytes)` `rdnss(lifetime, [addresses])` `dnssl(lifetime, [domains])` `route(prefix, length, lifetime, preference)` `captive(uri)`
///   `pref64(prefix, lifetime, plc)`
///
/// Lengths, checksums and the numbers of protocols are filled in where they are left out. A payload
/// that no layer names has protocol 253, for experiments (RFC 3692).
#[derive(Clone, Debug)]
pub struct Expression {
    parts: Vec<Part>,
    /// The text it was parsed from, in which errors point.
    text: String,
}

/// The longest text that is parsed, in bytes: the longest packet takes half of it, byte by byte as
/// `\xHH`.
const TEXT_LEN_MAX: usize = 0x8_0000;
/// How much of a longer one its error shows, in bytes.
const SHOWN_LEN: usize = 72;

/// What stands where an expression leaves addresses out.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Defaults {
    /// The source of IPv4 packets.
    pub source_v4: Ipv4Addr,
    /// The destination of IPv4 packets.
    pub destination_v4: Ipv4Addr,
    /// The source of IPv6 packets.
    pub source_v6: Ipv6Addr,
    /// The destination of IPv6 packets.
    pub destination_v6: Ipv6Addr,
}

impl Default for Defaults {
    /// The unspecified addresses.
    fn default() -> Self {
        Self {
            source_v4: Ipv4Addr::UNSPECIFIED,
            destination_v4: Ipv4Addr::UNSPECIFIED,
            source_v6: Ipv6Addr::UNSPECIFIED,
            destination_v6: Ipv6Addr::UNSPECIFIED,
        }
    }
}

impl Expression {
    /// Returns the packet.
    ///
    /// # Errors
    /// [`ExpressionError`] if a packet would be longer than its length field can say.
    pub fn build(&self, defaults: &Defaults) -> Result<Vec<u8>, ExpressionError> {
        build::build(&self.parts, defaults)
            .map(|carried| carried.bytes)
            .map_err(|problem| problem.within(&self.text))
    }

    /// Returns the source of the outermost IP header, `None` where it is left out.
    #[must_use]
    pub fn source(&self) -> Option<IpAddr> {
        build::address(&self.parts, "src")
    }

    /// Returns the destination of the outermost IP header, `None` where it is left out.
    #[must_use]
    pub fn destination(&self) -> Option<IpAddr> {
        build::address(&self.parts, "dst")
    }
}

impl FromStr for Expression {
    type Err = ExpressionError;

    /// Parses an expression, and checks all of its names and values.
    ///
    /// No text makes more than a few packets' worth of bytes, and one of more than half a MiB is
    /// refused unread.
    fn from_str(text: &str) -> Result<Self, ExpressionError> {
        if text.len() > TEXT_LEN_MAX {
            let most = TEXT_LEN_MAX;
            let problem = Problem::new(Place(0), ExpressionProblem::TextTooLong { most });
            return Err(problem.within(&text[..text.floor_char_boundary(SHOWN_LEN)]));
        }
        let checked = parse::parse(text)
            .and_then(|parts| build::build(&parts, &Defaults::default()).map(|_| parts));
        match checked {
            Ok(parts) => Ok(Self {
                parts,
                text: text.into(),
            }),
            Err(problem) => Err(problem.within(text)),
        }
    }
}

/// Two expressions are equal if they say the same; how they were spaced does not matter.
impl PartialEq for Expression {
    fn eq(&self, other: &Self) -> bool {
        self.parts == other.parts
    }
}

impl Eq for Expression {}
