//! Our scanner beside `nmap`: both must find the same ports open, and all others closed.

use super::config::{Addresses, Config, KeyPair, MTU, Peer};
use super::journal::Journal;
use super::network::{Cable, Family, Host};
use super::node::{Implementation, Node, Plan, Programs, Task};
use super::output_of;
use super::process::Process;
use super::traffic::Check;
use anyhow::{Context as _, Result, ensure};
use std::collections::BTreeSet;
use std::fmt;
use std::fs;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

/// How long either scan of all ports may take.
const SCAN_TIME: Duration = Duration::from_secs(60);

/// How long a program may take until it can be used.
const PATIENCE: Duration = Duration::from_secs(10);

const LISTEN_PORT: u16 = 51_820;
const PORT_COUNT: usize = 65_535;

/// The numbers of the ends in the addresses inside the tunnel.
const OURS: u8 = 1;
const THEIRS: u8 = 2;

/// Whom our scanner is tried on.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Scanned {
    /// The host of a wireguard-go peer.
    Peer,
    /// The same, where two of a hundred datagrams are lost each way.
    Lossy,
    /// A host that our gateway relays to.
    Served,
}

impl fmt::Display for Scanned {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Peer => "scan of a wireguard-go peer",
            Self::Lossy => "scan at 2 % loss each way",
            Self::Served => "scan behind wirecraft serve",
        })
    }
}

impl Scanned {
    pub(super) const ALL: [Self; 3] = [Self::Peer, Self::Lossy, Self::Served];

    /// Scans through the tunnel, and with `nmap` from its far end.
    ///
    /// # Errors
    /// When an end does not come up; what fails later is in the checks.
    pub(super) fn run(
        self,
        number: usize,
        programs: &Programs,
        journal: &Journal,
    ) -> Result<Vec<Check>> {
        if self == Self::Served {
            return run_served(number, programs, journal);
        }
        let (ours, theirs) = lay_out(Implementation::WireguardGo, number)?;
        let ours = Node::start(ours, programs, journal)?;
        let mut theirs = Node::start(theirs, programs, journal)?;
        let Addresses { v4, v6 } = Addresses::of_peer(THEIRS);
        let mut checks = Vec::new();
        if self == Self::Lossy {
            let expected = open_by_nmap(&theirs.host, v4.into())?;
            ours.host.lose_datagrams()?;
            theirs.host.lose_datagrams()?;
            for (retries, least) in [("2", 0.9998), ("4", 1.0)] {
                let found = found_by_us(&ours, v4.into(), retries);
                let checked = found.and_then(|found| nearly_all(&expected, &found, least));
                checks.push(Check::new(format!("{retries} retries"), checked));
            }
        } else {
            for address in [IpAddr::from(v4), v6.into()] {
                let name = format!("scan of {address} beside nmap's");
                let same = same_ports(&ours, &theirs.host, address);
                checks.push(Check::new(name, same));
            }
        }
        checks.push(Check::new("programs of the peer", theirs.check_alive()));
        Ok(checks)
    }
}

/// Our gateway between us and a host with services.
fn run_served(number: usize, programs: &Programs, journal: &Journal) -> Result<Vec<Check>> {
    let (ours, gate) = lay_out(Implementation::Wirecraft, number)?;
    let target = Host::add(format!("c{number}-host"))?;
    let cable = Cable::join(&gate.host, &target, 2)?;
    let addresses = [Family::V4, Family::V6].map(|family| cable.far(family));
    let ours = Node::start(ours, programs, journal)?;
    let gate = Node::start(
        Plan {
            task: Task::Drives,
            ..gate
        },
        programs,
        journal,
    )?;
    let text = fs::read_to_string(ours.config_path())?;
    let [v4, v6] = addresses;
    let allowed = format!("AllowedIPs = {v4}/32, {v6}/128, ");
    fs::write(ours.config_path(), text.replace("AllowedIPs = ", &allowed))?;
    let mut services = target.command(&programs.interop_peer);
    services.arg("host-services");
    let services = Process::start(&ours.label("services"), services, journal)?;
    services.wait_for_line("ready", PATIENCE)?;
    let mut serve = gate.command(&programs.wirecraft);
    serve.args(["serve", "-c"]).arg(gate.config_path());
    let mut serve = Process::start(&gate.label("serve"), serve, journal)?;
    let mut checks = Vec::new();
    for address in addresses {
        let name = format!("scan of {address} beside nmap's");
        let same = same_ports(&ours, &gate.host, address);
        checks.push(Check::new(name, same));
    }
    let is_alive = serve.is_running();
    let alive = || -> Result<()> {
        ensure!(is_alive, "the gateway ended before its time");
        Ok(())
    };
    checks.push(Check::new("the gateway", alive()));
    Ok(checks)
}

/// One peer that waits, and our end without an interface.
pub(super) fn lay_out(far: Implementation, number: usize) -> Result<(Plan, Plan)> {
    let plan = |name: &str, number: u8, implementation, task| -> Result<Plan> {
        Ok(Plan {
            implementation,
            host: Host::add(name.to_owned())?,
            config: Config {
                keys: KeyPair::generate()?,
                addresses: Addresses::of_peer(number),
                listen_port: (task == Task::Serves).then_some(LISTEN_PORT),
                mtu: MTU,
                peers: Vec::new(),
            },
            task,
        })
    };
    let us = Implementation::Wirecraft;
    let mut ours = plan(&format!("c{number}-ours"), OURS, us, Task::Drives)?;
    let mut theirs = plan(&format!("c{number}-far"), THEIRS, far, Task::Serves)?;
    let cable = Cable::join(&ours.host, &theirs.host, 1)?;
    let peer = |config: &Config, endpoint| Peer {
        public_key: config.keys.public.clone(),
        preshared_key: None,
        endpoint,
        addresses: config.addresses,
    };
    let endpoint = SocketAddr::new(cable.far(Family::V4), LISTEN_PORT);
    let (them, us) = (
        peer(&theirs.config, Some(endpoint)),
        peer(&ours.config, None),
    );
    ours.config.peers.push(them);
    theirs.config.peers.push(us);
    Ok((ours, theirs))
}

fn same_ports(ours: &Node<'_>, far: &Host, address: IpAddr) -> Result<()> {
    let expected = open_by_nmap(far, address)?;
    let (open, closed) = found_by_us(ours, address, "2")?;
    ensure!(
        open == expected,
        "nmap found {expected:?} open, we {open:?}"
    );
    let rest = PORT_COUNT - expected.len();
    ensure!(closed == rest, "{closed} ports are closed, not {rest}");
    Ok(())
}

/// Whether no open port was missed, and at least a part of those that are closed were found so.
fn nearly_all(expected: &BTreeSet<u16>, found: &(BTreeSet<u16>, usize), least: f64) -> Result<()> {
    let (open, closed) = found;
    ensure!(
        open == expected,
        "nmap found {expected:?} open, we {open:?}"
    );
    let count = |count: usize| u32::try_from(count).map(f64::from);
    let part = count(*closed)? / count(PORT_COUNT - expected.len())?;
    ensure!(part >= least, "{closed} ports are closed: {part:.5}");
    Ok(())
}

/// Has `nmap` scan an address from a host.
fn open_by_nmap(from: &Host, address: IpAddr) -> Result<BTreeSet<u16>> {
    let mut nmap = from.command("nmap");
    if address.is_ipv6() {
        nmap.arg("-6");
    }
    nmap.args(["-sS", "-Pn", "-n", "-p", "1-65535", "-oG", "-"])
        .arg(address.to_string());
    let report = output_of(&mut nmap)?;
    let ports = report.lines().find_map(|line| line.split("Ports: ").nth(1));
    let ports = ports.context("nmap's report has no ports")?;
    let ports = ports.split('\t').next().unwrap_or_default();
    let open = ports.split(", ").filter(|port| port.contains("/open/"));
    let open = open.map(|port| Ok(port.split('/').next().unwrap_or_default().parse()?));
    let open: BTreeSet<u16> = open.collect::<Result<_>>()?;
    ensure!(!open.is_empty(), "nmap found no port open");
    Ok(open)
}

/// Scans through the tunnel; returns the open ports, and how many are closed.
fn found_by_us(ours: &Node<'_>, address: IpAddr, retries: &str) -> Result<(BTreeSet<u16>, usize)> {
    let mut scan = ours.command(&ours.programs.wirecraft);
    scan.args([
        "scan",
        "-p",
        "-",
        "--rate",
        "10000",
        "--retries",
        retries,
        "--wait",
        "1",
        "--all",
        "--json",
        "-c",
    ]);
    scan.arg(ours.config_path()).arg(address.to_string());
    let scan = Process::start(&ours.label("scan"), scan, &ours.journal)?.finish(SCAN_TIME)?;
    ensure!(scan.status.success(), "the scan ended with {}", scan.status);
    let (mut open, mut closed) = (BTreeSet::new(), BTreeSet::new());
    for line in &scan.stdout {
        let line: serde_json::Value = serde_json::from_str(line)?;
        let port = line["port"]
            .as_u64()
            .and_then(|port| u16::try_from(port).ok());
        let port = port.context("a finding without a port")?;
        let is_first = match line["state"].as_str() {
            Some("open") => open.insert(port),
            Some("closed") => closed.insert(port),
            // What did not answer, as nmap calls it.
            Some("filtered") => true,
            state => anyhow::bail!("port {port} is {state:?}"),
        };
        ensure!(is_first, "port {port} is told twice");
    }
    Ok((open, closed.len()))
}
