//! The page: server-rendered, works without JavaScript, kept live by a small script of ours.

mod alert;
mod assets;
mod audit;
mod board;
mod call;
mod deeds;
mod drills;
mod incident_deeds;
mod incidents;
mod knowledge;
mod lists;
pub mod login;
mod postmortems;
mod promises;
mod reports;
mod rota;
mod schedules;
mod setup;
mod status_pages;
pub mod views;
mod warnings;

use std::fmt::Write;

use askama::Template;
use axum::Router;
use axum::extract::{FromRequestParts, State};
use axum::http::request::Parts;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::{get, post};

use super::AppState;
use super::auth::Viewer;
use super::problem::Problem;
use crate::store::StoreError;
use views::Frame;

/// The page's routes.
pub fn router() -> Router<AppState> {
    Router::new()
        .route("/", get(board::show))
        .route("/alerts", get(lists::alerts))
        .route("/alerts/{id}", get(alert::show))
        .route("/alerts/{id}/acknowledge", post(deeds::acknowledge))
        .route("/alerts/{id}/resolve", post(deeds::resolve))
        .route("/alerts/{id}/{deed}", post(deeds::other))
        .route("/incidents", get(incidents::list).post(incidents::open))
        .route("/incidents/{id}", get(incidents::show))
        .route("/incidents/{id}/{deed}", post(incident_deeds::act))
        .route("/calls", get(lists::calls))
        .route("/calls/{id}", get(call::show))
        .route("/calls/{id}/{deed}", post(call::act))
        .route("/schedules", get(schedules::list))
        .route("/schedules/{id}", get(schedules::one))
        .route("/people/{id}", get(schedules::person))
        .route("/slas", get(promises::list))
        .route("/slas/{id}", get(promises::one))
        .route("/slas/{id}/{revision}/ask", post(promises::ask))
        .route("/sign/{token}", get(promises::look).post(promises::press))
        .route("/reports", get(reports::show))
        .route("/readiness", get(reports::readiness))
        .route("/setup", get(setup::show))
        .route("/status-pages", get(status_pages::show))
        .route("/audit", get(audit::show))
        .route("/login", get(login::show).post(login::log_in))
        .route("/logout", post(login::log_out))
        .route("/assets/{name}", get(assets::asset))
        .route("/favicon.ico", get(assets::favicon))
        .merge(knowledge::router())
        .merge(postmortems::router())
        .merge(drills::router())
        .fallback(nothing_here)
}

/// Forms with bodies up to the API's limit for documents.
pub fn large_router() -> Router<AppState> {
    knowledge::large_router().merge(postmortems::large_router())
}

/// Text as part of an address.
pub fn escaped(text: &str) -> String {
    let mut escaped = String::new();
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => escaped.push(byte.into()),
            // Writing to a String cannot fail.
            other => drop(write!(escaped, "%{other:02X}")),
        }
    }
    escaped
}

/// A text with the addresses in it told apart: whether a piece is one, and the piece. Only `http` and `https` are.
pub fn pieces(text: &str) -> Vec<(bool, &str)> {
    let (mut pieces, mut rest) = (Vec::new(), text);
    let begin = |text: &str| ["https://", "http://"].iter().filter_map(|scheme| text.find(scheme)).min();
    while let Some(at) = begin(rest) {
        let (before, from) = rest.split_at(at);
        let end = from.find(|letter: char| letter.is_whitespace() || "()<>\"'`".contains(letter)).unwrap_or(from.len());
        let link = from[..end].trim_end_matches(['.', ',', ';', ':', '!', '?']);
        pieces.extend([(false, before), (true, link)]);
        rest = &from[link.len()..];
    }
    pieces.push((false, rest));
    pieces.retain(|(_, piece)| !piece.is_empty());
    pieces
}

async fn nothing_here() -> Problem {
    Problem::of_status(StatusCode::NOT_FOUND)
}

/// Somebody logged in on the page; others are sent to the login and come back.
pub struct Visitor(pub Viewer);

impl FromRequestParts<AppState> for Visitor {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, state: &AppState) -> Result<Self, Response> {
        match Viewer::from_request_parts(parts, state).await {
            Ok(viewer) => Ok(Self(viewer)),
            Err(problem) if problem.status() == StatusCode::UNAUTHORIZED => {
                let back = if parts.method == axum::http::Method::GET {
                    parts.uri.path_and_query().map_or("/", |path| path.as_str())
                } else {
                    "/"
                };
                Err(Redirect::to(&login::address(back)).into_response())
            }
            Err(problem) => Err(show_problem(state, &problem)),
        }
    }
}

#[derive(Template)]
#[template(path = "error.html")]
struct ErrorPage {
    frame: Frame,
    title: String,
    detail: String,
    status: u16,
}

/// An error as a page.
pub fn error(state: &AppState, status: StatusCode, title: &str, detail: &str) -> Response {
    let page = ErrorPage {
        frame: Frame::bare(state),
        title: title.to_owned(),
        detail: detail.to_owned(),
        status: status.as_u16(),
    };
    let mut response = html(&page);
    *response.status_mut() = status;
    response
}

/// A problem as a page.
fn show_problem(state: &AppState, problem: &Problem) -> Response {
    let mut response = error(state, problem.status(), &problem.title, &problem.detail);
    if problem.status() == StatusCode::SERVICE_UNAVAILABLE {
        response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("5"));
    }
    response
}

/// The database is away: said at once, and the board still shows what runs.
fn away(state: &AppState, error: StoreError) -> Response {
    show_problem(state, &error.into())
}

pub fn html(page: &impl Template) -> Response {
    match page.render() {
        Ok(text) => ([(header::CONTENT_TYPE, "text/html; charset=utf-8")], text).into_response(),
        Err(error) => {
            tracing::error!(%error, "a page could not be rendered");
            Problem::of_status(StatusCode::INTERNAL_SERVER_ERROR).into_response()
        }
    }
}

fn no_such(state: &AppState, what: &str) -> Response {
    let detail = format!("No {what} has this address. It may be past its retention time, or the link was cut off.");
    error(state, StatusCode::NOT_FOUND, &format!("There is no such {what}"), &detail)
}

type Shared = State<AppState>;

#[cfg(test)]
mod tests {
    use super::pieces;

    #[test]
    fn addresses_stand_apart_and_nothing_else_does() {
        let text = "See the graph (https://graphs.example/mail?a=1), then http://b.example. Not javascript:alert(1)";
        assert_eq!(
            pieces(text),
            [
                (false, "See the graph ("),
                (true, "https://graphs.example/mail?a=1"),
                (false, "), then "),
                (true, "http://b.example"),
                (false, ". Not javascript:alert(1)"),
            ]
        );
        assert_eq!((pieces(""), pieces("a")), (vec![], vec![(false, "a")]));
    }
}
