//! `/audit`: who did what when, for admins; and whether the record is whole.

use askama::Template;
use axum::extract::State;
use axum::response::Response;
use hotline_core::directory::Directory;
use hotline_core::ids::UserId;
use serde_json::Value;

use super::views::{Frame, When};
use super::{Shared, Visitor, away, escaped, html, show_problem};
use crate::http::api::audit_filter;
use crate::http::auth::Right;
use crate::http::params::{Params, rfc3339};
use crate::http::problem::Problem;
use crate::store::audit::{AuditFilter, AuditReport, AuditRow};

const ROWS: u32 = 50;

#[derive(Template)]
#[template(path = "audit.html")]
struct Page {
    frame: Frame,
    entries: Vec<EntryView>,
    filter: AuditFilter,
    query: String,
    older: Option<String>,
    first: bool,
    /// Where it was asked for.
    report: Option<AuditReport>,
}

struct EntryView {
    place: String,
    at: When,
    actor: Option<String>,
    action: String,
    object: Option<String>,
    /// An alert that it is about.
    alert: Option<String>,
    facts: Vec<String>,
    hash: String,
}

pub async fn show(Visitor(viewer): Visitor, State(state): Shared, params: Result<Params, Problem>) -> Response {
    let asked = params.and_then(|mut params| {
        viewer.require(Right::ReadAudit)?;
        let verify = params.word("verify", &["1"])?.is_some();
        let filter = audit_filter(&mut params)?;
        let (_, cursor) = params.page()?;
        params.done()?;
        Ok((filter, cursor, verify))
    });
    let (filter, cursor, verify) = match asked {
        Ok(asked) => asked,
        Err(problem) => return show_problem(&state, &problem),
    };
    let read = async {
        let page = state.records().audit_list(&filter, cursor.as_deref(), ROWS).await?;
        let report = if verify { Some(state.records().audit_verify().await?) } else { None };
        Ok((page, report))
    };
    let (page, report) = match read.await {
        Ok(read) => read,
        Err(error) => return away(&state, error),
    };
    let directory = state.board().directory();
    html(&Page {
        frame: Frame::of(&state, &viewer, "audit"),
        entries: page.items.into_iter().map(|row| entry(row, &directory)).collect(),
        query: query(&filter),
        filter,
        older: page.next_cursor,
        first: cursor.is_none(),
        report,
    })
}

/// The filter as part of an address, ended by `&`.
fn query(filter: &AuditFilter) -> String {
    let words =
        [("actor", &filter.actor), ("action", &filter.action), ("object", &filter.object), ("node", &filter.node)];
    words.iter().filter_map(|(name, word)| Some(format!("{name}={}&", escaped(word.as_ref()?)))).collect()
}

fn entry(row: AuditRow, directory: &Directory) -> EntryView {
    let named = |id: String| match directory.users.get(&UserId(id.clone())) {
        Some(user) => user.name.clone(),
        None => id,
    };
    let mut facts: Vec<String> = match serde_json::from_str(&row.detail) {
        Ok(Value::Object(fields)) => fields
            .into_iter()
            .map(|(name, value)| match value {
                Value::String(text) => format!("{name}: {text}"),
                other @ (Value::Null | Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_)) => {
                    format!("{name}: {}", shortened(&other.to_string()))
                }
            })
            .collect(),
        _ => vec![row.detail],
    };
    facts.extend(
        row.personal
            .into_iter()
            .map(|(field, value)| format!("{field}: {}", value.unwrap_or_else(|| "(erased)".to_owned()))),
    );
    EntryView {
        place: format!("{} {}", row.node, row.seq),
        at: When::full(&rfc3339(row.at)),
        actor: row.actor.map(named),
        action: row.action,
        alert: row
            .object
            .as_ref()
            .and_then(|object| object.strip_prefix("alert:"))
            .filter(|id| uuid::Uuid::parse_str(id).is_ok())
            .map(str::to_owned),
        object: row.object,
        facts,
        hash: row.hash.chars().take(12).collect(),
    }
}

fn shortened(text: &str) -> String {
    const LONG: usize = 120;
    if text.chars().count() <= LONG { text.to_owned() } else { text.chars().take(LONG).chain(['…']).collect() }
}
