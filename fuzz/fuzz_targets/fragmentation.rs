//! The program of the fuzz target `fragmentation`.
#![forbid(unsafe_code)]
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| wirecraft_fuzz::fragmentation(input));
