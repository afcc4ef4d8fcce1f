//! All clients in one process: a device each, one socket that speaks from all their addresses.

use core::time::Duration;
use std::collections::BTreeSet;
use std::io::{self, IoSliceMut};
use std::net::{Ipv4Addr, SocketAddr};

use anyhow::{Context as _, Result};
use quinn_udp::{RecvMeta, UdpSockRef, UdpSocketState};
use serde_json::{Value, json};
use socket2::{Domain, Protocol, Socket, Type};
use tokio::io::Interest;
use tokio::net::UdpSocket;
use tokio::time::timeout;
use wirecraft_net::Clock;
use wirecraft_tests::{Orders, answer};
use wirecraft_time::Instant;
use wirecraft_tunnel::{Datagram, Event, PeerId};

use crate::cast::{CLIENT_PORT, Cast, SystemDevice, client_at, outside};

/// Datagrams that one call may receive.
const BUFFERS: usize = 32;

/// The bytes of a buffer; nothing longer than a handshake message is received here.
const BUFFER_LEN: usize = 2048;

/// Clients that begin their handshake before what arrived is served.
const BEGINNERS: usize = 16;

/// How long an order may wait.
const PATIENCE: Duration = Duration::from_millis(100);

/// Asks for buffers in which a burst of answers has room.
const SOCKET_BUFFER_LEN: usize = 4 << 20;

/// Follows orders until whoever started it ends.
#[tokio::main(flavor = "current_thread")]
pub(crate) async fn run() -> Result<()> {
    let mut orders = Orders::listen();
    let order = orders.first().await?;
    let number = |name: &str| order[name].as_u64().with_context(|| name.to_owned());
    let endpoint = SocketAddr::from(([127, 0, 0, 1], u16::try_from(number("port")?)?));
    let mut clients = Clients::new(usize::try_from(number("peers")?)?, endpoint)?;
    answer(&json!({"ready": true}));
    while let Ok(order) = orders.take() {
        match order {
            Some(order) => clients.obey(&order).await?,
            None => clients.serve(PATIENCE).await?,
        }
    }
    Ok(())
}

struct Clients {
    devices: Vec<(SystemDevice, PeerId)>,
    timers: BTreeSet<(Instant, usize)>,
    connected: usize,
    socket: UdpSocket,
    state: UdpSocketState,
    buffers: Vec<Vec<u8>>,
    clock: Clock,
}

impl Clients {
    fn new(count: usize, endpoint: SocketAddr) -> Result<Self> {
        let cast = Cast::from_seed(1, count);
        let devices = (0..count).map(|number| cast.client(number, endpoint));
        let socket = Socket::new(Domain::IPV4, Type::DGRAM, Some(Protocol::UDP))?;
        socket.set_recv_buffer_size(SOCKET_BUFFER_LEN)?;
        socket.set_send_buffer_size(SOCKET_BUFFER_LEN)?;
        socket.bind(&SocketAddr::from((Ipv4Addr::UNSPECIFIED, CLIENT_PORT)).into())?;
        let state = UdpSocketState::new(UdpSockRef::from(&socket))?;
        Ok(Self {
            devices: devices.collect::<Result<_>>()?,
            timers: BTreeSet::new(),
            connected: 0,
            socket: UdpSocket::from_std(socket.into())?,
            state,
            buffers: vec![vec![0; BUFFER_LEN]; BUFFERS],
            clock: Clock::new(),
        })
    }

    async fn obey(&mut self, order: &Value) -> Result<()> {
        if let Some(seconds) = order["connect within"].as_f64() {
            let took = self.connect(Duration::from_secs_f64(seconds)).await?;
            answer(&json!({"connected": self.connected, "seconds": took.as_secs_f64()}));
        } else if let Some(seconds) = order["keepalive"].as_f64() {
            self.keep_alive(Duration::from_secs_f64(seconds)).await?;
            answer(&json!({"kept alive": self.devices.len()}));
        }
        Ok(())
    }

    /// Has all clients begin a handshake as fast as they can; answers when the last had a session.
    async fn connect(&mut self, limit: Duration) -> Result<Duration> {
        let began_at = self.clock.now();
        for number in 0..self.devices.len() {
            let now = self.begin_turn(number);
            let (device, peer) = &mut self.devices[number];
            device.start_handshake(now, *peer)?;
            self.end_turn(number).await?;
            if number % BEGINNERS == 0 {
                while self.receive().await? {}
            }
        }
        while self.connected < self.devices.len() && self.clock.now().since(began_at) < limit {
            self.serve(PATIENCE).await?;
        }
        Ok(self.clock.now().since(began_at))
    }

    /// Switches keepalives on, spread over one interval.
    async fn keep_alive(&mut self, interval: Duration) -> Result<()> {
        let began_at = self.clock.now();
        let count = u32::try_from(self.devices.len())?;
        for number in 0..self.devices.len() {
            let at = began_at + interval / count * u32::try_from(number)?;
            while self.clock.now() < at {
                self.serve(at.since(self.clock.now())).await?;
            }
            let now = self.begin_turn(number);
            let (device, peer) = &mut self.devices[number];
            device.set_persistent_keepalive(now, *peer, Some(interval))?;
            self.end_turn(number).await?;
        }
        Ok(())
    }

    /// Waits for datagrams or the next timer, `patience` at most, and serves them.
    async fn serve(&mut self, patience: Duration) -> Result<()> {
        let now = self.clock.now();
        let next = self.timers.first().map(|(at, _)| at.since(now));
        let wait = next.map_or(patience, |next| next.min(patience));
        let ready = timeout(wait, self.socket.readable()).await;
        if ready.is_ok() {
            while self.receive().await? {}
        }
        let now = self.clock.now();
        while let Some((_, number)) = self.timers.first().copied().filter(|(at, _)| *at <= now) {
            let now = self.begin_turn(number);
            self.devices[number].0.handle_timeout(now);
            self.end_turn(number).await?;
        }
        Ok(())
    }

    /// Serves some datagrams, if any have come; says whether there were.
    async fn receive(&mut self) -> Result<bool> {
        let mut metas = [RecvMeta::default(); BUFFERS];
        let mut slices: Vec<IoSliceMut<'_>> = self
            .buffers
            .iter_mut()
            .map(|buffer| IoSliceMut::new(buffer))
            .collect();
        let received = self.socket.try_io(Interest::READABLE, || {
            self.state
                .recv((&self.socket).into(), &mut slices, &mut metas)
        });
        let count = match received {
            Ok(count) => count,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(false),
            Err(error) => return Err(error).context("receiving"),
        };
        for (position, meta) in metas.iter().enumerate().take(count) {
            let Some(number) = meta.dst_ip.and_then(client_at) else {
                continue;
            };
            let mut bytes = self.buffers[position][..meta.len].to_vec();
            for datagram in bytes.chunks_mut(meta.stride.max(1)) {
                let now = self.begin_turn(number);
                let (device, _) = &mut self.devices[number];
                // What a client refuses shows in the sessions that are missing.
                let _ = device.receive(now, &mut Datagram::new(meta.addr, datagram));
                device.process_handshakes(now, 1);
            }
            self.end_turn(number).await?;
        }
        Ok(true)
    }

    /// Takes the client out of the timers until [`Self::end_turn`] and tells it the time.
    fn begin_turn(&mut self, number: usize) -> Instant {
        let now = self.clock.now();
        let (device, _) = &mut self.devices[number];
        if let Some(deadline) = device.poll_timeout() {
            self.timers.remove(&(deadline.at, number));
        }
        device.set_wall_clock(now, self.clock.since_unix_epoch());
        now
    }

    /// Sends what the client has to say and puts it back among the timers.
    async fn end_turn(&mut self, number: usize) -> Result<()> {
        let (device, _) = &mut self.devices[number];
        while let Some(transmit) = device.poll_transmit() {
            let contents = quinn_udp::Transmit {
                destination: transmit.destination.to,
                ecn: None,
                contents: transmit.datagram(),
                segment_size: None,
                src_ip: Some(outside(number).ip()),
            };
            let send = || self.state.try_send((&self.socket).into(), &contents);
            self.socket
                .async_io(Interest::WRITABLE, send)
                .await
                .context("sending")?;
        }
        while let Some(event) = device.poll_event() {
            self.connected += usize::from(matches!(event, Event::PeerUp { .. }));
        }
        if let Some(deadline) = device.poll_timeout() {
            self.timers.insert((deadline.at, number));
        }
        Ok(())
    }
}
