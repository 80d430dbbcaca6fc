//! What people do to an alert.

use jiff::{SignedDuration, Timestamp};

use super::urgency::urgency;
use super::{Alert, Change, Status};
use crate::directory::Directory;
use crate::fact::{Actor, Fact, Priority};
use crate::ids::{AlertId, UserId};
use crate::incident::{Began, Origin, is_better};
use crate::private::Private;

/// A person's word.
#[derive(Debug, Clone, PartialEq)]
pub enum Command {
    /// "I have it."
    Acknowledge,
    /// "It is over."
    Resolve,
    /// "I can't keep it": nobody has it, escalation begins anew with those behind me.
    HandBack,
    /// "The next step, now."
    Escalate,
    /// "You take it."
    Assign(UserId),
    /// "Quiet until then."
    Snooze(Timestamp),
    /// "This is the same as that one."
    Merge(AlertId),
    /// "Remember this."
    Comment(Private<String>),
    /// "It began then": a person's word overrules what is known, a caller's counts where nothing is.
    Began(Began),
    /// Another priority or title.
    Describe {
        /// New priority.
        priority: Option<Priority>,
        /// New title.
        title: Option<String>,
    },
}

/// Why a command is not carried out; each a stable word for the API and a sentence that says what to do.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// It is over.
    #[error("the alert is resolved; open a new one if the fault is back")]
    Resolved,
    /// The person is not in the directory.
    #[error("`{0}` is no user here; see /api/v1/users")]
    UnknownUser(UserId),
    /// In the past, or more than 31 days away.
    #[error("`until` must lie between now and 31 days from now")]
    Snooze,
    /// Into itself, or into a resolved one.
    #[error("an alert can be merged only into another open alert")]
    Merge,
    /// Nobody has it.
    #[error("nobody has the alert, so it can't be handed back")]
    NotTaken,
    /// Empty or too long.
    #[error("a comment has 1 to 4,000 characters")]
    Comment,
    /// After it was known here, or too far back.
    #[error("a fault begins before it is known here, and not more than a year before")]
    Began,
}

/// What a comment may have at most, characters.
const COMMENT_MAX: usize = 4_000;
/// What a title may have at most, characters.
const TITLE_MAX: usize = 300;
/// Longest snooze.
const SNOOZE_MAX: SignedDuration = SignedDuration::from_hours(31 * 24);
/// A beginning further back is a slip of the pen.
const BEGAN_MAX: SignedDuration = SignedDuration::from_hours(366 * 24);

/// Facts in order, each with its why.
pub type Facts = Vec<(Fact, String)>;

/// What the word leads to, in order, each with its `why`; empty: it is so already (acknowledging an acknowledged
/// alert is fine, and so is every word said twice). What follows for its escalation says [`crate::escalation::settle`].
///
/// - Acknowledged, handed back, assigned and snoozed alerts are never in two of these states: to snooze or to give away an
///   acknowledged alert makes it triggered first, so that it comes back to people when its time has come.
/// - To escalate an acknowledged alert takes it from who has it: the next step is for those who do not.
/// - [`Command::Merge`] says here only what becomes of `alert`; [`merge`] says both sides.
pub fn carry_out(
    alert: &Alert,
    command: &Command,
    by: &Actor,
    directory: &Directory,
    now: Timestamp,
) -> Result<Facts, Refusal> {
    if alert.status == Status::Resolved {
        return when_resolved(alert, command, by);
    }
    Ok(match command {
        Command::Acknowledge => acknowledge(alert, by),
        Command::Resolve => {
            vec![(Fact::AlertResolved { by: by.clone() }, format!("{} says it is over", by.shown()))]
        }
        Command::HandBack => match alert.status {
            Status::Acknowledged => {
                vec![taken_from(by, "can't keep it: those behind are asked next")]
            }
            Status::Triggered | Status::Resolved => return Err(Refusal::NotTaken),
        },
        Command::Escalate => escalate(alert, by, now),
        Command::Assign(to) => assign(alert, to, by, directory)?,
        Command::Snooze(until) => snooze(alert, *until, by, now)?,
        Command::Merge(into) if *into == alert.id => return Err(Refusal::Merge),
        Command::Merge(into) => merged(*into, by),
        Command::Comment(text) => comment(text, by)?,
        Command::Began(known) => began(alert, known, by)?,
        Command::Describe { priority, title } => describe(alert, *priority, title.as_deref(), by, directory, now),
    })
}

/// What merging `from` into `into` leads to, on either side. Done already: nothing.
pub fn merge(from: &Alert, into: &Alert, by: &Actor) -> Result<(Facts, Facts), Refusal> {
    if from.merged_into == Some(into.id) {
        return Ok((Vec::new(), Vec::new()));
    }
    match (from.status, into.status) {
        (Status::Resolved, _) => Err(Refusal::Resolved),
        (_, Status::Resolved) => Err(Refusal::Merge),
        (Status::Triggered | Status::Acknowledged, Status::Triggered | Status::Acknowledged) => {
            if from.id == into.id {
                return Err(Refusal::Merge);
            }
            let took = Fact::Alert(Change::Took { from: from.id });
            let why = format!("{} says alert {} is the same", by.shown(), from.reference);
            Ok((merged(into.id, by), vec![(took, why)]))
        }
    }
}

/// What is fine to say again, or still, about an alert that is over.
fn when_resolved(alert: &Alert, command: &Command, by: &Actor) -> Result<Facts, Refusal> {
    match command {
        Command::Resolve => Ok(Vec::new()),
        Command::Merge(into) if alert.merged_into == Some(*into) => Ok(Vec::new()),
        Command::Comment(text) => comment(text, by),
        // What a caller said is often understood, and looked up, when all is over.
        Command::Began(known) => began(alert, known, by),
        Command::Acknowledge
        | Command::HandBack
        | Command::Escalate
        | Command::Assign(_)
        | Command::Snooze(_)
        | Command::Merge(_)
        | Command::Describe { .. } => Err(Refusal::Resolved),
    }
}

fn acknowledge(alert: &Alert, by: &Actor) -> Facts {
    if alert.status == Status::Acknowledged {
        return Vec::new();
    }
    let mut facts = woken(alert, by);
    facts.push((Fact::AlertAcknowledged { by: by.clone() }, format!("{} has it: nobody else is asked", by.shown())));
    facts
}

fn escalate(alert: &Alert, by: &Actor, now: Timestamp) -> Facts {
    let begun = alert.progress.round > 0;
    let pending = alert.is_wanted() && begun && alert.progress.due.is_some_and(|due| due <= now);
    if pending {
        // Said twice, or the step is due anyway: one step, not two.
        return Vec::new();
    }
    let mut facts = woken(alert, by);
    if alert.status == Status::Acknowledged {
        facts.push(taken_from(by, "wants the next step to take it"));
    }
    let now_please = Fact::Alert(Change::EscalateNow { by: by.clone() });
    facts.push((now_please, format!("{} wants the next step now", by.shown())));
    facts
}

fn assign(alert: &Alert, to: &UserId, by: &Actor, directory: &Directory) -> Result<Facts, Refusal> {
    if !directory.users.contains_key(to) {
        return Err(Refusal::UnknownUser(to.clone()));
    }
    if *by == Actor::Person(to.clone()) {
        // Whoever gives it to themselves has it.
        return Ok(acknowledge(alert, by));
    }
    if alert.assigned.as_ref() == Some(to) && alert.snoozed_until.is_none() {
        return Ok(Vec::new());
    }
    let mut facts = woken(alert, by);
    if alert.status == Status::Acknowledged {
        facts.push(taken_from(by, &format!("gives it to {to}, who must acknowledge it")));
    }
    let assigned = Fact::Alert(Change::Assigned { to: to.clone(), by: by.clone() });
    facts.push((assigned, format!("{} gives it to {to}, who is told by their own rules", by.shown())));
    Ok(facts)
}

fn snooze(alert: &Alert, until: Timestamp, by: &Actor, now: Timestamp) -> Result<Facts, Refusal> {
    if until <= now || now.duration_until(until) > SNOOZE_MAX {
        return Err(Refusal::Snooze);
    }
    if alert.snoozed_until == Some(until) && alert.status == Status::Triggered {
        return Ok(Vec::new());
    }
    let mut facts = Facts::new();
    if alert.status == Status::Acknowledged {
        facts.push(taken_from(by, "puts it off: people are told again when the snooze is over"));
    }
    let snoozed = Fact::Alert(Change::Snoozed { until, by: by.clone() });
    facts.push((snoozed, format!("{} wants quiet until then; the escalation goes on afterwards", by.shown())));
    Ok(facts)
}

fn merged(into: AlertId, by: &Actor) -> Facts {
    let why = format!("{} says it is the same as alert {into}", by.shown());
    vec![
        (Fact::Alert(Change::Merged { into, by: by.clone() }), why.clone()),
        (Fact::AlertResolved { by: by.clone() }, why),
    ]
}

fn comment(text: &Private<String>, by: &Actor) -> Result<Facts, Refusal> {
    let text = text.reveal().trim();
    if text.is_empty() || text.chars().count() > COMMENT_MAX {
        return Err(Refusal::Comment);
    }
    let said = Change::Commented { by: by.clone(), text: Private::from(text) };
    Ok(vec![(Fact::Alert(said), String::new())])
}

fn began(alert: &Alert, known: &Began, by: &Actor) -> Result<Facts, Refusal> {
    if known.at > alert.opened_at || alert.opened_at.duration_since(known.at) > BEGAN_MAX {
        return Err(Refusal::Began);
    }
    if !is_better(known, alert.began.as_ref()) {
        return Ok(Vec::new());
    }
    let why = match known.origin {
        Origin::Payload => "the monitoring tool says so".to_owned(),
        Origin::Caller => "understood from the caller's answer to \"since when?\"".to_owned(),
        Origin::Person => format!("{} says so", by.shown()),
    };
    Ok(vec![(Fact::Alert(Change::Began(known.clone())), why)])
}

fn describe(
    alert: &Alert,
    priority: Option<Priority>,
    title: Option<&str>,
    by: &Actor,
    directory: &Directory,
    now: Timestamp,
) -> Facts {
    let title: Option<String> = title
        .map(|title| title.trim().chars().take(TITLE_MAX).collect())
        .filter(|title: &String| !title.is_empty() && *title != alert.title);
    let priority = priority.filter(|priority| *priority != alert.priority);
    if title.is_none() && priority.is_none() {
        return Vec::new();
    }
    let mut facts = vec![(Fact::AlertUpdated { title, priority }, format!("changed by {}", by.shown()))];
    if let Some(priority) = priority {
        let (loud, _, why) = urgency(priority, alert.customer.as_ref(), alert.service.as_ref(), directory, now);
        if loud != alert.urgency {
            let why = format!("{} made it {}: {why}", by.shown(), priority.word());
            facts.push((Fact::Alert(Change::Urgency { urgency: loud }), why));
        }
    }
    facts
}

/// Nobody has it any more.
fn taken_from(by: &Actor, reason: &str) -> (Fact, String) {
    (Fact::Alert(Change::Unacknowledged { by: by.clone() }), format!("{} {reason}", by.shown()))
}

/// The end of a snooze that somebody's word brings.
fn woken(alert: &Alert, by: &Actor) -> Facts {
    let why = || format!("{} did something about it before the snooze was over", by.shown());
    alert.snoozed_until.map(|_| (Fact::Alert(Change::Woke), why())).into_iter().collect()
}
