//! What a start finds: calls cut off, alerts open, the next reference. The rows of the database are the
//! beginning, the journal's entries that it does not have yet are applied on top, in memory.
//!
//! Without the database the journal alone is asked. Its drained files are kept up to
//! `Tuning::retain_bytes` for that; an alert that is open for longer than they reach back
//! is found when the database is back, not before.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::str::FromStr;

use hotline_core::alert::Change;
use hotline_core::directory::Language;
use hotline_core::fact::{Direction, Entry, Fact, Priority, RecordingEnd, RecordingKind};
use hotline_core::ids::{AlertId, CallId, CustomerId, NumberId, RecordingId};
use hotline_core::private::Private;
use jiff::Timestamp;
use sqlx::any::AnyRow;
use sqlx::{AnyConnection, Row, query};

use super::bulk::storable;
use super::{CutOffCall, OpenAlert, Recovered};

/// References are spoken: four digits at least, five at most.
pub(super) const REFERENCE_FIRST: u32 = 1_001;
pub(super) const REFERENCE_LAST: u32 = 99_999;
/// So many latest references are looked at: calls that begin together may be kept out of order.
const REFERENCES: usize = 20;

/// Calls and alerts as the entries so far leave them.
#[derive(Debug, Default)]
pub(super) struct Fold {
    calls: HashMap<CallId, FoldedCall>,
    /// By id, which is by time of creation.
    alerts: BTreeMap<AlertId, OpenAlert>,
    /// The references of the latest callers' calls, newest last.
    references: VecDeque<u32>,
}

#[derive(Debug)]
struct FoldedCall {
    cut: CutOffCall,
    language: Language,
    caller: Option<Private<String>>,
    customer: Option<CustomerId>,
    ended: bool,
    /// In the order they began.
    recordings: Vec<FoldedRecording>,
}

#[derive(Debug)]
#[expect(clippy::struct_excessive_bools, reason = "what was told of it; each by a fact of its own")]
struct FoldedRecording {
    id: RecordingId,
    ended: bool,
    speech: bool,
    /// Of a conversation: not what the caller said to the hotline.
    conversation: bool,
    /// Nothing of it is to be kept.
    refused: bool,
}

impl Fold {
    /// Applies one entry.
    pub fn apply(&mut self, entry: &Entry) {
        if let Some(call) = entry.call {
            self.apply_to_call(call, entry);
        }
        if let Some(alert) = entry.alert {
            self.apply_to_alert(alert, entry);
        }
    }

    #[expect(clippy::wildcard_enum_match_arm, reason = "only facts that recovery asks for")]
    fn apply_to_call(&mut self, id: CallId, entry: &Entry) {
        if let Fact::CallStarted { direction, number, reference, caller, language, .. } = &entry.fact {
            if *direction == Direction::Inbound {
                self.remember(reference);
            }
            let alert = if *direction == Direction::Inbound { None } else { entry.alert };
            self.calls.entry(id).or_insert_with(|| FoldedCall {
                cut: CutOffCall {
                    call: id,
                    alert,
                    recordings: Vec::new(),
                    taken: false,
                    number: number.clone(),
                    direction: *direction,
                    reference: reference.clone(),
                },
                language: language.clone(),
                caller: caller.clone(),
                customer: None,
                ended: false,
                recordings: Vec::new(),
            });
        }
        let Some(call) = self.calls.get_mut(&id) else { return };
        match &entry.fact {
            Fact::CustomerIdentified { customer } => {
                call.customer = Some(customer.clone());
                for alert in self.alerts.values_mut().filter(|alert| alert.call == Some(id)) {
                    alert.customer = Some(customer.clone());
                }
            }
            Fact::LanguageChosen { language } => call.language = language.clone(),
            Fact::LegAccepted { .. } => call.cut.taken = true,
            Fact::RecordingStarted { recording, kind, .. }
                if call.recordings.iter().all(|known| known.id != *recording) =>
            {
                call.recordings.push(FoldedRecording {
                    id: *recording,
                    ended: false,
                    speech: false,
                    conversation: *kind == RecordingKind::Conversation,
                    refused: false,
                });
            }
            Fact::RecordingRefused { recording: Some(recording), .. } => {
                if let Some(known) = call.recordings.iter_mut().find(|known| known.id == *recording) {
                    known.refused = true;
                }
            }
            Fact::RecordingEnded { recording, speech, duration, reason } => {
                let nothing_kept =
                    *reason == RecordingEnd::Refused || (*reason == RecordingEnd::Failed && duration.is_zero());
                if let Some(known) = call.recordings.iter_mut().find(|known| known.id == *recording && !known.ended) {
                    known.ended = true;
                    known.speech = *speech && !nothing_kept;
                }
            }
            Fact::CallEnded { .. } => {
                if !call.ended {
                    call.ended = true;
                    for alert in self.alerts.values_mut().filter(|alert| alert.call == Some(id)) {
                        due_at_end(alert, entry.at);
                    }
                }
                self.forget_if_done(id);
            }
            _ => {}
        }
    }

    #[expect(clippy::wildcard_enum_match_arm, reason = "only facts that recovery asks for")]
    fn apply_to_alert(&mut self, id: AlertId, entry: &Entry) {
        if let Fact::AlertOpened { title, priority, ring_at } = &entry.fact {
            let call = entry.call.and_then(|call| self.calls.get_mut(&call));
            let alert = OpenAlert {
                id,
                call: entry.call,
                reference: call.as_ref().map(|call| call.cut.reference.clone()).unwrap_or_default(),
                title: storable(title.clone()),
                priority: *priority,
                number: call.as_ref().map_or_else(|| NumberId(String::new()), |call| call.cut.number.clone()),
                customer: call.as_ref().and_then(|call| call.customer.clone()),
                caller: call.as_ref().and_then(|call| call.caller.clone()),
                language: Language::default(),
                acknowledged: false,
                rings: 0,
                next_ring_at: *ring_at,
                recordings: Vec::new(),
            };
            if let Some(call) = call {
                call.cut.alert = Some(id);
            }
            self.alerts.entry(id).or_insert(alert);
        }
        let Some(alert) = self.alerts.get_mut(&id) else { return };
        match &entry.fact {
            Fact::AlertUpdated { title, priority } => {
                // As its row would have it.
                let title = title.clone().map(storable);
                alert.describe(title.as_deref(), *priority);
            }
            Fact::AlertAcknowledged { .. } => {
                alert.acknowledged = true;
                alert.next_ring_at = None;
            }
            Fact::Alert(Change::Unacknowledged { .. }) if alert.acknowledged => {
                alert.acknowledged = false;
                alert.next_ring_at = Some(entry.at);
            }
            Fact::Alert(Change::Woke | Change::EscalateNow { .. }) if !alert.acknowledged => {
                alert.next_ring_at = Some(entry.at);
            }
            Fact::Alert(Change::Snoozed { until, .. }) if !alert.acknowledged => alert.next_ring_at = Some(*until),
            Fact::AlertResolved { .. } | Fact::Alert(Change::Merged { .. }) => {
                let call = alert.call;
                self.alerts.remove(&id);
                if let Some(call) = call {
                    self.forget_if_done(call);
                }
            }
            Fact::AlertRings { round, next_at } if !alert.acknowledged => {
                alert.rings = *round;
                alert.next_ring_at = Some(*next_at);
            }
            _ => {}
        }
    }

    /// A call that is over stays as long as its alert is open.
    fn forget_if_done(&mut self, id: CallId) {
        let waits = self.alerts.values().any(|alert| alert.call == Some(id));
        if !waits && self.calls.get(&id).is_some_and(|call| call.ended) {
            self.calls.remove(&id);
        }
    }

    fn remember(&mut self, reference: &str) {
        if let Ok(number) = reference.parse() {
            self.references.push_back(number);
            if self.references.len() > REFERENCES {
                self.references.pop_front();
            }
        }
    }

    /// The alert and the open recordings of every call that was cut off.
    pub fn open_recordings(&self) -> Vec<(CallId, Option<AlertId>, RecordingId)> {
        let mut open: Vec<_> = self
            .calls
            .values()
            .filter(|call| !call.ended)
            .flat_map(|call| {
                let open = call.recordings.iter().filter(|recording| !recording.ended);
                open.map(|recording| (call.cut.call, call.cut.alert, recording.id))
            })
            .collect();
        open.sort();
        open
    }

    /// Recordings that somebody refused, and whose files may still be there.
    pub fn refused(&self) -> Vec<RecordingId> {
        let all = self.calls.values().flat_map(|call| &call.recordings);
        all.filter(|recording| recording.refused).map(|recording| recording.id).collect()
    }

    /// The result, oldest first.
    pub fn finish(self) -> Recovered {
        let next_reference = next_reference(&self.references);
        let mut open_alerts: Vec<OpenAlert> = self.alerts.into_values().collect();
        for alert in &mut open_alerts {
            if let Some(call) = alert.call.and_then(|id| self.calls.get(&id)) {
                alert.language = call.language.clone();
                alert.recordings =
                    call.recordings.iter().filter(|r| r.ended && r.speech && !r.conversation).map(|r| r.id).collect();
            }
        }
        let mut cut_off: Vec<CutOffCall> =
            self.calls.into_values().filter(|call| !call.ended).map(|call| call.cut).collect();
        cut_off.sort_by_key(|call| call.call);
        Recovered { cut_off, open_alerts, next_reference, incomplete: false }
    }

    /// Notes which recordings were open when the service stopped.
    pub fn mark_open(&mut self, open: &[(CallId, Option<AlertId>, RecordingId)]) {
        for (call, _, recording) in open {
            if let Some(call) = self.calls.get_mut(call) {
                call.cut.recordings.push(*recording);
            }
        }
    }
}

/// While its call ran it looked for a person itself; what nobody was told about is due now.
fn due_at_end(alert: &mut OpenAlert, at: Timestamp) {
    if !alert.acknowledged && alert.rings == 0 {
        alert.next_ring_at = alert.next_ring_at.map(|next| next.min(at));
    }
}

/// A number to begin with where nothing is known: another every minute, so that one told lately does not come again.
pub(super) fn reference_by_clock(now: Timestamp) -> u32 {
    let span = i64::from(REFERENCE_LAST - REFERENCE_FIRST);
    REFERENCE_FIRST + u32::try_from((now.as_second() / 60).rem_euclid(span)).unwrap_or(0)
}

fn next_reference(latest: &VecDeque<u32>) -> u32 {
    let highest = latest.iter().max().copied().unwrap_or(0);
    let lowest = latest.iter().min().copied().unwrap_or(0);
    // Both ends of the range among the latest: it has just begun anew.
    let wrapped = highest - lowest > REFERENCE_LAST / 2;
    let last = if wrapped {
        latest.iter().filter(|reference| **reference <= REFERENCE_LAST / 2).max().copied().unwrap_or(0)
    } else {
        highest
    };
    if last >= REFERENCE_LAST { REFERENCE_FIRST } else { (last + 1).max(REFERENCE_FIRST) }
}

/// What the database knows, to go on from.
/// `only_of`: calls of this node alone.
pub(super) async fn from_database(connection: &mut AnyConnection, only_of: Option<&str>) -> Result<Fold, sqlx::Error> {
    let only_of = only_of.map(str::to_owned);
    let mut fold = Fold::default();
    let calls = query(
        "SELECT id, direction, number, reference, caller, customer, language, alert_id, taken_at, ended_at, node
         FROM calls
         WHERE id IN (SELECT id FROM calls WHERE ended_at IS NULL AND ($1 IS NULL OR node = $1)
                      UNION SELECT call_id FROM alerts WHERE status <> 'resolved' AND call_id IS NOT NULL)",
    )
    .bind(only_of.clone())
    .fetch_all(&mut *connection)
    .await?;
    for row in &calls {
        let mut call = call_from(row)?;
        // Another node's: it is here for its alert, and is not this node's to end.
        call.ended |= only_of.is_some() && only_of != row.try_get::<Option<String>, _>(10)?;
        fold.calls.insert(call.cut.call, call);
    }
    let recordings = query(
        "SELECT id, call_id, duration_ms, speech, kind, removed_at
         FROM recordings
         WHERE call_id IN (SELECT id FROM calls WHERE ended_at IS NULL AND ($1 IS NULL OR node = $1)
                           UNION SELECT call_id FROM alerts WHERE status <> 'resolved' AND call_id IS NOT NULL)
         ORDER BY started_at, seq",
    )
    .bind(only_of.clone())
    .fetch_all(&mut *connection)
    .await?;
    for row in &recordings {
        let call: CallId = parsed(row, 1)?;
        let recording = FoldedRecording {
            id: parsed(row, 0)?,
            ended: row.try_get::<Option<i64>, _>(2)?.is_some(),
            speech: row.try_get::<i64, _>(3)? != 0,
            conversation: row.try_get::<String, _>(4)? == RecordingKind::Conversation.word(),
            refused: row.try_get::<Option<i64>, _>(5)?.is_some(),
        };
        if let Some(call) = fold.calls.get_mut(&call) {
            call.recordings.push(recording);
        }
    }
    let alerts = query(
        "SELECT id, call_id, reference, number, customer, caller, status, rings, next_ring_at, title, priority
         FROM alerts WHERE status <> 'resolved' AND call_id IS NOT NULL",
    )
    .fetch_all(&mut *connection)
    .await?;
    for row in &alerts {
        let alert = alert_from(row)?;
        fold.alerts.insert(alert.id, alert);
    }
    let references =
        query("SELECT reference FROM calls WHERE direction = 'inbound' ORDER BY started_at DESC, seq DESC LIMIT 20")
            .fetch_all(connection)
            .await?;
    for row in references.iter().rev() {
        fold.remember(&row.try_get::<String, _>(0)?);
    }
    Ok(fold)
}

/// Open alerts that no call opened (tools, heartbeats, by hand): what nobody has before what somebody has, the most urgent
/// first, at most so many.
pub(super) async fn without_call(connection: &mut AnyConnection, most: u32) -> Result<Vec<OpenAlert>, sqlx::Error> {
    let alerts = query(
        "SELECT id, call_id, reference, number, customer, caller, status, rings, next_ring_at, title, priority
         FROM alerts WHERE status <> 'resolved' AND call_id IS NULL
         ORDER BY CASE status WHEN 'triggered' THEN 0 ELSE 1 END, priority, id DESC LIMIT $1",
    )
    .bind(i64::from(most))
    .fetch_all(connection)
    .await?;
    alerts.iter().map(alert_from).collect()
}

fn call_from(row: &AnyRow) -> Result<FoldedCall, sqlx::Error> {
    let direction: String = row.try_get(1)?;
    Ok(FoldedCall {
        cut: CutOffCall {
            call: parsed(row, 0)?,
            alert: maybe_parsed(row, 7)?,
            recordings: Vec::new(),
            taken: row.try_get::<Option<i64>, _>(8)?.is_some(),
            number: NumberId(row.try_get(2)?),
            direction: Direction::from_word(&direction).ok_or_else(|| bad("direction", &direction))?,
            reference: row.try_get(3)?,
        },
        language: Language(row.try_get(6)?),
        caller: row.try_get::<Option<String>, _>(4)?.map(Private::new),
        customer: row.try_get::<Option<String>, _>(5)?.map(CustomerId),
        ended: row.try_get::<Option<i64>, _>(9)?.is_some(),
        recordings: Vec::new(),
    })
}

fn alert_from(row: &AnyRow) -> Result<OpenAlert, sqlx::Error> {
    let next_ring_at: Option<i64> = row.try_get(8)?;
    Ok(OpenAlert {
        id: parsed(row, 0)?,
        call: maybe_parsed(row, 1)?,
        reference: row.try_get(2)?,
        title: row.try_get(9)?,
        priority: Priority::from_word(&row.try_get::<String, _>(10)?).unwrap_or(Priority::P3),
        number: NumberId(row.try_get(3)?),
        customer: row.try_get::<Option<String>, _>(4)?.map(CustomerId),
        caller: row.try_get::<Option<String>, _>(5)?.map(Private::new),
        language: Language::default(),
        acknowledged: row.try_get::<String, _>(6)? == "acknowledged",
        rings: u32::try_from(row.try_get::<i64, _>(7)?).unwrap_or(u32::MAX),
        next_ring_at: next_ring_at.and_then(|ms| Timestamp::from_millisecond(ms).ok()),
        recordings: Vec::new(),
    })
}

fn parsed<T: FromStr>(row: &AnyRow, index: usize) -> Result<T, sqlx::Error> {
    let text: String = row.try_get(index)?;
    text.parse().map_err(|_| bad("id", &text))
}

fn maybe_parsed<T: FromStr>(row: &AnyRow, index: usize) -> Result<Option<T>, sqlx::Error> {
    let text: Option<String> = row.try_get(index)?;
    text.map(|text| text.parse().map_err(|_| bad("id", &text))).transpose()
}

fn bad(what: &str, word: &str) -> sqlx::Error {
    sqlx::Error::Decode(format!("`{word}` is no {what}").into())
}

#[cfg(test)]
mod tests {
    use super::next_reference;

    #[test]
    fn references_go_on_and_begin_anew() {
        let next = |latest: &[u32]| next_reference(&latest.iter().copied().collect());
        assert_eq!(next(&[]), 1_001);
        assert_eq!(next(&[7]), 1_001);
        assert_eq!(next(&[1_001, 1_003, 1_002]), 1_004);
        assert_eq!(next(&[99_998, 99_999]), 1_001);
        assert_eq!(next(&[99_999, 1_001, 1_002]), 1_003);
    }
}
