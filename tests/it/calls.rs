//! Calls by sipp from the first INVITE to the record that is left, hang-ups at every stage included.

use std::time::Duration;

use crate::harness::{Hotline, ended, kinds, tells};
use crate::sipp;

/// One customer, engineers at fixed addresses in the order given, short times.
fn configuration(engineers: &[u16]) -> String {
    let users: String = engineers
        .iter()
        .enumerate()
        .map(|(index, port)| {
            format!(
                "[[users]]\nid = \"engineer-{n}\"\nname = \"Engineer {n}\"\nphones = [\"sip:engineer@127.0.0.1:{port}\"]\n\n",
                n = index + 1
            )
        })
        .collect();
    let members: Vec<_> = (1..=engineers.len()).map(|n| format!("\"engineer-{n}\"")).collect();
    format!(
        r#"
[server]
open_sip = true
ring_again_minutes = 5

[[customers]]
id = "acme"
name = "Acme Logistics"
caller_ids = ["+4930555*"]

{users}
[[schedules]]
id = "on-call"
name = "On call"
members = [{members}]
start = "2026-01-05T09:00:00"
time_zone = "Europe/Berlin"
# Always the first: what week it is must not change a test.
overrides = [{{ user = "engineer-1", from = "2020-01-01T00:00:00Z", to = "2090-01-01T00:00:00Z", reason = "test" }}]

[[numbers]]
number = "hotline"
schedule = "on-call"
"#,
        members = members.join(", ")
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn a_caller_who_hangs_up_in_the_greeting_leaves_an_alert() {
    let hotline = Hotline::start(&configuration(&[sipp::free_port()])).await;
    sipp::caller(hotline.sip(), "hotline", "caller_hangs_up", Duration::from_millis(800)).succeeds().await;
    let call = hotline.call_when("inbound", ended("abandoned")).await;
    assert_eq!(call["customer"], "acme", "found by caller ID: {call:#}");
    assert_eq!(kinds(&call)[0], "call-started");
    let alert = hotline.alert_when(|alert| alert["status"] == "triggered").await;
    assert_eq!(alert["customer"], "acme");
    assert_eq!(alert["call_id"], call["id"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_caller_who_hangs_up_in_the_script_leaves_what_was_said_so_far() {
    let hotline = Hotline::start(&configuration(&[sipp::free_port()])).await;
    sipp::caller(hotline.sip(), "hotline", "caller_key_hangs_up", Duration::from_secs(6)).succeeds().await;
    let call = hotline.call_when("inbound", ended("abandoned")).await;
    assert!(kinds(&call).contains(&"recording-started") || tells(&call, "who"), "{call:#}");
    hotline.alert_when(|alert| alert["status"] == "triggered").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_caller_who_hangs_up_while_the_engineer_rings_stops_the_ringing() {
    let port = sipp::free_port();
    let hotline = Hotline::start(&configuration(&[port])).await;
    let engineer = sipp::engineer(port, "engineer_no_answer");
    sipp::caller(hotline.sip(), "hotline", "caller_key_2_hangs_up", Duration::from_secs(8)).succeeds().await;
    let call = hotline.call_when("inbound", ended("abandoned")).await;
    assert!(kinds(&call).contains(&"leg-ringing"), "{call:#}");
    engineer.succeeds().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_busy_engineer_is_skipped_and_the_next_takes_the_call() {
    let (first, second) = (sipp::free_port(), sipp::free_port());
    let hotline = Hotline::start(&configuration(&[first, second])).await;
    let busy = sipp::engineer(first, "engineer_busy");
    let takes = sipp::engineer_for(second, "engineer_hangs_up", 1, Duration::from_secs(2));
    sipp::caller(hotline.sip(), "hotline", "caller_key_waits", Duration::ZERO).succeeds().await;
    let call = hotline.call_when("inbound", ended("taken")).await;
    assert_eq!(call["taken_by"], "engineer-2", "{call:#}");
    assert!(tells(&call, "busy"), "{call:#}");
    let alert = hotline.alert_when(|alert| alert["status"] == "acknowledged").await;
    assert_eq!(alert["acknowledged_by"], "engineer-2");
    busy.succeeds().await;
    takes.succeeds().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_engineer_who_declines_is_followed_by_the_next_at_once() {
    let (first, second) = (sipp::free_port(), sipp::free_port());
    let hotline = Hotline::start(&configuration(&[first, second])).await;
    let declines = sipp::engineer(first, "engineer_declines");
    let takes = sipp::engineer_for(second, "engineer_hangs_up", 1, Duration::from_secs(1));
    sipp::caller(hotline.sip(), "hotline", "caller_key_waits", Duration::ZERO).succeeds().await;
    let call = hotline.call_when("inbound", ended("taken")).await;
    assert_eq!(call["taken_by"], "engineer-2", "{call:#}");
    assert!(kinds(&call).contains(&"leg-declined"), "{call:#}");
    declines.succeeds().await;
    takes.succeeds().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mailbox_that_answers_is_not_an_engineer_who_accepts() {
    let (mailbox, engineer) = (sipp::free_port(), sipp::free_port());
    let hotline = Hotline::start(&configuration(&[mailbox, engineer])).await;
    let answers = sipp::engineer(mailbox, "engineer_mailbox");
    let takes = sipp::engineer_for(engineer, "engineer_hangs_up", 1, Duration::from_secs(1));
    sipp::caller(hotline.sip(), "hotline", "caller_key_waits", Duration::ZERO).succeeds().await;
    let call = hotline.call_when("inbound", ended("taken")).await;
    assert_eq!(call["taken_by"], "engineer-2", "{call:#}");
    let order = kinds(&call);
    let first_answered = order.iter().position(|kind| *kind == "leg-answered").expect("the mailbox answered");
    let accepted = order.iter().position(|kind| *kind == "leg-accepted").expect("somebody accepted");
    assert!(order[first_answered..accepted].contains(&"leg-ended"), "the mailbox was left before: {order:?}");
    answers.succeeds().await;
    takes.succeeds().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_is_recorded_and_the_alert_rings_the_engineer() {
    let port = sipp::free_port();
    let hotline = Hotline::start(&configuration(&[port])).await;
    let rung = sipp::engineer_for(port, "engineer_accepts", 1, Duration::from_secs(1));
    sipp::caller(hotline.sip(), "hotline", "caller_voicemail", Duration::from_secs(12)).succeeds().await;
    let call = hotline.call_when("inbound", |call| call["outcome"].is_string()).await;
    assert!(kinds(&call).contains(&"recording-ended"), "{call:#}");
    // Nobody took it: the engineer is rung about the alert at once, and acknowledges by key.
    let alert = hotline.alert_when(|alert| alert["status"] == "acknowledged").await;
    assert_eq!(alert["acknowledged_by"], "engineer-1", "{alert:#}");
    rung.succeeds().await;
    let ring = hotline.call_when("alert-ring", ended("taken")).await;
    assert_eq!(ring["taken_by"], "engineer-1");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_is_refused_with_the_right_status() {
    let hotline = Hotline::start(&configuration(&[sipp::free_port()])).await;
    sipp::caller(hotline.sip(), "nobody-here", "caller_404", Duration::ZERO).succeeds().await;
    sipp::caller(hotline.sip(), "hotline", "caller_g729_only", Duration::ZERO).succeeds().await;
    let call = hotline.call_when("inbound", ended("failed")).await;
    assert!(tells(&call, "codec"), "{call:#}");
    let alert = hotline.alert_when(|alert| alert["status"] == "triggered").await;
    assert_eq!(alert["call_id"], call["id"], "even a call that could not be answered is an alert");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_invite_without_an_offer_gets_ours_in_the_200() {
    let hotline = Hotline::start(&configuration(&[sipp::free_port()])).await;
    sipp::caller(hotline.sip(), "hotline", "caller_late_offer", Duration::from_secs(2)).succeeds().await;
    let call = hotline.call_when("inbound", ended("abandoned")).await;
    assert!(tells(&call, "greeting"), "the greeting began: {call:#}");
}

#[tokio::test(flavor = "multi_thread")]
async fn strangers_are_refused_unless_the_operator_asks_for_them() {
    let closed = configuration(&[sipp::free_port()]).replace("open_sip = true", "open_sip = false");
    let hotline = Hotline::start(&closed).await;
    let answer = crate::raw::invite(hotline.sip(), "hotline").await;
    assert!(answer.starts_with("SIP/2.0 403"), "{answer}");
    assert_eq!(hotline.get("/calls").await["items"].as_array().map(Vec::len), Some(0));
}
