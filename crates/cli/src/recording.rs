//! `--pcap`: the packets inside the tunnel, into a file.

use std::fs::File;
use std::io::BufWriter;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use anyhow::anyhow;
use wirecraft::ip_packets::{CaptureError, CaptureWriter, InterfaceId, LinkType};
use wirecraft::{Clock, Tunnel};

use crate::failure::Failure;
use crate::output;

/// The recording of this run: what ends the program ends it too.
static RECORDING: Mutex<Option<Recording>> = Mutex::new(None);

/// A file of packets that is being written.
pub(crate) struct Recording {
    path: PathBuf,
    writer: CaptureWriter<BufWriter<File>>,
    interface: InterfaceId,
    error: Option<CaptureError>,
}

impl Recording {
    /// Starts a file.
    pub(crate) fn create(path: &Path) -> Result<Self, Failure> {
        let failure =
            |error: &dyn std::fmt::Display| Failure::call(anyhow!("{}: {error}", path.display()));
        let file = File::create(path).map_err(|error| failure(&error))?;
        let mut writer =
            CaptureWriter::new(BufWriter::new(file)).map_err(|error| failure(&error))?;
        let interface = writer
            .interface("wirecraft", LinkType::RAW)
            .map_err(|error| failure(&error))?;
        Ok(Self {
            path: path.to_owned(),
            writer,
            interface,
            error: None,
        })
    }

    /// Writes a packet. After an error nothing is written, and the end tells.
    ///
    /// Returns whether that error is new.
    pub(crate) fn packet(&mut self, at: Duration, packet: &[u8], comment: Option<&str>) -> bool {
        if self.error.is_none() {
            let written = self.writer.packet(self.interface, at, packet, comment);
            self.error = written.err();
            return self.error.is_some();
        }
        false
    }

    /// Why no more is written, if so.
    fn cause(&self) -> Option<String> {
        let error = self.error.as_ref()?;
        let cause = std::error::Error::source(error).map(ToString::to_string);
        Some(cause.unwrap_or_else(|| error.to_string()))
    }

    /// Ends the file.
    pub(crate) fn finish(self) -> Result<(), Failure> {
        let finished = match self.error {
            Some(error) => Err(error),
            None => self.writer.finish().map(drop),
        };
        finished.map_err(|error| {
            let cause = std::error::Error::source(&error).map(ToString::to_string);
            let cause = cause.unwrap_or_else(|| error.to_string());
            Failure::call(anyhow!("{}: {cause}", self.path.display()))
        })
    }
}

/// Records all packets of a tunnel from here on.
pub(crate) async fn record(tunnel: &Tunnel, path: &Path) -> Result<(), Failure> {
    let recording = Recording::create(path)?;
    *lock() = Some(recording);
    tunnel
        .watch(|_, packet| {
            if let Some(recording) = &mut *lock()
                && recording.packet(since_1970(), packet, None)
            {
                let path = recording.path.display();
                let cause = recording.cause().unwrap_or_default();
                output::remark(format_args!("{path}: {cause}; recording has ended"));
            }
        })
        .await?;
    Ok(())
}

/// Ends the recording, if there is one; says whether all of it was written.
pub(crate) fn finish() -> bool {
    let Some(recording) = lock().take() else {
        return true;
    };
    match recording.finish() {
        Ok(()) => true,
        Err(Failure::Call(error) | Failure::Network(error)) => {
            output::remark(error);
            false
        }
        Err(_) => false,
    }
}

/// What a capture says of when a packet came.
pub(crate) fn since_1970() -> Duration {
    Clock::new().since_unix_epoch()
}

fn lock() -> std::sync::MutexGuard<'static, Option<Recording>> {
    RECORDING.lock().unwrap_or_else(PoisonError::into_inner)
}
