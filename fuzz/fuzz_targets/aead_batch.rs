//! The program of the fuzz target `aead_batch`.
#![forbid(unsafe_code)]
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| wirecraft_fuzz::aead_batch(input));
