//! Requests from bytes, however they come in pieces.

use core::mem;

use rustix::io::Errno;
use zeroize::{Zeroize, Zeroizing};

use super::set::{LineError, SetReader, SetRequest};
use super::value::ScopeOf;

/// The longest line in bytes, its end not counted; the longest that means anything has less than half.
pub const LINE_LEN_MAX: usize = 256;

/// The longest request in bytes: some 300,000 allowed IPs.
pub const REQUEST_LEN_MAX: usize = 16 << 20;

/// What a client asks for.
#[derive(Clone, Debug)]
pub enum Request {
    /// The configuration with its secrets, `get=1`.
    Configuration,
    /// Counters and sessions without secrets, `wirecraft_get=1`.
    State,
    /// A change, `set=1`.
    Set(Box<SetRequest>),
}

/// Why a request was refused; nothing of it was done. Lines are counted from 1.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RequestError {
    /// The first line names no operation, or a version of it that there is not.
    #[error("no operation get=1, set=1 or wirecraft_get=1")]
    UnknownOperation,
    /// A line has no `=`, or is no text.
    #[error("line {line}: expected KEY=VALUE")]
    NotALine {
        /// Where it stands.
        line: usize,
    },
    /// A key that there is not, or not where it stands.
    #[error("line {line}: unknown key")]
    UnknownKey {
        /// Where it stands.
        line: usize,
    },
    /// A value that its key does not allow. It may be a secret and is not kept.
    #[error("line {line}: {key} does not allow this value")]
    Value {
        /// Where it stands.
        line: usize,
        /// The key.
        key: &'static str,
    },
    /// A line is longer than [`LINE_LEN_MAX`].
    #[error("line {line}: longer than {LINE_LEN_MAX} bytes")]
    LineTooLong {
        /// Where it stands.
        line: usize,
    },
    /// The request is longer than [`REQUEST_LEN_MAX`].
    #[error("longer than {REQUEST_LEN_MAX} bytes")]
    TooLong,
    /// The client ended before the request did.
    #[error("no empty line at the end")]
    Incomplete,
}

impl RequestError {
    /// The error number, positive, as the operating system counts them.
    #[must_use]
    pub fn errno(self) -> i32 {
        let errno = match self {
            Self::NotALine { .. } | Self::Incomplete => Errno::PROTO,
            Self::TooLong => Errno::TOOBIG,
            _ => Errno::INVAL,
        };
        errno.raw_os_error()
    }

    /// Whether what follows on the connection cannot be understood.
    #[must_use]
    pub fn ends_connection(self) -> bool {
        matches!(self, Self::TooLong | Self::Incomplete)
    }
}

/// Makes requests of the bytes of a connection; what it holds of them is wiped.
///
/// ```
/// use wirecraft_net::uapi::{Request, RequestReader};
///
/// let mut reader = RequestReader::new(|_scope| None);
/// let mut input = &b"get=1\n\nset=1\n"[..];
/// assert!(matches!(reader.read(&mut input), Some(Ok(Request::Configuration))));
/// assert!(reader.read(&mut input).is_none() && input.is_empty());
/// assert!(reader.end().is_err());
/// ```
pub struct RequestReader {
    scope_of: ScopeOf,
    /// The line under way, never longer than [`LINE_LEN_MAX`]: it has its capacity from the start.
    line: Zeroizing<Vec<u8>>,
    line_number: usize,
    /// The bytes of the request so far.
    len: usize,
    state: State,
}

enum State {
    /// The first line has not come yet.
    Operation,
    Complete(Request),
    Set(SetReader),
    /// Nothing of what comes until the empty line is looked at.
    Refused(RequestError),
}

impl RequestReader {
    /// Makes a reader for a new connection.
    #[must_use]
    pub fn new(scope_of: ScopeOf) -> Self {
        Self {
            scope_of,
            line: Zeroizing::new(Vec::with_capacity(LINE_LEN_MAX)),
            line_number: 1,
            len: 0,
            state: State::Operation,
        }
    }

    /// Reads on in `input` to the end of a request; what follows stays in `input`.
    ///
    /// `None` says that all was read and the request goes on. A request that cannot be understood is an
    /// error at its end, except for one that is too long: after that, this is of no more use.
    pub fn read(&mut self, input: &mut &[u8]) -> Option<Result<Request, RequestError>> {
        while !input.is_empty() {
            let end = input.iter().position(|byte| *byte == b'\n');
            let len = end.map_or(input.len(), |end| end + 1);
            let (bytes, rest) = input.split_at(len);
            *input = rest;
            self.len += len;
            if self.len > REQUEST_LEN_MAX {
                return Some(Err(RequestError::TooLong));
            }
            self.add_to_line(&bytes[..end.unwrap_or(len)]);
            if end.is_some()
                && let Some(outcome) = self.end_line()
            {
                return Some(outcome);
            }
        }
        None
    }

    /// Says that nothing more comes.
    ///
    /// # Errors
    /// Why the request under way is refused, if there is one.
    pub fn end(&self) -> Result<(), RequestError> {
        match self.state {
            State::Refused(error) => Err(error),
            _ if self.len > 0 => Err(RequestError::Incomplete),
            _ => Ok(()),
        }
    }

    fn add_to_line(&mut self, bytes: &[u8]) {
        if self.line.len() + bytes.len() <= LINE_LEN_MAX {
            self.line.extend_from_slice(bytes);
        } else {
            self.refuse(RequestError::LineTooLong {
                line: self.line_number,
            });
            // It has to be seen that the line is not empty, and no more.
            self.line.truncate(0);
            self.line.push(b'.');
        }
    }

    /// The first error is the one that counts.
    fn refuse(&mut self, error: RequestError) {
        if !matches!(self.state, State::Refused(_)) {
            self.state = State::Refused(error);
        }
    }

    fn end_line(&mut self) -> Option<Result<Request, RequestError>> {
        if self.line.is_empty() {
            return self.end_request();
        }
        let taken = self.take_line();
        self.line.zeroize();
        if let Err(error) = taken {
            self.refuse(error);
        }
        self.line_number += 1;
        None
    }

    /// An empty line before a request ends none.
    fn end_request(&mut self) -> Option<Result<Request, RequestError>> {
        self.line_number = 1;
        self.len = 0;
        match mem::replace(&mut self.state, State::Operation) {
            State::Operation => None,
            State::Complete(request) => Some(Ok(request)),
            State::Set(reader) => Some(Ok(Request::Set(reader.finish()))),
            State::Refused(error) => Some(Err(error)),
        }
    }

    fn take_line(&mut self) -> Result<(), RequestError> {
        let line = self.line_number;
        match &mut self.state {
            State::Refused(_) => {}
            State::Complete(_) => return Err(RequestError::UnknownKey { line }),
            State::Operation => self.state = operation(&self.line)?,
            State::Set(reader) => {
                let text = str::from_utf8(&self.line).ok();
                let pair = text.and_then(|text| text.split_once('='));
                let (key, value) = pair.ok_or(RequestError::NotALine { line })?;
                let taken = reader.line(key, value, self.scope_of);
                taken.map_err(|error| match error {
                    LineError::UnknownKey => RequestError::UnknownKey { line },
                    LineError::Value { key } => RequestError::Value { line, key },
                })?;
            }
        }
        Ok(())
    }
}

fn operation(line: &[u8]) -> Result<State, RequestError> {
    match line {
        b"get=1" => Ok(State::Complete(Request::Configuration)),
        b"wirecraft_get=1" => Ok(State::Complete(Request::State)),
        b"set=1" => Ok(State::Set(SetReader::default())),
        _ => Err(RequestError::UnknownOperation),
    }
}

#[cfg(test)]
mod tests {
    use core::time::Duration;

    use proptest::prelude::*;
    use wirecraft_tunnel::{
        AllowedIpChange, DeviceChange, Presence, PresharedKey, PrivateKeyChange,
    };

    use super::*;
    use crate::udp::SocketChange;

    const PRIVATE_KEY: &str = "e84b5a6d2717c1003a13b431570353dbaca9146cf150c5f8575680feba52027a";
    const PEER: &str =
        "public_key=b85996fecc9c7f1fc6d2572a76eda11d59bcd20be8e543b15ce4bd85a8e75a33\n";
    const ZERO: &str = "0000000000000000000000000000000000000000000000000000000000000000";

    fn reader() -> RequestReader {
        RequestReader::new(|_| None)
    }

    /// The outcome of one whole request.
    fn read(text: &str) -> Result<Request, RequestError> {
        let mut input = text.as_bytes();
        let outcome = reader().read(&mut input).expect("the request is whole");
        assert_eq!(input, b"");
        outcome
    }

    fn set(lines: &str) -> Result<Box<SetRequest>, RequestError> {
        match read(&format!("set=1\n{lines}\n"))? {
            Request::Set(request) => Ok(request),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn every_line_of_a_device_and_of_a_peer_is_taken() {
        let lines = format!(
            "private_key={PRIVATE_KEY}\nlisten_port=12912\nfwmark=4294967295\nreplace_peers=true\n\
             {PEER}update_only=true\npreshared_key={PRIVATE_KEY}\nprotocol_version=1\n\
             endpoint=[abcd:23::33%2]:51820\npersistent_keepalive_interval=65535\n\
             replace_allowed_ips=true\nallowed_ip=192.168.4.4/32\nallowed_ip=-::/0\n\
             {PEER}remove=true\n"
        );

        let request = set(&lines).unwrap();

        let sockets = SocketChange {
            port: Some(12912),
            mark: Some(u32::MAX),
        };
        assert_eq!(request.sockets, sockets);
        let DeviceChange {
            private_key,
            replace_peers,
            peers,
        } = &request.device;
        let Some(PrivateKeyChange::Set(private_key)) = private_key else {
            panic!("{private_key:?}");
        };
        assert_eq!(private_key.as_bytes()[..2], [0xe8, 0x4b]);
        assert!(replace_peers);
        let [changed, removed] = peers.as_slice() else {
            panic!("{peers:?}");
        };
        assert_eq!(changed.presence, Presence::UpdateOnly);
        assert_eq!(changed.preshared_key.as_ref().unwrap().as_bytes()[31], 0x7a);
        assert_eq!(changed.endpoint, "[abcd:23::33%2]:51820".parse().ok());
        assert_eq!(
            changed.persistent_keepalive,
            Some(Duration::from_secs(65535))
        );
        assert!(changed.replace_allowed_ips);
        let expected = [
            AllowedIpChange::Add("192.168.4.4/32".parse().unwrap()),
            AllowedIpChange::Remove("::/0".parse().unwrap()),
        ];
        assert_eq!(changed.allowed_ips, expected);
        assert_eq!(removed.presence, Presence::Removed);
    }

    #[test]
    fn a_key_of_zeros_takes_the_key_away() {
        let request = set(&format!("private_key={ZERO}\n{PEER}preshared_key={ZERO}\n")).unwrap();
        let private_key = &request.device.private_key;
        assert!(matches!(private_key, Some(PrivateKeyChange::Remove)));
        let preshared_key = &request.device.peers[0].preshared_key;
        assert_eq!(preshared_key, &Some(PresharedKey::ZERO));
    }

    #[test]
    fn an_unknown_operation_and_another_version_are_refused() {
        for text in [
            "get=2\n\n",
            "set=2\nlisten_port=1\n\n",
            "get\n\n",
            "GET=1\n\n",
        ] {
            let error = read(text).unwrap_err();
            assert_eq!(error, RequestError::UnknownOperation, "{text:?}");
            assert_eq!(error.errno(), 22);
        }
    }

    #[test]
    fn empty_lines_between_requests_ask_for_nothing() {
        let mut input = &b"\n\nget=1\n\n\n"[..];
        let mut reader = reader();
        let outcome = reader.read(&mut input);
        assert!(matches!(outcome, Some(Ok(Request::Configuration))));
        assert!(reader.read(&mut input).is_none());
        assert_eq!(reader.end(), Ok(()));
    }

    #[test]
    fn a_key_in_the_wrong_section_is_unknown() {
        for (lines, line) in [
            ("endpoint=1.2.3.4:5\n".to_owned(), 2),
            (format!("{PEER}listen_port=1\n"), 3),
            (format!("{PEER}replace_peers=true\n"), 3),
            ("colour=red\n".to_owned(), 2),
            ("=\n".to_owned(), 2),
            ("errno=0\n".to_owned(), 2),
        ] {
            let error = set(&lines).unwrap_err();
            assert_eq!(error, RequestError::UnknownKey { line }, "{lines:?}");
            assert_eq!(error.errno(), 22);
        }
        let trailing = read("get=1\nlisten_port=1\n\n").unwrap_err();
        assert_eq!(trailing, RequestError::UnknownKey { line: 2 });
    }

    #[test]
    fn a_value_that_its_key_does_not_allow_is_refused() {
        for line in [
            "private_key=",
            "listen_port=65536",
            "fwmark=4294967296",
            "replace_peers=false",
        ] {
            let key = line.split('=').next().unwrap();
            let error = set(&format!("{line}\n")).unwrap_err();
            assert!(matches!(error, RequestError::Value { line: 2, key: found } if found == key));
            assert_eq!(error.errno(), 22);
        }
        for line in [
            "remove=1",
            "update_only=",
            "preshared_key=00",
            "endpoint=example.org:1",
            "persistent_keepalive_interval=off",
            "replace_allowed_ips=TRUE",
            "allowed_ip=10.0.0.0",
            "protocol_version=2",
        ] {
            let key = line.split('=').next().unwrap();
            let error = set(&format!("{PEER}{line}\n")).unwrap_err();
            assert!(matches!(error, RequestError::Value { line: 3, key: found } if found == key));
        }
    }

    #[test]
    fn a_line_that_is_no_pair_is_a_breach_of_the_protocol() {
        let error = set("listen_port\n").unwrap_err();
        assert_eq!(error, RequestError::NotALine { line: 2 });
        assert_eq!(error.errno(), 71);
    }

    #[test]
    fn a_line_that_is_too_long_is_refused_and_the_next_request_is_read() {
        for len in [LINE_LEN_MAX + 1, 100_000] {
            let text = format!("set=1\n{}\nlisten_port=x\n\nget=1\n\n", "x".repeat(len));
            let mut input = text.as_bytes();
            let mut reader = reader();
            let error = reader.read(&mut input).unwrap().unwrap_err();
            assert_eq!(error, RequestError::LineTooLong { line: 2 });
            let next = reader.read(&mut input);
            assert!(matches!(next, Some(Ok(Request::Configuration))));
        }
        let longest = format!("{}\n", "x".repeat(LINE_LEN_MAX));
        assert_eq!(
            set(&longest).unwrap_err(),
            RequestError::NotALine { line: 2 }
        );
    }

    #[test]
    fn a_request_without_an_end_is_refused() {
        let mut reader = reader();
        assert_eq!(reader.end(), Ok(()));
        assert!(reader.read(&mut &b"set=1\nlisten_port=1\n"[..]).is_none());
        assert_eq!(reader.end(), Err(RequestError::Incomplete));
        assert_eq!(RequestError::Incomplete.errno(), 71);
    }

    #[test]
    fn a_request_that_does_not_end_is_refused_at_its_limit() {
        let mut reader = reader();
        assert!(reader.read(&mut &b"set=1\n"[..]).is_none());
        let lines = b"fwmark=1\n".repeat(1 << 16);
        let mut len = 6;
        let error = loop {
            len += lines.len();
            match reader.read(&mut lines.as_slice()) {
                None => assert!(len <= REQUEST_LEN_MAX),
                Some(outcome) => break outcome.unwrap_err(),
            }
        };
        assert!(len > REQUEST_LEN_MAX);
        assert_eq!(error, RequestError::TooLong);
        assert_eq!(error.errno(), 7);
    }

    #[test]
    fn prefixes_before_the_replacement_of_all_are_replaced_as_well() {
        let lines = "allowed_ip=10.0.0.0/8\nreplace_allowed_ips=true\nallowed_ip=::/0\n";
        let request = set(&format!("{PEER}{lines}")).unwrap();
        let expected = [AllowedIpChange::Add("::/0".parse().unwrap())];
        assert_eq!(request.device.peers[0].allowed_ips, expected);
    }

    #[test]
    fn a_removed_peer_stays_removed_whatever_else_is_said_of_it() {
        let request = set(&format!("{PEER}remove=true\nupdate_only=true\n")).unwrap();
        assert_eq!(request.device.peers[0].presence, Presence::Removed);
    }

    #[test]
    fn many_peers_keep_their_order_and_their_keys() {
        let mut lines = String::new();
        for number in 0..100 {
            lines += &format!("public_key={number:064x}\npreshared_key={number:064x}\n");
        }
        let request = set(&lines).unwrap();
        for (number, peer) in (0..100).zip(&request.device.peers) {
            assert_eq!(peer.public_key.as_bytes()[31], number);
            assert_eq!(peer.preshared_key.as_ref().unwrap().as_bytes()[31], number);
        }
        assert_eq!(request.device.peers.len(), 100);
    }

    #[test]
    fn secrets_are_not_shown() {
        let lines = format!("private_key={PRIVATE_KEY}\n{PEER}preshared_key={PRIVATE_KEY}\n");
        let shown = format!("{:?}", set(&lines).unwrap());
        assert!(!shown.contains("e8") && !shown.contains("232"), "{shown}");
    }

    /// Outcomes of all requests in `input`, read in pieces of `piece_len` bytes.
    fn outcomes(input: &[u8], piece_len: usize) -> (Vec<String>, Result<(), RequestError>) {
        let mut reader = reader();
        let mut outcomes = Vec::new();
        for mut piece in input.chunks(piece_len) {
            while let Some(outcome) = reader.read(&mut piece) {
                outcomes.push(format!("{outcome:?}"));
            }
            assert!(piece.is_empty());
        }
        (outcomes, reader.end())
    }

    fn line() -> impl Strategy<Value = Vec<u8>> {
        let known = prop::sample::select(vec![
            "",
            "get=1",
            "set=1",
            "wirecraft_get=1",
            "listen_port=0",
            "replace_peers=true",
            PEER.trim_end(),
            "remove=true",
            "endpoint=[::1%1]:1",
            "allowed_ip=-10.0.0.0/8",
            "private_key=",
        ]);
        prop_oneof![
            4 => known.prop_map(|line| line.as_bytes().to_vec()),
            1 => prop::collection::vec(any::<u8>(), 0..300),
        ]
    }

    proptest! {
        #[test]
        fn pieces_of_any_length_make_the_same_requests(
            lines in prop::collection::vec(line(), 0..20),
            piece_len in 1..50_usize,
        ) {
            let input = lines.join(&b'\n');
            let whole = outcomes(&input, usize::MAX);
            prop_assert_eq!(outcomes(&input, piece_len), whole);
        }

        #[test]
        fn no_bytes_make_the_reader_panic(input in prop::collection::vec(any::<u8>(), 0..2000)) {
            let (_, end) = outcomes(&input, 7);
            prop_assert!(end.is_ok() || !input.is_empty());
        }
    }
}
