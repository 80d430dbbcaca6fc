//! What differs between database engines: opening, transactions, durability, the meaning of errors. The
//! statements themselves are the same (`$n`, TEXT, BIGINT, DOUBLE PRECISION, BLOB or BYTEA); what an engine needs in
//! words of its own is in [`super::sqlite`] and [`super::postgres`].

use std::str::FromStr;
use std::time::Duration;

use futures::future::BoxFuture;
use jiff::Timestamp;
use sqlx::any::{AnyConnectOptions, AnyPoolOptions};
use sqlx::{Any, AnyConnection, AnyPool, ConnectOptions, Connection, Transaction};

use super::identity::Identity;
use super::{Changed, StoreError, postgres, sqlite};

/// Connections of pages and API.
const READERS: u32 = 8;

/// A database, not necessarily reachable.
#[derive(Debug, Clone)]
pub(super) struct Engine {
    kind: Kind,
    options: AnyConnectOptions,
}

/// Which one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// A file of this node.
    Sqlite,
    /// A server that several nodes may share.
    Postgres,
}

/// What an error means for the record that met it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    /// Locked, away, full: the same again later may work.
    Later,
    /// This record will never be taken.
    Never,
}

/// What a connection is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Use {
    /// Pages, API, logins and sessions.
    Reader,
    /// Writes that answer somebody.
    Writer,
    /// The journal's way into the database.
    Drain,
    /// Puts an embedded database's log into its file.
    Checkpoint,
}

impl Engine {
    /// Checks the URL and makes the folder of an embedded database.
    pub fn new(url: &str) -> Result<Self, StoreError> {
        sqlx::any::install_default_drivers();
        let scheme = url.split(':').next().unwrap_or_default();
        let (kind, url) = match scheme {
            "sqlite" => (Kind::Sqlite, sqlite::prepare_file(url)),
            "postgres" | "postgresql" => (Kind::Postgres, url.to_owned()),
            _ => {
                return Err(StoreError::Database(format!(
                    "`{scheme}` is no database this release can use; set `sqlite:///path/to/hotline.db` or \
                     `postgres://user:password@host/database`"
                )));
            }
        };
        let options = AnyConnectOptions::from_str(&url)
            .map_err(|_| StoreError::Database(format!("the {scheme} address of the database can't be understood")))?;
        let engine = Self { kind, options: options.disable_statement_logging() };
        if kind == Kind::Postgres {
            postgres::options(&engine.url()).map(drop)?;
        }
        Ok(engine)
    }

    /// Which engine.
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// The address, with its password.
    pub fn url(&self) -> String {
        self.options.to_url_lossy().to_string()
    }

    /// Connections for pages, API, logins and sessions. Opens none yet. What a login or session writer
    /// acknowledges survives a power cut.
    pub fn pool(&self) -> AnyPool {
        let kind = self.kind;
        AnyPoolOptions::new()
            .max_connections(READERS)
            .acquire_timeout(super::READ_TIMEOUT)
            .after_connect(move |connection, _| -> BoxFuture<'_, Result<(), sqlx::Error>> {
                Box::pin(prepare(kind, connection, Use::Reader))
            })
            .connect_lazy_with(self.options.clone())
    }

    /// The connection that writes what the journal has; creates and migrates the database.
    pub fn connect_drain(&self) -> BoxFuture<'static, Result<AnyConnection, sqlx::Error>> {
        let (kind, options) = (self.kind, self.options.clone());
        // Boxed: the compiler cannot see through sqlx's lifetimes that the future is `Send`.
        Box::pin(async move {
            let mut connection = options.connect().await?;
            prepare(kind, &mut connection, Use::Drain).await?;
            let migrator = match kind {
                Kind::Sqlite => &sqlite::MIGRATIONS,
                Kind::Postgres => &postgres::MIGRATIONS,
            };
            let migrated = migrator.run_direct(None, &mut connection, false).await;
            migrated.map_err(|error| sqlx::Error::Migrate(Box::new(error)))?;
            Ok(connection)
        })
    }

    /// A connection for writes that answer somebody: durable when committed.
    pub fn connect_writer(&self) -> BoxFuture<'static, Result<AnyConnection, sqlx::Error>> {
        self.connect(Use::Writer)
    }

    /// A connection that puts an embedded database's log into its file.
    pub fn connect_checkpoint(&self) -> BoxFuture<'static, Result<AnyConnection, sqlx::Error>> {
        self.connect(Use::Checkpoint)
    }

    fn connect(&self, what: Use) -> BoxFuture<'static, Result<AnyConnection, sqlx::Error>> {
        let (kind, options) = (self.kind, self.options.clone());
        Box::pin(async move {
            let mut connection = options.connect().await?;
            prepare(kind, &mut connection, what).await?;
            Ok(connection)
        })
    }

    /// So many can write at a time.
    pub fn writers(&self) -> usize {
        match self.kind {
            Kind::Sqlite => 1,
            Kind::Postgres => 8,
        }
    }

    /// Whether the drain and the writers take turns: an embedded database has one lock for all.
    pub fn takes_turns(&self) -> bool {
        self.kind == Kind::Sqlite
    }

    /// A transaction that will write. `SQLite` takes the write lock at once; a plain `BEGIN` that reads
    /// first fails under contention when it comes to write.
    pub fn begin<'c>(
        &self,
        connection: &'c mut AnyConnection,
    ) -> BoxFuture<'c, Result<Transaction<'c, Any>, sqlx::Error>> {
        match self.kind {
            Kind::Sqlite => Box::pin(connection.begin_with("BEGIN IMMEDIATE")),
            Kind::Postgres => Box::pin(connection.begin()),
        }
    }

    /// Everything committed so far survives a power cut when this says true. `SQLite`: a whole checkpoint;
    /// `PostgreSQL` has said so with the commit.
    pub async fn make_durable(&self, connection: &mut AnyConnection) -> Result<bool, sqlx::Error> {
        match self.kind {
            Kind::Sqlite => sqlite::checkpoint(connection).await,
            Kind::Postgres => Ok(true),
        }
    }

    /// Put behind a SELECT of rows that this transaction will change.
    pub fn for_update(&self) -> &'static str {
        match self.kind {
            Kind::Sqlite => "",
            Kind::Postgres => " FOR UPDATE",
        }
    }

    /// The same, without rows that another transaction works on.
    pub fn for_update_free(&self) -> &'static str {
        match self.kind {
            Kind::Sqlite => "",
            Kind::Postgres => " FOR UPDATE SKIP LOCKED",
        }
    }

    /// A condition: the call `c` has not ended, and its node is alive.
    pub fn call_runs(&self) -> &'static str {
        match self.kind {
            Kind::Sqlite => "c.ended_at IS NULL",
            Kind::Postgres => postgres::CALL_RUNS,
        }
    }

    /// The time by which leases run, epoch ms: that of the database where several nodes share it, else `at`.
    pub async fn now(&self, connection: &mut AnyConnection, at: Timestamp) -> Result<i64, sqlx::Error> {
        match self.kind {
            Kind::Sqlite => Ok(at.as_millisecond()),
            Kind::Postgres => postgres::now(connection).await,
        }
    }

    /// One node at a time decides what leaves, so that limits of contacts hold among all; until the transaction ends.
    pub async fn claim_turn(&self, connection: &mut AnyConnection) -> Result<(), sqlx::Error> {
        match self.kind {
            Kind::Sqlite => Ok(()),
            Kind::Postgres => postgres::claim_turn(connection).await,
        }
    }

    /// Takes the node's name at the start; `false`: another live process has it.
    pub async fn claim_name(&self, connection: &mut AnyConnection, own: &Identity) -> Result<bool, sqlx::Error> {
        match self.kind {
            Kind::Sqlite => Ok(true),
            Kind::Postgres => postgres::claim_name(connection, own).await,
        }
    }

    /// Says that this node is alive; `false`: another live process has its name by now.
    pub async fn beat(&self, connection: &mut AnyConnection, own: &Identity) -> Result<bool, sqlx::Error> {
        match self.kind {
            Kind::Sqlite => Ok(true),
            Kind::Postgres => postgres::beat(connection, own).await,
        }
    }

    /// Whether another node is alive.
    pub async fn has_other_node(&self, connection: &mut AnyConnection, node: &str) -> Result<bool, sqlx::Error> {
        match self.kind {
            Kind::Sqlite => Ok(false),
            Kind::Postgres => postgres::has_other_node(connection, node).await,
        }
    }

    /// Tells the other nodes, when this transaction commits.
    pub async fn tell(
        &self,
        connection: &mut AnyConnection,
        node: &str,
        changed: &[Changed],
    ) -> Result<(), sqlx::Error> {
        match self.kind {
            Kind::Sqlite => Ok(()),
            Kind::Postgres => postgres::tell(connection, node, changed).await,
        }
    }

    /// Whether the record that met this error is to blame.
    #[expect(clippy::wildcard_enum_match_arm, reason = "the enum is not exhaustive; all else is about the connection")]
    pub fn verdict(error: &sqlx::Error) -> Verdict {
        match error {
            sqlx::Error::Database(_) => {}
            // A value that cannot be handed to the engine.
            sqlx::Error::Encode(_) => return Verdict::Never,
            _ => return Verdict::Later,
        }
        let never = match (sqlstate(error), sqlite_code(error)) {
            (Some(state), _) => postgres::is_blamed(&state),
            (None, Some(code)) => sqlite::is_blamed(code),
            (None, None) => false,
        };
        if never { Verdict::Never } else { Verdict::Later }
    }

    /// Whether the error came of another writer at the same rows at the same time: the same again may work.
    pub fn is_conflict(error: &sqlx::Error) -> bool {
        let unique = error.as_database_error().is_some_and(sqlx::error::DatabaseError::is_unique_violation);
        unique || sqlstate(error).is_some_and(|state| postgres::is_conflict(&state))
    }

    /// An error in plain words, with the remedy where there is a common one.
    pub fn plain(error: &sqlx::Error) -> String {
        let known = match (sqlstate(error), sqlite_code(error)) {
            (Some(state), _) => postgres::plain(&state, error),
            (None, Some(code)) => sqlite::plain(code, error),
            (None, None) => postgres::plain_connection(error),
        };
        known.unwrap_or_else(|| error.to_string())
    }
}

/// The five characters of an SQLSTATE; `SQLite`'s codes are numbers of four digits at most.
fn sqlstate(error: &sqlx::Error) -> Option<String> {
    let code = error.as_database_error()?.code()?;
    (code.len() == 5).then(|| code.into_owned())
}

/// The low byte of `SQLite`'s extended code.
fn sqlite_code(error: &sqlx::Error) -> Option<u32> {
    let code = error.as_database_error()?.code()?;
    if code.len() == 5 { None } else { code.parse::<u32>().ok().map(|code| code & 0xff) }
}

async fn prepare(kind: Kind, connection: &mut AnyConnection, what: Use) -> Result<(), sqlx::Error> {
    let statements = match kind {
        Kind::Sqlite => sqlite::settings(what),
        Kind::Postgres => postgres::settings(what),
    };
    for statement in statements {
        sqlx::query(sqlx::AssertSqlSafe(statement)).execute(&mut *connection).await?;
    }
    Ok(())
}

/// How long the drain waits between two tries: 50 ms, doubled up to a second.
pub(super) fn back_off(failures: u32) -> Duration {
    Duration::from_millis((50_u64 << failures.min(5)).min(1_000))
}
