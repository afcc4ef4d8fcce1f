//! Rules of the house that only the text of the sources shows.

use crate::workspace::Workspace;
use anyhow::{Context, Result, bail};
use std::fs;
use std::path::{Path, PathBuf};

/// The package with vector code.
const MAY_HOLD_UNSAFE: &str = "wirecraft-batch-aead";

/// Where in it `unsafe` may stand.
const UNSAFE_DIRECTORY: &str = "crates/batch-aead/src/vector";

/// Directories with Rust sources of ours.
const SOURCE_DIRECTORIES: &[&str] = &["crates", "xtask", "tests", "benches", "fuzz"];

/// Lines that a file may have before its tests.
const MAX_FILE_LINES: usize = 600;

const FORBID: &str = "#![forbid(unsafe_code)]";

/// Every crate but one forbids `unsafe`, and no file outside its directory for it writes it.
///
/// # Errors
/// Names the files that break the rule.
pub(crate) fn unsafe_stays_in_its_crates(workspace: &Workspace) -> Result<()> {
    let mut wrong = Vec::new();
    for package in &workspace.packages {
        if package.name == MAY_HOLD_UNSAFE {
            continue;
        }
        for root in &package.roots {
            if !read(root)?.lines().any(|line| line.trim() == FORBID) {
                let inside = root.strip_prefix(&workspace.root).unwrap_or(root);
                wrong.push(format!("{}: no {FORBID}", inside.display()));
            }
        }
    }
    for path in rust_files(&workspace.root)? {
        let inside = path.strip_prefix(&workspace.root).unwrap_or(&path);
        if inside.starts_with(UNSAFE_DIRECTORY) {
            continue;
        }
        let lines = read(&path)?;
        let numbered = lines.lines().enumerate();
        let hits = numbered.filter(|(_, line)| writes_unsafe(line));
        wrong.extend(hits.map(|(number, _)| format!("{}:{}", inside.display(), number + 1)));
    }
    let rule = format!("`unsafe` outside {UNSAFE_DIRECTORY}");
    report(&rule, &wrong)
}

/// No file is longer than the limit, its tests not counted.
///
/// # Errors
/// Names the files that are.
pub(crate) fn files_are_short(workspace: &Workspace) -> Result<()> {
    let mut wrong = Vec::new();
    for path in rust_files(&workspace.root)? {
        let inside = path.strip_prefix(&workspace.root).unwrap_or(&path);
        let lines = lines_before_tests(&read(&path)?);
        if !holds_only_tests(inside) && lines >= MAX_FILE_LINES {
            wrong.push(format!("{}: {lines} lines", inside.display()));
        }
    }
    report(&format!("files of {MAX_FILE_LINES} lines and more"), &wrong)
}

/// Whether a line of code has the keyword, leaving out comments and string literals.
fn writes_unsafe(line: &str) -> bool {
    let strings_whole = line.replace(r#"'"'"#, " ").replace(r#"\""#, " ");
    let outside_strings = strings_whole.split('"').step_by(2).collect::<Vec<_>>();
    let outside_strings = outside_strings.join(" ");
    let code = outside_strings.split("//").next().unwrap_or_default();
    let is_word = |c: char| c.is_alphanumeric() || c == '_';
    code.split(|c| !is_word(c)).any(|word| word == "unsafe")
}

/// Counts the lines up to a test module that is written out; one that is only named ends nothing.
fn lines_before_tests(text: &str) -> usize {
    let lines: Vec<&str> = text.lines().collect();
    let tests = lines.windows(2).position(|pair| {
        let module = pair[1].trim();
        pair[0].trim() == "#[cfg(test)]" && module.starts_with("mod ") && module.ends_with('{')
    });
    tests.unwrap_or(lines.len())
}

fn holds_only_tests(path: &Path) -> bool {
    path.file_name().is_some_and(|name| name == "tests.rs")
        || path.components().any(|part| part.as_os_str() == "tests")
}

pub(super) fn rust_files(root: &Path) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    let mut waiting: Vec<PathBuf> = SOURCE_DIRECTORIES
        .iter()
        .map(|name| root.join(name))
        .collect();
    while let Some(directory) = waiting.pop() {
        if !directory.is_dir() || directory.ends_with("target") {
            continue;
        }
        let entries = fs::read_dir(&directory);
        for entry in entries.with_context(|| format!("listing {}", directory.display()))? {
            let path = entry?.path();
            if path.is_dir() {
                waiting.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                found.push(path);
            }
        }
    }
    found.sort();
    Ok(found)
}

fn read(path: &Path) -> Result<String> {
    fs::read_to_string(path).with_context(|| format!("reading {}", path.display()))
}

fn report(rule: &str, wrong: &[String]) -> Result<()> {
    if wrong.is_empty() {
        return Ok(());
    }
    bail!("{rule}:\n  {}", wrong.join("\n  "))
}

#[cfg(test)]
mod tests {
    use super::{holds_only_tests, lines_before_tests, writes_unsafe};
    use std::path::Path;

    #[test]
    fn keyword_is_seen_in_code_alone() {
        assert!(writes_unsafe("    let x = unsafe { read(p) };"));
        assert!(writes_unsafe("pub unsafe fn read(p: *const u8) -> u8 {"));
        assert!(writes_unsafe("}  unsafe { f() } // as stated"));
        assert!(!writes_unsafe("// unsafe is named here"));
        assert!(!writes_unsafe("#![forbid(unsafe_code)]"));
        assert!(!writes_unsafe(&["bail!(", "unsafe {name}", ")"].join("\"")));
        assert!(writes_unsafe(r#"if c == '"' { unsafe { read(p) } }"#));
        assert!(writes_unsafe(r#"let quote = "\""; unsafe { read(p) }"#));
    }

    #[test]
    fn tests_do_not_count_as_length() {
        assert_eq!(
            lines_before_tests("a\nb\n#[cfg(test)]\nmod tests {\n}\n"),
            2
        );
        assert_eq!(lines_before_tests("a\n#[cfg(test)]\nuse b;\nc\n"), 4);
        assert_eq!(lines_before_tests("#[cfg(test)]\nmod vectors;\na\nb\n"), 4);
        assert!(holds_only_tests(Path::new("crates/tunnel/tests/pair.rs")));
        assert!(holds_only_tests(Path::new(
            "crates/tunnel/src/device/tests.rs"
        )));
        assert!(!holds_only_tests(Path::new("crates/tunnel/src/device.rs")));
    }
}
