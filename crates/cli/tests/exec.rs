//! `wirecraft exec` as a program: what runs inside sees of the tunnel and of nothing else.

#![cfg(target_os = "linux")]
#![expect(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

mod program;

use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::path::PathBuf;
use std::process::{Command, Stdio};

use program::{Run, run, wirecraft};
use tokio::runtime::Runtime;
use wirecraft_gateway::DemoGateway;

/// A gateway, and the file of a client's configuration.
struct Scene {
    _runtime: Runtime,
    _gateway: DemoGateway,
    config: PathBuf,
}

impl Scene {
    fn new(name: &str) -> Self {
        let runtime = Runtime::new().unwrap();
        let gateway = runtime.block_on(DemoGateway::start()).unwrap();
        let config = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("{name}.conf"));
        let text = gateway.client_config().to_text_with_secrets();
        fs::write(&config, text.as_bytes()).unwrap();
        Self {
            _runtime: runtime,
            _gateway: gateway,
            config,
        }
    }

    fn command(&self, program: &[&str]) -> Command {
        let mut command = wirecraft(&["exec", "-q", "-c"]);
        command.arg(&self.config).arg("--").args(program);
        command
    }

    /// Runs a shell inside. `None` where this system forbids namespaces or interfaces, and the program said
    /// which of its settings does.
    fn shell(&self, script: &str) -> Option<Run> {
        let run = run(self.command(&["sh", "-c", script]), "").unwrap();
        let forbidden = run.status == Some(2) && run.stderr.starts_with("wirecraft: ");
        if forbidden {
            let told = [
                "no namespaces for the program",
                "could not open the interface",
            ];
            assert!(
                told.iter().any(|told| run.stderr.contains(told)),
                "{}",
                run.stderr
            );
        }
        (!forbidden).then_some(run)
    }
}

#[test]
fn exit_status_is_that_of_the_program() {
    let scene = Scene::new("exec-status");
    for (script, status) in [("exit 42", 42), ("exit 0", 0), ("kill -KILL $$", 137)] {
        let Some(run) = scene.shell(script) else {
            return;
        };
        assert_eq!(
            (run.status, run.stderr.as_str()),
            (Some(status), ""),
            "{script}"
        );
    }
    let missing = run(scene.command(&["/nonexistent/program"]), "").unwrap();
    assert_eq!(missing.status, Some(127));
    assert!(
        missing.stderr.contains("/nonexistent/program"),
        "{}",
        missing.stderr
    );
}

#[test]
fn names_and_routes_are_those_of_the_tunnel_alone() {
    let scene = Scene::new("exec-names");
    let script = "getent hosts gateway.demo; cat /etc/resolv.conf; cat /proc/net/route";
    let Some(run) = scene.shell(script) else {
        return;
    };
    let servers: Vec<&str> = run
        .stdout
        .lines()
        .filter(|line| line.starts_with("nameserver "))
        .collect();
    assert_eq!(servers, ["nameserver 10.89.0.1", "nameserver fd89::1"]);
    let has_address = |line: &str| line.starts_with("10.89.0.1") || line.starts_with("fd89::1");
    assert!(run.stdout.lines().any(has_address), "{}", run.stdout);
    let routes = run
        .stdout
        .lines()
        .skip_while(|line| !line.starts_with("Iface"));
    assert!(
        routes.skip(1).all(|line| line.starts_with("wg0")),
        "{}",
        run.stdout
    );
}

#[test]
fn nothing_listens_inside_that_listens_on_the_host() {
    let scene = Scene::new("exec-host");
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    // In the table of sockets a port is hexadecimal.
    let script = format!("grep -c ':{port:04X} ' /proc/net/tcp; ls /run/systemd/resolve /run/dbus");
    let Some(run) = scene.shell(&script) else {
        return;
    };
    assert!(run.stdout.starts_with("0\n"), "{}", run.stdout);
    assert!(!run.stdout.contains("socket"), "{}", run.stdout);
}

#[test]
fn signal_to_end_reaches_the_program() {
    assert_passed_on("exec-signal", "TERM");
}

#[test]
fn interrupt_that_nobody_typed_reaches_the_program() {
    assert_passed_on("exec-interrupt", "INT");
}

/// A signal that is sent to wirecraft alone, which has no terminal, ends the program in the program's own way.
fn assert_passed_on(scene: &str, name: &str) {
    let scene = Scene::new(scene);
    let script =
        format!("trap 'echo ended; exit 7' {name}; echo ready; while :; do sleep 0.05; done");
    let mut command = Command::new("setsid");
    let program = scene.command(&["sh", "-c", &script]);
    command.arg(program.get_program()).args(program.get_args());
    let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
    let mut stdout = BufReader::new(child.stdout.take().unwrap());
    let mut line = String::new();
    if stdout.read_line(&mut line).unwrap() == 0 {
        // Forbidden here; that it is told is the other tests' matter.
        assert_eq!(child.wait().unwrap().code(), Some(2));
        return;
    }
    let pid = child.id().to_string();
    let killed = Command::new("kill")
        .args([format!("-{name}"), pid])
        .status();
    assert!(killed.unwrap().success());
    let mut rest = String::new();
    stdout.read_to_string(&mut rest).unwrap();
    assert_eq!(rest, "ended\n");
    assert_eq!(child.wait().unwrap().code(), Some(7));
}

#[test]
fn configuration_without_address_is_status_2() {
    let text = "[Interface]\nPrivateKey = yAnz5TF+lXXJte14tji3zlMNq+hd2rYUIgJBgB3fBmk=\n";
    let run = run(wirecraft(&["exec", "-c", "-", "--", "true"]), text).unwrap();
    assert_eq!((run.status, run.stdout.as_str()), (Some(2), ""));
    assert!(run.stderr.contains("no Address"), "{}", run.stderr);
}
