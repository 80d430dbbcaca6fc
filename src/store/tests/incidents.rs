//! Incidents on both databases: kept whole, changed one after the other, found by whom they touch, told to other nodes.

use hotline_core::directory::{Address, Language};
use hotline_core::fact::Actor;
use hotline_core::ids::{AlertId, CallId, DrillId, IncidentId, RecordingId, UpdateId};
use hotline_core::incident::{
    Addition, Affected, Began, Heading, Impact, Incident, Kind, Line, Origin, Phase, Severity, Task, Update,
    UpdateState,
};
use hotline_core::notify::{self, Planned, To};
use jiff::Timestamp;
use uuid::Uuid;

use super::PATIENCE;
use super::databases::{Database, for_each_db};
use crate::store::alerts::Audited;
use crate::store::incidents::{IncidentFilter, IncidentVerdict, Telling, Touching};
use crate::store::{Changed, Store};

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_790_000_000 + second).unwrap()
}

/// Everything that an incident can hold.
fn full(number: u128, reference: String) -> Incident {
    let id = |offset: u128| Uuid::from_u128(number * 100 + offset);
    let affected = vec![Affected { service: "mail".into(), impact: Impact::PartialOutage }];
    let update = |offset, state| Update {
        id: UpdateId(id(offset)),
        at: at(5),
        by: Actor::Login("ada".to_owned()),
        phase: Phase::Identified,
        heading: Some(Heading {
            title: "E-mail is away".to_owned(),
            others: vec![(Language("de".to_owned()), "Mail ist weg".to_owned())],
        }),
        text: "Ein Kabel ❦ \0 <b>".to_owned(),
        translations: vec![(Language("de".to_owned()), "Kabel".to_owned())],
        customers: vec!["acme".into()],
        affected: affected.clone(),
        named: vec!["globex".into()],
        state,
    };
    Incident {
        id: IncidentId(id(0)),
        reference,
        kind: Kind::Fault,
        title: "db01 is down".to_owned(),
        public_title: Some("E-mail is slow".to_owned()),
        public_titles: vec![(Language("de".to_owned()), "Mail ist langsam".to_owned())],
        severity: Severity::Critical,
        worst: Severity::Critical,
        phase: Phase::Identified,
        affected: affected.clone(),
        customers: vec!["acme".into(), "globex".into()],
        roles: vec![("lead".to_owned(), "ada".into())],
        tasks: vec![Task {
            number: 1,
            text: "ring".to_owned(),
            owner: Some("bob".into()),
            done: Some((at(3), Actor::Token("ci".to_owned()))),
        }],
        alerts: vec![AlertId(id(1))],
        calls: vec![CallId(id(2))],
        updates: vec![
            update(3, UpdateState::Published { at: at(5), by: Actor::Person("ada".into()) }),
            update(4, UpdateState::Draft),
            update(5, UpdateState::Review),
            update(6, UpdateState::Withdrawn { by: Actor::System }),
        ],
        began: Some(Began { at: at(-600), origin: Origin::Payload }),
        detected_at: at(-60),
        opened_at: at(i64::try_from(number).unwrap()),
        opened_by: Actor::Login("ada".to_owned()),
        resolved_at: None,
        scheduled: Some((at(100), at(200))),
        by_itself: true,
        drill: Some(DrillId(id(7))),
        update_due: Some(at(900)),
        update_told: 1,
        tell_when_over: vec!["+4915155501".into()],
        ever: vec!["acme".into(), "initech".into()],
        additions: vec![Addition {
            recording: RecordingId(Uuid::from_u128(71)),
            call: CallId(Uuid::from_u128(72)),
            heard: true,
        }],
        version: 0,
    }
}

fn line(what: &str) -> Line {
    Line {
        at: at(9),
        by: Actor::Login("ada".to_owned()),
        kind: "incident.comment",
        what: what.to_owned(),
        why: "by hand".to_owned(),
        text: Some("what she wrote".into()),
    }
}

fn plain(incident: Incident) -> IncidentVerdict {
    IncidentVerdict { incident, lines: vec![line("first")], tell: Vec::new(), audit: Vec::new() }
}

async fn open(store: &Store, number: u128, shape: impl Fn(&mut Incident) + Send + Sync) -> Incident {
    let make = |reference| {
        let mut incident = full(number, reference);
        shape(&mut incident);
        Ok::<_, ()>(plain(incident))
    };
    store.open_incident(at(0), make).await.unwrap().unwrap()
}

fn telling(key: &str) -> Telling {
    Telling {
        planned: Planned {
            key: key.to_owned(),
            alert: None,
            to: To::Outside,
            address: Address::Email("it@acme.example".into()),
            due: at(10),
            kind: notify::Kind::Customer,
            why: "named".to_owned(),
        },
        text: "subject\ntext".to_owned(),
        update: Some(UpdateId(Uuid::from_u128(3))),
        customer: Some("acme".into()),
        contact: Some("it".to_owned()),
    }
}

for_each_db! {
    async fn is_kept_whole_under_its_reference(db: Database) {
        let (store, _journal, _) = db.open().await;
        let made = open(&store, 1, |_| {}).await;
        assert_eq!((made.reference.as_str(), made.version), ("INC-1001", 1));
        let mut kept = store.incident(made.id).await.unwrap().unwrap();
        // A NUL is nobody's word; PostgreSQL would not take it.
        for update in &mut kept.updates {
            assert!(update.text.starts_with("Ein Kabel ❦"));
        }
        assert_eq!(kept, made);
        let second = open(&store, 2, |_| {}).await;
        assert_eq!(second.reference, "INC-1002");
        // What is refused uses up no reference.
        let refused = store.open_incident(at(0), |_| Err::<IncidentVerdict, _>("no")).await.unwrap();
        assert_eq!(refused, Err("no"));
        assert_eq!(open(&store, 3, |_| {}).await.reference, "INC-1003");
        assert_eq!(store.incident(IncidentId(Uuid::from_u128(9))).await.unwrap(), None);
        store.close().await;
    }

    async fn changes_count_versions_and_lines(db: Database) {
        let (store, _journal, _) = db.open().await;
        let made = open(&store, 1, |_| {}).await;
        let changed = store.change_incident(made.id, at(1), |incident| {
            let mut incident = incident.clone();
            incident.title = "other".to_owned();
            incident.alerts.clear();
            let audit = vec![Audited {
                actor: "login ada".to_owned(),
                action: "incident.title".to_owned(),
                object: format!("incident:{}", incident.id),
                detail: "{}".to_owned(),
                personal: Vec::new(),
            }];
            Ok::<_, ()>(Some(IncidentVerdict { incident, lines: vec![line("second"), line("third")], tell: Vec::new(), audit }))
        });
        let changed = changed.await.unwrap().unwrap().unwrap();
        assert_eq!((changed.version, changed.title.as_str()), (2, "other"));
        let refused = store.change_incident(made.id, at(1), |_| Err::<Option<IncidentVerdict>, _>("no")).await;
        assert_eq!(refused.unwrap().unwrap(), Err("no"));
        let same = store.change_incident(made.id, at(1), |_| Ok::<_, ()>(None)).await.unwrap().unwrap().unwrap();
        assert_eq!(same.version, 2);
        let nobody = store.change_incident(IncidentId(Uuid::from_u128(9)), at(1), |_| Ok::<_, ()>(None)).await.unwrap();
        assert!(nobody.is_none());
        let lines = store.incident_timeline(made.id).await.unwrap();
        let told: Vec<_> = lines.iter().map(|line| (line.seq, line.what.as_str())).collect();
        assert_eq!(told, [(1, "first"), (2, "second"), (3, "third")]);
        assert_eq!((lines[0].actor.as_str(), lines[0].text.as_deref()), ("login ada", Some("what she wrote")));
        assert_eq!(db.count("audit_queue").await, 1);
        // The alert has left it.
        let of = IncidentFilter { alert: Some(made.alerts[0]), ..IncidentFilter::default() };
        assert_eq!(store.incidents(&of, None, 10).await.unwrap().items, Vec::new());
        store.close().await;
    }

    async fn changes_side_by_side_lose_nothing(db: Database) {
        let (store, _journal, _) = db.open().await;
        let made = open(&store, 1, |incident| incident.tasks.clear()).await;
        let mut at_once = tokio::task::JoinSet::new();
        for number in 0..20_u32 {
            let (store, id) = (store.clone(), made.id);
            at_once.spawn(async move {
                let decide = |incident: &Incident| {
                    let mut incident = incident.clone();
                    incident.tasks.push(Task { number, text: "x".to_owned(), owner: None, done: None });
                    Ok::<_, ()>(Some(plain(incident)))
                };
                store.change_incident(id, at(1), decide).await.unwrap().unwrap().unwrap();
            });
        }
        while let Some(done) = at_once.join_next().await {
            done.unwrap();
        }
        let kept = store.incident(made.id).await.unwrap().unwrap();
        assert_eq!((kept.tasks.len(), kept.version), (20, 21));
        let lines = store.incident_timeline(made.id).await.unwrap();
        assert_eq!(lines.iter().map(|line| line.seq).collect::<Vec<_>>(), (1..=21).collect::<Vec<_>>());
        store.close().await;
    }

    async fn lists_are_by_whom_they_touch(db: Database) {
        let (store, _journal, _) = db.open().await;
        let named = open(&store, 1, |incident| incident.affected.clear()).await;
        let shared = open(&store, 2, |incident| {
            incident.customers.clear();
            incident.drill = None;
            incident.updates.clear();
        }).await;
        let over = open(&store, 3, |incident| {
            incident.customers = vec!["globex".into()];
            incident.affected.clear();
            incident.phase = Phase::Resolved;
            incident.resolved_at = Some(at(50));
        }).await;
        let ids = |filter: IncidentFilter| {
            let store = store.clone();
            async move {
                let page = store.incidents(&filter, None, 10).await.unwrap();
                page.items.into_iter().map(|incident| incident.id).collect::<Vec<_>>()
            }
        };
        let all = IncidentFilter::default();
        assert_eq!(ids(all.clone()).await, [over.id, shared.id, named.id]);
        let touching = |customers: &[&str], services: &[&str]| IncidentFilter {
            touching: vec![Touching {
                customers: customers.iter().map(|id| (*id).into()).collect(),
                services: services.iter().map(|id| (*id).into()).collect(),
            }],
            ..IncidentFilter::default()
        };
        assert_eq!(ids(touching(&["acme"], &["mail", "erp"])).await, [shared.id, named.id]);
        assert_eq!(ids(touching(&["globex"], &[])).await, [over.id, named.id]);
        assert_eq!(ids(touching(&[], &[])).await, []);
        assert_eq!(ids(touching(&["x' OR 1=1 --"], &[])).await, []);
        assert_eq!(ids(IncidentFilter { open: true, ..all.clone() }).await, [shared.id, named.id]);
        assert_eq!(ids(IncidentFilter { published: true, ..all.clone() }).await, [over.id, named.id]);
        assert_eq!(ids(IncidentFilter { no_drills: true, ..all.clone() }).await, [shared.id]);
        assert_eq!(ids(IncidentFilter { phase: Some("resolved".to_owned()), ..all.clone() }).await, [over.id]);
        assert_eq!(ids(IncidentFilter { service: Some("mail".into()), ..all.clone() }).await, [shared.id]);
        assert_eq!(ids(IncidentFilter { call: Some(named.calls[0]), ..all.clone() }).await, [named.id]);
        // In pages.
        let first = store.incidents(&all, None, 2).await.unwrap();
        let rest = store.incidents(&all, first.next_cursor.as_deref(), 2).await.unwrap();
        assert_eq!((rest.items[0].id, rest.items.len(), rest.next_cursor), (named.id, 1, None));
        // What status pages and calls hold in memory.
        let since = async |second| {
            let found = store.open_and_since(at(second)).await.unwrap();
            found.into_iter().map(|incident| incident.id).collect::<Vec<_>>()
        };
        assert_eq!(since(50).await, [over.id, shared.id, named.id]);
        assert_eq!(since(51).await, [shared.id, named.id]);
        store.close().await;
    }

    async fn messages_are_made_once_and_their_fate_is_seen(db: Database) {
        let (store, _journal, _) = db.open().await;
        let made = open(&store, 1, |_| {}).await;
        for _ in 0..2 {
            let decide = |incident: &Incident| {
                let mut verdict = plain(incident.clone());
                verdict.tell = vec![telling("incident/1/it/email"), telling("incident/1/boss/email")];
                Ok::<_, ()>(Some(verdict))
            };
            store.change_incident(made.id, at(10), decide).await.unwrap().unwrap().unwrap();
        }
        let messages = store.incident_messages(made.id).await.unwrap();
        assert_eq!(messages.len(), 2);
        let one = &messages[0];
        let (whose, contact) = (one.customer.as_deref(), one.contact.as_deref());
        assert_eq!((one.by.as_str(), one.state.as_str(), whose, contact), ("email", "waiting", Some("acme"), Some("it")));
        let about = store.incident_of_message(one.id.parse().unwrap()).await.unwrap();
        assert_eq!(about, Some((made.id, Some("acme".into()), Some("it".to_owned()))));
        store.close().await;
    }

    async fn other_nodes_are_told(db: Database) {
        if !db.is_shared() {
            return;
        }
        let (store, _journal, _) = db.open_node("node-1").await;
        let (other, _other_journal, _) = db.open_node("node-2").await;
        let mut news = other.listen();
        let mut number = 0;
        // Until the other node listens.
        let heard = tokio::time::timeout(PATIENCE, async {
            loop {
                number += 1;
                let made = open(&store, number, |_| {}).await;
                let wait = std::time::Duration::from_millis(500);
                if let Ok(Ok(Changed::Incident(id))) = tokio::time::timeout(wait, news.recv()).await {
                    return (id, made.id);
                }
            }
        });
        let (id, made) = heard.await.unwrap();
        assert!(id <= made && other.incident(id).await.unwrap().is_some());
        store.close().await;
        other.close().await;
    }
}
