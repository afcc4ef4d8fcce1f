//! Finds whose packet it is: connections by four-tuple, listeners by port.

use core::net::{IpAddr, SocketAddr};
use std::collections::HashMap;
use std::collections::hash_map::Entry;

use rand_core::CryptoRng;
use thiserror::Error;

use crate::four_tuple::{FourTuple, KeyedHash};
use crate::ports;

/// Why a port cannot be had.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum PortError {
    /// Another socket has the port.
    #[error("port {port} is in use")]
    InUse {
        /// The port.
        port: u16,
    },
    /// Every ephemeral port is taken.
    #[error("no free port is left")]
    Exhausted,
}

/// An address and port that a socket is bound to; without an address, to all of our own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Binding {
    /// The own address, if only one is meant.
    pub address: Option<IpAddr>,
    /// The port.
    pub port: u16,
}

impl From<u16> for Binding {
    fn from(port: u16) -> Self {
        Self {
            address: None,
            port,
        }
    }
}

/// The unspecified address of either family stands for all of our own.
impl From<SocketAddr> for Binding {
    fn from(local: SocketAddr) -> Self {
        Self {
            address: Some(local.ip()).filter(|ip| !ip.is_unspecified()),
            port: local.port(),
        }
    }
}

/// Sockets of one protocol by the address and port they are bound to.
///
/// A binding to one address is found before one to all addresses.
pub struct Bindings<S> {
    sockets: HashMap<Binding, S, KeyedHash>,
}

impl<S> Bindings<S> {
    /// Makes an empty table; its hash is keyed from `rng`.
    pub fn new(rng: &mut impl CryptoRng) -> Self {
        Self {
            sockets: HashMap::with_hasher(KeyedHash::new(rng)),
        }
    }

    /// Adds a socket; port 0 picks a random ephemeral one. Returns the binding it got.
    ///
    /// # Errors
    /// [`PortError::InUse`], [`PortError::Exhausted`].
    pub fn bind(
        &mut self,
        wanted: Binding,
        rng: &mut impl CryptoRng,
        socket: impl FnOnce(Binding) -> S,
    ) -> Result<Binding, PortError> {
        let mut binding = wanted;
        if wanted.port == 0 {
            binding.port = ports::pick(rng, |port| {
                !self.sockets.contains_key(&Binding { port, ..wanted })
            })
            .ok_or(PortError::Exhausted)?;
        }
        match self.sockets.entry(binding) {
            Entry::Occupied(_) => Err(PortError::InUse { port: binding.port }),
            Entry::Vacant(free) => {
                free.insert(socket(binding));
                Ok(binding)
            }
        }
    }

    /// Returns the socket that packets to `local` are for.
    #[must_use]
    pub fn find(&self, local: SocketAddr) -> Option<&S> {
        let port = local.port();
        self.sockets
            .get(&Binding {
                address: Some(local.ip()),
                port,
            })
            .or_else(|| {
                self.sockets.get(&Binding {
                    address: None,
                    port,
                })
            })
    }

    /// Returns the socket with exactly this binding.
    #[must_use]
    pub fn get(&self, binding: Binding) -> Option<&S> {
        self.sockets.get(&binding)
    }

    /// Removes the socket with exactly this binding.
    pub fn unbind(&mut self, binding: Binding) -> Option<S> {
        self.sockets.remove(&binding)
    }

    /// Returns all sockets.
    pub fn iter(&self) -> impl Iterator<Item = &S> {
        self.sockets.values()
    }
}

/// The connections and listeners of TCP; `C` and `L` are what the caller keeps for each.
pub struct Demux<C, L> {
    connections: HashMap<FourTuple, C, KeyedHash>,
    listeners: Bindings<L>,
}

/// Whom a TCP segment is for.
#[derive(Debug, PartialEq, Eq)]
pub enum Target<'a, C, L> {
    /// A connection.
    Connection(&'a C),
    /// Nobody yet; a listener may accept it.
    Listener(&'a L),
    /// Nobody: the answer is a reset.
    Nobody,
}

impl<C, L> Demux<C, L> {
    /// Makes an empty table; its hash is keyed from `rng`.
    pub fn new(rng: &mut impl CryptoRng) -> Self {
        Self {
            connections: HashMap::with_hasher(KeyedHash::new(rng)),
            listeners: Bindings::new(rng),
        }
    }

    /// Returns whom a segment with these two ends is for.
    #[must_use]
    pub fn find(&self, tuple: &FourTuple) -> Target<'_, C, L> {
        match self.connections.get(tuple) {
            Some(connection) => Target::Connection(connection),
            None => self
                .listeners
                .find(tuple.local())
                .map_or(Target::Nobody, Target::Listener),
        }
    }

    /// Returns the connection with these two ends.
    #[must_use]
    pub fn connection(&self, tuple: &FourTuple) -> Option<&C> {
        self.connections.get(tuple)
    }

    /// Picks a random port for a connection from `local` to `remote`.
    ///
    /// Source: RFC 6056 §3.3.1.
    ///
    /// # Errors
    /// [`PortError::Exhausted`].
    pub fn pick_port(
        &self,
        local: IpAddr,
        remote: SocketAddr,
        rng: &mut impl CryptoRng,
    ) -> Result<u16, PortError> {
        ports::pick(rng, |port| {
            let tuple = FourTuple::new(SocketAddr::new(local, port), remote);
            matches!(self.find(&tuple), Target::Nobody)
        })
        .ok_or(PortError::Exhausted)
    }

    /// Adds a connection.
    ///
    /// # Errors
    /// [`PortError::InUse`] if there is one with the same ends.
    pub fn insert(&mut self, tuple: FourTuple, connection: C) -> Result<(), PortError> {
        match self.connections.entry(tuple) {
            Entry::Occupied(_) => Err(PortError::InUse {
                port: tuple.local().port(),
            }),
            Entry::Vacant(free) => {
                free.insert(connection);
                Ok(())
            }
        }
    }

    /// Removes a connection.
    pub fn remove(&mut self, tuple: &FourTuple) -> Option<C> {
        self.connections.remove(tuple)
    }

    /// Returns all connections.
    pub fn connections(&self) -> impl Iterator<Item = &C> {
        self.connections.values()
    }

    /// Returns how many connections there are.
    #[must_use]
    pub fn connection_count(&self) -> usize {
        self.connections.len()
    }

    /// Returns the listeners.
    #[must_use]
    pub const fn listeners(&self) -> &Bindings<L> {
        &self.listeners
    }

    /// Returns the listeners, to add and remove some.
    pub const fn listeners_mut(&mut self) -> &mut Bindings<L> {
        &mut self.listeners
    }
}
