//! Speaking WireGuard to an endpoint message by message, without a tunnel.

use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use rand_core::Rng as _;
use tokio::net::UdpSocket;
use tokio::time::timeout;
use wirecraft::noise_handshake::{
    AwaitingResponse, Cookie, LocalStatic, LowOrderKey, Mac1, RemoteStatic, Tai64N, TransportKeys,
    initiate, initiate_with_low_order,
};
use wirecraft::wire_format::{
    Counter, DATA_HEADER_LEN, DataHeader, DataMut, Index, Initiation, Message, Response, TAG_LEN,
};
use wirecraft::{Clock, PresharedKey, PrivateKey, PublicKey, SystemEntropy};

/// The longest datagram that is read, in bytes.
const DATAGRAM_MAX_LEN: usize = 65_535;

/// Why an endpoint cannot be spoken to.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CallerError {
    /// The public key is none that a peer can have.
    #[error(transparent)]
    Key(#[from] LowOrderKey),
    /// The UDP socket failed.
    #[error("UDP to {endpoint}: {source}")]
    Socket {
        /// Who was to be spoken to.
        endpoint: SocketAddr,
        /// What the system says.
        source: io::Error,
    },
}

/// Speaks to one endpoint, with the keys of one end of a tunnel.
pub struct Caller {
    socket: UdpSocket,
    endpoint: SocketAddr,
    local: LocalStatic,
    remote: RemoteStatic,
    preshared_key: PresharedKey,
    newest: Option<Tai64N>,
    cookie: Option<Cookie>,
}

/// What came back for an initiation.
pub enum Reception {
    /// A response that opens: keys for data.
    Up(Box<Session>),
    /// A response for this initiation that does not open under the preshared key.
    Sealed {
        /// Whether it opens without any.
        opens_without_key: bool,
    },
    /// The endpoint is under load and wants the next initiation to carry this cookie.
    Cookie,
    /// Nothing, or nothing that answers.
    Silence,
}

/// Keys of a handshake that was completed, and what was sent under them.
pub struct Session {
    keys: TransportKeys,
    /// What the other end calls them.
    remote_index: Index,
    /// What this end calls them.
    local_index: Index,
    counter: u64,
}

impl Caller {
    /// Opens a UDP socket to `endpoint`, from a port that the system chooses.
    ///
    /// # Errors
    /// [`CallerError`].
    pub async fn new(
        endpoint: SocketAddr,
        private_key: &PrivateKey,
        public_key: PublicKey,
        preshared_key: Option<&PresharedKey>,
    ) -> Result<Self, CallerError> {
        let local = LocalStatic::new(private_key.clone());
        let remote = RemoteStatic::new(&local, public_key)?;
        Ok(Self {
            socket: connected(endpoint).await?,
            endpoint,
            local,
            remote,
            preshared_key: preshared_key.cloned().unwrap_or_default(),
            newest: None,
            cookie: None,
        })
    }

    /// Makes an initiation with a timestamp greater than those before, sealed and with its macs.
    ///
    /// # Errors
    /// [`CallerError::Key`] never, for a key that was taken.
    pub fn initiation(&mut self) -> Result<(Initiation, AwaitingResponse, Mac1), CallerError> {
        let timestamp = self.next_timestamp();
        self.initiation_at(timestamp)
    }

    fn next_timestamp(&mut self) -> Tai64N {
        let now = Tai64N::from_unix(Clock::new().since_unix_epoch());
        let next = self.newest.map(Tai64N::next);
        let timestamp = next.map_or(now, |next| next.max(now));
        self.newest = Some(timestamp);
        timestamp
    }

    /// As [`initiation`](Self::initiation), with a timestamp of the caller's choice.
    ///
    /// # Errors
    /// [`CallerError::Key`] never, for a key that was taken.
    pub fn initiation_at(
        &mut self,
        timestamp: Tai64N,
    ) -> Result<(Initiation, AwaitingResponse, Mac1), CallerError> {
        let mut rng = SystemEntropy::default();
        let index = Index::new(rng.next_u32());
        let made = initiate(&self.local, &self.remote, timestamp, index, &mut rng);
        let (mut message, awaiting) = made.map_err(|_| LowOrderKey)?;
        let mac1 = self.remote.stamp(&mut message, self.cookie.as_ref());
        Ok((message, awaiting, mac1))
    }

    /// Makes an initiation whose ephemeral is of low order, stamped as a valid one is.
    #[must_use]
    pub fn initiation_with_low_order(&mut self) -> Initiation {
        let timestamp = self.next_timestamp();
        let index = Index::new(SystemEntropy::default().next_u32());
        let mut message = initiate_with_low_order(&self.local, &self.remote, timestamp, index);
        self.remote.stamp(&mut message, self.cookie.as_ref());
        message
    }

    /// Writes mac1 of this peer into a handshake message, whatever else is wrong with it.
    pub fn stamp_bytes(&self, message: &mut [u8]) {
        self.remote.stamp_bytes(message);
    }

    /// Writes mac1 into a response that nobody asked for.
    pub fn stamp(&self, response: &mut Response) {
        self.remote.stamp(response, None);
    }

    /// Opens another port beside the one that is used.
    ///
    /// # Errors
    /// [`CallerError::Socket`].
    pub async fn another_port(&self) -> Result<Port, CallerError> {
        let socket = connected(self.endpoint).await?;
        let endpoint = self.endpoint;
        Ok(Port { socket, endpoint })
    }

    /// Goes on from another port.
    pub fn move_to(&mut self, port: Port) {
        self.socket = port.socket;
    }

    /// Sends a datagram as it is.
    ///
    /// # Errors
    /// [`CallerError::Socket`], with what the host said of an earlier datagram too.
    pub async fn send(&self, datagram: &[u8]) -> Result<(), CallerError> {
        let sent = self.socket.send(datagram).await;
        sent.map(drop).map_err(|source| self.error(source))
    }

    /// Waits for a datagram; `None` if none comes in time.
    ///
    /// # Errors
    /// [`CallerError::Socket`].
    pub async fn receive(&self, wait: Duration) -> Result<Option<Vec<u8>>, CallerError> {
        let received = receive(&self.socket, wait).await;
        received.map_err(|source| self.error(source))
    }

    /// Waits for a response to `index`; other datagrams are passed over.
    ///
    /// # Errors
    /// [`CallerError::Socket`].
    pub async fn response_to(
        &self,
        index: Index,
        wait: Duration,
    ) -> Result<Option<Vec<u8>>, CallerError> {
        self.receive_where(wait, |message| match message {
            Message::Response(response) => response.receiver_index() == index,
            Message::CookieReply(reply) => reply.receiver_index() == index,
            Message::Initiation(_) | Message::Data(_) => false,
        })
        .await
    }

    /// Waits for a message of a kind; what else the endpoint has to say is passed over.
    ///
    /// # Errors
    /// [`CallerError::Socket`].
    pub async fn receive_where(
        &self,
        wait: Duration,
        is_meant: impl Fn(&Message<'_>) -> bool,
    ) -> Result<Option<Vec<u8>>, CallerError> {
        let search = async {
            while let Some(datagram) = self.receive(wait).await? {
                if Message::parse(&datagram).is_ok_and(|message| is_meant(&message)) {
                    return Ok(Some(datagram));
                }
            }
            Ok(None)
        };
        timeout(wait, search).await.unwrap_or(Ok(None))
    }

    /// Sends one initiation and reads what answers it.
    ///
    /// # Errors
    /// [`CallerError::Socket`]: the host refuses, or there is no way to it.
    pub async fn call(&mut self, wait: Duration) -> Result<Reception, CallerError> {
        let (message, awaiting, mac1) = self.initiation()?;
        self.send(message.as_bytes()).await?;
        let Some(datagram) = self.response_to(awaiting.sender_index(), wait).await? else {
            return Ok(Reception::Silence);
        };
        match Message::parse(&datagram) {
            Ok(Message::CookieReply(reply)) => {
                self.cookie = self.remote.open_cookie_reply(reply, &mac1).ok();
                Ok(Reception::Cookie)
            }
            Ok(Message::Response(response)) => Ok(self.read(&awaiting, response)),
            _ => Ok(Reception::Silence),
        }
    }

    /// Reads a response to an initiation.
    #[must_use]
    pub fn read(&self, awaiting: &AwaitingResponse, response: &Response) -> Reception {
        use wirecraft::wire_format::HandshakeMessage as _;
        if let Ok(keys) = awaiting.read_response(&self.local, &self.preshared_key, response) {
            return Reception::Up(Box::new(Session {
                keys,
                remote_index: response.sender_index(),
                local_index: awaiting.sender_index(),
                counter: 0,
            }));
        }
        // A forgery would not carry a mac under our key; it stays without an answer.
        if self.local.verify_mac1(response).is_err() {
            return Reception::Silence;
        }
        let without = awaiting.read_response(&self.local, &PresharedKey::default(), response);
        Reception::Sealed {
            opens_without_key: without.is_ok(),
        }
    }

    /// The public key of this end.
    #[must_use]
    pub fn public_key(&self) -> PublicKey {
        *self.local.public_key()
    }

    fn error(&self, source: io::Error) -> CallerError {
        let endpoint = self.endpoint;
        CallerError::Socket { endpoint, source }
    }
}

/// A UDP port to the same endpoint.
#[derive(Debug)]
pub struct Port {
    socket: UdpSocket,
    endpoint: SocketAddr,
}

impl Port {
    /// Sends a datagram as it is.
    ///
    /// # Errors
    /// [`CallerError::Socket`].
    pub async fn send(&self, datagram: &[u8]) -> Result<(), CallerError> {
        let endpoint = self.endpoint;
        let sent = self.socket.send(datagram).await;
        let error = |source| CallerError::Socket { endpoint, source };
        sent.map(drop).map_err(error)
    }

    /// Waits for a datagram; `None` if none comes in time.
    ///
    /// # Errors
    /// [`CallerError::Socket`].
    pub async fn receive(&self, wait: Duration) -> Result<Option<Vec<u8>>, CallerError> {
        let endpoint = self.endpoint;
        let error = |source| CallerError::Socket { endpoint, source };
        receive(&self.socket, wait).await.map_err(error)
    }
}

async fn receive(socket: &UdpSocket, wait: Duration) -> io::Result<Option<Vec<u8>>> {
    let mut datagram = vec![0; DATAGRAM_MAX_LEN];
    match timeout(wait, socket.recv(&mut datagram)).await {
        Ok(received) => {
            datagram.truncate(received?);
            Ok(Some(datagram))
        }
        Err(_) => Ok(None),
    }
}

async fn connected(endpoint: SocketAddr) -> Result<UdpSocket, CallerError> {
    let any: SocketAddr = match endpoint {
        SocketAddr::V4(_) => (Ipv4Addr::UNSPECIFIED, 0).into(),
        SocketAddr::V6(_) => (Ipv6Addr::UNSPECIFIED, 0).into(),
    };
    let error = |source| CallerError::Socket { endpoint, source };
    let socket = UdpSocket::bind(any).await.map_err(error)?;
    socket.connect(endpoint).await.map_err(error)?;
    Ok(socket)
}

impl Session {
    /// Seals a packet under the next counter; empty is a keepalive.
    pub fn seal(&mut self, packet: &[u8]) -> Vec<u8> {
        let counter = self.counter;
        self.counter += 1;
        self.seal_at(counter, packet)
    }

    /// Seals a packet under a counter of the caller's choice.
    #[must_use]
    pub fn seal_at(&self, counter: u64, packet: &[u8]) -> Vec<u8> {
        let counter = Counter::new(counter);
        let padded_len = packet.len().next_multiple_of(16);
        let mut datagram = vec![0; DATA_HEADER_LEN + padded_len + TAG_LEN];
        let header = DataHeader::new(self.remote_index, counter);
        datagram[..DATA_HEADER_LEN].copy_from_slice(header.as_bytes());
        let message = &mut datagram[DATA_HEADER_LEN..];
        message[..packet.len()].copy_from_slice(packet);
        self.keys.sealing.seal(counter, message);
        datagram
    }

    /// Opens a datagram; `None` if it is not data of this session.
    ///
    /// What comes out is the packet with its padding; empty for a keepalive.
    #[must_use]
    pub fn open(&self, datagram: &[u8]) -> Option<Vec<u8>> {
        let mut datagram = datagram.to_vec();
        let DataMut { header, ciphertext } = DataMut::parse(&mut datagram).ok()?;
        if header.receiver_index() != self.local_index {
            return None;
        }
        self.keys.opening.open(header.counter(), ciphertext).ok()?;
        let len = ciphertext.len() - TAG_LEN;
        Some(ciphertext[..len].to_vec())
    }

    /// What the other end calls this session.
    #[must_use]
    pub const fn remote_index(&self) -> Index {
        self.remote_index
    }
}

/// Keys are not shown.
impl std::fmt::Debug for Session {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Session").finish_non_exhaustive()
    }
}

/// Keys are not shown.
impl std::fmt::Debug for Caller {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Caller")
            .field("endpoint", &self.endpoint)
            .finish_non_exhaustive()
    }
}

/// Keys are not shown.
impl std::fmt::Debug for Reception {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Up(_) => "Up",
            Self::Sealed { .. } => "Sealed",
            Self::Cookie => "Cookie",
            Self::Silence => "Silence",
        })
    }
}
