//! The program of the fuzz target `inner_packet`.
#![forbid(unsafe_code)]
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| wirecraft_fuzz::inner_packet(input));
