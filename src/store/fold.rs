//! What a fact makes of an alert: one meaning for facts that the database decides and for those that come by the
//! journal. Pure.

use hotline_core::alert::{Alert, Change, Status};
use hotline_core::escalation::Progress;
use hotline_core::fact::{Actor, Fact};
use hotline_core::ids::AlertId;
use jiff::Timestamp;

/// An alert with what its row has besides, though it decides nothing.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct AlertRecord {
    pub alert: Alert,
    pub details: Option<String>,
    pub began_at: Option<Timestamp>,
    pub link: Option<String>,
    pub acknowledged_by: Option<String>,
    pub resolved_at: Option<Timestamp>,
    pub resolved_by: Option<String>,
    pub rings: u32,
}

/// The alert as the fact leaves it; for those who decide further in the same breath. Facts about an alert's opening
/// change nothing: it is there.
pub fn apply_fact(alert: &mut Alert, fact: &Fact, at: Timestamp) {
    let mut record = AlertRecord {
        alert: alert.clone(),
        details: None,
        began_at: None,
        link: None,
        acknowledged_by: None,
        resolved_at: None,
        resolved_by: None,
        rings: 0,
    };
    record.apply(fact, at);
    *alert = record.alert;
}

impl AlertRecord {
    /// The alert that `Change::Received` opens; `None` for any other fact.
    pub fn opened(id: AlertId, fact: &Fact, at: Timestamp) -> Option<Self> {
        let Fact::Alert(Change::Received {
            title,
            details,
            priority,
            urgency,
            source,
            reference,
            customer,
            service,
            dedup_key,
            group_key,
            policy,
            began_at,
            link,
        }) = fact
        else {
            return None;
        };
        Some(Self {
            alert: Alert {
                id,
                reference: reference.clone(),
                status: Status::Triggered,
                priority: *priority,
                urgency: *urgency,
                title: title.clone(),
                customer: customer.clone(),
                service: service.clone(),
                number: None,
                call: None,
                call_running: false,
                caller: None,
                source: Some(source.clone()),
                dedup_key: dedup_key.clone(),
                group_key: group_key.clone(),
                merged_into: None,
                events: 1,
                assigned: None,
                snoozed_until: None,
                policy: policy.clone(),
                opened_at: at,
                acknowledged_at: None,
                last_event_at: at,
                progress: Progress { look: Some(at), ..Progress::default() },
            },
            details: details.as_ref().map(|details| details.reveal().clone()),
            began_at: *began_at,
            link: link.clone(),
            acknowledged_by: None,
            resolved_at: None,
            resolved_by: None,
            rings: 0,
        })
    }

    /// What the fact makes of it. Where a decision follows that says how the escalation goes on
    /// ([`AlertRecord::go_on`]), that holds; without one it looks again at once after what concerns it.
    pub fn apply(&mut self, fact: &Fact, at: Timestamp) {
        match fact {
            Fact::AlertUpdated { title, priority } => {
                if let Some(title) = title {
                    self.alert.title.clone_from(title);
                }
                self.alert.priority = priority.unwrap_or(self.alert.priority);
            }
            Fact::AlertAcknowledged { by } => {
                if self.alert.status == Status::Triggered {
                    self.alert.status = Status::Acknowledged;
                    self.alert.acknowledged_at = Some(at);
                    self.acknowledged_by = Some(by.shown());
                    // Somebody looks once: the policy may take it back later.
                    self.alert.progress.look = Some(at);
                }
            }
            Fact::AlertResolved { by } => self.resolve(by, at),
            Fact::AlertRings { round, next_at } => {
                if self.alert.status == Status::Triggered {
                    self.rings = *round;
                    self.alert.progress.look = Some(*next_at);
                }
            }
            Fact::Alert(change) => self.apply_change(change, at),
            Fact::CallStarted { .. }
            | Fact::CustomerIdentified { .. }
            | Fact::LanguageChosen { .. }
            | Fact::Step { .. }
            | Fact::LegStarted { .. }
            | Fact::LegRinging { .. }
            | Fact::LegAnswered { .. }
            | Fact::LegAccepted { .. }
            | Fact::LegDeclined { .. }
            | Fact::Bridged { .. }
            | Fact::LegEnded { .. }
            | Fact::RecordingStarted { .. }
            | Fact::RecordingEnded { .. }
            | Fact::AnswersConfirmed
            | Fact::AlertOpened { .. }
            | Fact::Transcribed { .. }
            | Fact::TranscriptFailed { .. }
            | Fact::CallEnded { .. } => {}
        }
    }

    fn apply_change(&mut self, change: &Change, at: Timestamp) {
        let alert = &mut self.alert;
        let open = alert.status != Status::Resolved;
        match change {
            Change::Joined { events, .. } => {
                alert.events = alert.events.max(*events);
                alert.last_event_at = alert.last_event_at.max(at);
            }
            Change::CallJoined { .. } => {
                alert.events = alert.events.saturating_add(1);
                alert.last_event_at = alert.last_event_at.max(at);
            }
            Change::Routed { policy, urgency, customer, service } => {
                alert.policy.clone_from(policy);
                alert.urgency = *urgency;
                alert.customer = customer.clone().or_else(|| alert.customer.take());
                alert.service = service.clone().or_else(|| alert.service.take());
            }
            Change::Urgency { urgency } => alert.urgency = *urgency,
            Change::Snoozed { until, .. } if open => {
                alert.snoozed_until = Some(*until);
                alert.progress.look = Some(*until);
            }
            Change::Woke if open => {
                alert.snoozed_until = None;
                alert.progress.look = Some(at);
            }
            Change::Assigned { to, .. } => alert.assigned = Some(to.clone()),
            Change::Unacknowledged { .. } if alert.status == Status::Acknowledged => {
                alert.status = Status::Triggered;
                alert.acknowledged_at = None;
                alert.assigned = None;
                alert.progress.look = Some(at);
                self.acknowledged_by = None;
            }
            Change::EscalateNow { .. } if open => alert.progress.look = Some(at),
            Change::Stepped { round, .. } => self.rings = self.rings.max(*round),
            Change::Merged { into, by } => {
                alert.merged_into = Some(*into);
                self.resolve(by, at);
            }
            Change::Received { .. }
            | Change::Snoozed { .. }
            | Change::Woke
            | Change::Unacknowledged { .. }
            | Change::EscalateNow { .. }
            | Change::NobodyReached { .. }
            | Change::Exhausted
            | Change::Took { .. }
            | Change::Commented { .. }
            | Change::Notified { .. }
            | Change::Action { .. } => {}
        }
    }

    /// How its escalation goes on.
    pub fn go_on(&mut self, progress: Progress) {
        self.rings = self.rings.max(progress.round);
        self.alert.progress = progress;
    }

    fn resolve(&mut self, by: &Actor, at: Timestamp) {
        if self.alert.status != Status::Resolved {
            self.alert.status = Status::Resolved;
            self.alert.snoozed_until = None;
            self.alert.progress.look = None;
            self.resolved_at = Some(at);
            self.resolved_by = Some(by.shown());
        }
    }

    /// When people are told next; `None`: nobody is, unless something happens.
    pub fn next_ring_at(&self) -> Option<Timestamp> {
        if self.alert.status == Status::Triggered { self.alert.progress.look } else { None }
    }
}
