//! The program of the fuzz target `uapi_request`.
#![forbid(unsafe_code)]
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| wirecraft_fuzz::uapi_request(input));
