//! Configurations from files and from standard input.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use zeroize::Zeroizing;

use super::error::{ConfigError, Problem};
use super::notice::Notice;
use super::{Config, parse};

/// Some ten thousand peers; more is another kind of file.
const LIMIT_LEN: u64 = 16 << 20;

/// Reads `path`, or standard input where it is `-`.
pub(super) fn load(path: &Path) -> Result<Config, ConfigError> {
    if path.as_os_str() == "-" {
        return parse_bytes(read(io::stdin().lock()), "standard input");
    }
    let name = path.display().to_string();
    let unreadable = |error| ConfigError::new(&name, None, Problem::Unreadable(error));
    let file = File::open(path).map_err(unreadable)?;
    let notice = readable_by_others(&file, path).map_err(unreadable)?;
    let mut config = parse_bytes(read(file), &name)?;
    config.notices.splice(0..0, notice);
    Ok(config)
}

fn parse_bytes(
    bytes: Result<Zeroizing<Vec<u8>>, Problem>,
    name: &str,
) -> Result<Config, ConfigError> {
    let bytes = bytes.map_err(|problem| ConfigError::new(name, None, problem))?;
    if bytes.starts_with(&[0xff, 0xfe]) || bytes.starts_with(&[0xfe, 0xff]) {
        return Err(ConfigError::new(name, None, Problem::Utf16));
    }
    // A comment in an old encoding does no harm; a value in one is refused where it stands.
    let text = Zeroizing::new(String::from_utf8_lossy(&bytes).into_owned());
    parse::parse(&text, name)
}

fn read(source: impl Read) -> Result<Zeroizing<Vec<u8>>, Problem> {
    let mut bytes = Zeroizing::new(Vec::new());
    source
        .take(LIMIT_LEN + 1)
        .read_to_end(&mut bytes)
        .map_err(Problem::Unreadable)?;
    if bytes.len() as u64 > LIMIT_LEN {
        return Err(Problem::TooLong {
            limit_len: LIMIT_LEN,
        });
    }
    Ok(bytes)
}

/// Looks at the open file, not at the path, which may lead elsewhere by now. Pipes have no readers but us.
#[cfg(unix)]
fn readable_by_others(file: &File, path: &Path) -> io::Result<Option<Notice>> {
    use std::os::unix::fs::PermissionsExt;

    let metadata = file.metadata()?;
    let mode = metadata.permissions().mode();
    let warn = metadata.is_file() && mode & 0o077 != 0;
    Ok(warn.then(|| Notice::Readable {
        path: path.to_owned(),
        world: mode & 0o007 != 0,
    }))
}

#[cfg(not(unix))]
fn readable_by_others(_file: &File, _path: &Path) -> io::Result<Option<Notice>> {
    Ok(None)
}
