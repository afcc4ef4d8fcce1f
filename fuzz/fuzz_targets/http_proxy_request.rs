//! The program of the fuzz target `http_proxy_request`.
#![forbid(unsafe_code)]
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| wirecraft_fuzz::http_proxy_request(input));
