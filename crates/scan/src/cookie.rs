//! What a probe carries so that its answer can be told from a stranger's, without a memory of it.

use core::fmt;
use core::net::IpAddr;

use rand_core::CryptoRng;
use siphasher::sip::SipHasher24;

use crate::{PortRange, Target};

/// Derives source port and sequence number of each probe from its target and pass.
///
/// Whoever cannot see the probes guesses both with a chance of 2⁻³² times one in the number of
/// source ports.
#[derive(Clone, Copy)]
pub(crate) struct CookieKey {
    hasher: SipHasher24,
    source_ports: PortRange,
}

/// Source port and sequence number of one probe.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Cookie {
    pub(crate) source_port: u16,
    pub(crate) seq: u32,
}

impl CookieKey {
    pub(crate) fn new(source_ports: PortRange, rng: &mut impl CryptoRng) -> Self {
        let mut key = [0; 16];
        rng.fill_bytes(&mut key);
        Self {
            hasher: SipHasher24::new_with_key(&key),
            source_ports,
        }
    }

    pub(crate) fn cookie(&self, target: Target, pass: u8) -> Cookie {
        let mut input = [0; 20];
        match target.address {
            IpAddr::V4(address) => {
                input[0] = 4;
                input[1..5].copy_from_slice(&address.octets());
            }
            IpAddr::V6(address) => {
                input[0] = 6;
                input[1..17].copy_from_slice(&address.octets());
            }
        }
        input[17..19].copy_from_slice(&target.port.to_be_bytes());
        input[19] = pass;
        let [a, b, c, d, e, f, ..] = self.hasher.hash(&input).to_le_bytes();
        Cookie {
            source_port: self.source_ports.pick(u16::from_le_bytes([a, b])),
            seq: u32::from_le_bytes([c, d, e, f]),
        }
    }

    /// Returns the cookie of `target` that `is_meant` takes, of those of all passes up to `pass`.
    pub(crate) fn find(
        &self,
        target: Target,
        pass: u8,
        is_meant: impl Fn(Cookie) -> bool,
    ) -> Option<Cookie> {
        (0..=pass)
            .rev()
            .map(|pass| self.cookie(target, pass))
            .find(|cookie| is_meant(*cookie))
    }
}

impl fmt::Debug for CookieKey {
    /// Leaves the key out.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CookieKey").finish_non_exhaustive()
    }
}
