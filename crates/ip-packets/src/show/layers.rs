//! The layers beside TCP, UDP and ICMP, with every field on a line of its own.

use core::fmt;

use super::DEPTH_MAX;
use super::tree::{Bytes, Named, line, packet, payload, sum, title};
use crate::checksum::PseudoHeader;
use crate::{GrePacket, IgmpKind, IgmpMessage, SctpPacket, UdpLiteDatagram};

/// Says of a checksum whether it is right.
const fn verdict(is_valid: bool) -> &'static str {
    if is_valid { "right" } else { "wrong" }
}

pub(super) fn igmp(
    f: &mut fmt::Formatter<'_>,
    message: &IgmpMessage<'_>,
    depth: usize,
) -> fmt::Result {
    title(f, depth, "IGMP")?;
    line(f, depth, "type", Named(message.message_type()))?;
    line(f, depth, "code", message.code())?;
    let (sum, is_right) = (message.checksum(), verdict(message.checksum_is_valid()));
    line(
        f,
        depth,
        "checksum",
        format_args!("{sum:#06x} ({is_right})"),
    )?;
    let kind = message.kind();
    super::message::igmp(f, &kind, depth)?;
    match kind {
        IgmpKind::Other { rest, .. } => payload(f, rest, depth),
        _ => Ok(()),
    }
}

pub(super) fn udp_lite(
    f: &mut fmt::Formatter<'_>,
    datagram: &UdpLiteDatagram<'_>,
    pseudo_header: Option<&PseudoHeader>,
    depth: usize,
) -> fmt::Result {
    title(f, depth, "UDP-Lite")?;
    line(f, depth, "source port", datagram.source_port())?;
    line(f, depth, "destination port", datagram.destination_port())?;
    line(f, depth, "checksum coverage", datagram.coverage())?;
    let is_valid = pseudo_header.map(|it| datagram.checksum_is_valid(it));
    sum(f, depth, datagram.checksum(), is_valid)?;
    payload(f, datagram.payload(), depth)
}

pub(super) fn gre(f: &mut fmt::Formatter<'_>, gre: &GrePacket<'_>, depth: usize) -> fmt::Result {
    title(f, depth, "GRE")?;
    line(
        f,
        depth,
        "flags and version",
        format_args!("{:#06x}", gre.flags()),
    )?;
    let protocol = gre.protocol();
    let protocol = format_args!("{:#06x} ({protocol})", protocol.0);
    line(f, depth, "protocol", protocol)?;
    if let Some(sum) = gre.checksum() {
        let is_right = verdict(gre.checksum_is_valid());
        line(
            f,
            depth,
            "checksum",
            format_args!("{sum:#06x} ({is_right})"),
        )?;
    }
    if let Some(key) = gre.key() {
        line(f, depth, "key", format_args!("{key:#010x}"))?;
    }
    if let Some(sequence) = gre.sequence() {
        line(f, depth, "sequence number", sequence)?;
    }
    if let (true, Ok(Some(inner))) = (depth < DEPTH_MAX, gre.ip_packet()) {
        f.write_str("\n")?;
        return packet(f, &inner, depth + 1);
    }
    payload(f, gre.payload(), depth)
}

pub(super) fn sctp(f: &mut fmt::Formatter<'_>, sctp: &SctpPacket<'_>, depth: usize) -> fmt::Result {
    title(f, depth, "SCTP")?;
    line(f, depth, "source port", sctp.source_port())?;
    line(f, depth, "destination port", sctp.destination_port())?;
    line(
        f,
        depth,
        "verification tag",
        format_args!("{:#010x}", sctp.verification_tag()),
    )?;
    let (sum, is_right) = (sctp.checksum(), verdict(sctp.checksum_is_valid()));
    line(
        f,
        depth,
        "checksum",
        format_args!("{sum:#010x} ({is_right})"),
    )?;
    for chunk in sctp.chunks() {
        let (kind, flags, value) = (Named(chunk.chunk_type), chunk.flags, chunk.value);
        let chunk = format_args!("{kind}, flags {flags:#04x}, value {}", Bytes(value));
        line(f, depth, "chunk", chunk)?;
    }
    match sctp.chunks().stopped() {
        Some(error) => {
            line(f, depth, "chunk", error)?;
            payload(f, sctp.payload(), depth)
        }
        None => Ok(()),
    }
}
