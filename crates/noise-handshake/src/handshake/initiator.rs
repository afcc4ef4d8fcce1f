//! The side that wants a tunnel: makes an initiation, waits, reads a response.

use rand_core::CryptoRng;
use wirecraft_wire_format::{Index, Initiation, Response};
use zeroize::ZeroizeOnDrop;

use super::HandshakeError;
use super::symmetric::SymmetricState;
use crate::curve25519::Scalar;
use crate::keys::{PresharedKey, PublicKey};
#[cfg(feature = "probe")]
use crate::secret::Secret;
use crate::statics::{LocalStatic, RemoteStatic};
use crate::timestamp::Tai64N;
use crate::transport::TransportKeys;

/// Makes an initiation to `remote`. Its macs are still zero: [`RemoteStatic::stamp`] writes them.
///
/// `timestamp` must be greater than every one sent to this peer before, across restarts too.
/// `sender_index` is what the peer will call this handshake and its keys.
///
/// # Errors
/// [`HandshakeError::LowOrder`]; a [`RemoteStatic`] made by its constructor does not lead there.
///
/// Source: WireGuard whitepaper §5.4.2.
pub fn initiate(
    local: &LocalStatic,
    remote: &RemoteStatic,
    timestamp: Tai64N,
    sender_index: Index,
    rng: &mut impl CryptoRng,
) -> Result<(Initiation, AwaitingResponse), HandshakeError> {
    let mut message = Initiation::new(sender_index);
    let mut state = SymmetricState::new(&remote.derived().initial_hash);
    let ephemeral = Scalar::generate(rng);

    message.ephemeral = *ephemeral.public_key().as_bytes();
    state.mix_ephemeral(&message.ephemeral);
    let key = state.mix_shared_into_key(&ephemeral.diffie_hellman(remote.public_key())?);
    message.encrypted_static = state.seal(&key, local.public_key().as_bytes());
    let key = state.mix_shared_into_key(remote.static_static());
    message.encrypted_timestamp = state.seal(&key, timestamp.as_bytes());

    Ok((
        message,
        AwaitingResponse {
            state,
            ephemeral,
            sender_index,
        },
    ))
}

/// Makes an initiation that no peer may answer: its ephemeral is of low order, so that the Diffie-Hellman
/// results that use it are zero. For tests of peers; its macs are still zero.
///
/// Whoever sees it and knows the peer's public key can read our public key in it.
///
/// Source: RFC 7748 §6.1; Linux `drivers/net/wireguard/noise.c:mix_dh`.
#[cfg(feature = "probe")]
#[must_use]
pub fn initiate_with_low_order(
    local: &LocalStatic,
    remote: &RemoteStatic,
    timestamp: Tai64N,
    sender_index: Index,
) -> Initiation {
    let mut message = Initiation::new(sender_index);
    let mut state = SymmetricState::new(&remote.derived().initial_hash);

    message.ephemeral = [0; 32];
    state.mix_ephemeral(&message.ephemeral);
    let key = state.mix_shared_into_key(&Secret::empty());
    message.encrypted_static = state.seal(&key, local.public_key().as_bytes());
    let key = state.mix_shared_into_key(remote.static_static());
    message.encrypted_timestamp = state.seal(&key, timestamp.as_bytes());
    message
}

/// An initiation that was made and has no answer yet. Wiped when dropped.
#[derive(Debug, ZeroizeOnDrop)]
pub struct AwaitingResponse {
    pub(super) state: SymmetricState,
    ephemeral: Scalar,
    #[zeroize(skip)]
    sender_index: Index,
}

impl AwaitingResponse {
    /// Returns the index that a response to this initiation carries as its receiver index.
    #[must_use]
    pub const fn sender_index(&self) -> Index {
        self.sender_index
    }

    /// Reads the response and derives the transport keys.
    ///
    /// A forged response changes nothing, so the genuine one can still follow; once keys came out,
    /// the caller drops this value. `local` is the one of [`initiate`].
    ///
    /// # Errors
    /// [`HandshakeError::ForgedResponse`], which a differing preshared key gives as well, or
    /// [`HandshakeError::LowOrder`].
    ///
    /// Source: WireGuard whitepaper §5.4.3, §5.4.5.
    pub fn read_response(
        &self,
        local: &LocalStatic,
        psk: &PresharedKey,
        response: &Response,
    ) -> Result<TransportKeys, HandshakeError> {
        let keys = self.finish(local, psk, response)?.split();
        Ok(TransportKeys::new(&keys.to_responder, &keys.to_initiator))
    }

    /// The state after the response.
    pub(super) fn finish(
        &self,
        local: &LocalStatic,
        psk: &PresharedKey,
        response: &Response,
    ) -> Result<SymmetricState, HandshakeError> {
        let mut state = self.state.clone();
        let remote_ephemeral = PublicKey::from_bytes(response.ephemeral);

        state.mix_ephemeral(&response.ephemeral);
        state.mix_shared(&self.ephemeral.diffie_hellman(&remote_ephemeral)?);
        state.mix_shared(&local.scalar().diffie_hellman(&remote_ephemeral)?);
        let key = state.mix_psk_into_key(psk);
        let [] = state
            .open(&key, &response.encrypted_nothing)
            .map_err(|_| HandshakeError::ForgedResponse)?;
        Ok(state)
    }
}
