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
    let (asked, answered) = ping(tunnel, config, options).await;
    let mut has_data = answered.is_some();
    for server in &config.interface.dns.servers {
        if !is_carried(config, *server) {
            continue;
        }
        let (found, is_answer) = ask(tunnel, *server, options).await;
        has_data |= is_answer;
        advice.push(found);
    }
    match answered {
        Some(host) => {
            let sentence = format!("data comes through: {host} answers pings");
            advice.insert(0, Advice::fine(sentence));
            advice.extend(path(tunnel, host).await);
        }
        None if has_data => {}
        None if asked.is_empty() => advice.insert(
            0,
            Advice::warning(
                "the handshake is fine; whether data comes through is not known, as no host behind the \
                 tunnel is known that could be asked: name one that answers pings (--host)",
            ),
        ),
        None => advice.insert(0, without_data(tunnel, &asked)),
    }
    advice.extend(options.host.and_then(|host| {
        Some(Advice::warning(match asked.contains(&host) {
            _ if answered == Some(host) => return None,
            // Told of already, with all others.
            true if !has_data => return None,
            true => format!("{host} does not answer pings"),
            false => format!("{host} was not asked: no AllowedIPs have it, or it is this end"),
        }))
    }));
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

/// Pings hosts that are likely to be there; returns them, and the one that answers first, or the one that was
/// named if it does.
async fn ping(
    tunnel: &Tunnel,
    config: &Config,
    options: &ExamineOptions,
) -> (Vec<IpAddr>, Option<IpAddr>) {
    let hosts = candidates(config, options);
    let named = options.host.filter(|host| hosts.contains(host));
    let mut pings = JoinSet::new();
    for host in hosts.clone() {
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
    let mut first = None;
    while let Some(ended) = pings.join_next().await {
        let Ok(Some(host)) = ended else { continue };
        first = first.or(Some(host));
        if named.is_none_or(|named| named == host) {
            return (hosts, Some(host));
        }
    }
    (hosts, first)
}

/// Asks a name server; says too whether anything came back.
async fn ask(tunnel: &Tunnel, server: IpAddr, options: &ExamineOptions) -> (Advice, bool) {
    let resolver = Resolver::new(
        tunnel.network(),
        &ResolverOptions {
            servers: vec![SocketAddr::new(server, DNS_PORT)],
            search: Vec::new(),
            families: Families::V4,
        },
    );
    let silent = |why: &str| {
        Advice::wrong(format!(
            "the name server {server} does not answer through the tunnel{why}: is DNS = {server} right?"
        ))
    };
    match timeout(options.wait * 2, resolver.addresses(ASKED_NAME)).await {
        // That a name is not there is an answer too.
        Ok(Ok(_) | Err(ResolveError::NoSuchName { .. } | ResolveError::NoRecords { .. })) => {
            let sentence = format!("the name server {server} answers through the tunnel");
            (Advice::fine(sentence), true)
        }
        Ok(Err(error @ ResolveError::Refused { .. })) => {
            let sentence = format!(
                "the name server {server} is there, but looks nothing up for this end ({error}): names \
                 will not be found through it"
            );
            (Advice::wrong(sentence), true)
        }
        Ok(Err(error)) => (silent(&format!(" ({error})")), false),
        Err(_) => (silent(""), false),
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
    if let Some(router) = found.limited_by {
        // Hosts are told as well, and send shorter ones.
        return Some(Advice::fine(format!(
            "packets of more than {} bytes do not fit on the way to {host}, and {router} says so: hosts adapt",
            found.mtu
        )));
    }
    Some(Advice::wrong(format!(
        "packets of more than {} bytes are lost on the way, the tunnel's MTU is {}: \
         set MTU = {} in [Interface]",
        found.mtu, found.tunnel_mtu, found.mtu
    )))
}

fn without_data(tunnel: &Tunnel, asked: &[IpAddr]) -> Advice {
    let own: Vec<String> = tunnel
        .addresses()
        .iter()
        .map(|address| address.addr().to_string())
        .collect();
    let asked: Vec<String> = asked.iter().map(ToString::to_string).collect();
    Advice::warning(format!(
        "the handshake is fine, but no data comes back: the other end's AllowedIPs for this end may \
         lack {}, it may not forward packets, or nobody answers pings at {}",
        own.join(" and "),
        asked.join(", ")
    ))
}
