//! What a fact makes of an alert: one meaning for facts that the database decides and for those that come by the
//! journal. Pure.

use hotline_core::alert::{Alert, Change, Status};
use hotline_core::escalation::Progress;
use hotline_core::fact::Fact;
use hotline_core::ids::AlertId;
use hotline_core::incident::{Began, Origin};
use jiff::Timestamp;

/// An alert with what its row has besides, though it decides nothing.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct AlertRecord {
    pub alert: Alert,
    pub details: Option<String>,
    pub link: Option<String>,
    pub acknowledged_by: Option<String>,
    pub resolved_at: Option<Timestamp>,
    pub resolved_by: Option<String>,
    pub rings: u32,
    /// When people are told next; `None`: nobody is, unless something happens.
    pub next_ring_at: Option<Timestamp>,
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
                began: began_at.map(|at| Began { at, origin: Origin::Payload }),
                opened_at: at,
                acknowledged_at: None,
                last_event_at: at,
                progress: Progress { look: Some(at), ..Progress::default() },
            },
            details: details.as_ref().map(|details| details.reveal().clone()),
            link: link.clone(),
            acknowledged_by: None,
            resolved_at: None,
            resolved_by: None,
            rings: 0,
            next_ring_at: Some(at),
        })
    }

    /// What a fact makes of it with which a decision comes that says how the escalation goes on ([`AlertRecord::go_on`]).
    #[expect(clippy::wildcard_enum_match_arm, reason = "the alert itself follows the core; these fields are the row's")]
    pub fn apply(&mut self, fact: &Fact, at: Timestamp) {
        let before = self.alert.status;
        self.alert.apply(fact, at);
        match fact {
            Fact::AlertAcknowledged { by } if before == Status::Triggered => {
                self.acknowledged_by = Some(by.shown());
                self.next_ring_at = None;
            }
            Fact::AlertResolved { by } | Fact::Alert(Change::Merged { by, .. }) if before != Status::Resolved => {
                self.resolved_at = Some(at);
                self.resolved_by = Some(by.shown());
                self.next_ring_at = None;
            }
            Fact::AlertRings { round, next_at } if before == Status::Triggered => {
                self.rings = *round;
                self.next_ring_at = Some(*next_at);
            }
            Fact::Alert(Change::Unacknowledged { .. }) if before == Status::Acknowledged => {
                self.acknowledged_by = None;
                self.next_ring_at = Some(at);
            }
            Fact::Alert(Change::Woke | Change::EscalateNow { .. }) if before == Status::Triggered => {
                self.next_ring_at = Some(at);
            }
            Fact::Alert(Change::Snoozed { until, .. }) if before == Status::Triggered => {
                self.next_ring_at = Some(*until);
            }
            Fact::Alert(Change::Stepped { round, .. }) => self.rings = self.rings.max(*round),
            _ => {}
        }
    }

    /// What a fact makes of it that comes without a decision about the escalation (by the journal, by a tool's event): the
    /// escalation looks at it at once. The wait of a step is honoured.
    pub fn take_in(&mut self, fact: &Fact, at: Timestamp) {
        self.apply(fact, at);
        let progress = &mut self.alert.progress;
        match (self.alert.status, fact) {
            (Status::Resolved, _) => {
                progress.due = None;
                progress.look = None;
            }
            (Status::Triggered, Fact::AlertRings { .. }) => progress.look = progress.due,
            (_, Fact::Alert(Change::EscalateNow { .. })) => {
                progress.due = None;
                progress.look = Some(at);
            }
            // A fault that goes on changes nothing about who is told.
            (
                _,
                Fact::Alert(
                    Change::Joined { .. }
                    | Change::Recovered { .. }
                    | Change::Commented { .. }
                    | Change::Began(_)
                    | Change::WaitsForCustomer { .. }
                    | Change::CustomerAnswered { .. }
                    | Change::Promised { .. },
                ),
            ) => {}
            (Status::Triggered | Status::Acknowledged, _) => progress.look = Some(at),
        }
    }

    /// How its escalation goes on.
    pub fn go_on(&mut self, progress: Progress) {
        self.rings = self.rings.max(progress.round);
        self.next_ring_at = match (self.alert.status, progress.due, progress.look) {
            (Status::Triggered, Some(due), Some(look)) => Some(due.max(look)),
            (Status::Triggered, None, look) => look,
            (Status::Triggered, Some(_), None) | (Status::Acknowledged | Status::Resolved, _, _) => None,
        };
        self.alert.progress = progress;
    }
}
