//! One night, with the real program and real phones: a caller reports a fault, the first engineer sleeps, the second
//! takes the caller by key and hands back, a mailbox answers and takes nothing, the third takes it, and it is resolved.
//! In the morning the timeline alone tells who was called, why, and why then.

use std::time::Duration;

use hotline::cli::handset::Handset;
use jiff::Timestamp;
use serde_json::Value;

use crate::child::{Child, Home, speech};

/// How long a step gives people.
const WAIT: Duration = Duration::from_secs(12);
/// What a busy machine may add to the wait of a step.
const BUSY: Duration = Duration::from_secs(10);
const PASSWORD: &str = "a-phones-password";

const TOML: &str = r#"
[server]
open_sip = true

[[customers]]
id = "acme"
name = "Acme Logistics"
caller_ids = ["caller"]
policy = "night"

[[users]]
id = "ada"
name = "Ada"
phones = ["phone:ada"]

[[users]]
id = "ben"
name = "Ben"
phones = ["phone:ben"]

[[users]]
id = "carl"
name = "Carl"
phones = ["phone:carl"]

[[phones]]
account = "ada"
user = "ada"
password = "a-phones-password"

[[phones]]
account = "ben"
user = "ben"
password = "a-phones-password"

[[phones]]
account = "carl"
user = "carl"
password = "a-phones-password"

[[schedules]]
id = "nights"
name = "Nights"
members = ["ada", "ben"]
start = "2026-01-05T09:00"
time_zone = "Europe/Berlin"

# What week it is must not change the test.
[[schedules.overrides]]
user = "ada"
from = "2020-01-01T00:00Z"
to = "2090-01-01T00:00Z"
reason = "swapped with Ben"

[[escalation_policies]]
id = "night"
name = "By night"
[[escalation_policies.steps]]
targets = ["schedule:nights"]
wait = "12s"
[[escalation_policies.steps]]
targets = ["user:carl"]
wait = "5m"

[[numbers]]
number = "hotline"
schedule = "nights"
flow = "night"

[flows.night]
start = "menu"
last_resort = "bye"

[flows.night.nodes.menu]
type = "menu"
options = { 1 = "report" }
give_up = "bye"

[flows.night.nodes.report]
type = "script"
next = "engineer"

[flows.night.nodes.engineer]
type = "connect"
ring = "6s"
rounds = 1
on_nobody = "nobody"

[flows.night.nodes.nobody]
type = "announce"
prompts = ["nobody-reached"]
next = "bye"

[flows.night.nodes.bye]
type = "hangup"
"#;

/// The five questions, each answered and ended by key.
async fn reports(caller: &mut Handset) {
    caller.press("1").await.expect("pressed");
    caller.begins_to_hear("script-intro").await.expect("told what comes");
    caller.press("#").await.expect("knows it");
    for question in ["who", "what", "when", "where", "why"] {
        if question != "who" {
            caller.waits_for(&format!("ask-{question}")).await.expect("asked");
        }
        caller.waits_for("beep").await.expect("may speak");
        // The shortest of ours: this test is about what comes after.
        caller.say(speech("where.wav")).await.expect("said");
        caller.press("#").await.expect("pressed");
    }
    caller.begins_to_hear("read-back").await.expect("hears what was said");
    caller.press("1").await.expect("pressed");
    caller.begins_to_hear("reference").await.expect("told the reference");
    caller.press("#").await.expect("pressed");
}

fn lines(alert: &Value) -> Vec<&Value> {
    alert["timeline"].as_array().expect("a timeline").iter().collect()
}

fn text<'a>(line: &'a Value, field: &str) -> &'a str {
    line[field].as_str().unwrap_or_default()
}

fn moment(line: &Value) -> Timestamp {
    text(line, "at").parse().expect("RFC 3339")
}

/// The places of lines of these kinds that hold these words, one behind the other.
fn in_order(alert: &Value, story: &[(&str, &str, &str)]) -> Vec<Timestamp> {
    let lines = lines(alert);
    let mut from = 0;
    let mut moments = Vec::new();
    for (kind, what, why) in story {
        let found = lines[from..].iter().position(|line| {
            line["kind"] == *kind && text(line, "what").contains(what) && text(line, "why").contains(why)
        });
        let Some(place) = found else {
            panic!("after line {from} nothing tells {kind}: {what:?} because {why:?}\n{}", told(alert))
        };
        moments.push(moment(lines[from + place]));
        from += place + 1;
    }
    moments
}

/// The timeline as people read it.
fn told(alert: &Value) -> String {
    let line = |line: &&Value| {
        format!("{} {:22} {} | {}", text(line, "at"), text(line, "kind"), text(line, "what"), text(line, "why"))
    };
    lines(alert).iter().map(line).collect::<Vec<_>>().join("\n")
}

/// Takes the notification by keys: answered is not taken, the first key is not either.
async fn takes(hotline: &Child, engineer: &mut Handset, reference: &str) {
    engineer.rings().await.expect("rings");
    engineer.answer().await.expect("answered");
    engineer.waits_for("alert-knock").await.expect("asks for a key");
    engineer.press("1").await.expect("pressed");
    engineer.waits_for("notice-alert").await.expect("tells what it is");
    assert_eq!(engineer.hears_digits(reference.len()).await.expect("the reference"), reference);
    engineer.waits_for("notice-choice").await.expect("asks who takes it");
    let alert = hotline.alert_when(|_| true).await;
    assert_eq!(alert["status"], "triggered", "nobody has it yet\n{}", told(&alert));
    engineer.press("1").await.expect("pressed");
    engineer.ends().await.expect("over");
}

#[tokio::test(flavor = "multi_thread")]
async fn every_minute_of_a_night_is_explained() {
    let home = Home::new(TOML);
    let hotline = home.start().await;
    let mut ada = hotline.registered("ada", PASSWORD).await;
    let mut ben = hotline.registered("ben", PASSWORD).await;
    let mut caller = hotline.phone("caller").await;

    caller.dial(&hotline.uri("hotline")).await.expect("answered");
    caller.begins_to_hear("menu").await.expect("offered a choice");
    reports(&mut caller).await;

    // Ada is on call, and sleeps.
    ada.rings().await.expect("the first is rung");
    ada.ends().await.expect("and not for ever");
    // Ben takes the caller by key.
    ben.rings().await.expect("then the second");
    ben.answer().await.expect("answered");
    ben.begins_to_hear("engineer-knock").await.expect("asked for a key");
    ben.press("1").await.expect("pressed");
    ben.begins_to_hear("engineer-call-from").await.expect("told who it is");
    ben.press("1").await.expect("pressed");
    caller.waits_for("connecting").await.expect("joined");
    let alert = hotline.alert_when(|alert| alert["status"] == "acknowledged").await;
    assert_eq!(alert["acknowledged_by"], "Ben", "{alert:#}");
    let reference = text(&alert, "reference").to_owned();
    // It is beyond him; nobody else can be reached for the caller, who is told so and hangs up.
    ben.waits_for("engineer-joined").await.expect("joined");
    ben.press("*2").await.expect("pressed");
    ben.begins_to_hear("engineer-handed-back").await.expect("told");
    ben.ends().await.expect("over");
    // Ada is rung once more, and sleeps.
    ada.rings().await.expect("whoever is behind him is rung");
    ada.ends().await.expect("and not for ever");
    let mut carl = hotline.registered("carl", PASSWORD).await;
    caller.waits_for("nobody-reached").await.expect("told");
    caller.ends().await.expect("over");

    // The policy's first step: Ada's mailbox answers, speaks, and takes nothing.
    ada.rings().await.expect("she is notified");
    ada.answer().await.expect("her mailbox answers");
    ada.say(speech("message.wav")).await.expect("and speaks");
    // The second step: Carl.
    takes(&hotline, &mut carl, &reference).await;
    let alert = hotline.alert_when(|alert| alert["status"] == "acknowledged").await;
    assert_eq!(alert["acknowledged_by"], "Carl", "{alert:#}");
    ada.ends().await.expect("nobody rings her any more");
    let id = text(&alert, "id").to_owned();
    hotline.post(&format!("/alerts/{id}/resolve")).await;
    let all_over = |alert: &Value| {
        let notifications = alert["notifications"].as_array().map(Vec::as_slice).unwrap_or_default();
        alert["status"] == "resolved" && notifications.iter().all(|one| one["finished_at"].is_string())
    };
    let alert = hotline.one_alert_when(&id, all_over).await;
    is_explained(&alert);
    assert!(!hotline.stop().await.contains("ERROR"), "a night without a fault of ours");
}

/// The morning's look: the timeline alone.
fn is_explained(alert: &Value) {
    let told = told(alert);
    println!("{told}");
    let story = [
        ("call-started", "", ""),
        ("customer-identified", "Acme Logistics", "the caller's number"),
        ("alert-opened", "P3", "the call is being answered"),
        ("answers-confirmed", "", ""),
        // Who was called, why this engineer.
        ("leg-started", "Calling Ada", "swapped with Ben"),
        ("leg-started", "Calling Ben", "next in line"),
        ("leg-ended", "The call to Ada is over: no answer", "rang 6 s"),
        ("leg-answered", "Ben", "only a key is"),
        ("leg-accepted", "Ben", "pressed 1"),
        ("bridged", "Ben", "accepted by key"),
        ("alert-acknowledged", "Ben", "accepted by key"),
        ("alert-unacknowledged", "ben", "star 2"),
        ("leg-started", "Calling Ada", "round 2"),
        ("step", "Ben is not called again", "declined before"),
        ("call-ended", "", ""),
        ("escalation-step", "Ada", "policy `night`, step 1 of round 1"),
        ("escalation-step", "Carl", "policy `night`, step 2 of round 1"),
        ("alert-acknowledged", "Carl", "nobody else is asked"),
        ("alert-resolved", "", ""),
    ];
    let at = in_order(alert, &story);
    // Why then: the second step comes when the first one's wait is over.
    let between = Duration::try_from(at[at.len() - 4].duration_until(at[at.len() - 3])).expect("in order");
    assert!(between + Duration::from_millis(2) >= WAIT && between <= WAIT + BUSY, "{between:?}\n{told}");
    for (first, second, name) in [("ada", "no-answer", "her mailbox"), ("carl", "answered", "he")] {
        let all = alert["notifications"].as_array().expect("a list");
        let own: Vec<&Value> = all.iter().filter(|one| one["user"]["id"] == first).collect();
        assert_eq!(own.len(), 1, "{first} is notified once: {all:#?}");
        assert_eq!(own[0]["state"], second, "{name}: {all:#?}");
        assert!(text(own[0], "why").contains("policy `night`, step"), "{all:#?}");
    }
    let lines = lines(alert);
    for pair in lines.windows(2) {
        let gap = moment(pair[0]).duration_until(moment(pair[1]));
        assert!(gap >= jiff::SignedDuration::ZERO, "in order: {pair:#?}");
        let gap = Duration::try_from(gap).expect("in order");
        assert!(gap <= WAIT + BUSY, "nothing explains {gap:?} between {pair:#?}\n{told}");
    }
    for line in lines {
        assert!(!text(line, "what").is_empty(), "{line:#}");
        let speaks_for_itself =
            SPEAK_FOR_THEMSELVES.contains(&text(line, "kind")) || text(line, "what").starts_with("The caller");
        assert!(speaks_for_itself || !text(line, "why").is_empty(), "why? {line:#}\n{told}");
    }
}

/// What a phone or a caller did, what was measured, and what the flow says next: no decision about people.
const SPEAK_FOR_THEMSELVES: [&str; 7] =
    ["call-started", "leg-ringing", "leg-answered", "leg-quality", "recording-started", "recording-ended", "step"];
