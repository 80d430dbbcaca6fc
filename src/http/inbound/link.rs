//! `/a/{token}`: a small page without script. Opening it does nothing (mail scanners open links); its button does.

use askama::Template;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::Response;

use super::{browser_language, replies};
use crate::http::AppState;
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
    let headers = response.headers_mut();
    // The link is a key: no other site and no search engine gets to know it.
    headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    headers.insert("x-robots-tag", HeaderValue::from_static("noindex"));
    if status == StatusCode::SERVICE_UNAVAILABLE {
        headers.insert(header::RETRY_AFTER, HeaderValue::from_static("5"));
    }
    response
}
