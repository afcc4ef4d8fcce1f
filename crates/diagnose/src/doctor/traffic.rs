//! Whether data comes through a tunnel that is up.

use std::net::{IpAddr, SocketAddr};

use tokio::task::JoinSet;
use tokio::time::timeout;
use wirecraft::config::Config;
use wirecraft::dns::{DNS_PORT, Families, ResolveError, Resolver, ResolverOptions};
use wirecraft::{PingOptions, Tunnel};

use super::setup::is_carried;
use super::{Advice, ExamineOptions};
use crate::path_mtu::path_mtu;

/// A name that every recursive name server knows something about.
const ASKED_NAME: &str = "example.com";

pub(super) async fn examine(
    tunnel: &Tunnel,
    config: &Config,
    options: &ExamineOptions,
) -> Vec<Advice> {
    let mut advice = Vec::new();
    let answered = ping(tunnel, config, options).await;
    let mut has_data = answered.is_some();
    for server in &config.interface.dns.servers {
        if !is_carried(config, *server) {
            continue;
        }
        let found = ask(tunnel, *server, options).await;
        has_data |= found.severity == super::Severity::Fine;
        advice.push(found);
    }
    match answered {
        Some(host) => {
            advice.insert(
                0,
                Advice::fine(format!("data comes through: {host} answers pings")),
            );
            advice.extend(path(tunnel, host).await);
        }
        None if has_data => {}
        None => advice.insert(0, without_data(tunnel, options)),
    }
    advice
}

/// Hosts that are likely to be there.
fn candidates(config: &Config, options: &ExamineOptions) -> Vec<IpAddr> {
    let mut hosts: Vec<IpAddr> = options.host.into_iter().collect();
    hosts.extend(&config.interface.dns.servers);
    let allowed = config.peers.iter().flat_map(|peer| &peer.allowed_ips);
    let single = allowed.filter(|net| net.prefix_len() == net.max_prefix_len());
    hosts.extend(single.map(|net| net.addr()));
    let networks = config.interface.addresses.iter();
    hosts.extend(networks.filter_map(|address| address.trunc().hosts().next()));
    let is_own = |host: &IpAddr| {
        config
            .interface
            .addresses
            .iter()
            .any(|it| it.addr() == *host)
    };
    hosts.retain(|host| !is_own(host) && is_carried(config, *host));
    let mut seen = std::collections::BTreeSet::new();
    hosts.retain(|host| seen.insert(*host));
    hosts.truncate(8);
    hosts
}

/// Pings hosts that are likely to be there; returns the first that answers.
async fn ping(tunnel: &Tunnel, config: &Config, options: &ExamineOptions) -> Option<IpAddr> {
    let mut pings = JoinSet::new();
    for host in candidates(config, options) {
        let tunnel = tunnel.clone();
        let wait = PingOptions {
            timeout: options.wait,
            ..PingOptions::default()
        };
        pings.spawn(async move {
            let pinger = tunnel.pinger(host).await.ok()?;
            pinger.ping(wait).await.ok().map(|_| host)
        });
    }
    while let Some(ended) = pings.join_next().await {
        if let Ok(Some(host)) = ended {
            return Some(host);
        }
    }
    None
}

async fn ask(tunnel: &Tunnel, server: IpAddr, options: &ExamineOptions) -> Advice {
    let resolver = Resolver::new(
        tunnel.network(),
        &ResolverOptions {
            servers: vec![SocketAddr::new(server, DNS_PORT)],
            search: Vec::new(),
            families: Families::V4,
        },
    );
    match timeout(options.wait * 2, resolver.addresses(ASKED_NAME)).await {
        // That a name is not there is an answer too.
        Ok(
            Ok(_)
            | Err(
                ResolveError::NoSuchName { .. }
                | ResolveError::NoRecords { .. }
                | ResolveError::Refused { .. },
            ),
        ) => Advice::fine(format!(
            "the name server {server} answers through the tunnel"
        )),
        Ok(Err(error)) => Advice::wrong(format!(
            "the name server {server} does not answer through the tunnel ({error}): \
             is DNS = {server} right?"
        )),
        Err(_) => Advice::wrong(format!(
            "the name server {server} does not answer through the tunnel: is DNS = {server} right?"
        )),
    }
}

async fn path(tunnel: &Tunnel, host: IpAddr) -> Option<Advice> {
    let found = path_mtu(tunnel, host).await.ok()?;
    if found.mtu >= found.tunnel_mtu {
        return Some(Advice::fine(format!(
            "packets of {} bytes, the MTU, arrive",
            found.tunnel_mtu
        )));
    }
    Some(Advice::wrong(format!(
        "packets of more than {} bytes are lost on the way, the tunnel's MTU is {}: \
         set MTU = {} in [Interface]",
        found.mtu, found.tunnel_mtu, found.mtu
    )))
}

fn without_data(tunnel: &Tunnel, options: &ExamineOptions) -> Advice {
    let own: Vec<String> = tunnel
        .addresses()
        .iter()
        .map(|address| address.addr().to_string())
        .collect();
    let hint = match options.host {
        Some(host) => format!("{host} does not answer pings"),
        None => "nobody there answers pings (name a host that does, if there is one)".to_owned(),
    };
    Advice::warning(format!(
        "the handshake is fine, but no data comes back: the other end's AllowedIPs for this end may \
         lack {}, it may not forward packets, or {hint}",
        own.join(" and ")
    ))
}
