//! Tests of the whole: what the crates do together.
#![forbid(unsafe_code)]
