//! Bridged legs of different codecs: what one says the other hears, whatever the lengths of their packets, whatever is
//! lost, and when either changes its codec.

use super::*;
use crate::codec::{Decoder, Encoder, SAMPLES_MAX};
use hotline_core::audio::level::rms_dbfs;

/// Somebody who whistles a steady tone.
pub struct Voice {
    encoder: Encoder,
    hz: f64,
    said: usize,
}

impl Voice {
    pub fn new(codec: Codec, hz: f64) -> Self {
        Self { encoder: Encoder::new(codec), hz, said: 0 }
    }

    /// The next packet, of so many samples.
    pub fn packet(&mut self, samples: usize) -> Vec<u8> {
        let wave = |n: usize| ((n as f64 / 8_000.0 * self.hz * std::f64::consts::TAU).sin() * 8_000.0) as i16;
        let said: Vec<i16> = (self.said..self.said + samples).map(wave).collect();
        self.said += samples;
        let mut payload = vec![0; 1_275];
        let length = self.encoder.encode(&said, &mut payload);
        payload.truncate(length);
        payload
    }

    /// The same phone, another codec.
    fn changes(&mut self, codec: Codec) {
        self.encoder = Encoder::new(codec);
    }
}

/// How much of the sound is a steady tone of this pitch, 0–1. A click, a gap or a jump makes it less.
pub fn share(samples: &[i16], hz: f64) -> f64 {
    let (mut re, mut im, mut all) = (0.0, 0.0, 1.0);
    for (n, sample) in samples.iter().enumerate() {
        let (value, phase) = (f64::from(*sample), n as f64 / 8_000.0 * hz * std::f64::consts::TAU);
        re += value * phase.cos();
        im += value * phase.sin();
        all += value * value;
    }
    (re * re + im * im) * 2.0 / samples.len() as f64 / all
}

/// What a phone hears from the begin of a talk spurt on: so many samples, and their packets.
fn listen(phone: &Phone, samples: usize) -> (Vec<Packet>, Vec<i16>) {
    let (mut decoder, mut pcm) = (Decoder::new(phone.codec), [0; SAMPLES_MAX]);
    let (mut packets, mut heard) = (Vec::new(), Vec::new());
    for _ in 0..2_000 {
        let packet = phone.hear();
        if packet.payload_type != phone.remote().payload_type {
            continue;
        }
        if packets.is_empty() && !packet.marker {
            continue;
        }
        let count = decoder.decode(&packet.payload, &mut pcm);
        heard.extend_from_slice(&pcm[..count]);
        packets.push(packet);
        if heard.len() >= samples {
            return (packets, heard);
        }
    }
    panic!("only {} of {samples} samples came", heard.len());
}

/// Reads on until nobody whistles any more.
fn until_quiet(phone: &Phone) {
    let (mut decoder, mut pcm) = (Decoder::new(phone.codec), [0; SAMPLES_MAX]);
    let quiet = |packet: Packet| {
        let count = decoder.decode(&packet.payload, &mut pcm);
        rms_dbfs(&pcm[..count]) < -45.0
    };
    assert!(std::iter::repeat_with(|| phone.hear()).take(2_000).any(quiet));
}

/// Two bridged legs, their phones and what their packets are long, ms.
fn bridged(lanes: usize, [a, b]: [(Codec, u8); 2]) -> (Media, [Line; 2], [Phone; 2]) {
    let media = media(4, lanes);
    let open = |(codec, ptime_ms): (Codec, u8)| {
        let (line, phone) = (Line::open(&media), Phone::new(codec));
        line.leg.connect(Remote { ptime_ms, ..phone.remote() });
        phone.hear();
        (line, phone)
    };
    let ((a, phone_a), (b, phone_b)) = (open(a), open(b));
    a.leg.bridge(&b.leg);
    (media, [a, b], [phone_a, phone_b])
}

fn assert_one_stream(packets: &[Packet], codec: Codec, samples: usize) {
    let step = samples as u32 * codec.clock_ratio();
    for (n, pair) in packets.windows(2).enumerate() {
        assert_eq!(pair[1].sequence, pair[0].sequence.wrapping_add(1), "{codec:?}, packet {n}");
        assert_eq!(pair[1].timestamp, pair[0].timestamp.wrapping_add(step), "{codec:?}, packet {n}");
        assert_eq!(pair[1].ssrc, pair[0].ssrc, "{codec:?}, packet {n}");
        assert!(!pair[1].marker, "{codec:?}, packet {n}");
    }
    assert_ne!(packets[0].ssrc, 0x1234_5678, "our own source");
}

const PAIRS: [(Codec, Codec); 4] =
    [(Codec::Opus, Codec::Pcma), (Codec::G722, Codec::Pcmu), (Codec::Opus, Codec::G722), (Codec::Pcmu, Codec::Opus)];

#[test]
fn each_hears_the_other_in_its_own_codec_on_one_lane_and_on_two() {
    for (lanes, (one, two)) in [1, 2].into_iter().flat_map(|lanes| PAIRS.map(|pair| (lanes, pair))) {
        let (media, [a, b], [mut phone_a, mut phone_b]) = bridged(lanes, [(one, 20), (two, 20)]);
        let (mut voice_a, mut voice_b) = (Voice::new(one, 440.0), Voice::new(two, 1_000.0));
        for _ in 0..60 {
            phone_a.say(&a.leg, &voice_a.packet(160));
            phone_b.say(&b.leg, &voice_b.packet(160));
        }
        for (phone, hz) in [(&phone_b, 440.0), (&phone_a, 1_000.0)] {
            let (packets, heard) = listen(phone, 50 * 160);
            assert_one_stream(&packets, phone.codec, 160);
            let (pure, level) = (share(&heard[800..], hz), rms_dbfs(&heard[800..]));
            assert!(pure > 0.95, "{one:?} and {two:?}, {hz} Hz: {pure}");
            assert!((level + 15.25).abs() < 1.5, "{one:?} and {two:?}, {hz} Hz: {level} dBFS");
        }
        assert_eq!((media.counters().relay_untranslated, media.counters().relay_late), (0, 0));
    }
}

#[test]
fn packets_have_the_length_that_the_listener_asks_for() {
    for (one, two) in PAIRS {
        for (said, asked) in [(30, 20), (20, 60), (60, 10), (10, 30)] {
            let (_media, [a, _b], [mut phone_a, phone_b]) = bridged(1, [(one, 20), (two, asked)]);
            let mut voice = Voice::new(one, 440.0);
            for _ in 0..1_200 / said {
                phone_a.say(&a.leg, &voice.packet(said * 8));
            }
            let (packets, heard) = listen(&phone_b, 8_000);
            assert_one_stream(&packets, two, usize::from(asked) * 8);
            assert!(share(&heard[800..8_000], 440.0) > 0.95, "{one:?} to {two:?}, {said} ms to {asked} ms");
        }
    }
}

#[test]
fn a_lost_packet_is_mended_and_a_late_one_left_out() {
    for (one, two) in PAIRS {
        let (media, [a, _b], [mut phone_a, phone_b]) = bridged(1, [(one, 20), (two, 20)]);
        let mut voice = Voice::new(one, 440.0);
        for n in 0..60 {
            let payload = voice.packet(160);
            if n % 20 == 15 {
                // It comes after the next one, or never.
                let (sequence, timestamp) = (phone_a.sequence, phone_a.timestamp);
                phone_a.sequence = sequence.wrapping_add(1);
                phone_a.timestamp = timestamp.wrapping_add(160 * one.clock_ratio());
                if n == 35 {
                    phone_a.say(&a.leg, &voice.packet(160));
                    let (next, then) = (phone_a.sequence, phone_a.timestamp);
                    (phone_a.sequence, phone_a.timestamp) = (sequence, timestamp);
                    phone_a.say(&a.leg, &payload);
                    (phone_a.sequence, phone_a.timestamp) = (next, then);
                }
            } else {
                phone_a.say(&a.leg, &payload);
            }
        }
        let (packets, heard) = listen(&phone_b, 55 * 160);
        assert_one_stream(&packets, two, 160);
        let pure = share(&heard[800..], 440.0);
        assert!(pure > 0.85, "{one:?} to {two:?}: {pure}");
        assert_eq!((media.counters().relay_untranslated, media.counters().relay_late), (0, 1), "{one:?} to {two:?}");
    }
}

#[test]
fn either_may_change_its_codec_and_the_talk_goes_on() {
    let mut line = bridged(2, [(Codec::Opus, 20), (Codec::Pcma, 20)]);
    let (media, [a, b], [phone_a, phone_b]) = (&line.0, &line.1, &mut line.2);
    let mut voice = Voice::new(Codec::Opus, 440.0);
    let changes = [
        (Codec::Opus, Codec::Pcma),
        (Codec::Pcma, Codec::Pcma),
        (Codec::Pcma, Codec::G722),
        (Codec::G722, Codec::G722),
        (Codec::Opus, Codec::Pcmu),
        (Codec::Pcma, Codec::Opus),
    ];
    for (one, two) in changes {
        for (line, phone, codec) in [(a, &mut *phone_a, one), (b, &mut *phone_b, two)] {
            if phone.codec != codec {
                phone.codec = codec;
                line.leg.connect(phone.remote());
            }
        }
        voice.changes(one);
        for _ in 0..30 {
            phone_a.say(&a.leg, &voice.packet(160));
        }
        let (packets, heard) = listen(phone_b, 25 * 160);
        assert_one_stream(&packets, two, 160);
        assert!(share(&heard[800..], 440.0) > 0.95, "{one:?} to {two:?}: {}", share(&heard[800..], 440.0));
        until_quiet(phone_b);
    }
    assert_eq!(media.counters().relay_untranslated, 0);
}

#[test]
fn what_comes_before_its_coders_is_counted_and_not_sent() {
    let (media, [a, b], [mut phone_a, phone_b]) = bridged(1, [(Codec::Pcma, 20), (Codec::Pcma, 20)]);
    // The order that every change of codec brings with it is taken away again.
    phone_a.codec = Codec::G722;
    a.leg.connect(phone_a.remote());
    let order = crate::rtp::lane::Order::Translate { leg: b.leg.key, peer: a.leg.key, by: None };
    assert!(b.leg.lane.order(order).is_ok());
    let mut voice = Voice::new(Codec::G722, 440.0);
    phone_a.say(&a.leg, &voice.packet(160));
    // What it was sent before, and the silence of a bridge in which nothing goes.
    let mut heard = std::iter::repeat_with(|| phone_b.hear());
    assert!(heard.by_ref().find(|_| media.counters().relay_untranslated == 1).is_some());
    assert!(heard.take(3).all(|packet| is_quiet(Law::A, &packet.payload)));
}
