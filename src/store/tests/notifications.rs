//! Notifications: who gets one, whose limits hold, and that each leaves once.

use std::collections::HashMap;
use std::time::Duration;

use hotline_core::alert::change::NotifyOutcome;
use hotline_core::directory::{Address, Destination};
use hotline_core::fact::{Actor, Fact};
use hotline_core::ids::{AlertId, NotificationId};
use hotline_core::notify::{Kind, Next, Planned, To, Waiting};
use hotline_core::private::Private;
use jiff::Timestamp;

use super::alerts::{at, change, opened};
use super::databases::{Database, for_each_db};
use crate::store::Store;
use crate::store::notifications::{Notification, Tried};

const LEASE: Duration = Duration::from_secs(30);

pub(super) fn planned(alert: Option<AlertId>, contact: &str, due: Timestamp) -> Planned {
    let address = match contact {
        "phone" => {
            Address::Call(Destination::Number { trunk: "carrier".into(), number: Private::from("+4915112345642") })
        }
        "desk" => Address::Call(Destination::Phone("desk".into())),
        _ => Address::Sms(Private::from("+4915112345642")),
    };
    Planned {
        key: format!("{}/{contact}", alert.map_or_else(|| "none".to_owned(), |id| id.to_string())),
        alert,
        to: To::Person { user: "ada".into(), contact: contact.to_owned() },
        address,
        due,
        kind: Kind::Alert,
        why: "her rule".to_owned(),
    }
}

/// One after the other.
fn one(_: &Address, waiting: &[Waiting], _: &[Timestamp]) -> Next {
    Next::One(waiting[0].id)
}

/// All at once.
fn bundle(_: &Address, waiting: &[Waiting], _: &[Timestamp]) -> Next {
    Next::Bundle(waiting.iter().map(|waiting| waiting.id).collect())
}

async fn claim(store: &Store, second: i64) -> Vec<Notification> {
    store.claim_notifications(at(second), LEASE, 50, &one).await.unwrap()
}

async fn states(store: &Store) -> HashMap<NotificationId, (String, Option<String>)> {
    let rows = store.notifications(None, None, None, None, 200).await.unwrap().items;
    rows.into_iter().map(|row| (row.id.parse().unwrap(), (row.state, row.note))).collect()
}

async fn told(store: &Store, alert: AlertId) -> Vec<String> {
    let timeline = store.alert_timeline(&alert.to_string()).await.unwrap();
    timeline.into_iter().filter(|row| row.kind == "notified").map(|row| row.what).collect()
}

for_each_db! {
    async fn what_is_planned_is_sent_once(db: Database) {
        let (store, _journal, _) = db.open().await;
        let alert = opened(&store, &["disk"]).await[0];
        let channel = Planned {
            key: "k".to_owned(),
            to: To::Channel("ops".into()),
            address: Address::Webhook(Private::from("https://chat.example/x")),
            ..planned(Some(alert), "mobile", at(20))
        };
        let outside = Planned {
            key: "code".to_owned(),
            to: To::Outside,
            kind: Kind::Verification,
            ..planned(None, "mobile", at(5))
        };
        let all = [planned(Some(alert), "mobile", at(10)), channel.clone(), planned(Some(alert), "phone", at(30))];
        assert_eq!(store.notify(&all, None, at(0)).await.unwrap().len(), 3);
        assert_eq!(store.notify(std::slice::from_ref(&outside), Some("Your code is 1234"), at(0)).await.unwrap().len(), 1);
        assert_eq!(store.notify(&all, None, at(1)).await.unwrap(), []);
        assert_eq!(store.next_notification().await.unwrap(), Some(at(5)));
        assert_eq!(claim(&store, 4).await, []);

        let first = claim(&store, 10).await;
        assert_eq!(first.len(), 2);
        let code = first.iter().find(|sent| sent.kind == Kind::Verification).unwrap();
        assert_eq!((code.text.as_deref(), &code.to, code.attempts), (Some("Your code is 1234"), &To::Outside, 1));
        let sms = first.iter().find(|sent| sent.kind == Kind::Alert).unwrap();
        assert_eq!((&sms.address, sms.alert, &sms.alerts), (&all[0].address, Some(alert), &vec![alert]));
        assert_eq!((sms.why.as_str(), &sms.text), ("her rule", &None));
        assert_eq!(claim(&store, 11).await, []);

        // One fails for now, the other is over.
        store.finish_notification(sms.id, at(12), &Tried::Again(at(40), "503".to_owned())).await.unwrap();
        store.finish_notification(code.id, at(12), &Tried::Done(NotifyOutcome::Delivered, "200".to_owned())).await.unwrap();
        store.finish_notification(code.id, at(13), &Tried::Done(NotifyOutcome::Failed, "late".to_owned())).await.unwrap();
        let later = claim(&store, 30).await;
        assert_eq!(later.iter().map(|sent| &sent.to).collect::<Vec<_>>(), [&channel.to, &all[2].to]);
        assert_eq!(later[1].address, all[2].address);
        for sent in later {
            store.finish_notification(sent.id, at(31), &Tried::Done(NotifyOutcome::NoAnswer, "rung 25 s".to_owned())).await.unwrap();
        }
        let again = claim(&store, 40).await;
        assert_eq!((again.len(), again[0].id, again[0].attempts), (1, sms.id, 2));
        store.finish_notification(sms.id, at(41), &Tried::Done(NotifyOutcome::Delivered, "200".to_owned())).await.unwrap();
        let states = states(&store).await;
        assert_eq!(states[&sms.id], ("delivered".to_owned(), Some("200".to_owned())));
        assert_eq!(states[&code.id], ("delivered".to_owned(), Some("200".to_owned())));
        assert_eq!(told(&store, alert).await, ["ada by sms: retried.", "Channel by ops: no-answer.", "ada by call: no-answer.", "ada by sms: delivered."]);
        assert_eq!(store.next_notification().await.unwrap(), None);
        store.close().await;
    }

    async fn what_nobody_needs_any_more_is_left_out(db: Database) {
        let (store, _journal, _) = db.open().await;
        let alerts = opened(&store, &["a", "b"]).await;
        let status = Planned { key: "s".to_owned(), kind: Kind::Status, ..planned(Some(alerts[0]), "mail", at(1)) };
        let all = [planned(Some(alerts[0]), "mobile", at(1)), planned(Some(alerts[1]), "phone", at(1)), status];
        store.notify(&all, None, at(0)).await.unwrap();
        change(&store, alerts[0], 1, Fact::AlertAcknowledged { by: Actor::System }).await;
        let sent = claim(&store, 2).await;
        let kinds: Vec<_> = sent.iter().map(|sent| (sent.alert.unwrap(), sent.kind)).collect();
        assert!(kinds.len() == 2 && kinds.contains(&(alerts[0], Kind::Status)) && kinds.contains(&(alerts[1], Kind::Alert)));
        assert_eq!(told(&store, alerts[0]).await, ["ada by sms: skipped."]);
        // It is taken while the telephone rings.
        let ringing = sent.iter().find(|sent| sent.kind == Kind::Alert).unwrap().id;
        assert!(store.hold_notification(ringing, at(3), LEASE).await.unwrap());
        change(&store, alerts[1], 3, Fact::AlertResolved { by: Actor::System }).await;
        assert!(!store.hold_notification(ringing, at(4), LEASE).await.unwrap());
        store.finish_notification(ringing, at(4), &Tried::Done(NotifyOutcome::Skipped, "taken".to_owned())).await.unwrap();
        assert_eq!(told(&store, alerts[1]).await, ["ada by call: skipped."]);
        store.close().await;
    }

    async fn a_storm_is_one_message(db: Database) {
        let (store, _journal, _) = db.open().await;
        let keys: Vec<String> = (0..40).map(|n| format!("k{n}")).collect();
        let alerts = opened(&store, &keys.iter().map(String::as_str).collect::<Vec<_>>()).await;
        let all: Vec<_> = alerts.iter().map(|id| planned(Some(*id), "mobile", at(1))).collect();
        store.notify(&all, None, at(0)).await.unwrap();
        let sent = store.claim_notifications(at(2), LEASE, 50, &bundle).await.unwrap();
        assert_eq!(sent.len(), 1);
        assert_eq!(sent[0].alerts.len(), 40);
        assert_eq!(sent[0].alerts[0], sent[0].alert.unwrap());
        assert!(store.next_notification().await.unwrap().is_some());
        assert_eq!(states(&store).await.values().filter(|(state, _)| state == "limited").count(), 39);
        // The carrier's own alert is taken; the others still need it.
        let carrier = sent[0].id;
        change(&store, sent[0].alerts[0], 3, Fact::AlertAcknowledged { by: Actor::System }).await;
        store.finish_notification(carrier, at(3), &Tried::Again(at(4), "503".to_owned())).await.unwrap();
        let again = store.claim_notifications(at(5), LEASE, 50, &bundle).await.unwrap();
        assert_eq!((again.len(), again[0].id, again[0].alerts.len()), (1, carrier, 40));
        store.finish_notification(carrier, at(6), &Tried::Done(NotifyOutcome::Delivered, "200".to_owned())).await.unwrap();
        assert_eq!(told(&store, alerts[39]).await, ["ada by sms: limited.", "ada by sms: retried.", "ada by sms: delivered."]);
        store.close().await;
    }

    async fn limits_are_asked_with_what_was_sent(db: Database) {
        let (store, _journal, _) = db.open().await;
        let alerts = opened(&store, &["a", "b", "c"]).await;
        let all: Vec<_> = alerts.iter().map(|id| planned(Some(*id), "mobile", at(1))).collect();
        store.notify(&all, None, at(0)).await.unwrap();
        let limited = |_: &Address, waiting: &[Waiting], sent: &[Timestamp]| {
            if sent.len() < 2 { Next::One(waiting[0].id) } else { Next::Later(at(900), format!("{} used", sent.len())) }
        };
        for (second, expected) in [(1, 1), (2, 1), (3, 0), (4, 0)] {
            let sent = store.claim_notifications(at(second), LEASE, 9, &limited).await.unwrap();
            assert_eq!(sent.len(), expected, "second {second}");
            for sent in sent {
                store.finish_notification(sent.id, at(second), &Tried::Done(NotifyOutcome::Delivered, String::new())).await.unwrap();
            }
        }
        assert_eq!(store.next_notification().await.unwrap(), Some(at(900)));
        let waiting = store.notifications(None, None, Some("waiting"), None, 9).await.unwrap().items;
        assert_eq!((waiting.len(), waiting[0].note.as_deref()), (1, Some("2 used")));
        // Whoever has nothing to say is not asked again at once.
        let idle = |_: &Address, _: &[Waiting], _: &[Timestamp]| Next::Idle;
        assert_eq!(store.claim_notifications(at(900), LEASE, 9, &idle).await.unwrap(), []);
        assert!(store.next_notification().await.unwrap().unwrap() > at(900));
        store.close().await;
    }

    async fn a_telephone_rings_once_at_a_time(db: Database) {
        let (store, _journal, _) = db.open().await;
        // Leases run by the database's clock, where that is another's.
        let now = crate::clock::now().wall;
        let in_seconds = |seconds: u64| now.checked_add(Duration::from_secs(seconds)).unwrap();
        let alerts = opened(&store, &["a", "b"]).await;
        let all: Vec<_> = alerts.iter().map(|id| planned(Some(*id), "phone", now)).collect();
        store.notify(&all, None, now).await.unwrap();
        let sent = store.claim_notifications(now, LEASE, 9, &one).await.unwrap();
        assert_eq!(sent.len(), 1);
        assert_eq!(store.claim_notifications(in_seconds(1), LEASE, 9, &one).await.unwrap(), []);
        assert!(store.next_notification().await.unwrap().unwrap() > in_seconds(1));
        store.finish_notification(sent[0].id, in_seconds(2), &Tried::Done(NotifyOutcome::NoAnswer, String::new())).await.unwrap();
        let sent = store.claim_notifications(in_seconds(8), LEASE, 9, &one).await.unwrap();
        assert_eq!(sent.len(), 1);
        store.close().await;
    }

    async fn who_dies_with_it_loses_it(db: Database) {
        let lease = Duration::from_millis(300);
        let (store, journal, _) = db.open().await;
        let alert = opened(&store, &["a"]).await[0];
        let now = || crate::clock::now().wall;
        store.notify(&[planned(Some(alert), "phone", now())], None, now()).await.unwrap();
        let mine = store.claim_notifications(now(), lease, 9, &one).await.unwrap();
        assert_eq!(mine.len(), 1);
        // A node on the same database, or the same one after its restart.
        let (other, _other_journal, _) = if db.is_shared() {
            db.open_node("node-2").await
        } else {
            store.close().await;
            drop((store.clone(), journal.clone()));
            db.open().await
        };
        let mut taken = Vec::new();
        while taken.is_empty() {
            taken = other.claim_notifications(now(), lease, 9, &one).await.unwrap();
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        assert_eq!((taken[0].id, taken[0].attempts), (mine[0].id, 2));
        if db.is_shared() {
            assert!(!store.hold_notification(mine[0].id, now(), lease).await.unwrap());
            // What the first says now about waiting is no longer its business; the second is at it.
            store.finish_notification(mine[0].id, now(), &Tried::Again(now(), "late".to_owned())).await.unwrap();
            assert_eq!(states(&store).await[&mine[0].id].0, "sending");
            store.close().await;
        }
        assert!(other.hold_notification(mine[0].id, now(), Duration::from_mins(5)).await.unwrap());
        other.finish_notification(mine[0].id, now(), &Tried::Done(NotifyOutcome::Answered, String::new())).await.unwrap();
        assert_eq!(states(&other).await[&mine[0].id].0, "answered");
        other.close().await;
    }

    async fn who_starts_again_sends_what_it_was_sending(db: Database) {
        let (store, journal, _) = db.open().await;
        let now = crate::clock::now().wall;
        let alert = opened(&store, &["a"]).await[0];
        store.notify(&[planned(Some(alert), "phone", now)], None, now).await.unwrap();
        let mine = store.claim_notifications(now, LEASE, 9, &one).await.unwrap();
        store.close().await;
        drop((store, journal));
        let (store, _journal, _) = db.open().await;
        assert_eq!(store.claim_notifications(now, LEASE, 9, &one).await.unwrap(), []);
        assert_eq!(store.release_own_notifications().await.unwrap(), 1);
        let again = store.claim_notifications(now, LEASE, 9, &one).await.unwrap();
        assert_eq!((again[0].id, again[0].attempts), (mine[0].id, 2));
        store.close().await;
    }

    async fn who_cannot_send_it_leaves_it_to_another(db: Database) {
        let (store, _journal, _) = db.open().await;
        let now = crate::clock::now().wall;
        let alert = opened(&store, &["a"]).await[0];
        store.notify(&[planned(Some(alert), "desk", now)], None, now).await.unwrap();
        let elsewhere = Tried::Elsewhere("desk is not registered here".to_owned());
        let mine = store.claim_notifications(now, LEASE, 9, &one).await.unwrap();
        assert_eq!(db.count("contact_uses").await, 1);
        if db.is_shared() {
            let (other, _other_journal, _) = db.open_node("node-2").await;
            store.finish_notification(mine[0].id, now, &elsewhere).await.unwrap();
            assert_eq!(db.count("contact_uses").await, 0, "nothing was sent there");
            assert_eq!(store.claim_notifications(now, LEASE, 9, &one).await.unwrap(), []);
            assert!(store.next_notification().await.unwrap() > Some(now));
            let theirs = other.claim_notifications(now, LEASE, 9, &one).await.unwrap();
            assert_eq!(theirs.len(), 1);
            other.close().await;
        } else {
            store.finish_notification(mine[0].id, now, &elsewhere).await.unwrap();
            let next = store.next_notification().await.unwrap().unwrap();
            assert!(next > now);
            assert_eq!(store.claim_notifications(next, LEASE, 9, &one).await.unwrap().len(), 1);
        }
        store.close().await;
    }

    async fn the_list_is_paged(db: Database) {
        let (store, _journal, _) = db.open().await;
        let alerts = opened(&store, &["a", "b"]).await;
        for n in 0..7_i64 {
            let planned = Planned { key: format!("k{n}"), ..planned(Some(alerts[(n % 2) as usize]), "mobile", at(n)) };
            store.notify(&[planned], None, at(n)).await.unwrap();
        }
        let (mut seen, mut cursor) = (Vec::new(), None);
        loop {
            let page = store.notifications(Some(alerts[0]), None, None, cursor.as_deref(), 2).await.unwrap();
            seen.extend(page.items.into_iter().map(|row| row.created_at));
            cursor = page.next_cursor;
            if cursor.is_none() {
                break;
            }
        }
        assert_eq!(seen, [6, 4, 2, 0].map(|second| at(second).as_millisecond()));
        assert_eq!(store.notifications(None, Some(&"ben".into()), None, None, 9).await.unwrap().items, []);
        store.close().await;
    }
}
