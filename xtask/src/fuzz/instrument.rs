//! What is instrumented for fuzzing: the packages of this workspace, and nothing below them.
//!
//! `cargo fuzz` has every crate report its branches and comparisons. For arithmetic in constant time
//! that costs a factor of twenty and tells nothing, so this program stands in for the compiler and
//! takes those flags away where a foreign crate is compiled. Sanitizers stay on for all of them.

use anyhow::{Context, Result};
use std::ffi::OsString;
use std::path::Path;
use std::process::{Command, ExitCode};

/// The platform that is fuzzed on.
pub(crate) const HOST: &str = "x86_64-unknown-linux-gnu";

/// Holds the root of the workspace where this program is to be the compiler.
const ROOT: &str = "WIRECRAFT_INSTRUMENTED_ROOT";

/// Flags that only packages of the workspace are compiled with.
const OWN_FLAGS: [&str; 4] = [
    "-Cpasses=sancov-module",
    "-Cllvm-args=-sanitizer-coverage",
    "-Cllvm-args=-simplifycfg",
    "-Cdebug-assertions",
];

/// Has a build call this program instead of the compiler.
pub(super) fn prepare(build: &mut Command, root: &Path) -> Result<()> {
    let program = std::env::current_exe().context("finding this program")?;
    build.env("RUSTC_WRAPPER", program).env(ROOT, root);
    // Link-time optimisation of twenty programs takes far longer than it saves.
    build.env("CARGO_PROFILE_RELEASE_LTO", "off");
    build.env("CARGO_PROFILE_RELEASE_CODEGEN_UNITS", "16");
    Ok(())
}

/// Compiles if cargo called this program instead of the compiler; `None` if it did not.
pub(crate) fn compile() -> Option<ExitCode> {
    let root = std::env::var_os(ROOT)?;
    let mut arguments = std::env::args_os().skip(1);
    let compiler = arguments.next()?;
    let package = std::env::var_os("CARGO_MANIFEST_DIR");
    let is_own = package.is_none_or(|package| Path::new(&package).starts_with(&root));
    let arguments = arguments.filter(|argument| is_own || !is_own_flag(argument));
    let status = Command::new(compiler).args(arguments).status().ok()?;
    Some(if status.success() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

fn is_own_flag(argument: &OsString) -> bool {
    let argument = argument.to_string_lossy();
    OWN_FLAGS.iter().any(|flag| argument.starts_with(flag))
}

#[cfg(test)]
mod tests {
    use super::is_own_flag;

    #[test]
    fn foreign_crates_keep_their_sanitizer_and_lose_their_counters() {
        let is_dropped = |argument: &str| is_own_flag(&argument.into());
        assert!(is_dropped("-Cpasses=sancov-module"));
        assert!(is_dropped("-Cllvm-args=-sanitizer-coverage-trace-compares"));
        assert!(!is_dropped("-Zsanitizer=address"));
        assert!(!is_dropped("-Ccodegen-units=1"));
    }
}
