//! `schedules/{id}/…`: shifts, gaps, calendar feeds, overrides, swaps. One file per thing; what they share is here.

mod feeds;
mod gaps;
mod members;
mod overrides;
mod shifts;
mod swaps;

use std::sync::Arc;

use axum::http::StatusCode;
use hotline_core::directory::Directory;
use hotline_core::ids::{ScheduleId, UserId};
use hotline_core::oncall::Schedule;
use hotline_core::oncall::edit::Fault;
use jiff::{SignedDuration, Timestamp};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::http::AppState;
use crate::http::auth::{Right, Viewer};
use crate::http::params::Params;
use crate::http::problem::Problem;
use crate::switch::documents::{DocumentError, Expect, Write};
use crate::switch::schedules;

/// Of its documents.
const KIND: &str = "schedules";
/// Longest stretch of time that is asked about.
const WINDOW_MAX: SignedDuration = SignedDuration::from_hours(24 * 366);
/// Somebody else writes at the same moment: so many tries.
const TRIES: u32 = 4;

/// The routes of schedules.
pub fn documented() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(routes!(shifts::list))
        .routes(routes!(gaps::list))
        .routes(routes!(feeds::schedule))
        .routes(routes!(feeds::user))
        .routes(routes!(feeds::open_schedule, feeds::close_schedule))
        .routes(routes!(feeds::open_user, feeds::close_user))
        .routes(routes!(overrides::add))
        .routes(routes!(overrides::remove))
        .routes(routes!(swaps::ask))
        .routes(routes!(swaps::take))
        .routes(routes!(swaps::remove))
        .routes(routes!(members::set))
}

/// A schedule that the viewer may see.
pub(super) fn seen(state: &AppState, viewer: &Viewer, id: &str) -> Result<(Arc<Directory>, Schedule), Problem> {
    let directory = state.board().directory();
    let id = ScheduleId::from(id);
    let allowed = viewer.schedules(&directory).is_none_or(|seen| seen.contains(&id));
    let schedule = directory.schedules.get(&id).filter(|_| allowed).cloned();
    let schedule = schedule.ok_or_else(|| Problem::not_found("schedule"))?;
    Ok((directory, schedule))
}

/// `from` and `to`: four weeks from now on unless said otherwise, a year at most.
pub(super) fn window(params: &mut Params, usual_days: i64) -> Result<(Timestamp, Timestamp), Problem> {
    let from = params.planned("from")?.unwrap_or_else(|| crate::clock::now().wall);
    let usual = from.checked_add(SignedDuration::from_hours(24 * usual_days));
    let to = match params.planned("to")? {
        Some(to) => to,
        None => usual.map_err(|_| Problem::invalid("from", "from is beyond the calendar."))?,
    };
    if from >= to {
        return Err(Problem::invalid("to", "to must be later than from."));
    }
    if to.duration_since(from) > WINDOW_MAX {
        return Err(Problem::invalid("to", "from and to may be a year (366 days) apart at most; ask in parts."));
    }
    Ok((from, to))
}

/// A person who may be put on call.
fn person(directory: &Directory, field: &str, id: &str) -> Result<UserId, Problem> {
    let user = UserId::from(id);
    if directory.users.contains_key(&user) {
        return Ok(user);
    }
    Err(Problem::invalid(field, format!("{field} must be the id of a user; /api/v1/users lists them.")))
}

/// 403 unless they plan, or it is their own affair.
fn may_plan(viewer: &Viewer, own: Option<&UserId>) -> Result<(), Problem> {
    match (own, &viewer.user) {
        (Some(own), Some(user)) if own == user => Ok(()),
        (Some(_) | None, _) => viewer.require(Right::Plan),
    }
}

/// A new short id.
fn new_id() -> String {
    hex::encode(rand::random::<[u8; 8]>())
}

/// Changes the schedule's document; `edit` says how, from what it is at that moment.
async fn change(
    state: &AppState,
    viewer: &Viewer,
    id: &str,
    edit: impl Fn(&Schedule, Timestamp) -> Result<Schedule, Fault> + Send + Sync,
) -> Result<(Arc<Directory>, Schedule), Problem> {
    for _ in 0..TRIES {
        // The version before the schedule: what is written meanwhile then fails, and is looked at again.
        let in_force = state.board().in_force();
        let version = in_force.written.get(&(KIND.to_owned(), id.to_owned())).map(|written| written.version);
        let (directory, schedule) = seen(state, viewer, id)?;
        let new = edit(&schedule, crate::clock::now().wall).map_err(|fault| refused(&fault))?;
        let Some(version) = version else { return Err(in_file()) };
        let (write, expect) = (Write::Put(schedules::document(&new)), Expect::Version(vec![version]));
        match state.board().write_document(KIND, id, write, &expect, &viewer.actor()).await {
            Ok(_) => return Ok((directory, new)),
            Err(DocumentError::Changed) => {}
            Err(error) => return Err(not_written(error)),
        }
    }
    Err(Problem::new(
        StatusCode::CONFLICT,
        "changed-meanwhile",
        "It was changed meanwhile",
        "Others change this schedule at the same time; send it again.",
    ))
}

fn refused(fault: &Fault) -> Problem {
    let code = match fault {
        Fault::NoLayer(_) => return Problem::invalid("layers", format!("{fault}.")),
        Fault::Backwards => return Problem::invalid("to", format!("{fault}.")),
        Fault::NotThere(_) => return Problem::not_found("override-or-swap"),
        Fault::Past => "past",
        Fault::Taken => "swap-taken",
        Fault::PastDue => "swap-past-due",
        Fault::Own => "swap-own",
    };
    Problem::new(StatusCode::CONFLICT, code, "This can't be done", format!("{fault}."))
}

fn in_file() -> Problem {
    Problem::new(
        StatusCode::CONFLICT,
        "read-only",
        "It stands in hotline.toml",
        "This schedule stands in hotline.toml (or belongs to the demo) and can only be changed there; then reload (SIGHUP). \
         Take it out of the file and PUT it to /api/v1/schedules/{id} to plan it here.",
    )
}

fn not_written(error: DocumentError) -> Problem {
    match error {
        DocumentError::Unknown => Problem::not_found("schedule"),
        DocumentError::InFile => in_file(),
        DocumentError::Invalid(faults) | DocumentError::InTheWay(faults) => {
            let what = faults.first().map_or_else(String::new, |fault| format!("{}: {}", fault.place, fault.what));
            Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "invalid-document", "The schedule would not be valid", what)
        }
        DocumentError::Store(error) => error.into(),
        DocumentError::Changed | DocumentError::Full | DocumentError::Unusable(_) => {
            Problem::new(StatusCode::CONFLICT, "not-written", "It could not be written", format!("{error}."))
        }
    }
}
