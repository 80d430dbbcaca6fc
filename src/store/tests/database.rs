//! Journal to database: what rows come of facts, exactly once, whatever the database does meanwhile.

use std::time::Duration;

use hotline_core::alert::change::{NotifyOutcome, PromiseWord};
use hotline_core::alert::{Change, Urgency};
use hotline_core::fact::{Actor, Entry, Fact, Outcome, Priority};
use hotline_core::ids::{AlertId, CallId, CustomerId, NotificationId, PolicyId, ServiceId};
use hotline_core::incident::{Began, Origin};
use hotline_core::private::Private;
use hotline_core::sla::Promise;
use sqlx::{Connection, Row};

use super::{PATIENCE, Story, append_all, connect, dump, everything, open, open_with, quick, until};
use crate::store::apply::{Place, apply};
use crate::store::journal::Tuning;
use crate::store::{StoreError, record};

#[test]
fn every_fact_comes_back_from_the_journal_as_it_was() {
    let mut entries = everything(1).entries;
    for by in [Actor::Token("ci".to_owned()), Actor::System] {
        let fact = Fact::AlertAcknowledged { by };
        entries.push(Entry { call: None, why: String::new(), fact, ..entries[0].clone() });
    }
    let kinds: std::collections::BTreeSet<_> = entries.iter().map(|entry| entry.fact.kind()).collect();
    assert_eq!(kinds.len(), 23, "a fact is missing here: {kinds:?}");
    for entry in entries {
        assert_eq!(record::decode(&record::encode(&entry)), Ok(entry));
    }
    for change in changes() {
        let entry =
            Entry { call: None, why: String::new(), fact: Fact::Alert(change), ..everything(1).entries[0].clone() };
        assert_eq!(record::decode(&record::encode(&entry)), Ok(entry));
    }
    assert!(record::decode(br#"{"v":2,"new":true}"#).unwrap_err().contains("newer hotline"));
    assert!(record::decode(b"garbage").is_err());
}

/// Every change of an alert, with and without what may be left out.
fn changes() -> Vec<Change> {
    let (at, id) = (everything(1).entries[0].at, uuid::Uuid::now_v7());
    let by = Actor::Person("ada".into());
    let received = |full: bool| {
        let text = |text: &str| full.then(|| text.to_owned());
        Change::Received {
            title: "Disk".to_owned(),
            details: text("97 %").map(Private::new),
            priority: Priority::P2,
            urgency: Urgency::Low,
            source: "prometheus".into(),
            reference: "100001".to_owned(),
            customer: text("acme").map(CustomerId),
            service: text("mail").map(ServiceId),
            dedup_key: text("disk"),
            group_key: text("group"),
            policy: text("default").map(PolicyId),
            began_at: full.then_some(at),
            link: text("https://monitor.example/1"),
        }
    };
    let notified = |user| Change::Notified {
        notification: NotificationId(id),
        user,
        by: "sms".to_owned(),
        outcome: NotifyOutcome::NoAnswer,
    };
    let action = |ok, output| Change::Action { action: "restart".into(), by: by.clone(), ok, output };
    let all = vec![
        received(true),
        received(false),
        Change::Joined { events: 7, title: Some("again".to_owned()), grouped: true },
        Change::Recovered { title: "Disk".to_owned(), left: 1, still: vec!["Mail".to_owned()] },
        Change::CallJoined { call: CallId(id) },
        Change::Routed { policy: None, urgency: Urgency::High, customer: Some("acme".into()), service: None },
        Change::Urgency { urgency: Urgency::High },
        Change::Snoozed { until: at, by: by.clone() },
        Change::Woke,
        Change::Assigned { to: "ben".into(), by: Actor::Login("admin".to_owned()) },
        Change::Unacknowledged { by: Actor::System },
        Change::EscalateNow { by: Actor::Token("ci".to_owned()) },
        Change::Stepped { round: 1, step: 2, targets: vec!["Ada".to_owned()], next_at: Some(at) },
        Change::NobodyReached { step: 2 },
        Change::Exhausted,
        Change::Merged { into: AlertId(id), by: by.clone() },
        Change::Took { from: AlertId(id) },
        Change::Commented { by: by.clone(), text: Private::from("rebooted") },
        notified(Some("ada".into())),
        notified(None),
        action(None, None),
        action(Some(false), Some(Private::from("exit 1"))),
        Change::Began(Began { at, origin: Origin::Caller }),
        Change::WaitsForCustomer { by: by.clone() },
        Change::CustomerAnswered { by: Actor::Login("admin".to_owned()) },
        Change::Promised {
            sla: "gold".into(),
            revision: 2,
            promise: Promise::Resolution,
            said: PromiseWord::Warned,
            share: 75,
            due_at: Some(at),
        },
    ];
    let kinds: std::collections::BTreeSet<_> = all.iter().map(Change::kind).collect();
    assert_eq!(kinds.len(), 23, "a change is missing here: {kinds:?}");
    all
}

#[tokio::test]
async fn facts_become_rows() {
    let dir = tempfile::tempdir().unwrap();
    let (store, journal, _) = open(dir.path()).await;
    let scene = everything(3);
    append_all(&journal, &scene.entries).await;
    let id = scene.call.to_string();

    let call = store.call(&id).await.unwrap().unwrap();
    assert_eq!((call.reference.as_str(), call.language.as_str()), ("1004", "de"));
    assert_eq!((call.customer.as_deref(), call.taken_by.as_deref()), (Some("acme"), Some("engineer-1")));
    assert_eq!(call.alert_id, Some(scene.alert.to_string()));
    assert_eq!(call.outcome.as_deref(), Some("taken"));
    assert!(call.started_at < call.answered_at.unwrap() && call.answered_at < call.taken_at);

    let legs = store.legs(&id).await.unwrap();
    let causes: Vec<_> = legs.iter().map(|leg| leg.cause.as_deref().unwrap_or("-")).collect();
    let expected = [
        "-",
        "no answer",
        "busy",
        "refused (603)",
        "not registered",
        "failed: no media",
        "released by the hotline",
        "hung up",
    ];
    assert_eq!(causes, expected);
    assert!(legs[7].accepted_at.is_some() && legs[1].answered_at.is_none());

    let recordings = store.recordings(&id).await.unwrap();
    let states: Vec<_> = recordings.iter().map(|r| (r.kind.as_str(), r.speech, r.transcript_state.as_str())).collect();
    assert_eq!(
        states,
        [("what", 1, "done"), ("why", 0, "none"), ("voicemail", 1, "failed"), ("conversation", 0, "none")]
    );
    assert_eq!(recordings[0].transcript.as_deref(), Some("the mail server is down"));
    assert_eq!(recordings[0].duration_ms, Some(2_500));

    let alert = store.alert(&scene.alert.to_string()).await.unwrap().unwrap();
    assert_eq!((alert.status.as_str(), alert.priority.as_str()), ("resolved", "P1"));
    assert_eq!((alert.title.as_str(), alert.rings, alert.next_ring_at), ("Mail is down", 1, None));
    assert_eq!(alert.acknowledged_by.as_deref(), Some("engineer-1"));
    assert_eq!(alert.resolved_by.as_deref(), Some("login admin"));
    assert_eq!((alert.reference.as_str(), alert.caller.as_deref()), ("1004", Some("+4915112345642")));
    assert_eq!(alert.customer.as_deref(), Some("acme"));

    let timeline = store.call_timeline(&id).await.unwrap();
    assert_eq!(timeline.len(), scene.entries.len());
    assert!(timeline.iter().zip(&scene.entries).all(|(row, entry)| row.kind == entry.fact.kind()));
    assert!(timeline.iter().all(|row| !row.what.contains("15112345642")));
    assert_eq!(store.alert_timeline(&alert.id).await.unwrap(), timeline);
    store.close().await;
}

#[tokio::test]
async fn an_alert_is_only_taken_while_nobody_has_it() {
    let dir = tempfile::tempdir().unwrap();
    let (store, journal, _) = open(dir.path()).await;
    let mut scene = Story::new(1, "1001");
    scene
        .open_alert()
        .fact(Fact::AlertAcknowledged { by: Actor::Person("engineer-1".into()) })
        .fact(Fact::AlertAcknowledged { by: Actor::Person("engineer-2".into()) })
        .fact(Fact::AlertResolved { by: Actor::System })
        .fact(Fact::AlertResolved { by: Actor::Login("late".to_owned()) })
        .fact(Fact::AlertAcknowledged { by: Actor::Login("later".to_owned()) });
    append_all(&journal, &scene.entries).await;
    let alert = store.alert(&scene.alert.to_string()).await.unwrap().unwrap();
    assert_eq!(alert.acknowledged_by.as_deref(), Some("engineer-1"));
    assert_eq!((alert.status.as_str(), alert.resolved_by.as_deref()), ("resolved", Some("the hotline")));
    store.close().await;
}

#[tokio::test]
async fn applied_twice_changes_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let (store, journal, _) = open(dir.path()).await;
    let scene = everything(5);
    append_all(&journal, &scene.entries).await;
    store.close().await;
    let once = dump(dir.path()).await;

    let mut connection = connect(dir.path()).await;
    let run: String =
        sqlx::query("SELECT journal FROM journal_position").fetch_one(&mut connection).await.unwrap().get(0);
    let engine = crate::store::engine::Engine::new(&super::settings(dir.path()).database_url).unwrap();
    for (seq, entry) in (1..).zip(&scene.entries) {
        apply(&mut connection, entry, Place { journal: &run, seq, node: "node-1", engine: &engine }).await.unwrap();
    }
    assert_eq!(dump(dir.path()).await, once);
}

#[tokio::test]
async fn a_position_that_fell_back_or_is_gone_changes_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let (store, journal, _) = open(dir.path()).await;
    append_all(&journal, &everything(1).entries).await;
    append_all(&journal, &everything(2).entries).await;
    store.close().await;
    let once = dump(dir.path()).await;
    for sql in ["UPDATE journal_position SET position = position - 17", "DELETE FROM journal_position"] {
        let mut connection = connect(dir.path()).await;
        sqlx::query(sql).execute(&mut connection).await.unwrap();
        connection.close().await.unwrap();
        let (store, journal, _) = open(dir.path()).await;
        until("all is drained again", || journal.health().undrained == 0).await;
        store.close().await;
        assert_eq!(dump(dir.path()).await, once, "{sql}");
    }
}

#[tokio::test]
async fn entries_after_a_power_cut_that_took_the_journals_end_are_not_mistaken_for_old_ones() {
    let dir = tempfile::tempdir().unwrap();
    let (store, journal, _) = open(dir.path()).await;
    let scene = everything(1);
    append_all(&journal, &scene.entries).await;
    store.close().await;
    // The database has all, the journal's disk had kept nothing of it.
    for file in std::fs::read_dir(dir.path().join("journal")).unwrap() {
        std::fs::remove_file(file.unwrap().path()).unwrap();
    }
    let (store, journal, _) = open(dir.path()).await;
    let other = everything(2);
    append_all(&journal, &other.entries).await;
    assert_eq!(store.call_timeline(&other.call.to_string()).await.unwrap().len(), other.entries.len());
    assert_eq!(store.call_timeline(&scene.call.to_string()).await.unwrap().len(), scene.entries.len());
    store.close().await;
}

#[tokio::test]
async fn a_locked_database_holds_up_nobody_and_gets_everything_in_order() {
    let dir = tempfile::tempdir().unwrap();
    let (store, journal, _) = open(dir.path()).await;
    append_all(&journal, &everything(1).entries).await;

    let mut other = connect(dir.path()).await;
    sqlx::query("BEGIN EXCLUSIVE").execute(&mut other).await.unwrap();
    let stories = [everything(2), everything(3)];
    for entry in stories.iter().flat_map(|scene| &scene.entries) {
        journal.append(entry.clone()).written().await.unwrap();
    }
    until("health tells", || journal.health().database_fault.is_some()).await;
    let health = journal.health();
    assert!(health.database_fault.unwrap().contains("locked"));
    assert!(health.journal_fault.is_none());
    assert_eq!(health.undrained, stories.iter().map(|scene| scene.entries.len() as u64).sum::<u64>());
    let late = journal.append(Story::new(4, "1005").entries.remove(0));
    assert!(matches!(late.drained(Duration::from_millis(50)).await, Err(StoreError::Timeout)));

    sqlx::query("COMMIT").execute(&mut other).await.unwrap();
    until("the database has all", || journal.health().undrained == 0).await;
    assert_eq!(journal.health().database_fault, None);
    for scene in &stories {
        let kinds: Vec<_> = store.call_timeline(&scene.call.to_string()).await.unwrap();
        assert!(kinds.iter().zip(&scene.entries).all(|(row, entry)| row.kind == entry.fact.kind()));
        assert_eq!(kinds.len(), scene.entries.len());
    }
    store.close().await;
}

#[tokio::test]
async fn an_entry_that_the_database_refuses_stops_no_other() {
    let dir = tempfile::tempdir().unwrap();
    let (store, journal, _) = open(dir.path()).await;
    // A trigger stands for a bug: this title can never be written.
    let mut connection = connect(dir.path()).await;
    sqlx::query(
        "CREATE TRIGGER bug BEFORE INSERT ON alerts WHEN NEW.title = 'cursed'
         BEGIN SELECT RAISE(ABORT, 'cursed title'); END",
    )
    .execute(&mut connection)
    .await
    .unwrap();

    let mut scene = Story::new(1, "1001");
    scene.open_alert();
    let mut entries = scene.entries.clone();
    let cursed = Fact::AlertOpened { title: "cursed".to_owned(), priority: Priority::P1, ring_at: None };
    let alert = AlertId(scene.ids.uuid(entries[0].at));
    entries.insert(1, Entry { alert: Some(alert), fact: cursed, ..entries[0].clone() });
    entries.insert(1, Entry { alert: None, fact: entries[2].fact.clone(), ..entries[0].clone() });
    let receipts: Vec<_> = entries.iter().map(|entry| journal.append(entry.clone())).collect();
    journal.handle.shared.append(br#"{"v":99}"#.to_vec());
    let after = journal.append(scene.fact(Fact::CallEnded { outcome: Outcome::Failed }).entries[2].clone());
    after.drained(PATIENCE).await.unwrap();

    let mut results = Vec::new();
    for receipt in receipts {
        results.push(receipt.drained(PATIENCE).await.is_ok());
    }
    assert_eq!(results, [true, false, false, true]);
    assert!(store.alert(&scene.alert.to_string()).await.unwrap().is_some());
    let rows = sqlx::query("SELECT reason, record FROM journal_rejects ORDER BY seq")
        .fetch_all(&mut connection)
        .await
        .unwrap();
    let reasons: Vec<String> = rows.iter().map(|row| row.get(0)).collect();
    assert_eq!(reasons.len(), 3);
    assert!(reasons[0].contains("names no alert") && reasons[1].contains("cursed title"));
    assert!(reasons[2].contains("newer hotline"));
    assert!(rows[1].get::<String, _>(1).contains("cursed"));
    let notes = journal.health().notes;
    assert!(notes.len() == 1 && notes[0].contains("refused 3 journal entries"), "{notes:?}");
    assert_eq!(journal.health().database_fault, None);
    store.close().await;
}

#[tokio::test]
async fn drained_files_go_and_the_rest_stays_readable() {
    let dir = tempfile::tempdir().unwrap();
    let tuning = Tuning { segment_bytes: 2_000, write_bytes: 500, retain_bytes: 6_000, ..quick() };
    let files = || std::fs::read_dir(dir.path().join("journal")).unwrap().count();
    let (store, journal, _) = open_with(dir.path(), tuning.clone()).await;
    for seed in 1..=10 {
        append_all(&journal, &everything(seed).entries).await;
    }
    until("old files are gone", || files() <= 6).await;
    store.close().await;
    let before = dump(dir.path()).await;
    let (store, journal, recovered) = open_with(dir.path(), tuning).await;
    assert_eq!(recovered.next_reference, 1_012);
    let health = journal.health();
    assert_eq!((health.undrained, health.notes), (0, Vec::new()));
    store.close().await;
    assert_eq!(dump(dir.path()).await, before);
    let mut connection = connect(dir.path()).await;
    let row = sqlx::query("SELECT COUNT(*) FROM journal_position").fetch_one(&mut connection).await.unwrap();
    assert!(row.get::<i64, _>(0) <= 2);
}

#[tokio::test]
async fn a_database_that_is_away_at_the_start_catches_up_later() {
    let dir = tempfile::tempdir().unwrap();
    let mut scene = Story::new(1, "1234");
    scene.open_alert().fact(Fact::CallEnded { outcome: Outcome::Reported });
    let settings = || crate::store::StoreSettings {
        database_url: format!("sqlite://{}/away/hotline.db", dir.path().display()),
        ..super::settings(dir.path())
    };
    let start = || crate::store::open::open(settings(), quick(), super::raw_samples);
    // A file stands where the database's folder should be.
    std::fs::write(dir.path().join("away"), b"").unwrap();
    for round in 0..2 {
        let (store, journal, recovered) = start().await.unwrap();
        assert!(journal.health().database_fault.is_some());
        assert!(store.call("x").await.is_err());
        if round == 0 {
            for entry in &scene.entries {
                journal.append(entry.clone()).written().await.unwrap();
            }
            drop((store, journal));
            // The lock goes with the last thread.
            until("the folder is free", || crate::store::open::is_free(dir.path())).await;
        } else {
            assert_eq!(recovered.next_reference, 1_235);
            assert_eq!(recovered.open_alerts.len(), 1);
            assert!(recovered.cut_off.is_empty());
            std::fs::remove_file(dir.path().join("away")).unwrap();
            std::fs::create_dir(dir.path().join("away")).unwrap();
            until("the database has all", || journal.health().undrained == 0).await;
            assert_eq!(journal.health().database_fault, None);
            assert!(store.alert(&scene.alert.to_string()).await.unwrap().is_some());
            store.close().await;
        }
    }
}

#[tokio::test]
async fn a_folder_has_one_service() {
    let dir = tempfile::tempdir().unwrap();
    let (store, _journal, _) = open(dir.path()).await;
    let second = crate::store::Store::open(super::settings(dir.path())).await;
    let told = second.map(|_| ()).unwrap_err().to_string();
    assert!(told.contains("another hotline uses this folder"), "{told}");
    let beside = crate::store::Store::attach(&super::settings(dir.path())).await.unwrap();
    assert!(beside.login("nobody").await.unwrap().is_none());
    beside.close().await;
    store.close().await;
    let (again, _, _) = open(dir.path()).await;
    again.close().await;
}

#[tokio::test]
async fn an_unknown_engine_is_told_at_once() {
    let dir = tempfile::tempdir().unwrap();
    let settings = crate::store::StoreSettings {
        database_url: "mongodb://somewhere/hotline".to_owned(),
        ..super::settings(dir.path())
    };
    let told = crate::store::Store::open(settings).await.map(|_| ()).unwrap_err().to_string();
    assert!(told.contains("mongodb") && told.contains("sqlite:"), "{told}");
}
