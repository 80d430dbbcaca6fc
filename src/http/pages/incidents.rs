//! `/incidents`: the list; one with its services, roles, tasks, promises, runbooks, texts for customers and timeline. The buttons are
//! [`super::incident_deeds`].

use std::collections::{BTreeMap, HashMap};

use askama::Template;
use axum::extract::{Form, Path, State};
use axum::response::{IntoResponse, Redirect, Response};
use hotline_core::directory::{Directory, Language};
use hotline_core::ids::UpdateId;
use hotline_core::incident::{Impact, Incident, Kind, Origin, Phase, Severity};
use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::alert::ClockView;
use super::deeds::{local, zone_of};
use super::views::{Frame, When};
use super::{Shared, Visitor, html, show_problem};
use crate::http::AppState;
use crate::http::api::incidents::sight::{self, Sight};
use crate::http::api::incidents::types::{
    IncidentDetail, IncidentLine, IncidentMessage, IncidentSummary, PreviewField, TaskField, UpdateField,
};
use crate::http::api::incidents::waiting::{IncidentPromises, promises};
use crate::http::api::incidents::{NewIncident, opened, page as listed, preview_of};
use crate::http::api::runbooks::OfAlert;
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
    /// May plan work.
    plans: bool,
    /// In which zone the forms' times are meant.
    zone: String,
}

#[derive(Template)]
#[template(path = "incident.html")]
#[expect(clippy::struct_excessive_bools, reason = "what the page shows: each is a question of its own in the template")]
struct Page {
    /// What the forms are about, so that nobody changes what they have not seen.
    version: i64,
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
    /// Every customer that the viewer can name: its id, its name, whether it is named in the incident.
    customers: Vec<(String, String, bool)>,
    /// What was promised, customer by customer.
    promises: Vec<CustomerView>,
    runbooks: Vec<OfAlert>,
    /// May plan work.
    plans: bool,
    /// In which zone the forms' times are meant.
    zone: String,
    /// The beginning, the plan's beginning and end as the forms' fields hold them; empty: none.
    local: [String; 3],
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

/// The promises to a customer.
struct CustomerView {
    id: String,
    name: String,
    waiting: Option<When>,
    /// A clock still runs, so the customer can be waited for.
    runs: bool,
    clocks: Vec<ClockView>,
}

impl From<IncidentPromises> for CustomerView {
    fn from(promises: IncidentPromises) -> Self {
        Self {
            waiting: promises.waiting_since.as_deref().map(When::full),
            runs: promises.clocks.iter().any(|clock| matches!(clock.state, "running" | "paused" | "breached")),
            clocks: promises.clocks.iter().map(|clock| ClockView::of(clock, "They hear of it")).collect(),
            id: promises.customer.id,
            name: promises.customer.name,
        }
    }
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
    /// The title that a draft goes out with.
    fn heading(&self, update: &UpdateField) -> String {
        update.public_title.clone().unwrap_or_else(|| self.prepared.title.clone())
    }
    /// A draft in other languages: those that it has, and those that are missing.
    fn languages(&self, update: &UpdateField) -> Vec<Others> {
        let mut tags: Vec<&String> = update.translations.keys().chain(update.public_titles.keys()).collect();
        tags.extend(self.prepared.others.iter().map(|other| &other.tag));
        tags.sort_unstable();
        tags.dedup();
        let words = |all: &BTreeMap<String, String>, tag: &String| all.get(tag).cloned().unwrap_or_default();
        let other = |tag: &String| Others {
            tag: tag.clone(),
            title: words(&update.public_titles, tag),
            text: words(&update.translations, tag),
        };
        tags.into_iter().map(other).collect()
    }
    fn owns(task: &TaskField, user: &str) -> bool {
        task.owner.as_ref().is_some_and(|owner| owner.id == user)
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
            plans: viewer.may(Right::Plan),
            zone: zone_name(&zone_of(&viewer, &state.board().directory())),
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
    let zone = zone_of(viewer, &directory);
    let promises = promises(state, &incident, &sight).await?;
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
    let named = |id: &str| incident.customers.iter().any(|customer| customer.0 == id);
    let handles = whole && viewer.may(Right::HandleAlerts);
    let field = |at: Option<Timestamp>| at.map(|at| local_field(at, &zone)).unwrap_or_default();
    let runbooks = if handles { super::knowledge::of_incident(state, viewer, &incident).await } else { Vec::new() };
    Ok(Page {
        frame: Frame::of(state, viewer, "incidents"),
        customers: customers(state, viewer).into_iter().map(|(id, name)| (id.clone(), name, named(&id))).collect(),
        promises: promises.into_iter().map(CustomerView::from).collect(),
        runbooks,
        plans: viewer.may(Right::Plan),
        zone: zone_name(&zone),
        local: [
            field(incident.began.as_ref().map(|began| began.at)),
            field(incident.scheduled.map(|(from, _)| from)),
            field(incident.scheduled.map(|(_, until)| until)),
        ],
        handles,
        publishes: whole && by.may_publish(&incident, &directory.incident_rules),
        needs_review: incident.needs_review(&directory.incident_rules),
        people: people(&directory),
        services: services(state, viewer).into_iter().map(|(id, name)| (id.clone(), name, affected(&id))).collect(),
        impacts: Impact::ALL.map(Impact::word),
        severities: Severity::ALL.map(Severity::word),
        phases: Phase::ALL.into_iter().filter(|phase| phase.is_of(incident.kind)).map(Phase::word).collect(),
        prepared: prepared_for(&incident, phase, prepared, &directory),
        version: incident.version,
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

/// What stands in the form: the templates' words; the titles that customers know, if they know one. A language that a customer has
/// and that nothing is prepared in stands there empty: whoever writes in English sees that another is missing.
fn prepared_for(
    incident: &Incident,
    phase: Phase,
    prepared: Option<switch::Prepared>,
    directory: &Directory,
) -> Prepared {
    let (title, titles, text, texts) = match prepared {
        Some(switch::Prepared { title, titles, draft }) => (title, titles, draft.text, draft.translations),
        None => (None, Vec::new(), String::new(), Vec::new()),
    };
    let (title, titles) = match &incident.public_title {
        Some(known) => (known.clone(), incident.public_titles.clone()),
        None => (title.unwrap_or_default(), titles),
    };
    let touched = incident.touched(directory);
    let customers = touched.iter().filter_map(|id| directory.customers.get(id));
    let theirs = customers.filter_map(|customer| customer.language.as_ref()).filter(|language| language.0 != "en");
    let mut tags: Vec<&Language> = titles.iter().chain(&texts).map(|(language, _)| language).chain(theirs).collect();
    tags.sort_unstable();
    tags.dedup();
    let of = |all: &[(Language, String)], wanted: &Language| {
        all.iter().find(|(language, _)| language == wanted).map(|(_, words)| words.clone()).unwrap_or_default()
    };
    let other = |tag: &Language| Others { tag: tag.0.clone(), title: of(&titles, tag), text: of(&texts, tag) };
    let others = tags.into_iter().map(other).collect();
    Prepared { phase: phase.word().to_owned(), title, text, others }
}

/// A moment as a field for date and time holds it.
fn local_field(at: Timestamp, zone: &TimeZone) -> String {
    zone.to_datetime(at).strftime("%Y-%m-%dT%H:%M").to_string()
}

fn zone_name(zone: &TimeZone) -> String {
    zone.iana_name().unwrap_or("UTC").to_owned()
}

/// The customers that the viewer sees.
pub(super) fn customers(state: &AppState, viewer: &Viewer) -> Vec<(String, String)> {
    let directory = state.board().directory();
    let seen = directory.customers.values().filter(|customer| viewer.sees(Some(&customer.id.0)));
    seen.map(|customer| (customer.id.0.clone(), customer.name.clone())).collect()
}

pub(super) fn services(state: &AppState, viewer: &Viewer) -> Vec<(String, String)> {
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

/// `POST /incidents`: by hand, from an alert's page, or planned work.
pub async fn open(Visitor(viewer): Visitor, State(state): Shared, Form(fields): Fields) -> Response {
    let said = match new_incident(&state, &viewer, &fields) {
        Ok(said) => said,
        Err(problem) => return show_problem(&state, &problem),
    };
    match opened(&state, &viewer, &said).await {
        Ok(incident) => Redirect::to(&format!("/incidents/{}", incident.id)).into_response(),
        Err(problem) => show_problem(&state, &problem),
    }
}

fn new_incident(state: &AppState, viewer: &Viewer, fields: &HashMap<String, String>) -> Result<NewIncident, Problem> {
    let field = |name: &str| fields.get(name).map(|text| text.trim().to_owned()).filter(|text| !text.is_empty());
    let planned = field("kind").as_deref() == Some(Kind::Maintenance.word());
    let severity = field("severity");
    let impact = severity.as_deref().and_then(Severity::from_word).unwrap_or(Severity::Major).impact();
    let impact = if planned { Impact::UnderMaintenance } else { impact };
    let affected = field("service")
        .map(|service| vec![crate::http::api::incidents::AffectedField { service, impact: impact.word().to_owned() }]);
    let zone = zone_of(viewer, &state.board().directory());
    let at = |name: &str| {
        let at = field(name).and_then(|text| local(&text, &zone)).map(|at| at.to_string());
        at.map(Some).ok_or_else(|| Problem::invalid(name, "Write when the work begins and ends: a date and a time."))
    };
    Ok(NewIncident {
        kind: planned.then(|| Kind::Maintenance.word().to_owned()),
        title: field("title"),
        public_title: field("public_title"),
        severity,
        affected,
        alerts: field("alert").map(|alert| vec![alert]),
        scheduled_from: if planned { at("from")? } else { None },
        scheduled_until: if planned { at("until")? } else { None },
        by_itself: planned.then(|| field("by_itself").is_some()),
        ..NewIncident::default()
    })
}

/// Planned work has other words than a fault.
impl Page {
    fn is_fault(&self) -> bool {
        self.incident.summary.kind == Kind::Fault.word()
    }
}
