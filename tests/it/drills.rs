//! An exercise from its beginning to its report, on a real telephone: it says so before it says anything else, no customer hears of
//! it, and nothing that is counted counts it. And what helps is said by title when the telephone rings in earnest.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::Duration;

use hotline::cli::handset::Handset;
use serde_json::{Value, json};

use crate::harness::{Hotline, PATIENCE, raw_get};
use crate::incidents::{say, text};
use crate::receiver::MailServer;
use crate::{house, phone};

fn toml(mail_port: u16) -> String {
    format!(
        r#"default_policy = "usual"

{}

[notify]
allow_networks = ["127.0.0.0/8"]

[notify.smtp]
server = "127.0.0.1"
port = {mail_port}
security = "none"
from = "Hotline <hotline@msp.example>"

[[customers.contacts]]
id = "lea"
name = "Lea Sommer"
email = "lea@acme.example"
tell = ["email"]
severities = ["critical", "major", "minor"]

[[services]]
id = "mail"
name = "Mail"
customer = "acme"

[[escalation_policies]]
id = "usual"
name = "Usual"
[[escalation_policies.steps]]
targets = ["user:engineer-1"]
wait = "5m"

[[slas]]
id = "gold"
name = "Gold"
customer = "acme"
targets = [{{ priority = "P1", response = "15m", resolution = "4h" }}]

[[status_pages]]
id = "acme"
title = "Acme"
customer = "acme"
open = true
components = [{{ service = "mail" }}]
"#,
        house::one_engineer()
    )
}

/// What is asked for, once it is so.
async fn when(hotline: &Hotline, path: &str, what: &str, ready: impl Fn(&Value) -> bool) -> Value {
    let waiting = async {
        loop {
            let said = hotline.get(path).await;
            if ready(&said) {
                return said;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    };
    tokio::time::timeout(PATIENCE, waiting).await.unwrap_or_else(|_| panic!("never: {path} {what}"))
}

#[tokio::test(flavor = "multi_thread")]
async fn an_exercise_rings_says_so_touches_no_customer_and_counts_nowhere() -> anyhow::Result<()> {
    let post = MailServer::start().await;
    let hotline = Hotline::start(&toml(post.port())).await;
    let mut engineer = phone::engineer(&hotline, "ada").await?;
    // What is replayed: an incident of which the customer was never told.
    let opening = json!({ "title": "mail-01 hangs", "severity": "minor",
        "affected": [{"service": "mail", "impact": "major_outage"}] });
    let incident = say(&hotline, "POST", "/incidents", opening).await;
    let planned = json!({ "replays": format!("incident:{}", text(&incident, "id")), "language": "en" });
    let drill = say(&hotline, "POST", "/drills", planned).await;
    let run = say(&hotline, "POST", &format!("/drills/{}/begin", text(&drill, "id")), json!({})).await;
    assert_eq!(text(&run, "title"), "DRILL: mail-01 hangs", "{run:#}");
    let alert_path = format!("/alerts/{}", text(&run, "alert"));
    let alert = hotline.get(&alert_path).await;
    assert!(alert["customer"].is_null() && alert["service"].is_null(), "{alert:#}");

    // The telephone rings as in earnest, and the first words are that it is none.
    engineer.rings().await?;
    engineer.answer().await?;
    engineer.begins_to_hear("alert-knock").await?;
    engineer.press("1").await?;
    engineer.begins_to_hear("notice-drill").await?;
    engineer.begins_to_hear("notice-alert").await?;
    let reference = text(&alert, "reference");
    assert_eq!(engineer.hears_digits(reference.len()).await?, reference);
    engineer.waits_for("notice-choice").await?;
    engineer.press("1").await?;
    engineer.begins_to_hear("alert-acknowledged").await?;
    engineer.ends().await?;

    // Who reacted when.
    let run_path = format!("/drill-runs/{}", text(&run, "id"));
    let report = when(&hotline, &run_path, "somebody took it", |report| report["taken_at"].is_string()).await;
    let there = report["attendance"].as_array().expect("attendance");
    assert_eq!((there.len(), text(&there[0]["user"], "id"), &there[0]["took"]), (1, "engineer-1", &json!(true)));
    assert!(there[0]["told_at"].is_string() && there[0]["seconds"].is_u64(), "{report:#}");
    let told = |all: &Value| all["items"][0]["state"] == "answered";
    when(&hotline, &format!("/notifications?alert={}", text(&run, "alert")), "it was answered", told).await;
    let (status, paper) = raw_get(hotline.http(), &format!("/api/v1{run_path}/paper?format=md")).await;
    let paper = String::from_utf8_lossy(&paper);
    assert!(status == 200 && paper.contains("took it") && paper.contains("answered"), "{paper}");
    assert_eq!(hotline.post(&format!("{alert_path}/resolve")).await, 200);
    hotline.call_when("notification", |call| call["outcome"] == "taken").await;

    // Nothing of it where customers look, and in nothing that is counted: not the ring either.
    for rest in ["", "/history", "/api/v2/summary.json", "/history.atom", "/history.rss"] {
        let (status, body) = raw_get(hotline.http(), &format!("/status/acme{rest}")).await;
        let body = String::from_utf8_lossy(&body);
        assert!(status == 200 && !body.contains("DRILL") && !body.contains("mail-01"), "{rest}: {body}");
    }
    assert_eq!(post.count(), 0);
    let load = hotline.get("/reports/on-call-load").await;
    assert!(load["people"].as_array().is_some_and(Vec::is_empty), "{load:#}");
    for report in ["mtta", "mttr", "mttd"] {
        let figures = hotline.get(&format!("/reports/{report}")).await;
        assert_eq!((&figures["all"]["known"], &figures["all"]["unknown"]), (&json!(0), &json!(0)), "{figures:#}");
    }
    assert_eq!(hotline.get("/reports/hotline").await["all"]["calls"], 0);
    let noise = hotline.get("/reports/noise").await;
    assert!(noise["sources"].as_array().is_some_and(Vec::is_empty), "{noise:#}");
    let promises = hotline.get("/reports/sla").await;
    assert_eq!((&promises["all"]["kept"], &promises["all"]["broken"]), (&json!(0), &json!(0)), "{promises:#}");
    Ok(())
}

/// Rings about a new alert and takes it; what the engineer heard from the key on.
async fn rung(hotline: &Hotline, engineer: &mut Handset) -> anyhow::Result<Vec<i16>> {
    let alert = say(hotline, "POST", "/alerts", json!({ "title": "The queue grows", "service": "mail" })).await;
    engineer.rings().await?;
    engineer.answer().await?;
    engineer.begins_to_hear("alert-knock").await?;
    let heard = hotline.data().join("heard.wav");
    engineer.record(&heard)?;
    engineer.press("1").await?;
    engineer.waits_for("notice-choice").await?;
    engineer.stop_record().await?;
    engineer.press("1").await?;
    engineer.begins_to_hear("alert-acknowledged").await?;
    engineer.ends().await?;
    when(hotline, &format!("/alerts/{}", text(&alert, "id")), "is taken", |alert| alert["status"] == "acknowledged")
        .await;
    assert_eq!(hotline.post(&format!("/alerts/{}/resolve", text(&alert, "id"))).await, 200);
    Ok(phone::samples(&heard))
}

/// What the voice has spoken so far, whichever it is.
fn spoken(hotline: &Hotline) -> BTreeSet<PathBuf> {
    let files = std::fs::read_dir(hotline.data().join("cache/tts")).into_iter().flatten();
    let files = files.filter_map(|entry| Some(entry.ok()?.path()));
    files.filter(|file| file.extension().is_some_and(|kind| kind == "wav")).collect()
}

/// A clip as it sounds on a telephone.
fn on_the_line(clip: &Path) -> Vec<i16> {
    let mut reader = hound::WavReader::open(clip).expect("a clip");
    let samples: Vec<i16> = reader.samples().map(|sample| sample.expect("a sample")).collect();
    samples.chunks_exact(2).map(|pair| i16::midpoint(pair[0], pair[1])).collect()
}

/// The voice works at idle priority: on a busy machine the first rings are without what it has not spoken yet.
const RINGS_MAX: usize = 6;

#[tokio::test(flavor = "multi_thread")]
async fn in_earnest_the_title_of_what_helps_is_spoken() -> anyhow::Result<()> {
    let hotline = Hotline::start(&toml(9)).await;
    let mut engineer = phone::engineer(&hotline, "ada").await?;
    // Customer and title, and nothing that helps yet.
    rung(&hotline, &mut engineer).await?;
    until_spoken(&hotline, 2).await;
    let before = spoken(&hotline);
    let runbook =
        "---\nkind: runbook\ntitle: Mail queue stuck\nservices: mail\nwords: queue\n---\n## Recovery\n1. Look at it.\n";
    say(&hotline, "PUT", "/runbooks/mail-queue", json!({ "text": runbook })).await;
    let mut rings = 1;
    let likeness = loop {
        rings += 1;
        let heard = rung(&hotline, &mut engineer).await?;
        until_spoken(&hotline, before.len() + 1).await;
        let new: Vec<PathBuf> = spoken(&hotline).difference(&before).cloned().collect();
        let [clip] = new.as_slice() else { panic!("only the runbook's title is new: {new:?}") };
        let (likeness, _) = phone::likeness(&on_the_line(clip), &heard);
        if likeness > 0.7 || rings == RINGS_MAX {
            break likeness;
        }
    };
    assert!(likeness > 0.7, "the runbook's title was not heard: {likeness}");

    // These count, each once: the ring and its message are the same interruption.
    let counted = |load: &Value| load["people"][0]["times"].as_u64() == Some(rings as u64);
    let load = when(&hotline, "/reports/on-call-load", "each counts once", counted).await;
    assert_eq!(text(&load["people"][0]["user"], "id"), "engineer-1");
    Ok(())
}

async fn until_spoken(hotline: &Hotline, clips: usize) {
    let waiting = async {
        while spoken(hotline).len() < clips {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    };
    tokio::time::timeout(PATIENCE, waiting).await.unwrap_or_else(|_| panic!("never: {clips} clips of the voice"));
}
