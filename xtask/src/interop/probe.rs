//! `wirecraft probe` of other endpoints: which rules they keep that can be seen from outside.

use super::journal::Journal;
use super::node::{Implementation, Node, Programs};
use super::process::Process;
use super::scan::lay_out;
use super::traffic::Check;
use anyhow::{Context as _, Result, ensure};
use std::time::Duration;

const PROBE_TIME: Duration = Duration::from_secs(90);

/// Rules that an endpoint of ours passes; of others some may fail, and are told of.
const RULES: usize = 24;

/// Probes an endpoint with its keys, and prints what it breaks or does not show.
///
/// # Errors
/// When an end does not come up; what fails later is in the checks.
pub(super) fn run(
    implementation: Implementation,
    number: usize,
    programs: &Programs,
    journal: &Journal,
) -> Result<Vec<Check>> {
    let (ours, theirs) = lay_out(implementation, number)?;
    let host = theirs.config.addresses.v4.to_string();
    let ours = Node::start(ours, programs, journal)?;
    let mut theirs = Node::start(theirs, programs, journal)?;
    Ok(vec![
        Check::new("every rule has a verdict", probed(&ours, &host)),
        Check::new("programs of the peer", theirs.check_alive()),
    ])
}

fn probed(ours: &Node<'_>, host: &str) -> Result<()> {
    let mut probe = ours.command(&ours.programs.wirecraft);
    probe.args(["probe", "--long", "--json", "--host", host, "-c"]);
    probe.arg(ours.config_path());
    let probe = Process::start(&ours.label("probe"), probe, &ours.journal)?.finish(PROBE_TIME)?;
    let (mut seen, mut told) = (0, Vec::new());
    for line in &probe.stdout {
        let line: serde_json::Value = serde_json::from_str(line)?;
        let rule = line["rule"].as_str().context("a check without a rule")?;
        let why = line["why"].as_str().unwrap_or_default();
        match line["verdict"].as_str() {
            Some("pass") => seen += 1,
            Some("fail") => {
                seen += 1;
                told.push(format!("breaks: {rule}: {why}"));
            }
            Some("not observable") => {}
            verdict => anyhow::bail!("{rule} is {verdict:?}"),
        }
    }
    for text in &told {
        println!("  {text}");
    }
    ensure!(seen >= RULES, "only {seen} rules could be seen");
    let is_kept = probe.status.code() == Some(0);
    ensure!(is_kept == told.is_empty(), "{}: {told:?}", probe.status);
    Ok(())
}
