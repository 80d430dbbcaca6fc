//! Nobody hears what is not meant for them: strangers before and after the lock, spoofed sources, streams that change,
//! late packets of an ended call on a port that is used again.

use hotline_core::audio::restore::{self, G711};
use hotline_core::call::command::RecordLimits;
use hotline_core::fact::RecordingEnd;
use hotline_core::ids::RecordingId;

use super::*;
use crate::rtp::RecordRequest;

fn until(what: &str, mut done: impl FnMut() -> bool) {
    let done = (0..4_000).any(|_| {
        std::thread::sleep(Duration::from_millis(5));
        done()
    });
    assert!(done, "{what}");
}

/// Records `leg`, lets `deed` happen, and gives what was recorded: the frames' payload.
fn recorded(line: &mut Line, file: &std::path::Path, deed: impl FnOnce(&mut Line)) -> Vec<u8> {
    let recording = RecordingId(uuid::Uuid::from_u128(5));
    let limits = RecordLimits { max: Duration::from_mins(1), end_silence: None, no_speech: None };
    line.leg.record(RecordRequest { recording, file: file.to_owned(), limits, both: false });
    deed(line);
    line.leg.stop_record(RecordingEnd::Key);
    while !matches!(line.event(), MediaEvent::RecordEnded { .. }) {}
    std::fs::read(file).unwrap()
}

/// How often the recording holds a sound that `frame(n)` is.
fn holds(bytes: &[u8], n: u32) -> bool {
    let wanted = frame(n);
    bytes.windows(wanted.len()).any(|window| window == wanted)
}

#[test]
fn a_stranger_after_the_lock_is_neither_recorded_nor_relayed_nor_obeyed() {
    let folder = tempfile::tempdir().unwrap();
    let media = media(4, 1);
    let (mut line, mut phone) = connected(&media, Codec::Pcma);
    let (other, other_phone) = connected(&media, Codec::Pcma);
    phone.hear();
    other_phone.hear();
    line.leg.bridge(&other.leg);
    let mut stranger = Phone::new(Codec::Pcma);
    let file = folder.path().join("a.seg");
    let bytes = recorded(&mut line, &file, |line| {
        phone.say(&line.leg, &frame(1));
        assert_eq!(other_phone.hear_sound().payload, frame(1));
        for n in 0..30 {
            stranger.say(&line.leg, &frame(100 + n));
            stranger.send(&line.leg, 101, 900 + n, &[1, 0x80, 0, 160]);
        }
        phone.say(&line.leg, &frame(2));
        assert_eq!(other_phone.hear_sound().payload, frame(2), "nothing of the stranger came between");
    });
    assert!(holds(&bytes, 1) && holds(&bytes, 2));
    assert!((100..130).all(|n| !holds(&bytes, n)));
    assert!(restore::sound(&bytes, G711::default).is_ok());
    let quality = line.leg.quality();
    assert_eq!((quality.received, quality.lost, quality.strangers), (2, 0, 60));
    line.no_event();
    // What we send still goes to the phone.
    phone.hear();
}

#[test]
fn a_stranger_before_the_lock_has_no_say_once_the_phone_comes() {
    let media = media(4, 1);
    let (mut line, mut phone) = connected(&media, Codec::Pcma);
    let (other, other_phone) = connected(&media, Codec::Pcma);
    other_phone.hear();
    line.leg.bridge(&other.leg);
    let mut stranger = Phone::new(Codec::Pcma);
    stranger.send(&line.leg, 101, 9, &[1, 0x80, 0, 160]);
    stranger.say(&line.leg, &frame(100));
    phone.say(&line.leg, &frame(1));
    until("the phone is heard", || line.leg.quality().received == 3);
    for n in 0..20 {
        stranger.say(&line.leg, &frame(101 + n));
    }
    until("the stranger is counted", || line.leg.quality().strangers == 20);
    let heard = (0..2).map(|_| other_phone.hear_sound().payload).collect::<Vec<_>>();
    // One packet from before may have come through; it is a port's first, and anybody's.
    assert!(heard.contains(&frame(1)), "the phone is what is heard from then on");
    line.no_event();
    // We send to the phone and not to whom came first.
    phone.hear();
}

#[test]
fn a_spoofed_source_with_another_payload_or_stream_presses_nothing_and_a_new_stream_is_heard() {
    let media = media(4, 1);
    let (mut line, mut phone) = connected(&media, Codec::Pcma);
    let (other, other_phone) = connected(&media, Codec::Pcma);
    phone.hear();
    other_phone.hear();
    line.leg.bridge(&other.leg);
    phone.say(&line.leg, &frame(1));
    assert_eq!(other_phone.hear_sound().payload, frame(1));
    // The right address with what was not agreed on: unknown types, comfort noise, garbage.
    for payload_type in [0, 3, 13, 18, 96, 127] {
        phone.send(&line.leg, payload_type, 5, &frame(100));
    }
    for piece in [&[0x80, 8][..], &[0x80; 11], &[0xbf; 20], b"\x80\xc8\0\x01\0\0\0\0"] {
        phone.socket.send_to(piece, line.leg.local()).unwrap();
    }
    // The phone begins anew under another name, as phones do behind a transfer.
    let packet = RtpPacketBuilder::new()
        .payload_type(8)
        .ssrc(0x9999_0001)
        .sequence(40_000.into())
        .timestamp(7)
        .payload(&frame(2))
        .build()
        .unwrap();
    phone.socket.send_to(&packet, line.leg.local()).unwrap();
    assert_eq!(other_phone.hear_sound().payload, frame(2), "nothing came between");
    let quality = line.leg.quality();
    assert_eq!((quality.lost, quality.strangers), (0, 0));
    assert_eq!(media.counters().faults, 0);
    line.no_event();
}

#[test]
fn only_signalling_makes_a_leg_hear_another_address() {
    let media = media(2, 1);
    let (mut line, mut phone) = connected(&media, Codec::Pcma);
    phone.say(&line.leg, &frame(1));
    until("it is heard", || line.leg.quality().received == 1);
    let mut moved = Phone::new(Codec::Pcma);
    moved.send(&line.leg, 101, 9, &[1, 0x80, 0, 160]);
    until("a stranger", || line.leg.quality().strangers == 1);
    line.leg.connect(moved.remote());
    moved.hear();
    moved.send(&line.leg, 101, 5_000, &[2, 0x80, 0, 160]);
    assert_eq!(line.event(), MediaEvent::Digit { digit: '2' });
    // And the old one is the stranger now.
    phone.send(&line.leg, 101, 9_000, &[3, 0x80, 0, 160]);
    until("the old one is a stranger", || line.leg.quality().strangers == 2);
    line.no_event();
}

/// A session refreshed, a call held: the same address is told again.
#[test]
fn who_is_heard_stays_who_is_heard_while_signalling_names_nobody_else() {
    let media = media(2, 1);
    let (line, mut phone) = connected(&media, Codec::Pcma);
    phone.say(&line.leg, &frame(1));
    until("it is heard", || line.leg.quality().received == 1);
    let mut stranger = Phone::new(Codec::Pcma);
    line.leg.connect(phone.remote());
    // Both orders are carried out one after the other.
    stranger.say(&line.leg, &frame(50));
    until("a stranger", || line.leg.quality().strangers == 1);
    phone.say(&line.leg, &frame(2));
    until("the phone", || line.leg.quality().received == 2);
    assert_eq!(line.leg.quality().strangers, 1);
}

#[test]
fn late_packets_of_an_ended_call_are_not_heard_in_the_next_on_its_port() {
    let folder = tempfile::tempdir().unwrap();
    // One port pair alone: the next call must take it although it has not rested.
    let media = media(1, 1);
    let (line, mut late) = connected(&media, Codec::Pcma);
    late.say(&line.leg, &frame(1));
    until("it is heard", || line.leg.quality().received == 1);
    let address = line.leg.local();
    drop(line);
    let mut next = None;
    until("the port is free again", || {
        // The old call's phone never stops sending.
        let packet = [&[0x80, 8, 0, 9, 0, 0, 0, 1, 0x12, 0x34, 0x56, 0x78][..], &frame(50)].concat();
        late.socket.send_to(&packet, address).unwrap();
        let (sender, events) = mpsc::channel(64);
        next = media.open(sender).ok().map(|leg| Line { leg, events });
        next.is_some()
    });
    let mut line = next.unwrap();
    assert_eq!(line.leg.local(), address);
    let mut phone = Phone::new(Codec::Pcma);
    // Between opening and answering, and on.
    late.say(&line.leg, &frame(60));
    line.leg.connect(phone.remote());
    phone.hear();
    phone.say(&line.leg, &frame(2));
    until("the new phone is heard", || line.leg.quality().received >= 1);
    assert_eq!(line.leg.quality().received, 1, "and nobody before it");
    let bytes = recorded(&mut line, &folder.path().join("b.seg"), |line| {
        let before = line.leg.quality().received;
        for n in 0..30 {
            late.say(&line.leg, &frame(70 + n));
            late.send(&line.leg, 101, 40_000 + n * 900, &[9, 0x80, 0, 160]);
            phone.say(&line.leg, &frame(3 + n));
        }
        until("all of the new phone came", || line.leg.quality().received >= before + 30);
    });
    assert!(holds(&bytes, 3) && holds(&bytes, 32));
    assert!((50..100).all(|n| n <= 32 || !holds(&bytes, n)), "nothing of the old call");
    line.no_event();
}
