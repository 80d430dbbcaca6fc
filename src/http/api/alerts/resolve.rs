//! `POST /alerts/{id}/resolve`: "It is over."

use axum::Json;
use axum::extract::{Path, State};

use super::{AlertState, Deed, NoBody, carry_out};
use crate::http::AppState;
use crate::http::auth::Viewer;
use crate::http::problem::Problem;

/// It is over.
#[utoipa::path(
    post, path = "/api/v1/alerts/{id}/resolve", tag = "alerts", security(("token" = []), ("session" = [])),
    params(("id" = String, Path, description = "Id of an alert")),
    responses(
        (status = 200, description = "Kept: the alert is closed", body = AlertState),
        (status = 401, description = "Not logged in", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "Not allowed, or sent by another site with our cookie", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "No such alert", body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "It is resolved already", body = Problem, content_type = "application/problem+json"),
        (status = 400, description = "A body with fields in it; none is needed", body = Problem, content_type = "application/problem+json"),
        (status = 415, description = "A body that is not JSON", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "It can't be kept at the moment", body = Problem, content_type = "application/problem+json"),
    )
)]
pub async fn resolve(
    viewer: Viewer,
    State(state): State<AppState>,
    Path(id): Path<String>,
    _: NoBody,
) -> Result<Json<AlertState>, Problem> {
    carry_out(&state, &viewer, &id, Deed::Resolve).await.map(Json)
}
