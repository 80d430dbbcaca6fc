//! Conversations that a number records: what callers hear before, what comes of it, and what a refusal leaves.

use hotline::cli::handset::Handset;

use crate::child::Home;
use crate::harness::{Hotline, ended, kinds, tells};
use crate::{house, phone};

/// One engineer; the quick number records conversations.
fn recording() -> String {
    house::engineers(&[&["phone:ada"]]).replace("number = \"quick\"", "number = \"quick\"\nrecord_calls = true")
}

/// The caller has heard that it is recorded, and is with the engineer.
async fn talking(hotline: &Hotline, caller: &mut Handset, engineer: &mut Handset) -> anyhow::Result<()> {
    caller.dial(&phone::number(hotline, "quick")).await?;
    caller.press("2").await?;
    engineer.rings().await?;
    engineer.answer().await?;
    engineer.begins_to_hear("engineer-knock").await?;
    engineer.press("1").await?;
    engineer.begins_to_hear("engineer-call-from").await?;
    engineer.press("1").await?;
    engineer.waits_for("recording-engineer").await?;
    caller.waits_for("recording-caller").await?;
    hotline.call_when("inbound", |call| kinds(call).contains(&"recording-started")).await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn both_are_heard_afterwards_each_on_their_side() -> anyhow::Result<()> {
    let hotline = Hotline::start(&recording()).await;
    let mut ada = phone::engineer(&hotline, "ada").await?;
    let mut caller = phone::caller(&hotline).await?;
    talking(&hotline, &mut caller, &mut ada).await?;
    caller.say(phone::speech("what.wav")).await?;
    ada.say(phone::speech("who.wav")).await?;
    caller.hang_up().await?;
    ada.ends().await?;
    let call = hotline.call_when("inbound", ended("taken")).await;
    let recording = &call["recordings"][0];
    assert_eq!(
        (recording["kind"].as_str(), recording["channels"].as_u64()),
        (Some("conversation"), Some(2)),
        "{call:#}"
    );
    let url = format!("/api/v1/recordings/{}/audio", recording["id"].as_str().expect("an id"));
    let mut sound = Vec::new();
    for _ in 0..200 {
        let (status, bytes) = hotline.fetch(&url).await;
        if status == 200 {
            sound = bytes;
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    let mut wav = hound::WavReader::new(sound.as_slice())?;
    assert_eq!((wav.spec().channels, wav.spec().sample_rate), (2, 8_000));
    let samples: Vec<i16> = wav.samples().collect::<Result<_, _>>()?;
    let side = |which: usize| samples.iter().skip(which).step_by(2).copied().collect::<Vec<i16>>();
    let (left, right) = (side(0), side(1));
    for (file, own, other) in [("what.wav", &left, &right), ("who.wav", &right, &left)] {
        let said = phone::samples(&phone::speech(file));
        let (here, there) = (phone::likeness(&said, own).0, phone::likeness(&said, other).0);
        assert!(here > 0.8 && there < 0.5, "{file} is on the wrong side: {here}, {there}");
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_nine_in_the_middle_leaves_nothing() -> anyhow::Result<()> {
    let hotline = Hotline::start(&recording()).await;
    let mut ada = phone::engineer(&hotline, "ada").await?;
    let mut caller = phone::caller(&hotline).await?;
    talking(&hotline, &mut caller, &mut ada).await?;
    caller.say(phone::speech("what.wav")).await?;
    caller.press("9").await?;
    caller.waits_for("recording-off").await?;
    ada.waits_for("recording-off").await?;
    let call = hotline.call_when("inbound", |call| tells(call, "recording-ended")).await;
    assert!(tells(&call, "recording-refused"), "{call:#}");
    caller.hang_up().await?;
    ada.ends().await?;
    let call = hotline.call_when("inbound", ended("taken")).await;
    let recording = &call["recordings"][0];
    assert_eq!(recording["ended_because"], "refused", "{call:#}");
    assert!(recording["removed_at"].is_string() && recording["audio_url"].is_null(), "{call:#}");
    let id = recording["id"].as_str().expect("an id");
    let folder = hotline.data().join("recordings").join(&id[id.len() - 2..]);
    let left = || std::fs::read_dir(&folder).map_or(0, Iterator::count);
    for _ in 0..200 {
        if left() == 0 {
            return Ok(());
        }
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    panic!("{} files of a refused recording are there", left());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_kill_in_the_middle_leaves_both_sides() -> anyhow::Result<()> {
    let home = Home::new(&recording());
    let hotline = home.start().await;
    let mut ada = hotline.registered("ada", house::PASSWORD).await;
    let mut caller = hotline.phone("acme").await;
    caller.dial(&hotline.uri("quick")).await?;
    caller.press("2").await?;
    ada.rings().await?;
    ada.answer().await?;
    ada.begins_to_hear("engineer-knock").await?;
    ada.press("1").await?;
    ada.begins_to_hear("engineer-call-from").await?;
    ada.press("1").await?;
    caller.waits_for("recording-caller").await?;
    hotline.call_when("inbound", |call| kinds(call).contains(&"recording-started")).await;
    caller.say(crate::child::speech("what.wav")).await?;
    ada.say(crate::child::speech("who.wav")).await?;
    tokio::time::sleep(std::time::Duration::from_secs(1)).await;
    hotline.kill().await;

    let hotline = home.start().await;
    let call = hotline.call_when("inbound", |call| !call["outcome"].is_null()).await;
    let recording = &call["recordings"][0];
    assert_eq!(
        (recording["kind"].as_str(), recording["ended_because"].as_str()),
        (Some("conversation"), Some("recovered"))
    );
    let url = format!("/api/v1/recordings/{}/audio", recording["id"].as_str().expect("an id"));
    let (status, bytes) = hotline.fetch(&url, &[]).await;
    assert_eq!(status, 200);
    let mut wav = hound::WavReader::new(bytes.as_slice())?;
    let samples: Vec<i16> = wav.samples().collect::<Result<_, _>>()?;
    for (file, which) in [("what.wav", 0), ("who.wav", 1)] {
        let side: Vec<i16> = samples.iter().skip(which).step_by(2).copied().collect();
        let (likeness, _) = phone::likeness(&phone::samples(&phone::speech(file)), &side);
        assert!(likeness > 0.8, "{file}: {likeness}");
    }
    hotline.stop().await;
    Ok(())
}
