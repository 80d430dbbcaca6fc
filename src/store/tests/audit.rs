//! The audit chain: nothing lost, nothing twice, nothing changed unseen, and yet persons can be forgotten.

use std::collections::BTreeSet;

use jiff::Timestamp;
use sqlx::{AssertSqlSafe, Connection, query};

use super::settings;
use crate::store::Store;
use crate::store::alerts::Audited;
use crate::store::audit::{AuditFilter, AuditHead, Break, Erase, move_batch};
use crate::store::lines;

const NODE: &str = "node-1";

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_790_000_000 + second).unwrap()
}

fn deed(number: usize) -> Audited {
    Audited {
        actor: ["login ann", "zoe", "token ci", "the hotline"][number % 4].to_owned(),
        action: ["alert.acknowledge", "user.put", "login.failed", "escalation-step"][number % 4].to_owned(),
        object: ["alert:7", "user:bob", "login", "alert:8"][number % 4].to_owned(),
        detail: format!("{{\"number\":{number}}}"),
        personal: if number % 4 == 2 { vec![("name".to_owned(), "+49 170 1234542".to_owned())] } else { Vec::new() },
    }
}

/// A store with so many deeds in its queue.
async fn with_queue(dir: &std::path::Path, deeds: usize) -> Store {
    let store = Store::attach(&settings(dir)).await.unwrap();
    queue(&store, NODE, 0..deeds).await;
    store
}

async fn queue(store: &Store, node: &str, numbers: std::ops::Range<usize>) {
    for number in numbers {
        let mut writer = store.shared.writers.writer().await.unwrap();
        let mut transaction = writer.begin().await.unwrap();
        lines::audit(&mut transaction, node, vec![(deed(number), at(number as i64))]).await.unwrap();
        transaction.commit().await.unwrap();
        writer.keep();
    }
}

async fn with_chain(dir: &std::path::Path, deeds: usize) -> Store {
    let store = with_queue(dir, deeds).await;
    while store.audit_move(NODE).await.unwrap().0 > 0 {}
    store
}

async fn run(store: &Store, sql: &str) -> u64 {
    query(AssertSqlSafe(sql.to_owned())).execute(&store.shared.pool).await.unwrap().rows_affected()
}

async fn broken(store: &Store) -> Option<Break> {
    broken_with(store, &[]).await
}

async fn broken_with(store: &Store, noted: &[AuditHead]) -> Option<Break> {
    store.audit_verify(noted).await.unwrap().chains.into_iter().find_map(|chain| chain.broken)
}

#[tokio::test]
async fn deeds_get_their_place_in_order_once() {
    let dir = tempfile::tempdir().unwrap();
    let store = with_queue(dir.path(), 9).await;
    queue(&store, "node-2", 20..23).await;
    let (moved, head) = store.audit_move(NODE).await.unwrap();
    assert_eq!((moved, head.unwrap().seq), (9, 9));
    assert_eq!(store.audit_move(NODE).await.unwrap().0, 0);
    let report = store.audit_verify(&[]).await.unwrap();
    assert!(report.whole() && report.queued == 3, "{report:?}: the other node's deeds are the other node's");
    store.audit_move("node-2").await.unwrap();
    let report = store.audit_verify(&[]).await.unwrap();
    assert_eq!(report.chains.iter().map(|chain| chain.entries).collect::<Vec<_>>(), [9, 3]);

    let all = store.audit_walk(&AuditFilter::default(), None, 1_000).await.unwrap();
    assert_eq!(all.len(), 12);
    for (number, row) in all.iter().take(9).enumerate() {
        let deed = deed(number);
        assert_eq!(
            (row.actor.as_deref(), row.object.as_deref(), &row.action, &row.detail, row.at),
            (
                Some(deed.actor.as_str()),
                Some(deed.object.as_str()),
                &deed.action,
                &deed.detail,
                at(number as i64).as_millisecond()
            )
        );
        assert_eq!(row.personal.len(), deed.personal.len());
    }
    assert!(all[2].personal[0].1.as_deref() == Some("+49 170 1234542"));
    store.close().await;
}

#[tokio::test]
async fn what_is_queued_again_is_in_the_chain_once() {
    let dir = tempfile::tempdir().unwrap();
    let store = with_queue(dir.path(), 5).await;
    run(&store, "CREATE TABLE again AS SELECT * FROM audit_queue").await;
    store.audit_move(NODE).await.unwrap();
    run(&store, "INSERT INTO audit_queue SELECT * FROM again").await;
    let (_, head) = store.audit_move(NODE).await.unwrap();
    assert_eq!(head.unwrap().seq, 5);
    assert!(store.audit_verify(&[]).await.unwrap().whole());
    store.close().await;
}

#[tokio::test]
async fn nothing_personal_stands_in_the_chain_itself() {
    let dir = tempfile::tempdir().unwrap();
    let store = with_chain(dir.path(), 8).await;
    for word in ["ann", "zoe", "bob", "1234542"] {
        let columns = "node || id || actor || action || object || detail || personal || prev || hash";
        let sql = format!("SELECT COUNT(*) FROM audit WHERE {columns} LIKE '%{word}%'");
        let count: i64 = sqlx::query_scalar(AssertSqlSafe(sql)).fetch_one(&store.shared.pool).await.unwrap();
        assert_eq!(count, 0, "{word}");
    }
    store.close().await;
}

#[tokio::test]
async fn a_change_in_any_column_is_found() {
    let dir = tempfile::tempdir().unwrap();
    let store = with_chain(dir.path(), 8).await;
    assert_eq!(broken(&store).await, None);
    run(&store, "CREATE TABLE kept AS SELECT * FROM audit").await;
    run(&store, "CREATE TABLE kept_personal AS SELECT * FROM audit_personal").await;
    let texts = ["node", "id", "actor", "action", "object", "detail", "personal", "prev", "hash"];
    let mut changes: Vec<String> = texts
        .iter()
        .flat_map(|column| {
            // The first, one in the middle, the last; longer, other, empty.
            [1, 5, 8].into_iter().flat_map(move |seq| {
                ["{c} || ' '", "'x'", "''"].map(|to| {
                    format!(
                        "UPDATE audit SET {column} = {} WHERE seq = {seq} AND node = 'node-1'",
                        to.replace("{c}", column)
                    )
                })
            })
        })
        .collect();
    changes.extend([1, 5, 8].map(|seq| format!("UPDATE audit SET at = at + 1 WHERE seq = {seq}")));
    changes.extend(["seq = 0", "seq = -3", "seq = 99"].map(|to| format!("UPDATE audit SET {to} WHERE seq = 5")));
    for column in ["salt", "value"] {
        changes
            .extend(["'x'", "''", "NULL"].map(|to| format!("UPDATE audit_personal SET {column} = {to} WHERE seq = 3")));
    }
    changes.push("UPDATE audit_personal SET salt = UPPER(salt) || 'A' WHERE seq = 3".to_owned());
    changes.push("UPDATE audit_personal SET salt = NULL, value = NULL WHERE seq = 3".to_owned());
    changes.push("UPDATE audit_personal SET field = 'other' WHERE seq = 3".to_owned());
    changes.push("UPDATE audit_personal SET node = 'other' WHERE seq = 3".to_owned());
    changes.push("UPDATE audit_personal SET seq = 4 WHERE seq = 3".to_owned());
    changes.push("UPDATE audit_personal SET seq = 77 WHERE seq = 3".to_owned());
    changes.push("DELETE FROM audit_personal WHERE seq = 3".to_owned());
    let personal = "INSERT INTO audit_personal (node, seq, field, salt, value) VALUES ('node-1',";
    changes.push(format!("{personal} 4, 'actor', '00', 'eve')"));
    changes.push(format!("{personal} 99, 'actor', '00', 'eve')"));
    changes.extend([1, 5].map(|seq| format!("DELETE FROM audit WHERE seq = {seq}")));
    for change in &changes {
        assert!(run(&store, change).await > 0, "{change} changes something");
        let found = broken(&store).await;
        assert!(found.is_some(), "not found: {change}");
        run(&store, "DELETE FROM audit").await;
        run(&store, "INSERT INTO audit SELECT * FROM kept").await;
        run(&store, "DELETE FROM audit_personal").await;
        run(&store, "INSERT INTO audit_personal SELECT * FROM kept_personal").await;
    }
    assert_eq!(broken(&store).await, None, "put back, it is whole again");
    store.close().await;
}

#[tokio::test]
async fn the_first_break_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let store = with_chain(dir.path(), 8).await;
    let noted = [store.audit_head(NODE).await.unwrap().unwrap()];
    run(&store, "CREATE TABLE kept AS SELECT * FROM audit").await;
    run(&store, "CREATE TABLE kept_personal AS SELECT * FROM audit_personal").await;
    for (change, expected) in [
        ("UPDATE audit SET detail = '{}' WHERE seq IN (4, 6)", Break::Changed(4)),
        ("DELETE FROM audit WHERE seq = 4", Break::Missing(4)),
        ("DELETE FROM audit WHERE seq > 6", Break::Truncated(7)),
        ("DELETE FROM audit", Break::Truncated(1)),
    ] {
        run(&store, change).await;
        run(&store, "DELETE FROM audit_personal WHERE seq NOT IN (SELECT seq FROM audit)").await;
        assert_eq!(broken_with(&store, &noted).await, Some(expected), "{change}");
        run(&store, "DELETE FROM audit").await;
        run(&store, "INSERT INTO audit SELECT * FROM kept").await;
        run(&store, "DELETE FROM audit_personal").await;
        run(&store, "INSERT INTO audit_personal SELECT * FROM kept_personal").await;
    }
    assert_eq!(broken_with(&store, &noted).await, None);
    // All of it written anew, in itself without fault: the noted end tells.
    run(&store, "DELETE FROM audit").await;
    run(&store, "DELETE FROM audit_personal").await;
    queue(&store, NODE, 0..9).await;
    store.audit_move(NODE).await.unwrap();
    assert_eq!(broken(&store).await, None);
    assert_eq!(broken_with(&store, &noted).await, Some(Break::Rewritten(8)));
    store.close().await;
}

#[tokio::test]
async fn the_end_is_noted_beside_the_database() {
    let dir = tempfile::tempdir().unwrap();
    let store = with_chain(dir.path(), 3).await;
    let first = store.audit_head(NODE).await.unwrap().unwrap();
    assert!(store.audit_note(&first, at(0)).unwrap(), "the day's first");
    queue(&store, NODE, 3..6).await;
    let (_, second) = store.audit_move(NODE).await.unwrap();
    assert!(!store.audit_note(&second.clone().unwrap(), at(60)).unwrap());
    assert_eq!(store.audit_noted(), [first.clone(), second.clone().unwrap()]);
    assert!(store.audit_note(&second.clone().unwrap(), at(86_400)).unwrap(), "a day later");
    assert_eq!(broken_with(&store, &store.audit_noted()).await, None);
    run(&store, "DELETE FROM audit WHERE seq > 4").await;
    run(&store, "DELETE FROM audit_personal WHERE seq > 4").await;
    assert_eq!(broken_with(&store, &store.audit_noted()).await, Some(Break::Truncated(5)));
    store.close().await;
}

#[tokio::test]
async fn erasing_forgets_and_the_chain_holds() {
    let dir = tempfile::tempdir().unwrap();
    let store = with_chain(dir.path(), 16).await;
    let erased = store.audit_erase(&Erase::person("ann").unwrap(), NODE, "login root", at(50)).await.unwrap();
    assert_eq!(erased, 4, "login ann four times");
    assert_eq!(broken(&store).await, None, "the erasure still waits in the queue, and counts");
    let number = Erase::number("0049 (170) 123-4542").unwrap();
    assert_eq!(store.audit_erase(&number, NODE, "login root", at(51)).await.unwrap(), 4);
    assert_eq!(store.audit_erase(&Erase::person("bob").unwrap(), NODE, "login root", at(52)).await.unwrap(), 4);
    assert_eq!(store.audit_erase(&Erase::person("bob").unwrap(), NODE, "login root", at(53)).await.unwrap(), 0);
    while store.audit_move(NODE).await.unwrap().0 > 0 {}
    let report = store.audit_verify(&[]).await.unwrap();
    assert!(report.whole(), "{report:?}");
    assert_eq!((report.chains[0].entries, report.chains[0].erased), (19, 12));
    let rows = store.audit_list(&AuditFilter::default(), None, 200).await.unwrap().items;
    assert!(rows.iter().any(|row| row.actor.as_deref() == Some("zoe")), "others stay");
    assert!(rows.iter().all(|row| row.actor.as_deref() != Some("login ann")));
    assert_eq!(rows.iter().filter(|row| row.action == "audit.erase").count(), 3);
    let hexed: BTreeSet<String> = rows.iter().map(|row| row.hash.clone()).collect();
    assert_eq!(hexed.len(), rows.len());
    // Without an entry that says so it is a break.
    run(&store, "UPDATE audit_personal SET salt = NULL, value = NULL WHERE value = 'zoe'").await;
    assert!(matches!(broken(&store).await, Some(Break::PersonalMissing(_, field)) if field == "actor"));
    assert!(Erase::person(" ").is_err() && Erase::number("12 34").is_err());
    store.close().await;
}

#[tokio::test]
async fn many_write_and_two_move_and_nothing_is_lost_or_twice() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::attach(&settings(dir.path())).await.unwrap();
    let mut tasks = tokio::task::JoinSet::new();
    for writer in 0..4 {
        let store = store.clone();
        tasks.spawn(async move { queue(&store, NODE, writer * 20..writer * 20 + 20).await });
    }
    for _ in 0..2 {
        let store = store.clone();
        tasks.spawn(async move {
            for _ in 0..40 {
                // Beside another it may fail, and comes again.
                let _ = store.audit_move(NODE).await;
                tokio::task::yield_now().await;
            }
        });
    }
    while let Some(ended) = tasks.join_next().await {
        ended.unwrap();
    }
    while store.audit_move(NODE).await.unwrap().0 > 0 {}
    let report = store.audit_verify(&[]).await.unwrap();
    assert!(report.whole() && report.queued == 0, "{report:?}");
    let mut details: Vec<String> = store
        .audit_walk(&AuditFilter::default(), None, 1_000)
        .await
        .unwrap()
        .into_iter()
        .map(|row| row.detail)
        .collect();
    details.sort();
    details.dedup();
    assert_eq!(details.len(), 80);
    assert_eq!(report.chains[0].entries, 80);
    store.close().await;
}

#[tokio::test]
async fn a_move_that_is_cut_off_leaves_all_in_the_queue() {
    let dir = tempfile::tempdir().unwrap();
    let store = with_chain(dir.path(), 3).await;
    queue(&store, NODE, 3..8).await;
    let mut connection = super::connect(dir.path()).await;
    {
        let mut transaction = store.shared.engine.begin(&mut connection).await.unwrap();
        let (moved, head) = move_batch(&mut transaction, NODE).await.unwrap();
        assert_eq!((moved, head.unwrap().seq), (5, 8));
        // Neither committed nor rolled back: the connection dies.
        drop(transaction);
    }
    connection.close_hard().await.unwrap();
    let report = store.audit_verify(&[]).await.unwrap();
    assert!(report.whole() && report.queued == 5 && report.chains[0].entries == 3, "{report:?}");
    assert_eq!(store.audit_move(NODE).await.unwrap().1.unwrap().seq, 8);
    assert!(store.audit_verify(&[]).await.unwrap().whole());
    store.close().await;
}

#[tokio::test]
async fn the_list_is_paged_and_filtered() {
    let dir = tempfile::tempdir().unwrap();
    let store = with_chain(dir.path(), 10).await;
    let (mut seen, mut cursor) = (Vec::new(), None);
    loop {
        let page = store.audit_list(&AuditFilter::default(), cursor.as_deref(), 3).await.unwrap();
        seen.extend(page.items.into_iter().map(|row| row.seq));
        cursor = page.next_cursor;
        if cursor.is_none() {
            break;
        }
    }
    assert_eq!(seen, (1..=10).rev().collect::<Vec<_>>());
    let count = async |filter: AuditFilter| store.audit_list(&filter, None, 200).await.unwrap().items.len();
    let text = |text: &str| Some(text.to_owned());
    assert_eq!(count(AuditFilter { actor: text("login ann"), ..AuditFilter::default() }).await, 3);
    assert_eq!(count(AuditFilter { actor: text("token ci"), ..AuditFilter::default() }).await, 2);
    assert_eq!(count(AuditFilter { object: text("user:bob"), ..AuditFilter::default() }).await, 3);
    assert_eq!(count(AuditFilter { action: text("alert"), ..AuditFilter::default() }).await, 3);
    assert_eq!(count(AuditFilter { action: text("alert.acknowledge"), ..AuditFilter::default() }).await, 3);
    assert_eq!(count(AuditFilter { node: text("node-2"), ..AuditFilter::default() }).await, 0);
    let (from, to) = (Some(at(2).as_millisecond()), Some(at(5).as_millisecond()));
    assert_eq!(count(AuditFilter { from, to, ..AuditFilter::default() }).await, 3);
    assert_eq!(count(AuditFilter { actor: text("x' OR '1'='1"), ..AuditFilter::default() }).await, 0);
    store.close().await;
}
