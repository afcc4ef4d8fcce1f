//! Who listens to which group, and options of IPv4, under the names that tshark has for them.

use std::net::{Ipv4Addr, Ipv6Addr};

use wirecraft_ip_packets::{
    GroupRecord, Icmpv6Kind, IgmpKind, Ipv4Option, Ipv4Packet, SourceQuery,
};

use crate::fields::Fields;

/// Adds what a message of IGMP says.
pub(crate) fn igmp(fields: &mut Fields, kind: &IgmpKind<'_>) {
    match kind {
        IgmpKind::Query { group, v3, .. } => {
            fields.add("igmp.maddr", group);
            if let Some(query) = v3 {
                igmp_query(fields, query);
            }
        }
        IgmpKind::V1Report { group } | IgmpKind::V2Report { group } | IgmpKind::Leave { group } => {
            fields.add("igmp.maddr", group);
        }
        IgmpKind::V3Report { records } => {
            fields.add("igmp.num_grp_recs", records.len());
            for record in records.iter() {
                igmp_record(fields, &record);
            }
        }
        _ => {}
    }
}

fn igmp_query(fields: &mut Fields, query: &SourceQuery<'_, Ipv4Addr>) {
    fields.add("igmp.s", u8::from(query.suppress));
    fields.add("igmp.qrv", query.robustness);
    fields.add("igmp.qqic", query.interval_code);
    fields.add("igmp.num_src", query.sources.len());
    for source in query.sources.iter() {
        fields.add("igmp.saddr", source);
    }
}

fn igmp_record(fields: &mut Fields, record: &GroupRecord<'_, Ipv4Addr>) {
    fields.add("igmp.record_type", record.kind.number());
    fields.add("igmp.maddr", record.group);
    fields.add("igmp.num_src", record.sources.len());
    for source in record.sources.iter() {
        fields.add("igmp.saddr", source);
    }
}

/// Adds what a message about multicast listeners says.
pub(crate) fn mld(fields: &mut Fields, kind: &Icmpv6Kind<'_>) {
    match kind {
        Icmpv6Kind::MldQuery(query) => {
            let delay = match query.v2 {
                Some(_) => "icmpv6.mld.maximum_response_code",
                None => "icmpv6.mld.maximum_response_delay",
            };
            fields.add(delay, query.maximum_response);
            fields.add("icmpv6.mld.multicast_address", query.group);
            if let Some(query) = &query.v2 {
                mld_query(fields, query);
            }
        }
        Icmpv6Kind::MldReport { group } | Icmpv6Kind::MldDone { group } => {
            fields.add("icmpv6.mld.multicast_address", group);
        }
        Icmpv6Kind::Mld2Report { records } => {
            fields.add("icmpv6.mldr.nb_mcast_records", records.len());
            for record in records.iter() {
                fields.add("icmpv6.mldr.mar.record_type", record.kind.number());
                fields.add("icmpv6.mldr.mar.multicast_address", record.group);
                fields.add("icmpv6.mldr.mar.nb_sources", record.sources.len());
                for source in record.sources.iter() {
                    fields.add("icmpv6.mldr.mar.source_address", source);
                }
            }
        }
        _ => {}
    }
}

fn mld_query(fields: &mut Fields, query: &SourceQuery<'_, Ipv6Addr>) {
    fields.add("icmpv6.mld.flag.s", u8::from(query.suppress));
    fields.add("icmpv6.mld.flag.qrv", query.robustness);
    fields.add("icmpv6.mld.qqi", query.interval_code);
    fields.add("icmpv6.mld.nb_sources", query.sources.len());
    for source in query.sources.iter() {
        fields.add("icmpv6.mld.source_address", source);
    }
}

/// Adds the options of an IPv4 header; the end of all of them too, which is none of ours.
pub(crate) fn ipv4_options(fields: &mut Fields, packet: &Ipv4Packet<'_>) {
    for option in packet.options().flatten() {
        fields.add("ip.opt.type", option.kind());
        match option {
            Ipv4Option::RecordRoute(route)
            | Ipv4Option::LooseSourceRoute(route)
            | Ipv4Option::StrictSourceRoute(route) => fields.add("ip.opt.ptr", route.pointer()),
            Ipv4Option::Timestamps(it) => {
                fields.add("ip.opt.ptr", it.pointer());
                fields.add("ip.opt.overflow", it.overflow());
                for entry in it.entries() {
                    fields.add_some("ip.opt.time_stamp_addr", entry.address);
                    fields.add("ip.opt.time_stamp", entry.time);
                }
            }
            Ipv4Option::RouterAlert(value) => fields.add("ip.opt.ra", value),
            _ => {}
        }
    }
    if !packet.options().padding().is_empty() {
        fields.add("ip.opt.type", 0);
    }
}

/// The fields that are asked for.
pub(crate) const COMPARED: &[&str] = &[
    "igmp.maddr",
    "igmp.s",
    "igmp.qrv",
    "igmp.qqic",
    "igmp.num_src",
    "igmp.saddr",
    "igmp.num_grp_recs",
    "igmp.record_type",
    "icmpv6.mld.maximum_response_code",
    "icmpv6.mld.maximum_response_delay",
    "icmpv6.mld.multicast_address",
    "icmpv6.mld.flag.s",
    "icmpv6.mld.flag.qrv",
    "icmpv6.mld.qqi",
    "icmpv6.mld.nb_sources",
    "icmpv6.mld.source_address",
    "icmpv6.mldr.nb_mcast_records",
    "icmpv6.mldr.mar.record_type",
    "icmpv6.mldr.mar.multicast_address",
    "icmpv6.mldr.mar.nb_sources",
    "icmpv6.mldr.mar.source_address",
    "ip.opt.type",
    "ip.opt.ptr",
    "ip.opt.overflow",
    "ip.opt.time_stamp_addr",
    "ip.opt.time_stamp",
    "ip.opt.ra",
];
