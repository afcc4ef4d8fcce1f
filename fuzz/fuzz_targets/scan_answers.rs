//! The program of the fuzz target `scan_answers`.
#![forbid(unsafe_code)]
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| wirecraft_fuzz::scan_answers(input));
