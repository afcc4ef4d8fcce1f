//! Records what genuinely arrives at the receiver, for somebody to replay it.

use std::fs::File;
use std::io::{BufWriter, ErrorKind, Read as _, Write as _};
use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, Result};
use socket2::{Domain, Protocol, Socket, Type};
use wirecraft_ip_packets::{IpPacket, Transport};
use wirecraft_net::Clock;
use wirecraft_wire_format::Message;

use crate::identities::PORT;

/// Datagrams to keep, of each sort.
const KEPT_MAX: usize = 4000;

/// The longest packet of one datagram; longer ones are several that the kernel has put together.
const PACKET_MAX_LEN: usize = 1500;

/// What was recorded.
#[derive(Default)]
pub(crate) struct Recording {
    pub(crate) initiations: Vec<Vec<u8>>,
    pub(crate) data: Vec<Vec<u8>>,
}

/// Records into the file that the first argument names, for the seconds that the second one says.
pub(crate) fn run(arguments: &[String]) -> Result<()> {
    let [path, seconds] = arguments else {
        anyhow::bail!("recorder FILE SECONDS");
    };
    let time = Duration::from_secs_f64(seconds.parse().context("seconds")?);
    let recording = record(time)?;
    recording.save(Path::new(path))?;
    println!(
        "{}",
        serde_json::json!({"initiations": recording.initiations.len(), "data": recording.data.len()})
    );
    Ok(())
}

fn record(time: Duration) -> Result<Recording> {
    let mut socket = Socket::new(Domain::IPV4, Type::RAW, Some(Protocol::UDP))
        .context("a raw socket to record from")?;
    socket.set_read_timeout(Some(Duration::from_millis(50)))?;
    socket.set_recv_buffer_size(4 << 20)?;
    let clock = Clock::new();
    let began_at = clock.now();
    let mut recording = Recording::default();
    let mut buffer = vec![0; 1 << 16];
    while clock.now().since(began_at) < time {
        match socket.read(&mut buffer) {
            Ok(len) if len <= PACKET_MAX_LEN => recording.take(&buffer[..len]),
            Ok(_) => {}
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(recording)
}

impl Recording {
    fn take(&mut self, packet: &[u8]) {
        let Ok(packet) = IpPacket::parse(packet) else {
            return;
        };
        let Ok(Transport::Udp(datagram)) = packet.transport() else {
            return;
        };
        if datagram.destination_port() == PORT {
            self.keep(datagram.payload().to_vec());
        }
    }

    fn keep(&mut self, datagram: Vec<u8>) {
        let kept = match Message::parse(&datagram) {
            Ok(Message::Initiation(_)) => &mut self.initiations,
            Ok(Message::Data(_)) => &mut self.data,
            _ => return,
        };
        if kept.len() < KEPT_MAX {
            kept.push(datagram);
        }
    }

    /// Writes every datagram with its length before it.
    fn save(&self, path: &Path) -> Result<()> {
        let mut file = BufWriter::new(File::create(path)?);
        for datagram in self.initiations.iter().chain(&self.data) {
            file.write_all(&u16::try_from(datagram.len())?.to_le_bytes())?;
            file.write_all(datagram)?;
        }
        Ok(file.flush()?)
    }

    /// Reads what [`Self::save`] wrote.
    ///
    /// # Errors
    /// When the file is not there or ends in the midst of a datagram.
    pub(crate) fn load(path: &Path) -> Result<Self> {
        let bytes = std::fs::read(path).with_context(|| path.display().to_string())?;
        let mut recording = Self::default();
        let mut rest = bytes.as_slice();
        while let Some((len, behind)) = rest.split_first_chunk() {
            let len = u16::from_le_bytes(*len).into();
            let (datagram, behind) = behind.split_at_checked(len).context("a whole datagram")?;
            recording.keep(datagram.to_vec());
            rest = behind;
        }
        Ok(recording)
    }
}
