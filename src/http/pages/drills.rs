//! `/drills`: exercises, planned and held.

use std::collections::HashMap;

use askama::Template;
use axum::Router;
use axum::extract::{Form, Path, State};
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::{get, post};

use super::views::{Frame, When};
use super::{Shared, Visitor, html, show_problem};
use crate::http::AppState;
use crate::http::api::drills::{DrillJson, DrillRun, DrillWish, begun, latest, listed, planned};
use crate::http::auth::Right;
use crate::http::params::{Params, rfc3339};
use crate::http::problem::Problem;

/// The pages' routes.
pub fn router() -> Router<AppState> {
    Router::new()
        .route("/drills", get(show).post(plan))
        .route("/drills/{id}/begin", post(begin))
        .route("/drills/{id}/remove", post(remove))
}

#[derive(Template)]
#[template(path = "drills.html")]
struct Page {
    frame: Frame,
    drills: Vec<(DrillJson, Option<When>)>,
    runs: Vec<(DrillRun, When)>,
    /// Id and name.
    policies: Vec<(String, String)>,
    /// What may be replayed: id and name.
    incidents: Vec<(String, String)>,
    /// What the link here asked for (an alert's or a call's page): its word and how it is shown.
    chosen: Option<(String, String)>,
    plans: bool,
}

impl Page {
    fn policy(&self, id: &str) -> String {
        let known = self.policies.iter().find(|(known, _)| known == id);
        known.map_or_else(|| id.to_owned(), |(_, name)| name.clone())
    }
}

/// `alert:ID` or `call:ID` of a link.
fn chosen(word: &str) -> Option<(String, String)> {
    let (kind, id) = word.split_once(':')?;
    id.parse::<uuid::Uuid>().ok()?;
    let name = match kind {
        "alert" => "the alert you came from",
        "call" => "the call you came from",
        "incident" => "the incident you came from",
        _ => return None,
    };
    Some((word.to_owned(), name.to_owned()))
}

async fn show(Visitor(viewer): Visitor, State(state): Shared, mut params: Params) -> Response {
    let shown = async {
        let drills = listed(&state, &viewer).await?;
        let runs = latest(&state, &viewer).await?;
        let directory = state.board().directory();
        let policies = directory.policies.values();
        let next = |at: Option<i64>| at.map(|at| When::full(&rfc3339(at)));
        Ok::<_, Problem>(Page {
            frame: Frame::of(&state, &viewer, "knowledge"),
            drills: drills.iter().map(|row| (row.into(), next(row.next_at))).collect(),
            runs: runs.into_iter().map(|run| (run.clone(), When::full(&run.begun_at))).take(50).collect(),
            policies: policies.map(|policy| (policy.id.0.clone(), policy.name.clone())).collect(),
            incidents: super::incidents::of_late(&state, &viewer).await?,
            chosen: params.take("replays")?.as_deref().and_then(chosen),
            plans: viewer.may(Right::Plan),
        })
    };
    match shown.await {
        Ok(page) => html(&page),
        Err(problem) => show_problem(&state, &problem),
    }
}

async fn plan(
    Visitor(viewer): Visitor,
    State(state): Shared,
    Form(mut fields): Form<HashMap<String, String>>,
) -> Response {
    let mut take = |name: &str| fields.remove(name).map(|text| text.trim().to_owned()).filter(|text| !text.is_empty());
    let zone = take("time_zone");
    // The form knows no zone: what it says is the wall clock of the drill's.
    let next_at = match take("next_at") {
        None => None,
        Some(local) => {
            let of_rota = || {
                let directory = state.board().directory();
                directory.schedules.values().find_map(|rota| rota.time_zone.iana_name().map(str::to_owned))
            };
            let name = zone.clone().or_else(of_rota).unwrap_or_else(|| "UTC".to_owned());
            let moment = local.parse::<jiff::civil::DateTime>().ok().and_then(|local| local.in_tz(&name).ok());
            Some(moment.map_or(local, |moment| moment.timestamp().to_string()))
        }
    };
    let wish = DrillWish {
        title: take("title"),
        text: take("text").unwrap_or_default(),
        replays: take("replays"),
        language: take("language"),
        policy: take("policy"),
        next_at,
        every: take("every"),
        time_zone: zone,
    };
    match planned(&state, &viewer, wish).await {
        Ok(_) => Redirect::to("/drills").into_response(),
        Err(problem) => show_problem(&state, &problem),
    }
}

async fn begin(Visitor(viewer): Visitor, State(state): Shared, Path(id): Path<String>) -> Response {
    match begun(&state, &viewer, &id).await {
        Ok(run) => match run.alert {
            Some(alert) => Redirect::to(&format!("/alerts/{alert}")).into_response(),
            None => Redirect::to("/drills").into_response(),
        },
        Err(problem) => show_problem(&state, &problem),
    }
}

async fn remove(Visitor(viewer): Visitor, State(state): Shared, Path(id): Path<String>) -> Response {
    match crate::http::api::drills::remove(viewer, State(state.clone()), Path(id)).await {
        Ok(_) => Redirect::to("/drills").into_response(),
        Err(problem) => show_problem(&state, &problem),
    }
}
