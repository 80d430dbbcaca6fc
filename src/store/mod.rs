//! What is kept: the local journal (first), the database (behind it), recordings' files.
//!
//! The call path touches the journal only. A writer drains it into the database
//! within a second, in order and exactly once. Rows are built here from core's facts;
//! reading models are [`read`].
//!
//! ```text
//! append ─► queue ─► journal thread ─► data_dir/journal/<node>-<n>.log ─► drain task ─► database
//! (memory)           (written: survives kill -9; sync thread: power cut)     (drained)
//! ```

mod alert_rows;
pub mod alerts;
mod apply;
pub mod audit;
mod bulk;
mod claim;
pub mod clocks;
mod deliveries;
mod disk;
pub mod documents;
mod drain;
pub mod drills;
mod engine;
mod fold;
mod frame;
pub mod glance;
pub mod idempotency;
mod identity;
pub mod incidents;
pub mod intake;
mod journal;
mod keys;
mod late;
mod lines;
mod nodes;
pub mod notifications;
pub mod oncall;
mod open;
mod pages;
mod postgres;
pub mod postmortems;

pub mod read;
mod record;
mod record_address;
mod record_alert;
mod record_incident;
mod record_postmortem;
pub(crate) mod record_quality;
mod recordings;
mod recover;
mod references;
pub mod reports;
mod retention;
pub mod runbooks;
pub mod seal;
mod segments;
pub mod slas;
mod sound;
mod sqlite;
pub mod status;
mod take;
#[cfg(test)]
pub(crate) mod tests;
mod together;
mod tokens;
pub mod told;
mod writer;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use hotline_core::fact::Entry;

pub use identity::default_node;
use journal::{Appended, Shared};

/// A reader waits so long for the database.
const READ_TIMEOUT: Duration = Duration::from_secs(2);

/// What another node changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Changed {
    /// This alert.
    Alert(hotline_core::ids::AlertId),
    /// This call.
    Call(hotline_core::ids::CallId),
    /// This incident.
    Incident(hotline_core::ids::IncidentId),
    /// What is configured through the API.
    Directory,
    /// Perhaps anything: the connection was away for a while.
    All,
}

/// Where things are kept.
#[derive(Debug, Clone)]
pub struct StoreSettings {
    /// Journal, recordings and (by default) the database live below it.
    pub data_dir: PathBuf,
    /// `sqlite:///…/hotline.db` unless set; or `postgres://user:password@host/database`, which nodes share.
    pub database_url: String,
    /// This node's name; names the journal, the audit chain and the leases. No two live nodes of a database share one.
    pub node: String,
}

/// The local append-only journal. Clones share it.
#[derive(Debug, Clone)]
pub struct Journal {
    handle: Arc<journal::Handle>,
}

/// Says when an appended entry is safe. Dropping it is fine.
#[derive(Debug)]
pub struct Receipt {
    shared: Arc<Shared>,
    appended: Appended,
}

/// How the journal and the database behind it are.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct StoreHealth {
    /// `Some`: entries cannot be written to disk at the moment (kept in memory, retried), and why.
    pub journal_fault: Option<String>,
    /// `Some`: the database cannot be written at the moment, and why.
    pub database_fault: Option<String>,
    /// Entries appended (in memory or in the journal) but not yet in the database.
    /// While the database has not been reached since the start: at most so many.
    pub undrained: u64,
    /// Entries lost because neither disk nor memory could hold them.
    pub lost: u64,
    /// What an operator should look at although all goes on: damaged journal files, entries that the database
    /// refused, recordings that could not be made whole. One plain sentence each.
    pub notes: Vec<String>,
}

/// Why something could not be kept or read.
#[derive(Debug, Clone, thiserror::Error)]
pub enum StoreError {
    /// The journal's disk.
    #[error("journal: {0}")]
    Journal(String),
    /// The database.
    #[error("database: {0}")]
    Database(String),
    /// Another live process has this node's name.
    #[error("{0}")]
    NodeName(String),
    /// Took too long.
    #[error("the database did not answer in time")]
    Timeout,
    /// A recording's file.
    #[error("{0}")]
    Recording(String),
    /// The page cursor handed in.
    #[error("the cursor is not one that was handed out here; leave it out to begin at the newest")]
    Cursor,
}

impl Journal {
    /// Appends an entry. Returns at once; entries keep their order. Never blocks on the disk.
    #[expect(clippy::needless_pass_by_value, reason = "the entry is the journal's from here on")]
    pub fn append(&self, entry: Entry) -> Receipt {
        let shared = &self.handle.shared;
        Receipt { shared: Arc::clone(shared), appended: shared.append(record::encode(&entry)) }
    }

    /// How it is going.
    pub fn health(&self) -> StoreHealth {
        self.handle.shared.health()
    }
}

impl Receipt {
    /// Resolves when the entry is with the operating system: it survives kill -9. Waits as long as the disk
    /// cannot take it.
    pub async fn written(self) -> Result<(), StoreError> {
        let number = self.number()?;
        let (mut written, mut ended) = (self.shared.written(), self.shared.ended());
        let stopped = || StoreError::Journal("the service stopped before the entry was written".to_owned());
        tokio::select! {
            biased;
            done = written.wait_for(|last| *last >= number) => done.map(|_| ()).map_err(|_| stopped()),
            _ = ended.wait_for(|ended| *ended) => Err(stopped()),
        }
    }

    /// Resolves when the entry is in the database, or with `Timeout`.
    pub async fn drained(self, within: Duration) -> Result<(), StoreError> {
        let number = self.number()?;
        let mut drained = self.shared.drained.subscribe();
        match tokio::time::timeout(within, drained.wait_for(|last| *last >= number)).await {
            Ok(Ok(_)) if self.shared.is_refused(number) => {
                Err(StoreError::Database("the entry was refused; it is kept in journal_rejects".to_owned()))
            }
            Ok(Ok(_)) => Ok(()),
            Ok(Err(_)) | Err(_) => Err(StoreError::Timeout),
        }
    }

    fn number(&self) -> Result<u64, StoreError> {
        match self.appended {
            Appended::Queued(number) => Ok(number),
            Appended::Lost => {
                Err(StoreError::Journal("neither disk nor memory can hold the entry; it is lost".to_owned()))
            }
        }
    }
}

/// The database and the recordings. Clones share it.
#[derive(Debug, Clone)]
pub struct Store {
    shared: Arc<open::Inner>,
}

/// What was found at the start, after the journal was replayed.
#[derive(Debug, Default)]
pub struct Recovered {
    /// Calls that a crash cut off: they have no `CallEnded` yet, in the journal or the database. Each with
    /// its open recordings. `switch` ends them (outcome, alert) by appending facts.
    pub cut_off: Vec<CutOffCall>,
    /// Alerts that are not resolved, as the database and the journal have them.
    pub open_alerts: Vec<OpenAlert>,
    /// The next free reference number.
    pub next_reference: u32,
    /// The database could not be asked: alerts that only it knows are missing here and follow by
    /// [`Store::open_alerts`] once it answers.
    pub incomplete: bool,
}

/// A call that a crash cut off.
#[derive(Debug, Clone, PartialEq)]
pub struct CutOffCall {
    /// Which.
    pub call: hotline_core::ids::CallId,
    /// Its alert, if one was opened.
    pub alert: Option<hotline_core::ids::AlertId>,
    /// Recordings that were open when it was cut off. `Store::open` has made them whole and has appended their
    /// `RecordingEnded`; there is nothing left to do about them.
    pub recordings: Vec<hotline_core::ids::RecordingId>,
    /// A person had accepted.
    pub taken: bool,
    /// The number rung.
    pub number: hotline_core::ids::NumberId,
    /// Why there was this call.
    pub direction: hotline_core::fact::Direction,
    /// Spoken reference.
    pub reference: String,
}

/// An alert that someone must still take care of, with what is needed to ring people about it
/// without the database.
#[derive(Debug, Clone, PartialEq)]
pub struct OpenAlert {
    /// Which.
    pub id: hotline_core::ids::AlertId,
    /// Its call.
    pub call: Option<hotline_core::ids::CallId>,
    /// Spoken reference.
    pub reference: String,
    /// What it is called.
    pub title: String,
    /// How urgent.
    pub priority: hotline_core::fact::Priority,
    /// The number rung.
    pub number: hotline_core::ids::NumberId,
    /// The customer, if known.
    pub customer: Option<hotline_core::ids::CustomerId>,
    /// The caller's number, if known.
    pub caller: Option<hotline_core::private::Private<String>>,
    /// Language of its call.
    pub language: hotline_core::directory::Language,
    /// True: somebody has it.
    pub acknowledged: bool,
    /// Rounds of ringing so far.
    pub rings: u32,
    /// When the next one is due.
    pub next_ring_at: Option<jiff::Timestamp>,
    /// What was said: finished recordings with speech, in order.
    pub recordings: Vec<hotline_core::ids::RecordingId>,
}

impl OpenAlert {
    /// Takes over what is said anew.
    pub fn describe(&mut self, title: Option<&str>, priority: Option<hotline_core::fact::Priority>) {
        if let Some(title) = title {
            title.clone_into(&mut self.title);
        }
        self.priority = priority.unwrap_or(self.priority);
    }
}

/// A recording that waits for its transcript.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TranscriptJob {
    /// Which.
    pub recording: hotline_core::ids::RecordingId,
    /// Its call.
    pub call: hotline_core::ids::CallId,
    /// What it is.
    pub kind: hotline_core::fact::RecordingKind,
    /// When it was begun.
    pub started_at: jiff::Timestamp,
    /// The number that was rung.
    pub number: hotline_core::ids::NumberId,
    /// Its call's alert.
    pub alert: Option<hotline_core::ids::AlertId>,
    /// Language of the call.
    pub language: hotline_core::directory::Language,
    /// The customer, if known.
    pub customer: Option<hotline_core::ids::CustomerId>,
}

impl Store {
    /// Opens journal and database (creates, migrates), replays the journal, makes recordings whole that a crash cut off
    /// (segment to WAV), and starts the drain. A database that can't be opened now is tried again and again in the
    /// background: journal, calls and alerts go on; only a data folder that can't be used is an error, and a node's name under
    /// which another process is alive on the same database.
    ///
    /// Without the database, what is recovered comes from the journal alone, which reaches back over the latest
    /// 32 MB: an older open alert is not in the answer, it is in the database when that is back.
    pub async fn open(settings: StoreSettings) -> Result<(Self, Journal, Recovered), StoreError> {
        open::open(settings, journal::Tuning::default(), sound::decode_segment).await
    }

    /// The database and the recordings only, beside a service that may be running: no journal, no lock on the
    /// folder, nothing is recovered. For commands such as `hotline user add`.
    pub async fn attach(settings: &StoreSettings) -> Result<Self, StoreError> {
        open::attach(settings).await
    }

    /// Drains what is left (at most 5 s) and closes.
    pub async fn close(&self) {
        open::close(&self.shared).await;
    }

    /// How journal and database are; the same as [`Journal::health`].
    pub fn health(&self) -> StoreHealth {
        self.shared.health()
    }

    /// Calls, newest first. `limit` 1–200.
    pub async fn calls(
        &self,
        filter: &read::CallFilter,
        cursor: Option<&str>,
        limit: u32,
    ) -> Result<read::Page<read::CallRow>, StoreError> {
        self.read_calls(filter, cursor, limit).await
    }

    /// One call.
    pub async fn call(&self, id: &str) -> Result<Option<read::CallRow>, StoreError> {
        self.read_call(id).await
    }

    /// A call's legs in order.
    pub async fn legs(&self, call: &str) -> Result<Vec<read::LegRow>, StoreError> {
        self.read_legs(call).await
    }

    /// A call's recordings in order.
    pub async fn recordings(&self, call: &str) -> Result<Vec<read::RecordingRow>, StoreError> {
        self.read_recordings(call).await
    }

    /// One recording.
    pub async fn recording(&self, id: &str) -> Result<Option<read::RecordingRow>, StoreError> {
        self.read_recording(id).await
    }

    /// Alerts, newest first. `limit` 1–200.
    pub async fn alerts(
        &self,
        filter: &read::AlertFilter,
        cursor: Option<&str>,
        limit: u32,
    ) -> Result<read::Page<read::AlertRow>, StoreError> {
        self.read_alerts(filter, cursor, limit).await
    }

    /// One alert.
    pub async fn alert(&self, id: &str) -> Result<Option<read::AlertRow>, StoreError> {
        self.read_alert(id).await
    }

    /// A call's timeline, oldest first.
    pub async fn call_timeline(&self, call: &str) -> Result<Vec<read::TimelineRow>, StoreError> {
        self.read_call_timeline(call).await
    }

    /// An alert's timeline, oldest first: its own entries and those of its calls.
    pub async fn alert_timeline(&self, alert: &str) -> Result<Vec<read::TimelineRow>, StoreError> {
        self.read_alert_timeline(alert).await
    }

    /// What other nodes change in a database that they share, as it is committed. With a database of this node's own nothing
    /// ever comes.
    pub fn listen(&self) -> tokio::sync::broadcast::Receiver<Changed> {
        self.shared.changed.subscribe()
    }

    /// Tells the other nodes that the directory was changed; for those whose writes are not the store's own.
    pub async fn tell_directory(&self) -> Result<(), StoreError> {
        self.shared.tell_directory().await
    }

    /// Every alert of a call that is not resolved, as the database has it.
    pub async fn open_alerts(&self) -> Result<Vec<OpenAlert>, StoreError> {
        let asked = async {
            let mut connection = self.shared.pool.acquire().await?;
            recover::from_database(&mut connection, None).await
        };
        let fold = tokio::time::timeout(READ_TIMEOUT, asked).await.map_err(|_| StoreError::Timeout)?;
        Ok(fold.map_err(|error| StoreError::Database(engine::Engine::plain(&error)))?.finish().open_alerts)
    }

    /// Open alerts that no call opened, at most so many: those that nobody has first, the most urgent of them first.
    pub async fn open_alerts_without_call(&self, most: u32) -> Result<Vec<OpenAlert>, StoreError> {
        let asked = async {
            let mut connection = self.shared.pool.acquire().await?;
            recover::without_call(&mut connection, most).await
        };
        let alerts = tokio::time::timeout(READ_TIMEOUT, asked).await.map_err(|_| StoreError::Timeout)?;
        alerts.map_err(|error| StoreError::Database(engine::Engine::plain(&error)))
    }

    /// The next recording to transcribe: those of running calls first, then the oldest.
    pub async fn next_transcript(&self) -> Result<Option<TranscriptJob>, StoreError> {
        self.read_next_transcript().await
    }

    /// How many recordings wait for their transcript.
    pub async fn transcripts_waiting(&self) -> Result<u64, StoreError> {
        self.count_transcripts_waiting().await
    }

    /// A console login by name.
    pub async fn login(&self, name: &str) -> Result<Option<read::LoginRow>, StoreError> {
        self.read_login(name).await
    }

    /// Creates or replaces a console login.
    pub async fn put_login(&self, login: &read::LoginRow) -> Result<(), StoreError> {
        self.write_login(login).await
    }

    /// Session data by its key (tower-sessions); expired ones are gone.
    pub async fn session(&self, id: &str) -> Result<Option<(String, i64)>, StoreError> {
        self.read_session(id).await
    }

    /// Creates or replaces a session: JSON data, expiry in epoch ms.
    pub async fn put_session(&self, id: &str, data: &str, expires_at: i64) -> Result<(), StoreError> {
        self.write_session(id, data, expires_at).await
    }

    /// Forgets a session.
    pub async fn remove_session(&self, id: &str) -> Result<(), StoreError> {
        self.delete_session(id).await
    }

    /// The file in which a recording grows while it runs. Its folder is there.
    pub fn segment_path(&self, recording: hotline_core::ids::RecordingId) -> PathBuf {
        self.shared.recordings.segment(recording)
    }

    /// What was said in a recording whose WAV is not there yet, 8 kHz mono. Blocking; for what is short.
    pub fn unfinished_sound(&self, recording: hotline_core::ids::RecordingId) -> Option<Vec<i16>> {
        self.shared.recordings.unfinished_sound(recording)
    }

    /// The finished WAV of a recording (8 kHz, 16-bit, mono; a conversation's stereo), if it is there.
    pub fn wav_path(&self, recording: hotline_core::ids::RecordingId) -> PathBuf {
        self.shared.recordings.wav(recording)
    }

    /// Removes whatever is kept of a recording's sound. Blocking. Nothing is no error.
    pub fn remove_recording(&self, recording: hotline_core::ids::RecordingId) -> Result<(), StoreError> {
        self.shared.recordings.remove(recording)
    }

    /// Makes the WAV of a finished segment, then removes the segment. Blocking; run it off the call path.
    pub fn finish_recording(&self, recording: hotline_core::ids::RecordingId) -> Result<(), StoreError> {
        self.shared.recordings.finish(recording).map(|_| ())
    }
}
