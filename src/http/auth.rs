//! Who asks: a bearer token or the page's session; and what they may.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{HeaderMap, Method, header};
use hotline_core::fact::Actor;
use parking_lot::Mutex;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use tower_sessions::Session;

use super::problem::Problem;
use super::{AppState, HttpSettings, sessions};
use crate::store::StoreError;
use crate::store::read::LoginRow;

/// Where a session keeps its login.
const SESSION_KEY: &str = "login";
/// So long a login is believed without a look at the store.
const FRESH: Duration = Duration::from_secs(20);
/// Sessions remembered at most.
const REMEMBERED: usize = 5_000;

/// What somebody may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// Everything.
    Admin,
    /// Sees and handles calls and alerts.
    Dispatcher,
    /// Sees and handles calls and alerts.
    Engineer,
    /// Sees status pages only, once there are some.
    Stakeholder,
}

impl Role {
    /// All roles' words.
    pub const WORDS: [&'static str; 4] = ["admin", "dispatcher", "engineer", "stakeholder"];

    /// The role behind its word; an unknown word gives no rights.
    pub fn from_word(word: &str) -> Self {
        match word {
            "admin" => Self::Admin,
            "dispatcher" => Self::Dispatcher,
            "engineer" => Self::Engineer,
            _ => Self::Stakeholder,
        }
    }
}

/// Somebody who is logged in and may see calls and alerts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Viewer {
    /// Login name, or the token's name.
    pub name: String,
    /// What they may.
    pub role: Role,
    /// By token, not by the page's session.
    pub token: bool,
}

impl Viewer {
    /// As it goes on the timeline.
    pub fn actor(&self) -> Actor {
        if self.token { Actor::Token(self.name.clone()) } else { Actor::Login(self.name.clone()) }
    }

    /// As a timeline shows it, until the store's own words are there.
    pub fn shown(&self) -> String {
        if self.token { format!("token {}", self.name) } else { format!("login {}", self.name) }
    }
}

impl FromRequestParts<AppState> for Viewer {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &AppState) -> Result<Self, Problem> {
        let viewer = match parts.headers.get(header::AUTHORIZATION) {
            Some(value) => by_token(state.settings(), value.as_bytes())?,
            None => by_session(state, parts).await?,
        };
        match viewer.role {
            Role::Admin | Role::Dispatcher | Role::Engineer => Ok(viewer),
            Role::Stakeholder => Err(Problem::forbidden(
                "role-not-enough",
                "This login's role sees no calls and alerts. An admin can give it another: hotline user add NAME --role engineer.",
            )),
        }
    }
}

fn by_token(settings: &HttpSettings, value: &[u8]) -> Result<Viewer, Problem> {
    let token = match value.split_at_checked(7) {
        Some((scheme, token)) if scheme.eq_ignore_ascii_case(b"bearer ") => token.trim_ascii(),
        _ => return Err(Problem::unauthorized("Send Authorization: Bearer TOKEN; other schemes are not taken.")),
    };
    let Some(admin) = settings.admin_token.as_ref().filter(|admin| !admin.reveal().is_empty()) else {
        return Err(Problem::unauthorized("No token is set up. Set HOTLINE_ADMIN_TOKEN and restart."));
    };
    if same(token, admin.reveal().as_bytes()) {
        Ok(Viewer { name: "admin".to_owned(), role: Role::Admin, token: true })
    } else {
        Err(Problem::unauthorized("This token is not known. It must be the one in HOTLINE_ADMIN_TOKEN."))
    }
}

/// Compares by digests and without an early end: how long it takes tells nothing.
fn same(a: &[u8], b: &[u8]) -> bool {
    let pairs = Sha256::digest(a).into_iter().zip(Sha256::digest(b));
    pairs.fold(0, |differences, (a, b)| std::hint::black_box(differences | (a ^ b))) == 0
}

/// What a session keeps.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Kept {
    name: String,
    /// Ties the session to the password: a new password ends it.
    print: String,
    /// Epoch ms.
    until: i64,
}

/// Who was seen lately, so that the page goes on while the database is away.
#[derive(Debug, Default)]
pub struct Logins(Mutex<HashMap<String, Known>>);

#[derive(Debug, Clone)]
struct Known {
    viewer: Viewer,
    checked: Instant,
    until: i64,
}

async fn by_session(state: &AppState, parts: &Parts) -> Result<Viewer, Problem> {
    let viewer = session_viewer(state, parts.extensions.get::<Session>()).await?;
    let Some(viewer) = viewer else {
        return Err(Problem::unauthorized("Log in at /login, or send Authorization: Bearer TOKEN."));
    };
    if !safe(&parts.method) {
        same_origin(state.settings(), &parts.headers)?;
    }
    Ok(viewer)
}

fn safe(method: &Method) -> bool {
    matches!(*method, Method::GET | Method::HEAD | Method::OPTIONS)
}

async fn session_viewer(state: &AppState, session: Option<&Session>) -> Result<Option<Viewer>, StoreError> {
    let Some((session, id)) = session.and_then(|session| Some((session, session.id()?))) else {
        return Ok(None);
    };
    let key = sessions::key(id);
    let now = crate::clock::now();
    let known = state.logins().0.lock().get(&key).cloned().filter(|known| known.until > now.wall.as_millisecond());
    if let Some(known) = known.as_ref().filter(|known| now.mono.saturating_duration_since(known.checked) < FRESH) {
        return Ok(Some(known.viewer.clone()));
    }
    match look_up(state, session, now.wall.as_millisecond()).await {
        Ok(Some((viewer, until))) => {
            let mut logins = state.logins().0.lock();
            if logins.len() >= REMEMBERED {
                logins.clear();
            }
            logins.insert(key, Known { viewer: viewer.clone(), checked: now.mono, until });
            Ok(Some(viewer))
        }
        Ok(None) => {
            state.logins().0.lock().remove(&key);
            Ok(None)
        }
        // The database is away: whom we knew we still know.
        Err(error) => known.map(|known| Some(known.viewer)).ok_or(error),
    }
}

async fn look_up(state: &AppState, session: &Session, now: i64) -> Result<Option<(Viewer, i64)>, StoreError> {
    let kept = session.get::<Kept>(SESSION_KEY).await.map_err(|error| StoreError::Database(error.to_string()))?;
    let Some(kept) = kept.filter(|kept| kept.until > now) else {
        return Ok(None);
    };
    let login = state.records().login(&kept.name).await?;
    Ok(login
        .filter(|login| print(login) == kept.print)
        .map(|login| (Viewer { role: Role::from_word(&login.role), name: login.name, token: false }, kept.until)))
}

fn print(login: &LoginRow) -> String {
    hex::encode(&Sha256::digest(&login.password_hash)[..8])
}

/// Starts the session of a login: under a new id, so that one planted before is worth nothing.
pub async fn log_in(session: &Session, login: &LoginRow) -> Result<(), tower_sessions::session::Error> {
    session.clear().await;
    session.cycle_id().await?;
    let until = crate::clock::now().wall.as_millisecond() + sessions::LIFETIME_HOURS * 3_600_000;
    session.insert(SESSION_KEY, Kept { name: login.name.clone(), print: print(login), until }).await?;
    session.save().await
}

/// Ends a session here and in the store.
pub async fn log_out(state: &AppState, session: &Session) -> Result<(), tower_sessions::session::Error> {
    if let Some(id) = session.id() {
        state.logins().0.lock().remove(&sessions::key(id));
    }
    session.flush().await
}

/// Whether a page of ours sent this (CSRF): the browser says so, or the Origin is our own.
pub fn same_origin(settings: &HttpSettings, headers: &HeaderMap) -> Result<(), Problem> {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let ours = match (text("sec-fetch-site"), text("origin")) {
        (Some(site), _) => matches!(site, "same-origin" | "none"),
        (None, Some(origin)) => {
            let public = settings.public_url.as_deref().map(|url| url.trim_end_matches('/'));
            let host = origin.split_once("://").map(|(_, host)| host);
            Some(origin) == public.and_then(origin_of) || (host.is_some() && host == text("host"))
        }
        (None, None) => false,
    };
    if ours {
        return Ok(());
    }
    Err(Problem::forbidden(
        "cross-site",
        "With a session cookie this must come from the hotline's own page (same Origin). Programs: send Authorization: Bearer TOKEN. Behind a proxy: set HOTLINE_PUBLIC_URL.",
    ))
}

/// Scheme, host and port of a URL.
fn origin_of(url: &str) -> Option<&str> {
    let start = url.find("://")? + 3;
    let end = url[start..].find('/').map_or(url.len(), |slash| start + slash);
    Some(&url[..end])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_are_compared_whole() {
        assert!(same(b"secret", b"secret"));
        assert!(!same(b"secret", b"secret2"));
        assert!(!same(b"", b"secret"));
    }

    #[test]
    fn an_origin_ends_before_the_path() {
        assert_eq!(origin_of("https://hotline.example/desk"), Some("https://hotline.example"));
        assert_eq!(origin_of("http://h:8080"), Some("http://h:8080"));
        assert_eq!(origin_of("hotline"), None);
    }
}
