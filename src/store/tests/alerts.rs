//! Alerts in the database: events in batches, decisions in one transaction, what is due.

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use hotline_core::alert::intake::{Action, Decision, Event, Faults, Open, Route};
use hotline_core::alert::{Alert, Change, Status, Urgency};
use hotline_core::directory::Address;
use hotline_core::escalation::Progress;
use hotline_core::fact::{Actor, Entry, Fact, Outcome, Priority};
use hotline_core::ids::{AlertId, SourceId};
use hotline_core::notify::{Kind, Planned, To};
use hotline_core::private::Private;
use jiff::Timestamp;

use super::databases::{Database, for_each_db};
use super::{Story, append_all};
use crate::store::Store;
use crate::store::alerts::{Audited, Received, Verdict};
use crate::store::read::{AlertFilter, AlertOrder, TimelineRow};

pub(super) fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_790_000_000 + second).unwrap()
}

pub(super) fn event(key: &str, action: Action, second: i64) -> Received {
    Received {
        own_key: None,
        source: "prometheus".into(),
        event: Event {
            action,
            title: format!("{key} is down"),
            details: Some(Private::from("disk 97 % full")),
            dedup_key: Some(key.to_owned()),
            group_key: None,
            priority: None,
            customer: Some("acme".into()),
            service: None,
            began_at: Some(at(second - 60)),
            link: Some("https://monitor.example/1".to_owned()),
        },
        route: Route {
            customer: Some("acme".into()),
            service: Some("mail".into()),
            policy: Some("default".into()),
            priority: Priority::P2,
            urgency: Urgency::High,
            group_key: None,
            why: "by the source".to_owned(),
        },
        at: at(second),
    }
}

pub(super) fn grouped(group: &str, key: &str, second: i64) -> Received {
    let mut event = event(key, Action::Trigger, second);
    event.route.group_key = Some(group.to_owned());
    event
}

/// Of no alert.
pub(super) static ONE_FAULT: Faults = Faults { recovered: false, title: None, others: 0, titles: Vec::new() };
const NOTHING_OPEN: Open<'static> = Open { same: None, faults: &ONE_FAULT, group: None };

/// Not the core's rules, but enough of them: the store is asked here what it keeps.
pub(super) fn decide(received: &Received, open: Open<'_>, reference: &str) -> Decision {
    let (same, group) = (open.same, open.group);
    let (event, route) = (&received.event, &received.route);
    let join = |alert: &Alert, grouped| Decision::Join {
        alert: alert.id,
        facts: if alert.events > 1 {
            Vec::new()
        } else {
            vec![(Fact::Alert(Change::Joined { events: 2, title: None, grouped }), "same".to_owned())]
        },
    };
    match (event.action, same, group) {
        (Action::Trigger, Some(same), _) => join(same, false),
        (Action::Trigger, None, Some(group)) => join(group, true),
        (Action::Trigger, None, None) => Decision::Open {
            facts: vec![(
                Fact::Alert(Change::Received {
                    title: event.title.clone(),
                    details: event.details.clone(),
                    priority: route.priority,
                    urgency: route.urgency,
                    source: received.source.clone(),
                    reference: reference.to_owned(),
                    customer: route.customer.clone(),
                    service: route.service.clone(),
                    dedup_key: event.dedup_key.clone(),
                    group_key: route.group_key.clone(),
                    policy: route.policy.clone(),
                    began_at: event.began_at,
                    link: event.link.clone(),
                }),
                route.why.clone(),
            )],
        },
        (Action::Resolve, Some(same), _) => Decision::Settle {
            alert: same.id,
            facts: vec![(Fact::AlertResolved { by: Actor::System }, "the tool says so".to_owned())],
        },
        (Action::Acknowledge, Some(same), _) => Decision::Settle {
            alert: same.id,
            facts: vec![(Fact::AlertAcknowledged { by: Actor::System }, "the tool says so".to_owned())],
        },
        (Action::Resolve | Action::Acknowledge, None, _) => Decision::Nothing,
    }
}

/// Opens alerts; their ids in order.
pub(super) async fn opened(store: &Store, keys: &[&str]) -> Vec<AlertId> {
    let events: Vec<Received> = keys.iter().map(|key| event(key, Action::Trigger, 0)).collect();
    let taken = store.take_events(&events, &decide).await.unwrap();
    taken.into_iter().map(|taken| taken.alert.unwrap()).collect()
}

pub(super) fn verdict(fact: Fact) -> Verdict {
    Verdict { facts: vec![(fact, "because".to_owned())], ..Verdict::default() }
}

pub(super) async fn change(store: &Store, id: AlertId, second: i64, fact: Fact) -> Alert {
    let changed = store.change_alert(id, at(second), |_| Ok::<_, ()>(verdict(fact.clone()))).await;
    changed.unwrap().unwrap().unwrap()
}

fn kinds(timeline: &[TimelineRow]) -> Vec<&str> {
    timeline.iter().map(|row| row.kind.as_str()).collect()
}

for_each_db! {
    async fn events_open_join_and_end_alerts(db: Database) {
        let (store, _journal, _) = db.open().await;
        let batch = [
            event("disk", Action::Trigger, 1),
            event("disk", Action::Trigger, 2),
            event("disk", Action::Trigger, 3),
            event("net", Action::Resolve, 4),
            event("disk", Action::Resolve, 5),
            event("disk", Action::Trigger, 6),
            grouped("mail", "a", 7),
            grouped("mail", "b", 8),
            event("net", Action::Trigger, 9),
        ];
        let taken = store.take_events(&batch, &decide).await.unwrap();
        let ids: Vec<_> = taken.iter().map(|taken| taken.alert).collect();
        let opened: Vec<_> = taken.iter().map(|taken| taken.opened).collect();
        assert_eq!(opened, [true, false, false, false, false, true, true, false, true]);
        assert_eq!((ids[0], ids[0], ids[0], ids[3]), (ids[1], ids[2], ids[4], None));
        assert!(ids[5] != ids[0] && ids[6] == ids[7]);

        // What was open before the batch is seen, too.
        let more = [
            event("disk", Action::Trigger, 10),
            event("net", Action::Acknowledge, 11),
            grouped("mail", "c", 12),
            event("a", Action::Resolve, 13),
            grouped("mail", "d", 14),
            grouped("mail", "e", 15),
        ];
        let taken = store.take_events(&more, &decide).await.unwrap();
        let later: Vec<_> = taken.iter().map(|taken| taken.alert).collect();
        assert_eq!((later[0], later[1], later[2], later[3]), (ids[5], ids[8], ids[6], ids[6]));
        assert!(taken[4].opened && later[4] == later[5] && later[4] != ids[6]);

        let first = store.alert_state(ids[0].unwrap()).await.unwrap().unwrap();
        assert_eq!((first.status, first.events, first.progress.look), (Status::Resolved, 3, None));
        let second = store.alert_state(ids[5].unwrap()).await.unwrap().unwrap();
        assert_eq!((second.status, second.events, second.last_event_at), (Status::Triggered, 2, at(10)));
        assert_eq!(second.progress, Progress { look: Some(at(6)), ..Progress::default() });
        assert_eq!(second.reference.len(), 6);
        assert_ne!(second.reference, first.reference);
        let row = store.alert(&ids[8].unwrap().to_string()).await.unwrap().unwrap();
        assert_eq!((row.status.as_str(), row.acknowledged_at), ("acknowledged", Some(at(11).as_millisecond())));
        assert_eq!((row.details.as_deref(), row.began_at), (Some("disk 97 % full"), Some(at(-51).as_millisecond())));
        assert_eq!((row.urgency.as_str(), row.source.as_deref()), ("high", Some("prometheus")));
        let group = store.alert_state(ids[6].unwrap()).await.unwrap().unwrap();
        assert_eq!((group.status, group.events), (Status::Resolved, 3));
        let timeline = store.alert_timeline(&ids[0].unwrap().to_string()).await.unwrap();
        assert_eq!(kinds(&timeline), ["alert-received", "alert-joined", "alert-resolved"]);
        assert_eq!(store.take_events(&[], &decide).await.unwrap(), []);
        store.close().await;
    }

    async fn a_big_batch_is_taken_as_it_came(db: Database) {
        let (store, _journal, _) = db.open().await;
        let batch: Vec<Received> = (0..700).map(|n| event(&format!("k{}", n % 500), Action::Trigger, n)).collect();
        let taken = store.take_events(&batch, &decide).await.unwrap();
        assert_eq!(taken.iter().filter(|taken| taken.opened).count(), 500);
        assert!((0..200).all(|n| taken[n].alert == taken[n + 500].alert));
        let taken = store.take_events(&batch, &decide).await.unwrap();
        assert_eq!(taken.iter().filter(|taken| taken.opened).count(), 0);
        let mut references = std::collections::BTreeSet::new();
        let filter = AlertFilter { open: true, ..AlertFilter::default() };
        let mut cursor = None;
        loop {
            let page = store.alerts(&filter, cursor.as_deref(), 200).await.unwrap();
            references.extend(page.items.into_iter().map(|row| row.reference.parse::<u32>().unwrap()));
            cursor = page.next_cursor;
            if cursor.is_none() {
                break;
            }
        }
        assert_eq!(references.len(), 500);
        assert!(references.iter().all(|reference| (100_001..=999_999).contains(reference)));
        store.close().await;
    }

    async fn a_text_may_hold_anything(db: Database) {
        let (store, _journal, _) = db.open().await;
        let mut odd = event("odd", Action::Trigger, 1);
        odd.event.title = "NUL \0 and ' and \" and \u{1f525} and $1".to_owned();
        odd.event.dedup_key = Some("k\0ey".to_owned());
        let taken = store.take_events(&[odd.clone()], &decide).await.unwrap();
        let row = store.alert(&taken[0].alert.unwrap().to_string()).await.unwrap().unwrap();
        assert_eq!(row.title, "NUL \u{fffd} and ' and \" and \u{1f525} and $1");
        store.close().await;
    }

    async fn a_decision_is_kept_whole_or_not_at_all(db: Database) {
        let (store, _journal, _) = db.open().await;
        let id = opened(&store, &["disk"]).await[0];
        assert_eq!(store.change_alert(AlertId(uuid::Uuid::nil()), at(1), |_| Ok::<_, ()>(Verdict::default())).await.unwrap(), None);
        let refused = store.change_alert(id, at(1), |_| Err::<Verdict, _>("no")).await.unwrap().unwrap();
        assert_eq!(refused, Err("no"));

        let planned = Planned {
            key: format!("{id}/1/1/ada/mobile"),
            alert: Some(id),
            to: To::Person { user: "ada".into(), contact: "mobile".to_owned() },
            address: Address::Sms(Private::from("+4915112345642")),
            due: at(2),
            kind: Kind::Alert,
            why: "her rule".to_owned(),
        };
        let stepped = || Verdict {
            facts: vec![(
                Fact::Alert(Change::Stepped {
                    round: 1,
                    step: 1,
                    targets: vec!["Ada".to_owned()],
                    next_at: Some(at(300)),
                }),
                "due".to_owned(),
            )],
            progress: Some(Progress { cycle: 2, round: 1, step: 1, due: Some(at(300)), look: Some(at(300)) }),
            // Planned twice: kept once.
            notify: vec![planned.clone(), planned.clone()],
            cancel: false,
            audit: vec![Audited {
                actor: "the hotline".to_owned(),
                action: "escalation-step".to_owned(),
                object: format!("alert:{id}"),
                detail: "{}".to_owned(),
                personal: vec![("to".to_owned(), "Ada".to_owned())],
            }],
        };
        let alert = store.change_alert(id, at(2), |_| Ok::<_, ()>(stepped())).await.unwrap().unwrap().unwrap();
        assert_eq!(alert.progress, stepped().progress.unwrap());
        assert_eq!(store.alert_state(id).await.unwrap(), Some(alert));
        let row = store.alert(&id.to_string()).await.unwrap().unwrap();
        assert_eq!((row.rings, row.next_ring_at, row.esc_step), (1, Some(at(300).as_millisecond()), 1));
        let rows = store.notifications(Some(id), None, None, None, 9).await.unwrap().items;
        assert_eq!(rows.len(), 1);
        assert_eq!((rows[0].state.as_str(), rows[0].by.as_str(), rows[0].attempts), ("waiting", "sms", 0));

        // Taken: what waits is not needed any more, and the timeline says so.
        let taken = || Verdict { cancel: true, progress: Some(Progress::default()), ..verdict(Fact::AlertAcknowledged { by: Actor::Login("admin".to_owned()) }) };
        let alert = store.change_alert(id, at(3), |_| Ok::<_, ()>(taken())).await.unwrap().unwrap().unwrap();
        assert_eq!((alert.status, alert.acknowledged_at), (Status::Acknowledged, Some(at(3))));
        let rows = store.notifications(None, Some(&"ada".into()), Some("skipped"), None, 9).await.unwrap().items;
        assert_eq!((rows.len(), rows[0].finished_at), (1, Some(at(3).as_millisecond())));
        let timeline = store.alert_timeline(&id.to_string()).await.unwrap();
        assert_eq!(kinds(&timeline), ["alert-received", "escalation-step", "alert-acknowledged", "notified"]);
        assert_eq!(db.count("audit_queue").await, 2);
        assert_eq!(store.next_escalation().await.unwrap(), None);
        store.close().await;
    }

    async fn what_people_do_changes_the_row(db: Database) {
        let (store, _journal, _) = db.open().await;
        let id = opened(&store, &["disk"]).await[0];
        let by = || Actor::Person("ada".into());
        let alert = change(&store, id, 1, Fact::Alert(Change::Snoozed { until: at(600), by: by() })).await;
        assert_eq!(alert.snoozed_until, Some(at(600)));
        assert_eq!(store.alert(&id.to_string()).await.unwrap().unwrap().next_ring_at, Some(at(600).as_millisecond()));
        let alert = change(&store, id, 600, Fact::Alert(Change::Woke)).await;
        assert_eq!(alert.snoozed_until, None);
        change(&store, id, 601, Fact::Alert(Change::Assigned { to: "ben".into(), by: by() })).await;
        change(&store, id, 601, Fact::AlertAcknowledged { by: by() }).await;
        let alert = change(&store, id, 602, Fact::AlertAcknowledged { by: Actor::System }).await;
        assert_eq!((alert.acknowledged_at, alert.assigned), (Some(at(601)), Some("ben".into())));
        let row = store.alert(&id.to_string()).await.unwrap().unwrap();
        assert_eq!((row.acknowledged_by.as_deref(), row.assigned.as_deref()), (Some("ada"), Some("ben")));
        let alert = change(&store, id, 603, Fact::Alert(Change::Unacknowledged { by: by() })).await;
        assert_eq!((alert.status, alert.acknowledged_at, alert.assigned), (Status::Triggered, None, None));
        change(&store, id, 604, Fact::AlertUpdated { title: Some("Mail".to_owned()), priority: Some(Priority::P1) }).await;
        change(&store, id, 605, Fact::Alert(Change::Routed { policy: None, urgency: Urgency::Low, customer: None, service: Some("web".into()) })).await;
        let text = Private::from("Rebooted it, Ada");
        change(&store, id, 606, Fact::Alert(Change::Commented { by: by(), text })).await;
        let alert = store.alert_state(id).await.unwrap().unwrap();
        assert_eq!((alert.title.as_str(), alert.priority, alert.urgency), ("Mail", Priority::P1, Urgency::Low));
        assert_eq!((alert.policy, alert.customer, alert.service), (None, Some("acme".into()), Some("web".into())));
        let timeline = store.alert_timeline(&id.to_string()).await.unwrap();
        let last = timeline.last().unwrap();
        assert_eq!((last.kind.as_str(), last.text.as_deref()), ("alert-commented", Some("Rebooted it, Ada")));
        assert!(!last.what.contains("Rebooted"));
        let alert = change(&store, id, 607, Fact::AlertResolved { by: by() }).await;
        assert_eq!(alert.status, Status::Resolved);
        store.close().await;
    }

    async fn two_are_merged(db: Database) {
        let (store, _journal, _) = db.open().await;
        let ids = opened(&store, &["disk", "net"]).await;
        let by = || Actor::Person("ada".into());
        for (from, into) in [(ids[0], ids[1]), (ids[0], ids[0])] {
            let merged = store
                .change_two((from, into), at(5), |from, into| {
                    let gone = verdict(Fact::Alert(Change::Merged { into: into.id, by: by() }));
                    Ok::<_, ()>((gone, verdict(Fact::Alert(Change::Took { from: from.id }))))
                })
                .await
                .unwrap();
            assert_eq!(merged.is_some(), from != into);
        }
        let from = store.alert_state(ids[0]).await.unwrap().unwrap();
        assert_eq!((from.status, from.merged_into), (Status::Resolved, Some(ids[1])));
        let into = store.alert_state(ids[1]).await.unwrap().unwrap();
        assert_eq!((into.status, into.events), (Status::Triggered, 2));
        let row = store.alert(&ids[0].to_string()).await.unwrap().unwrap();
        assert_eq!((row.resolved_by.as_deref(), row.resolved_at), (Some("ada"), Some(at(5).as_millisecond())));
        let refused = store.change_two((ids[0], ids[1]), at(6), |_, _| Err::<(Verdict, Verdict), _>("resolved")).await;
        assert_eq!(refused.unwrap(), Some(Err("resolved")));
        store.close().await;
    }

    async fn the_longest_overdue_first_and_those_nobody_knows_of_before_all(db: Database) {
        let (store, _journal, _) = db.open().await;
        let ids = opened(&store, &["a", "b", "c", "d", "e"]).await;
        let go_on = |round, look| move |_: &Alert| Ok::<_, ()>(Verdict {
            progress: Some(Progress { round, look, ..Progress::default() }),
            ..Verdict::default()
        });
        store.change_alert(ids[0], at(0), go_on(1, Some(at(10)))).await.unwrap();
        store.change_alert(ids[1], at(0), go_on(2, Some(at(5)))).await.unwrap();
        store.change_alert(ids[2], at(0), go_on(0, Some(at(20)))).await.unwrap();
        store.change_alert(ids[3], at(0), go_on(0, Some(at(15)))).await.unwrap();
        store.change_alert(ids[4], at(0), go_on(3, None)).await.unwrap();
        assert_eq!(store.due_escalations(at(30), 9).await.unwrap(), [ids[3], ids[2], ids[1], ids[0]]);
        assert_eq!(store.due_escalations(at(30), 3).await.unwrap(), [ids[3], ids[2], ids[1]]);
        assert_eq!(store.due_escalations(at(9), 9).await.unwrap(), [ids[1]]);
        assert_eq!(store.next_escalation().await.unwrap(), Some(at(5)));
        store.close().await;
    }

    async fn a_calls_alert_is_due_when_its_call_is_over(db: Database) {
        let (store, journal, _) = db.open().await;
        let mut scene = Story::new(1, "1001");
        scene.open_alert();
        append_all(&journal, &scene.entries).await;
        let opened_at = scene.entries[1].at;
        let ring_at = opened_at.checked_add(Duration::from_mins(5)).unwrap();
        let alert = store.alert_state(scene.alert).await.unwrap().unwrap();
        assert!(alert.call_running && alert.call == Some(scene.call) && alert.number == Some("hotline".into()));
        assert_eq!((alert.progress.look, alert.opened_at, alert.events), (Some(ring_at), opened_at, 1));
        assert_eq!(alert.caller, Some(Private::from("+4915112345642")));
        let ended = scene.fact(Fact::CallEnded { outcome: Outcome::Voicemail }).entries.pop().unwrap();
        let ended_at = ended.at;
        append_all(&journal, &[ended]).await;
        let alert = store.alert_state(scene.alert).await.unwrap().unwrap();
        assert_eq!((alert.call_running, alert.progress.look), (false, Some(ended_at)));
        assert_eq!(store.due_escalations(ended_at, 9).await.unwrap(), [scene.alert]);

        // What was done while the database was away comes by the journal.
        let next_at = ended_at.checked_add(Duration::from_mins(5)).unwrap();
        let entry = |fact, at| Entry { at, call: None, alert: Some(scene.alert), fact, why: String::new() };
        append_all(&journal, &[entry(Fact::AlertRings { round: 1, next_at }, ended_at)]).await;
        assert_eq!(store.next_escalation().await.unwrap(), Some(next_at));
        let by = Actor::Person("ada".into());
        append_all(&journal, &[entry(Fact::AlertAcknowledged { by: by.clone() }, next_at)]).await;
        let alert = store.alert_state(scene.alert).await.unwrap().unwrap();
        assert_eq!((alert.status, alert.progress.look), (Status::Acknowledged, Some(next_at)));
        append_all(&journal, &[entry(Fact::Alert(Change::Unacknowledged { by }), next_at)]).await;
        assert_eq!(store.alert_state(scene.alert).await.unwrap().unwrap().status, Status::Triggered);
        append_all(&journal, &[entry(Fact::AlertResolved { by: Actor::System }, next_at)]).await;
        assert_eq!(store.next_escalation().await.unwrap(), None);
        store.close().await;
    }

    async fn a_later_call_joins(db: Database) {
        let (store, journal, _) = db.open().await;
        let id = opened(&store, &["disk"]).await[0];
        let mut scene = Story::new(2, "1002");
        scene.entries[0].alert = None;
        let change = Change::CallJoined { call: scene.call };
        scene.entries.push(Entry {
            at: at(70),
            call: Some(scene.call),
            alert: Some(id),
            fact: Fact::Alert(change),
            why: "same customer".to_owned(),
        });
        append_all(&journal, &scene.entries).await;
        let alert = store.alert_state(id).await.unwrap().unwrap();
        assert_eq!((alert.events, alert.last_event_at), (1, at(70)));
        assert_eq!(store.call(&scene.call.to_string()).await.unwrap().unwrap().alert_id, Some(id.to_string()));
        let timeline = store.alert_timeline(&id.to_string()).await.unwrap();
        assert!(kinds(&timeline).contains(&"call-started") && kinds(&timeline).contains(&"call-joined"));
        store.close().await;
    }

    async fn events_that_were_kept_by_the_journal_are_taken_later(db: Database) {
        let (store, journal, _) = db.open().await;
        let open = opened(&store, &["disk"]).await[0];
        let entry = |key: &str, second| {
            let Decision::Open { mut facts } = decide(&event(key, Action::Trigger, second), NOTHING_OPEN, "123456") else {
                panic!("opens");
            };
            let id = AlertId(uuid::Uuid::now_v7());
            (id, Entry { at: at(second), call: None, alert: Some(id), fact: facts.remove(0).0, why: String::new() })
        };
        let (new, opens) = entry("net", 9);
        // The same fault is open by now: it is counted there.
        let (_, joins) = entry("disk", 10);
        append_all(&journal, &[opens, joins]).await;
        let alert = store.alert_state(new).await.unwrap().unwrap();
        assert_eq!((alert.status, alert.progress.look, alert.source), (Status::Triggered, Some(at(9)), Some(SourceId("prometheus".to_owned()))));
        let alert = store.alert_state(open).await.unwrap().unwrap();
        assert_eq!((alert.events, alert.last_event_at), (2, at(10)));
        assert_eq!(journal.health().notes, Vec::<String>::new());
        store.close().await;
    }

    async fn lists_are_narrowed_searched_and_ordered(db: Database) {
        let (store, _journal, _) = db.open().await;
        let mut batch: Vec<Received> = (0..6).map(|n| event(&format!("host-{n}_50%"), Action::Trigger, n)).collect();
        for (n, event) in batch.iter_mut().enumerate() {
            event.route.priority = [Priority::P3, Priority::P1, Priority::P2][n % 3];
            event.route.customer = Some(if n < 4 { "acme" } else { "borealis" }.into());
        }
        let ids: Vec<_> = store.take_events(&batch, &decide).await.unwrap().into_iter().map(|taken| taken.alert.unwrap()).collect();
        change(&store, ids[1], 50, Fact::AlertResolved { by: Actor::System }).await;
        let place = |id: &str| ids.iter().position(|known| known.to_string() == id).unwrap();
        let list = async |filter: AlertFilter, limit| {
            let (mut seen, mut cursor) = (Vec::new(), None);
            loop {
                let page = store.alerts(&filter, cursor.as_deref(), limit).await.unwrap();
                seen.extend(page.items.iter().map(|row| place(&row.id)));
                cursor = page.next_cursor;
                if cursor.is_none() {
                    return seen;
                }
            }
        };
        for limit in [1, 2, 100] {
            assert_eq!(list(AlertFilter::default(), limit).await, [5, 4, 3, 2, 1, 0]);
            assert_eq!(list(AlertFilter { order: AlertOrder::Urgent, ..AlertFilter::default() }, limit).await, [4, 2, 5, 0, 3]);
        }
        let narrowed = |customers: &[&str]| AlertFilter {
            customers: Some(customers.iter().map(|name| (*name).to_owned()).collect()),
            ..AlertFilter::default()
        };
        assert_eq!(list(narrowed(&["borealis"]), 9).await, [5, 4]);
        assert_eq!(list(narrowed(&["borealis", "acme"]), 9).await.len(), 6);
        assert_eq!(list(narrowed(&[]), 9).await, [0; 0]);
        assert_eq!(list(AlertFilter { customer: Some("acme".to_owned()), ..narrowed(&["borealis"]) }, 9).await, [0; 0]);
        let search = |text: &str| AlertFilter { search: Some(text.to_owned()), ..AlertFilter::default() };
        assert_eq!(list(search("HOST-3"), 9).await, [3]);
        assert_eq!(list(search("_50%"), 9).await.len(), 6);
        assert_eq!(list(search("x50%"), 9).await, [0; 0]);
        let reference = store.alert_state(ids[2]).await.unwrap().unwrap().reference;
        assert_eq!(list(search(&reference), 9).await, [2]);
        let both = AlertFilter { open: true, priority: Some("P1".to_owned()), service: Some("mail".to_owned()), source: Some("prometheus".to_owned()), urgency: Some("high".to_owned()), ..AlertFilter::default() };
        assert_eq!(list(both, 9).await, [4]);
        assert!(store.alerts(&AlertFilter { order: AlertOrder::Urgent, ..AlertFilter::default() }, Some("MSxh"), 9).await.is_err());
        store.close().await;
    }

    async fn what_is_decided_at_once_is_decided_one_after_the_other(db: Database) {
        let (store, _journal, _) = db.open().await;
        let id = opened(&store, &["disk"]).await[0];
        let asked = AtomicU32::new(0);
        let take = |name: &'static str| {
            let (store, asked) = (&store, &asked);
            store.change_alert(id, at(1), move |alert| {
                asked.fetch_add(1, Ordering::Relaxed);
                if alert.status == Status::Triggered {
                    Ok(verdict(Fact::AlertAcknowledged { by: Actor::Person(name.into()) }))
                } else {
                    Err(())
                }
            })
        };
        let done = futures::future::join_all(["a", "b", "c", "d", "e", "f"].map(take)).await;
        assert_eq!(done.into_iter().filter(|done| matches!(done, Ok(Some(Ok(_))))).count(), 1);
        assert!(asked.load(Ordering::Relaxed) >= 6);
        let timeline = store.alert_timeline(&id.to_string()).await.unwrap();
        assert_eq!(kinds(&timeline), ["alert-received", "alert-acknowledged"]);
        store.close().await;
    }

    async fn many_are_decided_each_for_itself_and_kept_together(db: Database) {
        let (store, _journal, _) = db.open().await;
        let keys: Vec<String> = (0..300).map(|n| format!("host-{n}")).collect();
        let ids = opened(&store, &keys.iter().map(String::as_str).collect::<Vec<_>>()).await;
        let planned = |alert: &Alert| Planned {
            key: format!("{}/1/1/ada/mobile", alert.id),
            alert: Some(alert.id),
            to: To::Person { user: "ada".into(), contact: "mobile".to_owned() },
            address: Address::Sms(Private::from("+4915112345642")),
            due: at(2),
            kind: Kind::Alert,
            why: "her rule".to_owned(),
        };
        let stepped = |alert: &Alert| match alert.title.strip_prefix("host-").and_then(|rest| rest.split(' ').next()) {
            Some("7") => Err("not now"),
            Some("8") => Ok(Verdict::default()),
            _ => Ok(Verdict {
                progress: Some(Progress { round: 1, step: 1, look: Some(at(300)), ..Progress::default() }),
                notify: vec![planned(alert)],
                ..verdict(Fact::AlertUpdated { title: Some(format!("{}!", alert.title)), priority: None })
            }),
        };
        let mut asked = ids.clone();
        asked.push(AlertId(uuid::Uuid::nil()));
        asked.push(ids[0]);
        let changed = store.change_alerts(&asked, at(2), stepped).await.unwrap();
        assert_eq!(changed.iter().map(|(id, _)| *id).collect::<Vec<_>>(), ids, "each once, who is not there left out");
        for (place, (id, changed)) in changed.into_iter().enumerate() {
            let now = store.alert_state(id).await.unwrap().unwrap();
            match place {
                7 => assert_eq!((changed, now.progress.look), (Err("not now"), Some(at(0)))),
                8 => assert_eq!((changed.unwrap(), now.progress.look), (now.clone(), Some(at(0)))),
                _ => {
                    assert_eq!((changed.unwrap(), now.progress.look), (now.clone(), Some(at(300))));
                    assert_eq!(now.title, format!("host-{place} is down!"));
                }
            }
        }
        assert_eq!((db.count("notifications").await, db.count("timeline").await), (298, 598));
        assert_eq!(store.due_escalations(at(9), 9).await.unwrap(), [ids[7], ids[8]]);

        // What is done twice is done once.
        store.change_alerts(&ids[..1], at(3), |alert| Ok::<_, ()>(Verdict { notify: vec![planned(alert)], ..Verdict::default() })).await.unwrap();
        assert_eq!(db.count("notifications").await, 298);
        assert_eq!(store.change_alerts(&[], at(3), stepped).await.unwrap(), []);
        store.close().await;
    }

    async fn two_at_the_same_many_do_each_once(db: Database) {
        let (store, _journal, _) = db.open().await;
        let ids = opened(&store, &["a", "b", "c", "d", "e"]).await;
        let take = async || {
            let decide = |alert: &Alert| match alert.status {
                Status::Triggered => Ok(verdict(Fact::AlertAcknowledged { by: Actor::System })),
                Status::Acknowledged | Status::Resolved => Err(()),
            };
            let mut left: std::collections::BTreeSet<AlertId> = ids.iter().copied().collect();
            // Who is being worked on is left out, and asked for again.
            while !left.is_empty() {
                let asked: Vec<AlertId> = left.iter().copied().collect();
                for (id, _) in store.change_alerts(&asked, at(1), decide).await.unwrap() {
                    left.remove(&id);
                }
            }
        };
        tokio::join!(take(), take(), take());
        for id in &ids {
            let timeline = store.alert_timeline(&id.to_string()).await.unwrap();
            assert_eq!(kinds(&timeline), ["alert-received", "alert-acknowledged"]);
        }
        if db.is_shared() {
            let mut other = db.connect().await;
            sqlx::query("BEGIN").execute(&mut other).await.unwrap();
            let lock = sqlx::query("SELECT id FROM alerts WHERE id = $1 FOR UPDATE").bind(ids[1].to_string());
            lock.execute(&mut other).await.unwrap();
            let changed = store.change_alerts(&ids[..3], at(1), |_| Err::<Verdict, ()>(())).await.unwrap();
            assert_eq!(changed, [(ids[0], Err(())), (ids[2], Err(()))], "the others do not wait for it");
        }
        store.close().await;
    }
}
