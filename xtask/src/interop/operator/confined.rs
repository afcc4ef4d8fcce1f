//! What `wg` asks for after the process has given its rights up.

use super::Checks;
use super::machine::{Hosts, Machine, PORT, two_that_are_up};
use crate::interop::journal::Journal;
use crate::interop::network::{Family, Host};
use crate::interop::node::Programs;
use crate::interop::output_of;
use crate::interop::traffic::Check;
use anyhow::{Result, ensure};
use std::thread::sleep;
use std::time::Duration;

/// `CAP_NET_ADMIN`, `CAP_NET_BIND_SERVICE` and `CAP_DAC_OVERRIDE`, as the kernel writes them.
const CAPABILITIES: &str = "0000000000001402";

pub(super) fn run(number: usize, programs: &Programs, journal: &Journal) -> Result<Vec<Check>> {
    let hosts = Hosts::add(number)?;
    let [near, far] = two_that_are_up(&hosts, &[], programs, journal)?;
    let mut checks = Checks::default();
    for (key, value) in [
        ("NoNewPrivs", "1"),
        ("Seccomp", "2"),
        ("CapPrm", CAPABILITIES),
        ("CapEff", CAPABILITIES),
        ("CapBnd", CAPABILITIES),
        ("CapInh", "0000000000000000"),
        ("Threads", "1"),
        ("Groups", ""),
    ] {
        checks.add(key, says(&near, key, value));
    }
    for key in ["Uid", "Gid"] {
        checks.add(key, is_nobodys(&near, key));
    }
    checks.add("ping", near.pings(&far));
    checks.add("fwmark", marks(&near));
    for port in ["53123", "777", "0"] {
        let name = format!("listen-port {port}");
        checks.add(&name, moves(&near, port).and_then(|()| near.pings(&far)));
    }
    checks.add(
        "MTU",
        near.host
            .ip(&format!("link set {} mtu 1300", near.interface)),
    );
    checks.add("ping after all", near.pings(&far));
    checks.add(
        "interface deleted",
        near.host.ip(&format!("link del {}", near.interface)),
    );
    checks.add("nothing is left", near.vanishes());
    let endpoint = format!("[{}]:{PORT}", hosts.cable.far(Family::V6));
    let text = near.text(&far, Some(&endpoint));
    checks.add("once more", near.is_up(&[], &text));
    checks.add("confined again", says(&near, "Seccomp", "2"));
    checks.add("reconnected", near.pings(&far));
    checks.add("set down and up", is_silent_while_down(&near, &far));
    checks.add(
        "SIGTERM",
        near.signal("TERM").and_then(|()| near.vanishes()),
    );
    checks.add("not confined", near.is_up(&["--no-sandbox"], &text));
    checks.add("with its rights", says(&near, "Seccomp", "0"));
    checks.add("ping with its rights", near.pings(&far));
    checks.add("a name", looks_a_name_up(number, programs, journal));
    Ok(checks.0)
}

fn says(machine: &Machine<'_>, key: &str, value: &str) -> Result<()> {
    let found = machine.status_line(key)?;
    ensure!(found == value, "{found}");
    Ok(())
}

/// All four numbers of it: real, effective, saved, and that for files.
fn is_nobodys(machine: &Machine<'_>, key: &str) -> Result<()> {
    let found = machine.status_line(key)?;
    let numbers: Vec<&str> = found.split_whitespace().collect();
    let is_root = numbers.contains(&"0");
    ensure!(numbers.len() == 4 && !is_root, "{found}");
    Ok(())
}

/// Set down, the link has no port and says nothing to the far end; set up again, it does.
fn is_silent_while_down(near: &Machine<'_>, far: &Machine<'_>) -> Result<()> {
    let peer = &far.keys.public;
    near.wg(&[
        "set",
        &near.interface,
        "peer",
        peer,
        "persistent-keepalive",
        "1",
    ])?;
    let link = |state| {
        near.host
            .ip(&format!("link set {} {state}", near.interface))
    };
    link("down")?;
    let is_bound = || -> Result<bool> {
        let sockets = output_of(near.host.command("cat").arg("/proc/net/udp"))?;
        Ok(sockets.contains(&format!(":{PORT:04X} ")))
    };
    near.waits("it has its port", || Ok(!is_bound()?))?;
    let before = far.shows("transfer")?;
    sleep(Duration::from_millis(2500));
    let after = far.shows("transfer")?;
    ensure!(before == after, "{before} before, {after} after");
    link("up")?;
    near.waits("it has no port", is_bound)?;
    let mut ping = near.host.command("ping");
    let to = format!("10.99.0.{}", far.number);
    output_of(ping.args(["-n", "-c", "3", "-i", "0.1", "-W", "5", &to])).map(drop)
}

fn marks(machine: &Machine<'_>) -> Result<()> {
    for (mark, shown) in [("0x77", "0x77"), ("0", "off")] {
        machine.wg(&["set", &machine.interface, "fwmark", mark])?;
        let found = machine.shows("fwmark")?;
        ensure!(found == shown, "{found}");
    }
    Ok(())
}

fn moves(machine: &Machine<'_>, port: &str) -> Result<()> {
    machine.wg(&["set", &machine.interface, "listen-port", port])?;
    let found = machine.shows("listen-port")?;
    ensure!(found == port || port == "0", "{found}");
    Ok(())
}

/// A name in the configuration is looked up after the rights are gone.
fn looks_a_name_up(number: usize, programs: &Programs, journal: &Journal) -> Result<()> {
    let host = Host::add(format!("c{number}-name"))?;
    let other = Host::add(format!("c{number}-namf"))?;
    let near = Machine::new(&host, 1, programs, journal)?;
    let far = Machine {
        host: &host,
        ..Machine::new(&other, 2, programs, journal)?
    };
    far.is_up(&[], &far.text(&near, None))?;
    let text = near.text(&far, Some(&format!("localhost:{PORT}")));
    let text = text.replacen(&format!("ListenPort = {PORT}\n"), "", 1);
    let path = near.write(&format!("{}.conf", near.interface), &text)?;
    near.goes_to_the_background(&["-c", &path.display().to_string()])?;
    says(&near, "Seccomp", "2")?;
    near.host.ip(&format!("link set {} up", near.interface))?;
    near.shakes_hands()
}
