//! How fast a scan leaves: probes made, sealed and sent, and answers taken in, by one thread.
//!
//! The other end of the tunnel runs on a thread of its own; what counts is the processor time of the
//! thread that scans, so that the figure is probes for a whole core.
#![forbid(unsafe_code)]
#![expect(clippy::print_stdout, reason = "a harness reports on the terminal")]

use std::net::{Ipv4Addr, SocketAddr};
use std::num::NonZeroU32;
use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};
use wirecraft::config::{Config, Endpoint, PeerConfig};
use wirecraft::{PrivateKey, ScanConfig, SystemEntropy, Targets, Tunnel};

/// As fast as it goes.
const RATE: NonZeroU32 = NonZeroU32::new(100_000_000).expect("not zero");

fn main() {
    let (config, there) = configurations();
    let (ready, is_ready) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        runtime().block_on(async {
            let tunnel = Tunnel::listen(there).await.expect("a free port");
            let port = tunnel.status().await.expect("it runs").listen_port;
            ready.send(port).expect("somebody waits");
            std::future::pending::<()>().await;
        });
    });
    let port = is_ready.recv().expect("the other end is up");
    for (name, targets, has_answers) in [
        // Nobody has these addresses: the far end drops what comes.
        ("probes alone", "10.200.0.0/10", false),
        ("probes and answers", "10.99.0.1", true),
    ] {
        let figures = runtime().block_on(scan(config.clone(), port, targets, has_answers));
        println!("{name:<20} {figures}");
    }
}

fn runtime() -> tokio::runtime::Runtime {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    runtime.expect("a runtime of one thread")
}

/// This end's configuration without the port, and the other end's.
fn configurations() -> (Config, Config) {
    let mut rng = SystemEntropy::default();
    let [own, theirs] = [(); 2].map(|()| PrivateKey::generate(&mut rng));
    let mut there = Config::new(theirs.clone());
    there.interface.addresses = vec!["10.99.0.1/32".parse().expect("an address")];
    let mut peer = PeerConfig::new(own.public_key());
    peer.allowed_ips = vec!["10.99.0.2/32".parse().expect("a prefix")];
    there.peers.push(peer);
    let mut config = Config::new(own);
    config.interface.addresses = vec!["10.99.0.2/32".parse().expect("an address")];
    let mut peer = PeerConfig::new(theirs.public_key());
    peer.allowed_ips = vec!["10.0.0.0/8".parse().expect("a prefix")];
    config.peers.push(peer);
    (config, there)
}

async fn scan(mut config: Config, port: u16, targets: &str, has_answers: bool) -> String {
    let endpoint = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    config.peers[0].endpoint = Some(Endpoint::Address(endpoint));
    let tunnel = Tunnel::connect(config).await.expect("a handshake");
    let range = targets.parse().expect("a range");
    let ports = if has_answers { 1..=u16::MAX } else { 1..=1 };
    let targets = Targets::new([range], [], ports).expect("targets");
    let mut scan_config = ScanConfig::new(targets, &[Ipv4Addr::new(10, 99, 0, 2).into()]);
    scan_config.rate = RATE;
    scan_config.burst = NonZeroU32::new(64).expect("not zero");
    if has_answers {
        scan_config.rate = NonZeroU32::new(200_000).expect("not zero");
        scan_config.burst = NonZeroU32::new(2000).expect("not zero");
    }
    scan_config.retries = 0;
    scan_config.reply_timeout = Duration::from_millis(500);
    let mut running = tunnel.scan_with(scan_config).await.expect("a scan");
    let began_at = thread_time();
    let mut answers = 0_u64;
    while let Some(_finding) = running.next().await.expect("the tunnel is up") {
        answers += 1;
    }
    let seconds = (thread_time() - began_at).as_secs_f64();
    let counts = running.counts();
    let probes = f64::from(u32::try_from(counts.probes).expect("some millions"));
    let figures = format!(
        "{} probes, {answers} answers ({} lost), {:.0} ns of the processor a probe: {:.2} million a second",
        counts.probes,
        running.dropped(),
        seconds * 1e9 / probes,
        probes / seconds / 1e6
    );
    tunnel.close().await.expect("it was up");
    figures
}

fn thread_time() -> Duration {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    Duration::new(
        u64::try_from(time.tv_sec).unwrap_or(0),
        u32::try_from(time.tv_nsec).unwrap_or(0),
    )
}
