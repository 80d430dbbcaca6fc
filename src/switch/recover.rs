//! Ends the calls that a crash cut off, so that each is a record with an outcome
//! and its alert rings at once. (The store has made their recordings whole.)

use hotline_core::fact::{Direction, Entry, Fact, Outcome, Priority};

use super::Switch;
use crate::clock::now;
use crate::store::CutOffCall;

const WHY: &str = "the service stopped in the middle of this call and was started again";

impl Switch {
    pub(super) fn end_cut_off(&self, calls: Vec<CutOffCall>) {
        for call in calls {
            let at = now().wall;
            let keep = |alert, fact| {
                self.keep(Entry { at, call: Some(call.call), alert, fact, why: WHY.to_owned() });
            };
            let inbound = call.direction == Direction::Inbound;
            if inbound && !call.taken {
                match call.alert {
                    // Rings at once: its call is no longer running.
                    Some(alert) => {
                        let rings = self.open_alert(alert).map_or(0, |open| open.rings);
                        keep(Some(alert), Fact::AlertRings { round: rings, next_at: at });
                    }
                    None if !self.is_test(&call) => self.open_for_cut_off(&call, at),
                    None => {}
                }
            }
            let outcome = if call.taken { Outcome::Taken } else { Outcome::Failed };
            keep(call.alert, Fact::CallEnded { outcome });
            tracing::warn!(call = %call.call, "a call was cut off by a crash; its alert rings");
        }
    }

    /// Alerts that only the database knew, when it could not be asked at the start. What the board knows or has
    /// settled since is its own affair.
    pub fn restore_missed(&self, alerts: Vec<crate::store::OpenAlert>, started: jiff::Timestamp) {
        let restored = self.0.board.lock().restore_missed(alerts, started);
        if restored > 0 {
            tracing::info!(alerts = restored, "the database answers again: its open alerts ring");
            self.tell(super::Change::Health);
        }
    }

    fn is_test(&self, call: &CutOffCall) -> bool {
        self.directory().numbers.get(&call.number).is_some_and(|number| number.test)
    }

    /// The crash came between the INVITE and the alert. The board has no context for
    /// this call, so the alert gets its own.
    fn open_for_cut_off(&self, call: &CutOffCall, at: jiff::Timestamp) {
        let alert = hotline_core::ids::AlertId(self.0.ids.lock().uuid(at));
        let language =
            self.directory().numbers.get(&call.number).map(|number| number.language.clone()).unwrap_or_default();
        let title = format!("Call to {} that a restart cut off", call.number);
        self.0.board.lock().restore(crate::store::OpenAlert {
            id: alert,
            call: Some(call.call),
            reference: call.reference.clone(),
            title: title.clone(),
            priority: Priority::P3,
            number: call.number.clone(),
            customer: None,
            caller: None,
            language,
            acknowledged: false,
            rings: 0,
            next_ring_at: Some(at),
            recordings: Vec::new(),
        });
        self.keep(Entry {
            at,
            call: Some(call.call),
            alert: Some(alert),
            fact: Fact::AlertOpened { title, priority: Priority::P3, ring_at: Some(at) },
            why: WHY.to_owned(),
        });
    }
}
