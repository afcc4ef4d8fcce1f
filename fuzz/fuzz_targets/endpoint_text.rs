//! The program of the fuzz target `endpoint_text`.
#![forbid(unsafe_code)]
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| wirecraft_fuzz::endpoint_text(input));
