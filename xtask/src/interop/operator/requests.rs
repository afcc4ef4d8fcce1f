//! Requests that are none, while packets flow: an error number, nothing lost, and the interface lives.

use super::Checks;
use super::machine::{Hosts, Machine, PATIENCE, two_that_are_up};
use crate::interop::journal::Journal;
use crate::interop::node::Programs;
use crate::interop::traffic::Check;
use anyhow::{Result, ensure};
use std::io::{Read as _, Write as _};
use std::net::Shutdown;
use std::os::unix::net::UnixStream;

const INVALID: &str = "errno=-22\n\n";
const HALF: &str = "errno=-71\n\n";

pub(super) fn run(number: usize, programs: &Programs, journal: &Journal) -> Result<Vec<Check>> {
    let hosts = Hosts::add(number)?;
    let [near, far] = two_that_are_up(&hosts, &[], programs, journal)?;
    let mut checks = Checks::default();
    checks.add("ping before", near.pings(&far));
    let before = near.wg(&["showconf", &near.interface])?;
    for (name, request, answer) in &requests() {
        checks.add(name, is_answered(&near, request, answer));
    }
    checks.add("nothing at all", is_answered(&near, "", ""));
    checks.add("a client that goes", leaves(&near));
    checks.add(
        "the same afterwards",
        near.wg(&["showconf", &near.interface]).and_then(|after| {
            ensure!(before == after, "{before}\nbefore,\n{after}\nafter");
            Ok(())
        }),
    );
    checks.add("ping after all", near.pings(&far));
    checks.add(
        "a request that is one",
        is_answered(&near, "set=1\nfwmark=7\n\n", "errno=0\n\n"),
    );
    Ok(checks.0)
}

/// What is asked, and what must be answered.
fn requests() -> Vec<(&'static str, String, &'static str)> {
    let set = |lines: &str| format!("set=1\n{lines}\n\n");
    let peer = "11".repeat(32);
    let of_peer = |line: &str| set(&format!("listen_port=4000\npublic_key={peer}\n{line}"));
    let long_value = set(&format!("private_key={}", "0".repeat(100_000)));
    let invalid = [
        ("an unknown operation", "go=1\n\n".to_owned()),
        ("version 2 of set", "set=2\nlisten_port=4000\n\n".to_owned()),
        ("version 2 of get", "get=2\n\n".to_owned()),
        ("an unknown key", set("listen_port=4000\ncolour=red")),
        ("an unknown key of a peer", of_peer("colour=red")),
        ("version 2 of a peer", of_peer("protocol_version=2")),
        ("a prefix that is none", of_peer("allowed_ip=10.0.0.0/33")),
        (
            "an endpoint that is none",
            of_peer("endpoint=example.org:1"),
        ),
        ("a port that is none", set("listen_port=65536")),
        ("a key that is none", set("private_key=xyz")),
        ("a line of a megabyte", set(&"x".repeat(1_000_000))),
        ("a value of 100 kB", long_value),
        ("zeros", "\0".repeat(5000)),
    ];
    let half = [
        ("half a line", "set=1\nlisten_po".to_owned()),
        ("half a request", "set=1\nlisten_port=4000\n".to_owned()),
        ("a line without a value", set("listen_port")),
    ];
    let invalid = invalid
        .into_iter()
        .map(|(name, request)| (name, request, INVALID));
    let half = half
        .into_iter()
        .map(|(name, request)| (name, request, HALF));
    invalid.chain(half).collect()
}

fn is_answered(machine: &Machine<'_>, request: &str, expected: &str) -> Result<()> {
    let mut stream = UnixStream::connect(machine.socket())?;
    stream.set_read_timeout(Some(PATIENCE))?;
    // What is too long is answered before its end: the rest may find nobody who reads it.
    let written = stream.write_all(request.as_bytes());
    let ended = stream.shutdown(Shutdown::Write);
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    ensure!(
        answer == expected,
        "{answer:?}, not {expected:?}: {written:?}, {ended:?}"
    );
    Ok(())
}

/// A client that goes in the middle of its request, many times.
fn leaves(machine: &Machine<'_>) -> Result<()> {
    for _ in 0..200 {
        let mut stream = UnixStream::connect(machine.socket())?;
        stream.write_all(b"set=1\nlisten_port=4000\n")?;
    }
    Ok(())
}
