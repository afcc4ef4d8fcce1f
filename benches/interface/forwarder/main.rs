//! The bound of what a tunnel can be: packets of an interface, sealed and sent, without a protocol.
//!
//! ```text
//! bare-forwarder INTERFACE LISTEN PEER
//! ```
//!
//! One thread reads the interface, cuts super-packets, seals batches with a key that everybody knows and
//! sends them to `PEER`, many with one call; another does the same backwards. There are no handshakes, no
//! peers, no replay window, no timers, no routing and no padding: never use it for anything but measuring.
#![forbid(unsafe_code)]
#![expect(clippy::print_stderr, reason = "a harness reads what is printed")]

#[cfg(target_os = "linux")]
mod down;
#[cfg(target_os = "linux")]
mod frame;
#[cfg(target_os = "linux")]
mod up;

use anyhow::{Context as _, Result, bail};
use std::net::SocketAddr;
use std::process::ExitCode;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match run(&arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("bare-forwarder: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &[String]) -> Result<()> {
    let [interface, listen, peer] = arguments else {
        bail!("usage: bare-forwarder INTERFACE LISTEN PEER");
    };
    let (listen, peer) = (
        listen.parse().context("LISTEN")?,
        peer.parse().context("PEER")?,
    );
    forward(interface, listen, peer)
}

/// Both ways, until one of them fails.
#[cfg(target_os = "linux")]
fn forward(interface: &str, listen: SocketAddr, peer: SocketAddr) -> Result<()> {
    use rustix::net::sockopt;
    use std::net::UdpSocket;
    use std::thread;
    use tun_rs::DeviceBuilder;

    let device = DeviceBuilder::new()
        .name(interface)
        .offload(true)
        .inherit_enable_state()
        .build_sync()?;
    device.set_nonblocking(true)?;
    anyhow::ensure!(
        device.tcp_gso(),
        "an interface without offloads is no bound"
    );
    let socket = UdpSocket::bind(listen).context("binding the socket")?;
    sockopt::set_socket_recv_buffer_size_force(&socket, BUFFER_LEN)?;
    sockopt::set_socket_send_buffer_size_force(&socket, BUFFER_LEN)?;
    let state = quinn_udp::UdpSocketState::new((&socket).into())?;
    let can_merge_udp = device.udp_gso();
    thread::scope(|scope| {
        let down = scope.spawn(|| down::run(&device, (&socket, &state), peer));
        let up = scope.spawn(|| up::run(&device, (&socket, &state), can_merge_udp));
        for thread in [down, up] {
            match thread.join() {
                Ok(result) => result?,
                Err(panic) => std::panic::resume_unwind(panic),
            }
        }
        Ok(())
    })
}

#[cfg(not(target_os = "linux"))]
fn forward(_: &str, _: SocketAddr, _: SocketAddr) -> Result<()> {
    bail!("interfaces with offloads are of Linux")
}

/// The socket's buffers in bytes, as the tunnel has them.
#[cfg(target_os = "linux")]
const BUFFER_LEN: usize = 7 << 20;

/// The key that everybody knows.
#[cfg(target_os = "linux")]
const KEY: [u8; 32] = [0x42; 32];

/// The bytes in front of a packet (a counter is in them), and its tag.
#[cfg(target_os = "linux")]
const HEADER_LEN: usize = 16;
#[cfg(target_os = "linux")]
const TAG_LEN: usize = 16;

#[cfg(target_os = "linux")]
fn nonce(counter: u64) -> [u8; 12] {
    let mut nonce = [0; 12];
    nonce[4..].copy_from_slice(&counter.to_le_bytes());
    nonce
}

/// Waits until there is something to read.
#[cfg(target_os = "linux")]
fn wait(descriptor: impl std::os::fd::AsFd) -> Result<()> {
    use rustix::event::{PollFd, PollFlags, poll};
    let mut descriptors = [PollFd::from_borrowed_fd(descriptor.as_fd(), PollFlags::IN)];
    match poll(&mut descriptors, None) {
        Ok(_) | Err(rustix::io::Errno::INTR) => Ok(()),
        Err(error) => Err(error).context("waiting"),
    }
}
