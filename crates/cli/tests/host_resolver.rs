//! No command asks the resolver of the host for anything but names of endpoints.
//!
//! The test runs again inside network and mount namespaces of its own, whose only name server is the test itself.

#![cfg(target_os = "linux")]
#![expect(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

mod program;

use std::env;
use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpStream, UdpSocket};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use program::{Run, run, wirecraft};
use wirecraft::config::Config;
use wirecraft_gateway::DemoGateway;

/// Says that the namespaces are there.
const INSIDE: &str = "WIRECRAFT_TEST_INSIDE_NAMESPACES";

/// The one name that the host's resolver may be asked for.
const ENDPOINT_NAME: &str = "endpoint.test";

#[test]
fn names_inside_the_tunnel_never_reach_the_hosts_resolver() {
    if env::var_os(INSIDE).is_some() {
        return inside();
    }
    let unshare = || {
        let mut command = Command::new("unshare");
        command.args(["--user", "--map-root-user", "--net", "--mount"]);
        command
    };
    let may = unshare().arg("true").stderr(Stdio::null()).status();
    if !may.is_ok_and(|status| status.success()) {
        let told = "not tested: this system allows no namespaces\n";
        std::io::stderr().write_all(told.as_bytes()).unwrap();
        return;
    }
    let name = "names_inside_the_tunnel_never_reach_the_hosts_resolver";
    let mut again = unshare();
    again
        .arg(env::current_exe().unwrap())
        .args(["--exact", name, "--nocapture"]);
    let run = run_with(again.env(INSIDE, "1"));
    assert_eq!(run.status, Some(0), "{}{}", run.stdout, run.stderr);
    assert!(run.stdout.contains("1 passed"), "{}", run.stdout);
}

fn run_with(command: &mut Command) -> Run {
    let taken = std::mem::replace(command, Command::new("true"));
    run(taken, "").unwrap()
}

/// Names that somebody asked the host's resolver for.
type Asked = Arc<Mutex<Vec<String>>>;

fn inside() {
    shell("ip link set lo up");
    replace(
        "/etc/resolv.conf",
        "nameserver 127.0.0.1\noptions timeout:1 attempts:1\n",
    );
    replace("/etc/nsswitch.conf", "hosts: dns\n");
    replace("/etc/hosts", "");
    let asked = serve_names();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let gateway = runtime.block_on(DemoGateway::start()).unwrap();
    let config = write(gateway.client_config(), "resolver");

    for name in ["gateway.demo", "nowhere.demo"] {
        let expected = Some(i32::from(name == "nowhere.demo"));
        let page = format!("http://{name}/");
        for arguments in [
            &["ping", "-n", "1", name][..],
            &["dns", name],
            &["get", &page],
        ] {
            let run = run(with_config(arguments, &config), "").unwrap();
            assert_eq!(run.status, expected, "{arguments:?} {run:?}");
        }
    }
    use_forwards(&config);
    use_proxies(&config);
    assert_eq!(*asked.lock().unwrap(), Vec::<String>::new());

    // The name of an endpoint is asked for: the server hears what there is to hear.
    let mut named = gateway.client_config().clone();
    let port = named.peers[0].endpoint.as_ref().unwrap().port();
    named.peers[0].endpoint = Some(format!("{ENDPOINT_NAME}:{port}").parse().unwrap());
    let named = write(&named, "resolver-named");
    let run = run(
        with_config(&["ping", "-n", "1", "gateway.demo"], &named),
        "",
    )
    .unwrap();
    assert_eq!(run.status, Some(0), "{run:?}");
    let asked = asked.lock().unwrap();
    assert!(
        !asked.is_empty() && asked.iter().all(|name| name == ENDPOINT_NAME),
        "{asked:?}"
    );
}

fn shell(line: &str) {
    let status = Command::new("sh").args(["-c", line]).status().unwrap();
    assert!(status.success(), "{line}");
}

/// Puts a file over one of the host, for these namespaces alone; where there is none the library's default will do.
fn replace(path: &str, text: &str) {
    let Ok(target) = fs::canonicalize(path) else {
        return;
    };
    let name = path.replace('/', "-");
    let file = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("resolver{name}"));
    fs::write(&file, text).unwrap();
    shell(&format!(
        "mount --bind '{}' '{}'",
        file.display(),
        target.display()
    ));
}

fn write(config: &Config, name: &str) -> PathBuf {
    let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("{name}.conf"));
    fs::write(&path, config.to_text_with_secrets().as_bytes()).unwrap();
    path
}

fn with_config(arguments: &[&str], config: &Path) -> Command {
    let mut command = wirecraft(arguments);
    command.arg("-q").arg("-c").arg(config);
    command
}

/// Is the host's name server: knows the endpoint, and keeps what it was asked for.
fn serve_names() -> Asked {
    let asked = Asked::default();
    let socket = UdpSocket::bind("127.0.0.1:53").unwrap();
    let names = asked.clone();
    thread::spawn(move || {
        let mut query = [0; 1500];
        while let Ok((len, from)) = socket.recv_from(&mut query) {
            let (name, reply) = answer(&query[..len]);
            names.lock().unwrap().push(name);
            socket.send_to(&reply, from).unwrap();
        }
    });
    asked
}

/// The name that a query asks for, and the reply.
fn answer(query: &[u8]) -> (String, Vec<u8>) {
    const HEADER_LEN: usize = 12;
    let mut labels = Vec::new();
    let mut at = HEADER_LEN;
    while query[at] != 0 {
        let len = usize::from(query[at]);
        labels.push(String::from_utf8_lossy(&query[at + 1..at + 1 + len]).into_owned());
        at += 1 + len;
    }
    let question = &query[HEADER_LEN..at + 5];
    let name = labels.join(".");
    let is_a = question.ends_with(&[0, 1, 0, 1]);
    let (is_known, has_answer) = (name == ENDPOINT_NAME, name == ENDPOINT_NAME && is_a);
    let code = if is_known { 0x80 } else { 0x83 };
    let counts = [0, 1, 0, u8::from(has_answer), 0, 0, 0, 0];
    let mut reply = [&query[..2], &[0x81, code], &counts, question].concat();
    if has_answer {
        reply.extend([0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 1, 0, 4, 127, 0, 0, 1]);
    }
    (name, reply)
}

/// A command that serves until it is stopped, and where it listens.
struct Serving {
    child: Child,
    stdout: BufReader<std::process::ChildStdout>,
}

impl Serving {
    fn start(arguments: &[&str], config: &Path) -> Self {
        let mut command = with_config(arguments, config);
        let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
        let stdout = BufReader::new(child.stdout.take().unwrap());
        Self { child, stdout }
    }

    /// Where the next listener is, on IPv4.
    fn address(&mut self) -> String {
        loop {
            let mut line = String::new();
            assert_ne!(
                self.stdout.read_line(&mut line).unwrap(),
                0,
                "no further listener"
            );
            let line: serde_json::Value = serde_json::from_str(&line).unwrap();
            let listen = line["listen"].as_str().unwrap();
            if listen.starts_with("127.0.0.1:") {
                return listen.to_owned();
            }
        }
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Sends bytes, and reads whatever comes until the end.
fn talk(at: &str, bytes: &[u8]) -> String {
    let mut stream = TcpStream::connect(at).unwrap();
    stream.write_all(bytes).unwrap();
    let mut answer = Vec::new();
    // A reset ends it as well.
    let _ = stream.read_to_end(&mut answer);
    String::from_utf8_lossy(&answer).into_owned()
}

const GET: &str = "GET / HTTP/1.0\r\n\r\n";
const PAGE: &str = "came through the tunnel";

fn use_forwards(config: &Path) {
    let forwards = [
        "forward",
        "--json",
        "-L",
        "0:gateway.demo:80",
        "-L",
        "0:nowhere.demo:80",
        "-L",
        "0:gateway.demo:7/udp",
        "-R",
        "8000:localhost:9",
    ];
    let mut serving = Serving::start(&forwards, config);
    assert!(talk(&serving.address(), GET.as_bytes()).contains(PAGE));
    assert_eq!(talk(&serving.address(), GET.as_bytes()), "");
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    socket.connect(serving.address()).unwrap();
    socket
        .set_read_timeout(Some(Duration::from_secs(10)))
        .unwrap();
    socket.send(b"hello").unwrap();
    assert_eq!(socket.recv(&mut [0; 8]).unwrap(), 5);
}

fn use_proxies(config: &Path) {
    let mut serving = Serving::start(&["proxy", "--json", "--socks", "0", "--http", "0"], config);
    let (socks, http) = (serving.address(), serving.address());
    for (name, page) in [("gateway.demo", true), ("nowhere.demo", false)] {
        let port = [0, 80];
        let len = [u8::try_from(name.len()).unwrap()];
        let socks5 = [
            &[5, 1, 0, 5, 1, 0, 3][..],
            &len,
            name.as_bytes(),
            &port,
            GET.as_bytes(),
        ];
        let socks4 = [
            &[4, 1, 0, 80, 0, 0, 0, 1, 0][..],
            name.as_bytes(),
            &[0],
            GET.as_bytes(),
        ];
        assert_eq!(
            talk(&socks, &socks5.concat()).contains(PAGE),
            page,
            "SOCKS5 {name}"
        );
        assert_eq!(
            talk(&socks, &socks4.concat()).contains(PAGE),
            page,
            "SOCKS4a {name}"
        );
        let get = format!("GET http://{name}/ HTTP/1.0\r\n\r\n");
        let connect = format!("CONNECT {name}:80 HTTP/1.1\r\n\r\n{GET}");
        assert_eq!(
            talk(&http, get.as_bytes()).contains(PAGE),
            page,
            "HTTP {name}"
        );
        assert_eq!(
            talk(&http, connect.as_bytes()).contains(PAGE),
            page,
            "CONNECT {name}"
        );
    }
}
