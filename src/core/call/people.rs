//! Whom a `connect` node means: schedules, policies, teams and single people become phones to be called, some
//! at once and some one after the other.

use std::collections::BTreeSet;

use jiff::Timestamp;

use crate::directory::{Destination, Directory, Language};
use crate::escalation::{Step, Target};
use crate::ids::{PolicyId, ScheduleId, TeamId, UserId};
use crate::oncall::{OnCall, OnCallPerson, on_call};

use super::flow::ConnectTarget;

/// Somebody to call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Callee {
    /// Who; `None`: a telephone that belongs to nobody here.
    pub person: Option<UserId>,
    /// Where, in the order to try.
    pub phones: Vec<Destination>,
    /// Language that the hotline speaks to this person.
    pub language: Language,
    /// Why this person, one sentence.
    pub why: String,
}

/// Whom to call now: one group after the other, the people of a group at once. Nobody stands in it twice.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Callees {
    /// First choice first.
    pub groups: Vec<Vec<Callee>>,
    /// Why these, or why nobody.
    pub why: String,
}

impl From<OnCall> for Callees {
    /// Those on duty at once, then the others one after the other.
    fn from(found: OnCall) -> Self {
        let one = |person: OnCallPerson| Callee {
            person: Some(person.user),
            phones: person.phones,
            language: person.language,
            why: person.why,
        };
        let (duty, others): (Vec<_>, Vec<_>) = found.people.into_iter().partition(|person| person.duty);
        let duty: Vec<Callee> = duty.into_iter().map(one).collect();
        let groups = std::iter::once(duty).chain(others.into_iter().map(|person| vec![one(person)]));
        Self { groups: groups.filter(|group| !group.is_empty()).collect(), why: found.why }
    }
}

/// Whom `target` means at this moment.
pub fn callees(target: &ConnectTarget, directory: &Directory, at: Timestamp) -> Callees {
    match target {
        ConnectTarget::Schedule(schedule) => by_schedule(schedule, directory, at),
        ConnectTarget::Policy(policy) => by_policy(policy, directory, at),
        ConnectTarget::Team(team) => by_team(team, directory),
        ConnectTarget::User(user) => Callees {
            groups: vec![vec![person(directory, user, "named by the flow".to_owned())]],
            why: format!("{user} is named by the flow"),
        },
        ConnectTarget::Fixed(destination) => Callees {
            groups: vec![vec![fixed(destination, directory, "named by the flow")]],
            why: "a fixed address is named by the flow".to_owned(),
        },
    }
}

fn by_schedule(id: &ScheduleId, directory: &Directory, at: Timestamp) -> Callees {
    directory.schedules.get(id).map_or_else(
        || Callees { groups: Vec::new(), why: format!("schedule {id} is not configured any more") },
        |schedule| Callees::from(on_call(schedule, directory, at)),
    )
}

fn by_team(id: &TeamId, directory: &Directory) -> Callees {
    let Some(team) = directory.teams.get(id) else {
        return Callees { groups: Vec::new(), why: format!("team {id} is not configured any more") };
    };
    let member = |user: &UserId| vec![person(directory, user, format!("of team `{id}`"))];
    let why = if team.members.is_empty() { format!("team {id} has no members") } else { format!("the team {id}") };
    once_each(team.members.iter().map(member).collect(), why)
}

/// The people of a policy's steps in order; those of one step at once. Of a schedule only who is on call by it,
/// as in the escalation of an alert.
fn by_policy(id: &PolicyId, directory: &Directory, at: Timestamp) -> Callees {
    let Some(policy) = directory.policies.get(id) else {
        return Callees { groups: Vec::new(), why: format!("policy {id} is not configured any more") };
    };
    let groups = policy.steps.iter().enumerate().map(|(place, step)| of_step(place + 1, step, id, directory, at));
    let found = once_each(groups.collect(), format!("the steps of policy {id}"));
    if found.groups.is_empty() {
        return Callees { why: format!("policy {id} reaches nobody by telephone now"), ..found };
    }
    found
}

fn of_step(place: usize, step: &Step, id: &PolicyId, directory: &Directory, at: Timestamp) -> Vec<Callee> {
    let why = |what: &str| format!("step {place} of policy `{id}`{what}");
    let mut group = Vec::new();
    for target in &step.targets {
        match target {
            Target::Schedule(schedule) => {
                let on_duty = by_schedule(schedule, directory, at).groups.into_iter().next().unwrap_or_default();
                group.extend(on_duty.into_iter().map(|who| Callee { why: why(&format!(": {}", who.why)), ..who }));
            }
            Target::User(user) => group.push(person(directory, user, why(""))),
            Target::Team(team) => {
                let members = directory.teams.get(team).map(|team| team.members.as_slice()).unwrap_or_default();
                group.extend(members.iter().map(|user| person(directory, user, why(&format!(", team {team}")))));
            }
            Target::Number(destination) => group.push(fixed(destination, directory, &why(""))),
            // Nobody is there to talk to.
            Target::Channel(_) => {}
        }
    }
    group
}

fn once_each(groups: Vec<Vec<Callee>>, why: String) -> Callees {
    let mut known = BTreeSet::new();
    let first = |callee: &Callee| callee.person.as_ref().is_none_or(|user| known.insert(user.clone()));
    let mut first = first;
    let groups = groups
        .into_iter()
        .map(|group| group.into_iter().filter(&mut first).collect::<Vec<_>>())
        .filter(|group| !group.is_empty())
        .collect();
    Callees { groups, why }
}

fn person(directory: &Directory, user: &UserId, why: String) -> Callee {
    let known = directory.users.get(user);
    Callee {
        person: Some(user.clone()),
        phones: known.map(|known| known.phones.clone()).unwrap_or_default(),
        language: known.map(|known| known.language.clone()).unwrap_or_default(),
        why,
    }
}

/// A fixed place, and whose it is where the directory knows.
pub(super) fn fixed(destination: &Destination, directory: &Directory, why: &str) -> Callee {
    let owner = match destination {
        Destination::Phone(phone) => directory.phones.get(phone).and_then(|phone| phone.user.clone()),
        Destination::Number { .. } | Destination::Sip(_) => {
            directory.users.values().find(|user| user.phones.contains(destination)).map(|user| user.id.clone())
        }
    };
    let language = owner.as_ref().and_then(|user| directory.users.get(user)).map(|user| user.language.clone());
    Callee {
        person: owner,
        phones: vec![destination.clone()],
        language: language.unwrap_or_default(),
        why: why.to_owned(),
    }
}
