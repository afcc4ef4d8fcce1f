//! One client that speaks SOCKS.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};

use tokio::time::timeout;

use super::associate::associate;
use super::message::{
    Answered, Credentials, Greeting, Read, Reply, Request, RequestKind, Socks4Reply, SocksError,
    read_credentials, read_greeting, read_request, read_socks4_request,
};
use crate::host::HostStream;
use crate::proxy::{Client, count};

/// The longest message before a connection is relayed, in bytes.
const MESSAGE_LEN_MAX: usize = 1024;

/// Answered where there is no address to tell.
const NOWHERE: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::UNSPECIFIED), 0);

/// Serves a client to its end.
pub(crate) async fn serve(client: &Client, stream: HostStream) {
    let mut messages = Messages {
        stream,
        bytes: Vec::new(),
    };
    let limit = client.shared.options.request_timeout;
    let asked = timeout(limit, ask(client, &mut messages)).await;
    let wanted = match asked {
        Ok(Ok(Some(wanted))) => wanted,
        Ok(Ok(None)) => return,
        Ok(Err(fault)) => {
            if fault.is_malformed() {
                count(&client.shared.counts.malformed);
            }
            tracing::info!(from = %client.from, %fault, "socks: no request");
            return;
        }
        Err(_) => {
            tracing::info!(from = %client.from, "socks: no request in time");
            return;
        }
    };
    fulfil(client, messages, wanted).await;
}

/// What a client wants, and in which version it is answered.
enum Wanted {
    Socks5(Request),
    Socks4(Request),
}

/// Why a client is not served.
#[derive(Debug, thiserror::Error)]
enum Fault {
    #[error(transparent)]
    Malformed(#[from] SocksError),
    #[error(transparent)]
    Io(#[from] io::Error),
}

impl Fault {
    fn is_malformed(&self) -> bool {
        matches!(self, Self::Malformed(_))
    }
}

/// Reads everything up to the request; `None` if the client was sent away.
async fn ask(client: &Client, messages: &mut Messages) -> Result<Option<Wanted>, Fault> {
    let greeting = messages.read(read_greeting).await?;
    let (offers_none, offers_password) = match greeting {
        Greeting::Socks4 => return ask_socks4(client, messages).await,
        Greeting::Socks5 {
            offers_none,
            offers_password,
        } => (offers_none, offers_password),
    };
    // A password where none is needed names the exit.
    let method = match (client.must_authenticate(), offers_none, offers_password) {
        (_, _, true) => Some(Answered::Password),
        (false, true, false) => Some(Answered::None),
        _ => None,
    };
    messages.stream.write_all(&Greeting::answer(method)).await?;
    match method {
        None => {
            count(&client.shared.counts.unauthorised);
            messages.finish().await;
            return Ok(None);
        }
        Some(Answered::Password) => {
            let credentials = messages.read(read_credentials).await?;
            let is_right = client.authenticate(&credentials.user, &credentials.password);
            let answer = Credentials::answer(is_right);
            messages.stream.write_all(&answer).await?;
            if !is_right {
                messages.finish().await;
                return Ok(None);
            }
        }
        Some(Answered::None) => {}
    }
    match messages.read(read_request).await {
        Err(Fault::Malformed(error)) => {
            let answer = Reply::of_error(error).to_bytes(NOWHERE);
            messages.stream.write_all(&answer).await?;
            messages.finish().await;
            Err(error.into())
        }
        request => request.map(Wanted::Socks5).map(Some),
    }
}

async fn ask_socks4(client: &Client, messages: &mut Messages) -> Result<Option<Wanted>, Fault> {
    let request = messages.read(read_socks4_request).await;
    // Its user name is no secret: who needs a password cannot come this way.
    let is_refused = client.must_authenticate();
    if is_refused {
        count(&client.shared.counts.unauthorised);
    }
    if is_refused || matches!(request, Err(Fault::Malformed(_))) {
        let answer = Socks4Reply::Rejected.to_bytes();
        messages.stream.write_all(&answer).await?;
        messages.finish().await;
    }
    let request = request?;
    if is_refused {
        return Ok(None);
    }
    if !request.user.is_empty() {
        client.authenticate(&request.user, &[]);
    }
    Ok(Some(Wanted::Socks4(request)))
}

async fn fulfil(client: &Client, messages: Messages, wanted: Wanted) {
    let (request, is_socks5) = match wanted {
        Wanted::Socks5(request) => (request, true),
        Wanted::Socks4(request) => (request, false),
    };
    let answer = |reply: Reply, at: SocketAddr| match (is_socks5, reply) {
        (true, reply) => reply.to_bytes(at),
        (false, Reply::Succeeded) => Socks4Reply::Granted.to_bytes().to_vec(),
        (false, _) => Socks4Reply::Rejected.to_bytes().to_vec(),
    };
    match request.kind {
        RequestKind::Connect => match client.connect(&request.target).await {
            Ok((exit, inside)) => {
                let granted = answer(Reply::Succeeded, inside.local_addr());
                let Messages { stream, bytes } = messages;
                if stream.write_all(&granted).await.is_ok() {
                    let target = &request.target;
                    client.carry(stream, &bytes, &exit, inside, target).await;
                }
            }
            Err(refusal) => messages.end(&answer(refusal.socks(), NOWHERE)).await,
        },
        RequestKind::Bind => {
            count(&client.shared.counts.refused);
            tracing::info!(from = %client.from, "socks: BIND is not served");
            let refused = answer(Reply::CommandNotSupported, NOWHERE);
            messages.end(&refused).await;
        }
        RequestKind::UdpAssociate => associate(client, messages.stream, &request.target).await,
    }
}

/// A connection whose bytes are messages at first.
struct Messages {
    stream: HostStream,
    /// What came and was not read yet.
    bytes: Vec<u8>,
}

impl Messages {
    /// Waits until there is a whole message.
    async fn read<T>(
        &mut self,
        read: impl Fn(&[u8]) -> Result<Option<Read<T>>, SocksError>,
    ) -> Result<T, Fault> {
        loop {
            if let Some(Read { value, len }) = read(&self.bytes)? {
                self.bytes.drain(..len);
                return Ok(value);
            }
            if self.bytes.len() >= MESSAGE_LEN_MAX {
                return Err(SocksError::TooLong.into());
            }
            self.bytes.reserve_exact(MESSAGE_LEN_MAX);
            self.stream.readable().await?;
            match self.stream.try_read(&mut self.bytes) {
                Ok(0) => return Err(io::Error::from(io::ErrorKind::UnexpectedEof).into()),
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// Answers and ends.
    async fn end(mut self, answer: &[u8]) {
        // A client that is gone needs no answer.
        if self.stream.write_all(answer).await.is_ok() {
            self.finish().await;
        }
    }

    /// Ends the connection so that what was answered arrives: what the client has still sent would reset it.
    async fn finish(&mut self) {
        if self.stream.shutdown().is_err() {
            return;
        }
        let drained = async {
            while self.stream.readable().await.is_ok() {
                self.bytes.clear();
                self.bytes.reserve_exact(MESSAGE_LEN_MAX);
                match self.stream.try_read(&mut self.bytes) {
                    Ok(0) => return,
                    Ok(_) => {}
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                    Err(_) => return,
                }
            }
        };
        // Who goes on sending is not waited for.
        let _ = timeout(FINISH_TIMEOUT, drained).await;
    }
}

/// How long a client that was sent away may take to close its side.
const FINISH_TIMEOUT: std::time::Duration = std::time::Duration::from_secs(2);
