//! statuspage.io's JSON below `/status/{slug}/api/v2/`. Programs written for it need another address and nothing else.

use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, header};
use axum::response::Response;
use hotline_core::incident::Phase;
use hotline_core::status::IncidentView;
use serde_json::{Value, json};

use super::admit::{Admitted, refused};
use super::render::{Material, What, answer};
use crate::http::AppState;
use crate::switch::status::shape::Shape;

const FILES: [&str; 8] = [
    "summary.json",
    "status.json",
    "components.json",
    "incidents.json",
    "incidents/unresolved.json",
    "scheduled-maintenances.json",
    "scheduled-maintenances/active.json",
    "scheduled-maintenances/upcoming.json",
];

pub async fn file(State(state): State<AppState>, headers: HeaderMap, admitted: Admitted) -> Response {
    let name = admitted.rest.first().cloned().unwrap_or_default();
    named(&state, &headers, &admitted, &name)
}

pub async fn nested(State(state): State<AppState>, headers: HeaderMap, admitted: Admitted) -> Response {
    let name = admitted.rest.join("/");
    named(&state, &headers, &admitted, &name)
}

fn named(state: &AppState, headers: &HeaderMap, admitted: &Admitted, name: &str) -> Response {
    let Some(file) = FILES.into_iter().find(|file| *file == name) else {
        return refused(state, headers, &format!("/status/{}", admitted.slug), &admitted.slug.0);
    };
    let mut response = answer(state, headers, admitted, What::Json(file), |material| {
        Ok(Some((body(material, file).to_string(), "application/json; charset=utf-8")))
    });
    if admitted.public {
        // Pages of others may read what anybody may read.
        response.headers_mut().insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
    }
    response
}

fn body(material: &Material<'_>, file: &str) -> Value {
    let view = material.view;
    let shape = Shape { page: material.admitted.page(), view, base: material.base };
    let list = |all: Vec<&IncidentView>| -> Value { all.into_iter().map(|one| shape.incident(one)).collect() };
    let upcoming = |one: &&IncidentView| one.phase == Phase::Scheduled;
    let past = |planned: bool| view.past.iter().filter(move |one| one.planned == planned);
    let mut out = json!({ "page": shape.page() });
    match file {
        "status.json" => out["status"] = shape.status(),
        "components.json" => out["components"] = shape.components(),
        "incidents.json" => out["incidents"] = list(view.incidents.iter().chain(past(false)).collect()),
        "incidents/unresolved.json" => out["incidents"] = list(view.incidents.iter().collect()),
        "scheduled-maintenances.json" => {
            out["scheduled_maintenances"] = list(view.maintenances.iter().chain(past(true)).collect());
        }
        "scheduled-maintenances/active.json" => {
            out["scheduled_maintenances"] = list(view.maintenances.iter().filter(|one| !upcoming(one)).collect());
        }
        "scheduled-maintenances/upcoming.json" => {
            out["scheduled_maintenances"] = list(view.maintenances.iter().filter(upcoming).collect());
        }
        _ => {
            out["components"] = shape.components();
            out["incidents"] = list(view.incidents.iter().collect());
            out["scheduled_maintenances"] = list(view.maintenances.iter().collect());
            out["status"] = shape.status();
        }
    }
    out
}
