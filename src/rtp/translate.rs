//! What is relayed between legs of different codecs: decoded, put in order, holes mended, encoded anew in packets of
//! the length that the listener asks for. `leg/relay.rs` sends them.
//!
//! No buffer evens out jitter here: a packet goes on when it comes, as one of the same codec does, and whoever plays it
//! has a jitter buffer. So a hole is mended as soon as it is seen, and what comes after that is too late. To wait for
//! it would cost each listener 20 ms at every loss; packets that overtake each other are far rarer than lost ones.
//!
//! Made by whoever gives the order to bridge; on the lane nothing allocates.

use hotline_core::audio::Codec;

use super::leg::Relayed;
use crate::codec::{Decoder, Encoder, SAMPLES_MAX};

/// Samples of the longest packet that we send, 60 ms.
const PACKET: usize = 480;
/// The longest hole that is mended, samples at 8 kHz: 60 ms. What is lost beyond that is a pause.
const MENDED: u32 = 480;
/// So much more than the time that has passed is decoded and sent on, samples at 8 kHz (2 s): a network's stall that ends.
/// Who sends more floods us, and through us the other side.
const AHEAD: u32 = 16_000;
/// Packets further behind than this are not late: their source counts anew.
const LATE: u16 = 100;

/// One direction of a bridge.
#[derive(Debug)]
pub(super) struct Translator {
    decoder: Decoder,
    encoder: Encoder,
    /// Number and timestamp of the packet that comes next.
    expected: Option<(u16, u32)>,
    pcm: [i16; SAMPLES_MAX],
    /// Decoded and not sent yet: less than a packet, or a packet has just come.
    waiting: [i16; PACKET + SAMPLES_MAX],
    waiting_len: usize,
    /// Timestamp of the next packet, where it does not go on at the end of the last.
    begins_at: Option<u32>,
    /// How far what was decoded is ahead of the clock, samples at 8 kHz, and when that was so.
    ahead: u32,
    clock: u32,
}

/// Where a packet stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    /// Something later was sent already, or it came twice.
    Late,
    /// Its source counts anew.
    Begins,
    /// It goes on with what came before.
    GoesOn {
        /// Samples at 8 kHz that were lost on the way and are mended.
        lost: usize,
        /// Samples after those for which there is nothing: the speaker paused, or too much was lost.
        pause: u32,
    },
}

impl Translator {
    /// Turns `from` into `to`; `None`: that needs no coder. Takes a moment.
    pub(super) fn between(from: Codec, to: Codec) -> Option<Box<Self>> {
        let needed = from != to && (from.law().is_none() || to.law().is_none());
        needed.then(|| {
            Box::new(Self {
                decoder: Decoder::new(from),
                encoder: Encoder::new(to),
                expected: None,
                pcm: [0; SAMPLES_MAX],
                waiting: [0; PACKET + SAMPLES_MAX],
                waiting_len: 0,
                begins_at: None,
                ahead: 0,
                clock: 0,
            })
        })
    }

    /// It turns `from` into `to`.
    pub(super) fn turns(&self, from: Codec, to: Codec) -> bool {
        self.decoder.codec() == from && self.encoder.codec() == to
    }

    /// Whether `samples` more fit into the time that has passed; `clock` counts samples at 8 kHz.
    pub(super) fn keeps_time(&mut self, clock: u32, samples: usize) -> bool {
        let ahead = self.ahead.saturating_sub(clock.wrapping_sub(self.clock)) + samples as u32;
        if ahead > AHEAD {
            return false;
        }
        (self.ahead, self.clock) = (ahead, clock);
        true
    }

    /// A stream begins, or goes on after something else was sent: what waited is not heard any more.
    pub(super) const fn begin(&mut self) {
        self.expected = None;
        self.waiting_len = 0;
    }

    /// The next packet has this timestamp.
    pub(super) const fn stands_at(&mut self, timestamp: u32) {
        self.begins_at = Some(timestamp);
    }

    /// Takes the timestamp that the next packet begins with; `None`: where the last one ended.
    pub(super) const fn begins_at(&mut self) -> Option<u32> {
        self.begins_at.take()
    }

    /// Where this packet stands.
    pub(super) fn place(&self, relayed: Relayed) -> Place {
        let Some((sequence, timestamp)) = self.expected else { return Place::Begins };
        // 0: it is the next one.
        let behind = sequence.wrapping_sub(relayed.sequence);
        let Ok(ahead) = u32::try_from(relayed.timestamp.wrapping_sub(timestamp) as i32) else {
            // A time that was sent already: by the number it is late, or its source counts anew.
            return if (1..=LATE).contains(&behind) { Place::Late } else { Place::Begins };
        };
        let missing = ahead / relayed.codec.clock_ratio();
        // Where every number is there nothing was lost: the speaker was silent (DTX, silence suppression).
        let lost = if behind <= LATE { 0 } else { missing.min(MENDED) };
        Place::GoesOn { lost: lost as usize, pause: missing - lost }
    }

    /// All that comes before this packet is dealt with.
    pub(super) const fn arrive(&mut self, relayed: Relayed) {
        self.expected = Some((relayed.sequence, relayed.timestamp));
    }

    /// What may have stood in the lost packets before this one.
    pub(super) fn mend(&mut self, lost: usize, next: &[u8]) {
        let made = self.decoder.mend(next, lost.min(MENDED as usize), &mut self.pcm);
        self.wait(made);
    }

    /// Takes the packet itself; false: it can't be decoded, and is as good as lost.
    pub(super) fn hear(&mut self, relayed: Relayed, payload: &[u8]) -> bool {
        let count = self.decoder.decode(payload, &mut self.pcm);
        if count == 0 {
            return false;
        }
        let end = relayed.timestamp.wrapping_add(count as u32 * relayed.codec.clock_ratio());
        self.expected = Some((relayed.sequence.wrapping_add(1), end));
        self.wait(count);
        true
    }

    /// What was decoded waits for a whole packet.
    fn wait(&mut self, count: usize) {
        let count = count.min(self.waiting.len() - self.waiting_len);
        self.waiting[self.waiting_len..self.waiting_len + count].copy_from_slice(&self.pcm[..count]);
        self.waiting_len += count;
    }

    /// A pause comes: fills up the packet that has begun, of `samples`. Gives how much of the pause that took.
    pub(super) fn fill_up(&mut self, samples: usize) -> u32 {
        if self.waiting_len == 0 || self.waiting_len >= samples {
            return 0;
        }
        let made = self.decoder.conceal(samples - self.waiting_len, &mut self.pcm);
        self.wait(made);
        made as u32
    }

    /// The next packet of `samples`, encoded; its length. `None`: not enough is there.
    pub(super) fn packet(&mut self, samples: usize, out: &mut [u8]) -> Option<usize> {
        if samples == 0 || self.waiting_len < samples {
            return None;
        }
        let length = self.encoder.encode(&self.waiting[..samples], out);
        self.waiting.copy_within(samples..self.waiting_len, 0);
        self.waiting_len -= samples;
        Some(length)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use hotline_core::audio::level::rms_dbfs;
    use proptest::prelude::*;

    /// Who says something into a translator, and who hears what comes out.
    struct Line {
        translator: Box<Translator>,
        from: Codec,
        samples_out: usize,
        decoder: Decoder,
        heard: Vec<i16>,
        late: usize,
        pauses: Vec<u32>,
    }

    type Said = (Relayed, Vec<u8>);

    fn tone(from: usize, count: usize) -> Vec<i16> {
        (from..from + count).map(|n| ((n as f64 * 0.35).sin() * 8_000.0) as i16).collect()
    }

    /// A tone in packets of so many samples.
    fn said(codec: Codec, samples: usize, count: usize) -> Vec<Said> {
        let mut encoder = Encoder::new(codec);
        let packet = |n: usize| {
            let mut payload = vec![0; 1_275];
            let length = encoder.encode(&tone(n * samples, samples), &mut payload);
            payload.truncate(length);
            let timestamp = ((n * samples) as u32).wrapping_mul(codec.clock_ratio()).wrapping_sub(2_000);
            let sequence = (n as u16).wrapping_sub(3);
            (Relayed { ssrc: 7, sequence, timestamp, marker: false, codec, length }, payload)
        };
        (0..count).map(packet).collect()
    }

    impl Line {
        fn new(from: Codec, to: Codec, samples_out: usize) -> Self {
            let translator = Translator::between(from, to).unwrap();
            let decoder = Decoder::new(to);
            Self { translator, from, samples_out, decoder, heard: Vec::new(), late: 0, pauses: Vec::new() }
        }

        fn take(&mut self, (relayed, payload): &Said) {
            match self.translator.place(*relayed) {
                Place::Late => return self.late += 1,
                Place::Begins => self.translator.begin(),
                Place::GoesOn { lost, pause } => {
                    if lost > 0 {
                        self.translator.mend(lost, payload);
                        self.send();
                    }
                    if pause > 0 {
                        let filled = self.translator.fill_up(self.samples_out);
                        self.send();
                        self.pauses.push(pause.saturating_sub(filled));
                    }
                    self.translator.arrive(*relayed);
                }
            }
            self.translator.hear(*relayed, payload);
            self.send();
        }

        fn send(&mut self) {
            let (mut packet, mut pcm) = ([0; 1_280], [0; SAMPLES_MAX]);
            while let Some(length) = self.translator.packet(self.samples_out, &mut packet) {
                let count = self.decoder.decode(&packet[..length], &mut pcm);
                assert_eq!(count, self.samples_out, "a packet of the length that was asked for");
                self.heard.extend_from_slice(&pcm[..count]);
            }
        }

        fn level(&self) -> f32 {
            rms_dbfs(&self.heard[800..])
        }
    }

    fn pairs() -> impl Iterator<Item = (Codec, Codec)> {
        let all = Codec::ALL.into_iter().flat_map(|from| Codec::ALL.map(|to| (from, to)));
        all.filter(|(from, to)| from != to && (from.law().is_none() || to.law().is_none()))
    }

    #[test]
    fn nobody_is_heard_faster_than_time_passes() {
        let mut translator = Translator::between(Codec::Opus, Codec::Pcma).unwrap();
        // 5,000 packets of 120 ms in a second, as the clock goes on.
        let taken = (0..5_000_u32).filter(|n| translator.keeps_time(n * 8 / 5, 960)).count();
        assert!((16..=25).contains(&taken), "{taken}: two seconds ahead, and the second that passed");
        let mut translator = Translator::between(Codec::Pcma, Codec::Opus).unwrap();
        // Half a second is held up each five seconds and comes at once.
        for n in 0..3_000_u32 {
            let late = 25_u32.saturating_sub(n % 250);
            assert!(translator.keeps_time((n + late) * 160, 160), "{n}");
        }
    }

    #[test]
    fn every_pair_at_every_packet_length_loses_nothing() {
        let level = rms_dbfs(&tone(0, 8_000));
        for (from, to) in pairs() {
            for (samples_in, samples_out) in [(80, 480), (480, 80), (160, 160), (240, 160), (160, 240), (320, 400)] {
                let mut line = Line::new(from, to, samples_out);
                for packet in &said(from, samples_in, 4_800 / samples_in) {
                    line.take(packet);
                }
                let lost = 4_800 / samples_in * samples_in - line.heard.len();
                assert!(lost < samples_out, "{from:?} to {to:?}, {samples_in} to {samples_out}: {lost}");
                let heard = line.level();
                assert!((heard - level).abs() < 1.5, "{from:?} to {to:?}, {samples_in} to {samples_out}: {heard} dB");
            }
        }
        for (one, other) in [(Codec::Pcma, Codec::Pcmu), (Codec::Opus, Codec::Opus)] {
            assert!(Translator::between(one, other).is_none());
        }
    }

    #[test]
    fn a_lost_packet_is_mended_and_one_that_comes_late_or_twice_is_left_out() {
        for (from, to) in pairs() {
            let mut line = Line::new(from, to, 160);
            let mut packets = said(from, 160, 60);
            packets.swap(20, 21);
            packets.insert(30, packets[29].clone());
            packets.remove(45);
            for packet in &packets {
                line.take(packet);
            }
            assert_eq!((line.heard.len(), line.late), (60 * 160, 2), "{from:?} to {to:?}");
            assert!(line.pauses.is_empty());
            let quietest = line.heard[1_600..].chunks(160).map(rms_dbfs).fold(0.0, f32::min);
            assert!(quietest > line.level() - 8.0, "{from:?} to {to:?}: {quietest} dB in a hole");
        }
    }

    #[test]
    fn a_pause_stays_a_pause_and_too_long_a_hole_becomes_one() {
        for (from, to) in pairs() {
            let mut line = Line::new(from, to, 320);
            let mut packets = said(from, 160, 60);
            // The numbers go on while the speaker is silent for 20 packets.
            packets.drain(11..31);
            for (n, (relayed, _)) in packets.iter_mut().enumerate() {
                relayed.sequence = n as u16;
            }
            // Ten packets are lost.
            packets.drain(21..31);
            for packet in &packets {
                line.take(packet);
            }
            // The packet that had begun took 20 ms of either.
            assert_eq!(line.pauses, [19 * 160, 6 * 160], "{from:?} to {to:?}");
        }
    }

    #[test]
    fn a_source_that_counts_anew_is_no_late_one() {
        let mut line = Line::new(Codec::Opus, Codec::Pcma, 160);
        let packets = said(Codec::Opus, 160, 40);
        for packet in &packets {
            line.take(packet);
        }
        for (relayed, payload) in &packets {
            line.take(&(Relayed { sequence: relayed.sequence.wrapping_add(40), ..*relayed }, payload.clone()));
        }
        assert_eq!((line.heard.len(), line.late), (80 * 160, 0));
    }

    proptest! {
        #[test]
        fn nothing_that_comes_panics_or_makes_more_than_it_is(
            steps in proptest::collection::vec((any::<u16>(), any::<u32>(), 0_usize..300), 1..40),
            pair in 0_usize..10,
            samples_out in 1_usize..7,
        ) {
            let (from, to) = pairs().nth(pair).unwrap();
            let mut line = Line::new(from, to, samples_out * 80);
            let mut clock = (0_u16, 0_u32);
            for (sequence, timestamp, length) in steps {
                // Mostly small steps, now and then any.
                let small = sequence % 8 != 0;
                clock.0 = clock.0.wrapping_add(if small { sequence % 4 } else { sequence });
                clock.1 = clock.1.wrapping_add(if small { timestamp % 4_000 } else { timestamp });
                let payload: Vec<u8> = (0..length).map(|n| (n as u32 ^ timestamp) as u8).collect();
                let before = line.heard.len();
                let relayed =
                    Relayed { ssrc: 7, sequence: clock.0, timestamp: clock.1, marker: false, codec: line.from, length };
                line.take(&(relayed, payload));
                prop_assert!(line.heard.len() - before <= 3 * 480 + SAMPLES_MAX);
            }
        }
    }
}
