//! Where findings go: a file or standard output, and nothing is lost when the file cannot take more.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use anyhow::anyhow;

use super::report::{Format, XML_END};
use crate::failure::Failure;
use crate::output;

/// Bytes that are written at once, when there are many findings.
const CHUNK_LEN: usize = 1 << 16;

/// Findings on their way out.
pub(super) struct Results {
    file: Option<Target>,
    pending: Vec<u8>,
    /// Whether the file could not take all of them.
    pub(super) has_failed: bool,
}

/// The file of the findings. It stays as it was until there is something to be written.
struct Target {
    path: PathBuf,
    file: File,
    /// How much of it is kept, in bytes; `None` once the rest was cut off, or where there is nothing to cut.
    kept: Option<u64>,
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
            open_file(path, format, goes_on)
                .map_err(|error| Failure::call(anyhow!("{}: {error}", path.display())))
        });
        let file = opened.transpose()?;
        let kept = file.as_ref().and_then(|file| file.kept);
        let results = Self {
            file,
            pending: Vec::new(),
            has_failed: false,
        };
        Ok((results, kept.is_some_and(|len| len > 0)))
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
        if self.pending.is_empty() {
            return Ok(());
        }
        if let Some(target) = &mut self.file {
            let written = target.cut();
            let Err(error) = written.and_then(|()| write_all(&mut target.file, &mut self.pending))
            else {
                return Ok(());
            };
            output::remark(format_args!(
                "{}: {error}; what it does not take follows on standard output",
                target.path.display()
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

impl Target {
    /// Cuts off what is not kept, before the first bytes are written.
    fn cut(&mut self) -> io::Result<()> {
        if let Some(kept) = self.kept.take() {
            self.file.set_len(kept)?;
            self.file.seek(SeekFrom::Start(kept))?;
        }
        Ok(())
    }
}

/// Opens a file for findings and looks how much of it is to be kept; it is not changed.
fn open_file(path: &Path, format: Format, goes_on: bool) -> io::Result<Target> {
    let mut options = OpenOptions::new();
    // A pipe of somebody else may be open for writing alone.
    options.write(true).create(true).truncate(false);
    let mut file = match options.clone().read(true).open(path) {
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => options.open(path)?,
        opened => opened?,
    };
    // A pipe or a terminal has neither length nor end.
    let kept = match (file.metadata()?.is_file(), goes_on) {
        (false, _) => None,
        (true, false) => Some(0),
        (true, true) => Some(kept_len(&mut file, format)?),
    };
    Ok(Target {
        path: path.to_owned(),
        file,
        kept,
    })
}

/// Says up to where a file is to be kept: without the end of a document, and without a row that is cut off, as
/// of a scan that was killed.
fn kept_len(file: &mut File, format: Format) -> io::Result<u64> {
    /// More than the longest row has.
    const TAIL_LEN: u64 = 1 << 16;
    let len = file.metadata()?.len();
    let start = len.saturating_sub(TAIL_LEN);
    file.seek(SeekFrom::Start(start))?;
    let mut tail = Vec::new();
    file.read_to_end(&mut tail)?;
    let kept = match format {
        Format::Json => json_rows_len(&tail, start == 0),
        Format::Xml => {
            let rows = find_last(&tail, XML_END.as_bytes()).map_or(&tail[..], |at| &tail[..at]);
            lines_len(rows)
        }
        Format::Text | Format::Ndjson | Format::Grepable | Format::Csv => lines_len(&tail),
    };
    Ok(start + u64::try_from(kept).unwrap_or(0))
}

/// The length of whole lines.
fn lines_len(text: &[u8]) -> usize {
    let end = text.iter().rposition(|byte| *byte == b'\n');
    end.map_or(0, |at| at + 1)
}

/// The length of an array's whole rows, each of which stands on a line; 0 if there is none.
fn json_rows_len(tail: &[u8], is_from_start: bool) -> usize {
    let mut end = tail.len();
    loop {
        let line = tail[..end].iter().rposition(|byte| *byte == b'\n');
        let (start, is_first) = line.map_or((0, true), |at| (at + 1, false));
        let row = tail[start..end].trim_ascii();
        let row = row.strip_suffix(b",").unwrap_or(row);
        if !(is_first && is_from_start)
            && serde_json::from_slice::<serde_json::Map<_, _>>(row).is_ok()
        {
            return start + row.len();
        }
        if is_first {
            return 0;
        }
        end = start - 1;
    }
}

fn find_last(text: &[u8], what: &[u8]) -> Option<usize> {
    text.windows(what.len()).rposition(|window| window == what)
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

    fn file(name: &str) -> PathBuf {
        std::env::temp_dir().join(format!("wirecraft-{name}-{}", std::process::id()))
    }

    #[test]
    fn a_document_is_continued_where_its_rows_end() {
        let path = file("results");
        let xml_end = "<runstats><x/></runstats>\n</a>\n";
        for (format, whole, kept) in [
            (Format::Json, "[\n{}\n]\n", "[\n{}"),
            (Format::Json, "[\n{}", "[\n{}"),
            (
                Format::Json,
                "[\n{},\n{\"a\":1},\n{\"b",
                "[\n{},\n{\"a\":1}",
            ),
            (Format::Json, "[\n{\"a\":1},\n", "[\n{\"a\":1}"),
            // Nothing was found yet: the array begins anew.
            (Format::Json, "[\n]\n", ""),
            (Format::Json, "[\n{\"a", ""),
            (Format::Json, "[", ""),
            (Format::Xml, &format!("<a>\n{xml_end}"), "<a>\n"),
            (Format::Xml, "<a>\n<host", "<a>\n"),
            (Format::Csv, "a,b\n", "a,b\n"),
            (Format::Csv, "a,b\n1,", "a,b\n"),
            (Format::Ndjson, "{}\n{\"a", "{}\n"),
            (Format::Text, "", ""),
        ] {
            std::fs::write(&path, whole).unwrap();
            let (mut results, is_continued) = Results::open(Some(&path), format, true).unwrap();
            results.push("+").unwrap();
            results.flush().unwrap();
            let found = std::fs::read_to_string(&path).unwrap();
            assert_eq!(found, kept.to_owned() + "+", "{whole}");
            assert_eq!(is_continued, !kept.is_empty(), "{whole}");
        }
        std::fs::remove_file(&path).unwrap();
    }

    #[test]
    fn a_file_stays_as_it_is_until_there_is_something_to_write() {
        let path = file("untouched");
        std::fs::write(&path, "[\n{}\n]\n").unwrap();
        for goes_on in [true, false] {
            let (mut results, _) = Results::open(Some(&path), Format::Json, goes_on).unwrap();
            results.flush().unwrap();
            drop(results);
            assert_eq!(std::fs::read_to_string(&path).unwrap(), "[\n{}\n]\n");
        }
        let (mut results, is_continued) = Results::open(Some(&path), Format::Json, false).unwrap();
        results.push("[").unwrap();
        results.flush().unwrap();
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "[");
        assert!(!is_continued);
        std::fs::remove_file(&path).unwrap();
    }
}
