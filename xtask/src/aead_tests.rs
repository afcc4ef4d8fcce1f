//! `cargo xtask aead-tests`: the vector code of the AEAD in all ways it is built, and at every length.

use crate::steps::{Steps, cargo, command_line};
use anyhow::{Result, bail, ensure};
use std::process::Stdio;

const PACKAGE: &str = "wirecraft-batch-aead";

/// The ways to build the AEAD beside the default, each of which is code of its own.
const FEATURES: &[&str] = &["", "aws-lc", "batch"];

/// The test of every length in every size of a batch, which takes minutes.
const EVERY_LENGTH: &str = "oracles::every_length_in_every_size_of_a_batch";

/// Runs the tests of each build, and that of every length unless it shall be quick.
///
/// # Errors
/// When a test failed or the arguments are wrong.
pub(crate) fn run(arguments: &[String]) -> Result<()> {
    let is_quick = match arguments {
        [] => false,
        [only] if only == "--quick" => true,
        _ => bail!("usage: cargo xtask aead-tests [--quick]"),
    };
    let mut steps = Steps::new();
    ways_to_build(&mut steps);
    if !is_quick {
        every_length(&mut steps);
    }
    steps.finish()
}

/// Tests each way to build it; the default is part of the tests of the workspace.
pub(crate) fn ways_to_build(steps: &mut Steps) {
    for features in FEATURES {
        let mut test = cargo(["test", "--package", PACKAGE, "--lib"]);
        test.args(["--no-default-features", "--features", features]);
        steps.command(&format!("tests, {PACKAGE} with [{features}]"), test);
    }
    for path in missing_paths() {
        steps.skip(
            &format!("tests, vector code for {path}"),
            "this processor has it not",
        );
    }
}

/// The vector code that no test ran here, nor anywhere else on this machine.
fn missing_paths() -> Vec<&'static str> {
    #[cfg(target_arch = "x86_64")]
    let paths = [
        ("AVX2", std::is_x86_feature_detected!("avx2")),
        ("AVX-512", std::is_x86_feature_detected!("avx512ifma")),
    ];
    #[cfg(not(target_arch = "x86_64"))]
    let paths = [("AVX2", false), ("AVX-512", false)];
    let missing = paths.into_iter().filter(|(_, is_there)| !is_there);
    missing.map(|(path, _)| path).collect()
}

/// Compares every length up to 2048 bytes in batches of every size up to 64, on every path of this
/// machine, with the libraries. A run without the test is a failure.
pub(crate) fn every_length(steps: &mut Steps) {
    let mut test = cargo(["test", "--profile", "harness", "--package", PACKAGE]);
    test.args(["--lib", "--", "--ignored", "--exact", EVERY_LENGTH]);
    let line = command_line(&test);
    steps.check("every length in every size of a batch", &line, || {
        let output = test.stderr(Stdio::inherit()).output()?;
        let said = String::from_utf8_lossy(&output.stdout);
        print!("{said}");
        ensure!(output.status.success(), "{}", output.status);
        ensure!(said.contains(" 1 passed"), "there is no test of that name");
        Ok(())
    });
}
