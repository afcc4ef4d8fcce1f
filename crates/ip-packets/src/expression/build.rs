//! Syntax to bytes: from the addresses inwards, then from the payload outwards.

use alloc::borrow::Cow;
use alloc::vec::Vec;
use core::net::{IpAddr, Ipv4Addr};

use super::argument::{self, Arguments};
use super::error::{ExpressionProblem, Problem};
use super::syntax::{Call, Part, Place};
use super::{Defaults, extension, icmp, ip, neighbour, upper};
use crate::{BuildError, IPV4_HEADER_LEN, IPV6_HEADER_LEN, IpBuilder, Protocol, v4, v6};

/// What stands on IP where nothing says what it is: for experiments. RFC 3692.
const UNNAMED: Protocol = Protocol::new(253);

/// What a layer carries, and what it becomes by that.
#[derive(Default)]
pub(super) struct Carried {
    pub(super) bytes: Vec<u8>,
    /// What the outermost layer of `bytes` is.
    protocol: Option<Protocol>,
    /// The extensions of ICMP messages on their way out to those, the innermost last.
    pub(super) extensions: Vec<Extension>,
}

/// The extension of an ICMP message, with where the expression has it.
pub(super) struct Extension {
    pub(super) bytes: Vec<u8>,
    pub(super) at: Place,
}

impl Carried {
    /// Returns what the header around it says it is.
    pub(super) fn protocol(&self) -> Protocol {
        self.protocol.unwrap_or(UNNAMED)
    }

    /// Puts a layer in place of what it carries.
    pub(super) fn wrap(&mut self, bytes: Vec<u8>, protocol: Protocol) {
        self.bytes = bytes;
        self.protocol = Some(protocol);
    }

    /// Puts bytes before those there are.
    pub(super) fn prepend(&mut self, head: &[u8], protocol: Protocol) {
        self.bytes.splice(..0, head.iter().copied());
        self.protocol = Some(protocol);
    }
}

/// The addresses that the checksums of a layer cover.
#[derive(Clone, Copy)]
pub(super) struct Addresses {
    pub(super) source: IpAddr,
    pub(super) destination: IpAddr,
}

impl Addresses {
    const fn outside(defaults: &Defaults) -> Self {
        Self {
            source: IpAddr::V4(defaults.source_v4),
            destination: IpAddr::V4(defaults.destination_v4),
        }
    }

    /// Returns addresses for what is under IPv4 whatever they are.
    pub(super) const fn in_v4() -> Self {
        Self {
            source: IpAddr::V4(Ipv4Addr::UNSPECIFIED),
            destination: IpAddr::V4(Ipv4Addr::UNSPECIFIED),
        }
    }

    /// Returns the length of the header of such a packet, in bytes.
    pub(super) const fn header_len(&self) -> usize {
        match (self.source, self.destination) {
            (IpAddr::V4(_), IpAddr::V4(_)) => IPV4_HEADER_LEN,
            _ => IPV6_HEADER_LEN,
        }
    }

    /// Starts a packet on which the checksums of an upper layer come out right.
    pub(super) fn builder(&self) -> IpBuilder<'static> {
        match (self.source, self.destination) {
            (IpAddr::V4(source), IpAddr::V4(destination)) => v4(source, destination).into(),
            (IpAddr::V6(source), IpAddr::V6(destination)) => v6(source, destination).into(),
            (IpAddr::V4(source), IpAddr::V6(destination)) => {
                v6(source.to_ipv6_mapped(), destination).into()
            }
            (IpAddr::V6(source), IpAddr::V4(destination)) => {
                v6(source, destination.to_ipv6_mapped()).into()
            }
        }
    }
}

/// One layer: its names, its fields, and how it is built around what it carries.
pub(super) struct Layer {
    pub(super) name: &'static str,
    pub(super) fields: &'static [&'static str],
    pub(super) build: fn(Arguments<'_>, &Addresses, &mut Carried) -> Result<(), Problem>,
}

/// The layers, in the order in which errors list them.
const LAYERS: [&[Layer]; 5] = [
    ip::LAYERS,
    extension::LAYERS,
    upper::LAYERS,
    icmp::LAYERS,
    neighbour::LAYERS,
];

/// All names, for errors. A test keeps it complete.
const NAMES: &[&str] = &[
    "ip", "ip6", "hbh", "dstopts", "routing", "srh", "frag", "ah", "esp", "tcp", "udp", "udplite",
    "gre", "sctp", "icmp", "icmp6", "ext", "igmp", "igmp3r", "rs", "ra", "ns", "na", "redirect",
    "mldq", "mldr", "mldd", "mld2r", "hex", "zeros", "repeat", "raw",
];

pub(super) fn build(parts: &[Part], defaults: &Defaults) -> Result<Carried, Problem> {
    let mut at = Addresses::outside(defaults);
    let mut around = Vec::with_capacity(parts.len());
    for part in parts {
        if let Part::Call(call) = part {
            ip::enter(call, defaults, &mut at)?;
        }
        around.push(at);
        if let Part::Call(call) = part {
            ip::enter_payload(call, &mut at);
        }
    }
    let (mut carried, mut contents) = (Carried::default(), Contents::default());
    for (part, addresses) in parts.iter().zip(&around).rev() {
        let place = match part {
            Part::Text(bytes, place) => {
                contents.push(Cow::Borrowed(bytes));
                *place
            }
            Part::Call(call) if argument::is_payload(&call.name) => {
                contents.push(Cow::Owned(argument::payload(call)?));
                call.at
            }
            Part::Call(call) => {
                contents.put_before(&mut carried);
                build_call(call, addresses, &mut carried)?;
                call.at
            }
        };
        argument::check_len(carried.bytes.len() + contents.len, place)?;
    }
    contents.put_before(&mut carried);
    match carried.extensions.first() {
        Some(left) => Err(Problem::new(left.at, ExpressionProblem::NoSuchError)),
        None => Ok(carried),
    }
}

/// Payloads that follow each other, the last first. They are put together at once: each by itself
/// would move all that stands behind it.
#[derive(Default)]
struct Contents<'a> {
    parts: Vec<Cow<'a, [u8]>>,
    /// How long they are together, in bytes.
    len: usize,
}

impl<'a> Contents<'a> {
    fn push(&mut self, part: Cow<'a, [u8]>) {
        self.len += part.len();
        self.parts.push(part);
    }

    /// Moves them before what is carried.
    fn put_before(&mut self, carried: &mut Carried) {
        if self.parts.is_empty() {
            return;
        }
        let mut bytes = Vec::with_capacity(self.len + carried.bytes.len());
        for part in self.parts.drain(..).rev() {
            bytes.extend_from_slice(&part);
        }
        bytes.append(&mut carried.bytes);
        carried.bytes = bytes;
        self.len = 0;
    }
}

fn build_call(call: &Call, addresses: &Addresses, carried: &mut Carried) -> Result<(), Problem> {
    let mut layers = LAYERS.iter().copied().flatten();
    let Some(layer) = layers.find(|layer| layer.name == canonical(&call.name)) else {
        return Err(Problem::new(
            call.at,
            ExpressionProblem::UnknownName { known: NAMES },
        ));
    };
    (layer.build)(Arguments::new(call, layer.fields)?, addresses, carried)
}

/// Returns the name under which a layer stands in the table.
pub(super) fn canonical(name: &str) -> &str {
    match name {
        "ipv6" => "ip6",
        "ipv4" => "ip",
        "icmpv6" => "icmp6",
        other => other,
    }
}

/// Returns an address of the outermost IP header.
pub(super) fn address(parts: &[Part], field: &str) -> Option<IpAddr> {
    let call = parts.iter().find_map(|part| match part {
        Part::Call(call) if ip::is_header(call) => Some(call),
        _ => None,
    });
    ip::address(call?, field)
}

/// Takes the IP header off that a layer was built with.
pub(super) fn without_ip(mut packet: Vec<u8>, at: &Addresses) -> Vec<u8> {
    packet.drain(..at.header_len());
    packet
}

/// Makes the problem of a packet that a builder refused.
pub(super) fn refused(arguments: &Arguments<'_>) -> impl FnOnce(BuildError) -> Problem {
    let at = arguments.at();
    move |error| Problem::new(at, ExpressionProblem::Build(error))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_list_every_layer() {
        let layers = LAYERS.iter().copied().flatten().map(|layer| layer.name);
        let all: Vec<&str> = layers.chain(argument::PAYLOADS).collect();
        assert!(all.iter().all(|name| NAMES.contains(name)), "{all:?}");
        assert!(NAMES.iter().all(|name| all.contains(name)), "{all:?}");
    }
}
