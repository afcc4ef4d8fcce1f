//! The program of the fuzz target `udp_datagram`.
#![forbid(unsafe_code)]
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| wirecraft_fuzz::udp_datagram(input));
