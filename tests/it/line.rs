//! The engineers' line, and what the caller gets to know.

use std::fmt::Write as _;

use serde_json::Value;

use crate::harness::{Hotline, PATIENCE, TOKEN, ended, kinds, tells};
use crate::{house, phone};

/// One engineer; the customer's phone has an account, so that it can be rung back.
fn house_with_a_customers_phone() -> String {
    let mut toml = house::one_engineer();
    write!(toml, "\n[[phones]]\naccount = \"acme\"\npassword = \"{}\"\n", house::PASSWORD).expect("text");
    toml.replace("[[users]]\nid = \"engineer-1\"", "[[users]]\nid = \"engineer-1\"\npin = \"280465\"")
}

#[tokio::test(flavor = "multi_thread")]
async fn an_engineer_hears_acknowledges_rings_back_and_closes() -> anyhow::Result<()> {
    let hotline = Hotline::start(&house_with_a_customers_phone()).await;
    let mut caller = phone::engineer(&hotline, "acme").await?;
    caller.dial(&phone::number(&hotline, "quick")).await?;
    caller.begins_to_hear("menu").await?;
    caller.hang_up().await?;
    let report = hotline.call_when("inbound", ended("abandoned")).await;
    let alert = hotline.alert_when(|alert| alert["call_id"] == report["id"]).await;

    // Registered only now: nothing rings her about it in the meantime.
    let mut ada = phone::engineer(&hotline, "ada").await?;
    ada.dial(&phone::number(&hotline, "hotline")).await?;
    ada.begins_to_hear("greeting").await?;
    ada.press("9").await?;
    ada.waits_for("line-open").await?;
    assert_eq!(ada.hears_digits(1).await?, "1", "her own call is no report");
    ada.begins_to_hear("notice-alert").await?;
    ada.waits_for("line-choice").await?;
    ada.press("1").await?;
    ada.waits_for("alert-acknowledged").await?;
    let has_it = |alert: &Value| {
        alert["status"] == "acknowledged" && alert["acknowledged_by"].to_string().contains("engineer-1")
    };
    let path = format!("/alerts/{}", alert["id"].as_str().expect("an id"));
    wait_until(&hotline, &path, has_it).await;

    ada.press("3").await?;
    ada.begins_to_hear("line-calling-back").await?;
    caller.rings().await?;
    caller.answer().await?;
    let heard = hotline.data().join("heard.wav");
    caller.record(&heard)?;
    ada.say(phone::speech("message.wav")).await?;
    caller.stop_record().await?;
    let (likeness, _) = phone::likeness(&phone::samples(&phone::speech("message.wav")), &phone::samples(&heard));
    assert!(likeness > 0.8, "the caller did not hear the engineer: {likeness}");
    caller.hang_up().await?;
    ada.waits_for("line-callback-over").await?;
    ada.press("4").await?;
    ada.waits_for("line-none").await?;
    ada.ends().await?;
    let alert = wait_until(&hotline, &path, |alert| alert["status"] == "resolved").await;
    assert!(tells(&alert, "rings the caller of alert"), "{alert:#}");
    let call = hotline.call_when("inbound", ended("completed")).await;
    assert!(tells(&call, "rings from an engineer's own phone"), "{call:#}");
    Ok(())
}

/// What a tool or a person opened can be heard and taken on the telephone like a caller's report.
#[tokio::test(flavor = "multi_thread")]
async fn an_alert_without_a_call_is_heard_and_acknowledged_too() -> anyhow::Result<()> {
    let hotline = Hotline::start(&house_with_a_customers_phone()).await;
    let url = format!("http://{}/api/v1/alerts", hotline.http());
    let opened = tokio::task::spawn_blocking(move || {
        let request = ureq::post(&url).header("Authorization", &format!("Bearer {TOKEN}"));
        let request = request.header("Content-Type", "application/json");
        request.send(r#"{"title": "The disk is full", "priority": "P1"}"#)?.body_mut().read_to_string()
    });
    let alert: Value = serde_json::from_str(&opened.await??)?;
    let mut ada = phone::engineer(&hotline, "ada").await?;
    ada.dial(&phone::number(&hotline, "hotline")).await?;
    ada.begins_to_hear("greeting").await?;
    ada.press("9").await?;
    ada.waits_for("line-open").await?;
    assert_eq!(ada.hears_digits(1).await?, "1");
    ada.waits_for("line-choice").await?;
    ada.press("1").await?;
    ada.waits_for("alert-acknowledged").await?;
    let has_it = |alert: &Value| {
        alert["status"] == "acknowledged" && alert["acknowledged_by"].to_string().contains("engineer-1")
    };
    wait_until(&hotline, &format!("/alerts/{}", alert["id"].as_str().expect("an id")), has_it).await;
    ada.hang_up().await?;
    Ok(())
}

/// Looks at one thing until it is so.
async fn wait_until(hotline: &Hotline, path: &str, so: impl Fn(&Value) -> bool) -> Value {
    let mut last = Value::Null;
    let found = tokio::time::timeout(PATIENCE, async {
        loop {
            last = hotline.get(path).await;
            if so(&last) {
                return;
            }
            tokio::time::sleep(std::time::Duration::from_millis(100)).await;
        }
    })
    .await;
    assert!(found.is_ok(), "never came about; last seen: {last:#}");
    last
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pin_is_asked_of_others_and_three_wrong_ones_are_the_end() -> anyhow::Result<()> {
    let hotline = Hotline::start(&house_with_a_customers_phone()).await;
    let mut caller = phone::caller(&hotline).await?;
    caller.dial(&phone::number(&hotline, "hotline")).await?;
    caller.begins_to_hear("greeting").await?;
    caller.press("9").await?;
    caller.begins_to_hear("line-pin").await?;
    caller.press("111111#").await?;
    caller.begins_to_hear("pin-unknown").await?;
    caller.press("222222#").await?;
    caller.begins_to_hear("pin-unknown").await?;
    caller.press("333333#").await?;
    caller.begins_to_hear("line-locked").await?;
    caller.ends().await?;
    let call = hotline.call_when("inbound", ended("blocked")).await;
    assert!(!call.to_string().contains("111111"), "a PIN stands on no record: {call:#}");
    hotline.alert_when(|alert| alert["status"] == "resolved").await;
    caller.dial(&phone::number(&hotline, "hotline")).await?;
    caller.begins_to_hear("greeting").await?;
    caller.press("9").await?;
    // Slowed down by now; the right one still opens.
    caller.hears("line-pin").await?;
    caller.press("280465#").await?;
    caller.waits_for("line-none").await?;
    caller.ends().await?;
    hotline.call_when("inbound", ended("completed")).await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mobile_caller_is_told_by_sms_that_somebody_has_it() -> anyhow::Result<()> {
    let toml = house::one_engineer().replace("number = \"quick\"", "number = \"quick\"\nsms_when_taken = true");
    let hotline = Hotline::start(&toml).await;
    let mut ada = phone::engineer(&hotline, "ada").await?;
    let mut caller = phone::named(&hotline, "+4915155500199").await?;
    caller.dial(&phone::number(&hotline, "quick")).await?;
    caller.press("2").await?;
    ada.rings().await?;
    ada.answer().await?;
    ada.begins_to_hear("engineer-knock").await?;
    ada.press("1").await?;
    ada.begins_to_hear("engineer-unknown-caller").await?;
    ada.press("1").await?;
    caller.waits_for("connecting").await?;
    hotline.call_when("inbound", |call| kinds(call).contains(&"bridged")).await;
    let alert = hotline.alert_when(|alert| alert["status"] == "acknowledged").await;
    let id = alert["id"].as_str().expect("an id").parse()?;
    let mut kept = Vec::new();
    for _look in 0..300 {
        kept = hotline.store().notifications(Some(id), None, None, None, 20).await?.items;
        kept.retain(|row| row.kind == "caller");
        if !kept.is_empty() {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    }
    assert_eq!(kept.len(), 1, "one SMS, once");
    caller.hang_up().await?;
    ada.ends().await?;
    Ok(())
}
