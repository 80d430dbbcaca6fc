//! What happens to alerts, as the journal writes it: the mirror of `core::alert::Change`.

use hotline_core::alert::Change;
use hotline_core::alert::Urgency;
use hotline_core::alert::change::{NotifyOutcome, PromiseWord};
use hotline_core::ids::{
    ActionId, AlertId, CallId, CustomerId, NotificationId, PolicyId, ServiceId, SlaId, SourceId, UserId,
};
use hotline_core::incident::{Began, Origin};
use hotline_core::private::Private;
use hotline_core::sla::Promise;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::record::{ActorRecord, from_actor, from_priority, to_actor, unknown};

#[derive(Serialize, Deserialize)]
#[serde(tag = "what", rename_all = "kebab-case")]
pub(super) enum ChangeRecord {
    Received(Box<ReceivedRecord>),
    Joined {
        events: u32,
        #[serde(default)]
        title: Option<String>,
        grouped: bool,
    },
    Recovered {
        title: String,
        left: u32,
        still: Vec<String>,
    },
    CallJoined {
        call: Uuid,
    },
    Routed {
        #[serde(default)]
        policy: Option<String>,
        urgency: String,
        #[serde(default)]
        customer: Option<String>,
        #[serde(default)]
        service: Option<String>,
    },
    Urgency {
        urgency: String,
    },
    Snoozed {
        until: Timestamp,
        by: ActorRecord,
    },
    Woke,
    Assigned {
        to: String,
        by: ActorRecord,
    },
    Unacknowledged {
        by: ActorRecord,
    },
    EscalateNow {
        by: ActorRecord,
    },
    Stepped {
        round: u32,
        step: u32,
        targets: Vec<String>,
        #[serde(default)]
        next_at: Option<Timestamp>,
    },
    NobodyReached {
        step: u32,
    },
    Exhausted,
    Merged {
        into: Uuid,
        by: ActorRecord,
    },
    Took {
        from: Uuid,
    },
    Commented {
        by: ActorRecord,
        text: String,
    },
    Notified {
        notification: Uuid,
        #[serde(default)]
        user: Option<String>,
        by: String,
        outcome: String,
    },
    Action {
        action: String,
        by: ActorRecord,
        #[serde(default)]
        ok: Option<bool>,
        #[serde(default)]
        output: Option<String>,
    },
    Began {
        at: Timestamp,
        origin: String,
    },
    WaitsForCustomer {
        by: ActorRecord,
    },
    CustomerAnswered {
        by: ActorRecord,
    },
    Promised {
        sla: String,
        revision: u32,
        promise: String,
        said: String,
        share: u32,
        #[serde(default)]
        due_at: Option<Timestamp>,
    },
}

#[derive(Serialize, Deserialize)]
pub(super) struct ReceivedRecord {
    title: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    details: Option<String>,
    priority: String,
    urgency: String,
    source: String,
    reference: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    customer: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    service: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    dedup_key: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    group_key: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    policy: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    began_at: Option<Timestamp>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    link: Option<String>,
}

pub(super) fn to_change(change: &Change) -> ChangeRecord {
    match change {
        Change::Received {
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
        } => ChangeRecord::Received(Box::new(ReceivedRecord {
            title: title.clone(),
            details: details.as_ref().map(|details| details.reveal().clone()),
            priority: priority.word().to_owned(),
            urgency: urgency.word().to_owned(),
            source: source.0.clone(),
            reference: reference.clone(),
            customer: customer.as_ref().map(|customer| customer.0.clone()),
            service: service.as_ref().map(|service| service.0.clone()),
            dedup_key: dedup_key.clone(),
            group_key: group_key.clone(),
            policy: policy.as_ref().map(|policy| policy.0.clone()),
            began_at: *began_at,
            link: link.clone(),
        })),
        Change::Joined { events, title, grouped } => {
            ChangeRecord::Joined { events: *events, title: title.clone(), grouped: *grouped }
        }
        Change::Recovered { title, left, still } => {
            ChangeRecord::Recovered { title: title.clone(), left: *left, still: still.clone() }
        }
        Change::CallJoined { call } => ChangeRecord::CallJoined { call: call.0 },
        Change::Routed { policy, urgency, customer, service } => ChangeRecord::Routed {
            policy: policy.as_ref().map(|policy| policy.0.clone()),
            urgency: urgency.word().to_owned(),
            customer: customer.as_ref().map(|customer| customer.0.clone()),
            service: service.as_ref().map(|service| service.0.clone()),
        },
        Change::Urgency { urgency } => ChangeRecord::Urgency { urgency: urgency.word().to_owned() },
        Change::Snoozed { until, by } => ChangeRecord::Snoozed { until: *until, by: to_actor(by) },
        Change::Woke => ChangeRecord::Woke,
        Change::Assigned { to, by } => ChangeRecord::Assigned { to: to.0.clone(), by: to_actor(by) },
        Change::Unacknowledged { by } => ChangeRecord::Unacknowledged { by: to_actor(by) },
        Change::EscalateNow { by } => ChangeRecord::EscalateNow { by: to_actor(by) },
        Change::Stepped { round, step, targets, next_at } => {
            ChangeRecord::Stepped { round: *round, step: *step, targets: targets.clone(), next_at: *next_at }
        }
        Change::NobodyReached { step } => ChangeRecord::NobodyReached { step: *step },
        Change::Exhausted => ChangeRecord::Exhausted,
        Change::Merged { into, by } => ChangeRecord::Merged { into: into.0, by: to_actor(by) },
        Change::Took { from } => ChangeRecord::Took { from: from.0 },
        Change::Commented { by, text } => ChangeRecord::Commented { by: to_actor(by), text: text.reveal().clone() },
        Change::Notified { notification, user, by, outcome } => ChangeRecord::Notified {
            notification: notification.0,
            user: user.as_ref().map(|user| user.0.clone()),
            by: by.clone(),
            outcome: outcome.word().to_owned(),
        },
        Change::Action { action, by, ok, output } => ChangeRecord::Action {
            action: action.0.clone(),
            by: to_actor(by),
            ok: *ok,
            output: output.as_ref().map(|output| output.reveal().clone()),
        },
        Change::Began(began) => ChangeRecord::Began { at: began.at, origin: began.origin.word().to_owned() },
        Change::WaitsForCustomer { by } => ChangeRecord::WaitsForCustomer { by: to_actor(by) },
        Change::CustomerAnswered { by } => ChangeRecord::CustomerAnswered { by: to_actor(by) },
        Change::Promised { sla, revision, promise, said, share, due_at } => ChangeRecord::Promised {
            sla: sla.0.clone(),
            revision: *revision,
            promise: promise.word().to_owned(),
            said: said.word().to_owned(),
            share: *share,
            due_at: *due_at,
        },
    }
}

pub(super) fn from_change(record: ChangeRecord) -> Result<Change, String> {
    Ok(match record {
        ChangeRecord::Received(received) => {
            let received = *received;
            Change::Received {
                title: received.title,
                details: received.details.map(Private::new),
                priority: from_priority(&received.priority)?,
                urgency: from_urgency(&received.urgency)?,
                source: SourceId(received.source),
                reference: received.reference,
                customer: received.customer.map(CustomerId),
                service: received.service.map(ServiceId),
                dedup_key: received.dedup_key,
                group_key: received.group_key,
                policy: received.policy.map(PolicyId),
                began_at: received.began_at,
                link: received.link,
            }
        }
        ChangeRecord::Joined { events, title, grouped } => Change::Joined { events, title, grouped },
        ChangeRecord::Recovered { title, left, still } => Change::Recovered { title, left, still },
        ChangeRecord::CallJoined { call } => Change::CallJoined { call: CallId(call) },
        ChangeRecord::Routed { policy, urgency, customer, service } => Change::Routed {
            policy: policy.map(PolicyId),
            urgency: from_urgency(&urgency)?,
            customer: customer.map(CustomerId),
            service: service.map(ServiceId),
        },
        ChangeRecord::Urgency { urgency } => Change::Urgency { urgency: from_urgency(&urgency)? },
        ChangeRecord::Snoozed { until, by } => Change::Snoozed { until, by: from_actor(by) },
        ChangeRecord::Woke => Change::Woke,
        ChangeRecord::Assigned { to, by } => Change::Assigned { to: UserId(to), by: from_actor(by) },
        ChangeRecord::Unacknowledged { by } => Change::Unacknowledged { by: from_actor(by) },
        ChangeRecord::EscalateNow { by } => Change::EscalateNow { by: from_actor(by) },
        ChangeRecord::Stepped { round, step, targets, next_at } => Change::Stepped { round, step, targets, next_at },
        ChangeRecord::NobodyReached { step } => Change::NobodyReached { step },
        ChangeRecord::Exhausted => Change::Exhausted,
        ChangeRecord::Merged { into, by } => Change::Merged { into: AlertId(into), by: from_actor(by) },
        ChangeRecord::Took { from } => Change::Took { from: AlertId(from) },
        ChangeRecord::Commented { by, text } => Change::Commented { by: from_actor(by), text: Private::new(text) },
        ChangeRecord::Notified { notification, user, by, outcome } => Change::Notified {
            notification: NotificationId(notification),
            user: user.map(UserId),
            by,
            outcome: NotifyOutcome::from_word(&outcome).ok_or_else(|| unknown("notification's outcome", &outcome))?,
        },
        ChangeRecord::Action { action, by, ok, output } => {
            Change::Action { action: ActionId(action), by: from_actor(by), ok, output: output.map(Private::new) }
        }
        ChangeRecord::Began { at, origin } => {
            let origin = Origin::from_word(&origin).ok_or_else(|| unknown("origin", &origin))?;
            Change::Began(Began { at, origin })
        }
        ChangeRecord::WaitsForCustomer { by } => Change::WaitsForCustomer { by: from_actor(by) },
        ChangeRecord::CustomerAnswered { by } => Change::CustomerAnswered { by: from_actor(by) },
        ChangeRecord::Promised { sla, revision, promise, said, share, due_at } => Change::Promised {
            sla: SlaId(sla),
            revision,
            promise: Promise::from_word(&promise).ok_or_else(|| unknown("promise", &promise))?,
            said: PromiseWord::from_word(&said).ok_or_else(|| unknown("word about a promise", &said))?,
            share,
            due_at,
        },
    })
}

fn from_urgency(word: &str) -> Result<Urgency, String> {
    Urgency::from_word(word).ok_or_else(|| unknown("urgency", word))
}
