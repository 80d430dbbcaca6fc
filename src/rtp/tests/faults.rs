use hotline_core::call::command::{PlayId, RecordLimits};
use hotline_core::fact::RecordingEnd;
use hotline_core::ids::RecordingId;

use super::*;
use crate::rtp::RecordRequest;
use crate::rtp::lane::Order;

#[test]
fn a_fault_ends_its_leg_alone() {
    let media = media(4, 1);
    let (mut bad, _phone) = connected(&media, Codec::Pcma);
    let (mut good, good_phone) = connected(&media, Codec::Pcma);
    bad.leg.order(Order::Fault(bad.leg.key));
    assert!(matches!(bad.event(), MediaEvent::Failed { .. }));
    let heard: Vec<Packet> = (0..5).map(|_| good_phone.hear()).collect();
    assert_eq!(heard[4].sequence, heard[0].sequence.wrapping_add(4));
    good.no_event();
    assert_eq!(media.counters().faults, 1);
}

#[test]
fn a_fault_of_the_lane_keeps_its_calls() {
    let media = media(2, 1);
    let (mut line, mut phone) = connected(&media, Codec::Pcma);
    let before = phone.hear();
    line.leg.order(Order::LaneFault);
    let heard: Vec<Packet> = (0..30).map(|_| phone.hear()).collect();
    assert_eq!(heard[29].sequence, before.sequence.wrapping_add(30));
    assert_eq!(heard[29].ssrc, before.ssrc);
    phone.send(&line.leg, 101, 9, &[7, 0, 0, 160]);
    assert_eq!(line.event(), MediaEvent::Digit { digit: '7' });
}

#[test]
fn bridge_prompt_and_recording_survive_a_lane_that_fails_again_and_again() {
    let media = media(6, 1);
    let folder = tempfile::tempdir().unwrap();
    let (a, mut phone_a) = connected(&media, Codec::Pcma);
    let (b, phone_b) = connected(&media, Codec::Pcma);
    let (mut c, mut phone_c) = connected(&media, Codec::Pcma);
    phone_b.hear();
    a.leg.bridge(&b.leg);
    c.leg.play(PlayId(1), vec![PlayItem { clip: clip(500), repeat: true }]);
    let recording = RecordingId(uuid::Uuid::from_u128(3));
    let limits = RecordLimits { max: Duration::from_mins(1), end_silence: None, no_speech: None };
    c.leg.record(RecordRequest { recording, file: folder.path().join("c.seg"), limits, both: false });
    for round in 1..6 {
        a.leg.order(Order::LaneFault);
        phone_a.say(&a.leg, &frame(round));
        assert_eq!(phone_b.hear_sound().payload, frame(round));
        phone_c.say(&c.leg, &frame(round));
        phone_c.hear_sound();
    }
    assert_eq!(media.counters().faults, 5);
    // A key comes after what was said before it; then all of it is in the recording.
    phone_c.send(&c.leg, 101, 9, &[7, 0, 0, 160]);
    assert_eq!(c.event(), MediaEvent::Digit { digit: '7' });
    c.leg.stop_record(RecordingEnd::Key);
    let MediaEvent::RecordEnded { reason, duration, .. } = c.event() else { panic!("the recording's end") };
    assert_eq!((reason, duration), (RecordingEnd::Key, Duration::from_millis(100)));
}

#[test]
fn a_lane_that_cannot_keep_up_refuses_orders_and_tells_but_loses_no_end() {
    let media = media(3, 1);
    let (mut line, phone) = connected(&media, Codec::Pcma);
    let doomed = Line::open(&media);
    phone.hear();
    let (go, held) = crossbeam_channel::bounded(0);
    line.leg.order(Order::Stall(held));
    while media.counters().orders_refused == 0 {
        line.leg.send_digits("");
    }
    assert!(matches!(line.event(), MediaEvent::Failed { .. }));
    let (sender, _events) = mpsc::channel(1);
    assert!(media.open(sender).is_err(), "a call is refused rather than left without sound");
    drop(doomed);
    drop(go);
    let before = phone.hear();
    assert_eq!(phone.hear().ssrc, before.ssrc);
    // One pair is free, the second only when the closed leg is gone.
    let mut legs = Vec::new();
    for _ in 0..2_000 {
        legs.extend(media.open(mpsc::channel(1).0).ok());
        if legs.len() == 2 {
            return;
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    panic!("the leg that was closed while the queue was full is still open");
}

#[test]
fn garbage_is_counted_and_harmless() {
    let media = media(2, 1);
    let (mut line, mut phone) = connected(&media, Codec::Pcma);
    let header = [0x80, 8, 0, 1, 0, 0, 0, 1, 0, 0, 0, 1];
    let long = [&header[..], &[0; 1_500]].concat();
    let padded = [0xa0, 8, 0, 1, 0, 0, 0, 1, 0, 0, 0, 1, 255];
    let extended = [0x9f, 101, 0, 1, 0, 0, 0, 1, 0, 0, 0, 1];
    let pieces: [&[u8]; 7] = [b"", b"\0", b"OPTIONS sip:x SIP/2.0", &[0xff; 200], &long, &padded, &extended];
    for piece in pieces {
        phone.socket.send_to(piece, line.leg.local()).unwrap();
    }
    phone.send(&line.leg, 101, 9, &[1]);
    phone.send(&line.leg, 101, 10, &[4, 0, 0, 160]);
    assert_eq!(line.event(), MediaEvent::Digit { digit: '4' });
    assert!(media.counters().malformed >= 5);
    assert_eq!(media.counters().faults, 0);
}

#[test]
fn a_full_event_channel_is_counted_and_blocks_nothing() {
    let media = media(2, 1);
    let (sender, mut events) = mpsc::channel(1);
    let leg = media.open(sender).unwrap();
    let mut phone = Phone::new(Codec::Pcma);
    leg.connect(phone.remote());
    phone.hear();
    for n in 0..4 {
        phone.send(&leg, 101, 1_000 + n * 1_000, &[n as u8, 0x80, 0, 160]);
    }
    let counted = (0..2_000).any(|_| {
        std::thread::sleep(Duration::from_millis(5));
        media.counters().events_dropped == 3
    });
    assert!(counted);
    assert_eq!(events.try_recv().unwrap(), MediaEvent::Digit { digit: '0' });
}

#[test]
fn no_port_is_an_error_that_names_the_range() {
    let media = media(1, 1);
    let _line = Line::open(&media);
    let (sender, _events) = mpsc::channel(1);
    let error = media.open(sender).unwrap_err().to_string();
    assert!(error.contains("HOTLINE_RTP_PORTS"), "{error}");
}
