//! `wirecraft mtu`: the longest packet that reaches a host.

use clap::Args;
use serde::Serialize;
use wirecraft::Tunnel;
use wirecraft_diagnose::{PathMtu, PathMtuError, path_mtu};

use crate::arguments::{FormArgs, HostArgs, TunnelArgs, Verbosity};
use crate::failure::Failure;
use crate::interrupt::unless_interrupted;
use crate::output;

/// Find the longest packet that reaches a host behind the tunnel
#[derive(Debug, Args)]
#[command(after_help = "\
The host must answer echo requests. Lengths are those of IP packets inside the
tunnel: what comes out is what MTU in [Interface] may be.

Examples:
  wirecraft mtu -c wg0.conf 10.0.0.1
  wirecraft mtu -c wg0.conf -6 example.org --json")]
pub(crate) struct Mtu {
    #[command(flatten)]
    target: HostArgs,
    #[command(flatten)]
    tunnel: TunnelArgs,
    #[command(flatten)]
    form: FormArgs,
}

/// The line of `--json`.
#[derive(Serialize)]
struct MtuLine<'a> {
    host: &'a str,
    mtu: usize,
    tunnel_mtu: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    limited_by: Option<std::net::IpAddr>,
}

impl Mtu {
    pub(crate) async fn run(self, verbosity: Verbosity) -> Result<(), Failure> {
        self.target.check()?;
        let config = self.tunnel.load(verbosity)?;
        let tunnel = self.tunnel.connect(config).await?;
        let found = unless_interrupted(self.find(&tunnel)).await;
        tunnel.close().await.map_err(Failure::network)?;
        self.tell(found?)
    }

    async fn find(&self, tunnel: &Tunnel) -> Result<PathMtu, Failure> {
        let address = self.target.address(tunnel).await?;
        path_mtu(tunnel, address)
            .await
            .map_err(|error| match error {
                PathMtuError::Socket(error) => Failure::from(error),
                error => Failure::network(error),
            })
    }

    fn tell(&self, found: PathMtu) -> Result<(), Failure> {
        let PathMtu {
            mtu,
            tunnel_mtu,
            limited_by,
        } = found;
        let host = &self.target.host;
        if self.form.json {
            return output::json(&MtuLine {
                host,
                mtu,
                tunnel_mtu,
                limited_by,
            });
        }
        let why = match limited_by {
            Some(router) => format!(", as {router} says"),
            None if mtu == tunnel_mtu => ", the MTU of the tunnel".to_owned(),
            None => ", longer ones are lost".to_owned(),
        };
        output::line(format_args!("{host}: {mtu} bytes{why}"))
    }
}
