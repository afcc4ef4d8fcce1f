//! What a packet costs the endpoint, whoever it comes from.

use core::time::Duration;

use anyhow::{Result, ensure};
use wirecraft_tests::cpu_time;
use wirecraft_tunnel::{Arena, Datagram};

use crate::cast::{ENDPOINT_INSIDE, inside, outside};
use crate::crowd::Crowd;

/// Datagrams handed to the device at once, as a driver does.
const CHUNK: usize = 64;

/// The length of an inner packet in bytes: short, so that the cipher hides nothing.
const PACKET_LEN: usize = 64;

/// IPv4 and UDP headers, in bytes.
const HEADERS_LEN: usize = 28;

/// Sealed packets of some clients, in the order in which they arrive.
pub(crate) struct Load {
    bytes: Vec<u8>,
    froms: Vec<usize>,
    datagram_len: usize,
}

/// Who sends.
#[derive(Clone, Copy)]
pub(crate) enum From {
    /// The client in the middle of the table alone.
    One,
    /// All in turn, in an order that is not that of the table.
    All,
}

impl Load {
    /// Has `count` packets sealed.
    pub(crate) fn seal(crowd: &mut Crowd, from: From, count: usize) -> Result<Self> {
        let clients = crowd.clients.len();
        // A step that has no factor in common with the number of clients goes through all of them.
        let step = (clients / 3 * 2 + 1..)
            .find(|step| gcd(*step, clients) == 1)
            .unwrap_or(1);
        let number = |position: usize| match from {
            From::One => clients / 2,
            From::All => position * step % clients,
        };
        let froms: Vec<usize> = (0..count).map(number).collect();
        let mut arena = Arena::new(4096, crate::cast::MTU);
        let mut bytes = Vec::new();
        for &from in &froms {
            let packet = packet(from);
            let now = crowd.now;
            crowd.clients[from].send(now, &packet, &mut arena)?;
            arena
                .runs()
                .for_each(|run| bytes.extend_from_slice(run.bytes));
        }
        let datagram_len = bytes.len() / count;
        Ok(Self {
            bytes,
            froms,
            datagram_len,
        })
    }

    /// Hands all packets to the endpoint; answers the processor time that each took.
    pub(crate) fn receive(mut self, crowd: &mut Crowd) -> Result<Duration> {
        let mut time = Duration::ZERO;
        let mut opened = 0;
        let chunks = self.bytes.chunks_mut(CHUNK * self.datagram_len);
        for (chunk, froms) in chunks.zip(self.froms.chunks(CHUNK)) {
            let datagrams = chunk.chunks_mut(self.datagram_len).zip(froms);
            let mut datagrams: Vec<Datagram<'_>> = datagrams
                .map(|(bytes, from)| Datagram::new(outside(*from), bytes))
                .collect();
            let began_at = cpu_time();
            crowd.endpoint.receive_batch(crowd.now, &mut datagrams);
            time += cpu_time().saturating_sub(began_at);
            opened += datagrams.iter_mut().filter_map(Datagram::packet).count();
        }
        ensure!(opened == self.froms.len(), "only {opened} packets arrived");
        while crowd.endpoint.poll_event().is_some() {}
        Ok(time / u32::try_from(self.froms.len())?)
    }
}

fn packet(from: usize) -> Vec<u8> {
    let [std::net::IpAddr::V4(source), _] = inside(from) else {
        unreachable!("the first address is of IPv4");
    };
    wirecraft_ip_packets::v4(source, ENDPOINT_INSIDE)
        .udp(1000, 2000)
        .payload(&[0; PACKET_LEN - HEADERS_LEN])
        .build()
}

fn gcd(a: usize, b: usize) -> usize {
    if b == 0 { a } else { gcd(b, a % b) }
}

/// The middle one of some times.
pub(crate) fn median(mut times: Vec<Duration>) -> Duration {
    times.sort_unstable();
    times.get(times.len() / 2).copied().unwrap_or_default()
}
