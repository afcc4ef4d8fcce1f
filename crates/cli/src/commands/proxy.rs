//! `wirecraft proxy`: SOCKS and HTTP proxies into tunnels.

use std::fs;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::Duration;

use anyhow::anyhow;
use clap::Args;
use serde::Serialize;
use wirecraft::Quota;
use wirecraft_proxy::{HostAddress, Proxy as Server, ProxyError, ProxyOptions, ProxyUser};

use crate::arguments::{FormArgs, Verbosity, seconds};
use crate::exits::{ExitArgs, Exits};
use crate::failure::Failure;
use crate::interrupt::until_stopped;
use crate::open_files::raise_limit;
use crate::output;

/// Serve SOCKS and HTTP proxies whose connections go through the tunnel
#[derive(Debug, Args)]
#[command(after_help = "\
SOCKS is SOCKS5 (CONNECT, UDP ASSOCIATE), SOCKS4 and SOCKS4a; HTTP is CONNECT and
http:// addresses. Names are looked up inside the tunnel, and nowhere else. ADDR is
a port of the loopback address, ADDRESS:PORT or the path of a unix socket. An address
that others can reach needs --auth, --auth-file or --open.

With several configurations each is an exit, called as its file without .conf. The
user name of a client chooses: the name of an exit pins it, any other name keeps
the exit it got. With --auth the choice stands behind a plus: USER+CHOICE. A
directory is watched: files that come and go are exits that come and go. Exits
whose peer falls silent are left out until it answers.

While the tunnel is down it keeps trying, whatever --timeout says. With -v each
connection is logged.

Examples:
  wirecraft proxy -c wg0.conf --socks 1080 --http 8080
  curl --socks5-hostname 127.0.0.1:1080 https://example.org/
  wirecraft proxy -c exits/ --rotate sticky --socks 0.0.0.0:1080 --auth me:secret
  curl --socks5-hostname 127.0.0.1:1080 --proxy-user me+oslo:secret https://example.org/")]
pub(crate) struct Proxy {
    /// Listen for SOCKS clients; may be repeated
    #[arg(long, value_name = "ADDR", required_unless_present = "http")]
    socks: Vec<HostAddress>,
    /// Listen for HTTP clients; may be repeated
    #[arg(long, value_name = "ADDR")]
    http: Vec<HostAddress>,
    /// Answer GET /metrics with counters, in the form of Prometheus
    #[arg(long, value_name = "ADDR")]
    metrics: Option<HostAddress>,
    /// Serve this user only; may be repeated
    #[arg(long, value_name = "USER:PASSWORD")]
    auth: Vec<User>,
    /// Serve the users of FILE only, a USER:PASSWORD a line
    #[arg(long, value_name = "FILE")]
    auth_file: Option<PathBuf>,
    /// Listen on addresses that others can reach without asking for a password
    #[arg(long)]
    open: bool,
    /// Connections at once; further ones wait
    #[arg(long, value_name = "N", default_value = "4096", value_parser = clap::value_parser!(u32).range(1..))]
    max_connections: u32,
    /// Seconds that a connection through the tunnel may take to come about
    #[arg(long, value_name = "S", default_value = "30", value_parser = seconds)]
    connect_timeout: Duration,
    /// Connections at once of each exit
    #[arg(long, value_name = "N")]
    exit_connections: Option<u64>,
    /// Bytes that each exit may carry, both ways
    #[arg(long, value_name = "BYTES")]
    exit_bytes: Option<u64>,
    #[command(flatten)]
    exits: ExitArgs,
    #[command(flatten)]
    form: FormArgs,
}

/// A user name and a password, as they are given.
#[derive(Clone, Debug)]
struct User(ProxyUser);

impl FromStr for User {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.split_once(':') {
            Some((name, password)) if !name.is_empty() && !name.contains('+') => {
                Ok(Self(ProxyUser {
                    name: name.to_owned(),
                    password: password.to_owned(),
                }))
            }
            _ => Err("expected USER:PASSWORD, without a plus in USER"),
        }
    }
}

/// The line of `--json`: one listener.
#[derive(Serialize)]
struct Line {
    proxy: &'static str,
    listen: String,
}

impl Proxy {
    pub(crate) async fn run(self, verbosity: Verbosity) -> Result<(), Failure> {
        let options = self.options()?;
        let _ = raise_limit();
        let mut quota = Quota::default();
        quota.connections_max = self.exit_connections;
        quota.bytes_max = self.exit_bytes;
        let mut exits = self.exits.start(quota, verbosity).await?;
        let pool = exits.pool.clone();
        let served = until_stopped(self.serve(options, &mut exits, verbosity)).await;
        pool.close().await;
        served
    }

    fn options(&self) -> Result<ProxyOptions, Failure> {
        let mut options = ProxyOptions::default();
        options.users = self.auth.iter().map(|User(user)| user.clone()).collect();
        if let Some(path) = &self.auth_file {
            options.users.extend(users_of(path)?);
        }
        options.is_open = self.open;
        options.connections_max = usize::try_from(self.max_connections).unwrap_or(usize::MAX);
        options.connect_timeout = self.connect_timeout;
        Ok(options)
    }

    async fn serve(
        &self,
        options: ProxyOptions,
        exits: &mut Exits,
        verbosity: Verbosity,
    ) -> Result<(), Failure> {
        let mut server = Server::new(exits.pool.clone(), options);
        for at in &self.socks {
            let listen = server.socks(at).map_err(failure)?;
            self.tell("socks", &listen, verbosity)?;
        }
        for at in &self.http {
            let listen = server.http(at).map_err(failure)?;
            self.tell("http", &listen, verbosity)?;
        }
        if let Some(at) = &self.metrics {
            let listen = server.metrics(at).map_err(failure)?;
            self.tell("metrics", &listen, verbosity)?;
        }
        exits.keep_up(self.exits.patience(), verbosity).await;
        Ok(())
    }

    fn tell(
        &self,
        proxy: &'static str,
        listen: &HostAddress,
        verbosity: Verbosity,
    ) -> Result<(), Failure> {
        if self.form.json {
            return output::json(&Line {
                proxy,
                listen: listen.to_string(),
            });
        }
        if !verbosity.is_quiet() {
            let what = match proxy {
                "metrics" => "metrics",
                "http" => "http proxy",
                _ => "socks proxy",
            };
            output::remark(format_args!("{what} on {listen}"));
        }
        Ok(())
    }
}

/// The users of a file; empty lines and those with `#` in front are passed over.
fn users_of(path: &Path) -> Result<Vec<ProxyUser>, Failure> {
    let wrong = |reason: String| Failure::call(anyhow!("{}: {reason}", path.display()));
    let text = fs::read_to_string(path).map_err(|error| wrong(error.to_string()))?;
    let mut users = Vec::new();
    for (number, line) in text.lines().enumerate() {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let User(user) = line
            .parse()
            .map_err(|error| wrong(format!("line {}: {error}", number + 1)))?;
        users.push(user);
    }
    if users.is_empty() {
        return Err(wrong("no user".to_owned()));
    }
    Ok(users)
}

fn failure(error: ProxyError) -> Failure {
    match error {
        ProxyError::Open { address } => Failure::call(anyhow!(
            "{address} can be reached by others: --auth or --auth-file ask for a password, --open lets everybody in"
        )),
        error => Failure::call(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn users_have_a_name_and_a_password() {
        let User(user) = "me:se:cret".parse().unwrap();
        assert_eq!(
            (user.name.as_str(), user.password.as_str()),
            ("me", "se:cret")
        );
        for text in ["me", ":secret", "me+oslo:secret", ""] {
            assert!(text.parse::<User>().is_err(), "{text}");
        }
    }
}
