//! `/login` and `/logout`.

use std::net::IpAddr;
use std::time::Duration;

use askama::Template;
use axum::extract::rejection::{FormRejection, QueryRejection};
use axum::extract::{Form, FromRequestParts, Query, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Redirect, Response};
use hotline_core::private::Private;
use serde::Deserialize;
use tower_sessions::Session;

use super::views::Frame;
use super::{Shared, away, html, show_problem};
use crate::http::auth::{self, Viewer, same_origin};
use crate::http::password::{Busy, LONGEST};
use crate::http::{AppState, client};
use crate::store::alerts::Audited;

#[derive(Template)]
#[template(path = "login.html")]
struct Page {
    frame: Frame,
    name: String,
    next: String,
    fault: Option<String>,
}

/// So much of a name that somebody tried is kept.
const NAME_MAX: usize = 64;

/// Where to go after the login.
#[derive(Debug, Default, Deserialize)]
pub struct Back {
    #[serde(default)]
    next: String,
}

/// What the form sends.
#[derive(Deserialize)]
pub struct Entered {
    name: String,
    password: String,
    #[serde(default)]
    next: String,
}

/// The address of whoever asks.
pub struct Address(pub IpAddr);

impl FromRequestParts<AppState> for Address {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(parts: &mut Parts, state: &AppState) -> Result<Self, Self::Rejection> {
        Ok(Self(client::address(state, parts)))
    }
}

/// The login page's address that leads back to `path`.
pub fn address(path: &str) -> String {
    if path == "/" {
        return "/login".to_owned();
    }
    format!("/login?next={}", super::escaped(path).replace("%2F", "/"))
}

/// Only paths of ours: nobody is led elsewhere after a login.
fn ours(next: &str) -> &str {
    let path = next.starts_with('/') && !next[1..].starts_with(['/', '\\']) && !next.chars().any(char::is_control);
    if path { next } else { "/" }
}

fn page(state: &AppState, name: &str, next: &str, fault: Option<(StatusCode, String)>) -> Response {
    let (status, fault) = fault.map_or((StatusCode::OK, None), |(status, text)| (status, Some(text)));
    let mut response =
        html(&Page { frame: Frame::bare(state), name: name.to_owned(), next: ours(next).to_owned(), fault });
    *response.status_mut() = status;
    response
}

pub async fn show(
    viewer: Result<Viewer, crate::http::problem::Problem>,
    State(state): Shared,
    back: Result<Query<Back>, QueryRejection>,
) -> Response {
    let next = back.map(|Query(back)| back.next).unwrap_or_default();
    match viewer {
        Ok(_) => Redirect::to(ours(&next)).into_response(),
        Err(_) => page(&state, "", &next, None),
    }
}

pub async fn log_in(
    State(state): Shared,
    session: Session,
    Address(address): Address,
    headers: HeaderMap,
    form: Result<Form<Entered>, FormRejection>,
) -> Response {
    // Else another site could log somebody into an account of its choosing.
    if let Err(problem) = same_origin(state.settings(), &headers) {
        return show_problem(&state, &problem);
    }
    let Ok(Form(entered)) = form else {
        return page(&state, "", "", Some((StatusCode::BAD_REQUEST, "Fill in name and password.".to_owned())));
    };
    let name = entered.name.trim().to_lowercase();
    let now = crate::clock::now().mono;
    if let Some(wait) = state.0.slowdown.wait(&name, address, now) {
        return slowed(&state, &entered, wait);
    }
    let login = match state.records().login(&name).await {
        Ok(login) => login,
        Err(error) => return away(&state, error),
    };
    let hash = login.as_ref().map(|login| login.password_hash.clone());
    let password =
        Private::new(if entered.password.len() > LONGEST { String::new() } else { entered.password.clone() });
    match (state.0.passwords.fits(password, hash).await, login) {
        (Ok(true), Some(login)) => {
            state.0.slowdown.succeeded(&name, address);
            tracing::info!(login = %login.name, %address, "logged in");
            audit(&state, format!("login {}", login.name), "login.succeeded", vec![("address", address.to_string())])
                .await;
            match auth::log_in(&session, &login).await {
                Ok(()) => Redirect::to(ours(&entered.next)).into_response(),
                Err(error) => away(&state, crate::store::StoreError::Database(error.to_string())),
            }
        }
        (Ok(_), _) => {
            state.0.slowdown.failed(&name, address, now);
            tracing::warn!(%address, "a login failed");
            let tried: String = name.chars().take(NAME_MAX).collect();
            let personal = vec![("name", tried), ("address", address.to_string())];
            audit(&state, "stranger".to_owned(), "login.failed", personal).await;
            page(
                &state,
                &entered.name,
                &entered.next,
                Some((StatusCode::UNAUTHORIZED, "Name or password is wrong.".to_owned())),
            )
        }
        (Err(Busy), _) => slowed(&state, &entered, Duration::from_secs(5)),
    }
}

/// Who logs in, or tries to, stands in the audit chain. Nobody is kept out because it can't be kept there.
async fn audit(state: &AppState, actor: String, action: &str, personal: Vec<(&str, String)>) {
    let deed = Audited {
        object: "login".to_owned(),
        actor,
        action: action.to_owned(),
        detail: "{}".to_owned(),
        personal: personal.into_iter().map(|(field, value)| (field.to_owned(), value)).collect(),
    };
    if let Err(error) = state.records().note_audit(deed).await {
        tracing::warn!(%error, action, "this deed is missing in the audit chain");
    }
}

fn slowed(state: &AppState, entered: &Entered, wait: Duration) -> Response {
    let seconds = wait.as_secs().max(1);
    let text = format!("Too many tries. Wait {seconds} s, then try again.");
    let mut response = page(state, &entered.name, &entered.next, Some((StatusCode::TOO_MANY_REQUESTS, text)));
    response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
    response
}

pub async fn log_out(State(state): Shared, session: Session, headers: HeaderMap) -> Response {
    if let Err(problem) = same_origin(state.settings(), &headers) {
        return show_problem(&state, &problem);
    }
    match auth::log_out(&state, &session).await {
        Ok(()) => Redirect::to("/login").into_response(),
        Err(error) => away(&state, crate::store::StoreError::Database(error.to_string())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_way_back_stays_here() {
        assert_eq!(ours("/alerts/1?x=2"), "/alerts/1?x=2");
        for elsewhere in [
            "//evil.example",
            "/\\evil.example",
            "https://evil.example",
            "",
            "alerts",
            "/\r\nSet-Cookie: a=b",
            "javascript:alert(1)",
        ] {
            assert_eq!(ours(elsewhere), "/", "{elsewhere}");
        }
        assert_eq!(address("/alerts?status=x&y"), "/login?next=/alerts%3Fstatus%3Dx%26y");
    }
}
