//! The caller's "since when?": understood, it is the alert's beginning and its incident's, once; else nobody knows.

use hotline_core::fact::{Question, RecordingKind};
use hotline_core::ids::{IncidentId, RecordingId};
use hotline_core::incident::{Began, By, Kind, Opening, Origin};
use jiff::{SignedDuration, Timestamp};
use uuid::Uuid;

use super::*;
use crate::store::TranscriptJob;

impl World {
    /// Somebody answered this to that question, just now.
    async fn hears(&self, alert: AlertId, question: Question, text: &str, said_at: Timestamp) {
        let job = TranscriptJob {
            recording: RecordingId(Uuid::now_v7()),
            call: CallId(Uuid::now_v7()),
            kind: RecordingKind::Answer(question),
            started_at: said_at,
            number: "hotline".into(),
            alert: Some(alert),
            language: Language("en".to_owned()),
            customer: None,
        };
        self.switch.heard_since(&job, text, &Language("en".to_owned())).await.unwrap();
    }

    async fn beginnings(&self, alert: AlertId) -> Vec<String> {
        let rows = self.timeline(alert).await;
        rows.into_iter().filter(|row| row.kind == "alert-began").map(|row| row.what).collect()
    }
}

#[tokio::test]
async fn what_the_caller_says_is_the_beginning_of_alert_and_incident() {
    let world = World::new().await;
    let alert = world.alert("mail").await;
    let seen = world.switch.alert_seen(alert).await.unwrap();
    let opening = Opening { alerts: vec![seen], ..Opening::new(IncidentId(Uuid::now_v7()), Kind::Fault) };
    let incident = world.switch.open_incident(opening, By::SYSTEM).await.unwrap();
    let said_at = now().wall;

    // In doubt, or in answer to another question: nobody knows.
    world.hears(alert, Question::When, "Maybe for twenty minutes.", said_at).await;
    world.hears(alert, Question::What, "For twenty minutes.", said_at).await;
    // Nobody knows in which zone this is meant.
    world.hears(alert, Question::When, "Since yesterday.", said_at).await;
    assert_eq!(world.beginnings(alert).await, Vec::<String>::new());

    world.hears(alert, Question::When, "Uh, for twenty minutes.", said_at).await;
    // The job comes again after a crash; a second caller says something else.
    world.hears(alert, Question::When, "Uh, for twenty minutes.", said_at).await;
    world.hears(alert, Question::When, "For an hour.", said_at).await;
    let at = said_at - SignedDuration::from_mins(20);
    let began = Some(Began { at, origin: Origin::Caller });
    let told = world.beginnings(alert).await;
    assert!(told.len() == 1 && told[0].ends_with("(from: caller)."), "{told:?}");
    let row = world.store.alert(&alert.to_string()).await.unwrap().unwrap();
    assert_eq!((row.began_at, row.began_origin.as_deref()), (Some(at.as_millisecond()), Some("caller")));
    let kept = world.store.incident(incident.id).await.unwrap().unwrap().began.unwrap();
    assert_eq!((kept.at.as_millisecond(), kept.origin), (at.as_millisecond(), Origin::Caller));

    // An incident that is opened from the alert afterwards has it from there, with its origin.
    let seen = world.switch.alert_seen(alert).await.unwrap();
    assert_eq!(seen.began.as_ref().map(|began| began.origin), began.map(|began| began.origin));
    let opening = Opening { alerts: vec![seen], ..Opening::new(IncidentId(Uuid::now_v7()), Kind::Fault) };
    let other = world.switch.open_incident(opening, By::SYSTEM).await.unwrap();
    assert_eq!(other.began.map(|began| began.origin), Some(Origin::Caller));

    // A person knows better.
    let better = Command::Began(Began { at: said_at - SignedDuration::from_mins(30), origin: Origin::Person });
    world.switch.command(alert, better, by("ben")).await.unwrap();
    assert_eq!(world.beginnings(alert).await.len(), 2);
    world.close().await;
}
