//! The store as a whole: what is kept, what survives, what is read.

mod alerts;
mod audit;
mod codes;
mod damage;
mod database;
mod databases;
mod disk;
mod faults;
mod incidents;
mod intake;
mod keys;
mod kill;
mod learn;
mod names;
mod nodes;
mod notifications;
mod random;
mod reading;
mod recovery;
mod retention;
pub(crate) mod server;
mod slas;
mod status;
mod told;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use hotline_core::directory::Language;
use hotline_core::fact::{
    Actor, Direction, Entry, Fact, LegCause, Outcome, Priority, Question, RecordingEnd, RecordingKind,
};
use hotline_core::ids::{AlertId, CallId, IdSource, LegId, RecordingId};
use hotline_core::private::Private;
use jiff::Timestamp;
use sqlx::any::AnyRow;
use sqlx::{AnyConnection, AssertSqlSafe, ConnectOptions, Row};

use super::journal::Tuning;
use super::sound::{Output, Trouble};
use super::{Journal, Recovered, Store, StoreSettings};

/// Long enough for the slowest machine; nothing waits so long when all is well.
const PATIENCE: Duration = Duration::from_mins(1);

pub(super) fn settings(dir: &Path) -> StoreSettings {
    StoreSettings {
        data_dir: dir.to_owned(),
        database_url: format!("sqlite://{}/hotline.db", dir.display()),
        node: "node-1".to_owned(),
    }
}

pub(super) fn quick() -> Tuning {
    Tuning { sync_every: Duration::from_millis(20), retry_every: Duration::from_millis(20), ..Tuning::default() }
}

/// Segments of the tests: raw samples; three bytes are damage, and `torn` ends what can be read.
pub(super) fn raw_samples(path: &Path, out: &mut dyn Output) -> Result<u64, Trouble> {
    let bytes = std::fs::read(path)?;
    if bytes.len() == 3 {
        return Err(Trouble::Damage("half a sample".to_owned()));
    }
    let end = bytes.windows(4).position(|four| four == b"torn").unwrap_or(bytes.len());
    let samples: Vec<i16> = bytes[..end].chunks_exact(2).map(|pair| i16::from_le_bytes([pair[0], pair[1]])).collect();
    out.begin(1)?;
    out.samples(&samples)?;
    Ok((bytes.len() - end) as u64)
}

pub(super) async fn open_with(dir: &Path, tuning: Tuning) -> (Store, Journal, Recovered) {
    open_at(settings(dir), tuning).await
}

pub(super) async fn open_at(settings: StoreSettings, tuning: Tuning) -> (Store, Journal, Recovered) {
    super::open::open(settings, tuning, raw_samples).await.expect("the folder is fine")
}

pub(super) async fn open(dir: &Path) -> (Store, Journal, Recovered) {
    open_with(dir, quick()).await
}

/// Waits until it is so.
pub(super) async fn until(what: &str, mut so: impl FnMut() -> bool) {
    let waiting = async {
        while !so() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    assert!(tokio::time::timeout(PATIENCE, waiting).await.is_ok(), "waited in vain until {what}");
}

pub(super) async fn append_all(journal: &Journal, entries: &[Entry]) {
    let mut last = None;
    for entry in entries {
        last = Some(journal.append(entry.clone()));
    }
    if let Some(receipt) = last {
        receipt.drained(PATIENCE).await.unwrap();
    }
}

/// A connection of one's own to the database file.
pub(super) async fn connect(dir: &Path) -> AnyConnection {
    sqlx::any::install_default_drivers();
    let options: sqlx::any::AnyConnectOptions = settings(dir).database_url.parse().unwrap();
    options.connect().await.unwrap()
}

/// All rows that facts make, as text. The timeline is without the run's id, which differs from start to start.
pub(super) async fn dump(dir: &Path) -> Vec<String> {
    let mut connection = connect(dir).await;
    let mut lines = Vec::new();
    for (table, columns, order) in [
        ("calls", "*", "id"),
        ("legs", "*", "call_id, leg"),
        ("recordings", "*", "id"),
        ("alerts", "*", "id"),
        ("timeline", "seq, call_id, alert_id, at, kind, what, why", "seq"),
        ("journal_rejects", "seq, reason, record", "seq"),
    ] {
        let sql = AssertSqlSafe(format!("SELECT {columns} FROM {table} ORDER BY {order}"));
        let rows = sqlx::query(sql).fetch_all(&mut connection).await.unwrap();
        lines.extend(rows.iter().map(|row| format!("{table}: {}", text_of(row))));
    }
    lines
}

fn text_of(row: &AnyRow) -> String {
    let cell = |index: usize| {
        row.try_get::<Option<String>, _>(index)
            .or_else(|_| row.try_get::<Option<i64>, _>(index).map(|number| number.map(|number| number.to_string())))
            .unwrap()
            .unwrap_or_else(|| "-".to_owned())
    };
    (0..row.len()).map(cell).collect::<Vec<_>>().join(" | ")
}

/// Makes entries of one call, a second apart.
pub(super) struct Story {
    pub call: CallId,
    pub alert: AlertId,
    pub ids: IdSource,
    at: Timestamp,
    pub entries: Vec<Entry>,
    opened: bool,
}

impl Story {
    pub fn new(seed: u64, reference: &str) -> Self {
        let mut ids = IdSource::new(seed);
        let at = Timestamp::from_millisecond(1_790_000_000_000 + i64::try_from(seed).unwrap() * 60_000).unwrap();
        let (call, alert) = (CallId(ids.uuid(at)), AlertId(ids.uuid(at)));
        let mut scene = Self { call, alert, ids, at, entries: Vec::new(), opened: false };
        scene.fact(Fact::CallStarted {
            direction: Direction::Inbound,
            number: "hotline".into(),
            reference: reference.to_owned(),
            caller: Some(Private::from("+4915112345642")),
            source: "trunk:carrier".to_owned(),
            language: Language::default(),
        });
        scene
    }

    pub fn recording(&mut self) -> RecordingId {
        RecordingId(self.ids.uuid(self.at))
    }

    pub fn fact(&mut self, fact: Fact) -> &mut Self {
        self.opened |= matches!(fact, Fact::AlertOpened { .. });
        self.entries.push(Entry {
            at: self.at,
            call: Some(self.call),
            alert: self.opened.then_some(self.alert),
            fact,
            why: "because".to_owned(),
        });
        self.at = self.at.checked_add(Duration::from_secs(1)).unwrap();
        self
    }

    pub fn open_alert(&mut self) -> &mut Self {
        let ring_at = Some(self.at.checked_add(Duration::from_mins(5)).unwrap());
        self.fact(Fact::AlertOpened { title: "Call of a caller".to_owned(), priority: Priority::P2, ring_at })
    }

    pub fn record(&mut self, kind: RecordingKind, speech: bool) -> RecordingId {
        let recording = self.recording();
        self.fact(Fact::RecordingStarted { recording, leg: LegId::CALLER, kind });
        self.fact(Fact::RecordingEnded {
            recording,
            duration: Duration::from_millis(2_500),
            speech,
            reason: if speech { RecordingEnd::Silence } else { RecordingEnd::NoSpeech },
        });
        recording
    }
}

/// A call in which every fact occurs.
pub(super) fn everything(seed: u64) -> Story {
    let mut scene = Story::new(seed, &(1_001 + seed).to_string());
    let engineer = Some("engineer-1".into());
    scene
        .fact(Fact::LegStarted { leg: LegId::CALLER, person: None, destination: "trunk carrier".to_owned() })
        .fact(Fact::LegAnswered { leg: LegId::CALLER })
        .open_alert()
        .fact(Fact::CustomerIdentified { customer: "acme".into() })
        .fact(Fact::LanguageChosen { language: Language("de".to_owned()) })
        .fact(Fact::Step { node: "menu".to_owned(), what: "pressed 1".to_owned() });
    let said = scene.record(RecordingKind::Answer(Question::What), true);
    let silent = scene.record(RecordingKind::Answer(Question::Why), false);
    let message = scene.record(RecordingKind::Voicemail, true);
    let talk = scene.record(RecordingKind::Conversation, true);
    scene
        .fact(Fact::RecordingRefused { leg: LegId(7), recording: Some(talk) })
        .fact(Fact::RecordingRefused { leg: LegId::CALLER, recording: None })
        .fact(Fact::AnswersConfirmed)
        .fact(Fact::AlertUpdated { title: Some("Mail is down".to_owned()), priority: None })
        .fact(Fact::AlertUpdated { title: None, priority: Some(Priority::P1) });
    for (leg, cause) in [
        (1, LegCause::NoAnswer),
        (2, LegCause::Busy),
        (3, LegCause::Rejected { status: 603 }),
        (4, LegCause::Unreachable { reason: "not registered".to_owned() }),
        (5, LegCause::Failed { reason: "no media".to_owned() }),
        (6, LegCause::Released),
    ] {
        let destination = format!("phone engineer-{leg}");
        scene
            .fact(Fact::LegStarted { leg: LegId(leg), person: engineer.clone(), destination })
            .fact(Fact::LegRinging { leg: LegId(leg) })
            .fact(Fact::LegEnded { leg: LegId(leg), cause });
    }
    scene
        .fact(Fact::LegStarted { leg: LegId(7), person: engineer.clone(), destination: "phone engineer-1".to_owned() })
        .fact(Fact::LegAnswered { leg: LegId(7) })
        .fact(Fact::LegDeclined { leg: LegId(7), person: engineer.clone() })
        .fact(Fact::LegAccepted { leg: LegId(7), person: engineer.clone() })
        .fact(Fact::Bridged { a: LegId::CALLER, b: LegId(7) })
        .fact(Fact::LegEnded { leg: LegId(7), cause: LegCause::HungUp });
    let next_at = scene.at;
    scene
        .fact(Fact::AlertRings { round: 1, next_at })
        .fact(Fact::AlertAcknowledged { by: Actor::Person("engineer-1".into()) })
        .fact(Fact::AlertRings { round: 2, next_at })
        .fact(Fact::Transcribed {
            recording: said,
            text: Private::from("the mail server is down"),
            language: "en".to_owned(),
            engine: "whisper ggml-base.bin".to_owned(),
        })
        .fact(Fact::TranscriptFailed { recording: message, reason: "no model; run `hotline models fetch`".to_owned() })
        .fact(Fact::TranscriptFailed { recording: said, reason: "late".to_owned() })
        .fact(Fact::AlertResolved { by: Actor::Login("admin".to_owned()) })
        .fact(Fact::CallEnded { outcome: Outcome::Taken });
    let _ = silent;
    scene
}

/// A disk that does as it is told.
pub(super) fn with_disk(disk: Arc<dyn super::disk::Disk>) -> Tuning {
    Tuning { disk, ..quick() }
}
