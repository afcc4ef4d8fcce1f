//! The lines of `set=1`: first the device's, then peer after peer.

use core::time::Duration;

use wirecraft_tunnel::{
    DeviceChange, PeerChange, Presence, PresharedKey, PrivateKey, PrivateKeyChange, PublicKey,
};

use super::hex::{self, KEY_LEN};
use super::value::{self, ScopeOf};
use crate::udp::SocketChange;

/// What `set=1` asks for.
///
/// Its keys are wiped when it is dropped; to move it moves them, so it comes in a box.
#[derive(Clone, Debug, Default)]
pub struct SetRequest {
    /// What is to change about the sockets.
    pub sockets: SocketChange,
    /// What is to change about keys and peers.
    pub device: DeviceChange,
}

/// Why a line was not understood.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum LineError {
    /// Its key means nothing, or nothing where it stands.
    UnknownKey,
    /// Its key does not allow the value.
    Value { key: &'static str },
}

/// Gathers what the lines ask for.
#[derive(Default)]
pub(super) struct SetReader {
    request: Box<SetRequest>,
}

impl SetReader {
    pub(super) fn finish(self) -> Box<SetRequest> {
        self.request
    }

    pub(super) fn line(
        &mut self,
        key: &str,
        text: &str,
        scope_of: ScopeOf,
    ) -> Result<(), LineError> {
        if key == "public_key" {
            let key = hex::decode(text).ok_or(LineError::Value { key: "public_key" })?;
            push(&mut self.request.device.peers, PublicKey::from_bytes(*key));
            return Ok(());
        }
        let key = known(key)?;
        let understood = match self.request.device.peers.last_mut() {
            None => device_line(&mut self.request, key, text),
            Some(peer) => peer_line(peer, key, text, scope_of),
        };
        understood?.ok_or(LineError::Value { key })
    }
}

/// The same key, living as long as the program: an error may hold it.
fn known(key: &str) -> Result<&'static str, LineError> {
    const KEYS: &[&str] = &[
        "private_key",
        "listen_port",
        "fwmark",
        "replace_peers",
        "remove",
        "update_only",
        "preshared_key",
        "endpoint",
        "persistent_keepalive_interval",
        "replace_allowed_ips",
        "allowed_ip",
        "protocol_version",
    ];
    let known = KEYS.iter().find(|known| **known == key);
    known.copied().ok_or(LineError::UnknownKey)
}

/// Begins the section of a peer.
///
/// A vector that grows leaves its keys where they were; this one is copied, and wiped, before it does.
fn push(peers: &mut Vec<PeerChange>, public_key: PublicKey) {
    if peers.len() == peers.capacity() {
        let mut larger = Vec::with_capacity(4.max(2 * peers.len()));
        larger.extend(peers.iter().cloned());
        *peers = larger;
    }
    peers.push(PeerChange::new(public_key));
}

/// Takes in a line of the device's section; `None` says that the value is not allowed.
fn device_line(
    request: &mut SetRequest,
    key: &'static str,
    text: &str,
) -> Result<Option<()>, LineError> {
    let understood = match key {
        "private_key" => hex::decode(text).map(|bytes| {
            request.device.private_key = Some(if *bytes == [0; KEY_LEN] {
                PrivateKeyChange::Remove
            } else {
                PrivateKeyChange::Set(PrivateKey::from_bytes(*bytes))
            });
        }),
        "listen_port" => value::number(text).map(|port| request.sockets.port = Some(port)),
        "fwmark" => value::number(text).map(|mark| request.sockets.mark = Some(mark)),
        "replace_peers" => value::switch(text).map(|()| request.device.replace_peers = true),
        _ => return Err(LineError::UnknownKey),
    };
    Ok(understood)
}

/// Takes in a line of a peer's section; `None` says that the value is not allowed.
fn peer_line(
    peer: &mut PeerChange,
    key: &'static str,
    text: &str,
    scope_of: ScopeOf,
) -> Result<Option<()>, LineError> {
    let understood = match key {
        "remove" => value::switch(text).map(|()| peer.presence = Presence::Removed),
        "update_only" => value::switch(text).map(|()| {
            if peer.presence == Presence::Ensured {
                peer.presence = Presence::UpdateOnly;
            }
        }),
        "preshared_key" => hex::decode(text)
            .map(|bytes| peer.preshared_key = Some(PresharedKey::from_bytes(*bytes))),
        "endpoint" => {
            value::endpoint(text, scope_of).map(|endpoint| peer.endpoint = Some(endpoint))
        }
        "persistent_keepalive_interval" => value::number(text).map(|seconds: u16| {
            peer.persistent_keepalive = Some(Duration::from_secs(seconds.into()));
        }),
        "replace_allowed_ips" => value::switch(text).map(|()| {
            // What was added before goes as well: lines are in order.
            peer.allowed_ips.clear();
            peer.replace_allowed_ips = true;
        }),
        "allowed_ip" => value::allowed_ip(text).map(|change| peer.allowed_ips.push(change)),
        "protocol_version" => (text == "1").then_some(()),
        _ => return Err(LineError::UnknownKey),
    };
    Ok(understood)
}
