//! The program `wirecraft`.

#![forbid(unsafe_code)]

fn main() -> std::process::ExitCode {
    wirecraft_cli::wirecraft()
}
