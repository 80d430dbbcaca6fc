//! Offers and answers: whatever is answered is one that we would accept ourselves.
#![no_main]

use hotline_core::audio::Codec;
use hotline_core::sdp::{Local, PayloadTypes, accept, answer, offer};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let local = Local {
        address: [192, 0, 2, 1].into(),
        port: 20_000,
        session: 1,
        version: 1,
        codecs: Codec::ALL.to_vec(),
        payload_types: PayloadTypes::default(),
    };
    let _ = accept(text, &local);
    if let Ok((reply, chosen)) = answer(text, &local) {
        assert!((10..=60).contains(&chosen.ptime_ms));
        assert!(accept(&reply, &local).is_ok());
        // Offered again, everything has a number of its own.
        let mut again = local.clone();
        again.payload_types.keep(&chosen);
        assert!(answer(&offer(&again), &local).is_ok());
    }
});
