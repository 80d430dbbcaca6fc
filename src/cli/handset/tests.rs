//! Two phones call each other: the engine on real sockets, no hotline between.

use std::path::{Path, PathBuf};

use hotline_core::audio::Law;
use hotline_core::fact::LegCause;

use super::*;

/// A sound like speech in that no two parts of it are alike, as a WAV.
fn sound(folder: &Path, name: &str, seed: u32, seconds: f64) -> (PathBuf, Heard) {
    let file = folder.join(format!("{name}.wav"));
    let spec = hound::WavSpec {
        channels: 1,
        sample_rate: 16_000,
        bits_per_sample: 16,
        sample_format: hound::SampleFormat::Int,
    };
    let mut out = hound::WavWriter::create(&file, spec).expect("the folder can be written");
    let (mut state, mut level) = (seed, 0.0);
    for _ in 0..(seconds * 16_000.0) as usize {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        // Noise with the heights taken off.
        level = 0.7 * level + 0.3 * (f64::from(state >> 16) - 32_768.0) * 0.5;
        out.write_sample(level as i16).expect("the disk has room");
    }
    out.finalize().expect("the disk has room");
    (file, Heard { prompt: name.to_owned(), language: "en".to_owned() })
}

async fn phone(name: &str, prompts: &Arc<KnownPrompts>) -> Handset {
    let server = "127.0.0.1:5060".parse().expect("an address");
    let settings = HandsetSettings::new(server, name, Arc::clone(prompts));
    Handset::start(settings).await.expect("a phone can be switched on")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_phones_talk() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let (greeting, heard) = sound(folder.path(), "greeting", 1, 1.5);
    let (menu, menu_heard) = sound(folder.path(), "menu", 2, 1.0);
    let clips = [(&greeting, heard), (&menu, menu_heard)];
    let clips = clips.map(|(file, heard)| (heard, Arc::new(load_wav(file).expect("a WAV"))));
    let prompts = Arc::new(KnownPrompts::from_clips(clips.into()));
    let mut engineer = phone("engineer", &prompts).await;
    let mut caller = phone("caller", &prompts).await;

    caller.call(&format!("sip:engineer@{}", engineer.local())).expect("it calls");
    let ring = engineer.rings().await.expect("it rings");
    assert_eq!(ring.caller.as_ref().map(|caller| caller.reveal().as_str()), Some("caller"));
    engineer.answer().await.expect("it is answered");
    caller.connected().await.expect("the caller sees that");

    let kept = folder.path().join("kept.wav");
    caller.record(&kept).expect("it records");
    engineer.say(&greeting).await.expect("it speaks");
    caller.hears("greeting").await.expect("the greeting is heard");
    caller.waits_for_quiet().await.expect("then it is quiet");
    caller.press("1#").await.expect("keys are pressed");
    assert_eq!(engineer.gets_digit().await.expect("a key"), '1');
    assert_eq!(engineer.gets_digit().await.expect("a key"), '#');
    caller.say(&menu).await.expect("the caller speaks too");
    engineer.hears("menu").await.expect("and is heard");
    let unexpected = engineer.say(&menu).await.map(|()| caller.hears("greeting")).expect("it speaks").await;
    assert!(matches!(unexpected, Err(HandsetError::Unexpected { heard, .. }) if heard == "menu"));

    let length = caller.stop_record().await.expect("the recording is whole");
    assert!(length > Duration::from_millis(2_500), "{length:?}");
    let samples: Vec<i16> =
        hound::WavReader::open(&kept).expect("a WAV").samples().map(|sample| sample.expect("a sample")).collect();
    assert_eq!(samples.len() as u128, length.as_micros() / 125);
    assert!(samples.iter().any(|sample| sample.unsigned_abs() > 1_000), "the greeting is in it");

    assert_eq!(caller.hang_up().await.expect("it ends"), LegCause::Released);
    assert_eq!(engineer.ends().await.expect("it ends"), LegCause::HungUp);
    let quality = caller.line().expect("the last call").quality();
    assert!(quality.received > 100 && quality.lost == 0, "{quality:?}");
    caller.stop().await;
    engineer.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_call_at_a_time() {
    let prompts = Arc::new(KnownPrompts::none());
    let mut engineer = phone("engineer", &prompts).await;
    let (mut first, mut second) = (phone("first", &prompts).await, phone("second", &prompts).await);
    let uri = format!("sip:engineer@{}", engineer.local());

    first.call(&uri).expect("it calls");
    engineer.rings().await.expect("it rings");
    second.call(&uri).expect("it calls");
    assert_eq!(second.ends().await.expect("it ends"), LegCause::Busy);
    engineer.refuse(603).expect("it rings");
    assert_eq!(first.ends().await.expect("it ends"), LegCause::Rejected { status: 603 });

    // A caller who gives up, and then the next one.
    first.call(&uri).expect("it calls");
    engineer.rings().await.expect("it rings");
    first.hang_up().await.expect("it ends");
    engineer.ends().await.expect("it ends");
    second.call(&uri).expect("it calls");
    engineer.rings().await.expect("it rings again");
    engineer.answer().await.expect("it is answered");
    second.connected().await.expect("the caller sees that");
    engineer.hang_up().await.expect("it ends");
    assert_eq!(second.ends().await.expect("it ends"), LegCause::HungUp);
    for phone in [engineer, first, second] {
        phone.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_script_is_followed() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let (greeting, heard) = sound(folder.path(), "greeting", 3, 1.0);
    let (reply, reply_heard) = sound(folder.path(), "reply", 4, 0.8);
    let clips = [(&greeting, heard), (&reply, reply_heard)];
    let clips = clips.map(|(file, heard)| (heard, Arc::new(load_wav(file).expect("a WAV"))));
    let prompts = Arc::new(KnownPrompts::from_clips(clips.into()));
    let (mut engineer, mut caller) = (phone("engineer", &prompts).await, phone("caller", &prompts).await);
    let plays = [format!("{}@+0.3s", reply.display())];
    let plan = act::Plan::new(Some("1@greeting~,#@greeting,7@reply"), &plays, &prompts).expect("it is right");

    caller.call(&format!("sip:engineer@{}", engineer.local())).expect("it calls");
    engineer.rings().await.expect("it rings");
    let (outcome, ()) = tokio::join!(
        async { act::act(caller.line().expect("a call"), &plan, &mut act::Keyboard::none()).await },
        async {
            engineer.answer().await.expect("it is answered");
            engineer.hears("reply").await.expect("the caller speaks by itself");
            engineer.say(&greeting).await.expect("it speaks");
            assert_eq!(engineer.gets_digit().await.expect("a key"), '1');
            assert_eq!(engineer.gets_digit().await.expect("a key"), '#');
            engineer.hang_up().await.expect("it ends");
        },
    );
    assert_eq!(outcome.cause, LegCause::HungUp);
    assert_eq!(outcome.unheard, ["press 7 after reply"], "{}", outcome.summary());
    assert_eq!(outcome.code(), 4);
    caller.stop().await;
    engineer.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn registers_and_is_called() {
    use crate::sip::{Dial, LegEvent, PhoneAccount};
    use hotline_core::directory::Destination;
    use hotline_core::ids::PhoneId;

    let account = PhoneAccount { password: Private::from("right") };
    let (calls, _unused) = mpsc::channel(1);
    let registrar = Sip::start(
        SipSettings {
            listen: "127.0.0.1:0".parse().expect("an address"),
            public_host: None,
            open: false,
            strangers: Strangers::Forbid,
            realm: "hotline".to_owned(),
            phones: [(PhoneId::from("engineer-1"), account)].into(),
            trunks: std::collections::BTreeMap::new(),
            requests_per_second: 1_000,
        },
        calls,
    )
    .await
    .expect("a registrar");
    let prompts = Arc::new(KnownPrompts::none());
    let settings = HandsetSettings::new(registrar.local(), "engineer-1", prompts);
    let stranger = Handset::start(settings.clone()).await.expect("a phone");
    stranger.register("engineer-1", Private::from("wrong")).await.expect_err("the password is wrong");
    let mut engineer = Handset::start(settings).await.expect("a phone");
    engineer.register("engineer-1", Private::from("right")).await.expect("it registers");

    let (_media, _events, local) = engineer.open_media().expect("a port");
    let mut leg = registrar.dial(Dial {
        destination: Destination::Phone(PhoneId::from("engineer-1")),
        offer: sdp::offer(&local),
        display_name: Some("Hotline".to_owned()),
    });
    let ring = engineer.rings().await.expect("it rings");
    assert_eq!(ring.display_name.as_ref().map(|name| name.reveal().as_str()), Some("Hotline"));
    engineer.answer().await.expect("it is answered");
    let mut answered = false;
    while let Some(event) = leg.events.recv().await {
        answered |= matches!(event, LegEvent::Answered(_));
        if answered {
            break;
        }
    }
    assert!(answered);
    leg.control.order(LegOrder::HangUp);
    assert_eq!(engineer.ends().await.expect("it ends"), LegCause::HungUp);
    engineer.stop().await;
    stranger.stop().await;
    registrar.stop().await;
}

#[test]
fn the_command_lines_are_sound() {
    use clap::Args as _;
    crate::cli::call::CallArgs::augment_args(clap::Command::new("call")).debug_assert();
    crate::cli::phone::PhoneArgs::augment_args(clap::Command::new("phone")).debug_assert();
}

/// What the hotline really says, in both codecs: each prompt, digit, the music and the beep.
#[test]
fn every_prompt_is_recognised() {
    let data = tempfile::tempdir().expect("a temporary folder");
    let prompts = KnownPrompts::load(data.path()).expect("the prompts can be read");
    let mut faults = Vec::new();
    for (codec, law) in [(Codec::Pcmu, Law::Mu), (Codec::Pcma, Law::A)] {
        for (heard, clip) in prompts.sounds() {
            let mut stream = vec![0xd5; 77];
            stream.extend_from_slice(&clip.payload(law));
            stream.extend([0xd5; 3_200]);
            let mut ear = ear::Ear::new(prompts.index(codec));
            let mut noticed = Vec::new();
            for (number, packet) in stream.chunks(160).enumerate() {
                let position = number as u64 * 160;
                noticed.extend(ear.listen(position, packet, Duration::from_millis(position / 8)));
            }
            let named = |names: &Arc<[Heard]>| names.iter().any(|name| name.prompt == heard.prompt);
            let fine = match noticed.as_slice() {
                [ear::Notice::Starts(first), ear::Notice::Ends(second)] => named(first) && named(second),
                _ => false,
            };
            if !fine {
                faults.push(format!("{} ({}) in {}: {noticed:?}", heard.prompt, heard.language, codec.name()));
            }
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}
