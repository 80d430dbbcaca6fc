//! What a fact changes in an alert. The store's rows follow the same rules; both may see a fact twice.

use jiff::Timestamp;

use super::{Alert, Change, Status};
use crate::fact::Fact;
use crate::incident::{Began, Origin};

impl Alert {
    /// Takes in a fact about it that happened at `at`. How its escalation goes on is [`crate::escalation::after`]'s word;
    /// only rounds of ringing that the database did not see move it here.
    pub fn apply(&mut self, fact: &Fact, at: Timestamp) {
        match fact {
            Fact::AlertOpened { title, priority, ring_at: _ } => {
                self.title.clone_from(title);
                self.priority = *priority;
            }
            Fact::AlertUpdated { title, priority } => {
                if let Some(title) = title {
                    self.title.clone_from(title);
                }
                self.priority = priority.unwrap_or(self.priority);
            }
            Fact::AlertAcknowledged { by: _ } => {
                if self.status == Status::Triggered {
                    self.status = Status::Acknowledged;
                    self.acknowledged_at = Some(at);
                }
            }
            Fact::AlertResolved { by: _ } => self.status = Status::Resolved,
            Fact::AlertRings { round: _, next_at } => {
                if self.status == Status::Triggered {
                    self.progress.due = self.progress.due.max(Some(*next_at));
                }
            }
            Fact::CustomerIdentified { customer } => self.customer = Some(customer.clone()),
            Fact::CallEnded { outcome: _ } => self.call_running = false,
            Fact::Alert(change) => self.change(change, at),
            Fact::CallStarted { .. }
            | Fact::LanguageChosen { .. }
            | Fact::Step { .. }
            | Fact::LegStarted { .. }
            | Fact::LegRinging { .. }
            | Fact::LegAnswered { .. }
            | Fact::LegAccepted { .. }
            | Fact::LegDeclined { .. }
            | Fact::Bridged { .. }
            | Fact::LegEnded { .. }
            | Fact::LegQuality { .. }
            | Fact::RecordingStarted { .. }
            | Fact::RecordingEnded { .. }
            | Fact::RecordingRefused { .. }
            | Fact::AnswersConfirmed
            | Fact::Transcribed { .. }
            | Fact::TranscriptFailed { .. } => {}
        }
    }

    fn change(&mut self, change: &Change, at: Timestamp) {
        match change {
            Change::Received { .. } => self.received(change),
            Change::Joined { events, title: _, grouped: _ } => {
                self.events = self.events.max(*events);
                self.last_event_at = self.last_event_at.max(at);
            }
            Change::CallJoined { call: _ } => self.last_event_at = self.last_event_at.max(at),
            Change::Routed { policy, urgency, customer, service } => {
                self.policy.clone_from(policy);
                self.urgency = *urgency;
                self.customer = customer.clone().or_else(|| self.customer.take());
                self.service = service.clone().or_else(|| self.service.take());
            }
            Change::Urgency { urgency } => self.urgency = *urgency,
            Change::Snoozed { until, by: _ } => self.snoozed_until = Some(*until),
            Change::Woke => self.snoozed_until = None,
            Change::Assigned { to, by: _ } => self.assigned = Some(to.clone()),
            Change::Unacknowledged { by: _ } => {
                if self.status == Status::Acknowledged {
                    self.status = Status::Triggered;
                    self.acknowledged_at = None;
                    self.assigned = None;
                }
            }
            Change::Merged { into, by: _ } => {
                self.status = Status::Resolved;
                self.merged_into = Some(*into);
            }
            Change::Began(began) => self.began = Some(began.clone()),
            Change::EscalateNow { by: _ }
            | Change::Stepped { .. }
            | Change::NobodyReached { step: _ }
            | Change::Exhausted
            | Change::Recovered { .. }
            | Change::Took { from: _ }
            | Change::Commented { .. }
            | Change::Notified { .. }
            | Change::Action { .. }
            | Change::WaitsForCustomer { by: _ }
            | Change::CustomerAnswered { by: _ }
            | Change::Promised { .. } => {}
        }
    }

    fn received(&mut self, change: &Change) {
        let Change::Received {
            title,
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
            details: _,
            link: _,
        } = change
        else {
            return;
        };
        self.title.clone_from(title);
        self.priority = *priority;
        self.urgency = *urgency;
        self.source = Some(source.clone());
        self.reference.clone_from(reference);
        self.customer.clone_from(customer);
        self.service.clone_from(service);
        self.dedup_key.clone_from(dedup_key);
        self.group_key.clone_from(group_key);
        self.policy.clone_from(policy);
        self.began = began_at.map(|at| Began { at, origin: Origin::Payload });
    }

    /// Somebody should be told about it: nobody has it, it is not quiet, it is not over.
    pub fn is_wanted(&self) -> bool {
        self.status == Status::Triggered && self.snoozed_until.is_none()
    }
}
