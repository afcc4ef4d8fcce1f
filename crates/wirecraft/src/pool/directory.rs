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
    known: BTreeMap<String, Version>,
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
    /// changed replaced. An unusable file is told once, until it changes.
    ///
    /// # Errors
    /// The directory cannot be read; the exits stay as they are.
    pub async fn update(&mut self, pool: &TunnelPool) -> io::Result<Vec<DirectoryChange>> {
        let found = list(&self.path)?;
        let mut changes = Vec::new();
        let known = core::mem::take(&mut self.known);
        for (name, version) in &known {
            if found.get(name) != Some(version) && pool.remove(name) && !found.contains_key(name) {
                changes.push(DirectoryChange::Removed { name: name.clone() });
            }
        }
        for (name, version) in &found {
            if known.get(name) != Some(version) {
                let name = name.clone();
                changes.push(match add(pool, &name, &version.path).await {
                    Ok(()) => DirectoryChange::Added { name },
                    Err(reason) => DirectoryChange::Unusable { name, reason },
                });
            }
        }
        self.known = found;
        Ok(changes)
    }
}

async fn add(pool: &TunnelPool, name: &str, path: &Path) -> Result<(), String> {
    let config = Config::load(path).map_err(|error| error.to_string())?;
    let added = pool.add(name, config).await;
    added.map_err(|error: AddExitError| error.to_string())
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
}
