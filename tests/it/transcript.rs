//! From the spoken word to the written one, with the real model.

use std::time::Duration;

use crate::harness::{self, Hotline};
use crate::{house, phone};

/// The model shares two cores with all other tests.
const WHISPER_PATIENCE: Duration = Duration::from_mins(4);

#[tokio::test(flavor = "multi_thread")]
async fn what_was_said_is_read_in_the_alert() -> anyhow::Result<()> {
    assert!(
        hotline::speech::whisper_model().is_some_and(|file| file.is_file()),
        "the speech model is missing: run `hotline models fetch`"
    );
    let hotline = Hotline::start_with(&house::one_engineer(), |config| config.whisper_model = None).await;
    let mut caller = phone::caller(&hotline).await?;
    caller.dial(&phone::number(&hotline, "quick")).await?;
    caller.press("1").await?;
    caller.waits_for("ask-who").await?;
    caller.hears("beep").await?;
    caller.say(phone::speech("who.wav")).await?;
    caller.hears("ask-what").await?;
    caller.hears("beep").await?;
    caller.say(phone::speech("what.wav")).await?;
    caller.begins_to_hear("read-back").await?;
    caller.hang_up().await?;
    let written = |alert: &serde_json::Value| {
        let answers = alert["answers"].as_array().into_iter().flatten();
        answers
            .map(|answer| answer["transcript"]["text"].as_str().unwrap_or_default().to_lowercase())
            .collect::<Vec<_>>()
    };
    let alert = harness::alert_within(hotline.http(), WHISPER_PATIENCE, |alert| {
        let written = written(alert);
        written.len() == 2 && written.iter().all(|text| !text.is_empty())
    })
    .await;
    let texts = written(&alert);
    assert!(texts[0].contains("miller") && texts[0].contains("logistics"), "{texts:?}");
    assert!(texts[1].contains("server") && texts[1].contains("down"), "{texts:?}");
    Ok(())
}
