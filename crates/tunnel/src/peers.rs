//! The table of peers, by id and by public key.

use std::collections::HashMap;

use wirecraft_noise_handshake::{LocalStatic, PublicKey};

use crate::peer::Peer;
use crate::peer_id::PeerId;

/// All peers of a device.
#[derive(Default)]
pub(crate) struct Peers {
    slots: Vec<Option<Box<Peer>>>,
    /// The ids that the next peers in vacant slots will have.
    vacant: Vec<PeerId>,
    by_key: HashMap<PublicKey, PeerId>,
}

impl Peers {
    pub(crate) fn get(&self, id: PeerId) -> Option<&Peer> {
        let peer = self.slots.get(id.slot as usize)?.as_deref();
        peer.filter(|peer| peer.id == id)
    }

    pub(crate) fn get_mut(&mut self, id: PeerId) -> Option<&mut Peer> {
        let peer = self.slots.get_mut(id.slot as usize)?.as_deref_mut();
        peer.filter(|peer| peer.id == id)
    }

    pub(crate) fn id_of(&self, public_key: &PublicKey) -> Option<PeerId> {
        self.by_key.get(public_key).copied()
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Peer> {
        self.slots.iter().filter_map(|slot| slot.as_deref())
    }

    pub(crate) fn iter_mut(&mut self) -> impl Iterator<Item = &mut Peer> {
        self.slots.iter_mut().filter_map(|slot| slot.as_deref_mut())
    }

    /// Adds a peer whose public key is not in the table yet.
    pub(crate) fn insert(&mut self, public_key: PublicKey, local: Option<&LocalStatic>) -> PeerId {
        let id = self.vacant.pop().unwrap_or_else(|| self.add_slot());
        if let Some(slot) = self.slots.get_mut(id.slot as usize) {
            *slot = Some(Box::new(Peer::new(id, public_key, local)));
        }
        self.by_key.insert(public_key, id);
        id
    }

    fn add_slot(&mut self) -> PeerId {
        let slot = u32::try_from(self.slots.len()).expect("fewer than 2^32 peers fit in memory");
        self.slots.push(None);
        PeerId {
            slot,
            generation: 0,
        }
    }

    pub(crate) fn remove(&mut self, id: PeerId) -> Option<Box<Peer>> {
        self.get(id)?;
        let peer = self.slots.get_mut(id.slot as usize)?.take()?;
        self.vacant.push(PeerId {
            generation: id.generation.wrapping_add(1),
            ..id
        });
        self.by_key.remove(&peer.public_key);
        Some(peer)
    }
}
