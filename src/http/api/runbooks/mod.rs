//! `runbooks`: runbooks and articles of knowledge, their versions, and the steps of those that belong to an alert or incident.

mod list;
mod of_alert;
mod of_incident;
mod one;
mod save;
mod steps;
mod versions;

use axum::http::StatusCode;
use hotline_core::runbook::{self, Document};
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::http::AppState;
use crate::http::auth::{Right, Viewer};
use crate::http::params::rfc3339;
use crate::http::problem::{FieldError, Problem};
use crate::store::Store;
use crate::store::runbooks::RunbookRow;
use crate::switch::library::RunbookError;

pub use list::{Found, found};
pub use of_alert::{of_alert, started, ticked};
pub use of_incident::{of_incident, ticked as ticked_on_incident};
pub use one::known;
pub use save::{RunbookText, saved};
pub use steps::{OfAlert, StepShown};
pub use versions::{Compared, compared};

/// The routes of runbooks.
pub fn documented() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(routes!(list::list))
        .routes(routes!(one::one, save::archive))
        .routes(routes!(versions::list))
        .routes(routes!(versions::one))
        .routes(routes!(of_alert::list))
        .routes(routes!(of_alert::tick, of_alert::untick))
        .routes(routes!(of_alert::start))
        .routes(routes!(of_incident::list))
        .routes(routes!(of_incident::tick, of_incident::untick))
}

/// Those with large bodies.
pub fn large() -> OpenApiRouter<AppState> {
    OpenApiRouter::new().routes(routes!(save::save))
}

/// A runbook or an article.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[schema(example = json!({
    "id": "disk-full", "kind": "runbook", "title": "Disk full", "customer": null, "owner": "engineer-1", "review": "2027-01-31",
    "overdue": false, "archived": false, "version": 3, "updated_at": "2026-11-22T03:04:00.000Z", "updated_by": "login ann"
}))]
pub struct RunbookSummary {
    /// Its name.
    pub id: String,
    /// `runbook` or `article`.
    pub kind: String,
    /// Its title.
    pub title: String,
    /// Id of the customer whose it is; null: everybody's.
    pub customer: Option<String>,
    /// Id of the user who keeps it right.
    pub owner: Option<String>,
    /// Day on which it must be looked at again.
    #[schema(format = Date)]
    pub review: Option<String>,
    /// That day is over.
    pub overdue: bool,
    /// Out of use.
    pub archived: bool,
    /// Counts its saves.
    pub version: i64,
    /// Saved.
    #[schema(format = DateTime)]
    pub updated_at: String,
    /// By whom.
    pub updated_by: String,
}

impl From<&RunbookRow> for RunbookSummary {
    fn from(row: &RunbookRow) -> Self {
        let today = crate::clock::now().wall.to_zoned(jiff::tz::TimeZone::UTC).date();
        let review = row.review.as_deref().and_then(|day| day.parse::<jiff::civil::Date>().ok());
        Self {
            id: row.id.clone(),
            kind: row.kind.clone(),
            title: row.title.clone(),
            customer: row.customer.clone(),
            owner: row.owner.clone(),
            review: row.review.clone(),
            overdue: review.is_some_and(|day| day < today),
            archived: row.archived != 0,
            version: row.version,
            updated_at: rfc3339(row.updated_at),
            updated_by: row.updated_by.clone(),
        }
    }
}

/// A step of a runbook.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct StepJson {
    /// From 1.
    pub number: u32,
    /// `recovery` or `verification`.
    pub part: String,
    /// Markdown.
    pub text: String,
    /// Id of the action that may be started from it.
    pub action: Option<String>,
}

fn steps(document: &Document) -> Vec<StepJson> {
    let step = |step: &runbook::Step| StepJson {
        number: step.number,
        part: step.part.word().to_owned(),
        text: step.text.clone(),
        action: step.action.as_ref().map(|action| action.0.clone()),
    };
    document.steps.iter().map(step).collect()
}

/// The store that keeps them.
fn store(state: &AppState) -> Result<&Store, Problem> {
    state.records().store().ok_or_else(|| Problem::of_status(StatusCode::SERVICE_UNAVAILABLE))
}

/// Runbooks are read by those who handle alerts. What is a customer's is for those who see that customer.
pub fn may_read(viewer: &Viewer, customer: Option<&str>) -> bool {
    viewer.may(Right::HandleAlerts) && customer.is_none_or(|customer| viewer.sees(Some(customer)))
}

/// Who sees only some customers' things writes only what is one of theirs.
fn may_write(viewer: &Viewer, customer: Option<&str>) -> Result<(), Problem> {
    viewer.require(Right::HandleAlerts)?;
    if viewer.sees(customer) {
        return Ok(());
    }
    Err(Problem::forbidden(
        "not-your-customer",
        "You write for the customers that you see: give the text a line `customer: …` with one of them in its front matter.",
    ))
}

fn problem(error: RunbookError) -> Problem {
    match error {
        RunbookError::Store(error) => error.into(),
        RunbookError::Overtaken(version) => {
            let detail = format!("Version {version} is the newest. Read it, put your change into it, and save again.");
            Problem::new(StatusCode::CONFLICT, "overtaken", "Somebody else saved it meanwhile", detail)
        }
        RunbookError::Faults(faults) => {
            let first = faults.first().map(|fault| format!("Line {}: {}.", fault.line, fault.what)).unwrap_or_default();
            let mut problem = Problem::invalid("text", first);
            let told = |fault: runbook::Fault| FieldError { field: format!("text:{}", fault.line), detail: fault.what };
            problem.errors = faults.into_iter().map(told).collect();
            problem
        }
    }
}
