//! What `cargo metadata` says of this workspace.

use crate::steps::cargo;
use anyhow::{Context, Result, ensure};
use serde_json::Value;
use std::path::PathBuf;

/// The packages of the workspace and where it stands.
pub(crate) struct Workspace {
    pub(crate) root: PathBuf,
    pub(crate) target: PathBuf,
    pub(crate) packages: Vec<Package>,
}

/// One package of ours.
pub(crate) struct Package {
    pub(crate) name: String,
    /// Path of each library and program root.
    pub(crate) roots: Vec<PathBuf>,
    /// Packages of ours that it is built from; dev-dependencies are not among them.
    pub(crate) depends_on: Vec<String>,
    pub(crate) is_published: bool,
}

impl Workspace {
    /// Asks cargo.
    ///
    /// # Errors
    /// When `cargo metadata` fails or answers in another form.
    pub(crate) fn load() -> Result<Self> {
        let output = cargo(["metadata", "--no-deps", "--format-version", "1"])
            .output()
            .context("starting cargo metadata")?;
        ensure!(
            output.status.success(),
            "cargo metadata: {}",
            String::from_utf8_lossy(&output.stderr).trim()
        );
        Self::parse(&serde_json::from_slice(&output.stdout)?)
            .context("cargo metadata answered in an unknown form")
    }

    /// Reads the answer of `cargo metadata --format-version 1`.
    pub(crate) fn parse(metadata: &Value) -> Option<Self> {
        let packages = metadata["packages"].as_array()?;
        Some(Self {
            root: metadata["workspace_root"].as_str()?.into(),
            target: metadata["target_directory"].as_str()?.into(),
            packages: packages.iter().map(Package::parse).collect::<Option<_>>()?,
        })
    }
}

impl Package {
    fn parse(package: &Value) -> Option<Self> {
        let dependencies = package["dependencies"].as_array()?;
        let depends_on = dependencies
            .iter()
            .filter(|dependency| dependency["path"].is_string() && dependency["kind"] != "dev")
            .map(|dependency| dependency["name"].as_str().map(str::to_owned));
        let targets = package["targets"].as_array()?;
        let roots = targets
            .iter()
            .filter(|target| target["kind"][0] == "lib" || target["kind"][0] == "bin")
            .map(|target| target["src_path"].as_str().map(PathBuf::from));
        Some(Self {
            name: package["name"].as_str()?.to_owned(),
            roots: roots.collect::<Option<_>>()?,
            depends_on: depends_on.collect::<Option<_>>()?,
            is_published: package["publish"].is_null(),
        })
    }
}
