//! Where the packets of `send` come from: expressions, digits, files.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::BufReader;
use std::net::IpAddr;
use std::path::Path;

use anyhow::anyhow;
use wirecraft::ip_packets::{CaptureReader, Defaults, Expression, source_address};
use wirecraft::{Config, Tunnel};

use super::Send;
use crate::failure::Failure;
use crate::output;

/// Packets from a file at most; they are kept in memory.
const FROM_FILE_MAX: usize = 1_000_000;

/// The packets to be sent, in order.
pub(super) struct Packets {
    pub(super) packets: Vec<Vec<u8>>,
}

impl Packets {
    pub(super) fn read(send: &Send, config: &Config) -> Result<Self, Failure> {
        let defaults = defaults(config);
        let mut packets = Vec::new();
        for text in &send.expr {
            let built = text
                .parse::<Expression>()
                .and_then(|expression| expression.build(&defaults));
            packets.push(built.map_err(|error| Failure::call(anyhow!("{error}")))?);
        }
        for digits in &send.hex {
            packets.push(from_hex(digits)?);
        }
        if let Some(path) = &send.pcap_in {
            read_file(path, &mut packets)?;
        }
        if packets.is_empty() {
            return Err(Failure::call(anyhow!("there is no IP packet to send")));
        }
        Ok(Self { packets })
    }

    /// Says which sources the peer is likely to drop.
    pub(super) fn warn_of_foreign_sources(&self, tunnel: &Tunnel) {
        let sources: BTreeSet<IpAddr> = self
            .packets
            .iter()
            .filter_map(|packet| source_address(packet).ok())
            .filter(|source| !tunnel.is_own_address(*source))
            .collect();
        for source in sources {
            output::remark(format_args!(
                "{source} is not an address of this tunnel: the peer drops its packets unless its \
                 AllowedIPs for this end have it"
            ));
        }
    }
}

/// The addresses of the tunnel, and of who is at its other end as far as that is known.
fn defaults(config: &Config) -> Defaults {
    let mut defaults = Defaults::default();
    for address in config.interface.addresses.iter().rev() {
        match address.addr() {
            IpAddr::V4(address) => defaults.source_v4 = address,
            IpAddr::V6(address) => defaults.source_v6 = address,
        }
    }
    defaults
}

fn from_hex(text: &str) -> Result<Vec<u8>, Failure> {
    let digits: Vec<u8> = text
        .bytes()
        .filter(|byte| !byte.is_ascii_whitespace() && *byte != b':')
        .collect();
    let value = |digit: u8| {
        char::from(digit)
            .to_digit(16)
            .and_then(|it| u8::try_from(it).ok())
    };
    let mut bytes = Vec::with_capacity(digits.len() / 2);
    for pair in digits.chunks(2) {
        let [high, low] = pair else {
            return Err(Failure::call(anyhow!("--hex: an odd number of digits")));
        };
        let (Some(high), Some(low)) = (value(*high), value(*low)) else {
            return Err(Failure::call(anyhow!(
                "--hex: {text:?} has more than digits"
            )));
        };
        bytes.push(high << 4 | low);
    }
    Ok(bytes)
}

fn read_file(path: &Path, packets: &mut Vec<Vec<u8>>) -> Result<(), Failure> {
    let failure =
        |error: &dyn std::fmt::Display| Failure::call(anyhow!("{}: {error}", path.display()));
    let file = File::open(path).map_err(|error| failure(&error))?;
    let reader = CaptureReader::new(BufReader::new(file)).map_err(|error| failure(&error))?;
    for captured in reader {
        let captured = captured.map_err(|error| failure(&error))?;
        if let Some(packet) = captured.packet() {
            if packets.len() == FROM_FILE_MAX {
                return Err(failure(&"more than a million packets"));
            }
            packets.push(packet.to_vec());
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_may_be_spaced_and_must_come_in_pairs() {
        assert_eq!(from_hex("45 00:0a\nFF").unwrap(), [0x45, 0, 10, 255]);
        assert!(from_hex("450").is_err());
        assert!(from_hex("4x").is_err());
    }
}
