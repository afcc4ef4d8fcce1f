//! A device's keys and peers, and what can be known of them.

use core::time::Duration;
use std::net::SocketAddr;

use ipnet::IpNet;
use rand_core::CryptoRng;
use wirecraft_noise_handshake::{
    LocalStatic, PresharedKey, PrivateKey, PublicKey, wipe_stack_after,
};
use wirecraft_time::Instant;

use super::Device;
use crate::change::Roaming;
use crate::errors::ConfigureError;
use crate::peer::{Peer, Traffic};
use crate::peer_id::PeerId;

/// What is known of a peer, as `wg show` prints it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PeerStatus {
    /// The peer's public key.
    pub public_key: PublicKey,
    /// Where its messages go: as configured, or where it was last heard.
    pub endpoint: Option<SocketAddr>,
    /// Where it was last configured to be, wherever it was heard since.
    pub configured_endpoint: Option<SocketAddr>,
    /// Whether the endpoint follows the peer.
    pub roaming: Roaming,
    /// The prefixes that belong to it.
    pub allowed_ips: Vec<IpNet>,
    /// The interval at which it is sent a keepalive if nothing else is.
    pub persistent_keepalive: Option<Duration>,
    /// What was sent and received.
    pub traffic: Traffic,
    /// Whether there is a session in which packets could be sent.
    pub has_session: bool,
    /// Packets that wait for a session.
    pub staged: usize,
}

impl<R: CryptoRng> Device<R> {
    /// Changes the private key, or takes it away.
    ///
    /// Sessions made with another key end: what is on the way may still arrive, nothing more is sent
    /// in them. A peer with the public key that is now our own is removed. The next timeout, which is due
    /// at once, calls peers that have packets waiting, or a persistent keepalive. The key that is set already
    /// changes nothing.
    pub fn set_private_key(&mut self, private_key: Option<PrivateKey>) {
        if self.private_key() == private_key.as_ref() {
            return;
        }
        let make = |key: &PrivateKey| Box::new(LocalStatic::new(key.clone()));
        self.shared.local = wipe_stack_after(|| private_key.as_ref().map(make));
        if let Some(own) = self.public_key().and_then(|key| self.peers.id_of(&key)) {
            self.remove_peer(own);
        }
        let local = self.shared.local.take();
        for peer in self.peers.iter_mut() {
            peer.set_local(local.as_deref(), &mut self.shared);
        }
        self.shared.local = local;
    }

    /// The private key, if there is one. The caller answers for copies of it.
    #[must_use]
    pub fn private_key(&self) -> Option<&PrivateKey> {
        let local = self.shared.local.as_deref();
        local.map(LocalStatic::private_key)
    }

    /// Adds a peer, or finds the one that has this public key already.
    ///
    /// # Errors
    /// [`ConfigureError::OwnKey`] if it is the device's own.
    pub fn add_peer(&mut self, public_key: PublicKey) -> Result<PeerId, ConfigureError> {
        if self.public_key() == Some(public_key) {
            return Err(ConfigureError::OwnKey);
        }
        let known = self.peers.id_of(&public_key);
        Ok(known.unwrap_or_else(|| self.peers.insert(public_key, self.shared.local.as_deref())))
    }

    /// Removes a peer with its session and its allowed IPs; says whether there was one.
    pub fn remove_peer(&mut self, peer: PeerId) -> bool {
        let removed = self.peers.remove(peer);
        let any = removed.is_some();
        if let Some(mut peer) = removed {
            wipe_stack_after(|| {
                peer.detach(&mut self.shared);
                drop(peer);
            });
        }
        any
    }

    /// Changes where a peer's messages are sent.
    ///
    /// # Errors
    /// [`ConfigureError::UnknownPeer`].
    pub fn set_endpoint(
        &mut self,
        peer: PeerId,
        endpoint: SocketAddr,
    ) -> Result<(), ConfigureError> {
        let peer = self
            .peers
            .get_mut(peer)
            .ok_or(ConfigureError::UnknownPeer)?;
        peer.set_endpoint(endpoint, &mut self.shared);
        Ok(())
    }

    /// Says whether a peer's endpoint follows it. Pinned, it goes back to where it was configured.
    ///
    /// # Errors
    /// [`ConfigureError::UnknownPeer`].
    pub fn set_roaming(&mut self, peer: PeerId, roaming: Roaming) -> Result<(), ConfigureError> {
        let peer = self
            .peers
            .get_mut(peer)
            .ok_or(ConfigureError::UnknownPeer)?;
        peer.set_roaming(roaming, &mut self.shared);
        Ok(())
    }

    /// Changes a peer's preshared key, from the next handshake on.
    ///
    /// # Errors
    /// [`ConfigureError::UnknownPeer`].
    pub fn set_preshared_key(
        &mut self,
        peer: PeerId,
        preshared_key: PresharedKey,
    ) -> Result<(), ConfigureError> {
        let peer = self
            .peers
            .get_mut(peer)
            .ok_or(ConfigureError::UnknownPeer)?;
        peer.set_preshared_key(&preshared_key);
        Ok(())
    }

    /// A peer's preshared key, [`PresharedKey::ZERO`] for none. The caller answers for copies of it.
    #[must_use]
    pub fn preshared_key(&self, peer: PeerId) -> Option<&PresharedKey> {
        self.peers.get(peer).map(Peer::preshared_key)
    }

    /// Changes a peer's persistent keepalive interval; switched on, it begins with one at once.
    ///
    /// An interval of zero is none, as in configuration files.
    ///
    /// # Errors
    /// [`ConfigureError::UnknownPeer`].
    pub fn set_persistent_keepalive(
        &mut self,
        now: Instant,
        peer: PeerId,
        interval: Option<Duration>,
    ) -> Result<(), ConfigureError> {
        self.change_persistent_keepalive(now, peer, interval)?;
        self.handle_timeout(now);
        Ok(())
    }

    /// As [`set_persistent_keepalive`](Self::set_persistent_keepalive), but that a handshake that has to come
    /// first is left to the next timeout.
    pub(super) fn change_persistent_keepalive(
        &mut self,
        now: Instant,
        peer: PeerId,
        interval: Option<Duration>,
    ) -> Result<(), ConfigureError> {
        let peer = self
            .peers
            .get_mut(peer)
            .ok_or(ConfigureError::UnknownPeer)?;
        peer.set_persistent_keepalive(now, interval, &mut self.shared);
        Ok(())
    }

    /// Gives a prefix to a peer, taking it from the one that had it.
    ///
    /// # Errors
    /// [`ConfigureError::UnknownPeer`].
    pub fn add_allowed_ip(&mut self, peer: PeerId, prefix: IpNet) -> Result<(), ConfigureError> {
        let prefix = prefix.trunc();
        let heir = self
            .peers
            .get_mut(peer)
            .ok_or(ConfigureError::UnknownPeer)?;
        let former = self.shared.allowed_ips.insert(prefix, peer);
        if former == Some(peer) {
            return Ok(());
        }
        heir.allowed_ips.push(prefix);
        if let Some(former) = former.and_then(|former| self.peers.get_mut(former)) {
            former.allowed_ips.remove(prefix);
        }
        Ok(())
    }

    /// Takes a prefix from a peer; one that is not the peer's stays where it is.
    ///
    /// # Errors
    /// [`ConfigureError::UnknownPeer`].
    pub fn remove_allowed_ip(&mut self, peer: PeerId, prefix: IpNet) -> Result<(), ConfigureError> {
        let prefix = prefix.trunc();
        let peer = self
            .peers
            .get_mut(peer)
            .ok_or(ConfigureError::UnknownPeer)?;
        if peer.allowed_ips.remove(prefix) {
            self.shared.allowed_ips.remove(prefix);
        }
        Ok(())
    }

    /// Takes all prefixes from a peer.
    ///
    /// # Errors
    /// [`ConfigureError::UnknownPeer`].
    pub fn clear_allowed_ips(&mut self, peer: PeerId) -> Result<(), ConfigureError> {
        let peer = self
            .peers
            .get_mut(peer)
            .ok_or(ConfigureError::UnknownPeer)?;
        for prefix in peer.allowed_ips.take() {
            self.shared.allowed_ips.remove(prefix);
        }
        Ok(())
    }

    /// Sends an initiation to a peer, unless one was sent within 5 s.
    ///
    /// # Errors
    /// [`ConfigureError::UnknownPeer`].
    pub fn start_handshake(&mut self, now: Instant, peer: PeerId) -> Result<(), ConfigureError> {
        let peer = self
            .peers
            .get_mut(peer)
            .ok_or(ConfigureError::UnknownPeer)?;
        peer.start_handshake(now, &mut self.shared);
        Ok(())
    }

    /// Gives a handshake up that was started and is not answered: its initiation is not repeated, and packets
    /// that wait for it are dropped. What is sent to the peer afterwards starts another one, and so does what
    /// is received on a session that ends soon.
    ///
    /// # Errors
    /// [`ConfigureError::UnknownPeer`].
    pub fn cancel_handshake(&mut self, peer: PeerId) -> Result<(), ConfigureError> {
        let peer = self
            .peers
            .get_mut(peer)
            .ok_or(ConfigureError::UnknownPeer)?;
        peer.cancel_handshake(&mut self.shared);
        Ok(())
    }

    /// Forgets on which of our addresses a peer was heard, because sending from it failed.
    pub fn forget_local_address(&mut self, peer: PeerId) {
        if let Some(peer) = self.peers.get_mut(peer) {
            peer.forget_local_address();
        }
    }

    /// Changes the greatest length of an inner packet in bytes.
    pub fn set_mtu(&mut self, mtu: usize) {
        self.shared.mtu = mtu;
    }

    /// Finds a peer by its public key.
    #[must_use]
    pub fn peer_id(&self, public_key: &PublicKey) -> Option<PeerId> {
        self.peers.id_of(public_key)
    }

    /// All peers, in no particular order.
    pub fn peers(&self) -> impl Iterator<Item = PeerId> {
        self.peers.iter().map(|peer| peer.id)
    }

    /// The peer that packets to `address` go to.
    #[must_use]
    pub fn route(&self, address: core::net::IpAddr) -> Option<PeerId> {
        self.shared.allowed_ips.lookup(address)
    }

    /// What is known of a peer at `now`.
    #[must_use]
    pub fn peer_status(&self, now: Instant, peer: PeerId) -> Option<PeerStatus> {
        let peer = self.peers.get(peer)?;
        Some(PeerStatus {
            public_key: peer.public_key,
            endpoint: peer.endpoint(),
            configured_endpoint: peer.configured_endpoint,
            roaming: peer.roaming,
            allowed_ips: peer.allowed_ips.iter().collect(),
            persistent_keepalive: peer.persistent_keepalive(),
            traffic: peer.traffic,
            has_session: peer.keypairs.sealing(now).is_some(),
            staged: peer.staging.len(),
        })
    }
}
