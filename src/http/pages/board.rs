//! `/`: who is on call, what is open, what runs, what was.

use askama::Template;
use axum::extract::State;
use axum::response::Response;

use super::views::{AlertView, CallView, DutyView, Frame, banner};
use super::{Shared, Visitor, html};
use crate::http::AppState;
use crate::http::api::{alert_page, call_page, on_call_now};
use crate::http::auth::{Right, Viewer};
use crate::http::events::{open_alerts, running_calls};
use crate::http::health::Trouble;
use crate::store::read::{AlertFilter, CallFilter};

/// Rows of what is over.
const RECENT: u32 = 10;

#[derive(Template)]
#[template(path = "board.html")]
struct Board {
    frame: Frame,
    troubles: Vec<Trouble>,
    duties: Vec<DutyView>,
    open: Vec<AlertView>,
    /// The database could be read.
    listed: bool,
    waiting: usize,
    running: Vec<CallView>,
    calls: Option<Vec<CallView>>,
    closed: Option<Vec<AlertView>>,
}

pub async fn show(Visitor(viewer): Visitor, State(state): Shared) -> Response {
    let customers = viewer.customers.clone();
    let none = CallFilter { customers: customers.clone(), ..CallFilter::default() };
    let resolved = AlertFilter { status: Some("resolved".to_owned()), customers, ..AlertFilter::default() };
    let ((open, listed), calls, closed) = tokio::join!(
        open_alerts(&state, &viewer),
        call_page(&state, &none, None, RECENT),
        alert_page(&state, &resolved, None, RECENT)
    );
    let open = in_order(open);
    let page = Board {
        frame: Frame::of(&state, &viewer, "board"),
        troubles: banner(&state),
        duties: duties(&state, &viewer),
        waiting: open.iter().filter(|alert| alert.waiting()).count(),
        open,
        listed,
        running: running_calls(&state, &viewer).into_iter().map(Into::into).collect(),
        calls: calls
            .ok()
            .filter(|_| viewer.may(Right::SeeCalls))
            .map(|page| page.items.into_iter().filter(|call| !call.running).map(Into::into).collect()),
        closed: closed.ok().map(|page| page.items.into_iter().map(Into::into).collect()),
    };
    html(&page)
}

/// What nobody has first, then by urgency; newest first within.
fn in_order(alerts: Vec<crate::http::api::types::AlertSummary>) -> Vec<AlertView> {
    let mut views: Vec<AlertView> = alerts.into_iter().map(Into::into).collect();
    views.sort_by_key(|alert| (!alert.waiting(), alert.priority.clone()));
    views
}

fn duties(state: &AppState, viewer: &Viewer) -> Vec<DutyView> {
    let directory = state.board().directory();
    let at = crate::clock::now().wall;
    let seen = viewer.schedules(&directory);
    let schedules = directory.schedules.values().filter(|one| seen.as_ref().is_none_or(|seen| seen.contains(&one.id)));
    schedules.map(|schedule| on_call_now(state, &directory, schedule, at).into()).collect()
}
