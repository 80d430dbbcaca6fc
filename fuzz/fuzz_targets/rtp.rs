//! A leg's whole receive path: packets, reports and turns in any order, on any kind of leg.
#![no_main]

use hotline_fuzz::rtp::bare::Bare;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| {
    let [how, steps @ ..] = input else { return };
    Bare::new(*how).run(steps);
});
