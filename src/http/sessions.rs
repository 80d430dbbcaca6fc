//! Console sessions in the store, by the hash of their id: who reads the database can't log in with it.

use std::sync::Arc;

use async_trait::async_trait;
use sha2::{Digest, Sha256};
use tower_sessions::cookie::SameSite;
use tower_sessions::cookie::time::{Duration, OffsetDateTime};
use tower_sessions::session::{Id, Record};
use tower_sessions::session_store::{Error, Result};
use tower_sessions::{Expiry, SessionManagerLayer, SessionStore};

use super::{AppState, Records};

/// A login lasts this long: a long shift and the way home.
pub const LIFETIME_HOURS: i64 = 24;

/// tower-sessions' store on ours.
#[derive(Clone)]
pub struct Sessions(Arc<dyn Records>);

impl std::fmt::Debug for Sessions {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Sessions")
    }
}

/// The cookie: out of reach for scripts, not sent along by other sites, HTTPS only where we are reached by it.
pub fn layer(state: &AppState) -> SessionManagerLayer<Sessions> {
    let secure = state.settings().public_url.as_deref().is_some_and(|url| url.starts_with("https://"));
    SessionManagerLayer::new(Sessions(state.0.records.clone()))
        .with_name(if secure { "__Host-hotline" } else { "hotline" })
        .with_http_only(true)
        .with_same_site(SameSite::Lax)
        .with_secure(secure)
        .with_expiry(Expiry::OnInactivity(Duration::hours(LIFETIME_HOURS)))
}

/// The key that a session has in the store.
pub fn key(id: Id) -> String {
    hex::encode(Sha256::digest(id.to_string()))
}

fn backend(error: impl std::fmt::Display) -> Error {
    Error::Backend(error.to_string())
}

#[async_trait]
impl SessionStore for Sessions {
    async fn create(&self, record: &mut Record) -> Result<()> {
        // 128 random bits: a clash is an error elsewhere, so take another.
        while self.0.session(&key(record.id)).await.map_err(backend)?.is_some() {
            record.id = Id::default();
        }
        self.save(record).await
    }

    async fn save(&self, record: &Record) -> Result<()> {
        let data = serde_json::to_string(&record.data).map_err(|error| Error::Encode(error.to_string()))?;
        let expires = record.expiry_date.unix_timestamp() * 1000;
        self.0.put_session(&key(record.id), &data, expires).await.map_err(backend)
    }

    async fn load(&self, id: &Id) -> Result<Option<Record>> {
        let Some((data, expires)) = self.0.session(&key(*id)).await.map_err(backend)? else {
            return Ok(None);
        };
        if expires <= crate::clock::now().wall.as_millisecond() {
            return Ok(None);
        }
        let data = serde_json::from_str(&data).map_err(|error| Error::Decode(error.to_string()))?;
        let expiry_date =
            OffsetDateTime::from_unix_timestamp(expires / 1000).map_err(|error| Error::Decode(error.to_string()))?;
        Ok(Some(Record { id: *id, data, expiry_date }))
    }

    async fn delete(&self, id: &Id) -> Result<()> {
        self.0.remove_session(&key(*id)).await.map_err(backend)
    }
}
