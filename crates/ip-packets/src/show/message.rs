//! What messages of ICMP and IGMP say, every field on a line of its own.

use core::fmt;

use super::options;
use super::tree::{Bytes, Listed, Named, line};
use crate::sequence::Element;
use crate::{
    Echo, ExtendedEchoReply, ExtendedEchoRequest, GroupRecord, IcmpExtensions, Icmpv4Kind,
    Icmpv6Kind, IgmpKind, NdpOptions, ParseError, Sequence, SourceQuery, Timestamps,
};

/// Shows the fields of a message behind type, code and checksum, but for what it carries.
pub(super) fn icmpv4(
    f: &mut fmt::Formatter<'_>,
    kind: &Icmpv4Kind<'_>,
    depth: usize,
) -> fmt::Result {
    match kind {
        Icmpv4Kind::EchoRequest(it) | Icmpv4Kind::EchoReply(it) => echo(f, it, depth),
        Icmpv4Kind::DestinationUnreachable { next_hop_mtu, .. } => {
            line(f, depth, "next hop mtu", next_hop_mtu)
        }
        Icmpv4Kind::ParameterProblem { pointer, .. } => line(f, depth, "pointer", pointer),
        Icmpv4Kind::Photuris { pointer, .. } => line(f, depth, "pointer", pointer),
        Icmpv4Kind::Redirect { gateway, .. } => line(f, depth, "gateway", gateway),
        Icmpv4Kind::RouterAdvertisement {
            lifetime, routers, ..
        } => {
            line(f, depth, "lifetime", lifetime)?;
            for router in *routers {
                let (address, preference) = (router.address, router.preference);
                let router = format_args!("{address}, preference {preference}");
                line(f, depth, "router", router)?;
            }
            Ok(())
        }
        Icmpv4Kind::TimestampRequest(it) | Icmpv4Kind::TimestampReply(it) => times(f, it, depth),
        Icmpv4Kind::InformationRequest {
            identifier,
            sequence,
        }
        | Icmpv4Kind::InformationReply {
            identifier,
            sequence,
        } => numbers(f, *identifier, *sequence, depth),
        Icmpv4Kind::AddressMaskRequest(it) | Icmpv4Kind::AddressMaskReply(it) => {
            numbers(f, it.identifier, it.sequence, depth)?;
            line(f, depth, "mask", it.mask)
        }
        Icmpv4Kind::ExtendedEchoRequest(it) => probe(f, it, depth),
        Icmpv4Kind::ExtendedEchoReply(it) => probed(f, it, depth),
        _ => Ok(()),
    }
}

/// Shows the fields of a message behind type, code and checksum, but for what it carries.
pub(super) fn icmpv6(
    f: &mut fmt::Formatter<'_>,
    kind: &Icmpv6Kind<'_>,
    depth: usize,
) -> fmt::Result {
    match kind {
        Icmpv6Kind::EchoRequest(it) | Icmpv6Kind::EchoReply(it) => echo(f, it, depth),
        Icmpv6Kind::PacketTooBig { mtu, .. } => line(f, depth, "mtu", mtu),
        Icmpv6Kind::ParameterProblem { pointer, .. } => line(f, depth, "pointer", pointer),
        Icmpv6Kind::MldQuery(it) => {
            let delay = it.maximum_response_delay().as_millis();
            line(
                f,
                depth,
                "maximum response delay",
                format_args!("{delay} ms"),
            )?;
            line(f, depth, "group", it.group)?;
            it.v2.map_or(Ok(()), |v2| source_query(f, &v2, depth))
        }
        Icmpv6Kind::MldReport { group } | Icmpv6Kind::MldDone { group } => {
            line(f, depth, "group", group)
        }
        Icmpv6Kind::Mld2Report { records } => group_records(f, records, depth),
        Icmpv6Kind::MulticastRouterAdvertisement {
            interval,
            query_interval,
            robustness,
        } => router(f, (*interval, *query_interval, *robustness), depth),
        Icmpv6Kind::ExtendedEchoRequest(it) => probe(f, it, depth),
        Icmpv6Kind::ExtendedEchoReply(it) => probed(f, it, depth),
        other => neighbor(f, other, depth),
    }
}

/// Shows messages of neighbor discovery.
fn neighbor(f: &mut fmt::Formatter<'_>, kind: &Icmpv6Kind<'_>, depth: usize) -> fmt::Result {
    match kind {
        Icmpv6Kind::RouterAdvertisement(it) => {
            line(f, depth, "hop limit", it.hop_limit)?;
            line(f, depth, "flags", format_args!("{:#04x}", it.flags.bits()))?;
            line(f, depth, "lifetime", it.lifetime)?;
            line(f, depth, "reachable time", it.reachable_time)?;
            line(f, depth, "retransmit timer", it.retransmit_timer)?;
        }
        Icmpv6Kind::NeighborSolicitation(it) => line(f, depth, "target", it.target)?,
        Icmpv6Kind::NeighborAdvertisement(it) => {
            line(f, depth, "flags", format_args!("{:#04x}", it.flags.bits()))?;
            line(f, depth, "target", it.target)?;
        }
        Icmpv6Kind::Redirect(it) => {
            line(f, depth, "target", it.target)?;
            line(f, depth, "destination", it.destination)?;
        }
        _ => {}
    }
    kind.ndp_options()
        .map_or(Ok(()), |it| ndp_options(f, &it, depth))
}

fn ndp_options(f: &mut fmt::Formatter<'_>, them: &NdpOptions<'_>, depth: usize) -> fmt::Result {
    for option in *them {
        line(f, depth, "option", options::Ndp(option))?;
    }
    them.stopped()
        .map_or(Ok(()), |error| line(f, depth, "option", error))
}

/// Shows the fields of a message behind type and checksum, but for bytes of an unknown type.
pub(super) fn igmp(f: &mut fmt::Formatter<'_>, kind: &IgmpKind<'_>, depth: usize) -> fmt::Result {
    match kind {
        IgmpKind::Query { group, v3, .. } => {
            line(f, depth, "group", group)?;
            v3.map_or(Ok(()), |v3| source_query(f, &v3, depth))
        }
        IgmpKind::V1Report { group } | IgmpKind::V2Report { group } | IgmpKind::Leave { group } => {
            line(f, depth, "group", group)
        }
        IgmpKind::V3Report { records } => group_records(f, records, depth),
        IgmpKind::RouterAdvertisement {
            interval,
            query_interval,
            robustness,
        } => router(f, (*interval, *query_interval, *robustness), depth),
        _ => Ok(()),
    }
}

/// Shows the extensions of a message.
pub(super) fn extensions(
    f: &mut fmt::Formatter<'_>,
    extensions: Result<Option<IcmpExtensions<'_>>, ParseError>,
    depth: usize,
) -> fmt::Result {
    match extensions {
        Ok(None) => Ok(()),
        Ok(Some(extensions)) => {
            let verdict = match extensions.checksum_is_valid() {
                true => "right",
                false => "wrong",
            };
            let sum = format_args!("{:#06x} ({verdict})", extensions.checksum());
            line(f, depth, "extension checksum", sum)?;
            for object in extensions.objects() {
                line(f, depth, "extension object", options::Object(object))?;
            }
            Ok(())
        }
        Err(error) => line(f, depth, "extension", error),
    }
}

fn numbers(
    f: &mut fmt::Formatter<'_>,
    identifier: u16,
    sequence: u16,
    depth: usize,
) -> fmt::Result {
    line(f, depth, "identifier", identifier)?;
    line(f, depth, "sequence", sequence)
}

fn echo(f: &mut fmt::Formatter<'_>, echo: &Echo<'_>, depth: usize) -> fmt::Result {
    numbers(f, echo.identifier, echo.sequence, depth)
}

fn times(f: &mut fmt::Formatter<'_>, times: &Timestamps, depth: usize) -> fmt::Result {
    numbers(f, times.identifier, times.sequence, depth)?;
    line(f, depth, "originate", times.originate)?;
    line(f, depth, "receive", times.receive)?;
    line(f, depth, "transmit", times.transmit)
}

fn probe(f: &mut fmt::Formatter<'_>, it: &ExtendedEchoRequest<'_>, depth: usize) -> fmt::Result {
    numbers(f, it.identifier, it.sequence.into(), depth)?;
    line(f, depth, "local", it.local)
}

fn probed(f: &mut fmt::Formatter<'_>, it: &ExtendedEchoReply, depth: usize) -> fmt::Result {
    numbers(f, it.identifier, it.sequence.into(), depth)?;
    line(f, depth, "state", Named(it.state))?;
    line(f, depth, "active", it.active)?;
    line(f, depth, "ipv4", it.ipv4)?;
    line(f, depth, "ipv6", it.ipv6)
}

/// Shows what a multicast router says: its interval, that of queries, and the robustness.
fn router(
    f: &mut fmt::Formatter<'_>,
    (interval, query_interval, robustness): (u8, u16, u16),
    depth: usize,
) -> fmt::Result {
    line(f, depth, "advertisement interval", interval)?;
    line(f, depth, "query interval", query_interval)?;
    line(f, depth, "robustness", robustness)
}

fn source_query<'a, A: Element<'a> + fmt::Display>(
    f: &mut fmt::Formatter<'_>,
    query: &SourceQuery<'a, A>,
    depth: usize,
) -> fmt::Result {
    line(f, depth, "suppress", query.suppress)?;
    line(f, depth, "robustness", query.robustness)?;
    let interval = query.interval().as_secs();
    line(f, depth, "query interval", format_args!("{interval} s"))?;
    line(f, depth, "sources", Listed(query.sources))
}

fn group_records<'a, A: Element<'a> + fmt::Display>(
    f: &mut fmt::Formatter<'_>,
    records: &Sequence<'a, GroupRecord<'a, A>>,
    depth: usize,
) -> fmt::Result {
    for record in *records {
        let (kind, group) = (record.kind, record.group);
        let sources = Listed(record.sources);
        line(
            f,
            depth,
            "record",
            format_args!("{kind}, {group}, sources {sources}"),
        )?;
        if !record.auxiliary.is_empty() {
            line(f, depth, "auxiliary data", Bytes(record.auxiliary))?;
        }
    }
    Ok(())
}
