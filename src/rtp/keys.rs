//! Sends keys by RFC 4733: 100 ms each, 80 ms between, the end three times.

use std::collections::VecDeque;

use hotline_core::dtmf::{TelephoneEvent, code_of};

/// Tone of a key, ms.
const KEY_MS: u32 = 100;
/// Pause between keys, ms. The retransmitted ends go out in it.
const PAUSE_MS: u32 = 80;
/// Packets with the end bit (RFC 4733 section 2.5.1.4).
const ENDS: u8 = 3;
/// Power of the tone below 0 dBm0.
const VOLUME: u8 = 10;

/// The keys still to be sent on a leg.
#[derive(Debug, Default)]
pub(super) struct Keys {
    waiting: VecDeque<u8>,
    sending: Option<Sending>,
    /// Pause left before the next key.
    pause_ms: u32,
}

#[derive(Debug)]
struct Sending {
    code: u8,
    timestamp: u32,
    sounded_ms: u32,
    ends: u8,
}

/// A packet to send.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct KeyPacket {
    pub(super) marker: bool,
    pub(super) timestamp: u32,
    pub(super) payload: [u8; TelephoneEvent::BYTES],
}

impl Keys {
    /// Appends keys; what is no key is left out.
    pub(super) fn append(&mut self, codes: &[u8]) {
        self.waiting.extend(codes);
    }

    /// The event codes of the keys in `digits`.
    pub(super) fn codes(digits: &str) -> Vec<u8> {
        digits.chars().filter_map(code_of).collect()
    }

    /// Sends nothing more.
    pub(super) fn clear(&mut self) {
        *self = Self::default();
    }

    /// The packet of this turn, which is `ms` long and begins at `timestamp` of a clock of so many Hz. `None`: audio may go.
    pub(super) fn turn(&mut self, timestamp: u32, ms: u32, clock_hz: u32) -> Option<KeyPacket> {
        if self.sending.is_none() {
            if self.pause_ms > 0 {
                self.pause_ms = self.pause_ms.saturating_sub(ms);
                return None;
            }
            let code = self.waiting.pop_front()?;
            self.sending = Some(Sending { code, timestamp, sounded_ms: 0, ends: 0 });
        }
        let sending = self.sending.as_mut()?;
        let marker = sending.sounded_ms == 0;
        if sending.sounded_ms < KEY_MS {
            sending.sounded_ms += ms;
        }
        let end = sending.sounded_ms >= KEY_MS;
        sending.ends += u8::from(end);
        let duration = (sending.sounded_ms * (clock_hz / 1_000)) as u16;
        let event = TelephoneEvent { code: sending.code, end, volume: VOLUME, duration };
        let packet = KeyPacket { marker, timestamp: sending.timestamp, payload: event.write() };
        if sending.ends == ENDS {
            self.pause_ms = PAUSE_MS.saturating_sub(ms * u32::from(ENDS - 1));
            self.sending = None;
        }
        Some(packet)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_100_ms_then_80_ms_of_nothing_new() {
        let mut keys = Keys::default();
        keys.append(&Keys::codes("4 #"));
        let turns: Vec<Option<KeyPacket>> = (0..20).map(|n| keys.turn(n * 160, 20, 8_000)).collect();
        let read = |packet: &KeyPacket| TelephoneEvent::read(&packet.payload).unwrap();
        let first: Vec<(u8, bool, u16)> =
            turns[..7].iter().flatten().map(read).map(|e| (e.code, e.end, e.duration)).collect();
        let want = [(160, false), (320, false), (480, false), (640, false), (800, true), (800, true), (800, true)];
        assert_eq!(first, want.map(|(duration, end)| (4, end, duration)));
        assert_eq!(turns[7..9], [None, None]);
        let second = turns[9].unwrap();
        assert_eq!((second.marker, second.timestamp, read(&second).code), (true, 9 * 160, 11));
        assert!(turns[1..7].iter().flatten().all(|p| !p.marker && p.timestamp == 0));
        assert_eq!(turns[16..], [None; 4]);
    }

    #[test]
    fn durations_are_in_the_codecs_clock() {
        let mut keys = Keys::default();
        keys.append(&Keys::codes("1"));
        let turns: Vec<KeyPacket> = (0..7).filter_map(|n| keys.turn(n * 960, 20, 48_000)).collect();
        let durations: Vec<u16> =
            turns.iter().map(|packet| TelephoneEvent::read(&packet.payload).unwrap().duration).collect();
        assert_eq!(durations, [960, 1_920, 2_880, 3_840, 4_800, 4_800, 4_800]);
    }
}
