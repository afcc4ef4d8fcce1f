//! Where a body goes: a file that may have its beginning already, or standard output.

use std::fmt::Display;
use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use anyhow::anyhow;
use wirecraft::http::{Response, Resumed};

use super::progress::Progress;
use crate::failure::Failure;

/// The place for a body.
#[derive(Debug)]
pub(super) enum Target {
    /// Standard output.
    Stdout,
    /// A file; `resume_from` bytes of it stay.
    File { path: PathBuf, resume_from: u64 },
}

impl Target {
    /// Looks how much of the file is there already, if it is to be continued.
    pub(super) fn new(path: Option<&Path>, resume: bool) -> Result<Self, Failure> {
        let Some(path) = path else {
            return Ok(Self::Stdout);
        };
        let resume_from = match path.metadata() {
            Ok(metadata) if resume => metadata.len(),
            Err(error) if resume && error.kind() != io::ErrorKind::NotFound => {
                return Err(local(path, error));
            }
            _ => 0,
        };
        Ok(Self::File {
            path: path.to_owned(),
            resume_from,
        })
    }

    /// How many bytes are there already.
    pub(super) fn resume_from(&self) -> u64 {
        match self {
            Self::Stdout => 0,
            Self::File { resume_from, .. } => *resume_from,
        }
    }
}

/// Writes the body to its target; returns how many bytes came.
pub(super) async fn save(
    target: &Target,
    response: &mut Response,
    progress: &Progress,
) -> Result<u64, Failure> {
    match target {
        Target::Stdout => copy(response, &mut io::stdout().lock(), progress, Failure::from).await,
        Target::File { path, resume_from } => {
            let Some(mut file) = open(path, *resume_from, response.resumed())? else {
                return Ok(0);
            };
            copy(response, &mut file, progress, |error| local(path, error)).await
        }
    }
}

/// Opens the file where the body starts; `None` if it is complete already.
fn open(path: &Path, resume_from: u64, resumed: Resumed) -> Result<Option<File>, Failure> {
    let mut options = OpenOptions::new();
    match resumed {
        Resumed::Complete => return Ok(None),
        Resumed::At(start) if start == resume_from => options.append(true),
        Resumed::At(start) => {
            return Err(Failure::network(anyhow!(
                "asked to continue at {resume_from}, the server continues at {start}"
            )));
        }
        Resumed::FromStart => options.write(true).create(true).truncate(true),
    };
    options
        .open(path)
        .map(Some)
        .map_err(|error| local(path, error))
}

async fn copy(
    response: &mut Response,
    sink: &mut impl Write,
    progress: &Progress,
    failed: impl Fn(io::Error) -> Failure,
) -> Result<u64, Failure> {
    let mut copied = 0;
    while let Some(chunk) = response
        .chunk()
        .await
        .map_err(|error| broken_off(copied, error))?
    {
        sink.write_all(&chunk).map_err(&failed)?;
        copied += chunk.len() as u64;
        progress.advance(chunk.len() as u64);
    }
    sink.flush().map_err(&failed)?;
    Ok(copied)
}

fn broken_off(copied: u64, error: impl Display) -> Failure {
    Failure::Network(anyhow!(
        "broken off after {copied} bytes: {error} (-o FILE -C - continues)"
    ))
}

fn local(path: &Path, error: io::Error) -> Failure {
    Failure::Call(anyhow!("{}: {error}", path.display()))
}
