//! `wirecraft-tun IFACE`: the name by which wg-quick calls `wirecraft tun IFACE`.

#![forbid(unsafe_code)]

#[cfg(unix)]
fn main() -> std::process::ExitCode {
    use std::io::Write as _;
    use std::os::unix::process::CommandExt as _;

    let mut wirecraft = std::process::Command::new(wirecraft());
    wirecraft.arg("tun").args(std::env::args_os().skip(1));
    // Who calls by this name configures by `wg`.
    wirecraft.env_remove("WIRECRAFT_CONFIG");
    let error = wirecraft.exec();
    // Without a standard error there is nobody to tell.
    let _ = writeln!(std::io::stderr(), "wirecraft-tun: wirecraft: {error}");
    std::process::ExitCode::from(2)
}

/// The program beside this one, or else one of the search path.
#[cfg(unix)]
fn wirecraft() -> std::path::PathBuf {
    let beside = std::env::current_exe().map(|path| path.with_file_name("wirecraft"));
    let beside = beside.ok().filter(|path| path.exists());
    beside.unwrap_or_else(|| "wirecraft".into())
}

#[cfg(not(unix))]
fn main() -> std::process::ExitCode {
    std::process::ExitCode::from(2)
}
