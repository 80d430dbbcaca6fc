//! `/calls/{id}`: what happened on a call and why.

use askama::Template;
use axum::extract::{Path, State};
use axum::response::Response;

use super::views::timeline::{GroupView, groups};
use super::views::{CallView, Frame, LegView, RecordingView, recordings};
use super::{Shared, Visitor, away, html, no_such, show_problem};
use crate::http::api::call_detail;
use crate::http::auth::Right;

#[derive(Template)]
#[template(path = "call.html")]
struct Page {
    frame: Frame,
    call: CallView,
    legs: Vec<LegView>,
    recordings: Vec<RecordingView>,
    timeline: Vec<GroupView>,
}

pub async fn show(Visitor(viewer): Visitor, State(state): Shared, Path(id): Path<String>) -> Response {
    if let Err(problem) = viewer.require(Right::SeeCalls) {
        return show_problem(&state, &problem);
    }
    match call_detail(&state, &viewer, &id).await {
        Ok(Some(detail)) => html(&Page {
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
