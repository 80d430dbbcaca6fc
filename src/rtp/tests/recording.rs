use std::path::{Path, PathBuf};

use hotline_core::audio::g711;
use hotline_core::audio::restore::{self, G711, Sound};
use hotline_core::audio::segment::Channel;
use hotline_core::call::command::RecordLimits;
use hotline_core::fact::RecordingEnd;
use hotline_core::ids::RecordingId;

use super::*;
use crate::rtp::RecordRequest;

const LIMITS: RecordLimits = RecordLimits { max: Duration::from_mins(1), end_silence: None, no_speech: None };

fn request(folder: &Path, number: u128, limits: RecordLimits) -> RecordRequest {
    let recording = RecordingId(uuid::Uuid::from_u128(number));
    RecordRequest { recording, file: file(folder, number), limits, both: false }
}

fn file(folder: &Path, number: u128) -> PathBuf {
    folder.join(format!("{number}.seg"))
}

fn sound(folder: &Path, number: u128) -> Sound {
    restore::sound(&std::fs::read(file(folder, number)).unwrap(), G711::default).unwrap()
}

/// Says `count` frames at the pace of a phone, so that the recording's clock agrees with their timestamps.
fn talk(phone: &mut Phone, leg: &Leg, frames: std::ops::Range<u32>) {
    for n in frames {
        phone.say(leg, &frame(n));
        std::thread::sleep(Duration::from_millis(20));
    }
}

fn linear(frames: std::ops::Range<u32>) -> Vec<i16> {
    frames.flat_map(frame).map(g711::decode_a).collect()
}

#[test]
fn what_was_said_is_what_is_kept() {
    let folder = tempfile::tempdir().unwrap();
    let media = media(2, 1);
    let (mut line, mut phone) = connected(&media, Codec::Pcma);
    line.leg.record(request(folder.path(), 1, LIMITS));
    talk(&mut phone, &line.leg, 0..30);
    line.leg.stop_record(RecordingEnd::Key);
    let MediaEvent::RecordEnded { recording, duration, reason, .. } = line.event() else { panic!() };
    assert_eq!((recording.0.as_u128(), reason), (1, RecordingEnd::Key));
    assert_eq!(duration, Duration::from_millis(600));
    let sound = sound(folder.path(), 1);
    assert_eq!((sound.stats[0].missing, sound.torn_bytes, sound.dropped), (0, 0, 0));
    assert_eq!(sound.samples, linear(0..30));
    assert!(sound.header.started_ms > 1_700_000_000_000);
}

#[test]
fn the_file_grows_while_it_is_spoken_into() {
    let folder = tempfile::tempdir().unwrap();
    let media = media(2, 1);
    let (line, mut phone) = connected(&media, Codec::Pcma);
    line.leg.record(request(folder.path(), 1, LIMITS));
    let grown = (0..1_000).any(|n| {
        talk(&mut phone, &line.leg, n..n + 1);
        let kept = std::fs::read(file(folder.path(), 1)).unwrap_or_default();
        restore::sound(&kept, G711::default).is_ok_and(|sound| sound.samples.len() > 4_000 && sound.torn_bytes == 0)
    });
    assert!(grown, "as a crash would find it");
}

#[test]
fn who_is_only_recorded_is_sent_enough_to_keep_the_line_open_and_no_more() {
    let folder = tempfile::tempdir().unwrap();
    let media = media(2, 1);
    let (mut line, mut phone) = connected(&media, Codec::Pcmu);
    line.leg.record(request(folder.path(), 1, LIMITS));
    talk(&mut phone, &line.leg, 0..200);
    phone.socket.set_nonblocking(true).unwrap();
    let packet = |phone: &Phone| phone.socket.peek(&mut [0; 1]).is_ok().then(|| phone.hear());
    let heard: Vec<Packet> = std::iter::from_fn(|| packet(&phone)).collect();
    // Nine in four seconds, and what was sent before the order was there.
    assert!((7..=30).contains(&heard.len()), "{}", heard.len());
    assert!(heard.iter().all(|packet| is_quiet(Law::Mu, &packet.payload) && packet.payload.len() == 160));
    let steps: Vec<(u16, u32)> = heard
        .windows(2)
        .map(|two| (two[1].sequence.wrapping_sub(two[0].sequence), two[1].timestamp.wrapping_sub(two[0].timestamp)))
        .collect();
    assert!(steps.iter().all(|(number, _)| *number == 1), "nothing is lost");
    // Their time goes on as the clock does: 420 ms each.
    assert!(steps[steps.len() - 4..].iter().all(|(_, time)| (3_200..=6_000).contains(time)), "{steps:?}");
    line.leg.stop_record(RecordingEnd::Key);
    assert!(matches!(line.event(), MediaEvent::RecordEnded { .. }));
    phone.socket.set_nonblocking(false).unwrap();
    let again: Vec<Packet> = (0..12).map(|_| phone.hear()).collect();
    let last = again[11].timestamp.wrapping_sub(again[6].timestamp);
    assert_eq!(last, 5 * 160, "then a quiet line again, packet by packet");
}

#[test]
fn a_new_recording_ends_the_old_one_and_closing_ends_the_last() {
    let folder = tempfile::tempdir().unwrap();
    let media = media(2, 1);
    let (mut line, mut phone) = connected(&media, Codec::Pcma);
    line.leg.record(request(folder.path(), 1, LIMITS));
    talk(&mut phone, &line.leg, 0..5);
    line.leg.record(request(folder.path(), 2, LIMITS));
    let MediaEvent::RecordEnded { recording, .. } = line.event() else { panic!() };
    assert_eq!(recording.0.as_u128(), 1);
    talk(&mut phone, &line.leg, 5..10);
    let Line { leg, mut events } = line;
    drop(leg);
    let ended = events.blocking_recv().unwrap();
    let MediaEvent::RecordEnded { recording, reason, .. } = ended else { panic!() };
    assert_eq!((recording.0.as_u128(), reason), (2, RecordingEnd::CallEnded));
    let both = [sound(folder.path(), 1).samples, sound(folder.path(), 2).samples].concat();
    assert_eq!(both, linear(0..10));
}

#[test]
fn the_length_limit_and_silence_from_the_start_end_it() {
    let folder = tempfile::tempdir().unwrap();
    let media = media(2, 1);
    let (mut line, mut phone) = connected(&media, Codec::Pcma);
    line.leg.record(request(folder.path(), 1, RecordLimits { max: Duration::from_millis(110), ..LIMITS }));
    talk(&mut phone, &line.leg, 0..8);
    let MediaEvent::RecordEnded { duration, reason, .. } = line.event() else { panic!() };
    assert_eq!((duration, reason), (Duration::from_millis(110), RecordingEnd::MaxLength));
    let no_speech = Some(Duration::from_millis(300));
    line.leg.record(request(folder.path(), 2, RecordLimits { no_speech, ..LIMITS }));
    let MediaEvent::RecordEnded { speech, reason, .. } = line.event() else { panic!() };
    assert_eq!((speech, reason), (false, RecordingEnd::NoSpeech));
}

#[test]
fn stopping_media_closes_what_is_recorded() {
    let folder = tempfile::tempdir().unwrap();
    let media = media(2, 2);
    let (mut line, mut phone) = connected(&media, Codec::Pcma);
    line.leg.record(request(folder.path(), 1, LIMITS));
    talk(&mut phone, &line.leg, 0..4);
    media.stop();
    media.stop();
    let MediaEvent::RecordEnded { duration, reason, .. } = line.event() else { panic!() };
    assert_eq!((duration, reason), (Duration::from_millis(80), RecordingEnd::CallEnded));
    assert_eq!(sound(folder.path(), 1).samples.len(), 640);
    line.leg.record(request(folder.path(), 2, LIMITS));
    let MediaEvent::RecordEnded { reason, .. } = line.event() else { panic!() };
    assert_eq!(reason, RecordingEnd::Failed, "always answered");
}

#[test]
fn a_disk_that_takes_nothing_ends_as_failed_and_the_call_goes_on() {
    let media = media(2, 1);
    let (mut line, mut phone) = connected(&media, Codec::Pcma);
    let recording = RecordingId(uuid::Uuid::from_u128(9));
    line.leg.record(RecordRequest { recording, file: "/dev/full".into(), limits: LIMITS, both: false });
    talk(&mut phone, &line.leg, 0..3);
    let MediaEvent::RecordEnded { duration, reason, .. } = line.event() else { panic!() };
    assert_eq!((duration, reason), (Duration::ZERO, RecordingEnd::Failed));
    phone.hear();
}

#[test]
fn a_recording_before_connect_waits_for_it() {
    let folder = tempfile::tempdir().unwrap();
    let media = media(2, 1);
    let (mut line, mut phone) = (Line::open(&media), Phone::new(Codec::Pcmu));
    line.leg.record(request(folder.path(), 1, LIMITS));
    line.leg.connect(phone.remote());
    phone.hear();
    talk(&mut phone, &line.leg, 0..3);
    line.leg.stop_record(RecordingEnd::Key);
    let MediaEvent::RecordEnded { duration, .. } = line.event() else { panic!() };
    assert_eq!(duration, Duration::from_millis(60));
    let mu: Vec<i16> = (0..3).flat_map(frame).map(g711::decode_mu).collect();
    assert_eq!(sound(folder.path(), 1).samples, mu);
}

/// What the caller hears is recorded as it is sent: the engineer's relayed voice, and what we play.
#[test]
fn the_other_side_and_our_own_prompts_are_the_second_channel() {
    let folder = tempfile::tempdir().unwrap();
    let media = media(4, 1);
    let (mut caller, mut phone) = connected(&media, Codec::Pcma);
    let engineer = Line::open_near(&media, Some(&caller.leg));
    let mut other = Phone::new(Codec::Pcmu);
    engineer.leg.connect(other.remote());
    caller.leg.bridge(&engineer.leg);
    caller.leg.record(RecordRequest { both: true, ..request(folder.path(), 1, LIMITS) });
    for n in 0..25 {
        phone.say(&caller.leg, &frame(n));
        other.say(&engineer.leg, &frame(100 + n));
        std::thread::sleep(Duration::from_millis(20));
    }
    caller.leg.play(hotline_core::call::command::PlayId(1), vec![once(&clip(200))]);
    while !matches!(caller.event(), MediaEvent::PlayEnded { .. }) {}
    caller.leg.stop_record(RecordingEnd::Refused);
    let MediaEvent::RecordEnded { reason, .. } = caller.event() else { panic!() };
    assert_eq!(reason, RecordingEnd::Refused);
    let sound = sound(folder.path(), 1);
    let (left, right) = (sound.channel(Channel::Received), sound.channel(Channel::Sent));
    let holds = |channel: &[i16], piece: &[i16]| channel.windows(piece.len()).any(|window| window == piece);
    assert!(holds(&left, &linear(3..20)), "the caller is on the left");
    let relayed: Vec<i16> =
        (105..120).flat_map(frame).map(|byte| g711::decode_a(g711::MU_TO_A[usize::from(byte)])).collect();
    assert!(holds(&right, &relayed), "the engineer is on the right");
    let played: Vec<i16> =
        clip(200).payload(hotline_core::audio::Law::A)[160..1_280].iter().map(|byte| g711::decode_a(*byte)).collect();
    assert!(holds(&right, &played), "and what we play");
}
