//! Bytes that are made once and given to many: by page, eyes, language and what it is. A new snapshot empties the shelf; what stays is
//! made anew after a while, because days pass.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::body::Bytes;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use hotline_core::ids::{IncidentId, StatusPageId};
use hotline_core::status::{Eyes, Tongue, View};
use parking_lot::RwLock;
use sha2::{Digest, Sha256};

use super::admit::{Admitted, refused};
use crate::http::AppState;
use crate::http::problem::Problem;

/// Days begin and outages last: nothing is older than this.
const FRESH: Duration = Duration::from_secs(20);
/// Most that are kept; then all are made anew.
const MOST: usize = 5_000;

/// A picture or data that other sites may show: of public pages only. The guard sees it.
#[derive(Debug, Clone, Copy)]
pub struct Embeddable;

/// What is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum What {
    /// The page.
    Page,
    /// All that is told of 90 days.
    History,
    /// One incident.
    Incident(IncidentId),
    /// A JSON file by its path.
    Json(&'static str),
    /// Atom.
    Atom,
    /// RSS.
    Rss,
    /// Badge.
    Badge,
    /// The style sheet.
    Style,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Key {
    page: StatusPageId,
    eyes: Eyes,
    tongue: Tongue,
    what: What,
}

#[derive(Debug)]
struct Kept {
    body: Bytes,
    tag: HeaderValue,
    kind: &'static str,
    made: Instant,
}

/// The shelf.
#[derive(Debug, Default)]
pub struct Renders(RwLock<Shelf>);

#[derive(Debug, Default)]
struct Shelf {
    generation: u64,
    kept: HashMap<Key, Arc<Kept>>,
}

/// What a file is made of.
pub struct Material<'a> {
    /// Who looks.
    pub admitted: &'a Admitted,
    /// What they see.
    pub view: &'a View,
    /// What links begin with.
    pub base: &'a str,
}

/// Text of a type; `None`: there is no such thing to be seen.
pub type Made = Option<(String, &'static str)>;

/// Answers from the shelf, or makes it.
pub fn answer(
    state: &AppState,
    headers: &HeaderMap,
    admitted: &Admitted,
    what: What,
    make: impl FnOnce(&Material<'_>) -> Result<Made, askama::Error>,
) -> Response {
    let now = crate::clock::now();
    let key = Key { page: admitted.slug.clone(), eyes: admitted.eyes.clone(), tongue: admitted.tongue, what };
    let generation = admitted.snapshot.generation;
    let found = {
        let shelf = state.served().renders.0.read();
        shelf.kept.get(&key).filter(|_| shelf.generation == generation).cloned()
    };
    let found = found.filter(|kept| now.mono.saturating_duration_since(kept.made) < FRESH);
    let kept = if let Some(kept) = found {
        kept
    } else {
        let Some(view) = admitted.snapshot.view(admitted.page(), &admitted.visitor, now.wall) else {
            return missing(state, headers, admitted);
        };
        let base = state.settings().public_url.as_deref().unwrap_or_default().trim_end_matches('/');
        let made = match make(&Material { admitted, view: &view, base }) {
            Ok(Some(made)) => made,
            Ok(None) => return missing(state, headers, admitted),
            Err(error) => {
                tracing::error!(%error, "a status page could not be rendered");
                return Problem::of_status(StatusCode::INTERNAL_SERVER_ERROR).into_response();
            }
        };
        let kept = Arc::new(kept(made, now.mono));
        put(state, generation, key, kept.clone());
        kept
    };
    given(headers, admitted, &kept)
}

fn missing(state: &AppState, headers: &HeaderMap, admitted: &Admitted) -> Response {
    refused(state, headers, &format!("/status/{}", admitted.slug), &admitted.slug.0)
}

fn kept((text, kind): (String, &'static str), made: Instant) -> Kept {
    let tag = format!("\"{}\"", hex::encode(&Sha256::digest(&text)[..12]));
    let tag = HeaderValue::from_str(&tag).unwrap_or_else(|_| HeaderValue::from_static("\"\""));
    Kept { body: text.into(), tag, kind, made }
}

fn put(state: &AppState, generation: u64, key: Key, kept: Arc<Kept>) {
    let mut shelf = state.served().renders.0.write();
    if shelf.generation > generation {
        // Made of what is stale by now: good for whoever asked then, for nobody else.
        return;
    }
    if shelf.generation < generation || shelf.kept.len() >= MOST {
        shelf.generation = generation;
        shelf.kept.clear();
    }
    shelf.kept.insert(key, kept);
}

fn given(headers: &HeaderMap, admitted: &Admitted, kept: &Kept) -> Response {
    let mut response = if knows(headers, &kept.tag) {
        StatusCode::NOT_MODIFIED.into_response()
    } else {
        let kind = HeaderValue::from_static(kept.kind);
        ([(header::CONTENT_TYPE, kind)], kept.body.clone()).into_response()
    };
    response.headers_mut().insert(header::ETAG, kept.tag.clone());
    dress(&mut response, admitted);
    response
}

/// Whether `If-None-Match` names this (RFC 9110 13.1.2: compared weakly).
pub fn knows(headers: &HeaderMap, tag: &HeaderValue) -> bool {
    let Ok(tag) = tag.to_str() else { return false };
    let given = headers.get_all(header::IF_NONE_MATCH).iter().filter_map(|value| value.to_str().ok());
    let mut tags = given.flat_map(|line| line.split(',')).map(|one| one.trim().trim_start_matches("W/"));
    tags.any(|one| one == tag || one == "*")
}

/// The headers that go with everything of a page.
pub fn dress(response: &mut Response, admitted: &Admitted) {
    for (name, value) in admitted.caching() {
        response.headers_mut().insert(name, value);
    }
    if admitted.public {
        response.extensions_mut().insert(Embeddable);
    } else {
        response.headers_mut().insert("x-robots-tag", HeaderValue::from_static("noindex"));
    }
}
