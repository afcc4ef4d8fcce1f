//! Which crate may be built from which: the table of the layers.

use crate::workspace::{Package, Workspace};
use anyhow::{Result, bail};

/// A package and the packages of ours that it may depend on.
struct Arrows {
    package: &'static str,
    to: &'static [&'static str],
}

/// The layers, lowest first. A new arrow is argued in the commit that adds it.
const LAYERS: &[Arrows] = &[
    arrows("wirecraft-time", &[]),
    arrows("wirecraft-wire-format", &[]),
    arrows("wirecraft-batch-aead", &[]),
    arrows("wirecraft-ip-packets", &["wirecraft-time"]),
    arrows(
        "wirecraft-noise-handshake",
        &["wirecraft-wire-format", "wirecraft-batch-aead"],
    ),
    arrows(
        "wirecraft-tunnel",
        &[
            "wirecraft-wire-format",
            "wirecraft-noise-handshake",
            "wirecraft-ip-packets",
            "wirecraft-time",
        ],
    ),
    arrows(
        "wirecraft-netstack",
        &["wirecraft-ip-packets", "wirecraft-time"],
    ),
    arrows(
        "wirecraft-scan",
        &["wirecraft-ip-packets", "wirecraft-time"],
    ),
    arrows(
        "wirecraft-net",
        &["wirecraft-tunnel", "wirecraft-ip-packets", "wirecraft-time"],
    ),
    arrows(
        "wirecraft",
        &[
            "wirecraft-time",
            "wirecraft-wire-format",
            "wirecraft-batch-aead",
            "wirecraft-ip-packets",
            "wirecraft-noise-handshake",
            "wirecraft-tunnel",
            "wirecraft-netstack",
            "wirecraft-scan",
            "wirecraft-net",
        ],
    ),
    arrows("wirecraft-proxy", &["wirecraft"]),
    arrows("wirecraft-gateway", &["wirecraft"]),
    arrows("wirecraft-diagnose", &["wirecraft"]),
    arrows(
        "wirecraft-cli",
        &[
            "wirecraft",
            "wirecraft-proxy",
            "wirecraft-gateway",
            "wirecraft-diagnose",
        ],
    ),
    arrows(
        "wirecraft-testing",
        &[
            "wirecraft-time",
            "wirecraft-wire-format",
            "wirecraft-ip-packets",
            "wirecraft-noise-handshake",
            "wirecraft-tunnel",
        ],
    ),
    arrows("xtask", &[]),
];

/// Packages that may be built from anything.
const FREE: &[&str] = &[
    "wirecraft-tests",
    "wirecraft-benches",
    "wirecraft-interface-bench",
    "wirecraft-fuzz",
];

const fn arrows(package: &'static str, to: &'static [&'static str]) -> Arrows {
    Arrows { package, to }
}

/// Compares the dependencies of the workspace with the table.
///
/// # Errors
/// Names every arrow and every package that the table does not have.
pub(crate) fn check(workspace: &Workspace) -> Result<()> {
    let wrong: Vec<String> = workspace.packages.iter().flat_map(wrong_arrows).collect();
    if wrong.is_empty() {
        return Ok(());
    }
    bail!(
        "not in the table of xtask/src/ci/arrows.rs:\n  {}",
        wrong.join("\n  ")
    )
}

fn wrong_arrows(package: &Package) -> Vec<String> {
    if FREE.contains(&package.name.as_str()) {
        return Vec::new();
    }
    let Some(layer) = LAYERS.iter().find(|layer| layer.package == package.name) else {
        return vec![format!("package {}", package.name)];
    };
    package
        .depends_on
        .iter()
        .filter(|name| !layer.to.contains(&name.as_str()))
        .map(|name| format!("{} -> {name}", package.name))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::{LAYERS, check};
    use crate::workspace::Workspace;
    use serde_json::{Value, json};

    fn workspace(package: &str, dependencies: &Value) -> Workspace {
        Workspace::parse(&json!({
            "workspace_root": "/w",
            "target_directory": "/w/target",
            "packages": [{
                "name": package, "dependencies": dependencies, "targets": [], "publish": null,
            }],
        }))
        .expect("the form cargo answers in")
    }

    #[test]
    fn table_is_layered() {
        for (depth, layer) in LAYERS.iter().enumerate() {
            for name in layer.to {
                let below = LAYERS[..depth].iter().any(|lower| lower.package == *name);
                assert!(below, "{} -> {name} points up", layer.package);
            }
        }
    }

    #[test]
    fn arrow_outside_the_table_is_named() {
        let upward = json!([{"name": "wirecraft-net", "path": "/w/net", "kind": null}]);
        let error = check(&workspace("wirecraft-tunnel", &upward)).expect_err("points up");
        assert!(
            error
                .to_string()
                .contains("wirecraft-tunnel -> wirecraft-net"),
            "{error}"
        );
    }

    #[test]
    fn build_dependency_is_an_arrow_too() {
        let build = json!([{"name": "wirecraft-net", "path": "/w/net", "kind": "build"}]);
        assert!(check(&workspace("wirecraft-tunnel", &build)).is_err());
    }

    #[test]
    fn dev_dependencies_and_foreign_crates_are_free() {
        let free = json!([
            {"name": "wirecraft-net", "path": "/w/net", "kind": "dev"},
            {"name": "thiserror", "kind": null},
        ]);
        assert!(check(&workspace("wirecraft-tunnel", &free)).is_ok());
    }

    #[test]
    fn unknown_package_is_named() {
        let error = check(&workspace("wirecraft-misc", &json!([]))).expect_err("unknown");
        assert!(
            error.to_string().contains("package wirecraft-misc"),
            "{error}"
        );
    }
}
