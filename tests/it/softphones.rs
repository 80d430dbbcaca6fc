//! baresip as caller and as registered engineer.

use crate::baresip::Baresip;
use crate::harness::{Hotline, ended, kinds, tells};
use crate::{house, phone};

#[tokio::test(flavor = "multi_thread")]
async fn baresip_calls_presses_keys_holds_and_leaves_a_message() -> anyhow::Result<()> {
    let hotline = Hotline::start(&house::one_engineer()).await;
    let mut caller = Baresip::caller(&phone::speech("message.wav")).await;
    caller.dial(&phone::number(&hotline, "quick")).await;
    hotline.call_when("inbound", |call| tells(call, "offers a choice")).await;
    caller.hold_and_resume().await;
    caller.press('3').await;
    // It says its WAV again and again: the message never ends by silence.
    hotline.call_when("inbound", |call| kinds(call).contains(&"recording-started")).await;
    tokio::time::sleep(std::time::Duration::from_secs(5)).await;
    caller.hang_up().await;
    let call = hotline.call_when("inbound", ended("voicemail")).await;
    assert_eq!(call["recordings"][0]["speech"], true, "{call:#}");
    assert!(call["recordings"][0]["duration_ms"].as_u64().is_some_and(|ms| ms >= 4_000), "{call:#}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn baresip_is_a_registered_engineer_who_takes_the_call() -> anyhow::Result<()> {
    let hotline = Hotline::start(&house::one_engineer()).await;
    let mut engineer = Baresip::engineer(hotline.sip(), "ada", house::PASSWORD, &phone::speech("message.wav")).await;
    let phones = hotline.get("/phones").await;
    assert_eq!(phones["items"][0]["registered"], true, "{phones:#}");
    let mut caller = phone::caller(&hotline).await?;
    caller.dial(&phone::number(&hotline, "quick")).await?;
    caller.press("2").await?;
    engineer.answer().await;
    hotline.call_when("inbound", |call| kinds(call).contains(&"leg-answered")).await;
    engineer.press('1').await;
    hotline.call_when("inbound", |call| tells(call, "engineer-1 listens")).await;
    engineer.press('1').await;
    hotline.call_when("inbound", |call| kinds(call).contains(&"bridged")).await;
    let heard = hotline.data().join("heard.wav");
    caller.record(&heard)?;
    caller.say(phone::speech("who.wav")).await?;
    engineer.hold_and_resume().await;
    tokio::time::sleep(std::time::Duration::from_secs(4)).await;
    caller.stop_record().await?;
    let said = phone::samples(&phone::speech("message.wav"));
    let (likeness, _) = phone::likeness(&said, &phone::samples(&heard));
    assert!(likeness > 0.8, "the caller did not hear the engineer: {likeness}");
    caller.hang_up().await?;
    engineer.is_hung_up().await;
    let (likeness, _) = phone::likeness(&phone::samples(&phone::speech("who.wav")), &engineer.heard());
    assert!(likeness > 0.8, "the engineer did not hear the caller: {likeness}");
    hotline.call_when("inbound", ended("taken")).await;
    Ok(())
}
