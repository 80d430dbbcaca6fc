//! What the board and an alert's page need at a glance: open alerts with everything that decides, and what to warn of.

use hotline_core::alert::{Alert, Status, Urgency};
use hotline_core::escalation::Progress;
use hotline_core::fact::Priority;
use hotline_core::ids::AlertId;
use hotline_core::incident::{Began, Origin};
use hotline_core::private::Private;
use jiff::Timestamp;

use sqlx::any::AnyRow;
use sqlx::{AssertSqlSafe, Row, query};

use super::audit::{in_time, told};
use super::read::{AlertFilter, AlertOrder, AlertRow};
use super::{Store, StoreError};

/// An alert as a page shows it.
#[derive(Debug, Clone, PartialEq)]
pub struct Glance {
    /// Everything that decides; whether its call runs is the switch's to say.
    pub alert: Alert,
    /// What the tool says about it.
    pub details: Option<Private<String>>,
    /// A page of the tool about it.
    pub link: Option<String>,
    /// Who has it, as shown.
    pub acknowledged_by: Option<String>,
    /// Over since.
    pub resolved_at: Option<Timestamp>,
    /// Who said so.
    pub resolved_by: Option<String>,
    /// Rounds of ringing so far.
    pub rings: u32,
}

/// The open alerts.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct OpenGlance {
    /// The most urgent first: nobody has it, then by priority, the newest first.
    pub alerts: Vec<Glance>,
    /// All that nobody has.
    pub waiting: u64,
    /// All that somebody has.
    pub acknowledged: u64,
}

/// Kinds of the timeline that a board warns of while nobody has the alert.
const WARNINGS: &str = "('nobody-reached', 'escalation-exhausted', 'escalation-step')";

impl Store {
    /// The open alerts of these customers (`None`: all), the most urgent first, at most `limit`, and how many there are.
    pub async fn open_glance(&self, customers: Option<&[String]>, limit: u32) -> Result<OpenGlance, StoreError> {
        let of = |status: &str| AlertFilter {
            status: Some(status.to_owned()),
            customers: customers.map(<[String]>::to_vec),
            order: AlertOrder::Urgent,
            ..AlertFilter::default()
        };
        let mut open = OpenGlance::default();
        for status in ["triggered", "acknowledged"] {
            let rows = self.alerts(&of(status), None, limit).await?.items;
            let more = rows.len() as u64 == u64::from(limit);
            let count = if more { self.open_count(status, customers).await? } else { rows.len() as u64 };
            *(if status == "triggered" { &mut open.waiting } else { &mut open.acknowledged }) = count;
            open.alerts.extend(rows.into_iter().filter_map(glance));
        }
        open.alerts.truncate(limit as usize);
        Ok(open)
    }

    async fn open_count(&self, status: &str, customers: Option<&[String]>) -> Result<u64, StoreError> {
        let places: Vec<String> =
            (0..customers.map_or(0, <[String]>::len)).map(|nth| format!("${}", nth + 2)).collect();
        let of = match customers {
            None => String::new(),
            Some([]) => return Ok(0),
            // Placeholders only.
            Some(_) => format!(" AND customer IN ({})", places.join(", ")),
        };
        let sql = format!("SELECT COUNT(*) FROM alerts WHERE status = $1{of}");
        let mut count = query(AssertSqlSafe(sql)).bind(status.to_owned());
        for customer in customers.unwrap_or_default() {
            count = count.bind(customer.clone());
        }
        let row = in_time(count.fetch_one(&self.shared.pool)).await?;
        let count: i64 = row.try_get(0).map_err(|error| told(&error))?;
        Ok(count.unsigned_abs())
    }

    /// One alert.
    pub async fn glance(&self, id: AlertId) -> Result<Option<Glance>, StoreError> {
        Ok(self.alert(&id.to_string()).await?.and_then(glance))
    }

    /// Of these alerts, those whose escalation came to nothing last: the id, and the kind of the timeline's last line of an
    /// escalation (`nobody-reached`, `escalation-exhausted`).
    pub async fn unreached(&self, alerts: &[AlertId]) -> Result<Vec<(AlertId, String)>, StoreError> {
        let mut found = Vec::new();
        for some in alerts.chunks(100) {
            // Ids are hexadecimal digits and hyphens.
            let ids = some.iter().map(|id| format!("'{id}'")).collect::<Vec<_>>().join(", ");
            let sql = format!(
                "SELECT t.alert_id, t.kind FROM timeline t WHERE t.alert_id IN ({ids}) AND t.kind IN {WARNINGS}
                 ORDER BY t.alert_id, t.at, t.seq"
            );
            let rows = in_time(query(AssertSqlSafe(sql)).fetch_all(&self.shared.pool)).await?;
            for row in rows {
                let (id, kind) = pair(&row).map_err(|error| told(&error))?;
                let Ok(id) = id.parse::<AlertId>() else { continue };
                match found.last_mut() {
                    Some((last, known)) if *last == id => *known = kind,
                    _ => found.push((id, kind)),
                }
            }
        }
        found.retain(|(_, kind)| kind != "escalation-step");
        Ok(found)
    }
}

fn pair(row: &AnyRow) -> Result<(String, String), sqlx::Error> {
    Ok((row.try_get(0)?, row.try_get(1)?))
}

fn glance(row: AlertRow) -> Option<Glance> {
    let at = |millis: Option<i64>| millis.and_then(|at| Timestamp::from_millisecond(at).ok());
    Some(Glance {
        alert: Alert {
            id: row.id.parse().ok()?,
            reference: row.reference,
            status: Status::from_word(&row.status)?,
            priority: Priority::from_word(&row.priority)?,
            urgency: Urgency::from_word(&row.urgency)?,
            title: row.title,
            customer: row.customer.as_deref().map(Into::into),
            service: row.service.as_deref().map(Into::into),
            number: (!row.number.is_empty()).then(|| row.number.as_str().into()),
            call: row.call_id.and_then(|id| id.parse().ok()),
            call_running: false,
            caller: row.caller.map(Private::new),
            source: row.source.as_deref().map(Into::into),
            dedup_key: row.dedup_key,
            group_key: row.group_key,
            merged_into: row.merged_into.and_then(|id| id.parse().ok()),
            events: row.events.try_into().unwrap_or(1),
            assigned: row.assigned.as_deref().map(Into::into),
            snoozed_until: at(row.snoozed_until),
            policy: row.policy.as_deref().map(Into::into),
            began: at(row.began_at).map(|at| {
                let origin = row.began_origin.as_deref().and_then(Origin::from_word);
                Began { at, origin: origin.unwrap_or(Origin::Payload) }
            }),
            opened_at: at(Some(row.created_at))?,
            acknowledged_at: at(row.acknowledged_at),
            last_event_at: at(Some(row.last_event_at))?,
            progress: Progress {
                round: row.esc_round.try_into().unwrap_or(0),
                step: row.esc_step.try_into().unwrap_or(0),
                due: at(row.esc_due),
                ..Progress::default()
            },
        },
        details: row.details.map(Private::new),
        link: row.link,
        acknowledged_by: row.acknowledged_by,
        resolved_at: at(row.resolved_at),
        resolved_by: row.resolved_by,
        rings: row.rings.max(0).try_into().unwrap_or(0),
    })
}
