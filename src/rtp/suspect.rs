//! Listens whether a mailbox answered: the voice detector's frames, given to the
//! decision in core. Prepared by whoever dials; over as soon as a key is pressed,
//! the leg is joined with another, or half a minute has gone by.

use hotline_core::audio::Codec;
use hotline_core::audio::machine::{Hint, Machine};

use super::voice::{Score, Scorer};
use crate::codec::{Decoder, SAMPLES_MAX};

/// Samples at 8 kHz in a frame of the detector.
const FRAME: usize = (Score::MS * 8) as usize;

/// What listens. About 10 kB.
pub(super) struct Suspect {
    machine: Machine,
    scorer: Scorer,
    frame: [i16; FRAME],
    filled: usize,
    samples: [i16; SAMPLES_MAX],
    decoder: Decoder,
    /// The stream and the last timestamp: late and doubled packets are left out.
    last: Option<(u32, u32)>,
}

impl std::fmt::Debug for Suspect {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Suspect").field("machine", &self.machine).finish_non_exhaustive()
    }
}

impl Suspect {
    /// For a leg that speaks `codec`.
    pub(super) fn new(codec: Codec) -> Self {
        Self {
            decoder: Decoder::new(codec),
            machine: Machine::default(),
            scorer: Scorer::default(),
            frame: [0; FRAME],
            filled: 0,
            samples: [0; SAMPLES_MAX],
            last: None,
        }
    }

    /// Nothing more will come of it.
    pub(super) const fn is_done(&self) -> bool {
        self.machine.is_done()
    }

    /// A packet. `Some`: it sounds like a mailbox.
    pub(super) fn hear(&mut self, (ssrc, timestamp): (u32, u32), payload: &[u8]) -> Option<Hint> {
        let late = |(known, last): (u32, u32)| known == ssrc && timestamp.wrapping_sub(last) as i32 <= 0;
        if self.last.is_some_and(late) {
            return None;
        }
        self.last = Some((ssrc, timestamp));
        let length = self.decoder.decode(payload, &mut self.samples);
        let mut hint = None;
        for n in 0..length {
            let sample = self.samples[n];
            self.frame[self.filled] = sample;
            self.filled = (self.filled + 1) % FRAME;
            // The detector's frames are as long as ours.
            if let Some(dbfs) = self.scorer.push(&[sample]).1 {
                hint = hint.or(self.machine.push(&self.frame, self.scorer.score(), dbfs));
            }
        }
        hint
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    /// A prompt of ours as somebody's greeting, then a beep, as it comes over the line.
    fn line(codec: Codec, beep: bool) -> Vec<Vec<u8>> {
        let mut reader = hound::WavReader::open("audio/en/calling-engineer.wav").unwrap();
        let samples: Vec<i16> = reader.samples::<i16>().map(Result::unwrap).collect();
        let speech = hotline_core::audio::resample::resample(&samples, reader.spec().sample_rate, 8_000);
        let tone = |n: usize| ((n as f32 * std::f32::consts::TAU * 1_000.0 / 8_000.0).sin() * 6_000.0) as i16;
        let beep: Vec<i16> = (0..if beep { 4_000 } else { 0 }).map(tone).collect();
        let speech = &speech[..speech.len().min(24_000)];
        let all = [&[0; 4_000], speech, &[0; 6_000], &beep[..], &[0; 8_000]].concat();
        crate::codec::tests::packets(codec, &all)
    }

    fn heard(codec: Codec, beep: bool) -> Option<Hint> {
        let mut suspect = Suspect::new(codec);
        line(codec, beep).iter().enumerate().find_map(|(n, packet)| {
            let stream = (7, n as u32 * 160 * codec.clock_ratio());
            let hint = suspect.hear(stream, packet);
            assert_eq!(suspect.hear(stream, packet), None, "a double");
            hint
        })
    }

    #[test]
    fn a_beep_after_a_greeting_is_noticed_and_a_greeting_alone_is_not() {
        for codec in Codec::ALL {
            let Some(Hint::Beep { speech }) = heard(codec, true) else { panic!("no beep was heard in {codec:?}") };
            assert!(speech > Duration::from_secs(1), "{codec:?}: {speech:?}");
            assert_eq!(heard(codec, false), None, "{codec:?}");
        }
    }
}
