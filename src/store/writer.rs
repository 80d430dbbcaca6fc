//! Connections of writers that answer somebody: what they commit survives a power cut.
//!
//! `SQLite` has one (two would only wait for each other), `PostgreSQL` several. The drain of an embedded database
//! takes the same turn, so that the two never meet at the file's lock. A connection whose work did not
//! come to its end (an error, a caller who went away) is closed and not used again: its state is unknown.

use std::time::Duration;

use parking_lot::Mutex;
use sqlx::{Any, AnyConnection, Transaction};
use tokio::sync::{Semaphore, SemaphorePermit};

use super::StoreError;
use super::engine::Engine;

/// A writer waits so long altogether, its tries included.
const WRITE_TIMEOUT: Duration = Duration::from_secs(5);
/// A conflict with another writer is tried again so often.
const TRIES: u32 = 10;

/// The idle connections and who may have one.
#[derive(Debug)]
pub(super) struct Writers {
    engine: Engine,
    turn: Semaphore,
    idle: Mutex<Vec<AnyConnection>>,
}

/// A connection while one writer has it.
#[derive(Debug)]
pub(super) struct Writer<'a> {
    connection: AnyConnection,
    reused: bool,
    writers: &'a Writers,
    _permit: SemaphorePermit<'a>,
}

/// Why a write did not come to its end.
#[derive(Debug)]
pub(super) enum WriteError {
    /// The idle connection was dead; another one may not be.
    Stale,
    /// The engine says so.
    Database(sqlx::Error),
}

impl From<sqlx::Error> for WriteError {
    fn from(error: sqlx::Error) -> Self {
        Self::Database(error)
    }
}

impl Writers {
    pub fn new(engine: Engine) -> Self {
        let turn = Semaphore::new(engine.writers());
        Self { engine, turn, idle: Mutex::new(Vec::new()) }
    }

    /// A turn at writing; waits for it.
    pub async fn writer(&self) -> Result<Writer<'_>, WriteError> {
        let permit = self.turn.acquire().await.map_err(|_| sqlx::Error::PoolClosed)?;
        let idle = self.idle.lock().pop();
        let (connection, reused) = match idle {
            Some(connection) => (connection, true),
            None => (self.engine.connect_writer().await?, false),
        };
        Ok(Writer { connection, reused, writers: self, _permit: permit })
    }

    /// The drain's turn; `None` where writers need not take turns.
    pub async fn drain_turn(&self) -> Option<SemaphorePermit<'_>> {
        if self.engine.takes_turns() { self.turn.acquire().await.ok() } else { None }
    }

    /// Closes what is idle; nobody gets a turn any more.
    pub fn close(&self) {
        self.turn.close();
        self.idle.lock().clear();
    }
}

impl Writer<'_> {
    /// Begins a transaction.
    pub async fn begin(&mut self) -> Result<Transaction<'_, Any>, WriteError> {
        let reused = std::mem::replace(&mut self.reused, false);
        match self.writers.engine.begin(&mut self.connection).await {
            Ok(transaction) => Ok(transaction),
            Err(error @ sqlx::Error::Database(_)) => Err(error.into()),
            Err(_) if reused => Err(WriteError::Stale),
            Err(error) => Err(error.into()),
        }
    }

    /// All went well: the next writer may have it.
    pub fn keep(self) {
        self.writers.idle.lock().push(self.connection);
    }
}

/// Counts the tries of one write, and decides whether there is another.
#[derive(Debug, Default)]
pub(super) struct Tries(u32);

impl Tries {
    /// Waits a moment if the error is one that another try may not meet; else gives it back.
    pub async fn again(&mut self, error: WriteError) -> Result<(), StoreError> {
        self.0 += 1;
        match error {
            WriteError::Stale if self.0 <= TRIES => return Ok(()),
            WriteError::Stale => return Err(StoreError::Database("the connection was lost".to_owned())),
            WriteError::Database(error) if self.0 <= TRIES && Engine::is_conflict(&error) => {}
            WriteError::Database(error) => return Err(StoreError::Database(Engine::plain(&error))),
        }
        // Who lost against another writer should not meet it again at once.
        let pause = u64::from(rand::random::<u8>() % 16) * u64::from(self.0);
        tokio::time::sleep(Duration::from_millis(pause)).await;
        Ok(())
    }
}

/// The work's result, or `Timeout`.
pub(super) async fn in_time<T>(work: impl Future<Output = Result<T, StoreError>>) -> Result<T, StoreError> {
    tokio::time::timeout(WRITE_TIMEOUT, work).await.unwrap_or(Err(StoreError::Timeout))
}
