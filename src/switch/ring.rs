//! Without the database: starts calls to people about alerts of calls that nobody has. Which are due is the
//! board's word, how a ring goes is the call machine's. With the database the escalation does it (`escalate`), never both:
//! the rounds rung here are facts in the journal and move the escalation on when they are drained, and an alert about which
//! people are being rung is left alone by it.

use hotline_core::call::{AlertRing, Call};
use hotline_core::fact::{Entry, Fact};
use hotline_core::ids::{CallId, ScheduleId};

use super::{Switch, guarded, task};
use crate::clock::now;
use crate::store::OpenAlert;

/// The database is waited for so long before people are rung without it.
const PATIENCE: std::time::Duration = std::time::Duration::from_secs(5);

impl Switch {
    /// Rings people about what is due, if the database can't be used. At most one ring at a time for each schedule, so that a
    /// night with many alerts is one call after the other and not ten at once to the same person.
    pub fn ring_due(&self) {
        if self.health_draining() || !self.database_is_away() {
            return;
        }
        guarded("looking for people to ring", || self.make_up_for_unreached());
        let due = self.0.board.lock().due(self.0.ring_again, now().wall);
        let mut busy = self.schedules_being_rung();
        for alert in due {
            guarded("ringing about an alert", || self.ring_unless_busy(&alert, &mut busy));
        }
    }

    /// The database can't be written or asked, and not only for a moment.
    fn database_is_away(&self) -> bool {
        let fault = self.0.journal.health().database_fault.is_some() || self.escalation_failed();
        let mut since = self.0.away_since.lock();
        if !fault {
            *since = None;
            return false;
        }
        let moment = now().mono;
        moment.duration_since(*since.get_or_insert(moment)) >= PATIENCE
    }

    fn ring_unless_busy(&self, alert: &OpenAlert, busy: &mut Vec<ScheduleId>) {
        let directory = self.directory();
        let schedule = directory.numbers.get(&alert.number).and_then(|number| number.schedule.clone());
        let Some(schedule) = schedule else { return self.say_nobody_to_ring(alert) };
        if busy.contains(&schedule) {
            return;
        }
        if !self.reaches_anybody(&schedule) {
            self.0.unreached.lock().insert(alert.id);
        }
        busy.push(schedule);
        self.ring(alert);
    }

    /// A round that found no phone is made up for as soon as there is one, not minutes later: after a restart the
    /// phones register again one by one, when the alerts have long been rung about.
    fn make_up_for_unreached(&self) {
        let unreached = self.0.unreached.lock().clone();
        for id in unreached {
            let alert = self.open_alert(id).filter(|alert| !alert.acknowledged);
            let directory = self.directory();
            let number = alert.as_ref().and_then(|alert| directory.numbers.get(&alert.number));
            let reached = number.and_then(|number| number.schedule.as_ref()).map(|id| self.reaches_anybody(id));
            if reached == Some(false) {
                continue;
            }
            self.0.unreached.lock().remove(&id);
            if let (Some(alert), Some(true)) = (alert, reached) {
                let at = now().wall;
                self.keep(Entry {
                    at,
                    call: None,
                    alert: Some(id),
                    fact: Fact::AlertRings { round: alert.rings, next_at: at },
                    why: "the last round found no phone; now there is one".to_owned(),
                });
            }
        }
    }

    fn reaches_anybody(&self, schedule: &ScheduleId) -> bool {
        let directory = self.directory();
        let Some(schedule) = directory.schedules.get(schedule) else { return false };
        let on_call = hotline_core::oncall::on_call(schedule, &directory, now().wall);
        let reachable = self.reachable();
        on_call.people.iter().any(|person| person.phones.iter().any(&reachable))
    }

    fn health_draining(&self) -> bool {
        self.0.draining.load(std::sync::atomic::Ordering::Relaxed)
    }

    fn schedules_being_rung(&self) -> Vec<ScheduleId> {
        let directory = self.directory();
        self.calls()
            .iter()
            .filter(|view| view.direction == hotline_core::fact::Direction::AlertRing)
            .filter_map(|view| directory.numbers.get(&view.number)?.schedule.clone())
            .collect()
    }

    fn ring(&self, alert: &OpenAlert) {
        let moment = now();
        let round = alert.rings + 1;
        let call_id = CallId(self.0.ids.lock().uuid(moment.wall));
        self.keep(Entry {
            at: moment.wall,
            call: None,
            alert: Some(alert.id),
            fact: Fact::AlertRings { round, next_at: hotline_core::alert::next_ring(moment.wall, self.0.ring_again) },
            why: "nobody has acknowledged this alert".to_owned(),
        });
        let call = Call::alert_ring(
            AlertRing {
                call: call_id,
                alert: alert.id,
                reference: alert.reference.clone(),
                number: alert.number.clone(),
                caller: alert.caller.clone(),
                customer: alert.customer.clone(),
                language: alert.language.clone(),
                recordings: alert.recordings.clone(),
                round,
                directory: self.directory(),
                seed: rand::random(),
            },
            moment,
        );
        task::spawn(self, call, None);
    }

    /// A number without a schedule can't ring anybody: the alert says so once a round.
    fn say_nobody_to_ring(&self, alert: &OpenAlert) {
        let at = now().wall;
        self.keep(Entry {
            at,
            call: None,
            alert: Some(alert.id),
            fact: Fact::AlertRings {
                round: alert.rings + 1,
                next_at: hotline_core::alert::next_ring(at, self.0.ring_again),
            },
            why: format!("number {} has no schedule, so nobody can be rung; give it one", alert.number),
        });
        tracing::error!(alert = %alert.id, number = %alert.number, "an alert has nobody to ring: its number has no schedule");
    }
}
