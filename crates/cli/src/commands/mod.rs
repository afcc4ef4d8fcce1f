//! The subcommands, one file each.

mod demo;
pub(crate) mod dns;
mod doctor;
#[cfg(target_os = "linux")]
mod exec;
mod forward;
mod genkey;
mod genpsk;
mod get;
mod key_output;
mod mtu;
mod packet_line;
mod ping;
mod probe;
mod proxy;
mod pubkey;
mod scan;
mod send;
#[cfg(unix)]
mod serve;
#[cfg(unix)]
mod show;
mod sniff;
mod traceroute;
#[cfg(target_os = "linux")]
pub(crate) mod tun;

use clap::Subcommand;
use tokio::runtime::Builder;

use crate::arguments::Verbosity;
use crate::failure::Failure;

/// What to do.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    Demo(demo::Demo),
    Genkey(genkey::Genkey),
    Genpsk(genpsk::Genpsk),
    Pubkey(pubkey::Pubkey),
    Ping(ping::Ping),
    Dns(dns::Dns),
    Get(get::Get),
    Forward(forward::Forward),
    Proxy(proxy::Proxy),
    #[cfg(unix)]
    Serve(serve::Serve),
    #[cfg(target_os = "linux")]
    Exec(exec::Exec),
    #[cfg(target_os = "linux")]
    #[command(hide = true)]
    ExecStage(exec::ExecStage),
    #[cfg(unix)]
    Show(show::Show),
    Scan(scan::Scan),
    Send(send::Send),
    Sniff(sniff::Sniff),
    Traceroute(traceroute::Traceroute),
    Mtu(mtu::Mtu),
    Doctor(doctor::Doctor),
    Probe(probe::Probe),
    #[cfg(target_os = "linux")]
    Tun(tun::Tun),
}

impl Command {
    pub(crate) fn run(self, verbosity: Verbosity) -> Result<(), Failure> {
        match self {
            Self::Demo(command) => block_on(command.run(verbosity)),
            Self::Genkey(command) => command.run(verbosity),
            Self::Genpsk(command) => command.run(verbosity),
            Self::Pubkey(command) => command.run(),
            Self::Ping(command) => block_on(command.run(verbosity)),
            Self::Dns(command) => block_on(command.run(verbosity)),
            Self::Get(command) => block_on(command.run(verbosity)),
            Self::Forward(command) => block_on_one_thread(command.run(verbosity)),
            Self::Proxy(command) => block_on_one_thread(command.run(verbosity)),
            #[cfg(unix)]
            Self::Serve(command) => block_on(command.run(verbosity)),
            #[cfg(target_os = "linux")]
            Self::Exec(command) => block_on_one_thread(command.run(verbosity)),
            #[cfg(target_os = "linux")]
            Self::ExecStage(command) => command.run(),
            #[cfg(unix)]
            Self::Show(command) => command.run(verbosity),
            Self::Scan(command) => block_on(command.run(verbosity)),
            Self::Send(command) => block_on(command.run(verbosity)),
            Self::Sniff(command) => block_on(command.run(verbosity)),
            Self::Traceroute(command) => block_on(command.run(verbosity)),
            Self::Mtu(command) => block_on(command.run(verbosity)),
            Self::Doctor(command) => block_on(command.run()),
            Self::Probe(command) => block_on(command.run()),
            #[cfg(target_os = "linux")]
            Self::Tun(command) => command.run(verbosity),
        }
    }
}

/// Runs a command whose packets one thread moves: to wake another would cost each more than it takes.
fn block_on_one_thread(command: impl Future<Output = Result<(), Failure>>) -> Result<(), Failure> {
    run_on(&mut Builder::new_current_thread(), command)
}

/// Runs a command that needs the network.
fn block_on(command: impl Future<Output = Result<(), Failure>>) -> Result<(), Failure> {
    run_on(&mut Builder::new_multi_thread(), command)
}

fn run_on(
    builder: &mut Builder,
    command: impl Future<Output = Result<(), Failure>>,
) -> Result<(), Failure> {
    let runtime = builder.enable_all().build().map_err(Failure::call)?;
    let outcome = runtime.block_on(command);
    // The system's resolver cannot be interrupted: what it still looks up nobody waits for.
    runtime.shutdown_background();
    outcome
}
