//! The task that carries the journal into the database: in order, many entries a transaction, the
//! position in the same transaction, so that every entry arrives exactly once. While the database is
//! locked or away it tries again at least every second; calls do not notice.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use sqlx::{AnyConnection, Row, query};
use tokio::sync::watch;
use uuid::Uuid;

use super::Changed;
use super::apply::{ApplyError, Place, apply, ms};
use super::engine::{Engine, Verdict, back_off};
use super::journal::{Claim, Shared};
use super::nodes::name_taken;
use super::record;
use super::segments::{Raw, Reader, Segment};
use super::writer::Writers;

/// Entries of one transaction at most.
const BATCH: usize = 512;
/// What is appended within this time shares a transaction.
const GATHER: Duration = Duration::from_millis(40);
/// Drained files are few, however small they are.
const FILES_MAX: usize = 64;
/// Tries after the service was told to stop.
const LAST_TRIES: u32 = 3;
/// Begin of the note about refused entries; there is one such note.
const REFUSED: &str = "the database refused ";

/// A file of the journal grows for so long.
const DAY: Duration = Duration::from_hours(24);

/// The task's state.
pub(super) struct Drain {
    shared: Arc<Shared>,
    /// When a new file was asked for.
    rotated: std::time::Instant,
    engine: Engine,
    writers: Arc<Writers>,
    connection: Option<AnyConnection>,
    reader: Reader,
    pending: Vec<Raw>,
    /// Entries that an error of the database blamed, with the reason.
    blamed: HashMap<(Uuid, u64), String>,
    refused: u64,
    finish: watch::Receiver<bool>,
}

/// What a step came to.
enum Step {
    More,
    Idle,
}

impl Drain {
    pub fn new(shared: Arc<Shared>, engine: Engine, writers: Arc<Writers>, finish: watch::Receiver<bool>) -> Self {
        Self {
            shared,
            rotated: crate::clock::now().mono,
            engine,
            writers,
            connection: None,
            reader: Reader::default(),
            pending: Vec::new(),
            blamed: HashMap::new(),
            refused: 0,
            finish,
        }
    }

    /// Connects and reads how far the database is.
    pub async fn connect(&mut self) -> Result<&mut AnyConnection, String> {
        let mut connection = self.engine.connect_drain().await.map_err(|error| Engine::plain(&error))?;
        let identity = &self.shared.identity;
        let held = match self.shared.claim() {
            Claim::Open => self.engine.claim_name(&mut connection, identity).await,
            Claim::Held | Claim::Refused => self.engine.beat(&mut connection, identity).await,
        };
        let held = held.map_err(|error| Engine::plain(&error))?;
        self.shared.set_claim(held);
        if !held {
            return Err(name_taken(identity));
        }
        let positions = positions(&mut connection).await.map_err(|error| Engine::plain(&error))?;
        let refused: i64 = query("SELECT COUNT(*) FROM journal_rejects")
            .fetch_one(&mut connection)
            .await
            .and_then(|row| row.try_get(0))
            .map_err(|error| Engine::plain(&error))?;
        self.refused = u64::try_from(refused).unwrap_or(0);
        self.tell_refused();
        if let Some(position) = positions.get(&self.shared.run) {
            self.shared.drained.send_replace(*position);
        }
        self.shared.catalog.lock().drained = positions;
        Ok(self.connection.insert(connection))
    }

    /// Begins anew at the next step.
    pub fn disconnect(&mut self) {
        self.connection = None;
    }

    /// Runs until it is told to finish and all is drained.
    pub async fn run(mut self) {
        let mut written = self.shared.written();
        let mut failures = 0;
        loop {
            match self.step().await {
                Ok(Step::More) => failures = 0,
                Ok(Step::Idle) => {
                    failures = 0;
                    if *self.finish.borrow() {
                        break;
                    }
                    tokio::select! {
                        _ = written.changed() => tokio::time::sleep(GATHER).await,
                        _ = self.finish.changed() => {}
                    }
                }
                Err(text) => {
                    self.shared.set_database_fault(Some(text));
                    failures += 1;
                    if *self.finish.borrow() && failures > LAST_TRIES {
                        break;
                    }
                    tokio::time::sleep(back_off(failures)).await;
                }
            }
        }
        if let Some(connection) = self.connection.take() {
            let _ = sqlx::Connection::close(connection).await;
        }
    }

    async fn step(&mut self) -> Result<Step, String> {
        if self.connection.is_none() {
            self.connect().await?;
        }
        if self.pending.is_empty() && !self.read().await? {
            // Only now, or with what is written below: a database that can be opened may still be full.
            self.shared.set_database_fault(None);
            return Ok(Step::Idle);
        }
        {
            let catalog = self.shared.catalog.lock();
            self.pending.retain(|raw| catalog.drained.get(&raw.run).is_none_or(|position| raw.number > *position));
        }
        if !self.pending.is_empty() {
            self.write().await?;
            self.shared.set_database_fault(None);
        }
        self.prune().await;
        Ok(Step::More)
    }

    /// Reads the next records. False: there are none now.
    async fn read(&mut self) -> Result<bool, String> {
        let segments: Vec<Segment> = {
            let catalog = self.shared.catalog.lock();
            catalog.segments.iter().filter(|segment| !catalog.is_drained(segment)).cloned().collect()
        };
        let mut reader = self.reader.clone();
        let reading = tokio::task::spawn_blocking(move || {
            let batch = reader.read(&segments, BATCH);
            (reader, batch)
        });
        let (reader, batch) = reading.await.map_err(|error| format!("reading the journal: {error}"))?;
        let batch = batch.map_err(|error| format!("reading the journal: {error}"))?;
        self.reader = reader;
        if let Some(damage) = batch.damage {
            self.shared.note(damage);
        }
        self.pending = batch.records;
        Ok(!batch.end)
    }

    /// Puts what is pending and the new position into the database, all or nothing.
    async fn write(&mut self) -> Result<(), String> {
        match self.transaction().await {
            Ok(refused) => {
                let last = self.pending.last().expect("only called with something pending");
                self.shared.catalog.lock().drained.insert(last.run, last.number);
                for number in &refused {
                    self.shared.refuse(*number);
                }
                if last.run == self.shared.run {
                    self.shared.drained.send_replace(last.number);
                }
                if !refused.is_empty() {
                    self.refused += refused.len() as u64;
                    self.tell_refused();
                }
                self.pending.clear();
                self.blamed.clear();
                Ok(())
            }
            Err(Failure::Blamed(run, number, reason)) => {
                self.blamed.insert((run, number), reason);
                Ok(())
            }
            Err(Failure::Database(text)) => {
                // Whether a commit arrived may be unknown: connect anew and ask.
                self.connection = None;
                self.blamed.clear();
                Err(text)
            }
        }
    }

    /// The numbers (of this run) that were set aside.
    async fn transaction(&mut self) -> Result<Vec<u64>, Failure> {
        let Some(connection) = self.connection.as_mut() else {
            return Err(Failure::Database("not connected".to_owned()));
        };
        let mut refused = Vec::new();
        let mut touched = BTreeSet::new();
        let _turn = self.writers.drain_turn().await;
        let mut transaction = self.engine.begin(connection).await?;
        for raw in &self.pending {
            let journal = raw.run.to_string();
            let place = Place {
                journal: &journal,
                seq: seq(raw.number),
                node: &self.shared.identity.node,
                engine: &self.engine,
            };
            let reason = match (self.blamed.get(&(raw.run, raw.number)), record::decode(&raw.json)) {
                (Some(reason), _) => reason.clone(),
                (None, Err(reason)) => reason,
                (None, Ok(entry)) => match apply(&mut transaction, &entry, place).await {
                    Ok(()) => {
                        touched.extend(entry.call.map(Changed::Call));
                        touched.extend(entry.alert.map(Changed::Alert));
                        continue;
                    }
                    Err(ApplyError::Entry(reason)) => reason.to_owned(),
                    Err(ApplyError::Database(error)) => match Engine::verdict(&error) {
                        Verdict::Never => return Err(Failure::Blamed(raw.run, raw.number, error.to_string())),
                        Verdict::Later => return Err(error.into()),
                    },
                },
            };
            refused.push((raw.run, raw.number));
            set_aside(&mut transaction, raw, place, reason).await?;
        }
        let last = self.pending.last().expect("only called with something pending");
        query(
            "INSERT INTO journal_position (journal, node, position, updated_at) VALUES ($1, $2, $3, $4)
             ON CONFLICT (journal) DO UPDATE SET position = excluded.position, updated_at = excluded.updated_at",
        )
        .bind(last.run.to_string())
        .bind(self.shared.identity.node.clone())
        .bind(seq(last.number))
        .bind(ms(crate::clock::now().wall))
        .execute(&mut *transaction)
        .await?;
        let touched: Vec<Changed> = touched.into_iter().collect();
        self.engine.tell(&mut transaction, &self.shared.identity.node, &touched).await?;
        transaction.commit().await?;
        let run = self.shared.run;
        Ok(refused.into_iter().filter(|(of, _)| *of == run).map(|(_, number)| number).collect())
    }

    fn tell_refused(&self) {
        if self.refused > 0 {
            self.shared.note_once(
                REFUSED,
                format!(
                    "{REFUSED}{} journal entries; they are kept in the table journal_rejects with the reason: \
                     please report it",
                    self.refused
                ),
            );
        }
    }

    /// Removes files that are drained, once the database has their records for good.
    async fn prune(&mut self) {
        let old = self.drained_beyond_need();
        let Some(connection) = self.connection.as_mut() else { return };
        if old.is_empty() {
            return;
        }
        match self.engine.make_durable(connection).await {
            Ok(true) => {}
            Ok(false) => return,
            Err(error) => return tracing::warn!("database checkpoint: {}", Engine::plain(&error)),
        }
        for segment in old {
            if let Err(error) = std::fs::remove_file(&segment.path)
                && error.kind() != std::io::ErrorKind::NotFound
            {
                self.shared.note(format!("cannot remove the old journal file {}: {error}", segment.path.display()));
                return;
            }
            let run_is_gone = {
                let mut catalog = self.shared.catalog.lock();
                catalog.segments.retain(|other| other.file != segment.file);
                segment.run != self.shared.run && catalog.segments.iter().all(|other| other.run != segment.run)
            };
            if run_is_gone {
                let forget = query("DELETE FROM journal_position WHERE journal = $1").bind(segment.run.to_string());
                if let Err(error) = forget.execute(&mut *connection).await {
                    // A stale row does no harm: run ids do not come back.
                    tracing::debug!("journal_position: {}", Engine::plain(&error));
                }
            }
        }
    }

    fn drained_beyond_need(&mut self) -> Vec<Segment> {
        let now = crate::clock::now();
        if now.mono.saturating_duration_since(self.rotated) >= DAY {
            self.rotated = now.mono;
            self.shared.rotate.store(true, Ordering::Relaxed);
        }
        let oldest = std::time::SystemTime::from(now.wall).checked_sub(self.shared.tuning.retain_age);
        let is_old = |segment: &Segment| {
            let written = std::fs::metadata(&segment.path).and_then(|about| about.modified()).ok();
            written.zip(oldest).is_some_and(|(written, oldest)| written < oldest)
        };
        let catalog = self.shared.catalog.lock();
        let mut drained: Vec<&Segment> =
            catalog.segments.iter().filter(|segment| catalog.is_drained(segment)).collect();
        // The newest may still grow.
        if drained.last().is_some_and(|last| Some(last.file) == catalog.segments.last().map(|newest| newest.file)) {
            drained.pop();
        }
        let (mut bytes, mut files) = (0, 0);
        drained
            .into_iter()
            .rev()
            .filter(|segment| {
                bytes += segment.length;
                files += 1;
                bytes > self.shared.tuning.retain_bytes || files > FILES_MAX || is_old(segment)
            })
            .cloned()
            .collect::<Vec<_>>()
            .into_iter()
            .rev()
            .collect()
    }
}

enum Failure {
    /// Away, locked, full: later.
    Database(String),
    /// This entry will never be taken.
    Blamed(Uuid, u64, String),
}

impl From<sqlx::Error> for Failure {
    fn from(error: sqlx::Error) -> Self {
        Self::Database(Engine::plain(&error))
    }
}

fn seq(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

async fn set_aside(
    connection: &mut AnyConnection,
    raw: &Raw,
    place: Place<'_>,
    reason: String,
) -> Result<(), sqlx::Error> {
    query(
        "INSERT INTO journal_rejects (journal, seq, at, reason, record) VALUES ($1, $2, $3, $4, $5)
         ON CONFLICT (journal, seq) DO NOTHING",
    )
    .bind(place.journal.to_owned())
    .bind(place.seq)
    .bind(ms(crate::clock::now().wall))
    .bind(reason)
    .bind(String::from_utf8_lossy(&raw.json).into_owned())
    .execute(connection)
    .await?;
    Ok(())
}

async fn positions(connection: &mut AnyConnection) -> Result<HashMap<Uuid, u64>, sqlx::Error> {
    let rows = query("SELECT journal, position FROM journal_position").fetch_all(connection).await?;
    let mut positions = HashMap::new();
    for row in rows {
        let (journal, position): (String, i64) = (row.try_get(0)?, row.try_get(1)?);
        if let Ok(run) = Uuid::parse_str(&journal) {
            positions.insert(run, u64::try_from(position).unwrap_or(0));
        }
    }
    Ok(positions)
}
