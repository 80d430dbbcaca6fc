//! HTTP: the API, the page, health and metrics. JSON types live here.
//!
//! Reads through [`Records`], acts through [`Board`]; both are the store and the
//! switch in the service and a fake in tests. Decides nothing about calls or alerts.

pub mod api;
pub mod metrics;
pub mod password;
pub mod problem;

mod alert_desk;
mod auth;
mod client;
mod events;
mod glances;
mod guard;
mod health;
mod idempotency;
mod inbound;
mod incident_desk;
mod listen;
mod pages;
pub mod papers;
mod params;
mod plan_desk;
mod sessions;
mod sla_desk;
mod slowdown;
mod sources;
mod status;

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use hotline_core::network::Network;
use hotline_core::private::Private;
use tokio_util::sync::{CancellationToken, DropGuard};

use crate::store::Store;
use crate::switch::Switch;

pub use alert_desk::{AlertDesk, AlertRecords, NotificationFilter};
pub use auth::{Role, fresh_token, token_hash};
pub use glances::Glances;
pub use inbound::Replies;
pub use incident_desk::{IncidentDesk, IncidentRecords};
pub use plan_desk::PlanRecords;
pub use sla_desk::{SlaDesk, SlaRecords};
pub use sources::{Board, Records};
pub use status::StatusDesk;

/// How long a graceful end waits for answers that are under way.
const FAREWELL: Duration = Duration::from_secs(5);

/// What HTTP needs to know. Built by `app` from the configuration.
#[derive(Debug, Clone)]
pub struct HttpSettings {
    /// Bearer token with role admin; `None`: no token is accepted.
    pub admin_token: Option<Private<String>>,
    /// What links begin with (`https://hotline.example.com`); `None`: relative links.
    pub public_url: Option<String>,
    /// Addresses or networks (CIDR) whose `X-Forwarded-For` is believed.
    pub trusted_proxies: Vec<String>,
    /// The demo runs: the login page says which login it made.
    pub demo: bool,
    /// Version of the program.
    pub version: String,
}

/// Everything a request may need. Clones share it.
#[derive(Clone)]
pub struct AppState(Arc<Shared>);

/// What the clones share.
struct Shared {
    settings: HttpSettings,
    proxies: Vec<Network>,
    records: Arc<dyn Records>,
    board: Arc<dyn Board>,
    feed: events::Feed,
    logins: auth::Logins,
    slowdown: slowdown::Slowdown,
    pin_changes: api::PinChanges,
    passwords: password::Checker,
    metrics: metrics::Metrics,
    status: status::Served,
    /// Cancelled when the service ends: streams end with it.
    closing: CancellationToken,
    /// Ends the feed's task with the last clone.
    _feed_ends: DropGuard,
}

impl std::fmt::Debug for AppState {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("AppState").field("settings", &self.0.settings).finish_non_exhaustive()
    }
}

impl AppState {
    /// The state of the service. Starts the feed's task, so it wants a running tokio.
    pub fn new(settings: HttpSettings, store: Store, switch: Switch) -> Self {
        let desk: Arc<dyn StatusDesk> = Arc::new(switch.clone());
        Self::with_status(settings, Arc::new(store), Arc::new(switch), Some(desk))
    }

    /// The same on any sources: tests and the preview bring their own.
    pub fn with(settings: HttpSettings, records: Arc<dyn Records>, board: Arc<dyn Board>) -> Self {
        Self::with_status(settings, records, board, None)
    }

    /// The same with status pages.
    pub fn with_status(
        settings: HttpSettings,
        records: Arc<dyn Records>,
        board: Arc<dyn Board>,
        desk: Option<Arc<dyn StatusDesk>>,
    ) -> Self {
        let (proxies, faulty) = client::networks(&settings.trusted_proxies);
        for entry in faulty {
            tracing::warn!(%entry, "trusted_proxies: not an address or network (CIDR), ignored; write 10.0.0.1 or 10.0.0.0/8");
        }
        let closing = CancellationToken::new();
        let feed_token = closing.child_token();
        let feed = events::Feed::start(records.clone(), board.clone(), feed_token.clone());
        Self(Arc::new(Shared {
            settings,
            proxies,
            records,
            board,
            feed,
            logins: auth::Logins::default(),
            slowdown: slowdown::Slowdown::default(),
            pin_changes: api::PinChanges::default(),
            passwords: password::Checker::default(),
            metrics: metrics::Metrics::default(),
            status: status::Served { desk, ..Default::default() },
            closing,
            _feed_ends: feed_token.drop_guard(),
        }))
    }

    fn settings(&self) -> &HttpSettings {
        &self.0.settings
    }

    fn records(&self) -> &dyn Records {
        &*self.0.records
    }

    fn board(&self) -> &dyn Board {
        &*self.0.board
    }

    fn feed(&self) -> &events::Feed {
        &self.0.feed
    }

    fn logins(&self) -> &auth::Logins {
        &self.0.logins
    }

    /// An absolute link where the public URL is known, else one relative to the host.
    fn link(&self, path: &str) -> String {
        let base = self.0.settings.public_url.as_deref().unwrap_or_default();
        format!("{}{path}", base.trim_end_matches('/'))
    }
}

/// All routes with their guards.
pub fn router(state: AppState) -> Router {
    let sessions = sessions::layer(&state);
    let routes =
        Router::new().merge(api::router()).merge(pages::router()).merge(inbound::router()).merge(status::router());
    guard::around(routes, api::large_router().merge(pages::large_router()), &state).layer(sessions).with_state(state)
}

/// Serves, with `beside` (doors that have guards of their own), until `shutdown`; then ends the streams, lets answers under way finish and returns.
pub async fn serve(
    listener: tokio::net::TcpListener,
    state: AppState,
    beside: Router,
    shutdown: CancellationToken,
) -> std::io::Result<()> {
    let closing = state.0.closing.clone();
    let app = router(state).merge(beside);
    let end = {
        let (closing, shutdown) = (closing.clone(), shutdown.clone());
        async move {
            shutdown.cancelled().await;
            closing.cancel();
        }
    };
    let overdue = async {
        shutdown.cancelled().await;
        tokio::time::sleep(FAREWELL).await;
    };
    tokio::select! {
        () = listen::run(listener, app, end) => Ok(()),
        () = overdue => {
            tracing::warn!("some HTTP connections did not end in time; they are cut");
            Ok(())
        }
    }
}

#[cfg(test)]
extern crate self as hotline;
#[cfg(test)]
pub(crate) mod fake;
#[cfg(test)]
mod tests;
