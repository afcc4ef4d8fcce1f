//! A tunnel with nothing inside, its server, and clients of that.

use std::future::Future;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::task::{Context, Poll};
use std::time::Duration;

use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::UnixStream;
use tokio::task::JoinHandle;
use wirecraft_net::uapi::{Server, ServerEnd, Socket};
use wirecraft_net::{Clock, Driver, DriverConfig, DriverHandle, Inner, Packets, UdpTransport};
use wirecraft_time::Instant;
use wirecraft_tunnel::{Arena, SendError};

const DEADLINE: Duration = Duration::from_secs(10);

pub(crate) async fn in_time<T>(future: impl Future<Output = T>) -> T {
    let done = tokio::time::timeout(DEADLINE, future).await;
    done.expect("done before the deadline")
}

struct Silent;

impl Inner for Silent {
    fn deliver(&mut self, _: Instant, _: Packets<'_, '_>) {}

    fn poll_packets(&mut self, _: &mut Context<'_>, _: Instant, _: &mut Arena) -> Poll<()> {
        Poll::Pending
    }

    fn poll_timeout(&self) -> Option<Instant> {
        None
    }

    fn undeliverable(&mut self, _: Instant, _: &[u8], _: SendError) {}
}

pub(crate) struct Tunnel {
    pub(crate) handle: DriverHandle,
    pub(crate) path: PathBuf,
    pub(crate) server: JoinHandle<ServerEnd>,
    _directory: TempDir,
}

impl Tunnel {
    pub(crate) fn start() -> Self {
        let transport = UdpTransport::bind(0).unwrap();
        let (driver, handle) =
            Driver::new(DriverConfig::default(), Clock::new(), transport, Silent);
        tokio::spawn(driver.run());
        let directory = TempDir::new().unwrap();
        let socket = Socket::bind(directory.path(), "wg0").unwrap();
        let path = socket.path().to_owned();
        let server = tokio::spawn(Server::new(socket, handle.clone()).run());
        Self {
            handle,
            path,
            server,
            _directory: directory,
        }
    }

    pub(crate) async fn client(&self) -> Client {
        Client(BufReader::new(
            UnixStream::connect(&self.path).await.unwrap(),
        ))
    }

    /// The answer to one request by a client of its own.
    pub(crate) async fn ask(&self, request: &str) -> String {
        self.client().await.ask(request).await
    }

    /// Changes what `lines` say.
    pub(crate) async fn set(&self, lines: &str) {
        let answer = self.ask(&format!("set=1\n{lines}\n")).await;
        assert_eq!(answer, "errno=0\n\n", "{lines}");
    }

    pub(crate) async fn get(&self) -> String {
        self.ask("get=1\n\n").await
    }

    pub(crate) async fn endpoint(&self) -> SocketAddr {
        let port = self.handle.local_port().await.unwrap();
        SocketAddr::from(([127, 0, 0, 1], port))
    }
}

pub(crate) struct Client(pub(crate) BufReader<UnixStream>);

impl Client {
    pub(crate) async fn ask(&mut self, request: &str) -> String {
        self.0.write_all(request.as_bytes()).await.unwrap();
        self.answer().await
    }

    /// Reads one answer and nothing of the next.
    pub(crate) async fn answer(&mut self) -> String {
        let mut answer = Vec::new();
        while !answer.ends_with(b"\n\n") {
            let line = self.0.read_until(b'\n', &mut answer);
            assert_ne!(in_time(line).await.unwrap(), 0, "an answer has an end");
        }
        String::from_utf8(answer).unwrap()
    }

    /// Reads all that comes until the server ends the connection.
    pub(crate) async fn rest(mut self) -> String {
        let mut rest = String::new();
        in_time(self.0.read_to_string(&mut rest)).await.unwrap();
        rest
    }
}
