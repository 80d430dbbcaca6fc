//! What is past its time goes, and nothing else.

use std::time::Duration;

use hotline_core::alert::Change;
use hotline_core::directory::Language;
use hotline_core::fact::{Actor, Direction, Entry, Fact, LegCause, Outcome, RecordingKind};
use hotline_core::ids::{CallId, LegId, RecordingId};
use hotline_core::private::Private;
use jiff::{SignedDuration, Timestamp};

use super::databases::{Database, for_each_db};
use super::{PATIENCE, Story, append_all, everything, open_with, quick, until};
use crate::store::journal::Tuning;
use crate::store::{Journal, Store};

/// As [`Story`] has it.
const CALLER: &str = "+4915112345642";

/// A call of this customer with a message, a comment, and an alert that is resolved if asked for.
async fn call(journal: &Journal, store: &Store, seed: u64, customer: Option<&str>, resolved: bool) -> RecordingId {
    let mut scene = Story::new(seed, &(2_000 + seed).to_string());
    scene.open_alert();
    if let Some(customer) = customer {
        scene.fact(Fact::CustomerIdentified { customer: customer.into() });
    }
    let said = scene.record(RecordingKind::Voicemail, true);
    scene
        .fact(Fact::Transcribed {
            recording: said,
            text: Private::from("please ring Ms Lovelace back"),
            language: "en".to_owned(),
            engine: "whisper".to_owned(),
        })
        .fact(Fact::AlertUpdated { title: Some(format!("Ring {CALLER} back")), priority: None })
        .fact(Fact::Alert(Change::Commented {
            by: Actor::Login("admin".to_owned()),
            text: Private::from("she is at home"),
        }));
    if resolved {
        scene.fact(Fact::AlertResolved { by: Actor::Login("admin".to_owned()) });
    }
    scene.fact(Fact::LegEnded { leg: LegId::CALLER, cause: LegCause::HungUp });
    scene.fact(Fact::CallEnded { outcome: Outcome::Voicemail });
    for entry in &scene.entries {
        journal.append(entry.clone()).drained(PATIENCE).await.unwrap();
    }
    // People were rung about it: that call names the caller as well.
    let at = scene.entries[0].at;
    let (ring, alert) = (Some(CallId(scene.ids.uuid(at))), Some(scene.alert));
    let begun = Fact::CallStarted {
        direction: Direction::AlertRing,
        number: "hotline".into(),
        reference: "1".to_owned(),
        caller: Some(CALLER.into()),
        source: "alert".to_owned(),
        language: Language::default(),
    };
    for fact in [begun, Fact::CallEnded { outcome: Outcome::Unanswered }] {
        let entry = Entry { at, call: ring, alert, fact, why: String::new() };
        journal.append(entry).drained(PATIENCE).await.unwrap();
    }
    std::fs::write(store.wav_path(said), b"RIFF sound").unwrap();
    said
}

/// As `jobs::purge` does it, with two customers' times.
async fn purge(store: &Store, now: Timestamp) -> usize {
    let mut all = 0;
    for (customer, _) in store.unpurged().await.unwrap() {
        let days = match customer.as_ref().map(|id| id.0.as_str()) {
            Some("short") => 7,
            Some("long") => 365,
            _ => 90,
        };
        let before = now - SignedDuration::from_hours(days * 24);
        loop {
            match store.purge_calls(customer.as_ref(), before, now).await.unwrap() {
                0 => break,
                count => all += count,
            }
        }
    }
    all
}

async fn personal(db: &Database, store: &Store, said: RecordingId) -> (bool, bool, bool, bool) {
    let row = store.recording(&said.to_string()).await.unwrap().unwrap();
    let call = store.call(&row.call_id).await.unwrap().unwrap();
    let lines = db
        .number(&format!(
            "SELECT COUNT(*) FROM timeline WHERE (call_id = '{0}' OR alert_id = '{1}')
             AND (text IS NOT NULL OR what LIKE '%15112345642%')",
            row.call_id,
            call.alert_id.clone().unwrap_or_default(),
        ))
        .await;
    let alerts = db
        .number(&format!(
            "SELECT COUNT(*) FROM alerts WHERE call_id = '{}' AND (caller IS NOT NULL OR title LIKE '%15112345642%')",
            row.call_id
        ))
        .await;
    let rung = db
        .number(&format!(
            "SELECT COUNT(*) FROM calls WHERE direction <> 'inbound' AND caller IS NOT NULL AND alert_id = '{}'",
            call.alert_id.clone().unwrap_or_default()
        ))
        .await;
    assert_eq!(rung > 0, call.caller.is_some(), "the call that rang people about it");
    let words = row.transcript.is_some() || row.removed_at.is_none();
    (call.caller.is_some(), words, lines > 0 || alerts > 0, store.wav_path(said).exists())
}

const ALL: (bool, bool, bool, bool) = (true, true, true, true);
const NONE: (bool, bool, bool, bool) = (false, false, false, false);

async fn all_files(store: &Store, now: Timestamp) {
    let later = now + SignedDuration::from_mins(5);
    while store.remove_files(later).await.unwrap() > 0 {}
}

for_each_db! {
    async fn each_customers_time_counts_and_the_record_stays(db: Database) {
        let (store, journal, _) = db.open().await;
        let short = call(&journal, &store, 1, Some("short"), true).await;
        let open = call(&journal, &store, 2, Some("short"), false).await;
        let long = call(&journal, &store, 3, Some("long"), true).await;
        let stranger = call(&journal, &store, 4, None, true).await;
        let began = store.call(&store.recording(&short.to_string()).await.unwrap().unwrap().call_id).await.unwrap().unwrap();
        let at = |days: i64| {
            Timestamp::from_millisecond(began.started_at).unwrap() + SignedDuration::from_hours(days * 24 + 1)
        };

        assert_eq!(purge(&store, at(6)).await, 0);
        assert_eq!(personal(&db, &store, short).await, ALL);

        assert_eq!(purge(&store, at(8)).await, 1, "the other one's alert is open");
        assert_eq!(purge(&store, at(8)).await, 0, "once");
        all_files(&store, at(8)).await;
        assert_eq!(personal(&db, &store, short).await, NONE);
        for other in [open, long, stranger] {
            assert_eq!(personal(&db, &store, other).await, ALL);
        }
        let after = store.call(&began.id).await.unwrap().unwrap();
        assert_eq!((after.outcome.as_deref(), after.started_at, after.customer.as_deref()),
            (Some("voicemail"), began.started_at, Some("short")));

        assert_eq!(purge(&store, at(91)).await, 1, "a stranger's ninety days");
        all_files(&store, at(91)).await;
        assert_eq!(personal(&db, &store, stranger).await, NONE);
        assert_eq!(personal(&db, &store, long).await, ALL);
        assert_eq!(purge(&store, at(366)).await, 1);

        assert_eq!(db.number("SELECT COUNT(*) FROM audit_queue WHERE action = 'retention.purge'").await, 3);
        assert_eq!(db.number("SELECT COUNT(*) FROM recordings WHERE transcript LIKE '%Lovelace%'").await, 1);
        store.close().await;
    }

    async fn one_recording_is_deleted_on_request(db: Database) {
        let (store, journal, _) = db.open().await;
        let (said, other) = (call(&journal, &store, 1, None, false).await, call(&journal, &store, 2, None, false).await);
        let now = crate::clock::now().wall;
        for _again in 0..2 {
            assert!(store.delete_recording(said, "login admin", now).await.unwrap());
        }
        assert!(!store.delete_recording(RecordingId(uuid::Uuid::from_u128(5)), "login admin", now).await.unwrap());
        // The files of what was refused or deleted a moment ago may still be written.
        assert_eq!(store.remove_files(now).await.unwrap(), 0);
        all_files(&store, now).await;
        let row = store.recording(&said.to_string()).await.unwrap().unwrap();
        assert_eq!((row.transcript, row.removed_at.is_some(), row.duration_ms), (None, true, Some(2_500)));
        assert!(!store.wav_path(said).exists() && store.wav_path(other).exists());
        assert_eq!(db.number("SELECT COUNT(*) FROM audit_queue WHERE action = 'recording.delete'").await, 1);
        // A transcript that was being made meanwhile comes too late.
        let entry = Entry {
            at: now,
            call: Some(row.call_id.parse().unwrap()),
            alert: None,
            fact: Fact::Transcribed {
                recording: said,
                text: Private::from("too late"),
                language: "en".to_owned(),
                engine: "whisper".to_owned(),
            },
            why: String::new(),
        };
        journal.append(entry).drained(PATIENCE).await.unwrap();
        assert_eq!(store.recording(&said.to_string()).await.unwrap().unwrap().transcript, None);
        store.close().await;
    }

    async fn what_was_refused_is_removed_after_a_crash_too(db: Database) {
        let (store, journal, _) = db.open().await;
        let mut scene = Story::new(7, "2007");
        let recording = scene.recording();
        scene
            .fact(Fact::RecordingStarted { recording, leg: LegId::CALLER, kind: RecordingKind::Conversation })
            .fact(Fact::RecordingRefused { leg: LegId::CALLER, recording: Some(recording) });
        for entry in &scene.entries {
            journal.append(entry.clone()).drained(PATIENCE).await.unwrap();
        }
        std::fs::write(store.segment_path(recording), [1, 0].repeat(8_000)).unwrap();
        store.close().await;
        let (store, _, found) = db.open().await;
        assert_eq!(found.cut_off.len(), 1);
        assert!(!store.segment_path(recording).exists() && !store.wav_path(recording).exists());
        let row = store.recording(&recording.to_string()).await.unwrap().unwrap();
        assert!(row.removed_at.is_some());
        // It had ended, but its file was still there.
        std::fs::write(store.wav_path(recording), b"RIFF").unwrap();
        all_files(&store, crate::clock::now().wall + SignedDuration::from_hours(1)).await;
        assert!(!store.wav_path(recording).exists());
        store.close().await;
    }
}

/// The journal's drained files hold numbers and words as well: they are not kept for ever.
#[tokio::test]
async fn old_files_of_the_journal_go() {
    let dir = tempfile::tempdir().unwrap();
    let files = || std::fs::read_dir(dir.path().join("journal")).unwrap().count();
    let kept = |retain_age| Tuning { segment_bytes: 2_000, write_bytes: 500, retain_age, ..quick() };
    let (store, journal, _) = open_with(dir.path(), kept(Duration::from_hours(1))).await;
    for seed in 1..=5 {
        append_all(&journal, &everything(seed).entries).await;
    }
    let before = files();
    assert!(before > 4, "{before}");
    store.close().await;
    let (store, journal, _) = open_with(dir.path(), kept(Duration::ZERO)).await;
    for seed in 6..=7 {
        append_all(&journal, &everything(seed).entries).await;
    }
    until("only what may still grow is there", || files() <= 4).await;
    store.close().await;
}
