//! Random ephemeral ports.

use rand_core::CryptoRng;

/// The first ephemeral port; all above are ephemeral too.
///
/// The wider the range, the harder a port is to guess. Source: RFC 6056 §3.2.
const EPHEMERAL_FIRST: u16 = 32_768;

/// Returns the first port that `is_free`, from a random one on, around the range once.
pub(crate) fn pick(rng: &mut impl CryptoRng, is_free: impl Fn(u16) -> bool) -> Option<u16> {
    let random = EPHEMERAL_FIRST
        | rng
            .next_u32()
            .to_le_bytes()
            .first_chunk()
            .map_or(0, |low| u16::from_le_bytes(*low));
    (random..=u16::MAX)
        .chain(EPHEMERAL_FIRST..random)
        .find(|port| is_free(*port))
}
