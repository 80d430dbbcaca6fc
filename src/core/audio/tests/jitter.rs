//! The jitter buffer over made-up networks, in made-up time.

use std::time::Duration;

use proptest::prelude::*;

use super::*;

#[expect(clippy::disallowed_methods, reason = "any instant will do as a start")]
fn start() -> Instant {
    Instant::now()
}

/// A small generator, the same for the same seed.
struct Dice(u64);

impl Dice {
    fn roll(&mut self) -> f64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 11) as f64 / (1_u64 << 53) as f64
    }
}

/// A voice of a kind: a pitch of 125 Hz with overtones, each 400 ms louder and softer.
fn voice(at: usize) -> i16 {
    let t = at as f64 / 8_000.0;
    let wave: f64 = (1..6).map(|n| (t * 125.0 * f64::from(n) * std::f64::consts::TAU).sin() / f64::from(n)).sum();
    (wave * 4_000.0 * (0.55 + 0.45 * (t * 2.5 * std::f64::consts::TAU).cos())) as i16
}

/// A network, and what is sent through it.
#[derive(Debug, Clone, Copy)]
struct Net {
    seed: u64,
    loss: f64,
    jitter_ms: f64,
    /// The other side's clock against ours.
    ppm: f64,
    twice: f64,
    packet: usize,
}

const CLEAN: Net = Net { seed: 1, loss: 0.0, jitter_ms: 0.0, ppm: 0.0, twice: 0.0, packet: 160 };

struct Heard {
    out: Vec<i16>,
    counts: Counts,
    /// The delay of each turn after the first second, ms.
    delays: Vec<f64>,
    lost: usize,
    span: u64,
}

/// Sends `seconds` of voice; `sent` says which packets are (silence suppression).
fn through(net: Net, seconds: usize, sent: impl Fn(usize) -> bool) -> Heard {
    let (mut dice, mut arrivals, mut lost) = (Dice(net.seed), Vec::new(), 0);
    let packets = seconds * 8_000 / net.packet;
    for n in (0..packets).filter(|n| sent(*n)) {
        let own = (n + 1) as f64 * net.packet as f64 / 8.0 * (1.0 - net.ppm / 1_000_000.0);
        if dice.roll() < net.loss {
            lost += 1;
            continue;
        }
        for _ in 0..=usize::from(dice.roll() < net.twice) {
            arrivals.push((own + 20.0 + dice.roll() * net.jitter_ms, n));
        }
    }
    arrivals.sort_by(|a, b| a.0.total_cmp(&b.0));
    let (mut jitter, start) = (Jitter::default(), start());
    let at = |ms: f64| start + Duration::from_micros((ms * 1_000.0) as u64);
    jitter.pull(&mut [0; 160], start);
    let (mut out, mut delays, mut coming) = (Vec::new(), Vec::new(), arrivals.into_iter().peekable());
    for turn in 0..seconds * 50 + 25 {
        let now = turn as f64 * 20.0 + 7.0;
        while let Some((ms, n)) = coming.next_if(|(ms, _)| *ms <= now) {
            let samples: Vec<i16> = (0..net.packet).map(|k| voice(n * net.packet + k)).collect();
            let stamp = Stamp { ssrc: 7, timestamp: (n * net.packet) as u32, clock_hz: 8_000 };
            let stamp = Stamp { timestamp: stamp.timestamp.wrapping_add(u32::MAX - 20_000), ..stamp };
            jitter.push(stamp, &samples, at(ms));
        }
        let talks = turn > 50 && turn < seconds * 50 - 5;
        delays.extend(jitter.delay(at(now)).filter(|_| talks).map(|delay| delay as f64 / 8.0));
        let mut frame = [0; 160];
        jitter.pull(&mut frame, at(now));
        out.extend(frame);
    }
    Heard { out, counts: jitter.counts(), delays, lost, span: (packets * net.packet) as u64 }
}

/// Largest second difference: a click is a corner in the wave.
fn sharpest(samples: impl IntoIterator<Item = i16>) -> i32 {
    let samples: Vec<i32> = samples.into_iter().map(i32::from).collect();
    samples.windows(3).map(|w| (w[0] - 2 * w[1] + w[2]).abs()).max().unwrap_or(0)
}

#[test]
fn it_is_small() {
    assert!(size_of::<Jitter>() <= 10_000, "{} bytes", size_of::<Jitter>());
}

#[test]
fn over_a_clean_line_the_sound_is_the_same_and_hardly_later() {
    let heard = through(CLEAN, 10, |_| true);
    let begin = heard.out.iter().position(|sample| *sample == voice(80)).unwrap();
    let same = (0..8_000).filter(|n| heard.out[begin + n] == voice(80 + n)).count();
    assert!(same > 7_900, "{same} of 8,000 samples");
    assert_eq!((heard.counts.late, heard.counts.missing, heard.counts.duplicates), (0, 0, 0));
    let last = heard.delays[heard.delays.len() - 30];
    assert!(last <= 35.0, "a delay of {last} ms without jitter");
}

#[test]
fn a_bad_network_is_made_even_without_a_click_and_with_a_bounded_delay() {
    let natural = sharpest((0..8_000 * 4).map(voice));
    for ppm in [200.0, -200.0, 0.0] {
        let net = Net { loss: 0.05, jitter_ms: 60.0, ppm, seed: 42, ..CLEAN };
        let heard = through(net, 60, |_| true);
        let counts = heard.counts;
        let (sharp, packets) = (sharpest(heard.out.iter().copied()), heard.span / 160);
        assert!(sharp <= natural * 3 / 2, "{ppm} ppm: a corner of {sharp}, natural {natural}");
        assert!(counts.late * 100 <= packets * 4, "{ppm} ppm: {counts:?}");
        let missing = counts.missing / 160;
        assert!(missing <= heard.lost as u64 + counts.late, "{ppm} ppm: {missing} missing, {} lost", heard.lost);
        let longest = heard.delays.iter().copied().fold(0.0, f64::max);
        let mean = heard.delays.iter().sum::<f64>() / heard.delays.len() as f64;
        assert!(longest <= 200.0 && (40.0..120.0).contains(&mean), "{ppm} ppm: {longest} ms, on average {mean}");
    }
}

#[test]
fn a_drifting_clock_is_absorbed_by_whole_periods() {
    for (ppm, faster) in [(200.0, true), (-200.0, false)] {
        let heard = through(Net { ppm, ..CLEAN }, 120, |_| true);
        let counts = heard.counts;
        // 200 ppm of two minutes are 192 samples, and the delay may be off by its slack.
        if faster {
            assert!(counts.left_out >= 120, "{counts:?}");
        }
        assert!(counts.left_out <= 800 && counts.put_in <= 800, "{ppm} ppm: {counts:?}");
        assert_eq!(counts.late, 0);
        let (least, most) = heard.delays.iter().fold((1_000.0_f64, 0.0_f64), |(a, b), d| (a.min(*d), b.max(*d)));
        assert!(least >= 5.0 && most <= 65.0, "{ppm} ppm: {least} to {most} ms");
        assert!(sharpest(heard.out) <= sharpest((0..8_000).map(voice)) * 5 / 4);
    }
}

#[test]
fn pauses_are_filled_with_quiet_noise_and_every_spurt_is_heard_whole() {
    // A second of talk, a second of nothing, as phones with silence suppression send it.
    let net = Net { jitter_ms: 20.0, ..CLEAN };
    let heard = through(net, 10, |n| n / 50 % 2 == 0);
    let counts = heard.counts;
    assert!(counts.late <= 4, "{counts:?}");
    assert!(counts.missing <= 320, "a pause is no loss: {counts:?}");
    assert!(counts.played + counts.left_out + 160 * counts.late >= 5 * 8_000 - 800, "{counts:?}");
    let quiet = &heard.out[8_000 + 3_200..16_000 - 800];
    let peak = quiet.iter().map(|sample| sample.abs()).max().unwrap();
    assert!((1..200).contains(&peak), "{peak}");
    assert!(sharpest(heard.out) <= sharpest((0..8_000).map(voice)) * 3 / 2);
}

#[test]
fn another_source_and_another_clock_are_followed() {
    let (mut jitter, start) = (Jitter::default(), start());
    let (mut frame, mut out) = ([0; 160], Vec::new());
    for n in 0..100_u32 {
        let now = start + Duration::from_millis(u64::from(n) * 20);
        let samples: Vec<i16> = (0..160).map(|k| voice(n as usize * 160 + k)).collect();
        // From the middle on somebody else sends, in 48 kHz, near the end of its numbers.
        let (ssrc, clock_hz) = if n < 50 { (1, 8_000) } else { (2, 48_000) };
        let timestamp = (n * 160 * (clock_hz / 8_000)).wrapping_sub(300_000);
        jitter.push(Stamp { ssrc, timestamp, clock_hz }, &samples, now);
        jitter.pull(&mut frame, now + Duration::from_millis(3));
        out.extend(frame);
    }
    assert_eq!(jitter.counts().starts, 2);
    assert!(jitter.counts().played > 90 * 160, "{:?}", jitter.counts());
    assert!(sharpest(out) <= sharpest((0..8_000).map(voice)) * 2);
}

#[test]
fn what_is_left_is_drained_in_order() {
    let (mut jitter, start) = (Jitter::default(), start());
    for n in 0..10_usize {
        let samples: Vec<i16> = (0..160).map(|k| voice(n * 160 + k)).collect();
        let now = start + Duration::from_millis(n as u64 * 20);
        jitter.push(Stamp { ssrc: 1, timestamp: n as u32 * 160, clock_hz: 8_000 }, &samples, now);
        if n >= 5 {
            jitter.pull(&mut [0; 160], now);
        }
    }
    let mut rest = [0; 4_000];
    let length = jitter.drain(&mut rest);
    assert!(length >= 320, "{length}");
    let from = 1_600 - length;
    assert!((80..length).all(|n| rest[n] == voice(from + n)), "up to the last sample that came");
    assert_eq!(jitter.drain(&mut rest), 0);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    /// Whatever the network does: every sample that was sent is played, missed or left out, and never twice; what is
    /// played is what was played, made up or put in; the delay is bounded.
    #[test]
    fn nothing_is_played_twice_and_nothing_waits_for_ever(
        seed in any::<u64>(), loss in 0.0..0.3, jitter_ms in 0.0..150.0, ppm in -300.0..300.0, twice in 0.0..0.2,
        packet in prop::sample::select(vec![80_usize, 160, 240, 320, 480]),
    ) {
        let net = Net { seed, loss, jitter_ms, ppm, twice, packet };
        let heard = through(net, 12, |_| true);
        let counts = heard.counts;
        prop_assert!(counts.played + counts.missing + counts.left_out <= heard.span, "{counts:?} of {}", heard.span);
        let made = counts.played + counts.concealed + counts.put_in;
        let out = heard.out.len() as u64 + 160;
        prop_assert!(made >= out && made <= out + 400, "{made} made, {out} taken: {counts:?}");
        prop_assert!(heard.delays.iter().all(|delay| *delay <= 404.0));
        prop_assert_eq!(counts.starts, 1);
    }

    /// Packets that come twice change nothing.
    #[test]
    fn doubles_change_nothing(seed in any::<u64>()) {
        let once = through(Net { seed, ..CLEAN }, 3, |_| true);
        let twice = through(Net { seed, twice: 1.0, ..CLEAN }, 3, |_| true);
        prop_assert!(once.out == twice.out);
        prop_assert!(twice.counts.duplicates + twice.counts.late >= 140);
    }
}

/// Somebody speaks until the mark and is silent afterwards; `sent` and `ssrc` say how the silence comes.
fn after_mark(offset_us: u64, sent: impl Fn(usize) -> bool, ssrc: u32) {
    let (mut jitter, start) = (Jitter::default(), start());
    let at = |turn: usize, us: u64| start + Duration::from_micros(turn as u64 * 20_000 + us);
    let (mut mark, mut past) = (None, 0);
    for turn in 0..120 {
        let spoken = turn < 40;
        let samples: Vec<i16> = (0..160).map(|k| if spoken { voice(turn * 160 + k) } else { 0 }).collect();
        let stamp = Stamp { ssrc: if spoken { 7 } else { ssrc }, timestamp: (turn * 160) as u32, clock_hz: 8_000 };
        if spoken || sent(turn - 40) {
            jitter.push(stamp, &samples, at(turn, 0));
        }
        if turn == 39 {
            mark = Some(jitter.mark());
        }
        let is_past = mark.is_some_and(|mark| jitter.is_past(mark));
        let mut frame = [0; 160];
        jitter.pull(&mut frame, at(turn, offset_us));
        if is_past {
            past += 1;
            let most = frame.iter().map(|sample| sample.abs()).max();
            assert!(most < Some(150), "{most:?} of what was said before, {} turns after", turn - 39);
        }
    }
    assert!(past > 60, "it is past only for {past} of 80 turns");
}

#[test]
fn nothing_that_was_said_before_a_mark_is_heard_once_it_is_past() {
    for offset in [0, 7_000, 19_000] {
        for ssrc in [7, 8] {
            after_mark(offset, |_| true, ssrc);
            after_mark(offset, |n| n % 3 != 0, ssrc);
            after_mark(offset, |n| n > 1, ssrc);
            after_mark(offset, |n| n > 4 && n % 2 == 0, ssrc);
            after_mark(offset, |n| n > 20, ssrc);
            after_mark(offset, |n| n < 5, ssrc);
            after_mark(offset, |_| false, ssrc);
        }
    }
}
