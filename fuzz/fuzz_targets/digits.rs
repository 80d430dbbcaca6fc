//! Keys: telephone events at any clock, sound in any pieces, and both put together.
#![no_main]

use std::time::{Duration, Instant};

use hotline_core::dtmf::inband::Detector;
use hotline_core::dtmf::{Merge, Overlap, Press, Receiver, Source, key_of};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| {
    let (mut receiver, mut detector, mut overlap, mut merge) =
        (Receiver::default(), Detector::default(), Overlap::default(), Merge::default());
    let mut now = Instant::now();
    for step in input.chunks(16) {
        let [what, ms, rest @ ..] = step else { return };
        now += Duration::from_millis(u64::from(*ms));
        let word = |at: usize| rest.get(at..at + 4).map_or(0, |b| u32::from_be_bytes([b[0], b[1], b[2], b[3]]));
        match what % 6 {
            0 => {
                receiver.set_clock([8_000, 16_000, 48_000][usize::from(*what) % 3]);
                let key = receiver.accept(word(0) & 1, word(2), what & 64 != 0, rest.get(6..).unwrap_or(&[]), now);
                assert!(key.is_none_or(|key| hotline_core::dtmf::code_of(key).is_some()));
            }
            1 => {
                let samples: Vec<i16> = rest.chunks_exact(2).map(|b| i16::from_be_bytes([b[0], b[1]])).collect();
                for _ in 0..=*ms {
                    detector.push(&samples, |tone| assert!(tone.began <= tone.heard));
                }
            }
            2 => detector.missing(word(0) >> 8),
            3 | 4 => {
                let Some(key) = key_of(what >> 4) else { continue };
                let press = Press { key, ssrc: word(0) & 1, from: word(2), to: word(2).wrapping_add(word(6) >> 12) };
                let per_ms = if what & 1 == 0 { 8 } else { 48 };
                if what % 6 == 3 { overlap.tone(press, per_ms) } else { overlap.event(press, per_ms) };
                overlap.tone_lasts(key, press.ssrc, word(8));
                overlap.event_lasts(key, press.ssrc, word(8));
            }
            _ => {
                let Some(key) = key_of(what >> 4) else { continue };
                merge.accept([Source::Rtp, Source::Tone, Source::Info][usize::from(*ms) % 3], key, now);
            }
        }
    }
});
