//! `slas/{id}/revisions`: what was promised when, and who has signed it. The contracts themselves are documents (`api/directory`).

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::alerts::Said;
use super::types::{Listed, Named};
use crate::http::AppState;
use crate::http::auth::{Right, Viewer};
use crate::http::params::rfc3339;
use crate::http::problem::Problem;
use crate::store::slas::{RevisionRow, SignatureRow};
use crate::switch::slas::SignError;

/// The routes of contracts' revisions.
pub fn documented() -> OpenApiRouter<AppState> {
    OpenApiRouter::new().routes(routes!(list)).routes(routes!(one)).routes(routes!(request))
}

/// A contract as it was from some time on. Never changed.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
#[schema(example = json!({
    "sla": "gold", "revision": 2, "customer": {"id": "acme", "name": "Acme Logistics"}, "since": "2026-11-01T08:00:00.000Z", "until": null,
    "sha256": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08", "by": "login admin",
    "body": {"customer": "acme", "name": "Gold", "sla": "gold", "targets": {"P1": {"response": 900}}, "warn_at": [50, 75, 90]},
    "signed": true, "signatures": [{
        "contact": "lea", "name": "Lea Sommer", "requested_at": "2026-11-01T08:10:00.000Z", "requested_by": "login admin",
        "expires_at": "2026-12-01T08:10:00.000Z", "signed_at": "2026-11-02T09:00:00.000Z", "signed_name": "Lea Sommer"
    }]
}))]
pub struct Revision {
    /// The contract.
    pub sla: String,
    /// From 1.
    pub revision: u32,
    /// With whom.
    pub customer: Named,
    /// In force from then.
    #[schema(format = DateTime)]
    pub since: String,
    /// Until then; null: it is the latest.
    #[schema(format = DateTime)]
    pub until: Option<String>,
    /// Hash of the body in its canonical form (fields sorted, no spaces): this is what is signed.
    pub sha256: String,
    /// Who wrote it.
    pub by: String,
    /// The contract, its hours and holidays; lengths in seconds.
    pub body: Value,
    /// Somebody of the customer has signed it.
    pub signed: bool,
    /// Who was asked, and who has signed.
    pub signatures: Vec<Signature>,
}

/// Somebody was asked to sign.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Signature {
    /// Which of the customer's contacts.
    pub contact: String,
    /// The contact's name.
    pub name: String,
    /// When they were asked.
    #[schema(format = DateTime)]
    pub requested_at: String,
    /// By whom.
    pub requested_by: String,
    /// The link works until then.
    #[schema(format = DateTime)]
    pub expires_at: String,
    /// When it was signed.
    #[schema(format = DateTime)]
    pub signed_at: Option<String>,
    /// The name that was typed.
    pub signed_name: Option<String>,
}

/// Who is to be asked.
#[derive(Debug, Clone, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"contact": "lea"}))]
pub struct RequestSignature {
    /// Id of one of the customer's contacts; it has a mailbox.
    pub contact: String,
}

impl Signature {
    fn of(row: &SignatureRow) -> Self {
        let at = |at: jiff::Timestamp| rfc3339(at.as_millisecond());
        Self {
            contact: row.contact.clone(),
            name: row.contact_name.clone(),
            requested_at: at(row.requested_at),
            requested_by: row.requested_by.clone(),
            expires_at: at(row.expires_at),
            signed_at: row.signed_at.map(at),
            signed_name: row.signed_name.clone(),
        }
    }
}

/// A contract's revisions, the latest first; 404 where the viewer does not see the customer.
pub async fn revisions(state: &AppState, viewer: &Viewer, id: &str) -> Result<Vec<Revision>, Problem> {
    viewer.require(Right::SeeAlerts)?;
    let rows = state.records().revisions(id).await?;
    // A contract may have gone from one customer to another: nobody sees what was the other's.
    let seen: Vec<&RevisionRow> = rows.iter().filter(|row| viewer.sees(Some(&row.customer))).collect();
    if seen.is_empty() {
        return Err(Problem::not_found("sla"));
    }
    let signatures = state.records().signatures(Some(id)).await?;
    let directory = state.board().directory();
    let named = |row: &RevisionRow| {
        let known = directory.customers.get(&row.customer.as_str().into());
        Named { id: row.customer.clone(), name: known.map_or_else(|| row.customer.clone(), |known| known.name.clone()) }
    };
    let shown = seen.into_iter().map(|row| {
        let next = rows.iter().find(|other| other.number == row.number + 1);
        let asked: Vec<Signature> =
            signatures.iter().filter(|one| one.number == row.number).map(Signature::of).collect();
        Revision {
            sla: row.sla.clone(),
            revision: row.number,
            customer: named(row),
            since: rfc3339(row.since.as_millisecond()),
            until: next.map(|next| rfc3339(next.since.as_millisecond())),
            sha256: row.sha256.clone(),
            by: row.created_by.clone(),
            body: serde_json::from_str(&row.body).unwrap_or_default(),
            signed: asked.iter().any(|one| one.signed_at.is_some()),
            signatures: asked,
        }
    });
    Ok(shown.collect())
}

/// What was promised when: the revisions of a contract, the latest first.
#[utoipa::path(
    get, path = "/api/v1/slas/{id}/revisions", tag = "slas", security(("token" = []), ("session" = [])),
    params(("id" = String, Path, description = "Name of the contract")),
    responses(
        (status = 200, description = "The revisions", body = Listed<Revision>),
        (status = 401, description = "Not logged in", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "No such contract", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "The database is away", body = Problem, content_type = "application/problem+json"),
    )
)]
pub async fn list(
    viewer: Viewer,
    State(state): State<AppState>,
    Path(id): Path<String>,
) -> Result<Json<Listed<Revision>>, Problem> {
    Ok(Json(Listed { items: revisions(&state, &viewer, &id).await?, next_cursor: None }))
}

/// One revision.
#[utoipa::path(
    get, path = "/api/v1/slas/{id}/revisions/{revision}", tag = "slas", security(("token" = []), ("session" = [])),
    params(
        ("id" = String, Path, description = "Name of the contract"),
        ("revision" = String, Path, description = "Number of the revision"),
    ),
    responses(
        (status = 200, description = "The revision", body = Revision),
        (status = 401, description = "Not logged in", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "No such revision", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "The database is away", body = Problem, content_type = "application/problem+json"),
    )
)]
pub async fn one(
    viewer: Viewer,
    State(state): State<AppState>,
    Path((id, number)): Path<(String, String)>,
) -> Result<Json<Revision>, Problem> {
    let all = revisions(&state, &viewer, &id).await?;
    let one = all.into_iter().find(|one| one.revision.to_string() == number);
    one.map(Json).ok_or_else(|| Problem::not_found("revision"))
}

/// Mails a link to sign this revision to one of the customer's people. It works for 30 days; asked again, the earlier link is worth nothing.
#[utoipa::path(
    post, path = "/api/v1/slas/{id}/revisions/{revision}/request-signature", tag = "slas",
    security(("token" = []), ("session" = [])),
    params(
        ("id" = String, Path, description = "Name of the contract"),
        ("revision" = String, Path, description = "Number of the revision"),
    ),
    request_body = RequestSignature,
    responses(
        (status = 202, description = "The mail is on its way", body = Signature),
        (status = 400, description = "The body is not valid", body = Problem, content_type = "application/problem+json"),
        (status = 401, description = "Not logged in", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "The role is not enough", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "No such revision or contact", body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "No mailbox, no mail server, or no public address of ours", body = Problem, content_type = "application/problem+json"),
        (status = 415, description = "A body that is not JSON", body = Problem, content_type = "application/problem+json"),
        (status = 502, description = "The mail server did not take it", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "The database is away", body = Problem, content_type = "application/problem+json"),
    )
)]
pub async fn request(
    viewer: Viewer,
    State(state): State<AppState>,
    Path((id, number)): Path<(String, String)>,
    Said(said): Said<RequestSignature>,
) -> Result<(StatusCode, Json<Signature>), Problem> {
    let row = ask(&state, &viewer, &id, &number, &said.contact).await?;
    Ok((StatusCode::ACCEPTED, Json(Signature::of(&row))))
}

/// Used by the page's button too.
pub async fn ask(
    state: &AppState,
    viewer: &Viewer,
    id: &str,
    number: &str,
    contact: &str,
) -> Result<SignatureRow, Problem> {
    viewer.require(Right::Configure)?;
    let Some(number) = number.parse::<u32>().ok() else { return Err(Problem::not_found("revision")) };
    state.board().request_signature(id, number, contact, &viewer.actor()).await.map_err(|error| match error {
        SignError::Unknown(what) => Problem::not_found(what),
        SignError::Unable(why) => {
            Problem::new(StatusCode::CONFLICT, "signature-not-requested", "Nobody can be asked", why)
        }
        SignError::NotSent(why) => Problem::new(
            StatusCode::BAD_GATEWAY,
            "mail-not-sent",
            "The mail could not be sent",
            format!("{why}. Ask again."),
        ),
        SignError::Store(error) => error.into(),
    })
}
