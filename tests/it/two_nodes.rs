//! Two processes on one PostgreSQL: every step is done by one of them, and when one is killed the other has taken over
//! within ten seconds, with nothing lost and nothing twice.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use jiff::Timestamp;
use serde_json::{Value, json};

use crate::child::{Child, Home};
use crate::harness::{kinds, tells};
use crate::receiver::{Receiver, Say, Seen};

#[path = "../../src/store/tests/server.rs"]
pub mod server;

/// The promise: so long after a node is gone another has taken over.
const TAKE_OVER: Duration = Duration::from_secs(10);
/// The first step's wait.
const WAIT: Duration = Duration::from_secs(3);
/// What each node signs its webhooks with: tells who sent.
const SECRETS: [&str; 2] = ["signed-by-the-first-node", "signed-by-the-second-node"];
/// Of the source whose alerts tell three people.
const KEY: &str = "a-key-of-the-tests-0001";
/// Of the source whose alerts ring a phone.
const PHONE_KEY: &str = "a-key-of-the-tests-0002";
const PASSWORD: &str = "a-phones-password";
/// Who is told of each alert, by which step.
const PEOPLE: [(&str, usize); 3] = [("first", 1), ("second", 2), ("third", 2)];

fn toml(node: usize, receiver: &Receiver) -> String {
    let person = |name: &str| {
        let url = receiver.url(&format!("/{name}"));
        format!(
            "[[users]]\nid = \"{name}\"\nname = \"{name}\"\n\
             contacts = [{{ id = \"hook\", kind = \"webhook\", address = \"{url}\" }}]\n\n"
        )
    };
    let people = PEOPLE.map(|(name, _)| person(name)).concat();
    format!(
        r#"
default_policy = "usual"

[server]
node = "node-{node}"
open_sip = true

[notify]
timeout = "30s"
allow_networks = ["127.0.0.0/8"]
webhook_secrets = ["{secret}"]

[limits]
call = ["3 in 15m"]
other = ["1000 in 1m"]
bundle_from = 1000

{people}
[[users]]
id = "ada"
name = "Ada"
phones = ["phone:ada"]

[[phones]]
account = "ada"
user = "ada"
password = "{PASSWORD}"

[[teams]]
id = "behind"
name = "Behind"
members = ["second", "third"]

[[schedules]]
id = "on-call"
name = "On call"
members = ["ada"]
start = "2026-01-05T09:00:00"
time_zone = "Europe/Berlin"

[[numbers]]
number = "hotline"
schedule = "on-call"
policy = "usual"

[[escalation_policies]]
id = "usual"
name = "One, then the others"
[[escalation_policies.steps]]
targets = ["user:first"]
wait = "3s"
[[escalation_policies.steps]]
targets = ["team:behind"]
wait = "1h"

[[escalation_policies]]
id = "by-phone"
name = "Ada's phone"
[[escalation_policies.steps]]
targets = ["schedule:on-call"]
wait = "1h"

[[alert_sources]]
id = "probes"
name = "Probes"
key = "{KEY}"

[[alert_sources]]
id = "pagers"
name = "Pagers"
key = "{PHONE_KEY}"
policy = "by-phone"
"#,
        secret = SECRETS[node - 1],
    )
}

/// Two homes on one database.
async fn homes(receiver: &Receiver) -> [Home; 2] {
    let database = tokio::task::spawn_blocking(server::new_database).await.expect("a server of our own");
    [1, 2].map(|node| {
        Home::new(&toml(node, receiver))
            .with("HOTLINE_DATABASE_URL", Some(&database))
            .with("HOTLINE_SECRET_KEY", Some("a-key-that-both-of-the-nodes-share"))
    })
}

/// Opens so many alerts in one delivery; their ids.
async fn open(node: &Child, key: &str, name: &str, count: usize) -> Vec<String> {
    let events: Vec<Value> = (0..count)
        .map(
            |n| json!({ "title": format!("{name} {n} is down"), "dedup_key": format!("{name}-{n}"), "priority": "P1" }),
        )
        .collect();
    let answer = node.events(key, &Value::from(events)).await;
    let results = answer["results"].as_array().expect("one for each");
    let ids: Vec<String> = results.iter().filter_map(|one| one["alert"].as_str()).map(str::to_owned).collect();
    assert_eq!(ids.len(), count, "{answer:#}");
    ids
}

/// Which alert a request is about.
fn alert_of(seen: &Seen) -> String {
    seen.json()["alerts"][0]["id"].as_str().expect("about an alert").to_owned()
}

fn is_taken(seen: &Seen) -> bool {
    seen.answered == Some(200)
}

/// Alert and person of each message that was taken.
fn taken(seen: &[Seen]) -> HashSet<(String, String)> {
    seen.iter().filter(|one| is_taken(one)).map(|one| (alert_of(one), one.path.clone())).collect()
}

/// Everybody was told of all these.
fn all_told(alerts: &[String]) -> impl Fn(&[Seen]) -> bool {
    let wanted: HashSet<(String, String)> =
        alerts.iter().flat_map(|id| PEOPLE.iter().map(move |(person, _)| (id.clone(), format!("/{person}")))).collect();
    move |seen| taken(seen).is_superset(&wanted)
}

/// How long this machine let a task of ours lie, in all: so much later everybody may be.
struct Lateness(Arc<parking_lot::Mutex<Duration>>);

impl Lateness {
    fn begin() -> Self {
        const TURN: Duration = Duration::from_millis(50);
        let late = Arc::new(parking_lot::Mutex::new(Duration::ZERO));
        let own = Arc::clone(&late);
        tokio::spawn(async move {
            loop {
                let before = hotline::clock::now().mono;
                tokio::time::sleep(TURN).await;
                let over = before.elapsed().saturating_sub(TURN * 2);
                *own.lock() += over;
            }
        });
        Self(late)
    }

    fn so_far(&self) -> Duration {
        *self.0.lock()
    }
}

fn moment(line: &Value) -> Timestamp {
    line["at"].as_str().expect("a moment").parse().expect("RFC 3339")
}

/// Each step once, in time, by one notification a person; the tries of each notification, by its id.
async fn told_once(node: &Child, alert: &str, late: Duration) -> HashMap<String, i64> {
    let alert = node.one_alert_when(alert, |alert| {
        let all = alert["notifications"].as_array().map(Vec::as_slice).unwrap_or_default();
        all.len() == PEOPLE.len() && all.iter().all(|one| one["state"] == "delivered")
    });
    let alert = alert.await;
    let lines = alert["timeline"].as_array().expect("a timeline");
    let steps: Vec<&Value> = lines.iter().filter(|line| line["kind"] == "escalation-step").collect();
    assert_eq!(steps.len(), 2, "each step once: {alert:#}");
    assert!(steps.iter().all(|step| step["why"].as_str().is_some_and(|why| why.contains("policy `usual`"))));
    let between = moment(steps[0]).duration_until(moment(steps[1]));
    let between = Duration::try_from(between).expect("in order");
    // The step's own moments are the node's: a millisecond is lost in writing.
    let (least, most) = (WAIT.saturating_sub(Duration::from_millis(2)), WAIT + TAKE_OVER + late);
    assert!((least..=most).contains(&between), "{between:?} between the steps: {alert:#}");
    let told: Vec<&str> =
        lines.iter().filter(|line| line["kind"] == "notified").filter_map(|line| line["what"].as_str()).collect();
    assert_eq!(told.len(), PEOPLE.len(), "each person once: {alert:#}");
    let notifications = alert["notifications"].as_array().expect("a list");
    for (person, step) in PEOPLE {
        let own: Vec<&Value> = notifications.iter().filter(|one| one["user"]["id"] == person).collect();
        assert_eq!(own.len(), 1, "{person} has one: {alert:#}");
        let why = own[0]["why"].as_str().unwrap_or_default();
        assert!(why.contains(&format!("step {step} of round 1")), "{why}");
    }
    notifications
        .iter()
        .map(|one| (one["id"].as_str().expect("an id").to_owned(), one["attempts"].as_i64().expect("a number")))
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn each_step_is_done_once_and_a_killed_nodes_work_is_taken_over_within_ten_seconds() {
    let holding = Arc::new(AtomicBool::new(false));
    let asked = Arc::clone(&holding);
    let receiver = Receiver::that(move |seen, _| {
        let kept = asked.load(Ordering::Relaxed) && seen.is_signed_with(SECRETS[0]);
        if kept { Say::Nothing } else { Say::Status(200) }
    })
    .await;
    let [home, other_home] = homes(&receiver).await;
    let (one, two) = (home.start().await, other_home.start().await);
    let clock = Lateness::begin();

    // Both at work.
    let mut alerts = Vec::new();
    for batch in 0..4 {
        alerts.extend(open(&one, KEY, &format!("a{batch}"), 5).await);
        alerts.extend(open(&two, KEY, &format!("b{batch}"), 5).await);
    }
    let seen = receiver.when("forty alerts, three people", all_told(&alerts)).await;
    assert_eq!(seen.len(), alerts.len() * PEOPLE.len(), "each message once");
    for secret in SECRETS {
        assert!(seen.iter().any(|one| one.is_signed_with(secret)), "{secret} had nothing to do");
    }
    for alert in &alerts {
        let tries = told_once(&two, alert, clock.so_far()).await;
        assert!(tries.values().all(|tries| *tries == 1), "{tries:?}");
    }

    // The first is killed in the middle: its messages are under way, leased, and nobody has taken them yet.
    holding.store(true, Ordering::Relaxed);
    let is_held = |one: &&Seen| one.answered.is_none();
    let mut batch = 0;
    while receiver.seen().iter().filter(is_held).count() < 8 {
        assert!(batch < 60, "the first node never sends");
        alerts.extend(open(&one, KEY, &format!("c{batch}"), 5).await);
        batch += 1;
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    let before = clock.so_far();
    let killed: Instant = hotline::clock::now().mono;
    one.kill().await;
    // Work goes on meanwhile.
    alerts.extend(open(&two, KEY, "d", 5).await);
    let seen = receiver.when("what the first node had", all_told(&alerts)).await;
    let late = clock.so_far().saturating_sub(before);
    let mut again = HashSet::new();
    for alert in &alerts {
        let tries = told_once(&two, alert, clock.so_far()).await;
        assert!(tries.values().all(|tries| (1..=2).contains(tries)), "{tries:?}");
        again.extend(tries.into_iter().filter(|(_, tries)| *tries == 2).map(|(id, _)| id));
    }
    let held: HashSet<String> =
        seen.iter().filter(is_held).map(|one| one.header("hotline-delivery").to_owned()).collect();
    assert!(held.len() >= 8 && held.is_subset(&again), "{} were held, {} sent again", held.len(), again.len());
    // Taken once each; what was under way at the kill comes again under the same id, and nothing else does.
    let mut deliveries: HashMap<&str, Vec<&Seen>> = HashMap::new();
    for one in seen.iter().filter(|one| is_taken(one)) {
        deliveries.entry(one.header("hotline-delivery")).or_default().push(one);
    }
    assert!(deliveries.values().all(|times| times.len() == 1), "a message was taken twice");
    assert_eq!(deliveries.len(), alerts.len() * PEOPLE.len(), "one a person and alert");
    let mut longest = Duration::ZERO;
    for id in &again {
        let one = deliveries[id.as_str()][0];
        assert!(one.is_signed_with(SECRETS[1]), "by the one that is left");
        longest = longest.max(one.at.saturating_duration_since(killed));
    }
    println!("taken over after {longest:?} ({} messages; the machine was late by {late:?})", again.len());
    assert!(longest <= TAKE_OVER + late, "{longest:?} (late by {late:?})");

    // It comes back, and nothing old is done anew.
    holding.store(false, Ordering::Relaxed);
    let one = home.start().await;
    alerts.extend(open(&one, KEY, "e", 5).await);
    let seen = receiver.when("alerts after the return", all_told(&alerts)).await;
    assert_eq!(seen.iter().filter(|one| is_taken(one)).count(), alerts.len() * PEOPLE.len());
    for alert in &alerts {
        told_once(&one, alert, clock.so_far()).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_phone_is_rung_by_the_node_where_it_is_registered() {
    let receiver = Receiver::start().await;
    let [home, other_home] = homes(&receiver).await;
    let (one, two) = (home.start().await, other_home.start().await);
    one.readyz_when(|ready| ready.to_string().contains("ada is on call")).await;
    let mut ada = two.registered("ada", PASSWORD).await;
    // The first node has no such phone, and knows who has.
    one.readyz_when(|ready| !ready.to_string().contains("ada is on call")).await;
    // As many calls as her limit allows: those that a node without her phone can't make do not count.
    for round in 0..3 {
        let id = open(&one, PHONE_KEY, &format!("p{round}"), 1).await.remove(0);
        ada.rings().await.expect("rings");
        ada.answer().await.expect("answered");
        ada.waits_for("alert-knock").await.expect("asks for a key");
        ada.press("1").await.expect("pressed");
        ada.waits_for("notice-choice").await.expect("tells what it is");
        ada.press("1").await.expect("pressed");
        ada.ends().await.expect("over");
        let alert = one.one_alert_when(&id, |alert| alert["status"] == "acknowledged").await;
        assert!(!kinds(&alert).contains(&"nobody-reached"), "{alert:#}");
        assert_eq!(alert["notifications"].as_array().map(Vec::len), Some(1), "{alert:#}");
        assert_eq!(alert["acknowledged_by"], "Ada", "{alert:#}");
    }
    two.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_was_on_the_line_of_a_killed_node_is_not_forgotten() {
    let receiver = Receiver::start().await;
    let [home, other_home] = homes(&receiver).await;
    let (one, two) = (home.start().await, other_home.start().await);
    let clock = Lateness::begin();
    let mut caller = one.phone("caller").await;
    caller.dial(&one.uri("hotline")).await.expect("answered");
    caller.begins_to_hear("greeting").await.expect("greeted");
    // The second has looked at it, and waits for the end of the call.
    two.alert_when(|alert| alert["status"] == "triggered").await;
    tokio::time::sleep(Duration::from_secs(3)).await;
    assert_eq!(receiver.seen().len(), 0, "nobody is told while the caller is being served");
    let before = clock.so_far();
    let killed: Instant = hotline::clock::now().mono;
    one.kill().await;
    let seen = receiver.when("the alert of the call", |seen| !seen.is_empty()).await;
    let (after, late) = (seen[0].at.saturating_duration_since(killed), clock.so_far().saturating_sub(before));
    println!("told after {after:?} (the machine was late by {late:?})");
    assert!(after <= TAKE_OVER + late, "{after:?} (late by {late:?})");
    let alert = two.alert_when(|alert| tells(alert, "escalation-step")).await;
    assert_eq!(alert["status"], "triggered", "{alert:#}");
}
