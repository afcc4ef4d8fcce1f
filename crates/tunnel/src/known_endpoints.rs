//! The addresses at which peers were heard.

use std::collections::HashMap;
use std::net::SocketAddr;

/// The sources of authenticated messages, each with the number of peers that were last heard there.
#[derive(Default)]
pub(crate) struct KnownEndpoints {
    peers_at: HashMap<SocketAddr, u32>,
}

impl KnownEndpoints {
    pub(crate) fn contains(&self, endpoint: SocketAddr) -> bool {
        self.peers_at.contains_key(&endpoint)
    }

    pub(crate) fn len(&self) -> usize {
        self.peers_at.len()
    }

    pub(crate) fn add(&mut self, endpoint: SocketAddr) {
        *self.peers_at.entry(endpoint).or_default() += 1;
    }

    pub(crate) fn remove(&mut self, endpoint: SocketAddr) {
        if let Some(peers) = self.peers_at.get_mut(&endpoint) {
            *peers -= 1;
            if *peers == 0 {
                self.peers_at.remove(&endpoint);
            }
        }
    }
}
