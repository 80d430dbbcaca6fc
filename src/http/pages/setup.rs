//! `/setup`: how the installation is set up, to read: people, teams, policies, services, sources. Without addresses and keys.

use std::time::Duration;

use askama::Template;
use axum::extract::State;
use axum::response::Response;
use hotline_core::directory::Directory;
use hotline_core::escalation::{EscalationPolicy, Step, Target};

use super::views::Frame;
use super::views::alert::{policy, service};
use super::{Shared, Visitor, html, show_problem};
use crate::http::auth::{Right, Viewer};

#[derive(Template)]
#[template(path = "setup.html")]
struct Page {
    frame: Frame,
    policies: Vec<PolicyView>,
    customers: Vec<Row>,
    services: Vec<Row>,
    people: Vec<Row>,
    teams: Vec<Row>,
    sources: Vec<Row>,
    heartbeats: Vec<Row>,
}

/// A line: what it is, and facts about it.
struct Row {
    id: String,
    name: String,
    facts: Vec<String>,
}

struct PolicyView {
    name: String,
    default: bool,
    steps: Vec<(String, String)>,
    end: String,
}

pub async fn show(Visitor(viewer): Visitor, State(state): Shared) -> Response {
    if let Err(problem) = viewer.require(Right::SeeDirectory) {
        return show_problem(&state, &problem);
    }
    let directory = state.board().directory();
    html(&Page {
        frame: Frame::of(&state, &viewer, "setup"),
        policies: directory.policies.values().map(|one| policy_view(one, &directory)).collect(),
        customers: customers(&viewer, &directory),
        services: services(&viewer, &directory),
        people: people(&directory),
        teams: teams(&directory),
        sources: sources(&viewer, &directory),
        heartbeats: heartbeats(&viewer, &directory),
    })
}

fn policy_view(policy: &EscalationPolicy, directory: &Directory) -> PolicyView {
    let steps = policy.steps.iter().map(|step| (targets(step, directory), conditions(step))).collect();
    let again = match policy.repeat {
        0 => "After the last step nobody else is told.".to_owned(),
        1 => "Then all steps once more.".to_owned(),
        more => format!("Then all steps {more} more times."),
    };
    let end = match policy.unacknowledge_after {
        Some(after) => {
            format!("{again} An alert that somebody has for {} and that is still open begins anew.", length(after))
        }
        None => again,
    };
    PolicyView { name: policy.name.clone(), default: directory.default_policy.as_ref() == Some(&policy.id), steps, end }
}

fn targets(step: &Step, directory: &Directory) -> String {
    let name = |target: &Target| match target {
        Target::Schedule(id) => {
            let name = directory.schedules.get(id).map_or(id.0.as_str(), |schedule| &schedule.name);
            format!("whoever is on call by {name}")
        }
        Target::User(id) => directory.name_of(id).to_owned(),
        Target::Team(id) => {
            format!("everybody of {}", directory.teams.get(id).map_or(id.0.as_str(), |team| &team.name))
        }
        Target::Channel(id) => directory.channels.get(id).map_or(&id.0, |channel| &channel.name).clone(),
        Target::Number(_) => "a telephone outside".to_owned(),
    };
    if step.targets.is_empty() {
        "nobody".to_owned()
    } else {
        step.targets.iter().map(name).collect::<Vec<_>>().join(", ")
    }
}

fn conditions(step: &Step) -> String {
    let mut words = vec![format!("{} until the next step", length(step.wait))];
    if !step.priorities.is_empty() {
        let list: Vec<&str> = step.priorities.iter().map(|priority| priority.word()).collect();
        words.push(format!("only {}", list.join(", ")));
    }
    if let Some(urgency) = step.urgency {
        words.push(format!("only {} urgency", urgency.word()));
    }
    words.join(" · ")
}

fn length(length: Duration) -> String {
    match length.as_secs() {
        seconds if seconds < 90 => format!("{seconds} s"),
        seconds if seconds < 5_400 || seconds % 3_600 != 0 => format!("{} min", seconds / 60),
        seconds if seconds < 172_800 => format!("{} h", seconds / 3_600),
        seconds => format!("{} days", seconds / 86_400),
    }
}

fn customers(viewer: &Viewer, directory: &Directory) -> Vec<Row> {
    let seen = directory.customers.values().filter(|customer| viewer.sees(Some(&customer.id.0)));
    seen.map(|customer| {
        let mut facts = Vec::new();
        facts.extend(customer.language.as_ref().map(|language| format!("language {}", language.0)));
        facts.extend(customer.support.as_ref().map(|calendar| format!("support hours {calendar}")));
        facts.extend(customer.policy.as_ref().map(|id| format!("policy {}", policy(directory, id))));
        facts.push(format!("kept for {} days", customer.retention_days));
        Row { id: customer.id.0.clone(), name: customer.name.clone(), facts }
    })
    .collect()
}

fn services(viewer: &Viewer, directory: &Directory) -> Vec<Row> {
    let seen = directory
        .services
        .values()
        .filter(|service| viewer.sees(service.customer.as_ref().map(|customer| customer.0.as_str())));
    seen.map(|service| {
        let mut facts = Vec::new();
        facts.push(match &service.customer {
            Some(id) => directory.customers.get(id).map_or(&id.0, |customer| &customer.name).clone(),
            None => "shared by all customers".to_owned(),
        });
        facts.extend(
            service.team.as_ref().map(|id| {
                format!("looked after by {}", directory.teams.get(id).map_or(id.0.as_str(), |team| &team.name))
            }),
        );
        facts.extend(service.policy.as_ref().map(|id| format!("policy {}", policy(directory, id))));
        facts.extend(service.support.as_ref().map(|calendar| format!("support hours {calendar}")));
        facts.extend(service.priority.map(|priority| format!("{} unless told otherwise", priority.word())));
        Row { id: service.id.0.clone(), name: service.name.clone(), facts }
    })
    .collect()
}

fn people(directory: &Directory) -> Vec<Row> {
    let row = |user: &hotline_core::directory::User| {
        let mut facts = Vec::new();
        if !user.skills.is_empty() {
            facts.push(user.skills.join(", "));
        }
        let kinds = if user.contacts.is_empty() { user.phones.len() } else { user.contacts.len() };
        facts.push(match kinds {
            0 => "can't be reached: no phone, no contact".to_owned(),
            1 => "1 way to reach them".to_owned(),
            some => format!("{some} ways to reach them"),
        });
        Row { id: user.id.0.clone(), name: user.name.clone(), facts }
    };
    directory.users.values().map(row).collect()
}

fn teams(directory: &Directory) -> Vec<Row> {
    let row = |team: &hotline_core::directory::Team| Row {
        id: team.id.0.clone(),
        name: team.name.clone(),
        facts: team.members.iter().map(|user| directory.name_of(user).to_owned()).collect(),
    };
    directory.teams.values().map(row).collect()
}

fn sources(viewer: &Viewer, directory: &Directory) -> Vec<Row> {
    let seen = directory
        .sources
        .values()
        .filter(|source| viewer.sees(source.customer.as_ref().map(|customer| customer.0.as_str())));
    seen.map(|source| {
        let mut facts = Vec::new();
        facts.extend(
            source.customer.as_ref().map(|id| directory.customers.get(id).map_or(&id.0, |one| &one.name).clone()),
        );
        facts.extend(source.service.as_ref().map(|id| service(directory, id)));
        facts.extend(source.policy.as_ref().map(|id| format!("policy {}", policy(directory, id))));
        Row { id: source.id.0.clone(), name: source.name.clone(), facts }
    })
    .collect()
}

fn heartbeats(viewer: &Viewer, directory: &Directory) -> Vec<Row> {
    let seen = directory
        .heartbeats
        .values()
        .filter(|heartbeat| viewer.sees(heartbeat.customer.as_ref().map(|customer| customer.0.as_str())));
    seen.map(|heartbeat| Row {
        id: heartbeat.id.0.clone(),
        name: heartbeat.name.clone(),
        facts: vec![format!("must ping every {}", length(heartbeat.every))],
    })
    .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_are_told_in_what_people_use() {
        let told = |seconds| length(Duration::from_secs(seconds));
        assert_eq!(
            (told(30), told(300), told(5_400), told(7_200)),
            ("30 s".into(), "5 min".into(), "90 min".into(), "2 h".into())
        );
        assert_eq!(told(172_800), "2 days");
    }
}
