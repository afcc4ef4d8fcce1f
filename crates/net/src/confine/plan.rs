//! What the confined side has to know, in lines of text.

use std::io::{self, BufRead, BufReader, Write};
use std::net::IpAddr;
use std::os::unix::net::UnixStream;

/// More than any plan: what is longer is none.
const LEN_MAX: u64 = 1 << 20;

/// What a confined program finds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    /// The addresses of the interface, each with the length of its network's prefix.
    pub addresses: Vec<(IpAddr, u8)>,
    /// The greatest length of a packet in bytes.
    pub mtu: u16,
    /// Whether packets may go to and fro many as one.
    pub offloads: bool,
    /// The name servers that are asked; without any, no name is found.
    pub name_servers: Vec<IpAddr>,
    /// Domains to append to short names.
    pub search: Vec<String>,
}

impl Plan {
    /// Sends the plan to the confined side.
    ///
    /// # Errors
    /// Those of the socket.
    pub fn send(&self, mut socket: &UnixStream) -> io::Result<()> {
        socket.write_all(self.to_text().as_bytes())
    }

    /// Waits for the plan; nothing behind it is read.
    pub(super) fn receive(socket: &UnixStream) -> io::Result<Self> {
        let mut text = String::new();
        let mut reader = io::Read::take(BufReader::new(socket), LEN_MAX);
        while reader.read_line(&mut text)? > 1 {}
        Self::from_text(&text).ok_or_else(|| io::ErrorKind::InvalidData.into())
    }

    fn to_text(&self) -> String {
        let Self { mtu, offloads, .. } = self;
        let mut lines = vec![format!("mtu {mtu}"), format!("offloads {offloads}")];
        let addresses = self.addresses.iter();
        lines.extend(addresses.map(|(address, len)| format!("address {address}/{len}")));
        let servers = self.name_servers.iter();
        lines.extend(servers.map(|server| format!("server {server}")));
        lines.extend(self.search.iter().map(|domain| format!("search {domain}")));
        lines.push("\n".to_owned());
        lines.join("\n")
    }

    fn from_text(text: &str) -> Option<Self> {
        let mut plan = Self {
            addresses: Vec::new(),
            mtu: 0,
            offloads: true,
            name_servers: Vec::new(),
            search: Vec::new(),
        };
        for line in text.lines().filter(|line| !line.is_empty()) {
            let (word, value) = line.split_once(' ')?;
            match word {
                "mtu" => plan.mtu = value.parse().ok()?,
                "offloads" => plan.offloads = value.parse().ok()?,
                "address" => {
                    let (address, len) = value.split_once('/')?;
                    plan.addresses
                        .push((address.parse().ok()?, len.parse().ok()?));
                }
                "server" => plan.name_servers.push(value.parse().ok()?),
                "search" => plan.search.push(value.to_owned()),
                _ => return None,
            }
        }
        (plan.mtu > 0).then_some(plan)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plan_arrives_as_it_was_sent() {
        let plan = Plan {
            addresses: vec![
                ("10.0.0.2".parse().unwrap(), 24),
                ("fd00::2".parse().unwrap(), 64),
            ],
            mtu: 1420,
            offloads: false,
            name_servers: vec!["10.0.0.1".parse().unwrap()],
            search: vec!["example.org".to_owned()],
        };
        let (near, far) = UnixStream::pair().unwrap();
        plan.send(&near).unwrap();
        assert_eq!(Plan::receive(&far).unwrap(), plan);
    }

    #[test]
    fn anything_else_is_refused() {
        for text in [
            "",
            "mtu many",
            "mtu 1420\nroute 0.0.0.0/0",
            "address 10.0.0.2/24",
        ] {
            assert_eq!(Plan::from_text(text), None, "{text}");
        }
    }
}
