//! `wg-quick up` and `down` with ours in the place of wireguard-go, which is the far end.

use super::Checks;
use super::machine::{Hosts, Machine, PORT};
use crate::interop::in_path;
use crate::interop::journal::Journal;
use crate::interop::network::Family;
use crate::interop::node::Programs;
use crate::interop::output_of;
use crate::interop::sandbox::DIRECTORY;
use crate::interop::traffic::Check;
use anyhow::{Context as _, Result, ensure};
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

/// What there is where the kernel has WireGuard, and wg-quick asks for no program.
const MODULE: &str = "/sys/module/wireguard";

pub(super) fn run(number: usize, programs: &Programs, journal: &Journal) -> Result<Vec<Check>> {
    let hosts = Hosts::add(number)?;
    let near = Machine::new(&hosts.near, 1, programs, journal)?;
    let far = Machine::new(&hosts.far, 2, programs, journal)?;
    let endpoint = format!("{}:{PORT}", hosts.cable.far(Family::V4));
    let near_file = with_address(&near, 1, &near.text(&far, Some(&endpoint)))?;
    let far_file = with_address(&far, 2, &far.text(&near, None))?;
    let mut checks = Checks::default();
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
    let at_once = quick(&near, &ours, "down", &near_file)
        .and_then(|()| quick(&near, &ours, "up", &near_file));
    checks.add("down and up at once", at_once);
    checks.add("ping once more", near.pings(&far));
    checks.add("down again", quick(&near, &ours, "down", &near_file));
    checks.add(
        "all through the tunnel",
        carries_everything(&near, &far, &ours, &endpoint),
    );
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
    quick.arg(wg_quick()?);
    output_of(quick.args([command, file])).map(drop)
}

/// The program itself, or a copy that takes the kernel for one without WireGuard: where it has it, nobody
/// else is asked for.
fn wg_quick() -> Result<PathBuf> {
    let installed = in_path("wg-quick").context("no wg-quick")?;
    if !Path::new(MODULE).exists() {
        return Ok(installed);
    }
    // It looks for other programs beside itself first.
    let directory = Path::new(DIRECTORY).join("without-module");
    let copy = directory.join("wg-quick");
    if !copy.exists() {
        fs::create_dir_all(&directory)?;
        let script = fs::read_to_string(&installed)?;
        ensure!(
            script.contains(MODULE),
            "wg-quick does not ask for {MODULE}"
        );
        write_program(&copy, &script.replace(MODULE, "/nowhere"))?;
        let ip = in_path("ip").context("no ip")?;
        let ip = format!(
            "#!/bin/sh\ncase \"$*\" in *\"type wireguard\"*) exit 2 ;; esac\nexec {} \"$@\"\n",
            ip.display()
        );
        write_program(&directory.join("ip"), &ip)?;
    }
    Ok(copy)
}

fn write_program(path: &Path, text: &str) -> Result<()> {
    fs::write(path, text)?;
    Ok(fs::set_permissions(
        path,
        fs::Permissions::from_mode(0o755),
    )?)
}

/// The most usual call of all: every address through the tunnel, while the outer packets, which are marked,
/// go by the routes of before. Both ends are to answer on an address that is nobody's peer.
fn carries_everything(
    near: &Machine<'_>,
    far: &Machine<'_>,
    ours: &str,
    endpoint: &str,
) -> Result<()> {
    let needed = ["nft", "iptables"].iter().find_map(|it| in_path(it));
    needed.context("wg-quick needs nft or iptables for this")?;
    far.host.ip("addr add 10.97.0.1/32 dev lo")?;
    far.host.ip("addr add fd97::1/128 dev lo nodad")?;
    let everything = "AllowedIPs = 0.0.0.0/0, ::/0\n";
    let text = near.text(far, Some(endpoint));
    let narrow = text.lines().find(|line| line.starts_with("AllowedIPs"));
    let narrow = narrow.context("no AllowedIPs")?;
    let text = text.replacen(&format!("{narrow}\n"), everything, 1);
    fs::remove_file(Path::new(DIRECTORY).join(format!("{}.conf", near.interface)))?;
    let file = with_address(near, 1, &text)?;
    quick(near, ours, "up", &file)?;
    let mark = near.shows("fwmark")?;
    ensure!(mark == "0xca6c", "the mark is {mark}");
    for address in ["10.97.0.1", "fd97::1"] {
        let mut ping = near.host.command("ping");
        output_of(ping.args(["-n", "-c", "3", "-i", "0.1", "-W", "5", address]))?;
    }
    quick(near, ours, "down", &file)?;
    near.vanishes()
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
