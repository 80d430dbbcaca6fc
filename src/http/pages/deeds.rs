//! The buttons of an alert: plain forms, carried out as a person's word, then back to where they were pressed.

use std::collections::HashMap;

use axum::extract::{Form, Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use hotline_core::alert::Command;
use hotline_core::directory::Directory;
use hotline_core::fact::Priority;
use hotline_core::ids::{AlertId, UserId};
use hotline_core::incident::{Began, Origin};
use hotline_core::private::Private;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp, ToSpan};

use super::{Shared, Visitor, away, error, no_such, show_problem};
use crate::http::AppState;
use crate::http::api::{Deed, alert_detail, carry_out, set_waiting};
use crate::http::auth::{Right, Viewer};
use crate::http::params::Params;
use crate::http::problem::Problem;
use crate::store::read::AlertFilter;
use crate::switch::commands::CommandError;

/// When the morning begins.
const MORNING_HOUR: i8 = 8;
/// A reference is looked for among so many open alerts.
const LOOKED_THROUGH: u32 = 200;

type Fields = Form<HashMap<String, String>>;

pub async fn acknowledge(
    Visitor(viewer): Visitor,
    State(state): Shared,
    Path(id): Path<String>,
    params: Params,
) -> Response {
    act(&state, &viewer, &id, Deed::Acknowledge, params).await
}

pub async fn resolve(
    Visitor(viewer): Visitor,
    State(state): Shared,
    Path(id): Path<String>,
    params: Params,
) -> Response {
    act(&state, &viewer, &id, Deed::Resolve, params).await
}

/// Does it, then shows where it was asked for: the board or the alert.
async fn act(state: &AppState, viewer: &Viewer, id: &str, deed: Deed, mut params: Params) -> Response {
    let to_board = params.take("from").ok().flatten().as_deref() == Some("board");
    match carry_out(state, viewer, id, deed).await {
        // Somebody was faster: the page shows who.
        Err(problem) if problem.status() != StatusCode::CONFLICT => show_problem(state, &problem),
        Ok(_) | Err(_) if to_board => Redirect::to("/").into_response(),
        Ok(_) | Err(_) => Redirect::to(&format!("/alerts/{}", super::escaped(id))).into_response(),
    }
}

/// Every other button: its word stands in the path.
pub async fn other(
    Visitor(viewer): Visitor,
    State(state): Shared,
    Path((id, deed)): Path<(String, String)>,
    Form(fields): Fields,
) -> Response {
    if let Err(problem) = viewer.require(Right::HandleAlerts) {
        return show_problem(&state, &problem);
    }
    if let waits @ ("waiting" | "answered") = deed.as_str() {
        return match set_waiting(&state, &viewer, &id, waits == "waiting").await {
            // Somebody was faster: the page shows who.
            Err(problem) if problem.status() != StatusCode::CONFLICT => show_problem(&state, &problem),
            Ok(_) | Err(_) => Redirect::to(&format!("/alerts/{}", super::escaped(&id))).into_response(),
        };
    }
    // Also finds out whether it is one that the viewer sees.
    let alert = match alert_detail(&state, &viewer, &id).await {
        Ok(Some(detail)) => detail.alert,
        Ok(None) => return no_such(&state, "alert"),
        Err(error) => return away(&state, error),
    };
    let Ok(id) = alert.id.parse::<AlertId>() else { return no_such(&state, "alert") };
    let command = match command(&state, &viewer, &deed, &fields).await {
        Ok(Some(command)) => command,
        Ok(None) => return no_such(&state, "button"),
        Err(problem) => return show_problem(&state, &problem),
    };
    match state.board().command(id, command, viewer.actor()).await {
        Ok(()) => Redirect::to(&format!("/alerts/{id}")).into_response(),
        Err(CommandError::Unknown) => no_such(&state, "alert"),
        Err(CommandError::Refused(refusal)) => {
            error(&state, StatusCode::CONFLICT, "This can't be done", &format!("{}.", sentence(&refusal.to_string())))
        }
        Err(CommandError::NotKept(why)) => {
            let detail = format!("It can't be kept at the moment: {why}. Nothing was changed; try again in a moment.");
            error(&state, StatusCode::SERVICE_UNAVAILABLE, "Not kept", &detail)
        }
    }
}

/// What the button means. `Ok(None)`: there is no such button.
async fn command(
    state: &AppState,
    viewer: &Viewer,
    deed: &str,
    fields: &HashMap<String, String>,
) -> Result<Option<Command>, Problem> {
    let field = |name: &str| fields.get(name).map(|text| text.trim()).filter(|text| !text.is_empty());
    let directory = state.board().directory();
    Ok(Some(match deed {
        "escalate" => Command::Escalate,
        "hand-back" => Command::HandBack,
        "assign" => Command::Assign(
            field("user").map(UserId::from).ok_or_else(|| Problem::invalid("user", "Choose a person."))?,
        ),
        "snooze" => {
            let now = crate::clock::now().wall;
            let until = field("for").and_then(|word| snooze_until(word, now, &zone_of(viewer, &directory)));
            Command::Snooze(
                until
                    .ok_or_else(|| Problem::invalid("for", "Snooze for 15 minutes, an hour, or until the morning."))?,
            )
        }
        "merge" => {
            let reference = field("into").map(|text| text.trim_start_matches('#'));
            let reference = reference.ok_or_else(|| Problem::invalid("into", "Write the other alert's number."))?;
            let into = by_reference(state, viewer, reference).await?.ok_or_else(|| {
                Problem::invalid(
                    "into",
                    "No open alert that you see has this number; it stands behind the # of an alert.",
                )
            })?;
            Command::Merge(into)
        }
        "began" => {
            let zone = zone_of(viewer, &directory);
            let at = field("at").and_then(|text| local(text, &zone));
            let at = at.ok_or_else(|| Problem::invalid("at", "Write when it began: a date and a time."))?;
            Command::Began(Began { at, origin: Origin::Person })
        }
        "comment" => {
            let text = field("text").ok_or_else(|| Problem::invalid("text", "Write something first."))?;
            Command::Comment(Private::from(text))
        }
        "priority" => {
            let priority = field("priority").and_then(Priority::from_word);
            let priority = priority.ok_or_else(|| Problem::invalid("priority", "Choose one of P1 to P5."))?;
            Command::Describe { priority: Some(priority), title: None }
        }
        _ => return Ok(None),
    }))
}

/// The viewer's own zone, else that of a schedule.
pub(super) fn zone_of(viewer: &Viewer, directory: &Directory) -> TimeZone {
    let own = viewer.user.as_ref().and_then(|user| directory.users.get(user)?.time_zone.clone());
    own.or_else(|| directory.schedules.values().next().map(super::rota::zone)).unwrap_or(TimeZone::UTC)
}

/// What a field for date and time holds (`2026-12-24T03:00`), local.
pub(super) fn local(text: &str, zone: &TimeZone) -> Option<Timestamp> {
    let local: jiff::civil::DateTime = text.parse().ok()?;
    local.to_zoned(zone.clone()).ok().map(|zoned| zoned.timestamp())
}

/// `15m`, `1h`, `morning`: the next eight o'clock, local.
fn snooze_until(word: &str, now: Timestamp, zone: &TimeZone) -> Option<Timestamp> {
    match word {
        "15m" => now.checked_add(SignedDuration::from_mins(15)).ok(),
        "1h" => now.checked_add(SignedDuration::from_hours(1)).ok(),
        "morning" => {
            let local = now.to_zoned(zone.clone());
            let day =
                if local.hour() < MORNING_HOUR { local.date() } else { local.date().checked_add(1.day()).ok()? };
            Some(day.at(MORNING_HOUR, 0, 0, 0).to_zoned(zone.clone()).ok()?.timestamp())
        }
        _ => None,
    }
}

pub(super) async fn by_reference(
    state: &AppState,
    viewer: &Viewer,
    reference: &str,
) -> Result<Option<AlertId>, Problem> {
    for status in ["triggered", "acknowledged"] {
        let filter = AlertFilter {
            status: Some(status.to_owned()),
            customers: viewer.customers.clone(),
            search: Some(reference.to_owned()),
            ..AlertFilter::default()
        };
        let rows = state.records().alerts(&filter, None, LOOKED_THROUGH).await?.items;
        if let Some(row) = rows.iter().find(|row| row.reference == reference) {
            return Ok(row.id.parse().ok());
        }
    }
    Ok(None)
}

/// With a capital at its beginning.
fn sentence(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_morning_is_the_next_eight_o_clock() {
        let berlin = TimeZone::get("Europe/Berlin").unwrap();
        let until = |now: &str, word: &str| snooze_until(word, now.parse().unwrap(), &berlin).map(|at| at.to_string());
        assert_eq!(until("2026-11-22T02:00:00Z", "morning").unwrap(), "2026-11-22T07:00:00Z");
        assert_eq!(until("2026-11-22T07:00:00Z", "morning").unwrap(), "2026-11-23T07:00:00Z");
        assert_eq!(
            until("2026-10-24T20:00:00Z", "morning").unwrap(),
            "2026-10-25T07:00:00Z",
            "winter begins that night"
        );
        assert_eq!(until("2026-11-22T02:00:00Z", "15m").unwrap(), "2026-11-22T02:15:00Z");
        assert!(until("2026-11-22T02:00:00Z", "1y").is_none());
    }

    #[test]
    fn a_refusal_reads_as_a_sentence() {
        assert_eq!(sentence("the alert is over"), "The alert is over");
        assert_eq!(sentence(""), "");
    }
}
