//! Names looked up inside a tunnel, never with the resolver of the host.
//!
//! A [`Resolver`] sends its queries over a [`Network`] to the servers of the configuration's `DNS` line.
//! Retransmission, the change to TCP for long answers, caching and search domains are hickory's.
//! Neither `/etc/hosts` nor `/etc/resolv.conf` is read.

mod error;
mod provider;
mod record;

pub use error::ResolveError;
pub use record::{ParseRecordTypeError, Record, RecordType};

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use hickory_resolver::config::{
    ConnectionConfig, LookupIpStrategy, NameServerConfig, ResolveHosts, ResolverConfig,
};
use hickory_resolver::proto::rr::Name;

use crate::config::DnsConfig;
use crate::network::Network;
use provider::{LastFault, Provider};

/// The port of name servers.
///
/// Source: RFC 1035 §4.2.
pub const DNS_PORT: u16 = 53;

/// How long one server may take before the query is tried again.
const SERVER_TIMEOUT: Duration = Duration::from_secs(4);

/// How often a query that got no answer is repeated.
const REPEATS: usize = 1;

/// Which address families are worth asking for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Families {
    /// A records only.
    V4,
    /// AAAA records only.
    V6,
    /// Both, IPv6 first.
    #[default]
    Both,
}

/// Where and how names are looked up.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ResolverOptions {
    /// The servers to ask.
    pub servers: Vec<SocketAddr>,
    /// Domains to append to short names. Routing domains (`~corp`) and impossible names are passed over.
    pub search: Vec<String>,
    /// The address families that [`Resolver::addresses`] asks for.
    pub families: Families,
}

impl From<&DnsConfig> for ResolverOptions {
    fn from(dns: &DnsConfig) -> Self {
        Self {
            servers: dns
                .servers
                .iter()
                .map(|ip| SocketAddr::new(*ip, DNS_PORT))
                .collect(),
            search: dns.search.clone(),
            families: Families::default(),
        }
    }
}

/// Looks names up over a [`Network`].
#[derive(Clone)]
pub struct Resolver<N: Network> {
    /// `None` where there is no server to ask.
    hickory: Option<hickory_resolver::Resolver<Provider<N>>>,
    fault: LastFault,
}

impl<N: Network> Resolver<N> {
    /// Prepares a resolver; nothing is sent. Without servers every name fails with [`ResolveError::NoServers`].
    #[must_use]
    pub fn new(network: N, options: &ResolverOptions) -> Self {
        if options.servers.is_empty() {
            return Self {
                hickory: None,
                fault: LastFault::default(),
            };
        }
        let servers = options
            .servers
            .iter()
            .map(|server| name_server(*server))
            .collect();
        let search = options
            .search
            .iter()
            .filter_map(|domain| search_domain(domain))
            .collect();
        let config = ResolverConfig::from_parts(None, search, servers);
        let fault = LastFault::default();
        let provider = Provider::new(network, fault.clone());
        let mut builder = hickory_resolver::Resolver::builder_with_config(config, provider);
        let opts = builder.options_mut();
        opts.use_hosts_file = ResolveHosts::Never;
        opts.timeout = SERVER_TIMEOUT;
        opts.attempts = REPEATS;
        opts.ip_strategy = match options.families {
            Families::V4 => LookupIpStrategy::Ipv4Only,
            Families::V6 => LookupIpStrategy::Ipv6Only,
            Families::Both => LookupIpStrategy::Ipv6AndIpv4,
        };
        // Only the set-up of TLS and of trust anchors can fail, and neither is compiled in.
        Self {
            hickory: builder.build().ok(),
            fault,
        }
    }

    /// Finds the addresses of `host`, best first. An address in text form is its own answer.
    ///
    /// # Errors
    /// [`ResolveError`], one variant for each way in which there is no address.
    ///
    /// # Cancel safety
    /// Dropping the future leaves the query to itself; nothing is lost but its answer.
    pub async fn addresses(&self, host: &str) -> Result<Vec<IpAddr>, ResolveError> {
        if let Ok(address) = host.parse() {
            return Ok(vec![address]);
        }
        let name = parse_name(host)?;
        let hickory = self.hickory.as_ref().ok_or(ResolveError::NoServers)?;
        let found = hickory
            .lookup_ip(name)
            .await
            .map_err(|error| ResolveError::new(host, error, &self.fault))?;
        Ok(found.iter().collect())
    }

    /// Asks for the records of one type at `name`, with the aliases that lead to them.
    ///
    /// # Errors
    /// [`ResolveError`], one variant for each way in which there is no such record.
    ///
    /// # Cancel safety
    /// Dropping the future leaves the query to itself; nothing is lost but its answer.
    pub async fn query(&self, name: &str, kind: RecordType) -> Result<Vec<Record>, ResolveError> {
        let hickory = self.hickory.as_ref().ok_or(ResolveError::NoServers)?;
        let lookup = hickory
            .lookup(parse_name(name)?, kind.into())
            .await
            .map_err(|error| ResolveError::new(name, error, &self.fault))?;
        Ok(lookup.answers().iter().map(Record::from).collect())
    }

    /// Asks for the names of an address (PTR).
    ///
    /// # Errors
    /// As [`Resolver::query`].
    pub async fn names_of(&self, address: IpAddr) -> Result<Vec<Record>, ResolveError> {
        self.query(&Name::from(address).to_string(), RecordType::PTR)
            .await
    }
}

fn name_server(server: SocketAddr) -> NameServerConfig {
    let connections = [ConnectionConfig::udp(), ConnectionConfig::tcp()]
        .into_iter()
        .map(|mut connection| {
            connection.port = server.port();
            connection
        })
        .collect();
    NameServerConfig::new(server.ip(), true, connections)
}

fn search_domain(domain: &str) -> Option<Name> {
    if domain.starts_with('~') {
        return None;
    }
    let mut name = parse_name(domain).ok()?;
    name.set_fqdn(true);
    Some(name)
}

fn parse_name(text: &str) -> Result<Name, ResolveError> {
    let bad = || ResolveError::BadName {
        name: text.escape_default().to_string(),
    };
    if text.is_empty() {
        return Err(bad());
    }
    Name::from_utf8(text).map_err(|_| bad())
}

impl<N: Network> fmt::Debug for Resolver<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Resolver").finish_non_exhaustive()
    }
}
