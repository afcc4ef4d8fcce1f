//! The messages of SOCKS as bytes.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use wirecraft::Target;

/// The version byte of SOCKS5.
const VERSION_5: u8 = 5;
/// The version byte of SOCKS4.
const VERSION_4: u8 = 4;
/// The version byte of the negotiation of user name and password (RFC 1929 §2).
const VERSION_PASSWORD: u8 = 1;

/// Method: no authentication (RFC 1928 §3).
const METHOD_NONE: u8 = 0;
/// Method: user name and password.
const METHOD_PASSWORD: u8 = 2;
/// No method is acceptable.
const METHOD_UNACCEPTABLE: u8 = 0xff;

/// Address types (RFC 1928 §5).
const IPV4: u8 = 1;
const NAME: u8 = 3;
const IPV6: u8 = 4;

/// The longest user name of SOCKS4, whose end alone says how long it is, in bytes.
const SOCKS4_TEXT_LEN_MAX: usize = 255;

/// Bytes that are no message of SOCKS.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SocksError {
    /// The version is none of ours.
    #[error("version {version} of SOCKS")]
    Version {
        /// The version byte.
        version: u8,
    },
    /// The command is none.
    #[error("no command has the number {command}")]
    Command {
        /// The command byte.
        command: u8,
    },
    /// The address has no type that is known.
    #[error("no address has the type {kind}")]
    AddressType {
        /// The type byte.
        kind: u8,
    },
    /// The name is empty, or not one that could be looked up.
    #[error("the name of the host is none")]
    Name,
    /// A text does not end.
    #[error("a text is too long")]
    TooLong,
}

/// What was read, and how many bytes it took.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Read<T> {
    /// What was read.
    pub value: T,
    /// Its length in bytes.
    pub len: usize,
}

type ReadResult<T> = Result<Option<Read<T>>, SocksError>;

/// What a client opens with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Greeting {
    /// SOCKS4: the request stands in the same bytes, nothing was taken from them.
    Socks4,
    /// SOCKS5, with the methods that the client offers.
    Socks5 {
        /// Whether it would do without authentication.
        offers_none: bool,
        /// Whether it has a user name and a password.
        offers_password: bool,
    },
}

impl Greeting {
    /// The answer to SOCKS5: which method is taken, if any.
    #[must_use]
    pub fn answer(method: Option<Answered>) -> [u8; 2] {
        let method = match method {
            Some(Answered::None) => METHOD_NONE,
            Some(Answered::Password) => METHOD_PASSWORD,
            None => METHOD_UNACCEPTABLE,
        };
        [VERSION_5, method]
    }
}

/// The method that a client is asked to use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answered {
    /// No authentication.
    None,
    /// User name and password.
    Password,
}

/// Reads what a client opens with.
///
/// # Errors
/// [`SocksError::Version`].
pub fn read_greeting(bytes: &[u8]) -> ReadResult<Greeting> {
    match bytes.first() {
        None => Ok(None),
        Some(&VERSION_4) => Ok(Some(Read {
            value: Greeting::Socks4,
            len: 0,
        })),
        Some(&VERSION_5) => {
            let mut rest = Rest::new(&bytes[1..]);
            let Some(methods) = rest.text() else {
                return Ok(None);
            };
            let value = Greeting::Socks5 {
                offers_none: methods.contains(&METHOD_NONE),
                offers_password: methods.contains(&METHOD_PASSWORD),
            };
            Ok(Some(rest.read(bytes, value)))
        }
        Some(&version) => Err(SocksError::Version { version }),
    }
}

/// A user name and a password.
#[derive(Clone, PartialEq, Eq)]
pub struct Credentials {
    /// The user name.
    pub user: Vec<u8>,
    /// The password.
    pub password: Vec<u8>,
}

impl std::fmt::Debug for Credentials {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Credentials").finish_non_exhaustive()
    }
}

impl Credentials {
    /// The answer: whether they are right.
    #[must_use]
    pub fn answer(are_right: bool) -> [u8; 2] {
        [VERSION_PASSWORD, u8::from(!are_right)]
    }
}

/// Reads a user name and a password.
///
/// # Errors
/// [`SocksError::Version`].
///
/// Source: RFC 1929 §2.
pub fn read_credentials(bytes: &[u8]) -> ReadResult<Credentials> {
    match bytes.first() {
        None => return Ok(None),
        Some(&VERSION_PASSWORD) => {}
        Some(&version) => return Err(SocksError::Version { version }),
    }
    let mut rest = Rest::new(&bytes[1..]);
    let (Some(user), Some(password)) = (rest.text(), rest.text()) else {
        return Ok(None);
    };
    let value = Credentials {
        user: user.to_vec(),
        password: password.to_vec(),
    };
    Ok(Some(rest.read(bytes, value)))
}

/// What a client wants.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RequestKind {
    /// A TCP connection.
    Connect,
    /// A port on which one TCP connection is awaited.
    Bind,
    /// A place to send datagrams to.
    UdpAssociate,
}

/// A request of SOCKS5 or SOCKS4.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// What is wanted.
    pub kind: RequestKind,
    /// Where to; of datagrams, where they will come from, if the client knows.
    pub target: Target,
    /// The user name, which only SOCKS4 has here.
    pub user: Vec<u8>,
}

fn request_kind(command: u8) -> Result<RequestKind, SocksError> {
    match command {
        1 => Ok(RequestKind::Connect),
        2 => Ok(RequestKind::Bind),
        3 => Ok(RequestKind::UdpAssociate),
        command => Err(SocksError::Command { command }),
    }
}

/// Reads a request of SOCKS5.
///
/// # Errors
/// [`SocksError`], each of which has an [answer](Reply::of_error).
///
/// Source: RFC 1928 §4.
pub fn read_request(bytes: &[u8]) -> ReadResult<Request> {
    let Some(&[version, command, _reserved]) = bytes.first_chunk::<3>() else {
        return match bytes.first() {
            Some(&version) if version != VERSION_5 => Err(SocksError::Version { version }),
            _ => Ok(None),
        };
    };
    if version != VERSION_5 {
        return Err(SocksError::Version { version });
    }
    let kind = request_kind(command)?;
    let mut rest = Rest::new(&bytes[3..]);
    let Some(target) = rest.target()? else {
        return Ok(None);
    };
    let value = Request {
        kind,
        target,
        user: Vec::new(),
    };
    Ok(Some(rest.read(bytes, value)))
}

/// Reads a request of SOCKS4 or SOCKS4a.
///
/// # Errors
/// [`SocksError`].
pub fn read_socks4_request(bytes: &[u8]) -> ReadResult<Request> {
    if let Some(&version) = bytes.first()
        && version != VERSION_4
    {
        return Err(SocksError::Version { version });
    }
    let Some(&[_, command, p0, p1, a, b, c, d]) = bytes.first_chunk::<8>() else {
        return Ok(None);
    };
    let kind = match request_kind(command)? {
        RequestKind::UdpAssociate => return Err(SocksError::Command { command }),
        kind => kind,
    };
    let mut rest = Rest::new(&bytes[8..]);
    let Some(user) = rest.zero_ended()? else {
        return Ok(None);
    };
    let user = user.to_vec();
    // An impossible address, 0.0.0.x, says that a name follows (4A).
    let host = if [a, b, c] == [0; 3] && d != 0 {
        let Some(name) = rest.zero_ended()? else {
            return Ok(None);
        };
        host_name(name)?
    } else {
        Ipv4Addr::new(a, b, c, d).to_string()
    };
    let port = u16::from_be_bytes([p0, p1]);
    let value = Request {
        kind,
        target: Target { host, port },
        user,
    };
    Ok(Some(rest.read(bytes, value)))
}

/// The answers to a request of SOCKS5.
///
/// Source: RFC 1928 §6.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Reply {
    /// It is done.
    Succeeded = 0,
    /// Something else went wrong.
    GeneralFailure = 1,
    /// It is not allowed.
    NotAllowed = 2,
    /// No way leads to the network.
    NetworkUnreachable = 3,
    /// No way leads to the host, or there is none of this name.
    HostUnreachable = 4,
    /// The host refused the connection.
    ConnectionRefused = 5,
    /// Nobody answered in time.
    TtlExpired = 6,
    /// The command is not served.
    CommandNotSupported = 7,
    /// The type of the address is not known.
    AddressTypeNotSupported = 8,
}

impl Reply {
    /// The answer to bytes that are no request.
    #[must_use]
    pub fn of_error(error: SocksError) -> Self {
        match error {
            SocksError::Command { .. } => Self::CommandNotSupported,
            SocksError::AddressType { .. } => Self::AddressTypeNotSupported,
            _ => Self::GeneralFailure,
        }
    }

    /// The bytes of the answer, with the address and port that the proxy has for the client.
    #[must_use]
    pub fn to_bytes(self, bound: SocketAddr) -> Vec<u8> {
        let mut bytes = vec![VERSION_5, self as u8, 0];
        write_address(&mut bytes, bound);
        bytes
    }
}

/// The answers to a request of SOCKS4.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Socks4Reply {
    /// The connection is there.
    Granted = 90,
    /// It is not.
    Rejected = 91,
}

impl Socks4Reply {
    /// The bytes of the answer; the address in it means nothing.
    #[must_use]
    pub fn to_bytes(self) -> [u8; 8] {
        [0, self as u8, 0, 0, 0, 0, 0, 0]
    }
}

/// A datagram from a client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Datagram<'a> {
    /// Where it goes.
    pub target: Target,
    /// Its payload.
    pub payload: &'a [u8],
}

/// Reads a datagram from a client; `None` if it is cut off, or a fragment, which nobody has to put together.
///
/// # Errors
/// [`SocksError::AddressType`], [`SocksError::Name`].
///
/// Source: RFC 1928 §7.
pub fn read_datagram(bytes: &[u8]) -> Result<Option<Datagram<'_>>, SocksError> {
    let Some((&[_, _, fragment], behind)) = bytes.split_first_chunk::<3>() else {
        return Ok(None);
    };
    if fragment != 0 {
        return Ok(None);
    }
    let mut rest = Rest::new(behind);
    let target = rest.target()?;
    Ok(target.map(|target| Datagram {
        target,
        payload: rest.0,
    }))
}

/// Writes what stands before the payload of a datagram to a client.
pub fn write_datagram_header(bytes: &mut Vec<u8>, from: SocketAddr) {
    bytes.extend([0, 0, 0]);
    write_address(bytes, from);
}

fn write_address(bytes: &mut Vec<u8>, address: SocketAddr) {
    match address.ip() {
        IpAddr::V4(ip) => {
            bytes.push(IPV4);
            bytes.extend(ip.octets());
        }
        IpAddr::V6(ip) => {
            bytes.push(IPV6);
            bytes.extend(ip.octets());
        }
    }
    bytes.extend(address.port().to_be_bytes());
}

/// A name as text, if it could be looked up: printable characters without spaces.
fn host_name(name: &[u8]) -> Result<String, SocksError> {
    let text = std::str::from_utf8(name).map_err(|_| SocksError::Name)?;
    let is_odd = |c: char| c.is_control() || c.is_whitespace();
    if text.is_empty() || text.contains(is_odd) {
        return Err(SocksError::Name);
    }
    Ok(text.to_owned())
}

/// The bytes that were not read yet.
struct Rest<'a>(&'a [u8]);

impl<'a> Rest<'a> {
    fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    fn take(&mut self, len: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(len)?;
        self.0 = rest;
        Some(taken)
    }

    fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (taken, rest) = self.0.split_first_chunk::<N>()?;
        self.0 = rest;
        Some(*taken)
    }

    /// A length of one byte, and so many bytes.
    fn text(&mut self) -> Option<&'a [u8]> {
        let [len] = self.array()?;
        self.take(len.into())
    }

    /// Bytes up to a zero, which goes too.
    fn zero_ended(&mut self) -> ReadPart<&'a [u8]> {
        match self.0.iter().position(|byte| *byte == 0) {
            Some(len) if len <= SOCKS4_TEXT_LEN_MAX => {
                let text = self.take(len);
                self.take(1);
                Ok(text)
            }
            None if self.0.len() <= SOCKS4_TEXT_LEN_MAX => Ok(None),
            _ => Err(SocksError::TooLong),
        }
    }

    /// An address of any type, and a port.
    fn target(&mut self) -> ReadPart<Target> {
        let Some([kind]) = self.array() else {
            return Ok(None);
        };
        let host = match kind {
            IPV4 => self
                .array()
                .map(|octets: [u8; 4]| Ipv4Addr::from(octets).to_string()),
            IPV6 => self
                .array()
                .map(|octets: [u8; 16]| Ipv6Addr::from(octets).to_string()),
            NAME => match self.text() {
                Some(name) => Some(host_name(name)?),
                None => None,
            },
            kind => return Err(SocksError::AddressType { kind }),
        };
        let port = self.array().map(u16::from_be_bytes);
        Ok(host.zip(port).map(|(host, port)| Target { host, port }))
    }

    fn read<T>(&self, all: &[u8], value: T) -> Read<T> {
        Read {
            value,
            len: all.len() - self.0.len(),
        }
    }
}

type ReadPart<T> = Result<Option<T>, SocksError>;

#[cfg(test)]
mod tests {
    use super::*;

    fn target(host: &str, port: u16) -> Target {
        Target {
            host: host.to_owned(),
            port,
        }
    }

    /// Whatever is cut off is "more is needed", and what follows is left alone.
    fn assert_reads<T: PartialEq + std::fmt::Debug>(
        bytes: &[u8],
        expected: &T,
        read: impl Fn(&[u8]) -> ReadResult<T>,
    ) {
        for len in 0..bytes.len() {
            assert_eq!(read(&bytes[..len]), Ok(None), "{len} bytes");
        }
        let with_more = [bytes, b"and more"].concat();
        let read = read(&with_more).unwrap().unwrap();
        assert_eq!((&read.value, read.len), (expected, bytes.len()));
    }

    #[test]
    fn greeting_tells_the_methods() {
        let both = Greeting::Socks5 {
            offers_none: true,
            offers_password: true,
        };
        assert_reads(&[5, 3, 0, 1, 2], &both, read_greeting);
        let neither = Greeting::Socks5 {
            offers_none: false,
            offers_password: false,
        };
        assert_reads(&[5, 0], &neither, read_greeting);
        let socks4 = read_greeting(&[4]).unwrap().unwrap();
        assert_eq!((socks4.value, socks4.len), (Greeting::Socks4, 0));
        for version in [0, 1, 3, 6, b'G'] {
            let error = SocksError::Version { version };
            assert_eq!(read_greeting(&[version]), Err(error));
        }
    }

    #[test]
    fn credentials_are_read_byte_by_byte() {
        let expected = Credentials {
            user: b"me".to_vec(),
            password: Vec::new(),
        };
        assert_reads(&[1, 2, b'm', b'e', 0], &expected, read_credentials);
        assert_eq!(
            read_credentials(&[5]),
            Err(SocksError::Version { version: 5 })
        );
    }

    #[test]
    fn requests_have_addresses_of_three_types() {
        let cases: [(&[u8], Target); 3] = [
            (&[1, 10, 0, 0, 1, 0, 80], target("10.0.0.1", 80)),
            (
                &[4, 0xfd, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 187],
                target("fd00::1", 443),
            ),
            (&[3, 4, b'h', b'o', b's', b't', 0, 22], target("host", 22)),
        ];
        for (address, target) in cases {
            for (command, kind) in [
                (1, RequestKind::Connect),
                (2, RequestKind::Bind),
                (3, RequestKind::UdpAssociate),
            ] {
                let bytes = [&[5, command, 0], address].concat();
                let expected = Request {
                    kind,
                    target: target.clone(),
                    user: Vec::new(),
                };
                assert_reads(&bytes, &expected, read_request);
            }
        }
    }

    #[test]
    fn what_is_no_request_has_the_answer_that_says_why() {
        let cases: [(&[u8], Reply); 6] = [
            (&[5, 4, 0], Reply::CommandNotSupported),
            (&[5, 1, 0, 2], Reply::AddressTypeNotSupported),
            (&[5, 1, 0, 3, 0, 0, 80], Reply::GeneralFailure),
            (&[5, 1, 0, 3, 2, b'a', b' ', 0, 80], Reply::GeneralFailure),
            (&[5, 1, 0, 3, 1, 0xff, 0, 80], Reply::GeneralFailure),
            (&[4, 1, 0], Reply::GeneralFailure),
        ];
        for (bytes, reply) in cases {
            assert_eq!(Reply::of_error(read_request(bytes).unwrap_err()), reply);
        }
    }

    #[test]
    fn socks4_requests_have_an_address_or_a_name() {
        let by_address = Request {
            kind: RequestKind::Connect,
            target: target("10.0.0.1", 80),
            user: b"me".to_vec(),
        };
        let bytes = [4, 1, 0, 80, 10, 0, 0, 1, b'm', b'e', 0];
        assert_reads(&bytes, &by_address, read_socks4_request);
        let by_name = Request {
            kind: RequestKind::Connect,
            target: target("host", 80),
            user: Vec::new(),
        };
        let bytes = [4, 1, 0, 80, 0, 0, 0, 1, 0, b'h', b'o', b's', b't', 0];
        assert_reads(&bytes, &by_name, read_socks4_request);
    }

    #[test]
    fn text_of_socks4_without_an_end_is_refused() {
        let head = [4, 1, 0, 80, 10, 0, 0, 1];
        let long = [&head[..], &[b'a'; 256]].concat();
        assert_eq!(read_socks4_request(&long), Err(SocksError::TooLong));
        assert_eq!(read_socks4_request(&long[..long.len() - 1]), Ok(None));
    }

    #[test]
    fn datagrams_keep_their_payload_and_fragments_are_dropped() {
        let from: SocketAddr = "[fd00::1]:53".parse().unwrap();
        let mut bytes = Vec::new();
        write_datagram_header(&mut bytes, from);
        bytes.extend(b"payload");
        let read = read_datagram(&bytes).unwrap().unwrap();
        assert_eq!(
            (read.target, read.payload),
            (target("fd00::1", 53), &b"payload"[..])
        );
        bytes[2] = 1;
        assert_eq!(read_datagram(&bytes), Ok(None));
        assert_eq!(read_datagram(&[0, 0, 0, 1, 10]), Ok(None));
    }

    #[test]
    fn answers_have_their_bytes() {
        let bound = "10.0.0.1:1080".parse().unwrap();
        assert_eq!(
            Reply::ConnectionRefused.to_bytes(bound),
            [5, 5, 0, 1, 10, 0, 0, 1, 4, 56]
        );
        assert_eq!(Socks4Reply::Rejected.to_bytes(), [0, 91, 0, 0, 0, 0, 0, 0]);
        assert_eq!(Greeting::answer(None), [5, 0xff]);
        assert_eq!(Credentials::answer(false), [1, 1]);
    }
}
