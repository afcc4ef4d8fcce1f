//! A peer for the interop harness: services to be talked to, and checks that talk to them.
//!
//! ```text
//! interop-peer host-services              services on all addresses of this host
//! interop-peer host-client TARGETS        checks, by sockets of this host
//! interop-peer serve CONF                 services on all addresses of a tunnel of wirecraft
//! interop-peer client CONF TARGETS        checks, by sockets of a tunnel of wirecraft
//! interop-peer uapi INTERFACE             a tunnel with nothing inside, for `wg` to configure
//! interop-peer relay LISTEN TO MS         a router with NAT that forgets after some milliseconds
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
mod relay;
mod services;
mod targets;
mod tunnel;
mod uapi;

use anyhow::{Result, bail};
use host::HostNetwork;
use std::process::ExitCode;
use std::time::Duration;
use targets::Target;
use tokio::task::LocalSet;
use tunnel::InsideTunnel;
use wirecraft::{Config, Tunnel};

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
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match words.as_slice() {
        ["host-services"] => services::offer(&HostNetwork, ready).await.map(|()| true),
        ["host-client", targets @ ..] => checks::run(&HostNetwork, targets::parse(targets)?).await,
        ["serve", config] => serve(config).await.map(|()| true),
        ["uapi", interface] => uapi::serve(interface, ready).await.map(|()| true),
        ["relay", listen, to, forget] => {
            let forget = Duration::from_millis(forget.parse()?);
            relay::run(listen.parse()?, to.parse()?, forget, ready)
                .await
                .map(|()| true)
        }
        ["client", config, targets @ ..] => client(config, targets::parse(targets)?).await,
        _ => bail!("no such mode; the source says which there are"),
    }
}

/// Waits inside a tunnel for who comes; calls every peer whose endpoint the configuration has.
async fn serve(config: &str) -> Result<()> {
    let tunnel = Tunnel::listen(Config::load(config)?).await?;
    services::offer(&InsideTunnel(tunnel), ready).await
}

async fn client(config: &str, targets: Vec<Target>) -> Result<bool> {
    let tunnel = Tunnel::connect(Config::load(config)?).await?;
    let all_held = checks::run(&InsideTunnel(tunnel.clone()), targets).await?;
    tunnel.close().await?;
    Ok(all_held)
}

/// Tells the harness that the services can be reached.
fn ready() {
    println!("ready");
}
