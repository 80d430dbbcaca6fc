//! `alerts`: what somebody must take care of, and taking care of it. One file per verb; what they share is here.

mod acknowledge;
pub mod actions;
mod assign;
mod comment;
mod describe;
mod escalate;
mod export;
mod hand_back;
mod list;
mod merge;
mod one;
mod open;
mod resolve;
mod snooze;
mod timeline;
mod waiting;

use std::str::FromStr;
use std::time::Duration;

use axum::body::Bytes;
use axum::extract::{FromRequest, Request};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use hotline_core::alert::{Command, Refusal};
use hotline_core::fact::Priority;
use hotline_core::ids::AlertId;
use jiff::{SignedDuration, Timestamp};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::types::AlertSummary;
use crate::http::AppState;
use crate::http::auth::{Right, Viewer};
use crate::http::params::rfc3339;
use crate::http::problem::Problem;
use crate::store::read::AlertRow;
use crate::switch::commands::CommandError;

pub use list::{filter, page};
pub use one::detail;
pub use waiting::{AlertPromises, PromiseClock, set as set_waiting};

/// What was kept in the journal is in the database within this.
const DRAINED_WITHIN: Duration = Duration::from_millis(1_200);
const LOOK_EVERY: Duration = Duration::from_millis(60);
/// Minutes of a snooze at most: 31 days.
const SNOOZE_MAX: i64 = 31 * 24 * 60;
/// Characters of a title at most.
const TITLE_MAX: usize = 300;
/// Bytes of an `Idempotency-Key` at most.
const KEY_MAX: usize = 200;

/// The routes of alerts.
pub fn documented() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(routes!(list::list, open::open))
        .routes(routes!(export::export))
        .routes(routes!(one::one, describe::describe))
        .routes(routes!(timeline::timeline))
        .routes(routes!(acknowledge::acknowledge))
        .routes(routes!(resolve::resolve))
        .routes(routes!(escalate::escalate))
        .routes(routes!(hand_back::hand_back))
        .routes(routes!(assign::assign))
        .routes(routes!(snooze::snooze))
        .routes(routes!(waiting::waiting))
        .routes(routes!(merge::merge))
        .routes(routes!(comment::comment))
        .routes(routes!(actions::runs))
        .routes(routes!(actions::start))
}

/// What an alert is after something was done to it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[schema(example = json!({
    "id": "019aab2c-7d11-7000-8000-000000000002", "status": "acknowledged", "at": "2026-11-22T03:04:00.000Z", "by": "token admin"
}))]
pub struct AlertState {
    /// The alert.
    pub id: String,
    /// Its status now.
    pub status: String,
    /// Since when.
    #[schema(format = DateTime)]
    pub at: String,
    /// Who has it, or who closed it.
    pub by: String,
}

/// What can be done to an alert.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Deed {
    /// Somebody has it.
    Acknowledge,
    /// It is over.
    Resolve,
}

/// To whom.
#[derive(Debug, Clone, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"user": "engineer-2"}))]
pub struct Assignment {
    /// Id of a user.
    pub user: String,
}

/// Until when; one of the two.
#[derive(Debug, Clone, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"minutes": 30}))]
pub struct Snooze {
    /// A moment within the next 31 days.
    #[schema(format = DateTime)]
    pub until: Option<String>,
    /// So many minutes from now, 1 to 44,640.
    #[schema(minimum = 1, maximum = 44_640)]
    pub minutes: Option<i64>,
}

impl Snooze {
    fn until(&self, now: Timestamp) -> Result<Timestamp, Problem> {
        match (&self.until, self.minutes) {
            (Some(until), None) => until.parse().map_err(|_| {
                Problem::invalid(
                    "until",
                    "until must be a time as in 2026-12-24T03:00:00Z or 2026-12-24T04:00:00+01:00.",
                )
            }),
            (None, Some(minutes)) if (1..=SNOOZE_MAX).contains(&minutes) => {
                Ok(now + SignedDuration::from_mins(minutes))
            }
            (None, Some(_)) => {
                Err(Problem::invalid("minutes", format!("minutes must be a whole number from 1 to {SNOOZE_MAX}.")))
            }
            (Some(_), Some(_)) | (None, None) => Err(Problem::invalid("until", "Give either until or minutes.")),
        }
    }
}

/// Into which.
#[derive(Debug, Clone, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"into": "019aab2c-7d11-7000-8000-000000000002"}))]
pub struct Merge {
    /// Id of another open alert.
    #[schema(format = "uuid")]
    pub into: String,
}

/// What is to be remembered.
#[derive(Debug, Clone, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"text": "The disk was replaced; watching it until noon."}))]
pub struct Comment {
    /// 1 to 4,000 characters.
    #[schema(min_length = 1, max_length = 4_000)]
    pub text: String,
}

/// What is to be changed.
#[derive(Debug, Clone, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"priority": "P1"}))]
pub struct Description {
    /// `P1` to `P5`.
    pub priority: Option<String>,
    /// One line, 1 to 300 characters.
    #[schema(min_length = 1, max_length = 300)]
    pub title: Option<String>,
    /// When the fault began, by your word: before the alert was opened, and not more than a year before.
    #[schema(format = DateTime)]
    pub began_at: Option<String>,
}

/// A JSON object of this shape; what is not known in it is told.
pub struct Said<T>(pub T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for Said<T> {
    type Rejection = Response;

    async fn from_request(request: Request, state: &S) -> Result<Self, Response> {
        let kind = request.headers().get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
        if !kind.to_ascii_lowercase().starts_with("application/json") {
            return Err(Problem::of_status(StatusCode::UNSUPPORTED_MEDIA_TYPE).into_response());
        }
        let body = Bytes::from_request(request, state).await.map_err(IntoResponse::into_response)?;
        serde_json::from_slice(&body).map(Self).map_err(|error| {
            Problem::new(
                StatusCode::BAD_REQUEST,
                "invalid-body",
                "The body could not be read",
                format!("{error}. Check it against /api/openapi.json."),
            )
            .into_response()
        })
    }
}

/// These take no body; one that says something would be silently ignored, so it is refused.
pub struct NoBody;

impl<S: Send + Sync> FromRequest<S> for NoBody {
    type Rejection = Response;

    async fn from_request(request: Request, state: &S) -> Result<Self, Response> {
        let kind = request.headers().get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
        let json = kind.starts_with("application/json");
        let body = Bytes::from_request(request, state).await.map_err(IntoResponse::into_response)?;
        if body.trim_ascii().is_empty() {
            return Ok(Self);
        }
        if !json {
            return Err(Problem::of_status(StatusCode::UNSUPPORTED_MEDIA_TYPE).into_response());
        }
        let problem = match serde_json::from_slice::<serde_json::Map<String, serde_json::Value>>(&body) {
            Ok(fields) => match fields.keys().next() {
                None => return Ok(Self),
                Some(name) => Problem::invalid(name, format!("{name} is not a field of this request; send no body.")),
            },
            Err(_) => Problem::new(
                StatusCode::BAD_REQUEST,
                "invalid-body",
                "The body could not be read",
                "Send a JSON object, or no body at all.",
            ),
        };
        Err(problem.into_response())
    }
}

/// The id in a path.
pub fn of_id(id: &str) -> Result<AlertId, Problem> {
    AlertId::from_str(id).map_err(|_| Problem::not_found("alert"))
}

fn priority(word: &str) -> Result<Priority, Problem> {
    Priority::from_word(word).ok_or_else(|| Problem::invalid("priority", "priority must be one of P1, P2, P3, P4, P5."))
}

fn title(text: &str) -> Result<String, Problem> {
    let title = text.split_whitespace().collect::<Vec<_>>().join(" ");
    let fine = (1..=TITLE_MAX).contains(&title.chars().count()) && !title.chars().any(char::is_control);
    if fine { Ok(title) } else { Err(Problem::invalid("title", "title must be one line of 1 to 300 characters.")) }
}

/// `Idempotency-Key`, where there is one.
fn idempotency_key(headers: &HeaderMap) -> Result<Option<String>, Problem> {
    let Some(value) = headers.get("idempotency-key") else { return Ok(None) };
    let key = value.to_str().ok().map(str::trim).filter(|key| (1..=KEY_MAX).contains(&key.len()));
    key.map(|key| Some(key.to_owned())).ok_or_else(|| {
        Problem::invalid("Idempotency-Key", "Idempotency-Key must have 1 to 200 visible ASCII characters.")
    })
}

fn no_target() -> Problem {
    Problem::invalid("into", "into must be the id of another open alert.")
}

/// Carries a person's word out; the alert as it is then.
async fn command(state: &AppState, viewer: &Viewer, id: &str, word: Command) -> Result<AlertSummary, Problem> {
    let alert = of_id(id)?;
    visible(state, viewer, alert).await?;
    viewer.require(Right::HandleAlerts)?;
    state.board().command(alert, word, viewer.actor()).await.map_err(|error| refused(&error))?;
    let row = state.records().alert(&alert.to_string()).await?.ok_or_else(|| Problem::not_found("alert"))?;
    Ok(AlertSummary::of_row(row, &state.board().directory()))
}

/// Why it is not done.
fn refused(error: &CommandError) -> Problem {
    let conflict =
        |code: &str, title: &str| Problem::new(StatusCode::CONFLICT, code, title, sentence(&error.to_string()));
    let invalid = |field: &str| Problem::invalid(field, sentence(&error.to_string()));
    match error {
        CommandError::Unknown => Problem::not_found("alert"),
        CommandError::Refused(Refusal::Resolved) => conflict("alert-resolved", "The alert is resolved already"),
        CommandError::Refused(Refusal::NotTaken) => conflict("alert-not-taken", "Nobody has the alert"),
        CommandError::Refused(Refusal::Merge) => conflict("merge-refused", "These can't be merged"),
        CommandError::Refused(Refusal::UnknownUser(_)) => invalid("user"),
        CommandError::Refused(Refusal::Snooze) => invalid("until"),
        CommandError::Refused(Refusal::Comment) => invalid("text"),
        CommandError::Refused(Refusal::Began) => invalid("began_at"),
        CommandError::NotKept(why) => not_kept(why),
    }
}

fn sentence(words: &str) -> String {
    let mut letters = words.chars();
    letters.next().map_or_else(String::new, |first| format!("{}{}.", first.to_uppercase(), letters.as_str()))
}

/// 503: neither the database nor the disk takes it.
pub fn not_kept(why: &str) -> Problem {
    tracing::error!(%why, "something that was done to an alert could not be kept");
    Problem::new(
        StatusCode::SERVICE_UNAVAILABLE,
        "not-kept",
        "It could not be kept",
        "Neither the database nor the disk takes it at the moment. Try again in a few seconds; /readyz says what is wrong.",
    )
    .with(header::RETRY_AFTER, "5")
}

/// Does it and tells what the alert is then; used by the page's buttons too.
pub async fn carry_out(state: &AppState, viewer: &Viewer, id: &str, deed: Deed) -> Result<AlertState, Problem> {
    let alert = of_id(id)?;
    visible(state, viewer, alert).await?;
    viewer.require(Right::HandleAlerts)?;
    let word = match deed {
        Deed::Acknowledge => Command::Acknowledge,
        Deed::Resolve => Command::Resolve,
    };
    match state.board().command(alert, word, viewer.actor()).await {
        Ok(()) => Ok(after(state, viewer, alert, deed).await),
        Err(CommandError::Refused(Refusal::Resolved)) => Err(resolved(state, alert).await),
        Err(CommandError::NotKept(why)) => Err(counts(alert, &why)),
        Err(error) => Err(refused(&error)),
    }
}

/// The database is away, and the journal's disk does not take it either: it counts in memory.
fn counts(alert: AlertId, why: &str) -> Problem {
    tracing::error!(%alert, %why, "an alert could not be acknowledged or resolved");
    Problem::new(
        StatusCode::SERVICE_UNAVAILABLE,
        "not-kept",
        "It counts, but could not be kept",
        "Nobody is rung about it any more, but the disk can't take it at the moment: a restart would forget it. Make room in the data folder and try again; /readyz says what is wrong.",
    )
    .with(header::RETRY_AFTER, "5")
}

/// 404 for an alert that this viewer does not see.
pub async fn visible(state: &AppState, viewer: &Viewer, alert: AlertId) -> Result<(), Problem> {
    if viewer.customers.is_none() {
        return Ok(());
    }
    let open = state.board().open_alerts().into_iter().find(|open| open.id == alert);
    let customer = match open {
        Some(open) => open.customer.map(|customer| customer.0),
        None => state.records().alert(&alert.to_string()).await?.and_then(|row| row.customer),
    };
    if viewer.sees(customer.as_deref()) { Ok(()) } else { Err(Problem::not_found("alert")) }
}

/// The deed is in the journal; the database has it within a second. Waits that long for the words kept there.
async fn after(state: &AppState, viewer: &Viewer, alert: AlertId, deed: Deed) -> AlertState {
    let id = alert.to_string();
    let looks = DRAINED_WITHIN.as_millis() / LOOK_EVERY.as_millis();
    for _ in 0..looks {
        match state.records().alert(&id).await {
            Ok(Some(row)) => {
                if let Some(kept) = kept(&row, deed) {
                    return kept;
                }
            }
            Ok(None) => {}
            Err(_) => break,
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
    let status = match deed {
        Deed::Acknowledge => "acknowledged",
        Deed::Resolve => "resolved",
    };
    AlertState {
        id,
        status: status.to_owned(),
        at: rfc3339(crate::clock::now().wall.as_millisecond()),
        by: viewer.shown(),
    }
}

fn kept(row: &AlertRow, deed: Deed) -> Option<AlertState> {
    let (at, by) = match (row.status.as_str(), deed) {
        ("acknowledged", Deed::Acknowledge) => (row.acknowledged_at, row.acknowledged_by.as_ref()),
        ("resolved", _) => (row.resolved_at, row.resolved_by.as_ref()),
        _ => return None,
    };
    Some(AlertState { id: row.id.clone(), status: row.status.clone(), at: rfc3339(at?), by: by?.clone() })
}

/// Who resolved it, and when.
async fn resolved(state: &AppState, alert: AlertId) -> Problem {
    let row = state.records().alert(&alert.to_string()).await.ok().flatten().filter(|row| row.status == "resolved");
    let Some(row) = row else { return refused(&Refusal::Resolved.into()) };
    let by = row.resolved_by.unwrap_or_else(|| "somebody".to_owned());
    let at = row.resolved_at.map(rfc3339).unwrap_or_default();
    Problem::new(
        StatusCode::CONFLICT,
        "alert-resolved",
        "The alert is resolved already",
        format!("{by} resolved it at {at}; there is nothing left to do."),
    )
}
