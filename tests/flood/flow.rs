//! The flow: numbered packets at an even pace into a tunnel, and the count of them behind it.

use core::time::Duration;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use wirecraft_net::{Inner, Packets};
use wirecraft_time::Instant;
use wirecraft_tunnel::{Arena, SendError};

use crate::identities::{FLOW_PEER, RECEIVER_INSIDE, inside};

/// Bits of inner packets a second.
const RATE: f64 = 30e6;

/// The shortest and the longest UDP payload, in bytes.
const PAYLOAD_LENS: [usize; 2] = [1200, 1392];

/// IPv4 and UDP headers, in bytes.
const HEADERS_LEN: usize = 28;

/// Labels that packets may have; each stands for a phase.
pub(crate) const LABELS: usize = 32;

/// How much of what could not be sent in time is sent later.
const BACKLOG: Duration = Duration::from_millis(100);

/// How much was sent under each label, and the label of the next packet.
#[derive(Default)]
pub(crate) struct FlowState {
    pub(crate) label: usize,
    pub(crate) sent: [u64; LABELS],
    /// The same in bytes of inner packets.
    pub(crate) sent_len: [u64; LABELS],
    number: u64,
    is_on: bool,
    waker: Option<Waker>,
}

/// The paced sender.
pub(crate) struct Flow {
    state: Arc<Mutex<FlowState>>,
    next_at: Option<Instant>,
}

/// The handle by which a flow is switched on and labelled.
#[derive(Clone)]
pub(crate) struct FlowHandle(Arc<Mutex<FlowState>>);

impl FlowHandle {
    pub(crate) fn state(&self) -> MutexGuard<'_, FlowState> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn switch_on(&self) {
        let mut state = self.state();
        state.is_on = true;
        if let Some(waker) = state.waker.take() {
            waker.wake();
        }
    }
}

impl Flow {
    pub(crate) fn new() -> (Self, FlowHandle) {
        let state = Arc::new(Mutex::new(FlowState::default()));
        let flow = Self {
            state: Arc::clone(&state),
            next_at: None,
        };
        (flow, FlowHandle(state))
    }
}

impl Inner for Flow {
    fn deliver(&mut self, _: Instant, _: Packets<'_, '_>) {}

    fn poll_packets(&mut self, cx: &mut Context<'_>, now: Instant, arena: &mut Arena) -> Poll<()> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if !state.is_on {
            state.waker = Some(cx.waker().clone());
            return Poll::Pending;
        }
        let mut next_at = self.next_at.unwrap_or(now);
        if now.since(next_at) > BACKLOG {
            next_at = now;
        }
        while next_at <= now {
            let packet = state.packet();
            if arena.push(&packet).is_err() {
                break;
            }
            let label = state.label;
            state.sent[label] += 1;
            state.sent_len[label] += packet.len() as u64;
            state.number += 1;
            next_at = next_at + Duration::from_secs_f64(packet.len() as f64 * 8.0 / RATE);
        }
        self.next_at = Some(next_at);
        if arena.is_empty() {
            Poll::Pending
        } else {
            Poll::Ready(())
        }
    }

    fn poll_timeout(&self) -> Option<Instant> {
        self.next_at
    }

    fn undeliverable(&mut self, _: Instant, _: &[u8], _: SendError) {}
}

impl FlowState {
    fn packet(&self) -> Vec<u8> {
        let [shortest, longest] = PAYLOAD_LENS;
        // A step that has no factor in common with the range goes through all lengths.
        let spread = usize::try_from(self.number % 1024).unwrap_or(0) * 61 % (longest - shortest);
        let mut payload = vec![0; shortest + spread];
        payload[..8].copy_from_slice(&self.number.to_le_bytes());
        payload[8..16].copy_from_slice(&(self.label as u64).to_le_bytes());
        wirecraft_ip_packets::v4(inside(FLOW_PEER), RECEIVER_INSIDE)
            .udp(5000, 5000)
            .payload(&payload)
            .build()
    }
}

/// What came out of the tunnel.
#[derive(Default)]
pub(crate) struct Delivered {
    pub(crate) by_label: [u64; LABELS],
    pub(crate) duplicates: u64,
    seen: Vec<u64>,
}

impl Delivered {
    fn count(&mut self, packet: &[u8]) {
        let word = |from: usize| -> Option<u64> {
            let bytes = packet.get(HEADERS_LEN + from..)?.first_chunk()?;
            Some(u64::from_le_bytes(*bytes))
        };
        let (Some(number), Some(label)) = (word(0), word(8)) else {
            return;
        };
        let (word, bit) = (
            usize::try_from(number / 64).unwrap_or(0),
            1u64 << (number % 64),
        );
        if self.seen.len() <= word {
            self.seen.resize(word + 1, 0);
        }
        if self.seen[word] & bit != 0 {
            self.duplicates += 1;
        } else if let Some(count) = self
            .by_label
            .get_mut(usize::try_from(label).unwrap_or(LABELS))
        {
            self.seen[word] |= bit;
            *count += 1;
        }
    }
}

/// Counts the packets of the flow and answers nothing.
pub(crate) struct Sink(pub(crate) Arc<Mutex<Delivered>>);

impl Inner for Sink {
    fn deliver(&mut self, _: Instant, packets: Packets<'_, '_>) {
        let mut delivered = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for (_, packet) in packets {
            delivered.count(packet);
        }
    }

    fn poll_packets(&mut self, _: &mut Context<'_>, _: Instant, _: &mut Arena) -> Poll<()> {
        Poll::Pending
    }

    fn poll_timeout(&self) -> Option<Instant> {
        None
    }

    fn undeliverable(&mut self, _: Instant, _: &[u8], _: SendError) {}
}
