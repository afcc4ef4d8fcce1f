//! Configurations as text: without secrets to look at, with secrets to keep.

use std::fmt;

use ipnet::IpNet;
use zeroize::Zeroizing;

use super::{Config, DnsConfig, InterfaceConfig, PeerConfig};

/// What stands in place of a secret, as in the output of `wg show`.
const HIDDEN: &str = "(hidden)";

/// Room for the longest text of the usual kind, so that secrets stay in one buffer.
const USUAL_LEN: usize = 4096;

/// Whether secrets are written.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Secrets {
    Hidden,
    Written,
}

impl Config {
    /// Writes the configuration with its private and preshared keys, ready to be saved and loaded again.
    ///
    /// Who prints or stores the text hands out the keys; everything else is better served by [`Display`].
    ///
    /// [`Display`]: fmt::Display
    #[must_use]
    pub fn to_text_with_secrets(&self) -> Zeroizing<String> {
        let mut text = Zeroizing::new(String::with_capacity(USUAL_LEN.max(self.peers.len() * 512)));
        write_config(&mut *text, self, Secrets::Written).expect("a string takes any text");
        text
    }
}

/// Writes the configuration with `(hidden)` in place of secrets.
impl fmt::Display for Config {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_config(f, self, Secrets::Hidden)
    }
}

fn write_config(out: &mut impl fmt::Write, config: &Config, secrets: Secrets) -> fmt::Result {
    write_interface(out, &config.interface, secrets)?;
    config
        .peers
        .iter()
        .try_for_each(|peer| write_peer(out, peer, secrets))
}

fn write_interface(
    out: &mut impl fmt::Write,
    interface: &InterfaceConfig,
    secrets: Secrets,
) -> fmt::Result {
    out.write_str("[Interface]\n")?;
    match secrets {
        Secrets::Hidden => writeln!(out, "PrivateKey = {HIDDEN}")?,
        Secrets::Written => writeln!(
            out,
            "PrivateKey = {}",
            interface.private_key.to_base64().as_str()
        )?,
    }
    write_networks(out, "Address", &interface.addresses)?;
    write_some(out, "ListenPort", interface.listen_port)?;
    write_dns(out, &interface.dns)?;
    write_some(out, "MTU", interface.mtu)?;
    write_some(
        out,
        "FwMark",
        interface.fwmark.map(|mark| format!("{mark:#x}")),
    )?;
    write_some(out, "Table", interface.table.as_ref())?;
    let hooks = &interface.hooks;
    write_some(out, "PreUp", &hooks.pre_up)?;
    write_some(out, "PostUp", &hooks.post_up)?;
    write_some(out, "PreDown", &hooks.pre_down)?;
    write_some(out, "PostDown", &hooks.post_down)?;
    write_some(out, "SaveConfig", interface.save_config.then_some(true))
}

fn write_peer(out: &mut impl fmt::Write, peer: &PeerConfig, secrets: Secrets) -> fmt::Result {
    writeln!(out, "\n[Peer]\nPublicKey = {}", peer.public_key)?;
    match (&peer.preshared_key, secrets) {
        (None, _) => {}
        (Some(_), Secrets::Hidden) => writeln!(out, "PresharedKey = {HIDDEN}")?,
        (Some(key), Secrets::Written) => {
            writeln!(out, "PresharedKey = {}", key.to_base64().as_str())?
        }
    }
    write_networks(out, "AllowedIPs", &peer.allowed_ips)?;
    write_some(out, "Endpoint", peer.endpoint.as_ref())?;
    write_some(out, "PersistentKeepalive", peer.persistent_keepalive)
}

/// One line for each value; none for nothing.
fn write_some<T: fmt::Display>(
    out: &mut impl fmt::Write,
    key: &str,
    values: impl IntoIterator<Item = T>,
) -> fmt::Result {
    values
        .into_iter()
        .try_for_each(|value| writeln!(out, "{key} = {value}"))
}

fn write_networks(out: &mut impl fmt::Write, key: &str, networks: &[IpNet]) -> fmt::Result {
    let words: Vec<String> = networks.iter().map(ToString::to_string).collect();
    write_some(out, key, (!words.is_empty()).then(|| words.join(", ")))
}

fn write_dns(out: &mut impl fmt::Write, dns: &DnsConfig) -> fmt::Result {
    let servers = dns.servers.iter().map(ToString::to_string);
    let words: Vec<String> = servers.chain(dns.search.iter().cloned()).collect();
    write_some(out, "DNS", (!words.is_empty()).then(|| words.join(", ")))
}
