//! Every endpoint, happy and not, through the whole router.

mod api;
mod desk;
mod desk_pages;
mod directory;
mod learn;
mod live;
mod page;
mod schedules;
mod scope;
mod shape;
mod slas;
mod status;
mod supervise;

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::http::{HeaderMap, Method, Request, StatusCode, header};
use hotline_core::private::Private;
use serde_json::Value;
use tower::ServiceExt;

use super::fake::{Fake, id};
use super::{AppState, HttpSettings, router};
use crate::store::read::{LoginRow, TokenRow};

const TOKEN: &str = "a token of this test";
const PASSWORD: &str = "a word or four";

/// A fixed end of the night.
fn now() -> jiff::Timestamp {
    "2026-11-22T03:00:00Z".parse().unwrap()
}

struct Bench {
    fake: Arc<Fake>,
    state: AppState,
    app: Router,
}

struct Answer {
    status: StatusCode,
    headers: HeaderMap,
    body: Vec<u8>,
}

impl Answer {
    fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|_| panic!("not JSON: {}", self.text()))
    }

    fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    /// The problem's code, after a look at its shape.
    fn problem(&self, status: u16) -> String {
        assert_eq!(self.status.as_u16(), status, "{}", self.text());
        assert_eq!(self.header("content-type"), "application/problem+json", "{}", self.text());
        let problem = self.json();
        assert_eq!(problem["status"], status);
        assert!(
            !problem["title"].as_str().unwrap().is_empty() && problem["detail"].as_str().unwrap().len() > 10,
            "{problem}"
        );
        problem["code"].as_str().unwrap().to_owned()
    }
}

fn settings() -> HttpSettings {
    HttpSettings {
        admin_token: Some(Private::from(TOKEN)),
        public_url: None,
        trusted_proxies: Vec::new(),
        demo: false,
        version: "0.0.0-test".to_owned(),
    }
}

fn bench() -> Bench {
    bench_with(settings(), Fake::night(now()))
}

fn bench_with(settings: HttpSettings, fake: Fake) -> Bench {
    for (name, role) in [("ann", "admin"), ("sam", "stakeholder")] {
        let password_hash = super::password::hash(&Private::from(PASSWORD)).unwrap();
        let login = LoginRow { name: name.to_owned(), password_hash, role: role.to_owned(), ..Default::default() };
        fake.kept.lock().logins.insert(name.to_owned(), login);
    }
    let fake = Arc::new(fake);
    let state = AppState::with(settings, fake.clone(), fake.clone());
    Bench { app: router(state.clone()), fake, state }
}

impl Bench {
    async fn send(&self, request: Request<Body>) -> Answer {
        let response = self.app.clone().oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        let body = axum::body::to_bytes(body, usize::MAX).await.unwrap().to_vec();
        Answer { status: parts.status, headers: parts.headers, body }
    }

    async fn ask(&self, method: Method, path: &str, headers: &[(&str, &str)], body: &str) -> Answer {
        let mut request = Request::builder().method(method).uri(path).header(header::HOST, "hotline.test");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        self.send(request.body(Body::from(body.to_owned())).unwrap()).await
    }

    /// With the token.
    async fn get(&self, path: &str) -> Answer {
        self.ask(Method::GET, path, &[("authorization", &format!("Bearer {TOKEN}"))], "").await
    }

    /// A token of this role that sees everything.
    fn token_of(&self, role: &str) -> String {
        let token = super::auth::fresh_token();
        let hash = super::auth::token_hash(token.reveal());
        let row = TokenRow { name: role.to_owned(), hash, role: role.to_owned(), ..TokenRow::default() };
        self.fake.kept.lock().tokens.push(row);
        token.reveal().clone()
    }

    /// With a token of this role that sees these customers' things only (none: no limit).
    async fn get_as(&self, role: &str, customers: &str, path: &str) -> Answer {
        let token = super::auth::fresh_token();
        let row = TokenRow {
            name: role.to_owned(),
            hash: super::auth::token_hash(token.reveal()),
            role: role.to_owned(),
            customers: (!customers.is_empty()).then(|| customers.to_owned()),
            ..TokenRow::default()
        };
        self.fake.kept.lock().tokens.push(row);
        self.ask(Method::GET, path, &[("authorization", &format!("Bearer {}", token.reveal()))], "").await
    }

    /// With the token.
    async fn post(&self, path: &str) -> Answer {
        self.ask(Method::POST, path, &[("authorization", &format!("Bearer {TOKEN}"))], "").await
    }

    /// A browser's GET with a session.
    async fn browse(&self, path: &str, cookie: &str) -> Answer {
        self.ask(Method::GET, path, &[("cookie", cookie), ("accept", "text/html")], "").await
    }

    async fn try_login(&self, name: &str, password: &str) -> Answer {
        let body = format!("name={name}&password={}", password.replace(' ', "+"));
        let headers = [
            ("content-type", "application/x-www-form-urlencoded"),
            ("origin", "http://hotline.test"),
            ("accept", "text/html"),
        ];
        self.ask(Method::POST, "/login", &headers, &body).await
    }

    /// Logs in; the cookie.
    async fn log_in(&self, name: &str) -> String {
        let answer = self.try_login(name, PASSWORD).await;
        assert_eq!(answer.status, StatusCode::SEE_OTHER, "{}", answer.text());
        answer.header("set-cookie").split(';').next().unwrap().to_owned()
    }
}

fn path(prefix: &str, number: u128, rest: &str) -> String {
    format!("{prefix}/{}{rest}", id(number))
}
