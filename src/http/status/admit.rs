//! Who asks, and what they may see. Whoever may not gets what nobody's page gives: the same bytes, whatever the name.

use std::sync::Arc;

use askama::Template;
use axum::extract::{FromRequestParts, Path};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Redirect, Response};
use hotline_core::ids::{CustomerId, StatusPageId};
use hotline_core::status::{Audience, Eyes, StatusPage, Tongue, Visitor};

use super::texts::{self, Texts};
use crate::http::AppState;
use crate::http::auth::Viewer;
use crate::http::guard::keep_secret;
use crate::http::pages::{escaped, html};
use crate::http::problem::Problem;
use crate::switch::status::Snapshot;

/// The visitor's cookie; its path is the page's.
pub const COOKIE: &str = "hotline-visitor";

/// Somebody who may see a page.
pub struct Admitted {
    /// What it is made of.
    pub snapshot: Arc<Snapshot>,
    /// Which.
    pub slug: StatusPageId,
    /// Who.
    pub visitor: Visitor,
    /// Through whose eyes.
    pub eyes: Eyes,
    /// Strangers see the same.
    pub public: bool,
    /// In which language.
    pub tongue: Tongue,
    /// The rest of the path's names.
    pub rest: Vec<String>,
}

impl Admitted {
    /// The page.
    pub fn page(&self) -> &StatusPage {
        // It was found there when the visitor was admitted, and a snapshot never changes.
        &self.snapshot.directory.status_pages[&self.slug]
    }

    /// Headers that say who may keep a copy.
    pub fn caching(&self) -> [(header::HeaderName, HeaderValue); 2] {
        let kept = if self.public {
            // Shorter than an update may take to be seen.
            "public, max-age=1"
        } else {
            "private, no-store"
        };
        let by_visitor = matches!(self.page().audience, Audience::Visitors);
        let vary = if by_visitor || !self.public { "Cookie, Accept-Encoding" } else { "Accept-Encoding" };
        [(header::CACHE_CONTROL, HeaderValue::from_static(kept)), (header::VARY, HeaderValue::from_static(vary))]
    }
}

impl FromRequestParts<AppState> for Admitted {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, state: &AppState) -> Result<Self, Response> {
        let Ok(Path(names)) = Path::<Vec<(String, String)>>::from_request_parts(parts, state).await else {
            return Err(Problem::of_status(StatusCode::NOT_FOUND).into_response());
        };
        let mut names = names.into_iter().map(|(_, value)| value);
        let slug = names.next().unwrap_or_default();
        let desk = state.status_desk().map_err(IntoResponse::into_response)?;
        let Some(snapshot) = desk.snapshot() else { return Err(starting()) };
        let query = query(parts);
        if let Some(token) = query.iter().find(|(name, _)| name == "visitor").map(|(_, value)| value) {
            return Err(into_cookie(state, parts, &snapshot, &slug, token, &query).await);
        }
        let wished = query.iter().find(|(name, _)| name == "lang").and_then(|(_, tag)| Tongue::from_word(tag));
        let Some(page) = snapshot.page(&slug) else { return Err(nobody(state, parts, &slug)) };
        let visitor = visitor(state, parts, page, &query).await;
        let Some(eyes) = page.eyes(&visitor) else { return Err(nobody(state, parts, &slug)) };
        let (public, tongue) = (page.is_public(&eyes), wished.unwrap_or(page.language));
        let slug = page.id.clone();
        Ok(Self { snapshot, slug, visitor, eyes, public, tongue, rest: names.collect() })
    }
}

fn query(parts: &Parts) -> Vec<(String, String)> {
    let query = parts.uri.query().unwrap_or_default();
    url::form_urlencoded::parse(query.as_bytes()).into_owned().collect()
}

/// A cookie's value.
fn cookie<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    let all = headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
    all.flat_map(|line| line.split(';')).find_map(|pair| {
        let (key, value) = pair.trim().split_once('=')?;
        (key == name).then_some(value)
    })
}

/// Who asks: by cookie, else by login. Asked only where it makes a difference.
async fn visitor(state: &AppState, parts: &mut Parts, page: &StatusPage, query: &[(String, String)]) -> Visitor {
    let same_for_all = match page.audience {
        Audience::Everyone => true,
        Audience::Customer(_) => page.open,
        Audience::Visitors => false,
    };
    if same_for_all || !parts.headers.contains_key(header::COOKIE) {
        return Visitor::Nobody;
    }
    if let Some(token) = cookie(&parts.headers, COOKIE)
        && let Ok(desk) = state.status_desk()
        && let Some(believed) = desk.visitor(page, token).await
    {
        return Visitor::Customer(believed.customer);
    }
    let Ok(viewer) = Viewer::from_request_parts(parts, state).await else { return Visitor::Nobody };
    staff(&viewer, page, query.iter().find(|(name, _)| name == "as").map(|(_, customer)| customer.as_str()))
}

/// A login of the console. Who sees all customers' things sees all pages, on wish as one of them; who sees some customers'
/// is a visitor of theirs.
fn staff(viewer: &Viewer, page: &StatusPage, wished: Option<&str>) -> Visitor {
    let as_customer = |customer: &str| Visitor::Customer(CustomerId::from(customer));
    match (&viewer.customers, &page.audience) {
        (None, Audience::Visitors) => wished.map_or(Visitor::House, as_customer),
        (None, Audience::Everyone | Audience::Customer(_)) => Visitor::House,
        (Some(own), Audience::Customer(customer)) if own.contains(&customer.0) => as_customer(&customer.0),
        (Some(own), Audience::Visitors) => match own.as_slice() {
            [] => Visitor::Nobody,
            [only] => as_customer(only),
            _ => wished.filter(|wished| viewer.sees(Some(wished))).map_or(Visitor::House, as_customer),
        },
        (Some(_), Audience::Everyone | Audience::Customer(_)) => Visitor::Nobody,
    }
}

/// The token leaves the address and becomes a cookie. One that is worth nothing just leaves.
async fn into_cookie(
    state: &AppState,
    parts: &Parts,
    snapshot: &Snapshot,
    slug: &str,
    token: &str,
    query: &[(String, String)],
) -> Response {
    let rest = query.iter().filter(|(name, _)| name != "visitor");
    let rest = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(rest).finish();
    let path = parts.uri.path();
    let to = if rest.is_empty() { path.to_owned() } else { format!("{path}?{rest}") };
    // A path that begins with two slashes would lead elsewhere.
    let to = if to.starts_with("//") { "/".to_owned() } else { to };
    let mut response = Redirect::to(&to).into_response();
    keep_secret(&mut response);
    if let (Some(page), Ok(desk)) = (snapshot.page(slug), state.status_desk())
        && let Some(believed) = desk.visitor(page, token).await
    {
        set_cookie(state, &mut response, slug, token, believed.for_s);
    }
    response
}

/// Puts the visitor's cookie on an answer.
pub fn set_cookie(state: &AppState, response: &mut Response, slug: &str, token: &str, for_s: i64) {
    let secure = state.settings().public_url.as_deref().is_some_and(|url| url.starts_with("https://"));
    let secure = if secure { "; Secure" } else { "" };
    let path = escaped(slug);
    let cookie = format!("{COOKIE}={token}; Path=/status/{path}; Max-Age={for_s}; HttpOnly; SameSite=Lax{secure}");
    if let Ok(cookie) = HeaderValue::from_str(&cookie) {
        response.headers_mut().append(header::SET_COOKIE, cookie);
    }
}

fn starting() -> Response {
    Problem::new(
        StatusCode::SERVICE_UNAVAILABLE,
        "status-not-known",
        "The status is not known yet",
        "The hotline has just started and its database is away. Ask again in some seconds.",
    )
    .with(header::RETRY_AFTER, "5")
    .into_response()
}

/// The language of whoever asks for a page that we do not know.
pub fn browser_tongue(headers: &HeaderMap) -> Tongue {
    let wanted = headers.get(header::ACCEPT_LANGUAGE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let tags =
        wanted.split(',').map(|tag| tag.split([';', '-']).next().unwrap_or_default().trim().to_ascii_lowercase());
    tags.into_iter().find_map(|tag| Tongue::from_word(&tag)).unwrap_or(Tongue::En)
}

#[derive(Template)]
#[template(path = "status/message.html")]
struct Message {
    t: &'static Texts,
    slug: String,
    heading: &'static str,
    sentence: &'static str,
    /// Where a button leads, and its word.
    button: Option<(String, &'static str)>,
    /// It asks for a mailbox.
    asks: bool,
    /// It offers the login.
    login: Option<String>,
}

/// A page that says one thing.
pub fn message(
    tongue: Tongue,
    slug: &str,
    status: StatusCode,
    (heading, sentence): (&'static str, &'static str),
    button: Option<(String, &'static str)>,
) -> Response {
    let t = texts::of(tongue);
    let slug = escaped(slug);
    let mut response = html(&Message { t, slug, heading, sentence, button, asks: false, login: None });
    *response.status_mut() = status;
    // Most of them stand at a link that is a key.
    keep_secret(&mut response);
    response
}

/// Nobody keeps a copy, and no search engine looks at it.
pub fn secluded(response: &mut Response) {
    let headers = response.headers_mut();
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("private, no-store"));
    headers.insert("x-robots-tag", HeaderValue::from_static("noindex"));
}

/// There is no such page, or it is not for them: nobody can tell which.
pub fn nobody(state: &AppState, parts: &Parts, slug: &str) -> Response {
    refused(state, &parts.headers, parts.uri.path(), slug)
}

/// The same from a handler.
pub fn refused(state: &AppState, headers: &HeaderMap, path: &str, slug: &str) -> Response {
    let accepts = headers.get(header::ACCEPT).and_then(|accept| accept.to_str().ok()).unwrap_or_default();
    if !accepts.contains("text/html") {
        return Problem::new(
            StatusCode::NOT_FOUND,
            "status-page-not-found",
            "There is no such status page",
            "There is no such page, or it is for certain visitors only.",
        )
        .into_response();
    }
    let t = texts::of(browser_tongue(headers));
    let offers = state.status_desk().is_ok_and(|desk| desk.offers().mail);
    let mut response = html(&Message {
        t,
        slug: escaped(slug),
        heading: t.nothing,
        sentence: t.nothing_text,
        button: None,
        asks: offers,
        login: Some(format!("/login?next={}", escaped(path))),
    });
    *response.status_mut() = StatusCode::NOT_FOUND;
    secluded(&mut response);
    response
}
