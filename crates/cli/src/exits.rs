//! Several tunnels of one command: from files, and from directories that are watched.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::anyhow;
use clap::Args;
use tokio::time::{Instant, interval, timeout};
use wirecraft::{
    AddExitError, Config, ConnectError, DirectoryChange, ExitState, ExitStatus, PoolDirectory,
    PoolOptions, Quota, Rotation, Tunnel, TunnelPool,
};

use crate::aead::connect_options;
use crate::arguments::{TunnelArgs, Verbosity, seconds};
use crate::failure::Failure;
use crate::interrupt::unless_interrupted;
use crate::output;

/// How often directories are read, and states are told.
const LOOK_INTERVAL: Duration = Duration::from_secs(1);

/// The tunnels that a command chooses among.
#[derive(Debug, Args)]
pub(crate) struct ExitArgs {
    /// Configuration in the syntax of wg-quick, or a directory of .conf files; `-` is standard input;
    /// may be repeated
    #[arg(
        short,
        long = "config",
        value_name = "FILE",
        env = "WIRECRAFT_CONFIG",
        hide_env_values = true,
        required = true
    )]
    configs: Vec<PathBuf>,
    /// When to take another of several tunnels: for every `connection`, `sticky` for every user, or
    /// every so many seconds
    #[arg(long, value_name = "WHEN", default_value = "connection", value_parser = rotation)]
    rotate: Rotation,
    /// Seconds to wait for the first handshake
    #[arg(long, value_name = "S", default_value = "10", value_parser = seconds)]
    timeout: Duration,
}

fn rotation(text: &str) -> Result<Rotation, String> {
    match text {
        "connection" => Ok(Rotation::Connection),
        "sticky" => Ok(Rotation::Sticky),
        _ => seconds(text)
            .map(Rotation::Every)
            .map_err(|_| "expected connection, sticky or seconds".to_owned()),
    }
}

/// A pool, and the directories that it follows.
pub(crate) struct Exits {
    pub(crate) pool: TunnelPool,
    directories: Vec<PoolDirectory>,
}

impl ExitArgs {
    /// Brings one tunnel up for one piece of work, and waits for its first handshake: of several the first that answers.
    ///
    /// The pool, if there is one, is to be closed in the end; otherwise the tunnel is.
    pub(crate) async fn connect_one(
        &self,
        verbosity: Verbosity,
    ) -> Result<(Tunnel, Option<TunnelPool>), Failure> {
        if let [path] = &self.configs[..]
            && !path.is_dir()
        {
            let alone = TunnelArgs::new(path.clone(), self.timeout);
            let config = alone.load(verbosity)?;
            return Ok((alone.connect(config).await?, None));
        }
        let pool = self.start(Quota::default(), verbosity).await?.pool;
        let picked = unless_interrupted(async {
            let picked = timeout(self.timeout, pool.pick(None)).await;
            let picked = picked.map_err(|_| {
                let (count, waited) = (pool.exits().len(), self.timeout.as_secs_f64());
                Failure::network(anyhow!(
                    "no handshake within {waited} s with any of {count} peers"
                ))
            })?;
            picked.map_err(Failure::network)
        });
        let exit = picked.await?;
        tracing::info!(exit = %exit.name(), "exit chosen");
        Ok((exit.tunnel().clone(), Some(pool)))
    }

    /// How long silence at the beginning is nothing to tell, or to wait for.
    pub(crate) fn patience(&self) -> Duration {
        self.timeout
    }

    /// Brings all tunnels up; none is waited for.
    pub(crate) async fn start(&self, quota: Quota, verbosity: Verbosity) -> Result<Exits, Failure> {
        let mut options = PoolOptions::default();
        options.rotation = self.rotate;
        options.quota = quota;
        options.connect = connect_options()?;
        options.connect.name = Some("exit".to_owned());
        let mut exits = Exits {
            pool: TunnelPool::new(options),
            directories: Vec::new(),
        };
        for path in &self.configs {
            if path.is_dir() {
                let mut directory = PoolDirectory::new(path);
                let changes = directory.update(&exits.pool).await;
                let changes = changes.map_err(|error| unreadable(path, &error))?;
                tell_changes(&changes, verbosity);
                exits.directories.push(directory);
                continue;
            }
            let config = Config::load(path).map_err(Failure::call)?;
            if !verbosity.is_quiet() {
                config.notices().iter().for_each(output::remark);
            }
            let name = exit_name(path);
            exits.pool.add(&name, config).await.map_err(failure)?;
        }
        if exits.pool.exits().is_empty() {
            let empty = anyhow!("the directory holds no usable .conf file");
            return Err(Failure::call(empty));
        }
        Ok(exits)
    }
}

fn unreadable(path: &Path, error: &std::io::Error) -> Failure {
    Failure::call(anyhow!("{}: {error}", path.display()))
}

/// The name of the file without its ending.
fn exit_name(path: &Path) -> String {
    let name = path.file_stem().unwrap_or(path.as_os_str());
    name.to_string_lossy().into_owned()
}

fn failure(error: AddExitError) -> Failure {
    match error {
        AddExitError::Connect { source, .. } if matches!(source, ConnectError::NoPeers) => {
            Failure::call(source)
        }
        error => Failure::call(error),
    }
}

impl Exits {
    /// Follows the directories and tells what becomes of the exits, for ever.
    pub(crate) async fn keep_up(&mut self, patience: Duration, verbosity: Verbosity) {
        let mut ticks = interval(LOOK_INTERVAL);
        let patience_ends = Instant::now() + patience;
        let mut told: Vec<ExitStatus> = Vec::new();
        let mut has_waited = false;
        loop {
            ticks.tick().await;
            for directory in &mut self.directories {
                // A directory that is gone may come back; its exits stay.
                if let Ok(changes) = directory.update(&self.pool).await {
                    tell_changes(&changes, verbosity);
                }
            }
            let exits = self.pool.exits();
            if !verbosity.is_quiet() {
                changes_of(&told, &exits).iter().for_each(output::remark);
            }
            if !has_waited && Instant::now() >= patience_ends {
                has_waited = true;
                if exits.iter().all(|exit| exit.state != ExitState::Up) && !verbosity.is_quiet() {
                    output::remark("no answer from any peer yet; still trying");
                }
            }
            told = exits;
        }
    }
}

/// What there is to tell of exits whose state has changed.
fn changes_of(before: &[ExitStatus], exits: &[ExitStatus]) -> Vec<String> {
    let up = exits
        .iter()
        .filter(|exit| exit.state == ExitState::Up)
        .count();
    let mut texts = Vec::new();
    for exit in exits {
        let known = before.iter().find(|known| known.name == exit.name);
        let was = known.map_or(ExitState::Starting, |known| known.state);
        let what = match (was, exit.state) {
            (was, now) if was == now => continue,
            (_, ExitState::Starting) => continue,
            (_, ExitState::Up) => "is up",
            (_, ExitState::Down) => "is silent; still trying",
        };
        texts.push(match exits {
            [_] => format!("the tunnel {what}"),
            _ => format!("exit {} {what} ({up} of {} up)", exit.name, exits.len()),
        });
    }
    texts
}

fn tell_changes(changes: &[DirectoryChange], verbosity: Verbosity) {
    for change in changes {
        match change {
            DirectoryChange::Unusable { name, reason } if !verbosity.is_quiet() => {
                output::remark(format_args!("exit {name} is left out: {reason}"));
            }
            DirectoryChange::Added { name } => tracing::info!(exit = %name, "exit added"),
            DirectoryChange::Removed { name } if !verbosity.is_quiet() => {
                output::remark(format_args!("exit {name} is gone"));
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rotation_is_a_word_or_seconds() {
        assert_eq!(rotation("connection"), Ok(Rotation::Connection));
        assert_eq!(rotation("sticky"), Ok(Rotation::Sticky));
        let minute = Duration::from_secs(60);
        assert_eq!(rotation("60"), Ok(Rotation::Every(minute)));
        for text in ["", "0", "-1", "random"] {
            assert!(rotation(text).is_err(), "{text}");
        }
    }

    #[test]
    fn exits_are_called_as_their_files() {
        assert_eq!(exit_name(Path::new("/etc/wireguard/oslo.conf")), "oslo");
        assert_eq!(exit_name(Path::new("-")), "-");
    }
}
