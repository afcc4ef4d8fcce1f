//! Hosts and cables: network namespaces joined by veth pairs.

use super::output_of;
use super::sandbox::NOBODY;
use anyhow::{Context as _, Result};
use std::ffi::OsStr;
use std::fs;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::path::Path;
use std::process::Command;

/// A network namespace, removed when dropped by whoever added it.
pub(crate) struct Host {
    name: String,
    is_borrowed: bool,
}

impl Host {
    /// Adds a host; `name` is at most 12 bytes, as interfaces are named after it.
    ///
    /// # Errors
    /// When the namespace cannot be made.
    pub(crate) fn add(name: String) -> Result<Self> {
        output_of(Command::new("ip").args(["netns", "add", &name]))?;
        let host = Self {
            name,
            is_borrowed: false,
        };
        host.ip("link set lo up")?;
        Ok(host)
    }

    /// The same host once more; it stays when this is dropped.
    pub(super) fn again(other: &Self) -> Self {
        Self {
            name: other.name.clone(),
            is_borrowed: true,
        }
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// A command that runs on this host as root.
    pub(crate) fn command(&self, program: impl AsRef<OsStr>) -> Command {
        let mut command = Command::new("ip");
        command.args(["netns", "exec", &self.name]).arg(program);
        command
    }

    /// A command that runs on this host as a user without any right; `runtime` is its directory
    /// for sockets.
    pub(super) fn command_as_nobody(&self, program: impl AsRef<OsStr>, runtime: &Path) -> Command {
        let mut command = self.command("setpriv");
        command
            .args([&format!("--reuid={NOBODY}"), &format!("--regid={NOBODY}")])
            .args(["--clear-groups", "--no-new-privs"])
            .args(["--inh-caps=-all", "--bounding-set=-all"])
            .arg(program)
            .current_dir(runtime)
            .env("XDG_RUNTIME_DIR", runtime)
            .env("HOME", runtime);
        command
    }

    /// Has this host lose two of a hundred UDP datagrams that come to it.
    ///
    /// # Errors
    /// When `nft` refuses.
    pub(super) fn lose_datagrams(&self) -> Result<()> {
        const RULES: &str = "add table inet lossy; \
             add chain inet lossy in { type filter hook input priority 0; }; \
             add rule inet lossy in meta l4proto udp numgen random mod 100 < 2 drop";
        output_of(self.command("nft").arg(RULES)).map(drop)
    }

    /// Runs `ip` with these words on this host.
    ///
    /// # Errors
    /// When `ip` refuses.
    pub(crate) fn ip(&self, words: &str) -> Result<()> {
        let mut command = Command::new("ip");
        command
            .args(["-n", &self.name])
            .args(words.split_whitespace());
        output_of(&mut command).map(drop)
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        if self.is_borrowed {
            return;
        }
        // Whatever is left goes with the namespaces of the harness.
        let _ = output_of(Command::new("ip").args(["netns", "del", &self.name]));
    }
}

/// Address families that tunnels are carried over.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Family {
    V4,
    V6,
}

/// The addresses of the two ends of cable `number`.
#[derive(Clone, Copy)]
pub(crate) struct Cable {
    number: u8,
}

impl Cable {
    /// Joins two hosts; the names of the interfaces at both ends come from the far end.
    ///
    /// # Errors
    /// When an interface or an address is refused.
    pub(crate) fn join(near: &Host, far: &Host, number: u8) -> Result<Self> {
        Self::join_as(near, far, number, "")
    }

    /// As [`join`](Self::join), where the far end has a cable already; `mark` tells their names apart.
    ///
    /// # Errors
    /// When an interface or an address is refused.
    pub(super) fn join_as(near: &Host, far: &Host, number: u8, mark: &str) -> Result<Self> {
        let (near_interface, far_interface) = (
            format!("v{mark}-{}", far.name),
            format!("w{mark}-{}", far.name),
        );
        let mut pair = Command::new("ip");
        pair.args([
            "link",
            "add",
            &near_interface,
            "netns",
            &near.name,
            "type",
            "veth",
        ]);
        pair.args(["peer", "name", &far_interface, "netns", &far.name]);
        output_of(&mut pair)?;
        let cable = Self { number };
        for family in [Family::V4, Family::V6] {
            for (host, interface, address) in [
                (near, &near_interface, cable.near(family)),
                (far, &far_interface, cable.far(family)),
            ] {
                // `nodad`: the address is of use at once, without duplicate detection.
                let (length, flag) = match family {
                    Family::V4 => (24, ""),
                    Family::V6 => (64, "nodad"),
                };
                host.ip(&format!(
                    "addr add {address}/{length} dev {interface} {flag}"
                ))?;
                host.ip(&format!("link set {interface} up"))?;
            }
        }
        Ok(cable)
    }

    pub(crate) fn near(self, family: Family) -> IpAddr {
        self.end(family, 1)
    }

    pub(crate) fn far(self, family: Family) -> IpAddr {
        self.end(family, 2)
    }

    fn end(self, family: Family, host: u8) -> IpAddr {
        let number = self.number;
        match family {
            Family::V4 => Ipv4Addr::new(10, 77, number, host).into(),
            Family::V6 => Ipv6Addr::new(0xfd77, number.into(), 0, 0, 0, 0, 0, host.into()).into(),
        }
    }
}

/// Copies a program to where `nobody` can start it.
///
/// # Errors
/// When the program is not there or the copy fails.
pub(super) fn publish_program(from: &Path, to: &Path) -> Result<()> {
    let copied = fs::copy(from, to).map(drop);
    copied.with_context(|| format!("copying {} to {}", from.display(), to.display()))
}
