//! The options of TCP under the names that tshark has for them.

use std::net::IpAddr;

use wirecraft_ip_packets::{
    AccEcn, DataMapping, DataNumber, Mptcp, MptcpJoin, MptcpKeys, TcpOption, UserTimeout,
};

use crate::fields::Fields;

/// The experiment that is fast open under an earlier number. RFC 7413 appendix A.
const FAST_OPEN_EXPERIMENT: u16 = 0xf989;

/// Adds the fields of an option.
pub(crate) fn add(fields: &mut Fields, option: &TcpOption<'_>) {
    fields.add("tcp.option_kind", option.kind());
    match option {
        TcpOption::Mss(mss) => fields.add("tcp.options.mss_val", mss),
        TcpOption::WindowScale(shift) => fields.add("tcp.options.wscale.shift", shift),
        TcpOption::Timestamps { value, echo } => {
            fields.add("tcp.options.timestamp.tsval", value);
            fields.add("tcp.options.timestamp.tsecr", echo);
        }
        TcpOption::Sack(blocks) => {
            for block in blocks.as_slice() {
                fields.add("tcp.options.sack_le", block.left);
                fields.add("tcp.options.sack_re", block.right);
            }
        }
        TcpOption::Md5(digest) => fields.bytes("tcp.options.md5.digest", digest),
        TcpOption::Authentication {
            key_id,
            next_key_id,
            mac,
        } => {
            fields.add("tcp.options.ao.keyid", key_id);
            fields.add("tcp.options.ao.rnextkeyid", next_key_id);
            fields.bytes("tcp.options.ao.mac", mac);
        }
        TcpOption::UserTimeout(timeout) => {
            let (unit, number) = match timeout {
                UserTimeout::Seconds(number) => (0, number),
                UserTimeout::Minutes(number) => (1, number),
            };
            fields.add("tcp.options.user_to_granularity", unit);
            fields.add("tcp.options.user_to_val", number);
        }
        TcpOption::FastOpen(cookie) => fast_open(fields, cookie),
        TcpOption::Experiment { id, data, .. } => {
            fields.add("tcp.options.experimental.exid", format!("{id:#06x}"));
            if *id == FAST_OPEN_EXPERIMENT {
                fast_open(fields, data);
            } else {
                fields.bytes("tcp.options.experimental.data", data);
            }
        }
        TcpOption::AccEcn(counters) => add_counters(fields, counters),
        TcpOption::Mptcp(it) => multipath(fields, it),
        _ => {}
    }
}

fn fast_open(fields: &mut Fields, cookie: &[u8]) {
    match cookie {
        [] => fields.add("tcp.options.tfo.request", 1),
        cookie => fields.bytes("tcp.options.tfo.cookie", cookie),
    }
}

fn add_counters(fields: &mut Fields, counters: &AccEcn) {
    for (name, counter) in [
        ("tcp.options.acc_ecn.ee0b", counters.ect0()),
        ("tcp.options.acc_ecn.eceb", counters.ce()),
        ("tcp.options.acc_ecn.ee1b", counters.ect1()),
    ] {
        fields.add_some(name, counter);
    }
}

fn multipath(fields: &mut Fields, it: &Mptcp<'_>) {
    let subtype = match it {
        Mptcp::Capable {
            version,
            flags,
            keys,
        } => {
            fields.add("tcp.options.mptcp.version", version);
            fields.add("tcp.options.mptcp.flags", format!("{flags:#04x}"));
            add_keys(fields, keys);
            0
        }
        Mptcp::Join(join) => {
            add_join(fields, join);
            1
        }
        Mptcp::DataSequence {
            is_fin,
            ack,
            mapping,
        } => {
            fields.add("tcp.options.mptcp.datafin.flag", u8::from(*is_fin));
            fields.add_some("tcp.options.mptcp.rawdataack", ack.map(number));
            mapping.iter().for_each(|it| add_mapping(fields, it));
            2
        }
        Mptcp::AddAddress {
            id, address, port, ..
        } => {
            fields.add("tcp.options.mptcp.addrid", id);
            add_address(fields, *address);
            fields.add_some("tcp.options.mptcp.port", *port);
            3
        }
        rare => match rare_subtype(fields, rare) {
            Some(subtype) => subtype,
            None => return,
        },
    };
    fields.add("tcp.options.mptcp.subtype", subtype);
    if let Mptcp::AddAddress { hmac, .. } = it {
        fields.add("tcp.options.mptcp.echo", u8::from(hmac.is_none()));
        let hmac = hmac.map(u64::from_be_bytes);
        fields.add_some("tcp.options.mptcp.addaddrtrunchmac", hmac);
    }
}

/// Adds the fields of subtypes that come up seldom and returns their number.
fn rare_subtype(fields: &mut Fields, it: &Mptcp<'_>) -> Option<u8> {
    match it {
        Mptcp::RemoveAddresses(ids) => {
            ids.iter()
                .for_each(|id| fields.add("tcp.options.mptcp.addrid", id));
            Some(4)
        }
        Mptcp::Priority {
            is_backup,
            address_id,
        } => {
            fields.add("tcp.options.mptcp.backup.flag", u8::from(*is_backup));
            fields.add_some("tcp.options.mptcp.addrid", *address_id);
            Some(5)
        }
        Mptcp::Fail(sequence) => {
            fields.add("tcp.options.mptcp.rawdataseqno", sequence);
            Some(6)
        }
        Mptcp::FastClose(key) => {
            fields.add("tcp.options.mptcp.recvkey", key);
            Some(7)
        }
        Mptcp::Reset { flags, reason } => {
            fields.add("tcp.options.mptcp.flag_T.flag", flags & 1);
            fields.add("tcp.options.mptcp.rst_reason", format!("{reason:#04x}"));
            Some(8)
        }
        _ => None,
    }
}

fn add_address(fields: &mut Fields, address: IpAddr) {
    match address {
        IpAddr::V4(address) => fields.add("tcp.options.mptcp.ipv4", address),
        IpAddr::V6(address) => fields.add("tcp.options.mptcp.ipv6", address),
    }
}

fn add_keys(fields: &mut Fields, keys: &MptcpKeys) {
    let (sender, receiver) = match *keys {
        MptcpKeys::None => (None, None),
        MptcpKeys::Sender(sender) => (Some(sender), None),
        MptcpKeys::Both { sender, receiver }
        | MptcpKeys::WithData {
            sender, receiver, ..
        } => (Some(sender), Some(receiver)),
    };
    fields.add_some("tcp.options.mptcp.sendkey", sender);
    fields.add_some("tcp.options.mptcp.recvkey", receiver);
    if let MptcpKeys::WithData { len, checksum, .. } = keys {
        fields.add("tcp.options.mptcp.datalvllen", len);
        let sum = checksum.map(|sum| format!("{sum:#06x}"));
        fields.add_some("tcp.options.mptcp.checksum", sum);
    }
}

fn add_join(fields: &mut Fields, join: &MptcpJoin) {
    let mut start = |is_backup: bool, id: u8, nonce: u32| {
        fields.add("tcp.options.mptcp.backup.flag", u8::from(is_backup));
        fields.add("tcp.options.mptcp.addrid", id);
        fields.add("tcp.options.mptcp.sendrand", nonce);
    };
    match *join {
        MptcpJoin::Syn {
            is_backup,
            address_id,
            token,
            nonce,
        } => {
            start(is_backup, address_id, nonce);
            fields.add("tcp.options.mptcp.recvtok", token);
        }
        MptcpJoin::SynAck {
            is_backup,
            address_id,
            hmac,
            nonce,
        } => {
            start(is_backup, address_id, nonce);
            fields.add("tcp.options.mptcp.sendtrunchmac", hmac);
        }
        MptcpJoin::Ack { hmac } => fields.bytes("tcp.options.mptcp.sendhmac", &hmac),
    }
}

fn add_mapping(fields: &mut Fields, it: &DataMapping) {
    fields.add("tcp.options.mptcp.rawdataseqno", number(it.sequence));
    fields.add("tcp.options.mptcp.subflowseqno", it.subflow_sequence);
    // tshark 4.0 shows the checksum behind numbers of 32 bits only; tcpdump shows it always.
    fields.add("tcp.options.mptcp.datalvllen", it.len);
}

fn number(number: DataNumber) -> u64 {
    match number {
        DataNumber::Short(number) => number.into(),
        DataNumber::Long(number) => number,
    }
}

/// The fields that are asked for.
pub(crate) const COMPARED: &[&str] = &[
    "tcp.options.mss_val",
    "tcp.options.wscale.shift",
    "tcp.options.timestamp.tsval",
    "tcp.options.timestamp.tsecr",
    "tcp.options.sack_le",
    "tcp.options.sack_re",
    "tcp.options.md5.digest",
    "tcp.options.ao.keyid",
    "tcp.options.ao.rnextkeyid",
    "tcp.options.ao.mac",
    "tcp.options.user_to_granularity",
    "tcp.options.user_to_val",
    "tcp.options.experimental.exid",
    "tcp.options.experimental.data",
    "tcp.options.tfo.request",
    "tcp.options.tfo.cookie",
    "tcp.options.acc_ecn.ee0b",
    "tcp.options.acc_ecn.eceb",
    "tcp.options.acc_ecn.ee1b",
    "tcp.options.mptcp.version",
    "tcp.options.mptcp.flags",
    "tcp.options.mptcp.datafin.flag",
    "tcp.options.mptcp.rawdataack",
    "tcp.options.mptcp.addrid",
    "tcp.options.mptcp.ipv4",
    "tcp.options.mptcp.ipv6",
    "tcp.options.mptcp.echo",
    "tcp.options.mptcp.port",
    "tcp.options.mptcp.addaddrtrunchmac",
    "tcp.options.mptcp.backup.flag",
    "tcp.options.mptcp.rawdataseqno",
    "tcp.options.mptcp.recvkey",
    "tcp.options.mptcp.flag_T.flag",
    "tcp.options.mptcp.rst_reason",
    "tcp.options.mptcp.subtype",
    "tcp.options.mptcp.sendkey",
    "tcp.options.mptcp.datalvllen",
    "tcp.options.mptcp.sendrand",
    "tcp.options.mptcp.recvtok",
    "tcp.options.mptcp.sendtrunchmac",
    "tcp.options.mptcp.sendhmac",
    "tcp.options.mptcp.subflowseqno",
    "tcp.options.mptcp.checksum",
];
