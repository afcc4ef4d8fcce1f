//! Every input that was kept, through its target.

use std::fs;
use std::path::{Path, PathBuf};

use wirecraft_fuzz::{TARGETS, Target};

/// The longest input that is worth keeping, in bytes.
const INPUT_LEN_MAX: usize = 8192;

fn directory(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(name)
}

/// The names in a directory, sorted.
fn names(directory: &Path) -> Vec<String> {
    let entries = fs::read_dir(directory);
    let entries = entries.unwrap_or_else(|error| panic!("{}: {error}", directory.display()));
    let mut names: Vec<String> = entries
        .map(|entry| entry.expect("the directory can be read").file_name())
        .map(|name| name.into_string().expect("names are ASCII"))
        .collect();
    names.sort_unstable();
    names
}

/// Runs all inputs in a directory through a target; returns how many there were.
fn replay(target: &Target, inputs: &Path) -> usize {
    let names = names(inputs);
    for name in &names {
        let path = inputs.join(name);
        let bytes = fs::read(&path).expect("an input can be read");
        assert!(bytes.len() <= INPUT_LEN_MAX, "{} is long", path.display());
        // A panic below prints its own message; this one says which input it is about.
        let passes = std::panic::catch_unwind(|| (target.run)(&bytes));
        assert!(passes.is_ok(), "input: {}", path.display());
    }
    names.len()
}

#[test]
fn every_kept_input_passes_its_target() {
    for target in TARGETS {
        let count = replay(target, &directory("corpus").join(target.name));
        assert!(count > 0, "{} has no inputs", target.name);
    }
}

#[test]
fn no_input_finds_its_defect_again() {
    for name in names(&directory("regressions")) {
        let target = TARGETS.iter().find(|target| target.name == name);
        let target = target.unwrap_or_else(|| panic!("{name} is no target"));
        replay(target, &directory("regressions").join(name));
    }
}

#[test]
fn every_target_has_its_program_and_nothing_else_has_one() {
    let mut expected: Vec<String> = TARGETS.iter().map(|it| it.name.to_owned()).collect();
    expected.sort_unstable();
    assert_eq!(names(&directory("corpus")), expected);
    let programs = names(&directory("fuzz_targets"));
    let programs: Vec<&str> = programs
        .iter()
        .filter_map(|name| name.strip_suffix(".rs"))
        .collect();
    assert_eq!(programs, expected);
}

#[test]
fn every_dictionary_belongs_to_a_target() {
    for name in names(&directory("dictionaries")) {
        let target = name.strip_suffix(".dict");
        assert!(TARGETS.iter().any(|it| Some(it.name) == target), "{name}");
    }
}

#[test]
fn empty_input_passes_every_target() {
    for target in TARGETS {
        (target.run)(&[]);
    }
}
