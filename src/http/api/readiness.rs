//! `GET /reports/readiness`: what would fail if it happened tonight.

use std::collections::BTreeSet;

use axum::Json;
use axum::extract::State;
use hotline_core::directory::{Directory, Service};
use hotline_core::ids::{ServiceId, SlaId};
use hotline_core::report::{Known, Missing, readiness, stale_pages};
use hotline_core::runbook::{self, Document, Subject};
use serde::Serialize;
use utoipa::ToSchema;

use crate::http::auth::{Right, Viewer};
use crate::http::params::{Params, rfc3339};
use crate::http::problem::Problem;
use crate::http::{AppState, StatusDesk};

/// What is missing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[schema(example = json!({
    "at": "2026-11-22T03:00:00.000Z", "ready": false,
    "missing": [{"lack": "unsigned-sla", "object": "slas/gold", "what": "the latest revision of Gold is not signed; ask one of the customer's people"}]
}))]
pub struct Readiness {
    /// When it was looked at.
    #[schema(format = DateTime)]
    pub at: String,
    /// Nothing is missing.
    pub ready: bool,
    /// By kind.
    pub missing: Vec<MissingRow>,
}

/// Something that is missing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct MissingRow {
    /// `unsigned-sla`, `no-contract`, `gap`, `unverified-phone`, `unreachable`, `no-runbook`, `warning`, `stale-page`.
    pub lack: &'static str,
    /// Where: `slas/gold`, `schedules/on-call`, `users/ada`.
    pub object: String,
    /// In a sentence, with what to do.
    pub what: String,
}

/// What would fail if it happened tonight: contracts that are not signed, customers without one, gaps in rotas within two weeks, telephones
/// that nobody has proven, people on call without a contact, services without a runbook, status pages that tell too little or too late; and what the board warns of.
#[utoipa::path(
    get, path = "/api/v1/reports/readiness", tag = "slas", security(("token" = []), ("session" = [])),
    responses(
        (status = 200, description = "What is missing", body = Readiness),
        (status = 401, description = "Not logged in", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "The role or scope is not enough", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "The database is away", body = Problem, content_type = "application/problem+json"),
    )
)]
pub async fn report(viewer: Viewer, State(state): State<AppState>, params: Params) -> Result<Json<Readiness>, Problem> {
    params.done()?;
    let now = crate::clock::now().wall;
    let missing = missing(&state, &viewer).await?;
    let row = |one: Missing| MissingRow { lack: one.lack.word(), object: one.object, what: one.what };
    Ok(Json(Readiness {
        at: rfc3339(now.as_millisecond()),
        ready: missing.is_empty(),
        missing: missing.into_iter().map(row).collect(),
    }))
}

/// Used by the page too. It is about the whole house.
pub async fn missing(state: &AppState, viewer: &Viewer) -> Result<Vec<Missing>, Problem> {
    viewer.require(Right::SeeDirectory)?;
    if viewer.customers.is_some() {
        viewer.require(Right::Plan)?;
    }
    let (latest, signatures) = tokio::try_join!(state.records().latest_revisions(), state.records().signatures(None))?;
    let is_signed = |sla: &str, number: u32| {
        signatures.iter().any(|one| one.sla == sla && one.number == number && one.signed_at.is_some())
    };
    let signed: BTreeSet<SlaId> =
        latest.iter().filter(|row| is_signed(&row.sla, row.number)).map(|row| SlaId(row.sla.clone())).collect();
    let directory = state.board().directory();
    let now = crate::clock::now().wall;
    let library = state.board().library();
    // What the pages show now; before anything is known nothing is said about them.
    let shown = state.status_desk().ok().and_then(StatusDesk::snapshot);
    let warnings = state.board().health().warnings;
    let work = move || {
        let runbooks = library.map(|all| with_runbook(&all, &directory));
        let lagging = shown.map(|shown| stale_pages(&shown.directory, &shown.incidents, now));
        let known = Known {
            signed: Some(&signed),
            runbooks: runbooks.as_ref(),
            warnings: &warnings,
            stale_pages: lagging.as_deref(),
        };
        readiness(&directory, &known, now)
    };
    tokio::task::spawn_blocking(work)
        .await
        .map_err(|_| Problem::of_status(axum::http::StatusCode::INTERNAL_SERVER_ERROR))
}

/// The services of which a runbook is, by its rule: their own, their category's, or all of the customer's. What else the rule asks of
/// an alert (words of its title, its source) makes it no less theirs; words alone are nobody's.
fn with_runbook(all: &[(String, Document)], directory: &Directory) -> BTreeSet<ServiceId> {
    let has_one = |service: &&Service| {
        let subject = Subject {
            service: Some(&service.id),
            customer: service.customer.as_ref(),
            category: service.category.as_deref(),
            ..Subject::default()
        };
        let theirs = |document: &Document| {
            let rule = runbook::Rule { words: Vec::new(), sources: Vec::new(), ..document.rule.clone() };
            let own = document.customer.as_ref().is_none_or(|own| subject.customer == Some(own));
            // One that names the service is its, whatever else it asks of an alert.
            let named = document.rule.services.contains(&service.id);
            document.kind == runbook::Kind::Runbook && (named || (own && runbook::fits(&rule, &subject).is_some()))
        };
        all.iter().any(|(_, document)| theirs(document))
    };
    directory.services.values().filter(has_one).map(|service| service.id.clone()).collect()
}
