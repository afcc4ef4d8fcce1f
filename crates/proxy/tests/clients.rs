//! Programs of others as clients of the proxies: curl, and PySocks for datagrams. Those that are not installed are passed
//! over, and it says so.
#![expect(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

use std::io::Write;
use std::net::SocketAddr;
use std::process::{Command, Stdio};
use std::time::Duration;

use tokio::time::timeout;
use wirecraft::{PoolOptions, Tunnel, TunnelPool};
use wirecraft_gateway::DemoGateway;
use wirecraft_proxy::{HostAddress, Proxy, ProxyOptions, ProxyUser};

/// How long a program may take.
const DEADLINE: Duration = Duration::from_secs(60);

struct Running {
    _gateway: DemoGateway,
    proxy: Proxy,
}

async fn start() -> Running {
    let gateway = DemoGateway::start().await.unwrap();
    let tunnel = Tunnel::connect(gateway.client_config().clone())
        .await
        .unwrap();
    let pool = TunnelPool::new(PoolOptions::default());
    pool.add_tunnel("one", tunnel).unwrap();
    let mut options = ProxyOptions::default();
    options.users = vec![ProxyUser {
        name: "me".to_owned(),
        password: "secret".to_owned(),
    }];
    Running {
        _gateway: gateway,
        proxy: Proxy::new(pool, options),
    }
}

fn any() -> HostAddress {
    "0".parse().unwrap()
}

fn ip(address: HostAddress) -> SocketAddr {
    match address {
        HostAddress::Ip(address) => address,
        HostAddress::Unix(path) => panic!("{}", path.display()),
    }
}

/// Whether a program is there.
fn is_there(program: &str, arguments: &[&str]) -> bool {
    let mut command = Command::new(program);
    let status = command
        .args(arguments)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    let is_there = status.is_ok_and(|status| status.success());
    if !is_there {
        let told = format!("not tested: {program} {arguments:?} is not there\n");
        std::io::stderr().write_all(told.as_bytes()).unwrap();
    }
    is_there
}

/// Runs a program; returns its exit status and what it printed.
async fn run(mut command: Command) -> (Option<i32>, String) {
    let running = tokio::task::spawn_blocking(move || command.output().unwrap());
    let output = timeout(DEADLINE, running).await.unwrap().unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    (output.status.code(), text)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn curl_fetches_by_socks_and_by_http() {
    if !is_there("curl", &["--version"]) {
        return;
    }
    let mut running = start().await;
    let socks = ip(running.proxy.socks(&any()).unwrap());
    let http = ip(running.proxy.http(&any()).unwrap());
    let curl = |arguments: &[&str], user: &str, url: &str| {
        let mut command = Command::new("curl");
        command.args(["-s", "-q", "--noproxy", "", "--proxy-user", user]);
        command.args(arguments).arg(url);
        run(command)
    };
    let page = "http://gateway.demo/";
    let (socks, http) = (socks.to_string(), http.to_string());
    for arguments in [
        &["--socks5-hostname", &socks][..],
        &["-x", &http],
        &["-p", "-x", &http],
    ] {
        for user in ["me:secret", "me+one:secret", "me+word:secret"] {
            let (status, text) = curl(arguments, user, page).await;
            assert_eq!(status, Some(0), "{arguments:?}");
            assert!(text.contains("came through the tunnel"), "{text}");
        }
        let (_, text) = curl(arguments, "me:wrong", page).await;
        assert!(!text.contains("came through the tunnel"), "{arguments:?}");
    }
    // 97: the proxy said no (of SOCKS); 56: of CONNECT.
    let refused = "http://gateway.demo:81/";
    let (status, _) = curl(&["--socks5-hostname", &socks], "me:secret", refused).await;
    assert_eq!(status, Some(97));
    let (status, _) = curl(&["-p", "-x", &http], "me:secret", refused).await;
    assert_eq!(status, Some(56));
}

/// Sends datagrams of several lengths through an association and expects each back.
const DATAGRAMS: &str = r#"
import socket, socks, sys
sender = socks.socksocket(socket.AF_INET, socket.SOCK_DGRAM)
sender.set_proxy(socks.SOCKS5, "127.0.0.1", int(sys.argv[1]), username="me", password="secret")
sender.settimeout(20)
for length in (0, 1, 100, 1400, 9000):
    sent = bytes(range(256)) * (length // 256 + 1)
    sender.sendto(sent[:length], ("10.89.0.1", 7))
    received, source = sender.recvfrom(65535)
    assert received == sent[:length] and source == ("10.89.0.1", 7), (length, source)
print("all came back")
"#;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pysocks_sends_datagrams_through_an_association() {
    let python = ["python3", "/usr/bin/python3"]
        .into_iter()
        .find(|python| is_there(python, &["-c", "import socks"]));
    let Some(python) = python else { return };
    let mut running = start().await;
    let socks = ip(running.proxy.socks(&any()).unwrap());
    let mut command = Command::new(python);
    command.args(["-c", DATAGRAMS, &socks.port().to_string()]);
    let (_, text) = run(command).await;
    assert_eq!(text.trim(), "all came back");
}
