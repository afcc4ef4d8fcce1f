//! The files that say who resolves names, replaced for the program alone.
//!
//! Sockets of the file system work across network namespaces: a resolver of the host that listens on one
//! would be asked, and ask outside the tunnel. So the directories of such daemons are hidden.

use std::fmt::Write;
use std::fs::{self, DirBuilder};
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use rustix::mount::MountFlags;

use super::{ConfineError, Plan};
use crate::entropy::SystemEntropy;

/// Where daemons of the host that look up names listen.
const HIDDEN: [&str; 5] = [
    "/run/systemd/resolve",
    "/run/nscd",
    "/run/dbus",
    "/run/avahi-daemon",
    "/run/sssd",
];

const RESOLV_CONF: &str = "/etc/resolv.conf";
const NSSWITCH_CONF: &str = "/etc/nsswitch.conf";

/// Names come from the file of hosts and the name servers: no daemon is asked.
const HOSTS_LINE: &str = "hosts: files dns";

/// Hides the daemons, and puts files of the plan's making in place.
pub(super) fn replace(plan: &Plan) -> Result<(), ConfineError> {
    for directory in HIDDEN {
        hide(Path::new(directory)).map_err(failed(directory))?;
    }
    let scratch = Scratch::new().map_err(failed("a temporary directory"))?;
    let text = resolv_conf(plan);
    put(Path::new(RESOLV_CONF), &text, &scratch).map_err(failed(RESOLV_CONF))?;
    if let Ok(old) = fs::read_to_string(NSSWITCH_CONF) {
        let text = nsswitch_conf(&old);
        put(Path::new(NSSWITCH_CONF), &text, &scratch).map_err(failed(NSSWITCH_CONF))?;
    }
    Ok(())
}

fn failed(path: &str) -> impl FnOnce(io::Error) -> ConfineError {
    let path = PathBuf::from(path);
    |source| ConfineError::File { path, source }
}

/// Mounts an empty file system over a directory, if there is one.
fn hide(directory: &Path) -> io::Result<()> {
    if !directory.is_dir() {
        return Ok(());
    }
    let flags = MountFlags::NOSUID | MountFlags::NODEV | MountFlags::NOEXEC;
    rustix::mount::mount("tmpfs", directory, "tmpfs", flags, Some(c"mode=755"))?;
    Ok(())
}

/// Puts a file in the place of another. One that is not there is not asked for either, unless it is a link
/// into a directory that was hidden: there it is written anew.
fn put(path: &Path, text: &str, scratch: &Scratch) -> io::Result<()> {
    match fs::canonicalize(path) {
        Ok(target) => {
            let source = scratch.write(text)?;
            rustix::mount::mount_bind(&source, &target)?;
            Ok(())
        }
        Err(_) => match fs::read_link(path) {
            Ok(link) => {
                let target = path.parent().unwrap_or(path).join(link);
                // Elsewhere the file would be the host's: a link that leads nowhere there leads nowhere here.
                if is_hidden(&target) {
                    fs::write(target, text)?;
                }
                Ok(())
            }
            Err(_) => Ok(()),
        },
    }
}

/// Says whether a file would be made in a directory that was hidden, and seen by the program alone.
fn is_hidden(target: &Path) -> bool {
    let directory = target.parent().map(fs::canonicalize);
    let Some(Ok(directory)) = directory else {
        return false;
    };
    let mut hidden = HIDDEN.iter().map(fs::canonicalize);
    hidden.any(|hidden| hidden.is_ok_and(|hidden| directory.starts_with(hidden)))
}

fn resolv_conf(plan: &Plan) -> String {
    let mut text = "# Made by wirecraft for this program alone.\n".to_owned();
    for server in &plan.name_servers {
        // Writing to a string cannot fail.
        let _ = writeln!(text, "nameserver {server}");
    }
    if !plan.search.is_empty() {
        let _ = writeln!(text, "search {}", plan.search.join(" "));
    }
    text
}

fn nsswitch_conf(old: &str) -> String {
    let is_hosts = |line: &&str| line.trim_start().starts_with("hosts:");
    let others = old.lines().filter(|line| !is_hosts(line));
    let lines: Vec<&str> = others.chain([HOSTS_LINE, ""]).collect();
    lines.join("\n")
}

/// A directory for what is about to be mounted elsewhere; the mounts outlive it.
struct Scratch(PathBuf);

impl Scratch {
    fn new() -> io::Result<Self> {
        let number = rand_core::Rng::next_u64(&mut SystemEntropy::default());
        let path = std::env::temp_dir().join(format!("wirecraft-{number:016x}"));
        DirBuilder::new().mode(0o700).create(&path)?;
        Ok(Self(path))
    }

    /// Writes a file that everybody may read, as the one in whose place it comes.
    fn write(&self, text: &str) -> io::Result<PathBuf> {
        let path = self.0.join(fs::read_dir(&self.0)?.count().to_string());
        fs::write(&path, text)?;
        Ok(path)
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // What stays behind is a file without secrets.
        let _ = fs::remove_dir_all(&self.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_asked_of_the_servers_of_the_plan() {
        let mut plan = Plan {
            addresses: Vec::new(),
            mtu: 1420,
            offloads: true,
            name_servers: vec!["10.0.0.1".parse().unwrap(), "fd00::1".parse().unwrap()],
            search: vec!["example.org".to_owned(), "example.net".to_owned()],
        };
        let text = resolv_conf(&plan);
        let lines: Vec<&str> = text.lines().skip(1).collect();
        let servers = ["nameserver 10.0.0.1", "nameserver fd00::1"];
        assert_eq!(lines[..2], servers);
        assert_eq!(lines[2..], ["search example.org example.net"]);
        plan.name_servers.clear();
        plan.search.clear();
        assert_eq!(resolv_conf(&plan).lines().count(), 1);
    }

    #[test]
    fn no_daemon_is_asked_for_hosts_and_everything_else_stays() {
        let old = "passwd: files systemd\nhosts: mymachines resolve [!UNAVAIL=return] files dns\n\
                   services: db files\n";
        let expected = "passwd: files systemd\nservices: db files\nhosts: files dns\n";
        assert_eq!(nsswitch_conf(old), expected);
    }
}
