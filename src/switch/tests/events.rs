//! Events through the task that keeps them, with a real database, and without.

use hotline_core::directory::Heartbeat;
use hotline_core::ids::SourceId;
use tokio_util::sync::CancellationToken;

use super::*;
use crate::switch::events::{IntakeError, Origin, Outcome};

fn event(action: Action, key: &str) -> Event {
    Event {
        action,
        title: format!("{key} is down"),
        details: None,
        dedup_key: Some(key.to_owned()),
        group_key: None,
        priority: None,
        customer: None,
        service: None,
        began_at: None,
        link: None,
    }
}

/// The world with its task.
struct Keeping {
    world: World,
    stop: CancellationToken,
    task: tokio::task::JoinHandle<()>,
}

impl Keeping {
    async fn new() -> Self {
        let world = World::new().await;
        let (stop, switch) = (CancellationToken::new(), world.switch.clone());
        let until = stop.clone();
        let task = tokio::spawn(async move { switch.keep_events(&until).await });
        Self { world, stop, task }
    }

    async fn send(&self, action: Action, keys: &[&str]) -> Result<Outcome, IntakeError> {
        let events = keys.iter().map(|key| event(action, key)).collect();
        self.world.switch.receive_events(&SourceId::from("monitor"), events).await
    }

    async fn until_drained(&self) {
        let drained = async {
            while self.world.switch.0.events.waiting_on_disk() > 0 {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        tokio::time::timeout(Duration::from_mins(1), drained).await.unwrap();
    }

    async fn statuses(&self) -> Vec<(String, String)> {
        let page = self.world.store.alerts(&crate::store::read::AlertFilter::default(), None, 200).await.unwrap();
        let mut all: Vec<_> = page.items.into_iter().map(|row| (row.dedup_key.unwrap(), row.status)).collect();
        all.sort();
        all
    }
}

fn opened(outcome: &Outcome) -> Vec<bool> {
    match outcome {
        Outcome::Kept(taken) => taken.iter().map(|one| one.opened).collect(),
        Outcome::Queued => panic!("the database is there"),
    }
}

#[tokio::test]
async fn events_are_kept_and_answered_each_in_its_place() {
    let keeping = Keeping::new().await;
    let first = keeping.send(Action::Trigger, &["a", "b", "a"]).await.unwrap();
    assert_eq!(opened(&first), [true, true, false]);
    let over = keeping.send(Action::Resolve, &["b", "none"]).await.unwrap();
    let Outcome::Kept(taken) = over else { panic!("{over:?}") };
    assert!(taken[0].alert.is_some() && taken[1].alert.is_none());
    assert_eq!(keeping.statuses().await, [("a".into(), "triggered".into()), ("b".into(), "resolved".into())]);
    let unknown = keeping.world.switch.receive_events(&"nobody".into(), vec![event(Action::Trigger, "x")]).await;
    assert_eq!(unknown, Err(IntakeError::UnknownSource));
    keeping.stop.cancel();
    keeping.task.await.unwrap();
    let late = keeping.world.switch.receive_events(&"monitor".into(), vec![event(Action::Trigger, "x")]).await;
    assert!(matches!(late, Err(IntakeError::NotKept(_))), "{late:?}");
}

#[tokio::test]
async fn many_senders_share_transactions_and_get_their_own_answers() {
    let keeping = Keeping::new().await;
    let senders = (0..400).map(|number| {
        let switch = keeping.world.switch.clone();
        // Two senders a fault.
        let key = format!("key-{}", number / 2);
        async move { switch.receive_events(&"monitor".into(), vec![event(Action::Trigger, &key)]).await.unwrap() }
    });
    let outcomes = futures::future::join_all(senders).await;
    assert_eq!(outcomes.iter().flat_map(opened).filter(|opened| *opened).count(), 200);
    let filter = crate::store::read::AlertFilter::default();
    let page = keeping.world.store.alerts(&filter, None, 200).await.unwrap();
    assert!(page.next_cursor.is_none() && page.items.iter().all(|row| row.events == 2), "{}", page.items.len());
}

#[tokio::test]
async fn without_the_database_events_wait_on_disk_and_follow_in_order() {
    let keeping = Keeping::new().await;
    keeping.send(Action::Trigger, &["before"]).await.unwrap();
    let lock = keeping.world.lock_database().await;
    for (action, key) in [
        (Action::Trigger, "short"),
        (Action::Resolve, "short"),
        (Action::Resolve, "before"),
        (Action::Trigger, "long"),
        (Action::Trigger, "long"),
    ] {
        assert_eq!(keeping.send(action, &[key]).await, Ok(Outcome::Queued));
    }
    assert_eq!(keeping.world.switch.0.events.waiting_on_disk(), 5);
    assert!(keeping.world.switch.health().warnings.iter().any(|warning| warning.starts_with("5 events")));
    drop(lock);
    keeping.until_drained().await;
    let all = [("before", "resolved"), ("long", "triggered"), ("short", "resolved")];
    assert_eq!(keeping.statuses().await, all.map(|(key, status)| (key.to_owned(), status.to_owned())));
    let after = keeping.send(Action::Trigger, &["after"]).await.unwrap();
    assert_eq!(opened(&after), [true]);
}

#[tokio::test]
async fn what_neither_database_nor_disk_takes_is_refused() {
    let keeping = Keeping::new().await;
    std::fs::write(keeping.world.folder.path().join("spool"), b"in the way").unwrap();
    let _lock = keeping.world.lock_database().await;
    let refused = keeping.send(Action::Trigger, &["a"]).await;
    assert!(matches!(refused, Err(IntakeError::NotKept(_))), "{refused:?}");
}

#[tokio::test]
async fn more_than_can_wait_is_sent_away() {
    let world = World::new().await;
    let mut waiting = Vec::new();
    // Nobody keeps them.
    for _ in 0..20 {
        let (switch, events) = (world.switch.clone(), vec![event(Action::Trigger, "a"); 1_000]);
        waiting.push(tokio::spawn(async move { switch.receive_events(&"monitor".into(), events).await }));
        tokio::task::yield_now().await;
    }
    let refused = world.switch.receive_events(&"monitor".into(), vec![event(Action::Trigger, "a")]).await;
    assert_eq!(refused, Err(IntakeError::Full));
    for sender in waiting {
        sender.abort();
    }
}

#[tokio::test]
async fn alerts_by_hand_say_who_opened_them() {
    let keeping = Keeping::new().await;
    let mut origin = Origin::made("by-hand", "By hand");
    origin.source.policy = Some("usual".into());
    origin.why = Some("Opened by login ann.".to_owned());
    let kept = keeping.world.switch.receive_from(origin, vec![event(Action::Trigger, "x")]).await.unwrap();
    let Outcome::Kept(taken) = kept else { panic!("{kept:?}") };
    let alert = taken[0].alert.unwrap();
    assert!(keeping.world.timeline(alert).await.iter().any(|row| row.why.starts_with("Opened by login ann.")));
    assert_eq!(keeping.world.state(alert).await.policy, Some(PolicyId::from("usual")));
}

#[tokio::test]
async fn a_silent_monitor_opens_one_alert_and_its_ping_ends_it() {
    let keeping = Keeping::new().await;
    let mut directory = directory();
    let heartbeat = Heartbeat {
        id: "backup".into(),
        name: "Backup".to_owned(),
        key_sha256: [1; 32],
        every: Duration::from_secs(1),
        customer: None,
        service: None,
        policy: None,
        priority: Priority::P2,
    };
    directory.heartbeats.insert(heartbeat.id.clone(), heartbeat);
    let world = &keeping.world;
    world.switch.0.directory.store(Arc::new(directory));
    // Two nodes look.
    for _ in 0..2 {
        let (switch, store, stop) = (world.switch.clone(), world.store.clone(), keeping.stop.clone());
        tokio::spawn(crate::jobs::heartbeats::run(switch, store, stop));
    }
    let seen = async |wanted: &[&str]| {
        let so = async {
            while keeping.statuses().await.iter().map(|(_, status)| status.as_str()).collect::<Vec<_>>() != wanted {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        tokio::time::timeout(Duration::from_mins(1), so).await.expect("seen in time");
    };
    tokio::time::sleep(Duration::from_millis(1_500)).await;
    seen(&[]).await;
    world.switch.ping(&"backup".into(), now().wall);
    seen(&["triggered"]).await;
    let row = &world.store.alerts(&crate::store::read::AlertFilter::default(), None, 9).await.unwrap().items[0];
    assert_eq!((row.source.as_deref(), row.priority.as_str(), row.events), (Some("heartbeat:backup"), "P2", 1));
    world.switch.ping(&"backup".into(), now().wall);
    seen(&["resolved"]).await;
}
