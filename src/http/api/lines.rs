//! `trunks` and `phones`: what is connected now.

use axum::Json;
use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;

use super::types::{Listed, Named};
use crate::http::AppState;
use crate::http::auth::{Right, Viewer};
use crate::http::params::{Params, rfc3339};
use crate::http::problem::Problem;
use crate::sip::{Registered, Transport};

/// A carrier.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[schema(example = json!({
    "id": "carrier", "name": "Carrier", "caller_id": "+4930123450", "trusted": true, "up": true, "status": "registered until 03:10:00"
}))]
pub struct TrunkJson {
    /// Configured id.
    pub id: String,
    /// As shown.
    pub name: String,
    /// The number that outgoing calls show.
    pub caller_id: Option<String>,
    /// Its P-Asserted-Identity is believed.
    pub trusted: bool,
    /// Registered, or reachable where it needs no registration.
    pub up: bool,
    /// In words.
    pub status: String,
}

/// An account that a phone registers with.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[schema(example = json!({
    "id": "engineer-1", "user": {"id": "engineer-1", "name": "Ada Winter"}, "registered": true,
    "registrations": [{"address": "192.0.2.20:5060", "transport": "udp", "expires_at": "2026-11-22T04:00:00.000Z", "user_agent": "baresip v3"}]
}))]
pub struct PhoneJson {
    /// The account.
    pub id: String,
    /// Whose it is.
    pub user: Option<Named>,
    /// It can be called now.
    pub registered: bool,
    /// Where it is registered from.
    pub registrations: Vec<RegistrationJson>,
}

/// One registration of a phone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct RegistrationJson {
    /// Source address.
    pub address: String,
    /// `udp` or `tcp`.
    pub transport: String,
    /// Until then, unless refreshed.
    #[schema(format = DateTime)]
    pub expires_at: String,
    /// What it calls itself.
    pub user_agent: String,
}

impl From<&Registered> for RegistrationJson {
    fn from(registered: &Registered) -> Self {
        let transport = match registered.transport {
            Transport::Udp => "udp",
            Transport::Tcp => "tcp",
        };
        Self {
            address: registered.address.to_string(),
            transport: transport.to_owned(),
            expires_at: rfc3339(registered.expires.as_millisecond()),
            user_agent: registered.user_agent.clone(),
        }
    }
}

/// The carriers and how their connections are.
#[utoipa::path(
    get, path = "/api/v1/trunks", tag = "lines", security(("token" = []), ("session" = [])),
    params(
        ("limit" = Option<u32>, Query, minimum = 1, maximum = 200, description = "Rows in the page (50)"),
        ("cursor" = Option<String>, Query, description = "`next_cursor` of the page before"),
    ),
    responses(
        (status = 200, description = "A page of trunks", body = Listed<TrunkJson>),
        (status = 400, description = "A parameter is not valid", body = Problem, content_type = "application/problem+json"),
        (status = 401, description = "Not logged in", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "The role or scope is not enough", body = Problem, content_type = "application/problem+json"),
    )
)]
pub async fn trunks(
    viewer: Viewer,
    State(state): State<AppState>,
    mut params: Params,
) -> Result<Json<Listed<TrunkJson>>, Problem> {
    viewer.require(Right::SeeDirectory)?;
    let (limit, cursor) = params.page()?;
    params.done()?;
    let directory = state.board().directory();
    let states = state.board().trunks();
    let entries = directory.trunks.values().map(|trunk| {
        let now = states.iter().find(|now| now.trunk == trunk.id);
        let item = TrunkJson {
            id: trunk.id.0.clone(),
            name: trunk.name.clone(),
            caller_id: trunk.caller_id.as_ref().map(|number| number.reveal().clone()),
            trusted: trunk.trusted,
            up: now.is_some_and(|now| now.up),
            status: now.map_or_else(|| "not known yet".to_owned(), |now| now.status.clone()),
        };
        (item.id.clone(), item)
    });
    Ok(Json(super::page_of(entries, cursor.as_deref(), limit)))
}

/// The phones and whether they are registered.
#[utoipa::path(
    get, path = "/api/v1/phones", tag = "lines", security(("token" = []), ("session" = [])),
    params(
        ("limit" = Option<u32>, Query, minimum = 1, maximum = 200, description = "Rows in the page (50)"),
        ("cursor" = Option<String>, Query, description = "`next_cursor` of the page before"),
    ),
    responses(
        (status = 200, description = "A page of phones", body = Listed<PhoneJson>),
        (status = 400, description = "A parameter is not valid", body = Problem, content_type = "application/problem+json"),
        (status = 401, description = "Not logged in", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "The role or scope is not enough", body = Problem, content_type = "application/problem+json"),
    )
)]
pub async fn phones(
    viewer: Viewer,
    State(state): State<AppState>,
    mut params: Params,
) -> Result<Json<Listed<PhoneJson>>, Problem> {
    viewer.require(Right::SeeDirectory)?;
    let (limit, cursor) = params.page()?;
    params.done()?;
    let directory = state.board().directory();
    let registered = state.board().registered();
    let entries = directory.phones.values().map(|phone| {
        let here: Vec<RegistrationJson> =
            registered.iter().filter(|one| one.phone == phone.id).map(Into::into).collect();
        let item = PhoneJson {
            id: phone.id.0.clone(),
            user: phone.user.as_ref().map(|user| Named::user(&directory, &user.0)),
            registered: !here.is_empty(),
            registrations: here,
        };
        (item.id.clone(), item)
    });
    Ok(Json(super::page_of(entries, cursor.as_deref(), limit)))
}
