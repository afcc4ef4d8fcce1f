//! Going to the background, what is said when that fails, and every way to end.

use super::Checks;
use super::machine::{Machine, PATIENCE};
use crate::interop::journal::Journal;
use crate::interop::network::Host;
use crate::interop::node::Programs;
use crate::interop::process::Process;
use crate::interop::sandbox::DIRECTORY;
use crate::interop::traffic::Check;
use anyhow::{Result, ensure};
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::net::UnixDatagram;
use std::path::Path;

pub(super) fn run(number: usize, programs: &Programs, journal: &Journal) -> Result<Vec<Check>> {
    let host = Host::add(format!("c{number}-host"))?;
    let machine = Machine::new(&host, 1, programs, journal)?;
    let mut checks = Checks::default();
    checks.add("the background", machine.goes_to_the_background(&[]));
    checks.add("nobody else may enter", is_private(&machine.socket()));
    checks.add(
        "a second one",
        fails(&machine, &[], "Device or resource busy"),
    );
    checks.add("SIGHUP", survives_a_hangup(&machine));
    checks.add(
        "SIGTERM",
        machine.signal("TERM").and_then(|()| machine.vanishes()),
    );
    checks.add(
        "no configuration",
        fails(&machine, &["-c", "/nowhere"], "/nowhere"),
    );
    checks.add("nothing is left of it", machine.vanishes());
    checks.add("SIGINT", ends(&machine, |it| it.signal("INT")));
    checks.add(
        "its interface deleted",
        ends(&machine, |it| {
            it.host.ip(&format!("link del {}", it.interface))
        }),
    );
    checks.add(
        "its socket removed",
        ends(&machine, |it| Ok(fs::remove_file(it.socket())?)),
    );
    checks.add("a socket left behind", is_replaced(&machine));
    checks.add("a socket in use", is_left_alone(&machine));
    checks.add("systemd", tells_systemd(&machine));
    Ok(checks.0)
}

fn is_private(socket: &Path) -> Result<()> {
    let directory = socket.parent().unwrap_or(socket);
    for (path, expected) in [(directory, 0o700), (socket, 0o600)] {
        let mode = fs::symlink_metadata(path)?.permissions().mode() & 0o777;
        ensure!(mode == expected, "{} is {mode:o}", path.display());
    }
    Ok(())
}

/// The starter ends with status 2 and says why.
fn fails(machine: &Machine<'_>, options: &[&str], reason: &str) -> Result<()> {
    let output = machine.start(options)?;
    ensure!(output.status.code() == Some(2), "{}", output.status);
    let told = String::from_utf8_lossy(&output.stderr);
    ensure!(told.contains(reason), "it said: {told}");
    Ok(())
}

fn survives_a_hangup(machine: &Machine<'_>) -> Result<()> {
    machine.signal("HUP")?;
    machine.wg(&["show", &machine.interface])?;
    ensure!(machine.pid()?.is_some(), "it ended");
    Ok(())
}

fn ends(machine: &Machine<'_>, end: impl Fn(&Machine<'_>) -> Result<()>) -> Result<()> {
    machine.goes_to_the_background(&[])?;
    end(machine)?;
    machine.vanishes()
}

/// Killed, it leaves its socket behind; the next one takes its place.
fn is_replaced(machine: &Machine<'_>) -> Result<()> {
    machine.goes_to_the_background(&[])?;
    machine.signal("KILL")?;
    machine.waits("it lives", || machine.is_dead())?;
    ensure!(machine.socket().exists(), "the socket is gone");
    machine.goes_to_the_background(&[])?;
    machine.wg(&["show", &machine.interface])?;
    machine.signal("TERM")?;
    machine.vanishes()
}

/// An interface of the same name on another host would have the same socket.
fn is_left_alone(machine: &Machine<'_>) -> Result<()> {
    let other = Host::add(format!("{}b", machine.host.name()))?;
    machine.goes_to_the_background(&[])?;
    let elsewhere = Machine {
        host: &other,
        interface: machine.interface.clone(),
        keys: machine.keys.clone(),
        ..Machine::new(&other, 2, machine.programs, machine.journal)?
    };
    fails(&elsewhere, &[], "in use by a running program")?;
    let is_there = other
        .ip(&format!("link show {}", machine.interface))
        .is_ok();
    ensure!(!is_there, "an interface without a socket");
    machine.wg(&["show", &machine.interface])?;
    machine.signal("TERM")?;
    machine.vanishes()
}

fn tells_systemd(machine: &Machine<'_>) -> Result<()> {
    let path = Path::new(DIRECTORY).join(format!("{}.notify", machine.interface));
    let systemd = UnixDatagram::bind(&path)?;
    systemd.set_read_timeout(Some(PATIENCE))?;
    let next = || -> Result<String> {
        let mut message = [0; 256];
        let len = systemd.recv(&mut message)?;
        Ok(String::from_utf8_lossy(&message[..len]).trim().to_owned())
    };
    let mut command = machine.host.command(&machine.programs.wirecraft_tun);
    command
        .args(["-f", &machine.interface])
        .env("NOTIFY_SOCKET", &path);
    let mut process = Process::start(&machine.interface, command, machine.journal)?;
    let ready = next()?;
    ensure!(ready == "READY=1", "it told {ready}");
    machine.wg(&["show", &machine.interface])?;
    machine.signal("TERM")?;
    let stopping = next()?;
    ensure!(stopping == "STOPPING=1", "it told {stopping}");
    machine.vanishes()?;
    machine.waits("it runs on", || Ok(!process.is_running()))
}
