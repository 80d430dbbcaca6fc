//! Without the database people are rung by the number's schedule; with it by the escalation; never both.

use super::*;

/// Ada is on call for the number, on a telephone that nobody answers.
const ON_CALL: &str = r#"
[[users]]
id = "ada"
phones = ["sip:ada@127.0.0.1:9"]

[[schedules]]
id = "week"
members = ["ada"]
start = "2026-03-02T08:00"
time_zone = "UTC"

[[numbers]]
number = "hotline"
schedule = "week"
"#;

impl World {
    fn rings(&self) -> Vec<Option<AlertId>> {
        let calls = self.switch.calls();
        calls.iter().filter(|view| view.direction == Direction::AlertRing).map(|view| view.alert).collect()
    }

    /// As if the database had been away for so long already.
    fn waited(&self, patience: Duration) {
        *self.switch.0.away_since.lock() = now().mono.checked_sub(patience);
    }

    /// The database is found to be away.
    async fn notice(&self) {
        let noticed = async {
            while self.switch.0.journal.health().database_fault.is_none() {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        tokio::time::timeout(Duration::from_mins(1), noticed).await.expect("a locked database is noticed");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn people_are_rung_without_the_database_and_never_twice() {
    let world = World::new().await;
    let name = std::path::Path::new("hotline.toml");
    let config = crate::config::load_from(ON_CALL, name, &std::collections::BTreeMap::new(), false).unwrap();
    world.switch.reload(config.directory, Vec::new()).unwrap();
    let id = world.call().await;
    let due = || {
        let at = now().wall;
        let fact = Fact::AlertRings { round: 0, next_at: at };
        world.switch.keep(Entry { at, call: None, alert: Some(id), fact, why: "due now".to_owned() })
    };
    due().drained(Duration::from_mins(1)).await.unwrap();
    // The database is there: this is the escalation's work, however long it was away before.
    world.waited(Duration::from_hours(1));
    world.switch.ring_due();
    assert_eq!(world.rings(), []);
    let lock = world.lock_database().await;
    due();
    world.notice().await;
    // For a moment it may always be away.
    world.switch.ring_due();
    assert_eq!(world.rings(), []);
    world.waited(Duration::from_secs(4));
    world.switch.ring_due();
    assert_eq!(world.rings(), [], "not before five seconds");
    world.waited(Duration::from_secs(6));
    world.switch.ring_due();
    assert_eq!(world.rings(), [Some(id)]);
    world.switch.ring_due();
    assert_eq!(world.rings(), [Some(id)], "one call to a person at a time");
    // The database is back while it rings: the escalation leaves the alert alone.
    drop(lock);
    let answers = async {
        loop {
            world.switch.escalate_due().await;
            let health = world.switch.0.journal.health();
            if health.database_fault.is_none() && health.undrained == 0 {
                return;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    tokio::time::timeout(Duration::from_mins(1), answers).await.expect("the database is back");
    world.switch.escalate_due().await;
    assert_eq!(world.rings(), [Some(id)], "it still rings");
    assert_eq!(stepped(&world.kinds(id).await), 0, "never both");
    assert!(world.notifications(id).await.is_empty());
    // Nor does the fallback go on.
    world.switch.ring_due();
    assert_eq!((world.rings(), *world.switch.0.away_since.lock()), (vec![Some(id)], None));
    let rounds = world.kinds(id).await.iter().filter(|kind| *kind == "alert-rings").count();
    assert_eq!(rounds, 3, "the two that made it due, and the one that was rung");
    world.close().await;
}
