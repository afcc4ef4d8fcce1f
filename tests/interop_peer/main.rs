//! A peer for the interop harness: services to be talked to, and checks that talk to them.
//!
//! ```text
//! interop-peer host-services              services on all addresses of this host
//! interop-peer host-client TARGETS        checks, by sockets of this host
//! ```
//!
//! `TARGETS` is one or more of `--target ADDRESS [--udp-echo LEN,LEN..] [--tcp-echo BYTES]
//! [--tcp-up BYTES] [--tcp-down BYTES]`. Each check prints one line of JSON, such as
//! `{"check":"tcp-up 1000","target":"10.0.0.1","error":null,"ms":12.5}`; services print `ready`
//! once they can be reached. Exit status 0 says that all checks held.
#![forbid(unsafe_code)]
#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "the harness reads what is printed"
)]

mod checks;
mod host;
mod network;
mod pattern;
mod services;
mod targets;

use anyhow::{Result, bail};
use host::HostNetwork;
use std::process::ExitCode;
use tokio::task::LocalSet;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match LocalSet::new().run_until(run(&arguments)).await {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("interop-peer: {error:#}");
            ExitCode::from(2)
        }
    }
}

/// Does what the arguments say; answers whether all checks held.
async fn run(arguments: &[String]) -> Result<bool> {
    let Some((mode, rest)) = arguments.split_first() else {
        bail!("no mode given");
    };
    match mode.as_str() {
        "host-services" => services::offer(&HostNetwork, || println!("ready"))
            .await
            .map(|()| true),
        "host-client" => checks::run(&HostNetwork, targets::parse(rest)?).await,
        other => bail!("no mode {other}"),
    }
}
