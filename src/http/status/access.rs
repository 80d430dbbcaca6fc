//! Proving whose one is: a link into the mailbox, good once and for 15 minutes. What is answered says nothing about addresses, pages or
//! customers.

use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::response::{IntoResponse, Redirect, Response};

use super::admit::{browser_tongue, message, set_cookie};
use super::texts;
use crate::http::AppState;
use crate::http::auth::same_origin;
use crate::http::guard::keep_secret;
use crate::http::pages::escaped;
use crate::http::pages::login::Address;
use crate::http::problem::Problem;
use crate::switch::status::subscribe::{Followed, is_mailbox};

/// Longest address that is looked at.
const ADDRESS_MAX: usize = 254;

/// A form's field.
pub fn field(body: &Bytes, name: &str) -> String {
    let found = url::form_urlencoded::parse(body).find(|(key, _)| key == name);
    found.map(|(_, value)| value.trim().to_owned()).unwrap_or_default()
}

pub async fn ask(
    State(state): State<AppState>,
    Address(client): Address,
    Path(slug): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Response, Problem> {
    let desk = state.status_desk()?;
    let tongue = browser_tongue(&headers);
    let t = texts::of(tongue);
    let address = field(&body, "email");
    if address.len() > ADDRESS_MAX || !is_mailbox(&address) {
        let words = (t.nothing, t.bad_email);
        return Ok(message(tongue, &slug, StatusCode::BAD_REQUEST, words, None));
    }
    if !state.served().rates.take(client, &address, crate::clock::now().mono) {
        return Ok(too_many(&headers, &slug));
    }
    desk.ask_access(&slug, &address, tongue);
    Ok(message(tongue, &slug, StatusCode::OK, (t.asked, t.asked_text), None))
}

/// The same for whoever asks too often.
pub fn too_many(headers: &HeaderMap, slug: &str) -> Response {
    let tongue = browser_tongue(headers);
    let t = texts::of(tongue);
    let mut response = message(tongue, slug, StatusCode::TOO_MANY_REQUESTS, (t.too_many, t.too_many_text), None);
    response.headers_mut().insert(axum::http::header::RETRY_AFTER, axum::http::HeaderValue::from_static("600"));
    response
}

/// A link that is worth nothing.
pub fn worthless(headers: &HeaderMap, slug: &str) -> Response {
    let tongue = browser_tongue(headers);
    let t = texts::of(tongue);
    message(tongue, slug, StatusCode::GONE, (t.worthless, t.worthless_text), None)
}

/// Looking does nothing: mail scanners open links.
pub async fn look(
    State(state): State<AppState>,
    Path((slug, token)): Path<(String, String)>,
    headers: HeaderMap,
    uri: Uri,
) -> Result<Response, Problem> {
    let tongue = browser_tongue(&headers);
    let t = texts::of(tongue);
    Ok(match state.status_desk()?.look_access(&slug, &token).await? {
        Followed::Done => {
            let button = Some((uri.path().to_owned(), t.open));
            let mut response = message(tongue, &slug, StatusCode::OK, (t.open, t.open_text), button);
            // The button must show that it is this page's (`Origin`), which a page without referrer can't. The guard's own policy
            // tells other sites nothing either.
            response.headers_mut().remove(axum::http::header::REFERRER_POLICY);
            response
        }
        Followed::Worthless => worthless(&headers, &slug),
    })
}

pub async fn open(
    State(state): State<AppState>,
    Path((slug, token)): Path<(String, String)>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    // Else another site could make somebody a visitor of its choosing.
    same_origin(state.settings(), &headers)?;
    let Some((cookie, for_s)) = state.status_desk()?.use_access(&slug, &token).await? else {
        return Ok(worthless(&headers, &slug));
    };
    let mut response = Redirect::to(&format!("/status/{}", escaped(&slug))).into_response();
    set_cookie(&state, &mut response, &slug, &cookie, for_s);
    keep_secret(&mut response);
    Ok(response)
}
