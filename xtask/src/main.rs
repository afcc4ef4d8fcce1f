//! The harnesses of the project: checks, interop, benchmarks.

fn main() {}
