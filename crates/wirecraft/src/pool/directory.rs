//! A directory of configurations as the exits of a pool.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use super::{AddExitError, TunnelPool};
use crate::config::Config;

/// The directory whose `.conf` files are exits; each is called as its file is, without the ending.
#[derive(Debug)]
pub struct PoolDirectory {
    path: PathBuf,
    known: BTreeMap<String, Known>,
}

/// A file that was looked at.
#[derive(Clone, Debug)]
struct Known {
    version: Version,
    /// Whether there is an exit that came from it; of the same name may be one of another origin.
    is_exit: bool,
}

/// A file as it was read.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Version {
    path: PathBuf,
    modified: Option<SystemTime>,
    len: u64,
}

/// What became of a file.
#[derive(Debug)]
#[non_exhaustive]
pub enum DirectoryChange {
    /// It is an exit.
    Added {
        /// The name of the exit.
        name: String,
    },
    /// It is gone, and its exit with it; connections go on until they end.
    Removed {
        /// The name of the exit.
        name: String,
    },
    /// It is no exit.
    Unusable {
        /// The name that the exit would have.
        name: String,
        /// What is wrong with the file, or with the exit.
        reason: String,
    },
}

impl PoolDirectory {
    /// Names a directory; nothing is read yet.
    #[must_use]
    pub fn new(path: &Path) -> Self {
        Self {
            path: path.to_owned(),
            known: BTreeMap::new(),
        }
    }

    /// Brings `pool` to what the directory holds: new files are added, files that are gone removed, and files that
    /// changed replaced. An unusable file is told once, until it changes; the exit that it was before stays.
    ///
    /// # Errors
    /// The directory cannot be read; the exits stay as they are.
    pub async fn update(&mut self, pool: &TunnelPool) -> io::Result<Vec<DirectoryChange>> {
        let found = list(&self.path)?;
        let mut changes = Vec::new();
        let mut known = core::mem::take(&mut self.known);
        known.retain(|name, before| {
            let is_there = found.contains_key(name);
            if !is_there && before.is_exit && pool.remove(name) {
                changes.push(DirectoryChange::Removed { name: name.clone() });
            }
            is_there
        });
        for (name, version) in found {
            let is_exit = match known.get(&name) {
                Some(before) if before.version == version => {
                    self.known.insert(name, before.clone());
                    continue;
                }
                before => before.is_some_and(|before| before.is_exit),
            };
            let outcome = bring_in(pool, &name, &version.path, is_exit).await;
            let is_exit = is_exit || outcome.is_ok();
            let known = Known { version, is_exit };
            self.known.insert(name.clone(), known);
            changes.push(match outcome {
                Ok(()) => DirectoryChange::Added { name },
                Err(reason) => DirectoryChange::Unusable { name, reason },
            });
        }
        Ok(changes)
    }
}

/// Adds the exit of a file, or puts it in the place of what the file was before.
async fn bring_in(pool: &TunnelPool, name: &str, path: &Path, is_exit: bool) -> Result<(), String> {
    let config = Config::load(path).map_err(|error| error.to_string())?;
    let done = match is_exit {
        true => pool.replace(name, config).await,
        false => pool.add(name, config).await,
    };
    done.map_err(|error: AddExitError| error.to_string())
}

/// The `.conf` files of a directory by the names of their exits.
fn list(directory: &Path) -> io::Result<BTreeMap<String, Version>> {
    let mut files = BTreeMap::new();
    for entry in fs::read_dir(directory)? {
        let path = entry?.path();
        let is_config = path.extension().is_some_and(|ending| ending == "conf");
        // A file that went away meanwhile is gone.
        let (true, Some(name), Ok(metadata)) = (is_config, path.file_stem(), fs::metadata(&path))
        else {
            continue;
        };
        if metadata.is_file() {
            let name = name.to_string_lossy().into_owned();
            let version = Version {
                modified: metadata.modified().ok(),
                len: metadata.len(),
                path,
            };
            files.insert(name, version);
        }
    }
    Ok(files)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::PeerConfig;
    use crate::pool::PoolOptions;
    use wirecraft_net::SystemEntropy;
    use wirecraft_noise_handshake::PrivateKey;

    fn config() -> String {
        let mut entropy = SystemEntropy::default();
        let mut config = Config::new(PrivateKey::generate(&mut entropy));
        let peer = PrivateKey::generate(&mut entropy).public_key();
        config.peers.push(PeerConfig::new(peer));
        config.to_text_with_secrets().to_string()
    }

    fn told(changes: Vec<DirectoryChange>) -> Vec<String> {
        let text = |change| match change {
            DirectoryChange::Added { name } => format!("+{name}"),
            DirectoryChange::Removed { name } => format!("-{name}"),
            DirectoryChange::Unusable { name, .. } => format!("!{name}"),
        };
        changes.into_iter().map(text).collect()
    }

    #[tokio::test]
    async fn pool_follows_the_files_of_its_directory() {
        let path = std::env::temp_dir().join(format!("wirecraft-pool-{}", std::process::id()));
        fs::create_dir_all(&path).unwrap();
        let file = |name: &str| path.join(name);
        for (name, text) in [
            ("a.conf", config()),
            ("b.conf", config()),
            ("notes.txt", String::new()),
        ] {
            fs::write(file(name), text).unwrap();
        }
        fs::write(file("broken.conf"), "[Interface]\nPrivateKey = x\n").unwrap();
        let pool = TunnelPool::new(PoolOptions::default());
        let mut directory = PoolDirectory::new(&path);
        let names = || {
            pool.exits()
                .into_iter()
                .map(|exit| exit.name)
                .collect::<Vec<_>>()
        };

        assert_eq!(
            told(directory.update(&pool).await.unwrap()),
            ["+a", "+b", "!broken"]
        );
        assert_eq!(names(), ["a", "b"]);
        assert!(
            told(directory.update(&pool).await.unwrap()).is_empty(),
            "nothing changed"
        );

        fs::remove_file(file("a.conf")).unwrap();
        fs::write(file("c.conf"), config()).unwrap();
        fs::write(file("broken.conf"), config()).unwrap();
        assert_eq!(
            told(directory.update(&pool).await.unwrap()),
            ["-a", "+broken", "+c"]
        );
        assert_eq!(names(), ["b", "broken", "c"]);

        fs::remove_dir_all(&path).unwrap();
        assert!(directory.update(&pool).await.is_err());
        assert_eq!(names().len(), 3, "what is there stays");
    }

    /// A directory of its own with one exit, `a`, and a pool.
    async fn with_one_exit(name: &str) -> (PathBuf, PoolDirectory, TunnelPool) {
        let path = std::env::temp_dir().join(format!("wirecraft-{name}-{}", std::process::id()));
        fs::create_dir_all(&path).unwrap();
        fs::write(path.join("a.conf"), config()).unwrap();
        let pool = TunnelPool::new(PoolOptions::default());
        let directory = PoolDirectory::new(&path);
        (path, directory, pool)
    }

    #[tokio::test]
    async fn an_exit_of_another_origin_is_left_alone() {
        let (path, mut directory, pool) = with_one_exit("pool-others").await;
        pool.add("a", config().parse().unwrap()).await.unwrap();
        assert_eq!(told(directory.update(&pool).await.unwrap()), ["!a"]);
        fs::write(path.join("a.conf"), config() + "\n# changed\n").unwrap();
        assert_eq!(told(directory.update(&pool).await.unwrap()), ["!a"]);
        fs::remove_file(path.join("a.conf")).unwrap();
        assert!(told(directory.update(&pool).await.unwrap()).is_empty());
        assert_eq!(pool.exits().len(), 1);
        fs::remove_dir_all(&path).unwrap();
    }

    #[tokio::test]
    async fn an_exit_stays_while_its_file_is_written() {
        let (path, mut directory, pool) = with_one_exit("pool-edited").await;
        directory.update(&pool).await.unwrap();
        let before = pool.tunnels();
        fs::write(path.join("a.conf"), "").unwrap();
        assert_eq!(told(directory.update(&pool).await.unwrap()), ["!a"]);
        assert_eq!(pool.exits().len(), 1, "half a file ends nothing");
        fs::write(path.join("a.conf"), config() + "\n# changed\n").unwrap();
        assert_eq!(told(directory.update(&pool).await.unwrap()), ["+a"]);
        let port = |tunnels: Vec<(String, crate::Tunnel)>| async move {
            tunnels[0].1.status().await.unwrap().listen_port
        };
        assert_eq!(pool.exits().len(), 1);
        assert_ne!(port(before).await, port(pool.tunnels()).await);
        fs::remove_dir_all(&path).unwrap();
    }

    #[tokio::test]
    async fn a_closed_pool_takes_no_exit() {
        let pool = TunnelPool::new(PoolOptions::default());
        pool.close().await;
        let refused = pool.add("a", config().parse().unwrap()).await;
        assert!(
            matches!(refused, Err(AddExitError::Closed { .. })),
            "{refused:?}"
        );
    }
}
