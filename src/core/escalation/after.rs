//! How the escalation goes on after something was decided or said about the alert.

use jiff::Timestamp;

use super::choose::policy_of;
use super::targets::{At, Telling};
use super::walk::unacknowledged_at;
use super::{ASSIGNED_WAIT, Progress, Reach, later};
use crate::alert::{Alert, Change, Status, Urgency};
use crate::directory::Directory;
use crate::fact::{Actor, Fact};
use crate::ids::UserId;
use crate::notify::Planned;

/// How the escalation goes on after facts that were just decided about the alert (acknowledged: stops, or waits for the
/// un-acknowledge time; handed back, escalate: due now, behind the step that was last; snoozed: at its end; opened: due now).
/// `alert` is its state with those facts applied.
pub fn after(alert: &Alert, fact: &Fact, directory: &Directory, now: Timestamp) -> Progress {
    let same = alert.progress;
    match fact {
        Fact::AlertOpened { .. } | Fact::AlertUpdated { .. } | Fact::CallEnded { .. } | Fact::AlertRings { .. } => {
            Progress { look: Some(now), ..same }
        }
        Fact::AlertAcknowledged { by: _ } => {
            let look = unacknowledged_at(alert, directory).map(|(at, _)| at);
            Progress { due: None, look, ..same }
        }
        Fact::AlertResolved { by: _ } => Progress { due: None, look: None, ..same },
        Fact::Alert(change) => after_change(alert, change, directory, now),
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
        | Fact::LegQuality { .. }
        | Fact::RecordingStarted { .. }
        | Fact::RecordingEnded { .. }
        | Fact::RecordingRefused { .. }
        | Fact::AnswersConfirmed
        | Fact::Transcribed { .. }
        | Fact::TranscriptFailed { .. } => same,
    }
}

fn after_change(alert: &Alert, change: &Change, directory: &Directory, now: Timestamp) -> Progress {
    let same = alert.progress;
    match change {
        Change::Received { .. } | Change::Routed { .. } | Change::Urgency { urgency: Urgency::Low } => {
            Progress { look: Some(now), ..same }
        }
        Change::Urgency { urgency: Urgency::High } | Change::Unacknowledged { by: Actor::System } => anew(same, now),
        Change::Unacknowledged { by: Actor::Person(_) | Actor::Login(_) | Actor::Token(_) }
        | Change::EscalateNow { by: _ }
        | Change::Woke => on(alert, directory, now),
        Change::Snoozed { until, by: _ } => Progress { due: None, look: Some(*until), ..same },
        Change::Assigned { .. } => {
            let wait = last_wait(alert, directory).max(ASSIGNED_WAIT);
            let due = Some(later(now, wait));
            // The rounds may be at their end: whom it is given to is asked, then all anew.
            let from = if is_exhausted(alert, directory) {
                anew(same, now)
            } else {
                Progress { cycle: same.cycle + 1, ..same }
            };
            // Looked at once all the same: it may have become loud while somebody had it.
            Progress { due, look: Some(now), ..from }
        }
        Change::Merged { .. } => Progress { due: None, look: None, ..same },
        Change::Joined { .. }
        | Change::Recovered { .. }
        | Change::CallJoined { .. }
        | Change::Stepped { .. }
        | Change::NobodyReached { .. }
        | Change::Exhausted
        | Change::Took { .. }
        | Change::Commented { .. }
        | Change::Notified { .. }
        | Change::Action { .. }
        | Change::Began(_)
        | Change::WaitsForCustomer { by: _ }
        | Change::CustomerAnswered { by: _ }
        | Change::Promised { .. } => same,
    }
}

/// What decided facts come to: the alert with them, how it escalates, who is told, what need not be sent any more.
#[derive(Debug, Clone, PartialEq)]
pub struct Settled {
    /// The alert as it is then.
    pub alert: Alert,
    /// The facts, with what follows at once (nobody of whom it was given to can be reached).
    pub facts: Vec<(Fact, String)>,
    /// To be sent now.
    pub notify: Vec<Planned>,
    /// What waits to be sent about it is not needed any more.
    pub cancel: bool,
}

/// Applies facts that were just decided, one after the other, and says how the escalation goes on
/// (`Settled::alert.progress`). A person to whom it was given is told.
pub fn settle(
    alert: &Alert,
    facts: Vec<(Fact, String)>,
    directory: &Directory,
    reach: Reach<'_>,
    now: Timestamp,
) -> Settled {
    let mut settled = Settled { alert: alert.clone(), facts: Vec::new(), notify: Vec::new(), cancel: false };
    for (fact, why) in facts {
        settled.alert.apply(&fact, now);
        settled.alert.progress = after(&settled.alert, &fact, directory, now);
        let given = if let Fact::Alert(Change::Assigned { to, by: _ }) = &fact { Some(to.clone()) } else { None };
        settled.facts.push((fact, why));
        if let Some(to) = given {
            tell(&mut settled, &to, directory, reach, now);
        }
        settled.cancel |= !settled.alert.is_wanted();
    }
    settled
}

fn tell(settled: &mut Settled, to: &UserId, directory: &Directory, reach: Reach<'_>, now: Timestamp) {
    let at = At { round: settled.alert.progress.round, step: 0, by: "assigned", now };
    let told = Telling::new(&settled.alert, directory, reach, at).assigned(to);
    if told.planned.is_empty() {
        // Nobody waits for somebody who can't be told.
        let why = format!("given by hand: {}; the next step is taken at once", told.misses.join("; "));
        settled.facts.push((Fact::Alert(Change::NobodyReached { step: settled.alert.progress.step }), why));
        settled.alert.progress.due = Some(now);
        settled.alert.progress.look = Some(now);
    }
    settled.notify.extend(told.planned);
}

/// From the first step, in a new cycle.
pub(super) fn anew(progress: Progress, now: Timestamp) -> Progress {
    Progress { cycle: progress.cycle.saturating_add(1), round: 0, step: 0, due: Some(now), look: Some(now) }
}

/// The next step now; where none follows, from the first.
pub(super) fn on(alert: &Alert, directory: &Directory, now: Timestamp) -> Progress {
    if alert.status == Status::Triggered && is_exhausted(alert, directory) {
        return anew(alert.progress, now);
    }
    Progress { due: Some(now), look: Some(now), ..alert.progress }
}

/// No step follows by the policy.
fn is_exhausted(alert: &Alert, directory: &Directory) -> bool {
    let Some(policy) = policy_of(alert, directory) else { return false };
    let Progress { round, step, .. } = alert.progress;
    let rounds = super::route::rounds(policy);
    round > rounds || (round == rounds && usize::try_from(step).is_ok_and(|step| step >= policy.steps.len()))
}

/// How long the step that was last gives people.
fn last_wait(alert: &Alert, directory: &Directory) -> std::time::Duration {
    let last = usize::try_from(alert.progress.step).ok().and_then(|step| step.checked_sub(1));
    let step = policy_of(alert, directory).and_then(|policy| policy.steps.get(last?));
    step.map(|step| step.wait).unwrap_or_default()
}
