//! Phones that speak Opus and G.722: what they hear is whole, and whom they are put through to may speak anything else.

use std::path::PathBuf;

use hotline::cli::handset::log::Happening;
use hotline_core::audio::Codec;
use hotline_core::audio::resample::resample;

use crate::baresip::Baresip;
use crate::harness::{Hotline, ended, kinds, tells};
use crate::{house, phone};

/// A prompt as it is recorded, 8 kHz.
fn prompt(name: &str) -> Vec<i16> {
    let file = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(format!("audio/en/{name}.wav"));
    let mut reader = hound::WavReader::open(&file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
    let samples: Vec<i16> = reader.samples().map(|sample| sample.expect("a sample")).collect();
    resample(&samples, reader.spec().sample_rate, 8_000)
}

fn rms(samples: &[i16]) -> f64 {
    let sum: f64 = samples.iter().map(|sample| f64::from(*sample).powi(2)).sum();
    (sum / samples.len().max(1) as f64).sqrt()
}

/// The prompt is there: as loud as it is, nothing cut off, no hole in it.
fn heard_whole(said: &[i16], heard: &[i16]) {
    let (likeness, begin) = phone::likeness(said, heard);
    assert!(likeness > 0.8, "the prompt is not there: {likeness}");
    let begin = usize::try_from(begin).expect("its beginning was heard");
    let heard = &heard[begin..(begin + said.len()).min(heard.len())];
    let change = 20.0 * (rms(heard) / rms(&said[..heard.len()])).log10();
    assert!(change.abs() < 2.0, "its level has changed by {change:.1} dB");
    let clipped = heard.iter().filter(|sample| sample.unsigned_abs() >= 32_700).count();
    assert!(clipped < 8, "{clipped} samples are clipped");
    // Within 40 ms of speech something is to be heard.
    for (n, (said, heard)) in said.chunks_exact(320).zip(heard.chunks_exact(320)).enumerate() {
        assert!(rms(said) < 600.0 || rms(heard) > 40.0, "a hole at {} ms", n * 40);
    }
}

/// A call by a phone that speaks `codec` alone, put through to an engineer who speaks `engineers` alone. What each
/// says the other hears, and the caller has heard the prompt.
async fn talk(codec: &str, name: &str, engineers: Codec) -> anyhow::Result<()> {
    let hotline = Hotline::start(&house::one_engineer()).await;
    let mut ada = phone::speaking(&hotline, "ada", vec![engineers]).await?;
    ada.register("ada", house::PASSWORD.to_owned().into()).await?;
    let mut caller = Baresip::caller_in(codec, &phone::speech("message.wav")).await;
    caller.dial(&phone::number(&hotline, "quick")).await;
    let menu = prompt("menu");
    tokio::time::sleep(std::time::Duration::from_millis(menu.len() as u64 / 8 + 600)).await;
    caller.press('2').await;
    ada.rings().await?;
    ada.answer().await?;
    hotline.call_when("inbound", |call| kinds(call).contains(&"leg-answered")).await;
    ada.press("1").await?;
    hotline.call_when("inbound", |call| tells(call, "engineer-1 listens")).await;
    ada.press("1").await?;
    hotline.call_when("inbound", |call| kinds(call).contains(&"bridged")).await;
    let file = hotline.data().join("heard.wav");
    ada.record(&file)?;
    ada.say(phone::speech("who.wav")).await?;
    tokio::time::sleep(std::time::Duration::from_secs(5)).await;
    ada.stop_record().await?;
    let answered = ada
        .line()?
        .log
        .entries()
        .into_iter()
        .any(|entry| matches!(entry.happening, Happening::Answered { codec } if codec == engineers));
    assert!(answered, "the engineer speaks {engineers:?}");
    let (likeness, _) = phone::likeness(&phone::samples(&phone::speech("message.wav")), &phone::samples(&file));
    assert!(likeness > 0.8, "the engineer did not hear the caller: {likeness}");
    caller.hang_up().await;
    ada.ends().await?;
    let call = hotline.call_when("inbound", ended("taken")).await;
    let words = |leg: usize| call["legs"][leg]["quality"]["words"].as_str().unwrap_or_default().to_owned();
    assert!(words(0).ends_with(name) && words(1).ends_with(engineers.name()), "{call:#}");
    let heard = caller.heard();
    heard_whole(&menu, &heard);
    let (likeness, _) = phone::likeness(&phone::samples(&phone::speech("who.wav")), &heard);
    assert!(likeness > 0.8, "the caller did not hear the engineer: {likeness}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_caller_in_opus_talks_with_an_engineer_in_g711() -> anyhow::Result<()> {
    talk("opus/48000/2", "opus", Codec::Pcma).await
}

/// The engineer's keys are events at the clock of Opus.
#[tokio::test(flavor = "multi_thread")]
async fn a_caller_in_g722_talks_with_an_engineer_in_opus() -> anyhow::Result<()> {
    talk("G722/16000/1", "G722", Codec::Opus).await
}

/// Nothing is decoded where both can speak the same: the engineer is offered the caller's codec first.
#[tokio::test(flavor = "multi_thread")]
async fn the_callers_codec_is_what_the_engineer_is_asked_for_first() -> anyhow::Result<()> {
    let hotline = Hotline::start(&house::one_engineer()).await;
    for codec in [Codec::Opus, Codec::G722, Codec::Pcma] {
        let mut ada = phone::speaking(&hotline, "ada", Codec::ALL.to_vec()).await?;
        ada.register("ada", house::PASSWORD.to_owned().into()).await?;
        let mut caller = phone::speaking(&hotline, "acme", vec![codec, Codec::Pcmu]).await?;
        caller.dial(&phone::number(&hotline, "quick")).await?;
        caller.press("2").await?;
        ada.rings().await?;
        ada.answer().await?;
        let spoken = |entry: hotline::cli::handset::log::Entry| {
            if let Happening::Answered { codec } = entry.happening { Some(codec) } else { None }
        };
        for phone in [&caller, &ada] {
            assert_eq!(phone.line()?.log.entries().into_iter().find_map(spoken), Some(codec));
        }
        caller.hang_up().await?;
        ada.ends().await?;
        ada.stop().await;
        caller.stop().await;
    }
    Ok(())
}

/// What a carrier's line speaks is not changed by what phones speak.
#[tokio::test(flavor = "multi_thread")]
async fn a_trunk_is_answered_in_g711_unless_it_says_otherwise() -> anyhow::Result<()> {
    let trunk = "[[trunks]]\nid = \"line\"\nserver = \"127.0.0.1:5\"\naddresses = [\"127.0.0.1\"]\n";
    for (more, codec) in [("", Codec::Pcma), ("codecs = [\"opus\", \"pcma\"]\n", Codec::Opus)] {
        let hotline = Hotline::start(&format!("{}\n{trunk}{more}", house::one_engineer())).await;
        let mut caller = phone::speaking(&hotline, "acme", vec![Codec::Opus, Codec::G722, Codec::Pcma]).await?;
        caller.dial(&phone::number(&hotline, "quick")).await?;
        let entries = caller.line()?.log.entries();
        let answered =
            entries.iter().any(|entry| matches!(entry.happening, Happening::Answered { codec: own } if own == codec));
        assert!(answered, "not in {codec:?}: {entries:?}");
        caller.hang_up().await?;
    }
    Ok(())
}
