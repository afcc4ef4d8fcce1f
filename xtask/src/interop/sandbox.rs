//! The namespaces that the harness lives in, and the way into them.
//!
//! ```text
//! xtask                      waits, with a deadline
//!  `- setpriv, unshare       is killed when xtask ends (parent-death signal)
//!      `- xtask (process 1)  is killed when unshare ends; with it go all processes below,
//!          `- ...            the hosts, their interfaces and the mounts
//! ```

use super::output_of;
use crate::stopwatch::Deadline;
use anyhow::{Context, Result, bail, ensure};
use std::fs;
use std::os::unix::fs::chown;
use std::path::Path;
use std::process::{Command, ExitStatus};
use std::thread::sleep;
use std::time::Duration;

/// Where the harness keeps its files, in a `/run` of its own.
pub(crate) const DIRECTORY: &str = "/run/wirecraft-interop";

/// `nobody`, who owns nothing: the programs of wirecraft run as this user and group.
pub(super) const NOBODY: u32 = 65_534;

/// Says whether this machine and user can have namespaces for `task`.
///
/// # Errors
/// When they cannot.
pub(crate) fn check_rights(task: &str) -> Result<()> {
    use std::os::unix::fs::MetadataExt as _;
    ensure!(
        cfg!(target_os = "linux"),
        "{task} needs Linux: it runs in network namespaces"
    );
    let user = fs::metadata("/proc/self")
        .context("reading /proc/self")?
        .uid();
    ensure!(
        user == 0,
        "{task} needs root, for network namespaces: sudo cargo xtask {task}"
    );
    Ok(())
}

/// Runs `task` of this program with `arguments` as process 1 of new namespaces, for `limit` at most.
///
/// # Errors
/// When the namespaces cannot be made, or the time ran out; then everything inside was killed.
pub(crate) fn enter(task: &str, arguments: &[String], limit: Duration) -> Result<ExitStatus> {
    let program = std::env::current_exe().context("finding this program")?;
    let mut child = Command::new("setpriv")
        .args(["--pdeathsig", "KILL"])
        .args(["unshare", "--net", "--mount", "--pid", "--mount-proc"])
        .args(["--fork", "--kill-child=KILL", "--"])
        .arg(program)
        .arg(task)
        .args(arguments)
        .spawn()
        .context("starting setpriv")?;
    let deadline = Deadline::after(limit);
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(status);
        }
        if deadline.has_passed() {
            child.kill()?;
            child.wait()?;
            bail!("not done within {} s", limit.as_secs());
        }
        sleep(Duration::from_millis(20));
    }
}

/// Lays an empty `/run` over the machine's own, so that sockets of tunnels and names of network
/// namespaces stand in this mount namespace alone.
///
/// # Errors
/// When called outside of [`enter`], or a mount fails.
pub(crate) fn furnish() -> Result<()> {
    ensure!(
        std::process::id() == 1,
        "this option is for the harness itself"
    );
    output_of(Command::new("mount").args("-t tmpfs -o mode=0755 tmpfs /run".split(' ')))?;
    output_of(Command::new("ip").args(["link", "set", "lo", "up"]))?;
    fs::create_dir(DIRECTORY).with_context(|| format!("creating {DIRECTORY}"))
}

/// Writes a file that only its owner can read.
///
/// # Errors
/// When the file cannot be written.
pub(super) fn write_secret(path: &Path, text: &str, owner: u32) -> Result<()> {
    use std::io::Write as _;
    use std::os::unix::fs::OpenOptionsExt as _;
    let mut options = fs::OpenOptions::new();
    options.write(true).create_new(true).mode(0o600);
    let mut file = options
        .open(path)
        .with_context(|| format!("creating {}", path.display()))?;
    file.write_all(text.as_bytes())?;
    chown(path, Some(owner), Some(owner)).with_context(|| format!("giving {}", path.display()))
}

/// Creates a directory for `owner` alone.
///
/// # Errors
/// When the directory cannot be created.
pub(super) fn create_directory(path: &Path, owner: u32) -> Result<()> {
    fs::create_dir(path).with_context(|| format!("creating {}", path.display()))?;
    chown(path, Some(owner), Some(owner)).with_context(|| format!("giving {}", path.display()))
}
