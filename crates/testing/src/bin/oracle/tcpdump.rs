//! What tcpdump reads.

use std::path::Path;

use anyhow::Result;
use wirecraft_ip_packets::{
    Icmpv4Kind, Icmpv6Kind, IpPacket, Mptcp, MptcpKeys, TcpOption, Transport,
};

use crate::{Difference, Sample, output};

/// The words with which tcpdump says of a packet that something is wrong.
const COMPLAINTS: &[&str] = &["incorrect", "bad", "bogus", "truncated", "invalid"];

/// Returns the complaint in a line; digits of an address or a payload are none.
fn complaint(line: &str) -> Option<&str> {
    if line.contains("[|") {
        return Some("[|");
    }
    let mut words = line.split([' ', '\t', '[', ']', '(', ')', ',', ';']);
    words.find(|word| COMPLAINTS.contains(word))
}

pub(crate) fn check(file: &Path, samples: &[Sample]) -> Result<Vec<Difference>> {
    let mut differences = Vec::new();
    let text = output("tcpdump", &["-nn", "-t", "-S"], file)?;
    // What it dumps in hexadecimal stands on lines of its own.
    let lines: Vec<&str> = text
        .lines()
        .filter(|line| !line.starts_with([' ', '\t']))
        .collect();
    anyhow::ensure!(
        lines.len() == samples.len(),
        "tcpdump read {} packets of {}",
        lines.len(),
        samples.len()
    );
    for (index, (sample, line)) in samples.iter().zip(&lines).enumerate() {
        let packet = index + 1;
        if let Some(complaint) = complaint(line).filter(|_| !misjudges(line)) {
            let says = format!("tcpdump says {complaint}: {line}");
            differences.push(Difference { packet, says });
        }
        if let Some(says) = compare(&sample.bytes, line) {
            differences.push(Difference { packet, says });
        }
    }
    // Only the verbose form judges checksums.
    let text = output("tcpdump", &["-nn", "-t", "-S", "-v", "-v"], file)?;
    let mut packet = 0;
    for line in text.lines() {
        packet += usize::from(!line.starts_with([' ', '\t']));
        if !misjudges(line) && complaint(line).is_some() {
            let says = format!("tcpdump: {line}");
            differences.push(Difference { packet, says });
        }
    }
    Ok(differences)
}

/// Says whether a line is of a packet that tcpdump has the wrong idea of; what tshark says counts.
///
/// It takes the first segment of a route for the end of the way even where no segments are left, and
/// does not know routes of low-power networks; nor that checksums cover the home address of the
/// sender, RFC 6275 §11.3.1.
fn misjudges(line: &str) -> bool {
    ["segleft=0,", "segleft=0 (unknown type)", "(homeaddr: "]
        .iter()
        .any(|what| line.contains(what))
}

/// Compares the line of a packet with ours, where tcpdump has one that needs no verbosity.
fn compare(bytes: &[u8], line: &str) -> Option<String> {
    let packet = IpPacket::parse(bytes).ok()?;
    let is_plain = match packet.transport().ok()? {
        Transport::Tcp(segment) => segment.options().flatten().all(|it| is_known(&it)),
        Transport::Udp(_) => true,
        Transport::Icmpv4(message) => matches!(
            message.kind(),
            Icmpv4Kind::EchoRequest(_) | Icmpv4Kind::EchoReply(_)
        ),
        Transport::Icmpv6(message) => matches!(
            message.kind(),
            Icmpv6Kind::EchoRequest(_) | Icmpv6Kind::EchoReply(_)
        ),
        _ => false,
    };
    // Extension headers are words of their own in tcpdump's lines.
    let is_bare = match packet {
        IpPacket::V4(_) => true,
        IpPacket::V6(packet) => packet.extension_headers().count() == 0,
    };
    let ours = packet.to_string();
    let line = as_ours(line);
    let is_same = ours == line || without_ae(&ours).as_deref() == Some(line.as_str());
    (is_plain && is_bare && !is_same).then(|| format!("shown as\n  {ours}\n  {line}"))
}

/// Says whether tcpdump 4.99.3 knows an option and shows all of it.
fn is_known(option: &TcpOption<'_>) -> bool {
    match option {
        TcpOption::AccEcn(_) | TcpOption::Unknown { .. } => false,
        TcpOption::Experiment { kind, id, data } => {
            *kind == 254 && (*id == 0xf989 || data.is_empty())
        }
        TcpOption::Mptcp(Mptcp::Reset { .. }) => false,
        TcpOption::Mptcp(Mptcp::Capable { keys, .. }) => {
            !matches!(keys, MptcpKeys::WithData { .. })
        }
        _ => true,
    }
}

/// Returns tcpdump's line without what it says of itself: it has no key for digests, a space too many
/// before cookies, and shows a user timeout in two ways that are both none of it.
fn as_ours(line: &str) -> String {
    let line = line.replace("shared secret not supplied with -M, can't check - ", "");
    let line = line.replace("tfo  ", "tfo ");
    let Some((before, rest)) = line.split_once("uto 0x") else {
        return line;
    };
    let behind = rest.trim_start_matches(|it: char| it.is_ascii_hexdigit());
    let bits = rest.strip_suffix(behind).unwrap_or_default();
    let bits = u16::from_str_radix(bits, 16).unwrap_or_default();
    let unit = if bits & 0x8000 == 0 { "s" } else { "m" };
    let behind = behind.trim_start_matches(|it: char| it == ' ' || it.is_ascii_digit());
    format!("{before}uto {}{unit}{behind}", bits & 0x7fff)
}

/// Returns a line without the AE flag, which tcpdump prints in later versions than 4.99.3 only.
fn without_ae(line: &str) -> Option<String> {
    let (before, rest) = line.split_once("Flags [")?;
    let (flags, behind) = rest.split_once(']')?;
    let flags = match flags.replace('e', "") {
        none if none.is_empty() => "none".to_owned(),
        some => some,
    };
    Some(format!("{before}Flags [{flags}]{behind}"))
}
