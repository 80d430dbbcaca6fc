//! `/alerts/{id}`: what it is, what was said, what was done; and taking it.

use askama::Template;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};

use super::views::{AlertView, Frame, RecordingView, StepView, recordings};
use super::{Shared, Visitor, away, html, no_such, show_problem};
use crate::http::AppState;
use crate::http::api::{Deed, alert_detail, carry_out};
use crate::http::auth::Viewer;
use crate::http::params::Params;

#[derive(Template)]
#[template(path = "alert.html")]
struct Page {
    frame: Frame,
    alert: AlertView,
    recordings: Vec<RecordingView>,
    timeline: Vec<StepView>,
}

pub async fn show(Visitor(viewer): Visitor, State(state): Shared, Path(id): Path<String>) -> Response {
    match alert_detail(&state, &viewer, &id).await {
        Ok(Some(detail)) => html(&Page {
            frame: Frame::of(&state, &viewer, "alerts"),
            recordings: recordings(&detail.recordings),
            timeline: detail.timeline.into_iter().map(Into::into).collect(),
            alert: detail.alert.into(),
        }),
        Ok(None) => no_such(&state, "alert"),
        Err(error) => away(&state, error),
    }
}

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
        Ok(_) | Err(_) => Redirect::to(&format!("/alerts/{id}")).into_response(),
    }
}
