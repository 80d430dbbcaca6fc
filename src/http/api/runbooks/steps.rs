//! Runbooks that belong to an alert or incident, and their steps as they are ticked: once, on the timeline, with who and when.

use hotline_core::runbook::{self, Document, Subject};
use serde::Serialize;
use utoipa::ToSchema;

use super::{may_read, store};
use crate::http::AppState;
use crate::http::auth::Viewer;
use crate::http::params::rfc3339;
use crate::http::problem::Problem;
use crate::store::runbooks::{RunbookFilter, StepRow};
use crate::switch::library::Shelved;

/// A runbook that belongs to an alert or incident.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct OfAlert {
    /// Its name.
    pub id: String,
    /// `runbook` or `article`.
    pub kind: String,
    /// Its title.
    pub title: String,
    /// Its review day is over.
    pub overdue: bool,
    /// Its steps.
    pub steps: Vec<StepShown>,
}

/// A step, and whether it is done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct StepShown {
    /// From 1.
    pub number: u32,
    /// `recovery` or `verification`.
    pub part: String,
    /// Markdown.
    pub text: String,
    /// Id of the action that may be started from it.
    pub action: Option<String>,
    /// When it was done; null: not yet.
    #[schema(format = DateTime)]
    pub done_at: Option<String>,
    /// By whom.
    pub done_by: Option<String>,
}

/// What is ticked.
pub(super) struct Ticking<'a> {
    /// `alert:ID`, `incident:ID`.
    pub subject: &'a str,
    pub runbook: &'a str,
    pub title: &'a str,
    pub step: &'a runbook::Step,
}

/// The documents that belong to any of these and that the viewer may read, each once.
pub(super) async fn fitting(state: &AppState, viewer: &Viewer, about: &[Subject<'_>]) -> Result<Vec<Shelved>, Problem> {
    let all = if let Some(all) = state.board().library() {
        all
    } else {
        let rows = store(state)?.runbooks(&RunbookFilter::default()).await?;
        rows.into_iter().filter_map(|row| Some((row.id, runbook::read(&row.body).ok()?))).collect::<Vec<_>>().into()
    };
    let allowed =
        |document: &Document| may_read(viewer, document.customer.as_ref().map(|customer| customer.0.as_str()));
    let found = runbook::each_once(about.iter().flat_map(|about| runbook::matching(&all, about)));
    Ok(found.into_iter().filter(|(_, document)| allowed(document)).cloned().collect())
}

/// With what was ticked of them.
pub(super) async fn shown(state: &AppState, subject: &str, found: Vec<Shelved>) -> Result<Vec<OfAlert>, Problem> {
    if found.is_empty() {
        return Ok(Vec::new());
    }
    let done = store(state)?.steps_done(subject).await?;
    let today = crate::clock::now().wall.to_zoned(jiff::tz::TimeZone::UTC).date();
    let shown = |(id, document): Shelved| OfAlert {
        kind: document.kind.word().to_owned(),
        overdue: document.is_overdue(today),
        steps: document.steps.iter().map(|step| shown_step(&id, step, &done)).collect(),
        title: document.title,
        id,
    };
    Ok(found.into_iter().map(shown).collect())
}

fn shown_step(runbook: &str, step: &runbook::Step, done: &[StepRow]) -> StepShown {
    let own = done.iter().find(|row| row.runbook == runbook && row.step == i64::from(step.number));
    StepShown {
        number: step.number,
        part: step.part.word().to_owned(),
        text: step.text.clone(),
        action: step.action.as_ref().map(|action| action.0.clone()),
        done_at: own.map(|row| rfc3339(row.done_at)),
        done_by: own.map(|row| row.done_by.clone()),
    }
}

/// Ticks a step or takes the tick back; `keep` puts it on the timeline. What is not on the timeline is not ticked either.
pub(super) async fn set_step(
    state: &AppState,
    viewer: &Viewer,
    what: &Ticking<'_>,
    done: bool,
    keep: impl AsyncFnOnce(runbook::Ticked) -> Result<(), Problem>,
) -> Result<(), Problem> {
    let (store, number) = (store(state)?, i64::from(what.step.number));
    let row = StepRow {
        runbook: what.runbook.to_owned(),
        step: number,
        version: store.runbook(what.runbook).await?.map_or(0, |row| row.version),
        done_at: crate::clock::now().wall.as_millisecond(),
        done_by: viewer.shown(),
    };
    let set = async |done: bool| {
        if done {
            store.step_done(what.subject, &row).await
        } else {
            store.step_undone(what.subject, what.runbook, number).await
        }
    };
    if !set(done).await? {
        return Ok(());
    }
    if let Err(problem) = keep(runbook::ticked(what.title, what.step, done)).await {
        set(!done).await?;
        return Err(problem);
    }
    Ok(())
}
