//! The two ends of a TCP connection, and the keyed hash that finds it.

use core::hash::{BuildHasher, Hash, Hasher};
use core::net::{IpAddr, SocketAddr};

use rand_core::CryptoRng;

/// The two ends of a TCP connection, seen from our side.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FourTuple {
    local: SocketAddr,
    remote: SocketAddr,
}

impl FourTuple {
    /// Pairs the two ends; IPv6 flow labels and scopes are dropped, they do not tell connections apart.
    #[must_use]
    pub fn new(local: SocketAddr, remote: SocketAddr) -> Self {
        Self {
            local: plain(local),
            remote: plain(remote),
        }
    }

    /// Returns our address and port.
    #[must_use]
    pub const fn local(&self) -> SocketAddr {
        self.local
    }

    /// Returns the other end's address and port.
    #[must_use]
    pub const fn remote(&self) -> SocketAddr {
        self.remote
    }
}

impl Hash for FourTuple {
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write_u32(u32::from(self.local.port()) << 16 | u32::from(self.remote.port()));
        hash_ip(self.local.ip(), state);
        hash_ip(self.remote.ip(), state);
    }
}

fn hash_ip<H: Hasher>(ip: IpAddr, state: &mut H) {
    match ip {
        IpAddr::V4(ip) => state.write_u32(ip.to_bits()),
        IpAddr::V6(ip) => state.write_u128(ip.to_bits()),
    }
}

fn plain(address: SocketAddr) -> SocketAddr {
    SocketAddr::new(address.ip(), address.port())
}

/// Hashes with two secret keys, so that remote ends cannot aim at one bucket.
///
/// Each word is folded in by a 64 by 64 to 128 bit multiplication whose halves are combined.
#[derive(Clone, Copy)]
pub(crate) struct KeyedHash {
    start: u64,
    factor: u64,
}

impl KeyedHash {
    pub(crate) fn new(rng: &mut impl CryptoRng) -> Self {
        Self {
            start: rng.next_u64(),
            factor: rng.next_u64() | 1,
        }
    }
}

impl BuildHasher for KeyedHash {
    type Hasher = KeyedHasher;

    fn build_hasher(&self) -> KeyedHasher {
        KeyedHasher {
            state: self.start,
            factor: self.factor,
        }
    }
}

/// The state of one hash under a [`KeyedHash`].
pub(crate) struct KeyedHasher {
    state: u64,
    factor: u64,
}

impl Hasher for KeyedHasher {
    fn write(&mut self, bytes: &[u8]) {
        for chunk in bytes.chunks(8) {
            let mut word = [0; 8];
            word[..chunk.len()].copy_from_slice(chunk);
            self.write_u64(u64::from_le_bytes(word));
        }
    }

    fn write_u32(&mut self, word: u32) {
        self.write_u64(u64::from(word));
    }

    fn write_u64(&mut self, word: u64) {
        let product = u128::from(self.state ^ word) * u128::from(self.factor);
        let [low, high] = halves(product);
        self.state = (low ^ high).wrapping_add(self.factor.rotate_left(32));
    }

    fn write_u128(&mut self, word: u128) {
        let [low, high] = halves(word);
        self.write_u64(low);
        self.write_u64(high);
    }

    fn finish(&self) -> u64 {
        self.state
    }
}

fn halves(word: u128) -> [u64; 2] {
    let bytes = word.to_le_bytes();
    let (low, high) = bytes.split_at(8);
    [low, high].map(|half| {
        half.iter()
            .rev()
            .fold(0, |value, byte| value << 8 | u64::from(*byte))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const HASH: KeyedHash = KeyedHash {
        start: 0x1234_5678_9abc_def0,
        factor: 0x9e37_79b9_7f4a_7c15,
    };

    #[test]
    fn neighbouring_ports_spread_over_buckets() {
        let remote = SocketAddr::from(([10, 0, 0, 1], 443));
        let mut buckets = [0_u32; 64];
        for port in 40_000..44_096_u16 {
            let tuple = FourTuple::new(SocketAddr::from(([10, 0, 0, 2], port)), remote);
            buckets[(HASH.hash_one(tuple) % 64) as usize] += 1;
        }
        assert!(
            buckets.iter().all(|count| (24..130).contains(count)),
            "{buckets:?}"
        );
    }

    #[test]
    fn scope_does_not_tell_connections_apart() {
        let scoped = std::net::SocketAddrV6::new(std::net::Ipv6Addr::LOCALHOST, 1, 2, 3);
        let plain = std::net::SocketAddrV6::new(std::net::Ipv6Addr::LOCALHOST, 1, 0, 0);
        assert_eq!(
            FourTuple::new(scoped.into(), scoped.into()),
            FourTuple::new(plain.into(), plain.into())
        );
    }
}
