//! The program of the fuzz target `tcp_segment`.
#![forbid(unsafe_code)]
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| wirecraft_fuzz::tcp_segment(input));
