//! The program of the fuzz target `tai64n`.
#![forbid(unsafe_code)]
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| wirecraft_fuzz::tai64n(input));
