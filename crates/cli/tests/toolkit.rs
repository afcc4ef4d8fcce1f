//! Scans, packets of one's own, traces and diagnoses, against the demo's gateway.

#![expect(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

mod program;

use std::collections::BTreeSet;
use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::net::UdpSocket;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use program::{Run, run, wirecraft};
use serde_json::Value;

/// A running `demo --stay`, and the configuration of its client.
struct Gateway {
    child: Child,
    config: PathBuf,
}

impl Gateway {
    fn start(name: &str) -> Self {
        let mut command = wirecraft(&["demo", "--stay"]);
        let mut child = command
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut text = String::new();
        let mut lines = BufReader::new(child.stdout.take().unwrap());
        while !(text.contains("Endpoint") && text.contains("AllowedIPs")) {
            assert_ne!(lines.read_line(&mut text).unwrap(), 0, "{text}");
        }
        let config = file(&format!("{name}.conf"));
        fs::write(&config, text).unwrap();
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            fs::set_permissions(&config, fs::Permissions::from_mode(0o600)).unwrap();
        }
        Self { child, config }
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let (name, rest) = arguments.split_first().unwrap();
        let mut command = wirecraft(&[name, "-c", self.config.to_str().unwrap()]);
        command.args(rest);
        command
    }

    fn run(&self, arguments: &[&str]) -> Run {
        run(self.command(arguments), "").unwrap()
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A file of this run of the tests, which is not there yet.
fn file(name: &str) -> PathBuf {
    let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name);
    let _ = fs::remove_file(&path);
    path
}

fn json(text: &str) -> Vec<Value> {
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

fn ports(rows: &[Value], state: &str) -> BTreeSet<u64> {
    let rows = rows.iter().filter(|row| row["state"] == state);
    rows.map(|row| row["port"].as_u64().unwrap()).collect()
}

#[test]
fn scan_tells_open_ports_and_all_others_if_asked() {
    let gateway = Gateway::start("scan");
    for host in ["10.89.0.1", "fd89::1"] {
        let open = gateway.run(&["scan", host, "-p", "1-100", "--rate", "5k", "--json"]);
        assert_eq!(open.status, Some(0), "{}", open.stderr);
        let rows = json(&open.stdout);
        assert_eq!(ports(&rows, "open"), [7, 80].into(), "{}", open.stdout);
        assert_eq!((rows.len(), &rows[0]["reason"]), (2, &"syn-ack".into()));
        assert!(
            open.stderr
                .contains("100 targets: 2 open, 98 closed, 0 without"),
            "{}",
            open.stderr
        );
        let all = gateway.run(&[
            "scan", host, "-p", "1-100", "--rate", "5k", "--all", "--json",
        ]);
        let rows = json(&all.stdout);
        assert_eq!((rows.len(), ports(&rows, "closed").len()), (100, 98));
    }
}

#[test]
fn scan_by_udp_ack_and_ping_tells_what_each_can() {
    let gateway = Gateway::start("scan-methods");
    let udp = gateway.run(&[
        "scan",
        "10.89.0.1",
        "-p",
        "7,9,53",
        "--udp",
        "--all",
        "--json",
    ]);
    let rows = json(&udp.stdout);
    assert_eq!(ports(&rows, "open"), [7, 53].into(), "{}", udp.stdout);
    assert_eq!(ports(&rows, "closed"), [9].into());
    let ack = gateway.run(&["scan", "10.89.0.1", "-p", "80-81", "--ack", "--json"]);
    assert_eq!(
        ports(&json(&ack.stdout), "unfiltered"),
        [80, 81].into(),
        "{}",
        ack.stdout
    );
    let ping = gateway.run(&[
        "scan",
        "10.89.0.0/30",
        "--ping",
        "--json",
        "--retries",
        "0",
        "--wait",
        "0.5",
    ]);
    let rows = json(&ping.stdout);
    assert_eq!(
        (rows.len(), &rows[0]["address"], &rows[0]["state"]),
        (1, &"10.89.0.1".into(), &"up".into())
    );
}

#[test]
fn scan_writes_every_form_to_a_file() {
    let gateway = Gateway::start("scan-forms");
    for (format, words) in [
        ("text", "10.89.0.1:80/tcp"),
        ("ndjson", "\"port\":80,"),
        ("json", "\"port\":80,"),
        ("xml", "portid=\"80\"><state state=\"open\""),
        ("grepable", "Ports: 80/open/tcp//"),
        ("csv", "10.89.0.1,80,tcp,open,syn-ack,"),
    ] {
        let path = file(&format!("found.{format}"));
        let out = path.to_str().unwrap();
        let run = gateway.run(&[
            "scan",
            "10.89.0.1",
            "-p",
            "79-81",
            "--format",
            format,
            "-o",
            out,
        ]);
        assert_eq!(
            (run.status, run.stdout.as_str()),
            (Some(0), ""),
            "{}",
            run.stderr
        );
        let text = fs::read_to_string(&path).unwrap();
        assert!(text.contains(words), "{text}");
        if format == "json" {
            assert_eq!(serde_json::from_str::<Vec<Value>>(&text).unwrap().len(), 1);
        }
    }
}

#[test]
fn scan_tells_what_services_say() {
    let gateway = Gateway::start("scan-banner");
    let run = gateway.run(&["scan", "10.89.0.1", "-p", "80", "--banners", "--json"]);
    let rows = json(&run.stdout);
    let banner = rows[0]["banner"].as_str().unwrap();
    assert!(banner.starts_with("HTTP/1."), "{banner}");
}

#[test]
fn dry_run_counts_overlapping_targets_once_and_sends_nothing() {
    let gateway = Gateway::start("scan-dry");
    let run = gateway.run(&[
        "scan",
        "10.89.0.0/30",
        "10.89.0.2-10.89.0.5",
        "--exclude",
        "10.89.0.1",
        "-p",
        "1,2",
        "--dry-run",
    ]);
    assert!(
        run.stdout
            .starts_with("5 addresses, 2 ports each: 10 targets\n"),
        "{run:?}"
    );
    let shard = ["--seed", "7", "--shard", "2/3"];
    let part = gateway.run(
        &[
            &["scan", "10.89.0.0/30", "-p", "1,2", "--dry-run"],
            &shard[..],
        ]
        .concat(),
    );
    assert!(
        part.stdout.contains("\n3 of them in this shard\n"),
        "{part:?}"
    );
}

#[test]
fn targets_outside_of_allowed_ips_are_told_before_anything_is_sent() {
    let gateway = Gateway::start("scan-outside");
    let part = ["scan", "10.88.255.255-10.89.0.1", "-p", "7", "--json"];
    let run = gateway.run(&part);
    assert_eq!(run.status, Some(0), "{run:?}");
    assert_eq!(ports(&json(&run.stdout), "open"), [7].into());
    let left_out = "10.88.255.255 is outside of all AllowedIPs: left out";
    assert!(run.stderr.contains(left_out), "{}", run.stderr);
    for more in [&[][..], &["--dry-run"]] {
        let run = gateway.run(&[&["scan", "192.0.2.0/24", "-p", "7"], more].concat());
        assert_eq!(run.status, Some(2), "{run:?}");
        let words = "192.0.2.0/24 is outside of all AllowedIPs, which say";
        assert!(run.stderr.contains(words), "{}", run.stderr);
    }
}

#[test]
fn a_file_of_findings_stays_when_the_peer_does_not_answer() {
    let silent = UdpSocket::bind("127.0.0.1:0").unwrap();
    let (config, found) = (file("silent.conf"), file("yesterday.json"));
    let keys = "PrivateKey = yAnz5TF+lXXJte14tji3zlMNq+hd2rYUIgJBgB3fBmk=\nAddress = 10.0.0.2/24\n\
                [Peer]\nPublicKey = xTIBA5rboUvnH4htodjb6e697QjLERt1NAB4mZqp8Dg=\n\
                AllowedIPs = 10.0.0.0/24\n";
    let endpoint = silent.local_addr().unwrap();
    fs::write(
        &config,
        format!("[Interface]\n{keys}Endpoint = {endpoint}\n"),
    )
    .unwrap();
    fs::write(&found, "[\n{}\n]\n").unwrap();
    let mut scan = wirecraft(&[
        "scan",
        "-q",
        "-c",
        config.to_str().unwrap(),
        "--timeout",
        "0.2",
    ]);
    scan.args(["10.0.0.1", "-p", "1", "--format", "json", "-o"]);
    scan.arg(&found);
    let run = run(scan, "").unwrap();
    assert_eq!(run.status, Some(1), "{run:?}");
    assert_eq!(fs::read_to_string(&found).unwrap(), "[\n{}\n]\n");
}

#[test]
fn what_a_command_does_not_do_is_refused() {
    let gateway = Gateway::start("refused");
    for (command, words) in [
        (&["doctor"][..], "unexpected argument '--pcap'"),
        (&["probe"], "unexpected argument '--pcap'"),
        (&["exec"], "exec cannot record packets"),
    ] {
        let run = gateway.run(&[command, &["--pcap", "x"], &["--", "true"]].concat());
        assert_eq!(run.status, Some(2), "{run:?}");
        assert!(run.stderr.contains(words), "{}", run.stderr);
    }
    let config = gateway.config.to_str().unwrap();
    for more in [&["-c", config][..], &["--rotate", "5"]] {
        let run = gateway.run(&[&["scan", "10.89.0.1", "-p", "7"], more].concat());
        assert_eq!(run.status, Some(2), "{run:?}");
        assert!(
            run.stderr.contains("one tunnel, one file"),
            "{}",
            run.stderr
        );
    }
    let run = gateway.run(&["send", "ip(dst=10.89.0.1)", "--rate", "4000000000"]);
    assert_eq!(run.status, Some(2), "{run:?}");
    assert!(run.stderr.contains("not in 1..=1000000"), "{}", run.stderr);
}

/// Sends a signal and waits for the end; returns the exit status.
#[cfg(unix)]
fn end_with(child: &mut Child, signal: &str) -> Option<i32> {
    let killed = Command::new("kill")
        .args([signal, &child.id().to_string()])
        .status();
    assert!(killed.unwrap().success());
    child.wait().unwrap().code()
}

#[cfg(unix)]
#[test]
fn sniff_that_is_terminated_keeps_what_it_saw() {
    let gateway = Gateway::start("sniff-term");
    let seen = file("term.pcapng");
    let mut sniff = gateway.command(&["sniff", "-v", "-w", seen.to_str().unwrap()]);
    let mut child = sniff.stderr(Stdio::piped()).spawn().unwrap();
    let mut errors = BufReader::new(child.stderr.take().unwrap());
    let mut said = String::new();
    // It says that the tunnel is up; the file has its head by then.
    while !fs::metadata(&seen).is_ok_and(|it| it.is_file()) {
        std::thread::yield_now();
    }
    let _ = gateway.run(&["ping", "-q", "-n", "1", "10.89.0.1"]);
    assert_eq!(end_with(&mut child, "-TERM"), Some(0));
    errors.read_to_string(&mut said).unwrap();
    assert!(said.contains("packets taken"), "{said}");
    assert!(fs::metadata(&seen).unwrap().len() > 0, "{said}");
}

#[cfg(unix)]
#[test]
fn open_ports_that_wait_for_a_banner_are_told_when_a_scan_is_ended_at_once() {
    let gateway = Gateway::start("scan-banner-end");
    let (state, found) = (file("banner.state"), file("banner.json"));
    let arguments = [
        "scan",
        "10.89.0.1",
        "-p",
        "7",
        "--banners",
        "--format",
        "json",
        "--resume",
        state.to_str().unwrap(),
        "-o",
        found.to_str().unwrap(),
    ];
    let mut scan = gateway.command(&arguments);
    let mut child = scan.stderr(Stdio::piped()).spawn().unwrap();
    // The echo port says nothing for two seconds, and then what it is asked.
    while !fs::read_to_string(&found).is_ok_and(|it| it.starts_with('[')) {
        std::thread::yield_now();
    }
    std::thread::sleep(std::time::Duration::from_millis(700));
    let kill = |child: &Child| {
        let pid = child.id().to_string();
        Command::new("kill").args(["-INT", &pid]).status().unwrap();
    };
    kill(&child);
    let mut errors = BufReader::new(child.stderr.take().unwrap());
    let mut said = String::new();
    while !said.contains("again ends at once") {
        assert_ne!(errors.read_line(&mut said).unwrap(), 0, "{said}");
    }
    kill(&child);
    child.wait().unwrap();
    let text = fs::read_to_string(&found).unwrap();
    let rows: Vec<Value> = serde_json::from_str(&text).unwrap();
    assert_eq!(ports(&rows, "open"), [7].into(), "{text}");
    // And the interrupted document goes on as one.
    let again = gateway.run(&arguments);
    assert_eq!(again.status, Some(0), "{again:?}");
    let text = fs::read_to_string(&found).unwrap();
    assert!(serde_json::from_str::<Vec<Value>>(&text).is_ok(), "{text}");
}

#[test]
fn scan_refuses_what_cannot_be_meant() {
    let gateway = Gateway::start("scan-refusals");
    let broken = file("broken.state");
    fs::write(&broken, "wirecraft-scan 1\nseed x\n").unwrap();
    let broken = broken.to_str().unwrap();
    for (arguments, words) in [
        (&["10.0.0.1", "-p", "1"][..], "outside of all AllowedIPs"),
        (&["10.0.0.1", "-p", "0"], "\"0\" is no port"),
        (&["10.0.0.1", "-p", "65536"], "\"65536\" is no port"),
        (&["10.0.0.1", "-p", "90-80"], "80 comes before 90"),
        (
            &["10.0.0.0/33", "-p", "1"],
            "target \"10.0.0.0/33\": a prefix length of 33",
        ),
        (
            &["10.0.0.256", "-p", "1"],
            "target \"10.0.0.256\": not an address",
        ),
        (&["@/nonexistent", "-p", "1"], "targets /nonexistent: "),
        (
            &["10.89.0.1", "-p", "1", "--exclude", "0.0.0.0/0"],
            "no targets",
        ),
        (
            &["10.89.0.1", "-p", "1", "-o", "/nonexistent/found"],
            "/nonexistent/found: ",
        ),
        (
            &["10.89.0.1", "-p", "1", "--resume", broken],
            "the resume file is broken in line 2",
        ),
    ] {
        let run = gateway.run(&[&["scan"], arguments].concat());
        assert_eq!(
            (run.status, run.stdout.as_str()),
            (Some(2), ""),
            "{arguments:?} {run:?}"
        );
        assert!(run.stderr.contains(words), "{}", run.stderr);
    }
}

#[cfg(target_os = "linux")]
#[test]
fn scan_loses_nothing_when_the_disk_is_full() {
    let gateway = Gateway::start("scan-full");
    let run = gateway.run(&[
        "scan",
        "10.89.0.1",
        "-p",
        "1-100",
        "--rate",
        "5k",
        "--json",
        "-o",
        "/dev/full",
    ]);
    assert_eq!(run.status, Some(2), "{run:?}");
    assert_eq!(ports(&json(&run.stdout), "open"), [7, 80].into(), "{run:?}");
    assert!(
        run.stderr.contains("/dev/full: No space left on device"),
        "{}",
        run.stderr
    );
}

#[cfg(unix)]
#[test]
fn scan_goes_on_where_it_was_interrupted() {
    let gateway = Gateway::start("scan-resume");
    let (state, found) = (file("scan.state"), file("scan.ndjson"));
    let arguments = [
        "scan",
        "10.89.0.1",
        "-p",
        "1-400",
        "--rate",
        "200",
        "--all",
        "--json",
        "--wait",
        "0.5",
        "--resume",
        state.to_str().unwrap(),
        "-o",
        found.to_str().unwrap(),
    ];
    let mut child = gateway
        .command(&arguments)
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // Findings reach the file four times a second.
    while fs::metadata(&found).map_or(0, |it| it.len()) == 0 {
        assert_eq!(child.try_wait().unwrap(), None);
        std::thread::yield_now();
    }
    Command::new("kill")
        .args(["-INT", &child.id().to_string()])
        .status()
        .unwrap();
    let mut errors = String::new();
    child
        .stderr
        .take()
        .unwrap()
        .read_to_string(&mut errors)
        .unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(1), "{errors}");
    let first = json(&fs::read_to_string(&found).unwrap()).len();
    assert!(0 < first && first < 400, "{first}");
    assert!(state.exists());

    let rest = gateway.run(&arguments);
    assert_eq!(rest.status, Some(0), "{}", rest.stderr);
    let rows = json(&fs::read_to_string(&found).unwrap());
    assert_eq!(rows.len(), 400, "every port is told once");
    assert_eq!(ports(&rows, "open"), [7, 80].into());
    assert_eq!(ports(&rows, "closed").len(), 398);
    assert!(!state.exists(), "a scan that is done leaves no state");
}

#[test]
fn send_prints_packets_and_their_replies() {
    let gateway = Gateway::start("send");
    let run = gateway.run(&[
        "send",
        "--json",
        "--wait",
        "0.5",
        "ip(dst=10.89.0.1)/icmp(type=8,id=7,seq=9)/\"hello\"",
        "ip6(dst=fd89::1)/udp(sport=1000,dport=7)/\"echo\"",
    ]);
    assert_eq!(run.status, Some(0), "{}", run.stderr);
    let lines = json(&run.stdout);
    let events: Vec<_> = lines
        .iter()
        .map(|line| line["event"].as_str().unwrap_or(""))
        .collect();
    assert_eq!(
        events.iter().filter(|event| **event == "sent").count(),
        2,
        "{}",
        run.stdout
    );
    let replies: Vec<_> = lines
        .iter()
        .filter(|line| line["event"] == "reply")
        .collect();
    assert_eq!(replies.len(), 2, "{}", run.stdout);
    assert!(
        replies
            .iter()
            .all(|reply| reply["rtt_ms"].as_f64().unwrap() >= 0.0)
    );
    assert_eq!(lines.last().unwrap()["replies"], 2);
}

#[test]
fn send_warns_of_a_source_that_the_peer_will_drop() {
    let gateway = Gateway::start("send-spoof");
    let packet = "ip(src=192.0.2.9,dst=10.89.0.1)/udp(dport=7)/\"x\"";
    let run = gateway.run(&["send", "--wait", "0", packet]);
    assert_eq!(run.status, Some(0), "{}", run.stderr);
    assert!(
        run.stderr
            .contains("192.0.2.9 is not an address of this tunnel"),
        "{}",
        run.stderr
    );
    let broken = gateway.run(&["send", "ip(dst=10.89.0.1)/tcp(dport=70000)"]);
    assert_eq!(broken.status, Some(2), "{broken:?}");
}

#[test]
fn recorded_packets_can_be_sent_again() {
    let gateway = Gateway::start("pcap");
    let path = file("ping.pcapng");
    let path = path.to_str().unwrap();
    let ping = gateway.run(&["ping", "-n", "1", "10.89.0.1", "--pcap", path]);
    assert_eq!(ping.status, Some(0), "{}", ping.stderr);
    let bytes = fs::read(path).unwrap();
    assert_eq!(bytes[..4], [0x0a, 0x0d, 0x0d, 0x0a]);
    let again = gateway.run(&["send", "--json", "--wait", "0.5", "--pcap-in", path]);
    let sent = json(&again.stdout)
        .iter()
        .filter(|line| line["event"] == "sent")
        .count();
    // The request and its reply; the reply, sent from here, has a foreign source.
    assert_eq!(sent, 2, "{again:?}");
}

#[test]
fn traceroute_and_mtu_reach_the_gateway() {
    let gateway = Gateway::start("trace");
    for method in [&["--icmp"][..], &["--udp"], &["--tcp", "80"]] {
        let run =
            gateway.run(&[&["traceroute", "10.89.0.1", "--json", "--no-names"], method].concat());
        assert_eq!(run.status, Some(0), "{run:?}");
        let hops = json(&run.stdout);
        assert_eq!(
            (hops.len(), &hops[0]["replies"][0]["from"]),
            (1, &"10.89.0.1".into())
        );
    }
    let mtu = gateway.run(&["mtu", "fd89::1"]);
    assert_eq!(
        mtu.stdout, "fd89::1: 1420 bytes, the MTU of the tunnel\n",
        "{mtu:?}"
    );
}

#[test]
fn doctor_finds_nothing_wrong_with_the_demo_and_probe_passes() {
    let gateway = Gateway::start("doctor");
    let run = gateway.run(&["doctor"]);
    assert_eq!(run.status, Some(0), "{run:?}");
    assert!(
        run.stdout.lines().all(|line| line.starts_with("ok ")),
        "{}",
        run.stdout
    );
    let probe = gateway.run(&["probe", "--host", "10.89.0.1", "--json"]);
    let checks = json(&probe.stdout);
    assert_eq!(probe.status, Some(0), "{}", probe.stdout);
    let passed = checks.iter().filter(|check| check["verdict"] == "pass");
    assert_eq!(passed.count(), 23, "{}", probe.stdout);
}

#[test]
fn doctor_says_what_is_wrong_and_ends_with_status_1() {
    let gateway = Gateway::start("doctor-wrong");
    let text = fs::read_to_string(&gateway.config).unwrap();
    let psk = text
        .lines()
        .find(|line| line.starts_with("PresharedKey"))
        .unwrap();
    fs::write(&gateway.config, text.replace(psk, "")).unwrap();
    let run = gateway.run(&["doctor"]);
    assert_eq!(run.status, Some(1), "{run:?}");
    assert!(
        run.stdout.contains("add the PresharedKey line"),
        "{}",
        run.stdout
    );
}
