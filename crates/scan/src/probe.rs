//! What is sent: probes, and the resets of connections that they opened.
//!
//! A TCP probe is a template in which destination, ports and numbers are filled in; its checksums are
//! those of the template changed by what was filled in (RFC 1624), which costs a third of building
//! it anew.

use core::net::IpAddr;

use wirecraft_ip_packets::checksum::Sum;
use wirecraft_ip_packets::{BuildError, TcpBuilder, ip};

use crate::cookie::Cookie;
use crate::payload::{PAYLOAD_MAX_LEN, payload};
use crate::{Method, ProbeShape, ScanConfig, Target};

/// The length of the longest packet that a scan writes, in bytes: IPv6, UDP and a payload.
pub const PROBE_MAX_LEN: usize = 40 + 8 + PAYLOAD_MAX_LEN;

/// IPv6, TCP and the options of any shape.
const TCP_PROBE_MAX_LEN: usize = 40 + 20 + 20;

/// Writes the packets of a scan.
#[derive(Clone, Debug)]
pub(crate) struct Probes {
    method: Method,
    hop_limit: u8,
    v4: Option<Source>,
    v6: Option<Source>,
}

/// An address that probes come from, and the template of TCP probes from it.
#[derive(Clone, Debug)]
struct Source {
    address: IpAddr,
    template: Template,
}

impl Probes {
    /// # Errors
    /// [`BuildError`] never for addresses of one version.
    pub(crate) fn new(config: &ScanConfig) -> Result<Self, BuildError> {
        let source = |address: Option<IpAddr>| {
            let template = address.map(|address| Template::new(config, address));
            let template = template.transpose()?;
            Ok(address
                .zip(template)
                .map(|(address, template)| Source { address, template }))
        };
        Ok(Self {
            method: config.method,
            hop_limit: config.hop_limit,
            v4: source(config.source_v4.map(IpAddr::V4))?,
            v6: source(config.source_v6.map(IpAddr::V6))?,
        })
    }

    fn source(&self, target: Target) -> Result<&Source, BuildError> {
        let source = match target.address {
            IpAddr::V4(_) => &self.v4,
            IpAddr::V6(_) => &self.v6,
        };
        source.as_ref().ok_or(BuildError::MixedVersions)
    }

    /// Returns the address that a target is probed from.
    pub(crate) fn source_for(&self, target: Target) -> Option<IpAddr> {
        self.source(target).ok().map(|source| source.address)
    }

    pub(crate) fn write(
        &self,
        target: Target,
        cookie: Cookie,
        buf: &mut [u8],
    ) -> Result<usize, BuildError> {
        let Source { address, template } = self.source(target)?;
        let base = || Ok(ip(*address, target.address)?.hop_limit(self.hop_limit));
        match self.method {
            Method::Syn | Method::Ack => Ok(template.write(target, cookie, buf)),
            Method::Udp => base()?
                .udp(cookie.source_port, target.port)
                .payload(payload(target.port))
                .write(buf),
            Method::Ping => {
                let [a, b, c, d] = cookie.seq.to_be_bytes();
                let (id, sequence) = (u16::from_be_bytes([a, b]), u16::from_be_bytes([c, d]));
                base()?
                    .icmp_echo_request(id, sequence)
                    .payload(PING_PAYLOAD)
                    .write(buf)
            }
        }
    }

    /// Writes the end of a connection that a probe opened.
    pub(crate) fn write_reset(
        &self,
        target: Target,
        cookie: Cookie,
        buf: &mut [u8],
    ) -> Result<usize, BuildError> {
        ip(self.source(target)?.address, target.address)?
            .hop_limit(self.hop_limit)
            .tcp(cookie.source_port, target.port)
            .seq(cookie.seq)
            .rst()
            .window(0)
            .write(buf)
    }
}

/// Some systems leave echo requests without a payload unanswered.
const PING_PAYLOAD: &[u8] = b"wirecraft ping sweep";

/// A TCP probe without destination, ports and numbers.
#[derive(Clone, Copy, Debug)]
struct Template {
    bytes: [u8; TCP_PROBE_MAX_LEN],
    len: usize,
    /// Where the IP header ends.
    tcp_at: usize,
    /// Whether the probe acknowledges its own number: a reset takes it from there.
    acknowledges: bool,
}

impl Template {
    fn new(config: &ScanConfig, source: IpAddr) -> Result<Self, BuildError> {
        let (nowhere, tcp_at): (IpAddr, _) = match source {
            IpAddr::V4(_) => (core::net::Ipv4Addr::UNSPECIFIED.into(), 20),
            IpAddr::V6(_) => (core::net::Ipv6Addr::UNSPECIFIED.into(), 40),
        };
        let tcp = ip(source, nowhere)?.hop_limit(config.hop_limit).tcp(0, 0);
        let acknowledges = config.method == Method::Ack;
        let tcp = if acknowledges {
            tcp.ack(0)
        } else {
            shaped(tcp.syn(), config.shape, config.mss)
        };
        let mut bytes = [0; TCP_PROBE_MAX_LEN];
        let len = tcp.write(&mut bytes)?;
        Ok(Self {
            bytes,
            len,
            tcp_at,
            acknowledges,
        })
    }

    /// Writes the probe of a target, of which the template's source has the version.
    fn write(&self, target: Target, cookie: Cookie, buf: &mut [u8]) -> usize {
        let Self { len, tcp_at, .. } = *self;
        let packet = &mut buf[..len];
        packet.copy_from_slice(&self.bytes[..len]);
        let added = match target.address {
            IpAddr::V4(address) => {
                packet[16..20].copy_from_slice(&address.octets());
                let added = Sum::new().add_bytes(&address.octets());
                change(packet, 10, added);
                added
            }
            IpAddr::V6(address) => {
                packet[24..40].copy_from_slice(&address.octets());
                Sum::new().add_bytes(&address.octets())
            }
        };
        let mut added = added
            .add_u16(cookie.source_port)
            .add_u16(target.port)
            .add_u32(cookie.seq);
        packet[tcp_at..tcp_at + 2].copy_from_slice(&cookie.source_port.to_be_bytes());
        packet[tcp_at + 2..tcp_at + 4].copy_from_slice(&target.port.to_be_bytes());
        packet[tcp_at + 4..tcp_at + 8].copy_from_slice(&cookie.seq.to_be_bytes());
        if self.acknowledges {
            packet[tcp_at + 8..tcp_at + 12].copy_from_slice(&cookie.seq.to_be_bytes());
            added = added.add_u32(cookie.seq);
        }
        change(packet, tcp_at + 16, added);
        len
    }
}

/// Changes the checksum at `at` for what was added where zeros were.
fn change(packet: &mut [u8], at: usize, added: Sum) {
    let checksum = u16::from_be_bytes([packet[at], packet[at + 1]]);
    let changed = added.apply_to(checksum);
    packet[at..at + 2].copy_from_slice(&changed.to_be_bytes());
}

/// Gives a SYN window and options.
fn shaped(syn: TcpBuilder<'_>, shape: ProbeShape, mss: u16) -> TcpBuilder<'_> {
    match shape {
        ProbeShape::None => syn,
        ProbeShape::Mss => syn.mss(mss),
        ProbeShape::Windows => syn
            .window(64_240)
            .mss(mss)
            .nop()
            .window_scale(8)
            .nop()
            .nop()
            .sack_permitted(),
        ProbeShape::Linux => syn
            .window(64_240)
            .mss(mss)
            .sack_permitted()
            .timestamps(1, 0)
            .nop()
            .window_scale(7),
        ProbeShape::Bsd => syn
            .window(65_535)
            .mss(mss)
            .nop()
            .window_scale(6)
            .sack_permitted()
            .timestamps(1, 0),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use wirecraft_ip_packets::IpPacket;

    use super::*;
    use crate::Targets;

    fn config(method: Method, shape: ProbeShape) -> ScanConfig {
        let everything = ["0.0.0.0/0".parse().unwrap(), "::/1".parse().unwrap()];
        let targets = Targets::new(everything, [], [1]).unwrap();
        let sources = ["10.9.9.9".parse().unwrap(), "fd00::9".parse().unwrap()];
        ScanConfig {
            method,
            shape,
            ..ScanConfig::new(targets, &sources)
        }
    }

    fn built(config: &ScanConfig, target: Target, cookie: Cookie) -> Vec<u8> {
        let source = match target.address {
            IpAddr::V4(_) => config.source_v4.unwrap().into(),
            IpAddr::V6(_) => config.source_v6.unwrap().into(),
        };
        let tcp = ip(source, target.address)
            .unwrap()
            .hop_limit(config.hop_limit)
            .tcp(cookie.source_port, target.port)
            .seq(cookie.seq);
        if config.method == Method::Ack {
            return tcp.ack(cookie.seq).build();
        }
        shaped(tcp.syn(), config.shape, config.mss).build()
    }

    proptest! {
        #[test]
        fn a_template_filled_in_is_the_probe_built_anew(
            v4: u32, v6: u128, port: u16, source_port: u16, seq: u32, kind in 0..6_u8,
        ) {
            let (method, shape) = match kind {
                0 => (Method::Ack, ProbeShape::None),
                1 => (Method::Syn, ProbeShape::None),
                2 => (Method::Syn, ProbeShape::Mss),
                3 => (Method::Syn, ProbeShape::Windows),
                4 => (Method::Syn, ProbeShape::Linux),
                _ => (Method::Syn, ProbeShape::Bsd),
            };
            let config = config(method, shape);
            let probes = Probes::new(&config).unwrap();
            let cookie = Cookie { source_port, seq };
            for address in [IpAddr::V4(v4.into()), IpAddr::V6(v6.into())] {
                let target = Target { address, port };
                let mut buf = [0xee; PROBE_MAX_LEN];
                let len = probes.write(target, cookie, &mut buf).unwrap();
                let expected = built(&config, target, cookie);
                let packet = IpPacket::parse(&buf[..len]).unwrap();
                prop_assert!(packet.tcp().unwrap().checksum_is_valid(&packet.pseudo_header()));
                // Zero has two forms in such a sum: what both verify may differ in them alone.
                let at = packet.header_len() + 16;
                let zeroed = |bytes: &[u8]| {
                    let mut bytes = bytes.to_vec();
                    bytes[at..at + 2].fill(0);
                    if address.is_ipv4() {
                        bytes[10..12].fill(0);
                    }
                    bytes
                };
                prop_assert_eq!(zeroed(&buf[..len]), zeroed(&expected));
            }
        }
    }
}
