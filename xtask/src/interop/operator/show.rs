//! `wirecraft show` of interfaces and of tunnels without root, and metrics.

use super::Checks;
use super::machine::{Hosts, Machine, PORT, two_that_are_up};
use crate::interop::config::KeyPair;
use crate::interop::journal::Journal;
use crate::interop::network::Family;
use crate::interop::node::Programs;
use crate::interop::output_of;
use crate::interop::process::Process;
use crate::interop::sandbox::{DIRECTORY, NOBODY, create_directory, write_secret};
use crate::interop::traffic::Check;
use anyhow::{Context as _, Result, ensure};
use serde_json::Value;
use std::path::Path;

pub(super) fn run(number: usize, programs: &Programs, journal: &Journal) -> Result<Vec<Check>> {
    let hosts = Hosts::add(number)?;
    let options = ["--metrics", "127.0.0.1:9586"];
    let [near, far] = two_that_are_up(&hosts, &options, programs, journal)?;
    let mut checks = Checks::default();
    checks.add("ping", near.pings(&far));
    checks.add("show", shows(&near, &far));
    checks.add("show --json", shows_json(&near, &far));
    checks.add("show --watch", watches(&near));
    checks.add("show of none", shows_none(&near));
    checks.add("metrics", has_metrics(&near, &far));
    checks.add("without root", shows_without_root(&near, &far, &hosts));
    Ok(checks.0)
}

fn show(machine: &Machine<'_>, options: &[&str]) -> Result<String> {
    let mut show = machine.host.command(&machine.programs.wirecraft);
    output_of(show.arg("show").args(options))
}

fn shows(near: &Machine<'_>, far: &Machine<'_>) -> Result<()> {
    let all = show(near, &[])?;
    let one = show(near, &[&near.interface])?;
    let own = format!("  public key: {}", near.keys.public);
    for line in [
        format!("interface: {}", near.interface),
        own.clone(),
        format!("  peer: {}", far.keys.public),
        "    persistent keepalive: every 25 seconds".to_owned(),
    ] {
        ensure!(one.lines().any(|it| it == line), "no `{line}` in\n{one}");
    }
    ensure!(one.contains("latest handshake: "), "no handshake in\n{one}");
    ensure!(
        all.contains(&own) && all.contains(&far.keys.public),
        "not all:\n{all}"
    );
    ensure!(!all.contains(&near.keys.private), "a secret");
    Ok(())
}

fn shows_json(near: &Machine<'_>, far: &Machine<'_>) -> Result<()> {
    let tunnel: Value = serde_json::from_str(&show(near, &["--json", &near.interface])?)?;
    let peer = &tunnel["peers"][0];
    ensure!(
        tunnel["public_key"] == near.keys.public.as_str(),
        "{tunnel}"
    );
    ensure!(peer["public_key"] == far.keys.public.as_str(), "{tunnel}");
    ensure!(
        peer["session"] == true && peer["received_bytes"].as_u64() > Some(0),
        "{tunnel}"
    );
    ensure!(
        tunnel["counters"]["packets_sent"].as_u64() >= Some(6),
        "{tunnel}"
    );
    Ok(())
}

/// The second line has rates.
fn watches(near: &Machine<'_>) -> Result<()> {
    let mut watch = near.host.command(&near.programs.wirecraft);
    watch.args([
        "show",
        "--watch",
        "--interval",
        "0.1",
        "--json",
        &near.interface,
    ]);
    let watch = Process::start("show --watch", watch, near.journal)?;
    watch.wait_for_line("received_bytes_per_second", super::machine::PATIENCE)
}

fn shows_none(near: &Machine<'_>) -> Result<()> {
    let mut show = near.host.command(&near.programs.wirecraft);
    let status = show.args(["show", "none"]).output()?.status;
    ensure!(status.code() == Some(1), "{status}");
    Ok(())
}

fn has_metrics(near: &Machine<'_>, far: &Machine<'_>) -> Result<()> {
    let script = "exec 3<>/dev/tcp/127.0.0.1/9586
        printf 'GET /metrics HTTP/1.1\\r\\nHost: here\\r\\n\\r\\n' >&3; cat <&3";
    let page = output_of(near.host.command("bash").args(["-c", script]))?;
    let (name, key) = (&near.interface, &far.keys.public);
    let metric = "wirecraft_peer_received_bytes_total";
    let line = format!("{metric}{{interface=\"{name}\",public_key=\"{key}\"}} ");
    let value = page.lines().find_map(|it| it.strip_prefix(&line));
    let value: f64 = value
        .with_context(|| format!("no {line} in {page}"))?
        .parse()?;
    ensure!(page.starts_with("HTTP/1.1 200 OK") && value > 0.0, "{page}");
    Ok(())
}

/// A ping without root calls the far end, and is shown by its user.
fn shows_without_root(near: &Machine<'_>, far: &Machine<'_>, hosts: &Hosts) -> Result<()> {
    let directory = Path::new(DIRECTORY).join(format!("{}-user", near.interface));
    create_directory(&directory, NOBODY)?;
    let keys = KeyPair::generate()?;
    let endpoint = hosts.cable.far(Family::V4);
    let text = format!(
        "[Interface]\nPrivateKey = {}\nAddress = 10.99.0.3/32\n[Peer]\nPublicKey = {}\n\
         AllowedIPs = 10.99.0.0/24\nEndpoint = {endpoint}:{PORT}\n",
        keys.private, far.keys.public
    );
    let file = directory.join("pinger.conf");
    write_secret(&file, &text, NOBODY)?;
    far.wg(&[
        "set",
        &far.interface,
        "peer",
        &keys.public,
        "allowed-ips",
        "10.99.0.3/32",
    ])?;
    let mut ping = near
        .host
        .command_as_nobody(&near.programs.wirecraft, &directory);
    ping.arg("ping").arg("-c").arg(&file).arg("10.99.0.2");
    let ping = Process::start("ping without root", ping, near.journal)?;
    ping.wait_for_line("icmp_seq", super::machine::PATIENCE)?;
    let mut show = near
        .host
        .command_as_nobody(&near.programs.wirecraft, &directory);
    let shown = output_of(show.args(["show", "pinger"]))?;
    ensure!(
        shown.contains(&keys.public) && shown.contains(&far.keys.public),
        "{shown}"
    );
    Ok(())
}
