//! Reconfiguration in place, from a description of the change.

use std::collections::HashSet;

use rand_core::CryptoRng;
use wirecraft_noise_handshake::PublicKey;
use wirecraft_time::Instant;

use super::Device;
use crate::change::{AllowedIpChange, DeviceChange, PeerChange, Presence, PrivateKeyChange};
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
    pub fn apply(&mut self, now: Instant, mut change: DeviceChange) -> Result<(), ConfigureError> {
        // The keys stay where they are until `change` is dropped, which wipes them there.
        if let Some(private_key) = &change.private_key {
            self.change_private_key(now, private_key);
        }
        if change.replace_peers {
            self.remove_peers_but(&change.peers);
        }
        let mut outcome = Ok(());
        for peer in &mut change.peers {
            if change.replace_peers {
                peer.fill_in_defaults();
            }
            let applied = self.apply_to_peer(now, peer);
            outcome = outcome.and(applied);
        }
        outcome
    }

    fn change_private_key(&mut self, now: Instant, change: &PrivateKeyChange) {
        self.set_private_key(match change {
            PrivateKeyChange::Set(key) => Some(key.clone()),
            PrivateKeyChange::Remove => None,
        });
        for peer in self.peers.iter_mut() {
            peer.start_handshake_if_wanted(now, &mut self.shared);
        }
    }

    fn remove_peers_but(&mut self, kept: &[PeerChange]) {
        let kept: HashSet<PublicKey> = kept
            .iter()
            .filter(|peer| peer.presence != Presence::Removed)
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

    fn apply_to_peer(&mut self, now: Instant, change: &PeerChange) -> Result<(), ConfigureError> {
        let known = self.peer_id(&change.public_key);
        let peer = match (change.presence, known) {
            (Presence::Removed, Some(peer)) => {
                self.remove_peer(peer);
                return Ok(());
            }
            (Presence::Removed | Presence::UpdateOnly, None) => return Ok(()),
            (Presence::Ensured | Presence::UpdateOnly, Some(peer)) => peer,
            (Presence::Ensured, None) => self.add_peer(change.public_key)?,
        };
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
            self.set_persistent_keepalive(now, peer, Some(interval))?;
        }
        Ok(())
    }
}
