//! Two nodes on one PostgreSQL: each deed is done by one of them.

use std::collections::HashMap;
use std::time::Duration;

use hotline_core::alert::intake::Action;
use hotline_core::alert::{Alert, Change};
use hotline_core::directory::Address;
use hotline_core::escalation::Progress;
use hotline_core::fact::{Fact, Outcome};
use hotline_core::ids::NotificationId;
use hotline_core::notify::{Next, Planned, Waiting};
use jiff::Timestamp;

use super::alerts::{at, change, decide, event, opened};
use super::databases::Database;
use super::notifications::planned;
use super::{PATIENCE, Story, append_all};
use crate::store::alerts::{Received, Verdict};
use crate::store::notifications::Tried;
use crate::store::{Changed, Store, StoreError};

/// One step of an escalation, as an engine decides it: if it is due.
#[expect(clippy::unnecessary_wraps, reason = "as `change_alert` wants it")]
fn step(alert: &Alert) -> Result<Verdict, ()> {
    if alert.progress.look.is_none_or(|look| look > at(10)) {
        return Ok(Verdict::default());
    }
    let stepped = Change::Stepped { round: 1, step: 1, targets: Vec::new(), next_at: None };
    let progress = Progress { round: 1, step: 1, ..Progress::default() };
    let mut planned = planned(Some(alert.id), "mobile", at(10));
    // A contact each: nothing holds them together.
    planned.to = hotline_core::notify::To::Person { user: alert.title.as_str().into(), contact: "mobile".to_owned() };
    Ok(Verdict {
        facts: vec![(Fact::Alert(stepped), "due".to_owned())],
        progress: Some(progress),
        notify: vec![planned],
        ..Verdict::default()
    })
}

async fn escalate_all(store: &Store) {
    loop {
        let due = store.due_escalations(at(10), 16).await.unwrap();
        if due.is_empty() && store.next_escalation().await.unwrap().is_none() {
            return;
        }
        for id in due {
            store.change_alert(id, at(10), step).await.unwrap().unwrap().unwrap();
        }
    }
}

async fn send_all(store: &Store) -> Vec<NotificationId> {
    let one = |_: &Address, waiting: &[Waiting], _: &[Timestamp]| Next::One(waiting[0].id);
    let mut sent = Vec::new();
    loop {
        let claimed = store.claim_notifications(at(10), Duration::from_mins(1), 16, &one).await.unwrap();
        if claimed.is_empty() && store.next_notification().await.unwrap().is_none() {
            return sent;
        }
        for notification in claimed {
            sent.push(notification.id);
            let done = Tried::Done(hotline_core::alert::change::NotifyOutcome::Delivered, String::new());
            store.finish_notification(notification.id, at(11), &done).await.unwrap();
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_step_and_each_message_once() {
    let db = Database::postgres().await;
    let (one, _one_journal, _) = db.open_node("node-1").await;
    let (two, _two_journal, _) = db.open_node("node-2").await;
    let keys: Vec<String> = (0..200).map(|n| format!("k{n}")).collect();
    let alerts = opened(&one, &keys.iter().map(String::as_str).collect::<Vec<_>>()).await;
    tokio::join!(escalate_all(&one), escalate_all(&two));
    assert_eq!(db.number("SELECT COUNT(*) FROM timeline WHERE kind = 'escalation-step'").await, 200);
    assert_eq!(db.count("notifications").await, 200);
    let (first, second) = tokio::join!(send_all(&one), send_all(&two));
    let mut sent: HashMap<NotificationId, u32> = HashMap::new();
    for id in first.iter().chain(&second) {
        *sent.entry(*id).or_default() += 1;
    }
    assert_eq!(sent.len(), 200);
    assert!(sent.values().all(|times| *times == 1));
    assert_eq!(db.number("SELECT COUNT(*) FROM notifications WHERE attempts = 1 AND state = 'delivered'").await, 200);
    assert!(alerts.len() == 200);
    one.close().await;
    two.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_fault_that_both_hear_of_is_one_alert() {
    let db = Database::postgres().await;
    let (one, _one_journal, _) = db.open_node("node-1").await;
    let (two, _two_journal, _) = db.open_node("node-2").await;
    // Each in its own order.
    let events: Vec<Received> = (0..60).map(|n| event(&format!("k{n}"), Action::Trigger, 1)).collect();
    let backwards: Vec<Received> = events.iter().rev().cloned().collect();
    for _ in 0..3 {
        let (first, second) = tokio::join!(one.take_events(&events, &decide), two.take_events(&backwards, &decide));
        let (first, mut second) = (first.unwrap(), second.unwrap());
        second.reverse();
        assert!(first.iter().zip(&second).all(|(one, other)| one.alert == other.alert));
    }
    assert_eq!(db.number("SELECT COUNT(*) FROM alerts").await, 60);
    assert_eq!(db.number("SELECT CAST(SUM(events) AS BIGINT) FROM alerts").await, 360);
    assert_eq!(db.number("SELECT COUNT(DISTINCT reference) FROM alerts").await, 60);
    one.close().await;
    two.close().await;
}

#[tokio::test]
async fn a_dead_nodes_calls_do_not_run() {
    let db = Database::postgres().await;
    let (one, journal, _) = db.open_node("node-1").await;
    let mut scene = Story::new(1, "1001");
    scene.open_alert();
    append_all(&journal, &scene.entries).await;
    let (two, _two_journal, recovered) = db.open_node("node-2").await;
    // It runs, but it is not this node's to end.
    assert!(recovered.cut_off.is_empty());
    assert!(two.alert_state(scene.alert).await.unwrap().unwrap().call_running);
    drop((one, journal));
    // The task that says so may be at its last word.
    tokio::time::sleep(Duration::from_millis(100)).await;
    db.execute("UPDATE nodes SET seen_at = seen_at - 11000 WHERE name = 'node-1'").await;
    let mut running = true;
    while running {
        running = two.alert_state(scene.alert).await.unwrap().unwrap().call_running;
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    two.close().await;
}

#[tokio::test]
async fn what_a_dead_node_was_sending_is_another_nodes_at_once() {
    let db = Database::postgres().await;
    let now = crate::clock::now().wall;
    let (one, one_journal, _) = db.open_node("node-1").await;
    let (two, _two_journal, _) = db.open_node("node-2").await;
    let first = |_: &Address, waiting: &[Waiting], _: &[Timestamp]| Next::One(waiting[0].id);
    let alert = opened(&one, &["disk"]).await[0];
    one.notify(&[planned(Some(alert), "phone", now)], None, now).await.unwrap();
    let long = Duration::from_hours(1);
    let mine = one.claim_notifications(now, long, 9, &first).await.unwrap();
    assert_eq!(mine.len(), 1);
    // As long as its node lives it is that one's, and its telephone is not rung by another.
    one.notify(&[Planned { key: "again".to_owned(), ..planned(Some(alert), "phone", now) }], None, now).await.unwrap();
    let judges = async {
        while !two.shared.watch.may_judge() {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    tokio::time::timeout(PATIENCE, judges).await.unwrap();
    assert_eq!(two.claim_notifications(now, long, 9, &first).await.unwrap(), []);
    drop((one, one_journal));
    tokio::time::sleep(Duration::from_millis(100)).await;
    db.execute("UPDATE nodes SET seen_at = seen_at - 7000 WHERE name = 'node-1'").await;
    let mut taken = two.claim_notifications(now, long, 9, &first).await.unwrap();
    assert_eq!((taken.len(), taken.remove(0).id), (1, mine[0].id));
    two.close().await;
}

#[tokio::test]
async fn the_alert_of_a_call_that_died_with_its_node_is_looked_at() {
    let db = Database::postgres().await;
    let (one, journal, _) = db.open_node("node-1").await;
    let (two, _two_journal, _) = db.open_node("node-2").await;
    let mut scene = Story::new(1, "1001");
    scene.open_alert();
    append_all(&journal, &scene.entries).await;
    // The escalation looked, and waits for the end of the call.
    let wait = |alert: &Alert| -> Result<Verdict, ()> {
        assert!(alert.call_running);
        let look = crate::clock::now().wall.checked_add(Duration::from_mins(30)).ok();
        Ok(Verdict { progress: Some(Progress { look, ..alert.progress }), ..Verdict::default() })
    };
    two.change_alert(scene.alert, crate::clock::now().wall, wait).await.unwrap().unwrap().unwrap();
    let judges = async {
        while !two.shared.watch.may_judge() {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    tokio::time::timeout(PATIENCE, judges).await.unwrap();
    assert_eq!(two.wake_orphans().await.unwrap(), 0, "its node is alive");
    drop((one, journal));
    tokio::time::sleep(Duration::from_millis(100)).await;
    db.execute("UPDATE nodes SET seen_at = seen_at - 7000 WHERE name = 'node-1'").await;
    assert_eq!(two.wake_orphans().await.unwrap(), 1);
    assert_eq!(two.due_escalations(crate::clock::now().wall, 9).await.unwrap(), [scene.alert]);
    assert_eq!(two.wake_orphans().await.unwrap(), 0, "once");
    two.close().await;
}

#[tokio::test]
async fn nodes_know_each_others_phones() {
    let db = Database::postgres().await;
    let (one, one_journal, _) = db.open_node("node-1").await;
    let (two, _two_journal, _) = db.open_node("node-2").await;
    assert_eq!(two.lines_elsewhere().await.unwrap(), []);
    one.share_lines(&["phone ada".to_owned(), "trunk carrier".to_owned()]).await.unwrap();
    let of_one = ["phone ada", "trunk carrier"].map(|line| (line.to_owned(), "node-1".to_owned()));
    assert_eq!(two.lines_elsewhere().await.unwrap(), of_one);
    assert_eq!(one.lines_elsewhere().await.unwrap(), [], "its own are not elsewhere");
    drop((one, one_journal));
    tokio::time::sleep(Duration::from_millis(100)).await;
    db.execute("UPDATE nodes SET seen_at = seen_at - 7000 WHERE name = 'node-1'").await;
    assert_eq!(two.lines_elsewhere().await.unwrap(), [], "those of the dead don't ring");
    two.close().await;
}

/// What comes from the others, until it is this.
async fn hears(changes: &mut tokio::sync::broadcast::Receiver<Changed>, wanted: Changed) {
    let heard = async { while changes.recv().await.unwrap() != wanted {} };
    tokio::time::timeout(PATIENCE, heard).await.expect("it is told");
}

#[tokio::test]
async fn nodes_hear_what_the_others_change() {
    let db = Database::postgres().await;
    let (one, journal, _) = db.open_node("node-1").await;
    let (two, _two_journal, _) = db.open_node("node-2").await;
    let (mut of_one, mut of_two) = (one.listen(), two.listen());
    // Until it listens; a directory's change is heard or was not there to be heard.
    let listening = async {
        loop {
            one.tell_directory().await.unwrap();
            two.tell_directory().await.unwrap();
            let wait = Duration::from_millis(100);
            let both =
                tokio::join!(tokio::time::timeout(wait, of_one.recv()), tokio::time::timeout(wait, of_two.recv()));
            if both.0.is_ok() && both.1.is_ok() {
                return;
            }
        }
    };
    tokio::time::timeout(PATIENCE, listening).await.unwrap();
    let id = opened(&one, &["disk"]).await[0];
    hears(&mut of_two, Changed::Alert(id)).await;
    change(&two, id, 1, Fact::Alert(Change::Exhausted)).await;
    hears(&mut of_one, Changed::Alert(id)).await;
    let mut scene = Story::new(1, "1001");
    scene.open_alert().fact(Fact::CallEnded { outcome: Outcome::Reported });
    append_all(&journal, &scene.entries).await;
    hears(&mut of_two, Changed::Alert(scene.alert)).await;
    hears(&mut of_two, Changed::Call(scene.call)).await;
    // Nobody hears himself.
    assert!(of_one.try_recv().is_err());
    // The server ends all connections: writers and listeners come back by themselves.
    db.execute(
        "SELECT COUNT(pg_terminate_backend(pid)) FROM pg_stat_activity
         WHERE datname = current_database() AND pid <> pg_backend_pid()",
    )
    .await;
    hears(&mut of_two, Changed::All).await;
    change(&one, id, 2, Fact::Alert(Change::Exhausted)).await;
    hears(&mut of_two, Changed::Alert(id)).await;
    let entry = scene.entries[0].clone();
    append_all(&journal, &[entry]).await;
    one.close().await;
    two.close().await;
}

#[tokio::test]
async fn what_is_wrong_is_told_in_plain_words() {
    let db = Database::postgres().await;
    let no_database = |url: &str| crate::store::StoreSettings { database_url: url.to_owned(), ..db.settings("node-1") };
    let url = db.settings("node-1").database_url;
    let missing = url.replacen("localhost/", "localhost/nothing-", 1);
    for (url, expected) in
        [(missing.as_str(), "does not exist"), ("postgres://hotline:secret-word@localhost:1/x", "can't be reached")]
    {
        let error = Store::attach(&no_database(url)).await.map(|_| ()).unwrap_err();
        let told = error.to_string();
        assert!(told.contains(expected) && !told.contains("secret-word"), "{told}");
    }
    let told = Store::attach(&no_database("postgres://hotline:secret-word@:x:/")).await.map(|_| ()).unwrap_err();
    assert!(matches!(&told, StoreError::Database(text) if !text.contains("secret-word")), "{told}");
}
