//! `/alerts` and `/calls`: everything, newest first, page by page.

use askama::Template;
use axum::extract::State;
use axum::response::{IntoResponse, Response};

use super::views::alert::AlertView;
use super::views::{CallView, Frame};
use super::{Shared, Visitor, away, escaped, html, show_problem};
use crate::http::AppState;
use crate::http::api::{alert_filter, alert_page, call_page};
use crate::http::auth::{Right, Viewer};
use crate::http::params::Params;
use crate::http::problem::Problem;
use crate::store::read::{AlertFilter, CallFilter};

const ROWS: u32 = 30;

#[derive(Template)]
#[template(path = "alerts.html")]
struct AlertsPage {
    frame: Frame,
    alerts: Vec<AlertView>,
    filter: AlertFilter,
    customers: Vec<(String, String)>,
    /// Of the address of the next page.
    query: String,
    older: Option<String>,
    first: bool,
}

impl AlertsPage {
    /// The status that is filtered by.
    fn status(&self) -> &str {
        if self.filter.open { "open" } else { self.filter.status.as_deref().unwrap_or_default() }
    }

    fn priority(&self) -> &str {
        self.filter.priority.as_deref().unwrap_or_default()
    }

    fn customer(&self) -> &str {
        self.filter.customer.as_deref().unwrap_or_default()
    }

    /// Something is filtered out.
    fn narrowed(&self) -> bool {
        !self.query.is_empty()
    }
}

#[derive(Template)]
#[template(path = "calls.html")]
struct CallsPage {
    frame: Frame,
    calls: Vec<CallView>,
    older: Option<String>,
    first: bool,
}

pub async fn alerts(Visitor(viewer): Visitor, State(state): Shared, params: Result<Params, Problem>) -> Response {
    let asked = params.and_then(|mut params| {
        let filter = alert_filter(&viewer, &mut params)?;
        let (_, cursor) = params.page()?;
        params.done()?;
        Ok((filter, cursor))
    });
    let (filter, cursor) = match asked {
        Ok(asked) => asked,
        Err(problem) => return show_problem(&state, &problem),
    };
    match alert_page(&state, &filter, cursor.as_deref(), ROWS).await {
        Ok(page) => html(&AlertsPage {
            frame: Frame::of(&state, &viewer, "alerts"),
            alerts: page.items.into_iter().map(Into::into).collect(),
            customers: customers(&state, &viewer),
            query: query(&filter),
            filter,
            older: page.next_cursor,
            first: cursor.is_none(),
        }),
        Err(error) => away(&state, error),
    }
}

/// The customers whose alerts the viewer sees, by name.
fn customers(state: &AppState, viewer: &Viewer) -> Vec<(String, String)> {
    let directory = state.board().directory();
    let seen = directory.customers.values().filter(|customer| viewer.sees(Some(&customer.id.0)));
    let mut all: Vec<_> = seen.map(|customer| (customer.id.0.clone(), customer.name.clone())).collect();
    all.sort_by_key(|(_, name)| name.to_lowercase());
    all
}

/// The filter as part of an address, ended by `&`; empty: nothing is filtered.
fn query(filter: &AlertFilter) -> String {
    let status = if filter.open { Some("open".to_owned()) } else { filter.status.clone() };
    let words = [
        ("status", &status),
        ("priority", &filter.priority),
        ("customer", &filter.customer),
        ("urgency", &filter.urgency),
        ("service", &filter.service),
        ("source", &filter.source),
        ("assigned", &filter.assigned),
        ("q", &filter.search),
    ];
    words.iter().filter_map(|(name, word)| Some(format!("{name}={}&", escaped(word.as_ref()?)))).collect()
}

pub async fn calls(Visitor(viewer): Visitor, State(state): Shared, params: Result<Params, Problem>) -> Response {
    let asked = params.and_then(|mut params| {
        viewer.require(Right::SeeCalls)?;
        let (_, cursor) = params.page()?;
        params.done()?;
        Ok(cursor)
    });
    match asked {
        Ok(cursor) => calls_page(&state, &viewer, cursor).await,
        Err(problem) => show_problem(&state, &problem).into_response(),
    }
}

async fn calls_page(state: &AppState, viewer: &Viewer, cursor: Option<String>) -> Response {
    let filter = CallFilter { customers: viewer.customers.clone(), ..CallFilter::default() };
    match call_page(state, &filter, cursor.as_deref(), ROWS).await {
        Ok(page) => html(&CallsPage {
            frame: Frame::of(state, viewer, "calls"),
            calls: page.items.into_iter().map(Into::into).collect(),
            older: page.next_cursor,
            first: cursor.is_none(),
        }),
        Err(error) => away(state, error),
    }
}
