//! The examples, each run against the demo's gateway.

#![expect(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;

use rustls::ServerConfig;
use rustls::pki_types::PrivateKeyDer;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::runtime::Runtime;
use tokio_rustls::TlsAcceptor;
use wirecraft_gateway::DemoGateway;

/// A gateway, and the configuration of its client in a file.
struct Gateway {
    runtime: Runtime,
    gateway: DemoGateway,
    config: String,
}

impl Gateway {
    fn start(name: &str) -> Self {
        let runtime = Runtime::new().unwrap();
        let gateway = runtime.block_on(DemoGateway::start()).unwrap();
        let config = file(&format!("{name}.conf"));
        std::fs::write(
            &config,
            gateway.client_config().to_text_with_secrets().as_bytes(),
        )
        .unwrap();
        Self {
            runtime,
            gateway,
            config: config.to_str().unwrap().to_owned(),
        }
    }
}

fn file(name: &str) -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join(name)
}

/// The program of an example: cargo builds it beside this test.
fn program(name: &str) -> Command {
    let test = std::env::current_exe().unwrap();
    let target = test.parent().unwrap().parent().unwrap();
    Command::new(target.join("examples").join(name))
}

/// Runs an example to its end and returns what it printed.
#[track_caller]
fn run(name: &str, arguments: &[&str]) -> String {
    let output = program(name).args(arguments).output().unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{errors}");
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn icmp_round_trip_tells_its_time() {
    let gateway = Gateway::start("example-icmp");
    let printed = run("icmp_round_trip", &[&gateway.config, "10.89.0.1"]);
    assert!(printed.starts_with("10.89.0.1 answered in "), "{printed}");
}

#[test]
fn dns_round_trip_finds_the_address() {
    let gateway = Gateway::start("example-dns");
    let printed = run(
        "dns_round_trip",
        &[&gateway.config, "10.89.0.1", "gateway.demo"],
    );
    assert!(printed.ends_with("\n10.89.0.1\n"), "{printed}");
}

#[test]
fn syn_scan_finds_the_open_ports() {
    let gateway = Gateway::start("example-scan");
    let printed = run("syn_scan", &[&gateway.config, "10.89.0.1", "1-100"]);
    for port in [7, 80] {
        let line = format!("10.89.0.1:{port} is open: syn-ack\n");
        assert!(printed.contains(&line), "{printed}");
    }
    assert_eq!(printed.lines().count(), 3, "{printed}");
}

#[test]
fn foreign_packets_are_answered() {
    let gateway = Gateway::start("example-foreign");
    let printed = run("foreign_packets", &[&gateway.config, "10.89.0.1"]);
    assert_eq!(printed, "10.89.0.1 answered 1: made by etherparse\n");
}

#[test]
fn server_serves_its_client() {
    let mut server = program("server").stdout(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(server.stdout.take().unwrap());
    let mut config = String::new();
    while !config.contains("Endpoint") {
        assert_ne!(lines.read_line(&mut config).unwrap(), 0, "{config}");
    }
    let path = file("example-server.conf");
    std::fs::write(&path, &config).unwrap();
    let printed = run("https", &[path.to_str().unwrap(), "http://10.44.0.1/"]);
    server.kill().unwrap();
    server.wait().unwrap();
    assert_eq!(printed, "200 OK\nhello\n");
}

#[test]
fn two_way_tcp_gets_back_what_it_sends() {
    let gateway = Gateway::start("example-tcp");
    let printed = run("two_way_tcp", &[&gateway.config, "10.89.0.1:7"]);
    assert_eq!(printed, "1000000 bytes there and 1000000 back, the same\n");
}

#[test]
fn https_trusts_the_certificate_it_is_told_to() {
    let gateway = Gateway::start("example-https");
    let made = rcgen::generate_simple_self_signed(["gateway.demo".to_owned()]).unwrap();
    let authority = file("example-https.pem");
    std::fs::write(&authority, made.cert.pem()).unwrap();
    let key = PrivateKeyDer::try_from(made.signing_key.serialize_der()).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![made.cert.der().clone()], key)
        .unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let tunnel = gateway.gateway.tunnel().clone();
    let listener = gateway.runtime.block_on(tunnel.tcp_listen(443)).unwrap();
    gateway.runtime.spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let Ok(mut stream) = acceptor.accept(stream).await else {
                continue;
            };
            let _ = stream.read(&mut [0; 1024]).await;
            let answer = b"HTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\nsecret\n";
            let _ = stream.write_all(answer).await;
            let _ = stream.shutdown().await;
        }
    });
    let page = "https://gateway.demo/";
    let printed = run(
        "https",
        &[&gateway.config, page, authority.to_str().unwrap()],
    );
    assert_eq!(printed, "200 OK\nsecret\n");
}

#[test]
fn ip_hopping_uses_every_exit_in_turn() {
    let exits = [
        Gateway::start("example-exit-1"),
        Gateway::start("example-exit-2"),
    ];
    let printed = run(
        "ip_hopping",
        &["10.89.0.1", &exits[0].config, &exits[1].config],
    );
    for exit in &exits {
        let line = format!("10.89.0.1 answered by way of {}\n", exit.config);
        assert_eq!(printed.matches(&line).count(), 3, "{printed}");
    }
}

#[test]
fn own_event_loop_gets_an_answer_without_tokio() {
    let gateway = Gateway::start("example-loop");
    let printed = run("own_event_loop", &[&gateway.config, "10.89.0.1"]);
    assert!(printed.starts_with("10.89.0.1 answered: "), "{printed}");
}
