//! `cargo xtask aead-tests`: the vector code of the AEAD in all ways it is built, and at every length.

use crate::steps::{Steps, cargo};
use anyhow::{Result, bail};

const PACKAGE: &str = "wirecraft-batch-aead";

/// The ways to build the AEAD beside the default, each of which is code of its own.
const FEATURES: &[&str] = &["", "aws-lc", "batch"];

/// The test of every length in every size of a batch, which takes minutes.
const EVERY_LENGTH: &str = "every_length_in_every_size_of_a_batch";

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
}

/// Compares every length up to 2048 bytes in batches of every size up to 64, on every path of this
/// machine, with the libraries.
pub(crate) fn every_length(steps: &mut Steps) {
    let mut test = cargo(["test", "--profile", "harness", "--package", PACKAGE]);
    test.args(["--lib", "--", "--ignored", EVERY_LENGTH]);
    steps.command("every length in every size of a batch", test);
}
