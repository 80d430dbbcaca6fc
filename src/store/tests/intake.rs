//! What the intake keeps beside alerts: answered deliveries, heartbeats, runs of actions.

use std::time::Duration;

use hotline_core::ids::AlertId;

use super::alerts::at;
use super::databases::{Database, for_each_db};
use crate::store::intake::{ActionRunRow, ActionTried, HeartbeatRow};

const ALERT: AlertId = AlertId(uuid::Uuid::from_u128(7));
const LEASE: Duration = Duration::from_mins(1);

fn brief(runs: &[ActionRunRow]) -> Vec<(&str, &str, i64)> {
    runs.iter().map(|run| (run.action.as_str(), run.state.as_str(), run.attempts)).collect()
}

fn heartbeat(row: &HeartbeatRow) -> (&str, i64, i64, &str, i64) {
    let since = |ms: i64| (ms - at(0).as_millisecond()) / 1_000;
    (&row.id, since(row.first_ping), since(row.last_ping), &row.state, since(row.changed_at))
}

for_each_db! {
    async fn the_first_answer_counts_until_it_is_forgotten(db: Database) {
        let (store, _journal, _) = db.open().await;
        let (one, other) = ("grafana".into(), "zabbix".into());
        let names = ["id:1".to_owned(), "signed:ab".to_owned()];
        store.keep_delivery(&one, &names, "first", at(0)).await.unwrap();
        store.keep_delivery(&one, &["id:1".to_owned(), "id:2".to_owned()], "second\0", at(1)).await.unwrap();
        let answer = async |source, delivery| store.delivery_answer(source, delivery).await.unwrap();
        assert_eq!(answer(&one, "id:1").await.as_deref(), Some("first"));
        assert_eq!(answer(&one, "signed:ab").await.as_deref(), Some("first"));
        assert_eq!(answer(&one, "id:2").await.as_deref(), Some("second\u{fffd}"));
        assert_eq!(answer(&other, "id:1").await, None);
        assert_eq!(store.forget_deliveries(at(24 * 3_600)).await.unwrap(), 0, "a day is not over");
        assert_eq!(store.forget_deliveries(at(24 * 3_600 + 1)).await.unwrap(), 2);
        assert_eq!((answer(&one, "id:1").await, answer(&one, "id:2").await.is_some()), (None, true));
        store.close().await;
    }

    async fn answers_that_wait_together_are_all_kept(db: Database) {
        let (store, _journal, _) = db.open().await;
        let source = "grafana".into();
        let names: Vec<Vec<String>> = (0..700).map(|n| vec![format!("id:{n}"), format!("signed:{}", n % 600)]).collect();
        let keep = names.iter().map(|names| store.keep_delivery(&source, names, &names[0], at(0)));
        for kept in futures::future::join_all(keep).await {
            kept.unwrap();
        }
        assert_eq!(db.count("deliveries").await, 1_300);
        for n in [0, 99, 699] {
            let answer = store.delivery_answer(&source, &names[n][0]).await.unwrap();
            assert_eq!(answer.as_ref(), Some(&names[n][0]));
        }
        assert_eq!(store.delivery_answer(&source, "signed:99").await.unwrap().as_deref(), Some("id:99"), "the first");
        store.close().await;
    }

    async fn a_monitor_is_turned_by_one_node_and_by_its_last_ping(db: Database) {
        let (store, _journal, _) = db.open().await;
        let backup = "backup".into();
        assert_eq!(store.heartbeat(&backup).await.unwrap(), None);
        for second in [10, 40, 20] {
            store.keep_ping(&backup, at(second)).await.unwrap();
        }
        let row = store.heartbeat(&backup).await.unwrap().unwrap();
        assert_eq!(heartbeat(&row), ("backup", 10, 40, "healthy", 10), "what is older changes nothing");
        assert!(store.lease_heartbeat(&row, at(100), at(130)).await.unwrap());
        assert!(!store.lease_heartbeat(&row, at(129), at(160)).await.unwrap(), "the other node is at it");
        assert!(store.lease_heartbeat(&row, at(130), at(160)).await.unwrap(), "it died over it");
        store.turn_heartbeat("backup", "overdue", at(131)).await.unwrap();
        assert!(!store.lease_heartbeat(&row, at(200), at(230)).await.unwrap(), "it is not as it was");
        let row = store.heartbeat(&backup).await.unwrap().unwrap();
        assert_eq!(heartbeat(&row), ("backup", 10, 40, "overdue", 131));
        store.keep_ping(&backup, at(201)).await.unwrap();
        assert!(!store.lease_heartbeat(&row, at(202), at(230)).await.unwrap(), "it has pinged meanwhile");
        store.keep_ping(&"archive".into(), at(5)).await.unwrap();
        let all = store.heartbeats().await.unwrap();
        assert_eq!(all.iter().map(|row| row.id.as_str()).collect::<Vec<_>>(), ["archive", "backup"]);
        store.close().await;
    }

    async fn a_run_is_asked_for_once_and_taken_by_one(db: Database) {
        let (store, _journal, _) = db.open().await;
        let restart = "restart".into();
        let ask = async |key: &str, repeatable, second| {
            store.ask_action(key, &restart, ALERT, "system", repeatable, at(second)).await.unwrap()
        };
        let (id, new) = ask("rule/1", true, 0).await;
        assert_eq!((ask("rule/1", true, 9).await, new), ((id.clone(), false), true));
        assert!(ask("rule/2", false, 1).await.1);
        let (one, other) = tokio::join!(
            store.claim_actions("node-1", at(5), LEASE, 9),
            store.claim_actions("node-2", at(5), LEASE, 9),
        );
        let (one, other) = (one.unwrap(), other.unwrap());
        let mut ids: Vec<&str> = one.iter().chain(&other).map(|run| run.id.as_str()).collect();
        ids.sort_unstable();
        ids.dedup();
        assert_eq!((one.len() + other.len(), ids.len()), (2, 2), "each is taken once");
        assert!(store.claim_actions("node-3", at(6), LEASE, 9).await.unwrap().is_empty());

        let again = ActionTried::Again { at: at(30), output: "502".to_owned() };
        assert!(store.finish_action(&id, at(8), &again).await.unwrap());
        assert!(!store.finish_action(&id, at(8), &again).await.unwrap(), "nobody is at it");
        assert!(store.claim_actions("node-1", at(29), LEASE, 9).await.unwrap().is_empty());
        let run = store.claim_actions("node-1", at(30), LEASE, 9).await.unwrap();
        assert_eq!(brief(&run), [("restart", "waiting", 2)]);
        let done = ActionTried::Over { state: "done", output: "200".to_owned() };
        assert!(store.finish_action(&id, at(31), &done).await.unwrap());
        let runs = store.action_runs(ALERT).await.unwrap();
        assert_eq!(brief(&runs), [("restart", "done", 2), ("restart", "running", 1)]);
        assert_eq!((runs[0].output.as_deref(), runs[0].finished_at), (Some("200"), Some(at(31).as_millisecond())));
        store.close().await;
    }

    async fn what_its_node_left_is_done_again_only_where_it_may_be(db: Database) {
        let (store, _journal, _) = db.open().await;
        for (second, (key, repeatable)) in (0..).zip([("webhook", true), ("command", false), ("theirs", false)]) {
            store.ask_action(key, &key.into(), ALERT, "login:ann", repeatable, at(second)).await.unwrap();
        }
        assert_eq!(store.claim_actions("node-1", at(3), LEASE, 2).await.unwrap().len(), 2);
        assert_eq!(store.claim_actions("node-2", at(3), LEASE, 2).await.unwrap().len(), 1);
        assert!(store.lapsed_actions(at(63)).await.unwrap().is_empty(), "the leases hold");
        assert_eq!(store.lapse_own_actions("node-1").await.unwrap(), 2);
        let lapsed = store.lapsed_actions(at(10)).await.unwrap();
        assert_eq!(brief(&lapsed), [("command", "unknown", 1)]);
        assert!(store.lapsed_actions(at(10)).await.unwrap().is_empty(), "told once");
        let again = store.claim_actions("node-2", at(10), LEASE, 9).await.unwrap();
        assert_eq!(brief(&again), [("webhook", "waiting", 1)], "it does not count as a try");
        store.close().await;
    }
}
