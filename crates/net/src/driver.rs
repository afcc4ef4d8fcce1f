//! The event loop: datagrams in, datagrams out, and the time between.

mod link;

use std::future::poll_fn;
use std::task::{Context, Poll};

use tokio::sync::{broadcast, mpsc};
use tokio::task::consume_budget;
use wirecraft_time::Instant;
use wirecraft_tunnel::{AeadPath, Arena, DatagramRun, Device, Event};

use crate::alarm::Alarm;
use crate::clock::Clock;
use crate::entropy::SystemEntropy;
use crate::handle::{Command, DriverHandle, Served};
use crate::inner::{Inner, Packets};
use crate::udp::{LocalAddress, ReceiveBatch, UdpTransport};

/// Handshake messages whose Diffie-Hellman is done between two batches of data.
const HANDSHAKES_PER_TURN: usize = 8;

/// The bytes of an arena: some runs of the greatest length that one segmented send can carry.
const ARENA_LEN: usize = 4 * 65_536;

/// The differentiated services code point of data: the inner one is nobody's business.
///
/// Source: Linux `send.c:encrypt_packet`, which takes over the congestion mark alone.
const DSCP_NONE: u8 = 0;

const COMMANDS_WAITING_MAX: usize = 64;
const EVENTS_WAITING_MAX: usize = 1024;

/// How a driver is set up.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct DriverConfig {
    /// The greatest length of an inner packet in bytes.
    pub mtu: usize,
    /// What works on batches of packets: this, or what the processor has below it.
    pub aead_path: AeadPath,
}

impl Default for DriverConfig {
    /// The MTU that `wg-quick` gives on a link of 1500 bytes, and the fastest path of the processor.
    fn default() -> Self {
        Self {
            mtu: 1420,
            aead_path: AeadPath::detect(),
        }
    }
}

/// Drives a device with sockets, a clock and an inner side.
pub struct Driver<I> {
    device: Device<SystemEntropy>,
    transport: UdpTransport,
    inner: I,
    clock: Clock,
    arena: Arena,
    received: ReceiveBatch,
    alarm: Alarm,
    /// Whether the inner side was up when it was last followed.
    is_up: bool,
    commands: mpsc::Receiver<Command>,
    events: broadcast::Sender<Event>,
}

/// What a turn of the loop has to do.
#[derive(Clone, Copy)]
struct Work {
    now: Instant,
    datagrams: bool,
    packets: bool,
    stop: bool,
}

impl<I: Inner> Driver<I> {
    /// Makes a driver, and the handle by which it is told what to do.
    ///
    /// The device is empty: keys and peers are set through the handle. Needs a tokio runtime.
    #[must_use]
    pub fn new(
        config: DriverConfig,
        clock: Clock,
        transport: UdpTransport,
        inner: I,
    ) -> (Self, DriverHandle) {
        let (command_sender, commands) = mpsc::channel(COMMANDS_WAITING_MAX);
        let (events, _) = broadcast::channel(EVENTS_WAITING_MAX);
        let handle = DriverHandle::new(command_sender, &events);
        let mut device = Device::new(config.mtu, SystemEntropy::default());
        device.set_aead_path(config.aead_path);
        tracing::debug!(path = %device.aead_path(), "batches are encrypted");
        let driver = Self {
            device,
            received: ReceiveBatch::new(),
            transport,
            inner,
            clock,
            arena: Arena::new(ARENA_LEN, config.mtu),
            alarm: Alarm::new(clock),
            is_up: true,
            commands,
            events,
        };
        (driver, handle)
    }

    /// Runs until the handle stops it or all handles are dropped.
    ///
    /// What the inner side had to send by then is sent, as far as it fits into one batch.
    pub async fn run(mut self) {
        loop {
            // A turn with a deadline that is due waits for nothing, and tokio gives no datagrams any more to a
            // task that never yields.
            consume_budget().await;
            let work = poll_fn(|cx| self.poll_work(cx)).await;
            let now = work.now;
            self.device
                .set_wall_clock(now, self.clock.since_unix_epoch());
            if self.alarm.was_suspended(self.clock, now) {
                tracing::debug!("the machine was suspended");
                self.device.handle_suspend(now);
            }
            self.follow_link(now);
            if work.datagrams {
                self.receive(now);
            }
            if work.packets {
                self.send(now).await;
            }
            self.device.process_handshakes(now, HANDSHAKES_PER_TURN);
            self.device.handle_timeout(now);
            self.transmit().await;
            self.publish_events();
            if work.stop {
                return;
            }
        }
    }

    /// Waits for a command, a datagram, a packet or a deadline.
    fn poll_work(&mut self, cx: &mut Context<'_>) -> Poll<Work> {
        let now = self.clock.now();
        let mut work = Work {
            now,
            datagrams: false,
            packets: false,
            stop: false,
        };
        let commanded = self.poll_commands(cx, now, &mut work);
        work.datagrams = self
            .transport
            .poll_receive(cx, &mut self.received)
            .is_ready();
        work.packets = self.inner.poll_packets(cx, now, &mut self.arena).is_ready();
        let timed_out = self.poll_alarm(cx, now).is_ready();
        let moved = self.has_link_changed();
        if moved || commanded || work.datagrams || work.packets || timed_out {
            Poll::Ready(work)
        } else {
            Poll::Pending
        }
    }

    fn poll_commands(&mut self, cx: &mut Context<'_>, now: Instant, work: &mut Work) -> bool {
        let mut any = false;
        while let Poll::Ready(command) = self.commands.poll_recv(cx) {
            any = true;
            let Some(command) = command else {
                work.stop = true;
                break;
            };
            self.device
                .set_wall_clock(now, self.clock.since_unix_epoch());
            let mut served = Served {
                device: &mut self.device,
                transport: &mut self.transport,
                inner: &self.inner,
                now,
                stop: false,
            };
            command(&mut served);
            work.stop |= served.stop;
        }
        any
    }

    /// Sets the alarm to the earliest deadline of the device and the inner side, and polls it.
    fn poll_alarm(&mut self, cx: &mut Context<'_>, now: Instant) -> Poll<()> {
        let device = self.device.poll_timeout().map(|deadline| deadline.at);
        let deadlines = [device, self.inner.poll_timeout()];
        let earliest = deadlines.into_iter().flatten().min();
        self.alarm.poll(cx, now, earliest)
    }

    fn receive(&mut self, now: Instant) {
        let Self {
            device,
            inner,
            received,
            ..
        } = self;
        received.for_each_chunk(|datagrams| {
            device.receive_batch(now, datagrams);
            for datagram in &*datagrams {
                if let Err(error) = datagram.outcome() {
                    tracing::debug!(from = %datagram.from, %error, "datagram dropped");
                }
            }
            inner.deliver(now, Packets::of(datagrams));
        });
    }

    async fn send(&mut self, now: Instant) {
        self.device.set_mtu(self.arena.mtu());
        self.device.send_batch(now, &mut self.arena);
        for run in self.arena.runs() {
            send_run(&mut self.transport, &mut self.device, &run, DSCP_NONE).await;
        }
        for (packet, error) in self.arena.failures() {
            self.inner.undeliverable(now, packet, error);
        }
        self.arena.clear();
    }

    async fn transmit(&mut self) {
        while let Some(transmit) = self.device.poll_transmit() {
            let (run, dscp) = (transmit.as_run(), transmit.kind.dscp());
            send_run(&mut self.transport, &mut self.device, &run, dscp).await;
        }
    }

    fn publish_events(&mut self) {
        while let Some(event) = self.device.poll_event() {
            tracing::debug!(?event);
            // Nobody may be listening.
            let _ = self.events.send(event);
        }
    }
}

/// Sends a run; a local address that failed is not tried again.
async fn send_run(
    transport: &mut UdpTransport,
    device: &mut Device<SystemEntropy>,
    run: &DatagramRun<'_>,
    dscp: u8,
) {
    if transport.send(run, dscp).await == LocalAddress::Failed
        && let Some(peer) = run.destination.peer
    {
        device.forget_local_address(peer);
    }
}
