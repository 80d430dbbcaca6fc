//! `/`: what must not be overlooked, what is open and what happens next, who is on call, what runs, what was.

use std::collections::HashSet;

use askama::Template;
use axum::extract::State;
use axum::response::Response;
use hotline_core::directory::Directory;
use jiff::Timestamp;

use super::views::alert::AlertView;
use super::views::duty::DutyView;
use super::views::{CallView, Frame, When, banner};
use super::warnings::{self, Warning};
use super::{Shared, Visitor, html};
use crate::http::AppState;
use crate::http::api::incidents::open_now;
use crate::http::api::incidents::types::IncidentSummary;
use crate::http::api::{alert_page, call_page, on_call_now};
use crate::http::auth::{Right, Viewer};
use crate::http::events::{open_alerts, running_calls};
use crate::http::health::Trouble;
use crate::store::read::{AlertFilter, CallFilter};

/// Rows of what is over.
const RECENT: u32 = 8;
/// Open incidents on the board.
const INCIDENTS: u32 = 12;
/// Open alerts on the board; the rest is in the list.
const OPEN_MAX: u32 = 60;
/// Of those that somebody has, or that can wait.
const CALM_MAX: usize = 12;

#[derive(Template)]
#[template(path = "board.html")]
struct Board {
    frame: Frame,
    troubles: Vec<Trouble>,
    warnings: Vec<Warning>,
    /// Somebody must act now.
    alarm: bool,
    duties: Vec<DutyView>,
    /// Nobody has them.
    waiting: Vec<AlertView>,
    /// Nobody has them, and that is fine for now.
    later: Vec<AlertView>,
    /// Somebody has them.
    taken: Vec<AlertView>,
    /// All that nobody has, also those not on the board.
    waiting_count: u64,
    taken_count: u64,
    /// Not on the board.
    hidden: u64,
    /// The database could be read.
    listed: bool,
    /// What goes on, with the words that wait for a second person; `None`: the database is away.
    incidents: Option<Vec<(IncidentSummary, usize)>>,
    running: Vec<CallView>,
    calls: Option<Vec<CallView>>,
    closed: Option<Vec<AlertView>>,
}

impl Board {
    fn words(word: &str) -> String {
        super::incidents::words(word)
    }
    fn due(at: &str) -> When {
        When::due(at)
    }
}

/// The open alerts, the most urgent first.
struct Open {
    alerts: Vec<AlertView>,
    waiting: u64,
    taken: u64,
    listed: bool,
}

pub async fn show(Visitor(viewer): Visitor, State(state): Shared) -> Response {
    let customers = viewer.customers.clone();
    let none = CallFilter { customers: customers.clone(), ..CallFilter::default() };
    let resolved = AlertFilter { status: Some("resolved".to_owned()), customers, ..AlertFilter::default() };
    let (directory, now) = (state.board().directory(), crate::clock::now().wall);
    let (mut open, incidents, calls, closed) = tokio::join!(
        open(&state, &viewer, &directory, now),
        open_now(&state, &viewer, INCIDENTS),
        call_page(&state, &none, None, RECENT),
        alert_page(&state, &resolved, None, RECENT)
    );
    let mut warnings = warnings::of_alerts(&state, &mut open.alerts).await;
    warnings.extend(warnings::of_schedules(&state, &viewer, &directory, now));
    warnings.sort_by_key(|warning| warning.mood != "bad");
    let shown = open.alerts.len() as u64;
    let (waiting, rest): (Vec<_>, Vec<_>) =
        open.alerts.into_iter().partition(|alert| alert.waiting() && !alert.can_wait());
    let (mut later, mut taken): (Vec<_>, Vec<_>) = rest.into_iter().partition(AlertView::waiting);
    let cut = later.len().saturating_sub(CALM_MAX) + taken.len().saturating_sub(CALM_MAX);
    later.truncate(CALM_MAX);
    taken.truncate(CALM_MAX);
    let page = Board {
        frame: Frame::of(&state, &viewer, "board"),
        troubles: banner(&state),
        alarm: warnings.iter().any(|warning| warning.mood == "bad"),
        warnings,
        duties: duties(&state, &viewer, &directory, now),
        hidden: (open.waiting + open.taken).saturating_sub(shown) + cut as u64,
        waiting,
        later,
        taken,
        waiting_count: open.waiting,
        taken_count: open.taken,
        listed: open.listed,
        incidents: incidents.ok(),
        running: running_calls(&state, &viewer).into_iter().map(Into::into).collect(),
        calls: calls
            .ok()
            .filter(|_| viewer.may(Right::SeeCalls))
            .map(|page| page.items.into_iter().filter(|call| !call.running).map(Into::into).collect()),
        closed: closed.ok().map(|page| page.items.into_iter().map(Into::into).collect()),
    };
    html(&page)
}

/// From the database; what only this node's switch knows yet (the database is behind it, or away) is added.
async fn open(state: &AppState, viewer: &Viewer, directory: &Directory, now: Timestamp) -> Open {
    let (kept, (known, _)) =
        tokio::join!(state.records().open_glance(viewer.customers.as_deref(), OPEN_MAX), open_alerts(state, viewer));
    let listed = kept.is_ok();
    let kept = kept.unwrap_or_default();
    let (mut waiting, mut taken) = (kept.waiting, kept.acknowledged);
    let mut alerts: Vec<AlertView> =
        kept.alerts.into_iter().map(|glance| AlertView::of(glance, state, directory, now)).collect();
    let full = alerts.len() >= OPEN_MAX as usize;
    let ids: HashSet<String> = alerts.iter().map(|alert| alert.id.clone()).collect();
    for alert in known.into_iter().filter(|alert| !full && !ids.contains(&alert.id)) {
        // The switch may not have heard yet that it is over.
        let over = match alert.id.parse() {
            Ok(id) if listed => {
                state.records().glance(id).await.ok().flatten().is_some_and(|row| row.resolved_at.is_some())
            }
            Ok(_) | Err(_) => false,
        };
        if over {
            continue;
        }
        let alert = AlertView::from(alert);
        *(if alert.waiting() { &mut waiting } else { &mut taken }) += 1;
        alerts.push(alert);
    }
    // Nobody has it and somebody is needed; then by priority; within it the newest first, as they come.
    alerts.sort_by_key(|alert| (!alert.waiting(), alert.can_wait(), alert.priority.clone()));
    Open { alerts, waiting, taken, listed }
}

fn duties(state: &AppState, viewer: &Viewer, directory: &Directory, now: Timestamp) -> Vec<DutyView> {
    let seen = viewer.schedules(directory);
    let seen = |id| seen.as_ref().is_none_or(|seen| seen.contains(id));
    let mine = directory.schedules.values().filter(|schedule| seen(&schedule.id));
    mine.map(|schedule| {
        let mut duty = DutyView::from(on_call_now(state, directory, schedule, now));
        if !viewer.may(Right::SeeDirectory) {
            duty.phones.clear();
        }
        duty
    })
    .collect()
}
