use hotline_core::call::command::PlayId;

use super::*;

const PLAY: PlayId = PlayId(3);

#[test]
fn plays_exactly_the_clip_and_says_when_it_is_out() {
    let media = media(2, 1);
    let (mut line, phone) = connected(&media, Codec::Pcma);
    let (first, second) = (clip(300), clip(140));
    line.leg.play(PLAY, vec![once(&first), once(&second)]);
    let mut heard = vec![phone.hear_sound()];
    while heard.len() < 22 {
        heard.push(phone.hear());
    }
    let want = [first.payload(Law::A), second.payload(Law::A)].concat();
    let got: Vec<u8> = heard.iter().flat_map(|packet| packet.payload.clone()).collect();
    assert_eq!(got, want, "15 and 7 frames without a gap");
    assert!(heard[0].marker, "a talk spurt begins");
    assert!(heard[1..].iter().all(|packet| !packet.marker));
    assert_eq!(line.event(), MediaEvent::PlayEnded { play: PLAY });
    let after = phone.hear();
    assert!(is_quiet(Law::A, &after.payload));
    assert_eq!(after.timestamp, heard[21].timestamp.wrapping_add(160));
}

#[test]
fn numbers_and_timestamps_never_jump_whether_it_plays_or_not() {
    let media = media(2, 1);
    let (mut line, phone) = connected(&media, Codec::Pcmu);
    let mut heard = vec![phone.hear()];
    assert!(heard[0].marker);
    for round in 0..3 {
        line.leg.play(PlayId(round), vec![once(&clip(50))]);
        assert_eq!(line.event(), MediaEvent::PlayEnded { play: PlayId(round) });
        heard.extend((0..5).map(|_| phone.hear()));
    }
    for pair in heard.windows(2) {
        assert_eq!(pair[1].sequence, pair[0].sequence.wrapping_add(1));
        assert_eq!(pair[1].timestamp.wrapping_sub(pair[0].timestamp), 160);
        assert_eq!(pair[1].ssrc, pair[0].ssrc);
    }
}

#[test]
fn stop_is_at_once_and_silent_about_it() {
    let media = media(2, 1);
    let (mut line, phone) = connected(&media, Codec::Pcma);
    line.leg.play(PLAY, vec![PlayItem { clip: clip(200), repeat: true }]);
    for _ in 0..15 {
        phone.hear_sound();
    }
    line.leg.stop_play();
    let silent = |packet: Packet| is_quiet(Law::A, &packet.payload);
    let sound = (0..200).take_while(|_| !silent(phone.hear())).count();
    // What was on the way when the order was given; a slow test machine reads late.
    assert!(sound < 100, "{sound} packets after the stop");
    line.no_event();
}

#[test]
fn a_play_before_connect_waits_and_a_new_play_replaces_the_old() {
    let media = media(2, 1);
    let (mut line, phone) = (Line::open(&media), Phone::new(Codec::Pcmu));
    let (old, new) = (clip(200), clip(100));
    line.leg.play(PlayId(1), vec![once(&old)]);
    line.leg.play(PlayId(2), vec![once(&new)]);
    line.leg.connect(phone.remote());
    assert_eq!(phone.hear().payload, new.payload(Law::Mu)[..160], "in the codec agreed on");
    assert_eq!(line.event(), MediaEvent::PlayEnded { play: PlayId(2) });
}

#[test]
fn frames_are_as_long_as_the_other_side_wants() {
    let media = media(2, 1);
    for (ptime_ms, bytes) in [(10, 80), (30, 240), (60, 480)] {
        let (line, phone) = (Line::open(&media), Phone::new(Codec::Pcma));
        line.leg.connect(Remote { ptime_ms, ..phone.remote() });
        let (one, two) = (phone.hear(), phone.hear());
        assert_eq!((one.payload.len(), two.payload.len()), (bytes, bytes));
        assert_eq!(two.timestamp.wrapping_sub(one.timestamp), bytes as u32);
    }
}

#[test]
fn a_side_that_holds_us_is_sent_nothing_until_it_takes_us_back() {
    let media = media(2, 1);
    let (mut line, phone) = connected(&media, Codec::Pcma);
    phone.hear();
    line.leg.connect(Remote { send: false, ..phone.remote() });
    line.leg.play(PLAY, vec![once(&clip(100))]);
    assert_eq!(line.event(), MediaEvent::PlayEnded { play: PLAY }, "it runs on unheard");
    // Whatever is in the socket now was sent before the hold.
    phone.socket.set_nonblocking(true).unwrap();
    let mut last = None;
    let mut buffer = [0; 2_048];
    while let Ok(length) = phone.socket.recv(&mut buffer) {
        last = Some(buffer[..length].to_vec());
    }
    assert!(last.is_none_or(|packet| is_quiet(Law::A, &packet[12..])), "the clip was not sent");
    phone.socket.set_nonblocking(false).unwrap();
    let sent = line.leg.quality().sent;
    line.leg.connect(phone.remote());
    // A packet is counted once it is sent: the first one is, when the second comes.
    phone.hear();
    phone.hear();
    assert!(line.leg.quality().sent > sent);
}

#[test]
fn keys_go_out_and_come_in_once_each() {
    let media = media(4, 2);
    let (mut a, mut b) = (Line::open(&media), Line::open(&media));
    a.leg.connect(remote(b.leg.local(), Codec::Pcmu));
    b.leg.connect(remote(a.leg.local(), Codec::Pcmu));
    a.leg.send_digits("1 2#*D");
    b.leg.send_digits("0");
    let heard: Vec<MediaEvent> = (0..5).map(|_| b.event()).collect();
    let want: Vec<MediaEvent> = "12#*D".chars().map(|digit| MediaEvent::Digit { digit }).collect();
    assert_eq!(heard, want);
    assert_eq!(a.event(), MediaEvent::Digit { digit: '0' });
    a.no_event();
}

#[test]
fn keys_have_the_timestamp_of_their_start_and_the_audio_goes_on_in_time() {
    let media = media(2, 1);
    let (line, phone) = connected(&media, Codec::Pcmu);
    phone.hear();
    line.leg.send_digits("5");
    let mut packets: Vec<Packet> = (0..40).map(|_| phone.hear()).collect();
    let first = packets.iter().position(|packet| packet.payload_type == 101).unwrap();
    packets.drain(..first);
    let (events, audio) = (&packets[..7], &packets[7..]);
    assert!(events.iter().all(|e| e.payload_type == 101 && e.timestamp == events[0].timestamp));
    assert_eq!(events.iter().filter(|e| e.marker).count(), 1);
    assert_eq!(events[6].payload, [5, 0x8a, 3, 32], "released after 800 samples");
    assert_eq!(audio[0].timestamp.wrapping_sub(events[0].timestamp), 7 * 160);
    assert!(packets.windows(2).all(|pair| pair[1].sequence == pair[0].sequence.wrapping_add(1)));
}

#[test]
fn strangers_are_dropped_and_a_tap_hears_the_locked_source_alone() {
    let media = media(2, 1);
    let (mut line, mut phone) = connected(&media, Codec::Pcma);
    let (sink, tapped) = crossbeam_channel::bounded(100);
    line.leg.tap(sink);
    let mut stranger = Phone::new(Codec::Pcma);
    for n in 0..10 {
        phone.say(&line.leg, &frame(n));
        let heard = tapped.recv_timeout(PATIENCE).unwrap();
        assert_eq!(heard.payload[..usize::from(heard.length)], frame(n));
        stranger.say(&line.leg, &[0x11; 160]);
        stranger.send(&line.leg, 101, 5, &[1, 0x80, 0, 160]);
    }
    phone.say(&line.leg, &frame(99));
    assert_eq!(
        tapped.recv_timeout(PATIENCE).unwrap().payload[..160],
        frame(99),
        "nothing of the stranger came between"
    );
    line.no_event();
    let quality = line.leg.quality();
    assert_eq!((quality.received, quality.strangers, quality.lost), (11, 20, 0));
    // Learned, it is also where we send to: the stranger hears nothing.
    stranger.socket.set_nonblocking(true).unwrap();
    assert!(stranger.socket.recv(&mut [0; 2_048]).is_err());
    stranger.socket.set_nonblocking(false).unwrap();
    line.leg.connect(Remote { address: stranger.address(), ..phone.remote() });
    stranger.hear();
}

#[test]
fn we_send_to_where_packets_really_come_from() {
    let media = media(2, 1);
    let (line, mut natted) = (Line::open(&media), Phone::new(Codec::Pcma));
    let announced = Phone::new(Codec::Pcma);
    line.leg.connect(announced.remote());
    announced.hear();
    natted.say(&line.leg, &frame(1));
    natted.hear();
}

#[test]
fn a_closed_leg_is_silent_and_its_port_rests() {
    let media = media(2, 1);
    let (line, phone) = connected(&media, Codec::Pcma);
    phone.hear();
    let port = line.leg.local().port();
    drop(line);
    // The socket is closed when another one can have its port; until then the lane has not got to the order.
    let freed = (0..2_000).any(|_| {
        std::thread::sleep(Duration::from_millis(5));
        UdpSocket::bind((Ipv4Addr::LOCALHOST, port)).is_ok()
    });
    assert!(freed);
    let next = Line::open(&media);
    assert_ne!(next.leg.local().port(), port, "the fresh pair comes first");
}
