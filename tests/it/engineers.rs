//! Engineers by sipp: busy, declining, hanging up at each stage, a mailbox. Answered is not accepted.

use crate::harness::{Hotline, ended, kinds, tells};
use crate::house;
use crate::sipp::{self, Step};
use serde_json::Value;

/// Rings, answers, presses 1 at the knock and again to be joined.
const ACCEPTS: [Step; 6] =
    [Step::Ring, Step::Answer, Step::Pause(500), Step::Key('1'), Step::Pause(700), Step::Key('1')];

/// The first engineer does these steps; the second takes the call. The call's record.
async fn second_takes_it_after(first_steps: &[Step]) -> Value {
    let (first, second) = (sipp::free_port(), sipp::free_port());
    let hotline = Hotline::start(&house::engineers_at(&[first, second])).await;
    let passes = sipp::engineer(first, first_steps);
    let takes = sipp::engineer(second, &[&ACCEPTS[..], &[Step::HungUp]].concat());
    let caller =
        sipp::caller(hotline.sip(), "quick", &[Step::Call, Step::Pause(300), Step::Key('2'), Step::Cue, Step::HangUp]);
    hotline.call_when("inbound", |call| kinds(call).contains(&"bridged")).await;
    caller.cue().await;
    let call = hotline.call_when("inbound", ended("taken")).await;
    let accepted = call["legs"].as_array().into_iter().flatten().find(|leg| leg["accepted_at"].is_string());
    assert_eq!(accepted.expect("somebody")["person"]["id"], "engineer-2", "{call:#}");
    passes.succeeds().await;
    takes.succeeds().await;
    caller.succeeds().await;
    let alert = hotline.alert_when(|alert| alert["status"] == "acknowledged").await;
    assert_eq!(alert["call_id"], call["id"]);
    call
}

#[tokio::test(flavor = "multi_thread")]
async fn a_busy_engineer_is_followed_by_the_next() {
    let call = second_takes_it_after(&[Step::Ring, Step::Refuse(486)]).await;
    assert!(tells(&call, "busy"), "{call:#}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_engineer_whose_phone_refuses_is_followed_by_the_next() {
    let call = second_takes_it_after(&[Step::Ring, Step::Refuse(603)]).await;
    assert!(tells(&call, "603"), "{call:#}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_engineer_who_does_not_answer_is_cancelled_and_followed_by_the_next() {
    let call = second_takes_it_after(&[Step::Ring, Step::Cancelled]).await;
    assert!(tells(&call, "no answer"), "{call:#}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_engineer_who_declines_at_the_knock_is_followed_by_the_next() {
    let call = second_takes_it_after(&[Step::Ring, Step::Answer, Step::Pause(800), Step::Key('2'), Step::HungUp]).await;
    assert!(kinds(&call).contains(&"leg-declined"), "{call:#}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_engineer_who_declines_the_caller_is_followed_by_the_next() {
    let steps = [Step::Ring, Step::Answer, Step::Pause(500), Step::Key('1'), Step::Pause(700), Step::Key('2')];
    let call = second_takes_it_after(&[&steps[..], &[Step::HungUp]].concat()).await;
    assert!(kinds(&call).contains(&"leg-declined"), "{call:#}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_engineer_who_hangs_up_at_the_knock_is_followed_by_the_next() {
    second_takes_it_after(&[Step::Ring, Step::Answer, Step::Pause(800), Step::HangUp]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_engineer_who_hangs_up_in_the_briefing_is_followed_by_the_next() {
    let steps = [Step::Ring, Step::Answer, Step::Pause(500), Step::Key('1'), Step::Pause(700), Step::HangUp];
    let call = second_takes_it_after(&steps).await;
    assert!(tells(&call, "engineer-1 listens"), "{call:#}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mailbox_that_answers_is_not_an_engineer_who_accepts() {
    let call = second_takes_it_after(&[Step::Ring, Step::Answer, Step::MailboxGreeting, Step::HungUp]).await;
    assert!(tells(&call, "a mailbox?"), "{call:#}");
    let order = kinds(&call);
    let place = |kind| order.iter().position(|one| *one == kind).expect("it happened");
    assert!(order[place("leg-answered")..place("leg-accepted")].contains(&"leg-ended"), "left before: {order:?}");
    assert_eq!(order.iter().filter(|kind| **kind == "leg-accepted").count(), 1);
}
