//! Who was told of what, and keys that all nodes share.

use std::time::Duration;

use hotline_core::alert::change::NotifyOutcome;
use hotline_core::directory::Address;
use hotline_core::ids::{NotificationId, UserId};
use hotline_core::notify::{Next, Planned, Waiting};
use hotline_core::private::Private;
use jiff::Timestamp;
use uuid::Uuid;

use super::alerts::{at, opened};
use super::databases::{Database, for_each_db};
use super::notifications::planned;
use crate::store::Store;
use crate::store::notifications::Tried;
use crate::store::told::INSTEAD_OF;

fn ada() -> UserId {
    "ada".into()
}

/// Everything that is due leaves, what waits for one contact as one message; the carriers.
async fn send(store: &Store, second: i64) -> Vec<NotificationId> {
    let bundle = |_: &Address, waiting: &[Waiting], _: &[Timestamp]| {
        Next::Bundle(waiting.iter().map(|waiting| waiting.id).collect())
    };
    let claimed = store.claim_notifications(at(second), Duration::from_secs(30), 50, &bundle).await.unwrap();
    for one in &claimed {
        let done = Tried::Done(NotifyOutcome::Delivered, String::new());
        store.finish_notification(one.id, at(second), &done).await.unwrap();
    }
    claimed.into_iter().map(|one| one.id).collect()
}

for_each_db! {
    async fn a_shared_key_is_made_once(db: Database) {
        let (store, _journal, _) = db.open().await;
        let key = |text: &str| Private::from(text);
        assert_eq!(store.shared_secret("links", &key("first")).await.unwrap().reveal(), "first");
        assert_eq!(store.shared_secret("links", &key("second")).await.unwrap().reveal(), "first");
        assert_eq!(store.shared_secret("other", &key("third")).await.unwrap().reveal(), "third");
        assert_eq!(db.count("secrets").await, 2);
        store.close().await;
    }

    async fn a_reply_is_about_the_last_message(db: Database) {
        let (store, _journal, _) = db.open().await;
        let alerts = opened(&store, &["disk", "mail", "web"]).await;
        assert_eq!(store.last_told(&ada(), "sms").await.unwrap(), []);
        let first = [planned(Some(alerts[0]), "mobile", at(10))];
        store.notify(&first, None, at(10)).await.unwrap();
        assert_eq!(send(&store, 10).await.len(), 1);
        assert_eq!(store.last_told(&ada(), "sms").await.unwrap(), [alerts[0]]);
        let both = [planned(Some(alerts[1]), "mobile", at(20)), planned(Some(alerts[2]), "mobile", at(20))];
        store.notify(&both, None, at(20)).await.unwrap();
        assert_eq!(send(&store, 20).await.len(), 1, "one message about both");
        let mut told = store.last_told(&ada(), "sms").await.unwrap();
        told.sort_unstable();
        assert_eq!(told, alerts[1..], "the last message only");
        assert_eq!(store.last_told(&ada(), "call").await.unwrap(), [], "never rung");
        assert_eq!(store.last_told(&"ben".into(), "sms").await.unwrap(), [], "not told at all");
        // By its number, whichever message it was in; nobody else's.
        let reference = store.alert_state(alerts[0]).await.unwrap().unwrap().reference;
        assert_eq!(store.told_by_reference(&ada(), &reference).await.unwrap(), Some(alerts[0]));
        assert_eq!(store.told_by_reference(&"ben".into(), &reference).await.unwrap(), None);
        assert_eq!(store.told_by_reference(&ada(), "999999").await.unwrap(), None);
        store.close().await;
    }

    async fn contacts_that_failed_are_not_asked_again(db: Database) {
        let (store, _journal, _) = db.open().await;
        let alert = opened(&store, &["disk"]).await[0];
        let first = store.notify(&[planned(Some(alert), "mobile", at(10))], None, at(10)).await.unwrap()[0];
        let instead = Planned {
            key: format!("{alert}{INSTEAD_OF}{first}/phone"),
            ..planned(Some(alert), "phone", at(11))
        };
        let second = store.notify(&[instead], None, at(11)).await.unwrap()[0];
        assert_eq!(store.origin_of(first).await.unwrap(), first);
        assert_eq!(store.origin_of(second).await.unwrap(), first);
        let unknown = NotificationId(Uuid::nil());
        assert_eq!(store.origin_of(unknown).await.unwrap(), unknown);
        let mut told = store.contacts_told(alert, &ada(), first).await.unwrap();
        told.sort_unstable();
        assert_eq!(told, ["mobile", "phone"]);
        assert_eq!(store.contacts_told(alert, &"ben".into(), first).await.unwrap(), Vec::<String>::new());
        // What was over before a later one was planned may be asked again.
        send(&store, 12).await;
        let later = Planned { key: "later".to_owned(), ..planned(Some(alert), "desk", at(60)) };
        let later = store.notify(&[later], None, at(60)).await.unwrap()[0];
        assert_eq!(store.contacts_told(alert, &ada(), later).await.unwrap(), ["desk"]);
        store.close().await;
    }

    async fn a_receipt_comes_later(db: Database) {
        let (store, _journal, _) = db.open().await;
        let alert = opened(&store, &["disk"]).await[0];
        let id = store.notify(&[planned(Some(alert), "mobile", at(10))], None, at(10)).await.unwrap()[0];
        assert_eq!(store.not_arrived(id, "too early").await.unwrap(), None, "nothing was sent yet");
        send(&store, 10).await;
        let receiver = store.not_arrived(id, "switched off").await.unwrap().expect("it was delivered, said the provider");
        assert_eq!((receiver.alert, receiver.user, receiver.contact.as_deref()), (Some(alert), Some(ada()), Some("mobile")));
        assert_eq!(store.not_arrived(id, "again").await.unwrap(), None, "known");
        let row = &store.notifications(None, None, None, None, 9).await.unwrap().items[0];
        assert_eq!((row.state.as_str(), row.note.as_deref()), ("failed", Some("switched off")));
        store.close().await;
    }
}
