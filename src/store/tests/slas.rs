//! Revisions of contracts, signatures, clocks: on both databases.

use hotline_core::alert::change::PromiseWord;
use hotline_core::alert::{Change, Status};
use hotline_core::fact::{Actor, Fact, Priority};
use hotline_core::sla::{End, Measured, Promise};
use jiff::{SignedDuration, Timestamp};

use super::alerts::{at, change, opened};
use super::databases::{Database, for_each_db};
use crate::store::alerts::Audited;
use crate::store::clocks::{ClockRow, Subject, UnderWatch, Watched};
use crate::store::reports::SendingKey;
use crate::store::slas::{NewRevision, SignatureRow, Signed};

fn new(sla: &str, body: &str) -> NewRevision {
    NewRevision {
        sla: sla.to_owned(),
        customer: "acme".to_owned(),
        body: body.to_owned(),
        sha256: format!("hash of {body}"),
    }
}

fn request(number: u32, contact: &str, expires: i64) -> SignatureRow {
    SignatureRow {
        id: String::new(),
        sla: "gold".to_owned(),
        number,
        sha256: "hash".to_owned(),
        contact: contact.to_owned(),
        contact_name: contact.to_uppercase(),
        requested_at: at(0),
        requested_by: "login admin".to_owned(),
        expires_at: at(expires),
        signed_at: None,
        signed_name: None,
    }
}

fn deed() -> Audited {
    Audited {
        actor: "login admin".to_owned(),
        action: "sla.test".to_owned(),
        object: "slas/gold".to_owned(),
        detail: "{}".to_owned(),
        personal: Vec::new(),
    }
}

fn clock_of(seen: &UnderWatch<'_>, promise: Promise) -> ClockRow {
    let measured = Measured {
        promise,
        sla: "gold".into(),
        revision: 1,
        priority: Priority::P2,
        target: SignedDuration::from_mins(15),
        started: seen.alert.opened_at,
        stopped: None,
        warned: 0,
        breached: None,
        end: None,
    };
    ClockRow {
        id: seen.alert.id.to_string(),
        customer: "acme".to_owned(),
        service: None,
        measured,
        due_at: Some(at(900)),
        look_at: Some(at(450)),
        elapsed: SignedDuration::ZERO,
    }
}

fn said(word: PromiseWord) -> (Fact, String) {
    let change = Change::Promised {
        sla: "gold".into(),
        revision: 1,
        promise: Promise::Response,
        said: word,
        share: 0,
        due_at: Some(at(900)),
    };
    (Fact::Alert(change), "a test".to_owned())
}

for_each_db! {
    async fn a_contract_that_changes_has_a_new_revision(db: Database) {
        let (store, _journal, _) = db.open().await;
        assert_eq!(store.first_contract().await.unwrap(), None);
        let keep = async |new: &[NewRevision], secs: i64| store.keep_revisions(new, at(secs), "login admin").await.unwrap();
        let made = keep(&[new("gold", "a"), new("silver", "a")], 10).await;
        assert_eq!(made, [("gold".to_owned(), 1), ("silver".to_owned(), 1)]);
        assert_eq!(keep(&[new("gold", "a")], 20).await, [], "the same is no revision");
        assert_eq!(keep(&[new("gold", "b"), new("silver", "a")], 30).await, [("gold".to_owned(), 2)]);
        // Back to what it was: another revision all the same.
        assert_eq!(keep(&[new("gold", "a")], 40).await, [("gold".to_owned(), 3)]);
        let rows = store.revisions("gold").await.unwrap();
        let told: Vec<_> = rows.iter().map(|row| (row.number, row.since, row.body.as_str())).collect();
        assert_eq!(told, [(3, at(40), "a"), (2, at(30), "b"), (1, at(10), "a")]);
        assert_eq!(store.first_contract().await.unwrap(), Some(at(10)));
        let latest: Vec<_> = store.latest_revisions().await.unwrap().into_iter().map(|row| (row.sla, row.number)).collect();
        assert_eq!(latest, [("gold".to_owned(), 3), ("silver".to_owned(), 1)]);
        store.close().await;
    }

    async fn many_at_once_make_one_revision(db: Database) {
        let (store, _journal, _) = db.open().await;
        let new = [new("gold", "a")];
        let tries = (0..8).map(|_| store.keep_revisions(&new, at(1), "the configuration"));
        let made: Vec<_> = futures::future::join_all(tries).await.into_iter().flat_map(Result::unwrap).collect();
        assert_eq!(made, [("gold".to_owned(), 1)]);
        store.close().await;
    }

    async fn a_link_signs_once_and_not_too_late(db: Database) {
        let (store, _journal, _) = db.open().await;
        store.request_signature(&request(2, "lea", 100), "first", &deed()).await.unwrap();
        store.request_signature(&request(2, "otto", 100), "other", &deed()).await.unwrap();
        store.request_signature(&request(2, "lea", 100), "second", &deed()).await.unwrap();
        assert_eq!(store.signature("first").await.unwrap(), None, "asked again, the earlier link is worth nothing");
        let sign = async |hash: &str, name: &str, secs: i64| store.sign(hash, name, at(secs), |_| deed()).await.unwrap();
        for nothing in ["first", "", "secon", "second'--"] {
            assert_eq!(sign(nothing, "Eve", 50).await, Signed::Unknown);
        }
        assert_eq!(sign("other", "Otto", 100).await, Signed::Unknown, "too late");
        let Signed::Done(row) = sign("second", "Lea Sommer\0", 50).await else { panic!() };
        assert_eq!((row.signed_at, row.signed_name.as_deref()), (Some(at(50)), Some("Lea Sommer\u{fffd}")));
        let Signed::Already(again) = sign("second", "Eve", 60).await else { panic!() };
        assert_eq!(again, row, "what is signed stays as it is");
        // Signed once, it is not taken away by another request.
        store.request_signature(&request(2, "lea", 200), "third", &deed()).await.unwrap();
        let all: Vec<_> = store.signatures(Some("gold")).await.unwrap().into_iter().map(|row| (row.contact, row.signed_at)).collect();
        assert_eq!(all.iter().filter(|(contact, _)| contact == "lea").count(), 2);
        assert_eq!((store.signatures(None).await.unwrap().len(), store.signatures(Some("x")).await.unwrap().len()), (3, 0));
        store.close().await;
    }

    async fn clocks_are_kept_with_what_was_said(db: Database) {
        let (store, _journal, _) = db.open().await;
        let ids = opened(&store, &["disk", "net"]).await;
        let unseen = store.unseen_alerts(Timestamp::UNIX_EPOCH, 10).await.unwrap();
        assert_eq!(unseen.iter().map(|alert| alert.id).collect::<Vec<_>>(), ids);
        assert_eq!(unseen[0].customer.as_deref(), Some("acme"));
        store.pass_over(vec![ids[1]]).await.unwrap();
        let watched = store
            .watch_alerts(&ids[..1], at(1), |seen| Watched {
                facts: vec![said(PromiseWord::Runs)],
                clocks: [Promise::Response, Promise::Resolution].map(|promise| clock_of(seen, promise)).into(),
                waiting: Some(true),
                ..Watched::default()
            })
            .await
            .unwrap();
        assert_eq!(watched.iter().map(|alert| alert.id).collect::<Vec<_>>(), ids[..1]);
        assert_eq!(store.unseen_alerts(Timestamp::UNIX_EPOCH, 10).await.unwrap(), []);
        let due = async |secs: i64| store.due_clocks(at(secs), 10).await.unwrap();
        assert_eq!((due(449).await, due(450).await), (vec![], vec![ids[0]]));
        let (clocks, pauses) = store.clocks(Subject::Alert, &ids[0].to_string()).await.unwrap();
        assert_eq!(clocks.iter().map(|row| row.measured.promise).collect::<Vec<_>>(), [Promise::Response, Promise::Resolution]);
        assert_eq!((pauses.len(), pauses[0].from, pauses[0].to), (1, at(1), None));
        assert_eq!(store.clocks(Subject::Incident, &ids[0].to_string()).await.unwrap().0, []);

        // Acknowledged, handed back: when somebody first had it stays.
        let by = || Actor::Person("ada".into());
        change(&store, ids[0], 100, Fact::AlertAcknowledged { by: by() }).await;
        assert_eq!(due(101).await, [ids[0]], "the response may be over");
        change(&store, ids[0], 120, Fact::Alert(Change::Unacknowledged { by: by() })).await;
        store
            .watch_alerts(&ids[..1], at(130), |seen| {
                assert_eq!((seen.answered, seen.alert.status, seen.over), (Some(at(100)), Status::Triggered, None));
                let mut row = seen.clocks[0].clone();
                row.measured.stopped = seen.answered;
                row.measured.end = Some(End::Kept);
                row.look_at = None;
                row.elapsed = SignedDuration::from_secs(100);
                Watched { clocks: vec![row], waiting: Some(false), ..Watched::default() }
            })
            .await
            .unwrap();
        let (clocks, pauses) = store.clocks(Subject::Alert, &ids[0].to_string()).await.unwrap();
        assert_eq!((clocks[0].measured.end, clocks[0].measured.stopped), (Some(End::Kept), Some(at(100))));
        assert_eq!(pauses[0].to, Some(at(130)));
        assert_eq!(due(440).await, [], "what has ended is not looked at");
        change(&store, ids[0], 200, Fact::AlertResolved { by: by() }).await;
        assert_eq!(due(440).await, ids[..1]);
        let kinds: Vec<_> = store.alert_timeline(&ids[0].to_string()).await.unwrap().into_iter().map(|row| row.kind).collect();
        assert_eq!(kinds.iter().filter(|kind| *kind == "sla").count(), 1);
        let between = store.clocks_between(at(-100), at(100), Some("acme")).await.unwrap();
        assert_eq!((between.len(), between[0].subject.as_str(), between[0].reference.is_empty()), (2, "alert", false));
        assert_eq!(store.clocks_between(at(-100), at(100), Some("other")).await.unwrap(), []);
        assert_eq!(store.clocks_between(at(100), at(200), None).await.unwrap(), []);
        let nobodys = hotline_core::ids::AlertId(uuid::Uuid::now_v7());
        assert_eq!(store.watch_alerts(&[nobodys], at(1), |_| Watched::default()).await.unwrap(), []);
        store.close().await;
    }

    async fn a_report_is_known_from_the_moment_it_was_first_seen(db: Database) {
        let (store, _journal, _) = db.open().await;
        let report = |customer: &str, report: &str| (customer.to_owned(), report.to_owned());
        let (weekly, monthly) = (report("acme", "weekly"), report("acme", "monthly"));
        // Sent already by a release that did not keep when it was first seen.
        let old = SendingKey { customer: "acme", report: "monthly", period: "2028-04-01", contact: "lea" };
        assert!(store.claim_report(&old, at(0)).await.unwrap());
        let known = store.reports_known(&[weekly.clone(), monthly.clone()], at(500)).await.unwrap();
        assert_eq!((known[&weekly], known[&monthly]), (at(500), jiff::Timestamp::UNIX_EPOCH));
        let both = [weekly.clone(), report("other", "weekly")];
        let known = store.reports_known(&both, at(900)).await.unwrap();
        assert_eq!((known[&weekly], known[&both[1]]), (at(500), at(900)), "the first moment stays");
        assert!(store.reports_known(&[], at(900)).await.unwrap().contains_key(&monthly));
        store.close().await;
    }

    async fn a_report_goes_out_once(db: Database) {
        let (store, _journal, _) = db.open().await;
        let key = |contact| SendingKey { customer: "acme", report: "monthly", period: "2028-04-01", contact };
        let claim = async |contact, secs: i64| store.claim_report(&key(contact), at(secs)).await.unwrap();
        let lea = key("lea");
        let many = futures::future::join_all((0..6).map(|_| store.claim_report(&lea, at(0)))).await;
        assert_eq!(many.into_iter().filter(|claimed| *claimed.as_ref().unwrap()).count(), 1);
        assert!(!claim("lea", 599).await, "somebody is at it");
        assert!(claim("lea", 600).await, "whoever was at it is gone");
        store.finish_report(&key("lea"), Err(None), at(610)).await.unwrap();
        assert!(!claim("lea", 1_209).await && claim("lea", 1_210).await, "tried again, later each time");
        store.finish_report(&key("lea"), Ok(()), at(1_220)).await.unwrap();
        assert!(!claim("lea", 100_000).await, "sent once");
        assert!(claim("otto", 0).await, "to another");
        store.finish_report(&key("otto"), Err(Some("no such mailbox")), at(1)).await.unwrap();
        assert!(!claim("otto", 100_000).await);
        let mut tries = 0;
        let mut now = 0;
        while claim("kim", now).await {
            tries += 1;
            store.finish_report(&key("kim"), Err(None), at(now)).await.unwrap();
            now += 10_000;
        }
        assert_eq!(tries, 8);
        store.close().await;
    }
}
