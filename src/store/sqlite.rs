//! `SQLite`: a file of this node's own.

use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::sync::LazyLock;
use std::time::Duration;

use sqlx::migrate::Migrator;
use sqlx::{AnyConnection, Row};

use super::disk::create_folder;
use super::engine::{Engine, Use};

/// Two adjacent releases work side by side: what a newer one has added does not stop an older one.
pub(super) static MIGRATIONS: LazyLock<Migrator> = LazyLock::new(|| {
    let mut migrator = sqlx::migrate!("migrations/sqlite");
    migrator.set_ignore_missing(true);
    migrator
});

/// Readers and writers wait so long for a lock before they fail.
const BUSY_MS: u32 = 1_500;
/// The drain waits less and tries again: its health must tell soon.
const DRAIN_BUSY_MS: u32 = 250;

/// When the log has so many pages (of 4 KiB), the commit that makes it so long puts it into the file itself, and the next begins it
/// anew. Most of it is there by then: see [`keep_short`].
const CHECKPOINT_PAGES: u32 = 16_000;
/// How often the log is put into the file beside the writers.
const CHECKPOINT_EVERY: Duration = Duration::from_secs(1);
/// Pages that each of the two writers keeps in memory: the inner ones of all indexes, with 100,000 open alerts.
const WRITER_CACHE_KIB: u32 = 32 * 1_024;

/// Makes the folder and the file; the whole address.
pub(super) fn prepare_file(url: &str) -> String {
    let rest = url.strip_prefix("sqlite:").unwrap_or(url);
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
    match (url.contains("mode="), url.contains('?')) {
        (true, _) => url.to_owned(),
        (false, true) => format!("{url}&mode=rwc"),
        (false, false) => format!("{url}?mode=rwc"),
    }
}

/// What a new connection is told. The drain's `synchronous=NORMAL` syncs at checkpoints only: a power cut may take
/// its last transactions back, but then it takes their rows and the journal position back together, and the journal
/// (synced every second) still has the records, because its files go only after [`checkpoint`]. A commit of a
/// writer (`FULL`) syncs what the drain committed before it, too: they share one log.
pub(super) fn settings(what: Use) -> Vec<String> {
    let (busy_ms, synchronous) = match what {
        Use::Reader | Use::Writer | Use::Checkpoint => (BUSY_MS, "FULL"),
        Use::Drain => (DRAIN_BUSY_MS, "NORMAL"),
    };
    // The wait comes first: switching to WAL needs the lock for a moment.
    let mut settings = vec![
        format!("PRAGMA busy_timeout = {busy_ms}"),
        "PRAGMA journal_mode = WAL".to_owned(),
        format!("PRAGMA synchronous = {synchronous}"),
        format!("PRAGMA wal_autocheckpoint = {CHECKPOINT_PAGES}"),
    ];
    if matches!(what, Use::Writer | Use::Drain) {
        settings.push(format!("PRAGMA cache_size = -{WRITER_CACHE_KIB}"));
    }
    settings
}

/// Puts the log into the file again and again, beside the writers and without holding up any of them: a commit that had to do it would
/// let all events behind it wait. Costs nothing while nothing is written. Until its task is ended.
pub(super) async fn keep_short(engine: Engine) {
    let mut connection = None;
    loop {
        tokio::time::sleep(CHECKPOINT_EVERY).await;
        if connection.is_none() {
            connection = engine.connect_checkpoint().await.ok();
        }
        if let Some(open) = &mut connection {
            let done = sqlx::query("PRAGMA wal_checkpoint(PASSIVE)").execute(open).await;
            if let Err(error) = done {
                // The writers' own checkpoint is left.
                tracing::debug!(error = Engine::plain(&error), "the log could not be put into the database's file");
                connection = None;
            }
        }
    }
}

/// Copies the whole log into the file and syncs it; false: somebody still reads, it is not complete.
pub(super) async fn checkpoint(connection: &mut AnyConnection) -> Result<bool, sqlx::Error> {
    let row = sqlx::query("PRAGMA wal_checkpoint(FULL)").fetch_one(connection).await?;
    let (busy, log, done): (i64, i64, i64) = (number(&row, 0)?, number(&row, 1)?, number(&row, 2)?);
    Ok(busy == 0 && log == done)
}

/// `PRAGMA` results carry no declared type; `SQLite` gives them as 32 or 64 bit.
fn number(row: &sqlx::any::AnyRow, index: usize) -> Result<i64, sqlx::Error> {
    row.try_get::<i64, _>(index).or_else(|_| row.try_get::<i32, _>(index).map(i64::from))
}

/// 1 error (a faulty statement), 18 too big, 19 constraint, 20 mismatch, 25 range. Where the whole database is at
/// fault, keeping the reject fails too.
pub(super) fn is_blamed(code: u32) -> bool {
    matches!(code, 1 | 18 | 19 | 20 | 25)
}

/// In plain words, with the remedy where there is a common one.
pub(super) fn plain(code: u32, error: &sqlx::Error) -> Option<String> {
    Some(match code {
        5 | 6 => "it is locked by another program".to_owned(),
        13 => "the disk is full; make room on it".to_owned(),
        8 => "it cannot be written; check owner and mode of the file".to_owned(),
        14 => "the file cannot be opened; check path and permissions".to_owned(),
        11 | 26 => format!("the file is damaged; restore it from a backup ({error})"),
        _ => return None,
    })
}

/// The condition that all these beginnings of words are in a runbook. The words are letters and digits only.
pub(super) fn runbook_words(words: &[String], place: &mut impl FnMut(String) -> String) -> String {
    let asked: Vec<String> = words.iter().map(|word| format!("\"{word}\"*")).collect();
    format!("id IN (SELECT id FROM runbook_words WHERE runbook_words MATCH {})", place(asked.join(" AND ")))
}

/// Keeps a runbook's words for the search.
pub(super) async fn keep_runbook_words(
    connection: &mut AnyConnection,
    id: &str,
    words: &str,
) -> Result<(), sqlx::Error> {
    sqlx::query("DELETE FROM runbook_words WHERE id = $1").bind(id.to_owned()).execute(&mut *connection).await?;
    sqlx::query("INSERT INTO runbook_words (id, words) VALUES ($1, $2)")
        .bind(id.to_owned())
        .bind(words.to_owned())
        .execute(connection)
        .await
        .map(|_| ())
}
