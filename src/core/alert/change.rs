//! What can happen to an alert besides being opened, updated, acknowledged, resolved and rung about (those are
//! facts of their own, older than this): one enum, carried by `Fact::Alert`.

use jiff::Timestamp;

use crate::alert::Urgency;
use crate::fact::{Actor, Priority};
use crate::ids::{ActionId, AlertId, CallId, CustomerId, NotificationId, PolicyId, ServiceId, SlaId, SourceId, UserId};
use crate::incident::Began;
use crate::private::Private;
use crate::sla::Promise;

/// One thing that happened to an alert.
#[derive(Debug, Clone, PartialEq)]
pub enum Change {
    /// A tool or heartbeat opened it. First fact of such an alert; `Fact::AlertOpened` is a call's.
    Received {
        /// One line.
        title: String,
        /// What the tool says about it, plain text.
        details: Option<Private<String>>,
        /// How important.
        priority: Priority,
        /// How loud.
        urgency: Urgency,
        /// From which tool.
        source: SourceId,
        /// Short number.
        reference: String,
        /// Whose.
        customer: Option<CustomerId>,
        /// Of which service.
        service: Option<ServiceId>,
        /// The tool's key of the fault.
        dedup_key: Option<String>,
        /// What groups it.
        group_key: Option<String>,
        /// How it escalates.
        policy: Option<PolicyId>,
        /// When the fault began, by the tool.
        began_at: Option<Timestamp>,
        /// A page of the tool about it (http or https).
        link: Option<String>,
    },
    /// Another event of the same fault, or of the same group, joined it. Not one fact an event in a storm:
    /// `events` says how many are in it by now.
    Joined {
        /// How many events it has swallowed by now.
        events: u32,
        /// The last one's title, where it differs.
        title: Option<String>,
        /// Grouped (true), or the same fault again (false).
        grouped: bool,
    },
    /// One of the faults that were grouped into it is over, others are not.
    Recovered {
        /// What it is called.
        title: String,
        /// How many are not over.
        left: u32,
        /// What those are called; a few of them where they are many.
        still: Vec<String>,
    },
    /// A caller rang about it again.
    CallJoined {
        /// The later call.
        call: CallId,
    },
    /// Which policy it escalates by, and how loud it is.
    Routed {
        /// The policy.
        policy: Option<PolicyId>,
        /// How loud.
        urgency: Urgency,
        /// The customer, where it became known.
        customer: Option<CustomerId>,
        /// The service, where it became known.
        service: Option<ServiceId>,
    },
    /// How loud it is changed (support hours began, the priority was changed).
    Urgency {
        /// How loud.
        urgency: Urgency,
    },
    /// Quiet until then.
    Snoozed {
        /// Until when.
        until: Timestamp,
        /// Who wants that.
        by: Actor,
    },
    /// The snooze is over.
    Woke,
    /// It was given to somebody.
    Assigned {
        /// To whom.
        to: UserId,
        /// By whom.
        by: Actor,
    },
    /// Nobody has it any more: handed back, or acknowledged too long ago. Escalation begins anew.
    Unacknowledged {
        /// By whom; `System`: the time was over.
        by: Actor,
    },
    /// Somebody wants the next step now.
    EscalateNow {
        /// Who.
        by: Actor,
    },
    /// A step of the policy was done.
    Stepped {
        /// Counts from 1: passes through the policy.
        round: u32,
        /// Counts from 1.
        step: u32,
        /// Whom it reaches, in words, without numbers (`Ada Berger by schedule on-call`).
        targets: Vec<String>,
        /// When the next step is due; `None`: this was the last.
        next_at: Option<Timestamp>,
    },
    /// A step reached nobody: a warning for people.
    NobodyReached {
        /// Counts from 1.
        step: u32,
    },
    /// The policy is at its end and nobody has it: a warning for people.
    Exhausted,
    /// Merged into another; resolved by that.
    Merged {
        /// Into which.
        into: AlertId,
        /// By whom.
        by: Actor,
    },
    /// Another was merged into this one.
    Took {
        /// Which.
        from: AlertId,
    },
    /// Somebody wrote something.
    Commented {
        /// Who.
        by: Actor,
        /// What.
        text: Private<String>,
    },
    /// A notification is over, or was left out.
    Notified {
        /// Which.
        notification: NotificationId,
        /// To whom.
        user: Option<UserId>,
        /// By which kind of contact (`sms`) or to which channel.
        by: String,
        /// What came of it.
        outcome: NotifyOutcome,
    },
    /// An action was started, or is over.
    Action {
        /// Which.
        action: ActionId,
        /// Who started it.
        by: Actor,
        /// `None`: started. `Some(true)`: done.
        ok: Option<bool>,
        /// What it said (the last 4,000 characters).
        output: Option<Private<String>>,
    },
    /// The customer is waited for: the clocks of its contract stand still.
    WaitsForCustomer {
        /// Who says so.
        by: Actor,
    },
    /// The customer is not waited for any more.
    CustomerAnswered {
        /// Who says so.
        by: Actor,
    },
    /// It became known when the fault began, or is known better.
    Began(Began),
    /// About a promise to the customer.
    Promised {
        /// By which contract.
        sla: SlaId,
        /// Which revision of it.
        revision: u32,
        /// Which promise.
        promise: Promise,
        /// What there is to say.
        said: PromiseWord,
        /// How much of its time has passed, in hundredths.
        share: u32,
        /// When it is (or was) due; `None`: the customer is waited for.
        due_at: Option<Timestamp>,
    },
}

/// What there is to say about a promise to a customer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum PromiseWord {
    /// Its time has begun.
    Runs,
    /// The priority is another, and with it the time.
    Changed,
    /// So much of its time has passed.
    Warned,
    /// It was due and is not done.
    Breached,
    /// Done in time.
    Kept,
    /// Done too late.
    Late,
    /// It counts no more: merged into another alert, or nothing is promised for the priority.
    Void,
}

crate::fact::words!(PromiseWord {
    Runs = "runs", Changed = "changed", Warned = "warned", Breached = "breached", Kept = "kept", Late = "late",
    Void = "void",
});

/// What came of a notification.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum NotifyOutcome {
    /// The other side took it (a provider's 2xx, a mail server's 250). Taken is not read.
    Delivered,
    /// The phone was answered and somebody pressed a key.
    Answered,
    /// Rung, not answered, or nobody pressed a key.
    NoAnswer,
    /// Could not be delivered, for good.
    Failed,
    /// Not needed any more: somebody has the alert.
    Skipped,
    /// Left out or put together with others: a limit.
    Limited,
    /// This try failed; another follows by itself. Not the end: told of the first tries only.
    Retried,
}

crate::fact::words!(NotifyOutcome {
    Delivered = "delivered", Answered = "answered", NoAnswer = "no-answer", Failed = "failed",
    Skipped = "skipped", Limited = "limited", Retried = "retried",
});

impl Change {
    /// Stable kebab-case word, as `Fact::kind`.
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Received { .. } => "alert-received",
            Self::Joined { .. } => "alert-joined",
            Self::Recovered { .. } => "alert-recovered",
            Self::CallJoined { .. } => "call-joined",
            Self::Routed { .. } => "alert-routed",
            Self::Urgency { .. } => "alert-urgency",
            Self::Snoozed { .. } => "alert-snoozed",
            Self::Woke => "alert-woke",
            Self::Assigned { .. } => "alert-assigned",
            Self::Unacknowledged { .. } => "alert-unacknowledged",
            Self::EscalateNow { .. } => "alert-escalated",
            Self::Stepped { .. } => "escalation-step",
            Self::NobodyReached { .. } => "nobody-reached",
            Self::Exhausted => "escalation-exhausted",
            Self::Merged { .. } => "alert-merged",
            Self::Took { .. } => "alert-took",
            Self::Commented { .. } => "alert-commented",
            Self::Notified { .. } => "notified",
            Self::Action { .. } => "action",
            Self::WaitsForCustomer { .. } => "waits-for-customer",
            Self::CustomerAnswered { .. } => "customer-answered",
            Self::Began(_) => "alert-began",
            Self::Promised { said: PromiseWord::Warned, .. } => "sla-warned",
            Self::Promised { said: PromiseWord::Breached | PromiseWord::Late, .. } => "sla-breached",
            Self::Promised { .. } => "sla",
        }
    }

    /// One plain English sentence, without private data.
    pub fn sentence(&self) -> String {
        let when = |at: &Timestamp| format!("{} UTC", at.strftime("%Y-%m-%d %H:%M:%S"));
        match self {
            Self::Received { title, priority, source, .. } => {
                format!("Alert from {source}, {}: {}.", priority.word(), title.trim_end_matches('.'))
            }
            Self::Joined { events, grouped, .. } => format!(
                "{} joined; {events} events by now.",
                if *grouped { "Another alert of the same group" } else { "The same fault again" }
            ),
            Self::Recovered { title, left, still } => recovered(title, *left, still),
            Self::CallJoined { .. } => "A caller rang about this alert again.".to_owned(),
            Self::Routed { policy, urgency, .. } => format!(
                "Escalates by {}; urgency {}.",
                policy.as_ref().map_or_else(|| "the number's schedule".to_owned(), |policy| format!("policy {policy}")),
                urgency.word()
            ),
            Self::Urgency { urgency } => format!("Urgency is now {}.", urgency.word()),
            Self::Snoozed { until, by } => format!("Snoozed until {} by {}.", when(until), by.shown()),
            Self::Woke => "The snooze is over.".to_owned(),
            Self::Assigned { to, by } => format!("Assigned to {to} by {}.", by.shown()),
            Self::Unacknowledged { by } => format!("Nobody has it any more: handed back by {}.", by.shown()),
            Self::EscalateNow { by } => format!("Escalated by {}.", by.shown()),
            Self::Stepped { round, step, targets, next_at } => format!(
                "Step {step} of round {round}: {}; {}.",
                if targets.is_empty() { "nobody".to_owned() } else { targets.join(", ") },
                next_at
                    .as_ref()
                    .map_or_else(|| "no step follows".to_owned(), |at| format!("next step at {}", when(at)))
            ),
            Self::NobodyReached { step } => format!("Step {step} reached nobody."),
            Self::Exhausted => "The escalation is at its end and nobody has the alert.".to_owned(),
            Self::Merged { into, by } => format!("Merged into alert {into} by {}.", by.shown()),
            Self::Took { from } => format!("Alert {from} was merged into this one."),
            Self::Commented { by, .. } => format!("Comment by {}.", by.shown()),
            Self::Notified { user, by, outcome, .. } => format!(
                "{} by {by}: {}.",
                user.as_ref().map_or_else(|| "Channel".to_owned(), ToString::to_string),
                outcome.word()
            ),
            Self::Action { action, by, ok: None, .. } => format!("Action {action} started by {}.", by.shown()),
            Self::Action { action, ok: Some(ok), .. } => {
                format!("Action {action} {}.", if *ok { "done" } else { "failed" })
            }
            Self::WaitsForCustomer { by } => {
                format!("The customer is waited for, says {}: the contract's clocks stand still.", by.shown())
            }
            Self::CustomerAnswered { by } => format!("The customer is not waited for any more, says {}.", by.shown()),
            Self::Began(began) => format!("The fault began at {} (from: {}).", when(&began.at), began.origin.word()),
            Self::Promised { sla, revision, promise, said, share, due_at } => {
                let due = due_at.as_ref().map_or_else(|| "not while the customer is waited for".to_owned(), when);
                promised(&format!("SLA {sla}, revision {revision}"), *promise, *said, *share, &due)
            }
        }
    }
}

fn promised(by: &str, promise: Promise, said: PromiseWord, share: u32, due: &str) -> String {
    let promise = promise.word();
    match said {
        PromiseWord::Runs => format!("The {promise} is promised by {by}; due: {due}."),
        PromiseWord::Changed => format!("The {promise} by {by} has another target now; due: {due}."),
        PromiseWord::Warned => format!("{share} % of the time for the {promise} by {by} has passed; due: {due}."),
        PromiseWord::Breached => format!("The {promise} by {by} is overdue: it was due at {due}."),
        PromiseWord::Kept => format!("The {promise} by {by} was kept, after {share} % of its time."),
        PromiseWord::Late => {
            format!("The {promise} by {by} came late, after {share} % of its time; it was due at {due}.")
        }
        PromiseWord::Void => format!("The {promise} by {by} counts no more."),
    }
}

fn recovered(title: &str, left: u32, still: &[String]) -> String {
    let fire = if left == 1 { "1 other still fires" } else { &format!("{left} others still fire") };
    let unnamed = usize::try_from(left).unwrap_or(usize::MAX).saturating_sub(still.len());
    let named = match (still.is_empty(), unnamed) {
        (true, _) => String::new(),
        (false, 0) => format!(": {}", still.join(", ")),
        (false, more) => format!(": {} and {more} more", still.join(", ")),
    };
    format!("Over: {}; {fire}{named}.", title.trim_end_matches('.'))
}
