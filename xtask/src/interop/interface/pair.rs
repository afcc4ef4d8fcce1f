//! Two ends with a tunnel between them.

use super::end::End;
use crate::interop::config::{Config, KeyPair, MTU, Peer, preshared_key};
use crate::interop::journal::Journal;
use crate::interop::network::{Cable, Family, Host};
use crate::interop::node::{Implementation, Programs};
use crate::interop::process::Process;
use crate::interop::traffic::read_check;
use anyhow::{Result, ensure};
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

/// The ports that the ends listen on at first.
pub(in crate::interop) const NEAR_PORT: u16 = 51_821;
pub(in crate::interop) const FAR_PORT: u16 = 51_822;

/// How long the services of an end may take until they can be used.
const START_TIME: Duration = Duration::from_secs(10);

/// Both ends; only the near one knows where the other is.
pub(in crate::interop) struct Pair<'a> {
    pub(in crate::interop) near: End<'a>,
    pub(in crate::interop) far: End<'a>,
    pub(in crate::interop) cable: Cable,
    pub(in crate::interop) preshared_key: String,
    services: Option<Process>,
}

impl<'a> Pair<'a> {
    /// Brings both ends up and introduces them to each other.
    pub(in crate::interop) fn start(
        number: usize,
        (ours, theirs): (Implementation, Implementation),
        programs: &'a Programs,
        journal: &'a Journal,
    ) -> Result<Self> {
        let near = Host::add(format!("c{number}-near"))?;
        let far = Host::add(format!("c{number}-far"))?;
        let cable = Cable::join(&near, &far, 1)?;
        let context = (programs, journal);
        let pair = Self {
            near: End::start(near, format!("c{number}-near"), 1, ours, context)?,
            far: End::start(far, format!("c{number}-far"), 2, theirs, context)?,
            cable,
            preshared_key: preshared_key()?,
            services: None,
        };
        pair.configure_near()?;
        pair.configure_far()?;
        Ok(pair)
    }

    pub(in crate::interop) fn configure_near(&self) -> Result<()> {
        self.near.setconf(&self.near_config().for_wg())
    }

    pub(in crate::interop) fn configure_far(&self) -> Result<()> {
        let config = self.config(&self.far, FAR_PORT, &self.near, None);
        self.far.setconf(&config.for_wg())
    }

    pub(in crate::interop) fn near_config(&self) -> Config {
        let endpoint = SocketAddr::new(self.cable.far(Family::V4), FAR_PORT);
        self.config(&self.near, NEAR_PORT, &self.far, Some(endpoint))
    }

    fn config(&self, end: &End<'_>, port: u16, other: &End<'_>, at: Option<SocketAddr>) -> Config {
        Config {
            keys: end.keys.clone(),
            addresses: end.addresses,
            listen_port: Some(port),
            mtu: MTU,
            peers: vec![Peer {
                public_key: other.keys.public.clone(),
                preshared_key: Some(self.preshared_key.clone()),
                endpoint: at,
                addresses: other.addresses,
            }],
        }
    }

    /// The address of the far end inside the tunnel.
    pub(in crate::interop) fn inside(&self, family: Family) -> IpAddr {
        inside(&self.far, family)
    }

    /// The near end pings the far one, by both families.
    pub(in crate::interop) fn ping(&self) -> Result<()> {
        self.near.ping(self.inside(Family::V4), 1)?;
        self.near.ping(self.inside(Family::V6), 1)
    }

    /// The near end pings the far one, and the far one it.
    pub(in crate::interop) fn ping_both_ways(&self) -> Result<()> {
        self.ping()?;
        self.far.ping(inside(&self.near, Family::V4), 1)
    }

    /// As many streams each way at once, every byte compared.
    pub(in crate::interop) fn streams(&mut self, to: IpAddr, count: usize, len: u64) -> Result<()> {
        let client = self.start_streams(to, count, len)?;
        finish_streams(client, 2 * count)
    }

    pub(in crate::interop) fn start_streams(
        &mut self,
        to: IpAddr,
        count: usize,
        len: u64,
    ) -> Result<Process> {
        if self.services.is_none() {
            let mut command = self.far.host.command(&self.far.programs.interop_peer);
            command.arg("host-services");
            let services = Process::start("services", command, &self.far.journal)?;
            services.wait_for_line("ready", START_TIME)?;
            self.services = Some(services);
        }
        let mut command = self.near.host.command(&self.near.programs.interop_peer);
        command.arg("host-client");
        let (to, len) = (to.to_string(), len.to_string());
        for _ in 0..count {
            command.args(["--target", &to, "--tcp-up", &len, "--tcp-down", &len]);
        }
        Process::start("client", command, &self.near.journal)
    }

    /// Keys for one more peer.
    pub(in crate::interop) fn stranger() -> Result<String> {
        Ok(KeyPair::generate()?.public)
    }
}

/// Waits for streams to end; `count` of them must have carried every byte.
pub(in crate::interop) fn finish_streams(client: Process, count: usize) -> Result<()> {
    let finished = client.finish(Duration::from_secs(100))?;
    for line in &finished.stdout {
        let check = read_check(line)?;
        check.outcome.map_err(|error| error.context(check.name))?;
    }
    let done = finished.stdout.len();
    ensure!(
        done == count,
        "{done} of {count} streams, {}",
        finished.status
    );
    Ok(())
}

pub(in crate::interop) fn inside(end: &End<'_>, family: Family) -> IpAddr {
    match family {
        Family::V4 => end.addresses.v4.into(),
        Family::V6 => end.addresses.v6.into(),
    }
}
