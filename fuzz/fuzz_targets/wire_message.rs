//! The program of the fuzz target `wire_message`.
#![forbid(unsafe_code)]
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| wirecraft_fuzz::wire_message(input));
