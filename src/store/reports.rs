//! What reports count: alerts and calls of a time. And which reports went out.

use std::collections::BTreeMap;

use hotline_core::drill::SOURCE;
use hotline_core::fact::{Outcome, Priority};
use hotline_core::report::{Case, Rung};
use jiff::{SignedDuration, Timestamp};
use sqlx::any::AnyRow;
use sqlx::{Row, query};

use super::alert_rows::{at, count, moment, text, word};
use super::apply::ms;
use super::pages::in_time;
use super::{Store, StoreError, pages};

/// A report is being sent so long; then somebody else may.
const LEASE: SignedDuration = SignedDuration::from_mins(10);
/// Between two tries at first; longer each time.
const AGAIN: SignedDuration = SignedDuration::from_mins(5);
/// Tries at most.
const TRIES_MAX: i64 = 8;

/// Rows of one report at most: more are not summed up in part, they are refused.
pub const ROWS_MAX: usize = 100_000;
const ASKED: i64 = 100_001;

fn case(row: &AnyRow) -> Result<Case, sqlx::Error> {
    Ok(Case {
        reference: row.try_get(0)?,
        customer: text(row, 1)?.unwrap_or_default(),
        service: text(row, 2)?.unwrap_or_default(),
        source: text(row, 3)?.unwrap_or_default(),
        priority: word(row, 4, Priority::from_word)?,
        began: moment(row, 5)?,
        opened: at(row, 6)?,
        answered: moment(row, 7)?,
        over: moment(row, 8)?,
        events: count(row, 9)?,
        merged: text(row, 10)?.is_some(),
    })
}

/// A call with the number that was rung.
fn rung(row: &AnyRow) -> Result<(String, Rung), sqlx::Error> {
    let outcome: Option<String> = text(row, 4)?;
    let call = Rung {
        customer: text(row, 1)?.unwrap_or_default(),
        started: at(row, 2)?,
        taken: moment(row, 3)?,
        outcome: outcome.as_deref().and_then(Outcome::from_word),
    };
    Ok((row.try_get(0)?, call))
}

impl Store {
    /// The alerts that were opened in `[from, to)` (no exercises), of one customer or of all, oldest first; one more than [`ROWS_MAX`] where there are too many.
    pub async fn report_cases(
        &self,
        from: Timestamp,
        to: Timestamp,
        customer: Option<&str>,
    ) -> Result<Vec<Case>, StoreError> {
        // Acknowledged, handed back, acknowledged again: the first counts. An alert of which nobody knows when its fault began has the
        // beginning of the incident to which it belongs, the earliest of several. It is looked up here and not written into the alert:
        // a person who corrects the incident's corrects the report, and an alert that is taken out of it has none again.
        let asked = query(
            "SELECT a.reference, a.customer, a.service, a.source, a.priority,
                 COALESCE(a.began_at, (SELECT MIN(i.began_at) FROM incident_alerts l JOIN incidents i ON i.id = l.incident_id
                                       WHERE l.alert_id = a.id AND i.drill = 0)), a.created_at,
                 COALESCE((SELECT MIN(t.at) FROM timeline t
                           WHERE t.alert_id = a.id AND t.kind = 'alert-acknowledged'), a.acknowledged_at),
                 a.resolved_at, a.events, a.merged_into
             FROM alerts a WHERE a.created_at >= $1 AND a.created_at < $2 AND (a.customer = $3 OR $4 = 1)
                 AND (a.source IS NULL OR a.source <> $5)
             ORDER BY a.created_at, a.id LIMIT $6",
        )
        .bind(ms(from))
        .bind(ms(to))
        .bind(customer.unwrap_or_default().to_owned())
        .bind(i64::from(customer.is_none()))
        .bind(SOURCE)
        .bind(ASKED);
        let rows = in_time(asked.fetch_all(&self.shared.pool)).await?;
        rows.iter().map(case).collect::<Result<_, _>>().map_err(|error| pages::database(&error))
    }

    /// The calls that came in `[from, to)`, each with the number that was rung, oldest first; one more than [`ROWS_MAX`] where there are too many.
    pub async fn report_calls(
        &self,
        from: Timestamp,
        to: Timestamp,
        customer: Option<&str>,
    ) -> Result<Vec<(String, Rung)>, StoreError> {
        let asked = query(
            "SELECT number, customer, started_at, taken_at, outcome FROM calls
             WHERE direction = 'inbound' AND started_at >= $1 AND started_at < $2 AND (customer = $3 OR $4 = 1)
             ORDER BY started_at, id LIMIT $5",
        )
        .bind(ms(from))
        .bind(ms(to))
        .bind(customer.unwrap_or_default().to_owned())
        .bind(i64::from(customer.is_none()))
        .bind(ASKED);
        let rows = in_time(asked.fetch_all(&self.shared.pool)).await?;
        rows.iter().map(rung).collect::<Result<_, _>>().map_err(|error| pages::database(&error))
    }

    /// Since when reports are known, by customer and report; those that were not known are from now on. One that was sent before anybody
    /// kept this was always known.
    pub async fn reports_known(
        &self,
        reports: &[(String, String)],
        now: Timestamp,
    ) -> Result<BTreeMap<(String, String), Timestamp>, StoreError> {
        let all = || query("SELECT customer, report, due_at FROM report_sendings WHERE period = '' AND contact = ''");
        let read = |rows: Vec<AnyRow>| -> Result<BTreeMap<(String, String), Timestamp>, StoreError> {
            let one = |row: &AnyRow| Ok(((row.try_get(0)?, row.try_get(1)?), at(row, 2)?));
            rows.iter().map(one).collect::<Result<_, sqlx::Error>>().map_err(|error| pages::database(&error))
        };
        let known = read(in_time(all().fetch_all(&self.shared.pool)).await?)?;
        let new: Vec<&(String, String)> = reports.iter().filter(|key| !known.contains_key(key)).collect();
        if new.is_empty() {
            return Ok(known);
        }
        for (customer, report) in new {
            let add = query(
                "INSERT INTO report_sendings (customer, report, period, contact, state, tries, due_at)
                 SELECT CAST($1 AS TEXT), CAST($2 AS TEXT), '', '', 'known', 0,
                     CASE WHEN COUNT(*) > 0 THEN CAST(0 AS BIGINT) ELSE CAST($3 AS BIGINT) END FROM report_sendings
                 WHERE customer = $4 AND report = $5
                 ON CONFLICT (customer, report, period, contact) DO NOTHING",
            )
            .bind(customer.clone())
            .bind(report.clone())
            .bind(ms(now))
            .bind(customer.clone())
            .bind(report.clone());
            in_time(add.execute(&self.shared.pool)).await?;
        }
        read(in_time(all().fetch_all(&self.shared.pool)).await?)
    }

    /// Takes a report of a period to be sent to one contact: `true` for whoever sends it now, once on all nodes; `false`: it was sent, somebody
    /// else is at it, it is not its time yet, or it was tried too often.
    pub async fn claim_report(&self, key: &SendingKey<'_>, now: Timestamp) -> Result<bool, StoreError> {
        let until = now.checked_add(LEASE).unwrap_or(Timestamp::MAX);
        let claim = query(
            "INSERT INTO report_sendings (customer, report, period, contact, state, tries, due_at)
             VALUES ($1, $2, $3, $4, 'sending', 1, $5)
             ON CONFLICT (customer, report, period, contact) DO UPDATE
             SET tries = report_sendings.tries + 1, due_at = excluded.due_at
             WHERE report_sendings.state = 'sending' AND report_sendings.due_at <= $6 AND report_sendings.tries < $7",
        )
        .bind(key.customer.to_owned())
        .bind(key.report.to_owned())
        .bind(key.period.to_owned())
        .bind(key.contact.to_owned())
        .bind(ms(until))
        .bind(ms(now))
        .bind(TRIES_MAX);
        in_time(claim.execute(&self.shared.pool)).await.map(|done| done.rows_affected() > 0)
    }

    /// What came of it: `Ok`: sent. `Err(None)`: it is tried again, later each time. `Err(Some)`: it came to nothing for good, and why.
    pub async fn finish_report(
        &self,
        key: &SendingKey<'_>,
        outcome: Result<(), Option<&str>>,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let state = match outcome {
            Ok(()) => "sent".to_owned(),
            Err(None) => "sending".to_owned(),
            Err(Some(why)) => format!("failed: {why}"),
        };
        let finish = query(
            "UPDATE report_sendings SET state = $1, sent_at = $2, due_at = $3 + $4 * tries
             WHERE customer = $5 AND report = $6 AND period = $7 AND contact = $8",
        )
        .bind(super::bulk::storable(state))
        .bind(outcome.is_ok().then(|| ms(now)))
        .bind(ms(now))
        .bind(i64::try_from(AGAIN.as_millis()).unwrap_or(i64::MAX))
        .bind(key.customer.to_owned())
        .bind(key.report.to_owned())
        .bind(key.period.to_owned())
        .bind(key.contact.to_owned());
        in_time(finish.execute(&self.shared.pool)).await.map(|_| ())
    }
}

/// Which report to whom.
#[derive(Debug, Clone, Copy)]
pub struct SendingKey<'a> {
    /// Whose.
    pub customer: &'a str,
    /// Which of its templates.
    pub report: &'a str,
    /// First day of the period.
    pub period: &'a str,
    /// To which contact.
    pub contact: &'a str,
}
