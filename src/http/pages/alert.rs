//! `/alerts/{id}`: what it is, what happens next, what was said, who was told, what was done and why.

use askama::Template;
use axum::extract::{Path, State};
use axum::response::Response;
use hotline_core::directory::Directory;
use hotline_core::fact::Priority;
use hotline_core::ids::AlertId;

use super::views::alert::AlertView;
use super::views::notifications::{TellingView, tellings};
use super::views::timeline::{GroupView, groups};
use super::views::{Frame, RecordingView, When, recordings};
use super::{Shared, Visitor, away, html, no_such};
use crate::http::AppState;
use crate::http::api::runbooks::OfAlert;
use crate::http::api::{PromiseClock, alert_detail};
use crate::http::auth::{Right, Viewer};
use crate::store::StoreError;

#[derive(Template)]
#[template(path = "alert.html")]
struct Page {
    frame: Frame,
    alert: AlertView,
    /// May do something about it.
    handles: bool,
    /// May see calls and what was said.
    calls: bool,
    people: Vec<(String, String)>,
    priorities: [&'static str; 5],
    recordings: Vec<RecordingView>,
    tellings: Vec<TellingView>,
    timeline: Vec<GroupView>,
    runbooks: Vec<OfAlert>,
    clocks: Vec<ClockView>,
    waiting: Option<When>,
    /// When the fault began, and who knows.
    began: Option<(When, String)>,
    /// In which zone its form is meant.
    zone: String,
}

/// A promise to the customer.
pub(super) struct ClockView {
    pub what: &'static str,
    pub sla: String,
    pub share: u32,
    pub due: Option<When>,
    pub state: &'static str,
    pub mood: &'static str,
}

impl ClockView {
    /// `response`: what the promise of a response is called here.
    pub(super) fn of(clock: &PromiseClock, response: &'static str) -> Self {
        let (state, mood) = match clock.state {
            "paused" => ("waits for the customer", "warn"),
            "breached" => ("overdue", "bad"),
            "kept" => ("kept", "good"),
            "late" => ("too late", "bad"),
            "void" => ("counts no more", "calm"),
            _ => ("runs", "live"),
        };
        Self {
            what: if clock.promise == "response" { response } else { "It is over" },
            sla: format!("{}, revision {}", clock.name, clock.revision),
            share: clock.share,
            due: clock.due_at.as_deref().map(When::full),
            state,
            mood,
        }
    }
}

pub async fn show(Visitor(viewer): Visitor, State(state): Shared, Path(id): Path<String>) -> Response {
    match page(&state, &viewer, &id).await {
        Ok(Some(page)) => html(&page),
        Ok(None) => no_such(&state, "alert"),
        Err(error) => away(&state, error),
    }
}

async fn page(state: &AppState, viewer: &Viewer, id: &str) -> Result<Option<Page>, StoreError> {
    let Some(detail) = alert_detail(state, viewer, id).await? else { return Ok(None) };
    let directory = state.board().directory();
    let now = crate::clock::now().wall;
    let origin = detail.alert.began_origin.clone().unwrap_or_default();
    let began = detail.alert.began_at.as_deref().map(|at| (When::full(at), origin));
    let (mut told, mut alert) = (Vec::new(), AlertView::from(detail.alert));
    if let Ok(id) = alert.id.parse::<AlertId>() {
        let (glance, notifications) =
            tokio::try_join!(state.records().glance(id), state.records().notifications_of(id))?;
        if let Some(glance) = glance {
            let next_ring = alert.next_ring.take();
            alert = AlertView::of(glance, state, &directory, now);
            alert.next_ring = next_ring;
        }
        told = notifications;
    }
    let zone = super::deeds::zone_of(viewer, &directory);
    Ok(Some(Page {
        began,
        zone: zone.iana_name().unwrap_or("UTC").to_owned(),
        frame: Frame::of(state, viewer, "alerts"),
        handles: viewer.may(Right::HandleAlerts),
        calls: viewer.may(Right::SeeCalls),
        people: people(&directory),
        priorities: Priority::ALL.map(Priority::word),
        recordings: recordings(&detail.recordings),
        tellings: tellings(told, &directory),
        runbooks: super::knowledge::of_alert(state, viewer, &alert.id).await,
        timeline: groups(detail.timeline, &directory),
        waiting: detail.promises.waiting_since.as_deref().map(When::full),
        clocks: detail.promises.clocks.iter().map(|clock| ClockView::of(clock, "Somebody takes it")).collect(),
        alert,
    }))
}

fn people(directory: &Directory) -> Vec<(String, String)> {
    let mut people: Vec<(String, String)> =
        directory.users.values().map(|user| (user.id.0.clone(), user.name.clone())).collect();
    people.sort_by_key(|(_, name)| name.to_lowercase());
    people
}
