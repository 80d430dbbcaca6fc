//! The promise "no call is lost", kept against `kill -9`: in a message, in the script, in the greeting, and again
//! while the next start is mending what the last kill left.

use std::time::Duration;

use hotline_core::fact::LegCause;
use jiff::Timestamp;
use serde_json::Value;

use crate::child::{Child, Home, TOML, speech};

/// How much of a message a kill may cost.
const LOST_AT_MOST: Duration = Duration::from_secs(1);
/// A busy machine may hold up a lane for longer than it writes apart; the promise is about writing.
const TRIES: usize = 3;

fn kinds(record: &Value) -> Vec<&str> {
    let lines = record["timeline"].as_array().expect("a timeline");
    lines.iter().filter_map(|line| line["kind"].as_str()).collect()
}

fn only_recording(call: &Value) -> &Value {
    let recordings = call["recordings"].as_array().expect("a list");
    assert_eq!(recordings.len(), 1, "{call:#}");
    &recordings[0]
}

/// The recording as a browser gets it: 8 kHz, as long as the record says, and not silent.
async fn listen_to(hotline: &Child, recording: &Value) {
    let path = recording["audio_url"].as_str().expect("can be listened to");
    let path = path.find("/api/").map_or(path, |at| &path[at..]);
    let (status, bytes) = hotline.fetch(path, &[]).await;
    assert_eq!(status, 200);
    let (part, first) = hotline.fetch(path, &[("Range", "bytes=0-43")]).await;
    assert_eq!((part, first.as_slice()), (206, &bytes[..44]), "a player asks for parts");
    let mut wav = hound::WavReader::new(bytes.as_slice()).expect("is a WAV");
    let length_ms = i64::from(wav.duration()) * 1_000 / i64::from(wav.spec().sample_rate);
    let said_ms = recording["duration_ms"].as_i64().expect("has a length");
    assert!((length_ms - said_ms).abs() <= 60, "{length_ms} ms, but the record says {said_ms}");
    let loudest = wav.samples::<i16>().map(|sample| sample.expect("whole").unsigned_abs()).max();
    assert!(loudest.is_some_and(|loudest| loudest > 2_000), "silent ({loudest:?}): {recording:#}");
}

/// Takes the ring about an alert, or about several at once, like an engineer does; `choice` is what is asked last.
async fn acknowledges(engineer: &mut hotline::cli::handset::Handset, choice: &str) {
    engineer.rings().await.expect("the alert rings");
    engineer.answer().await.expect("is taken");
    engineer.waits_for("alert-knock").await.expect("what it is about");
    engineer.press("1").await.expect("pressed");
    engineer.waits_for(choice).await.expect("what 1 does");
    engineer.press("1").await.expect("pressed");
    assert_eq!(engineer.ends().await.expect("over"), LegCause::HungUp);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_kill_in_a_message_leaves_an_alert_with_the_audio_up_to_the_last_second() {
    for tries_left in (0..TRIES).rev() {
        let home = Home::new(TOML);
        let hotline = home.start().await;
        let mut caller = hotline.phone("caller").await;
        caller.dial(&hotline.uri("hotline")).await.expect("answered");
        caller.begins_to_hear("greeting").await.expect("greeted");
        caller.press("3").await.expect("pressed");
        caller.waits_for("beep").await.expect("asked to speak");
        caller.say(speech("message.wav")).await.expect("said");
        let still_speaking = speech("what.wav");
        tokio::select! {
            said = caller.say(&still_speaking) => panic!("killed too late: {said:?}"),
            () = tokio::time::sleep(Duration::from_secs(2)) => {}
        }
        let killed_at = hotline::clock::now().wall;
        hotline.kill().await;

        let hotline = home.start().await;
        let mut engineer = hotline.engineer().await;
        let call = hotline.call_when("inbound", |call| !call["outcome"].is_null()).await;
        assert_eq!(call["outcome"], "failed", "{call:#}");
        let recording = only_recording(&call);
        assert_eq!(recording["ended_because"], "recovered", "{call:#}");
        assert_eq!(recording["speech"], true, "{call:#}");
        // There is no model here, so it waits, and says so.
        assert_eq!(recording["transcript"]["state"], "off", "{call:#}");
        hotline.readyz_when(|state| state["transcripts"]["waiting"] == 1).await;
        listen_to(&hotline, recording).await;
        let alert = hotline.alert_when(|alert| alert["status"] == "triggered").await;
        assert_eq!(alert["call_id"], call["id"]);
        assert_eq!(alert["customer"]["id"], "acme", "known from the first second: {alert:#}");
        acknowledges(&mut engineer, "notice-choice").await;
        hotline.alert_when(|alert| alert["status"] == "acknowledged").await;
        hotline.stop().await;

        let began: Timestamp = recording["started_at"].as_str().and_then(|text| text.parse().ok()).expect("a time");
        let kept = Duration::from_millis(recording["duration_ms"].as_u64().expect("a length"));
        let lost = (began + kept).duration_until(killed_at);
        if lost <= LOST_AT_MOST.try_into().expect("is short") {
            return;
        }
        assert!(tries_left > 0, "{lost:#} of the message are lost, {kept:?} kept: {call:#}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn calls_cut_off_at_any_stage_are_mended_once_however_often_the_start_is_killed_too() {
    let home = Home::new(TOML);
    let hotline = home.start().await;
    // Three calls: one is greeted, one has answered two questions, one leaves a message.
    let mut reports = hotline.phone("caller").await;
    reports.dial(&hotline.uri("hotline")).await.expect("answered");
    reports.begins_to_hear("greeting").await.expect("greeted");
    reports.press("1").await.expect("pressed");
    reports.waits_for("beep").await.expect("asked who");
    reports.say(speech("who.wav")).await.expect("said");
    reports.waits_for("ask-what").await.expect("asked what");
    reports.waits_for("beep").await.expect("asked to speak");
    reports.say(speech("what.wav")).await.expect("said");
    reports.begins_to_hear("ask-when").await.expect("asked when");
    let mut leaves = hotline.phone("second").await;
    leaves.dial(&hotline.uri("hotline")).await.expect("answered");
    leaves.begins_to_hear("greeting").await.expect("greeted");
    leaves.press("3").await.expect("pressed");
    leaves.waits_for("beep").await.expect("asked to speak");
    let mut greeted = hotline.phone("third").await;
    let message = speech("message.wav");
    let ((), said) = tokio::join!(
        async {
            greeted.dial(&hotline.uri("hotline")).await.expect("answered");
            greeted.begins_to_hear("greeting").await.expect("greeted");
        },
        leaves.say(&message)
    );
    said.expect("said");
    hotline.kill().await;
    drop((reports, leaves, greeted));

    for after_ms in [15, 60, 120, 200, 300, 450, 700] {
        home.start_and_kill_after(Duration::from_millis(after_ms)).await;
    }
    let hotline = home.start().await;
    let ended = |page: &Value| {
        let calls = page["items"].as_array().map(Vec::as_slice).unwrap_or_default();
        calls.len() == 3 && calls.iter().all(|call| !call["outcome"].is_null())
    };
    let calls = hotline.list_when("/calls?direction=inbound", ended).await;
    let alerts = hotline.list_when("/alerts?status=triggered", |page| page["items"].as_array().is_some()).await;
    assert_eq!(alerts["items"].as_array().map(Vec::len), Some(3), "an alert for each call: {alerts:#}");
    let mut recordings = 0;
    for call in calls["items"].as_array().expect("a list") {
        let call = hotline.get(&format!("/calls/{}", call["id"].as_str().expect("an id"))).await;
        assert_eq!(call["outcome"], "failed", "{call:#}");
        let ends = kinds(&call).into_iter().filter(|kind| *kind == "call-ended").count();
        assert_eq!(ends, 1, "ended once: {call:#}");
        for recording in call["recordings"].as_array().expect("a list") {
            let ends = |line: &&Value| line["kind"] == "recording-ended";
            let told = call["timeline"].as_array().expect("a timeline").iter().filter(ends).count();
            assert_eq!(Some(told), call["recordings"].as_array().map(Vec::len), "each ended once: {call:#}");
            // The third question may have been asked before the others had come so far.
            if recording["speech"] == true {
                listen_to(&hotline, recording).await;
                recordings += 1;
            }
        }
    }
    assert_eq!(recordings, 3, "two answers and a message: {calls:#}");
    // All three wait for the same engineer: one ring about them all.
    let mut engineer = hotline.engineer().await;
    acknowledges(&mut engineer, "notice-choice-all").await;
    hotline
        .list_when("/alerts?status=acknowledged", |page| page["items"].as_array().is_some_and(|all| all.len() == 3))
        .await;
    assert!(!hotline.stop().await.contains("ERROR"), "mending is no fault");
}
