//! `/calls/{id}`: what happened on a call and why.

use std::collections::{BTreeSet, HashMap};

use askama::Template;
use axum::extract::{Form, Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use hotline_core::call::supervise::Role;
use hotline_core::ids::{PhoneId, UserId};

use super::views::timeline::{GroupView, groups};
use super::views::{CallView, Frame, LegView, RecordingView, recordings};
use super::{Shared, Visitor, away, error, escaped, html, no_such, show_problem};
use crate::http::AppState;
use crate::http::api::{Supervisor, call_detail, end_supervision, supervise};
use crate::http::auth::{Right, Viewer};

#[derive(Template)]
#[template(path = "call.html")]
struct Page {
    frame: Frame,
    call: CallView,
    legs: Vec<LegView>,
    recordings: Vec<RecordingView>,
    timeline: Vec<GroupView>,
    /// Phones that may listen, whisper or speak; `None`: not now, or not by this viewer.
    phones: Option<Vec<String>>,
    supervisors: Vec<Supervisor>,
}

pub async fn show(Visitor(viewer): Visitor, State(state): Shared, Path(id): Path<String>) -> Response {
    if let Err(problem) = viewer.require(Right::SeeCalls) {
        return show_problem(&state, &problem);
    }
    match call_detail(&state, &viewer, &id).await {
        Ok(Some(detail)) => html(&Page {
            phones: phones(&state, &viewer, &id),
            supervisors: detail.call.supervisors.clone(),
            frame: Frame::of(&state, &viewer, "calls"),
            legs: detail.legs.into_iter().map(Into::into).collect(),
            recordings: recordings(&detail.recordings),
            timeline: groups(detail.timeline, &state.board().directory()),
            call: detail.call.into(),
        }),
        Ok(None) => no_such(&state, "call"),
        Err(error) => away(&state, error),
    }
}

/// The registered phones of the directory, the viewer's own first, if two people talk on this call and the viewer may join
/// them. Not those of the engineer who talks.
fn phones(state: &AppState, viewer: &Viewer, id: &str) -> Option<Vec<String>> {
    let board = state.board();
    let view = board.calls().into_iter().find(|view| view.talks && view.id.to_string() == id)?;
    if !viewer.may(Right::Supervise) {
        return None;
    }
    let directory = board.directory();
    let registered: BTreeSet<_> = board.registered().into_iter().map(|entry| entry.phone).collect();
    let whose = |phone: &PhoneId| directory.phones.get(phone).map(|phone| phone.user.clone());
    let busy = |user: &Option<UserId>| user.is_some() && *user == view.person;
    let mut phones: Vec<(bool, PhoneId)> = registered
        .into_iter()
        .filter_map(|phone| Some((whose(&phone)?, phone)))
        .filter(|(user, _)| !busy(user))
        .map(|(user, phone)| (user.is_none() || user != viewer.user, phone))
        .collect();
    phones.sort();
    Some(phones.into_iter().map(|(_, phone)| phone.0).collect())
}

/// The buttons: a phone listens, whispers, speaks, or leaves.
pub async fn act(
    Visitor(viewer): Visitor,
    State(state): Shared,
    Path((id, deed)): Path<(String, String)>,
    Form(fields): Form<HashMap<String, String>>,
) -> Response {
    let phone = fields.get("phone").map_or("", String::as_str);
    let done = match Role::from_word(&deed) {
        Some(role) => supervise(&state, &viewer, &id, role, phone).await.map(drop),
        None if deed == "leave" => end_supervision(&state, &viewer, &id, phone).await,
        None => return error(&state, StatusCode::NOT_FOUND, "There is nothing here", "There is no such button."),
    };
    match done {
        Ok(()) => Redirect::to(&format!("/calls/{}#supervision", escaped(&id))).into_response(),
        Err(problem) => show_problem(&state, &problem),
    }
}
