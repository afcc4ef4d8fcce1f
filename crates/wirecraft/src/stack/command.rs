//! What the handle asks of the stack: opening sockets.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::oneshot;
use wirecraft_netstack::{
    Binding, EchoEndpoint, Filter, FourTuple, Listener, RawConfig, RawEndpoint, TcpConfig,
    TcpConnection, UdpConfig, UdpEndpoint,
};
use wirecraft_time::Instant;

use super::shared::{EchoSide, Ready, Shared, TcpSide};
use super::{Stack, StackCounters};
use crate::icmp::Pinger;
use crate::raw::RawSocket;
use crate::socket_error::SocketError;
use crate::tap::Tap;
use crate::tcp::{TcpListener, TcpStream};
use crate::transit::Gate;
use crate::udp::UdpSocket;

/// Where the outcome of a command goes.
pub(super) type Answer<T> = oneshot::Sender<Result<T, SocketError>>;

/// How a connection is to behave.
#[derive(Debug)]
pub(super) enum Manners {
    /// As all do, with keepalive probes at an interval.
    Usual { keepalive: Option<Duration> },
    /// As the program says.
    Own(Box<TcpConfig>),
}

/// Something that only the driver's task can do, for it has the tables.
pub(super) enum Command {
    Connect {
        remote: SocketAddr,
        manners: Manners,
        answer: Answer<TcpStream>,
    },
    Listen {
        binding: Binding,
        backlog: usize,
        answer: Answer<TcpListener>,
    },
    Bind {
        binding: Binding,
        config: UdpConfig,
        answer: Answer<UdpSocket>,
    },
    Ping {
        destination: IpAddr,
        answer: Answer<Pinger>,
    },
    Raw {
        filter: Filter,
        config: RawConfig,
        answer: Answer<RawSocket>,
    },
    Transit {
        gate: Gate,
        answer: Answer<()>,
    },
    Accept {
        packet: Vec<u8>,
        answer: Answer<TcpStream>,
    },
    Watch {
        tap: Tap,
        answer: Answer<()>,
    },
    Counters {
        answer: Answer<StackCounters>,
    },
}

impl Stack {
    /// Executes a command. Where nobody waits for the answer any more, the socket is dropped.
    pub(super) fn execute(&mut self, now: Instant, command: Command) {
        match command {
            Command::Connect {
                remote,
                manners,
                answer,
            } => {
                let _ = answer.send(self.connect(now, remote, manners));
            }
            Command::Listen {
                binding,
                backlog,
                answer,
            } => {
                let _ = answer.send(self.listen(binding, backlog));
            }
            Command::Bind {
                binding,
                config,
                answer,
            } => {
                let _ = answer.send(self.bind(binding, &config));
            }
            Command::Ping {
                destination,
                answer,
            } => {
                let _ = answer.send(self.pinger(destination));
            }
            Command::Raw {
                filter,
                config,
                answer,
            } => {
                let _ = answer.send(Ok(self.open_raw(filter, &config)));
            }
            Command::Transit { gate, answer } => {
                self.transit = Some(gate);
                let _ = answer.send(Ok(()));
            }
            Command::Accept { packet, answer } => {
                let _ = answer.send(self.accept_passing(now, &packet));
            }
            Command::Watch { tap, answer } => {
                self.tap = Some(tap);
                let _ = answer.send(Ok(()));
            }
            Command::Counters { answer } => {
                let _ = answer.send(Ok(self.counters));
            }
        }
    }

    fn connect(
        &mut self,
        now: Instant,
        remote: SocketAddr,
        manners: Manners,
    ) -> Result<TcpStream, SocketError> {
        let source = self.source_for(remote.ip())?;
        let port = self.tcp.pick_port(source, remote, &mut self.rng)?;
        let local = SocketAddr::new(source, port);
        let config = match manners {
            Manners::Usual { keepalive } => self.tcp_config(keepalive),
            Manners::Own(config) => TcpConfig {
                mtu: self.mtu,
                ..*config
            },
        };
        let connection = TcpConnection::connect(now, local, remote, &config, self.rng.next_u64())?;
        let tuple = connection.tuple();
        let shared = self.add_connection(tuple, connection, None)?;
        Ok(TcpStream::new(shared, tuple, Arc::clone(&self.now)))
    }

    /// Enters a connection into the table and looks at it in this turn.
    pub(super) fn add_connection(
        &mut self,
        tuple: FourTuple,
        connection: TcpConnection,
        listener: Option<Arc<Shared<Listener<TcpStream>>>>,
    ) -> Result<Arc<Shared<TcpSide>>, SocketError> {
        let claim = self.memory.claim(connection.buffers_len());
        let side = TcpSide {
            connection,
            listener,
            armed: None,
            claim,
        };
        let shared = Shared::new(side, self.attention.clone());
        self.tcp.insert(tuple, Arc::clone(&shared))?;
        if shared.mark_queued() {
            self.turn.push_back(Ready::Tcp(Arc::clone(&shared)));
        }
        Ok(shared)
    }

    fn listen(&mut self, binding: Binding, backlog: usize) -> Result<TcpListener, SocketError> {
        self.check_ours(binding)?;
        // A listener that was dropped is perhaps still in the queue to be taken out.
        let old = self.tcp.listeners().get(binding);
        if old.is_some_and(|old| old.lock().is_closed()) {
            self.tcp.listeners_mut().unbind(binding);
        }
        let attention = self.attention.clone();
        let mut shared = None;
        let binding = self
            .tcp
            .listeners_mut()
            .bind(binding, &mut self.rng, |binding| {
                let listener = Shared::new(Listener::new(binding, backlog), attention);
                shared = Some(Arc::clone(&listener));
                listener
            })?;
        let shared = shared.ok_or(SocketError::Closed)?;
        Ok(TcpListener::new(shared, binding))
    }

    fn bind(&mut self, binding: Binding, config: &UdpConfig) -> Result<UdpSocket, SocketError> {
        self.check_ours(binding)?;
        // A socket that was dropped may still have packets to send; the port it needs no longer.
        if self
            .udp
            .get(binding)
            .is_some_and(|old| old.lock().is_closed())
        {
            self.udp.unbind(binding);
        }
        let (mtu, attention, seed) = (self.mtu, self.attention.clone(), self.rng.next_u32());
        let mut shared = None;
        let binding = self.udp.bind(binding, &mut self.rng, |binding| {
            let endpoint = Shared::new(UdpEndpoint::new(binding, config, mtu, seed), attention);
            shared = Some(Arc::clone(&endpoint));
            endpoint
        })?;
        let shared = shared.ok_or(SocketError::Closed)?;
        Ok(UdpSocket::new(shared, binding, Arc::clone(&self.addresses)))
    }

    fn pinger(&mut self, destination: IpAddr) -> Result<Pinger, SocketError> {
        let source = self.source_for(destination)?;
        let (mtu, attention, seed) = (self.mtu, self.attention.clone(), self.rng.next_u32());
        let mut shared = None;
        // Identifiers are handed out as ports are.
        self.echo.bind(Binding::from(0), &mut self.rng, |binding| {
            let endpoint = EchoEndpoint::new(binding.port, mtu, seed);
            let endpoint = Shared::new(
                EchoSide {
                    endpoint,
                    armed: None,
                },
                attention,
            );
            shared = Some(Arc::clone(&endpoint));
            endpoint
        })?;
        let shared = shared.ok_or(SocketError::Closed)?;
        Ok(Pinger::new(shared, source, destination))
    }

    fn open_raw(&mut self, filter: Filter, config: &RawConfig) -> RawSocket {
        let endpoint = RawEndpoint::new(filter, config, self.mtu);
        let shared = Shared::new(endpoint, self.attention.clone());
        self.raw.push(Arc::clone(&shared));
        RawSocket::new(shared)
    }

    fn source_for(&self, destination: IpAddr) -> Result<IpAddr, SocketError> {
        self.addresses
            .source_for(destination)
            .ok_or(SocketError::NoSource { destination })
    }

    fn check_ours(&self, binding: Binding) -> Result<(), SocketError> {
        match binding.address {
            Some(address) if !self.addresses.contains(address) => {
                Err(SocketError::NotOurs { address })
            }
            _ => Ok(()),
        }
    }
}
