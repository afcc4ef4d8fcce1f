//! Runs inputs through a target: `cargo run -p wirecraft-fuzz --example replay -- TARGET FILE..`
#![forbid(unsafe_code)]
#![expect(clippy::print_stderr, reason = "it says which input it is at")]

use std::process::ExitCode;

use wirecraft_fuzz::TARGETS;

fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1);
    let name = arguments.next().unwrap_or_default();
    let Some(target) = TARGETS.iter().find(|target| target.name == name) else {
        let names: Vec<&str> = TARGETS.iter().map(|target| target.name).collect();
        eprintln!("usage: replay TARGET FILE..\ntargets: {}", names.join(" "));
        return ExitCode::from(2);
    };
    for path in arguments {
        eprintln!("{path}");
        match std::fs::read(&path) {
            Ok(input) => (target.run)(&input),
            Err(error) => {
                eprintln!("{path}: {error}");
                return ExitCode::from(2);
            }
        }
    }
    ExitCode::SUCCESS
}
