//! Own tones at the limits of ITU-T Q.24, and sounds that are no keys.

use super::*;
use crate::audio::g711;

const ALL: &str = "1234567890*#ABCD";

/// A press as it is sent.
#[derive(Debug, Clone, Copy)]
struct Press {
    key: char,
    ms: f32,
    pause_ms: f32,
    /// Level of the low tone and of the high one.
    dbm0: [f32; 2],
    /// Off the nominal frequencies, as part of them.
    off: [f32; 2],
}

const fn press(key: char) -> Press {
    Press { key, ms: 40.0, pause_ms: 40.0, dbm0: [-10.0, -10.0], off: [0.0, 0.0] }
}

fn amplitude(dbm0: f32) -> f32 {
    (2.0 * ZERO_DBM0).sqrt() * 10_f32.powf(dbm0 / 20.0)
}

fn pair(key: char) -> [f32; 2] {
    let at = KEYS.iter().flatten().position(|k| *k == key).unwrap();
    [FREQUENCIES[at / 4], FREQUENCIES[4 + at % 4]]
}

/// Numbers that look random, the same each time.
struct Dice(u32);

impl Dice {
    fn next(&mut self) -> u32 {
        self.0 = self.0.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        self.0 >> 8
    }

    /// −1 to 1.
    fn part(&mut self) -> f32 {
        self.next() as f32 / 8_388_608.0 - 1.0
    }

    /// Noise of power 1, nearly Gaussian.
    fn noise(&mut self) -> f32 {
        (self.part() + self.part() + self.part()) + 0.0
    }
}

/// The presses one after the other, each with another phase and at another place within the hop.
fn sound(presses: &[Press], dice: &mut Dice) -> Vec<f32> {
    let mut out = vec![0.0; 400 + dice.next() as usize % HOP];
    for press in presses {
        let phase = [dice.part() * 3.0, dice.part() * 3.0];
        let waves = pair(press.key);
        let level = press.dbm0.map(amplitude);
        out.extend((0..(press.ms * 8.0) as usize).map(|n| {
            let wave = |i: usize| level[i] * (TAU * waves[i] * (1.0 + press.off[i]) / RATE * n as f32 + phase[i]).sin();
            wave(0) + wave(1)
        }));
        out.extend(std::iter::repeat_n(0.0, (press.pause_ms * 8.0) as usize + dice.next() as usize % 3));
    }
    out.extend(std::iter::repeat_n(0.0, 400));
    out
}

fn samples(sound: &[f32]) -> Vec<i16> {
    sound.iter().map(|s| s.clamp(-32_768.0, 32_767.0) as i16).collect()
}

fn through(law: fn(i16) -> i16, sound: &[f32]) -> Vec<i16> {
    samples(sound).into_iter().map(law).collect()
}

fn mu(sample: i16) -> i16 {
    g711::decode_mu(g711::encode_mu(sample))
}

fn a(sample: i16) -> i16 {
    g711::decode_a(g711::encode_a(sample))
}

fn tones(samples: &[i16]) -> Vec<Tone> {
    let (mut detector, mut heard) = (Detector::default(), Vec::new());
    for packet in samples.chunks(160) {
        detector.push(packet, |tone| heard.push(tone));
    }
    heard
}

fn keys(samples: &[i16]) -> String {
    tones(samples).iter().map(|tone| tone.key).collect()
}

/// What is heard of all keys pressed like this, through both laws, sixteen times over.
fn heard_of_all(change: impl Fn(Press) -> Press) -> Vec<String> {
    let mut dice = Dice(4);
    let one = |law: fn(i16) -> i16, dice: &mut Dice| {
        let presses: Vec<Press> = ALL.chars().map(|key| change(press(key))).collect();
        keys(&through(law, &sound(&presses, dice)))
    };
    (0..8).flat_map(|_| [one(mu, &mut dice), one(a, &mut dice)]).collect()
}

fn all_heard(what: &str, change: impl Fn(Press) -> Press) {
    for heard in heard_of_all(change) {
        assert_eq!(heard, ALL, "{what}");
    }
}

fn none_heard(what: &str, change: impl Fn(Press) -> Press) {
    for heard in heard_of_all(change) {
        assert_eq!(heard, "", "{what}");
    }
}

#[test]
fn forty_milliseconds_and_as_long_a_pause_are_enough() {
    all_heard("40/40 ms", |press| press);
    all_heard("40/30 ms", |press| Press { pause_ms: 30.0, ..press });
    none_heard("18 ms", |press| Press { ms: 18.0, ..press });
}

#[test]
fn levels_from_very_loud_to_very_faint() {
    for dbm0 in [0.0, -3.0, -20.0, -30.0, -36.0] {
        all_heard(&format!("{dbm0} dBm0"), |press| Press { dbm0: [dbm0, dbm0], ..press });
    }
    none_heard("too faint", |press| Press { dbm0: [-45.0, -45.0], ..press });
}

#[test]
fn twist_within_the_limits_and_beyond() {
    all_heard("high 4 dB above", |press| Press { dbm0: [-14.0, -10.0], ..press });
    all_heard("low 8 dB above", |press| Press { dbm0: [-10.0, -18.0], ..press });
    none_heard("high 9 dB above", |press| Press { dbm0: [-19.0, -10.0], ..press });
    none_heard("low 13 dB above", |press| Press { dbm0: [-10.0, -23.0], ..press });
}

#[test]
fn frequencies_may_be_off_by_one_and_a_half_percent_but_not_by_three_and_a_half() {
    for off in [[0.015, 0.015], [-0.015, 0.015], [0.015, -0.015], [-0.015, -0.015]] {
        all_heard("1.5 %", |press| Press { off, ..press });
    }
    for off in [[0.035, 0.0], [-0.035, 0.0], [0.0, 0.035], [0.0, -0.035]] {
        none_heard("3.5 %", |press| Press { off, ms: 100.0, ..press });
    }
}

#[test]
fn noise_fifteen_decibels_below_does_no_harm() {
    let mut dice = Dice(9);
    let level = amplitude(-10.0 - 15.0);
    let (mut pressed, mut heard) = (0, 0);
    for _ in 0..20 {
        let all: Vec<Press> = ALL.chars().map(|key| Press { ms: 50.0, pause_ms: 50.0, ..press(key) }).collect();
        let sound: Vec<f32> = sound(&all, &mut dice).into_iter().map(|s| s + level * dice.noise()).collect();
        pressed += 16;
        let found = keys(&through(mu, &sound));
        heard += found.chars().count();
        assert!(found.len() <= 16, "{found}");
    }
    assert!(heard * 100 >= pressed * 99, "{heard} of {pressed}");
}

#[test]
fn a_press_that_lasts_counts_once_and_breaks_of_ten_milliseconds_do_not_part_it() {
    let mut dice = Dice(5);
    let long = sound(&[Press { ms: 3_000.0, ..press('5') }], &mut dice);
    assert_eq!(keys(&samples(&long)), "5");
    for begin in [900, 917, 941] {
        let mut broken = long.clone();
        broken[begin..begin + 80].fill(0.0);
        assert_eq!(keys(&samples(&broken)), "5", "a break of 10 ms");
    }
    let double = sound(&[press('5'), press('5'), press('5')], &mut dice);
    assert_eq!(keys(&samples(&double)), "555");
}

#[test]
fn a_burst_of_errors_within_a_short_press_does_not_hide_it() {
    let (mut dice, mut heard, mut pressed) = (Dice(12), 0, 0);
    for _ in 0..20 {
        let all: Vec<Press> = ALL.chars().map(|key| Press { ms: 43.0, ..press(key) }).collect();
        let mut sound = sound(&all, &mut dice);
        // 2–5 ms of full-scale noise somewhere within each press.
        let mut at = 0;
        while let Some(begin) = sound[at..].iter().position(|s| *s != 0.0).map(|n| n + at) {
            let burst = 16 + dice.next() as usize % 24;
            let from = begin + 8 + dice.next() as usize % (344 - 16 - burst);
            sound[from..from + burst].iter_mut().for_each(|s| *s = dice.part() * 30_000.0);
            at = begin + 400;
        }
        pressed += ALL.len();
        let found = keys(&samples(&sound));
        assert!(found.len() <= ALL.len(), "{found}");
        heard += found.len();
    }
    assert!(heard * 100 >= pressed * 95, "{heard} of {pressed}");
}

#[test]
fn a_hole_in_the_stream_does_not_make_two_of_a_press() {
    let long = samples(&sound(&[Press { ms: 200.0, ..press('8') }], &mut Dice(6)));
    let (mut detector, mut heard) = (Detector::default(), Vec::new());
    for (n, packet) in long.chunks(160).enumerate() {
        if (7..9).contains(&n) {
            detector.missing(packet.len() as u32);
        } else {
            detector.push(packet, |tone| heard.push(tone.key));
        }
    }
    assert_eq!(heard, ['8']);
    assert_eq!(detector.down(), None);
    assert_eq!(detector.position(), long.len() as u64);
}

#[test]
fn the_beginning_is_told_to_a_few_milliseconds() {
    for gap in 0..HOP {
        let mut wave = vec![0.0; 800 + gap];
        wave.extend(&sound(&[Press { ms: 80.0, ..press('1') }], &mut Dice(7))[..]);
        let begin = wave.iter().position(|s| *s != 0.0).unwrap() as i64;
        let tone = tones(&samples(&wave))[0];
        assert!((tone.began as i64 - begin).abs() <= 80, "{} for {begin}", tone.began);
    }
}

#[test]
fn what_is_no_pair_of_tones_is_no_key() {
    let mut dice = Dice(8);
    let wave = |parts: &[(f32, f32)]| -> Vec<i16> {
        let one = |n: usize| parts.iter().map(|(f, a)| a * (TAU * f / RATE * n as f32).sin()).sum::<f32>();
        samples(&(0..16_000).map(one).collect::<Vec<_>>())
    };
    for (what, parts) in [
        ("one tone", vec![(770.0, 8_000.0)]),
        ("one tone", vec![(1_336.0, 8_000.0)]),
        ("dial tone", vec![(425.0, 8_000.0)]),
        ("American ringing", vec![(440.0, 6_000.0), (480.0, 6_000.0)]),
        ("American busy", vec![(480.0, 6_000.0), (620.0, 6_000.0)]),
        ("two of one group", vec![(697.0, 6_000.0), (941.0, 6_000.0)]),
        ("a third tone", vec![(697.0, 5_000.0), (1_209.0, 5_000.0), (1_000.0, 4_000.0)]),
        ("a voice", vec![(697.0, 5_000.0), (1_209.0, 5_000.0), (2_418.0, 2_000.0)]),
        ("a fax", vec![(1_100.0, 8_000.0)]),
        ("a fax", vec![(2_100.0, 8_000.0)]),
    ] {
        assert_eq!(keys(&wave(&parts)), "", "{what}: {parts:?}");
    }
    let noise: Vec<f32> = (0..80_000).map(|_| dice.noise() * 5_000.0).collect();
    assert_eq!(keys(&samples(&noise)), "");
    // Tones that glide through the frequencies, twice as high within half a second, are a siren.
    let mut phase = [0.0, 0.0];
    let glide = (0..64_000).map(|n| {
        for (i, base) in [600.0, 1_100.0].into_iter().enumerate() {
            phase[i] += TAU * base * (1.0 + (n % 4_000) as f32 / 4_000.0) / RATE;
        }
        6_000.0 * (phase[0].sin() + phase[1].sin())
    });
    assert_eq!(keys(&samples(&glide.collect::<Vec<_>>())), "");
}

#[test]
fn any_bytes_in_any_pieces_are_harmless() {
    let mut dice = Dice(11);
    let mut detector = Detector::default();
    for _ in 0..2_000 {
        let piece: Vec<i16> = (0..dice.next() % 500).map(|_| dice.next() as i16).collect();
        detector.push(&piece, |_| {});
        if dice.next().is_multiple_of(7) {
            detector.missing(dice.next() % 3_000);
        }
    }
    detector.push(&[i16::MIN; 4_000], |tone| panic!("{tone:?}"));
}
