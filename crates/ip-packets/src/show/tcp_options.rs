//! The options of TCP: short as tcpdump has them, or in words with every field.

use core::fmt;
use core::net::IpAddr;

use super::tree::Bytes;
use crate::{
    AccEcn, AccEcnOrder, DataMapping, DataNumber, Mptcp, MptcpJoin, MptcpKeys, TcpOption,
    TcpOptionKind, UserTimeout,
};

/// The experiment that fast open was before it had a kind of its own. RFC 7413 appendix A.
const FAST_OPEN_EXPERIMENT: u16 = 0xf989;
/// The flag of `MP_CAPABLE` that asks for checksums. RFC 8684 §3.1.
const WITH_CHECKSUM: u8 = 0x80;
/// The flag that HMAC-SHA256 is used, which is always set. RFC 8684 §3.1.
const WITH_SHA256: u8 = 0x01;

/// An option as in the line of a packet.
pub(super) struct Short<'a>(pub(super) TcpOption<'a>);

impl fmt::Display for Short<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            TcpOption::End => f.write_str("eol"),
            TcpOption::Nop => f.write_str("nop"),
            TcpOption::Mss(mss) => write!(f, "mss {mss}"),
            TcpOption::WindowScale(shift) => write!(f, "wscale {shift}"),
            TcpOption::SackPermitted => f.write_str("sackOK"),
            TcpOption::Timestamps { value, echo } => write!(f, "TS val {value} ecr {echo}"),
            TcpOption::Sack(blocks) => {
                write!(f, "sack {} ", blocks.as_slice().len())?;
                let mut blocks = blocks.as_slice().iter();
                blocks.try_for_each(|block| write!(f, "{{{}:{}}}", block.left, block.right))
            }
            TcpOption::Md5(digest) => write!(f, "md5 {}", Bytes(digest)),
            TcpOption::Authentication {
                key_id,
                next_key_id,
                mac,
            } => {
                write!(f, "tcp-ao keyid {key_id} rnextkeyid {next_key_id}")?;
                data(f, " mac", mac)
            }
            TcpOption::UserTimeout(UserTimeout::Seconds(number)) => write!(f, "uto {number}s"),
            TcpOption::UserTimeout(UserTimeout::Minutes(number)) => write!(f, "uto {number}m"),
            TcpOption::FastOpen(cookie) => fast_open(f, "tfo", cookie),
            TcpOption::Mptcp(it) => {
                write!(f, "mptcp {} ", self.0.encoded_len())?;
                multipath(f, it)
            }
            TcpOption::AccEcn(counters) => {
                let order = match counters.order() {
                    AccEcnOrder::Ect0First => 0,
                    AccEcnOrder::Ect1First => 1,
                };
                write!(f, "accecn{order}")?;
                named_counters(f, counters, " ")
            }
            TcpOption::Experiment {
                id: FAST_OPEN_EXPERIMENT,
                data: cookie,
                ..
            } => fast_open(f, "exp-tfo", cookie),
            TcpOption::Experiment {
                id, data: content, ..
            } => {
                write!(f, "exp-{id:04x}")?;
                data(f, "", content)
            }
            TcpOption::Unknown {
                kind,
                data: content,
            } => {
                write!(f, "unknown-{kind}")?;
                data(f, "", content)
            }
        }
    }
}

/// Shows bytes behind what they are, if there are any.
fn data(f: &mut fmt::Formatter<'_>, what: &str, bytes: &[u8]) -> fmt::Result {
    match bytes {
        [] => Ok(()),
        bytes => write!(f, "{what} 0x{}", Bytes(bytes)),
    }
}

fn fast_open(f: &mut fmt::Formatter<'_>, name: &str, cookie: &[u8]) -> fmt::Result {
    match cookie {
        [] => write!(f, "{name} cookiereq"),
        cookie => write!(f, "{name} cookie {}", Bytes(cookie)),
    }
}

fn named_counters(f: &mut fmt::Formatter<'_>, counters: &AccEcn, before: &str) -> fmt::Result {
    let (first, last) = match counters.order() {
        AccEcnOrder::Ect0First => ("ect0", "ect1"),
        AccEcnOrder::Ect1First => ("ect1", "ect0"),
    };
    let mut named = [first, "ce", last].into_iter().zip(counters.counters());
    named.try_for_each(|(name, counter)| write!(f, "{before}{name} {counter}"))
}

fn multipath(f: &mut fmt::Formatter<'_>, it: &Mptcp<'_>) -> fmt::Result {
    match it {
        Mptcp::Capable {
            version,
            flags,
            keys,
        } => capable(f, *version, *flags, keys),
        Mptcp::Join(join) => show_join(f, join),
        Mptcp::DataSequence {
            is_fin,
            ack,
            mapping,
        } => {
            f.write_str(if *is_fin { "dss fin" } else { "dss" })?;
            if let Some(ack) = ack {
                write!(f, " ack {}", number(*ack))?;
            }
            mapping.as_ref().map_or(Ok(()), |it| show_mapping(f, it))
        }
        Mptcp::AddAddress {
            id,
            address,
            port,
            hmac,
        } => {
            let echo = if hmac.is_none() { "-echo" } else { "" };
            write!(f, "add-addr v1{echo} id {id} {address}")?;
            if let Some(port) = port {
                write!(f, ":{port}")?;
            }
            hmac.map_or(Ok(()), |it| {
                write!(f, " hmac {:#x}", u64::from_be_bytes(it))
            })
        }
        Mptcp::RemoveAddresses(ids) => {
            f.write_str("rem-addr id")?;
            ids.iter().try_for_each(|id| write!(f, " {id}"))
        }
        Mptcp::Priority {
            is_backup,
            address_id,
        } => {
            let backup = if *is_backup { "backup" } else { "non-backup" };
            write!(f, "prio {backup}")?;
            address_id.map_or(Ok(()), |id| write!(f, " id {id}"))
        }
        Mptcp::Fail(sequence) => write!(f, "fail seq {sequence}"),
        Mptcp::FastClose(key) => write!(f, "fast-close key {key:#x}"),
        Mptcp::Reset { flags, reason } => write!(f, "reset flags {flags:#x} reason {reason}"),
    }
}

fn capable(f: &mut fmt::Formatter<'_>, version: u8, flags: u8, keys: &MptcpKeys) -> fmt::Result {
    write!(f, "capable v{version}")?;
    if flags & WITH_CHECKSUM != 0 {
        f.write_str(" csum")?;
    }
    if flags | WITH_CHECKSUM != WITH_CHECKSUM | WITH_SHA256 {
        write!(f, " flags {flags:#04x}")?;
    }
    match keys {
        MptcpKeys::None => Ok(()),
        MptcpKeys::Sender(sender) => write!(f, " {{{sender:#x}}}"),
        MptcpKeys::Both { sender, receiver } => write!(f, " {{{sender:#x},{receiver:#x}}}"),
        MptcpKeys::WithData {
            sender,
            receiver,
            len,
            checksum,
        } => {
            write!(f, " {{{sender:#x},{receiver:#x}}} len {len}")?;
            checksum.map_or(Ok(()), |sum| write!(f, " csum {sum:#x}"))
        }
    }
}

fn show_join(f: &mut fmt::Formatter<'_>, join: &MptcpJoin) -> fmt::Result {
    let start = |f: &mut fmt::Formatter<'_>, is_backup: bool, id: u8| {
        let backup = if is_backup { " backup" } else { "" };
        write!(f, "join{backup} id {id}")
    };
    match join {
        MptcpJoin::Syn {
            is_backup,
            address_id,
            token,
            nonce,
        } => {
            start(f, *is_backup, *address_id)?;
            write!(f, " token {token:#x} nonce {nonce:#x}")
        }
        MptcpJoin::SynAck {
            is_backup,
            address_id,
            hmac,
            nonce,
        } => {
            start(f, *is_backup, *address_id)?;
            write!(f, " hmac {hmac:#x} nonce {nonce:#x}")
        }
        MptcpJoin::Ack { hmac } => write!(f, "join hmac 0x{}", Bytes(hmac)),
    }
}

fn show_mapping(f: &mut fmt::Formatter<'_>, it: &DataMapping) -> fmt::Result {
    let (sequence, len) = (number(it.sequence), it.len);
    write!(
        f,
        " seq {sequence} subseq {} len {len}",
        it.subflow_sequence
    )?;
    it.checksum
        .map_or(Ok(()), |sum| write!(f, " csum {sum:#x}"))
}

const fn number(number: DataNumber) -> u64 {
    match number {
        DataNumber::Short(number) => number as u64,
        DataNumber::Long(number) => number,
    }
}

/// An option with its registered name and all of its fields.
pub(super) struct Words<'a>(pub(super) TcpOption<'a>);

impl fmt::Display for Words<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", TcpOptionKind::new(self.0.kind()))?;
        match &self.0 {
            TcpOption::End | TcpOption::Nop | TcpOption::SackPermitted => Ok(()),
            TcpOption::Mss(mss) => write!(f, ", {mss} bytes"),
            TcpOption::WindowScale(shift) => write!(f, ", shift {shift}"),
            TcpOption::Timestamps { value, echo } => write!(f, ", value {value}, echo {echo}"),
            TcpOption::Sack(blocks) => {
                f.write_str(", blocks")?;
                let mut blocks = blocks.as_slice().iter();
                blocks.try_for_each(|block| write!(f, " {}..{}", block.left, block.right))
            }
            TcpOption::Md5(digest) => write!(f, ", digest {}", Bytes(digest)),
            TcpOption::Authentication {
                key_id,
                next_key_id,
                mac,
            } => {
                write!(f, ", key {key_id}, next key {next_key_id}")?;
                write!(f, ", mac {}", Bytes(mac))
            }
            TcpOption::UserTimeout(UserTimeout::Seconds(number)) => write!(f, ", {number} s"),
            TcpOption::UserTimeout(UserTimeout::Minutes(number)) => write!(f, ", {number} min"),
            TcpOption::FastOpen([]) => f.write_str(", request"),
            TcpOption::FastOpen(cookie) => write!(f, ", cookie {}", Bytes(cookie)),
            TcpOption::Mptcp(it) => multipath_in_words(f, it),
            TcpOption::AccEcn(counters) => named_counters(f, counters, ", "),
            TcpOption::Experiment { id, data, .. } => {
                write!(f, ", identifier {id:#06x}, data {}", Bytes(data))
            }
            TcpOption::Unknown { data: [], .. } => f.write_str(", no data"),
            TcpOption::Unknown { data, .. } => write!(f, ", data {}", Bytes(data)),
        }
    }
}

fn multipath_in_words(f: &mut fmt::Formatter<'_>, it: &Mptcp<'_>) -> fmt::Result {
    match it {
        Mptcp::Capable {
            version,
            flags,
            keys,
        } => {
            write!(f, ", capable, version {version}, flags {flags:#04x}")?;
            keys_in_words(f, keys)
        }
        Mptcp::Join(join) => join_in_words(f, join),
        Mptcp::DataSequence {
            is_fin,
            ack,
            mapping,
        } => {
            f.write_str(", data sequence")?;
            if *is_fin {
                f.write_str(", fin")?;
            }
            number_in_words(f, "acknowledgment", *ack)?;
            mapping
                .as_ref()
                .map_or(Ok(()), |it| mapping_in_words(f, it))
        }
        Mptcp::AddAddress {
            id,
            address,
            port,
            hmac,
        } => {
            write!(f, ", add address {id}, ")?;
            endpoint(f, *address, *port)?;
            match hmac {
                Some(hmac) => write!(f, ", hmac {}", Bytes(hmac)),
                None => f.write_str(", echo"),
            }
        }
        Mptcp::RemoveAddresses(ids) => {
            f.write_str(", remove addresses")?;
            ids.iter().try_for_each(|id| write!(f, " {id}"))
        }
        Mptcp::Priority {
            is_backup,
            address_id,
        } => {
            write!(f, ", priority, {}", backup(*is_backup))?;
            address_id.map_or(Ok(()), |id| write!(f, ", address {id}"))
        }
        Mptcp::Fail(sequence) => write!(f, ", fail, data sequence {sequence}"),
        Mptcp::FastClose(key) => write!(f, ", fast close, key {key:#018x}"),
        Mptcp::Reset { flags, reason } => write!(f, ", reset, flags {flags:#x}, reason {reason}"),
    }
}

const fn backup(is_backup: bool) -> &'static str {
    if is_backup { "backup" } else { "no backup" }
}

fn endpoint(f: &mut fmt::Formatter<'_>, address: IpAddr, port: Option<u16>) -> fmt::Result {
    write!(f, "{address}")?;
    port.map_or(Ok(()), |port| write!(f, ", port {port}"))
}

fn keys_in_words(f: &mut fmt::Formatter<'_>, keys: &MptcpKeys) -> fmt::Result {
    let (sender, receiver) = match keys {
        MptcpKeys::None => return Ok(()),
        MptcpKeys::Sender(sender) => (sender, None),
        MptcpKeys::Both { sender, receiver }
        | MptcpKeys::WithData {
            sender, receiver, ..
        } => (sender, Some(receiver)),
    };
    write!(f, ", sender's key {sender:#018x}")?;
    if let Some(receiver) = receiver {
        write!(f, ", receiver's key {receiver:#018x}")?;
    }
    let MptcpKeys::WithData { len, checksum, .. } = keys else {
        return Ok(());
    };
    write!(f, ", {len} bytes")?;
    checksum.map_or(Ok(()), |sum| write!(f, ", checksum {sum:#06x}"))
}

fn join_in_words(f: &mut fmt::Formatter<'_>, join: &MptcpJoin) -> fmt::Result {
    let start = |f: &mut fmt::Formatter<'_>, is_backup: bool, id: u8| {
        write!(f, ", join, {}, address {id}", backup(is_backup))
    };
    match join {
        MptcpJoin::Syn {
            is_backup,
            address_id,
            token,
            nonce,
        } => {
            start(f, *is_backup, *address_id)?;
            write!(f, ", token {token:#010x}, nonce {nonce:#010x}")
        }
        MptcpJoin::SynAck {
            is_backup,
            address_id,
            hmac,
            nonce,
        } => {
            start(f, *is_backup, *address_id)?;
            write!(f, ", hmac {hmac:#018x}, nonce {nonce:#010x}")
        }
        MptcpJoin::Ack { hmac } => write!(f, ", join, hmac {}", Bytes(hmac)),
    }
}

fn mapping_in_words(f: &mut fmt::Formatter<'_>, it: &DataMapping) -> fmt::Result {
    number_in_words(f, "sequence number", Some(it.sequence))?;
    write!(f, ", subflow {}, {} bytes", it.subflow_sequence, it.len)?;
    it.checksum
        .map_or(Ok(()), |sum| write!(f, ", checksum {sum:#06x}"))
}

/// Shows a number, and whether it is the low half of one.
fn number_in_words(
    f: &mut fmt::Formatter<'_>,
    what: &str,
    number: Option<DataNumber>,
) -> fmt::Result {
    match number {
        None => Ok(()),
        Some(DataNumber::Short(number)) => write!(f, ", {what} {number} of 32 bits"),
        Some(DataNumber::Long(number)) => write!(f, ", {what} {number}"),
    }
}
