//! The program `wirecraft-tun`: `wirecraft tun` under the name by which wg-quick calls it.

#![forbid(unsafe_code)]

#[cfg(target_os = "linux")]
fn main() -> std::process::ExitCode {
    wirecraft_cli::wirecraft_tun()
}

#[cfg(not(target_os = "linux"))]
fn main() -> std::process::ExitCode {
    std::process::ExitCode::from(2)
}
