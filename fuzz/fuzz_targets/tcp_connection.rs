//! The program of the fuzz target `tcp_connection`.
#![forbid(unsafe_code)]
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| wirecraft_fuzz::tcp_connection(input));
