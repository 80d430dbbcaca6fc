//! What is due by the clock: somebody is reminded of the next update, then warned; planned work begins and ends by itself. Any node
//! may look: the incident's row says what was done.

use hotline_core::directory::Directory;
use hotline_core::escalation::{EscalationPolicy, Target};
use hotline_core::ids::{IncidentId, UserId};
use hotline_core::incident::{By, Incident, clock};
use jiff::{SignedDuration, Timestamp};

use super::super::Switch;
use super::{IncidentError, tell, verdict, with_setting};
use crate::clock::now;
use crate::store::incidents::{IncidentVerdict, Telling};

/// Looks at least so often: the database may know more than memory does.
const AT_LEAST: SignedDuration = SignedDuration::from_secs(30);

impl Switch {
    /// Resolves when an incident changed since the last look.
    pub async fn incidents_changed(&self) {
        self.0.incidents.poke.notified().await;
    }

    /// Does what is due; when to look again.
    pub async fn watch_incidents(&self) -> Timestamp {
        let at = now().wall;
        let percent = self.directory().incident_rules.remind_at_percent;
        let mut next = at.checked_add(AT_LEAST).unwrap_or(at);
        for incident in self.open_incidents() {
            if let Some(due) = clock::due(&incident, percent, at)
                && let Err(error) = self.remind(incident.id, due).await
            {
                tracing::warn!(incident = %incident.reference, %error, "nobody could be reminded of the next update; tried again");
            }
            if clock::planned_phase(&incident, at).is_some()
                && let Err(error) = self.go_on_with_plan(incident.id).await
            {
                tracing::warn!(incident = %incident.reference, %error, "planned work can't go on by itself; tried again");
            }
            let plan = incident.scheduled.filter(|_| incident.by_itself).map(|(from, until)| [from, until]);
            let plan = plan.into_iter().flatten().filter(|moment| *moment > at);
            let looks = clock::next_look(&incident, percent).filter(|moment| *moment > at).into_iter().chain(plan);
            next = looks.fold(next, Timestamp::min);
        }
        next
    }

    async fn remind(&self, id: IncidentId, what: clock::Due) -> Result<(), IncidentError> {
        let at = now().wall;
        let directory = self.directory();
        let percent = directory.incident_rules.remind_at_percent;
        let decide = |incident: &Incident| -> Result<Option<IncidentVerdict>, hotline_core::incident::Refusal> {
            // Another node may have been faster, or somebody has published meanwhile.
            if clock::due(incident, percent, at) != Some(what) {
                return Ok(None);
            }
            let deed = with_setting(&directory, at, |setting| clock::told(incident, what, setting));
            let mut verdict = verdict(Some(incident), deed, &By::SYSTEM, &directory, at);
            verdict.tell.extend(reminders(incident, what, &directory, at));
            Ok(Some(verdict))
        };
        let incident = self.0.store.change_incident(id, at, decide).await?.ok_or(IncidentError::Unknown)??;
        self.told_of(&incident);
        Ok(())
    }
}

/// To whom a reminder goes: who has the role, else who is on call for what is affected.
fn reminders(incident: &Incident, what: clock::Due, directory: &Directory, at: Timestamp) -> Vec<Telling> {
    let Some(due) = incident.update_due else { return Vec::new() };
    let warn = what == clock::Due::Warn;
    let (people, why) = match tell::responsible(incident) {
        Some((role, user)) => (vec![user.clone()], format!("they have the role {role} of {}", incident.reference)),
        None => (
            on_call(incident, directory, at),
            format!("they are on call, and nobody has a role in {}", incident.reference),
        ),
    };
    let key = format!("due-{}-{}", due.as_millisecond(), if warn { "warn" } else { "remind" });
    let mut told = Vec::new();
    for user in people.iter().filter_map(|user| directory.users.get(user)) {
        let german = user.language.0.starts_with("de");
        let minutes = due.duration_since(at).as_mins().unsigned_abs();
        let text = match (warn, german) {
            (false, false) => {
                format!(
                    "{}: the next update to customers is due in {minutes} minutes: {}",
                    incident.reference, incident.title
                )
            }
            (false, true) => format!(
                "{}: In {minutes} Minuten ist die nächste Nachricht an Kunden fällig: {}",
                incident.reference, incident.title
            ),
            (true, false) => {
                format!("{}: the next update to customers is overdue: {}", incident.reference, incident.title)
            }
            (true, true) => {
                format!("{}: Die nächste Nachricht an Kunden ist überfällig: {}", incident.reference, incident.title)
            }
        };
        told.extend(tell::to_person(incident, user, warn, &text, &why, &key, at));
    }
    told
}

/// The first people that a policy of what is affected would tell.
pub(super) fn on_call(incident: &Incident, directory: &Directory, at: Timestamp) -> Vec<UserId> {
    let services = incident.affected.iter().filter_map(|affected| directory.services.get(&affected.service));
    let by_service = services.filter_map(|service| service.policy.as_ref());
    let touched = incident.touched(directory);
    let customers = touched.iter().filter_map(|customer| directory.customers.get(customer));
    let by_customer = customers.filter_map(|customer| customer.policy.as_ref());
    let policies = by_service.chain(by_customer).chain(directory.default_policy.as_ref());
    for policy in policies.filter_map(|policy| directory.policies.get(policy)) {
        let people = first_of(policy, directory, at);
        if !people.is_empty() {
            return people;
        }
    }
    // An installation without policies: whoever is on call at all.
    let mut schedules = directory.schedules.values();
    schedules
        .find_map(|schedule| {
            let now = hotline_core::oncall::on_call(schedule, directory, at);
            now.people.first().map(|person| vec![person.user.clone()])
        })
        .unwrap_or_default()
}

fn first_of(policy: &EscalationPolicy, directory: &Directory, at: Timestamp) -> Vec<UserId> {
    for target in policy.steps.iter().flat_map(|step| &step.targets) {
        let people: Vec<UserId> = match target {
            Target::Schedule(schedule) => directory
                .schedules
                .get(schedule)
                .map(|schedule| hotline_core::oncall::on_call(schedule, directory, at).people)
                .unwrap_or_default()
                .into_iter()
                .take(1)
                .map(|person| person.user)
                .collect(),
            Target::User(user) => vec![user.clone()],
            Target::Team(team) => {
                directory.teams.get(team).map(|team| team.members.iter().take(1).cloned().collect()).unwrap_or_default()
            }
            Target::Channel(_) | Target::Number(_) => Vec::new(),
        };
        if !people.is_empty() {
            return people;
        }
    }
    Vec::new()
}
