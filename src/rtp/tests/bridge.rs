use hotline_core::audio::g711;
use hotline_core::call::command::PlayId;

use super::*;

/// Two bridged legs, their phones, and media with one lane or two.
fn bridged(lanes: usize, codecs: (Codec, Codec)) -> (Media, [Line; 2], [Phone; 2]) {
    let media = media(4, lanes);
    let (a, phone_a) = connected(&media, codecs.0);
    let (b, phone_b) = connected(&media, codecs.1);
    phone_a.hear();
    phone_b.hear();
    a.leg.bridge(&b.leg);
    (media, [a, b], [phone_a, phone_b])
}

/// The sound that reaches `to` when `from` says `frames` frames into `leg`.
fn carry(from: &mut Phone, leg: &Leg, to: &Phone, frames: std::ops::Range<u32>) -> Vec<Packet> {
    frames
        .map(|n| {
            from.say(leg, &frame(n));
            to.hear_sound()
        })
        .collect()
}

#[test]
fn what_one_says_the_other_hears_both_ways_on_one_lane_and_on_two() {
    for lanes in [1, 2] {
        let (_media, [a, b], [mut phone_a, mut phone_b]) = bridged(lanes, (Codec::Pcmu, Codec::Pcmu));
        let heard = carry(&mut phone_a, &a.leg, &phone_b, 0..20);
        for (n, packet) in heard.iter().enumerate() {
            assert_eq!(packet.payload, frame(n as u32));
            assert_eq!(packet.sequence, heard[0].sequence.wrapping_add(n as u16));
            assert_eq!(packet.timestamp, heard[0].timestamp.wrapping_add(n as u32 * 160));
            assert_ne!(packet.ssrc, 0x1234_5678, "our own source");
        }
        assert!(heard[0].marker);
        let back = carry(&mut phone_b, &b.leg, &phone_a, 0..5);
        assert_eq!(back[4].payload, frame(4));
    }
}

#[test]
fn the_laws_are_turned_into_each_other() {
    let (_media, [a, b], [mut phone_a, mut phone_b]) = bridged(1, (Codec::Pcmu, Codec::Pcma));
    let to_a: Vec<u8> = frame(1).iter().map(|byte| g711::MU_TO_A[usize::from(*byte)]).collect();
    let heard = carry(&mut phone_a, &a.leg, &phone_b, 1..2);
    assert_eq!((heard[0].payload_type, &heard[0].payload), (8, &to_a));
    let to_mu: Vec<u8> = frame(1).iter().map(|byte| g711::A_TO_MU[usize::from(*byte)]).collect();
    let heard = carry(&mut phone_b, &b.leg, &phone_a, 1..2);
    assert_eq!((heard[0].payload_type, &heard[0].payload), (0, &to_mu));
}

#[test]
fn keys_are_events_and_leave_no_hole_in_what_is_relayed() {
    let (_media, [mut a, b], [mut phone_a, phone_b]) = bridged(1, (Codec::Pcmu, Codec::Pcmu));
    let before = carry(&mut phone_a, &a.leg, &phone_b, 0..1);
    for end in [0, 0, 0x80, 0x80] {
        phone_a.send(&a.leg, 101, 77, &[3, end, 0, 160]);
    }
    let after = carry(&mut phone_a, &a.leg, &phone_b, 1..2);
    assert_eq!(a.event(), MediaEvent::Digit { digit: '3' });
    assert_eq!(after[0].sequence, before[0].sequence.wrapping_add(1));
    drop(b);
}

#[test]
fn a_loss_before_us_stays_visible_behind_us_and_sizes_pass_through() {
    let (_media, [a, _b], [mut phone_a, phone_b]) = bridged(1, (Codec::Pcmu, Codec::Pcmu));
    let before = carry(&mut phone_a, &a.leg, &phone_b, 0..1);
    phone_a.sequence = phone_a.sequence.wrapping_add(1);
    phone_a.timestamp = phone_a.timestamp.wrapping_add(160);
    phone_a.say(&a.leg, &frame(2)[..80]);
    let after = phone_b.hear_sound();
    assert_eq!(after.payload, frame(2)[..80]);
    assert_eq!(after.sequence, before[0].sequence.wrapping_add(2));
    assert_eq!(after.timestamp, before[0].timestamp.wrapping_add(320));
}

#[test]
fn reports_on_the_media_port_are_no_audio_and_leave_no_hole() {
    let (media, [a, _b], [mut phone_a, phone_b]) = bridged(1, (Codec::Pcmu, Codec::Pcmu));
    let before = carry(&mut phone_a, &a.leg, &phone_b, 0..1);
    // A sender report, and a goodbye; nobody agreed to have them here.
    for report in [&[0x80, 200, 0, 6][..], &[0x81, 203, 0, 1]] {
        let mut report = report.to_vec();
        report.resize(4 * (1 + usize::from(report[3])), 0);
        phone_a.socket.send_to(&report, a.leg.local()).unwrap();
    }
    let after = carry(&mut phone_a, &a.leg, &phone_b, 1..2);
    assert_eq!(after[0].sequence, before[0].sequence.wrapping_add(1));
    assert_eq!((media.counters().rtcp_strangers, media.counters().malformed), (2, 0));
}

#[test]
fn a_payload_type_that_looks_like_a_report_is_audio_where_it_was_agreed_on() {
    let (media, [a, b], [mut phone_a, phone_b]) = bridged(1, (Codec::Pcmu, Codec::Pcmu));
    // 72 with the marker bit is a sender report's first byte.
    a.leg.connect(Remote { receive_payload_type: 72, ..phone_a.remote() });
    let header = |sequence: u8| [0x80, 0xc8, 0, sequence, 0, 0, 0, 160, 0, 0, 0, 9];
    for sequence in 0..2 {
        let packet = [&header(sequence)[..], &frame(3)].concat();
        phone_a.socket.send_to(&packet, a.leg.local()).unwrap();
        assert_eq!(phone_b.hear_sound().payload, frame(3));
    }
    phone_a.say(&a.leg, &frame(4));
    assert_eq!(media.counters().rtcp_strangers, 0);
    drop(b);
}

/// The peer's encoder goes on, and so must what its decoder hears.
#[test]
fn a_refreshed_session_leaves_what_is_relayed_untouched() {
    let (_media, [a, b], [mut phone_a, phone_b]) = bridged(1, (Codec::G722, Codec::G722));
    for n in [5, 6] {
        phone_a.say(&a.leg, &frame(n));
        assert!((0..20).any(|_| phone_b.hear().payload == frame(n)), "{n}");
        b.leg.connect(phone_b.remote());
    }
}

#[test]
fn a_source_that_begins_anew_is_joined_on() {
    let (_media, [a, _b], [mut phone_a, phone_b]) = bridged(1, (Codec::Pcmu, Codec::Pcmu));
    let before = carry(&mut phone_a, &a.leg, &phone_b, 0..1);
    phone_a.timestamp = phone_a.timestamp.wrapping_add(1_000_000_000);
    let after = carry(&mut phone_a, &a.leg, &phone_b, 1..2);
    assert!(after[0].timestamp.wrapping_sub(before[0].timestamp) < 8_000 * 60, "time goes on, no jump of days");
    assert_eq!(after[0].sequence, before[0].sequence.wrapping_add(1));
    assert!(after[0].marker);
}

#[test]
fn a_prompt_goes_before_and_unbridge_ends_both_ways() {
    let (_media, [mut a, b], [mut phone_a, mut phone_b]) = bridged(1, (Codec::Pcmu, Codec::Pcmu));
    carry(&mut phone_a, &a.leg, &phone_b, 0..2);
    a.leg.play(PlayId(1), vec![once(&clip(60))]);
    assert_eq!(a.event(), MediaEvent::PlayEnded { play: PlayId(1) });
    assert_eq!(phone_a.hear_sound().payload, clip(60).payload(Law::Mu)[..160]);
    b.leg.unbridge();
    // The order is carried out when its leg answers in silence again; then nothing is relayed either way.
    let silence = |packet: &Packet| is_quiet(Law::Mu, &packet.payload);
    while !silence(&phone_a.hear()) || !silence(&phone_b.hear()) {}
    phone_a.say(&a.leg, &frame(1));
    phone_b.say(&b.leg, &frame(1));
    let heard: Vec<Packet> = (0..5).flat_map(|_| [phone_a.hear(), phone_b.hear()]).collect();
    assert!(heard.iter().all(silence));
}

#[test]
fn a_leg_whose_peer_is_gone_goes_on_with_silence() {
    let (_media, [a, b], [mut phone_a, phone_b]) = bridged(2, (Codec::Pcmu, Codec::Pcmu));
    carry(&mut phone_a, &a.leg, &phone_b, 0..2);
    drop(a);
    let packet = phone_b.hear();
    assert!(is_quiet(Law::Mu, &packet.payload));
    drop(b);
}
