//! Several processes on one PostgreSQL: whose a name is, who rings what, which numbers calls get.

use std::collections::HashSet;
use std::time::Duration;

use hotline_core::directory::Address;
use hotline_core::notify::{Next, Waiting};
use jiff::Timestamp;

use super::alerts::{at, opened};
use super::databases::Database;
use super::notifications::planned;
use super::{Story, append_all, open_at, quick, raw_samples, until};
use crate::store::{Store, StoreError, StoreSettings, open};

const LEASE: Duration = Duration::from_secs(30);

/// The same name in another data folder.
fn elsewhere(db: &Database, node: &str) -> StoreSettings {
    let own = db.settings(node);
    StoreSettings { data_dir: own.data_dir.with_file_name(format!("{node}-elsewhere")), ..own }
}

async fn refused(settings: StoreSettings) -> String {
    match open::open(settings, quick(), raw_samples).await {
        Err(StoreError::NodeName(told)) => told,
        Err(other) => panic!("{other}"),
        Ok(_) => panic!("two processes under one name"),
    }
}

#[tokio::test]
async fn a_name_is_one_live_processs() {
    let db = Database::postgres().await;
    let (store, journal, _) = db.open_node("alpha").await;
    let told = refused(elsewhere(&db, "alpha")).await;
    assert!(told.contains("`alpha`") && told.contains("HOTLINE_NODE") && told.contains("stop the other"), "{told}");
    // Another name is nobody's.
    let (beta, _beta_journal, _) = db.open_node("beta").await;
    // Killed: its own folder has it again at once, another one has not.
    drop((store, journal));
    until("the folder is free", || open::is_free(&db.settings("alpha").data_dir)).await;
    let (store, journal, _) = db.open_node("alpha").await;
    refused(elsewhere(&db, "alpha")).await;
    // Stopped: the name is free at once.
    store.close().await;
    drop((store, journal));
    let (there, _there_journal, _) = open_at(elsewhere(&db, "alpha"), quick()).await;
    refused(db.settings("alpha")).await;
    // Dead for 10 s: likewise.
    there.close().await;
    drop(there);
    db.execute("UPDATE nodes SET instance = 'a folder that is gone', run = 'x', seen_at = seen_at - 10001").await;
    let (store, _journal, _) = db.open_node("alpha").await;
    store.close().await;
    beta.close().await;
}

#[tokio::test]
async fn a_copied_folder_is_told() {
    let db = Database::postgres().await;
    let (first, _first_journal, _) = db.open_node("alpha").await;
    let copy = elsewhere(&db, "alpha");
    std::fs::create_dir_all(&copy.data_dir).unwrap();
    std::fs::copy(db.settings("alpha").data_dir.join("node.toml"), copy.data_dir.join("node.toml")).unwrap();
    let (second, _second_journal, _) = open_at(copy, quick()).await;
    // The one that was there before finds it out with its next word.
    let told = |store: &Store| store.health().notes.iter().any(|note| note.contains("another hotline is alive"));
    until("the first is told", || told(&first)).await;
    assert!(!told(&second));
    second.close().await;
    drop(second);
    until("the first has its name again", || !told(&first)).await;
    first.close().await;
}

#[tokio::test]
async fn no_two_calls_get_the_same_number() {
    let db = Database::postgres().await;
    let (one, journal, _) = db.open_node("alpha").await;
    append_all(&journal, &Story::new(1, "1234").entries).await;
    // As after an update: calls are there, nothing was reserved.
    one.close().await;
    drop((one, journal));
    db.execute("UPDATE counters SET value = 0 WHERE name = 'call_reference'").await;
    let (one, _one_journal, _) = db.open_node("alpha").await;
    let (two, _two_journal, _) = db.open_node("beta").await;
    assert_eq!(one.call_reference(), Some(1_235), "it goes on");
    let mut given = HashSet::from([1_235]);
    for _ in 0..400 {
        for store in [&one, &two] {
            // They are reserved ahead, but not for a test that rings without a pause.
            let mut next = store.call_reference();
            let waiting = async {
                while next.is_none() {
                    tokio::time::sleep(Duration::from_millis(5)).await;
                    next = store.call_reference();
                }
            };
            tokio::time::timeout(super::PATIENCE, waiting).await.unwrap();
            let next = next.unwrap();
            assert!((1_001..=99_999).contains(&next), "{next}");
            assert!(given.insert(next), "{next} twice");
        }
    }
    one.close().await;
    two.close().await;
    drop((one, two));
    db.execute("UPDATE counters SET value = 99900 WHERE name = 'call_reference'").await;
    let (again, _journal, _) = db.open_node("gamma").await;
    assert_eq!(again.call_reference(), Some(1_001), "they begin anew, five digits at most");
    again.close().await;
    let alone = Database::sqlite();
    let (store, _journal, _) = alone.open().await;
    assert_eq!(store.call_reference(), None, "nobody else gives any out");
    store.close().await;
}

async fn lines(store: &Store) -> Vec<(String, String)> {
    store.lines_elsewhere().await.unwrap()
}

#[tokio::test]
async fn nodes_know_what_the_others_can_ring() {
    let db = Database::postgres().await;
    let (one, journal, _) = db.open_node("alpha").await;
    let (two, _two_journal, _) = db.open_node("beta").await;
    let both = ["phone desk".to_owned(), "trunk carrier".to_owned()];
    one.share_lines(&both).await.unwrap();
    let of_alpha = |line: &str| (line.to_owned(), "alpha".to_owned());
    assert_eq!(lines(&two).await, [of_alpha("phone desk"), of_alpha("trunk carrier")]);
    assert_eq!(lines(&one).await, [], "its own are not others'");
    one.share_lines(&both[..1]).await.unwrap();
    assert_eq!(lines(&two).await, [of_alpha("phone desk")]);
    // A dead node's count for nothing.
    drop((one, journal));
    until("the folder is free", || open::is_free(&db.settings("alpha").data_dir)).await;
    let mut left = lines(&two).await;
    let waiting = async {
        while !left.is_empty() {
            db.execute("UPDATE nodes SET seen_at = seen_at - 10001 WHERE name = 'alpha'").await;
            left = lines(&two).await;
        }
    };
    tokio::time::timeout(super::PATIENCE, waiting).await.unwrap();
    // Nor a stopped one's.
    let (one, _journal, _) = db.open_node("alpha").await;
    one.share_lines(&both).await.unwrap();
    one.close().await;
    assert_eq!(lines(&two).await, []);
    two.close().await;
}

#[tokio::test]
async fn what_another_node_can_ring_is_left_to_it() {
    let db = Database::postgres().await;
    let (alpha, _alpha_journal, _) = db.open_node("alpha").await;
    let (beta, _beta_journal, _) = db.open_node("beta").await;
    let alert = opened(&beta, &["disk"]).await[0];
    beta.notify(&[planned(Some(alert), "desk", at(10))], None, at(10)).await.unwrap();
    let not_here = |_: &Address, _: &[Waiting], _: &[Timestamp]| Next::Elsewhere("alpha".to_owned());
    let here = |_: &Address, waiting: &[Waiting], _: &[Timestamp]| Next::One(waiting[0].id);
    assert_eq!(beta.claim_notifications(at(10), LEASE, 9, &not_here).await.unwrap(), []);
    let row = &beta.notifications(None, None, None, None, 9).await.unwrap().items[0];
    assert_eq!((row.state.as_str(), row.attempts), ("waiting", 0));
    assert_eq!(row.note.as_deref(), Some("node alpha rings: the phone is registered there"));
    assert_eq!(beta.claim_notifications(at(11), LEASE, 9, &here).await.unwrap(), [], "it is alpha's");
    assert_eq!(beta.next_notification().await.unwrap(), None);
    let claimed = alpha.claim_notifications(at(11), LEASE, 9, &here).await.unwrap();
    assert_eq!(claimed.len(), 1, "alpha rings");
    // Alpha can't after all, and then does nothing for so long that beta looks again.
    let elsewhere = crate::store::notifications::Tried::Elsewhere("not registered".to_owned());
    alpha.finish_notification(claimed[0].id, at(12), &elsewhere).await.unwrap();
    assert_eq!(beta.claim_notifications(at(12), LEASE, 9, &not_here).await.unwrap(), []);
    assert_eq!(beta.claim_notifications(at(21), LEASE, 9, &here).await.unwrap(), []);
    assert_eq!(beta.claim_notifications(at(22), LEASE, 9, &here).await.unwrap().len(), 1);
    alpha.close().await;
    beta.close().await;
}
