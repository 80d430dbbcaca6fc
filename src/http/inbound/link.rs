//! `/a/{token}`: a small page without script. Opening it does nothing (mail scanners open links); its button does.

use askama::Template;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::Response;

use super::{browser_language, replies};
use crate::http::AppState;
use crate::http::guard::keep_secret;
use crate::http::pages::{html, views::Frame};
use crate::http::problem::Problem;
use crate::switch::links::{LinkPage, LinkState};

#[derive(Template)]
#[template(path = "link.html")]
struct Page {
    frame: Frame,
    heading: &'static str,
    sentence: &'static str,
    button: Option<&'static str>,
    token: String,
    link: LinkPage,
    facts: Vec<(&'static str, String)>,
}

pub async fn show(
    State(state): State<AppState>,
    Path(token): Path<String>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let page = replies(&state)?.look_link(&token, &browser_language(&headers)).await;
    Ok(shown(&state, token, page))
}

pub async fn press(
    State(state): State<AppState>,
    Path(token): Path<String>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let page = replies(&state)?.press_link(&token, &browser_language(&headers)).await;
    Ok(shown(&state, token, page))
}

fn shown(state: &AppState, token: String, page: LinkPage) -> Response {
    let status = match page.state {
        LinkState::Ask | LinkState::Done | LinkState::Already | LinkState::Over => StatusCode::OK,
        LinkState::Expired | LinkState::Gone => StatusCode::GONE,
        LinkState::Forged => StatusCode::NOT_FOUND,
        LinkState::Away => StatusCode::SERVICE_UNAVAILABLE,
    };
    let (heading, sentence) = page.words();
    let facts = page.alert.as_ref().map(|card| page.texts.facts(card)).unwrap_or_default();
    let mut response =
        html(&Page { frame: Frame::bare(state), heading, sentence, button: page.button(), token, facts, link: page });
    *response.status_mut() = status;
    // The link is a key.
    keep_secret(&mut response);
    if status == StatusCode::SERVICE_UNAVAILABLE {
        response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("5"));
    }
    response
}
