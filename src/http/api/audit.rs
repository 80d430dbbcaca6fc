//! `audit`: who did what when, as the hash-chained record has it; for admins.

use std::convert::Infallible;

use axum::Json;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use futures::StreamExt;
use serde::Serialize;
use serde_json::{Map, Value};
use utoipa::ToSchema;

use super::types::Listed;
use crate::http::AppState;
use crate::http::api::note_export;
use crate::http::auth::{Right, Viewer};
use crate::http::params::{Params, rfc3339};
use crate::http::problem::Problem;
use crate::store::StoreError;
use crate::store::audit::{AuditFilter, AuditReport, AuditRow, Chain};

/// Entries written at once by an export.
const STRIDE: u32 = 500;

/// One entry of a node's chain.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[schema(example = json!({
    "node": "node-1", "seq": 17, "id": "019aab2c-7d11-7000-8000-000000000009", "at": "2026-11-22T03:04:00.000Z",
    "actor": "login ann", "action": "alert.acknowledge", "object": "alert:019aab2c-7d11-7000-8000-000000000002",
    "detail": {"reference": "4711"}, "personal": {}, "personal_hashes": {"actor": "1b4f0e98…"},
    "prev": "60303ae2…", "hash": "fd61a03a…"
}))]
pub struct AuditEntry {
    /// The node whose chain it is in.
    pub node: String,
    /// Place in that chain, from 1.
    pub seq: i64,
    /// Unique over all nodes.
    pub id: String,
    /// When.
    #[schema(format = DateTime)]
    pub at: String,
    /// Who; null: erased.
    pub actor: Option<String>,
    /// What: a stable word.
    pub action: String,
    /// To what; null: erased.
    pub object: Option<String>,
    /// More; without personal data.
    #[schema(value_type = Object)]
    pub detail: Value,
    /// The other personal fields; null: erased.
    #[schema(value_type = Object)]
    pub personal: Map<String, Value>,
    /// Salted hashes of the personal fields, as the chain has them.
    #[schema(value_type = Object)]
    pub personal_hashes: Map<String, Value>,
    /// Hash of the entry before (hex).
    pub prev: String,
    /// Hash of this one (hex).
    pub hash: String,
}

impl From<AuditRow> for AuditEntry {
    fn from(row: AuditRow) -> Self {
        let text = |value: Option<String>| value.map_or(Value::Null, Value::String);
        Self {
            node: row.node,
            seq: row.seq,
            id: row.id,
            at: rfc3339(row.at),
            actor: row.actor,
            action: row.action,
            object: row.object,
            detail: serde_json::from_str(&row.detail).unwrap_or(Value::String(row.detail)),
            personal: row.personal.into_iter().map(|(field, value)| (field, text(value))).collect(),
            personal_hashes: row.hashes.into_iter().map(|(field, hash)| (field, Value::String(hash))).collect(),
            prev: row.prev,
            hash: row.hash,
        }
    }
}

/// Whether the chains are as they were written.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[schema(example = json!({
    "whole": true, "queued": 0,
    "chains": [{"node": "node-1", "entries": 4711, "erased": 3, "head": "fd61a03a…", "broken": null}]
}))]
pub struct AuditState {
    /// No chain is broken.
    pub whole: bool,
    /// Deeds that wait for their place in a chain.
    pub queued: u64,
    /// One for each node.
    pub chains: Vec<ChainState>,
}

/// One node's chain.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct ChainState {
    /// Whose.
    pub node: String,
    /// Entries that are whole, from the first.
    pub entries: u64,
    /// Personal fields that were erased.
    pub erased: u64,
    /// Hash of the last whole entry (hex).
    pub head: String,
    /// The first break, in words; null: none.
    pub broken: Option<String>,
}

impl From<AuditReport> for AuditState {
    fn from(report: AuditReport) -> Self {
        let chain = |chain: Chain| ChainState {
            node: chain.node,
            entries: chain.entries,
            erased: chain.erased,
            head: chain.head,
            broken: chain.broken.map(|broken| broken.to_string()),
        };
        Self { whole: report.whole(), queued: report.queued, chains: report.chains.into_iter().map(chain).collect() }
    }
}

/// Who did what when, newest first.
#[utoipa::path(
    get, path = "/api/v1/audit", tag = "audit", security(("token" = []), ("session" = [])),
    params(
        ("actor" = Option<String>, Query, description = "By them, as shown (`login ann`, `token ci`, `engineer-1`)"),
        ("action" = Option<String>, Query, description = "This word, or all below it (`alert` is `alert.acknowledge` too)"),
        ("object" = Option<String>, Query, description = "To this (`alert:019a…`, `user:ada`)"),
        ("node" = Option<String>, Query, description = "In this node's chain"),
        ("from" = Option<String>, Query, description = "From this moment on, RFC 3339"),
        ("to" = Option<String>, Query, description = "Before this moment, RFC 3339"),
        ("limit" = Option<u32>, Query, minimum = 1, maximum = 200, description = "Rows in the page (50)"),
        ("cursor" = Option<String>, Query, description = "`next_cursor` of the page before"),
    ),
    responses(
        (status = 200, description = "A page of entries", body = Listed<AuditEntry>),
        (status = 400, description = "A parameter is not valid", body = Problem, content_type = "application/problem+json"),
        (status = 401, description = "Not logged in", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "For admins", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "The database is away", body = Problem, content_type = "application/problem+json"),
    )
)]
pub async fn list(
    viewer: Viewer,
    State(state): State<AppState>,
    mut params: Params,
) -> Result<Json<Listed<AuditEntry>>, Problem> {
    viewer.require(Right::ReadAudit)?;
    let filter = filter(&mut params)?;
    let (limit, cursor) = params.page()?;
    params.done()?;
    let page = state.records().audit_list(&filter, cursor.as_deref(), limit).await?;
    Ok(Json(Listed { items: page.items.into_iter().map(Into::into).collect(), next_cursor: page.next_cursor }))
}

/// The filter of a query.
pub fn filter(params: &mut Params) -> Result<AuditFilter, Problem> {
    Ok(AuditFilter {
        node: params.name("node")?,
        actor: params.name("actor")?,
        action: params.name("action")?,
        object: params.name("object")?,
        from: params.moment("from")?.map(jiff::Timestamp::as_millisecond),
        to: params.moment("to")?.map(jiff::Timestamp::as_millisecond),
    })
}

/// Walks all chains: was anything changed, left out, put in or cut off? Takes a second for each 50,000 entries or so.
#[utoipa::path(
    get, path = "/api/v1/audit/verify", tag = "audit", security(("token" = []), ("session" = [])),
    responses(
        (status = 200, description = "What was found; `whole` says whether all is well", body = AuditState),
        (status = 401, description = "Not logged in", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "For admins", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "The database is away", body = Problem, content_type = "application/problem+json"),
    )
)]
pub async fn verify(viewer: Viewer, State(state): State<AppState>) -> Result<Json<AuditState>, Problem> {
    viewer.require(Right::ReadAudit)?;
    Ok(Json(state.records().audit_verify().await?.into()))
}

/// All entries in the order of the chains, one JSON object a line (`hotline audit export` writes tables too).
#[utoipa::path(
    get, path = "/api/v1/audit/export", tag = "audit", security(("token" = []), ("session" = [])),
    params(
        ("actor" = Option<String>, Query, description = "By them"),
        ("action" = Option<String>, Query, description = "This word, or all below it"),
        ("object" = Option<String>, Query, description = "To this"),
        ("node" = Option<String>, Query, description = "In this node's chain"),
        ("from" = Option<String>, Query, description = "From this moment on, RFC 3339"),
        ("to" = Option<String>, Query, description = "Before this moment, RFC 3339"),
    ),
    responses(
        (status = 200, description = "JSON lines; a last line with `error` says that the rest could not be read", body = AuditEntry, content_type = "application/x-ndjson"),
        (status = 400, description = "A parameter is not valid", body = Problem, content_type = "application/problem+json"),
        (status = 401, description = "Not logged in", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "For admins", body = Problem, content_type = "application/problem+json"),
    )
)]
pub async fn export(viewer: Viewer, State(state): State<AppState>, mut params: Params) -> Result<Response, Problem> {
    viewer.require(Right::ReadAudit)?;
    let filter = filter(&mut params)?;
    params.done()?;
    let detail = serde_json::json!({
        "action": filter.action, "node": filter.node, "from": filter.from.map(rfc3339), "to": filter.to.map(rfc3339),
    });
    let sought = [("actor", &filter.actor), ("object", &filter.object)];
    let personal = sought.into_iter().filter_map(|(field, word)| Some((field.to_owned(), word.clone()?))).collect();
    note_export(&state, &viewer, "audit.export", "audit", &detail, personal).await?;
    let walk = Walk { state, filter, after: None, over: false };
    let lines = futures::stream::unfold(walk, |mut walk| async move {
        let text = walk.next().await?;
        Some((Ok::<_, Infallible>(Bytes::from(text)), walk))
    });
    let headers = [
        (header::CONTENT_TYPE, "application/x-ndjson"),
        (header::CONTENT_DISPOSITION, "attachment; filename=\"hotline-audit.jsonl\""),
    ];
    Ok((headers, Body::from_stream(lines.boxed())).into_response())
}

/// An export under way.
struct Walk {
    state: AppState,
    filter: AuditFilter,
    after: Option<(String, i64)>,
    over: bool,
}

impl Walk {
    async fn next(&mut self) -> Option<String> {
        if self.over {
            return None;
        }
        let Ok(rows) = self.rows().await else {
            self.over = true;
            return Some("{\"error\":\"the database is away; the export is not whole\"}\n".to_owned());
        };
        let last = rows.last()?;
        self.after = Some((last.node.clone(), last.seq));
        let line = |row| serde_json::to_string(&AuditEntry::from(row)).expect("texts and numbers always become JSON");
        Some(rows.into_iter().map(|row| line(row) + "\n").collect())
    }

    async fn rows(&self) -> Result<Vec<AuditRow>, StoreError> {
        let after = self.after.as_ref().map(|(node, seq)| (node.as_str(), *seq));
        self.state.records().audit_walk(&self.filter, after, STRIDE).await
    }
}
