//! Another encoder takes over in the middle of a stream.

use super::*;

/// A voice of so many Hz, that swells and fades, peak at most `peak`.
fn sung(hz: f64, peak: f64, count: usize) -> Vec<i16> {
    let wave = |n: usize| {
        let time = n as f64 / 8_000.0;
        let partials: f64 =
            (1..6).map(|k| (std::f64::consts::TAU * hz * f64::from(k) * time).sin() / f64::from(k)).sum();
        (partials / 1.9 * peak * (0.55 + 0.45 * (time * 11.0).sin())) as i16
    };
    (0..count).map(wave).collect()
}

/// The loudest that a phone hears when the second of two encoders takes over in the middle of both voices.
fn loudest_at_change(settled: bool, first: &[i16], second: &[i16], fresh: bool) -> i32 {
    let (mut one, mut two, mut phone) = (Encoder::default(), Encoder::default(), Decoder::default());
    let mut heard: Vec<i16> = first.iter().map(|sample| phone.narrow(one.narrow(*sample))).collect();
    if !fresh {
        // It has coded before what nobody heard.
        for sample in second.iter().rev() {
            two.narrow(*sample);
        }
    }
    let mut bytes: Vec<u8> = second.iter().map(|sample| two.narrow(*sample)).collect();
    if settled {
        for (n, packet) in bytes[..SETTLING].chunks_mut(80).enumerate() {
            settle(n * 80, packet);
        }
    }
    heard.extend(bytes.iter().map(|byte| phone.narrow(*byte)));
    heard[first.len()..].iter().map(|sample| i32::from(*sample).abs()).max().unwrap_or(0)
}

#[test]
fn a_settled_decoder_makes_no_burst_of_another_encoder() {
    let voices =
        [(110.0, 16_000.0), (220.0, 9_000.0), (440.0, 9_000.0), (1_000.0, 12_000.0), (1_700.0, 3_000.0), (90.0, 60.0)];
    let mut bursts = 0;
    for (first, second) in voices.iter().flat_map(|first| voices.map(|second| (*first, second))) {
        for (length, fresh) in
            [800, 1_111, 1_517, 2_003].into_iter().flat_map(|length| [(length, true), (length, false)])
        {
            let (before, after) = (sung(first.0, first.1, length), sung(second.0, second.1, 2_400));
            let most = (first.1.max(second.1) * 1.35) as i32 + 300;
            bursts += i32::from(loudest_at_change(false, &before, &after, fresh) > most);
            let loudest = loudest_at_change(true, &before, &after, fresh);
            assert!(loudest <= most, "{first:?}, then {second:?} after {length} ({fresh}): {loudest}");
        }
    }
    assert!(bursts > 20, "{bursts}: what it is for");
}
