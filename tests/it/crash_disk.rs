//! The database away and the disk full, under the real program: calls go on, what can be kept is kept in order, and
//! what can't is said on the page, in `/readyz` and in the log.

use std::time::Duration;

use hotline_core::fact::LegCause;
use serde_json::Value;
use sqlx::{Connection, Executor, SqliteConnection};

use crate::child::{Child, Home, TOML, speech};

/// How long the database is held.
const HELD: Duration = Duration::from_secs(10);

/// Leaves a message and hangs up.
async fn leaves_a_message(hotline: &Child) {
    let mut caller = hotline.phone("caller").await;
    caller.dial(&hotline.uri("hotline")).await.expect("answered");
    caller.begins_to_hear("greeting").await.expect("greeted");
    caller.press("3").await.expect("pressed");
    records(caller).await;
}

/// The same caller again, about something new: the first message is an open report.
async fn leaves_another_message(hotline: &Child) {
    let mut caller = hotline.phone("caller").await;
    caller.dial(&hotline.uri("hotline")).await.expect("answered");
    caller.begins_to_hear("greeting").await.expect("greeted");
    caller.waits_for("known-choice").await.expect("told of the open report");
    caller.press("2").await.expect("pressed");
    caller.begins_to_hear("menu").await.expect("asked");
    caller.press("3").await.expect("pressed");
    records(caller).await;
}

async fn records(mut caller: hotline::cli::handset::Handset) {
    caller.waits_for("beep").await.expect("asked to speak");
    caller.say(speech("message.wav")).await.expect("said");
    caller.press("#").await.expect("pressed");
    assert_eq!(caller.ends().await.expect("over"), LegCause::HungUp);
}

fn count(page: &Value) -> usize {
    page["items"].as_array().map_or(0, Vec::len)
}

fn has(state: &Value, code: &str) -> bool {
    state["problems"].as_array().is_some_and(|all| all.iter().any(|problem| problem["code"] == code))
}

#[tokio::test(flavor = "multi_thread")]
async fn calls_go_on_while_the_database_is_held_and_it_has_everything_afterwards() {
    let home = Home::new(TOML);
    let hotline = home.start().await;
    home.add_login().await;
    let cookie = hotline.log_in().await;
    leaves_a_message(&hotline).await;
    hotline.list_when("/calls?direction=inbound", |page| count(page) == 1).await;
    let mut holder = SqliteConnection::connect(&format!("sqlite://{}", home.path("data/hotline.db").display()))
        .await
        .expect("the database opens");
    holder.execute("BEGIN EXCLUSIVE").await.expect("held");
    let held = tokio::time::Instant::now();
    leaves_another_message(&hotline).await;
    let state = hotline.readyz_when(|state| has(state, "database")).await;
    assert_eq!(state["ready"], true, "{state:#}");
    assert!(state["journal"]["undrained"].as_u64().is_some_and(|waiting| waiting > 5), "{state:#}");
    assert_eq!(state["journal"]["lost"], 0);
    let page = hotline.page(&cookie).await;
    assert!(
        page.contains("The database can&#39;t be written") || page.contains("The database can't be written"),
        "{page}"
    );
    hotline.says("calls go on, the journal keeps everything").await;
    tokio::time::sleep_until(held + HELD).await;
    holder.execute("ROLLBACK").await.expect("let go");

    let calls = hotline
        .list_when("/calls?direction=inbound", |page| count(page) == 2 && page["items"][0]["outcome"] == "voicemail")
        .await;
    for call in calls["items"].as_array().expect("a list") {
        let call = hotline.get(&format!("/calls/{}", call["id"].as_str().expect("an id"))).await;
        let lines = call["timeline"].as_array().expect("a timeline");
        let order: Vec<_> = lines.iter().map(|line| (line["at"].as_str(), line["seq"].as_i64())).collect();
        assert!(order.is_sorted(), "in order: {call:#}");
        assert_eq!(lines[0]["kind"], "call-started", "{call:#}");
        assert!(lines.iter().any(|line| line["kind"] == "call-ended"), "{call:#}");
        assert_eq!(call["recordings"][0]["speech"], true, "{call:#}");
    }
    let state = hotline.readyz_when(|state| !has(state, "database") && state["journal"]["undrained"] == 0).await;
    assert_eq!(state["journal"]["lost"], 0, "{state:#}");
    hotline.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn callers_reach_a_person_when_the_disk_is_full_and_nothing_kept_is_damaged() {
    let home = Home::new(TOML);
    let hotline = home.start().await;
    home.add_login().await;
    leaves_a_message(&hotline).await;
    let before = hotline.call_when("inbound", |call| call["outcome"] == "voicemail").await;
    // Its alert is done with, so that the engineer's phone is free below.
    let alert = before["alert_id"].as_str().expect("an alert");
    hotline.post(&format!("/alerts/{alert}/resolve")).await;
    hotline.alert_when(|alert| alert["status"] == "resolved").await;
    hotline.stop().await;

    let hotline = home.start_to_be_filled().await;
    let cookie = hotline.log_in().await;
    let mut engineer = hotline.engineer().await;
    hotline.fill_disk(true);
    reaches_the_engineer(&hotline, &mut engineer).await;
    let state = hotline.readyz_when(|state| has(state, "disk")).await;
    assert_eq!(state["ready"], true, "callers still reach people: {state:#}");
    let page = hotline.page(&cookie).await;
    assert!(page.contains("be written to disk") && page.contains("Make room in the data folder"), "{page}");
    hotline.says("ERROR hotline::store::journal: journal: the journal cannot be written").await;
    // With room again, what happened meanwhile is kept after all.
    hotline.fill_disk(false);
    hotline.call_when("inbound", |call| call["outcome"] == "taken").await;
    let state = hotline.readyz_when(|state| !has(state, "disk") && !has(state, "database")).await;
    assert_eq!(state["journal"]["lost"], 0, "{state:#}");
    // Full again, and killed in the middle of a call.
    hotline.fill_disk(true);
    let mut caller = hotline.phone("caller").await;
    caller.dial(&hotline.uri("hotline")).await.expect("answered");
    caller.begins_to_hear("greeting").await.expect("greeted");
    hotline.kill().await;

    // What was kept before is whole, and the hotline works.
    let hotline = home.start().await;
    let id = before["id"].as_str().expect("an id");
    let after = hotline.get(&format!("/calls/{id}")).await;
    assert_eq!(after["outcome"], "voicemail", "{after:#}");
    assert_eq!(after["recordings"], before["recordings"]);
    let audio = format!("/api/v1/recordings/{}/audio", after["recordings"][0]["id"].as_str().expect("an id"));
    let (status, bytes) = hotline.fetch(&audio, &[]).await;
    assert_eq!(status, 200);
    assert!(hound::WavReader::new(bytes.as_slice()).expect("is a WAV").duration() > 8_000);
    let cookie = hotline.log_in().await;
    assert!(!hotline.page(&cookie).await.contains("written to disk"));
    leaves_another_message(&hotline).await;
    hotline.call_when("inbound", |call| call["outcome"] == "voicemail" && call["id"] != id).await;
    hotline.stop().await;
    let mut database = SqliteConnection::connect(&format!("sqlite://{}", home.path("data/hotline.db").display()))
        .await
        .expect("the database opens");
    let (verdict,): (String,) =
        sqlx::query_as("PRAGMA integrity_check").fetch_one(&mut database).await.expect("can be checked");
    assert_eq!(verdict, "ok");
}

/// The caller asks for the engineer, who takes the call; each hears the other.
async fn reaches_the_engineer(hotline: &Child, engineer: &mut hotline::cli::handset::Handset) {
    let mut caller = hotline.phone("caller").await;
    caller.dial(&hotline.uri("hotline")).await.expect("answered");
    caller.begins_to_hear("greeting").await.expect("greeted");
    caller.press("2").await.expect("pressed");
    engineer.rings().await.expect("the engineer's phone rings");
    engineer.answer().await.expect("taken");
    engineer.waits_for("engineer-knock").await.expect("what it is about");
    engineer.press("1").await.expect("pressed");
    engineer.waits_for("engineer-join").await.expect("what 1 does");
    engineer.press("1").await.expect("pressed");
    engineer.waits_for("engineer-joined").await.expect("joined");
    let message = speech("message.wav");
    let (said, heard) = tokio::join!(caller.say(&message), engineer.waits_for_quiet());
    said.expect("said");
    heard.expect("heard");
    caller.hang_up().await.expect("over");
    engineer.ends().await.expect("over too");
}
