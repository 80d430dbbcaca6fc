//! Who is called, in which order: several phones, phones that are not there, a second round, alerts that ring.

use std::time::Duration;

use hotline_core::fact::LegCause;

use crate::harness::{Hotline, ended, kinds, tells};
use crate::{house, phone};

#[tokio::test(flavor = "multi_thread")]
async fn a_persons_phones_are_tried_in_order_and_then_all_again() -> anyhow::Result<()> {
    let toml = house::engineers(&[&["phone:desk", "phone:drawer", "phone:mobile"]]);
    let hotline = Hotline::start(&toml).await;
    let mut caller = phone::caller(&hotline).await?;
    let mut desk = phone::engineer(&hotline, "desk").await?;
    let mut mobile = phone::engineer(&hotline, "mobile").await?;
    caller.dial(&phone::number(&hotline, "quick")).await?;
    caller.press("2").await?;
    desk.rings().await?;
    assert_eq!(hotline.call_when("inbound", |call| tells(call, "rings")).await["outcome"], serde_json::Value::Null);
    desk.ends().await?;
    // `drawer` is not registered and holds nobody up.
    mobile.rings().await?;
    mobile.refuse(486)?;
    mobile.ends().await?;
    desk.rings().await?;
    desk.answer().await?;
    desk.begins_to_hear("engineer-knock").await?;
    desk.press("1").await?;
    desk.begins_to_hear("engineer-call-from").await?;
    desk.press("1").await?;
    caller.waits_for("connecting").await?;
    let call = hotline.call_when("inbound", |call| kinds(call).contains(&"bridged")).await;
    let destinations: Vec<_> =
        call["legs"].as_array().into_iter().flatten().skip(1).map(|leg| &leg["destination"]).collect();
    assert_eq!(destinations, ["phone desk", "phone drawer", "phone mobile", "phone desk"], "{call:#}");
    assert!(tells(&call, "not registered"), "{call:#}");
    assert!(tells(&call, "round 2"), "{call:#}");
    desk.hang_up().await?;
    assert_eq!(caller.ends().await?, LegCause::HungUp);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn an_alert_that_nobody_has_rings_again_until_a_key_takes_it() -> anyhow::Result<()> {
    let hotline =
        Hotline::start_with(&house::one_engineer(), |config| config.ring_again = Duration::from_secs(30)).await;
    let mut engineer = phone::engineer(&hotline, "ada").await?;
    let mut caller = phone::caller(&hotline).await?;
    caller.dial(&phone::number(&hotline, "quick")).await?;
    caller.begins_to_hear("menu").await?;
    caller.hang_up().await?;
    engineer.rings().await?;
    engineer.refuse(486)?;
    engineer.ends().await?;
    let alert = hotline.alert_when(|alert| kinds(alert).contains(&"escalation-step")).await;
    assert_eq!(alert["status"], "triggered");
    engineer.rings().await?;
    engineer.answer().await?;
    engineer.hears("alert-knock").await?;
    engineer.press("1").await?;
    engineer.begins_to_hear("notice-alert").await?;
    let reference = alert["reference"].as_str().expect("a reference");
    assert_eq!(engineer.hears_digits(reference.len()).await?, reference);
    engineer.waits_for("notice-choice").await?;
    engineer.press("1").await?;
    engineer.begins_to_hear("alert-acknowledged").await?;
    assert_eq!(engineer.ends().await?, LegCause::HungUp);
    hotline.call_when("notification", ended("taken")).await;
    let alert = hotline.alert_when(|alert| alert["status"] == "acknowledged").await;
    assert!(tells(&alert, "engineer-1"), "{alert:#}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn an_alert_that_is_acknowledged_on_the_page_stops_ringing() -> anyhow::Result<()> {
    let hotline =
        Hotline::start_with(&house::one_engineer(), |config| config.ring_again = Duration::from_secs(30)).await;
    let mut engineer = phone::engineer(&hotline, "ada").await?;
    let mut caller = phone::caller(&hotline).await?;
    caller.dial(&phone::number(&hotline, "quick")).await?;
    caller.begins_to_hear("menu").await?;
    caller.hang_up().await?;
    engineer.rings().await?;
    let alert = hotline.alert_when(|_| true).await;
    let id = alert["id"].as_str().expect("an id");
    assert_eq!(hotline.post(&format!("/alerts/{id}/acknowledge")).await, 200);
    engineer.ends().await?;
    hotline.call_when("notification", |call| call["outcome"].is_string()).await;
    assert_eq!(hotline.post(&format!("/alerts/{id}/resolve")).await, 200);
    hotline.alert_when(|alert| alert["status"] == "resolved").await;
    Ok(())
}
