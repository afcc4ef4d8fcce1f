//! The `wirecraft` command.

fn main() {}
