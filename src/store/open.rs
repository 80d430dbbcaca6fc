//! The start and the end: folder and lock, journal scanned, database asked, recordings made whole, drain running.

use std::collections::VecDeque;
use std::fs::File;
use std::panic::AssertUnwindSafe;
use std::path::Path;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use futures::FutureExt;
use hotline_core::fact::{Entry, Fact, RecordingEnd};
use hotline_core::ids::{AlertId, CallId, RecordingId};
use parking_lot::Mutex;
use sqlx::{AnyConnection, AnyPool};
use tokio::sync::{broadcast, watch};
use tokio::task::AbortHandle;

use super::disk::{create_folder, plain};
use super::drain::Drain;
use super::engine::{Engine, Kind};
use super::identity;
use super::journal::{self, Claim, Handle, Shared, Tuning};
use super::late::Late;
use super::nodes::Watch;
use super::recordings::Recordings;
use super::recover::{self, Fold};
use super::references::CallReferences;
use super::segments::{self, Reader, Segment};
use super::sound::Decode;
use super::writer::{Tries, WriteError, Writers, in_time};
use super::{Changed, Journal, Recovered, Store, StoreError, StoreHealth, StoreSettings, record};

/// A start waits so long for the database, then goes on without.
const START_WAIT: Duration = Duration::from_secs(5);
/// Whoever listens may be so many changes behind before it is told that it missed some.
const CHANGES: usize = 1_024;
/// A stop tells the database so long that this node is gone.
const LEAVE_WAIT: Duration = Duration::from_secs(1);
/// A stop drains so long.
const STOP_WAIT: Duration = Duration::from_secs(5);

/// What clones of a store share.
#[derive(Debug)]
pub(super) struct Inner {
    pub pool: AnyPool,
    pub engine: Engine,
    pub writers: Arc<Writers>,
    pub node: String,
    /// Reserved numbers of alerts that tools open.
    pub references: Mutex<VecDeque<i64>>,
    /// Reserved numbers of callers' calls; `None`: nobody else gives any out.
    pub call_references: Option<Arc<CallReferences>>,
    /// Answers to deliveries that are to be kept.
    pub deliveries: super::deliveries::Group,
    /// What other nodes changed.
    pub changed: broadcast::Sender<Changed>,
    /// Since when this node has seen the shared database without a gap.
    pub watch: Arc<Watch>,
    pub recordings: Recordings,
    tasks: Tasks,
    /// `None`: attached beside a running service.
    journal: Option<Arc<Handle>>,
    running: Mutex<Option<Running>>,
}

/// Tasks that end with the store.
#[derive(Debug, Default)]
struct Tasks(Vec<AbortHandle>);

impl Tasks {
    fn start(
        engine: &Engine,
        shared: &Arc<Shared>,
        changed: &broadcast::Sender<Changed>,
        watch: &Arc<Watch>,
        references: Option<&Arc<CallReferences>>,
    ) -> Self {
        match engine.kind() {
            Kind::Sqlite => Self(vec![tokio::spawn(super::sqlite::keep_short(engine.clone())).abort_handle()]),
            Kind::Postgres => {
                let node = shared.identity.node.clone();
                let alive = super::nodes::stay_alive(engine.clone(), Arc::clone(shared), Arc::clone(watch));
                let mut tasks = vec![
                    tokio::spawn(alive).abort_handle(),
                    tokio::spawn(super::nodes::listen(engine.url(), node, changed.clone())).abort_handle(),
                ];
                let references = references.map(|known| Arc::clone(known).keep_ready(engine.clone()));
                tasks.extend(references.map(|task| tokio::spawn(task).abort_handle()));
                Self(tasks)
            }
        }
    }
}

impl Tasks {
    fn end(&self) {
        self.0.iter().for_each(AbortHandle::abort);
    }
}

impl Drop for Tasks {
    fn drop(&mut self) {
        self.end();
    }
}

/// What [`close`] ends.
#[derive(Debug)]
struct Running {
    threads: Vec<JoinHandle<()>>,
    drain: tokio::task::JoinHandle<()>,
}

impl Inner {
    /// Tells the other nodes about these alerts, when the transaction commits.
    pub async fn tell_alerts(&self, connection: &mut AnyConnection, alerts: &[AlertId]) -> Result<(), sqlx::Error> {
        let changed: Vec<Changed> = alerts.iter().map(|id| Changed::Alert(*id)).collect();
        self.engine.tell(connection, &self.node, &changed).await
    }

    /// Tells the other nodes about the directory.
    pub async fn tell_directory(&self) -> Result<(), StoreError> {
        let mut tries = Tries::default();
        in_time(async {
            loop {
                match self.tell_directory_once().await {
                    Ok(()) => return Ok(()),
                    Err(error) => tries.again(error).await?,
                }
            }
        })
        .await
    }

    async fn tell_directory_once(&self) -> Result<(), WriteError> {
        if self.engine.kind() == Kind::Sqlite {
            return Ok(());
        }
        let mut writer = self.writers.writer().await?;
        let mut transaction = writer.begin().await?;
        self.engine.tell(&mut transaction, &self.node, &[Changed::Directory]).await?;
        transaction.commit().await?;
        writer.keep();
        Ok(())
    }

    /// Says that this node is alive, with this transaction.
    pub async fn beat(&self, connection: &mut AnyConnection) -> Result<(), sqlx::Error> {
        match &self.journal {
            Some(handle) => self.engine.beat(connection, &handle.shared.identity).await.map(drop),
            // Beside a service that says so itself.
            None => Ok(()),
        }
    }

    pub fn health(&self) -> StoreHealth {
        self.journal.as_ref().map(|handle| handle.shared.health()).unwrap_or_default()
    }
}

/// See [`Store::open`].
pub(super) async fn open(
    settings: StoreSettings,
    tuning: Tuning,
    decode: Decode,
) -> Result<(Store, Journal, Recovered), StoreError> {
    let engine = Engine::new(&settings.database_url)?;
    let started = crate::clock::now().wall;
    let node = settings.node.clone();
    let writers = Arc::new(Writers::new(engine.clone()));
    let (shared, recordings) = blocking(move || prepare(settings, tuning, decode)).await?;
    let (finish, finishing) = watch::channel(false);
    let mut drain = Drain::new(Arc::clone(&shared), engine.clone(), Arc::clone(&writers), finishing);
    let known = known_to_database(&mut drain, &shared, &engine).await?;
    let incomplete = known.is_none();
    let mut fold = known.unwrap_or_default();
    let overlaid = Arc::clone(&shared);
    fold = blocking(move || overlay(fold, &overlaid)).await?;
    let threads = journal::start(&shared).map_err(|error| StoreError::Journal(error.to_string()))?;
    let handle = Arc::new(Handle { shared: Arc::clone(&shared), finish });
    let journal = Journal { handle: Arc::clone(&handle) };
    let (mending, to) = (recordings.clone(), journal.clone());
    let fold = blocking(move || Ok(mend_recordings(fold, &mending, &to))).await?;
    let mut recovered = Recovered { incomplete, ..fold.finish() };
    let (pool, changed) = (engine.pool(), broadcast::Sender::new(CHANGES));
    if incomplete && recovered.next_reference == recover::REFERENCE_FIRST {
        // The journal knows of no call, the database perhaps of many: not the numbers of the latest.
        recovered.next_reference = recover::reference_by_clock(started);
    }
    let call_references =
        (engine.kind() == Kind::Postgres).then(|| CallReferences::after(recovered.next_reference.saturating_sub(1)));
    if let Some(references) = call_references.as_ref().filter(|_| !incomplete) {
        // Not a reason to wait for long, or not to start: the task that keeps them ready tries again.
        let _ = tokio::time::timeout(START_WAIT, references.reserve(&engine)).await;
    }
    let watch = Arc::new(Watch::default());
    let mut tasks = Tasks::start(&engine, &shared, &changed, &watch, call_references.as_ref());
    if incomplete {
        let late = Late {
            handle: Arc::downgrade(&handle),
            pool: pool.clone(),
            recordings: recordings.clone(),
            known: recovered.cut_off.iter().map(|cut| cut.call).collect(),
            started,
            only_of: (engine.kind() == Kind::Postgres).then(|| node.clone()),
        };
        tasks.0.push(tokio::spawn(late.run()).abort_handle());
    }
    let running = Running { threads, drain: tokio::spawn(watched(drain, Arc::clone(&shared))) };
    let inner = Inner {
        pool,
        writers,
        references: Mutex::default(),
        call_references,
        deliveries: super::deliveries::Group::default(),
        tasks,
        engine,
        node,
        changed,
        watch,
        recordings,
        journal: Some(handle),
        running: Mutex::new(Some(running)),
    };
    Ok((Store { shared: Arc::new(inner) }, journal, recovered))
}

/// See [`Store::attach`].
pub(super) async fn attach(settings: &StoreSettings) -> Result<Store, StoreError> {
    let engine = Engine::new(&settings.database_url)?;
    let connecting = tokio::time::timeout(START_WAIT, engine.connect_drain()).await;
    let connection =
        connecting.map_err(|_| StoreError::Timeout)?.map_err(|error| StoreError::Database(Engine::plain(&error)))?;
    let _ = sqlx::Connection::close(connection).await;
    let recordings = Recordings::at(&settings.data_dir, super::sound::decode_segment);
    let inner = Inner {
        pool: engine.pool(),
        writers: Arc::new(Writers::new(engine.clone())),
        engine,
        node: settings.node.clone(),
        references: Mutex::default(),
        call_references: None,
        deliveries: super::deliveries::Group::default(),
        changed: broadcast::Sender::new(1),
        watch: Arc::default(),
        tasks: Tasks::default(),
        recordings,
        journal: None,
        running: Mutex::new(None),
    };
    Ok(Store { shared: Arc::new(inner) })
}

/// See [`Store::close`].
pub(super) async fn close(inner: &Inner) {
    let running = inner.running.lock().take();
    if let (Some(mut running), Some(handle)) = (running, &inner.journal) {
        handle.shared.stop();
        let threads = running.threads;
        let joined = tokio::task::spawn_blocking(move || threads.into_iter().all(|thread| thread.join().is_ok()));
        let ended = tokio::time::timeout(STOP_WAIT, async {
            let _ = joined.await;
            // Only now: all that can be written is written, so that "nothing left" means just that.
            handle.finish.send_replace(true);
            let _ = (&mut running.drain).await;
        });
        if ended.await.is_err() {
            tracing::warn!("store: stopped before the database had everything; the journal has it");
            running.drain.abort();
        }
        inner.tasks.end();
        // Whoever comes next under this name need not wait until this one counts as dead.
        let leaving = super::nodes::leave(&inner.engine, &handle.shared.identity);
        if tokio::time::timeout(LEAVE_WAIT, leaving).await.is_err() {
            tracing::debug!("store: the database was not told that this node stops");
        }
        handle.shared.unlock();
    }
    inner.writers.close();
    let _ = tokio::time::timeout(Duration::from_secs(2), inner.pool.close()).await;
}

/// Runs the drain; a fault of ours in it ends neither the journal nor calls, and is told.
async fn watched(drain: Drain, shared: Arc<Shared>) {
    if AssertUnwindSafe(drain.run()).catch_unwind().await.is_err() {
        shared.set_database_fault(Some("its writer stopped by a fault of ours; restart the service".to_owned()));
    }
}

/// Folder, lock, the journal's files.
fn prepare(settings: StoreSettings, tuning: Tuning, decode: Decode) -> Result<(Arc<Shared>, Recordings), StoreError> {
    let data_dir = settings.data_dir;
    let unusable = |error: std::io::Error| {
        StoreError::Journal(plain(&format!("the data folder {} cannot be used", data_dir.display()), &error))
    };
    let folder = data_dir.join("journal");
    create_folder(&folder).map_err(unusable)?;
    let lock = lock(&data_dir)?;
    let mut notes = Vec::new();
    let catalog = segments::scan(&folder, &mut notes).map_err(unusable)?;
    let recordings = Recordings::create(&data_dir, decode).map_err(unusable)?;
    let identity = identity::keep(&data_dir, &settings.node)?;
    Ok((Shared::new(tuning, folder, identity, catalog, notes, lock), recordings))
}

/// One service a folder.
fn lock(data_dir: &Path) -> Result<File, StoreError> {
    let path = data_dir.join("hotline.lock");
    let file = File::options().create(true).truncate(false).write(true).open(&path).map_err(|error| {
        StoreError::Journal(plain(&format!("the lock file {} cannot be opened", path.display()), &error))
    })?;
    match rustix::fs::flock(&file, rustix::fs::FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => Ok(file),
        Err(error) if error == rustix::io::Errno::WOULDBLOCK => Err(StoreError::Journal(format!(
            "another hotline uses this folder ({}); stop it or set another HOTLINE_DATA_DIR",
            data_dir.display()
        ))),
        Err(error) => Err(StoreError::Journal(plain(&format!("cannot lock {}", path.display()), &error.into()))),
    }
}

/// What the database knows; `None` when it can't be asked now. An error: another process is alive there under this node's name.
async fn known_to_database(drain: &mut Drain, shared: &Shared, engine: &Engine) -> Result<Option<Fold>, StoreError> {
    // Calls of other nodes run on; a database of this node's own may have calls under a name it had before.
    let only_of = (engine.kind() == Kind::Postgres).then_some(shared.identity.node.as_str());
    let asked = tokio::time::timeout(START_WAIT, async {
        let connection = drain.connect().await?;
        recover::from_database(connection, only_of).await.map_err(|error| Engine::plain(&error))
    })
    .await;
    let fault = match asked {
        Ok(Ok(fold)) => return Ok(Some(fold)),
        // Another one's calls must not be ended, nor its messages sent twice.
        Ok(Err(_)) if shared.claim() == Claim::Refused => {
            return Err(StoreError::NodeName(super::nodes::name_taken(&shared.identity)));
        }
        Ok(Err(text)) => text,
        Err(_) => "it did not answer in time".to_owned(),
    };
    drain.disconnect();
    shared.set_database_fault(Some(fault));
    Ok(None)
}

/// Applies what the journal has and the database has not.
fn overlay(mut fold: Fold, shared: &Shared) -> Result<Fold, StoreError> {
    let (segments, drained) = {
        let catalog = shared.catalog.lock();
        let undrained = catalog.segments.iter().filter(|segment| !catalog.is_drained(segment));
        (undrained.cloned().collect::<Vec<Segment>>(), catalog.drained.clone())
    };
    let mut reader = Reader::default();
    loop {
        let batch = reader
            .read(&segments, 1_000)
            .map_err(|error| StoreError::Journal(plain("the journal cannot be read", &error)))?;
        if batch.end {
            return Ok(fold);
        }
        for raw in &batch.records {
            if drained.get(&raw.run).is_some_and(|position| raw.number <= *position) {
                continue;
            }
            // One that can't be decoded goes to `journal_rejects` when it is drained.
            if let Ok(entry) = record::decode(&raw.json) {
                fold.apply(&entry);
            }
        }
    }
}

/// Segments that a crash left become WAVs; recordings that were open are ended.
fn mend_recordings(mut fold: Fold, recordings: &Recordings, journal: &Journal) -> Fold {
    let open = fold.open_recordings();
    for recording in fold.refused() {
        if let Err(error) = recordings.remove(recording) {
            journal.handle.shared.note(error.to_string());
        }
    }
    for (call, alert, recording) in &open {
        let entry = ended(recordings, *call, *alert, *recording);
        fold.apply(&entry);
        drop(journal.append(entry));
    }
    fold.mark_open(&open);
    let left = recordings.unfinished().unwrap_or_else(|error| {
        journal.handle.shared.note(plain("the recordings folder cannot be listed", &error));
        Vec::new()
    });
    for recording in left {
        if let Err(error) = recordings.finish(recording) {
            journal.handle.shared.note(error.to_string());
        }
    }
    fold
}

/// The end of a recording that was open when the service stopped.
pub(super) fn ended(recordings: &Recordings, call: CallId, alert: Option<AlertId>, recording: RecordingId) -> Entry {
    let at = crate::clock::now().wall;
    let finished = recordings.finish(recording);
    // The disk may be too full for the WAV while the segment is fine; the next start tries again.
    let (kept, why) = match finished {
        Ok(finished) => (Some(finished), "The service stopped in the middle of it; kept up to there.".to_owned()),
        Err(error) => {
            tracing::warn!("{error}");
            (recordings.measure_segment(recording), "The service stopped in the middle of it.".to_owned())
        }
    };
    let fact = match kept {
        Some(kept) => Fact::RecordingEnded {
            recording,
            duration: kept.duration,
            speech: kept.speech,
            reason: RecordingEnd::Recovered,
        },
        None => {
            Fact::RecordingEnded { recording, duration: Duration::ZERO, speech: false, reason: RecordingEnd::Failed }
        }
    };
    Entry { at, call: Some(call), alert, fact, why }
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, StoreError> + Send + 'static,
) -> Result<T, StoreError> {
    tokio::task::spawn_blocking(work).await.map_err(|error| StoreError::Journal(error.to_string()))?
}

#[cfg(test)]
pub(super) fn is_free(data_dir: &Path) -> bool {
    lock(data_dir).is_ok()
}
