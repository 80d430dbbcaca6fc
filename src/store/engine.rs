//! What differs between database engines: opening, transactions, durability, the meaning of errors.
//! The statements themselves are the same (`$n`, TEXT, BIGINT, DOUBLE PRECISION, BLOB).

use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::str::FromStr;
use std::sync::LazyLock;
use std::time::Duration;

use futures::future::BoxFuture;
use sqlx::any::{AnyConnectOptions, AnyPoolOptions};
use sqlx::migrate::Migrator;
use sqlx::{Any, AnyConnection, AnyPool, ConnectOptions, Connection, Row, Transaction};

use super::StoreError;
use super::disk::create_folder;

/// Two adjacent releases work side by side: what a newer one has added does not stop an older one.
static SQLITE: LazyLock<Migrator> = LazyLock::new(|| {
    let mut migrator = sqlx::migrate!("migrations/sqlite");
    migrator.set_ignore_missing(true);
    migrator
});

/// Readers wait so long for a lock before they fail.
const READER_BUSY_MS: u32 = 1_500;
/// The drain waits less and tries again: its health must tell soon.
const DRAIN_BUSY_MS: u32 = 250;
/// Connections of pages and API.
const READERS: u32 = 8;

/// A database, not necessarily reachable.
#[derive(Debug, Clone)]
pub(super) struct Engine {
    options: AnyConnectOptions,
}

/// What an error means for the record that met it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    /// Locked, away, full: the same again later may work.
    Later,
    /// This record will never be taken.
    Never,
}

impl Engine {
    /// Checks the URL and makes the folder of an embedded database.
    pub fn new(url: &str) -> Result<Self, StoreError> {
        sqlx::any::install_default_drivers();
        let Some(rest) = url.strip_prefix("sqlite:") else {
            let scheme = url.split(':').next().unwrap_or_default();
            return Err(StoreError::Database(format!(
                "`{scheme}` is no database this release can use; set `sqlite:///path/to/hotline.db`"
            )));
        };
        let path = rest.trim_start_matches("//").split('?').next().unwrap_or_default();
        if let Some(folder) = Path::new(path).parent()
            && folder != Path::new("")
            && let Err(error) = create_folder(folder)
        {
            tracing::warn!("database folder {}: {error}", folder.display());
        }
        if !url.contains("mode=") && !path.is_empty() && path != ":memory:" {
            // Callers' numbers and words stand in it. SQLite gives its files beside it the same rights, and
            // tells itself if the file can't be made.
            let _ = std::fs::OpenOptions::new().write(true).create(true).truncate(false).mode(0o600).open(path);
        }
        let url = match (url.contains("mode="), url.contains('?')) {
            (true, _) => url.to_owned(),
            (false, true) => format!("{url}&mode=rwc"),
            (false, false) => format!("{url}?mode=rwc"),
        };
        let options = AnyConnectOptions::from_str(&url).map_err(|error| StoreError::Database(error.to_string()))?;
        Ok(Self { options: options.disable_statement_logging() })
    }

    /// Connections for pages, API, logins and sessions. Opens none yet. `synchronous=FULL`: what a
    /// login or session writer acknowledges survives a power cut.
    pub fn pool(&self) -> AnyPool {
        AnyPoolOptions::new()
            .max_connections(READERS)
            .acquire_timeout(super::READ_TIMEOUT)
            .after_connect(|connection, _| -> BoxFuture<'_, Result<(), sqlx::Error>> {
                Box::pin(prepare(connection, READER_BUSY_MS, "FULL"))
            })
            .connect_lazy_with(self.options.clone())
    }

    /// The connection that writes what the journal has; creates and migrates the database. `synchronous=NORMAL`
    /// syncs at checkpoints only: a power cut may take the last transactions back, but then it takes their rows
    /// and the journal position back together, and the journal (synced every second) still has the records,
    /// because its files go only after [`Engine::make_durable`].
    pub fn connect_drain(&self) -> BoxFuture<'static, Result<AnyConnection, sqlx::Error>> {
        let options = self.options.clone();
        // Boxed: the compiler cannot see through sqlx's lifetimes that the future is `Send`.
        Box::pin(async move {
            let mut connection = options.connect().await?;
            prepare(&mut connection, DRAIN_BUSY_MS, "NORMAL").await?;
            let migrated = SQLITE.run_direct(None, &mut connection, false).await;
            migrated.map_err(|error| sqlx::Error::Migrate(Box::new(error)))?;
            Ok(connection)
        })
    }

    /// A transaction that will write. `SQLite` takes the write lock at once; a plain `BEGIN` that reads
    /// first fails under contention when it comes to write.
    pub fn begin(connection: &mut AnyConnection) -> BoxFuture<'_, Result<Transaction<'_, Any>, sqlx::Error>> {
        Box::pin(connection.begin_with("BEGIN IMMEDIATE"))
    }

    /// Everything committed so far survives a power cut when this says true. `SQLite`: a whole checkpoint.
    pub async fn make_durable(connection: &mut AnyConnection) -> Result<bool, sqlx::Error> {
        let row = sqlx::query("PRAGMA wal_checkpoint(FULL)").fetch_one(connection).await?;
        let (busy, log, done): (i64, i64, i64) = (number(&row, 0)?, number(&row, 1)?, number(&row, 2)?);
        Ok(busy == 0 && log == done)
    }

    /// Whether the record that met this error is to blame.
    #[expect(clippy::wildcard_enum_match_arm, reason = "the enum is not exhaustive; all else is about the connection")]
    pub fn verdict(error: &sqlx::Error) -> Verdict {
        let code = match error {
            sqlx::Error::Database(error) => error.code().unwrap_or_default().into_owned(),
            // A value that cannot be handed to the engine.
            sqlx::Error::Encode(_) => return Verdict::Never,
            _ => return Verdict::Later,
        };
        // SQLite: the low byte of the extended code. 1 error (a faulty statement), 18 too big, 19 constraint,
        // 20 mismatch, 25 range. Where the whole database is at fault, keeping the reject fails too.
        match code.parse::<u32>().map(|code| code & 0xff) {
            Ok(1 | 18 | 19 | 20 | 25) => Verdict::Never,
            Ok(_) | Err(_) => Verdict::Later,
        }
    }

    /// An error in plain words, with the remedy where there is a common one.
    pub fn plain(error: &sqlx::Error) -> String {
        if let sqlx::Error::Database(inner) = error {
            let code = inner.code().and_then(|code| code.parse::<u32>().ok()).map(|code| code & 0xff);
            match code {
                Some(5 | 6) => return "it is locked by another program".to_owned(),
                Some(13) => return "the disk is full; make room on it".to_owned(),
                Some(8) => return "it cannot be written; check owner and mode of the file".to_owned(),
                Some(14) => return "the file cannot be opened; check path and permissions".to_owned(),
                Some(11 | 26) => return format!("the file is damaged; restore it from a backup ({inner})"),
                Some(_) | None => {}
            }
        }
        error.to_string()
    }
}

/// `PRAGMA` results carry no declared type; `SQLite` gives them as 32 or 64 bit.
fn number(row: &sqlx::any::AnyRow, index: usize) -> Result<i64, sqlx::Error> {
    row.try_get::<i64, _>(index).or_else(|_| row.try_get::<i32, _>(index).map(i64::from))
}

async fn prepare(connection: &mut AnyConnection, busy_ms: u32, synchronous: &str) -> Result<(), sqlx::Error> {
    // The wait comes first: switching to WAL needs the lock for a moment.
    for pragma in [
        format!("PRAGMA busy_timeout = {busy_ms}"),
        "PRAGMA journal_mode = WAL".to_owned(),
        format!("PRAGMA synchronous = {synchronous}"),
    ] {
        sqlx::query(sqlx::AssertSqlSafe(pragma)).execute(&mut *connection).await?;
    }
    Ok(())
}

/// How long the drain waits between two tries: 50 ms, doubled up to a second.
pub(super) fn back_off(failures: u32) -> Duration {
    Duration::from_millis((50_u64 << failures.min(5)).min(1_000))
}
