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
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

/// How long either scan of all ports may take.
const SCAN_TIME: Duration = Duration::from_secs(60);

const LISTEN_PORT: u16 = 51_820;
const PORT_COUNT: usize = 65_535;

/// The numbers of the ends in the addresses inside the tunnel.
const OURS: u8 = 1;
const THEIRS: u8 = 2;

/// Scans a wireguard-go peer through the tunnel, and on itself with `nmap`.
///
/// # Errors
/// When an end does not come up; what fails later is in the checks.
pub(super) fn run(number: usize, programs: &Programs, journal: &Journal) -> Result<Vec<Check>> {
    let (ours, theirs) = lay_out(number)?;
    let ours = Node::start(ours, programs, journal)?;
    let mut theirs = Node::start(theirs, programs, journal)?;
    let Addresses { v4, v6 } = Addresses::of_peer(THEIRS);
    let mut checks = Vec::new();
    for address in [IpAddr::from(v4), v6.into()] {
        let name = format!("scan of {address} beside nmap's");
        checks.push(Check::new(name, same_ports(&ours, &theirs, address)));
    }
    checks.push(Check::new("programs of the peer", theirs.check_alive()));
    Ok(checks)
}

/// One wireguard-go peer that waits, and our end without an interface.
pub(super) fn lay_out(number: usize) -> Result<(Plan, Plan)> {
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
    let (us, go) = (Implementation::Wirecraft, Implementation::WireguardGo);
    let mut ours = plan(&format!("c{number}-ours"), OURS, us, Task::Drives)?;
    let mut theirs = plan(&format!("c{number}-go"), THEIRS, go, Task::Serves)?;
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

fn same_ports(ours: &Node<'_>, theirs: &Node<'_>, address: IpAddr) -> Result<()> {
    let expected = open_by_nmap(theirs, address)?;
    let (open, closed) = found_by_us(ours, address)?;
    ensure!(!expected.is_empty(), "nmap found no port open");
    ensure!(
        open == expected,
        "nmap found {expected:?} open, we {open:?}"
    );
    let rest = PORT_COUNT - expected.len();
    ensure!(closed == rest, "{closed} ports are closed, not {rest}");
    Ok(())
}

/// Has `nmap` scan the host from itself.
fn open_by_nmap(theirs: &Node<'_>, address: IpAddr) -> Result<BTreeSet<u16>> {
    let mut nmap = theirs.host.command("nmap");
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
    open.map(|port| Ok(port.split('/').next().unwrap_or_default().parse()?))
        .collect()
}

/// Scans through the tunnel; returns the open ports, and how many are closed.
fn found_by_us(ours: &Node<'_>, address: IpAddr) -> Result<(BTreeSet<u16>, usize)> {
    let mut scan = ours.command(&ours.programs.wirecraft);
    scan.args([
        "scan",
        "-p",
        "-",
        "--rate",
        "10000",
        "--retries",
        "6",
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
            state => anyhow::bail!("port {port} is {state:?}"),
        };
        ensure!(is_first, "port {port} is told twice");
    }
    Ok((open, closed.len()))
}
