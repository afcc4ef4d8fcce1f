//! `send` and `sniff` beside `tcpdump` at the far end: the same packets, byte for byte.

use super::journal::Journal;
use super::node::{Implementation, Node, Programs};
use super::process::Process;
use super::scan::lay_out;
use super::traffic::Check;
use anyhow::{Context as _, Result, ensure};
use std::fs;
use std::path::Path;
use std::time::Duration;

const PATIENCE: Duration = Duration::from_secs(15);

/// Expressions of packets that reach the far end: options, odd lengths, both versions.
const SENT: &[&str] = &[
    "ip(dst=10.99.0.2,ttl=9,tos=0x20)/udp(sport=4000,dport=5000)/\"odd\"",
    "ip(dst=10.99.0.2)/tcp(sport=4001,dport=5001,flags=S,mss=1380,wscale=7,sackok=1,ts=[1,0])",
    "ip(dst=10.99.0.2)/tcp(sport=4002,dport=5001,flags=FPU,seq=7,urgptr=3)/\"xmas\"",
    "ip(dst=10.99.0.2,id=7)/icmp(type=8,id=3,seq=4)/zeros(99)",
    "ip(dst=10.99.0.2,proto=253)/hex(00010203)",
    "ip6(dst=fd99::2,hlim=5)/udp(sport=4003,dport=5003)/\"six\"",
    "ip6(dst=fd99::2)/icmp6(type=128,id=5,seq=6)/\"echo\"",
];

/// Sends packets through the tunnel and compares what `tcpdump` sees at the other end, then the other
/// way round with `ping`.
///
/// # Errors
/// When an end does not come up; what fails later is in the checks.
pub(super) fn run(number: usize, programs: &Programs, journal: &Journal) -> Result<Vec<Check>> {
    let (ours, theirs) = lay_out(Implementation::WireguardGo, number)?;
    let ours = Node::start(ours, programs, journal)?;
    let mut theirs = Node::start(theirs, programs, journal)?;
    let mut checks = vec![
        Check::new("packets sent are those that arrive", sent(&ours, &theirs)),
        Check::new(
            "packets sniffed are those that were sent",
            sniffed(&ours, &theirs),
        ),
    ];
    checks.push(Check::new("programs of the peer", theirs.check_alive()));
    Ok(checks)
}

fn sent(ours: &Node<'_>, theirs: &Node<'_>) -> Result<()> {
    let seen = theirs.directory.join("seen.pcap");
    let mut tcpdump = capture(theirs, &seen, "in")?;
    let mut send = ours.command(&ours.programs.wirecraft);
    send.args(["send", "--wait", "1", "--json", "-c"])
        .arg(ours.config_path())
        .args(SENT);
    let send = Process::start(&ours.label("send"), send, &ours.journal)?.finish(PATIENCE)?;
    let expected: Vec<String> = lines(&send.stdout, "sent")?;
    ensure!(
        expected.len() == SENT.len(),
        "{} packets sent",
        expected.len()
    );
    stop(&mut tcpdump)?;
    let packets = read_capture(&seen)?;
    for packet in &expected {
        ensure!(
            packets.contains(packet),
            "{packet} did not arrive; these did: {packets:?}"
        );
    }
    Ok(())
}

fn sniffed(ours: &Node<'_>, theirs: &Node<'_>) -> Result<()> {
    let seen = theirs.directory.join("pinged.pcap");
    let mut sniff = ours.command(&ours.programs.wirecraft);
    sniff
        .args(["-v", "sniff", "--json", "-n", "3", "-c"])
        .arg(ours.config_path());
    sniff.args(["icmp", "and", "src", "10.99.0.2"]);
    let sniff = Process::start(&ours.label("sniff"), sniff, &ours.journal)?;
    let mut tcpdump = capture(theirs, &seen, "out")?;
    let mut ping = theirs.host.command("ping");
    ping.args(["-c", "5", "-i", "0.3", "-W", "1", "-s", "33", "10.99.0.1"]);
    // Whether there is an answer is not the question: who sniffs answers too.
    Process::start(&theirs.label("ping"), ping, &theirs.journal)?.finish(PATIENCE)?;
    let found = lines(&sniff.finish(PATIENCE)?.stdout, "")?;
    ensure!(found.len() == 3, "{} packets sniffed", found.len());
    stop(&mut tcpdump)?;
    let packets = read_capture(&seen)?;
    for packet in &found {
        ensure!(
            packets.contains(packet),
            "{packet} was not sent; these were: {packets:?}"
        );
    }
    Ok(())
}

/// Starts `tcpdump` on the tunnel's interface.
fn capture(node: &Node<'_>, file: &Path, direction: &str) -> Result<Process> {
    let mut tcpdump = node.host.command("tcpdump");
    tcpdump.args([
        "-i",
        node.host.name(),
        "-Q",
        direction,
        "-U",
        "-n",
        "-l",
        "--print",
        "-w",
    ]);
    tcpdump.arg(file);
    let tcpdump = Process::start(&node.label("tcpdump"), tcpdump, &node.journal)?;
    // It says on standard error that it listens: what it needs for that is in the time until then.
    std::thread::sleep(Duration::from_millis(1500));
    Ok(tcpdump)
}

/// Ends `tcpdump` once what it has seen is in its file.
fn stop(tcpdump: &mut Process) -> Result<()> {
    std::thread::sleep(Duration::from_millis(500));
    tcpdump.kill()
}

/// The packets of `--json` lines of an event, as hexadecimal digits.
fn lines(stdout: &[String], event: &str) -> Result<Vec<String>> {
    let mut packets = Vec::new();
    for line in stdout {
        let line: serde_json::Value = serde_json::from_str(line)?;
        if line["event"].as_str().unwrap_or_default() == event
            && let Some(hex) = line["hex"].as_str()
        {
            packets.push(hex.to_owned());
        }
    }
    Ok(packets)
}

/// Reads a pcap file of raw IP packets in the byte order of this machine.
fn read_capture(path: &Path) -> Result<Vec<String>> {
    let bytes = fs::read(path)?;
    let mut rest = bytes.get(24..).context("the capture has no header")?;
    let mut packets = Vec::new();
    while let Some((header, after)) = rest.split_at_checked(16) {
        let len = <[u8; 4]>::try_from(&header[8..12])?;
        let len = usize::try_from(u32::from_ne_bytes(len))?;
        let (packet, after) = after
            .split_at_checked(len)
            .context("the capture is cut off")?;
        packets.push(packet.iter().map(|byte| format!("{byte:02x}")).collect());
        rest = after;
    }
    Ok(packets)
}
