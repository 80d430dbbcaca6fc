//! What a phone hears in one codec: packets to samples at their places, and prompts that it knows.
//!
//! G.711 is decoded by this room's own text of the standard; the others by the hotline's coders. Prompts are recognised
//! by their bytes, so not in Opus, where each packet depends on those before it.

use std::time::Duration;

use hotline_core::audio::Codec;

use super::ear::{Ear, Notice};
use super::prompts::KnownPrompts;
use super::sound::decode;
use super::timeline::Timeline;
use crate::codec::{Decoder, SAMPLES_MAX};
use crate::rtp::Frame;

/// One call's hearing.
#[derive(Debug)]
pub(super) struct Hearing {
    codec: Codec,
    ear: Ear,
    /// `None`: G.711.
    decoder: Option<Decoder>,
    timeline: Timeline,
    /// The last timestamp, and what it is at 8 kHz.
    clock: Option<(u32, i64)>,
}

impl Hearing {
    pub(super) fn new(codec: Codec, prompts: &KnownPrompts) -> Self {
        Self {
            codec,
            ear: Ear::new(prompts.index(codec)),
            decoder: codec.law().is_none().then(|| Decoder::new(codec)),
            timeline: Timeline::default(),
            clock: None,
        }
    }

    /// The other side speaks another codec from now on; places are counted on.
    pub(super) fn changed(self, codec: Codec, prompts: &KnownPrompts) -> Self {
        Self { timeline: self.timeline, ..Self::new(codec, prompts) }
    }

    pub(super) const fn codec(&self) -> Codec {
        self.codec
    }

    /// The samples of a packet, and their place in the stream.
    pub(super) fn listen(&mut self, frame: &Frame, now: Duration, notices: &mut Vec<Notice>) -> (u64, Vec<i16>) {
        let payload = &frame.payload[..usize::from(frame.length).min(frame.payload.len())];
        let samples = match (self.codec.law(), &mut self.decoder) {
            (Some(law), _) => payload.iter().map(|byte| decode(law, *byte)).collect(),
            (None, Some(decoder)) => {
                let mut samples = vec![0; SAMPLES_MAX];
                let count = decoder.decode(payload, &mut samples);
                samples.truncate(count);
                samples
            }
            (None, None) => Vec::new(),
        };
        let timestamp = self.narrow(frame.timestamp);
        let position = self.timeline.place(timestamp, samples.len());
        if self.codec != Codec::Opus {
            notices.extend(self.ear.listen(position, payload, now));
        }
        (position, samples)
    }

    /// Time passes.
    pub(super) fn tick(&mut self, now: Duration) -> Vec<Notice> {
        self.ear.tick(now)
    }

    /// A timestamp as one of 8 kHz.
    fn narrow(&mut self, timestamp: u32) -> u32 {
        let (last, at) = self.clock.unwrap_or((timestamp, 0));
        let at = at + i64::from(timestamp.wrapping_sub(last) as i32);
        self.clock = Some((timestamp, at));
        at.div_euclid(i64::from(self.codec.clock_ratio())) as u32
    }
}
