//! Control messages, their options and extension headers under the names that tshark has for them.

use std::net::Ipv6Addr;

use wirecraft_ip_packets::{
    ExtensionHeader, IcmpObject, Icmpv4Kind, Icmpv4Unreachable, Icmpv6Kind, InterfaceInformation,
    Ipv6Extension, Ipv6Option, MplsLabel, NdpOption, NdpOptions, NeighborFlags, RouterFlags,
    RoutingHeader,
};

use crate::fields::Fields;

/// Adds what a message of ICMP says.
pub(crate) fn icmpv4(fields: &mut Fields, kind: &Icmpv4Kind<'_>) {
    match kind {
        Icmpv4Kind::EchoRequest(echo) | Icmpv4Kind::EchoReply(echo) => {
            fields.add("icmp.ident", echo.identifier);
            fields.add("icmp.seq", echo.sequence);
        }
        Icmpv4Kind::TimestampRequest(times) | Icmpv4Kind::TimestampReply(times) => {
            fields.add("icmp.originate_timestamp", times.originate);
            fields.add("icmp.receive_timestamp", times.receive);
            fields.add("icmp.transmit_timestamp", times.transmit);
        }
        Icmpv4Kind::AddressMaskRequest(it) | Icmpv4Kind::AddressMaskReply(it) => {
            fields.add("icmp.address_mask", it.mask);
        }
        Icmpv4Kind::RouterAdvertisement {
            lifetime, routers, ..
        } => {
            fields.add("icmp.lifetime", lifetime);
            for router in routers.iter() {
                fields.add("icmp.router_address", router.address);
                fields.add("icmp.pref_level", router.preference);
            }
        }
        Icmpv4Kind::ParameterProblem { pointer, .. } => fields.add("icmp.pointer", pointer),
        Icmpv4Kind::DestinationUnreachable {
            code, next_hop_mtu, ..
        } if *code == Icmpv4Unreachable::FRAGMENTATION_NEEDED => {
            fields.add("icmp.mtu", next_hop_mtu);
        }
        Icmpv4Kind::Redirect { gateway, .. } => fields.add("icmp.redir_gw", gateway),
        Icmpv4Kind::ExtendedEchoRequest(it) => {
            fields.add("icmp.ident", it.identifier);
            fields.add("icmp.ext.echo.seq", it.sequence);
            fields.add("icmp.ext.echo.req.local", u8::from(it.local));
        }
        Icmpv4Kind::ExtendedEchoReply(it) => {
            fields.add("icmp.ident", it.identifier);
            fields.add("icmp.ext.echo.seq", it.sequence);
            fields.add("icmp.ext.echo.rsp.state", it.state.number());
            fields.add("icmp.ext.echo.rsp.active", u8::from(it.active));
            fields.add("icmp.ext.echo.rsp.ipv4", u8::from(it.ipv4));
            fields.add("icmp.ext.echo.rsp.ipv6", u8::from(it.ipv6));
        }
        _ => {}
    }
}

/// Adds what a message of ICMPv6 says.
pub(crate) fn icmpv6(fields: &mut Fields, kind: &Icmpv6Kind<'_>) {
    match kind {
        Icmpv6Kind::EchoRequest(echo) | Icmpv6Kind::EchoReply(echo) => {
            let identifier = format!("{:#06x}", echo.identifier);
            fields.add("icmpv6.echo.identifier", identifier);
            fields.add("icmpv6.echo.sequence_number", echo.sequence);
        }
        Icmpv6Kind::PacketTooBig { mtu, .. } => fields.add("icmpv6.mtu", mtu),
        Icmpv6Kind::ParameterProblem { pointer, .. } => fields.add("icmpv6.pointer", pointer),
        Icmpv6Kind::RouterAdvertisement(it) => {
            fields.add("icmpv6.nd.ra.cur_hop_limit", it.hop_limit);
            for (name, flag) in [
                ("icmpv6.nd.ra.flag.m", RouterFlags::MANAGED),
                ("icmpv6.nd.ra.flag.o", RouterFlags::OTHER),
            ] {
                fields.add(name, u8::from(it.flags.contains(flag)));
            }
            fields.add("icmpv6.nd.ra.router_lifetime", it.lifetime);
            fields.add("icmpv6.nd.ra.reachable_time", it.reachable_time);
            fields.add("icmpv6.nd.ra.retrans_timer", it.retransmit_timer);
        }
        Icmpv6Kind::NeighborSolicitation(it) => {
            fields.add("icmpv6.nd.ns.target_address", it.target);
        }
        Icmpv6Kind::NeighborAdvertisement(it) => {
            for (name, flag) in [
                ("icmpv6.nd.na.flag.r", NeighborFlags::ROUTER),
                ("icmpv6.nd.na.flag.s", NeighborFlags::SOLICITED),
                ("icmpv6.nd.na.flag.o", NeighborFlags::OVERRIDE),
            ] {
                fields.add(name, u8::from(it.flags.contains(flag)));
            }
            fields.add("icmpv6.nd.na.target_address", it.target);
        }
        Icmpv6Kind::Redirect(it) => {
            fields.add("icmpv6.nd.rd.target_address", it.target);
            fields.add("icmpv6.rd.na.destination_address", it.destination);
        }
        Icmpv6Kind::ExtendedEchoRequest(it) => {
            fields.add("icmpv6.ext.echo.seq", it.sequence);
            fields.add("icmpv6.ext.echo.req.local", u8::from(it.local));
        }
        Icmpv6Kind::ExtendedEchoReply(it) => {
            fields.add("icmpv6.ext.echo.seq", it.sequence);
            fields.add("icmpv6.ext.echo.rsp.state", it.state.number());
        }
        _ => {}
    }
    if let Some(options) = kind.ndp_options() {
        ndp(fields, options);
    }
}

fn ndp(fields: &mut Fields, options: NdpOptions<'_>) {
    for option in options.iter() {
        fields.add("icmpv6.opt.type", option.kind().number());
        match option {
            NdpOption::SourceLinkLayer(address) | NdpOption::TargetLinkLayer(address) => {
                let pairs: Vec<String> = address.iter().map(|it| format!("{it:02x}")).collect();
                fields.add("icmpv6.opt.linkaddr", pairs.join(":"));
            }
            NdpOption::Prefix(it) => {
                fields.add("icmpv6.opt.prefix", it.prefix);
                fields.add("icmpv6.opt.prefix.length", it.prefix_len);
                fields.add("icmpv6.opt.prefix.valid_lifetime", it.valid_lifetime);
                let preferred = "icmpv6.opt.prefix.preferred_lifetime";
                fields.add(preferred, it.preferred_lifetime);
            }
            NdpOption::Mtu(mtu) => fields.add("icmpv6.opt.mtu", mtu),
            NdpOption::RecursiveDns { lifetime, servers } => {
                fields.add("icmpv6.opt.rdnss.lifetime", lifetime);
                for server in servers.iter() {
                    fields.add("icmpv6.opt.rdnss", server);
                }
            }
            other => rare_ndp(fields, &other),
        }
    }
}

fn rare_ndp(fields: &mut Fields, option: &NdpOption<'_>) {
    match option {
        NdpOption::Route(it) => {
            let preference = "icmpv6.opt.route_info.flag.route_preference";
            fields.add(preference, it.preference as u8);
            fields.add("icmpv6.opt.route_lifetime", it.lifetime);
        }
        NdpOption::DnsSearchList { lifetime, domains } => {
            fields.add("icmpv6.opt.dnssl.lifetime", lifetime);
            for domain in domains.iter() {
                fields.add("icmpv6.opt.dnssl", domain);
            }
        }
        NdpOption::Nonce(nonce) => fields.bytes("icmpv6.opt.nonce", nonce),
        NdpOption::CaptivePortal(uri) => {
            fields.add("icmpv6.opt.captive_portal", String::from_utf8_lossy(uri));
        }
        NdpOption::Pref64(it) => {
            fields.add("icmpv6.opt.pref64.scaled_lifetime", it.lifetime / 8);
            fields.add("icmpv6.opt.pref64.plc", it.prefix_len_code);
        }
        _ => {}
    }
}

/// Adds an object of an extension.
pub(crate) fn object(fields: &mut Fields, object: &IcmpObject<'_>) {
    fields.add("icmp.ext.class", object.class().number());
    match object {
        IcmpObject::MplsLabels(labels) => {
            for MplsLabel {
                label,
                traffic_class,
                bottom,
                ttl,
            } in labels.iter()
            {
                fields.add("icmp.mpls.label", label);
                fields.add("icmp.mpls.exp", traffic_class);
                fields.add("icmp.mpls.s", u8::from(bottom));
                fields.add("icmp.mpls.ttl", ttl);
            }
        }
        IcmpObject::Interface(it) => interface(fields, it),
        _ => {}
    }
}

fn interface(fields: &mut Fields, it: &InterfaceInformation<'_>) {
    fields.add("icmp.int_info.role", it.role as u8);
    fields.add_some("icmp.int_info.index", it.index);
    fields.add_some("icmp.int_info.mtu", it.mtu);
    let name = it.name.map(String::from_utf8_lossy);
    fields.add_some("icmp.int_info.name", name);
}

/// Adds an extension header of IPv6.
pub(crate) fn extension(fields: &mut Fields, header: &ExtensionHeader<'_>) {
    match header.content() {
        Ipv6Extension::HopByHop(options) | Ipv6Extension::Destination(options) => {
            for option in options.iter().flatten() {
                let kind = format!("{:#04x}", option.kind());
                fields.add("ipv6.opt.type", kind);
                if let Ipv6Option::HomeAddress(home) = option {
                    fields.add("ipv6.opt.mipv6.home_address", home);
                }
            }
        }
        Ipv6Extension::Routing(routing) => {
            fields.add("ipv6.routing.type", routing.kind().number());
            fields.add("ipv6.routing.segleft", routing.segments_left());
            route(fields, &routing);
        }
        Ipv6Extension::Authentication(it) => {
            fields.add("ah.spi", format!("{:#010x}", it.spi));
            fields.add("ah.sequence", it.sequence);
            fields.bytes("ah.icv", it.icv);
        }
        _ => {}
    }
}

fn route(fields: &mut Fields, routing: &RoutingHeader<'_>) {
    let mut all = |name, addresses: &[[u8; 16]]| {
        for octets in addresses {
            fields.add(name, Ipv6Addr::from(*octets));
        }
    };
    match routing {
        RoutingHeader::Source { addresses, .. } => all("ipv6.routing.src.addr", addresses),
        RoutingHeader::Home { address, .. } => {
            all("ipv6.routing.mipv6.home_address", &[address.octets()]);
        }
        RoutingHeader::Rpl(it) => {
            fields.add("ipv6.routing.rpl.cmprI", it.elided);
            fields.add("ipv6.routing.rpl.cmprE", it.elided_in_last);
            fields.add("ipv6.routing.rpl.pad", it.padding);
        }
        RoutingHeader::Segments { segments, tag, .. } => {
            all("ipv6.routing.srh.addr", segments);
            fields.bytes("ipv6.routing.srh.tag", &tag.to_be_bytes());
        }
        _ => {}
    }
}

/// The fields that are asked for.
pub(crate) const COMPARED: &[&str] = &[
    "icmp.ident",
    "icmp.seq",
    "icmp.originate_timestamp",
    "icmp.receive_timestamp",
    "icmp.transmit_timestamp",
    "icmp.address_mask",
    "icmp.lifetime",
    "icmp.router_address",
    "icmp.pref_level",
    "icmp.pointer",
    "icmp.mtu",
    "icmp.redir_gw",
    "icmp.ext.echo.seq",
    "icmp.ext.echo.req.local",
    "icmp.ext.echo.rsp.state",
    "icmp.ext.echo.rsp.active",
    "icmp.ext.echo.rsp.ipv4",
    "icmp.ext.echo.rsp.ipv6",
    "icmpv6.echo.identifier",
    "icmpv6.echo.sequence_number",
    "icmpv6.mtu",
    "icmpv6.pointer",
    "icmpv6.nd.ra.cur_hop_limit",
    "icmpv6.nd.ra.flag.m",
    "icmpv6.nd.ra.flag.o",
    "icmpv6.nd.ra.router_lifetime",
    "icmpv6.nd.ra.reachable_time",
    "icmpv6.nd.ra.retrans_timer",
    "icmpv6.nd.ns.target_address",
    "icmpv6.nd.na.flag.r",
    "icmpv6.nd.na.flag.s",
    "icmpv6.nd.na.flag.o",
    "icmpv6.nd.na.target_address",
    "icmpv6.nd.rd.target_address",
    "icmpv6.rd.na.destination_address",
    "icmpv6.ext.echo.seq",
    "icmpv6.ext.echo.req.local",
    "icmpv6.ext.echo.rsp.state",
    "icmpv6.opt.type",
    "icmpv6.opt.linkaddr",
    "icmpv6.opt.prefix",
    "icmpv6.opt.prefix.length",
    "icmpv6.opt.prefix.valid_lifetime",
    "icmpv6.opt.prefix.preferred_lifetime",
    "icmpv6.opt.mtu",
    "icmpv6.opt.rdnss.lifetime",
    "icmpv6.opt.rdnss",
    "icmpv6.opt.route_info.flag.route_preference",
    "icmpv6.opt.route_lifetime",
    "icmpv6.opt.dnssl.lifetime",
    "icmpv6.opt.dnssl",
    "icmpv6.opt.nonce",
    "icmpv6.opt.captive_portal",
    "icmpv6.opt.pref64.scaled_lifetime",
    "icmpv6.opt.pref64.plc",
    "icmp.ext.class",
    "icmp.mpls.label",
    "icmp.mpls.exp",
    "icmp.mpls.s",
    "icmp.mpls.ttl",
    "icmp.int_info.role",
    "icmp.int_info.index",
    "icmp.int_info.mtu",
    "icmp.int_info.name",
    "ipv6.opt.type",
    "ipv6.opt.mipv6.home_address",
    "ipv6.routing.type",
    "ipv6.routing.segleft",
    "ipv6.routing.src.addr",
    "ipv6.routing.mipv6.home_address",
    "ipv6.routing.rpl.cmprI",
    "ipv6.routing.rpl.cmprE",
    "ipv6.routing.rpl.pad",
    "ipv6.routing.srh.addr",
    "ipv6.routing.srh.tag",
    "ah.spi",
    "ah.sequence",
    "ah.icv",
];
