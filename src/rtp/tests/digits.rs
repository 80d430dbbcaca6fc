//! Keys as phones send them: by telephone event, as sound, both, and many phones at once.

use hotline_core::dtmf;

use super::*;

const KEYS: &str = "1598*473620#";

/// The two tones of a key.
fn pair(key: char) -> [f64; 2] {
    let rows = ["123A", "456B", "789C", "*0#D"];
    let row = rows.iter().position(|row| row.contains(key)).unwrap();
    [[697.0, 770.0, 852.0, 941.0][row], [1_209.0, 1_336.0, 1_477.0, 1_633.0][rows[row].find(key).unwrap()]]
}

/// Keys as sound, 60 ms each with 60 ms between, in packets.
fn sound(keys: &str, codec: Codec) -> Vec<Vec<u8>> {
    let wave = |key: char, n: usize| {
        let tone = |hz: f64| (std::f64::consts::TAU * hz / 8_000.0 * n as f64).sin() * 5_000.0;
        pair(key).map(tone).iter().sum::<f64>() as i16
    };
    let mut samples = vec![0; 800];
    for key in keys.chars() {
        samples.extend((0..480).map(|n| wave(key, n)));
        samples.extend([0; 480]);
    }
    crate::codec::tests::packets(codec, &samples)
}

fn pressed(line: &mut Line, count: usize) -> (String, String) {
    let (mut events, mut tones) = (String::new(), String::new());
    while events.len() + tones.len() < count {
        let event = line.event();
        if let MediaEvent::Digit { digit } = event {
            events.push(digit);
        } else if let MediaEvent::Tone { digit } = event {
            tones.push(digit);
        } else {
            panic!("{event:?}");
        }
    }
    (events, tones)
}

#[test]
fn keys_as_sound_are_heard_where_no_events_were_agreed_on() {
    for codec in Codec::ALL {
        let media = media(2, 1);
        let (mut line, mut phone) = (Line::open(&media), Phone::new(codec));
        line.leg.connect(Remote { events: None, ..phone.remote() });
        for packet in sound(KEYS, codec) {
            phone.say(&line.leg, &packet);
        }
        assert_eq!(pressed(&mut line, KEYS.len()), (String::new(), KEYS.to_owned()));
    }
}

#[test]
fn whether_sound_is_listened_to_can_be_set() {
    for (how, heard) in [(dtmf::InBand::Auto, ""), (dtmf::InBand::Never, ""), (dtmf::InBand::Always, "42")] {
        let media = media(2, 1);
        let (mut line, mut phone) = (Line::open(&media), Phone::new(Codec::Pcma));
        line.leg.listen_for_keys(how);
        line.leg.connect(phone.remote());
        for packet in sound("42", Codec::Pcma) {
            phone.say(&line.leg, &packet);
        }
        // An event behind it says when all was heard.
        phone.send(&line.leg, 101, phone.timestamp.wrapping_add(80_000), &[9, 0x80, 0, 160]);
        assert_eq!(pressed(&mut line, heard.len() + 1), ("9".to_owned(), heard.to_owned()), "{how:?}");
    }
}

#[test]
fn a_key_by_event_and_as_sound_counts_once() {
    let media = media(2, 1);
    let (mut line, mut phone) = (Line::open(&media), Phone::new(Codec::Pcmu));
    line.leg.listen_for_keys(dtmf::InBand::Always);
    line.leg.connect(phone.remote());
    // The gateway leaves the sound in and sends events beside it, from the second packet of each key on.
    for (n, packet) in sound("5577", Codec::Pcmu).into_iter().enumerate() {
        let begin = phone.timestamp;
        phone.say(&line.leg, &packet);
        let within = n.saturating_sub(5) % 6;
        if n >= 5 && within < 3 {
            let from = begin.wrapping_sub(within as u32 * 160);
            let code = if n < 17 { 5 } else { 7 };
            let duration = 160 * (within as u16 + 1);
            let event = dtmf::TelephoneEvent { code, end: within == 2, volume: 10, duration };
            phone.send(&line.leg, 101, from, &event.write());
        }
    }
    phone.send(&line.leg, 101, phone.timestamp.wrapping_add(80_000), &[9, 0x80, 0, 160]);
    let (mut all, mut last) = (String::new(), ' ');
    while last != '9' {
        let event = line.event();
        let (MediaEvent::Digit { digit } | MediaEvent::Tone { digit }) = event else { panic!("{event:?}") };
        last = digit;
        all.push(last);
    }
    assert_eq!(all, "55779");
}

#[test]
fn a_hundred_callers_press_at_once_and_all_is_right() {
    let media = media(100, 2);
    let mut callers: Vec<(Line, Phone, String)> = (0..100)
        .map(|n| {
            let (line, phone) = connected(&media, Codec::Pcma);
            let keys: String = (0..8).map(|k| char::from(KEYS.as_bytes()[(n * 5 + k * 7) % KEYS.len()])).collect();
            (line, phone, keys)
        })
        .collect();
    for press in 0..8_u32 {
        // Each key is four packets and three ends; they come interleaved, and every fifth caller loses some.
        for part in 0..7_u16 {
            for (n, (line, phone, keys)) in callers.iter_mut().enumerate() {
                let code = dtmf::code_of(keys.chars().nth(press as usize).unwrap()).unwrap();
                let event =
                    dtmf::TelephoneEvent { code, end: part >= 4, volume: 10, duration: 160 * (part.min(4) + 1) };
                if n % 5 != 0 || part % 3 != 1 {
                    phone.send(&line.leg, 101, 1_000 + press * 1_600, &event.write());
                }
            }
        }
    }
    for (line, _, keys) in &mut callers {
        assert_eq!(pressed(line, 8), (keys.clone(), String::new()));
        line.no_event();
    }
    assert_eq!(media.counters().events_dropped, 0);
}
