//! The escalations that are due: looked at many in one transaction, each decided by the core for itself.
//!
//! Intake and escalation share the database's one writer (of an embedded one): a commit for each new alert would leave the next
//! events waiting for their turn.

mod unheard;

use std::collections::{BTreeSet, HashMap, HashSet};
use std::time::Duration;

use hotline_core::alert::command::Facts;
use hotline_core::alert::{Alert, Change as AlertChange, Status, Urgency};
use hotline_core::directory::Directory;
use hotline_core::escalation::{advance, settle};
use hotline_core::fact::{Actor, Direction, Fact};
use hotline_core::ids::AlertId;
use jiff::Timestamp;
use parking_lot::Mutex;

use super::Switch;
use super::commands::{audited, verdict};
use super::reach::Reaches;
use crate::clock::now;
use crate::store::StoreError;
use crate::store::alerts::Verdict;
use unheard::Unheard;

/// Alerts of one transaction. Those nobody was told about come first in each, so that many old ones hold up a new one, or
/// the next events, for no longer than one takes.
const BATCH: u32 = 32;
/// Batches in one look; then the job comes up for air.
const BATCHES: usize = 128;
/// Somebody looks so often, whatever was said.
const LOOK_AGAIN: Duration = Duration::from_secs(2);
/// What the journal knows and the database does not is there within a moment.
const BEHIND: Duration = Duration::from_millis(100);
/// An alert that could not be looked at, or is looked after otherwise now, comes again after so long.
const PUT_OFF: Duration = Duration::from_secs(1);
/// One over which we stumble.
const STUMBLED: Duration = Duration::from_secs(30);

/// What the job remembers between two looks.
#[derive(Debug, Default)]
pub(super) struct Escalating {
    /// Alerts that are not looked at again before then.
    put_off: HashMap<AlertId, Timestamp>,
    /// Loud alerts whose last step reached nobody.
    unreached: BTreeSet<AlertId>,
    /// Phones and trunks that could be reached at the last look.
    lines: HashSet<String>,
    /// Alerts that are looked at each by itself: over one of them the whole batch could not be kept.
    apart: HashSet<AlertId>,
    /// Who was not reached, to be told in the log.
    unheard: Unheard,
    /// The database could not be asked.
    failed: bool,
}

/// Why an alert was not looked at.
#[derive(Debug, Clone, Copy)]
enum Not {
    /// Something else is being done about it, or is about to be known.
    Now,
    /// A fault of ours.
    Fault,
}

impl Switch {
    /// Does every step that is due, many alerts in one transaction, each decided by `hotline_core::escalation::advance`. Returns when to
    /// look again at the latest. Safe to be called by several nodes at once.
    pub async fn escalate_due(&self) -> Option<Timestamp> {
        let latest = later(now().wall, LOOK_AGAIN);
        self.0.escalating.lock().unheard.sum_up(now().wall);
        self.try_unreached_again().await;
        for _ in 0..BATCHES {
            match self.escalate_batch().await {
                Some(0) => break,
                Some(_) => {}
                None => return Some(latest),
            }
        }
        let behind = self.0.journal.health().undrained > 0;
        let Ok(next) = self.0.store.next_escalation().await else { return Some(latest) };
        let held = self.0.escalating.lock().put_off.values().min().copied();
        let soon = behind.then(|| later(now().wall, BEHIND));
        // What is put off is due all the time; it must not keep anybody busy.
        let next = next.map(|at| at.max(later(now().wall, BEHIND)));
        [next, held, soon, Some(latest)].into_iter().flatten().min()
    }

    /// Looks at one batch of what is due; says how many. `None`: the database can't be asked.
    pub(super) async fn escalate_batch(&self) -> Option<usize> {
        let at = now().wall;
        let put_off: Vec<AlertId> = {
            let mut escalating = self.0.escalating.lock();
            escalating.put_off.retain(|_, until| *until > at);
            escalating.put_off.keys().copied().collect()
        };
        let limit = BATCH.saturating_add(u32::try_from(put_off.len()).unwrap_or(u32::MAX / 2));
        let due = self.0.store.due_escalations(at, limit).await;
        self.0.escalating.lock().failed = due.is_err();
        let due = match due {
            Ok(due) => due,
            Err(error) => {
                tracing::debug!(%error, "escalations can't be asked for");
                return None;
            }
        };
        let (directory, reach) = (self.directory(), self.reaches());
        let (mut together, mut apart) = (Vec::new(), Vec::new());
        {
            let rung = self.rung_alerts();
            let mut escalating = self.0.escalating.lock();
            for id in due {
                if put_off.contains(&id) {
                    continue;
                }
                if rung.contains(&id) {
                    escalating.put_off.insert(id, later(at, PUT_OFF));
                } else if escalating.apart.remove(&id) {
                    apart.push(id);
                } else {
                    together.push(id);
                }
            }
        }
        let mut looked = self.escalate(&together, &directory, &reach).await;
        for id in apart {
            looked += self.escalate(&[id], &directory, &reach).await;
        }
        Some(looked)
    }

    /// Decided and kept in one transaction, then told. How many were looked at: one that an event's batch is at is as due as
    /// before.
    async fn escalate(&self, ids: &[AlertId], directory: &Directory, reach: &Reaches) -> usize {
        let at = now().wall;
        let told: Mutex<HashMap<AlertId, Facts>> = Mutex::default();
        let decide = |alert: &Alert| -> Result<Verdict, Not> {
            if alert.status == Status::Triggered && self.is_taken_meanwhile(alert.id) {
                return Err(Not::Now);
            }
            let asked = || advance(alert, directory, &|contact| reach.reaches(contact), self.0.ring_again, at);
            let said = super::guarded("looking at an escalation", asked).ok_or(Not::Fault)?;
            if said.facts.is_empty() && said.notify.is_empty() && said.progress == alert.progress {
                return Ok(Verdict::default());
            }
            told.lock().insert(alert.id, said.facts.clone());
            let audit = said.facts.iter().map(|(fact, why)| audited(alert.id, fact, why, &Actor::System)).collect();
            Ok(Verdict { facts: said.facts, progress: Some(said.progress), notify: said.notify, cancel: false, audit })
        };
        let changed = match self.0.store.change_alerts(ids, at, decide).await {
            Ok(changed) => changed,
            Err(error) => {
                tracing::debug!(alerts = ids.len(), %error, "escalations can't be kept now; they come again");
                let mut escalating = self.0.escalating.lock();
                if ids.len() > 1 && matches!(error, StoreError::Database(_)) {
                    escalating.apart.extend(ids);
                }
                escalating.put_off.extend(ids.iter().map(|id| (*id, later(at, PUT_OFF))));
                return ids.len();
            }
        };
        let looked = changed.len();
        let mut told = told.into_inner();
        for (id, changed) in changed {
            match changed {
                Ok(alert) => {
                    let facts = told.remove(&id).unwrap_or_default();
                    self.remember_unreached(&alert, &facts);
                    self.tell_deeds_of_rules(&alert, &facts, at);
                }
                Err(Not::Now) => self.put_off(id, PUT_OFF),
                Err(Not::Fault) => self.put_off(id, STUMBLED),
            }
        }
        looked
    }

    fn put_off(&self, id: AlertId, by: Duration) {
        self.0.escalating.lock().put_off.insert(id, later(now().wall, by));
    }

    /// People are being rung about these by calls of the board's, begun while the database was away.
    fn rung_alerts(&self) -> HashSet<AlertId> {
        let calls = self.0.calls.lock();
        let ring = calls.values().filter(|call| call.view.direction == Direction::AlertRing);
        ring.filter_map(|call| call.view.alert).collect()
    }

    /// Somebody took it on the telephone a moment ago; the journal has it and the database will.
    fn is_taken_meanwhile(&self, id: AlertId) -> bool {
        self.0.journal.health().undrained > 0 && self.0.board.lock().alert(id).is_some_and(|open| open.acknowledged)
    }

    fn tell_deeds_of_rules(&self, alert: &Alert, facts: &Facts, at: Timestamp) {
        for (fact, why) in facts {
            if let Fact::Alert(AlertChange::NobodyReached { .. } | AlertChange::Exhausted) = fact {
                self.0.escalating.lock().unheard.tell(alert, fact, why, at);
            }
        }
        self.tell_deeds(alert, facts, at);
    }

    fn remember_unreached(&self, alert: &Alert, facts: &Facts) {
        let reached = facts.iter().any(|(fact, _)| matches!(fact, Fact::Alert(AlertChange::Stepped { .. })));
        let missed = facts
            .iter()
            .any(|(fact, _)| matches!(fact, Fact::Alert(AlertChange::NobodyReached { .. } | AlertChange::Exhausted)));
        let mut escalating = self.0.escalating.lock();
        if reached || !alert.is_wanted() {
            escalating.unreached.remove(&alert.id);
        } else if missed && alert.urgency == Urgency::High {
            escalating.unreached.insert(alert.id);
        }
    }

    /// A step that reached nobody is made up for as soon as there is a phone or trunk again, not minutes later: after a restart
    /// the phones register one by one, when the alerts have long been looked at.
    async fn try_unreached_again(&self) {
        let lines = self.reaches().lines();
        let again: Vec<AlertId> = {
            let mut escalating = self.0.escalating.lock();
            let more = lines.iter().any(|line| !escalating.lines.contains(line));
            escalating.lines = lines;
            if more { std::mem::take(&mut escalating.unreached).into_iter().collect() } else { Vec::new() }
        };
        for id in again {
            let at = now().wall;
            let (directory, reach) = (self.directory(), self.reaches());
            let told: Mutex<Facts> = Mutex::default();
            let decide = |alert: &Alert| -> Result<Verdict, std::convert::Infallible> {
                if !alert.is_wanted() {
                    return Ok(Verdict::default());
                }
                let again = Fact::Alert(AlertChange::EscalateNow { by: Actor::System });
                let why = "the last step reached nobody; now a phone or trunk is there again".to_owned();
                let said = settle(alert, vec![(again, why)], &directory, &|contact| reach.reaches(contact), at);
                told.lock().clone_from(&said.facts);
                Ok(verdict(said, id, &Actor::System))
            };
            if let Ok(Some(Ok(alert))) = self.0.store.change_alert(id, at, decide).await {
                self.tell_deeds(&alert, &told.into_inner(), at);
            } else {
                self.0.escalating.lock().unreached.insert(id);
            }
        }
    }

    /// The last look at the escalations failed.
    pub(super) fn escalation_failed(&self) -> bool {
        self.0.escalating.lock().failed
    }
}

fn later(at: Timestamp, by: Duration) -> Timestamp {
    at.checked_add(by).unwrap_or(Timestamp::MAX)
}
