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

/// A zone in which it is the afternoon now, so that nine in the morning is past, whenever the test runs.
fn afternoon() -> String {
    let hour = hotline::clock::now().wall.to_zoned(jiff::tz::TimeZone::UTC).hour();
    let ahead = if hour == 0 { -9 } else { 15 - hour };
    // Those zones have their signs the other way round.
    format!("Etc/GMT{:+}", -ahead)
}

#[tokio::test(flavor = "multi_thread")]
async fn since_when_the_caller_says_is_when_it_began() -> anyhow::Result<()> {
    let zone = afternoon();
    let config = house::one_engineer()
        .replace("questions = [\"who\", \"what\"]", "questions = [\"when\"]")
        .replace("name = \"Acme Logistics\"", &format!("name = \"Acme Logistics\"\ntime_zone = \"{zone}\""));
    let hotline = Hotline::start_with(&config, |config| config.whisper_model = None).await;
    let mut caller = phone::caller(&hotline).await?;
    caller.dial(&phone::number(&hotline, "quick")).await?;
    caller.press("1").await?;
    caller.waits_for("ask-when").await?;
    caller.hears("beep").await?;
    // "It started this morning at nine o'clock."
    caller.say(phone::speech("when.wav")).await?;
    caller.begins_to_hear("read-back").await?;
    caller.hang_up().await?;
    let alert = harness::alert_within(hotline.http(), WHISPER_PATIENCE, |alert| alert["began_at"].is_string()).await;
    assert_eq!(alert["began_origin"], "caller");
    let began: jiff::Timestamp = alert["began_at"].as_str().unwrap_or_default().parse()?;
    let local = began.to_zoned(jiff::tz::TimeZone::get(&zone)?);
    assert_eq!((local.hour(), local.minute()), (9, 0), "{alert:#}");
    let lines = alert["timeline"].as_array().expect("a timeline");
    let told: Vec<_> = lines.iter().filter(|line| line["kind"] == "alert-began").collect();
    assert_eq!(told.len(), 1, "{alert:#}");
    // What was said is in the transcript only.
    assert!(!told[0]["what"].to_string().contains("o'clock") && !told[0]["why"].to_string().contains("o'clock"));
    let mttd = hotline.get("/reports/mttd").await;
    assert_eq!(
        (&mttd["all"]["known"], &mttd["all"]["unknown"]),
        (&serde_json::json!(1), &serde_json::json!(0)),
        "{mttd:#}"
    );
    Ok(())
}
