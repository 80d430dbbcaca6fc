//! `notifications`: who was told, how, and what came of it.

use std::str::FromStr;

use axum::Json;
use axum::extract::State;
use hotline_core::alert::change::NotifyOutcome;
use hotline_core::directory::Directory;
use hotline_core::ids::AlertId;
use serde::Serialize;
use utoipa::ToSchema;

use super::types::{Listed, Named};
use crate::http::AppState;
use crate::http::alert_desk::NotificationFilter;
use crate::http::auth::{Right, Viewer};
use crate::http::params::{Params, rfc3339};
use crate::http::problem::Problem;
use crate::store::notifications::NotificationRow;

/// One message or call to one person or channel.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[schema(example = json!({
    "id": "019aab2c-7d11-7000-8000-00000000000a", "alert_id": "019aab2c-7d11-7000-8000-000000000002",
    "user": {"id": "ada", "name": "Ada Winter"}, "channel": null, "by": "call", "kind": "alert", "state": "answered",
    "due_at": "2026-11-22T03:02:00.000Z", "attempts": 1, "note": "pressed 1", "why": "On call by schedule `on-call`.",
    "created_at": "2026-11-22T03:02:00.000Z", "finished_at": "2026-11-22T03:02:31.000Z"
}))]
pub struct NotificationEntry {
    /// The notification.
    pub id: String,
    /// About which alert.
    pub alert_id: Option<String>,
    /// The person.
    pub user: Option<Named>,
    /// Or the channel.
    pub channel: Option<String>,
    /// `call`, `sms`, `email`, `ntfy`, `telegram`, `slack`, `teams`, `webhook`.
    pub by: String,
    /// `verification`, `test`, `alert`, `caller`, `on-call`, `status`.
    pub kind: String,
    /// `waiting`, `sending`, or what came of it: `delivered`, `answered`, `no-answer`, `failed`, `skipped`, `limited`.
    pub state: String,
    /// When it was or is due.
    #[schema(format = DateTime)]
    pub due_at: String,
    /// Tries so far.
    pub attempts: i64,
    /// The last try's word.
    pub note: Option<String>,
    /// Why this person, why then.
    pub why: String,
    /// Planned.
    #[schema(format = DateTime)]
    pub created_at: String,
    /// Over.
    #[schema(format = DateTime)]
    pub finished_at: Option<String>,
}

impl NotificationEntry {
    /// From its row.
    pub fn of_row(row: NotificationRow, directory: &Directory) -> Self {
        Self {
            id: row.id,
            alert_id: row.alert_id,
            user: row.user_id.as_deref().map(|id| Named::user(directory, id)),
            channel: row.channel,
            by: row.by,
            kind: row.kind,
            state: row.state,
            due_at: rfc3339(row.due_at),
            attempts: row.attempts,
            note: row.note,
            why: row.why,
            created_at: rfc3339(row.created_at),
            finished_at: row.finished_at.map(rfc3339),
        }
    }
}

/// Notifications, newest first.
#[utoipa::path(
    get, path = "/api/v1/notifications", tag = "alerts", security(("token" = []), ("session" = [])),
    params(
        ("alert" = Option<String>, Query, description = "Id of an alert; needed by those who see some customers' alerts only"),
        ("user" = Option<String>, Query, description = "Id of a user"),
        ("state" = Option<String>, Query, description = "`waiting`, `sending`, `delivered`, `answered`, `no-answer`, `failed`, `skipped`, `limited`"),
        ("limit" = Option<u32>, Query, minimum = 1, maximum = 200, description = "Rows in the page (50)"),
        ("cursor" = Option<String>, Query, description = "`next_cursor` of the page before"),
    ),
    responses(
        (status = 200, description = "A page of notifications", body = Listed<NotificationEntry>),
        (status = 400, description = "A parameter is not valid", body = Problem, content_type = "application/problem+json"),
        (status = 401, description = "Not logged in", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "Not allowed", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "No such alert", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "The database is away", body = Problem, content_type = "application/problem+json"),
    )
)]
pub async fn list(
    viewer: Viewer,
    State(state): State<AppState>,
    mut params: Params,
) -> Result<Json<Listed<NotificationEntry>>, Problem> {
    let states: Vec<&str> =
        ["waiting", "sending"].into_iter().chain(NotifyOutcome::ALL.map(NotifyOutcome::word)).collect();
    // Not a state: it waits again.
    let states: Vec<&str> = states.into_iter().filter(|word| *word != NotifyOutcome::Retried.word()).collect();
    let alert = params.take("alert")?;
    let user = params.name("user")?;
    let word = params.word("state", &states)?;
    let (limit, cursor) = params.page()?;
    params.done()?;
    viewer.require(Right::HandleAlerts)?;
    let alert = alert.map(|id| AlertId::from_str(&id).map_err(|_| Problem::not_found("alert"))).transpose()?;
    match alert {
        Some(alert) => super::alerts::visible(&state, &viewer, alert).await?,
        None if viewer.customers.is_some() => {
            return Err(Problem::invalid("alert", "Name an alert: you see those of some customers only."));
        }
        None => {}
    }
    let filter = NotificationFilter { alert, user: user.as_deref().map(Into::into), state: word };
    let rows = state.records().notifications(&filter, cursor.as_deref(), limit).await?;
    let directory = state.board().directory();
    let items = rows.items.into_iter().map(|row| NotificationEntry::of_row(row, &directory)).collect();
    Ok(Json(Listed { items, next_cursor: rows.next_cursor }))
}
