//! What is kept: the local journal (first), the database (behind it), recordings' files.
//!
//! The call path touches the journal only. A writer drains it into the database
//! within a second, in order and exactly once. Rows are built here from core's facts;
//! reading models are [`read`].

pub mod read;

use std::path::PathBuf;
use std::time::Duration;

use hotline_core::fact::Entry;

/// Where things are kept.
#[derive(Debug, Clone)]
pub struct StoreSettings {
    /// Journal, recordings and (by default) the database live below it.
    pub data_dir: PathBuf,
    /// `sqlite:///…/hotline.db` unless set.
    pub database_url: String,
    /// This node's name; names the journal.
    pub node: String,
}

/// The local append-only journal. Clones share it.
#[derive(Debug, Clone)]
pub struct Journal {}

/// Says when an appended entry is safe. Dropping it is fine.
#[derive(Debug)]
pub struct Receipt {}

/// How the journal and the database behind it are.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct StoreHealth {
    /// `Some`: entries cannot be written to disk at the moment (kept in memory, retried), and why.
    pub journal_fault: Option<String>,
    /// `Some`: the database cannot be written at the moment, and why.
    pub database_fault: Option<String>,
    /// Entries written to the journal but not yet in the database.
    pub undrained: u64,
    /// Entries lost because neither disk nor memory could hold them.
    pub lost: u64,
}

/// Why something could not be kept or read.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The journal's disk.
    #[error("journal: {0}")]
    Journal(String),
    /// The database.
    #[error("database: {0}")]
    Database(String),
    /// Took too long.
    #[error("the database did not answer in time")]
    Timeout,
    /// The page cursor handed in.
    #[error("the cursor is not one that was handed out here; leave it out to begin at the newest")]
    Cursor,
}

impl Journal {
    /// Appends an entry. Returns at once; entries keep their order. Never blocks on the disk.
    pub fn append(&self, _entry: Entry) -> Receipt {
        todo!("store helper")
    }

    /// How it is going.
    pub fn health(&self) -> StoreHealth {
        todo!("store helper")
    }
}

impl Receipt {
    /// Resolves when the entry is with the operating system: it survives kill -9.
    pub async fn written(self) -> Result<(), StoreError> {
        todo!("store helper")
    }

    /// Resolves when the entry is in the database, or with `Timeout`.
    pub async fn drained(self, _within: Duration) -> Result<(), StoreError> {
        todo!("store helper")
    }
}

/// The database and the recordings. Clones share it.
#[derive(Debug, Clone)]
pub struct Store {}

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
}

/// A call that a crash cut off.
#[derive(Debug, Clone, PartialEq)]
pub struct CutOffCall {
    /// Which.
    pub call: hotline_core::ids::CallId,
    /// Its alert, if one was opened.
    pub alert: Option<hotline_core::ids::AlertId>,
    /// Recordings begun and not ended.
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

/// A recording that waits for its transcript.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TranscriptJob {
    /// Which.
    pub recording: hotline_core::ids::RecordingId,
    /// Its call.
    pub call: hotline_core::ids::CallId,
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
    /// background: journal, calls and alerts go on; only a data folder that can't be used is an error.
    pub async fn open(_settings: StoreSettings) -> Result<(Self, Journal, Recovered), StoreError> {
        todo!("store helper")
    }

    /// Drains what is left (at most 5 s) and closes.
    pub async fn close(&self) {
        todo!("store helper")
    }

    /// Calls, newest first. `limit` 1–200.
    pub async fn calls(&self, _filter: &read::CallFilter, _cursor: Option<&str>, _limit: u32) -> Result<read::Page<read::CallRow>, StoreError> {
        todo!("store helper")
    }

    /// One call.
    pub async fn call(&self, _id: &str) -> Result<Option<read::CallRow>, StoreError> {
        todo!("store helper")
    }

    /// A call's legs in order.
    pub async fn legs(&self, _call: &str) -> Result<Vec<read::LegRow>, StoreError> {
        todo!("store helper")
    }

    /// A call's recordings in order.
    pub async fn recordings(&self, _call: &str) -> Result<Vec<read::RecordingRow>, StoreError> {
        todo!("store helper")
    }

    /// One recording.
    pub async fn recording(&self, _id: &str) -> Result<Option<read::RecordingRow>, StoreError> {
        todo!("store helper")
    }

    /// Alerts, newest first. `limit` 1–200.
    pub async fn alerts(&self, _filter: &read::AlertFilter, _cursor: Option<&str>, _limit: u32) -> Result<read::Page<read::AlertRow>, StoreError> {
        todo!("store helper")
    }

    /// One alert.
    pub async fn alert(&self, _id: &str) -> Result<Option<read::AlertRow>, StoreError> {
        todo!("store helper")
    }

    /// A call's timeline, oldest first.
    pub async fn call_timeline(&self, _call: &str) -> Result<Vec<read::TimelineRow>, StoreError> {
        todo!("store helper")
    }

    /// An alert's timeline, oldest first: its own entries and those of its calls.
    pub async fn alert_timeline(&self, _alert: &str) -> Result<Vec<read::TimelineRow>, StoreError> {
        todo!("store helper")
    }

    /// The next recording to transcribe: those of running calls first, then the oldest.
    pub async fn next_transcript(&self) -> Result<Option<TranscriptJob>, StoreError> {
        todo!("store helper")
    }

    /// A console login by name.
    pub async fn login(&self, _name: &str) -> Result<Option<read::LoginRow>, StoreError> {
        todo!("store helper")
    }

    /// Creates or replaces a console login.
    pub async fn put_login(&self, _login: &read::LoginRow) -> Result<(), StoreError> {
        todo!("store helper")
    }

    /// Session data by its key (tower-sessions); expired ones are gone.
    pub async fn session(&self, _id: &str) -> Result<Option<(String, i64)>, StoreError> {
        todo!("store helper")
    }

    /// Creates or replaces a session: JSON data, expiry in epoch ms.
    pub async fn put_session(&self, _id: &str, _data: &str, _expires_at: i64) -> Result<(), StoreError> {
        todo!("store helper")
    }

    /// Forgets a session.
    pub async fn remove_session(&self, _id: &str) -> Result<(), StoreError> {
        todo!("store helper")
    }

    /// The file in which a recording grows while it runs.
    pub fn segment_path(&self, _recording: hotline_core::ids::RecordingId) -> PathBuf {
        todo!("store helper")
    }

    /// The finished WAV of a recording (8 kHz, 16-bit, mono), if it is there.
    pub fn wav_path(&self, _recording: hotline_core::ids::RecordingId) -> PathBuf {
        todo!("store helper")
    }

    /// Makes the WAV of a finished segment, then removes the segment. Blocking; run it off the call path.
    pub fn finish_recording(&self, _recording: hotline_core::ids::RecordingId) -> Result<(), StoreError> {
        todo!("store helper")
    }
}
