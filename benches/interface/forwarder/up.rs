//! From the socket to the interface.

use crate::frame::{Frame, VIRTIO_LEN};
use crate::{HEADER_LEN, KEY, TAG_LEN, nonce, wait};
use anyhow::{Context as _, Result};
use arrayvec::ArrayVec;
use quinn_udp::{RecvMeta, UdpSocketState};
use std::io::{ErrorKind, IoSlice, IoSliceMut};
use std::net::UdpSocket;
use tun_rs::SyncDevice;
use wirecraft_batch_aead::{Key, Open};

const BUFFERS: usize = 8;
const BUFFER_LEN: usize = 65_536;
const PACKETS_MAX: usize = 128;

/// The most bytes of a super-packet, and the most datagrams of one.
const SUPER_LEN_MAX: usize = 65_535;
const DATAGRAMS_MAX: usize = 64;

/// Forwards until something fails.
pub(crate) fn run(
    device: &SyncDevice,
    (socket, state): (&UdpSocket, &UdpSocketState),
    can_merge_udp: bool,
) -> Result<()> {
    let key = Key::new(&KEY);
    let mut buffers: Vec<Vec<u8>> = (0..BUFFERS).map(|_| vec![0; BUFFER_LEN]).collect();
    let mut metas = [RecvMeta::default(); BUFFERS];
    loop {
        let count = receive((socket, state), &mut buffers, &mut metas)?;
        for (buffer, meta) in buffers.iter_mut().zip(&metas).take(count) {
            let received = &mut buffer[..meta.len];
            let mut datagrams = received.chunks_mut(meta.stride.max(1)).peekable();
            while datagrams.peek().is_some() {
                let batch = datagrams.by_ref().take(PACKETS_MAX);
                let mut opens: ArrayVec<Open<'_>, PACKETS_MAX> = batch.filter_map(open).collect();
                key.open_batch(&mut opens);
                write(device, &opens, can_merge_udp);
            }
        }
    }
}

/// Waits for datagrams; returns how many buffers hold some.
fn receive(
    (socket, state): (&UdpSocket, &UdpSocketState),
    buffers: &mut [Vec<u8>],
    metas: &mut [RecvMeta],
) -> Result<usize> {
    let slices = buffers.iter_mut().map(|it| IoSliceMut::new(it));
    let mut slices: ArrayVec<IoSliceMut<'_>, BUFFERS> = slices.collect();
    loop {
        match state.recv(socket.into(), &mut slices, metas) {
            Ok(count) => return Ok(count),
            Err(error) if error.kind() == ErrorKind::WouldBlock => wait(socket)?,
            Err(error) if error.kind() == ErrorKind::ConnectionRefused => {}
            Err(error) => return Err(error).context("receiving"),
        }
    }
}

fn open(datagram: &mut [u8]) -> Option<Open<'_>> {
    let (header, message) = datagram.split_at_mut_checked(HEADER_LEN)?;
    let counter = u64::from_le_bytes(*header.last_chunk()?);
    (message.len() >= TAG_LEN).then(|| Open::new(nonce(counter), message))
}

/// Writes packets, those that follow each other in a flow as one.
fn write(device: &SyncDevice, opens: &[Open<'_>], can_merge_udp: bool) {
    let opened = opens.iter().filter(|it| it.result.is_ok());
    let packets: ArrayVec<&[u8], PACKETS_MAX> = opened
        .map(|it| &it.message[..it.message.len() - TAG_LEN])
        .collect();
    let mut rest = &packets[..];
    while let Some(first) = rest.first() {
        let frame = Frame::of(first).filter(|it| it.is_tcp || can_merge_udp);
        let count = frame.map_or(1, |frame| count_kin(frame, rest));
        let (group, behind) = rest.split_at(count);
        // What an interface that is down does not take is lost.
        let _ = match frame.filter(|_| count > 1) {
            Some(frame) => write_together(device, frame, group),
            None => rustix::io::writev(
                device,
                &[IoSlice::new(&[0; VIRTIO_LEN]), IoSlice::new(first)],
            ),
        };
        rest = behind;
    }
}

/// How many packets, the first one included, make one super-packet.
fn count_kin(frame: Frame, packets: &[&[u8]]) -> usize {
    let Some((first, others)) = packets.split_first() else {
        return 0;
    };
    if !frame.is_intact(first) {
        return 1;
    }
    let segment_len = first.len() - frame.header_len;
    let (mut count, mut len, mut seq) = (1, first.len(), frame.seq(first));
    for packet in others {
        let Some(next) = Frame::of(packet).filter(|next| *next == frame) else {
            break;
        };
        seq = seq.wrapping_add(u32::try_from(segment_len).unwrap_or(0));
        let payload_len = packet.len() - next.header_len;
        let follows = frame.is_kin(first, packet)
            && (!frame.is_tcp || next.seq(packet) == seq)
            && (frame.is_tcp || count < DATAGRAMS_MAX)
            && payload_len <= segment_len
            && len + payload_len <= SUPER_LEN_MAX
            && next.is_intact(packet);
        if !follows {
            break;
        }
        count += 1;
        len += payload_len;
        if payload_len < segment_len {
            break;
        }
    }
    count
}

fn write_together(device: &SyncDevice, frame: Frame, group: &[&[u8]]) -> rustix::io::Result<usize> {
    let payloads = || group.iter().map(|packet| &packet[frame.header_len..]);
    let payload_len = payloads().map(<[u8]>::len).sum();
    let mut headers = ArrayVec::<u8, 110>::new();
    headers.extend([0; VIRTIO_LEN]);
    headers.extend(group[0][..frame.header_len].iter().copied());
    frame.set_lengths(&mut headers[VIRTIO_LEN..], payload_len);
    let segment_len = group[0].len() - frame.header_len;
    frame.leave_to_kernel(&mut headers, segment_len, payload_len);
    let mut slices = ArrayVec::<IoSlice<'_>, { PACKETS_MAX + 1 }>::new();
    slices.push(IoSlice::new(&headers));
    slices.extend(payloads().map(IoSlice::new));
    rustix::io::writev(device, &slices)
}
