//! `/alerts` and `/calls`: everything, newest first, page by page.

use askama::Template;
use axum::extract::State;
use axum::response::{IntoResponse, Response};

use super::views::{AlertView, CallView, Frame};
use super::{Shared, Visitor, away, html, show_problem};
use crate::http::AppState;
use crate::http::api::{alert_filter, alert_page, call_page};
use crate::http::auth::{Right, Viewer};
use crate::http::params::Params;
use crate::http::problem::Problem;
use crate::store::read::CallFilter;

const ROWS: u32 = 30;

#[derive(Template)]
#[template(path = "alerts.html")]
struct AlertsPage {
    frame: Frame,
    alerts: Vec<AlertView>,
    status: String,
    older: Option<String>,
    first: bool,
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
            status: filter.status.unwrap_or_default(),
            older: page.next_cursor,
            first: cursor.is_none(),
        }),
        Err(error) => away(&state, error),
    }
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
