//! Datagrams of a SOCKS5 client: a port of its own on the host, and one in the tunnel.

use std::collections::HashMap;
use std::future::poll_fn;
use std::io;
use std::net::{IpAddr, SocketAddr};

use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until};
use wirecraft::network::Datagrams;
use wirecraft::{Lease, Target, UdpSocket};

use super::message::{Reply, read_datagram, write_datagram_header};
use crate::datagrams::{DATAGRAM_LEN_MAX, HostDatagrams, send};
use crate::host::HostStream;
use crate::proxy::{Client, count};
use crate::refusal::Refusal;

/// The longest header before the payload of a datagram, in bytes: a name of 255.
const HEADER_LEN_MAX: usize = 3 + 1 + 1 + 255 + 2;

/// Names of one association that are remembered; the resolver remembers more.
const NAMES_MAX: usize = 256;

/// Names that are looked up at once; datagrams to further ones are dropped.
const LOOKUPS_MAX: usize = 16;

/// Serves an association until its connection ends, or it was silent for long.
pub(super) async fn associate(client: &Client, control: HostStream, announced: &Target) {
    let opened = match open(client, &control).await {
        Ok(opened) => opened,
        Err(refusal) => {
            count(&client.shared.counts.refused);
            let answer = refusal.socks().to_bytes(SocketAddr::from(([0; 4], 0)));
            // A client that is gone needs no answer.
            let _ = control.write_all(&answer).await;
            return;
        }
    };
    let (exit, host, inside, at) = opened;
    count(&client.shared.counts.connected);
    let answer = Reply::Succeeded.to_bytes(at);
    if control.write_all(&answer).await.is_err() {
        return;
    }
    tracing::info!(from = %client.from, exit = %exit.name(), "socks: UDP association");
    let mut association = Association {
        host,
        inside,
        exit,
        owner: control.peer_ip(),
        client: None,
        announced_port: Some(announced.port).filter(|port| *port != 0),
        names: HashMap::new(),
        lookups: JoinSet::new(),
    };
    association.run(&control, client).await;
    tracing::info!(from = %client.from, "socks: UDP association ended");
}

async fn open(
    client: &Client,
    control: &HostStream,
) -> Result<(Lease, HostDatagrams, UdpSocket, SocketAddr), Refusal> {
    let own = control.local_ip().ok_or(Refusal::Failed)?;
    let exit = client.exit_in_time().await?;
    let inside = exit.tunnel().udp_bind(0).await?;
    let host = HostDatagrams::bind(SocketAddr::new(own, 0));
    let host = host.map_err(|_| Refusal::Failed)?;
    let at = host.local_addr().map_err(|_| Refusal::Failed)?;
    Ok((exit, host, inside, at))
}

struct Association {
    host: HostDatagrams,
    inside: UdpSocket,
    exit: Lease,
    /// The address that the connection came from: nobody else may send.
    owner: Option<IpAddr>,
    /// The port that the client said it would send from.
    announced_port: Option<u16>,
    /// Where the client sends from, once it has.
    client: Option<SocketAddr>,
    names: HashMap<String, IpAddr>,
    lookups: JoinSet<LookedUp>,
}

/// A datagram whose name was looked up for it.
struct LookedUp {
    host: String,
    address: Option<IpAddr>,
    port: u16,
    payload: Vec<u8>,
}

impl Association {
    async fn run(&mut self, control: &HostStream, client: &Client) {
        let idle = client.shared.options.udp_idle;
        let mut from_client = vec![0; HEADER_LEN_MAX + DATAGRAM_LEN_MAX];
        let mut from_inside = vec![0; DATAGRAM_LEN_MAX];
        let silence = sleep_until(Instant::now() + idle);
        tokio::pin!(silence);
        loop {
            let moved = tokio::select! {
                received = poll_fn(|cx| self.host.poll_recv_from(cx, &mut from_client)) => match received {
                    Ok((len, from)) => self.take(from, &from_client[..len]).await,
                    Err(error) => Err(error),
                },
                received = self.inside.recv_from(&mut from_inside) => match received {
                    Ok(received) => self.give(received.from, &from_inside[..received.len]).await,
                    Err(error) => Err(error.into()),
                },
                Some(Ok(found)) = self.lookups.join_next() => self.found(found).await,
                () = ended(control) => return,
                () = &mut silence => return,
            };
            match moved {
                Ok(()) => silence.as_mut().reset(Instant::now() + idle),
                Err(error) if error.kind() == io::ErrorKind::BrokenPipe => return,
                // One datagram did not arrive, as may happen to any.
                Err(error) => tracing::debug!(from = %client.from, %error, "socks: datagram lost"),
            }
        }
    }

    /// Passes a datagram of the client on; those of others are dropped.
    async fn take(&mut self, from: SocketAddr, bytes: &[u8]) -> io::Result<()> {
        let is_owner = self.owner.is_none_or(|owner| owner == from.ip());
        let is_announced = self.announced_port.is_none_or(|port| port == from.port());
        let is_client = self.client.is_none_or(|client| client == from);
        if !(is_owner && is_announced && is_client) {
            return Ok(());
        }
        let Ok(Some(datagram)) = read_datagram(bytes) else {
            return Ok(());
        };
        self.client = Some(from);
        let Target { host, port } = datagram.target;
        let known = host.parse().ok().or_else(|| self.names.get(&host).copied());
        match known {
            Some(address) => self.send_inside(datagram.payload, address, port).await,
            None => {
                self.look_up(host, port, datagram.payload);
                Ok(())
            }
        }
    }

    async fn send_inside(&self, payload: &[u8], address: IpAddr, port: u16) -> io::Result<()> {
        self.exit.count(payload.len() as u64, 0);
        let to = SocketAddr::new(address, port);
        Ok(self.inside.send_to(payload, to).await?)
    }

    /// Looks a name up inside the tunnel; the datagram waits for it.
    fn look_up(&mut self, host: String, port: u16, payload: &[u8]) {
        if self.lookups.len() >= LOOKUPS_MAX {
            return;
        }
        let (tunnel, payload) = (self.exit.tunnel().clone(), payload.to_vec());
        self.lookups.spawn(async move {
            let found = tunnel.resolver().addresses(&host).await;
            let address = found.ok().and_then(|addresses| addresses.first().copied());
            LookedUp {
                host,
                address,
                port,
                payload,
            }
        });
    }

    async fn found(&mut self, found: LookedUp) -> io::Result<()> {
        let Some(address) = found.address else {
            tracing::debug!(host = ?found.host, "socks: no address for a datagram");
            return Ok(());
        };
        if self.names.len() >= NAMES_MAX {
            self.names.clear();
        }
        self.names.insert(found.host, address);
        self.send_inside(&found.payload, address, found.port).await
    }

    /// Passes a datagram to the client, its source before it.
    async fn give(&self, from: SocketAddr, payload: &[u8]) -> io::Result<()> {
        let Some(client) = self.client else {
            return Ok(());
        };
        self.exit.count(0, payload.len() as u64);
        let mut bytes = Vec::with_capacity(HEADER_LEN_MAX + payload.len());
        write_datagram_header(&mut bytes, from);
        bytes.extend_from_slice(payload);
        send(&self.host, &bytes, client).await
    }
}

/// Waits until the client ends the connection that its association lives by.
async fn ended(control: &HostStream) {
    let mut unexpected = Vec::with_capacity(64);
    while control.readable().await.is_ok() {
        unexpected.clear();
        match control.try_read(&mut unexpected) {
            Ok(0) => return,
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(_) => return,
        }
    }
}
