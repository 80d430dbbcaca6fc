//! `tokens`: bearer tokens for programs. A secret is told once, when it is made; kept is its hash.

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use hotline_core::private::Private;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use super::types::Listed;
use crate::http::AppState;
use crate::http::auth::{Right, Role, Viewer, fresh_token, names, token_hash};
use crate::http::params::{Params, rfc3339};
use crate::http::problem::Problem;
use crate::store::read::TokenRow;

/// A token, without its secret.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[schema(example = json!({
    "id": "019aab2c-7d11-7000-8000-000000000009", "name": "terraform", "role": "admin", "customers": [], "teams": [],
    "created_at": "2026-11-22T03:00:00.000Z", "created_by": "login ann", "expires_at": null
}))]
pub struct TokenJson {
    /// Id.
    pub id: String,
    /// As timelines show it.
    pub name: String,
    /// `admin`, `dispatcher`, `engineer`, `stakeholder`.
    pub role: String,
    /// Only these customers' things are seen; with `teams` both empty: all.
    pub customers: Vec<String>,
    /// And those whose services these teams look after.
    pub teams: Vec<String>,
    /// Made.
    #[schema(format = DateTime)]
    pub created_at: String,
    /// By whom.
    pub created_by: String,
    /// Worth nothing from then on; null: for ever.
    #[schema(format = DateTime)]
    pub expires_at: Option<String>,
}

/// A token just made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct NewToken {
    /// About it.
    #[serde(flatten)]
    pub about: TokenJson,
    /// The token itself: this is the only time it is told.
    pub token: String,
}

/// A token to be made.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"name": "terraform", "role": "admin", "expires_at": "2027-11-22T00:00:00Z"}))]
pub struct TokenWish {
    /// 1 to 64 letters, digits, `.`, `_`, `-`; none twice.
    pub name: String,
    /// `admin`, `dispatcher`, `engineer`, `stakeholder`.
    pub role: String,
    /// Only these customers' things are seen.
    #[serde(default)]
    pub customers: Vec<String>,
    /// And those whose services these teams look after.
    #[serde(default)]
    pub teams: Vec<String>,
    /// RFC 3339; without: for ever.
    #[schema(format = DateTime)]
    pub expires_at: Option<String>,
}

impl From<TokenRow> for TokenJson {
    fn from(row: TokenRow) -> Self {
        Self {
            customers: names(row.customers.as_deref()),
            teams: names(row.teams.as_deref()),
            id: row.id,
            name: row.name,
            role: row.role,
            created_at: rfc3339(row.created_at),
            created_by: row.created_by,
            expires_at: row.expires_at.map(rfc3339),
        }
    }
}

/// The tokens, by name. The one of `HOTLINE_ADMIN_TOKEN` is not among them.
#[utoipa::path(
    get, path = "/api/v1/tokens", tag = "service", security(("token" = []), ("session" = [])),
    params(
        ("limit" = Option<u32>, Query, minimum = 1, maximum = 200, description = "Rows in the page (50)"),
        ("cursor" = Option<String>, Query, description = "`next_cursor` of the page before"),
    ),
    responses(
        (status = 200, description = "A page of tokens, without their secrets", body = Listed<TokenJson>),
        (status = 400, description = "A parameter is not valid", body = Problem, content_type = "application/problem+json"),
        (status = 401, description = "Not logged in", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "The role or scope is not enough", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "The database is away", body = Problem, content_type = "application/problem+json"),
    )
)]
pub async fn list(
    viewer: Viewer,
    State(state): State<AppState>,
    mut params: Params,
) -> Result<Json<Listed<TokenJson>>, Problem> {
    viewer.require(Right::ManageLogins)?;
    let (limit, cursor) = params.page()?;
    params.done()?;
    let rows = state.records().tokens().await?;
    let entries = rows.into_iter().map(|row| (row.name.clone(), row.into()));
    Ok(Json(super::page_of(entries, cursor.as_deref(), limit)))
}

/// Makes a token; its secret is in the answer and nowhere else.
#[utoipa::path(
    post, path = "/api/v1/tokens", tag = "service", security(("token" = []), ("session" = [])),
    request_body = TokenWish,
    responses(
        (status = 201, description = "Made: `token` is told this once", body = NewToken),
        (status = 400, description = "A field is not valid", body = Problem, content_type = "application/problem+json"),
        (status = 401, description = "Not logged in", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "The role or scope is not enough, or sent by another site with our cookie", body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "There is a token of this name", body = Problem, content_type = "application/problem+json"),
        (status = 413, description = "The body is too large", body = Problem, content_type = "application/problem+json"),
        (status = 415, description = "The body is not JSON", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "A field is missing or not known", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "The database is away", body = Problem, content_type = "application/problem+json"),
    )
)]
pub async fn create(
    viewer: Viewer,
    State(state): State<AppState>,
    Json(wish): Json<TokenWish>,
) -> Result<Response, Problem> {
    viewer.require(Right::ManageLogins)?;
    let (row, token) = made(&state, &viewer, &wish)?;
    if !state.records().add_token(&row).await? {
        return Err(Problem::new(
            StatusCode::CONFLICT,
            "token-exists",
            "There is a token of this name",
            "Timelines show tokens by their names; take another, or take the old one back first.",
        ));
    }
    tracing::info!(token = %row.name, role = %row.role, by = %viewer.shown(), "a token was made");
    let body = NewToken { about: row.into(), token: token.into_inner() };
    let mut response = (StatusCode::CREATED, Json(body)).into_response();
    response.extensions_mut().insert(crate::http::idempotency::ToldOnce);
    Ok(response)
}

fn made(state: &AppState, viewer: &Viewer, wish: &TokenWish) -> Result<(TokenRow, Private<String>), Problem> {
    let name = wish.name.trim();
    let good = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
    if name.is_empty() || name.len() > 64 || !name.chars().all(good) {
        return Err(Problem::invalid("name", "name has 1 to 64 of these: letters, digits, . _ -"));
    }
    if !Role::WORDS.contains(&wish.role.as_str()) {
        return Err(Problem::invalid("role", format!("role must be one of {}.", Role::WORDS.join(", "))));
    }
    let directory = state.board().directory();
    if let Some(unknown) = wish.customers.iter().find(|id| !directory.customers.contains_key(&id.as_str().into())) {
        return Err(Problem::invalid("customers", format!("There is no customer {unknown}.")));
    }
    if let Some(unknown) = wish.teams.iter().find(|id| !directory.teams.contains_key(&id.as_str().into())) {
        return Err(Problem::invalid("teams", format!("There is no team {unknown}.")));
    }
    let now = crate::clock::now().wall;
    let expires_at = wish.expires_at.as_deref().map(|text| {
        let moment = text.parse::<jiff::Timestamp>().ok().filter(|moment| *moment > now);
        moment.ok_or_else(|| {
            Problem::invalid("expires_at", "expires_at must be a time to come, as in 2027-12-24T03:00:00Z.")
        })
    });
    let joined = |names: &[String]| (!names.is_empty()).then(|| names.join(" "));
    let token = fresh_token();
    let row = TokenRow {
        id: Uuid::now_v7().to_string(),
        name: name.to_owned(),
        hash: token_hash(token.reveal()),
        role: wish.role.clone(),
        customers: joined(&wish.customers),
        teams: joined(&wish.teams),
        created_at: now.as_millisecond(),
        created_by: viewer.shown(),
        expires_at: expires_at.transpose()?.map(jiff::Timestamp::as_millisecond),
    };
    Ok((row, token))
}

/// Takes a token back: it is worth nothing within 20 seconds on every node, here at once.
#[utoipa::path(
    delete, path = "/api/v1/tokens/{id}", tag = "service", security(("token" = []), ("session" = [])),
    params(("id" = String, Path, description = "Id of a token")),
    responses(
        (status = 204, description = "It is gone"),
        (status = 401, description = "Not logged in", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "The role or scope is not enough, or sent by another site with our cookie", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "No such token", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "The database is away", body = Problem, content_type = "application/problem+json"),
    )
)]
pub async fn remove(
    viewer: Viewer,
    State(state): State<AppState>,
    Path(id): Path<String>,
) -> Result<StatusCode, Problem> {
    viewer.require(Right::ManageLogins)?;
    if !state.records().remove_token(&id).await? {
        return Err(Problem::not_found("token"));
    }
    state.logins().forget();
    tracing::info!(token = %id, by = %viewer.shown(), "a token was taken back");
    Ok(StatusCode::NO_CONTENT)
}
