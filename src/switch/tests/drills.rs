//! A drill through the real escalation: people are told, nobody else is touched, and it is known who reacted.

use jiff::SignedDuration;
use tokio_util::sync::CancellationToken;

use super::*;
use crate::store::drills::DrillRow;
use crate::switch::drills::held;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn people_are_told_as_in_earnest_and_it_is_known_who_reacted() {
    let world = World::new().await;
    let (stop, switch) = (CancellationToken::new(), world.switch.clone());
    let until = stop.clone();
    let task = tokio::spawn(async move { switch.keep_events(&until).await });
    let due = now().wall.as_millisecond() - 60_000;
    let row = DrillRow {
        id: uuid::Uuid::now_v7().to_string(),
        title: "Mail store stuck".to_owned(),
        text: "As on 3 November.".to_owned(),
        replays: "nothing".to_owned(),
        language: "de".to_owned(),
        policy: Some("usual".to_owned()),
        next_at: Some(due),
        every: "week".to_owned(),
        zone: "UTC".to_owned(),
        created_at: due,
        created_by: "login ann".to_owned(),
    };
    world.store.add_drill(&row).await.unwrap();
    // Two nodes look at the same time.
    let (one, other) = tokio::join!(world.switch.begin_due_drills(), world.switch.begin_due_drills());
    assert!(one.is_ok() && other.is_ok(), "{one:?} {other:?}");
    let runs = world.store.drill_runs(Some(&row.id)).await.unwrap();
    assert_eq!(runs.len(), 1);
    let next = world.store.drill(&row.id).await.unwrap().unwrap().next_at;
    assert_eq!(next, Some(due + SignedDuration::from_hours(7 * 24).as_millis() as i64));
    let alert: AlertId = runs[0].alert.as_ref().unwrap().parse().unwrap();
    let state = world.state(alert).await;
    assert_eq!((state.title.as_str(), state.customer, state.service), ("ÜBUNG: Mail store stuck", None, None));
    assert_eq!((state.source, state.priority), (Some("drill".into()), Priority::P1));
    world.switch.escalate_due().await;
    assert_eq!(world.notifications(alert).await, [(Some("ada".to_owned()), "waiting".to_owned())]);
    world.switch.command(alert, Command::Acknowledge, by("ben")).await.unwrap();
    let held = held(&world.store, &world.switch.directory(), &runs[0]).await.unwrap();
    let there = hotline_core::drill::attendance(&held);
    assert_eq!(there.len(), 1, "{there:?}");
    assert!(there[0].user.0 == "ben" && there[0].took && there[0].reacted.is_some(), "{there:?}");
    stop.cancel();
    task.await.unwrap();
    world.close().await;
}
