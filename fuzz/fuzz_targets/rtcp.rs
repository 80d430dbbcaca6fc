//! Reading compound packets.
#![no_main]

use hotline_fuzz::rtp::bare::read_rtcp;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| read_rtcp(input));
