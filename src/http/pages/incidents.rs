//! `/incidents`: the list; one with its services, roles, tasks, texts for customers and timeline; buttons as plain forms.

use std::collections::HashMap;

use askama::Template;
use axum::extract::{Form, Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use hotline_core::directory::{Directory, Language};
use hotline_core::ids::{ServiceId, UpdateId, UserId};
use hotline_core::incident::{Affected, Command, Draft, Impact, Incident, Kind, Origin, Phase, Severity};
use hotline_core::private::Private;
use uuid::Uuid;

use super::views::{Frame, When};
use super::{Shared, Visitor, error, html, show_problem};
use crate::http::AppState;
use crate::http::api::incidents::sight::{self, Sight};
use crate::http::api::incidents::types::{
    IncidentDetail, IncidentLine, IncidentMessage, IncidentSummary, PreviewField,
};
use crate::http::api::incidents::{NewIncident, is_tag, opened, page as listed, preview_of, refused};
use crate::http::auth::{Right, Viewer};
use crate::http::params::Params;
use crate::http::problem::Problem;
use crate::switch::incidents as switch;

type Fields = Form<HashMap<String, String>>;

#[derive(Template)]
#[template(path = "incidents.html")]
struct ListPage {
    frame: Frame,
    incidents: Vec<IncidentSummary>,
    open_only: bool,
    older: Option<String>,
    handles: bool,
    services: Vec<(String, String)>,
    severities: [&'static str; 4],
}

#[derive(Template)]
#[template(path = "incident.html")]
#[expect(clippy::struct_excessive_bools, reason = "what the page shows: each is a question of its own in the template")]
struct Page {
    frame: Frame,
    incident: IncidentDetail,
    /// Sees all of it.
    whole: bool,
    handles: bool,
    publishes: bool,
    needs_review: bool,
    people: Vec<(String, String)>,
    /// Every service that the viewer can name, its id, name and impact now (or nothing).
    services: Vec<(String, String, String)>,
    impacts: [&'static str; 5],
    severities: [&'static str; 4],
    phases: Vec<&'static str>,
    /// The words of the template for the phase that was asked for, or the incident's.
    prepared: Prepared,
    preview: Option<(String, PreviewField)>,
    timeline: Vec<IncidentLine>,
    messages: Vec<IncidentMessage>,
}

/// What stands in the form for a new update.
struct Prepared {
    phase: String,
    title: String,
    text: String,
    others: Vec<Others>,
}

/// The same in another language.
struct Others {
    tag: String,
    title: String,
    text: String,
}

/// How bad, as a colour of the badges that alerts have.
fn badge(severity: &str) -> &'static str {
    match severity {
        "critical" => "P1",
        "major" => "P2",
        "minor" => "P3",
        _ => "P4",
    }
}

pub fn words(word: &str) -> String {
    word.replace('_', " ")
}

impl ListPage {
    fn badge(severity: &str) -> &'static str {
        badge(severity)
    }
    fn words(word: &str) -> String {
        words(word)
    }
    fn ago(at: &str) -> When {
        When::relative(at)
    }
}

impl Page {
    fn badge(severity: &str) -> &'static str {
        badge(severity)
    }
    fn words(word: &str) -> String {
        words(word)
    }
    fn full(at: &str) -> When {
        When::full(at)
    }
    fn due(at: &str) -> When {
        When::due(at)
    }
    /// Mood of an update's state.
    fn mood(state: &str) -> &'static str {
        match state {
            "published" | "delivered" => "good",
            "review" | "waiting" | "sending" => "warn",
            "failed" => "bad",
            _ => "calm",
        }
    }
    fn origin(word: &str) -> &'static str {
        Origin::from_word(word).unwrap_or(Origin::Person).whose()
    }
    /// As it stands in "by …".
    fn way(channel: &str) -> &str {
        match channel {
            "email" => "e-mail",
            "sms" => "SMS",
            "call" => "telephone",
            other => other,
        }
    }
    /// The customers that are meant by these ids.
    fn names(&self, ids: &[String]) -> String {
        let name = |id: &String| {
            let known = self.incident.customers.iter().find(|customer| customer.id == *id);
            known.map_or_else(|| id.clone(), |customer| customer.name.clone())
        };
        ids.iter().map(name).collect::<Vec<_>>().join(", ")
    }
    fn known_roles(&self) -> Vec<(&'static str, Option<String>)> {
        ["lead", "communication", "scribe"]
            .map(|role| {
                let has = self.incident.roles.iter().find(|known| known.role == role);
                (role, has.map(|known| known.user.id.clone()))
            })
            .into()
    }
}

pub async fn list(Visitor(viewer): Visitor, State(state): Shared, mut params: Params) -> Response {
    let open_only = params.take("all").ok().flatten().is_none();
    if open_only {
        params.or("open", || "true".to_owned());
    }
    match listed(&state, &viewer, &mut params).await {
        Ok(found) => html(&ListPage {
            frame: Frame::of(&state, &viewer, "incidents"),
            incidents: found.items,
            open_only,
            older: found.next_cursor,
            handles: viewer.may(Right::HandleAlerts),
            services: services(&state, &viewer),
            severities: Severity::ALL.map(Severity::word),
        }),
        Err(problem) => show_problem(&state, &problem),
    }
}

pub async fn show(
    Visitor(viewer): Visitor,
    State(state): Shared,
    Path(id): Path<String>,
    mut params: Params,
) -> Response {
    let asked = (params.take("phase").ok().flatten(), params.take("preview").ok().flatten());
    match page(&state, &viewer, &id, asked).await {
        Ok(page) => html(&page),
        Err(problem) => show_problem(&state, &problem),
    }
}

async fn page(
    state: &AppState,
    viewer: &Viewer,
    id: &str,
    (phase, look_at): (Option<String>, Option<String>),
) -> Result<Page, Problem> {
    let (incident, sight) = sight::look(state, viewer, id).await?;
    let directory = state.board().directory();
    let detail = IncidentDetail::of(&incident, &sight, &directory).ok_or_else(|| Problem::not_found("incident"))?;
    let whole = sight == Sight::Whole;
    let by = sight::by(viewer);
    let phase = phase.as_deref().and_then(Phase::from_word).filter(|phase| phase.is_of(incident.kind));
    let phase = phase.unwrap_or(incident.phase);
    let prepared = state.board().prepared_update(&incident, phase, crate::clock::now().wall).filter(|_| whole);
    let preview = match look_at.filter(|_| whole).and_then(|id| id.parse::<UpdateId>().ok()) {
        Some(update) => Some((update.to_string(), preview_of(state, &incident, update, None)?)),
        None => None,
    };
    let (timeline, messages) = if whole {
        let rows = state.records().incident_timeline(incident.id).await?;
        let told = state.records().incident_messages(incident.id).await?;
        let lines: Vec<_> = rows.into_iter().rev().map(IncidentLine::from).collect();
        (lines, told.into_iter().map(IncidentMessage::from).collect())
    } else {
        (Vec::new(), Vec::new())
    };
    let affected = |id: &str| {
        let known = incident.affected.iter().find(|affected| affected.service.0 == id);
        known.map(|affected| affected.impact.word().to_owned()).unwrap_or_default()
    };
    Ok(Page {
        frame: Frame::of(state, viewer, "incidents"),
        handles: whole && viewer.may(Right::HandleAlerts),
        publishes: whole && by.may_publish(&incident, &directory.incident_rules),
        needs_review: directory.incident_rules.review.contains(&incident.severity),
        people: people(&directory),
        services: services(state, viewer).into_iter().map(|(id, name)| (id.clone(), name, affected(&id))).collect(),
        impacts: Impact::ALL.map(Impact::word),
        severities: Severity::ALL.map(Severity::word),
        phases: Phase::ALL.into_iter().filter(|phase| phase.is_of(incident.kind)).map(Phase::word).collect(),
        prepared: prepared_for(&incident, phase, prepared),
        incident: detail,
        whole,
        preview,
        timeline,
        messages,
    })
}

/// The latest incidents: id, what people call them. For forms that ask for one.
pub async fn of_late(state: &AppState, viewer: &Viewer) -> Result<Vec<(String, String)>, Problem> {
    let found = listed(state, viewer, &mut Params::default()).await?;
    let named = |one: IncidentSummary| (one.id, format!("{} {}", one.reference, one.title));
    Ok(found.items.into_iter().map(named).collect())
}

/// What stands in the form: the templates' words; the titles that customers know, if they know one.
fn prepared_for(incident: &Incident, phase: Phase, prepared: Option<switch::Prepared>) -> Prepared {
    let (title, titles, text, texts) = match prepared {
        Some(switch::Prepared { title, titles, draft }) => (title, titles, draft.text, draft.translations),
        None => (None, Vec::new(), String::new(), Vec::new()),
    };
    let (title, titles) = match &incident.public_title {
        Some(known) => (known.clone(), incident.public_titles.clone()),
        None => (title.unwrap_or_default(), titles),
    };
    let mut tags: Vec<&Language> = titles.iter().chain(&texts).map(|(language, _)| language).collect();
    tags.sort_unstable();
    tags.dedup();
    let of = |all: &[(Language, String)], wanted: &Language| {
        all.iter().find(|(language, _)| language == wanted).map(|(_, words)| words.clone()).unwrap_or_default()
    };
    let other = |tag: &Language| Others { tag: tag.0.clone(), title: of(&titles, tag), text: of(&texts, tag) };
    let others = tags.into_iter().map(other).collect();
    Prepared { phase: phase.word().to_owned(), title, text, others }
}

/// The form's fields `KIND:LANGUAGE` that say something.
fn in_languages(kind: &str, fields: &HashMap<String, String>) -> Vec<(Language, String)> {
    let other = |(name, words): (&String, &String)| {
        let tag = name.strip_prefix(kind)?.strip_prefix(':').filter(|tag| is_tag(tag))?;
        Some((Language(tag.to_owned()), words.trim().to_owned())).filter(|(_, words)| !words.is_empty())
    };
    let mut all: Vec<(Language, String)> = fields.iter().filter_map(other).collect();
    all.sort_unstable();
    all
}

fn services(state: &AppState, viewer: &Viewer) -> Vec<(String, String)> {
    let directory = state.board().directory();
    let theirs = |owner: Option<&str>| viewer.sees(owner);
    directory
        .services
        .values()
        .filter(|service| theirs(service.customer.as_ref().map(|id| id.0.as_str())))
        .map(|service| (service.id.0.clone(), service.name.clone()))
        .collect()
}

fn people(directory: &Directory) -> Vec<(String, String)> {
    directory.users.values().map(|user| (user.id.0.clone(), user.name.clone())).collect()
}

/// `POST /incidents`: by hand, or from an alert's page.
pub async fn open(Visitor(viewer): Visitor, State(state): Shared, Form(fields): Fields) -> Response {
    let field = |name: &str| fields.get(name).map(|text| text.trim().to_owned()).filter(|text| !text.is_empty());
    let severity = field("severity");
    let impact = severity.as_deref().and_then(Severity::from_word).unwrap_or(Severity::Major).impact();
    let affected = field("service")
        .map(|service| vec![crate::http::api::incidents::AffectedField { service, impact: impact.word().to_owned() }]);
    let said = NewIncident {
        title: field("title"),
        severity,
        affected,
        alerts: field("alert").map(|alert| vec![alert]),
        ..NewIncident::default()
    };
    match opened(&state, &viewer, &said).await {
        Ok(incident) => Redirect::to(&format!("/incidents/{}", incident.id)).into_response(),
        Err(problem) => show_problem(&state, &problem),
    }
}

/// The buttons of an incident: the word stands in the path.
pub async fn act(
    Visitor(viewer): Visitor,
    State(state): Shared,
    Path((id, deed)): Path<(String, String)>,
    Form(fields): Fields,
) -> Response {
    let incident = match sight::handle(&state, &viewer, &id).await {
        Ok(incident) => incident,
        Err(problem) => return show_problem(&state, &problem),
    };
    let back = format!("/incidents/{}", incident.id);
    let words = match commands(&incident, &viewer, &state, &deed, &fields) {
        Ok(Some(words)) => words,
        Ok(None) => return error(&state, StatusCode::NOT_FOUND, "There is nothing here", "There is no such button."),
        Err(problem) => return show_problem(&state, &problem),
    };
    let drafted = words.iter().rev().find_map(|word| if let Command::Draft(id, _) = word { Some(*id) } else { None });
    match state.board().incident_commands(incident.id, words, sight::by(&viewer), None).await {
        // A draft is looked at with everything that its publishing leads to.
        Ok(_) => match drafted {
            Some(update) => Redirect::to(&format!("{back}?preview={update}#updates")).into_response(),
            None => Redirect::to(&back).into_response(),
        },
        Err(error) => show_problem(&state, &refused(&error)),
    }
}

/// What a button means; `Ok(None)`: there is no such button.
fn commands(
    incident: &Incident,
    viewer: &Viewer,
    state: &AppState,
    deed: &str,
    fields: &HashMap<String, String>,
) -> Result<Option<Vec<Command>>, Problem> {
    let field = |name: &str| fields.get(name).map(|text| text.trim()).filter(|text| !text.is_empty());
    let update =
        || field("update").and_then(|id| id.parse::<UpdateId>().ok()).ok_or_else(|| Problem::not_found("update"));
    let number = || field("number").and_then(|number| number.parse().ok()).ok_or_else(|| Problem::not_found("task"));
    Ok(Some(match deed {
        "comment" => vec![Command::Comment(Private::from(field("text").unwrap_or_default()))],
        "describe" => vec![Command::Describe {
            title: field("title").map(str::to_owned),
            public_title: field("public_title").map(str::to_owned),
            severity: field("severity").and_then(Severity::from_word),
        }],
        "services" => vec![Command::Affect(affected(incident, viewer, state, fields))],
        "role" => {
            vec![Command::Role(field("role").unwrap_or_default().to_owned(), field("user").map(UserId::from))]
        }
        "task" => {
            vec![Command::AddTask(field("text").unwrap_or_default().to_owned(), field("owner").map(UserId::from))]
        }
        "tick" => vec![Command::TickTask(number()?, true)],
        "untick" => vec![Command::TickTask(number()?, false)],
        "draft" => {
            let phase = field("phase").and_then(Phase::from_word).unwrap_or(incident.phase);
            let draft = Draft {
                phase,
                text: field("text").unwrap_or_default().to_owned(),
                translations: in_languages("text", fields),
                customers: Vec::new(),
            };
            let title = field("public_title").filter(|title| incident.public_title.as_deref() != Some(*title));
            let titles = in_languages("title", fields);
            let mut known = incident.public_titles.clone();
            known.sort_unstable();
            // Another title has lost the others; else they are said again only where they change.
            let other = match title {
                Some(_) => !titles.is_empty(),
                None => fields.keys().any(|name| name.starts_with("title:")) && titles != known,
            };
            let mut words = Vec::new();
            words.extend(title.map(|title| Command::Describe {
                title: None,
                public_title: Some(title.to_owned()),
                severity: None,
            }));
            if other {
                words.push(Command::Titles(titles));
            }
            words.push(Command::Draft(UpdateId(Uuid::now_v7()), draft));
            words
        }
        "submit" => vec![Command::Submit(update()?)],
        "publish" => vec![Command::Publish(update()?, None)],
        "withdraw" => vec![Command::Withdraw(update()?)],
        "phase" => vec![Command::Phase(
            field("phase").and_then(Phase::from_word).ok_or_else(|| Problem::invalid("phase", "Choose a phase."))?,
        )],
        "reopen" => vec![Command::Reopen],
        _ => return Ok(None),
    }))
}

/// As the form's fields `impact:SERVICE` say; services that the viewer does not see stay as they are.
fn affected(incident: &Incident, viewer: &Viewer, state: &AppState, fields: &HashMap<String, String>) -> Vec<Affected> {
    let named: Vec<(String, String)> = services(state, viewer);
    let seen = |id: &ServiceId| named.iter().any(|(known, _)| *known == id.0);
    let mut all: Vec<Affected> =
        incident.affected.iter().filter(|affected| !seen(&affected.service)).cloned().collect();
    for (id, _) in &named {
        if let Some(impact) = fields.get(&format!("impact:{id}")).and_then(|word| Impact::from_word(word)) {
            all.push(Affected { service: ServiceId(id.clone()), impact });
        }
    }
    all
}

/// Planned work has other words than a fault.
impl Page {
    fn is_fault(&self) -> bool {
        self.incident.summary.kind == Kind::Fault.word()
    }
}
