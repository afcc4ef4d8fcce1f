//! From the interface to the socket.

use crate::frame::{Frame, VIRTIO_LEN, Virtio};
use crate::{HEADER_LEN, KEY, TAG_LEN, nonce, wait};
use anyhow::{Context as _, Result};
use arrayvec::ArrayVec;
use quinn_udp::{Transmit, UdpSocketState};
use rustix::io::Errno;
use std::io::ErrorKind;
use std::net::{SocketAddr, UdpSocket};
use tun_rs::SyncDevice;
use wirecraft_batch_aead::{Key, Seal};
use wirecraft_ip_packets::checksum::Sum;

/// The longest super-packet, with virtio's header.
const READ_LEN: usize = VIRTIO_LEN + 65_575;

/// What is sealed together, but for the super-packet that comes last; the tunnel does so with as much.
const ARENA_LEN: usize = 3 * 65_536;
const PACKETS_MAX: usize = 256;

/// The most that one call may send.
const RUN_LEN_MAX: usize = 65_000;

/// Packets of a batch, one behind the other.
struct Arena {
    bytes: Vec<u8>,
    lens: ArrayVec<usize, PACKETS_MAX>,
}

/// Forwards until something fails.
pub(crate) fn run(
    device: &SyncDevice,
    (socket, state): (&UdpSocket, &UdpSocketState),
    peer: SocketAddr,
) -> Result<()> {
    let key = Key::new(&KEY);
    let mut arena = Arena {
        bytes: Vec::with_capacity(2 * ARENA_LEN),
        lens: ArrayVec::new(),
    };
    let mut read = vec![0; READ_LEN];
    let mut counter = 0;
    loop {
        let is_drained = arena.fill(device, &mut read)?;
        arena.seal(&key, &mut counter);
        arena.send((socket, state), peer)?;
        if is_drained {
            wait(device)?;
        }
    }
}

impl Arena {
    /// Reads until there is nothing more, which is `true`, or another super-packet might not fit.
    fn fill(&mut self, device: &SyncDevice, read: &mut [u8]) -> Result<bool> {
        while self.bytes.len() < ARENA_LEN && self.lens.len() < PACKETS_MAX / 2 {
            match rustix::io::read(device, &mut *read) {
                Ok(len) => self.take(&mut read[..len]).context("an odd packet")?,
                // An interface that is not up yet fails.
                Err(Errno::AGAIN | Errno::IO) => return Ok(true),
                Err(error) => return Err(error).context("reading the interface"),
            }
        }
        Ok(false)
    }

    /// Takes what was read, in pieces.
    fn take(&mut self, read: &mut [u8]) -> Option<()> {
        let (header, packet) = read.split_first_chunk_mut()?;
        let virtio = Virtio::read(header);
        if virtio.is_whole {
            if virtio.needs_checksum {
                let sum = Sum::new()
                    .add_bytes(packet.get(virtio.transport_at..)?)
                    .finish();
                let field = packet.get_mut(virtio.checksum_at..)?.first_chunk_mut()?;
                *field = sum.to_be_bytes();
            }
            self.push(&[packet]);
            return Some(());
        }
        let frame = Frame::of_super(packet, virtio.transport_at)?;
        let (headers, payload) = packet.split_at(frame.header_len);
        let mut offset = 0;
        for (number, piece) in (0..).zip(payload.chunks(virtio.segment_len.max(1))) {
            let is_last = offset + piece.len() == payload.len();
            let slot = self.push(&[headers, piece]);
            frame.finish_segment(slot, (number, offset), is_last);
            offset += piece.len();
        }
        Some(())
    }

    /// Puts a packet together behind the others, with room for header and tag.
    fn push(&mut self, parts: &[&[u8]]) -> &mut [u8] {
        let start = self.bytes.len();
        self.bytes.extend([0; HEADER_LEN]);
        for part in parts {
            self.bytes.extend_from_slice(part);
        }
        let end = self.bytes.len();
        self.bytes.extend([0; TAG_LEN]);
        self.lens.push(self.bytes.len() - start);
        &mut self.bytes[start + HEADER_LEN..end]
    }

    fn seal(&mut self, key: &Key, counter: &mut u64) {
        let mut seals = ArrayVec::<Seal<'_>, PACKETS_MAX>::new();
        let mut rest = &mut self.bytes[..];
        for &len in &self.lens {
            let (datagram, behind) = rest.split_at_mut(len);
            let (header, message) = datagram.split_at_mut(HEADER_LEN);
            header[8..].copy_from_slice(&counter.to_le_bytes());
            seals.push(Seal {
                nonce: nonce(*counter),
                message,
            });
            *counter += 1;
            rest = behind;
        }
        key.seal_batch(&mut seals);
    }

    /// Sends all, runs of equal lengths with one call each.
    fn send(
        &mut self,
        (socket, state): (&UdpSocket, &UdpSocketState),
        peer: SocketAddr,
    ) -> Result<()> {
        let (mut lens, mut rest) = (&self.lens[..], &self.bytes[..]);
        while let Some(&len) = lens.first() {
            let most = state.max_gso_segments().min(RUN_LEN_MAX / len).max(1);
            let equal = lens.iter().take(most).take_while(|it| **it == len).count();
            // One that is shorter may close a run.
            let closing = lens.get(equal).filter(|it| **it < len && equal < most);
            let run_len = equal * len + closing.copied().unwrap_or_default();
            let (contents, behind) = rest.split_at(run_len);
            let transmit = Transmit {
                destination: peer,
                ecn: None,
                contents,
                segment_size: (run_len > len).then_some(len),
                src_ip: None,
            };
            while let Err(error) = state.try_send(socket.into(), &transmit) {
                match error.kind() {
                    ErrorKind::WouldBlock => std::thread::yield_now(),
                    ErrorKind::ConnectionRefused => {}
                    _ => return Err(error).context("sending"),
                }
            }
            lens = &lens[equal + usize::from(closing.is_some())..];
            rest = behind;
        }
        self.lens.clear();
        self.bytes.clear();
        Ok(())
    }
}

impl Frame {
    /// Of a super-packet, whose flags may be any.
    fn of_super(packet: &[u8], transport_at: usize) -> Option<Self> {
        let is_v4 = packet.first()? >> 4 == 4;
        let is_tcp = if is_v4 {
            *packet.get(9)?
        } else {
            *packet.get(6)?
        } == 6;
        let transport_len = if is_tcp {
            usize::from(packet.get(transport_at + 12)? >> 4) * 4
        } else {
            8
        };
        let header_len = transport_at + transport_len;
        (header_len < packet.len()).then_some(Self {
            is_v4,
            is_tcp,
            transport_at,
            header_len,
        })
    }
}
