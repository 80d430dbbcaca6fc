use super::*;
use crate::audio::segment::tests::{old_segment, place};
use crate::audio::segment::{self, Place};

fn payload(seed: u8) -> Vec<u8> {
    (0..160_u8).map(|i| i.wrapping_mul(7).wrapping_add(seed)).collect()
}

fn linear(seed: u8) -> Vec<i16> {
    payload(seed).into_iter().map(g711::decode_a).collect()
}

fn put(out: &mut Vec<u8>, place: Place, payload: &[u8]) {
    out.extend_from_slice(&segment::audio(place, payload));
    out.extend_from_slice(payload);
}

/// One channel: packets at these own times, each arrived 40 samples later.
fn one(times: &[u32]) -> Vec<u8> {
    let mut out = segment::header(false, 5).to_vec();
    for (n, at) in times.iter().enumerate() {
        put(&mut out, place(4_294_967_000_u32.wrapping_add(*at), at + 40), &payload(n as u8));
    }
    out
}

fn heard(bytes: &[u8]) -> Sound {
    sound(bytes, G711::default).unwrap()
}

#[test]
fn what_goes_in_comes_out() {
    let found = heard(&one(&[0, 160, 320]));
    assert_eq!(found.samples, [linear(0), linear(1), linear(2)].concat());
    assert_eq!(found.stats[0], Stats { heard: 480, missing: 0, late: 0 });
}

#[test]
fn a_file_of_the_release_before_sounds_as_it_did() {
    let found = heard(&old_segment(&[0, 320, 160, 480], |n| payload(n as u8)));
    assert_eq!(found.samples, [linear(0), linear(2), linear(1), linear(3)].concat());
    let torn = old_segment(&[0, 160], |n| payload(n as u8));
    let found = heard(&torn[..torn.len() - 3]);
    assert_eq!((found.samples, found.torn_bytes), (linear(0), 166));
}

#[test]
fn a_late_packet_takes_its_place_and_a_double_one_changes_nothing() {
    let found = heard(&one(&[0, 320, 160, 320]));
    assert_eq!(found.samples, [linear(0), linear(2), linear(1)].concat());
    assert_eq!(found.stats[0], Stats { heard: 480, missing: 0, late: 1 });
}

#[test]
fn a_hole_is_concealed_then_silent_and_counted() {
    let found = heard(&one(&[0, 160 + 1_600]));
    assert_eq!(found.samples.len(), 160 + 1_600 + 160);
    assert_eq!(found.stats[0], Stats { heard: 320, missing: 1_600, late: 0 });
    assert_eq!(found.samples[..160], linear(0));
    assert!(found.samples[160..240].iter().any(|sample| *sample != 0), "concealed");
    assert!(found.samples[640..1_760].iter().all(|sample| *sample == 0), "then silent");
    assert_eq!(found.samples[1_800..], linear(1)[40..]);
}

#[test]
fn both_channels_stand_where_our_clock_says() {
    let mut bytes = segment::header(true, 5).to_vec();
    for n in 0..100_u32 {
        put(&mut bytes, place(77 + n * 160, 800 + n * 160), &payload(3));
        if n >= 50 {
            let sent = Place { channel: Channel::Sent, ..place(9 + n * 160, 800 + n * 160) };
            put(&mut bytes, sent, &payload(4));
        }
    }
    let found = heard(&bytes);
    assert_eq!(found.samples.len(), 2 * (800 + 16_000));
    let (left, right) = (found.channel(Channel::Received), found.channel(Channel::Sent));
    assert!(left[..800].iter().all(|sample| *sample == 0));
    assert_eq!(left[960..1_120], linear(3));
    assert!(right[..8_800].iter().all(|sample| *sample == 0));
    assert_eq!(right[8_960..9_120], linear(4));
}

#[test]
fn a_restarted_source_stands_where_the_clock_is() {
    let mut bytes = segment::header(false, 5).to_vec();
    put(&mut bytes, place(4_000_000_000, 10), &payload(0));
    put(&mut bytes, Place { source: 1, codec: Codec::Pcmu, ..place(5, 8_010) }, &[0x80; 160]);
    let found = heard(&bytes);
    assert_eq!(found.samples.len(), 8_000 + 160);
    assert_eq!(*found.samples.last().unwrap(), 32_124, "mu-law is mu-law");
}

/// A stranger's packet, hold music of somebody's own, a codec tried and given up: whoever spoke before speaks on.
#[test]
fn whoever_spoke_before_another_source_is_heard_again() {
    for others in [1, 25] {
        let mut bytes = segment::header(false, 5).to_vec();
        for n in 0..200_u32 {
            let other = (100..100 + others).contains(&n);
            let first = place(77 + n * 160, 40 + n * 160);
            put(
                &mut bytes,
                if other { Place { source: 1, rtp: 5_000_000 + n * 160, ..first } } else { first },
                &payload(3),
            );
        }
        let found = heard(&bytes);
        assert_eq!(found.samples.len(), 200 * 160, "{others}");
        let loud = found.samples.chunks(160).filter(|piece| piece.iter().any(|sample| *sample != 0)).count();
        assert_eq!(loud, 200, "{others}");
        assert_eq!(found.samples[31_840..], linear(3), "{others}");
    }
}

/// As many runs as packets: each is found at once, or this takes minutes.
#[test]
fn a_source_that_leaps_with_each_packet_is_heard_and_keeps_nobody_waiting() {
    let mut bytes = segment::header(false, 5).to_vec();
    let mut leap = 1_u32;
    for n in 0..60_000_u32 {
        leap = leap.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        let first = place(77 + n / 2 * 160, 40 + n / 2 * 160);
        put(&mut bytes, if n % 2 == 1 { Place { source: 1, rtp: leap, ..first } } else { first }, &payload(3)[..80]);
    }
    let found = heard(&bytes);
    assert!((30_000 * 160 - 160..30_000 * 160 + 320).contains(&found.samples.len()), "{}", found.samples.len());
    assert!(found.stats[0].heard >= 30_000 * 80, "{:?}", found.stats[0]);
}

#[test]
fn packets_beyond_the_longest_recording_are_no_sound() {
    let mut bytes = one(&[0]);
    put(&mut bytes, place(500, u32::MAX - 5), &payload(1));
    assert_eq!(heard(&bytes).samples.len(), 160);
}

// ---- the impaired half hour ------------------------------------------------

/// A generator of its own, so that the same seed is the same line everywhere (splitmix64).
struct Dice(u64);

impl Dice {
    fn roll(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn unit(&mut self) -> f64 {
        (self.roll() >> 11) as f64 / (1_u64 << 53) as f64
    }
}

/// What is said at a moment (seconds): a swelling tone, and at each whole second a chirp to know the moment by.
fn said(at: f64) -> f64 {
    let since = at - at.floor();
    let chirp = if since < 0.05 {
        let window = (since / 0.05 * std::f64::consts::PI).sin();
        window * (std::f64::consts::TAU * (500.0 + 20_000.0 * since) * since).sin() * 7_000.0
    } else {
        0.0
    };
    (at * 900.0).sin() * 1_500.0 * (at * 3.0).sin() + chirp
}

/// How a line is impaired.
struct Line {
    drift: f64,
    jitter_ms: f64,
    loss: f64,
    /// The source is restarted (new SSRC) at this second.
    restart: f64,
}

/// The packets of one side: what is said, by a phone whose clock is off, over an impaired line. (arrived, place, payload)
fn side(channel: Channel, line: &Line, seconds: f64, seed: u64) -> Vec<(f64, Place, Vec<u8>)> {
    let mut dice = Dice(seed);
    let rate = 8_000.0 * (1.0 + line.drift);
    let mut packets = Vec::new();
    let first = dice.roll() as u32;
    for number in 0_u32.. {
        let begins = f64::from(number) * 160.0 / rate;
        if begins >= seconds {
            return packets;
        }
        let sent = begins + 0.02;
        let arrived = sent + dice.unit() * line.jitter_ms / 1_000.0;
        let lost = dice.unit() < line.loss;
        let source = u8::from(begins >= line.restart);
        let rtp = first.wrapping_add(number * 160).wrapping_add(u32::from(source) * 0x5555_5555);
        let bytes = (0..160).map(|i| g711::encode_a(said(begins + f64::from(i) / rate) as i16)).collect();
        let place = Place { channel, codec: Codec::Pcma, source, rtp, arrived: (arrived * 8_000.0) as u32 };
        if !lost {
            packets.push((arrived, place, bytes));
        }
    }
    packets
}

/// By how many samples the sound at each second stands off from where it was said; `None`: the chirp was lost.
fn offsets(samples: &[i16], expected: f64, reach: i32) -> Vec<Option<f64>> {
    let chirp: Vec<f64> = (0..400).map(|i| said(f64::from(i) / 8_000.0)).collect();
    let energy: f64 = chirp.iter().map(|value| value * value).sum();
    let seconds = samples.len() / 8_000;
    (1..seconds - 1)
        .map(|second| {
            let about = second as i32 * 8_000 + expected as i32;
            let alike = |lag: i32| {
                let from = (about + lag) as usize;
                samples[from..from + 400].iter().zip(&chirp).map(|(a, b)| f64::from(*a) * b).sum::<f64>() / energy
            };
            let best = (-reach..=reach).max_by(|a, b| alike(*a).total_cmp(&alike(*b)))?;
            (alike(best) > 0.8).then(|| f64::from(best))
        })
        .collect()
}

/// The largest step between two samples against those around it (20 ms before and after, without its neighbours), and
/// where it is. A step of 600 is no louder than the tone's own.
fn worst_click(samples: &[i16]) -> (f64, usize) {
    let steps: Vec<f64> = samples.windows(2).map(|pair| f64::from(pair[1].abs_diff(pair[0]))).collect();
    let mut worst = (0.0, 0);
    for (at, step) in steps.iter().enumerate().filter(|(_, step)| **step > 600.0) {
        let before = &steps[at.saturating_sub(162)..at.saturating_sub(2)];
        let after = &steps[(at + 3).min(steps.len())..(at + 163).min(steps.len())];
        let around = before.iter().chain(after).fold(0.0, |most: f64, step| most.max(*step));
        let ratio = step / around.max(200.0);
        if ratio > worst.0 {
            worst = (ratio, at);
        }
    }
    worst
}

/// What is called a click; the sound itself stays below.
const CLICK: f64 = 2.5;

fn impaired(seconds: f64, seed: u64) -> Vec<u8> {
    let (loss, jitter_ms) = (0.01, 40.0);
    let caller = Line { drift: 100e-6, jitter_ms, loss, restart: seconds * 0.6 };
    let engineer = Line { drift: -50e-6, jitter_ms, loss, restart: f64::INFINITY };
    let mut packets = side(Channel::Received, &caller, seconds, seed);
    packets.extend(side(Channel::Sent, &engineer, seconds, seed + 1));
    packets.sort_by(|a, b| a.0.total_cmp(&b.0));
    let mut bytes = segment::header(true, 5).to_vec();
    for (_, place, payload) in &packets {
        put(&mut bytes, *place, payload);
    }
    bytes
}

/// 30 minutes with 1 % loss, 40 ms of jitter (packets overtake each other), clocks 150 ppm apart, and a restarted
/// source: the channels stay in step, and nothing clicks.
#[test]
fn half_an_hour_over_a_bad_line_stays_in_step() {
    let bytes = impaired(1_800.0, 20_261_123);
    let found = heard(&bytes);
    let by_channel = [Channel::Received, Channel::Sent].map(|channel| {
        let samples = found.channel(channel);
        assert!(samples.len().abs_diff(1_800 * 8_000) < 1_600, "{}", samples.len());
        let (click, at) = worst_click(&samples);
        let near = &samples[at.saturating_sub(30)..(at + 30).min(samples.len())];
        println!("{channel:?}: largest step {click} times its neighbourhood, {:?}", found.stats[channel.index()]);
        assert!(click < CLICK, "{channel:?} clicks at sample {at}: {click}, {near:?}");
        // A packet stands where it came if nothing delayed it: 20 ms after its beginning.
        offsets(&samples, 160.0, 200)
    });
    let known: Vec<(f64, f64)> =
        by_channel[0].iter().zip(&by_channel[1]).filter_map(|(left, right)| left.zip(*right)).collect();
    assert!(known.len() > 1_500, "{} chirps were found in both", known.len());
    let worst = known.iter().map(|(left, right)| (left - right).abs()).fold(0.0, f64::max);
    assert!(worst <= 20.0, "out of step by {} ms", worst / 8.0);
    let off = known.iter().map(|(left, right)| left.abs().max(right.abs())).fold(0.0, f64::max);
    assert!(off <= 32.0, "off our clock by {} ms", off / 8.0);
    println!("out of step by {} ms at most, off our clock by {} ms", worst / 8.0, off / 8.0);
    for stats in found.stats {
        let lost = stats.missing as f64 / (stats.missing + stats.heard) as f64;
        assert!((0.008..0.012).contains(&lost), "{stats:?}");
        assert_eq!(stats.late, 0, "{stats:?}");
    }
}

/// The same without what `restore` does about clocks would be off by much more: the measure can fail.
#[test]
fn the_measure_sees_a_drift() {
    let line = Line { drift: 100e-6, jitter_ms: 0.0, loss: 0.0, restart: f64::INFINITY };
    let mut samples = Vec::new();
    for (_, _, payload) in side(Channel::Received, &line, 300.0, 1) {
        samples.extend(payload.iter().map(|byte| g711::decode_a(*byte)));
    }
    let found = offsets(&samples, 0.0, 400);
    let last = found.iter().rev().find_map(|offset| *offset).unwrap();
    assert!((last - 240.0).abs() < 4.0, "{last}");
    let mut clicks = samples[..16_000].to_vec();
    clicks[12_345] = clicks[12_345].saturating_add(6_000);
    let clean = worst_click(&samples).0;
    assert!(worst_click(&clicks).0 > CLICK && clean < CLICK, "{clean}");
}

/// One channel that says nothing does not make the other one wait in memory.
#[test]
fn a_silent_channel_holds_nothing_back() {
    let header = Header { form: segment::Form::New { both: true }, started_ms: 0 };
    let mut survey = Survey::default();
    let body = payload(1);
    let frame = |n: u32| Frame::Audio(place(n * 160, n * 160), &body);
    (0..10_000).for_each(|n| survey.take(frame(n)));
    let mut restorer = Restorer::new(header, &survey, G711::default);
    let (mut out, mut most, mut all) = (Vec::new(), 0, 0);
    for n in 0..10_000 {
        restorer.take(frame(n));
        restorer.drain(&mut out);
        most = most.max(restorer.tracks.iter().map(|track| track.out.len()).max().unwrap());
        all += out.len();
        out.clear();
    }
    restorer.finish();
    restorer.drain(&mut out);
    assert_eq!(all + out.len(), 2 * 1_600_000);
    assert!(most < 2_000, "{most} samples wait");
}
