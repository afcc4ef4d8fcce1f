//! Receiving: one system call fills several buffers, each perhaps with many datagrams.

use std::io::{self, IoSliceMut};
use std::task::{Context, Poll};

use quinn_udp::{EcnCodepoint, RecvMeta};
use wirecraft_ip_packets::Ecn;
use wirecraft_tunnel::Datagram;

use super::socket::Left;
use super::{Bound, UdpTransport};

/// Buffers that one call may fill.
const BUFFERS: usize = 8;

/// The bytes of a buffer: the greatest datagram, or as many as the kernel coalesces.
const BUFFER_LEN: usize = 65_536;

/// Errors of a socket that are passed over before something else has its turn.
const ERRORS_MAX: usize = 16;

/// Datagrams handed on at once.
const CHUNK_MAX: usize = 64;

/// What one call received.
pub(crate) struct ReceiveBatch {
    /// All buffers, one behind the other. The allocator hands out pages that nobody has touched for as
    /// much at once; it clears smaller pieces, which an idle tunnel would hold for nothing.
    buffers: Box<[u8]>,
    metas: [RecvMeta; BUFFERS],
    filled: usize,
}

impl ReceiveBatch {
    pub(crate) fn new() -> Self {
        Self {
            buffers: vec![0; BUFFERS * BUFFER_LEN].into_boxed_slice(),
            metas: [RecvMeta::default(); BUFFERS],
            filled: 0,
        }
    }

    /// Hands on the datagrams in the order they came, some at a time.
    pub(crate) fn for_each_chunk(&mut self, mut serve: impl FnMut(&mut [Datagram<'_>])) {
        let buffers = self.buffers.chunks_exact_mut(BUFFER_LEN);
        let filled = buffers.zip(&self.metas).take(self.filled);
        let mut chunk = arrayvec::ArrayVec::<Datagram<'_>, CHUNK_MAX>::new();
        for (buffer, meta) in filled {
            let received = &mut buffer[..meta.len.min(BUFFER_LEN)];
            for bytes in datagrams(received, meta.stride) {
                chunk.push(datagram(meta, bytes));
                if chunk.is_full() {
                    serve(&mut chunk);
                    chunk.clear();
                }
            }
        }
        serve(&mut chunk);
        drop(chunk);
        self.filled = 0;
    }
}

/// Takes apart what the kernel has put together; a datagram of no bytes is one, too.
fn datagrams(received: &mut [u8], stride: usize) -> impl Iterator<Item = &mut [u8]> {
    let empty = received.is_empty().then_some(&mut [][..]);
    empty.into_iter().chain(received.chunks_mut(stride.max(1)))
}

fn datagram<'a>(meta: &RecvMeta, bytes: &'a mut [u8]) -> Datagram<'a> {
    let mut datagram = Datagram::new(meta.addr, bytes);
    datagram.local = meta.dst_ip;
    datagram.ecn = match meta.ecn {
        None => Ecn::NotEct,
        Some(EcnCodepoint::Ect0) => Ecn::Ect0,
        Some(EcnCodepoint::Ect1) => Ecn::Ect1,
        Some(EcnCodepoint::Ce) => Ecn::Ce,
    };
    datagram
}

impl UdpTransport {
    /// Fills `batch` with what has arrived on either IP version.
    ///
    /// An error of the socket, such as the refusal of an earlier datagram, is counted and the next
    /// datagram waited for: it concerns no particular peer and can be forged.
    pub(crate) fn poll_receive(
        &mut self,
        cx: &mut Context<'_>,
        batch: &mut ReceiveBatch,
    ) -> Poll<()> {
        let Self {
            v4,
            v6,
            v6_first,
            counters,
            ..
        } = self;
        let mut any_ready = false;
        let order = if *v6_first { [v6, v4] } else { [v4, v6] };
        *v6_first = !*v6_first;
        for bound in order.into_iter().flatten() {
            if batch.filled == BUFFERS {
                any_ready = true;
                break;
            }
            // An error that stays must not keep the loop from everything else.
            for _ in 0..ERRORS_MAX {
                let Poll::Ready(received) = bound.poll_receive(cx, batch) else {
                    break;
                };
                any_ready = true;
                if received.is_ok() {
                    break;
                }
                counters.receive_errors += 1;
            }
        }
        if any_ready {
            Poll::Ready(())
        } else {
            Poll::Pending
        }
    }
}

impl Bound {
    fn poll_receive(&self, cx: &mut Context<'_>, batch: &mut ReceiveBatch) -> Poll<io::Result<()>> {
        self.socket.poll_receive(cx, |socket| {
            let filled = batch.filled;
            let free = batch.buffers.chunks_exact_mut(BUFFER_LEN).skip(filled);
            let mut slices: arrayvec::ArrayVec<IoSliceMut<'_>, BUFFERS> =
                free.map(IoSliceMut::new).collect();
            let metas = &mut batch.metas[filled..];
            let count = self.state.recv(socket.into(), &mut slices, metas)?;
            batch.filled += count;
            if count < slices.len() {
                Ok(Left::Nothing)
            } else {
                Ok(Left::Perhaps)
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;
    use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};

    use super::*;

    /// Two turns with more waiting on IPv4 than both can take hear the one datagram on IPv6.
    #[tokio::test]
    async fn a_flood_on_one_ip_version_does_not_silence_the_other() {
        let mut transport = UdpTransport::bind(0).unwrap();
        let port = transport.local_port();
        let Ok(v6) = UdpSocket::bind((Ipv6Addr::LOCALHOST, 0)) else {
            return;
        };
        v6.send_to(&[6], (Ipv6Addr::LOCALHOST, port)).unwrap();
        let v4 = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        for _ in 0..3 * BUFFERS {
            v4.send_to(&[4], (Ipv4Addr::LOCALHOST, port)).unwrap();
        }
        let mut batch = ReceiveBatch::new();
        let mut sources: Vec<SocketAddr> = Vec::new();
        for _ in 0..2 {
            poll_fn(|cx| transport.poll_receive(cx, &mut batch)).await;
            batch
                .for_each_chunk(|chunk| sources.extend(chunk.iter().map(|datagram| datagram.from)));
        }
        assert!(sources.iter().any(SocketAddr::is_ipv6), "{sources:?}");
    }
}
