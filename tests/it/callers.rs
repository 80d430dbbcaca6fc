//! Callers by sipp, with keys by SIP INFO, who hang up at each stage; and those who can't be answered.
//! A caller who is gone leaves an alert, wherever it was.

use serde_json::Value;

use crate::harness::{Hotline, ended, kinds, tells};
use crate::house;
use crate::sipp::{self, Step};

/// A caller who hangs up as soon as the timeline tells this; what is left then.
async fn hangs_up_when(hotline: &Hotline, number: &str, keys: &[Step], stage: &str) -> (Value, Value) {
    let mut steps = vec![Step::Call];
    steps.extend(keys);
    steps.extend([Step::Cue, Step::HangUp]);
    let caller = sipp::caller(hotline.sip(), number, &steps);
    hotline.call_when("inbound", |call| tells(call, stage)).await;
    caller.cue().await;
    caller.succeeds().await;
    let call = hotline.call_when("inbound", ended("abandoned")).await;
    let alert = hotline.alert_when(|alert| alert["call_id"] == call["id"]).await;
    assert_eq!(alert["customer"]["id"], "acme", "found by caller ID: {alert:#}");
    (call, alert)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_caller_who_hangs_up_in_the_greeting_leaves_an_alert() {
    let hotline = Hotline::start(&house::one_engineer()).await;
    let (call, alert) = hangs_up_when(&hotline, "hotline", &[], "announce").await;
    assert_eq!(kinds(&call)[0], "call-started");
    assert_eq!(alert["status"], "triggered", "{alert:#}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_caller_who_hangs_up_in_the_menu_leaves_an_alert() {
    let hotline = Hotline::start(&house::one_engineer()).await;
    hangs_up_when(&hotline, "quick", &[], "offers a choice").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_caller_who_hangs_up_at_any_question_leaves_an_alert() {
    // Who says nothing is led on to the next question at once.
    let toml = house::one_engineer()
        .replace("[\"who\", \"what\"]", "[\"who\", \"what\", \"when\", \"where\", \"why\"]\ntries = 1")
        .replace("no_speech = \"4s\"", "no_speech = \"1s\"");
    let keys = [Step::Pause(300), Step::Key('1')];
    let at = async |question: &str| {
        let hotline = Hotline::start(&toml).await;
        let (call, _) = hangs_up_when(&hotline, "quick", &keys, &format!("asks {question}")).await;
        assert!(!tells(&call, "reads the answers back"), "{call:#}");
    };
    tokio::join!(at("who"), at("what"), at("when"), at("where"), at("why"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_caller_who_hangs_up_in_the_message_leaves_it() {
    let hotline = Hotline::start(&house::one_engineer()).await;
    let keys = [Step::Pause(300), Step::Key('3')];
    let (call, _) = hangs_up_when(&hotline, "quick", &keys, "recording-started").await;
    assert!(kinds(&call).contains(&"recording-ended"), "{call:#}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_caller_who_hangs_up_while_the_engineer_rings_stops_the_ringing() {
    let port = sipp::free_port();
    let hotline = Hotline::start(&house::engineers_at(&[port])).await;
    let engineer = sipp::engineer(port, &[Step::Ring, Step::Cancelled]);
    let keys = [Step::Pause(300), Step::Key('2')];
    let (call, _) = hangs_up_when(&hotline, "quick", &keys, "rings").await;
    assert!(kinds(&call).contains(&"leg-ringing"), "{call:#}");
    engineer.succeeds().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_caller_who_hangs_up_while_the_engineer_decides_ends_the_engineers_call() {
    let port = sipp::free_port();
    let hotline = Hotline::start(&house::engineers_at(&[port])).await;
    let engineer = sipp::engineer(port, &[Step::Ring, Step::Answer, Step::HungUp]);
    let keys = [Step::Pause(300), Step::Key('2')];
    hangs_up_when(&hotline, "quick", &keys, "mailbox").await;
    engineer.succeeds().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_caller_who_hangs_up_in_the_briefing_is_told_to_the_engineer() {
    let port = sipp::free_port();
    let hotline = Hotline::start(&house::engineers_at(&[port])).await;
    let engineer = sipp::engineer(port, &[Step::Ring, Step::Answer, Step::Pause(500), Step::Key('1'), Step::HungUp]);
    let keys = [Step::Pause(300), Step::Key('2')];
    let (call, _) = hangs_up_when(&hotline, "quick", &keys, "engineer-1 listens").await;
    assert!(!kinds(&call).contains(&"leg-accepted"), "{call:#}");
    engineer.succeeds().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_caller_who_hangs_up_in_the_conversation_ends_it_for_both() {
    let port = sipp::free_port();
    let hotline = Hotline::start(&house::engineers_at(&[port])).await;
    let accepts = [Step::Ring, Step::Answer, Step::Pause(500), Step::Key('1'), Step::Pause(700), Step::Key('1')];
    let engineer = sipp::engineer(port, &[&accepts[..], &[Step::HungUp]].concat());
    let steps = [Step::Call, Step::Pause(300), Step::Key('2'), Step::Cue, Step::HangUp];
    let caller = sipp::caller(hotline.sip(), "quick", &steps);
    hotline.call_when("inbound", |call| kinds(call).contains(&"bridged")).await;
    caller.cue().await;
    caller.succeeds().await;
    engineer.succeeds().await;
    let call = hotline.call_when("inbound", ended("taken")).await;
    let alert = hotline.alert_when(|alert| alert["status"] == "acknowledged").await;
    assert_eq!(alert["call_id"], call["id"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_is_refused_with_the_right_status() {
    let hotline = Hotline::start(&house::one_engineer()).await;
    sipp::caller(hotline.sip(), "nobody-here", &[Step::CallRefused(404)]).succeeds().await;
    assert_eq!(hotline.get("/calls").await["items"].as_array().map(Vec::len), Some(0));
    sipp::caller(hotline.sip(), "hotline", &[Step::CallInG729]).succeeds().await;
    let call = hotline.call_when("inbound", ended("failed")).await;
    assert!(tells(&call, "codec"), "{call:#}");
    let alert = hotline.alert_when(|_| true).await;
    assert_eq!(alert["call_id"], call["id"], "even a call that could not be answered is an alert");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_invite_without_an_offer_gets_ours_in_the_200() {
    let hotline = Hotline::start(&house::one_engineer()).await;
    let steps = [Step::CallWithoutOffer, Step::Pause(300), Step::Key('3'), Step::Cue, Step::HangUp];
    let caller = sipp::caller(hotline.sip(), "quick", &steps);
    hotline.call_when("inbound", |call| tells(call, "takes a message")).await;
    caller.cue().await;
    caller.succeeds().await;
    hotline.call_when("inbound", ended("abandoned")).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn tcp_is_as_good_as_udp() {
    let hotline = Hotline::start(&house::one_engineer()).await;
    let steps = [Step::Call, Step::Pause(300), Step::Key('3'), Step::Pause(1_500), Step::HangUp];
    sipp::tcp_caller(hotline.sip(), "quick", &steps).succeeds().await;
    let call = hotline.call_when("inbound", ended("abandoned")).await;
    assert!(tells(&call, "pressed 3"), "{call:#}");
}

#[tokio::test(flavor = "multi_thread")]
async fn strangers_are_refused_unless_the_operator_asks_for_them() {
    let closed = house::one_engineer().replace("open_sip = true", "open_sip = false");
    let hotline = Hotline::start(&closed).await;
    let answer = crate::raw::invite(hotline.sip(), "hotline").await;
    assert!(answer.starts_with("SIP/2.0 403"), "{answer}");
    assert_eq!(hotline.get("/calls").await["items"].as_array().map(Vec::len), Some(0));
}
