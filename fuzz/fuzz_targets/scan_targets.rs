//! The program of the fuzz target `scan_targets`.
#![forbid(unsafe_code)]
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| wirecraft_fuzz::scan_targets(input));
