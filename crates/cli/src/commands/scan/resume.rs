//! The resume file: written whole or not at all.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use anyhow::anyhow;
use wirecraft::ScanCheckpoint;

use crate::failure::Failure;

/// Reads a resume file; `None` if there is none yet.
pub(super) fn read(path: &Path) -> Result<Option<ScanCheckpoint>, Failure> {
    let text = match fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(Failure::call(anyhow!("{}: {error}", path.display()))),
    };
    let checkpoint = text.parse();
    checkpoint
        .map(Some)
        .map_err(|error| Failure::call(anyhow!("{}: {error}", path.display())))
}

/// Writes a resume file beside the old one and puts it in its place.
pub(super) fn write(path: &Path, checkpoint: &ScanCheckpoint) -> Result<(), Failure> {
    let mut name = path.as_os_str().to_owned();
    name.push(".new");
    let new = PathBuf::from(name);
    let written = File::create(&new).and_then(|mut file| {
        file.write_all(checkpoint.to_string().as_bytes())?;
        file.sync_all()?;
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
