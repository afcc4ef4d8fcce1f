//! Commands through a real tunnel on loopback, to a peer in this process that answers pings, DNS and HTTP.

#![expect(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

mod program;

use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::path::PathBuf;
use std::process::{Command, Stdio};

use program::{Run, run, wirecraft};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::runtime::Runtime;
use wirecraft::config::{Config, PeerConfig};
use wirecraft::{PrivateKey, SystemEntropy, Tunnel, UdpSocket};

const PAGE: &str = "0123456789";

/// A peer, and the configuration of a client for it.
///
/// It serves one run: of two initiations within 17 ms, the resolution of their timestamps, it takes one for a replay.
struct Peer {
    _runtime: Runtime,
    config: PathBuf,
}

impl Peer {
    fn start(name: &str) -> Self {
        let runtime = Runtime::new().unwrap();
        let mut rng = SystemEntropy::default();
        let [own, theirs] = [(); 2].map(|()| PrivateKey::generate(&mut rng));
        let mut client = Config::new(theirs.clone());
        let mut server = PeerConfig::new(own.public_key());
        let port = runtime.block_on(serve(own, &theirs));
        server.endpoint = Some(format!("127.0.0.1:{port}").parse().unwrap());
        server.allowed_ips = vec![
            "10.77.0.0/24".parse().unwrap(),
            "fd77::/64".parse().unwrap(),
        ];
        client.interface.addresses = vec![
            "10.77.0.2/32".parse().unwrap(),
            "fd77::2/128".parse().unwrap(),
        ];
        client.interface.dns.servers = vec!["10.77.0.1".parse().unwrap()];
        client.peers.push(server);
        let config = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("{name}.conf"));
        fs::write(&config, client.to_text_with_secrets().as_bytes()).unwrap();
        Self {
            _runtime: runtime,
            config,
        }
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = wirecraft(arguments);
        command.arg("-q").arg("-c").arg(&self.config);
        command
    }

    fn run(self, arguments: &[&str]) -> Run {
        run(self.command(arguments), "").unwrap()
    }
}

/// Starts the peer and its services; returns its UDP port.
async fn serve(own: PrivateKey, theirs: &PrivateKey) -> u16 {
    let mut config = Config::new(own);
    config.interface.addresses = vec![
        "10.77.0.1/24".parse().unwrap(),
        "fd77::1/64".parse().unwrap(),
    ];
    let mut client = PeerConfig::new(theirs.public_key());
    client.allowed_ips = vec![
        "10.77.0.2/32".parse().unwrap(),
        "fd77::2/128".parse().unwrap(),
    ];
    config.peers.push(client);
    let tunnel = Tunnel::listen(config).await.unwrap();
    tokio::spawn(serve_dns(tunnel.udp_bind(53).await.unwrap()));
    tokio::spawn(serve_http(tunnel.clone()));
    tunnel.status().await.unwrap().listen_port
}

/// Answers every question with 10.77.0.1 for an A record, and with nothing for others.
async fn serve_dns(socket: UdpSocket) {
    let mut buffer = [0; 1500];
    while let Ok(query) = socket.recv_from(&mut buffer).await {
        let reply = dns_reply(&buffer[..query.len]);
        socket.send_to(&reply, query.from).await.unwrap();
    }
}

fn dns_reply(query: &[u8]) -> Vec<u8> {
    const HEADER_LEN: usize = 12;
    const TYPE_A: [u8; 2] = [0, 1];
    let name_len = query[HEADER_LEN..]
        .iter()
        .position(|byte| *byte == 0)
        .unwrap()
        + 1;
    let question = &query[HEADER_LEN..HEADER_LEN + name_len + 4];
    let is_a = question[name_len..].starts_with(&TYPE_A);
    // The identifier, "a response, recursion available", one question, one answer or none.
    let mut reply = [
        &query[..2],
        &[0x81, 0x80, 0, 1, 0, u8::from(is_a), 0, 0, 0, 0],
        question,
    ]
    .concat();
    if is_a {
        // The name of the question, A, IN, 60 seconds, four bytes.
        reply.extend([0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4, 10, 77, 0, 1]);
    }
    reply
}

/// Serves [`PAGE`] at `/page`, from where a range starts.
async fn serve_http(tunnel: Tunnel) {
    let listener = tunnel.tcp_listen(80).await.unwrap();
    while let Ok((mut stream, _)) = listener.accept().await {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(stream.read_u8().await.unwrap());
        }
        let answer = http_answer(&String::from_utf8(head).unwrap());
        stream.write_all(answer.as_bytes()).await.unwrap();
        stream.shutdown().await.unwrap();
    }
}

fn http_answer(head: &str) -> String {
    let range = head
        .lines()
        .find_map(|line| line.strip_prefix("range: bytes=")?.strip_suffix('-'));
    let start: usize = range.map_or(0, |start| start.parse().unwrap());
    let body = if head.starts_with("HEAD") {
        ""
    } else {
        &PAGE[start..]
    };
    match head.split(' ').nth(1) {
        Some("/page") if start > 0 => format!(
            "HTTP/1.1 206 Partial Content\r\nContent-Range: bytes {start}-9/10\r\nContent-Length: {}\r\n\r\n{body}",
            PAGE.len() - start
        ),
        Some("/page") => format!("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n{body}"),
        _ => "HTTP/1.1 404 Not Found\r\nContent-Length: 5\r\n\r\nnone\n".to_owned(),
    }
}

fn fields(run: &Run) -> (Option<i32>, &str, &str) {
    (run.status, &run.stdout, &run.stderr)
}

#[test]
fn ping_prints_replies_and_statistics() {
    for (host, arguments) in [
        ("10.77.0.1", &["-4"][..]),
        ("fd77::1", &["-6", "-s", "1000", "--ttl", "9"]),
    ] {
        let run = Peer::start(&format!("ping{}", arguments[0]))
            .run(&[&["ping", "-n", "2", "-i", "0.01", host], arguments].concat());
        assert_eq!(
            (run.status, run.stderr.as_str()),
            (Some(0), ""),
            "{}",
            run.stdout
        );
        let lines: Vec<&str> = run.stdout.lines().collect();
        assert!(
            lines[0].starts_with(&format!("PING {host} ({host}) ")),
            "{}",
            run.stdout
        );
        assert!(
            lines[1].contains(&format!(" bytes from {host}: icmp_seq=1 ttl=64 time=")),
            "{}",
            run.stdout
        );
        assert!(
            run.stdout
                .contains("2 packets transmitted, 2 received, 0% packet loss"),
            "{}",
            run.stdout
        );
    }
}

#[test]
fn ping_by_name_looks_it_up_through_the_tunnel() {
    let run = Peer::start("ping-name").run(&["ping", "-n", "1", "gate.test"]);
    assert!(
        run.stdout
            .starts_with("PING gate.test (10.77.0.1) 56(84) bytes"),
        "{run:?}"
    );
}

#[test]
fn environment_says_what_encrypts_batches_of_packets() {
    for path in ["single", "avx2"] {
        let peer = Peer::start("aead");
        let mut command = wirecraft(&["-vv", "ping", "10.77.0.1", "-n", "1", "-c"]);
        command.arg(&peer.config).env("WIRECRAFT_AEAD", path);
        let run = run(command, "").unwrap();
        let path = path.parse::<wirecraft::AeadPath>().unwrap().or_below();
        let line = format!("batches are encrypted path={path}");
        assert_eq!(run.status, Some(0), "{}", run.stderr);
        assert!(run.stderr.contains(&line), "{}", run.stderr);
    }
}

#[test]
fn ping_prints_one_object_a_line() {
    let run = Peer::start("ping-json").run(&["ping", "-n", "1", "--json", "10.77.0.1"]);
    let lines: Vec<serde_json::Value> = run
        .stdout
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(
        (lines.len(), &lines[0]["from"], &lines[0]["icmp_seq"]),
        (2, &"10.77.0.1".into(), &1.into())
    );
    assert_eq!(
        (&lines[1]["received"], &lines[1]["loss_percent"]),
        (&1.into(), &0.0.into())
    );
}

#[test]
fn destination_outside_allowed_ips_is_an_error_of_its_own() {
    let ping = Peer::start("ping-outside").run(&["ping", "-n", "1", "192.0.2.1"]);
    let get = Peer::start("get-outside").run(&["get", "http://192.0.2.1/"]);
    for run in [ping, get] {
        assert_eq!(run.status, Some(2), "{run:?}");
        assert!(run.stderr.contains("allowed IPs"), "{}", run.stderr);
    }
}

#[test]
fn dns_server_outside_allowed_ips_is_named() {
    let run = Peer::start("dns-outside").run(&["dns", "gate.test", "--server", "192.0.2.53"]);
    let message = "wirecraft: gate.test: the DNS server cannot be reached: \
                   no peer's allowed IPs cover 192.0.2.53\n";
    assert_eq!(fields(&run), (Some(1), "", message));
}

#[cfg(unix)]
#[test]
fn interrupted_ping_sums_up() {
    let peer = Peer::start("interrupt");
    let mut command = peer.command(&["ping", "-i", "0.01", "10.77.0.1"]);
    let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
    let mut stdout = BufReader::new(child.stdout.take().unwrap());
    let mut text = String::new();
    while !text.contains("icmp_seq=2 ") {
        assert_ne!(stdout.read_line(&mut text).unwrap(), 0, "{text}");
    }
    Command::new("kill")
        .args(["-INT", &child.id().to_string()])
        .status()
        .unwrap();
    stdout.read_to_string(&mut text).unwrap();

    assert!(child.wait().unwrap().success());
    assert!(text.contains("--- 10.77.0.1 ping statistics ---"), "{text}");
}

#[test]
fn dns_prints_records_as_text_and_as_json() {
    let text = Peer::start("dns").run(&["dns", "gate.test"]);
    assert_eq!(
        fields(&text),
        (Some(0), "gate.test.\t60\tIN\tA\t10.77.0.1\n", "")
    );
    let json =
        Peer::start("dns-json").run(&["dns", "gate.test", "A", "--json", "--server", "fd77::1"]);
    let line = "{\"name\":\"gate.test.\",\"ttl\":60,\"type\":\"A\",\"data\":\"10.77.0.1\"}\n";
    assert_eq!(fields(&json), (Some(0), line, ""));
}

#[test]
fn record_that_is_not_there_is_status_1() {
    let run = Peer::start("dns-none").run(&["dns", "gate.test", "MX"]);
    assert_eq!(
        fields(&run),
        (
            Some(1),
            "",
            "wirecraft: gate.test: no record of this type\n"
        )
    );
}

#[test]
fn page_goes_to_standard_output_and_is_found_by_name() {
    let run = Peer::start("get").run(&["get", "gate.test/page"]);
    assert_eq!(fields(&run), (Some(0), PAGE, ""));
}

#[test]
fn head_prints_status_and_headers() {
    let run = Peer::start("head").run(&["get", "--head", "http://10.77.0.1/page"]);
    assert_eq!(
        fields(&run),
        (Some(0), "HTTP/1.1 200 OK\ncontent-length: 10\n", "")
    );
}

#[test]
fn refusal_of_the_server_is_status_1_and_leaves_the_file_alone() {
    let peer = Peer::start("refused");
    let file = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("refused.txt");
    fs::write(&file, "mine").unwrap();
    let run = peer.run(&[
        "get",
        "-o",
        file.to_str().unwrap(),
        "http://10.77.0.1/other",
    ]);

    let message = "wirecraft: http://10.77.0.1/other: the server answered 404 Not Found\n";
    assert_eq!(fields(&run), (Some(1), "", message));
    assert_eq!(fs::read_to_string(&file).unwrap(), "mine");
}

#[test]
fn refused_connection_is_status_1() {
    let run = Peer::start("closed-port").run(&["get", "http://10.77.0.1:81/"]);
    assert_eq!((run.status, run.stdout.as_str()), (Some(1), ""), "{run:?}");
    assert!(
        run.stderr
            .starts_with("wirecraft: 10.77.0.1:81: cannot connect: "),
        "{}",
        run.stderr
    );
}

#[test]
fn file_is_continued_where_it_ends() {
    let peer = Peer::start("continue");
    let file = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("continued.txt");
    fs::write(&file, &PAGE[..4]).unwrap();
    let run = peer.run(&[
        "get",
        "--json",
        "-C",
        "-",
        "-o",
        file.to_str().unwrap(),
        "http://10.77.0.1/page",
    ]);

    let line: serde_json::Value = serde_json::from_str(&run.stdout).unwrap();
    assert_eq!(
        (run.status, &line["status"], &line["bytes"]),
        (Some(0), &206.into(), &6.into())
    );
    assert_eq!(fs::read_to_string(&file).unwrap(), PAGE);
}
