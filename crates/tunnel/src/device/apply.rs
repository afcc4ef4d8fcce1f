//! Reconfiguration in place, from a description of the change.

use core::borrow::Borrow;
use std::collections::HashSet;

use rand_core::CryptoRng;
use wirecraft_noise_handshake::{PresharedKey, PublicKey};
use wirecraft_time::Instant;

use super::Device;
use crate::change::{
    AllowedIpChange, DeviceChange, PeerChange, Presence, PrivateKeyChange, Roaming,
};
use crate::errors::ConfigureError;
use crate::peer_id::PeerId;

impl<R: CryptoRng> Device<R> {
    /// Changes keys and peers while traffic flows.
    ///
    /// A peer that stays keeps its session, its counters and the greatest timestamp that was seen from
    /// it. A new private key ends all sessions; peers that have packets waiting, or a persistent
    /// keepalive, begin others at once.
    ///
    /// # Errors
    /// [`ConfigureError::OwnKey`] if a peer to be added has the device's own public key. That peer is
    /// passed over, as the kernel does; everything else is done all the same.
    pub fn apply(
        &mut self,
        now: Instant,
        change: impl Borrow<DeviceChange>,
    ) -> Result<(), ConfigureError> {
        // Its keys stay where they are, and whoever drops it has them wiped there.
        let change = change.borrow();
        if let Some(private_key) = &change.private_key {
            self.change_private_key(private_key);
        }
        if change.replace_peers {
            self.remove_peers_but(&change.peers);
        }
        let mut ensured = HashSet::new();
        let mut outcome = Ok(());
        for peer in &change.peers {
            let extent = if change.replace_peers {
                Extent::after_removal_of_all(peer, &mut ensured)
            } else {
                Extent::AsStated
            };
            let applied = self.apply_to_peer(now, peer, extent);
            outcome = outcome.and(applied);
        }
        self.handle_timeout(now);
        outcome
    }

    fn change_private_key(&mut self, change: &PrivateKeyChange) {
        self.set_private_key(match change {
            PrivateKeyChange::Set(key) => Some(key.clone()),
            PrivateKeyChange::Remove => None,
        });
    }

    fn remove_peers_but(&mut self, kept: &[PeerChange]) {
        let kept: HashSet<PublicKey> = kept
            .iter()
            .filter(|peer| peer.presence == Presence::Ensured)
            .map(|peer| peer.public_key)
            .collect();
        let others: Vec<PeerId> = self
            .peers
            .iter()
            .filter(|peer| !kept.contains(&peer.public_key))
            .map(|peer| peer.id)
            .collect();
        for peer in others {
            self.remove_peer(peer);
        }
    }

    fn apply_to_peer(
        &mut self,
        now: Instant,
        change: &PeerChange,
        extent: Extent,
    ) -> Result<(), ConfigureError> {
        let known = self.peer_id(&change.public_key);
        let peer = match (change.presence, known) {
            _ if extent == Extent::Nothing => return Ok(()),
            (Presence::Removed, Some(peer)) => {
                self.remove_peer(peer);
                return Ok(());
            }
            (Presence::Removed | Presence::UpdateOnly, None) => return Ok(()),
            (Presence::Ensured | Presence::UpdateOnly, Some(peer)) => peer,
            (Presence::Ensured, None) => self.add_peer(change.public_key)?,
        };
        if extent == Extent::InFull {
            self.reset(now, peer, change)?;
        }
        self.change_peer(now, peer, change)
    }

    /// Gives a peer the defaults of the settings that `change` does not state.
    fn reset(
        &mut self,
        now: Instant,
        peer: PeerId,
        change: &PeerChange,
    ) -> Result<(), ConfigureError> {
        if change.preshared_key.is_none() {
            self.set_preshared_key(peer, PresharedKey::ZERO)?;
        }
        if change.roaming.is_none() {
            self.set_roaming(peer, Roaming::default())?;
        }
        if change.persistent_keepalive.is_none() {
            self.change_persistent_keepalive(now, peer, None)?;
        }
        self.clear_allowed_ips(peer)
    }

    fn change_peer(
        &mut self,
        now: Instant,
        peer: PeerId,
        change: &PeerChange,
    ) -> Result<(), ConfigureError> {
        if let Some(preshared_key) = &change.preshared_key {
            self.set_preshared_key(peer, preshared_key.clone())?;
        }
        if let Some(roaming) = change.roaming {
            self.set_roaming(peer, roaming)?;
        }
        if let Some(endpoint) = change.endpoint {
            self.set_endpoint(peer, endpoint)?;
        }
        if change.replace_allowed_ips {
            self.clear_allowed_ips(peer)?;
        }
        for &prefix in &change.allowed_ips {
            match prefix {
                AllowedIpChange::Add(prefix) => self.add_allowed_ip(peer, prefix)?,
                AllowedIpChange::Remove(prefix) => self.remove_allowed_ip(peer, prefix)?,
            }
        }
        if let Some(interval) = change.persistent_keepalive {
            self.change_persistent_keepalive(now, peer, Some(interval))?;
        }
        Ok(())
    }
}

/// How much of a peer a change concerns.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Extent {
    /// What it states.
    AsStated,
    /// Everything: what it does not state is reset.
    InFull,
    /// Nothing.
    Nothing,
}

impl Extent {
    /// What a change comes to after the removal of all peers, though those in `ensured` in the end were
    /// not removed: the first that ensures a peer makes it anew, and one before it finds none.
    fn after_removal_of_all(change: &PeerChange, ensured: &mut HashSet<PublicKey>) -> Self {
        if change.presence != Presence::Ensured && !ensured.contains(&change.public_key) {
            Self::Nothing
        } else if ensured.insert(change.public_key) {
            Self::InFull
        } else {
            Self::AsStated
        }
    }
}
