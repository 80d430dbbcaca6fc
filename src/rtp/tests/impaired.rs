//! A conversation over bad lines, recorded: real sockets, real lanes, a relay that loses, delays and shuffles packets.
//! `HOTLINE_RELAY_SECONDS` makes it longer than the few seconds that every run can afford.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::f64::consts::{PI, TAU};
use std::time::Instant;

use hotline_core::audio::g711;
use hotline_core::audio::restore::{self, G711, Stats};
use hotline_core::audio::segment::Channel;
use hotline_core::call::command::RecordLimits;
use hotline_core::fact::RecordingEnd;
use hotline_core::ids::{IdSource, RecordingId};

use super::*;
use crate::rtp::RecordRequest;

/// Of packets.
const LOSS: f64 = 0.01;
const JITTER: Duration = Duration::from_millis(40);

fn seconds() -> u32 {
    std::env::var("HOTLINE_RELAY_SECONDS").ok().and_then(|seconds| seconds.parse().ok()).unwrap_or(8)
}

/// What both say at a moment (seconds): a swelling tone, and a chirp at each whole second.
fn said(at: f64) -> f64 {
    let since = at - at.floor();
    let chirp = if since < 0.05 {
        (since / 0.05 * PI).sin() * (TAU * (500.0 + 20_000.0 * since) * since).sin() * 7_000.0
    } else {
        0.0
    };
    (at * 900.0).sin() * 1_500.0 * (at * 3.0).sin() + chirp
}

/// A phone whose clock is off, behind a line that loses and delays: speaks until the end, from its own socket to `to`.
fn speak(to: SocketAddr, line: UdpSocket, drift: f64, seed: u64, began: Instant) -> std::thread::JoinHandle<()> {
    let mut dice = IdSource::new(seed);
    let mut unit = move || (dice.next_u64() >> 11) as f64 / (1_u64 << 53) as f64;
    std::thread::spawn(move || {
        let rate = 8_000.0 * (1.0 + drift);
        let mut waiting: BinaryHeap<Reverse<(Instant, u32)>> = BinaryHeap::new();
        let packets = (f64::from(seconds()) * rate / 160.0) as u32;
        let mut next = 0;
        while next < packets || !waiting.is_empty() {
            let spoken = began + Duration::from_secs_f64(f64::from(next + 1) * 160.0 / rate);
            let arrives = waiting.peek().map(|Reverse((at, _))| *at);
            let now = crate::clock::now().mono;
            if next < packets && spoken <= now {
                if unit() >= LOSS {
                    waiting.push(Reverse((spoken + JITTER.mul_f64(unit()), next)));
                }
                next += 1;
            } else if let Some(Reverse((_, number))) = waiting.pop_if_due(now) {
                let begins = f64::from(number) * 160.0 / rate;
                let payload: Vec<u8> =
                    (0..160).map(|i| g711::encode_a(said(begins + f64::from(i) / rate) as i16)).collect();
                let packet = RtpPacketBuilder::new()
                    .payload_type(8)
                    .ssrc(seed as u32)
                    .sequence((number as u16).into())
                    .timestamp(number.wrapping_mul(160).wrapping_add(4_294_900_000))
                    .payload(&payload)
                    .build()
                    .unwrap();
                line.send_to(&packet, to).unwrap();
            } else {
                let until = if next < packets { arrives.map_or(spoken, |at| at.min(spoken)) } else { arrives.unwrap() };
                std::thread::sleep(until.saturating_duration_since(now));
            }
        }
    })
}

trait PopIfDue {
    fn pop_if_due(&mut self, now: Instant) -> Option<Reverse<(Instant, u32)>>;
}

impl PopIfDue for BinaryHeap<Reverse<(Instant, u32)>> {
    fn pop_if_due(&mut self, now: Instant) -> Option<Reverse<(Instant, u32)>> {
        if self.peek().is_some_and(|Reverse((at, _))| *at <= now) { self.pop() } else { None }
    }
}

/// Where the chirp of this second stands in a channel, samples after `second`; `None`: it is not whole.
fn chirp_at(samples: &[i16], second: usize) -> Option<i64> {
    let chirp: Vec<f64> = (0..400).map(|i| said(f64::from(i) / 8_000.0)).collect();
    let energy: f64 = chirp.iter().map(|value| value * value).sum();
    let from = second * 8_000;
    let alike = |at: usize| {
        let piece = samples.get(from + at..from + at + 400)?;
        Some(piece.iter().zip(&chirp).map(|(a, b)| f64::from(*a) * b).sum::<f64>() / energy)
    };
    let best = (0..2_400).filter_map(|at| Some((alike(at)?, at))).max_by(|a, b| a.0.total_cmp(&b.0))?;
    (best.0 > 0.8).then_some(best.1 as i64)
}

#[test]
fn both_sides_of_a_conversation_stay_in_step_over_bad_lines() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("talk.seg");
    let media = media(4, 1);
    let mut caller = Line::open(&media);
    let engineer = Line::open_near(&media, Some(&caller.leg));
    let lines = [0, 1].map(|_| UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap());
    for (leg, line) in [(&caller.leg, &lines[0]), (&engineer.leg, &lines[1])] {
        leg.connect(remote(line.local_addr().unwrap(), Codec::Pcma));
    }
    caller.leg.bridge(&engineer.leg);
    let limits = RecordLimits { max: Duration::from_hours(1), end_silence: None, no_speech: None };
    let recording = RecordingId(uuid::Uuid::from_u128(1));
    caller.leg.record(RecordRequest { recording, file: file.clone(), limits, both: true });
    let began = crate::clock::now().mono + Duration::from_millis(100);
    let [one, two] = lines;
    let talk = [
        speak(caller.leg.local(), one, 100e-6, 20_261_123, began),
        speak(engineer.leg.local(), two, -50e-6, 20_261_124, began),
    ];
    for phone in talk {
        phone.join().unwrap();
    }
    caller.leg.stop_record(RecordingEnd::CallEnded);
    let MediaEvent::RecordEnded { speech, .. } = caller.event() else { panic!() };
    assert!(speech);
    let sound = restore::sound(&std::fs::read(&file).unwrap(), G711::default).unwrap();
    assert_eq!((sound.header.channels(), sound.dropped, sound.torn_bytes), (2, 0, 0));
    let [left, right] = [Channel::Received, Channel::Sent].map(|channel| sound.channel(channel));
    assert!(left.len() >= (seconds() as usize - 1) * 8_000, "{} samples", left.len());
    let both = |second| Some((chirp_at(&left, second)?, chirp_at(&right, second)?));
    let found: Vec<(i64, i64)> = (0..seconds() as usize).filter_map(both).collect();
    assert!(found.len() * 2 > seconds() as usize, "{} chirps in both channels", found.len());
    let worst = found.iter().map(|(left, right)| (left - right).abs()).max().unwrap();
    println!(
        "{} seconds, {} chirps, out of step by {} ms at most; {:?}",
        seconds(),
        found.len(),
        worst as f64 / 8.0,
        sound.stats
    );
    assert!(worst <= 160, "out of step by {} ms", worst as f64 / 8.0);
    for Stats { heard, missing, .. } in sound.stats {
        assert!(missing * 20 < heard, "{missing} of {heard} samples are missing");
    }
}
