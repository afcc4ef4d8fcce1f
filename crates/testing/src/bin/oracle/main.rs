//! Packets that this workspace builds, read by tshark and tcpdump.
#![forbid(unsafe_code)]
#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "it reports to whoever started it"
)]

mod fields;
mod groups;
mod messages;
mod options;
mod tcp_options;
mod tcpdump;
mod tshark;

use std::path::Path;
use std::process::{Command, ExitCode, Stdio};
use std::time::Duration;

use anyhow::{Context, Result};
use options::Options;
use wirecraft_ip_packets::{
    CaptureWriter, Defaults, EtherType, Expression, Hexdump, IpPacket, LinkType,
};
use wirecraft_testing::Packets;

/// How many packets with differences are shown.
const SHOWN_MAX: usize = 5;

/// One packet of a run.
struct Sample {
    expression: String,
    bytes: Vec<u8>,
}

/// What a reader said about a packet that it should not have.
struct Difference {
    /// The number of the packet, from 1 as the readers count.
    packet: usize,
    says: String,
}

fn main() -> ExitCode {
    let options = match Options::parse(std::env::args().skip(1)) {
        Ok(options) => options,
        Err(error) => {
            eprintln!("error: {error}\n\n{}", options::USAGE);
            return ExitCode::from(2);
        }
    };
    match run(&options) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// Returns whether nothing was found.
fn run(options: &Options) -> Result<bool> {
    for program in ["tshark", "tcpdump"] {
        if !is_installed(program) {
            println!("skipped: {program} is not installed");
            return Ok(options.may_skip);
        }
    }
    let samples = samples(options)?;
    let directory = std::env::temp_dir().join(format!("wirecraft-oracle-{}", std::process::id()));
    std::fs::create_dir_all(&directory).context("cannot make a directory for the packets")?;
    let file = directory.join("packets.pcapng");
    let outcome = write(&file, &samples).and_then(|()| {
        let mut found = tshark::check(&file, &samples)?;
        found.extend(tcpdump::check(&file, &samples)?);
        Ok(found)
    });
    if options.keep {
        println!("packets: {}", file.display());
    } else {
        std::fs::remove_dir_all(&directory).ok();
    }
    let mut differences = outcome?;
    differences.sort_by_key(|difference| difference.packet);
    report(&samples, &differences);
    println!(
        "{} packets, seed {}, {} differences",
        samples.len(),
        options.seed,
        differences.len(),
    );
    Ok(differences.is_empty())
}

fn is_installed(program: &str) -> bool {
    let mut command = Command::new(program);
    command
        .arg("--version")
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    command.status().is_ok()
}

fn samples(options: &Options) -> Result<Vec<Sample>> {
    let texts = Packets::new(options.seed).take(options.packets);
    texts
        .map(|expression| {
            let parsed: Expression = expression.parse()?;
            let bytes = parsed.build(&Defaults::default())?;
            let packet = IpPacket::parse(&bytes).with_context(|| expression.clone())?;
            packet.transport().with_context(|| expression.clone())?;
            Ok(Sample { expression, bytes })
        })
        .collect()
}

/// Writes the packets, a millisecond from one to the next.
///
/// They come in Ethernet frames: of a packet without a link layer tshark takes some for PPP, those
/// whose second and third byte are `ff 03`.
fn write(path: &Path, samples: &[Sample]) -> Result<()> {
    let file = std::fs::File::create(path).context("cannot make the file for the packets")?;
    let mut writer = CaptureWriter::new(std::io::BufWriter::new(file))?;
    let interface = writer.interface("oracle", LinkType::ETHERNET)?;
    let mut at = Duration::from_secs(1_700_000_000);
    for sample in samples {
        let frame = frame(&sample.bytes);
        writer.packet(interface, at, &frame, Some(&sample.expression))?;
        at += Duration::from_millis(1);
    }
    writer.finish()?;
    Ok(())
}

/// Puts a packet behind an Ethernet header, between stations that do not exist.
fn frame(packet: &[u8]) -> Vec<u8> {
    const STATIONS: [u8; 12] = [2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1];
    let ether_type = match packet.first().map(|octet| octet >> 4) {
        Some(6) => EtherType::IPV6,
        _ => EtherType::IPV4,
    };
    [&STATIONS[..], &ether_type.0.to_be_bytes(), packet].concat()
}

fn report(samples: &[Sample], differences: &[Difference]) {
    let of_one_packet = |a: &Difference, b: &Difference| a.packet == b.packet;
    for differences in differences.chunk_by(of_one_packet).take(SHOWN_MAX) {
        for difference in differences {
            println!("packet {}: {}", difference.packet, difference.says);
        }
        let packet = differences
            .first()
            .map_or(0, |difference| difference.packet);
        if let Some(sample) = samples.get(packet.wrapping_sub(1)) {
            println!("  {}\n{}\n", sample.expression, Hexdump(&sample.bytes));
        }
    }
}

/// Runs a program to its end and returns what it printed.
fn output(program: &str, arguments: &[&str], file: &Path) -> Result<String> {
    let mut command = Command::new(program);
    command.args(arguments).arg("-r").arg(file);
    let output = command.stderr(Stdio::piped()).output();
    let output = output.with_context(|| format!("cannot run {program}"))?;
    anyhow::ensure!(
        output.status.success(),
        "{program} failed: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}
