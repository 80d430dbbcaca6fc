//! What is past its retention time, or was refused or deleted, goes: sound, transcripts, numbers, private words. The
//! anonymous record stays: when a call was, how long, what came of it.
//!
//! Rows first, in small transactions; files after them, by the node that has them. Both may be cut off anywhere and are
//! simply begun again.

use hotline_core::ids::{CustomerId, RecordingId};
use jiff::Timestamp;
use serde_json::json;
use sqlx::{AnyConnection, AssertSqlSafe, Row, query};

use super::alerts::Audited;
use super::apply::ms;
use super::lines;
use super::pages::{database, in_time as read_in_time};
use super::writer::{self, Tries, WriteError};
use super::{Store, StoreError};

/// Calls of one transaction.
const CALLS: i64 = 20;
/// Recordings whose files are looked at in one go.
const FILES: i64 = 200;
/// A recording that was refused may still be written for a moment.
const SETTLED_MS: i64 = 60_000;
/// Fewer digits would be found in what is no telephone number.
const DIGITS_MIN: usize = 6;

/// A call whose time is over.
#[derive(Debug)]
struct Old {
    call: String,
    caller: Option<String>,
}

impl Store {
    /// The customers that have calls which were not purged yet, with the time of the oldest; `None`: callers nobody knows.
    pub async fn unpurged(&self) -> Result<Vec<(Option<CustomerId>, Timestamp)>, StoreError> {
        let oldest = query(
            "SELECT customer, MIN(started_at) FROM calls WHERE purged_at IS NULL AND ended_at IS NOT NULL
                AND direction = 'inbound' GROUP BY customer",
        );
        let rows = read_in_time(oldest.fetch_all(&self.shared.pool)).await?;
        let mut all = Vec::with_capacity(rows.len());
        for row in &rows {
            let customer: Option<String> = row.try_get(0).map_err(|error| database(&error))?;
            let at: i64 = row.try_get(1).map_err(|error| database(&error))?;
            all.push((customer.map(CustomerId), Timestamp::from_millisecond(at).unwrap_or_default()));
        }
        Ok(all)
    }

    /// Takes from calls of this customer that began before `before` whatever says something about a person; those whose
    /// alert is still open are left for later. At most a few at a time: says how many, none means done. Audited in the
    /// same transaction.
    pub async fn purge_calls(
        &self,
        customer: Option<&CustomerId>,
        before: Timestamp,
        now: Timestamp,
    ) -> Result<usize, StoreError> {
        let mut tries = Tries::default();
        writer::in_time(async {
            loop {
                match self.purge_once(customer, before, now).await {
                    Ok(count) => return Ok(count),
                    Err(error) => tries.again(error).await?,
                }
            }
        })
        .await
    }

    async fn purge_once(
        &self,
        customer: Option<&CustomerId>,
        before: Timestamp,
        now: Timestamp,
    ) -> Result<usize, WriteError> {
        let mut writer = self.shared.writers.writer().await?;
        let mut transaction = writer.begin().await?;
        let old = old_calls(&mut transaction, customer, before).await?;
        for call in &old {
            forget(&mut transaction, call, ms(now)).await?;
        }
        if !old.is_empty() {
            let detail = json!({
                "calls": old.len(), "customer": customer.map(|id| id.0.clone()), "before": before.to_string(),
            });
            let deed = Audited {
                actor: "the hotline".to_owned(),
                action: "retention.purge".to_owned(),
                object: "calls".to_owned(),
                detail: detail.to_string(),
                personal: Vec::new(),
            };
            lines::audit(&mut transaction, &self.shared.node, vec![(deed, now)]).await?;
        }
        transaction.commit().await?;
        writer.keep();
        Ok(old.len())
    }

    /// Numbers of callers who were told something by SMS that belongs to no call's alert (an incident is over), from before
    /// then. Again is no change.
    pub async fn purge_messages(&self, before: Timestamp) -> Result<u64, StoreError> {
        let forget = query(
            "UPDATE notifications SET address = '', text = NULL
             WHERE kind = 'caller' AND address <> '' AND due_at < $1 AND state NOT IN ('waiting', 'sending')",
        );
        let done = read_in_time(forget.bind(ms(before)).execute(&self.shared.pool)).await?;
        Ok(done.rows_affected())
    }

    /// Nothing of a recording is to be kept any more: its words go at once, its files by [`Store::remove_files`]. False:
    /// there is no such recording. Audited; again is no change.
    pub async fn delete_recording(&self, recording: RecordingId, by: &str, now: Timestamp) -> Result<bool, StoreError> {
        let mut tries = Tries::default();
        writer::in_time(async {
            loop {
                match self.delete_once(recording, by, now).await {
                    Ok(found) => return Ok(found),
                    Err(error) => tries.again(error).await?,
                }
            }
        })
        .await
    }

    async fn delete_once(&self, recording: RecordingId, by: &str, now: Timestamp) -> Result<bool, WriteError> {
        let mut writer = self.shared.writers.writer().await?;
        let mut transaction = writer.begin().await?;
        let known = query("SELECT removed_at, call_id FROM recordings WHERE id = $1").bind(recording.to_string());
        let Some(known) = known.fetch_optional(&mut *transaction).await? else { return Ok(false) };
        let again = known.try_get::<Option<i64>, _>(0)?.is_some();
        query(
            "UPDATE recordings SET removed_at = COALESCE(removed_at, $1), transcript = NULL, transcript_note = NULL,
                transcript_state = 'none', speech = 0 WHERE id = $2",
        )
        .bind(ms(now))
        .bind(recording.to_string())
        .execute(&mut *transaction)
        .await?;
        let call: String = known.try_get(1)?;
        forget_additions(&mut transaction, &call, Some(recording)).await?;
        if !again {
            let deed = Audited {
                actor: by.to_owned(),
                action: "recording.delete".to_owned(),
                object: format!("recording:{recording}"),
                detail: "{}".to_owned(),
                personal: Vec::new(),
            };
            lines::audit(&mut transaction, &self.shared.node, vec![(deed, now)]).await?;
        }
        transaction.commit().await?;
        writer.keep();
        Ok(true)
    }

    /// Removes the files of recordings of this node that are to be kept no more. Says how many; none means done.
    pub async fn remove_files(&self, now: Timestamp) -> Result<usize, StoreError> {
        let due = query(
            "SELECT id FROM recordings WHERE removed_at <= $1 AND files_gone = 0
                AND call_id IN (SELECT id FROM calls WHERE node = $2) ORDER BY removed_at LIMIT $3",
        )
        .bind(ms(now) - SETTLED_MS)
        .bind(self.shared.node.clone())
        .bind(FILES);
        let rows = read_in_time(due.fetch_all(&self.shared.pool)).await?;
        let ids: Vec<RecordingId> =
            rows.iter().filter_map(|row| row.try_get::<String, _>(0).ok()?.parse().ok()).collect();
        let recordings = self.shared.recordings.clone();
        let gone = tokio::task::spawn_blocking(move || {
            let removed = |id: &RecordingId| match recordings.remove(*id) {
                Ok(()) => true,
                Err(error) => {
                    tracing::error!(recording = %id, %error, "a recording's files can't be removed; tried again later");
                    false
                }
            };
            ids.into_iter().filter(removed).collect::<Vec<_>>()
        });
        let gone = gone.await.map_err(|error| StoreError::Recording(error.to_string()))?;
        for id in &gone {
            let done = query("UPDATE recordings SET files_gone = 1 WHERE id = $1").bind(id.to_string());
            read_in_time(done.execute(&self.shared.pool)).await?;
        }
        Ok(gone.len())
    }
}

async fn old_calls(
    connection: &mut AnyConnection,
    customer: Option<&CustomerId>,
    before: Timestamp,
) -> Result<Vec<Old>, sqlx::Error> {
    let customer = customer.map(|id| id.0.clone());
    let rows = query(
        "SELECT id, caller FROM calls
         WHERE purged_at IS NULL AND ended_at IS NOT NULL AND started_at < $1 AND direction = 'inbound'
           AND (customer = $2 OR (customer IS NULL AND $2 IS NULL))
           AND NOT EXISTS (SELECT 1 FROM alerts WHERE alerts.status <> 'resolved'
                AND (alerts.id = calls.alert_id OR alerts.call_id = calls.id))
         ORDER BY started_at LIMIT $3",
    )
    .bind(ms(before))
    .bind(customer)
    .bind(CALLS)
    .fetch_all(connection)
    .await?;
    rows.iter().map(|row| Ok(Old { call: row.try_get(0)?, caller: row.try_get(1)? })).collect()
}

/// The alert that a call opened, and one that it joined: that one is resolved, too.
const ALERTS: &str = "(SELECT id FROM alerts WHERE call_id = $1
                       UNION SELECT alert_id FROM calls WHERE id = $1 AND alert_id IS NOT NULL)";

/// One call, its recordings, and what of its alert is about it. Words that may be about another caller's call stay until
/// the last of them goes.
async fn forget(connection: &mut AnyConnection, old: &Old, now: i64) -> Result<(), sqlx::Error> {
    let by_call = [
        "UPDATE recordings SET removed_at = COALESCE(removed_at, $2), transcript = NULL, transcript_note = NULL,
            transcript_state = 'none' WHERE call_id = $1"
            .to_owned(),
        "UPDATE calls SET caller = NULL, purged_at = $2 WHERE id = $1".to_owned(),
        format!(
            "UPDATE alerts SET details = NULL, purged_at = $2 WHERE id IN {ALERTS}
                AND NOT EXISTS (SELECT 1 FROM calls WHERE calls.alert_id = alerts.id AND calls.purged_at IS NULL
                                AND calls.direction = 'inbound')"
        ),
    ];
    for sql in by_call {
        query(AssertSqlSafe(sql)).bind(old.call.clone()).bind(now).execute(&mut *connection).await?;
    }
    forget_additions(connection, &old.call, None).await?;
    forget_number(connection, old).await?;
    let done = format!("(SELECT id FROM alerts WHERE purged_at IS NOT NULL AND id IN {ALERTS})");
    let rest = [
        // People were rung about the alert: those calls name its caller as well.
        format!("UPDATE calls SET caller = NULL WHERE direction <> 'inbound' AND alert_id IN {ALERTS}"),
        "UPDATE alerts SET caller = NULL WHERE call_id = $1".to_owned(),
        format!("UPDATE timeline SET text = NULL WHERE call_id = $1 OR alert_id IN {done}"),
        format!("UPDATE action_runs SET output = NULL WHERE alert_id IN {done}"),
        format!(
            "UPDATE notifications SET text = NULL,
                address = CASE WHEN user_id IS NULL AND channel IS NULL THEN '' ELSE address END
             WHERE alert_id IN {done} AND state NOT IN ('waiting', 'sending')"
        ),
    ];
    for sql in rest {
        query(AssertSqlSafe(sql)).bind(old.call.clone()).execute(&mut *connection).await?;
    }
    Ok(())
}

/// The caller's number goes out of every text about the call and its alert.
async fn forget_number(connection: &mut AnyConnection, old: &Old) -> Result<(), sqlx::Error> {
    let number = old.caller.as_deref().map(|caller| caller.trim_start_matches('+')).unwrap_or_default();
    // A SIP name may be any word: only numbers are looked for.
    if number.len() < DIGITS_MIN || !number.bytes().all(|byte| byte.is_ascii_digit()) {
        return Ok(());
    }
    let texts = [
        format!(
            "UPDATE timeline SET what = REPLACE(what, $2, '…'), why = REPLACE(why, $2, '…')
             WHERE call_id = $1 OR alert_id IN {ALERTS}"
        ),
        format!("UPDATE alerts SET title = REPLACE(title, $2, '…') WHERE id IN {ALERTS}"),
        format!("UPDATE notifications SET why = REPLACE(why, $2, '…') WHERE alert_id IN {ALERTS}"),
    ];
    for sql in texts {
        query(AssertSqlSafe(sql)).bind(old.call.clone()).bind(number.to_owned()).execute(&mut *connection).await?;
    }
    Ok(())
}

/// What was said on the call (or in this recording alone) to be added to an incident stands there as words.
async fn forget_additions(
    connection: &mut AnyConnection,
    call: &str,
    only: Option<RecordingId>,
) -> Result<(), sqlx::Error> {
    let incidents =
        query("SELECT id, body FROM incidents WHERE id IN (SELECT incident_id FROM incident_calls WHERE call_id = $1)");
    for row in incidents.bind(call.to_owned()).fetch_all(&mut *connection).await? {
        let (id, body): (String, String) = (row.try_get(0)?, row.try_get(1)?);
        let body: serde_json::Value = serde_json::from_str(&body).unwrap_or_default();
        let additions = body["additions"].as_array().map(Vec::as_slice).unwrap_or_default();
        for (place, addition) in additions.iter().enumerate() {
            let named = only.is_none_or(|only| addition["recording"].as_str() == Some(only.to_string().as_str()));
            if named && addition["call"].as_str() == Some(call) {
                let clear = query(
                    "UPDATE incident_lines SET text = NULL
                     WHERE incident_id = $1 AND kind = 'incident.added-words' AND what LIKE $2",
                );
                let what = format!("%addition {}.", place + 1);
                clear.bind(id.clone()).bind(what).execute(&mut *connection).await?;
            }
        }
    }
    Ok(())
}
