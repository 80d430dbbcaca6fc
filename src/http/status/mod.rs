//! Status pages for visitors, at `/status/{slug}`.
//!
//! | file | does |
//! |---|---|
//! | `admit` | who asks, what they may see; one answer for all who may not |
//! | `render` | bytes that are made once and given to many |
//! | `html`, `bars` | the pages |
//! | `json`, `feeds` | statuspage.io's JSON; Atom, RSS, badge |
//! | `access` | proving whose one is |
//! | `subscribe` | who wants to be told |
//! | `rates` | how often mail may be asked for |
//!
//! Everything that is shown comes from one view of `hotline_core::status`. What was rendered is kept by page, eyes and language, and is
//! gone with the snapshot that it was made of.

mod access;
mod admit;
mod bars;
mod desk;
mod feeds;
mod html;
mod json;
mod rates;
mod render;
mod subscribe;
pub mod texts;

use axum::Router;
use axum::routing::get;

use super::AppState;
use super::problem::Problem;

pub use desk::StatusDesk;
pub use rates::Rates;
pub use render::{Embeddable, Renders};

/// What the state keeps for status pages.
#[derive(Default)]
pub struct Served {
    /// What is behind them; `None`: there are none here.
    pub desk: Option<std::sync::Arc<dyn StatusDesk>>,
    /// What was rendered.
    pub renders: Renders,
    /// How often mail was asked for.
    pub rates: Rates,
}

/// The routes.
pub fn router() -> Router<AppState> {
    Router::new()
        .route("/status/{slug}", get(html::page))
        .route("/status/{slug}/history", get(html::history))
        .route("/status/{slug}/incidents/{id}", get(html::incident))
        .route("/status/{slug}/api/v2/{file}", get(json::file))
        .route("/status/{slug}/api/v2/{folder}/{file}", get(json::nested))
        .route("/status/{slug}/history.atom", get(feeds::atom))
        .route("/status/{slug}/history.rss", get(feeds::rss))
        .route("/status/{slug}/badge.svg", get(feeds::badge))
        .route("/status/{slug}/style.css", get(html::style))
        .route("/status/{slug}/logo", get(html::logo))
        .route("/status/{slug}/access", axum::routing::post(access::ask))
        .route("/status/{slug}/access/{token}", get(access::look).post(access::open))
        .route("/status/{slug}/subscribe", get(subscribe::show).post(subscribe::wanted))
        .route("/status/{slug}/confirm/{token}", get(subscribe::look_confirm).post(subscribe::confirm))
        .route("/status/{slug}/unsubscribe/{token}", get(subscribe::look_end).post(subscribe::end))
}

impl AppState {
    fn served(&self) -> &Served {
        &self.0.status
    }

    /// What is behind status pages.
    pub(super) fn status_desk(&self) -> Result<&dyn StatusDesk, Problem> {
        self.served().desk.as_deref().ok_or_else(|| Problem::of_status(axum::http::StatusCode::NOT_FOUND))
    }
}
