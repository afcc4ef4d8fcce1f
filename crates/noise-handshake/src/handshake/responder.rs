//! The side that is asked for a tunnel: reads an initiation, authenticates it, responds.

use rand_core::CryptoRng;
use wirecraft_wire_format::{HandshakeMessage, Index, Initiation, Response};
use zeroize::ZeroizeOnDrop;

use super::HandshakeError;
use super::symmetric::SymmetricState;
use crate::curve25519::Scalar;
use crate::keys::{PresharedKey, PublicKey};
use crate::statics::{LocalStatic, RemoteStatic};
use crate::timestamp::Tai64N;
use crate::transport::TransportKeys;

/// An initiation that says who sent it and has not proved it.
///
/// Anybody who knows our public key can make one in any peer's name. Hence only that name may be
/// asked of it:
///
/// ```compile_fail,E0599
/// # use wirecraft_noise_handshake::{PresharedKey, ReceivedInitiation};
/// # use wirecraft_wire_format::Index;
/// # fn f(received: ReceivedInitiation, rng: &mut impl rand_core::CryptoRng) {
/// received.respond(&PresharedKey::ZERO, Index::new(1), rng); // no such method
/// # }
/// ```
#[derive(Debug)]
pub struct ReceivedInitiation {
    state: SymmetricState,
    sender: Sender,
    encrypted_timestamp: [u8; 28],
}

/// Who the initiation is from.
#[derive(Debug)]
struct Sender {
    static_key: PublicKey,
    ephemeral: PublicKey,
    index: Index,
}

impl ReceivedInitiation {
    /// Reads the static key in an initiation, with the one Diffie-Hellman of our own static key.
    ///
    /// The macs are not looked at: [`LocalStatic::verify_mac1`] comes first.
    ///
    /// # Errors
    /// [`HandshakeError::ForgedStatic`] or [`HandshakeError::LowOrder`].
    ///
    /// Source: WireGuard whitepaper §5.4.2.
    pub fn read(local: &LocalStatic, message: &Initiation) -> Result<Self, HandshakeError> {
        let mut state = SymmetricState::new(&local.derived().initial_hash);
        let ephemeral = PublicKey::from_bytes(message.ephemeral);

        state.mix_ephemeral(&message.ephemeral);
        let key = state.mix_shared_into_key(&local.scalar().diffie_hellman(&ephemeral)?);
        let static_key = state
            .open(&key, &message.encrypted_static)
            .map_err(|_| HandshakeError::ForgedStatic)?;

        let static_key = PublicKey::from_bytes(static_key);
        let sender = Sender {
            static_key,
            ephemeral,
            index: message.sender_index(),
        };
        Ok(Self {
            state,
            sender,
            encrypted_timestamp: message.encrypted_timestamp,
        })
    }

    /// Returns the static key that the sender claims to have.
    #[must_use]
    pub const fn remote_static(&self) -> &PublicKey {
        &self.sender.static_key
    }

    /// Checks that the sender has the static key, and that this is no replay.
    ///
    /// `remote` is the peer with the key of [`remote_static`](Self::remote_static), `newest` the
    /// greatest timestamp ever seen from it. No Diffie-Hellman is computed here.
    ///
    /// # Errors
    /// [`HandshakeError::OtherPeer`], [`HandshakeError::ForgedTimestamp`] or, from the peer itself,
    /// [`HandshakeError::ReplayedTimestamp`].
    ///
    /// Source: WireGuard whitepaper §5.1, §5.4.2.
    pub fn authenticate(
        self,
        remote: &RemoteStatic,
        newest: Option<Tai64N>,
    ) -> Result<FreshInitiation, HandshakeError> {
        let Self {
            mut state,
            sender,
            encrypted_timestamp,
        } = self;
        if sender.static_key != *remote.public_key() {
            return Err(HandshakeError::OtherPeer);
        }
        let key = state.mix_shared_into_key(remote.static_static());
        let timestamp = state
            .open(&key, &encrypted_timestamp)
            .map(Tai64N::from_bytes)
            .map_err(|_| HandshakeError::ForgedTimestamp)?;
        if newest.is_some_and(|newest| timestamp <= newest) {
            return Err(HandshakeError::ReplayedTimestamp);
        }
        Ok(FreshInitiation {
            state,
            sender,
            timestamp,
        })
    }
}

// What is secret in it, `state`, wipes itself.
impl ZeroizeOnDrop for ReceivedInitiation {}

/// An initiation that its sender made, later than all before it: it may be answered, once.
///
/// ```compile_fail,E0382
/// # use wirecraft_noise_handshake::{FreshInitiation, PresharedKey};
/// # use wirecraft_wire_format::Index;
/// # fn f(fresh: FreshInitiation, rng: &mut impl rand_core::CryptoRng) {
/// let first = fresh.respond(&PresharedKey::ZERO, Index::new(1), rng);
/// let second = fresh.respond(&PresharedKey::ZERO, Index::new(2), rng); // moved by the first
/// # }
/// ```
#[derive(Debug)]
pub struct FreshInitiation {
    pub(super) state: SymmetricState,
    sender: Sender,
    timestamp: Tai64N,
}

impl FreshInitiation {
    /// Returns the timestamp, which the next initiation of this peer must exceed.
    #[must_use]
    pub const fn timestamp(&self) -> Tai64N {
        self.timestamp
    }

    /// Returns the index that the initiator gave to this handshake and its keys.
    #[must_use]
    pub const fn sender_index(&self) -> Index {
        self.sender.index
    }

    /// Makes the response and derives the transport keys.
    ///
    /// The macs of the response are still zero: [`RemoteStatic::stamp`] writes them. `sender_index` is
    /// what the initiator will call these keys.
    ///
    /// # Errors
    /// [`HandshakeError::LowOrder`].
    ///
    /// Source: WireGuard whitepaper §5.4.3, §5.4.5.
    pub fn respond(
        self,
        psk: &PresharedKey,
        sender_index: Index,
        rng: &mut impl CryptoRng,
    ) -> Result<(Response, TransportKeys), HandshakeError> {
        let (response, state) = self.finish(psk, sender_index, rng)?;
        let keys = state.split();
        Ok((
            response,
            TransportKeys::new(&keys.to_initiator, &keys.to_responder),
        ))
    }

    /// The response and the state after it.
    pub(super) fn finish(
        self,
        psk: &PresharedKey,
        sender_index: Index,
        rng: &mut impl CryptoRng,
    ) -> Result<(Response, SymmetricState), HandshakeError> {
        let Self {
            mut state, sender, ..
        } = self;
        let mut message = Response::new(sender_index, sender.index);
        let ephemeral = Scalar::generate(rng);

        message.ephemeral = *ephemeral.public_key().as_bytes();
        state.mix_ephemeral(&message.ephemeral);
        state.mix_shared(&ephemeral.diffie_hellman(&sender.ephemeral)?);
        state.mix_shared(&ephemeral.diffie_hellman(&sender.static_key)?);
        let key = state.mix_psk_into_key(psk);
        message.encrypted_nothing = state.seal(&key, &[]);
        Ok((message, state))
    }
}

// What is secret in it, `state`, wipes itself.
impl ZeroizeOnDrop for FreshInitiation {}

#[cfg(test)]
mod tests {
    use chacha20::ChaCha8Rng;
    use rand_core::SeedableRng;
    use wirecraft_wire_format::{Index, Initiation};

    use super::{HandshakeError, ReceivedInitiation, SymmetricState};
    use crate::curve25519::Scalar;
    use crate::keys::PrivateKey;
    use crate::secret::Secret;
    use crate::statics::{LocalStatic, RemoteStatic};

    /// An initiation in the name of `victim`, made with all that is public.
    fn forge(victim: &LocalStatic, responder: &LocalStatic, rng: &mut ChaCha8Rng) -> Initiation {
        let mut message = Initiation::new(Index::new(1));
        let mut state = SymmetricState::new(&responder.derived().initial_hash);
        let ephemeral = Scalar::generate(rng);
        message.ephemeral = *ephemeral.public_key().as_bytes();
        state.mix_ephemeral(&message.ephemeral);
        let shared = ephemeral.diffie_hellman(responder.public_key()).unwrap();
        let key = state.mix_shared_into_key(&shared);
        message.encrypted_static = state.seal(&key, victim.public_key().as_bytes());
        let guessed_key = state.mix_shared_into_key(&Secret::new([1; 32]));
        message.encrypted_timestamp = state.seal(&guessed_key, &[0xff; 12]);
        message
    }

    #[test]
    fn initiation_in_the_name_of_a_peer_is_refused_without_its_private_key() {
        let mut rng = ChaCha8Rng::seed_from_u64(1);
        let victim = LocalStatic::new(PrivateKey::generate(&mut rng));
        let responder = LocalStatic::new(PrivateKey::generate(&mut rng));
        let to_victim = RemoteStatic::new(&responder, *victim.public_key()).unwrap();
        let message = forge(&victim, &responder, &mut rng);

        let received = ReceivedInitiation::read(&responder, &message).unwrap();
        assert_eq!(received.remote_static(), victim.public_key());

        let result = received.authenticate(&to_victim, None);
        assert_eq!(result.err(), Some(HandshakeError::ForgedTimestamp));
    }
}
