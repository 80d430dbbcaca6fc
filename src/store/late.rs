//! After a start without the database: calls that only it knows to be cut off are ended once it answers.

use std::collections::HashSet;
use std::sync::Weak;
use std::time::Duration;

use hotline_core::fact::{Entry, Fact, Outcome};
use hotline_core::ids::{AlertId, CallId, RecordingId};
use jiff::Timestamp;
use sqlx::{AnyPool, query};

use super::Journal;
use super::alert_rows::{maybe_parsed, parsed};
use super::apply::ms;
use super::journal::Handle;
use super::open::ended;
use super::recordings::Recordings;

/// How often it is asked whether the database is back.
const TICK: Duration = Duration::from_secs(1);
const WHY: &str = "The service was stopped in the middle of it; found when the database was back.";

/// What is left to do from a start on.
pub(super) struct Late {
    pub handle: Weak<Handle>,
    pub pool: AnyPool,
    pub recordings: Recordings,
    /// Calls that the start found by itself: others end them.
    pub known: HashSet<CallId>,
    /// Younger calls are this run's.
    pub started: Timestamp,
    /// Calls of this node alone.
    pub only_of: Option<String>,
}

struct CutOff {
    call: CallId,
    alert: Option<AlertId>,
    open: Vec<RecordingId>,
}

impl Late {
    /// Until it is done; ends with the journal.
    pub async fn run(self) {
        loop {
            tokio::time::sleep(TICK).await;
            let Some(handle) = self.handle.upgrade() else { return };
            // Only then the database knows what earlier runs had written.
            if !handle.shared.earlier_runs_are_drained() {
                continue;
            }
            let Ok(found) = self.cut_off().await else { continue };
            let (recordings, journal) = (self.recordings.clone(), Journal { handle });
            let ending = tokio::task::spawn_blocking(move || end(found, &recordings, &journal));
            return ending.await.unwrap_or_else(|error| tracing::error!("calls cut off: {error}"));
        }
    }

    async fn cut_off(&self) -> Result<Vec<CutOff>, sqlx::Error> {
        let calls = query(
            "SELECT id, alert_id FROM calls
             WHERE ended_at IS NULL AND started_at < $1 AND ($2 IS NULL OR node = $2) ORDER BY started_at, id",
        )
        .bind(ms(self.started))
        .bind(self.only_of.clone())
        .fetch_all(&self.pool)
        .await?;
        let mut found = Vec::new();
        for row in &calls {
            let call: CallId = parsed(row, 0)?;
            if self.known.contains(&call) {
                continue;
            }
            let open = query("SELECT id FROM recordings WHERE call_id = $1 AND duration_ms IS NULL ORDER BY seq")
                .bind(call.to_string())
                .fetch_all(&self.pool)
                .await?;
            let open = open.iter().map(|row| parsed(row, 0)).collect::<Result<_, _>>()?;
            found.push(CutOff { call, alert: maybe_parsed(row, 1)?, open });
        }
        Ok(found)
    }
}

fn end(found: Vec<CutOff>, recordings: &Recordings, journal: &Journal) {
    for CutOff { call, alert, open } in found {
        for recording in open {
            drop(journal.append(ended(recordings, call, alert, recording)));
        }
        let (at, fact) = (crate::clock::now().wall, Fact::CallEnded { outcome: Outcome::Failed });
        drop(journal.append(Entry { at, call: Some(call), alert, fact, why: WHY.to_owned() }));
    }
}
