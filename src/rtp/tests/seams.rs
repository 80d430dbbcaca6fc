//! What a caller hears where one sound ends and another begins: no gap, no click, no dead line; and how soon a key stops
//! a prompt.

use std::path::Path;

use hotline_core::audio::{g711, level::rms_dbfs};
use hotline_core::call::command::PlayId;

use super::stage::{Party, Sound, Stage, Tone};
use super::*;

/// A recording of ours.
fn ours(name: &str) -> Arc<Clip> {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("audio").join(name);
    let mut wav = hound::WavReader::open(&file).unwrap();
    assert_eq!((wav.spec().sample_rate, wav.spec().channels), (Clip::RATE_HZ, 1));
    Arc::new(Clip::new(wav.samples().map(Result::unwrap).collect()))
}

fn heard(sounds: &[Sound]) -> Vec<u8> {
    sounds.iter().flat_map(|sound| sound.packet.payload.clone()).collect()
}

/// The largest step from one sample to the next.
fn steepest(samples: &[i16]) -> u16 {
    samples.windows(2).map(|pair| pair[0].abs_diff(pair[1])).max().unwrap()
}

fn decoded(law: Law, payload: &[u8]) -> Vec<i16> {
    payload.iter().map(|byte| g711::decode(law, *byte)).collect()
}

#[test]
fn prompts_join_without_gap_or_click_and_the_music_into_itself() {
    let (first, second, music) = (ours("en/greeting.wav"), ours("en/menu.wav"), ours("music.wav"));
    for (codec, law) in [(Codec::Pcmu, Law::Mu), (Codec::Pcma, Law::A)] {
        let mut stage = Stage::new(2);
        let mut caller = stage.party(codec, 20, Tone::SILENT);
        let clips = [first.payload(law), second.payload(law), music.payload(law)];
        let [one, two, loops] = clips.each_ref().map(|clip| clip.len());
        let again = PlayItem { clip: Arc::clone(&music), repeat: true };
        caller.leg().play(PlayId(1), vec![once(&first), once(&second), again]);
        let length = one + two + loops + 24_000;
        stage.talk((length / 8) as u64, &mut [&mut caller]);
        let begin = caller.heard.iter().position(|sound| !is_quiet(law, &sound.packet.payload)).unwrap();
        // The first frames of a recording may be quieter than a quiet line: its first packet is that of the talk spurt.
        let begin = caller.heard[..=begin].iter().rposition(|sound| sound.packet.marker).unwrap();
        let sounds = &caller.heard[begin..];
        for pair in sounds.windows(2) {
            assert_eq!(pair[1].packet.timestamp.wrapping_sub(pair[0].packet.timestamp), 160, "no gap");
            assert_eq!(pair[1].packet.sequence, pair[0].packet.sequence.wrapping_add(1));
            assert!(pair[1].ms - pair[0].ms == 20, "every 20 ms");
        }
        let heard = heard(sounds);
        let want: Vec<u8> =
            clips[0].iter().chain(clips[1].iter()).chain(clips[2].iter().cycle()).take(heard.len()).copied().collect();
        assert!(heard.len() > one + two + loops + 16_000);
        assert!(heard == want, "each clip to its last sample, and the next from its first");
        let samples = decoded(law, &heard);
        for (seam, from, to) in [(one, 0, one + two), (one + two, one, length), (one + two + loops, one + two, length)]
        {
            let around = steepest(&samples[seam - 80..seam + 80]);
            let within = steepest(&samples[from..seam - 80]).max(steepest(&samples[seam + 80..to.min(samples.len())]));
            assert!(around <= within, "{codec:?}: a step of {around} at a seam, {within} within the clips");
        }
    }
}

#[test]
fn behind_a_prompt_the_line_is_quiet_and_not_dead() {
    let mut stage = Stage::new(2);
    let mut caller = stage.party(Codec::Pcmu, 20, Tone::SILENT);
    let prompt = ours("en/greeting.wav");
    caller.leg().play(PlayId(1), vec![once(&prompt)]);
    stage.talk(prompt.duration().as_millis() as u64 + 1_200, &mut [&mut caller]);
    let samples = decoded(Law::Mu, &heard(&caller.heard));
    let noise = &samples[samples.len() - 8_000..];
    let level = rms_dbfs(noise);
    assert!((-63.0..-56.0).contains(&level), "{level} dB");
    for piece in noise.chunks(160) {
        assert!(rms_dbfs(piece) > -66.0, "a dead piece");
    }
    let join = prompt.payload(Law::Mu).len();
    let around = steepest(&samples[samples.len() - 9_600..]);
    assert!(around <= steepest(&decoded(Law::Mu, &prompt.payload(Law::Mu))), "{around} behind {join} samples");
}

/// Packets of the prompt that were sent from that moment on.
fn left(caller: &Party, from: u64) -> usize {
    caller.since(from).iter().filter(|sound| !is_quiet(Law::Mu, &sound.packet.payload)).count()
}

#[test]
fn a_key_stops_a_prompt_before_its_next_packet() {
    // Wherever in a frame the key comes.
    for offset in 0..10 {
        let mut stage = Stage::new(2);
        let mut caller = stage.party(Codec::Pcmu, 20, Tone::SILENT);
        caller.leg().play_until_key(PlayId(1), vec![PlayItem { clip: clip(400), repeat: true }]);
        stage.talk(300, &mut [&mut caller]);
        stage.pass(offset);
        caller.listen(stage.ms());
        let pressed = stage.ms();
        assert!(left(&caller, 100) > 5, "it plays");
        let (phone, leg) = (&caller.phone, &caller.line.leg);
        let key = RtpPacketBuilder::new()
            .payload_type(101)
            .ssrc(0x1234_5678)
            .sequence(phone.sequence.into())
            .timestamp(phone.timestamp)
            .marked(true)
            .payload(&[5, 0x0a, 0, 160])
            .build()
            .unwrap();
        stage.arrives(leg, || {
            phone.socket.send_to(&key, leg.local()).unwrap();
        });
        assert_eq!(caller.line.event(), MediaEvent::Digit { digit: '5' }, "its first packet counts");
        stage.talk(200, &mut [&mut caller]);
        assert_eq!(
            left(&caller, pressed),
            0,
            "packets of the prompt after the key, pressed {} ms into a frame",
            offset * 2
        );
    }
}

#[test]
fn a_key_that_is_only_sound_stops_a_prompt_within_three_packets() {
    for offset in 0..10 {
        let mut stage = Stage::new(2);
        let mut caller = stage.party(Codec::Pcmu, 20, Tone::SILENT);
        caller.leg().listen_for_keys(hotline_core::dtmf::InBand::Always);
        caller.leg().connect(caller.phone.remote());
        caller.leg().play_until_key(PlayId(1), vec![PlayItem { clip: clip(400), repeat: true }]);
        stage.talk(300, &mut [&mut caller]);
        stage.pass(offset);
        caller.listen(stage.ms());
        // The tones of a 6 for 100 ms, packet by packet as they come.
        let key: Vec<u8> = (0..800)
            .map(|n| f64::from(n) / 8_000.0 * std::f64::consts::TAU)
            .map(|t| ((770.0 * t).sin() + (1_477.0 * t).sin()) * 5_000.0)
            .map(|sample| g711::encode(Law::Mu, sample as i16))
            .collect();
        let mut heard_at = None;
        let pressed = stage.ms();
        for packet in key.chunks(160) {
            // It is here when it was spoken to its end.
            stage.pass(10);
            let (phone, leg) = (&mut caller.phone, &caller.line.leg);
            stage.arrives(leg, || phone.say(leg, packet));
            caller.listen(stage.ms());
            if heard_at.is_none() && caller.line.events.try_recv() == Ok(MediaEvent::Tone { digit: '6' }) {
                heard_at = Some(stage.ms());
            }
        }
        let heard_at = heard_at.expect("the key is heard");
        assert!(heard_at - pressed <= 60, "heard after {} ms", heard_at - pressed);
        stage.talk(200, &mut [&mut caller]);
        assert_eq!(left(&caller, heard_at), 0);
        assert!(left(&caller, pressed) <= 3, "{} packets", left(&caller, pressed));
    }
}
