//! How a call sounded is on its record; a key that is only sound counts, and so does a mailbox's beep as a hint.

use std::f32::consts::TAU;
use std::path::Path;

use crate::harness::{Hotline, ended, kinds, tells};
use crate::{house, phone};

/// A WAV at 8 kHz of stretches: frequencies (none: silence) and how long, ms.
fn wav(file: &Path, stretches: &[(&[f32], usize)]) {
    let spec = hound::WavSpec {
        channels: 1,
        sample_rate: 8_000,
        bits_per_sample: 16,
        sample_format: hound::SampleFormat::Int,
    };
    let mut writer = hound::WavWriter::create(file, spec).expect("a file");
    for (frequencies, ms) in stretches {
        for n in 0..ms * 8 {
            let wave = frequencies.iter().map(|hz| (TAU * hz / 8_000.0 * n as f32).sin() * 5_000.0).sum::<f32>();
            writer.write_sample(wave as i16).expect("a sample");
        }
    }
    writer.finalize().expect("a file");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_is_only_sound_chooses_and_the_record_says_how_it_sounded() -> anyhow::Result<()> {
    let toml = house::one_engineer().replace("account = \"ada\"\n", "account = \"ada\"\ninband_digits = \"always\"\n");
    let hotline = Hotline::start(&toml).await;
    let mut caller = phone::engineer(&hotline, "ada").await?;
    let three = hotline.data().join("three.wav");
    wav(&three, &[(&[], 300), (&[697.0, 1_477.0], 120), (&[], 300)]);
    caller.dial(&phone::number(&hotline, "quick")).await?;
    hotline.call_when("inbound", |call| tells(call, "offers a choice")).await;
    caller.say(&three).await?;
    hotline.call_when("inbound", |call| kinds(call).contains(&"recording-started")).await;
    caller.say(phone::speech("message.wav")).await?;
    caller.ends().await?;
    let call = hotline.call_when("inbound", ended("voicemail")).await;
    let quality = &call["legs"][0]["quality"];
    assert!(quality["received"].as_u64().is_some_and(|packets| packets > 100), "{call:#}");
    assert!(quality["sent"].as_u64().is_some_and(|packets| packets > 100), "{call:#}");
    assert!(quality["mos_heard"].as_f64().is_some_and(|score| score > 4.0), "{call:#}");
    assert!(quality["words"].as_str().is_some_and(|words| words.starts_with("good")), "{call:#}");
    assert!(tells(&call, "Sound of the caller's line"), "{call:#}");
    // The phone is one of ours and sends reports: how we sounded there.
    assert!(quality["mos_there"].as_f64().is_some_and(|score| score > 4.0), "{call:#}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mailbox_that_answers_is_noted_and_takes_nothing() -> anyhow::Result<()> {
    let hotline = Hotline::start(&house::one_engineer()).await;
    let mut engineer = phone::engineer(&hotline, "ada").await?;
    let mut caller = phone::caller(&hotline).await?;
    let beep = hotline.data().join("beep.wav");
    wav(&beep, &[(&[], 600), (&[1_000.0], 480), (&[], 600)]);
    caller.dial(&phone::number(&hotline, "quick")).await?;
    caller.press("2").await?;
    engineer.rings().await?;
    engineer.answer().await?;
    engineer.say(phone::speech("who.wav")).await?;
    engineer.say(&beep).await?;
    let noted = |call: &serde_json::Value| tells(call, "sounds like a mailbox: ");
    let call = hotline.call_when("inbound", noted).await;
    assert!(!kinds(&call).contains(&"leg-accepted"), "{call:#}");
    caller.hang_up().await?;
    hotline.call_when("inbound", |call| !call["ended_at"].is_null()).await;
    Ok(())
}
