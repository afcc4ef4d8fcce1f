//! `wirecraft forward`: ports of the host that lead into the tunnel, and the other way round.

use std::time::Duration;

use anyhow::anyhow;
use clap::Args;
use serde::Serialize;
use wirecraft::Tunnel;
use wirecraft_proxy::{
    ForwardError, ForwardLimits, Forwards, LocalForward, Protocol, RemoteForward,
};

use crate::arguments::{FormArgs, TunnelArgs, Verbosity, seconds};
use crate::failure::Failure;
use crate::interrupt::until_stopped;
use crate::open_files::raise_limit;
use crate::output;
use crate::upkeep;

/// Forward ports into the tunnel and out of it, in the manner of ssh
#[derive(Debug, Args)]
#[command(after_help = "\
-L listens on this host and connects inside the tunnel, where names are looked
up too; without BIND it listens on loopback, with * on all addresses. -R
listens inside the tunnel and connects on this host, to an address, localhost
or a unix socket. Both may be repeated. With /udp behind it datagrams are
forwarded. Port 0 takes a free one. IPv6 addresses stand in brackets.

While the tunnel is down it keeps trying, whatever --timeout says.

Examples:
  wirecraft forward -c wg0.conf -L 8080:intranet.example:80
  wirecraft forward -c wg0.conf -L 5353:10.0.0.1:53/udp -L [::1]:2222:10.0.0.5:22
  wirecraft forward -c wg0.conf -L ./db.sock:10.0.0.7:5432
  wirecraft forward -c wg0.conf -R 8000:localhost:8000 -R 80:/run/app.sock")]
pub(crate) struct Forward {
    /// [BIND:]PORT:HOST:PORT[/udp] or PATH:HOST:PORT, from this host into the tunnel
    #[arg(short = 'L', long = "local", value_name = "FORWARD")]
    local: Vec<LocalForward>,
    /// [BIND:]PORT:HOST:PORT[/udp] or [BIND:]PORT:PATH, from the tunnel to this host
    #[arg(
        short = 'R',
        long = "remote",
        value_name = "FORWARD",
        required_unless_present = "local"
    )]
    remote: Vec<RemoteForward>,
    /// Seconds of silence after which a UDP client is forgotten
    #[arg(long, value_name = "S", default_value = "60", value_parser = seconds)]
    udp_timeout: Duration,
    /// TCP connections at once; further ones wait
    #[arg(long, value_name = "N", default_value = "4096", value_parser = clap::value_parser!(u32).range(1..))]
    max_connections: u32,
    #[command(flatten)]
    tunnel: TunnelArgs,
    #[command(flatten)]
    form: FormArgs,
}

/// The line of `--json`: one forward that listens.
#[derive(Serialize)]
struct Line {
    /// `local` or `remote`, after the long names of the options.
    forward: &'static str,
    protocol: String,
    listen: String,
    to: String,
}

impl Forward {
    pub(crate) async fn run(self, verbosity: Verbosity) -> Result<(), Failure> {
        let config = self.tunnel.load(verbosity)?;
        let _ = raise_limit();
        let tunnel = self.tunnel.keep_trying(config).await?;
        let mut limits = ForwardLimits::default();
        limits.udp_idle = self.udp_timeout;
        limits.connections_max = usize::try_from(self.max_connections).unwrap_or(usize::MAX);
        let mut forwards = Forwards::new(tunnel.clone(), limits);
        let served = until_stopped(self.serve(&tunnel, &mut forwards, verbosity)).await;
        // Sockets of the host end before the tunnel that they lead into.
        drop(forwards);
        // A tunnel that is down already needs no end.
        let _ = tunnel.close().await;
        served
    }

    async fn serve(
        &self,
        tunnel: &Tunnel,
        forwards: &mut Forwards,
        verbosity: Verbosity,
    ) -> Result<(), Failure> {
        for forward in &self.local {
            let listening = forwards.local(forward.clone()).await.map_err(failure)?;
            let target = &forward.target;
            let to = match target.host.contains(':') {
                true => format!("[{}]:{}", target.host, target.port),
                false => format!("{}:{}", target.host, target.port),
            };
            for at in listening {
                self.tell(verbosity, line("local", forward.protocol, &at, &to))?;
            }
        }
        for forward in &self.remote {
            let at = forwards.remote(forward.clone()).await.map_err(failure)?;
            self.tell(
                verbosity,
                line("remote", forward.protocol, &at, &forward.target),
            )?;
        }
        tokio::select! {
            () = upkeep::keep_up(tunnel, self.tunnel.patience(), verbosity) => {}
            () = forwards.ended() => {}
        }
        Err(Failure::network(anyhow!("the tunnel was closed")))
    }

    fn tell(&self, verbosity: Verbosity, line: Line) -> Result<(), Failure> {
        if self.form.json {
            return output::json(&line);
        }
        let Line {
            forward,
            protocol,
            listen,
            to,
        } = line;
        if !verbosity.is_quiet() {
            let side = match forward {
                "local" => "into the tunnel",
                _ => "out of the tunnel",
            };
            output::remark(format_args!("{listen} leads {side} to {to} ({protocol})"));
        }
        Ok(())
    }
}

fn line(
    forward: &'static str,
    protocol: Protocol,
    listen: &impl ToString,
    to: &impl ToString,
) -> Line {
    Line {
        forward,
        protocol: protocol.to_string(),
        listen: listen.to_string(),
        to: to.to_string(),
    }
}

/// A place where it cannot listen is wrong with the call.
fn failure(error: ForwardError) -> Failure {
    Failure::call(error)
}
