//! The table of protocol rules names tests that exist.

use super::sources::rust_files;
use crate::workspace::Workspace;
use anyhow::{Context, Result, bail};
use std::collections::BTreeSet;
use std::fs;

/// The table, from the root of the workspace.
const TABLE: &str = "tests/README.md";

/// The protocol has this many rules.
const RULES: u32 = 34;

/// Checks that each rule has tests for both sides, and that all tests that are named exist.
///
/// # Errors
/// When a rule or a test is missing.
pub(super) fn check(workspace: &Workspace) -> Result<()> {
    let table = workspace.root.join(TABLE);
    let table = fs::read_to_string(table).with_context(|| TABLE.to_owned())?;
    let mut tests = BTreeSet::new();
    for path in rust_files(&workspace.root)? {
        tests.extend(test_names(&fs::read_to_string(&path)?));
    }
    let faults = faults(&table, &tests);
    if !faults.is_empty() {
        bail!("{TABLE}: {}", faults.join("; "));
    }
    Ok(())
}

/// The names of the functions that follow a test attribute.
fn test_names(source: &str) -> impl Iterator<Item = String> {
    let mut after_attribute = false;
    source.lines().map(str::trim).filter_map(move |line| {
        if line.starts_with("#[test]") || line.starts_with("#[tokio::test") {
            after_attribute = true;
            return None;
        }
        let name = line.split_once("fn ")?.1.split_once('(')?.0;
        core::mem::take(&mut after_attribute).then(|| name.to_owned())
    })
}

fn faults(table: &str, tests: &BTreeSet<String>) -> Vec<String> {
    let mut faults = Vec::new();
    let mut rules = BTreeSet::new();
    for row in table.lines().filter(|line| line.starts_with("| ")) {
        let cells: Vec<&str> = row.trim_matches('|').split(" | ").map(str::trim).collect();
        if let [number, _, _, holds, refuses] = cells[..]
            && let Ok(number) = number.parse::<u32>()
        {
            rules.insert(number);
            if named(holds).next().is_none() || named(refuses).next().is_none() {
                faults.push(format!("rule {number} lacks a test"));
            }
        }
        let tests_of_row = cells.iter().skip(1).flat_map(|cell| named(cell));
        let unknown = tests_of_row.filter(|name| !tests.contains(*name));
        faults.extend(unknown.map(|name| format!("no test is called {name}")));
    }
    let missing = (1..=RULES).filter(|number| !rules.contains(number));
    faults.extend(missing.map(|number| format!("rule {number} is missing")));
    faults
}

/// The names of tests in a cell: what stands in backticks and has the shape of a sentence.
fn named(cell: &str) -> impl Iterator<Item = &str> {
    let quoted = cell.split('`').skip(1).step_by(2);
    quoted.filter(|name| name.matches('_').count() > 1 && !name.contains('.'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tests() -> BTreeSet<String> {
        ["one_that_holds", "one_that_refuses"]
            .map(str::to_owned)
            .into()
    }

    fn complete() -> String {
        let row = |number| {
            format!("| {number} | words | §1, `send.c` | `one_that_holds` | `one_that_refuses` |\n")
        };
        (1..=RULES).map(row).collect()
    }

    #[test]
    fn a_table_with_every_rule_and_known_tests_is_sound() {
        assert_eq!(faults(&complete(), &tests()), [""; 0]);
    }

    #[test]
    fn a_rule_that_is_missing_is_found() {
        let table = complete().replacen("| 7 |", "| 8 |", 1);
        assert_eq!(faults(&table, &tests()), ["rule 7 is missing"]);
    }

    #[test]
    fn a_rule_without_a_refusal_is_found() {
        let table = complete().replacen("`one_that_refuses`", "", 1);
        assert_eq!(faults(&table, &tests()), ["rule 1 lacks a test"]);
    }

    #[test]
    fn a_test_that_does_not_exist_is_found() {
        let table = complete() + "| a mistake | `one_that_was_renamed` |\n";
        let expected = ["no test is called one_that_was_renamed"];
        assert_eq!(faults(&table, &tests()), expected);
    }

    #[test]
    fn functions_after_a_test_attribute_are_tests_and_others_are_not() {
        let source = "#[test]\nfn it_holds() {}\nfn no_test() {}\n#[tokio::test]\nasync fn so_does_this() {}";
        assert!(test_names(source).eq(["it_holds", "so_does_this"]));
    }
}
