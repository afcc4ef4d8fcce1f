//! Where findings go: a file or standard output, and nothing is lost when the file cannot take more.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use anyhow::anyhow;

use super::report::{Format, JSON_END, XML_END};
use crate::failure::Failure;
use crate::output;

/// Bytes that are written at once, when there are many findings.
const CHUNK_LEN: usize = 1 << 16;

/// Findings on their way out.
pub(super) struct Results {
    file: Option<(PathBuf, File)>,
    pending: Vec<u8>,
    /// Whether the file could not take all of them.
    pub(super) has_failed: bool,
}

impl Results {
    /// Opens the file, or standard output. With `goes_on`, a file that is there is continued.
    ///
    /// Returns too whether there are findings in it.
    pub(super) fn open(
        path: Option<&Path>,
        format: Format,
        goes_on: bool,
    ) -> Result<(Self, bool), Failure> {
        let opened = path.map(|path| {
            let file = open_file(path, format, goes_on);
            file.map(|(file, is_continued)| (path.to_owned(), file, is_continued))
                .map_err(|error| Failure::call(anyhow!("{}: {error}", path.display())))
        });
        let opened = opened.transpose()?;
        let is_continued = opened.as_ref().is_some_and(|(_, _, it)| *it);
        let results = Self {
            file: opened.map(|(path, file, _)| (path, file)),
            pending: Vec::new(),
            has_failed: false,
        };
        Ok((results, is_continued))
    }

    /// Takes text; it is written at once if there is much of it.
    pub(super) fn push(&mut self, text: &str) -> Result<(), Failure> {
        self.pending.extend_from_slice(text.as_bytes());
        if self.pending.len() >= CHUNK_LEN {
            return self.flush();
        }
        Ok(())
    }

    /// Writes what was taken. What a file does not take goes to standard output.
    pub(super) fn flush(&mut self) -> Result<(), Failure> {
        if let Some((path, file)) = &mut self.file {
            let Err(error) = write_all(file, &mut self.pending) else {
                return Ok(());
            };
            output::remark(format_args!(
                "{}: {error}; what it does not take follows on standard output",
                path.display()
            ));
            self.file = None;
            self.has_failed = true;
        }
        let mut out = io::stdout().lock();
        write_all(&mut out, &mut self.pending)?;
        Ok(out.flush()?)
    }
}

/// Writes as much as is taken, and removes it.
fn write_all(out: &mut impl Write, pending: &mut Vec<u8>) -> io::Result<()> {
    let mut written = 0;
    let result = loop {
        match out.write(&pending[written..]) {
            _ if written == pending.len() => break Ok(()),
            Ok(0) => break Err(io::ErrorKind::WriteZero.into()),
            Ok(len) => written += len,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => break Err(error),
        }
    };
    pending.drain(..written);
    result
}

/// Opens a file for findings; the end of a document that is continued is taken away.
fn open_file(path: &Path, format: Format, goes_on: bool) -> io::Result<(File, bool)> {
    let mut options = OpenOptions::new();
    options
        .read(true)
        .write(true)
        .create(true)
        .truncate(!goes_on);
    let mut file = options.open(path)?;
    // A pipe or a terminal has neither length nor end.
    if !goes_on || !file.metadata()?.is_file() {
        return Ok((file, false));
    }
    let len = file.metadata()?.len();
    let end = match format {
        Format::Json => Some(JSON_END),
        Format::Xml => Some(XML_END),
        Format::Text | Format::Ndjson | Format::Grepable | Format::Csv => None,
    };
    let kept = match end {
        Some(end) => start_of_end(&mut file, len, end)?,
        None => len,
    };
    file.set_len(kept)?;
    file.seek(SeekFrom::Start(kept))?;
    Ok((file, kept > 0))
}

/// Finds where the end of a document starts: within its last bytes, or nowhere.
fn start_of_end(file: &mut File, len: u64, end: &str) -> io::Result<u64> {
    const SEARCHED_LEN: u64 = 1024;
    let start = len.saturating_sub(SEARCHED_LEN);
    file.seek(SeekFrom::Start(start))?;
    let mut tail = Vec::new();
    file.read_to_end(&mut tail)?;
    let at = tail
        .windows(end.len())
        .rposition(|window| window == end.as_bytes());
    let at = at.and_then(|at| u64::try_from(at).ok());
    Ok(at.map_or(len, |at| start + at))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Takes some bytes, then is full.
    struct Full(usize, Vec<u8>);

    impl Write for Full {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let len = bytes.len().min(self.0);
            if len == 0 {
                return Err(io::ErrorKind::StorageFull.into());
            }
            self.0 -= len;
            self.1.extend_from_slice(&bytes[..len]);
            Ok(len)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn what_a_full_disk_does_not_take_is_kept() {
        let mut disk = Full(5, Vec::new());
        let mut pending = b"one\ntwo\n".to_vec();
        let error = write_all(&mut disk, &mut pending).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::StorageFull);
        assert_eq!(
            (disk.1.as_slice(), pending.as_slice()),
            (&b"one\nt"[..], &b"wo\n"[..])
        );
    }

    #[test]
    fn a_document_is_continued_where_its_rows_end() {
        let path = std::env::temp_dir().join(format!("wirecraft-results-{}", std::process::id()));
        for (format, whole, kept) in [
            (Format::Json, "[\n{}\n]\n", "[\n{}"),
            (Format::Json, "[\n{}", "[\n{}"),
            (
                Format::Xml,
                "<a>\n<runstats><x/></runstats>\n</a>\n",
                "<a>\n",
            ),
            (Format::Csv, "a,b\n", "a,b\n"),
            (Format::Text, "", ""),
        ] {
            std::fs::write(&path, whole).unwrap();
            let (mut results, is_continued) = Results::open(Some(&path), format, true).unwrap();
            results.push("+").unwrap();
            results.flush().unwrap();
            assert_eq!(
                std::fs::read_to_string(&path).unwrap(),
                kept.to_owned() + "+"
            );
            assert_eq!(is_continued, !kept.is_empty());
        }
        let (mut results, _) = Results::open(Some(&path), Format::Text, false).unwrap();
        results.flush().unwrap();
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "");
        std::fs::remove_file(&path).unwrap();
    }
}
