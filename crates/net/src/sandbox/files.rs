//! Files and sockets that are left: Landlock.

use std::path::{Path, PathBuf};

use landlock::{
    ABI, Access as _, AccessFs, AccessNet, NetPort, Ruleset, RulesetAttr as _,
    RulesetCreatedAttr as _, RulesetError, RulesetStatus, Scope, path_beneath_rules,
};

use super::{Layer, Sandbox};

/// The newest of which it is known what it restricts; of an older kernel as much is taken as it has.
const VERSION: ABI = ABI::V6;

/// The port that resolvers ask when an answer is too long for a datagram.
const DNS_PORT: u16 = 53;

/// Where a resolver has its configuration, its modules and its caches. Their files are often replaced, so
/// that directories are named.
const RESOLVER: &[&str] = &[
    "/etc",
    "/lib",
    "/lib64",
    "/nix/store",
    "/run/NetworkManager",
    "/run/connman",
    "/run/nscd",
    "/run/resolvconf",
    "/run/systemd/resolve",
    "/usr/etc",
    "/usr/lib",
    "/usr/lib64",
    "/var/lib/sss",
    "/var/run/nscd",
];

/// Files of the resolver that are often links to where a program keeps them.
const OFTEN_ELSEWHERE: &[&str] = &["/etc/nsswitch.conf", "/etc/resolv.conf"];

pub(super) fn confine(sandbox: &Sandbox) -> Layer {
    match restrict(sandbox) {
        Ok(RulesetStatus::FullyEnforced) => Layer::Full,
        Ok(RulesetStatus::PartiallyEnforced) => Layer::Partial,
        Ok(RulesetStatus::NotEnforced) => {
            tracing::warn!("sandbox without Landlock: the kernel has none");
            Layer::Absent
        }
        Err(error) => {
            tracing::warn!(%error, "sandbox without Landlock");
            Layer::Absent
        }
    }
}

fn restrict(sandbox: &Sandbox) -> Result<RulesetStatus, RulesetError> {
    let mut rules = Ruleset::default()
        .handle_access(AccessFs::from_all(VERSION))?
        .handle_access(AccessNet::from_all(VERSION))?
        .scope(Scope::from_all(VERSION))?
        .create()?
        .add_rules(path_beneath_rules(
            &sandbox.socket_directory,
            AccessFs::RemoveFile,
        ))?;
    if sandbox.looks_names_up {
        let read = AccessFs::ReadFile | AccessFs::ReadDir;
        rules = rules
            .add_rules(path_beneath_rules(RESOLVER, read))?
            .add_rules(path_beneath_rules(real_directories(), read))?
            .add_rule(NetPort::new(DNS_PORT, AccessNet::ConnectTcp))?;
    }
    Ok(rules.restrict_self()?.ruleset)
}

/// The directories that files of the resolver really are in.
fn real_directories() -> Vec<PathBuf> {
    let files = OFTEN_ELSEWHERE
        .iter()
        .filter_map(|path| std::fs::canonicalize(path).ok());
    files
        .filter_map(|file| file.parent().map(Path::to_owned))
        // Of the whole tree nobody speaks.
        .filter(|directory| directory.parent().is_some())
        .collect()
}
