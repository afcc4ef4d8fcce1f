//! The harnesses of the project: checks, interop, simulation, benchmarks, release.
#![forbid(unsafe_code)]
#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a harness reports on the terminal"
)]

mod aead_tests;
mod bench;
mod ci;
mod dudect;
mod flood;
mod fuzz;
mod interop;
mod miri;
mod mutants;
mod oracle;
mod release;
mod scale;
mod simulate;
mod steps;
mod stopwatch;
mod workspace;

use std::process::ExitCode;

const USAGE: &str = "\
Usage: cargo xtask TASK [OPTIONS]

Tasks:
  ci [--no-tests]          format, lints, tests, docs, crate arrows, house rules
  interop [OPTIONS]        traffic with other WireGuard implementations (root, Linux);
                           `cargo xtask interop --help` lists the options
  flood [OPTIONS]          a tunnel under attack, measured (root, Linux)
  scale [--quick | --long] an endpoint with ten thousand peers, measured; a thousand if quick,
                           until all have changed their keys if long
  soak [--minutes N]       an interface under traffic and changes, its memory watched (root, Linux)
  bench [--quick] [FILTER] benchmarks of the workspace
  bench tun [OPTIONS]      interfaces joined by a tunnel, beside others' (root, Linux)
  bench scan               probes a second that one core makes, seals and sends
  bench data-path [--runs N] [--check]
                           packets and handshakes in one thread, beside other libraries
  bench packets [--runs N] [--check]
                           packets read and written, and checksums, beside other libraries
  aead-table [--runs N] [--check]
                           the AEAD beside libraries; `--check` fails if it is too slow
  aead-tests [--quick]     the AEAD in all ways it is built; every length in every size of a batch
  simulate [OPTIONS]       devices on a bad simulated network, 20 simulated hours;
                           `cargo xtask simulate --help` lists the options
  oracle [--packets N] [--seed N] [--quick]
                           packets of every kind, read by tshark and tcpdump
  fuzz [--minutes N] [--runs N] [--quick] [TARGET..]
                           fuzz targets (nightly, cargo-fuzz); `--minimise` keeps what they found
  dudect [--samples N]     whether times depend on secrets
  miri                     tests in an interpreter that sees undefined behaviour
  mutants [PACKAGE] [OPTIONS]
                           whether tests notice changes of the protocol's code
  release                  what takes long: licences, API changes, rivals, packaging
";

fn main() -> ExitCode {
    if let Some(status) = fuzz::instrument::compile() {
        return status;
    }
    let mut arguments = std::env::args().skip(1);
    let task = arguments.next();
    let rest: Vec<String> = arguments.collect();
    let outcome = match task.as_deref() {
        Some("ci") => ci::run(&rest),
        Some("interop") => interop::run(&rest),
        Some("flood") => flood::run(&rest),
        Some("soak") => interop::soak::run(&rest),
        Some("scale") => scale::run(&rest),
        Some("aead-table") => bench::aead::run(&rest),
        Some("aead-tests") => aead_tests::run(&rest),
        Some("bench") => bench::run(&rest),
        Some("simulate") => simulate::run(&rest),
        Some("fuzz") => fuzz::run(&rest),
        Some("dudect") => dudect::run(&rest),
        Some("miri") => miri::run(&rest),
        Some("oracle") => oracle::run(&rest),
        Some("mutants") => mutants::run(&rest),
        Some("release") => release::run(&rest),
        Some("help" | "--help" | "-h") => {
            print!("{USAGE}");
            return ExitCode::SUCCESS;
        }
        _ => {
            eprint!("{USAGE}");
            return ExitCode::from(2);
        }
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}
