//! A network interface on the inner side: the kernel's packets go through the tunnel.
//!
//! Where the kernel has offloads, one read or write moves up to 64 KiB: [`split`] cuts what comes down
//! into packets where they are sealed, [`coalesce`] puts together what goes up from where it was opened.

mod coalesce;
mod device;
mod link_events;
mod segment;
mod split;
mod unreachable;
mod virtio;

#[cfg(test)]
mod tests;

use std::io;
use std::task::{Context, Poll, ready};

use arrayvec::ArrayVec;
use rustix::io::Errno;
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;
use tokio::sync::watch;
use wirecraft_time::Instant;
use wirecraft_tunnel::{Arena, SendError};

use crate::inner::{Inner, Packets};
use coalesce::{BATCH_MAX, Coalescer};
use device::Device;
pub use device::TunParcel;
use link_events::LinkEvents;
use split::Rest;
use unreachable::Unreachables;
use virtio::VIRTIO_HEADER_LEN;

/// The longest read: a virtio header and the longest IP packet, jumbograms left out.
const READ_LEN_MAX: usize = VIRTIO_HEADER_LEN + 65_535 + 40;

/// UDP datagrams that are handed to the kernel before others may run. A socket has room for about ninety
/// of 1400 bytes unless its program asks for more: what is handed over before that program has run once is
/// lost. TCP slows down instead of losing, and is better off if the processor is kept.
const BURST_MAX: usize = 32;

/// Which packets may go to and fro between the kernel and us many as one.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct TunOffloads {
    /// TCP segments; without them neither do UDP datagrams, as the kernel has it.
    pub tcp: bool,
    /// UDP datagrams on their way up; what the kernel sends down as one is taken apart in any case.
    pub udp: bool,
}

impl Default for TunOffloads {
    /// Whatever the kernel can.
    fn default() -> Self {
        Self {
            tcp: true,
            udp: true,
        }
    }
}

/// How an interface is to be opened.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct TunConfig {
    /// Its name; `%d` in it stands for a number that is free.
    pub name: String,
    /// The greatest length of a packet in bytes.
    pub mtu: u16,
    /// The offloads that may be used.
    pub offloads: TunOffloads,
}

/// Why an interface could not be opened.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TunError {
    /// The operating system refused it.
    #[error("could not open the interface {name}: {source}")]
    Open {
        /// The name that was asked for.
        name: String,
        /// What the operating system said.
        source: io::Error,
    },
}

/// What happened on the interface beside what was read and written well.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct TunCounters {
    /// Reads whose headers did not agree with their packet.
    pub malformed: u64,
    /// Packets that the kernel did not take; it takes none while the interface is down.
    pub refused: u64,
    /// Packets put together that the kernel did not take as one: they were written one by one, and those
    /// of their protocol are for a while.
    pub written_apart: u64,
}

/// How an interface is, as far as others than the driver want to know.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum TunState {
    /// It is there.
    Open {
        /// The greatest length of a packet in bytes.
        mtu: usize,
        /// Whether it is set up; where that is not known, it is.
        is_up: bool,
    },
    /// Somebody deleted it.
    Gone,
}

/// A network interface as the inner side of a tunnel.
pub struct Tun {
    device: AsyncFd<Device>,
    name: String,
    state: watch::Sender<TunState>,
    link_events: Option<LinkEvents>,
    mtu: usize,
    is_up: bool,
    /// Whether the interface was looked at since it was first listened to.
    is_followed: bool,
    /// What was read last, a virtio header in front in any case.
    read: Box<[u8]>,
    read_len: usize,
    /// The bytes of the virtio header if the kernel writes none: they stay zero.
    header_missing: usize,
    rest: Rest,
    coalescer: Coalescer,
    unreachables: Unreachables,
    counters: TunCounters,
}

impl Tun {
    /// Creates an interface. It goes when this is dropped. Needs a tokio runtime and the right to
    /// administrate the network.
    ///
    /// # Errors
    /// [`TunError::Open`].
    pub fn open(config: &TunConfig) -> Result<Self, TunError> {
        let opened = TunParcel::open(config)?;
        let name = config.name.clone();
        let link_events = LinkEvents::open()
            .inspect_err(|error| tracing::warn!(%error, "changes of the MTU will not be noticed"));
        Self::serve(opened, link_events.ok()).map_err(|source| TunError::Open { name, source })
    }

    /// Takes over an interface that was opened elsewhere, perhaps in another network namespace. Needs a
    /// tokio runtime.
    ///
    /// That its MTU is changed afterwards goes unnoticed.
    ///
    /// # Errors
    /// [`TunError::Open`] if its descriptor cannot be waited for.
    pub fn adopt(parcel: TunParcel) -> Result<Self, TunError> {
        let name = parcel.name.clone();
        Self::serve(parcel, None).map_err(|source| TunError::Open { name, source })
    }

    #[expect(
        deprecated,
        reason = "its successor is unsafe for types that change their descriptor, which this one does not"
    )]
    fn serve(opened: TunParcel, link_events: Option<LinkEvents>) -> io::Result<Self> {
        let TunParcel {
            device,
            name,
            mtu,
            offloads,
        } = opened;
        let mtu = usize::from(mtu);
        // One that is not watched would be taken for down for ever.
        let is_up = link_events.is_none() || device.is_up();
        let has_header = offloads.tcp;
        let coalescer = Coalescer::new(has_header, has_header && offloads.udp);
        Ok(Self {
            name,
            state: watch::Sender::new(TunState::Open { mtu, is_up }),
            link_events,
            mtu,
            is_up,
            is_followed: false,
            read: vec![0; READ_LEN_MAX].into_boxed_slice(),
            read_len: 0,
            header_missing: if has_header { 0 } else { VIRTIO_HEADER_LEN },
            rest: Rest::Nothing,
            coalescer,
            unreachables: Unreachables::default(),
            counters: TunCounters::default(),
            device: AsyncFd::with_interest(device, Interest::READABLE)?,
        })
    }

    /// The name of the interface when it was opened.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The greatest length of a packet in bytes.
    #[must_use]
    pub fn mtu(&self) -> usize {
        self.mtu
    }

    /// What becomes of the interface from here on.
    #[must_use]
    pub fn watch(&self) -> watch::Receiver<TunState> {
        self.state.subscribe()
    }

    /// What happened on the interface so far.
    #[must_use]
    pub fn counters(&self) -> TunCounters {
        self.counters
    }

    /// Looks at the interface again if anything about any has changed.
    fn follow_changes(&mut self, cx: &mut Context<'_>) {
        let changed = self.link_events.as_ref().map(|events| events.poll(cx));
        // What changed before it was listened to is not told.
        if changed == Some(Poll::Ready(())) || !std::mem::replace(&mut self.is_followed, true) {
            self.look_again();
        }
    }

    fn look_again(&mut self) {
        let Ok(mtu) = self.device.get_ref().mtu() else {
            self.state.send_replace(TunState::Gone);
            return;
        };
        let mtu = mtu.unwrap_or(self.mtu);
        let is_up = self.link_events.is_none() || self.device.get_ref().is_up();
        if (mtu, is_up) != (self.mtu, self.is_up) {
            tracing::debug!(mtu, is_up, "the interface was changed");
            (self.mtu, self.is_up) = (mtu, is_up);
            self.state.send_replace(TunState::Open { mtu, is_up });
        }
    }

    /// Reads what the kernel has to send: one packet, or many as one.
    fn poll_read(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        while let Ok(mut ready) = ready!(self.device.poll_read_ready(cx)) {
            match rustix::io::read(self.device.get_ref(), &mut self.read[self.header_missing..]) {
                Ok(len) => {
                    self.read_len = self.header_missing + len;
                    return Poll::Ready(());
                }
                Err(Errno::INTR) => {}
                Err(Errno::AGAIN) => ready.clear_ready(),
                Err(error) => {
                    tracing::debug!(%error, "the interface could not be read");
                    ready.clear_ready();
                    drop(ready);
                    self.look_again();
                }
            }
        }
        Poll::Pending
    }

    /// Writes packets, at most [`BATCH_MAX`].
    fn write(&mut self, now: Instant, packets: &[&[u8]]) {
        let Self {
            device,
            header_missing,
            coalescer,
            counters,
            ..
        } = self;
        let device = device.get_ref();
        // Without offloads there is no virtio header: it is the first slice.
        let skipped = usize::from(*header_missing > 0);
        let mut is_gone = false;
        let written = coalescer.write_all(now, packets, |slices| {
            let written = rustix::io::writev(device, &slices[skipped..]);
            is_gone |= written == Err(Errno::BADFD);
            Ok(written.map(drop)?)
        });
        counters.refused += written.refused;
        counters.written_apart += written.apart;
        if coalescer.datagrams() >= BURST_MAX {
            std::thread::yield_now();
        }
        // In another namespace its end is told to others.
        if is_gone {
            self.look_again();
        }
    }
}

impl Inner for Tun {
    fn deliver(&mut self, now: Instant, packets: Packets<'_, '_>) {
        let mut batch = ArrayVec::<&[u8], BATCH_MAX>::new();
        for (_, packet) in packets {
            batch.push(packet);
            if batch.is_full() {
                self.write(now, &batch);
                batch.clear();
            }
        }
        self.write(now, &batch);
    }

    fn poll_packets(&mut self, cx: &mut Context<'_>, _: Instant, arena: &mut Arena) -> Poll<()> {
        self.follow_changes(cx);
        arena.set_mtu(self.mtu);
        loop {
            if !self.rest.write_into(&self.read[..self.read_len], arena) {
                // An arena that has no room when it is empty never has.
                if !arena.is_empty() {
                    return Poll::Ready(());
                }
                self.counters.malformed += 1;
            }
            self.rest = Rest::Nothing;
            if self.poll_read(cx).is_pending() {
                break;
            }
            self.rest = Rest::of(&mut self.read[..self.read_len]).unwrap_or_else(|_malformed| {
                self.counters.malformed += 1;
                Rest::Nothing
            });
        }
        if arena.is_empty() {
            Poll::Pending
        } else {
            Poll::Ready(())
        }
    }

    fn poll_timeout(&self) -> Option<Instant> {
        None
    }

    fn undeliverable(&mut self, now: Instant, packet: &[u8], error: SendError) {
        tracing::debug!(%error, "packet not sent");
        // Who sets the interface down is told by it, not by an ICMP error that comes from nowhere.
        if error == SendError::Halted {
            return;
        }
        if let Some(icmp_error) = self.unreachables.answer(now, packet) {
            self.write(now, &[&icmp_error]);
        }
    }

    fn counters(&self) -> Vec<(&'static str, u64)> {
        let TunCounters {
            malformed,
            refused,
            written_apart,
        } = self.counters;
        vec![
            ("interface_malformed", malformed),
            ("interface_refused", refused),
            ("interface_written_apart", written_apart),
        ]
    }

    fn is_up(&self) -> bool {
        self.is_up
    }
}
