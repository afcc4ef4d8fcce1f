//! Keys and configurations of the peers of a case.

use super::output_of;
use crate::steps::command_line;
use anyhow::{Context, Result, ensure};
use std::io::Write as _;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::process::{Command, Stdio};

/// The MTU of most tunnels, in bytes.
pub(crate) const MTU: u16 = 1420;

/// A key pair as `wg` writes it.
#[derive(Clone)]
pub(crate) struct KeyPair {
    pub(crate) private: String,
    pub(crate) public: String,
}

impl KeyPair {
    /// Asks `wg` for a new one.
    ///
    /// # Errors
    /// When `wg` fails.
    pub(crate) fn generate() -> Result<Self> {
        let private = output_of(Command::new("wg").arg("genkey"))?;
        let mut command = Command::new("wg");
        command.arg("pubkey");
        let public = filtered(command, &private)?;
        Ok(Self { private, public })
    }
}

/// Asks `wg` for a new preshared key.
///
/// # Errors
/// When `wg` fails.
pub(crate) fn preshared_key() -> Result<String> {
    output_of(Command::new("wg").arg("genpsk"))
}

/// Runs a short command with `input` and answers what it printed.
///
/// # Errors
/// When the command fails.
pub(crate) fn filtered(mut command: Command, input: &str) -> Result<String> {
    let line = command_line(&command);
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .with_context(|| format!("starting `{line}`"))?;
    if let Some(mut stdin) = child.stdin.take() {
        writeln!(stdin, "{input}")?;
    }
    let output = child.wait_with_output()?;
    ensure!(output.status.success(), "`{line}`: {}", output.status);
    Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

/// One end of a tunnel as both `wg` and `wg-quick` are told of it.
pub(crate) struct Config {
    pub(crate) keys: KeyPair,
    pub(crate) addresses: Addresses,
    pub(crate) listen_port: Option<u16>,
    /// The MTU of the tunnel, in bytes.
    pub(crate) mtu: u16,
    pub(crate) peers: Vec<Peer>,
}

/// A far end; what it may send from are its own two addresses.
pub(crate) struct Peer {
    pub(crate) public_key: String,
    pub(crate) preshared_key: Option<String>,
    pub(crate) endpoint: Option<SocketAddr>,
    pub(crate) addresses: Addresses,
}

/// The two addresses that a peer has inside the tunnel.
#[derive(Clone, Copy)]
pub(crate) struct Addresses {
    pub(crate) v4: Ipv4Addr,
    pub(crate) v6: Ipv6Addr,
}

impl Addresses {
    pub(crate) fn of_peer(number: u8) -> Self {
        Self {
            v4: Ipv4Addr::new(10, 99, 0, number),
            v6: Ipv6Addr::new(0xfd99, 0, 0, 0, 0, 0, 0, number.into()),
        }
    }
}

impl Config {
    /// Text for `wg setconf`.
    pub(crate) fn for_wg(&self) -> String {
        self.text("")
    }

    /// Text for `wg-quick`, which is what wirecraft reads.
    pub(crate) fn for_wg_quick(&self) -> String {
        let Addresses { v4, v6 } = self.addresses;
        let mtu = self.mtu;
        self.text(&format!("Address = {v4}/32, {v6}/128\nMTU = {mtu}\n"))
    }

    fn text(&self, interface_lines: &str) -> String {
        let mut text = format!("[Interface]\nPrivateKey = {}\n", self.keys.private);
        if let Some(port) = self.listen_port {
            text += &format!("ListenPort = {port}\n");
        }
        text += interface_lines;
        for peer in &self.peers {
            text += &peer.section();
        }
        text
    }
}

impl Peer {
    fn section(&self) -> String {
        let Addresses { v4, v6 } = self.addresses;
        let mut text = format!(
            "\n[Peer]\nPublicKey = {}\nAllowedIPs = {v4}/32, {v6}/128\n",
            self.public_key
        );
        if let Some(key) = &self.preshared_key {
            text += &format!("PresharedKey = {key}\n");
        }
        if let Some(endpoint) = self.endpoint {
            text += &format!("Endpoint = {endpoint}\n");
        }
        text
    }
}
