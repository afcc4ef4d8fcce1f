//! The resume file: written whole or not at all.
//!
//! Behind the checkpoint of the scan stand open ports that were found and wait for their banner:
//!
//! ```text
//! open 10.0.0.1 22 63 64240         address, port, TTL and window of the answer
//! ```

use std::fs::{self, File};
use std::io::{self, BufRead, BufReader, BufWriter, Write};
use std::path::{Path, PathBuf};

use anyhow::anyhow;
use wirecraft::{
    Clock, Finding, PortState, Reason, ScanCheckpoint, ScanCheckpointError, ScanCheckpointReader,
    ScanLineTaken, ScanTarget, SynAck,
};

use crate::failure::Failure;

/// How far a scan has come.
pub(super) struct Saved {
    pub(super) checkpoint: ScanCheckpoint,
    /// Open ports that are not in the output yet.
    pub(super) untold: Vec<Finding>,
}

/// Reads a resume file; `None` if there is none yet.
pub(super) fn read(path: &Path) -> Result<Option<Saved>, Failure> {
    let failure =
        |error: &dyn std::fmt::Display| Failure::call(anyhow!("{}: {error}", path.display()));
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(failure(&error)),
    };
    let mut reader = ScanCheckpointReader::new();
    let mut untold = Vec::new();
    let mut is_whole = false;
    for (number, line) in BufReader::new(file).lines().enumerate() {
        let line = match line {
            // Bytes that are no text are no checkpoint.
            Err(error) if error.kind() == io::ErrorKind::InvalidData => {
                return Err(failure(&ScanCheckpointError::Line { line: number + 1 }));
            }
            line => line.map_err(|error| failure(&error))?,
        };
        if is_whole {
            let broken = ScanCheckpointError::Line { line: number + 1 };
            untold.push(open_port(&line).ok_or_else(|| failure(&broken))?);
            continue;
        }
        is_whole = reader.line(&line).map_err(|error| failure(&error))? == ScanLineTaken::Last;
    }
    let checkpoint = reader.finish().map_err(|error| failure(&error))?;
    Ok(Some(Saved { checkpoint, untold }))
}

fn open_port(line: &str) -> Option<Finding> {
    let mut words = line.strip_prefix("open ")?.split(' ');
    let target = ScanTarget {
        address: words.next()?.parse().ok()?,
        port: words.next()?.parse().ok()?,
    };
    let hop_limit = words.next()?.parse().ok()?;
    let window = words.next()?.parse().ok()?;
    Some(Finding {
        target,
        state: PortState::Open,
        reason: Reason::SynAck(SynAck {
            window,
            ..SynAck::default()
        }),
        from: target.address,
        hop_limit,
        at: Clock::new().now(),
        round_trip: None,
    })
}

/// Writes a resume file beside the old one and puts it in its place.
pub(super) fn write(path: &Path, saved: &Saved) -> Result<(), Failure> {
    let mut name = path.as_os_str().to_owned();
    name.push(".new");
    let new = PathBuf::from(name);
    let written = File::create(&new).and_then(|file| {
        let mut file = BufWriter::new(file);
        write!(file, "{}", saved.checkpoint)?;
        for finding in &saved.untold {
            let ScanTarget { address, port } = finding.target;
            let window = match finding.reason {
                Reason::SynAck(offer) => offer.window,
                _ => 0,
            };
            writeln!(file, "open {address} {port} {} {window}", finding.hop_limit)?;
        }
        file.into_inner()?.sync_all()?;
        fs::rename(&new, path)
    });
    written.map_err(|error| {
        // The old file is whole; half a new one is of no use.
        let _ = fs::remove_file(&new);
        Failure::call(anyhow!("{}: {error}", path.display()))
    })
}

/// Removes the file of a scan that is done.
pub(super) fn remove(path: &Path) -> Result<(), Failure> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Err(Failure::call(anyhow!("{}: {error}", path.display())))
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn open_ports_that_wait_for_their_banner_are_kept() {
        let path = std::env::temp_dir().join(format!("wirecraft-resume-{}", std::process::id()));
        let text = "wirecraft-scan 1\nseed 7\noptions 00\npass 0\nnext 3\nend 0\n";
        let open = "open fd00::1 22 63 64240\n";
        fs::write(&path, text.to_owned() + open).unwrap();
        let saved = read(&path).unwrap().unwrap();
        assert_eq!(saved.untold[0].target.port, 22);
        write(&path, &saved).unwrap();
        let again = fs::read_to_string(&path).unwrap();
        assert!(
            again.ends_with(&format!("next 3\nend 0\n{open}")),
            "{again}"
        );
        for broken in ["open 10.0.0.1 22 63\n", "open x 1 2 3\n", "what\n"] {
            fs::write(&path, text.to_owned() + broken).unwrap();
            assert!(read(&path).is_err(), "{broken}");
        }
        fs::write(&path, b"wirecraft-scan 1\n\xff\n").unwrap();
        assert!(matches!(read(&path), Err(Failure::Call(_))));
        fs::remove_file(&path).unwrap();
        assert!(read(&path).unwrap().is_none());
    }
}
