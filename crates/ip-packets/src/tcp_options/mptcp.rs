//! The multipath option of TCP: one kind, many subtypes.

use core::net::IpAddr;

/// Room for every subtype but a list that is too long for a header.
const MAX_DATA_LEN: usize = 38;

const CAPABLE: u8 = 0;
const JOIN: u8 = 1;
const DATA_SEQUENCE: u8 = 2;
const ADD_ADDRESS: u8 = 3;
const REMOVE_ADDRESSES: u8 = 4;
const PRIORITY: u8 = 5;
const FAIL: u8 = 6;
const FAST_CLOSE: u8 = 7;
const RESET: u8 = 8;

/// What a multipath option says.
///
/// Only what writes back to the same bytes is read as one of these; all else, such as a subtype
/// with reserved bits set, is [`TcpOption::Unknown`](crate::TcpOption::Unknown).
///
/// Source: RFC 8684 §3.
#[non_exhaustive]
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Mptcp<'a> {
    /// `MP_CAPABLE`: starts a multipath connection. §3.1.
    Capable {
        /// The version of the protocol: 1 for RFC 8684. The low four bits count.
        version: u8,
        /// The flags A to H, A highest.
        flags: u8,
        /// What both ends know of each other.
        keys: MptcpKeys,
    },
    /// `MP_JOIN`: adds a subflow. §3.2.
    Join(MptcpJoin),
    /// `DSS`: maps the subflow to the data of the whole connection. §3.3.
    DataSequence {
        /// Whether this is the end of all data.
        is_fin: bool,
        /// What has arrived.
        ack: Option<DataNumber>,
        /// Where the payload belongs.
        mapping: Option<DataMapping>,
    },
    /// `ADD_ADDR`: announces one more address. §3.4.1.
    AddAddress {
        /// What the address is called.
        id: u8,
        /// The address.
        address: IpAddr,
        /// The port, where it is another one.
        port: Option<u16>,
        /// Its authentication; `None` in the echo that confirms it.
        hmac: Option<[u8; 8]>,
    },
    /// `REMOVE_ADDR`: takes back addresses by what they are called. §3.4.2.
    RemoveAddresses(&'a [u8]),
    /// `MP_PRIO`: makes a subflow the backup of the others, or not. §3.3.8.
    Priority {
        /// Whether it is.
        is_backup: bool,
        /// Of which address, where it is not the one it comes from: RFC 6824 §3.3.8.
        address_id: Option<u8>,
    },
    /// `MP_FAIL`: falls back to plain TCP from this number on. §3.7.
    Fail(u64),
    /// `MP_FASTCLOSE`: closes the connection of this key at once. §3.5.
    FastClose(u64),
    /// `MP_TCPRST`: says why a subflow is reset. §3.6.
    Reset {
        /// The flags U, V, W and T, T lowest: the reason is transient.
        flags: u8,
        /// The reason.
        reason: u8,
    },
}

/// The keys in `MP_CAPABLE`: more of them as the handshake goes on.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum MptcpKeys {
    /// None, in a SYN.
    None,
    /// The sender's, in a SYN-ACK.
    Sender(u64),
    /// Both, in the third packet.
    Both {
        /// The key of whoever sends the option.
        sender: u64,
        /// The key of whoever gets it.
        receiver: u64,
    },
    /// Both, in the first packet with data.
    WithData {
        /// The key of whoever sends the option.
        sender: u64,
        /// The key of whoever gets it.
        receiver: u64,
        /// The length of the data, in bytes.
        len: u16,
        /// The checksum of the data, where it was agreed on.
        checksum: Option<u16>,
    },
}

/// The forms of `MP_JOIN` in a handshake.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum MptcpJoin {
    /// In a SYN.
    Syn {
        /// Whether the subflow is a backup.
        is_backup: bool,
        /// What the sender's address is called.
        address_id: u8,
        /// What the connection is called.
        token: u32,
        /// The sender's random number.
        nonce: u32,
    },
    /// In a SYN-ACK.
    SynAck {
        /// Whether the subflow is a backup.
        is_backup: bool,
        /// What the sender's address is called.
        address_id: u8,
        /// The sender's authentication, cut to 64 bits.
        hmac: u64,
        /// The sender's random number.
        nonce: u32,
    },
    /// In the third packet: the sender's authentication.
    Ack {
        /// The authentication.
        hmac: [u8; 20],
    },
}

/// A number in the sequence of the whole connection, whole or its low half.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum DataNumber {
    /// The low 32 bits.
    Short(u32),
    /// All 64 bits.
    Long(u64),
}

/// Where the payload of a subflow belongs in the data of the connection.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct DataMapping {
    /// The number of its first byte in the connection.
    pub sequence: DataNumber,
    /// The number of its first byte in the subflow, relative to its start.
    pub subflow_sequence: u32,
    /// Its length, in bytes.
    pub len: u16,
    /// Its checksum, where it was agreed on.
    pub checksum: Option<u16>,
}

impl<'a> Mptcp<'a> {
    /// Reads what follows kind and length; `None` where it would not write back the same.
    pub(super) fn read(data: &'a [u8]) -> Option<Self> {
        let (first, rest) = data.split_first()?;
        let read = match first >> 4 {
            CAPABLE => read_capable(*first, rest),
            JOIN => read_join(*first, rest).map(Self::Join),
            DATA_SEQUENCE => read_data_sequence(rest),
            ADD_ADDRESS => read_add_address(rest),
            REMOVE_ADDRESSES => Some(Self::RemoveAddresses(rest)),
            PRIORITY => Some(Self::Priority {
                is_backup: first & 1 != 0,
                address_id: rest.first().copied(),
            }),
            FAIL => Some(Self::Fail(last_u64(rest)?)),
            FAST_CLOSE => Some(Self::FastClose(last_u64(rest)?)),
            RESET => Some(Self::Reset {
                flags: first & 0x0f,
                reason: *rest.first()?,
            }),
            _ => None,
        }?;
        let mut same = [0; MAX_DATA_LEN];
        let same = same.get_mut(..read.data_len())?;
        read.write(same);
        (same == data).then_some(read)
    }

    /// Returns the length without kind and length fields, in bytes.
    pub(super) fn data_len(&self) -> usize {
        let mut len = 0;
        self.emit(&mut |bytes| len += bytes.len());
        len
    }

    /// Writes to a buffer of exactly the right length.
    pub(super) fn write(&self, data: &mut [u8]) {
        let mut at = 0;
        self.emit(&mut |bytes| {
            data[at..at + bytes.len()].copy_from_slice(bytes);
            at += bytes.len();
        });
    }

    fn emit(&self, put: &mut impl FnMut(&[u8])) {
        match self {
            Self::Capable {
                version,
                flags,
                keys,
            } => {
                put(&[CAPABLE << 4 | version & 0x0f, *flags]);
                keys.emit(put);
            }
            Self::Join(join) => join.emit(put),
            Self::DataSequence {
                is_fin,
                ack,
                mapping,
            } => emit_data_sequence(*is_fin, *ack, mapping.as_ref(), put),
            Self::AddAddress {
                id,
                address,
                port,
                hmac,
            } => {
                put(&[ADD_ADDRESS << 4 | u8::from(hmac.is_none()), *id]);
                match address {
                    IpAddr::V4(address) => put(&address.octets()),
                    IpAddr::V6(address) => put(&address.octets()),
                }
                if let Some(port) = port {
                    put(&port.to_be_bytes());
                }
                put(hmac.as_ref().map_or(&[], |hmac| &hmac[..]));
            }
            Self::RemoveAddresses(ids) => {
                put(&[REMOVE_ADDRESSES << 4]);
                put(ids);
            }
            Self::Priority {
                is_backup,
                address_id,
            } => {
                put(&[PRIORITY << 4 | u8::from(*is_backup)]);
                put(address_id.as_slice());
            }
            Self::Fail(number) => {
                put(&[FAIL << 4, 0]);
                put(&number.to_be_bytes());
            }
            Self::FastClose(key) => {
                put(&[FAST_CLOSE << 4, 0]);
                put(&key.to_be_bytes());
            }
            Self::Reset { flags, reason } => put(&[RESET << 4 | flags & 0x0f, *reason]),
        }
    }
}

fn read_capable<'a>(first: u8, rest: &[u8]) -> Option<Mptcp<'a>> {
    let (flags, rest) = rest.split_first()?;
    let sender = || u64_at(rest, 0);
    let receiver = || u64_at(rest, 8);
    let keys = match rest.len() {
        0 => MptcpKeys::None,
        8 => MptcpKeys::Sender(sender()?),
        16 => MptcpKeys::Both {
            sender: sender()?,
            receiver: receiver()?,
        },
        _ => MptcpKeys::WithData {
            sender: sender()?,
            receiver: receiver()?,
            len: u16_at(rest, 16)?,
            checksum: u16_at(rest, 18),
        },
    };
    Some(Mptcp::Capable {
        version: first & 0x0f,
        flags: *flags,
        keys,
    })
}

fn read_join(first: u8, rest: &[u8]) -> Option<MptcpJoin> {
    let (is_backup, address_id) = (first & 1 != 0, *rest.first()?);
    match rest.len() {
        9 => Some(MptcpJoin::Syn {
            is_backup,
            address_id,
            token: u32_at(rest, 1)?,
            nonce: u32_at(rest, 5)?,
        }),
        13 => Some(MptcpJoin::SynAck {
            is_backup,
            address_id,
            hmac: u64_at(rest, 1)?,
            nonce: u32_at(rest, 9)?,
        }),
        _ => Some(MptcpJoin::Ack {
            hmac: *rest.get(1..)?.first_chunk()?,
        }),
    }
}

fn read_data_sequence<'a>(rest: &[u8]) -> Option<Mptcp<'a>> {
    let (flags, mut rest) = rest.split_first()?;
    let mut number = |is_long: bool| {
        let (read, after) = if is_long {
            (DataNumber::Long(u64_at(rest, 0)?), rest.get(8..)?)
        } else {
            (DataNumber::Short(u32_at(rest, 0)?), rest.get(4..)?)
        };
        rest = after;
        Some(read)
    };
    let ack = match flags & 1 {
        0 => None,
        _ => Some(number(flags & 2 != 0)?),
    };
    let sequence = match flags & 4 {
        0 => None,
        _ => Some(number(flags & 8 != 0)?),
    };
    let mapping = match sequence {
        None => None,
        Some(sequence) => Some(DataMapping {
            sequence,
            subflow_sequence: u32_at(rest, 0)?,
            len: u16_at(rest, 4)?,
            checksum: u16_at(rest, 6),
        }),
    };
    Some(Mptcp::DataSequence {
        is_fin: flags & 16 != 0,
        ack,
        mapping,
    })
}

fn emit_data_sequence(
    is_fin: bool,
    ack: Option<DataNumber>,
    mapping: Option<&DataMapping>,
    put: &mut impl FnMut(&[u8]),
) {
    let is_long = |number: DataNumber| matches!(number, DataNumber::Long(_));
    let flags = u8::from(is_fin) << 4
        | u8::from(mapping.is_some_and(|mapping| is_long(mapping.sequence))) << 3
        | u8::from(mapping.is_some()) << 2
        | u8::from(ack.is_some_and(is_long)) << 1
        | u8::from(ack.is_some());
    put(&[DATA_SEQUENCE << 4, flags]);
    if let Some(number) = ack {
        number.emit(put);
    }
    if let Some(mapping) = mapping {
        mapping.sequence.emit(put);
        put(&mapping.subflow_sequence.to_be_bytes());
        put(&mapping.len.to_be_bytes());
        if let Some(checksum) = mapping.checksum {
            put(&checksum.to_be_bytes());
        }
    }
}

fn read_add_address<'a>(rest: &[u8]) -> Option<Mptcp<'a>> {
    let (id, rest) = rest.split_first()?;
    let (address, rest): (IpAddr, _) = if rest.len() < 16 {
        let (octets, rest) = rest.split_first_chunk::<4>()?;
        ((*octets).into(), rest)
    } else {
        let (octets, rest) = rest.split_first_chunk::<16>()?;
        ((*octets).into(), rest)
    };
    let has_port = matches!(rest.len(), 2 | 10);
    let port = u16_at(rest, 0).filter(|_| has_port);
    let hmac = rest.get(if has_port { 2 } else { 0 }..)?.first_chunk();
    Some(Mptcp::AddAddress {
        id: *id,
        address,
        port,
        hmac: hmac.copied(),
    })
}

impl MptcpKeys {
    fn emit(&self, put: &mut impl FnMut(&[u8])) {
        match self {
            Self::None => {}
            Self::Sender(sender) => put(&sender.to_be_bytes()),
            Self::Both { sender, receiver } => {
                put(&sender.to_be_bytes());
                put(&receiver.to_be_bytes());
            }
            Self::WithData {
                sender,
                receiver,
                len,
                checksum,
            } => {
                put(&sender.to_be_bytes());
                put(&receiver.to_be_bytes());
                put(&len.to_be_bytes());
                if let Some(checksum) = checksum {
                    put(&checksum.to_be_bytes());
                }
            }
        }
    }
}

impl MptcpJoin {
    fn emit(&self, put: &mut impl FnMut(&[u8])) {
        match self {
            Self::Syn {
                is_backup,
                address_id,
                token,
                nonce,
            } => {
                put(&[JOIN << 4 | u8::from(*is_backup), *address_id]);
                put(&token.to_be_bytes());
                put(&nonce.to_be_bytes());
            }
            Self::SynAck {
                is_backup,
                address_id,
                hmac,
                nonce,
            } => {
                put(&[JOIN << 4 | u8::from(*is_backup), *address_id]);
                put(&hmac.to_be_bytes());
                put(&nonce.to_be_bytes());
            }
            Self::Ack { hmac } => {
                put(&[JOIN << 4, 0]);
                put(hmac);
            }
        }
    }
}

impl DataNumber {
    fn emit(self, put: &mut impl FnMut(&[u8])) {
        match self {
            Self::Short(number) => put(&number.to_be_bytes()),
            Self::Long(number) => put(&number.to_be_bytes()),
        }
    }
}

fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    bytes
        .get(at..)?
        .first_chunk()
        .copied()
        .map(u16::from_be_bytes)
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    bytes
        .get(at..)?
        .first_chunk()
        .copied()
        .map(u32::from_be_bytes)
}

fn u64_at(bytes: &[u8], at: usize) -> Option<u64> {
    bytes
        .get(at..)?
        .first_chunk()
        .copied()
        .map(u64::from_be_bytes)
}

/// Reads the number behind a reserved octet.
fn last_u64(rest: &[u8]) -> Option<u64> {
    u64_at(rest, 1)
}
