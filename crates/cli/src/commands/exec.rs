//! `wirecraft exec`: a program whose whole network is the tunnel.

use std::ffi::OsString;
use std::io;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixListener as StdListener, UnixStream};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Command, ExitStatus};
use std::time::Duration;

use anyhow::{Context, anyhow};
use clap::Args;
use tokio::net::UnixListener;
use tokio::process::Child;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::time::sleep;
use wirecraft::confine::{self, Plan};
use wirecraft::{Config, DEFAULT_MTU, Event, Events, Interface, InterfaceOptions, TunParcel};

use crate::aead::connect_options;
use crate::arguments::{ConfigArgs, Verbosity, seconds};
use crate::failure::Failure;
use crate::output;

/// Run a program whose whole network is the tunnel
///
/// The program gets namespaces of its own with one interface in them, so that nothing of it can leave but
/// through the tunnel; nothing else on the host changes. Names are asked of the name servers of the
/// configuration. Its exit status is that of wirecraft: 128 and the number of the signal that ended it, or
/// 127 if there is no such program.
///
/// Sockets in the file system are not of the network: a program that speaks to a daemon of the host by one (a session
/// bus in /run/user, /run/docker.sock, an ssh control socket, a browser that runs already and opens its windows for
/// others) has that act outside the tunnel. What runs as root stays root of the host, and may leave.
#[derive(Debug, Args)]
#[command(after_help = "\
Needs no root where users may make namespaces and use /dev/net/tun.

Examples:
  wirecraft exec -c wg0.conf -- curl https://example.org/
  wirecraft exec -c wg0.conf -- ssh 10.0.0.1
  wirecraft exec -c wg0.conf -- sh")]
pub(crate) struct Exec {
    #[command(flatten)]
    tunnel: ConfigArgs,
    /// Seconds of silence after which it is told that the peer does not answer
    #[arg(long, value_name = "S", default_value = "10", value_parser = seconds)]
    timeout: Duration,
    /// Refused: there is no place where the packets could be seen
    #[arg(long, hide = true)]
    pcap: Option<OsString>,
    /// Move packets to and from the program one at a time
    #[arg(long)]
    no_offload: bool,
    /// The program and its arguments
    #[arg(value_name = "CMD", required = true, last = true)]
    command: Vec<OsString>,
}

/// The process that becomes the program: enters the namespaces and hands the interface over
#[derive(Debug, Args)]
pub(crate) struct ExecStage {
    socket: String,
    #[arg(required = true, last = true)]
    command: Vec<OsString>,
}

impl Exec {
    pub(crate) async fn run(self, verbosity: Verbosity) -> Result<(), Failure> {
        if self.pcap.is_some() {
            let message =
                "exec cannot record packets: run tcpdump -i wg0 as its program, or beside it";
            return Err(Failure::call(anyhow!(message)));
        }
        let config = self.tunnel.load(verbosity)?;
        let plan = plan(&config, !self.no_offload)?;
        if plan.name_servers.is_empty() && !verbosity.is_quiet() {
            output::remark("no DNS line in the configuration: the program will find no names");
        }
        let mut options = InterfaceOptions::new("wg0");
        options.aead_path = connect_options()?.aead_path;
        let mut signals = Signals::listen().map_err(Failure::call)?;
        let door = Door::open().map_err(Failure::call)?;
        let mut child = start(&door.name, &self.command)?;
        let handed = tokio::select! {
            handed = door.hand_over(child.id(), &plan) => handed,
            ended = child.wait() => return end(ended.map_err(Failure::call)?),
        };
        let Ok((socket, parcel)) = handed else {
            // It has told why.
            return end(child.wait().await.map_err(Failure::call)?);
        };
        let interface = Interface::adopt(config, options, parcel);
        let interface = interface.await.map_err(Failure::call)?;
        confine::release(&socket).map_err(Failure::call)?;
        let ended = tokio::select! {
            ended = attend(&mut child, &mut signals) => ended.map_err(Failure::call),
            () = tell(interface.events(), self.timeout, verbosity) => Err(Failure::network(anyhow!("the tunnel is closed"))),
        };
        interface.close().await;
        end(ended?)
    }
}

impl ExecStage {
    pub(crate) fn run(self) -> Result<(), Failure> {
        let address = SocketAddr::from_abstract_name(&self.socket).map_err(Failure::call)?;
        let socket = UnixStream::connect_addr(&address).map_err(Failure::call)?;
        confine::enter(&socket).map_err(Failure::call)?;
        drop(socket);
        let mut words = self.command.iter();
        let program = words
            .next()
            .ok_or_else(|| Failure::call(anyhow!("no program")))?;
        let error = Command::new(program).args(words).exec();
        output::remark(format!("{}: {error}", program.to_string_lossy()));
        let missing = error.kind() == io::ErrorKind::NotFound;
        Err(Failure::Status(if missing { 127 } else { 126 }))
    }
}

/// What the program finds: the addresses and name servers of the configuration.
fn plan(config: &Config, offloads: bool) -> Result<Plan, Failure> {
    let interface = &config.interface;
    if interface.addresses.is_empty() {
        return Err(Failure::call(anyhow!(
            "no Address in the configuration: the program would have no network"
        )));
    }
    let addresses = interface.addresses.iter();
    Ok(Plan {
        addresses: addresses
            .map(|address| (address.addr(), address.prefix_len()))
            .collect(),
        mtu: interface.mtu.unwrap_or(DEFAULT_MTU),
        offloads,
        name_servers: interface.dns.servers.clone(),
        search: interface.dns.search.clone(),
    })
}

/// Where the confined process knocks: a socket without a place in the file system.
struct Door {
    name: String,
    listener: UnixListener,
}

impl Door {
    fn open() -> io::Result<Self> {
        let number = rand_number();
        let name = format!("wirecraft-exec-{}-{number:016x}", std::process::id());
        let listener = StdListener::bind_addr(&SocketAddr::from_abstract_name(&name)?)?;
        listener.set_nonblocking(true)?;
        let listener = UnixListener::from_std(listener)?;
        Ok(Self { name, listener })
    }

    /// Lets the process with the number `child` in, and nobody else; returns the interface it opened.
    async fn hand_over(
        &self,
        child: Option<u32>,
        plan: &Plan,
    ) -> io::Result<(UnixStream, TunParcel)> {
        let child = child.and_then(|child| i32::try_from(child).ok());
        loop {
            let (stream, _) = self.listener.accept().await?;
            if child.is_none() || stream.peer_cred()?.pid() != child {
                continue;
            }
            let socket = stream.into_std()?;
            socket.set_nonblocking(false)?;
            plan.send(&socket)?;
            let parcel = TunParcel::receive(&socket)?;
            return Ok((socket, parcel));
        }
    }
}

/// Draws what makes the name of the door hard to guess.
fn rand_number() -> u64 {
    use std::hash::{BuildHasher, RandomState};
    RandomState::new().hash_one(std::process::id())
}

fn start(door: &str, command: &[OsString]) -> Result<Child, Failure> {
    let own = std::env::current_exe().context("finding the own program");
    let mut stage = tokio::process::Command::new(own.map_err(Failure::Call)?);
    stage.args(["exec-stage", door, "--"]).args(command);
    stage.kill_on_drop(true).spawn().map_err(Failure::call)
}

/// Waits for the program to end, and passes signals on.
async fn attend(child: &mut Child, signals: &mut Signals) -> io::Result<ExitStatus> {
    loop {
        let number = tokio::select! {
            ended = child.wait() => return ended,
            number = signals.next() => number,
        };
        if let Some(child) = child.id() {
            // One that has just ended needs no signal.
            let _ = confine::send_signal(child, number);
        }
    }
}

/// Tells what happens to the tunnel; ends with it.
async fn tell(mut events: Events, patience: Duration, verbosity: Verbosity) {
    let patience = sleep(patience);
    tokio::pin!(patience);
    let (mut was_up, mut silent) = (false, false);
    loop {
        let is_silent = tokio::select! {
            () = &mut patience, if !patience.is_elapsed() => !was_up,
            event = events.next() => {
                let Some(event) = event else { return };
                tracing::info!(target: "wirecraft", ?event);
                if matches!(event, Event::PeerUp { .. }) {
                    (was_up, silent) = (true, false);
                }
                matches!(event, Event::HandshakeFailed { .. })
            }
        };
        if is_silent && !silent {
            silent = true;
            if !verbosity.is_quiet() {
                output::remark("no answer from the peer; still trying");
            }
        }
    }
}

fn end(status: ExitStatus) -> Result<(), Failure> {
    let code = match (status.code(), status.signal()) {
        (Some(code), _) => code,
        (None, Some(signal)) => 128 + signal,
        (None, None) => 1,
    };
    match u8::try_from(code).unwrap_or(u8::MAX) {
        0 => Ok(()),
        code => Err(Failure::Status(code)),
    }
}

/// Signals that are meant for the program.
struct Signals {
    hang_up: Signal,
    terminate: Signal,
    user_1: Signal,
    user_2: Signal,
    interrupt: Signal,
    quit: Signal,
}

impl Signals {
    fn listen() -> io::Result<Self> {
        Ok(Self {
            hang_up: signal(SignalKind::hangup())?,
            terminate: signal(SignalKind::terminate())?,
            user_1: signal(SignalKind::user_defined1())?,
            user_2: signal(SignalKind::user_defined2())?,
            interrupt: signal(SignalKind::interrupt())?,
            quit: signal(SignalKind::quit())?,
        })
    }

    async fn next(&mut self) -> i32 {
        loop {
            let (kind, is_of_keyboard) = tokio::select! {
                _ = self.hang_up.recv() => (SignalKind::hangup(), false),
                _ = self.terminate.recv() => (SignalKind::terminate(), false),
                _ = self.user_1.recv() => (SignalKind::user_defined1(), false),
                _ = self.user_2.recv() => (SignalKind::user_defined2(), false),
                _ = self.interrupt.recv() => (SignalKind::interrupt(), true),
                _ = self.quit.recv() => (SignalKind::quit(), true),
            };
            // What is typed goes to the program as well: it must only not end this process before it.
            if !is_of_keyboard || !is_in_foreground() {
                return kind.as_raw_value();
            }
        }
    }
}

/// Says whether what is typed at the terminal reaches this process, and the program with it.
fn is_in_foreground() -> bool {
    let terminal = std::fs::File::open("/dev/tty");
    let group = terminal.and_then(|terminal| Ok(rustix::termios::tcgetpgrp(terminal)?));
    group.is_ok_and(|group| group == rustix::process::getpgrp())
}
