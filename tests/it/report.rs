//! The main job: a caller reports a fault, is heard, and is joined with the engineer.

use std::time::Duration;

use hotline_core::fact::LegCause;

use crate::harness::{Hotline, ended, kinds, tells};
use crate::{house, phone};

#[tokio::test(flavor = "multi_thread")]
async fn a_fault_is_reported_and_the_engineer_joined() -> anyhow::Result<()> {
    let hotline = Hotline::start(&house::one_engineer()).await;
    let mut caller = phone::caller(&hotline).await?;
    let mut engineer = phone::engineer(&hotline, "ada").await?;

    caller.dial(&phone::number(&hotline, "hotline")).await?;
    caller.hears("greeting").await?;
    caller.hears("menu").await?;
    caller.press("1").await?;
    caller.hears("script-intro").await?;
    for question in ["who", "what", "when", "where", "why"] {
        caller.hears(&format!("ask-{question}")).await?;
        caller.hears("beep").await?;
        // No key after it: the end of the answer is heard.
        caller.say(phone::speech(&format!("{question}.wav"))).await?;
    }
    caller.hears("read-back").await?;
    let heard = hotline.data().join("read-back.wav");
    caller.record(&heard)?;
    caller.hears("confirm").await?;
    caller.stop_record().await?;
    caller.press("1").await?;
    caller.hears("reference").await?;
    let call = hotline.call_when("inbound", |call| tells(call, "tells the reference")).await;
    let reference = call["reference"].as_str().expect("a reference");
    assert_eq!(caller.hears_digits(reference.len()).await?, reference);

    // All five answers were played back, in order, and are kept whole.
    let heard = phone::samples(&heard);
    let mut places = Vec::new();
    for question in ["who", "what", "when", "where", "why"] {
        let (likeness, place) = phone::likeness(&phone::samples(&phone::speech(&format!("{question}.wav"))), &heard);
        assert!(likeness > 0.9, "{question} was not read back: {likeness}");
        places.push(place);
    }
    assert!(places.is_sorted(), "{places:?}");
    let ended_by: Vec<_> = call["recordings"].as_array().into_iter().flatten().map(|r| &r["ended_because"]).collect();
    assert_eq!(ended_by, ["silence"; 5], "{call:#}");

    caller.begins_to_hear("calling-engineer").await?;
    engineer.rings().await?;
    engineer.answer().await?;
    engineer.hears("engineer-knock").await?;
    engineer.hears("engineer-knock").await?;
    let told = hotline.data().join("told.wav");
    engineer.record(&told)?;
    engineer.press("1").await?;
    engineer.hears("engineer-call-from").await?;
    engineer.waits_for("engineer-caller-said").await?;
    engineer.waits_for("engineer-join").await?;
    engineer.stop_record().await?;
    let (likeness, _) = phone::likeness(&phone::samples(&phone::speech("what.wav")), &phone::samples(&told));
    assert!(likeness > 0.9, "the engineer did not hear what was said: {likeness}");
    engineer.press("1").await?;
    caller.waits_for("connecting").await?;
    engineer.waits_for("engineer-joined").await?;
    hotline.call_when("inbound", |call| kinds(call).contains(&"bridged")).await;

    let (at_caller, at_engineer) = (hotline.data().join("caller.wav"), hotline.data().join("engineer.wav"));
    caller.record(&at_caller)?;
    engineer.record(&at_engineer)?;
    caller.say(phone::speech("message.wav")).await?;
    engineer.say(phone::speech("where.wav")).await?;
    tokio::time::sleep(Duration::from_millis(500)).await;
    caller.stop_record().await?;
    engineer.stop_record().await?;
    let (likeness, _) = phone::likeness(&phone::samples(&phone::speech("message.wav")), &phone::samples(&at_engineer));
    assert!(likeness > 0.9, "the engineer did not hear the caller: {likeness}");
    let (likeness, _) = phone::likeness(&phone::samples(&phone::speech("where.wav")), &phone::samples(&at_caller));
    assert!(likeness > 0.9, "the caller did not hear the engineer: {likeness}");

    assert_eq!(engineer.hang_up().await?, LegCause::Released);
    assert_eq!(caller.ends().await?, LegCause::HungUp, "whoever hangs up, the other leg ends");
    let call = hotline.call_when("inbound", ended("taken")).await;
    assert_eq!(call["customer"]["id"], "acme");
    let alert = hotline.alert_when(|alert| alert["status"] == "acknowledged").await;
    assert_eq!(alert["call_id"], call["id"]);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn answers_end_by_hash_are_given_again_and_confirmed_in_german() -> anyhow::Result<()> {
    let hotline =
        Hotline::start(&house::one_engineer().replace("number = \"quick\"", "number = \"quick\"\nlanguage = \"de\""))
            .await;
    let mut caller = phone::caller(&hotline).await?;
    caller.dial(&phone::number(&hotline, "quick")).await?;
    caller.hears("menu").await?;
    let menu = caller.line()?.log.entries().into_iter().find_map(|e| Some(e.happening.ends()?[0].language.clone()));
    assert_eq!(menu.as_deref(), Some("de"));
    caller.press("1").await?;
    caller.hears("script-intro").await?;
    for round in ["first", "second"] {
        caller.hears("ask-who").await?;
        caller.hears("beep").await?;
        caller.say(phone::speech("who.wav")).await?;
        caller.press("#").await?;
        caller.hears("ask-what").await?;
        caller.hears("beep").await?;
        caller.say(phone::speech("where.wav")).await?;
        caller.press("#").await?;
        caller.hears("read-back").await?;
        caller.hears("confirm").await?;
        caller.press(if round == "first" { "2" } else { "1" }).await?;
    }
    caller.begins_to_hear("reference").await?;
    let call = hotline.call_when("inbound", |call| kinds(call).contains(&"answers-confirmed")).await;
    assert_eq!(call["language"], "de");
    assert_eq!(call["answers"].as_array().map(Vec::len), Some(2), "{call:#}");
    assert!(tells(&call, "asks all again"), "{call:#}");
    caller.hang_up().await?;
    hotline.call_when("inbound", ended("reported")).await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_nobody_gives_is_asked_for_once_more() -> anyhow::Result<()> {
    let hotline = Hotline::start(&house::one_engineer()).await;
    let mut caller = phone::caller(&hotline).await?;
    caller.dial(&phone::number(&hotline, "quick")).await?;
    caller.press("1").await?;
    caller.waits_for("ask-who").await?;
    caller.hears("not-heard").await?;
    caller.hears("ask-who").await?;
    caller.hears("beep").await?;
    caller.say(phone::speech("who.wav")).await?;
    caller.begins_to_hear("ask-what").await?;
    caller.hang_up().await?;
    let call = hotline.call_when("inbound", |call| call["outcome"].is_string()).await;
    assert_eq!(call["answers"][0]["question"], "who", "{call:#}");
    Ok(())
}
