//! RFC 4733: reads the telephone events of a stream into presses, and builds
//! the payload to send.

use std::time::{Duration, Instant};

use super::key_of;

/// The payload of one telephone-event packet (RFC 4733 section 2.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TelephoneEvent {
    /// 0–15 are keys.
    pub code: u8,
    /// The key was released.
    pub end: bool,
    /// Power below 0 dBm0, 0–63.
    pub volume: u8,
    /// Since the packet's timestamp, in timestamp units (of the codec's clock).
    pub duration: u16,
}

impl TelephoneEvent {
    /// Bytes of the payload.
    pub const BYTES: usize = 4;

    /// Reads a payload; longer ones are read at their start, shorter ones are not events.
    pub const fn read(payload: &[u8]) -> Option<Self> {
        let Some(&[code, flags, high, low]) = payload.first_chunk::<4>() else { return None };
        Some(Self { code, end: flags & 0x80 != 0, volume: flags & 0x3f, duration: u16::from_be_bytes([high, low]) })
    }

    /// The payload to send.
    pub const fn write(self) -> [u8; Self::BYTES] {
        let [high, low] = self.duration.to_be_bytes();
        let end = if self.end { 0x80 } else { 0 };
        [self.code, end | (self.volume & 0x3f), high, low]
    }
}

/// A press goes on although its timestamp changed if its next packet comes within this time. Some devices move the
/// timestamp with each packet (against RFC 4733 section 2.2); long presses must move it (section 2.5.1.3).
const SAME_PRESS: Duration = Duration::from_millis(120);
/// Presses that are remembered to know a late packet of theirs.
const REMEMBERED: usize = 8;

/// What names a press: source, timestamp of its start, key.
type Key = (u32, u32, u8);

/// Turns the packets of one leg into presses.
#[derive(Debug, Clone)]
pub struct Receiver {
    seen: [Option<Key>; REMEMBERED],
    next: usize,
    last: Option<Last>,
    clock_hz: u32,
}

impl Default for Receiver {
    fn default() -> Self {
        Self { seen: [None; REMEMBERED], next: 0, last: None, clock_hz: 8_000 }
    }
}

#[derive(Debug, Clone, Copy)]
struct Last {
    ssrc: u32,
    timestamp: u32,
    event: TelephoneEvent,
    at: Instant,
}

impl Receiver {
    /// The clock at which events are stamped from now on: that of the codec.
    pub const fn set_clock(&mut self, clock_hz: u32) {
        self.clock_hz = clock_hz;
    }

    /// One packet. `Some(key)` at the first packet of a press, whichever of its packets that is.
    pub fn accept(&mut self, ssrc: u32, timestamp: u32, marker: bool, payload: &[u8], now: Instant) -> Option<char> {
        let event = TelephoneEvent::read(payload)?;
        let digit = key_of(event.code)?;
        let key = (ssrc, timestamp, event.code);
        let known = self.seen.contains(&Some(key));
        let goes_on = !known
            && !marker
            && self.last.is_some_and(|last| last.goes_on(ssrc, timestamp, event, (now, self.clock_hz)));
        if !known {
            self.seen[self.next] = Some(key);
            self.next = (self.next + 1) % REMEMBERED;
        }
        // A late packet of an older press must not stand for the one that goes on.
        let older = known && self.last.is_some_and(|last| timestamp.wrapping_sub(last.timestamp) as i32 <= -1);
        if !older {
            // Ends are sent three times; once ended, a press stays ended.
            let ended = known && self.last.is_some_and(|last| last.timestamp == timestamp && last.event.end);
            let event = TelephoneEvent { end: event.end || ended, ..event };
            self.last = Some(Last { ssrc, timestamp, event, at: now });
        }
        (!known && !goes_on).then_some(digit)
    }
}

impl Last {
    /// Whether a packet with a timestamp not seen before still belongs to this press.
    fn goes_on(self, ssrc: u32, timestamp: u32, event: TelephoneEvent, (now, clock_hz): (Instant, u32)) -> bool {
        let moved = timestamp.wrapping_sub(self.timestamp);
        if self.ssrc != ssrc
            || self.event.code != event.code
            || now.saturating_duration_since(self.at) > SAME_PRESS
            || moved > u32::from(u16::MAX) + 1
        {
            return false;
        }
        // The next segment of a long press begins where the full one ended. The last packet of that may be lost.
        let next_segment =
            u32::from(self.event.duration) >= 0xffff - clock_hz / 10 && moved >= u32::from(self.event.duration);
        // A device that moves the timestamp: the duration grows on, or the retransmitted end comes again.
        let creeping = !self.event.end && event.duration > self.event.duration;
        let end_again = self.event.end && event.end && event.duration >= self.event.duration && moved <= clock_hz / 5;
        next_segment || creeping || end_again
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[expect(clippy::disallowed_methods, reason = "any instant will do as a start")]
    fn start() -> Instant {
        Instant::now()
    }

    /// A packet: (ms, ssrc, timestamp, marker, code, end, duration).
    type Packet = (u64, u32, u32, bool, u8, bool, u16);

    fn keys(packets: &[Packet]) -> String {
        let (mut receiver, start) = (Receiver::default(), start());
        let mut accept = |(ms, ssrc, timestamp, marker, code, end, duration): &Packet| {
            let payload = TelephoneEvent { code: *code, end: *end, volume: 10, duration: *duration }.write();
            receiver.accept(*ssrc, *timestamp, *marker, &payload, start + Duration::from_millis(*ms))
        };
        packets.iter().filter_map(&mut accept).collect()
    }

    /// The packets of a press as RFC 4733 wants them: 20 ms apart, three ends.
    fn press(ms: u64, timestamp: u32, code: u8, packets: u16) -> Vec<Packet> {
        let mut out: Vec<Packet> =
            (1..=packets).map(|n| (ms + u64::from(n) * 20, 7, timestamp, n == 1, code, false, n * 160)).collect();
        let last = out[out.len() - 1];
        out.extend((0..3).map(|_| (last.0 + 1, 7, timestamp, false, code, true, last.6 + 160)));
        out
    }

    #[test]
    fn the_payload_is_that_of_the_rfc() {
        let event = TelephoneEvent { code: 11, end: true, volume: 10, duration: 0x0640 };
        assert_eq!(event.write(), [11, 0x8a, 0x06, 0x40]);
        assert_eq!(TelephoneEvent::read(&[11, 0x8a, 0x06, 0x40, 0xff]), Some(event));
        assert_eq!(TelephoneEvent::read(&[11, 0x8a, 0x06]), None);
    }

    #[test]
    fn each_press_counts_once() {
        let packets = [press(0, 8_000, 1, 5), press(200, 9_600, 1, 5), press(400, 11_200, 11, 4)].concat();
        assert_eq!(keys(&packets), "11#");
    }

    #[test]
    fn any_one_packet_of_a_press_is_enough() {
        for packet in press(0, 8_000, 4, 5) {
            assert_eq!(keys(&[packet]), "4");
        }
    }

    #[test]
    fn lost_ends_and_a_lost_marker_do_not_join_two_presses() {
        let first: Vec<Packet> = press(0, 8_000, 2, 5).into_iter().filter(|p| !p.5).collect();
        let second: Vec<Packet> = press(200, 9_600, 2, 5).into_iter().skip(1).collect();
        assert_eq!(keys(&[first, second].concat()), "22");
    }

    #[test]
    fn no_marker_at_all_is_fine() {
        let packets: Vec<Packet> = [press(0, 8_000, 3, 5), press(200, 9_600, 3, 5)]
            .concat()
            .into_iter()
            .map(|p| (p.0, p.1, p.2, false, p.4, p.5, p.6))
            .collect();
        assert_eq!(keys(&packets), "33");
    }

    #[test]
    fn an_end_that_comes_after_the_next_press_began_is_old() {
        let mut packets = press(0, 8_000, 1, 5);
        let late = packets.pop().unwrap();
        packets.extend(press(130, 9_040, 1, 2));
        packets.insert(9, (165, late.1, late.2, late.3, late.4, late.5, late.6));
        assert_eq!(keys(&packets), "11");
    }

    #[test]
    fn a_long_press_counts_once_over_its_segments() {
        let mut packets: Vec<Packet> =
            (1..=409_u16).map(|n| (u64::from(n) * 20, 7, 8_000, n == 1, 9, false, n.wrapping_mul(160))).collect();
        packets.push((8_192, 7, 8_000, false, 9, false, 0xffff));
        packets.extend((1..=20).map(|n| (8_192 + u64::from(n) * 20, 7, 8_000 + 0xffff, false, 9, false, n * 160)));
        packets.push((8_612, 7, 8_000 + 0xffff, false, 9, true, 3_360));
        assert_eq!(keys(&packets), "9");
    }

    #[test]
    fn a_press_at_the_clock_of_opus_counts_once_over_its_segments() {
        // 3 s at 48 kHz: a segment is full after 1.36 s.
        let (mut receiver, start) = (Receiver::default(), start());
        receiver.set_clock(48_000);
        let mut heard = String::new();
        for n in 1..=150_u32 {
            let (segment, since) = ((n * 960) / 0xffff, (n * 960) % 0xffff);
            let payload = TelephoneEvent { code: 3, end: n == 150, volume: 10, duration: since as u16 }.write();
            // Every tenth packet is lost.
            if n % 10 != 4 {
                let timestamp = 1_000 + segment * 0xffff;
                let now = start + Duration::from_millis(u64::from(n) * 20);
                heard.extend(receiver.accept(7, timestamp, n == 1, &payload, now));
            }
        }
        assert_eq!(heard, "3");
    }

    #[test]
    fn a_gap_within_a_press_does_not_make_two_of_it() {
        let mut packets = press(0, 8_000, 5, 20);
        packets.drain(4..14);
        assert_eq!(keys(&packets), "5");
    }

    #[test]
    fn a_device_that_moves_the_timestamp_presses_once() {
        let mut packets: Vec<Packet> =
            (1..=5).map(|n| (u64::from(n) * 20, 7, 8_000 + u32::from(n) * 160, n == 1, 6, false, n * 160)).collect();
        packets.extend((0..3).map(|n| (120 + n * 20, 7, 8_960 + n as u32 * 160, false, 6, true, 960)));
        assert_eq!(keys(&packets), "6");
    }

    #[test]
    fn codes_that_are_no_key_and_another_source() {
        assert_eq!(keys(&[(0, 7, 1, true, 16, false, 160), (20, 7, 2, true, 255, true, 160)]), "");
        assert_eq!(keys(&[(0, 7, 500, true, 0, false, 160), (20, 8, 500, true, 0, false, 160)]), "00");
    }
}
