//! Calls and alerts are one: who calls again joins the report, who was notified joins the caller, an engineer in the
//! conversation hands back, brings in the next level, closes the report.

use hotline::cli::handset::Handset;
use hotline::switch::phone::{PhoneAnswer, PhoneNotice, SpokenAlert};
use hotline_core::directory::{Destination, Language};

use crate::harness::{Hotline, ended, kinds, tells};
use crate::{house, notices, phone};

/// Two engineers, each with a phone of their name; the first is on call.
fn two() -> String {
    house::engineers(&[&["phone:ada"], &["phone:ben"]])
}

/// The caller is connected with whoever has this phone.
async fn connected(hotline: &Hotline, caller: &mut Handset, engineer: &mut Handset) -> anyhow::Result<()> {
    caller.dial(&phone::number(hotline, "quick")).await?;
    caller.press("2").await?;
    takes(engineer).await?;
    caller.waits_for("connecting").await?;
    hotline.call_when("inbound", |call| kinds(call).contains(&"bridged")).await;
    Ok(())
}

/// Rings, is answered, accepted by keys.
async fn takes(engineer: &mut Handset) -> anyhow::Result<()> {
    engineer.rings().await?;
    engineer.answer().await?;
    engineer.begins_to_hear("engineer-knock").await?;
    engineer.press("1").await?;
    engineer.begins_to_hear("engineer-call-from").await?;
    engineer.press("1").await?;
    engineer.waits_for("engineer-joined").await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn star_two_hands_the_caller_back_to_the_next_engineer() -> anyhow::Result<()> {
    let hotline = Hotline::start(&two()).await;
    let (mut ada, mut ben) = (phone::engineer(&hotline, "ada").await?, phone::engineer(&hotline, "ben").await?);
    let mut caller = phone::caller(&hotline).await?;
    connected(&hotline, &mut caller, &mut ada).await?;
    ada.press("*2").await?;
    ada.begins_to_hear("engineer-handed-back").await?;
    ada.ends().await?;
    caller.begins_to_hear("handed-back").await?;
    takes(&mut ben).await?;
    let call =
        hotline.call_when("inbound", |call| kinds(call).iter().filter(|kind| **kind == "bridged").count() == 2).await;
    assert!(tells(&call, "alert-unacknowledged"), "{call:#}");
    // The two hear each other.
    let heard = hotline.data().join("heard.wav");
    ben.record(&heard)?;
    caller.say(phone::speech("who.wav")).await?;
    ben.stop_record().await?;
    let (likeness, _) = phone::likeness(&phone::samples(&phone::speech("who.wav")), &phone::samples(&heard));
    assert!(likeness > 0.8, "the second engineer did not hear the caller: {likeness}");
    caller.hang_up().await?;
    ben.ends().await?;
    hotline.call_when("inbound", ended("taken")).await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn star_one_brings_in_the_next_level_who_takes_over() -> anyhow::Result<()> {
    let hotline = Hotline::start(&two()).await;
    let (mut ada, mut ben) = (phone::engineer(&hotline, "ada").await?, phone::engineer(&hotline, "ben").await?);
    let mut caller = phone::caller(&hotline).await?;
    connected(&hotline, &mut caller, &mut ada).await?;
    ada.press("*1").await?;
    ada.waits_for("engineer-next-called").await?;
    ben.rings().await?;
    ben.answer().await?;
    ben.begins_to_hear("engineer-knock").await?;
    ben.press("1").await?;
    ben.begins_to_hear("engineer-call-from").await?;
    ben.press("1").await?;
    ada.begins_to_hear("engineer-next-there").await?;
    ada.ends().await?;
    let heard = hotline.data().join("heard.wav");
    caller.record(&heard)?;
    ben.say(phone::speech("message.wav")).await?;
    caller.stop_record().await?;
    let (likeness, _) = phone::likeness(&phone::samples(&phone::speech("message.wav")), &phone::samples(&heard));
    assert!(likeness > 0.8, "the caller did not hear the next level: {likeness}");
    ben.hang_up().await?;
    caller.ends().await?;
    let call = hotline.call_when("inbound", ended("taken")).await;
    assert!(tells(&call, "alert-assigned"), "{call:#}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn star_three_closes_the_report() -> anyhow::Result<()> {
    let hotline = Hotline::start(&two()).await;
    let mut ada = phone::engineer(&hotline, "ada").await?;
    let mut caller = phone::caller(&hotline).await?;
    connected(&hotline, &mut caller, &mut ada).await?;
    ada.press("*3").await?;
    ada.begins_to_hear("engineer-resolved").await?;
    caller.begins_to_hear("report-closed").await?;
    caller.ends().await?;
    ada.ends().await?;
    hotline.call_when("inbound", ended("taken")).await;
    hotline.alert_when(|alert| alert["status"] == "resolved").await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn who_calls_again_joins_the_open_report() -> anyhow::Result<()> {
    let hotline = Hotline::start(&house::one_engineer()).await;
    let mut caller = phone::caller(&hotline).await?;
    caller.dial(&phone::number(&hotline, "hotline")).await?;
    caller.begins_to_hear("greeting").await?;
    caller.press("3").await?;
    caller.waits_for("voicemail").await?;
    caller.waits_for("beep").await?;
    caller.say(phone::speech("message.wav")).await?;
    caller.hang_up().await?;
    let first = hotline.call_when("inbound", ended("voicemail")).await;
    let alert = hotline.alert_when(|alert| alert["call_id"] == first["id"]).await;

    caller.dial(&phone::number(&hotline, "hotline")).await?;
    caller.begins_to_hear("greeting").await?;
    caller.begins_to_hear("known-report").await?;
    let digits = first["reference"].as_str().expect("a reference").to_owned();
    assert_eq!(caller.hears_digits(digits.len()).await?, digits);
    caller.waits_for("known-nobody").await?;
    caller.waits_for("known-choice").await?;
    caller.press("1").await?;
    caller.waits_for("known-joined").await?;
    caller.hang_up().await?;
    let second = hotline.call_when("inbound", |call| call["id"] != first["id"] && call["ended_at"].is_string()).await;
    assert!(kinds(&second).contains(&"call-joined"), "{second:#}");
    assert_eq!(second["alert_id"], alert["id"], "{second:#}");
    let alerts = hotline.get("/alerts").await;
    assert_eq!(alerts["items"].as_array().map(Vec::len), Some(1), "no second alert: {alerts:#}");

    // And for something new there is a second one.
    caller.dial(&phone::number(&hotline, "hotline")).await?;
    caller.begins_to_hear("greeting").await?;
    caller.begins_to_hear("known-report").await?;
    caller.press("2").await?;
    caller.waits_for("menu").await?;
    caller.hang_up().await?;
    hotline.alert_when(|newest| newest["id"] != alert["id"]).await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn who_was_notified_joins_the_waiting_caller_by_key() -> anyhow::Result<()> {
    let hotline = Hotline::start(&two()).await;
    let (mut ada, mut ben) = (phone::engineer(&hotline, "ada").await?, phone::engineer(&hotline, "ben").await?);
    let mut caller = phone::caller(&hotline).await?;
    caller.dial(&phone::number(&hotline, "quick")).await?;
    caller.press("2").await?;
    ada.rings().await?;
    let alert = hotline.alert_when(|alert| alert["status"] == "triggered").await;
    let id = alert["id"].as_str().expect("an id").parse()?;
    let notice = PhoneNotice {
        user: Some("engineer-2".into()),
        destination: Destination::Phone("ben".into()),
        language: Language::default(),
        alerts: vec![SpokenAlert {
            id,
            reference: alert["reference"].as_str().unwrap_or_default().to_owned(),
            title: "Call from Acme Logistics".to_owned(),
            priority: "P3".to_owned(),
            customer: None,
            runbook: None,
            recordings: Vec::new(),
        }],
        text: None,
    };
    let answer = notices::rings(&hotline, notice);
    ben.rings().await?;
    ben.answer().await?;
    ben.begins_to_hear("alert-knock").await?;
    ben.press("1").await?;
    ben.begins_to_hear("notice-alert").await?;
    ben.press("3").await?;
    assert_eq!(answer.await?, PhoneAnswer::Joined);
    ada.ends().await?;
    caller.waits_for("connecting").await?;
    let call = hotline.call_when("inbound", |call| kinds(call).contains(&"bridged")).await;
    assert!(tells(&call, "handed over by a notification call"), "{call:#}");
    let (to_ben, to_caller) = (hotline.data().join("to-ben.wav"), hotline.data().join("to-caller.wav"));
    ben.record(&to_ben)?;
    caller.say(phone::speech("who.wav")).await?;
    ben.stop_record().await?;
    caller.record(&to_caller)?;
    ben.say(phone::speech("message.wav")).await?;
    caller.stop_record().await?;
    for (said, heard) in [("who.wav", to_ben), ("message.wav", to_caller)] {
        let (likeness, _) = phone::likeness(&phone::samples(&phone::speech(said)), &phone::samples(&heard));
        assert!(likeness > 0.8, "{said} was not heard: {likeness}");
    }
    let alert = hotline.alert_when(|alert| alert["status"] == "acknowledged").await;
    assert_eq!(alert["acknowledged_by"]["id"].as_str().or(alert["acknowledged_by"].as_str()), Some("engineer-2"));
    ben.hang_up().await?;
    caller.ends().await?;
    hotline.call_when("inbound", ended("taken")).await;
    hotline.call_when("notification", ended("taken")).await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn three_without_a_waiting_caller_is_told() -> anyhow::Result<()> {
    let hotline = Hotline::start(&two()).await;
    let mut ben = phone::engineer(&hotline, "ben").await?;
    let notice = PhoneNotice {
        user: Some("engineer-2".into()),
        destination: Destination::Phone("ben".into()),
        language: Language::default(),
        alerts: vec![SpokenAlert {
            id: hotline_core::ids::AlertId(uuid::Uuid::now_v7()),
            reference: "4711".to_owned(),
            title: "Disk full".to_owned(),
            priority: "P1".to_owned(),
            customer: None,
            runbook: None,
            recordings: Vec::new(),
        }],
        text: None,
    };
    let answer = notices::rings(&hotline, notice);
    ben.rings().await?;
    ben.answer().await?;
    ben.begins_to_hear("alert-knock").await?;
    ben.press("1").await?;
    ben.begins_to_hear("notice-alert").await?;
    ben.press("3").await?;
    ben.waits_for("notice-no-caller").await?;
    ben.press("1").await?;
    assert_eq!(answer.await?, PhoneAnswer::Acknowledged);
    Ok(())
}
