//! `wirecraft forward` as a program: what it prints, and how it ends.

#![expect(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

mod program;

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpStream, UdpSocket};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use program::{run, wirecraft};
use wirecraft::config::Config;
use wirecraft_gateway::DemoGateway;

/// Writes a configuration where the program finds it.
fn write(config: &Config, name: &str) -> PathBuf {
    let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("{name}.conf"));
    fs::write(&path, config.to_text_with_secrets().as_bytes()).unwrap();
    path
}

fn stop(child: &Child) {
    let pid = child.id().to_string();
    let status = Command::new("kill").args(["-TERM", &pid]).status();
    assert!(status.unwrap().success());
}

#[test]
fn forwards_are_told_as_json_and_end_in_good_order() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let gateway = runtime.block_on(DemoGateway::start()).unwrap();
    let config = write(gateway.client_config(), "forward");
    let mut command = wirecraft(&["forward", "--json", "-L", "0:gateway.demo:80", "-R"]);
    command.args(["8000:127.0.0.1:9", "-q", "-c"]).arg(&config);
    let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
    let mut stdout = BufReader::new(child.stdout.take().unwrap());
    let mut line = String::new();
    stdout.read_line(&mut line).unwrap();
    let local: serde_json::Value = serde_json::from_str(&line).unwrap();
    assert_eq!(local["to"], "gateway.demo:80");

    let mut stream = TcpStream::connect(local["listen"].as_str().unwrap()).unwrap();
    stream
        .write_all(b"GET / HTTP/1.0\r\nHost: gateway.demo\r\n\r\n")
        .unwrap();
    let mut page = String::new();
    stream.read_to_string(&mut page).unwrap();
    assert!(
        page.ends_with("this page came through the tunnel.\n"),
        "{page}"
    );

    stop(&child);
    let mut rest = String::new();
    stdout.read_to_string(&mut rest).unwrap();
    assert!(
        rest.contains(
            r#"{"forward":"remote","protocol":"tcp","listen":"*:8000","to":"127.0.0.1:9"}"#
        ),
        "{rest}"
    );
    assert!(child.wait().unwrap().success());
}

#[test]
fn silent_tunnel_is_told_and_tried_further() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let gateway = runtime.block_on(DemoGateway::start()).unwrap();
    let mut config = gateway.client_config().clone();
    let nobody = UdpSocket::bind("127.0.0.1:0").unwrap();
    let endpoint = nobody.local_addr().unwrap().to_string();
    config.peers[0].endpoint = Some(endpoint.parse().unwrap());
    let config = write(&config, "forward-silent");
    let mut command = wirecraft(&["forward", "-L", "0:10.89.0.1:80", "--timeout", "0.2", "-c"]);
    command.arg(&config);
    let mut child = command.stderr(Stdio::piped()).spawn().unwrap();
    let mut stderr = BufReader::new(child.stderr.take().unwrap());
    let expected = format!("wirecraft: no answer from {endpoint}; still trying\n");
    let mut told = String::new();
    while !told.ends_with(&expected) {
        assert_ne!(stderr.read_line(&mut told).unwrap(), 0, "{told}");
    }
    stop(&child);
    assert!(child.wait().unwrap().success());
}

#[test]
fn what_is_no_forward_is_status_2() {
    for arguments in [&["-L", "80"][..], &["-R", "80:name.example:80"], &[]] {
        let mut command = wirecraft(&["forward", "-c", "missing.conf"]);
        command.args(arguments);
        let run = run(command, "").unwrap();
        assert_eq!((run.status, run.stdout.as_str()), (Some(2), ""));
        assert!(!run.stderr.is_empty(), "{arguments:?}");
    }
}
