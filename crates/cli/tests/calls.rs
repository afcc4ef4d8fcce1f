//! Calls and configurations that are wrong, and networks that say no: the status and the line that tells why.

#![expect(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

mod program;

use std::fs;
use std::io::Write;
use std::net::UdpSocket;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use program::{Run, run, wirecraft};

const KEYS: &str = "[Interface]\nPrivateKey = yAnz5TF+lXXJte14tji3zlMNq+hd2rYUIgJBgB3fBmk=\n\
                    Address = 10.0.0.2/32\n";
const PEER: &str = "[Peer]\nPublicKey = xTIBA5rboUvnH4htodjb6e697QjLERt1NAB4mZqp8Dg=\n\
                    AllowedIPs = 10.0.0.0/8\n";

/// Runs wirecraft with `input` on standard input.
fn run_wirecraft(arguments: &[&str], input: &str) -> Run {
    run(wirecraft(arguments), input).unwrap()
}

/// Runs a command with `config` on standard input.
fn with_config(config: &str, arguments: &[&str]) -> Run {
    run_wirecraft(&[arguments, &["-c", "-"]].concat(), config)
}

/// Asserts that a run printed nothing but one line on standard error, and gives that line.
fn one_line(run: &Run, status: i32) -> &str {
    assert_eq!(
        (run.status, run.stdout.as_str()),
        (Some(status), ""),
        "{}",
        run.stderr
    );
    let line = run.stderr.strip_suffix('\n').unwrap();
    assert!(
        line.starts_with("wirecraft: ") && !line.contains('\n'),
        "{}",
        run.stderr
    );
    line
}

#[test]
fn configuration_that_is_missing_is_a_usage_error() {
    let run = run_wirecraft(&["ping", "10.0.0.1"], "");
    assert_eq!(run.status, Some(2));
    assert!(run.stderr.contains("--config <FILE>"), "{}", run.stderr);
}

#[test]
fn path_of_the_aead_that_does_not_exist_is_a_usage_error() {
    let calls: [&[&str]; 2] = [&["ping", "-c", "-", "10.0.0.1"], &["doctor", "-c", "-"]];
    for call in calls {
        for (value, shown) in [("AVX", "\"AVX\""), ("", "\"\"")] {
            let mut command = wirecraft(call);
            command.env("WIRECRAFT_AEAD", value);
            let run = run(command, &format!("{KEYS}{PEER}")).unwrap();
            let expected = format!(
                "wirecraft: WIRECRAFT_AEAD: expected one of single, avx2, avx512; found {shown}"
            );
            assert_eq!(one_line(&run, 2), expected);
        }
    }
}

#[test]
fn configuration_that_does_not_exist_is_named() {
    let run = run_wirecraft(&["ping", "-c", "does/not/exist.conf", "10.0.0.1"], "");
    let expected =
        "wirecraft: does/not/exist.conf: cannot be read: No such file or directory (os error 2)";
    assert_eq!(one_line(&run, 2), expected);
}

#[test]
fn mistake_in_a_configuration_is_shown_with_its_line() {
    let run = with_config(&format!("{KEYS}MTU = many\n"), &["ping", "10.0.0.1"]);
    let expected =
        "wirecraft: standard input:4: MTU: expected bytes from 68 to 65535, found \"many\"";
    assert_eq!(one_line(&run, 2), expected);
}

#[test]
fn configuration_without_a_peer_is_wrong() {
    let run = with_config(KEYS, &["ping", "10.0.0.1"]);
    assert!(one_line(&run, 2).contains("[Peer]"), "{}", run.stderr);
}

#[test]
fn configuration_file_may_come_from_the_environment() {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join("environment.conf");
    fs::write(&path, "nonsense\n").unwrap();
    let mut command = wirecraft(&[]);
    command
        .env("WIRECRAFT_CONFIG", &path)
        .args(["ping", "10.0.0.1"]);
    let run = run(command, "").unwrap();
    assert!(
        one_line(&run, 2).contains("environment.conf:1: "),
        "{}",
        run.stderr
    );
}

#[test]
fn endpoint_that_is_silent_is_one_line_and_status_1() {
    // Nobody reads this socket: the initiation gets no answer.
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    let config = format!("{KEYS}{PEER}Endpoint = {}\n", socket.local_addr().unwrap());
    for command in [
        &["ping", "10.0.0.1"][..],
        &["dns", "--server", "10.0.0.1", "a.test"],
        &["get", "http://10.0.0.1/"],
    ] {
        let run = with_config(&config, &[command, &["--timeout", "0.3"]].concat());
        assert!(
            one_line(&run, 1).contains("no handshake within 0.3 s"),
            "{}",
            run.stderr
        );
    }
}

#[cfg(unix)]
#[test]
fn interrupted_handshake_is_one_line_and_status_1() {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    let config = format!("{KEYS}{PEER}Endpoint = {}\n", socket.local_addr().unwrap());
    for arguments in [
        &["ping", "10.0.0.1"][..],
        &["dns", "--server", "10.0.0.1", "a.test"],
        &["get", "http://10.0.0.1/"],
    ] {
        let mut child = wirecraft(arguments)
            .args(["-c", "-", "--timeout", "60"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut input = child.stdin.take().unwrap();
        input.write_all(config.as_bytes()).unwrap();
        drop(input);
        socket.recv(&mut [0; 148]).unwrap();
        let pid = child.id().to_string();
        let killed = Command::new("kill").args(["-INT", &pid]).status();
        assert!(killed.unwrap().success());
        let Output {
            status,
            stdout,
            stderr,
        } = child.wait_with_output().unwrap();
        let run = Run {
            status: status.code(),
            stdout: String::from_utf8(stdout).unwrap(),
            stderr: String::from_utf8(stderr).unwrap(),
        };
        assert_eq!(one_line(&run, 1), "wirecraft: interrupted");
    }
}

#[test]
fn remarks_on_a_configuration_are_told_unless_quiet() {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    let config = format!(
        "{KEYS}PostUp = true\n{PEER}Endpoint = {}\n",
        socket.local_addr().unwrap()
    );
    let call = ["ping", "10.0.0.1", "--timeout", "0.1"];
    let told = with_config(&config, &call).stderr;
    assert!(
        told.starts_with("wirecraft: PostUp: read, but not executed\n"),
        "{told}"
    );
    let quiet = with_config(&config, &[&call[..], &["-q"]].concat());
    assert!(
        one_line(&quiet, 1).contains("no handshake"),
        "{}",
        quiet.stderr
    );
}

#[test]
fn what_cannot_be_asked_for_is_refused_before_the_tunnel_is_up() {
    let config = format!("{KEYS}{PEER}Endpoint = 127.0.0.1:9\n");
    let refused = |arguments: &[&str]| one_line(&with_config(&config, arguments), 2).to_owned();

    assert!(refused(&["dns", "example.org"]).contains("no DNS server to ask"));
    assert!(refused(&["get", "ftp://example.org/"]).contains("only http:// and https://"));
    assert!(refused(&["get", "--json", "http://10.0.0.1/"]).contains("--json needs -o FILE"));
    assert!(refused(&["ping", "-6", "10.0.0.1"]).contains("no IPv6 address"));
    assert!(refused(&["get", "-H", "a b: c", "http://10.0.0.1/"]).contains("not a header"));
}

#[test]
fn values_out_of_range_are_usage_errors() {
    for arguments in [
        &["ping", "-n", "0", "10.0.0.1"][..],
        &["ping", "-i", "0", "10.0.0.1"],
        &["ping", "--ttl", "256", "10.0.0.1"],
        &["ping", "-s", "65536", "10.0.0.1"],
        &["ping", "-4", "-6", "10.0.0.1"],
        &["ping", "--timeout", "never", "10.0.0.1"],
        &["dns", "example.org", "AXFR"],
        &["dns", "--server", "ns.example.org", "example.org"],
        &["get", "-C", "-", "http://10.0.0.1/"],
        &["get", "-H", "no colon", "http://10.0.0.1/"],
        &["get", "--head", "-o", "file", "http://10.0.0.1/"],
    ] {
        let run = with_config(KEYS, arguments);
        assert_eq!(
            (run.status, run.stdout.as_str()),
            (Some(2), ""),
            "{arguments:?}"
        );
        assert!(run.stderr.starts_with("error: "), "{}", run.stderr);
    }
}
