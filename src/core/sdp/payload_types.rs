//! The numbers under which we receive what has no static payload type.

use super::{NARROW_HZ, Negotiated};
use crate::audio::Codec;

/// First and last dynamic payload type (RFC 3551 section 6).
const DYNAMIC: std::ops::RangeInclusive<u8> = 96..=127;

/// Payload types of Opus, of events at 8 kHz, and of events at the clock of Opus, in our offers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PayloadTypes([u8; 3]);

impl Default for PayloadTypes {
    fn default() -> Self {
        Self([111, 101, 110])
    }
}

impl PayloadTypes {
    /// What was agreed on keeps its number for the whole session (RFC 3264 section 8.3.2), whoever chose it. Whatever else
    /// would have had that number gets another.
    pub fn keep(&mut self, agreed: &Negotiated) {
        let opus = Some(agreed.receive_payload_type).filter(|_| agreed.codec == Codec::Opus);
        let events = agreed.events.map(|(_, ours)| ours);
        let narrow = agreed.events_hz == NARROW_HZ;
        let kept = [opus, events.filter(|_| narrow), events.filter(|_| !narrow)];
        for (number, kept) in self.0.iter_mut().zip(kept) {
            *number = kept.unwrap_or(*number);
        }
        for (place, _) in kept.iter().enumerate().filter(|(_, kept)| kept.is_none()) {
            let taken = |number: u8| (0..self.0.len()).any(|other| other != place && self.0[other] == number);
            if taken(self.0[place])
                && let Some(free) = DYNAMIC.into_iter().find(|number| !taken(*number))
            {
                self.0[place] = free;
            }
        }
    }

    /// Of a codec.
    pub(super) fn codec(self, codec: Codec) -> u8 {
        codec.static_payload_type().unwrap_or(self.0[0])
    }

    /// Of `telephone-event` at this clock.
    pub(super) const fn events(self, clock_hz: u32) -> u8 {
        if clock_hz == NARROW_HZ { self.0[1] } else { self.0[2] }
    }
}
