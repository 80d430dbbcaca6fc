//! The page with a made-up night, to look at: `cargo run --example page_preview -- [PORT] [trouble] [busy|empty] [talking] [login]`.
//! Everybody is logged in, unless `login` stands there: then as `admin` with `preview-night`.
//! `trouble` shows the banner, `busy` a bad night with 40 alerts, `empty` nothing at all, `talking` a caller with an engineer and a
//! supervisor, and a recorded conversation. Loopback only; nothing is kept.

#![expect(clippy::cast_possible_truncation, reason = "an example that includes the tests' fake")]

extern crate hotline;

#[path = "../src/http/fake.rs"]
mod fake;

use std::sync::Arc;

use hotline::http::{AppState, HttpSettings, password, router, serve};
use hotline::store::read::LoginRow;
use hotline_core::call::supervise::Role;
use hotline_core::call::view::SupervisorView;
use hotline_core::ids::LegId;
use hotline_core::private::Private;
use tokio_util::sync::CancellationToken;

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let port: u16 = std::env::args().nth(1).map_or(Ok(8099), |port| port.parse())?;
    let now = hotline::clock::now().wall;
    let flag = |flag: &str| std::env::args().any(|arg| arg == flag);
    let fake = match (flag("busy"), flag("empty")) {
        (true, _) => fake::Fake::busy(now),
        (_, true) => fake::Fake::empty(),
        _ => fake::Fake::night(now),
    };
    {
        let mut kept = fake.kept.lock();
        let password_hash = password::hash(&Private::from("preview-night")).map_err(anyhow::Error::msg)?;
        let login =
            LoginRow { name: "admin".to_owned(), password_hash, role: "admin".to_owned(), ..Default::default() };
        kept.logins.insert("admin".to_owned(), login);
        if flag("trouble") {
            kept.health.store.journal_fault = Some("no space left on device".to_owned());
            kept.health.transcripts_off = Some("no speech model; run: hotline models fetch".to_owned());
            kept.health.warnings.push("Phone engineer-2 is not registered, so Ben Sommer can't be rung there: start the phone, or check its password.".to_owned());
        }
    }
    if flag("talking") {
        talking(&mut fake.kept.lock());
    }
    let fake = Arc::new(fake);
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", port)).await?;
    let settings = HttpSettings {
        admin_token: Some("preview-token".into()),
        public_url: None,
        trusted_proxies: Vec::new(),
        demo: true,
        version: env!("CARGO_PKG_VERSION").to_owned(),
    };
    println!("http://{0} (signing: http://{0}/sign/{1})", listener.local_addr()?, fake::SIGN_TOKEN);
    let end = CancellationToken::new();
    let on_signal = end.clone();
    tokio::spawn(async move {
        if tokio::signal::ctrl_c().await.is_ok() {
            on_signal.cancel();
        }
    });
    let state = AppState::with(settings, fake.clone(), fake);
    if flag("login") {
        serve(listener, state, axum::Router::new(), end).await?;
    } else {
        let app = router(state).layer(axum::middleware::map_request(|mut request: axum::extract::Request| async {
            request.headers_mut().insert("authorization", axum::http::HeaderValue::from_static("Bearer preview-token"));
            request
        }));
        axum::serve(listener, app).with_graceful_shutdown(async move { end.cancelled().await }).await?;
    }
    Ok(())
}

fn talking(kept: &mut fake::Kept) {
    if let Some(call) = kept.live.first_mut() {
        call.talks = true;
        "with".clone_into(&mut call.state);
        call.person = Some("engineer-2".into());
        let there = |leg, phone: &str, role, on| SupervisorView { leg: LegId(leg), phone: phone.into(), role, on };
        call.supervisors =
            vec![there(5, "dispatch-1", Role::Whisper, true), there(6, "engineer-1", Role::Listen, false)];
    }
    if let Some(said) = kept.recordings.iter_mut().find(|row| row.kind == "why") {
        "conversation".clone_into(&mut said.kind);
        said.reason = Some("call-ended".to_owned());
    }
}
