//! `GET /alerts`: what somebody must take care of.

use axum::Json;
use axum::extract::State;
use hotline_core::alert::{Status, Urgency};
use hotline_core::fact::Priority;

use crate::http::AppState;
use crate::http::api::types::{AlertSummary, Listed};
use crate::http::auth::Viewer;
use crate::http::params::Params;
use crate::http::problem::Problem;
use crate::store::StoreError;
use crate::store::read::{AlertFilter, AlertOrder};

/// The alerts, newest first.
#[utoipa::path(
    get, path = "/api/v1/alerts", tag = "alerts", security(("token" = []), ("session" = [])),
    params(
        ("status" = Option<String>, Query, description = "`triggered`, `acknowledged`, `resolved`, or `open` (the first two)"),
        ("priority" = Option<String>, Query, description = "`P1` to `P5`"),
        ("urgency" = Option<String>, Query, description = "`high` or `low`"),
        ("customer" = Option<String>, Query, description = "Id of a customer"),
        ("service" = Option<String>, Query, description = "Id of a service"),
        ("source" = Option<String>, Query, description = "Id of an alert source; `by-hand` and `heartbeat:ID` are some, too"),
        ("assigned" = Option<String>, Query, description = "Id of the user it was given to"),
        ("q" = Option<String>, Query, description = "Words in the title, or the whole reference"),
        ("order" = Option<String>, Query, description = "`newest`, or `urgency`: the open ones, by priority, the longest open first"),
        ("limit" = Option<u32>, Query, minimum = 1, maximum = 200, description = "Rows in the page (50)"),
        ("cursor" = Option<String>, Query, description = "`next_cursor` of the page before"),
    ),
    responses(
        (status = 200, description = "A page of alerts", body = Listed<AlertSummary>),
        (status = 400, description = "A parameter is not valid", body = Problem, content_type = "application/problem+json"),
        (status = 401, description = "Not logged in", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "The database is away", body = Problem, content_type = "application/problem+json"),
    )
)]
pub async fn list(
    viewer: Viewer,
    State(state): State<AppState>,
    mut params: Params,
) -> Result<Json<Listed<AlertSummary>>, Problem> {
    let filter = filter(&viewer, &mut params)?;
    let (limit, cursor) = params.page()?;
    params.done()?;
    Ok(Json(page(&state, &filter, cursor.as_deref(), limit).await?))
}

/// The filter of a query, narrowed to what the viewer sees.
pub fn filter(viewer: &Viewer, params: &mut Params) -> Result<AlertFilter, Problem> {
    let statuses: Vec<&str> = Status::ALL.iter().map(|status| status.word()).chain(["open"]).collect();
    let status = params.word("status", &statuses)?;
    let open = status.as_deref() == Some("open");
    let order = match params.word("order", &["newest", "urgency"])?.as_deref() {
        Some("urgency") => AlertOrder::Urgent,
        Some(_) | None => AlertOrder::Newest,
    };
    Ok(AlertFilter {
        status: status.filter(|_| !open),
        open,
        priority: params.word("priority", &Priority::ALL.map(Priority::word))?,
        urgency: params.word("urgency", &Urgency::ALL.map(Urgency::word))?,
        customer: params.name("customer")?,
        customers: viewer.customers.clone(),
        service: params.name("service")?,
        source: params.name("source")?,
        assigned: params.name("assigned")?,
        search: params.name("q")?,
        order,
    })
}

/// A page of alerts.
pub async fn page(
    state: &AppState,
    filter: &AlertFilter,
    cursor: Option<&str>,
    limit: u32,
) -> Result<Listed<AlertSummary>, StoreError> {
    let rows = state.records().alerts(filter, cursor, limit).await?;
    let directory = state.board().directory();
    let items = rows.items.into_iter().map(|row| AlertSummary::of_row(row, &directory)).collect();
    Ok(Listed { items, next_cursor: rows.next_cursor })
}
