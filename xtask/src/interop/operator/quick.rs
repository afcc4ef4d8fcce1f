//! `wg-quick up` and `down` with ours in the place of wireguard-go, which is the far end.

use super::Checks;
use super::machine::{Hosts, Machine, PORT};
use crate::interop::journal::Journal;
use crate::interop::network::Family;
use crate::interop::node::Programs;
use crate::interop::output_of;
use crate::interop::traffic::Check;
use anyhow::{Result, ensure};
use std::path::Path;

pub(super) fn run(number: usize, programs: &Programs, journal: &Journal) -> Result<Vec<Check>> {
    let hosts = Hosts::add(number)?;
    let near = Machine::new(&hosts.near, 1, programs, journal)?;
    let far = Machine::new(&hosts.far, 2, programs, journal)?;
    let endpoint = format!("{}:{PORT}", hosts.cable.far(Family::V4));
    let near_file = with_address(&near, 1, &near.text(&far, Some(&endpoint)))?;
    let far_file = with_address(&far, 2, &far.text(&near, None))?;
    let mut checks = Checks::default();
    if Path::new("/sys/module/wireguard").exists() {
        // Then wg-quick asks nobody else.
        return Ok(checks.0);
    }
    let ours = programs.wirecraft_tun.display().to_string();
    checks.add(
        "up of wireguard-go",
        quick(&far, "wireguard-go", "up", &far_file),
    );
    checks.add("up", quick(&near, &ours, "up", &near_file));
    checks.add(
        "it is ours",
        near.pid().and_then(|pid| {
            ensure!(pid.is_some(), "no process of ours");
            Ok(())
        }),
    );
    checks.add("ping", near.pings(&far));
    checks.add("handshake", near.shakes_hands());
    checks.add("syncconf", synchronises(&near, &near_file));
    checks.add("addconf", adds(&near));
    checks.add("ping afterwards", near.pings(&far));
    checks.add("down", quick(&near, &ours, "down", &near_file));
    checks.add("nothing is left", near.vanishes());
    checks.add("up again", quick(&near, &ours, "up", &near_file));
    checks.add("ping again", near.pings(&far));
    checks.add("down again", quick(&near, &ours, "down", &near_file));
    checks.add(
        "down of wireguard-go",
        quick(&far, "wireguard-go", "down", &far_file),
    );
    Ok(checks.0)
}

/// A file for wg-quick.
fn with_address(machine: &Machine<'_>, number: u8, text: &str) -> Result<String> {
    let address = format!("Address = 10.99.0.{number}/24, fd99::{number}/64\nMTU = 1420\n");
    let text = text.replacen("[Interface]\n", &format!("[Interface]\n{address}"), 1);
    let path = machine.write(&format!("{}.conf", machine.interface), &text)?;
    Ok(path.display().to_string())
}

fn quick(machine: &Machine<'_>, program: &str, command: &str, file: &str) -> Result<()> {
    let mut quick = machine.host.command("env");
    quick.arg(format!("WG_QUICK_USERSPACE_IMPLEMENTATION={program}"));
    output_of(quick.args(["wg-quick", command, file])).map(drop)
}

/// As the manual has it: `wg syncconf wg0 <(wg-quick strip wg0)`.
fn synchronises(machine: &Machine<'_>, file: &str) -> Result<()> {
    let before = machine.shows("latest-handshakes")?;
    let stripped = output_of(machine.host.command("wg-quick").args(["strip", file]))?;
    machine.configure("syncconf", &stripped)?;
    let after = machine.shows("latest-handshakes")?;
    ensure!(before == after, "{before} before, {after} after");
    Ok(())
}

fn adds(machine: &Machine<'_>) -> Result<()> {
    let stranger = crate::interop::config::KeyPair::generate()?.public;
    let text = format!("[Peer]\nPublicKey = {stranger}\nAllowedIPs = 10.98.0.0/16\n");
    machine.configure("addconf", &text)?;
    ensure!(
        machine.shows("peers")?.lines().count() == 2,
        "not two peers"
    );
    machine.wg(&["set", &machine.interface, "peer", &stranger, "remove"])?;
    ensure!(machine.shows("peers")?.lines().count() == 1, "not one peer");
    Ok(())
}
