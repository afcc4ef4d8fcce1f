//! `wirecraft demo`: a gateway and a client on loopback, and everything once.

use std::future::Future;
use std::net::IpAddr;
use std::num::NonZeroU32;

use anyhow::{bail, ensure};
use clap::Args;
use serde::Serialize;
use wirecraft::http::{HttpClient, Request, Trust};
use wirecraft::{AddressRange, Clock, PortState, ScanConfig, Targets, Tunnel};
use wirecraft_gateway::{DemoGateway, ECHO_PORT, GATEWAY_NAME, GATEWAY_V4, GATEWAY_V6, HTTP_PORT};

use crate::aead::connect_options;
use crate::arguments::Verbosity;
use crate::failure::Failure;
use crate::interrupt::stop_wanted;
use crate::output;

/// The ports that the demo scans: the well-known ones.
const SCANNED_PORTS: std::ops::RangeInclusive<u16> = 1..=1023;

/// Probes a second: the gateway is on this machine.
const SCAN_RATE: NonZeroU32 = NonZeroU32::new(20_000).expect("20,000 is not zero");

/// The header of an echo request and reply, in bytes.
const ICMP_HEADER_LEN: usize = 8;

/// Start a gateway and a client on loopback and send everything through the tunnel between them once
///
/// Needs no root, no network and no configuration.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  wirecraft demo
  wirecraft demo --stay > demo.conf    # then, in another terminal:
  wirecraft ping -c demo.conf 10.89.0.1
  wirecraft get  -c demo.conf http://gateway.demo/")]
pub(crate) struct Demo {
    /// Print one JSON object a step on standard output
    #[arg(long, conflicts_with = "stay")]
    json: bool,
    /// Keep the gateway up afterwards, and print the configuration of a client to standard output
    #[arg(long)]
    stay: bool,
}

/// One line of the demo.
#[derive(Serialize)]
struct Step {
    step: &'static str,
    ok: bool,
    milliseconds: f64,
    detail: String,
}

impl Demo {
    pub(crate) async fn run(self, verbosity: Verbosity) -> Result<(), Failure> {
        let gateway = DemoGateway::start().await.map_err(Failure::network)?;
        let all_good = self.all_steps(&gateway, verbosity).await?;
        if self.stay {
            if !verbosity.is_quiet() {
                output::remark("the gateway stays up until Ctrl-C");
            }
            output::line(gateway.client_config().to_text_with_secrets().trim_end())?;
            // Without a handler for signals nobody can ask for the end but by force.
            stop_wanted().await;
        }
        if all_good { Ok(()) } else { Err(Failure::Told) }
    }

    /// Does each step and prints its line; says whether all of them worked.
    async fn all_steps(
        &self,
        gateway: &DemoGateway,
        verbosity: Verbosity,
    ) -> Result<bool, Failure> {
        let config = gateway.client_config().clone();
        let options = connect_options()?;
        let (connected, handshake) = timed("handshake", async {
            let tunnel = Tunnel::connect_with(config, options).await?;
            Ok((format!("peer {}", gateway.public_key()), tunnel))
        })
        .await;
        self.print(&connected, verbosity)?;
        let Some(tunnel) = handshake else {
            return Ok(false);
        };
        let mut all_good = true;
        let mut tell = |step: Step| {
            all_good &= step.ok;
            self.print(&step, verbosity)
        };
        tell(timed("ping IPv4", ping(&tunnel, GATEWAY_V4.into())).await.0)?;
        tell(timed("ping IPv6", ping(&tunnel, GATEWAY_V6.into())).await.0)?;
        tell(timed("DNS query", resolve(&tunnel)).await.0)?;
        tell(timed("HTTP GET", fetch(&tunnel)).await.0)?;
        tell(timed("SYN scan", scan(&tunnel)).await.0)?;
        // Nothing is left to do with a tunnel that is down already.
        let _ = tunnel.close().await;
        Ok(all_good)
    }

    fn print(&self, step: &Step, verbosity: Verbosity) -> Result<(), Failure> {
        if self.json {
            return output::json(step);
        }
        let Step {
            step,
            ok,
            milliseconds,
            detail,
        } = step;
        let verdict = if *ok { "ok" } else { "FAILED" };
        let line = format!("{step:<10}  {verdict:<6}  {milliseconds:>8.2} ms  {detail}");
        // With --stay, standard output is for the configuration.
        if self.stay {
            if !(verbosity.is_quiet() && *ok) {
                output::remark(line);
            }
            return Ok(());
        }
        output::line(line)
    }
}

/// Does one step and takes its time; `work` gives what to print and what to go on with.
async fn timed<T>(
    step: &'static str,
    work: impl Future<Output = anyhow::Result<(String, T)>>,
) -> (Step, Option<T>) {
    let clock = Clock::new();
    let began_at = clock.now();
    let result = work.await;
    let milliseconds = output::milliseconds(clock.now().since(began_at));
    let ok = result.is_ok();
    let (detail, outcome) = match result {
        Ok((detail, outcome)) => (detail, Some(outcome)),
        Err(error) => (format!("{error:#}"), None),
    };
    (
        Step {
            step,
            ok,
            milliseconds,
            detail,
        },
        outcome,
    )
}

async fn ping(tunnel: &Tunnel, host: IpAddr) -> anyhow::Result<(String, ())> {
    let reply = tunnel.ping(host).await?;
    Ok((
        format!("{} bytes from {host}", reply.payload_len + ICMP_HEADER_LEN),
        (),
    ))
}

async fn resolve(tunnel: &Tunnel) -> anyhow::Result<(String, ())> {
    let addresses = tunnel.resolver().addresses(GATEWAY_NAME).await?;
    for expected in [IpAddr::from(GATEWAY_V4), IpAddr::from(GATEWAY_V6)] {
        ensure!(
            addresses.contains(&expected),
            "{GATEWAY_NAME} lacks {expected}: {addresses:?}"
        );
    }
    let addresses: Vec<String> = addresses.iter().map(IpAddr::to_string).collect();
    Ok((format!("{GATEWAY_NAME} is {}", addresses.join(", ")), ()))
}

async fn fetch(tunnel: &Tunnel) -> anyhow::Result<(String, ())> {
    let client = HttpClient::new(tunnel.dialer().clone(), Trust::default());
    let mut response = client
        .send(Request::get(&format!("http://{GATEWAY_NAME}/"))?)
        .await?;
    let mut page = Vec::new();
    while let Some(piece) = response.chunk().await? {
        page.extend_from_slice(&piece);
    }
    let status = response.status();
    ensure!(status.is_success(), "the gateway answered {status}");
    Ok((String::from_utf8(page)?.trim_end().to_owned(), ()))
}

/// Scans the gateway's well-known ports and expects those of its services, and no others.
async fn scan(tunnel: &Tunnel) -> anyhow::Result<(String, ())> {
    let gateway = AddressRange::new(GATEWAY_V4.into(), GATEWAY_V4.into())?;
    let targets = Targets::new([gateway], [], SCANNED_PORTS)?;
    let sources: Vec<IpAddr> = tunnel
        .addresses()
        .iter()
        .map(|address| address.addr())
        .collect();
    let mut config = ScanConfig::new(targets, &sources);
    config.rate = SCAN_RATE;
    let mut scan = tunnel.scan_with(config).await?;
    let (mut open, mut closed) = (Vec::new(), 0);
    while let Some(finding) = scan.next().await? {
        match finding.state {
            PortState::Open => open.push(finding.target.port),
            PortState::Closed => closed += 1,
            state => bail!("port {} is {state:?}", finding.target.port),
        }
    }
    open.sort_unstable();
    ensure!(open == [ECHO_PORT, HTTP_PORT], "open ports: {open:?}");
    ensure!(
        open.len() + closed == SCANNED_PORTS.count(),
        "only {closed} ports closed"
    );
    Ok((
        format!("{closed} ports closed, open: {ECHO_PORT} and {HTTP_PORT}"),
        (),
    ))
}
