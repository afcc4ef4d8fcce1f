//! Unit files of systemd, as far as their text shows what is wrong with them.

use crate::workspace::Workspace;
use anyhow::{Context as _, Result, ensure};
use std::fs;

/// Where they are.
const DIRECTORY: &str = "packaging/systemd";

/// No unit has `%I` in a command or a path: it makes a slash of each `-` in the name of an interface.
///
/// # Errors
/// Names the lines that do.
pub(crate) fn name_interfaces_as_they_are(workspace: &Workspace) -> Result<()> {
    let directory = workspace.root.join(DIRECTORY);
    let entries = fs::read_dir(&directory).with_context(|| directory.display().to_string())?;
    let mut wrong = Vec::new();
    for entry in entries {
        let path = entry?.path();
        let text = fs::read_to_string(&path).with_context(|| path.display().to_string())?;
        let lines = unescaped(&text).map(|line| format!("{}: {line}", path.display()));
        wrong.extend(lines);
    }
    ensure!(wrong.is_empty(), "`%I` in\n  {}", wrong.join("\n  "));
    Ok(())
}

/// The lines that name the instance with its escapes undone; a comment may.
fn unescaped(text: &str) -> impl Iterator<Item = &str> {
    text.lines()
        .filter(|line| !line.starts_with('#') && line.contains("%I"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_that_makes_slashes_of_dashes_is_found() {
        let text = "# not %I\nExecStart=/usr/bin/wirecraft tun %I\nExecReload=/bin/true %i\n";
        let found: Vec<&str> = unescaped(text).collect();
        assert_eq!(found, ["ExecStart=/usr/bin/wirecraft tun %I"]);
    }
}
