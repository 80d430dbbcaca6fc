//! The board: every open alert, in memory, so that ringing people never needs
//! the database. Built from the journal and the database at the start, then
//! from each fact as it is kept.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use hotline_core::alert::{Change, Ringing, Status};
use hotline_core::call::outside::OpenReport;
use hotline_core::directory::Language;
use hotline_core::fact::{Actor, Entry, Fact, Priority, RecordingKind};
use hotline_core::ids::{AlertId, CallId, CustomerId, NumberId, RecordingId, UserId};
use hotline_core::private::Private;
use jiff::{SignedDuration, Timestamp};

use crate::store::OpenAlert;

/// Open alerts and what is known of the calls that run.
#[derive(Debug, Default)]
pub struct Board {
    alerts: HashMap<AlertId, OpenAlert>,
    calls: HashMap<CallId, CallContext>,
    /// Resolved since the start.
    settled: HashSet<AlertId>,
    /// Open alerts of other nodes' calls, as the database had them at the last look: they are told to whoever calls
    /// again, and are not rung about here.
    elsewhere: HashMap<AlertId, OpenAlert>,
    /// Who has which alert.
    takers: HashMap<AlertId, UserId>,
}

/// An alert of ours may be so young that the database does not have it yet.
const SETTLE: SignedDuration = SignedDuration::from_mins(1);

/// When an alert was made: its id tells (UUIDv7).
pub(super) fn began(alert: &OpenAlert) -> Option<Timestamp> {
    let (seconds, nanoseconds) = alert.id.0.get_timestamp()?.to_unix();
    Timestamp::new(i64::try_from(seconds).ok()?, i32::try_from(nanoseconds).ok()?).ok()
}

/// What an alert takes over from its call.
#[derive(Debug, Clone)]
struct CallContext {
    /// The alert it rings about, or joined; an inbound call's own alert comes later.
    alert: Option<AlertId>,
    /// A caller who rang again about that alert.
    joined: bool,
    number: NumberId,
    reference: String,
    caller: Option<Private<String>>,
    customer: Option<CustomerId>,
    language: Language,
    /// What was recorded of conversations.
    conversations: Vec<RecordingId>,
}

impl Board {
    /// With the alerts that were open when the service last stopped.
    pub fn new(open: Vec<OpenAlert>) -> Self {
        Self { alerts: open.into_iter().map(|alert| (alert.id, alert)).collect(), ..Self::default() }
    }

    /// One open alert.
    pub fn alert(&self, id: AlertId) -> Option<&OpenAlert> {
        self.alerts.get(&id)
    }

    /// One open alert, of another node's call perhaps.
    pub fn anywhere(&self, id: AlertId) -> Option<&OpenAlert> {
        self.alerts.get(&id).or_else(|| self.elsewhere.get(&id))
    }

    /// All of them, newest first.
    pub fn open_alerts(&self) -> Vec<OpenAlert> {
        let mut alerts: Vec<OpenAlert> = self.alerts.values().cloned().collect();
        // The ids begin with the time of their making.
        alerts.sort_by_key(|alert| std::cmp::Reverse(alert.id));
        alerts
    }

    /// Puts in an alert whose call is not known here (found after a crash).
    pub fn restore(&mut self, alert: OpenAlert) {
        self.alerts.insert(alert.id, alert);
    }

    /// Puts in those from before `started` that were never known here; says how many.
    pub fn restore_missed(&mut self, alerts: Vec<OpenAlert>, started: Timestamp) -> usize {
        let before = self.alerts.len();
        for alert in alerts {
            if began(&alert).is_some_and(|at| at < started) && !self.settled.contains(&alert.id) {
                self.alerts.entry(alert.id).or_insert(alert);
            }
        }
        self.alerts.len() - before
    }

    /// What the database names as open, with what it does not have yet and without what it does not know to be over.
    pub fn made_current(&self, from_database: Vec<OpenAlert>) -> Vec<OpenAlert> {
        let others = from_database
            .into_iter()
            .filter(|alert| !self.alerts.contains_key(&alert.id) && !self.settled.contains(&alert.id));
        self.alerts.values().cloned().chain(others).collect()
    }

    /// The newest open report of this caller, or else of the customer. `own` is the call that asks.
    pub fn known_report(
        &self,
        own: CallId,
        caller: Option<&Private<String>>,
        customer: Option<&CustomerId>,
    ) -> Option<OpenReport> {
        let others = self.alerts.values().chain(self.elsewhere.values());
        let reports = others.filter(|alert| alert.call.is_some_and(|call| call != own));
        let rank = |alert: &&OpenAlert| {
            let same_caller = caller.is_some() && alert.caller.as_ref() == caller;
            let same_customer = customer.is_some() && alert.customer.as_ref() == customer;
            (same_caller || same_customer).then_some((same_caller, alert.id))
        };
        let (_, found) = reports.filter_map(|alert| Some((rank(&alert)?, alert))).max_by_key(|(rank, _)| *rank)?;
        Some(OpenReport {
            alert: found.id,
            reference: found.reference.clone(),
            opened: began(found)?,
            taken: found.acknowledged,
            by: self.takers.get(&found.id).cloned(),
            recordings: found.recordings.clone(),
        })
    }

    /// What the database says is open. `undrained`: it lacks facts of ours, so what it says of our alerts is old.
    pub fn see(&mut self, open: Vec<OpenAlert>, undrained: bool, now: Timestamp) {
        let open: HashMap<AlertId, OpenAlert> = open.into_iter().map(|alert| (alert.id, alert)).collect();
        if !undrained {
            let old = |alert: &OpenAlert| began(alert).is_none_or(|at| now.duration_since(at) > SETTLE);
            self.alerts.retain(|id, alert| open.contains_key(id) || !old(alert));
            for (id, seen) in &open {
                if let Some(alert) = self.alerts.get_mut(id).filter(|alert| old(alert)) {
                    alert.acknowledged = seen.acknowledged;
                }
            }
        }
        let foreign = |id: &AlertId| !self.alerts.contains_key(id) && !self.settled.contains(id);
        self.elsewhere = open.into_iter().filter(|(id, alert)| alert.call.is_some() && foreign(id)).collect();
    }

    /// Where an alert stands by the database, and when its next step is due.
    pub fn set(&mut self, id: AlertId, status: Status, due: Option<Timestamp>) {
        let Some(alert) = self.alerts.get_mut(&id) else { return };
        match status {
            Status::Triggered => {
                alert.acknowledged = false;
                alert.next_ring_at = due.or(alert.next_ring_at);
            }
            Status::Acknowledged => {
                alert.acknowledged = true;
                alert.next_ring_at = None;
            }
            Status::Resolved => {
                self.settled.insert(id);
                self.alerts.remove(&id);
            }
        }
    }

    /// How many are open: (unacknowledged, acknowledged).
    pub fn count(&self) -> (usize, usize) {
        let acknowledged = self.alerts.values().filter(|alert| alert.acknowledged).count();
        (self.alerts.len() - acknowledged, acknowledged)
    }

    /// Alerts that are to be rung about now, the longest overdue first. Those whose own call still runs, or that
    /// are being rung about, are left out.
    pub fn due(&self, ring_again: Duration, now: Timestamp) -> Vec<OpenAlert> {
        let states = self.alerts.values().map(|alert| {
            let ringing = Ringing {
                acknowledged: alert.acknowledged,
                resolved: false,
                busy: self.is_busy(alert),
                rings: alert.rings,
                next_ring_at: alert.next_ring_at,
            };
            (alert.id, ringing)
        });
        hotline_core::alert::due(states, ring_again, now)
            .into_iter()
            .filter_map(|id| self.alerts.get(&id).cloned())
            .collect()
    }

    fn is_busy(&self, alert: &OpenAlert) -> bool {
        alert.call.is_some_and(|call| self.calls.contains_key(&call))
            || self.calls.values().any(|context| context.alert == Some(alert.id))
    }

    /// Takes in one fact, in the order in which it is kept.
    pub fn apply(&mut self, entry: &Entry) {
        match (&entry.fact, entry.call) {
            (Fact::CallStarted { number, reference, caller, language, .. }, Some(call)) => {
                self.calls.insert(
                    call,
                    CallContext {
                        alert: entry.alert,
                        joined: false,
                        number: number.clone(),
                        reference: reference.clone(),
                        caller: caller.clone(),
                        customer: None,
                        language: language.clone(),
                        conversations: Vec::new(),
                    },
                );
            }
            (Fact::CallEnded { .. }, Some(call)) => {
                self.calls.remove(&call);
            }
            (Fact::CustomerIdentified { customer }, Some(call)) => {
                if let Some(context) = self.calls.get_mut(&call) {
                    context.customer = Some(customer.clone());
                }
                self.of_call(entry, |alert| alert.customer = Some(customer.clone()));
            }
            (Fact::LanguageChosen { language }, Some(call)) => {
                if let Some(context) = self.calls.get_mut(&call) {
                    context.language = language.clone();
                }
                self.of_call(entry, |alert| alert.language = language.clone());
            }
            (Fact::RecordingStarted { recording, kind: RecordingKind::Conversation, .. }, Some(call)) => {
                if let Some(context) = self.calls.get_mut(&call) {
                    context.conversations.push(*recording);
                }
            }
            // Engineers hear what the caller said to the hotline, not what was said to one of them.
            (Fact::RecordingEnded { recording, .. }, Some(call))
                if self.calls.get(&call).is_some_and(|context| context.conversations.contains(recording)) => {}
            (Fact::RecordingEnded { recording, speech: true, .. }, _) => {
                self.of_call(entry, |alert| {
                    if !alert.recordings.contains(recording) {
                        alert.recordings.push(*recording);
                    }
                });
            }
            _ => self.apply_alert(entry),
        }
    }

    fn apply_alert(&mut self, entry: &Entry) {
        let Some(id) = entry.alert else { return };
        #[expect(clippy::wildcard_enum_match_arm, reason = "the board cares for alerts only")]
        match &entry.fact {
            Fact::AlertOpened { title, priority, ring_at } => {
                self.open(id, entry, *ring_at);
                if let Some(alert) = self.alerts.get_mut(&id) {
                    alert.describe(Some(title), Some(*priority));
                }
            }
            Fact::AlertUpdated { title, priority } => {
                if let Some(alert) = self.alerts.get_mut(&id) {
                    alert.describe(title.as_deref(), *priority);
                }
            }
            Fact::AlertAcknowledged { by } => {
                if let Actor::Person(user) = by {
                    self.takers.insert(id, user.clone());
                }
                if let Some(alert) = self.alerts.get_mut(&id) {
                    alert.acknowledged = true;
                    alert.next_ring_at = None;
                }
            }
            Fact::AlertResolved { .. } | Fact::Alert(Change::Merged { .. }) => self.settle(id),
            Fact::Alert(Change::Unacknowledged { .. }) => {
                self.takers.remove(&id);
                if let Some(alert) = self.alerts.get_mut(&id) {
                    alert.acknowledged = false;
                    alert.next_ring_at = Some(entry.at);
                }
            }
            Fact::Alert(Change::Assigned { to, .. }) => {
                self.takers.insert(id, to.clone());
            }
            Fact::Alert(Change::CallJoined { call }) => {
                if let Some(context) = self.calls.get_mut(call) {
                    (context.alert, context.joined) = (Some(id), true);
                }
            }
            Fact::AlertRings { round, next_at } => {
                if let Some(alert) = self.alerts.get_mut(&id).filter(|alert| !alert.acknowledged) {
                    alert.rings = *round;
                    alert.next_ring_at = Some(*next_at);
                }
            }
            Fact::Alert(change) => {
                if let Some(alert) = self.alerts.get_mut(&id) {
                    changed(alert, change, entry.at);
                }
            }
            _ => {}
        }
    }

    fn settle(&mut self, id: AlertId) {
        self.settled.insert(id);
        self.alerts.remove(&id);
        self.elsewhere.remove(&id);
        self.takers.remove(&id);
    }

    fn open(&mut self, id: AlertId, entry: &Entry, ring_at: Option<Timestamp>) {
        let Some(context) = entry.call.and_then(|call| self.calls.get(&call)) else { return };
        self.alerts.entry(id).or_insert_with(|| OpenAlert {
            id,
            call: entry.call,
            reference: context.reference.clone(),
            title: String::new(),
            priority: Priority::P3,
            number: context.number.clone(),
            customer: context.customer.clone(),
            caller: context.caller.clone(),
            language: context.language.clone(),
            acknowledged: false,
            rings: 0,
            next_ring_at: ring_at,
            recordings: Vec::new(),
        });
    }

    fn of_call(&mut self, entry: &Entry, change: impl FnOnce(&mut OpenAlert)) {
        // An alert ring carries the same alert; only its own call's facts, and those of a caller who rang again,
        // describe the alert.
        let joined = entry.call.and_then(|call| self.calls.get(&call)).is_some_and(|context| context.joined);
        if let Some(alert) = entry.alert.and_then(|id| self.alerts.get_mut(&id))
            && (alert.call == entry.call || joined)
        {
            change(alert);
        }
    }
}

/// What the database keeps and decides, seen from here: when to ring next should it go away.
#[expect(clippy::wildcard_enum_match_arm, reason = "the board cares for what rings only")]
fn changed(alert: &mut OpenAlert, change: &Change, at: Timestamp) {
    match change {
        Change::Unacknowledged { .. } => {
            alert.acknowledged = false;
            alert.next_ring_at = Some(at);
        }
        Change::EscalateNow { .. } | Change::Woke if !alert.acknowledged => alert.next_ring_at = Some(at),
        Change::Snoozed { until, .. } => {
            // Not before its time, whatever was rung so far.
            alert.rings = alert.rings.max(1);
            alert.next_ring_at = Some(*until);
        }
        Change::Stepped { next_at, .. } if !alert.acknowledged => {
            alert.rings = alert.rings.max(1);
            alert.next_ring_at = next_at.or(alert.next_ring_at);
        }
        Change::Routed { customer: Some(customer), .. } => alert.customer = Some(customer.clone()),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use hotline_core::fact::{Actor, Direction, Outcome};
    use uuid::Uuid;

    use super::*;

    const CALL: CallId = CallId(Uuid::from_u128(1));
    const ALERT: AlertId = AlertId(Uuid::from_u128(2));

    const AGAIN: Duration = Duration::from_mins(5);

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + second).expect("in range")
    }

    fn entry(second: i64, fact: Fact) -> Entry {
        Entry { at: at(second), call: Some(CALL), alert: Some(ALERT), fact, why: String::new() }
    }

    fn board_with_open_call() -> Board {
        let mut board = Board::default();
        board.apply(&entry(
            0,
            Fact::CallStarted {
                direction: Direction::Inbound,
                number: "hotline".into(),
                reference: "4711".into(),
                caller: None,
                source: "open".into(),
                language: Language::default(),
            },
        ));
        board.apply(&entry(
            0,
            Fact::AlertOpened { title: "Call".into(), priority: Priority::P3, ring_at: Some(at(300)) },
        ));
        board
    }

    #[test]
    fn a_running_call_is_not_rung_about() {
        let mut board = board_with_open_call();
        assert!(board.due(AGAIN, at(400)).is_empty());
        board.apply(&entry(9, Fact::AlertUpdated { title: Some("Fire".into()), priority: None }));
        let open = board.open_alerts();
        assert_eq!((open[0].title.as_str(), open[0].priority), ("Fire", Priority::P3));
    }

    #[test]
    fn an_untaken_call_rings_at_once_when_it_ends_and_a_taken_one_never() {
        let mut board = board_with_open_call();
        board.apply(&entry(60, Fact::CallEnded { outcome: Outcome::Voicemail }));
        assert_eq!(board.due(AGAIN, at(60)).len(), 1);

        let mut board = board_with_open_call();
        board.apply(&entry(30, Fact::AlertAcknowledged { by: Actor::Person("anna".into()) }));
        board.apply(&entry(60, Fact::CallEnded { outcome: Outcome::Taken }));
        assert!(board.due(AGAIN, at(4_000)).is_empty());
        assert_eq!(board.count(), (0, 1));
    }

    #[test]
    fn rounds_move_the_next_ring_until_resolved() {
        let mut board = board_with_open_call();
        board.apply(&entry(60, Fact::CallEnded { outcome: Outcome::Abandoned }));
        board.apply(&entry(61, Fact::AlertRings { round: 1, next_at: at(361) }));
        assert!(board.due(AGAIN, at(360)).is_empty());
        assert_eq!(board.due(AGAIN, at(361))[0].rings, 1);
        board.apply(&entry(362, Fact::AlertResolved { by: Actor::System }));
        assert!(board.due(AGAIN, at(9_000)).is_empty());
    }

    #[test]
    fn without_the_database_it_rings_when_the_next_step_would_be_due() {
        let mut board = board_with_open_call();
        let id = board.open_alerts()[0].id;
        board.apply(&entry(60, Fact::CallEnded { outcome: Outcome::Voicemail }));
        let step = Change::Stepped { round: 1, step: 1, targets: Vec::new(), next_at: Some(at(200)) };
        board.apply(&Entry { call: None, ..entry(61, Fact::Alert(step)) });
        assert!(board.due(AGAIN, at(199)).is_empty());
        assert_eq!(board.due(AGAIN, at(200)).len(), 1);
        board.set(id, Status::Acknowledged, None);
        assert!(board.due(AGAIN, at(9_000)).is_empty());
        let back = Change::Unacknowledged { by: Actor::System };
        board.apply(&Entry { call: None, ..entry(9_001, Fact::Alert(back)) });
        assert_eq!(board.due(AGAIN, at(9_001)).len(), 1);
        let snoozed = Change::Snoozed { until: at(9_100), by: Actor::System };
        board.apply(&Entry { call: None, ..entry(9_002, Fact::Alert(snoozed)) });
        assert!(board.due(AGAIN, at(9_099)).is_empty());
        board.set(id, Status::Resolved, None);
        assert_eq!(board.count(), (0, 0));
    }

    #[test]
    fn what_the_database_knew_before_the_start_comes_back_once() {
        let mut ids = hotline_core::ids::IdSource::new(1);
        let mut alert = |second| OpenAlert {
            id: AlertId(ids.uuid(at(second))),
            call: None,
            title: "Call".to_owned(),
            priority: Priority::P3,
            reference: "1001".to_owned(),
            number: "hotline".into(),
            customer: None,
            caller: None,
            language: Language::default(),
            acknowledged: false,
            rings: 3,
            next_ring_at: Some(at(0)),
            recordings: Vec::new(),
        };
        let (old, known, settled, younger) = (alert(-90), alert(-60), alert(-50), alert(5));
        let mut board = Board::new(vec![OpenAlert { acknowledged: true, ..known.clone() }, settled.clone()]);
        let resolved = Fact::AlertResolved { by: Actor::System };
        board.apply(&Entry { alert: Some(settled.id), call: None, ..entry(1, resolved) });
        assert_eq!(board.restore_missed(vec![old.clone(), known, settled, younger], at(0)), 1);
        assert_eq!(board.due(AGAIN, at(1)), [old]);
    }
}
