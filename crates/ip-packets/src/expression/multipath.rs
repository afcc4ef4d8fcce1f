//! The multipath options of TCP. RFC 8684 §3.

use alloc::vec::Vec;

use super::argument::{self, Arguments, number};
use super::error::{ExpressionProblem, Problem};
use super::options::{Shape, put_tcp, shape};
use super::syntax::Value;
use crate::{DataMapping, DataNumber, Mptcp, MptcpJoin, MptcpKeys, TcpOption};

/// One for each subtype.
pub(super) const SHAPES: &[Shape] = &[
    shape(
        "mpcapable",
        &["version", "flags", "sender", "receiver", "len", "csum"],
        write_capable,
    ),
    shape(
        "mpjoin",
        &["backup", "id", "token", "hmac", "nonce"],
        write_join,
    ),
    shape(
        "dss",
        &[
            "ack", "ack64", "seq", "seq64", "subseq", "len", "csum", "fin",
        ],
        write_data_sequence,
    ),
    shape(
        "addaddr",
        &["id", "address", "port", "hmac"],
        write_add_address,
    ),
    shape("remaddr", &["ids"], |it, out| {
        let ids: Result<Vec<u8>, Problem> = it.list("ids").iter().map(argument::u8).collect();
        put(it, out, Mptcp::RemoveAddresses(&ids?))
    }),
    shape("mpprio", &["backup", "id"], |it, out| {
        let is_backup = it.bits("backup", 1)? == Some(1);
        let address_id = it.u8("id")?;
        put(
            it,
            out,
            Mptcp::Priority {
                is_backup,
                address_id,
            },
        )
    }),
    shape("mpfail", &["seq"], |it, out| {
        put(it, out, Mptcp::Fail(it.needed("seq").and_then(u64)?))
    }),
    shape("fastclose", &["key"], |it, out| {
        put(it, out, Mptcp::FastClose(it.needed("key").and_then(u64)?))
    }),
    shape("mpreset", &["reason", "flags"], |it, out| {
        let reason = it.u8("reason")?.unwrap_or(0);
        let flags = it.bits("flags", 15)?.unwrap_or(0);
        put(it, out, Mptcp::Reset { flags, reason })
    }),
];

fn put(it: &Arguments<'_>, out: &mut Vec<u8>, option: Mptcp<'_>) -> Result<(), Problem> {
    put_tcp(it, out, &TcpOption::Mptcp(option))
}

fn u64(value: &Value) -> Result<u64, Problem> {
    number(value, u64::MAX)
}

/// The more is given, the later in the handshake it is.
fn write_capable(it: &Arguments<'_>, out: &mut Vec<u8>) -> Result<(), Problem> {
    let (sender, receiver) = (it.read("sender", u64)?, it.read("receiver", u64)?);
    let keys = match (sender, receiver, it.u16("len")?) {
        (None, None, None) => MptcpKeys::None,
        (Some(sender), None, None) => MptcpKeys::Sender(sender),
        (Some(sender), Some(receiver), None) => MptcpKeys::Both { sender, receiver },
        (sender, receiver, len) => MptcpKeys::WithData {
            sender: sender.unwrap_or(0),
            receiver: receiver.unwrap_or(0),
            len: len.unwrap_or(0),
            checksum: it.u16("csum")?,
        },
    };
    let version = it.bits("version", 15)?.unwrap_or(1);
    // The flag of HMAC-SHA256. RFC 8684 §3.1.
    let flags = it.u8("flags")?.unwrap_or(1);
    put(
        it,
        out,
        Mptcp::Capable {
            version,
            flags,
            keys,
        },
    )
}

/// With a token that of a SYN, with a number for `hmac` that of a SYN-ACK, and with 20 bytes of it
/// the third one.
fn write_join(it: &Arguments<'_>, out: &mut Vec<u8>) -> Result<(), Problem> {
    let is_backup = it.bits("backup", 1)? == Some(1);
    let address_id = it.u8("id")?.unwrap_or(0);
    let nonce = it.u32("nonce")?.unwrap_or(0);
    let join = match (it.u32("token")?, it.value("hmac")) {
        (Some(token), None) => MptcpJoin::Syn {
            is_backup,
            address_id,
            token,
            nonce,
        },
        (None, Some(hmac)) => match argument::bytes(hmac) {
            Ok(bytes) => MptcpJoin::Ack {
                hmac: bytes
                    .try_into()
                    .map_err(|_| Problem::expected(hmac.at, "20 bytes"))?,
            },
            Err(_) => MptcpJoin::SynAck {
                is_backup,
                address_id,
                hmac: u64(hmac)?,
                nonce,
            },
        },
        (_, Some(both)) => return Err(Problem::new(both.at, ExpressionProblem::SetTwice)),
        (None, None) => {
            let field = "token";
            return Err(Problem::new(it.at(), ExpressionProblem::Missing { field }));
        }
    };
    put(it, out, Mptcp::Join(join))
}

fn write_data_sequence(it: &Arguments<'_>, out: &mut Vec<u8>) -> Result<(), Problem> {
    let mapping = match data_number(it, "seq", "seq64")? {
        None => None,
        Some(sequence) => Some(DataMapping {
            sequence,
            subflow_sequence: it.u32("subseq")?.unwrap_or(0),
            len: it.u16("len")?.unwrap_or(0),
            checksum: it.u16("csum")?,
        }),
    };
    let option = Mptcp::DataSequence {
        is_fin: it.bits("fin", 1)? == Some(1),
        ack: data_number(it, "ack", "ack64")?,
        mapping,
    };
    put(it, out, option)
}

/// Reads a number of 32 bits from one field, or of 64 from another.
fn data_number(it: &Arguments<'_>, short: &str, long: &str) -> Result<Option<DataNumber>, Problem> {
    match (it.u32(short)?, it.value(long)) {
        (Some(_), Some(both)) => Err(Problem::new(both.at, ExpressionProblem::SetTwice)),
        (short, None) => Ok(short.map(DataNumber::Short)),
        (None, Some(long)) => Ok(Some(DataNumber::Long(u64(long)?))),
    }
}

/// Without `hmac` it is the echo that confirms an address.
fn write_add_address(it: &Arguments<'_>, out: &mut Vec<u8>) -> Result<(), Problem> {
    let option = Mptcp::AddAddress {
        id: it.u8("id")?.unwrap_or(0),
        address: it.needed("address").and_then(argument::address)?,
        port: it.u16("port")?,
        hmac: it.read("hmac", u64)?.map(u64::to_be_bytes),
    };
    put(it, out, option)
}
