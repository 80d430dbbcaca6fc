//! `/heartbeat/{key}`: a monitor says that it is alive. The body does not matter and is not read.

use axum::extract::{Path, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};

use super::problem::Fault;
use super::{Intake, by_key};
use crate::clock::now;

/// Alive.
pub async fn ping(State(intake): State<Intake>, Path(key): Path<String>) -> Result<Response, Fault> {
    let directory = intake.0.door.directory();
    let heartbeat = by_key(&key, directory.heartbeats.values(), |heartbeat| &heartbeat.key_sha256)
        .ok_or_else(Fault::unknown_key)?;
    intake.0.door.ping(&heartbeat.id, now().wall);
    Ok((StatusCode::OK, [(header::CONTENT_TYPE, "text/plain; charset=utf-8")], "ok\n").into_response())
}
