//! An endpoint's device and all its peers in one process, joined without sockets.

use core::time::Duration;
use std::collections::BTreeSet;
use std::net::SocketAddr;

use anyhow::{Result, ensure};
use wirecraft_tests::cpu_time;
use wirecraft_time::Instant;
use wirecraft_tunnel::{Datagram, DeadlineReason, Device, PeerId, Transmit};

use crate::cast::{Cast, MTU, SystemDevice, load, outside};

/// Where the endpoint is said to be.
const ENDPOINT: SocketAddr = SocketAddr::new(
    std::net::IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 1)),
    51_820,
);

/// Time between two handshakes at the start: few enough a second that none needs a cookie.
const PACE: Duration = Duration::from_millis(2);

/// What was spent on the endpoint.
#[derive(Clone, Copy, Default, Debug)]
pub(crate) struct Spent {
    /// Processor time in calls of its device.
    pub(crate) time: Duration,
    /// Bytes of heap that it holds.
    pub(crate) heap_len: i64,
}

/// Everybody, and the time they share.
pub(crate) struct Crowd {
    pub(crate) endpoint: SystemDevice,
    pub(crate) clients: Vec<SystemDevice>,
    pub(crate) now: Instant,
    pub(crate) spent: Spent,
    /// The processor time that loading the peers took.
    pub(crate) load_time: Duration,
    /// The endpoint's names for its peers.
    pub(crate) peers: Vec<PeerId>,
    /// The clients' names for the endpoint.
    endpoints: Vec<PeerId>,
}

impl Crowd {
    /// Makes everybody; nobody has a session yet.
    pub(crate) fn new(clients: usize) -> Result<Self> {
        let cast = Cast::from_seed(1, clients);
        let mut endpoint = Device::new(MTU, Default::default());
        let lines = cast.peer_lines();
        let key = cast.endpoint.clone();
        let (mut peers, mut load_time) = (Ok(Vec::new()), Duration::ZERO);
        let loaded = allocation_counter::measure(|| {
            let began_at = cpu_time();
            peers = load(&mut endpoint, key, lines);
            load_time = cpu_time().saturating_sub(began_at);
        });
        let made = (0..clients).map(|number| cast.client(number, ENDPOINT));
        let (clients, endpoints) = made.collect::<Result<Vec<_>>>()?.into_iter().unzip();
        Ok(Self {
            endpoint,
            clients,
            now: Instant::from_origin(Duration::from_secs(1)),
            spent: Spent {
                time: Duration::ZERO,
                heap_len: loaded.bytes_current,
            },
            load_time,
            peers: peers?,
            endpoints,
        })
    }

    /// Gives every peer a session.
    pub(crate) fn connect(&mut self) -> Result<()> {
        for number in 0..self.clients.len() {
            self.advance(PACE);
            let (now, peer) = (self.now, self.endpoints[number]);
            self.clients[number].start_handshake(now, peer)?;
            self.settle(number);
        }
        let now = self.now;
        let connected = self.peers.iter().filter(|peer| {
            let status = self.endpoint.peer_status(now, **peer);
            status.is_some_and(|status| status.has_session)
        });
        ensure!(
            connected.count() == self.peers.len(),
            "a peer has no session"
        );
        Ok(())
    }

    /// Lets time pass on all clocks.
    pub(crate) fn advance(&mut self, time: Duration) {
        self.set_now(self.now + time);
    }

    fn set_now(&mut self, now: Instant) {
        self.now = now;
        self.endpoint.set_wall_clock(now, now.since_origin());
    }

    /// Does something with the endpoint's device and counts what it costs.
    pub(crate) fn spend<T>(&mut self, action: impl FnOnce(&mut SystemDevice, Instant) -> T) -> T {
        let Self { endpoint, now, .. } = self;
        let (mut time, mut answer) = (Duration::ZERO, None);
        let allocated = allocation_counter::measure(|| {
            let began_at = cpu_time();
            answer = Some(action(endpoint, *now));
            time = cpu_time().saturating_sub(began_at);
        });
        self.spent.time += time;
        self.spent.heap_len += allocated.bytes_current;
        answer.expect("the action was done")
    }

    /// Carries what client `number` and the endpoint have for each other until both are silent.
    fn settle(&mut self, number: usize) {
        let now = self.now;
        self.clients[number].set_wall_clock(now, now.since_origin());
        loop {
            let mut any = false;
            while let Some(transmit) = self.clients[number].poll_transmit() {
                any = true;
                self.deliver_to_endpoint(number, &transmit);
            }
            while let Some(transmit) = self.spend(|endpoint, _| endpoint.poll_transmit()) {
                any = true;
                // Counted as held by the endpoint when it was made, it is dropped outside.
                self.spent.heap_len -= heap_len(&transmit);
                self.deliver_to_client(number, &transmit);
            }
            if !any {
                return;
            }
        }
    }

    fn deliver_to_endpoint(&mut self, number: usize, transmit: &Transmit) {
        let mut bytes = transmit.datagram().to_vec();
        self.spend(|endpoint, now| {
            let mut datagram = Datagram::new(outside(number), &mut bytes);
            // What is refused shows in the sessions that are missing.
            let _ = endpoint.receive(now, &mut datagram);
            endpoint.process_handshakes(now, 1);
            while endpoint.poll_event().is_some() {}
        });
    }

    fn deliver_to_client(&mut self, number: usize, transmit: &Transmit) {
        let mut bytes = transmit.datagram().to_vec();
        let now = self.now;
        let client = &mut self.clients[number];
        let _ = client.receive(now, &mut Datagram::new(ENDPOINT, &mut bytes));
        client.process_handshakes(now, 1);
        while client.poll_event().is_some() {}
    }

    /// Switches keepalives of all clients on, spread over one interval, and lets `time` pass;
    /// what the endpoint does is counted.
    pub(crate) fn keep_alive(&mut self, interval: Duration, time: Duration) -> Result<()> {
        let began_at = self.now;
        let count = u32::try_from(self.clients.len())?;
        for number in 0..self.clients.len() {
            self.set_now(began_at + interval / count * u32::try_from(number)?);
            let (now, peer) = (self.now, self.endpoints[number]);
            self.clients[number].set_persistent_keepalive(now, peer, Some(interval))?;
            self.settle(number);
        }
        self.spent.time = Duration::ZERO;
        self.run_until(self.now + time);
        Ok(())
    }

    /// Serves all timers in their order.
    fn run_until(&mut self, end: Instant) {
        let due = |device: &SystemDevice| device.poll_timeout().map(|deadline| deadline.at);
        let clients = self.clients.iter().enumerate();
        let mut timers: BTreeSet<(Instant, usize)> = clients
            .filter_map(|(number, client)| Some((due(client)?, number)))
            .collect();
        while let Some((at, number)) = timers.pop_first().filter(|(at, _)| *at < end) {
            self.set_now(at.max(self.now));
            self.serve_endpoint_timers();
            let now = self.now;
            self.clients[number].set_wall_clock(now, now.since_origin());
            self.clients[number].handle_timeout(now);
            self.settle(number);
            timers.extend(due(&self.clients[number]).map(|at| (at, number)));
        }
        self.set_now(end);
    }

    /// Serves the endpoint's timers that are due; answers how often it had to be woken.
    fn serve_endpoint_timers(&mut self) -> usize {
        let mut wakeups = 0;
        let due = |endpoint: &SystemDevice, now| {
            let deadline = endpoint.poll_timeout()?;
            (deadline.reason == DeadlineReason::Timer && deadline.at <= now).then_some(())
        };
        while due(&self.endpoint, self.now).is_some() {
            wakeups += 1;
            self.spend(|endpoint, now| endpoint.handle_timeout(now));
        }
        wakeups
    }

    /// Lets `time` pass for the endpoint alone; answers how often it was woken.
    pub(crate) fn idle(&mut self, time: Duration) -> usize {
        let end = self.now + time;
        let mut wakeups = 0;
        while let Some(deadline) = self.endpoint.poll_timeout().filter(|it| it.at < end) {
            self.set_now(deadline.at.max(self.now));
            wakeups += self.serve_endpoint_timers().max(1);
            while let Some(transmit) = self.spend(|endpoint, _| endpoint.poll_transmit()) {
                self.spent.heap_len -= heap_len(&transmit);
            }
        }
        self.set_now(end);
        wakeups
    }

    /// Switches keepalives of the endpoint itself on, spread over one interval.
    pub(crate) fn keep_alive_by_endpoint(&mut self, interval: Duration) -> Result<()> {
        let began_at = self.now;
        let count = u32::try_from(self.peers.len())?;
        for (number, peer) in (0..count).zip(self.peers.clone()) {
            self.set_now(began_at + interval / count * number);
            let now = self.now;
            self.endpoint
                .set_persistent_keepalive(now, peer, Some(interval))?;
            while self.endpoint.poll_transmit().is_some() {}
        }
        self.spent.time = Duration::ZERO;
        Ok(())
    }
}

/// Only transport data lies on the heap.
fn heap_len(transmit: &Transmit) -> i64 {
    match transmit.kind {
        wirecraft_tunnel::TransmitKind::Data => {
            i64::try_from(transmit.datagram().len()).unwrap_or(0)
        }
        _ => 0,
    }
}
