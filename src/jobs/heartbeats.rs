//! Monitors that must ping: what they said is kept, silence opens an alert, the next ping ends it.
//!
//! Exactly one alert, however many nodes look: a node leases the monitor's row before it raises, and the alert's key is the
//! monitor's name. A node that was down or without database could not hear pings: it counts silence from when it could.

use std::time::Duration;

use hotline_core::alert::intake::{Action, Event};
use hotline_core::directory::Heartbeat;
use hotline_core::ids::HeartbeatId;
use hotline_core::private::Private;
use jiff::{SignedDuration, Timestamp};
use tokio_util::sync::CancellationToken;

use crate::clock::now;
use crate::store::Store;
use crate::store::intake::HeartbeatRow;
use crate::switch::Switch;
use crate::switch::events::{Origin, Outcome};

/// How late a ping is kept, and silence is seen.
const TICK: Duration = Duration::from_secs(1);
/// Longer between two looks: we were stopped, asleep or without database, and heard nothing.
const GAP: Duration = Duration::from_secs(15);
/// A node that raises an alert has so long for it.
const LEASE: SignedDuration = SignedDuration::from_secs(8);

/// Since when this node hears pings without a gap.
#[derive(Debug, Clone, Copy)]
struct Hearing {
    since: Timestamp,
    last: Timestamp,
}

impl Hearing {
    const fn new(now: Timestamp) -> Self {
        Self { since: now, last: now }
    }

    /// A look that reached the database. After a gap it counts anew.
    fn look(&mut self, now: Timestamp) {
        if now.duration_since(self.last) > SignedDuration::try_from(GAP).unwrap_or(SignedDuration::MAX)
            || now < self.last
        {
            self.since = now;
        }
        self.last = now;
    }
}

/// Until stopped.
pub async fn run(switch: Switch, store: Store, stop: CancellationToken) {
    let mut hearing = Hearing::new(now().wall);
    let mut tick = tokio::time::interval(TICK);
    tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            () = stop.cancelled() => {
                keep_pings(&switch, &store).await;
                return;
            }
            _ = tick.tick() => {}
        }
        look(&switch, &store, &mut hearing).await;
    }
}

/// One look at all monitors.
async fn look(switch: &Switch, store: &Store, hearing: &mut Hearing) {
    if !keep_pings(switch, store).await {
        return;
    }
    let directory = switch.directory();
    if directory.heartbeats.is_empty() {
        return hearing.look(now().wall);
    }
    let Ok(rows) = store.heartbeats().await else { return };
    let at = now().wall;
    hearing.look(at);
    for row in rows {
        let Some(heartbeat) = directory.heartbeats.get(&HeartbeatId::from(row.id.as_str())) else { continue };
        let wanted = if is_silent(&row, heartbeat, *hearing, at) {
            "overdue"
        } else if heard(&row, at, heartbeat) {
            "healthy"
        } else {
            continue;
        };
        if row.state != wanted {
            turn(switch, store, &row, heartbeat, wanted, at).await;
        }
    }
}

/// False: the database is away; the pings wait here.
async fn keep_pings(switch: &Switch, store: &Store) -> bool {
    let mut kept = true;
    for (heartbeat, at) in switch.take_pings() {
        if !kept || store.keep_ping(&heartbeat, at).await.is_err() {
            switch.ping(&heartbeat, at);
            kept = false;
        }
    }
    kept
}

fn since(row: &HeartbeatRow) -> Timestamp {
    Timestamp::from_millisecond(row.last_ping).unwrap_or(Timestamp::UNIX_EPOCH)
}

/// Silent for longer than it may be, counted from when this node could have heard it.
fn is_silent(row: &HeartbeatRow, heartbeat: &Heartbeat, hearing: Hearing, at: Timestamp) -> bool {
    let longest = SignedDuration::try_from(heartbeat.every).unwrap_or(SignedDuration::MAX);
    at.duration_since(since(row).max(hearing.since)) > longest
}

/// It pinged in time.
fn heard(row: &HeartbeatRow, at: Timestamp, heartbeat: &Heartbeat) -> bool {
    at.duration_since(since(row)) <= SignedDuration::try_from(heartbeat.every).unwrap_or(SignedDuration::MAX)
}

/// Raises or ends the monitor's alert, then says so in its row: a crash in between does the first again, which joins.
async fn turn(switch: &Switch, store: &Store, row: &HeartbeatRow, heartbeat: &Heartbeat, wanted: &str, at: Timestamp) {
    if !matches!(store.lease_heartbeat(row, at, at + LEASE).await, Ok(true)) {
        return;
    }
    let mut origin = Origin::heartbeat(&heartbeat.id, &switch.directory());
    origin.why = Some(if wanted == "overdue" {
        format!("No ping since {:.0}; one is expected every {}.", since(row), in_words(heartbeat.every))
    } else {
        format!("It pinged again at {:.0}.", since(row))
    });
    match switch.receive_from(origin, vec![event(row, heartbeat, wanted)]).await {
        Ok(Outcome::Kept(_)) => {
            // Not kept: the lease ends, and the same is done again, which joins or finds nothing.
            let _ = store.turn_heartbeat(&row.id, wanted, at).await;
        }
        Ok(Outcome::Queued) | Err(_) => {}
    }
}

fn event(row: &HeartbeatRow, heartbeat: &Heartbeat, wanted: &str) -> Event {
    let overdue = wanted == "overdue";
    Event {
        action: if overdue { Action::Trigger } else { Action::Resolve },
        title: format!("{} is silent", heartbeat.name),
        details: overdue.then(|| {
            Private::new(format!(
                "Last ping {:.0}; one is expected every {}.\nFirst ping {:.0}.",
                since(row),
                in_words(heartbeat.every),
                Timestamp::from_millisecond(row.first_ping).unwrap_or(Timestamp::UNIX_EPOCH)
            ))
        }),
        dedup_key: Some("silent".to_owned()),
        group_key: None,
        priority: Some(heartbeat.priority),
        customer: heartbeat.customer.clone(),
        service: heartbeat.service.clone(),
        began_at: overdue.then(|| since(row)),
        link: None,
    }
}

/// `90 s`, `5 min`, `26 h`.
fn in_words(time: Duration) -> String {
    let seconds = time.as_secs();
    match seconds {
        s if s >= 7_200 && s % 3_600 == 0 => format!("{} h", s / 3_600),
        s if s >= 120 && s % 60 == 0 => format!("{} min", s / 60),
        s => format!("{s} s"),
    }
}

#[cfg(test)]
mod tests {
    use hotline_core::fact::Priority;

    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_second(1_790_000_000 + seconds).unwrap()
    }

    fn row(last: i64) -> HeartbeatRow {
        let ms = at(last).as_millisecond();
        HeartbeatRow { id: "backup".into(), first_ping: ms, last_ping: ms, state: "healthy".into(), changed_at: ms }
    }

    fn heartbeat() -> Heartbeat {
        Heartbeat {
            id: "backup".into(),
            name: "Backup of Acme".to_owned(),
            key_sha256: [1; 32],
            every: Duration::from_mins(5),
            customer: None,
            service: None,
            policy: None,
            priority: Priority::P2,
        }
    }

    #[test]
    fn silence_counts_from_when_it_could_be_heard() {
        let (heartbeat, mut hearing) = (heartbeat(), Hearing::new(at(0)));
        assert!(!is_silent(&row(-3_600), &heartbeat, hearing, at(1)), "a restart raises nothing at once");
        for second in (1..=300).step_by(5) {
            hearing.look(at(second));
        }
        assert!(!is_silent(&row(-3_600), &heartbeat, hearing, at(300)));
        assert!(is_silent(&row(-3_600), &heartbeat, hearing, at(301)), "and then it does");
        assert!(
            !is_silent(&row(100), &heartbeat, hearing, at(400)) && is_silent(&row(100), &heartbeat, hearing, at(401))
        );
    }

    #[test]
    fn a_pause_of_the_database_raises_nothing() {
        let (heartbeat, mut hearing) = (heartbeat(), Hearing::new(at(0)));
        hearing.look(at(10));
        // Ten minutes without a look.
        hearing.look(at(610));
        assert!(!is_silent(&row(5), &heartbeat, hearing, at(611)));
        assert!(is_silent(&row(5), &heartbeat, hearing, at(911)));
    }

    #[test]
    fn what_is_expected_is_said_in_words() {
        let words = |seconds| in_words(Duration::from_secs(seconds));
        assert_eq!([words(25), words(90), words(300), words(93_600)], ["25 s", "90 s", "5 min", "26 h"]);
    }
}
