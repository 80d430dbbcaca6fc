//! Alerts that several faults were grouped into: over when the last fault is.

use std::time::Duration;

use hotline_core::alert::intake::{self, Action, Open};
use hotline_core::alert::{Change, Status};
use hotline_core::directory::AlertSource;
use hotline_core::fact::{Actor, Fact};
use hotline_core::ids::AlertId;

use super::alerts::{at, event, grouped, verdict};
use super::databases::{Database, for_each_db};
use crate::store::Store;
use crate::store::alerts::{Received, Taken};

/// As the switch does, with a source that groups for five minutes.
async fn take(store: &Store, events: &[Received]) -> Vec<Taken> {
    let source = AlertSource {
        id: "prometheus".into(),
        name: "Prometheus".to_owned(),
        key_sha256: [0; 32],
        secrets: Vec::new(),
        customer: None,
        service: None,
        policy: None,
        priority: None,
        mapping: Vec::new(),
        group_window: Some(Duration::from_mins(5)),
    };
    let decide = |one: &Received, open: Open<'_>, reference: &str| {
        intake::decide(&one.event, &one.route, &source, open, reference, one.at)
    };
    store.take_events(events, &decide).await.unwrap()
}

fn trigger(key: &str, second: i64) -> Received {
    grouped("mail", key, second)
}

fn resolve(key: &str, second: i64) -> Received {
    event(key, Action::Resolve, second)
}

async fn status(store: &Store, id: AlertId) -> Status {
    store.alert_state(id).await.unwrap().unwrap().status
}

async fn told(store: &Store, id: AlertId) -> Vec<String> {
    let timeline = store.alert_timeline(&id.to_string()).await.unwrap();
    timeline.into_iter().filter(|row| row.kind == "alert-recovered").map(|row| row.what).collect()
}

fn of_customer(customer: &str, action: Action, second: i64) -> Received {
    let mut one = event("disk", action, second);
    one.route.customer = Some(customer.into());
    one.own_key = Some(format!("{customer}/disk"));
    one
}

for_each_db! {
    async fn the_same_key_of_two_customers_is_two_faults(db: Database) {
        let (store, _journal, _) = db.open().await;
        let both = [of_customer("acme", Action::Trigger, 0), of_customer("globex", Action::Trigger, 1)];
        let taken = take(&store, &both).await;
        assert!(taken.iter().all(|taken| taken.opened));
        let (acme, globex) = (taken[0].alert.unwrap(), taken[1].alert.unwrap());
        assert_ne!(acme, globex);
        // Each again, in another batch, joins its own; and each is over by itself.
        let again: Vec<_> = take(&store, &both).await.into_iter().map(|taken| taken.alert).collect();
        assert_eq!(again, [Some(acme), Some(globex)]);
        assert_eq!(take(&store, &[of_customer("globex", Action::Resolve, 3)]).await[0].alert, Some(globex));
        assert_eq!((status(&store, acme).await, status(&store, globex).await), (Status::Triggered, Status::Resolved));
        // A tool that names no customer means the one under the key itself.
        assert_eq!(take(&store, &[resolve("disk", 4)]).await[0].alert, Some(acme));
        assert_eq!(status(&store, acme).await, Status::Resolved);
    }

    async fn it_waits_for_its_last_fault(db: Database) {
        let (store, _journal, _) = db.open().await;
        let taken = take(&store, &[trigger("k1", 0), trigger("k2", 1), trigger("k3", 2)]).await;
        let id = taken[0].alert.unwrap();
        assert!(taken.iter().all(|taken| taken.alert == Some(id)));
        assert_eq!(db.count("alert_keys").await, 3);
        // The opener's own.
        assert_eq!(take(&store, &[resolve("k1", 3)]).await[0].alert, Some(id));
        assert_eq!(status(&store, id).await, Status::Triggered);
        assert_eq!(told(&store, id).await, ["Over: k1 is down; 2 others still fire: k2 is down, k3 is down."]);
        // Said twice.
        assert_eq!(take(&store, &[resolve("k1", 4)]).await[0].alert, None);
        assert_eq!(told(&store, id).await.len(), 1);
        // It fires again, and another is over, in one batch.
        let taken = take(&store, &[trigger("k1", 5), resolve("k3", 6), resolve("k2", 7)]).await;
        assert!(taken.iter().all(|taken| taken.alert == Some(id) && !taken.opened));
        assert_eq!(status(&store, id).await, Status::Triggered);
        assert_eq!(told(&store, id).await[2], "Over: k2 is down; 1 other still fires: k1 is down.");
        assert_eq!(take(&store, &[resolve("k1", 8)]).await[0].alert, Some(id));
        assert_eq!(status(&store, id).await, Status::Resolved);
        assert_eq!(db.count("alert_keys").await, 0, "nothing is left behind");
        // What was in it opens anew.
        let taken = take(&store, &[trigger("k2", 9)]).await;
        assert!(taken[0].opened && taken[0].alert != Some(id));
        store.close().await;
    }

    async fn from_first_to_last_in_one_batch(db: Database) {
        let (store, _journal, _) = db.open().await;
        let batch = [trigger("a", 0), trigger("b", 1), resolve("a", 2), resolve("b", 3), trigger("a", 4)];
        let taken = take(&store, &batch).await;
        let id = taken[0].alert.unwrap();
        assert_eq!(status(&store, id).await, Status::Resolved);
        assert_eq!(told(&store, id).await, ["Over: a is down; 1 other still fires: b is down."]);
        assert!(taken[4].opened, "the fifth is another alert");
        assert_eq!(db.count("alert_keys").await, 0);
        // One alone, as ever.
        assert_eq!(take(&store, &[resolve("a", 5)]).await[0].alert, taken[4].alert);
        assert_eq!(status(&store, taken[4].alert.unwrap()).await, Status::Resolved);
        store.close().await;
    }

    async fn a_fault_without_a_key_waits_for_a_person(db: Database) {
        let (store, _journal, _) = db.open().await;
        let mut keyless = trigger("none", 1);
        keyless.event.dedup_key = None;
        let taken = take(&store, &[trigger("k1", 0), keyless]).await;
        let id = taken[0].alert.unwrap();
        assert_eq!(taken[1].alert, Some(id));
        take(&store, &[resolve("k1", 2)]).await;
        assert_eq!(status(&store, id).await, Status::Triggered, "no tool can say that it is over");
        assert_eq!(told(&store, id).await, ["Over: k1 is down; 1 other still fires: none is down."]);
        let done = |_: &hotline_core::alert::Alert| Ok::<_, ()>(verdict(Fact::AlertResolved { by: Actor::System }));
        store.change_alert(id, at(3), done).await.unwrap().unwrap().unwrap();
        assert_eq!(db.count("alert_keys").await, 0);
        store.close().await;
    }

    async fn what_is_merged_brings_its_fault_along(db: Database) {
        let (store, _journal, _) = db.open().await;
        let plain = |key: &str, second| event(key, Action::Trigger, second);
        let taken = take(&store, &[plain("k1", 0), plain("k2", 1)]).await;
        let (from, into) = (taken[0].alert.unwrap(), taken[1].alert.unwrap());
        let merged = store.change_two((from, into), at(2), |_, _| {
            let merged = Change::Merged { into, by: Actor::System };
            Ok::<_, ()>((verdict(Fact::Alert(merged)), verdict(Fact::Alert(Change::Took { from }))))
        });
        merged.await.unwrap().unwrap().unwrap();
        assert_eq!(take(&store, &[plain("k1", 3)]).await[0].alert, Some(into), "its fault joins the other");
        assert_eq!(take(&store, &[resolve("k2", 4)]).await[0].alert, Some(into));
        assert_eq!(status(&store, into).await, Status::Triggered);
        assert_eq!(take(&store, &[resolve("k1", 5)]).await[0].alert, Some(into));
        assert_eq!(status(&store, into).await, Status::Resolved);
        store.close().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_nodes_count_the_same_faults() {
    let db = Database::postgres().await;
    let (one, _one_journal, _) = db.open_node("node-1").await;
    let (two, _two_journal, _) = db.open_node("node-2").await;
    let id = take(&one, &[trigger("first", 0)]).await[0].alert.unwrap();
    let faults: Vec<Received> = (0..40).map(|n| trigger(&format!("k{n}"), 1)).collect();
    let backwards: Vec<Received> = faults.iter().rev().cloned().collect();
    tokio::join!(take(&one, &faults), take(&two, &backwards));
    assert_eq!(db.number("SELECT COUNT(*) FROM alert_keys WHERE recovered_at IS NULL").await, 41);
    let over: Vec<Received> = (0..40).map(|n| resolve(&format!("k{n}"), 2)).collect();
    let (first, second) = over.split_at(20);
    tokio::join!(take(&one, first), take(&two, second));
    assert_eq!(status(&one, id).await, Status::Triggered);
    take(&two, &[resolve("first", 3)]).await;
    assert_eq!(status(&one, id).await, Status::Resolved);
    one.close().await;
    two.close().await;
}
