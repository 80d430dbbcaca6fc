//! An exercise from its beginning to its report, on a real telephone: it says so before it says anything else, no customer hears of
//! it, and nothing that is counted counts it. And what helps is said by title when the telephone rings in earnest.

use std::path::PathBuf;
use std::time::Duration;

use serde_json::{Value, json};
use sha2::{Digest, Sha256};

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
    engineer.hears("alert-knock").await?;
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

/// Where the voice keeps what it said in English: the hash of engine, treatment, language and text.
fn clip(hotline: &Hotline, words: &str) -> PathBuf {
    let mut hash = Sha256::new();
    for part in ["espeak-ng en-us f2 145", "1", "en", words] {
        hash.update((part.len() as u64).to_le_bytes());
        hash.update(part.as_bytes());
    }
    hotline.data().join("cache/tts").join(format!("{}.wav", hex::encode(&hash.finalize()[..16])))
}

/// Lets the voice find these words spoken already, as in this recording of ours: so it is known how they sound.
fn spoken_before(hotline: &Hotline, words: &str, recording: &str) -> anyhow::Result<()> {
    let file = clip(hotline, words);
    std::fs::create_dir_all(file.parent().expect("a folder"))?;
    let spec = hound::WavSpec {
        channels: 1,
        sample_rate: 16_000,
        bits_per_sample: 16,
        sample_format: hound::SampleFormat::Int,
    };
    let mut writer = hound::WavWriter::create(&file, spec)?;
    let samples = phone::samples(&phone::speech(recording));
    for (place, sample) in samples.iter().enumerate() {
        let next = samples.get(place + 1).unwrap_or(sample);
        writer.write_sample(*sample)?;
        writer.write_sample(i16::midpoint(*sample, *next))?;
    }
    Ok(writer.finalize()?)
}

#[tokio::test(flavor = "multi_thread")]
async fn in_earnest_the_title_of_what_helps_is_spoken() -> anyhow::Result<()> {
    let hotline = Hotline::start(&toml(9)).await;
    let mut engineer = phone::engineer(&hotline, "ada").await?;
    let runbook =
        "---\nkind: runbook\ntitle: Mail queue stuck\nservices: mail\nwords: queue\n---\n## Recovery\n1. Look at it.\n";
    say(&hotline, "PUT", "/runbooks/mail-queue", json!({ "text": runbook })).await;
    spoken_before(&hotline, "Runbook: Mail queue stuck.", "message.wav")?;
    spoken_before(&hotline, "The queue grows", "where.wav")?;
    let alert = say(&hotline, "POST", "/alerts", json!({ "title": "The queue grows", "service": "mail" })).await;
    let matched = hotline.get(&format!("/alerts/{}/runbooks", text(&alert, "id"))).await;
    assert_eq!(matched["items"][0]["title"], "Mail queue stuck", "{matched:#}");

    engineer.rings().await?;
    engineer.answer().await?;
    engineer.hears("alert-knock").await?;
    let heard = hotline.data().join("heard.wav");
    engineer.record(&heard)?;
    engineer.press("1").await?;
    engineer.waits_for("notice-choice").await?;
    engineer.stop_record().await?;
    let heard = phone::samples(&heard);
    let (title, title_at) = phone::likeness(&phone::samples(&phone::speech("where.wav")), &heard);
    let (runbook, runbook_at) = phone::likeness(&phone::samples(&phone::speech("message.wav")), &heard);
    assert!(title > 0.8 && runbook > 0.8, "title {title}, runbook {runbook}");
    assert!(title_at < runbook_at, "first what is wrong, then what helps: {title_at} {runbook_at}");
    engineer.press("1").await?;
    engineer.begins_to_hear("alert-acknowledged").await?;
    engineer.ends().await?;

    // This one counts, once: its ring and its message are the same interruption.
    hotline.call_when("notification", |call| call["outcome"] == "taken").await;
    let counted = |load: &Value| load["people"].as_array().is_some_and(|people| !people.is_empty());
    let load = when(&hotline, "/reports/on-call-load", "it counts", counted).await;
    assert_eq!((text(&load["people"][0]["user"], "id"), &load["people"][0]["times"]), ("engineer-1", &json!(1)));
    Ok(())
}
