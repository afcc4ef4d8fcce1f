//! The program of the fuzz target `handshake_message`.
#![forbid(unsafe_code)]
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| wirecraft_fuzz::handshake_message(input));
