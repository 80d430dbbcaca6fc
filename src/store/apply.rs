//! Facts become rows. Every statement changes nothing when it is applied again: first ones win
//! (`COALESCE`, `IS NULL`, `ON CONFLICT`), states only go forward. What happens to an alert is folded into its row
//! ([`super::fold`]) once: its place on the timeline says whether it was.

use hotline_core::alert::Change;
use hotline_core::fact::{Direction, Entry, Fact, Priority, RecordingEnd};
use hotline_core::ids::{AlertId, CallId, LegId};
use jiff::Timestamp;
use sqlx::any::AnyArguments;
use sqlx::query::Query;
use sqlx::{Any, AnyConnection, query};

use super::engine::Engine;
use super::fold::AlertRecord;
use super::record_quality::quality_text;
use super::{alert_rows, alerts, lines};

/// Why an entry did not become rows.
#[derive(Debug)]
pub(super) enum ApplyError {
    /// The engine said so.
    Database(sqlx::Error),
    /// The entry lacks what its fact needs.
    Entry(&'static str),
}

impl From<sqlx::Error> for ApplyError {
    fn from(error: sqlx::Error) -> Self {
        Self::Database(error)
    }
}

/// Where an entry stands in the journal.
#[derive(Debug, Clone, Copy)]
pub(super) struct Place<'a> {
    /// The run that wrote it.
    pub journal: &'a str,
    /// Its number.
    pub seq: i64,
    /// The node.
    pub node: &'a str,
    /// The database.
    pub engine: &'a Engine,
}

type Statement = Query<'static, Any, AnyArguments>;

/// Applies one entry and puts it on the timeline.
pub(super) async fn apply(connection: &mut AnyConnection, entry: &Entry, place: Place<'_>) -> Result<(), ApplyError> {
    if is_folded(&entry.fact) {
        fold(connection, entry, place).await?;
    }
    for statement in statements(entry, place)? {
        statement.execute(&mut *connection).await?;
    }
    query(
        "INSERT INTO timeline (journal, seq, call_id, alert_id, at, kind, what, why, text)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) ON CONFLICT (journal, seq) DO NOTHING",
    )
    .bind(place.journal.to_owned())
    .bind(place.seq)
    .bind(entry.call.map(|id| id.to_string()))
    .bind(entry.alert.map(|id| id.to_string()))
    .bind(ms(entry.at))
    .bind(entry.fact.kind())
    .bind(entry.fact.sentence())
    .bind(entry.why.clone())
    .bind(lines::words(&entry.fact))
    .execute(connection)
    .await?;
    Ok(())
}

pub(super) fn ms(at: Timestamp) -> i64 {
    at.as_millisecond()
}

fn the_call(entry: &Entry) -> Result<String, ApplyError> {
    entry.call.map(|id: CallId| id.to_string()).ok_or(ApplyError::Entry("the entry names no call"))
}

fn the_alert(entry: &Entry) -> Result<String, ApplyError> {
    entry.alert.map(|id: AlertId| id.to_string()).ok_or(ApplyError::Entry("the entry names no alert"))
}

fn statements(entry: &Entry, place: Place<'_>) -> Result<Vec<Statement>, ApplyError> {
    match &entry.fact {
        Fact::LegStarted { .. }
        | Fact::LegAnswered { .. }
        | Fact::LegAccepted { .. }
        | Fact::LegQuality { .. }
        | Fact::LegEnded { .. } => leg(entry),
        Fact::RecordingStarted { .. }
        | Fact::RecordingEnded { .. }
        | Fact::RecordingRefused { recording: Some(_), .. }
        | Fact::Transcribed { .. }
        | Fact::TranscriptFailed { .. } => recording(entry, place),
        Fact::AlertOpened { title, priority, ring_at } => opened(entry, title, *priority, *ring_at),
        Fact::CallStarted { .. }
        | Fact::CustomerIdentified { .. }
        | Fact::LanguageChosen { .. }
        | Fact::CallEnded { .. } => call(entry, place),
        // Folded already.
        Fact::AlertUpdated { .. }
        | Fact::AlertAcknowledged { .. }
        | Fact::AlertResolved { .. }
        | Fact::AlertRings { .. }
        | Fact::Alert(_)
        // On the timeline only.
        | Fact::Step { .. }
        | Fact::LegRinging { .. }
        | Fact::LegDeclined { .. }
        | Fact::Bridged { .. }
        | Fact::RecordingRefused { recording: None, .. }
        | Fact::AnswersConfirmed => Ok(Vec::new()),
    }
}

#[expect(clippy::wildcard_enum_match_arm, reason = "`statements` hands over these facts only")]
fn call(entry: &Entry, place: Place<'_>) -> Result<Vec<Statement>, ApplyError> {
    let call = the_call(entry)?;
    Ok(match &entry.fact {
        Fact::CallStarted { direction, number, reference, caller, source, language } => {
            // A call about an alert belongs to it from the start; a caller's call when it opens one.
            let alert = match direction {
                Direction::AlertRing | Direction::Notification => entry.alert.map(|id| id.to_string()),
                Direction::Inbound => None,
            };
            vec![
                query(
                    "INSERT INTO calls (id, node, direction, number, reference, caller, source, language,
                                        alert_id, started_at, seq)
                     VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11) ON CONFLICT (id) DO NOTHING",
                )
                .bind(call)
                .bind(place.node.to_owned())
                .bind(direction.word())
                .bind(number.0.clone())
                .bind(reference.clone())
                .bind(caller.as_ref().map(|caller| caller.reveal().clone()))
                .bind(source.clone())
                .bind(language.0.clone())
                .bind(alert)
                .bind(ms(entry.at))
                .bind(place.seq),
            ]
        }
        Fact::CustomerIdentified { customer } => vec![
            query("UPDATE calls SET customer = $1 WHERE id = $2").bind(customer.0.clone()).bind(call.clone()),
            query("UPDATE alerts SET customer = $1 WHERE call_id = $2").bind(customer.0.clone()).bind(call),
        ],
        Fact::LanguageChosen { language } => {
            vec![query("UPDATE calls SET language = $1 WHERE id = $2").bind(language.0.clone()).bind(call)]
        }
        Fact::CallEnded { outcome } => vec![
            // While it ran it looked for a person itself; what nobody was told about is due now.
            query(
                "UPDATE alerts SET esc_due = $1, next_ring_at = $1
                 WHERE call_id = $2 AND status = 'triggered' AND rings = 0 AND esc_due > $1
                   AND snoozed_until IS NULL AND EXISTS (SELECT 1 FROM calls WHERE id = $2 AND ended_at IS NULL)",
            )
            .bind(ms(entry.at))
            .bind(call.clone()),
            query("UPDATE calls SET ended_at = $1, outcome = $2 WHERE id = $3 AND ended_at IS NULL")
                .bind(ms(entry.at))
                .bind(outcome.word())
                .bind(call),
        ],
        _ => Vec::new(),
    })
}

#[expect(clippy::wildcard_enum_match_arm, reason = "`statements` hands over these facts only")]
fn leg(entry: &Entry) -> Result<Vec<Statement>, ApplyError> {
    let call = the_call(entry)?;
    let at = ms(entry.at);
    Ok(match &entry.fact {
        Fact::LegStarted { leg, person, destination } => vec![
            query(
                "INSERT INTO legs (call_id, leg, person, destination, started_at)
                 VALUES ($1, $2, $3, $4, $5) ON CONFLICT (call_id, leg) DO NOTHING",
            )
            .bind(call)
            .bind(i64::from(leg.0))
            .bind(person.as_ref().map(|user| user.0.clone()))
            .bind(destination.clone())
            .bind(at),
        ],
        Fact::LegAnswered { leg } => {
            let mut all = vec![
                query("UPDATE legs SET answered_at = $1 WHERE call_id = $2 AND leg = $3 AND answered_at IS NULL")
                    .bind(at)
                    .bind(call.clone())
                    .bind(i64::from(leg.0)),
            ];
            if *leg == LegId::CALLER {
                all.push(
                    query("UPDATE calls SET answered_at = $1 WHERE id = $2 AND answered_at IS NULL")
                        .bind(at)
                        .bind(call),
                );
            }
            all
        }
        Fact::LegAccepted { leg, person } => vec![
            query("UPDATE legs SET accepted_at = $1 WHERE call_id = $2 AND leg = $3 AND accepted_at IS NULL")
                .bind(at)
                .bind(call.clone())
                .bind(i64::from(leg.0)),
            query("UPDATE calls SET taken_at = $1, taken_by = $2 WHERE id = $3 AND taken_at IS NULL")
                .bind(at)
                .bind(person.as_ref().map(|user| user.0.clone()))
                .bind(call),
        ],
        Fact::LegQuality { leg, quality } => vec![
            query("UPDATE legs SET quality = $1 WHERE call_id = $2 AND leg = $3 AND quality IS NULL")
                .bind(quality_text(quality))
                .bind(call)
                .bind(i64::from(leg.0)),
        ],
        Fact::LegEnded { leg, cause } => vec![
            query("UPDATE legs SET ended_at = $1, cause = $2 WHERE call_id = $3 AND leg = $4 AND ended_at IS NULL")
                .bind(at)
                .bind(cause.words())
                .bind(call)
                .bind(i64::from(leg.0)),
        ],
        _ => Vec::new(),
    })
}

#[expect(clippy::wildcard_enum_match_arm, reason = "`statements` hands over these facts only")]
fn recording(entry: &Entry, place: Place<'_>) -> Result<Vec<Statement>, ApplyError> {
    Ok(match &entry.fact {
        Fact::RecordingStarted { recording, leg, kind } => vec![
            query(
                "INSERT INTO recordings (id, call_id, leg, kind, started_at, speech, transcript_state, seq)
                 VALUES ($1, $2, $3, $4, $5, 0, 'none', $6) ON CONFLICT (id) DO NOTHING",
            )
            .bind(recording.to_string())
            .bind(the_call(entry)?)
            .bind(i64::from(leg.0))
            .bind(kind.word())
            .bind(ms(entry.at))
            .bind(place.seq),
        ],
        Fact::RecordingEnded { recording, duration, speech, reason } => {
            let nothing_kept =
                *reason == RecordingEnd::Refused || (*reason == RecordingEnd::Failed && duration.is_zero());
            let speech = *speech && !nothing_kept;
            vec![
                query(
                    "UPDATE recordings SET duration_ms = $1, speech = $2, reason = $3, transcript_state = $4
                     WHERE id = $5 AND duration_ms IS NULL",
                )
                .bind(i64::try_from(duration.as_millis()).unwrap_or(i64::MAX))
                .bind(i64::from(speech))
                .bind(reason.word())
                .bind(if speech { "waiting" } else { "none" })
                .bind(recording.to_string()),
            ]
        }
        // Whatever else is known of it by then: the files go with the next purge at the latest.
        Fact::RecordingRefused { recording: Some(recording), .. } => vec![
            query(
                "UPDATE recordings SET removed_at = $1, speech = 0, transcript = NULL, transcript_state = 'none'
                 WHERE id = $2 AND removed_at IS NULL",
            )
            .bind(ms(entry.at))
            .bind(recording.to_string()),
        ],
        // What was removed stays removed, however late its transcript is.
        Fact::Transcribed { recording, text, language, engine } => vec![
            query(
                "UPDATE recordings SET transcript_state = 'done', transcript = $1, transcript_note = $2
                 WHERE id = $3 AND removed_at IS NULL",
            )
            .bind(text.reveal().clone())
            .bind(format!("{engine}, {language}"))
            .bind(recording.to_string()),
        ],
        Fact::TranscriptFailed { recording, reason } => vec![
            query(
                "UPDATE recordings SET transcript_state = 'failed', transcript_note = $1
                 WHERE id = $2 AND transcript_state <> 'done'",
            )
            .bind(reason.clone())
            .bind(recording.to_string()),
        ],
        _ => Vec::new(),
    })
}

/// A call has opened an alert. Its people are told at `ring_at` at the latest, and as soon as the call is over.
fn opened(
    entry: &Entry,
    title: &str,
    priority: Priority,
    ring_at: Option<Timestamp>,
) -> Result<Vec<Statement>, ApplyError> {
    let alert = the_alert(entry)?;
    let call = entry.call.map(|id| id.to_string());
    let mut all = vec![
        query(
            "INSERT INTO alerts (id, status, priority, title, call_id, created_at, rings, next_ring_at,
                                 reference, number, caller, customer, last_event_at, esc_due)
             VALUES ($1, 'triggered', $2, $3, $4, $5, 0, $6,
                     COALESCE((SELECT reference FROM calls WHERE id = $4), ''),
                     COALESCE((SELECT number FROM calls WHERE id = $4), ''),
                     (SELECT caller FROM calls WHERE id = $4),
                     (SELECT customer FROM calls WHERE id = $4), $5, $6)
             ON CONFLICT (id) DO NOTHING",
        )
        .bind(alert.clone())
        .bind(priority.word())
        .bind(title.to_owned())
        .bind(call.clone())
        .bind(ms(entry.at))
        .bind(ring_at.map(ms)),
    ];
    if let Some(call) = call {
        all.push(query("UPDATE calls SET alert_id = $1 WHERE id = $2").bind(alert).bind(call));
    }
    Ok(all)
}

/// Whether the fact changes an alert that is there, or is a tool's.
fn is_folded(fact: &Fact) -> bool {
    matches!(
        fact,
        Fact::AlertUpdated { .. }
            | Fact::AlertAcknowledged { .. }
            | Fact::AlertResolved { .. }
            | Fact::AlertRings { .. }
            | Fact::Alert(_)
    )
}

/// Loads the alert, lets the fact change it, and writes it; once.
async fn fold(connection: &mut AnyConnection, entry: &Entry, place: Place<'_>) -> Result<(), ApplyError> {
    let id = entry.alert.ok_or(ApplyError::Entry("the entry names no alert"))?;
    let done = query("SELECT 1 FROM timeline WHERE journal = $1 AND seq = $2")
        .bind(place.journal.to_owned())
        .bind(place.seq)
        .fetch_optional(&mut *connection)
        .await?;
    if done.is_some() {
        return Ok(());
    }
    if let Some(record) = AlertRecord::opened(id, &entry.fact, entry.at) {
        if !alert_rows::insert_new(connection, &record).await? {
            // Opened while the database was away, and meanwhile it is open by another node's event.
            joined(connection, &record).await?;
        }
        return Ok(());
    }
    if let Fact::Alert(Change::CallJoined { call }) = &entry.fact {
        alerts::joined(connection, id, &call.to_string()).await?;
    }
    if let Some(mut record) = alert_rows::locked(connection, place.engine, id).await? {
        record.take_in(&entry.fact, entry.at);
        alert_rows::update(connection, [&record]).await?;
    }
    Ok(())
}

/// Counts an event in the open alert of the same fault.
async fn joined(connection: &mut AnyConnection, record: &AlertRecord) -> Result<(), sqlx::Error> {
    let alert = &record.alert;
    query(
        "UPDATE alerts SET events = events + 1, last_event_at = $1
         WHERE source = $2 AND dedup_key = $3 AND status <> 'resolved' AND id <> $4",
    )
    .bind(ms(alert.last_event_at))
    .bind(alert.source.as_ref().map(|id| id.0.clone()))
    .bind(alert.dedup_key.clone())
    .bind(alert.id.to_string())
    .execute(connection)
    .await
    .map(|_| ())
}
