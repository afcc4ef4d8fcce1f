//! `wirecraft dns`: a query through the tunnel.

use std::net::{IpAddr, SocketAddr};

use anyhow::anyhow;
use clap::Args;
use serde::Serialize;
use wirecraft::dns::{DNS_PORT, Record, RecordType, ResolveError, Resolver, ResolverOptions};
use wirecraft::network::Network;

use crate::arguments::{FormArgs, TunnelArgs, Verbosity};
use crate::failure::Failure;
use crate::interrupt::unless_interrupted;
use crate::output;

/// Look a name up through the tunnel
#[derive(Debug, Args)]
#[command(after_help = "\
Asks the servers of the configuration's DNS line. Without a type it asks for
the addresses of a name, or for the names of an address.

Examples:
  wirecraft dns -c wg0.conf example.org
  wirecraft dns -c wg0.conf example.org MX
  wirecraft dns -c wg0.conf --server 10.0.0.1 _https._tcp.example.org TYPE33
  wirecraft dns -c wg0.conf --json 192.0.2.7")]
pub(crate) struct Dns {
    /// The name, or an address
    name: String,
    /// The type of records, such as AAAA, MX, TXT or TYPE65
    #[arg(value_name = "TYPE")]
    kind: Option<RecordType>,
    /// The server to ask instead of those of the configuration, with a port if it is not 53
    #[arg(long, value_name = "IP", value_parser = server)]
    server: Option<SocketAddr>,
    #[command(flatten)]
    tunnel: TunnelArgs,
    #[command(flatten)]
    form: FormArgs,
}

/// One record on a line of `--json`.
#[derive(Serialize)]
struct RecordLine<'a> {
    name: &'a str,
    ttl: u64,
    r#type: String,
    data: &'a str,
}

impl Dns {
    pub(crate) async fn run(self, verbosity: Verbosity) -> Result<(), Failure> {
        let config = self.tunnel.load(verbosity)?;
        let mut options = ResolverOptions::from(&config.interface.dns);
        if let Some(server) = self.server {
            options.servers = vec![server];
        }
        if options.servers.is_empty() {
            return Err(without_servers());
        }
        let tunnel = self.tunnel.connect(config).await?;
        let resolver = Resolver::new(tunnel.network(), &options);
        let answer = unless_interrupted(self.ask(&resolver)).await;
        tunnel.close().await.map_err(Failure::network)?;
        self.print(&answer?)
    }

    async fn ask<N: Network>(&self, resolver: &Resolver<N>) -> Result<Vec<Record>, Failure> {
        match (self.kind, self.name.parse::<IpAddr>()) {
            (Some(kind), _) => resolver.query(&self.name, kind).await,
            (None, Ok(address)) => resolver.names_of(address).await,
            (None, Err(_)) => addresses(resolver, &self.name).await,
        }
        .map_err(failure)
    }

    fn print(&self, records: &[Record]) -> Result<(), Failure> {
        for record in records {
            if self.form.json {
                output::json(&RecordLine {
                    name: &record.name,
                    ttl: record.ttl.as_secs(),
                    r#type: record.kind.to_string(),
                    data: &record.data,
                })?;
            } else {
                output::line(record)?;
            }
        }
        Ok(())
    }
}

/// Asks for both kinds of addresses; one kind is enough.
async fn addresses<N: Network>(
    resolver: &Resolver<N>,
    name: &str,
) -> Result<Vec<Record>, ResolveError> {
    let (v4, v6) = tokio::join!(
        resolver.query(name, RecordType::A),
        resolver.query(name, RecordType::AAAA)
    );
    match (v4, v6) {
        (Ok(mut records), Ok(more)) => {
            // An alias is part of both answers.
            records.extend(
                more.into_iter()
                    .filter(|record| record.kind == RecordType::AAAA),
            );
            Ok(records)
        }
        (Ok(records), Err(_)) | (Err(_), Ok(records)) => Ok(records),
        (Err(error), Err(_)) => Err(error),
    }
}

/// A name that is none is a mistake of the call; everything else is the network's answer.
pub(crate) fn failure(error: ResolveError) -> Failure {
    match error {
        ResolveError::NoServers => without_servers(),
        ResolveError::BadName { .. } => Failure::call(error),
        _ => Failure::network(error),
    }
}

fn without_servers() -> Failure {
    Failure::call(anyhow!(
        "no DNS server to ask: add a line `DNS = ADDRESS` to [Interface] of the configuration, \
         or use an address in place of the name"
    ))
}

fn server(text: &str) -> Result<SocketAddr, String> {
    if let Ok(address) = text.parse() {
        return Ok(SocketAddr::new(address, DNS_PORT));
    }
    text.parse()
        .map_err(|_| "expected an address, such as 10.0.0.1 or 10.0.0.1:5353".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn server_has_port_53_unless_told_otherwise() {
        assert_eq!(server("10.0.0.1").unwrap().to_string(), "10.0.0.1:53");
        assert_eq!(server("fd00::1").unwrap().to_string(), "[fd00::1]:53");
        assert_eq!(
            server("[fd00::1]:5353").unwrap().to_string(),
            "[fd00::1]:5353"
        );
        assert!(server("ns.example.org").is_err());
    }
}
