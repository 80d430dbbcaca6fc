//! `/runbooks`: runbooks and articles, searched, read, written, compared.

use std::collections::HashMap;

use askama::Template;
use axum::Router;
use axum::extract::{Form, Path, State};
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::{get, post};
use hotline_core::directory::Directory;
use hotline_core::ids::CustomerId;
use hotline_core::incident::Incident;
use hotline_core::paper::Block;
use hotline_core::runbook;

use super::views::{Frame, When};
use super::{Shared, Visitor, html, show_problem};
use crate::http::AppState;
use crate::http::api::runbooks::{
    Compared, OfAlert, RunbookSummary, RunbookText, compared, found, known, saved, started, ticked, ticked_on_incident,
};
use crate::http::auth::Viewer;
use crate::http::params::{Params, rfc3339};
use crate::http::problem::Problem;

/// What a new one begins with.
const EMPTY: &str = "---\nkind: runbook\ntitle: \nwords: \n---\n\n## Detection\n\n## Contacts\n\n## Recovery\n1. \n\n## Verification\n- \n";

/// The pages' routes.
pub fn router() -> Router<AppState> {
    Router::new()
        .route("/runbooks", get(list))
        .route("/runbooks/{id}", get(show))
        .route("/runbooks/{id}/edit", get(edit))
        .route("/runbooks/{id}/versions/{version}", get(version))
        .route("/alerts/{id}/runbooks/{runbook}/{step}/{deed}", post(step))
        .route("/incidents/{id}/runbooks/{runbook}/{step}/{deed}", post(incident_step))
}

/// Those with large bodies.
pub fn large_router() -> Router<AppState> {
    Router::new().route("/runbooks/{id}/save", post(save))
}

/// With the names of people and customers where the API has their ids.
fn summary(row: &crate::store::runbooks::RunbookRow, directory: &Directory) -> RunbookSummary {
    let mut summary = RunbookSummary::from(row);
    summary.owner = summary.owner.map(|id| directory.name_of(&id.as_str().into()).to_owned());
    summary.customer = summary.customer.map(|id| {
        let known = directory.customers.get(&CustomerId(id.clone()));
        known.map_or(id, |customer| customer.name.clone())
    });
    summary
}

#[derive(Template)]
#[template(path = "runbooks.html")]
struct ListPage {
    frame: Frame,
    rows: Vec<(RunbookSummary, When)>,
    q: String,
    kind: String,
    archived: bool,
    overdue: usize,
}

#[derive(Template)]
#[template(path = "runbook.html")]
struct OnePage {
    frame: Frame,
    about: RunbookSummary,
    saved: When,
    blocks: Vec<Block>,
    versions: Vec<(i64, When, String)>,
}

#[derive(Template)]
#[template(path = "runbook_edit.html")]
struct EditPage {
    frame: Frame,
    id: String,
    /// As it was last saved; the name where there is none.
    title: String,
    text: String,
    version: i64,
    faults: Vec<(String, String)>,
    problem: Option<String>,
}

#[derive(Template)]
#[template(path = "runbook_version.html")]
struct VersionPage {
    frame: Frame,
    id: String,
    compared: Compared,
    saved: When,
}

async fn list(Visitor(viewer): Visitor, State(state): Shared, params: Result<Params, Problem>) -> Response {
    let shown = async {
        let found = found(&state, &viewer, params?).await?;
        let directory = state.board().directory();
        let shown = |row| (summary(row, &directory), When::full(&rfc3339(row.updated_at)));
        let rows: Vec<(RunbookSummary, When)> = found.rows.iter().map(shown).collect();
        Ok(ListPage {
            frame: Frame::of(&state, &viewer, "knowledge"),
            overdue: rows.iter().filter(|(row, _)| row.overdue).count(),
            rows,
            q: found.q,
            kind: found.kind.unwrap_or_default(),
            archived: found.archived,
        })
    };
    match shown.await {
        Ok(page) => html(&page),
        Err(problem) => show_problem(&state, &problem),
    }
}

async fn show(Visitor(viewer): Visitor, State(state): Shared, Path(id): Path<String>) -> Response {
    let shown = async {
        let row = known(&state, &viewer, &id).await?;
        let store = state.records().store();
        let versions = match store {
            Some(store) => store.runbook_versions(&id).await?,
            None => Vec::new(),
        };
        let version = |row: &crate::store::runbooks::VersionRow| {
            (row.version, When::full(&rfc3339(row.saved_at)), row.saved_by.clone())
        };
        Ok::<_, Problem>(OnePage {
            frame: Frame::of(&state, &viewer, "knowledge"),
            about: summary(&row, &state.board().directory()),
            saved: When::full(&rfc3339(row.updated_at)),
            blocks: runbook::blocks(&row.body),
            versions: versions.iter().take(50).map(version).collect(),
        })
    };
    match shown.await {
        Ok(page) => html(&page),
        Err(problem) => show_problem(&state, &problem),
    }
}

/// The editor; `new` is the name of none.
async fn edit(Visitor(viewer): Visitor, State(state): Shared, Path(id): Path<String>) -> Response {
    let row = match known(&state, &viewer, &id).await {
        Ok(row) => Some(row),
        Err(problem) if problem.status == 404 && id == "new" => None,
        Err(problem) => return show_problem(&state, &problem),
    };
    html(&EditPage {
        frame: Frame::of(&state, &viewer, "knowledge"),
        id: row.as_ref().map(|row| row.id.clone()).unwrap_or_default(),
        title: row.as_ref().map(|row| row.title.clone()).unwrap_or_default(),
        version: row.as_ref().map_or(0, |row| row.version),
        text: row.map_or_else(|| EMPTY.to_owned(), |row| row.body),
        faults: Vec::new(),
        problem: None,
    })
}

/// Saves; with mistakes the editor again, with what was written.
async fn save(
    Visitor(viewer): Visitor,
    State(state): Shared,
    Path(id): Path<String>,
    Form(mut fields): Form<HashMap<String, String>>,
) -> Response {
    let name = fields.remove("id").map_or(id, |name| name.trim().to_owned());
    // Forms send CR LF.
    let text = fields.remove("text").unwrap_or_default().replace("\r\n", "\n");
    let version = fields.get("version").and_then(|version| version.parse().ok()).unwrap_or(0);
    match saved(&state, &viewer, &name, RunbookText { text: text.clone(), version: Some(version) }).await {
        Ok(_) => Redirect::to(&format!("/runbooks/{name}")).into_response(),
        Err(problem) if matches!(problem.status, 400 | 409) => {
            let status = problem.status();
            let faults = problem.errors.iter().map(|fault| {
                let line = fault.field.strip_prefix("text:").unwrap_or(&fault.field);
                (line.to_owned(), fault.detail.clone())
            });
            let page = EditPage {
                frame: Frame::of(&state, &viewer, "knowledge"),
                title: name.clone(),
                id: name,
                text,
                version,
                faults: faults.collect(),
                problem: Some(format!("{}: {}", problem.title, problem.detail)),
            };
            let mut response = html(&page);
            *response.status_mut() = status;
            response
        }
        Err(problem) => show_problem(&state, &problem),
    }
}

async fn version(Visitor(viewer): Visitor, State(state): Shared, Path((id, version)): Path<(String, i64)>) -> Response {
    match compared(&state, &viewer, &id, version, None).await {
        Ok(compared) => html(&VersionPage {
            frame: Frame::of(&state, &viewer, "knowledge"),
            saved: When::full(&rfc3339(compared.row.saved_at)),
            id,
            compared,
        }),
        Err(problem) => show_problem(&state, &problem),
    }
}

/// A step of an alert's runbook: done, not done, or its action started; then back to the alert.
async fn step(
    Visitor(viewer): Visitor,
    State(state): Shared,
    Path((alert, name, number, deed)): Path<(String, String, u32, String)>,
) -> Response {
    let done = match deed.as_str() {
        "done" => ticked(&state, &viewer, &alert, &name, number, true).await,
        "undone" => ticked(&state, &viewer, &alert, &name, number, false).await,
        "start" => started(&state, &viewer, &alert, &name, number).await.map(|_| ()),
        _ => Err(Problem::not_found("button")),
    };
    match done {
        Ok(()) => Redirect::to(&format!("/alerts/{}", super::escaped(&alert))).into_response(),
        Err(problem) => show_problem(&state, &problem),
    }
}

/// A step of an incident's runbook: done or not; then back to the incident.
async fn incident_step(
    Visitor(viewer): Visitor,
    State(state): Shared,
    Path((incident, name, number, deed)): Path<(String, String, u32, String)>,
) -> Response {
    let done = match deed.as_str() {
        "done" => ticked_on_incident(&state, &viewer, &incident, &name, number, true).await,
        "undone" => ticked_on_incident(&state, &viewer, &incident, &name, number, false).await,
        _ => Err(Problem::not_found("button")),
    };
    match done {
        Ok(()) => Redirect::to(&format!("/incidents/{}", super::escaped(&incident))).into_response(),
        Err(problem) => show_problem(&state, &problem),
    }
}

/// What belongs to an incident, for its page; nothing where the database can't say.
pub async fn of_incident(state: &AppState, viewer: &Viewer, incident: &Incident) -> Vec<OfAlert> {
    if state.records().store().is_none() || !viewer.may(crate::http::auth::Right::HandleAlerts) {
        return Vec::new();
    }
    crate::http::api::runbooks::of_incident(state, viewer, incident).await.unwrap_or_default()
}

/// What belongs to an alert, for its page; nothing where the database can't say.
pub async fn of_alert(state: &AppState, viewer: &Viewer, id: &str) -> Vec<OfAlert> {
    if state.records().store().is_none() || !viewer.may(crate::http::auth::Right::HandleAlerts) {
        return Vec::new();
    }
    let Ok(Some(row)) = state.records().alert(id).await else { return Vec::new() };
    crate::http::api::runbooks::of_alert(state, viewer, &row).await.unwrap_or_default()
}
