//! Benchmarks of the whole, rivals beside.
