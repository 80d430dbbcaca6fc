//! Listens to what a leg receives for keys as sound, and puts them together with
//! its telephone events. Prepared on the thread that asks for it; on the lane it
//! allocates nothing. Legs whose other side sends events have none of it.

use hotline_core::audio::Codec;
use hotline_core::dtmf::inband::{Detector, Tone};
use hotline_core::dtmf::{Overlap, Press, TelephoneEvent, key_of};

use crate::codec::{Decoder, SAMPLES_MAX};

/// Keys that one packet can hold: 40 ms each, and a pause.
const KEYS_MAX: usize = 3;
/// A jump of the timestamps further than this is a new beginning and no gap, samples.
const GAP_MAX: u32 = 8_000;

/// A leg's ear.
#[derive(Debug)]
pub(super) struct InBand {
    detector: Detector,
    overlap: Overlap,
    /// The stream and the timestamp that should come next.
    expected: Option<(u32, u32)>,
    samples: [i16; SAMPLES_MAX],
    decoder: Decoder,
}

impl InBand {
    /// For a leg that speaks `codec`.
    pub(super) fn new(codec: Codec) -> Self {
        Self {
            detector: Detector::default(),
            overlap: Overlap::default(),
            expected: None,
            samples: [0; SAMPLES_MAX],
            decoder: Decoder::new(codec),
        }
    }

    /// A packet of audio; `pressed` is told of each key in it that no event has told.
    pub(super) fn hear(&mut self, (ssrc, timestamp): (u32, u32), payload: &[u8], mut pressed: impl FnMut(char)) {
        let per_sample = self.decoder.codec().clock_ratio();
        if !self.follow(ssrc, timestamp, per_sample) {
            return;
        }
        let length = self.decoder.decode(payload, &mut self.samples);
        let end = timestamp.wrapping_add(length as u32 * per_sample);
        self.expected = Some((ssrc, end));
        let Self { detector, overlap, samples, .. } = self;
        let mut tones: [Option<Tone>; KEYS_MAX] = [None; KEYS_MAX];
        detector.push(&samples[..length], |tone| {
            if let Some(free) = tones.iter_mut().find(|place| place.is_none()) {
                *free = Some(tone);
            }
        });
        // Where a sample of the detector stands in the stream.
        let position = detector.position();
        let stamp = |at: u64| end.wrapping_sub((position - at) as u32 * per_sample);
        for tone in tones.into_iter().flatten() {
            let press = Press { key: tone.key, ssrc, from: stamp(tone.began), to: stamp(tone.heard) };
            if overlap.tone(press, 8 * per_sample) {
                pressed(tone.key);
            }
        }
        if let Some(tone) = detector.down() {
            overlap.tone_lasts(tone.key, ssrc, stamp(tone.heard));
        }
    }

    /// A packet of an event whose durations count at `events_hz`; `new`: the first of its press. True: count it, no sound
    /// told it before.
    pub(super) fn event(&mut self, (ssrc, timestamp): (u32, u32), payload: &[u8], events_hz: u32, new: bool) -> bool {
        let Some(event) = TelephoneEvent::read(payload) else { return new };
        let Some(key) = key_of(event.code) else { return new };
        let steps = self.decoder.codec().clock_hz() / events_hz.max(1);
        let to = timestamp.wrapping_add(u32::from(event.duration).wrapping_mul(steps.max(1)));
        if new {
            let per_ms = 8 * self.decoder.codec().clock_ratio();
            return self.overlap.event(Press { key, ssrc, from: timestamp, to }, per_ms);
        }
        self.overlap.event_lasts(key, ssrc, to);
        false
    }

    /// Whether a packet may be heard: late and doubled ones may not. What is missing before it is told to the detector.
    fn follow(&mut self, ssrc: u32, timestamp: u32, per_sample: u32) -> bool {
        let Some((known, expected)) = self.expected else { return true };
        let ahead = timestamp.wrapping_sub(expected) as i32;
        let gap = ahead.unsigned_abs() / per_sample;
        if known != ssrc || gap > GAP_MAX {
            // Another stream: what was down is over.
            self.detector.missing(GAP_MAX);
            return true;
        }
        if ahead > 0 {
            self.detector.missing(gap);
        }
        ahead >= 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use hotline_core::audio::g711;
    use std::f64::consts::TAU;

    /// 8 kHz sound of a press: the tones of `5` or of `1`.
    fn press(key: char, ms: usize) -> Vec<i16> {
        let tones = if key == '5' { [770.0, 1_336.0] } else { [697.0, 1_209.0] };
        let wave = |n: usize| tones.map(|f| (TAU * f / 8_000.0 * n as f64).sin() * 6_000.0).iter().sum::<f64>();
        (0..ms * 8).map(|n| wave(n) as i16).collect()
    }

    fn packets(samples: &[i16], codec: Codec) -> Vec<(u32, Vec<u8>)> {
        let stamp = |n: usize| 4_294_967_000_u32.wrapping_add(n as u32 * 160);
        let encode = |chunk: &[i16]| chunk.iter().map(|s| g711::encode(codec.law().unwrap(), *s)).collect();
        samples.chunks(160).enumerate().map(|(n, chunk)| (stamp(n), encode(chunk))).collect()
    }

    fn sound() -> Vec<i16> {
        let pause = vec![0; 640];
        [&pause[..], &press('5', 60), &pause, &press('5', 60), &pause, &press('1', 300), &pause].concat()
    }

    #[test]
    fn keys_are_heard_in_both_laws_through_gaps_and_doubles() {
        for codec in [Codec::Pcmu, Codec::Pcma] {
            let (mut ear, mut heard) = (InBand::new(codec), String::new());
            for (n, (timestamp, payload)) in packets(&sound(), codec).into_iter().enumerate() {
                // One is lost within the long press, one is doubled, one comes late as well.
                if n != 22 {
                    ear.hear((7, timestamp), &payload, |key| heard.push(key));
                    ear.hear((7, timestamp), &payload, |_| panic!("a double"));
                }
                if n > 3 {
                    ear.hear((7, timestamp.wrapping_sub(480)), &payload, |_| panic!("late"));
                }
            }
            assert_eq!(heard, "551", "{codec:?}");
        }
    }

    #[test]
    fn what_an_event_told_is_not_told_again() {
        let (mut ear, mut heard) = (InBand::new(Codec::Pcma), String::new());
        let mut told = false;
        for (n, (timestamp, payload)) in packets(&sound(), Codec::Pcma).into_iter().enumerate() {
            ear.hear((7, timestamp), &payload, |key| heard.push(key));
            // The gateway sends the first press as event, too, from its second packet on.
            if (5..8).contains(&n) {
                let from = 4_294_967_000_u32.wrapping_add(4 * 160);
                let event = TelephoneEvent { code: 5, end: n == 7, volume: 10, duration: (n as u16 - 3) * 160 };
                told |= ear.event((7, from), &event.write(), 8_000, n == 5);
            }
        }
        assert_eq!(heard.len() + usize::from(told), 3, "{heard} {told}");
    }

    /// All that the hotline says, as its own echo or a recorded voice would come back.
    #[test]
    fn no_prompt_of_ours_is_a_key() {
        let mut seconds = 0;
        for (language, codec) in [("en", Codec::Pcmu), ("de", Codec::Pcma)] {
            let mut ear = InBand::new(codec);
            let mut timestamp = 0;
            for entry in std::fs::read_dir(format!("audio/{language}")).unwrap() {
                let path = entry.unwrap().path();
                if path.extension().is_none_or(|extension| extension != "wav") {
                    continue;
                }
                let mut reader = hound::WavReader::open(&path).unwrap();
                let samples: Vec<i16> = reader.samples::<i16>().map(Result::unwrap).collect();
                let narrow = hotline_core::audio::resample::resample(&samples, reader.spec().sample_rate, 8_000);
                seconds += narrow.len() / 8_000;
                for chunk in narrow.chunks(160) {
                    let payload: Vec<u8> = chunk.iter().map(|s| g711::encode(codec.law().unwrap(), *s)).collect();
                    ear.hear((7, timestamp), &payload, |key| panic!("{key} in {}", path.display()));
                    timestamp = timestamp.wrapping_add(payload.len() as u32);
                }
            }
        }
        assert!(seconds > 300, "the prompts are there: {seconds} s");
    }

    #[test]
    fn another_stream_begins_anew() {
        let (mut ear, mut heard) = (InBand::new(Codec::Pcmu), String::new());
        let all = packets(&press('1', 200), Codec::Pcmu);
        for (ssrc, base) in [(7, 0), (8, 0), (8, 1_000_000_000)] {
            for (timestamp, payload) in &all {
                ear.hear((ssrc, timestamp.wrapping_add(base)), payload, |key| heard.push(key));
            }
        }
        assert_eq!(heard, "111");
        ear.hear((8, 5), &[], |_| {});
        ear.hear((8, 5), &[0; 4_000], |_| {});
        assert!(
            !ear.event((8, 5), &[1], 8_000, false) && ear.event((8, 5), &[99, 0, 0, 0], 8_000, true),
            "what is no key is left to others"
        );
    }
}
