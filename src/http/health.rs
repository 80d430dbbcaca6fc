//! `/healthz`, `/readyz`, `/metrics`: for load balancers and monitoring, without a login; no private data.

use axum::Json;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use utoipa::ToSchema;

use super::{AppState, problem::Problem};
use crate::switch::Health;

/// That the process answers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[schema(example = json!({"status": "alive", "version": "0.1.0"}))]
pub struct Alive {
    /// Always `alive`.
    pub status: String,
    /// Version of the program.
    pub version: String,
}

/// How the service is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[schema(example = json!({
    "ready": true, "status": "degraded", "calls": 3,
    "problems": [{"code": "database", "detail": "The database can't be written: database is locked. Calls go on and nothing is lost; …"}],
    "journal": {"fault": null, "undrained": 42, "lost": 0}, "database": {"fault": "database is locked"},
    "transcripts": {"waiting": 2, "off": null}
}))]
pub struct Readiness {
    /// It takes calls. False goes with status 503.
    pub ready: bool,
    /// `ok`, `degraded` (takes calls, but something wants attention), `not-ready`.
    pub status: String,
    /// Calls running now.
    pub calls: usize,
    /// What is wrong, each with the remedy.
    pub problems: Vec<Trouble>,
    /// The local journal.
    pub journal: JournalState,
    /// The database behind it.
    pub database: DatabaseState,
    /// Transcripts.
    pub transcripts: TranscriptState,
}

/// Something that is wrong.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Trouble {
    /// `takes-no-calls`, `disk`, `database`, `lost`, `transcripts`, `warning`.
    pub code: String,
    /// What is wrong and what to do.
    pub detail: String,
}

/// The local journal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct JournalState {
    /// Why it can't be written at the moment.
    pub fault: Option<String>,
    /// Entries not yet in the database.
    pub undrained: u64,
    /// Entries lost because neither disk nor memory could hold them.
    pub lost: u64,
}

/// The database.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct DatabaseState {
    /// Why it can't be written at the moment.
    pub fault: Option<String>,
}

/// Transcripts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct TranscriptState {
    /// Recordings that wait for theirs.
    pub waiting: u64,
    /// Why none are made, and what to do.
    pub off: Option<String>,
}

impl From<Health> for Readiness {
    fn from(health: Health) -> Self {
        let problems = troubles(&health);
        let status = match (health.takes_calls, problems.is_empty()) {
            (false, _) => "not-ready",
            (true, false) => "degraded",
            (true, true) => "ok",
        };
        Self {
            ready: health.takes_calls,
            status: status.to_owned(),
            calls: health.calls,
            problems,
            journal: JournalState {
                fault: health.store.journal_fault,
                undrained: health.store.undrained,
                lost: health.store.lost,
            },
            database: DatabaseState { fault: health.store.database_fault },
            transcripts: TranscriptState { waiting: health.transcripts_waiting, off: health.transcripts_off },
        }
    }
}

/// What is wrong, worst first, each told once.
pub fn troubles(health: &Health) -> Vec<Trouble> {
    let mut troubles = Vec::new();
    let mut tell = |code: &str, detail: String| troubles.push(Trouble { code: code.to_owned(), detail });
    let store = &health.store;
    if !health.takes_calls {
        tell("takes-no-calls", "No new calls are taken: the service is starting or ending, or its telephone ports are not up. If this stays, see the log or run: hotline doctor.".to_owned());
    }
    if store.lost > 0 {
        let entries = if store.lost == 1 { "1 entry was".to_owned() } else { format!("{} entries were", store.lost) };
        tell(
            "lost",
            format!(
                "{entries} lost: neither disk nor memory could hold more. Make room in the data folder, then go through the calls of that time with the callers' numbers from your carrier."
            ),
        );
    }
    if let Some(why) = &store.journal_fault {
        tell(
            "disk",
            format!(
                "What happens can't be written to disk: {why}. Callers still reach a person; voicemail and reports are kept in memory for now. Make room in the data folder, or check its rights."
            ),
        );
    }
    if let Some(why) = &store.database_fault {
        let kept = store.undrained;
        tell(
            "database",
            format!(
                "The database can't be written: {why}. Calls go on and nothing is lost ({kept} entries wait in the journal), but lists may be behind. Check that its disk has room and that no other program holds it."
            ),
        );
    }
    if let Some(why) = &health.transcripts_off {
        tell("transcripts", format!("No transcripts are made: {why}. Recordings are kept and can be listened to."));
    }
    let said = |warning: &str| {
        [&store.journal_fault, &store.database_fault, &health.transcripts_off]
            .into_iter()
            .flatten()
            .any(|fault| !fault.is_empty() && warning.contains(fault.as_str()))
    };
    for warning in health.warnings.iter().filter(|warning| !said(warning)) {
        tell("warning", warning.clone());
    }
    troubles
}

/// The process answers.
#[utoipa::path(get, path = "/healthz", tag = "service", responses((status = 200, description = "Alive", body = Alive)))]
pub async fn healthz(State(state): State<AppState>) -> Json<Alive> {
    Json(Alive { status: "alive".to_owned(), version: state.settings().version.clone() })
}

/// Whether calls should be sent here, and what is wrong.
#[utoipa::path(
    get, path = "/readyz", tag = "service",
    responses(
        (status = 200, description = "Takes calls; `problems` may still name what wants attention", body = Readiness),
        (status = 503, description = "Takes no calls; `problems` says why and what to do", body = Readiness),
    )
)]
pub async fn readyz(State(state): State<AppState>) -> Response {
    let readiness = Readiness::from(state.board().health());
    let status = if readiness.ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (status, Json(readiness)).into_response()
}

/// Counters and gauges in Prometheus' text format.
#[utoipa::path(
    get, path = "/metrics", tag = "service",
    responses((status = 200, description = "Prometheus text format 0.0.4", body = String, content_type = "text/plain"))
)]
pub async fn metrics(State(state): State<AppState>) -> Result<Response, Problem> {
    let text = state.0.metrics.render(&state).await;
    Ok(([(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], text).into_response())
}
