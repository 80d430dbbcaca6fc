//! `GET /alerts/export.csv`: the list as a table, however long it is.

use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use futures::stream;

use crate::http::AppState;
use crate::http::api::note_export;
use crate::http::auth::{Right, Viewer};
use crate::http::params::{LIMIT_MAX, Params, rfc3339};
use crate::http::problem::Problem;
use crate::store::read::{AlertFilter, AlertRow, Page};

const COLUMNS: [&str; 22] = [
    "id",
    "reference",
    "status",
    "priority",
    "urgency",
    "title",
    "customer",
    "service",
    "source",
    "number",
    "call",
    "caller",
    "opened_at",
    "began_at",
    "last_event_at",
    "events",
    "acknowledged_at",
    "acknowledged_by",
    "resolved_at",
    "resolved_by",
    "assigned",
    "link",
];

/// The alerts of a filter as CSV (RFC 4180, UTF-8, times UTC).
#[utoipa::path(
    get, path = "/api/v1/alerts/export.csv", tag = "alerts", security(("token" = []), ("session" = [])),
    params(
        ("status" = Option<String>, Query, description = "`triggered`, `acknowledged`, `resolved`, or `open`"),
        ("priority" = Option<String>, Query, description = "`P1` to `P5`"),
        ("urgency" = Option<String>, Query, description = "`high` or `low`"),
        ("customer" = Option<String>, Query, description = "Id of a customer"),
        ("service" = Option<String>, Query, description = "Id of a service"),
        ("source" = Option<String>, Query, description = "Id of an alert source"),
        ("assigned" = Option<String>, Query, description = "Id of the user it was given to"),
        ("q" = Option<String>, Query, description = "Words in the title, or the whole reference"),
        ("order" = Option<String>, Query, description = "`newest` or `urgency`"),
    ),
    responses(
        (status = 200, description = "The table", body = String, content_type = "text/csv"),
        (status = 400, description = "A parameter is not valid", body = Problem, content_type = "application/problem+json"),
        (status = 401, description = "Not logged in", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "The database is away", body = Problem, content_type = "application/problem+json"),
    )
)]
pub async fn export(viewer: Viewer, State(state): State<AppState>, mut params: Params) -> Result<Response, Problem> {
    let filter = super::filter(&viewer, &mut params)?;
    params.done()?;
    let detail = serde_json::json!({
        "status": filter.status, "open": filter.open, "priority": filter.priority, "urgency": filter.urgency,
        "customer": filter.customer, "service": filter.service, "source": filter.source,
    });
    let personal = filter.search.clone().map(|text| ("search".to_owned(), text));
    note_export(&state, &viewer, "alert.export", "alerts", &detail, personal.into_iter().collect()).await?;
    let callers = viewer.may(Right::SeeCalls);
    // The first page at once: a database that is away is a problem, not a broken table.
    let first = state.records().alerts(&filter, None, LIMIT_MAX).await?;
    let next = Next { state, filter, callers, page: Some(first), head: true };
    let pages = stream::try_unfold(next, Next::bytes);
    let headers = [
        (header::CONTENT_TYPE, "text/csv; charset=utf-8"),
        (header::CONTENT_DISPOSITION, "attachment; filename=\"alerts.csv\""),
    ];
    Ok((headers, Body::from_stream(pages)).into_response())
}

/// What is still to be written.
struct Next {
    state: AppState,
    filter: AlertFilter,
    callers: bool,
    page: Option<Page<AlertRow>>,
    head: bool,
}

impl Next {
    /// One page as lines; a fault in the middle breaks the answer off, so that nobody takes a part for the whole.
    async fn bytes(mut self) -> Result<Option<(Bytes, Self)>, std::io::Error> {
        let Some(page) = self.page.take() else { return Ok(None) };
        let mut lines = csv::Writer::from_writer(Vec::new());
        if std::mem::take(&mut self.head) {
            lines.write_record(COLUMNS).map_err(std::io::Error::other)?;
        }
        for row in &page.items {
            lines.write_record(cells(row, self.callers)).map_err(std::io::Error::other)?;
        }
        let bytes = lines.into_inner().map_err(|error| std::io::Error::other(error.to_string()))?;
        if let Some(cursor) = &page.next_cursor {
            let next = self.state.records().alerts(&self.filter, Some(cursor), LIMIT_MAX).await;
            self.page = Some(next.map_err(|error| std::io::Error::other(error.to_string()))?);
        }
        Ok(Some((bytes.into(), self)))
    }
}

fn cells(row: &AlertRow, callers: bool) -> [String; 22] {
    let text = |value: &Option<String>| value.as_deref().map(harmless).unwrap_or_default();
    let at = |value: Option<i64>| value.map(rfc3339).unwrap_or_default();
    [
        row.id.clone(),
        row.reference.clone(),
        row.status.clone(),
        row.priority.clone(),
        row.urgency.clone(),
        harmless(&row.title),
        text(&row.customer),
        text(&row.service),
        text(&row.source),
        harmless(&row.number),
        text(&row.call_id),
        if callers { text(&row.caller) } else { String::new() },
        rfc3339(row.created_at),
        at(row.began_at),
        rfc3339(row.last_event_at),
        row.events.to_string(),
        at(row.acknowledged_at),
        text(&row.acknowledged_by),
        at(row.resolved_at),
        text(&row.resolved_by),
        text(&row.assigned),
        text(&row.link),
    ]
}

/// A cell that a spreadsheet would take for a formula begins with an apostrophe.
fn harmless(text: &str) -> String {
    if text.starts_with(['=', '+', '-', '@', '\t', '\r']) { format!("'{text}") } else { text.to_owned() }
}
