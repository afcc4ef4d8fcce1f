//! The table of peers, by id and by public key.

use std::collections::HashMap;

use wirecraft_noise_handshake::{LocalStatic, PublicKey};

use crate::peer::Peer;
use crate::peer_id::PeerId;

/// All peers of a device.
#[derive(Default)]
pub(crate) struct Peers {
    places: Vec<Place>,
    vacant: Vec<u32>,
    by_key: HashMap<PublicKey, PeerId>,
}

#[derive(Default)]
struct Place {
    generation: u32,
    peer: Option<Box<Peer>>,
}

impl Peers {
    pub(crate) fn get(&self, id: PeerId) -> Option<&Peer> {
        let place = self.places.get(id.slot as usize)?;
        place.peer.as_deref().filter(|peer| peer.id == id)
    }

    pub(crate) fn get_mut(&mut self, id: PeerId) -> Option<&mut Peer> {
        let place = self.places.get_mut(id.slot as usize)?;
        place.peer.as_deref_mut().filter(|peer| peer.id == id)
    }

    pub(crate) fn id_of(&self, public_key: &PublicKey) -> Option<PeerId> {
        self.by_key.get(public_key).copied()
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Peer> {
        self.places.iter().filter_map(|place| place.peer.as_deref())
    }

    pub(crate) fn iter_mut(&mut self) -> impl Iterator<Item = &mut Peer> {
        self.places
            .iter_mut()
            .filter_map(|place| place.peer.as_deref_mut())
    }

    /// Adds a peer whose public key is not in the table yet.
    pub(crate) fn insert(&mut self, public_key: PublicKey, local: Option<&LocalStatic>) -> PeerId {
        let slot = self.vacant.pop().unwrap_or_else(|| {
            self.places.push(Place::default());
            u32::try_from(self.places.len() - 1).expect("fewer than 2^32 peers fit in memory")
        });
        let place = &mut self.places[slot as usize];
        let id = PeerId {
            slot,
            generation: place.generation,
        };
        place.peer = Some(Box::new(Peer::new(id, public_key, local)));
        self.by_key.insert(public_key, id);
        id
    }

    pub(crate) fn remove(&mut self, id: PeerId) -> Option<Box<Peer>> {
        self.get(id)?;
        let place = self.places.get_mut(id.slot as usize)?;
        let peer = place.peer.take()?;
        place.generation = place.generation.wrapping_add(1);
        self.vacant.push(id.slot);
        self.by_key.remove(&peer.public_key);
        Some(peer)
    }
}
