//! From text to a [`Config`]: lines, sections, and what repeated keys and sections mean.
//!
//! Follows `wg` and `wg-quick`: everything behind a `#` is a comment, sections and keys are in any case, a key
//! that takes one value has the last one given, and a public key seen again is the same peer again.

use std::collections::HashMap;
use std::num::{NonZeroU16, NonZeroU32};

use ipnet::IpNet;
use wirecraft_noise_handshake::{PresharedKey, PrivateKey, PublicKey};

use super::error::{ConfigError, Problem, Section};
use super::notice::Notice;
use super::value::{self, Mismatch};
use super::{Config, DnsConfig, Endpoint, Hooks, InterfaceConfig, PeerConfig};

/// Reads a whole configuration; `name` stands for the file in messages.
pub(super) fn parse(text: &str, name: &str) -> Result<Config, ConfigError> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut draft = Draft::default();
    for (number, line) in (1..).zip(text.lines()) {
        draft
            .read_line(number, line)
            .map_err(|problem| ConfigError::new(name, Some(number), problem))?;
    }
    draft
        .finish()
        .map_err(|Flaw { line, problem }| ConfigError::new(name, line, problem))
}

/// What was read so far.
#[derive(Default)]
struct Draft {
    section: Option<Section>,
    interface: InterfaceDraft,
    peers: Vec<PeerDraft>,
    /// Keys that were read and will not be acted upon.
    idle_keys: Vec<&'static str>,
    notices: Vec<Notice>,
}

/// An interface whose private key may still be missing.
#[derive(Default)]
struct InterfaceDraft {
    private_key: Option<PrivateKey>,
    addresses: Vec<IpNet>,
    listen_port: Option<u16>,
    dns: DnsConfig,
    mtu: Option<u16>,
    fwmark: Option<NonZeroU32>,
    table: Option<String>,
    hooks: Hooks,
    save_config: bool,
}

/// A peer section: what it gives, and what it leaves as an earlier section of the same peer had it.
struct PeerDraft {
    line: usize,
    public_key: Option<PublicKey>,
    preshared_key: Option<PresharedKey>,
    allowed_ips: Vec<IpNet>,
    endpoint: Option<Endpoint>,
    persistent_keepalive: Option<Option<NonZeroU16>>,
}

/// A problem of the finished configuration, with the line it belongs to.
struct Flaw {
    line: Option<usize>,
    problem: Problem,
}

impl Draft {
    fn read_line(&mut self, number: usize, line: &str) -> Result<(), Problem> {
        let content = line
            .split_once('#')
            .map_or(line, |(content, _comment)| content)
            .trim();
        if content.is_empty() {
            return Ok(());
        }
        if content.starts_with('[') {
            return self.open_section(number, content);
        }
        let (key, value) = content.split_once('=').ok_or(Problem::NotALine)?;
        let key = value::compact(key);
        let (key, belongs) = recognise(&key, self.section)?;
        let Some(section) = self.section else {
            return Err(Problem::OutsideSection { key });
        };
        if section != belongs {
            return Err(Problem::WrongSection { key, belongs });
        }
        let read = match section {
            Section::Interface => self.read_interface_key(key, value.trim()),
            Section::Peer => self.read_peer_key(number, key, value.trim()),
        };
        read.map_err(|mismatch| mismatch.of_key(key))
    }

    fn open_section(&mut self, number: usize, content: &str) -> Result<(), Problem> {
        let name = value::compact(content);
        if name.eq_ignore_ascii_case("[Interface]") {
            self.section = Some(Section::Interface);
        } else if name.eq_ignore_ascii_case("[Peer]") {
            self.section = Some(Section::Peer);
            self.peers.push(PeerDraft::new(number));
        } else {
            return Err(Problem::UnknownSection);
        }
        Ok(())
    }

    fn read_interface_key(&mut self, key: &'static str, value: &str) -> Result<(), Mismatch> {
        let interface = &mut self.interface;
        match key {
            "PrivateKey" => interface.private_key = Some(value::private_key(value)?),
            "Address" => interface.addresses.extend(value::addresses(value)?),
            "ListenPort" => interface.listen_port = Some(value::listen_port(value)?),
            "DNS" => {
                let dns = value::dns(value)?;
                interface.dns.servers.extend(dns.servers);
                interface.dns.search.extend(dns.search);
            }
            "MTU" => interface.mtu = Some(value::mtu(value)?),
            _ => return self.read_idle_key(key, value),
        }
        Ok(())
    }

    /// Keeps what `wg-quick` would act upon, so that it can be reported and written back.
    fn read_idle_key(&mut self, key: &'static str, value: &str) -> Result<(), Mismatch> {
        let interface = &mut self.interface;
        match key {
            "FwMark" => interface.fwmark = value::fwmark(value)?,
            "Table" => interface.table = Some(value::table(value)?),
            "PreUp" => interface.hooks.pre_up.push(value.to_owned()),
            "PostUp" => interface.hooks.post_up.push(value.to_owned()),
            "PreDown" => interface.hooks.pre_down.push(value.to_owned()),
            "PostDown" => interface.hooks.post_down.push(value.to_owned()),
            "SaveConfig" => interface.save_config = value::save_config(value)?,
            _android => {}
        }
        let is_default = matches!(
            value.to_ascii_lowercase().as_str(),
            "off" | "auto" | "false" | "0"
        );
        if !is_default && !self.idle_keys.contains(&key) {
            self.idle_keys.push(key);
        }
        Ok(())
    }

    fn read_peer_key(
        &mut self,
        line: usize,
        key: &'static str,
        value: &str,
    ) -> Result<(), Mismatch> {
        let peer = self
            .peers
            .last_mut()
            .expect("a peer section starts with a new draft");
        match key {
            "PublicKey" => peer.public_key = Some(value::public_key(value)?),
            "PresharedKey" => peer.preshared_key = Some(value::preshared_key(value)?),
            "AllowedIPs" => {
                for written in value::allowed_ips(value)? {
                    if written != written.trunc() {
                        self.notices.push(Notice::HostBits { line, written });
                    }
                    peer.allowed_ips.push(written.trunc());
                }
            }
            "Endpoint" => peer.endpoint = Some(value::endpoint(value)?),
            _ => peer.persistent_keepalive = Some(value::persistent_keepalive(value)?),
        }
        Ok(())
    }

    fn finish(mut self) -> Result<Config, Flaw> {
        let interface = self.interface.finish()?;
        if !self.idle_keys.is_empty() {
            let mut keys = Section::Interface.keys().to_vec();
            keys.extend(ANDROID_KEYS);
            keys.retain(|key| self.idle_keys.contains(key));
            self.notices.insert(0, Notice::NotExecuted { keys });
        }
        let peers = merge(self.peers, &mut self.notices)?;
        report_contested_networks(&peers, &mut self.notices);
        Ok(Config {
            interface,
            peers,
            notices: self.notices,
        })
    }
}

impl InterfaceDraft {
    fn finish(self) -> Result<InterfaceConfig, Flaw> {
        let missing = Problem::Missing {
            key: "PrivateKey",
            section: Section::Interface,
        };
        let private_key = self.private_key.ok_or(Flaw {
            line: None,
            problem: missing,
        })?;
        Ok(InterfaceConfig {
            private_key,
            addresses: self.addresses,
            listen_port: self.listen_port,
            dns: self.dns,
            mtu: self.mtu,
            fwmark: self.fwmark,
            table: self.table,
            hooks: self.hooks,
            save_config: self.save_config,
        })
    }
}

impl PeerDraft {
    fn new(line: usize) -> Self {
        Self {
            line,
            public_key: None,
            preshared_key: None,
            allowed_ips: Vec::new(),
            endpoint: None,
            persistent_keepalive: None,
        }
    }

    /// Applies the section to its peer. The allowed IPs replace the earlier ones even when there are none.
    fn apply(self, peer: &mut PeerConfig) {
        peer.allowed_ips = self.allowed_ips;
        if self.preshared_key.is_some() {
            peer.preshared_key = self.preshared_key;
        }
        if self.endpoint.is_some() {
            peer.endpoint = self.endpoint;
        }
        if let Some(interval) = self.persistent_keepalive {
            peer.persistent_keepalive = interval;
        }
    }
}

/// Makes one peer of all sections with the same public key.
///
/// Source: `wg setconf` sends each section with the flag that replaces allowed IPs, and the kernel applies the
/// sections in order (`set_peer` in `drivers/net/wireguard/netlink.c`).
fn merge(drafts: Vec<PeerDraft>, notices: &mut Vec<Notice>) -> Result<Vec<PeerConfig>, Flaw> {
    let mut peers: Vec<PeerConfig> = Vec::with_capacity(drafts.len());
    let mut known: HashMap<PublicKey, usize> = HashMap::with_capacity(drafts.len());
    for draft in drafts {
        let missing = Problem::Missing {
            key: "PublicKey",
            section: Section::Peer,
        };
        let line = draft.line;
        let public_key = draft.public_key.ok_or(Flaw {
            line: Some(line),
            problem: missing,
        })?;
        let index = *known.entry(public_key).or_insert(peers.len());
        if index == peers.len() {
            peers.push(PeerConfig::new(public_key));
        } else {
            notices.push(Notice::RepeatedPeer { line, public_key });
        }
        draft.apply(&mut peers[index]);
    }
    Ok(peers)
}

/// A network belongs to one peer; where several claim it the last one gets it, which is rarely meant.
fn report_contested_networks(peers: &[PeerConfig], notices: &mut Vec<Notice>) {
    let mut owners: HashMap<IpNet, PublicKey> = HashMap::new();
    let mut contested: Vec<IpNet> = Vec::new();
    for peer in peers {
        for network in &peer.allowed_ips {
            let earlier = owners.insert(*network, peer.public_key);
            if earlier.is_some_and(|owner| owner != peer.public_key) {
                contested.push(*network);
            }
        }
    }
    contested.sort();
    contested.dedup();
    notices.extend(contested.into_iter().map(|network| Notice::ClaimedTwice {
        network,
        owner: owners[&network],
    }));
}

/// Keys of AmneziaWG, whose packets a WireGuard peer does not recognise.
const AMNEZIA_KEYS: [&str; 21] = [
    "Jc",
    "Jmin",
    "Jmax",
    "S1",
    "S2",
    "S3",
    "S4",
    "H1",
    "H2",
    "H3",
    "H4",
    "I1",
    "I2",
    "I3",
    "I4",
    "I5",
    "J1",
    "J2",
    "J3",
    "Itime",
    "AdvancedSecurity",
];

/// Keys that the Android application adds to `[Interface]`: they choose programs of the phone.
const ANDROID_KEYS: [&str; 2] = ["IncludedApplications", "ExcludedApplications"];

/// The longest unknown key that a message repeats, in bytes.
const SHOWN_KEY_LEN: usize = 32;

/// Finds the manual's spelling of `key` and the section that may have it.
fn recognise(key: &str, section: Option<Section>) -> Result<(&'static str, Section), Problem> {
    let find = |keys: &[&'static str]| {
        keys.iter()
            .copied()
            .find(|known| known.eq_ignore_ascii_case(key))
    };
    if let Some(key) = find(&AMNEZIA_KEYS) {
        return Err(Problem::NotPlainWireGuard { key });
    }
    if let Some(key) = find(&ANDROID_KEYS) {
        return Ok((key, Section::Interface));
    }
    for section in [Section::Interface, Section::Peer] {
        if let Some(key) = find(section.keys()) {
            return Ok((key, section));
        }
    }
    let presentable = key.len() <= SHOWN_KEY_LEN && key.bytes().all(|byte| byte.is_ascii_graphic());
    Err(match section {
        Some(section) => Problem::UnknownKey {
            key: presentable.then(|| key.to_owned()),
            section,
        },
        None => Problem::NotALine,
    })
}
