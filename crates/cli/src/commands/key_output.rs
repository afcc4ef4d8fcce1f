//! Secrets on standard output.

use std::io;

use wirecraft::KeyText;

use crate::arguments::Verbosity;
use crate::failure::Failure;
use crate::output;

/// Prints a key, with the warning of `wg` where everybody could read it afterwards.
pub(super) fn print_secret(key: &KeyText, verbosity: Verbosity) -> Result<(), Failure> {
    if !verbosity.is_quiet() && is_world_accessible(&io::stdout()) {
        output::remark(
            "Warning: writing to world accessible file.\n\
             Consider setting the umask to 077 and trying again.",
        );
    }
    output::line(key.as_str())
}

/// Whether `stream` is a file that others than its owner and group may touch.
#[cfg(unix)]
fn is_world_accessible(stream: &impl std::os::fd::AsFd) -> bool {
    use std::fs::File;
    use std::os::unix::fs::PermissionsExt;

    let Ok(descriptor) = stream.as_fd().try_clone_to_owned() else {
        return false;
    };
    let metadata = File::from(descriptor).metadata();
    metadata.is_ok_and(|metadata| metadata.is_file() && metadata.permissions().mode() & 0o007 != 0)
}

#[cfg(not(unix))]
fn is_world_accessible<T>(_stream: &T) -> bool {
    false
}
