//! How one case is set up and run.

use super::config::{Addresses, Config, KeyPair, MTU, Peer, filtered, preshared_key};
use super::journal::Journal;
use super::network::{Cable, Family, Host};
use super::node::{Implementation, Node, Plan, Programs, Task};
use super::output_of;
use super::traffic::{Check, Load, drive};
use anyhow::{Context, Result, ensure};
use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::process::Command;
use std::thread;
use std::time::Duration;

/// The port that an end listens on when the other end comes to it.
const LISTEN_PORT: u16 = 51_820;

/// Number of our end in the addresses inside the tunnel; the others follow.
const OUR_NUMBER: u8 = 1;

/// The usual traffic. 1392 and 1372 bytes of payload fill a tunnel of 1420; what is larger goes
/// in fragments.
const USUAL: Load = Load {
    pings: 3,
    ping_interval: Duration::from_millis(100),
    udp_v4: &[0, 1, 64, 512, 1392, 1472, 2000, 4000],
    udp_v6: &[0, 1, 64, 512, 1232, 1280, 1372],
    v4_only: false,
    tcp: Some(10_000_000),
};

/// A ping every 200 ms for 260 s: an initiator makes new keys every 120 s (`REKEY_AFTER_TIME`),
/// so this holds two changes.
const ACROSS_REKEY: Load = Load {
    pings: 1300,
    ping_interval: Duration::from_millis(200),
    udp_v4: &[],
    udp_v6: &[],
    v4_only: true,
    tcp: None,
};

/// Greatest age of the newest handshake at the end of [`ACROSS_REKEY`], in seconds: the second
/// change is then 20 s old, and without it the first would be 140 s old.
const NEWEST_HANDSHAKE_AGE: u64 = 60;

/// Which part our end plays in the first handshake.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Role {
    Initiator,
    Responder,
}

/// A tunnel between our end and one or more others.
pub(super) struct Traffic {
    pub(super) ours: Implementation,
    pub(super) theirs: Vec<Implementation>,
    pub(super) role: Role,
    pub(super) with_psk: bool,
    pub(super) outer: Family,
    /// The MTU of the tunnel, in bytes; that of the cable is 1500.
    pub(super) mtu: u16,
    /// Whether the case runs across key changes.
    pub(super) is_long: bool,
}

impl fmt::Display for Traffic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let theirs: Vec<String> = self.theirs.iter().map(ToString::to_string).collect();
        let role = match self.role {
            Role::Initiator => "initiator",
            Role::Responder => "responder",
        };
        let psk = if self.with_psk { "psk" } else { "no-psk" };
        let outer = match self.outer {
            Family::V4 => "v4",
            Family::V6 => "v6",
        };
        if self.ours == Implementation::WirecraftTun {
            f.write_str("tun/")?;
        }
        write!(f, "{}/{role}/{psk}/{outer}", theirs.join("+"))?;
        if self.mtu != MTU {
            write!(f, "/mtu-{}", self.mtu)?;
        }
        if self.is_long {
            f.write_str("/rekey")
        } else {
            Ok(())
        }
    }
}

/// The ends of a case before they are brought up.
struct Layout {
    ours: Plan,
    theirs: Vec<Plan>,
}

/// The ends of a case, all up.
struct Ends<'a> {
    ours: Node<'a>,
    theirs: Vec<Node<'a>>,
}

impl Traffic {
    /// Brings all ends up, has those that come to the others talk, and takes everything down.
    ///
    /// # Errors
    /// When an end does not come up; what fails later is in the checks.
    pub(super) fn run(
        &self,
        number: usize,
        programs: &Programs,
        journal: &Journal,
    ) -> Result<Vec<Check>> {
        let Layout { ours, theirs } = self.lay_out(number)?;
        let start = |plan| Node::start(plan, programs, journal);
        let mut ends = Ends {
            ours: start(ours)?,
            theirs: theirs.into_iter().map(start).collect::<Result<_>>()?,
        };
        let mut checks = if self.is_long {
            self.talk_across_rekey(&mut ends)
        } else {
            self.talk(&mut ends, &USUAL)
        };
        for node in ends.theirs.iter_mut().chain([&mut ends.ours]) {
            let name = format!("programs of {}", node.host.name());
            checks.push(Check::new(name, node.check_alive()));
        }
        Ok(checks)
    }

    /// Makes the hosts, the cables from ours to each of theirs, the keys and the configurations.
    fn lay_out(&self, number: usize) -> Result<Layout> {
        let (our_task, their_task) = match self.role {
            Role::Initiator => (Task::Drives, Task::Serves),
            Role::Responder => (Task::Serves, Task::Drives),
        };
        let mut ours = Plan {
            implementation: self.ours,
            host: Host::add(format!("c{number}-ours"))?,
            config: self.config(OUR_NUMBER, our_task)?,
            task: our_task,
        };
        let mut theirs = Vec::new();
        for (peer, &implementation) in (OUR_NUMBER + 1..).zip(&self.theirs) {
            let mut plan = Plan {
                implementation,
                host: Host::add(format!("c{number}-peer{peer}"))?,
                config: self.config(peer, their_task)?,
                task: their_task,
            };
            let cable = Cable::join(&ours.host, &plan.host, peer)?;
            self.introduce(&mut ours.config, &mut plan.config, cable)?;
            theirs.push(plan);
        }
        Ok(Layout { ours, theirs })
    }

    /// A configuration without peers; an end that is come to listens on a known port.
    fn config(&self, number: u8, task: Task) -> Result<Config> {
        Ok(Config {
            keys: KeyPair::generate()?,
            addresses: Addresses::of_peer(number),
            listen_port: (task == Task::Serves).then_some(LISTEN_PORT),
            mtu: self.mtu,
            peers: Vec::new(),
        })
    }

    /// Enters two ends in each other's configuration; only the initiator knows an endpoint.
    fn introduce(&self, ours: &mut Config, theirs: &mut Config, cable: Cable) -> Result<()> {
        let preshared_key = if self.with_psk {
            Some(preshared_key()?)
        } else {
            None
        };
        let peer = |config: &Config, address: IpAddr| Peer {
            public_key: config.keys.public.clone(),
            preshared_key: preshared_key.clone(),
            endpoint: config
                .listen_port
                .map(|port| SocketAddr::new(address, port)),
            addresses: config.addresses,
        };
        let us = peer(ours, cable.near(self.outer));
        let them = peer(theirs, cable.far(self.outer));
        ours.peers.push(them);
        theirs.peers.push(us);
        Ok(())
    }

    /// Has the initiators talk to the responders: ours to all of theirs, or each of theirs to us.
    fn talk(&self, ends: &mut Ends<'_>, load: &Load) -> Vec<Check> {
        if self.role == Role::Initiator {
            let numbers = (OUR_NUMBER + 1..).take(ends.theirs.len());
            let targets: Vec<IpAddr> = numbers.flat_map(|it| targets(it, load)).collect();
            return drive(&ends.ours, &targets, load);
        }
        let targets = targets(OUR_NUMBER, load);
        let targets = targets.as_slice();
        thread::scope(|scope| {
            let theirs = ends.theirs.iter_mut();
            let drivers: Vec<_> = theirs
                .map(|node| scope.spawn(move || drive(node, targets, load)))
                .collect();
            let joined = drivers.into_iter().map(thread::ScopedJoinHandle::join);
            joined
                .flat_map(|checks| checks.unwrap_or_else(|it| std::panic::resume_unwind(it)))
                .collect()
        })
    }

    fn talk_across_rekey(&self, ends: &mut Ends<'_>) -> Vec<Check> {
        let mut checks = self.talk(ends, &ACROSS_REKEY);
        let nodes = ends.theirs.iter().chain([&ends.ours]);
        checks.extend(nodes.filter_map(|node| {
            let age = node.handshake_age().transpose()?;
            let outcome = age.and_then(|age| {
                ensure!(age <= NEWEST_HANDSHAKE_AGE, "newest handshake {age} s ago");
                Ok(())
            });
            Some(Check::new(
                format!("keys of {} changed", node.host.name()),
                outcome,
            ))
        }));
        checks
    }
}

/// The addresses of an end that `load` goes to.
fn targets(number: u8, load: &Load) -> Vec<IpAddr> {
    let Addresses { v4, v6 } = Addresses::of_peer(number);
    if load.v4_only {
        vec![v4.into()]
    } else {
        vec![v4.into(), v6.into()]
    }
}

/// Has both tools derive public keys from each other's private keys.
///
/// # Errors
/// When a tool cannot be started or fails.
pub(super) fn compare_keys(programs: &Programs) -> Result<Vec<Check>> {
    let pubkey_of = |program: &str, key: &str| {
        let mut command = Command::new(program);
        command.arg("pubkey");
        filtered(command, key)
    };
    let wirecraft = programs.wirecraft.to_str().context("a path in UTF-8")?;
    let mut checks = Vec::new();
    for program in ["wg", wirecraft] {
        for kind in ["genkey", "genpsk"] {
            let key = output_of(Command::new(program).arg(kind))?;
            let (theirs, ours) = (pubkey_of("wg", &key)?, pubkey_of(wirecraft, &key)?);
            let same = || {
                ensure!(
                    !ours.is_empty() && theirs == ours,
                    "wg: {theirs}, wirecraft: {ours}"
                );
                Ok(())
            };
            checks.push(Check::new(
                format!("pubkey of a key by {program} {kind}"),
                same(),
            ));
        }
    }
    Ok(checks)
}
