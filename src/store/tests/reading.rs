//! Pages, cursors, transcripts to make, logins and sessions.

use hotline_core::alert::intake::Action;
use hotline_core::fact::{Fact, Outcome, RecordingKind};
use hotline_core::private::Private;

use super::alerts::{decide, event};
use super::databases::{Database, for_each_db};
use super::{Story, append_all, everything, open};
use crate::store::StoreError;
use crate::store::read::{AlertFilter, CallFilter, LoginRow};

#[tokio::test]
async fn calls_page_by_page_newest_first() {
    let dir = tempfile::tempdir().unwrap();
    let (store, journal, _) = open(dir.path()).await;
    let mut stories: Vec<Story> = (1..=7).map(|seed| Story::new(seed, &(1_000 + seed).to_string())).collect();
    // Two begin in the same millisecond.
    let same = stories[3].entries[0].at;
    stories[4].entries[0].at = same;
    for scene in &stories {
        append_all(&journal, &scene.entries).await;
    }
    let mut expected: Vec<_> =
        stories.iter().map(|scene| (scene.entries[0].at.as_millisecond(), scene.call.to_string())).collect();
    expected.sort();
    expected.reverse();
    for limit in [1, 2, 3, 7, 200] {
        let (mut seen, mut cursor) = (Vec::new(), None);
        loop {
            let page = store.calls(&CallFilter::default(), cursor.as_deref(), limit).await.unwrap();
            assert!(page.items.len() <= limit as usize);
            seen.extend(page.items.into_iter().map(|call| (call.started_at, call.id)));
            cursor = page.next_cursor;
            if cursor.is_none() {
                break;
            }
        }
        assert_eq!(seen, expected, "limit {limit}");
    }
    assert_eq!(store.calls(&CallFilter::default(), None, 0).await.unwrap().items.len(), 1);
    assert_eq!(store.calls(&CallFilter::default(), None, 9_999).await.unwrap().items.len(), 7);
    for bad in ["", "!", "bm9uZQ", "eCx5"] {
        let told = store.calls(&CallFilter::default(), Some(bad), 5).await;
        assert!(matches!(told, Err(StoreError::Cursor)), "{bad}");
    }
    store.close().await;
}

#[tokio::test]
async fn lists_are_filtered() {
    let dir = tempfile::tempdir().unwrap();
    let (store, journal, _) = open(dir.path()).await;
    append_all(&journal, &everything(1).entries).await;
    let mut open_one = Story::new(2, "1003");
    open_one.open_alert().fact(Fact::CallEnded { outcome: Outcome::Abandoned });
    append_all(&journal, &open_one.entries).await;
    let outcome = |word: &str| CallFilter { outcome: Some(word.to_owned()), ..CallFilter::default() };
    assert_eq!(store.calls(&outcome("abandoned"), None, 9).await.unwrap().items[0].id, open_one.call.to_string());
    assert!(store.calls(&outcome("blocked"), None, 9).await.unwrap().items.is_empty());
    let both = CallFilter {
        customer: Some("acme".to_owned()),
        number: Some("hotline".to_owned()),
        direction: Some("inbound".to_owned()),
        ..outcome("taken")
    };
    assert_eq!(store.calls(&both, None, 9).await.unwrap().items.len(), 1);
    let status = |word: &str| AlertFilter { status: Some(word.to_owned()), ..AlertFilter::default() };
    assert_eq!(store.alerts(&status("triggered"), None, 9).await.unwrap().items[0].reference, "1003");
    let (priority, customer) = (Some("P1".to_owned()), Some("acme".to_owned()));
    let resolved = AlertFilter { priority, customer, ..status("resolved") };
    assert_eq!(store.alerts(&resolved, None, 9).await.unwrap().items.len(), 1);
    // A filter is a word and never a statement.
    assert!(store.calls(&outcome("x' OR '1'='1"), None, 9).await.unwrap().items.is_empty());
    assert!(store.call("none").await.unwrap().is_none() && store.alert("none").await.unwrap().is_none());
    store.close().await;
}

#[tokio::test]
async fn running_calls_are_transcribed_first() {
    let dir = tempfile::tempdir().unwrap();
    let (store, journal, _) = open(dir.path()).await;
    let mut over = Story::new(1, "1001");
    over.open_alert();
    let first = over.record(RecordingKind::Voicemail, true);
    let second = over.record(RecordingKind::Voicemail, true);
    over.record(RecordingKind::Voicemail, false);
    over.fact(Fact::CallEnded { outcome: Outcome::Voicemail });
    let mut running = Story::new(2, "1002");
    let live = running.record(RecordingKind::Voicemail, true);
    append_all(&journal, &over.entries).await;
    append_all(&journal, &running.entries).await;
    for expected in [live, first, second] {
        let job = store.next_transcript().await.unwrap().unwrap();
        assert_eq!(job.recording, expected);
        let (scene, alert) = if expected == live {
            (&mut running, None)
        } else {
            let alert = over.alert;
            (&mut over, Some(alert))
        };
        assert_eq!((job.call, job.alert), (scene.call, alert));
        let text = Private::from("words");
        let done = Fact::Transcribed { recording: expected, text, language: "en".to_owned(), engine: "e".to_owned() };
        let entry = scene.fact(done).entries.pop().unwrap();
        append_all(&journal, &[entry]).await;
    }
    assert_eq!(store.next_transcript().await.unwrap(), None);
    store.close().await;
}

#[tokio::test]
async fn logins_and_sessions() {
    let dir = tempfile::tempdir().unwrap();
    let (store, _, _) = open(dir.path()).await;
    let mut login = LoginRow {
        name: "admin".to_owned(),
        password_hash: "$argon2id$1".to_owned(),
        role: "admin".to_owned(),
        user_id: None,
        ..Default::default()
    };
    store.put_login(&login).await.unwrap();
    login.user_id = Some("engineer-1".to_owned());
    store.put_login(&login).await.unwrap();
    assert_eq!(store.login("admin").await.unwrap(), Some(login));
    assert_eq!(store.login("root").await.unwrap(), None);

    let now = crate::clock::now().wall.as_millisecond();
    store.put_session("s1", "{}", now + 3_600_000).await.unwrap();
    store.put_session("s1", "{\"a\":1}", now + 3_600_000).await.unwrap();
    store.put_session("s2", "{}", now - 1).await.unwrap();
    assert_eq!(store.session("s1").await.unwrap(), Some(("{\"a\":1}".to_owned(), now + 3_600_000)));
    assert_eq!(store.session("s2").await.unwrap(), None);
    store.remove_session("s1").await.unwrap();
    assert_eq!(store.session("s1").await.unwrap(), None);
    store.close().await;
    assert!(store.session("s1").await.is_err());
}

for_each_db! {
    async fn a_search_does_not_mind_capitals(db: Database) {
        let (store, _journal, _) = db.open().await;
        let titles = ["Ofen bei Müller", "MÜLLER: ÖL [leer] 100 %", "Straße_7 (gesperrt)", "Ήλιος", "a*b?c"];
        let events: Vec<_> = titles
            .iter()
            .enumerate()
            .map(|(n, title)| {
                let mut one = event(&format!("k{n}"), Action::Trigger, 0);
                one.event.title = (*title).to_owned();
                one
            })
            .collect();
        store.take_events(&events, &decide).await.unwrap();
        let found = async |text: &str| {
            let filter = AlertFilter { search: Some(text.to_owned()), ..AlertFilter::default() };
            let page = store.alerts(&filter, None, 50).await.unwrap();
            let mut found: Vec<usize> =
                page.items.iter().map(|row| titles.iter().position(|title| *title == row.title).unwrap()).collect();
            found.sort_unstable();
            found
        };
        for text in ["Müller", "MÜLLER", "müller", "mÜlLeR"] {
            assert_eq!(found(text).await, [0, 1], "{text}");
        }
        assert_eq!(found("öl [LEER] 100 %").await, [1]);
        assert_eq!(found("straße_7 (GESP").await, [2]);
        assert_eq!(found("ήΛΙΟ").await, [3]);
        assert_eq!(found("A*B?").await, [4]);
        for text in ["m.ller", "a.b", "M_ller", "o%n", "[a-z]", "^a", "c$", "a**b", "\\w", "***=x", "(a|b)"] {
            assert_eq!(found(text).await, Vec::<usize>::new(), "{text}");
        }
        store.close().await;
    }
}
