//! `wirecraft proxy` as a program: several exits, and a directory of them.

#![expect(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

mod program;

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use program::{run, wirecraft};
use tokio::runtime::Runtime;
use wirecraft_gateway::DemoGateway;

/// Starts a gateway and writes its client's configuration into a directory.
fn exit(runtime: &Runtime, directory: &Path, name: &str) -> DemoGateway {
    let gateway = runtime.block_on(DemoGateway::start()).unwrap();
    let config = gateway.client_config().to_text_with_secrets();
    fs::write(
        directory.join(name).with_extension("conf"),
        config.as_bytes(),
    )
    .unwrap();
    gateway
}

/// An empty directory.
fn directory(name: &str) -> PathBuf {
    let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name);
    let _ = fs::remove_dir_all(&path);
    fs::create_dir_all(&path).unwrap();
    path
}

struct Serving {
    child: Child,
    stderr: BufReader<std::process::ChildStderr>,
    told: String,
}

impl Serving {
    fn start(command: &mut Command) -> Self {
        let mut child = command.stderr(Stdio::piped()).spawn().unwrap();
        let stderr = BufReader::new(child.stderr.take().unwrap());
        Self {
            child,
            stderr,
            told: String::new(),
        }
    }

    /// Waits for a line that holds `text`.
    fn wait_for(&mut self, text: &str) -> String {
        loop {
            let mut line = String::new();
            assert_ne!(
                self.stderr.read_line(&mut line).unwrap(),
                0,
                "{}",
                self.told
            );
            self.told.push_str(&line);
            if line.contains(text) {
                return line.trim_end().to_owned();
            }
        }
    }

    fn stop(mut self) {
        let pid = self.child.id().to_string();
        Command::new("kill").args(["-TERM", &pid]).status().unwrap();
        assert!(self.child.wait().unwrap().success());
    }
}

/// Fetches the gateway's page through the HTTP proxy.
fn page(http: &str, user: &str) -> String {
    let mut stream = TcpStream::connect(http).unwrap();
    let request =
        format!("GET http://gateway.demo/ HTTP/1.0\r\nProxy-Authorization: Basic {user}\r\n\r\n");
    stream.write_all(request.as_bytes()).unwrap();
    let mut page = String::new();
    stream.read_to_string(&mut page).unwrap();
    page
}

#[test]
fn directory_of_exits_is_served_and_followed() {
    let runtime = Runtime::new().unwrap();
    let exits = directory("proxy-exits");
    let _oslo = exit(&runtime, &exits, "oslo");
    fs::write(exits.join("broken.conf"), "[Interface]\n").unwrap();
    let mut command = wirecraft(&["proxy", "-v", "--http", "0", "--rotate", "sticky", "-c"]);
    let mut serving = Serving::start(command.arg(&exits));
    serving.wait_for("exit broken is left out: ");
    let line = serving.wait_for("http proxy on ");
    let http = line.rsplit(' ').next().unwrap().to_owned();
    serving.wait_for("oslo");
    let _zurich = exit(&runtime, &exits, "zurich");
    serving.wait_for("exit zurich is up (2 of 2 up)");
    // `zurich:` pins that exit.
    assert!(page(&http, "enVyaWNoOg==").contains("through the tunnel"));
    serving.wait_for("exit=zurich status=200");
    fs::remove_file(exits.join("zurich.conf")).unwrap();
    serving.wait_for("exit zurich is gone");
    assert!(page(&http, "enVyaWNoOg==").contains("through the tunnel"));
    serving.wait_for("exit=oslo status=200");
    serving.stop();
}

#[test]
fn password_is_asked_for_where_there_are_users() {
    let runtime = Runtime::new().unwrap();
    let exits = directory("proxy-users");
    let _gateway = exit(&runtime, &exits, "one");
    let users = exits.join("users");
    fs::write(&users, "# who may\nme:secret\n").unwrap();
    let mut command = wirecraft(&["proxy", "--http", "0", "--metrics", "0", "--auth-file"]);
    command.arg(&users).arg("-c").arg(exits.join("one.conf"));
    let mut serving = Serving::start(&mut command);
    let line = serving.wait_for("http proxy on ");
    let http = line.rsplit(' ').next().unwrap().to_owned();
    let line = serving.wait_for("metrics on ");
    let metrics = line.rsplit(' ').next().unwrap().to_owned();
    serving.wait_for("the tunnel is up");
    assert!(page(&http, "bWU6cHVibGlj").contains(" 407 "));
    assert!(page(&http, "bWU6c2VjcmV0").contains("through the tunnel"));
    // `me+word:secret`: the word keeps an exit.
    assert!(page(&http, "bWUrd29yZDpzZWNyZXQ=").contains("through the tunnel"));
    let mut stream = TcpStream::connect(metrics).unwrap();
    stream.write_all(b"GET /metrics HTTP/1.0\r\n\r\n").unwrap();
    let mut counted = String::new();
    stream.read_to_string(&mut counted).unwrap();
    for line in [
        "wirecraft_proxy_connections_total 2",
        "wirecraft_proxy_unauthorised_total 1",
        "wirecraft_exit_up{exit=\"one\"} 1",
        "wirecraft_exit_connections_total{exit=\"one\"} 2",
    ] {
        assert!(counted.lines().any(|counted| counted == line), "{counted}");
    }
    serving.stop();
}

#[test]
fn what_cannot_be_served_is_status_2() {
    let runtime = Runtime::new().unwrap();
    let exits = directory("proxy-calls");
    let _gateway = exit(&runtime, &exits, "one");
    let empty = directory("proxy-empty");
    let config = exits
        .join("one.conf")
        .into_os_string()
        .into_string()
        .unwrap();
    let empty = empty.to_str().unwrap();
    for (arguments, expected) in [
        (&["--socks", "0.0.0.0:0", "-c", &config][..], "--open"),
        (&["--socks", "host:1080", "-c", &config], "ADDRESS:PORT"),
        (&["--socks", "0", "-c", empty], "no usable .conf file"),
        (&["--socks", "0", "-c", &config, "-c", &config], "already"),
        (
            &["--socks", "0", "--rotate", "often", "-c", &config],
            "sticky",
        ),
        (&["-c", &config], "--socks"),
    ] {
        let run = run(wirecraft(&[&["proxy"], arguments].concat()), "").unwrap();
        assert_eq!(run.status, Some(2), "{run:?}");
        assert!(run.stderr.contains(expected), "{run:?}");
    }
}
