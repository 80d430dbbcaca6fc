//! An alert and its incident are one fault: its beginning, its promises, and the customers that are waited for; on both databases.

use hotline_core::alert::Change;
use hotline_core::alert::intake::Action;
use hotline_core::fact::{Actor, Fact, Priority};
use hotline_core::ids::{AlertId, DrillId, IncidentId};
use hotline_core::incident::{Began, Incident, Kind, Origin, Phase, Severity};
use hotline_core::sla::{Measured, Pause, Promise};
use jiff::SignedDuration;
use uuid::Uuid;

use super::alerts::{at, change, decide, event};
use super::databases::{Database, for_each_db};
use crate::store::Store;
use crate::store::clocks::{ClockRow, Watched};
use crate::store::incidents::{IncidentVerdict, WatchedIncident, clock_id};

/// An alert of which nobody knows when its fault began.
async fn alert(store: &Store, key: &str, second: i64) -> AlertId {
    let mut received = event(key, Action::Trigger, second);
    received.event.began_at = None;
    store.take_events(&[received], &decide).await.unwrap()[0].alert.unwrap()
}

async fn incident(store: &Store, second: i64, shape: impl Fn(&mut Incident) + Send + Sync) -> Incident {
    let make = |reference: String| {
        let mut incident = Incident {
            id: IncidentId(Uuid::now_v7()),
            reference,
            kind: Kind::Fault,
            title: "db-1 is down".to_owned(),
            public_title: None,
            public_titles: Vec::new(),
            severity: Severity::Critical,
            worst: Severity::Critical,
            phase: Phase::Investigating,
            affected: Vec::new(),
            customers: vec!["acme".into()],
            roles: Vec::new(),
            tasks: Vec::new(),
            alerts: Vec::new(),
            calls: Vec::new(),
            updates: Vec::new(),
            began: None,
            detected_at: at(second),
            opened_at: at(second),
            opened_by: Actor::System,
            resolved_at: None,
            scheduled: None,
            by_itself: false,
            drill: None,
            update_due: None,
            update_told: 0,
            tell_when_over: Vec::new(),
            ever: Vec::new(),
            additions: Vec::new(),
            version: 0,
        };
        shape(&mut incident);
        Ok::<_, ()>(IncidentVerdict { incident, lines: Vec::new(), tell: Vec::new(), audit: Vec::new() })
    };
    store.open_incident(at(second), make).await.unwrap().unwrap()
}

async fn shape(store: &Store, id: IncidentId, how: impl Fn(&mut Incident) + Send + Sync) {
    let changed = store.change_incident(id, at(500), |incident| {
        let mut incident = incident.clone();
        how(&mut incident);
        Ok::<_, ()>(Some(IncidentVerdict { incident, lines: Vec::new(), tell: Vec::new(), audit: Vec::new() }))
    });
    changed.await.unwrap().unwrap().unwrap();
}

fn began(second: i64, origin: Origin) -> Began {
    Began { at: at(second), origin }
}

fn clock(id: String, started: i64) -> ClockRow {
    let measured = Measured {
        promise: Promise::Response,
        sla: "gold".into(),
        revision: 1,
        priority: Priority::P1,
        target: SignedDuration::from_mins(15),
        started: at(started),
        stopped: None,
        warned: 0,
        breached: None,
        end: None,
    };
    ClockRow {
        id,
        customer: "acme".to_owned(),
        service: None,
        measured,
        due_at: Some(at(started + 900)),
        look_at: None,
        elapsed: SignedDuration::ZERO,
    }
}

for_each_db! {
    async fn an_alert_without_a_beginning_has_that_of_its_incident(db: Database) {
        let (store, _journal, _) = db.open().await;
        let known = async || -> Vec<Option<i64>> {
            let cases = store.report_cases(at(-1_000), at(1_000), Some("acme")).await.unwrap();
            cases.iter().map(|case| case.began.map(|began| began.as_second() - at(0).as_second())).collect()
        };
        let (first, other) = (alert(&store, "one", 0).await, alert(&store, "two", 10).await);
        assert_eq!(known().await, [None, None], "unknown, not at once");
        let one = incident(&store, 20, |incident| incident.alerts = vec![first]).await;
        assert_eq!(known().await, [None, None], "nor does the incident know it");
        shape(&store, one.id, |incident| incident.began = Some(began(-600, Origin::Person))).await;
        assert_eq!(known().await, [Some(-600), None]);
        // Whoever corrects the incident corrects the report; of two incidents the earlier beginning counts, an exercise's never.
        shape(&store, one.id, |incident| incident.began = Some(began(-300, Origin::Person))).await;
        let two = incident(&store, 30, |incident| {
            (incident.alerts, incident.began) = (vec![first, other], Some(began(-200, Origin::Caller)));
        })
        .await;
        incident(&store, 40, |incident| {
            (incident.alerts, incident.began) = (vec![first], Some(began(-900, Origin::Person)));
            incident.drill = Some(DrillId(Uuid::now_v7()));
        })
        .await;
        assert_eq!(known().await, [Some(-300), Some(-200)]);
        // Its own is better known.
        change(&store, first, 50, Fact::Alert(Change::Began(Began { at: at(-50), origin: Origin::Caller }))).await;
        assert_eq!(known().await, [Some(-50), Some(-200)]);
        let row = store.alert(&first.to_string()).await.unwrap().unwrap();
        assert_eq!((row.began_at, row.began_origin.as_deref()), (Some(at(-50).as_millisecond()), Some("caller")));
        // Taken out of its incident, the other has none again.
        shape(&store, two.id, |incident| incident.alerts.clear()).await;
        assert_eq!(known().await, [Some(-50), None]);
        let kept = store.change_alert(first, at(60), |alert| {
            assert_eq!(alert.began, Some(began(-50, Origin::Caller)), "what decides sees it");
            Ok::<_, ()>(crate::store::alerts::Verdict::default())
        });
        kept.await.unwrap().unwrap().unwrap();
        store.close().await;
    }

    async fn clocks_of_a_fault_are_found_together(db: Database) {
        let (store, _journal, _) = db.open().await;
        let (first, other, alone) =
            (alert(&store, "one", 0).await, alert(&store, "two", 10).await, alert(&store, "three", 20).await);
        let alerts = [first, other, alone];
        let watched = store.watch_alerts(&alerts, at(30), |seen| {
            let started = if seen.alert.id == first { 0 } else { 5_000 };
            Watched { clocks: vec![clock(seen.alert.id.to_string(), started)], ..Watched::default() }
        });
        assert_eq!(watched.await.unwrap().len(), 3);
        let one = incident(&store, 40, |incident| incident.alerts = vec![first, other]).await;
        let drill = |incident: &mut Incident| {
            (incident.alerts, incident.drill) = (vec![alone], Some(DrillId(Uuid::now_v7())));
        };
        incident(&store, 41, drill).await;
        store
            .watch_incident(one.id, at(50), |incident, clocks, pauses| {
                assert_eq!((clocks.len(), pauses.len()), (0, 0));
                let clocks = vec![clock(clock_id(incident.id, "acme"), 40)];
                WatchedIncident { clocks, ..WatchedIncident::default() }
            })
            .await
            .unwrap();
        let found = async |from: i64, to: i64, customer: Option<&str>| -> Vec<(String, String)> {
            let rows = store.clocks_between(at(from), at(to), customer).await.unwrap();
            rows.into_iter().map(|one| (one.row.id, one.fault)).collect()
        };
        let fault = one.id.to_string();
        let all = [
            (first.to_string(), fault.clone()),
            (clock_id(one.id, "acme"), fault.clone()),
            (other.to_string(), fault.clone()),
        ];
        // Whichever of them lies in the time: all of the fault.
        let mut seen = found(0, 10, Some("acme")).await;
        assert_eq!(seen, all);
        assert_eq!(found(30, 50, None).await, all);
        seen = found(4_000, 6_000, None).await;
        seen.sort_unstable();
        let mut whole = all.to_vec();
        // An exercise is nobody's fault.
        whole.push((alone.to_string(), alone.to_string()));
        whole.sort_unstable();
        assert_eq!(seen, whole);
        assert_eq!(found(60, 4_000, None).await, []);
        assert_eq!(found(0, 6_000, Some("globex")).await, []);
        store.close().await;
    }

    async fn each_customer_of_an_incident_is_waited_for_alone(db: Database) {
        let (store, _journal, _) = db.open().await;
        let one = incident(&store, 0, |_| {}).await;
        let (acme, globex) = (clock_id(one.id, "acme"), clock_id(one.id, "globex"));
        let wait = async |second: i64, whose: &str, waits: bool| {
            let waiting = vec![(whose.to_owned(), waits)];
            let decide = |_: &Incident, _: &[ClockRow], _: &[(String, Pause)]| WatchedIncident {
                waiting: waiting.clone(),
                ..WatchedIncident::default()
            };
            store.watch_incident(one.id, at(second), decide).await.unwrap().unwrap();
        };
        wait(10, &acme, true).await;
        wait(20, &globex, true).await;
        wait(30, &acme, false).await;
        wait(40, &acme, true).await;
        let (_, pauses) = store.incident_clocks(one.id).await.unwrap();
        let pause = |whose: &str, from: i64, to: Option<i64>| (whose.to_owned(), Pause { from: at(from), to: to.map(at) });
        assert_eq!(pauses, [pause(&acme, 10, Some(30)), pause(&acme, 40, None), pause(&globex, 20, None)]);
        let (_, none) = store.incident_clocks(IncidentId(Uuid::now_v7())).await.unwrap();
        assert_eq!(none, []);
        store.close().await;
    }
}
