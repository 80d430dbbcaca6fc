//! Codes that prove a contact: the pause and the tries count for the person and for the address, not for a contact's name.

use hotline_core::ids::UserId;
use jiff::{SignedDuration, Timestamp};

use super::databases::{Database, for_each_db};
use hotline_core::directory::code::{GOOD_FOR_MS, PAUSE_MS, TRIES};

fn at(ms: i64) -> Timestamp {
    Timestamp::UNIX_EPOCH + SignedDuration::from_hours(480_000) + SignedDuration::from_millis(ms)
}

for_each_db! {
    async fn the_pause_counts_by_person_and_by_address(db: Database) {
        let (store, _journal, _) = db.open().await;
        let (ada, ben) = (UserId::from("ada"), UserId::from("ben"));
        let put = async |user: &UserId, contact: &str, address: &str, ms: i64| {
            store.put_contact_code(user, contact, address, "code", at(ms)).await.unwrap()
        };
        assert_eq!(put(&ada, "x0", "a0", 0).await, None);
        // Another contact of hers, and the same address as somebody else's.
        assert_eq!(put(&ada, "x1", "a1", 1_000).await, Some(PAUSE_MS - 1_000));
        assert_eq!(put(&ben, "mobile", "a0", 2_000).await, Some(PAUSE_MS - 2_000));
        assert_eq!(put(&ben, "mobile", "b0", 3_000).await, None, "his own address, his own pause");
        assert_eq!(put(&ada, "x1", "a1", PAUSE_MS).await, None);
    }

    async fn five_tries_are_all_that_a_person_and_an_address_have(db: Database) {
        let (store, _journal, _) = db.open().await;
        let ada = UserId::from("ada");
        let put = async |contact: &str, address: &str, ms: i64| {
            store.put_contact_code(&ada, contact, address, "code", at(ms)).await.unwrap()
        };
        let guess = async |contact: &str, address: &str, ms: i64| {
            store.count_code_try(&ada, contact, address, at(ms)).await.unwrap()
        };
        assert_eq!(guess("x0", "a0", 0).await, None, "there is no code");
        assert_eq!(put("x0", "a0", 0).await, None);
        assert_eq!(put("x1", "a1", PAUSE_MS).await, None);
        let later = PAUSE_MS + 1_000;
        let mut left = Vec::new();
        for n in 0..TRIES {
            left.push(if n % 2 == 0 { guess("x0", "a0", later).await } else { guess("x1", "a1", later).await });
        }
        assert_eq!(left, [Some(4), Some(3), Some(2), Some(1), Some(0)]);
        assert_eq!((guess("x0", "a0", later).await, guess("x1", "a1", later).await), (None, None));
        // No third name gets more, until the tries are old.
        assert!(put("x2", "a2", 2 * PAUSE_MS).await.is_some());
        assert_eq!(put("x2", "a2", PAUSE_MS + GOOD_FOR_MS).await, None);
        assert_eq!(guess("x2", "a2", PAUSE_MS + GOOD_FOR_MS).await, Some(4));
    }
}
