//! The conversation of a case: what one end sends through the tunnel, and what must come back.

use super::journal::Journal;
use super::node::{Implementation, Node};
use super::process::{Finished, Process};
use anyhow::{Context, Result, bail, ensure};
use serde_json::Value;
use std::net::IpAddr;
use std::process::Command;
use std::time::Duration;

/// Port of the HTTP service of a far end.
const HTTP_PORT: u16 = 8080;

/// What the HTTP service answers, again and again.
const HTTP_BODY_LINE: &[u8] = b"through the tunnel\n";

/// Length of the HTTP answer, in bytes.
const HTTP_BODY_LEN: usize = 100 * HTTP_BODY_LINE.len();

/// What is sent to each address of every far end.
#[derive(Clone)]
pub(super) struct Load {
    pub(super) pings: u32,
    pub(super) ping_interval: Duration,
    /// Lengths of the datagrams to have echoed, in bytes of UDP payload.
    pub(super) udp_v4: &'static [usize],
    pub(super) udp_v6: &'static [usize],
    pub(super) v4_only: bool,
    /// Bytes to send by TCP, and then to fetch; `None` leaves out TCP and HTTP.
    pub(super) tcp: Option<u64>,
}

impl Load {
    /// How long the pings may take together, with room for a handshake that is tried again.
    fn ping_time(&self) -> Duration {
        self.ping_interval * self.pings + Duration::from_secs(15)
    }

    fn udp(&self, address: IpAddr) -> &'static [usize] {
        if address.is_ipv4() {
            self.udp_v4
        } else {
            self.udp_v6
        }
    }

    /// How many checks the interop peer makes of one address.
    fn peer_checks(&self, address: IpAddr) -> usize {
        self.udp(address).len() + if self.tcp.is_some() { 3 } else { 0 }
    }
}

/// One thing that had to hold.
pub(super) struct Check {
    pub(super) name: String,
    pub(super) outcome: Result<()>,
}

impl Check {
    pub(super) fn new(name: impl Into<String>, outcome: Result<()>) -> Self {
        Self {
            name: name.into(),
            outcome,
        }
    }
}

/// Has `node` talk to every one of `addresses`; answers what held and what did not.
///
/// The pings of our end go one after the other: each is a tunnel of its own with the same key.
pub(super) fn drive(node: &Node<'_>, addresses: &[IpAddr], load: &Load) -> Vec<Check> {
    let rootless = node.implementation == Implementation::Wirecraft;
    let mut checks: Vec<Check> = addresses
        .iter()
        .map(|&address| {
            let outcome = if rootless {
                ping_by_command_line(node, address, load)
            } else {
                ping_by_kernel(node, address, load)
            };
            Check::new(format!("ping {address}"), outcome)
        })
        .collect();
    if checks.iter().all(|check| check.outcome.is_err()) {
        // Nothing comes through this tunnel: the rest would only run into its deadlines.
        return checks;
    }
    if rootless && load.tcp.is_some() {
        let pages = addresses
            .iter()
            .map(|&it| Check::new(format!("get {it}"), get(node, it)));
        checks.extend(pages);
    }
    match run_peer(node, addresses, load) {
        Ok(more) => checks.extend(more),
        Err(error) => checks.push(Check::new("interop-peer", Err(error))),
    }
    checks
}

fn ping_by_kernel(node: &Node<'_>, address: IpAddr, load: &Load) -> Result<()> {
    let mut ping = node.host.command("ping");
    ping.args(["-n", "-W", "7", "-c", &load.pings.to_string()]);
    ping.args(["-i", &load.ping_interval.as_secs_f64().to_string()]);
    ping.arg(address.to_string());
    let finished = finish(node, "ping", ping, load.ping_time())?;
    let all = format!("{0} packets transmitted, {0} received", load.pings);
    let answered = finished.stdout.iter().any(|line| line.contains(&all));
    ensure!(
        answered,
        "not all were answered: {}",
        tail(&finished.stdout)
    );
    Ok(())
}

/// Pings with the command line tool, whose last line of JSON sums up.
fn ping_by_command_line(node: &Node<'_>, address: IpAddr, load: &Load) -> Result<()> {
    let mut ping = node.command(&node.programs.wirecraft);
    ping.arg("ping")
        .arg("-c")
        .arg(node.config_path())
        .arg("--json");
    ping.args(["-n", &load.pings.to_string()]);
    ping.args(["-i", &load.ping_interval.as_secs_f64().to_string()]);
    ping.arg(address.to_string());
    let finished = finish(node, "ping", ping, load.ping_time())?;
    ensure!(
        finished.status.success(),
        "{}: {}",
        finished.status,
        tail(&finished.stdout)
    );
    let last = finished.stdout.last().context("nothing was printed")?;
    let summary: Value = serde_json::from_str(last).with_context(|| last.clone())?;
    ensure!(
        summary["received"] == load.pings,
        "not all were answered: {last}"
    );
    Ok(())
}

/// Fetches a page with the command line tool.
fn get(node: &Node<'_>, address: IpAddr) -> Result<()> {
    let file = node.directory.join(format!("page-from-{address}"));
    let host = std::net::SocketAddr::new(address, HTTP_PORT);
    let mut get = node.command(&node.programs.wirecraft);
    get.arg("get")
        .arg("-c")
        .arg(node.config_path())
        .arg("-o")
        .arg(&file);
    get.arg(format!("http://{host}/"));
    let finished = finish(node, "get", get, Duration::from_secs(30))?;
    ensure!(finished.status.success(), "{}", finished.status);
    let page = std::fs::read(&file).context("the file that get wrote")?;
    ensure!(
        page.len() == HTTP_BODY_LEN,
        "{} bytes instead of {HTTP_BODY_LEN}",
        page.len()
    );
    let intact = page
        .chunks(HTTP_BODY_LINE.len())
        .all(|line| line == HTTP_BODY_LINE);
    ensure!(intact, "the page arrived with other bytes");
    Ok(())
}

/// Runs the interop peer against all addresses at once; it prints one line of JSON per check.
fn run_peer(node: &Node<'_>, addresses: &[IpAddr], load: &Load) -> Result<Vec<Check>> {
    let expected: usize = addresses
        .iter()
        .map(|&address| load.peer_checks(address))
        .sum();
    if expected == 0 {
        return Ok(Vec::new());
    }
    let mut peer = node.command(&node.programs.interop_peer);
    if node.implementation == Implementation::Wirecraft {
        peer.arg("client").arg(node.config_path());
    } else {
        peer.arg("host-client");
    }
    for &address in addresses {
        peer.args(["--target", &address.to_string()]);
        let lengths: Vec<String> = load.udp(address).iter().map(usize::to_string).collect();
        peer.args(["--udp-echo", &lengths.join(",")]);
        if let Some(bytes) = load.tcp {
            let bytes = bytes.to_string();
            peer.args([
                "--tcp-echo",
                "65536",
                "--tcp-up",
                &bytes,
                "--tcp-down",
                &bytes,
            ]);
        }
    }
    let finished = finish(node, "peer", peer, Duration::from_secs(120))?;
    let checks = finished.stdout.iter().map(|line| read_check(line));
    let checks = checks.collect::<Result<Vec<Check>>>()?;
    if checks.len() != expected {
        bail!(
            "{} of {expected} checks done, {}",
            checks.len(),
            finished.status
        );
    }
    Ok(checks)
}

/// Reads a line such as `{"check":"udp-echo 64","target":"10.99.0.1","error":null}`.
pub(super) fn read_check(line: &str) -> Result<Check> {
    let report: Value = serde_json::from_str(line).with_context(|| line.to_owned())?;
    let text = |key: &str| report[key].as_str().map(str::to_owned);
    let (Some(check), Some(target)) = (text("check"), text("target")) else {
        bail!("not a check: {line}");
    };
    let outcome = match report.get("error") {
        Some(Value::Null) => Ok(()),
        Some(Value::String(error)) => Err(anyhow::Error::msg(error.clone())),
        _ => bail!("not a check: {line}"),
    };
    Ok(Check::new(format!("{check} {target}"), outcome))
}

fn finish(node: &Node<'_>, name: &str, command: Command, within: Duration) -> Result<Finished> {
    let journal: &Journal = &node.journal;
    Process::start(&node.label(name), command, journal)?.finish(within)
}

fn tail(lines: &[String]) -> String {
    let from = lines.len().saturating_sub(3);
    lines[from..].join(" / ")
}

#[cfg(test)]
mod tests {
    use super::read_check;

    #[test]
    fn check_without_an_error_key_is_not_a_check() {
        assert!(read_check(r#"{"check":"tcp-up","target":"::1"}"#).is_err());
        assert!(read_check("panicked at").is_err());
    }

    #[test]
    fn error_of_a_check_is_its_outcome() {
        let fine = read_check(r#"{"check":"tcp-up","target":"::1","error":null}"#);
        assert!(fine.is_ok_and(|check| check.outcome.is_ok() && check.name == "tcp-up ::1"));
        let wrong = read_check(r#"{"check":"tcp-up","target":"::1","error":"short"}"#);
        assert!(wrong.is_ok_and(|check| check.outcome.is_err()));
    }
}
