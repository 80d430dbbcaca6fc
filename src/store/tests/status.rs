//! Subscriptions, proofs and deliveries of status pages, on both databases.

use std::collections::BTreeSet;

use hotline_core::ids::{IncidentId, PostmortemId, ServiceId, SubscriptionId};
use hotline_core::postmortem::{Origin, Postmortem, Published, Sections, State};
use hotline_core::private::Private;
use hotline_core::status::Tongue;
use jiff::{SignedDuration, Timestamp};
use uuid::Uuid;

use super::databases::{Database, for_each_db};
use super::server::Server;
use crate::store::postmortems::row;
use crate::store::status::{ProofRow, StatusDelivery, SubscriberKind, Subscription, Told};

fn at(minutes: i64) -> Timestamp {
    Timestamp::UNIX_EPOCH + SignedDuration::from_hours(480_000) + SignedDuration::from_mins(minutes)
}

fn wanted(n: u128, address: &str, customer: Option<&str>) -> Subscription {
    Subscription {
        id: SubscriptionId(Uuid::from_u128(n)),
        page: "desk".into(),
        kind: SubscriberKind::Email,
        address: Private::from(address),
        customer: customer.map(Into::into),
        services: Some(BTreeSet::from([ServiceId::from("mail")])),
        language: Tongue::De,
        confirmed_at: None,
        failures: 0,
        is_off: false,
    }
}

fn delivery(owner: u128, what: &str) -> StatusDelivery {
    let owner = Uuid::from_u128(owner);
    StatusDelivery { key: format!("{owner}/{what}"), owner, what: what.to_owned(), due_at: at(0), tries: 0 }
}

for_each_db! {
    async fn a_subscription_is_asked_for_confirmed_and_gone(db: Database) {
        let (store, _journal, _) = db.open().await;
        let first = store.add_subscription(&wanted(1, "ada@acme.example", Some("acme")), at(0)).await.unwrap().unwrap();
        assert_eq!(first, wanted(1, "ada@acme.example", Some("acme")));
        assert_eq!(store.subscriptions().await.unwrap(), [], "not before it is confirmed");
        // Asked for again: the same one, which takes the new wishes.
        let mut again = wanted(2, "ada@acme.example", Some("acme"));
        again.services = None;
        let kept = store.add_subscription(&again, at(1)).await.unwrap().unwrap();
        assert_eq!((kept.id, kept.services), (first.id, None));
        // The same mailbox through other eyes is another.
        let other = store.add_subscription(&wanted(3, "ada@acme.example", None), at(1)).await.unwrap().unwrap();
        assert_eq!(other.id, SubscriptionId(Uuid::from_u128(3)));
        assert!(store.confirm_subscription(first.id, at(2)).await.unwrap());
        assert!(store.confirm_subscription(first.id, at(9)).await.unwrap(), "twice is fine");
        assert_eq!(store.subscription(first.id).await.unwrap().unwrap().confirmed_at, Some(at(2)));
        assert_eq!(store.add_subscription(&again, at(3)).await.unwrap(), None, "known and confirmed");
        assert_eq!(store.count_subscriptions().await.unwrap()[&"desk".into()], [1, 0, 0]);
        store.plan_status(&[delivery(1, "update:x")], at(3)).await.unwrap();
        assert!(store.remove_subscription(first.id).await.unwrap());
        assert!(!store.remove_subscription(first.id).await.unwrap());
        assert_eq!((store.status_letters_due(at(4)).await.unwrap(), db.count("status_deliveries").await), (vec![], 0), "nothing is left");
        assert_eq!(db.count("status_subscriptions").await, 1);
        store.tidy_status(at(60 * 24 * 4)).await.unwrap();
        assert_eq!(db.count("status_subscriptions").await, 0, "nobody confirmed the other one");
        assert!(!store.confirm_subscription(other.id, at(5)).await.unwrap());
    }

    async fn what_fails_too_often_is_switched_off(db: Database) {
        let (store, _journal, _) = db.open().await;
        let id = store.add_subscription(&wanted(1, "ada@acme.example", None), at(0)).await.unwrap().unwrap().id;
        store.confirm_subscription(id, at(0)).await.unwrap();
        for well in [false, false, true, false, false] {
            store.subscription_told(id, well, 3, at(1)).await.unwrap();
        }
        assert_eq!(store.subscriptions().await.unwrap()[0].failures, 2);
        store.subscription_told(id, false, 3, at(1)).await.unwrap();
        assert_eq!(store.subscriptions().await.unwrap(), []);
        assert!(store.subscription(id).await.unwrap().unwrap().is_off);
        assert_eq!(store.count_subscriptions().await.unwrap()[&"desk".into()], [0, 0, 1]);
        let anew = store.add_subscription(&wanted(2, "ada@acme.example", None), at(2)).await.unwrap().unwrap();
        assert_eq!((anew.id, anew.is_off, anew.confirmed_at), (id, false, None), "they may ask again");
    }

    async fn a_delivery_is_planned_once_and_taken_by_one(db: Database) {
        let (store, _journal, _) = db.open().await;
        let other = if db.is_shared() { Some(db.open_node("node-2").await) } else { None };
        let second = other.as_ref().map_or(&store, |(second, _, _)| second);
        assert_eq!(store.plan_status(&[delivery(1, "a"), delivery(1, "b")], at(0)).await.unwrap(), 2);
        assert_eq!(second.plan_status(&[delivery(1, "b"), delivery(2, "b")], at(0)).await.unwrap(), 1);
        let due = store.status_letters_due(at(1)).await.unwrap();
        assert_eq!(due.len(), 3);
        assert_eq!(second.status_letters_due(at(1)).await.unwrap(), due);
        let (mine, theirs) = tokio::join!(store.take_status(&due[0], at(3)), second.take_status(&due[0], at(3)));
        assert_eq!(u8::from(mine.unwrap()) + u8::from(theirs.unwrap()), 1, "one of them gets it");
        assert_eq!(store.status_letters_due(at(1)).await.unwrap().len(), 2);
        store.finish_status(&due[0].key, at(1)).await.unwrap();
        assert_eq!(store.plan_status(&due, at(2)).await.unwrap(), 0, "what is done is not planned again");
        store.delay_status(&due[1].key, at(30)).await.unwrap();
        assert_eq!(store.status_letters_due(at(4)).await.unwrap().len(), 1);
        assert_eq!(store.status_letters_due(at(31)).await.unwrap().len(), 2);
    }

    async fn a_proof_is_used_once_and_for_a_while(db: Database) {
        let (store, _journal, _) = db.open().await;
        let proof = |n: u128| ProofRow {
            id: Uuid::from_u128(n),
            page: "desk".into(),
            customer: "acme".into(),
            address: Private::from("ada@acme.example"),
            language: Tongue::En,
            expires_at: at(15),
        };
        for n in 1..=3 {
            store.add_proof(&proof(n)).await.unwrap();
        }
        let one = Uuid::from_u128(1);
        assert_eq!(store.proof(one, at(14)).await.unwrap(), Some(proof(1)));
        let (a, b) = tokio::join!(store.use_proof(one, at(14)), store.use_proof(one, at(14)));
        assert_eq!([a.unwrap(), b.unwrap()].iter().flatten().count(), 1, "of two at once one gets in");
        assert_eq!(store.use_proof(one, at(14)).await.unwrap(), None);
        assert_eq!(store.use_proof(Uuid::from_u128(2), at(15)).await.unwrap(), None, "too old");
        store.tidy_status(at(16)).await.unwrap();
        assert_eq!(db.count("status_proofs").await, 0);
    }

    async fn what_was_learned_comes_with_the_end_and_goes_when_it_is_taken_back(db: Database) {
        let (store, _journal, _) = db.open().await;
        let postmortem = |state| Postmortem {
            id: PostmortemId(Uuid::from_u128(9)),
            incident: IncidentId(Uuid::from_u128(100)),
            title: "inner".to_owned(),
            language: "de".to_owned(),
            state,
            origin: Origin::Facts(None),
            sections: Sections { public: "gelernt".to_owned(), ..Sections::default() },
            timeline: Vec::new(),
            actions: Vec::new(),
            created_at: at(0),
            version: 0,
        };
        let keep = async |state, version| {
            let row = row(&Postmortem { version, ..postmortem(state) }, "ada".to_owned(), Some(at(5).as_millisecond()));
            let before = store.incidents_mark(at(-90)).await.unwrap();
            store.save_postmortem(&row, &[], at(5)).await.unwrap();
            assert_ne!(store.incidents_mark(at(-90)).await.unwrap(), before, "it is seen that something changed");
            store.lessons(at(-90)).await.unwrap()
        };
        assert!(keep(State::Published, 0).await.is_empty(), "its incident is not over");
        db.execute(&format!(
            "INSERT INTO incidents (id, reference, kind, opened_at, title, severity, phase, is_open, published, drill,
                resolved_at, version, body)
             VALUES ('{}', 'INC-1', 'fault', 0, 'inner', 'major', 'resolved', 0, 1, 0, {}, 1, '')",
            Uuid::from_u128(100),
            at(3).as_millisecond()
        ))
        .await;
        let lessons = store.lessons(at(-90)).await.unwrap();
        let lesson = &lessons[&IncidentId(Uuid::from_u128(100))];
        assert_eq!((lesson.text.as_str(), lesson.language.as_str(), lesson.at), ("gelernt", "de", at(5)));
        assert!(store.lessons(at(4)).await.unwrap().is_empty(), "too long ago");
        assert!(keep(State::Reviewed, 1).await.is_empty());
    }

    async fn services_are_known_since_they_were_first_seen(db: Database) {
        let (store, _journal, _) = db.open().await;
        let (mail, erp) = (ServiceId::from("mail"), ServiceId::from("erp"));
        store.services_since(std::slice::from_ref(&mail), at(0)).await.unwrap();
        let known = store.services_since(&[mail.clone(), erp.clone()], at(60)).await.unwrap();
        assert_eq!((known[&mail], known[&erp]), (at(0), at(60)));
        assert_eq!(store.services_since(&[], at(90)).await.unwrap(), known);
    }
}

#[tokio::test]
async fn the_copy_in_the_data_folder_comes_back() {
    let db = Database::sqlite();
    let (store, _journal, _) = db.open().await;
    assert_eq!(store.cached_incidents(), None);
    let lesson = Published {
        id: PostmortemId(Uuid::from_u128(2)),
        at: at(9),
        language: "de".to_owned(),
        text: "# Gelernt".to_owned(),
    };
    let told = Told {
        incidents: Vec::new(),
        since: [(ServiceId::from("mail"), at(3))].into_iter().collect(),
        lessons: [(IncidentId(Uuid::from_u128(1)), lesson)].into_iter().collect(),
    };
    store.cache_incidents(&told).unwrap();
    assert_eq!(store.cached_incidents(), Some(told));
    std::fs::write(db.settings("node-1").data_dir.join("status-incidents.json"), "{ half").unwrap();
    assert_eq!(store.cached_incidents(), None, "left aside");
}

#[tokio::test]
async fn a_server_that_goes_away_is_an_error_within_moments() {
    let (server, url) = tokio::task::spawn_blocking(Server::own).await.unwrap();
    let db = Database::at(url);
    let (store, _journal, _) = db.open().await;
    assert_eq!(store.incidents_mark(at(0)).await.unwrap(), (0, 0, 0, 0));
    tokio::task::spawn_blocking(|| server.stop()).await.unwrap();
    let asked = async { (store.incidents_mark(at(0)).await, store.lessons(at(0)).await, store.subscriptions().await) };
    let (mark, lessons, subscriptions) = tokio::time::timeout(std::time::Duration::from_mins(1), asked).await.unwrap();
    assert!(mark.is_err() && lessons.is_err() && subscriptions.is_err());
}
