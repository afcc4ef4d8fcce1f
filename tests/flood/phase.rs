//! What the receiver goes through, and what is asked of it meanwhile.

use anyhow::{Context as _, Result};
use serde_json::{Value, json};

/// What an attacker sends.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Kind {
    /// Initiations whose mac1 is wrong.
    BadMac1,
    /// Initiations of somebody who knows the receiver's public key and is no peer.
    ValidMac1,
    /// The same, with a mac2 that is wrong.
    ValidMac1OverV6,
    /// The same, from addresses at which peers were heard.
    ValidMac1FromPeers,
    /// Initiations of peers that were answered before.
    ReplayedInitiations,
    /// Transport data that was received before.
    ReplayedData,
}

impl Kind {
    const ALL: [(Self, &'static str); 6] = [
        (Self::BadMac1, "bad mac1"),
        (Self::ValidMac1, "valid mac1"),
        (Self::ValidMac1OverV6, "valid mac1 over IPv6"),
        (Self::ValidMac1FromPeers, "valid mac1 from peers"),
        (Self::ReplayedInitiations, "replayed initiations"),
        (Self::ReplayedData, "replayed data"),
    ];

    fn name(self) -> &'static str {
        let known = Self::ALL.into_iter().find(|(kind, _)| *kind == self);
        known.map_or("", |(_, name)| name)
    }
}

/// One stream of spoofed datagrams.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Attack {
    pub(crate) kind: Kind,
    pub(crate) per_second: f64,
}

impl Attack {
    pub(crate) fn to_json(self) -> Value {
        json!({"kind": self.kind.name(), "per_second": self.per_second})
    }

    /// Reads what [`Self::to_json`] wrote.
    ///
    /// # Errors
    /// When it is something else.
    pub(crate) fn from_json(value: &Value) -> Result<Self> {
        let name = value["kind"].as_str().context("a kind of attack")?;
        let known = Kind::ALL.into_iter().find(|(_, known)| *known == name);
        Ok(Self {
            kind: known.context("a known kind of attack")?.0,
            per_second: value["per_second"].as_f64().context("a rate")?,
        })
    }
}

/// A stretch of time under some attacks.
pub(crate) struct Phase {
    pub(crate) name: &'static str,
    pub(crate) attacks: Vec<Attack>,
}

impl Phase {
    /// The longest that a handshake from a known endpoint may take, in seconds: who pretends to be at
    /// the endpoints of peers uses up what there is for these, and a cookie is needed as elsewhere.
    pub(crate) fn known_within(&self) -> f64 {
        let spoofs_peers = |attack: &Attack| attack.kind == Kind::ValidMac1FromPeers;
        if self.attacks.iter().any(spoofs_peers) {
            6.0
        } else {
            1.0
        }
    }
}

/// All phases; the first is without an attack.
pub(crate) fn all() -> Vec<Phase> {
    let attack = |kind, per_second| Attack { kind, per_second };
    let phase = |name, attacks: &[Attack]| Phase {
        name,
        attacks: attacks.to_vec(),
    };
    vec![
        phase("no attack", &[]),
        phase("bad mac1", &[attack(Kind::BadMac1, 50e3)]),
        phase("valid mac1, spoofed", &[attack(Kind::ValidMac1, 20e3)]),
        phase(
            "valid mac1, IPv6, wrong mac2",
            &[attack(Kind::ValidMac1OverV6, 20e3)],
        ),
        phase(
            "replayed initiations",
            &[attack(Kind::ReplayedInitiations, 20e3)],
        ),
        phase("replayed data", &[attack(Kind::ReplayedData, 20e3)]),
        phase(
            "all at once",
            &[
                attack(Kind::BadMac1, 10e3),
                attack(Kind::ValidMac1, 5e3),
                attack(Kind::ReplayedInitiations, 5e3),
                attack(Kind::ReplayedData, 5e3),
            ],
        ),
        // The last: for a second more, what there is for the endpoints of peers is used up.
        phase(
            "valid mac1, as if peers",
            &[attack(Kind::ValidMac1FromPeers, 20e3)],
        ),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_attack_survives_the_way_to_the_attacker() {
        for attack in all().iter().flat_map(|phase| &phase.attacks) {
            let read = Attack::from_json(&attack.to_json()).unwrap();
            assert_eq!(
                (read.kind, read.per_second),
                (attack.kind, attack.per_second)
            );
        }
    }
}
