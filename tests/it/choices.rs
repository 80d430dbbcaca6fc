//! The menu and what stands behind it: keys, no keys, wrong keys; the engineer now; a message.

use std::time::Duration;

use hotline_core::fact::LegCause;

use crate::harness::{Hotline, ended, kinds, tells};
use crate::{house, phone};

#[tokio::test(flavor = "multi_thread")]
async fn who_presses_nothing_is_asked_again_and_may_leave_a_message() -> anyhow::Result<()> {
    let hotline = Hotline::start(&house::one_engineer()).await;
    let mut caller = phone::caller(&hotline).await?;
    caller.dial(&phone::number(&hotline, "quick")).await?;
    caller.hears("menu").await?;
    caller.hears("no-input").await?;
    caller.hears("menu").await?;
    caller.hears("voicemail").await?;
    caller.hears("beep").await?;
    caller.say(phone::speech("message.wav")).await?;
    caller.hears("voicemail-thanks").await?;
    caller.begins_to_hear("goodbye").await?;
    assert_eq!(caller.ends().await?, LegCause::HungUp);
    let call = hotline.call_when("inbound", ended("voicemail")).await;
    assert!(tells(&call, "no tries left"), "{call:#}");
    let recording = &call["recordings"][0];
    let length = recording["duration_ms"].as_u64().expect("a length");
    // 3.8 s were said, and 2 s of silence end it.
    assert!((3_700..=6_500).contains(&length), "{recording:#}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_key_is_told_so_kindly() -> anyhow::Result<()> {
    let hotline = Hotline::start(&house::one_engineer()).await;
    let mut caller = phone::caller(&hotline).await?;
    caller.dial(&phone::number(&hotline, "quick")).await?;
    caller.begins_to_hear("menu").await?;
    caller.press("7").await?;
    caller.hears("no-match").await?;
    caller.begins_to_hear("menu").await?;
    caller.press("3").await?;
    caller.begins_to_hear("voicemail").await?;
    caller.hang_up().await?;
    hotline.call_when("inbound", ended("abandoned")).await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_engineer_is_reached_at_once_and_the_caller_ends_it() -> anyhow::Result<()> {
    let hotline = Hotline::start(&house::one_engineer()).await;
    let mut caller = phone::caller(&hotline).await?;
    let mut engineer = phone::engineer(&hotline, "ada").await?;
    caller.dial(&phone::number(&hotline, "hotline")).await?;
    // A key cuts the greeting short.
    caller.begins_to_hear("greeting").await?;
    caller.press("2").await?;
    caller.begins_to_hear("calling-engineer").await?;
    engineer.rings().await?;
    engineer.answer().await?;
    engineer.begins_to_hear("engineer-knock").await?;
    engineer.press("1").await?;
    engineer.waits_for("engineer-nothing-said").await?;
    engineer.begins_to_hear("engineer-join").await?;
    engineer.press("1").await?;
    caller.waits_for("connecting").await?;
    hotline.call_when("inbound", |call| kinds(call).contains(&"bridged")).await;
    assert_eq!(caller.hang_up().await?, LegCause::Released);
    assert_eq!(engineer.ends().await?, LegCause::HungUp);
    hotline.call_when("inbound", ended("taken")).await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn who_tires_of_waiting_leaves_the_queue_by_hash() -> anyhow::Result<()> {
    let hotline = Hotline::start(&house::one_engineer()).await;
    let mut caller = phone::caller(&hotline).await?;
    let mut engineer = phone::engineer(&hotline, "ada").await?;
    caller.dial(&phone::number(&hotline, "quick")).await?;
    caller.press("2").await?;
    caller.waits_for("leave-queue").await?;
    engineer.rings().await?;
    caller.begins_to_hear("music").await?;
    caller.press("#").await?;
    caller.begins_to_hear("voicemail").await?;
    assert_ne!(engineer.ends().await?, LegCause::Released, "the phone stops ringing");
    caller.hang_up().await?;
    let call = hotline.call_when("inbound", ended("abandoned")).await;
    assert!(tells(&call, "leaves the queue"), "{call:#}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn while_people_are_called_there_is_music_and_a_word_now_and_then() -> anyhow::Result<()> {
    let toml = house::one_engineer()
        .replace("comfort_every = \"10s\"", "comfort_every = \"15s\"")
        .replace("ring = \"5s\"", "ring = \"30s\"");
    let hotline = Hotline::start(&toml).await;
    let mut caller = phone::caller(&hotline).await?;
    let mut engineer = phone::engineer(&hotline, "ada").await?;
    caller.dial(&phone::number(&hotline, "quick")).await?;
    caller.press("2").await?;
    caller.waits_for("leave-queue").await?;
    caller.begins_to_hear("music").await?;
    engineer.rings().await?;
    caller.hears("still-trying").await?;
    caller.begins_to_hear("music").await?;
    tokio::time::sleep(Duration::from_millis(200)).await;
    caller.hang_up().await?;
    engineer.ends().await?;
    Ok(())
}
