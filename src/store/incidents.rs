//! Incidents: loaded with a row lock, decided by the core, kept in one transaction with their timeline, the messages that
//! they lead to and their deeds. The row's `body` is the whole state; what lists and clocks ask for stands beside it.

mod watch;

use hotline_core::ids::{AlertId, CallId, CustomerId, IncidentId, ServiceId, UpdateId};
use hotline_core::incident::{Incident, Line, UpdateState};
use hotline_core::notify::Planned;
use jiff::Timestamp;
use sqlx::any::AnyRow;
use sqlx::{AnyConnection, AssertSqlSafe, Row, query, query_as, query_scalar};

use super::alerts::Audited;
use super::apply::ms;
use super::bulk::{self, Cell};
use super::open::Inner;
use super::pages::{self, List};
use super::read::Page;
use super::writer::{Tries, WriteError, in_time};
use super::{Changed, Store, StoreError, lines, notifications, record_incident};

pub use watch::{WatchedIncident, clock_id};

/// What was decided about an incident; kept as a whole or not at all.
#[derive(Debug, Clone)]
pub struct IncidentVerdict {
    /// As it is from now on; the store counts its version.
    pub incident: Incident,
    /// What goes on its timeline.
    pub lines: Vec<Line>,
    /// Who is told.
    pub tell: Vec<Telling>,
    /// Goes into the audit chain.
    pub audit: Vec<Audited>,
}

/// A message that an incident leads to; one whose key is there already is left out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Telling {
    /// To whom, where, when.
    pub planned: Planned,
    /// What it says.
    pub text: String,
    /// The update it tells; `None`: it tells something else (a reminder, that it is over).
    pub update: Option<UpdateId>,
    /// The customer whose contact it is.
    pub customer: Option<CustomerId>,
    /// The contact's name, or `caller`.
    pub contact: Option<String>,
}

/// Which customers an incident must touch: named themselves, or by one of the services that they see.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Touching {
    /// The customers.
    pub customers: Vec<CustomerId>,
    /// Their own services and the shared ones.
    pub services: Vec<ServiceId>,
}

/// Which incidents; empty: all.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct IncidentFilter {
    /// Only open ones.
    pub open: bool,
    /// `Kind` word.
    pub kind: Option<String>,
    /// `Phase` word.
    pub phase: Option<String>,
    /// `Severity` word.
    pub severity: Option<String>,
    /// Affecting this service.
    pub service: Option<ServiceId>,
    /// About this alert.
    pub alert: Option<AlertId>,
    /// About this call.
    pub call: Option<CallId>,
    /// Touching each of these groups of customers.
    pub touching: Vec<Touching>,
    /// Something was published.
    pub published: bool,
    /// Exercises are left out.
    pub no_drills: bool,
}

/// A line of the timeline as it is read.
#[derive(Debug, Clone, PartialEq, sqlx::FromRow)]
pub struct IncidentLineRow {
    /// Its place, from 1.
    pub seq: i64,
    /// Epoch ms.
    pub at: i64,
    /// Who, as shown.
    pub actor: String,
    /// Stable word.
    pub kind: String,
    /// What happened.
    pub what: String,
    /// Why.
    pub why: String,
    /// What somebody wrote.
    pub text: Option<String>,
}

/// What became of a message about an incident.
#[derive(Debug, Clone, PartialEq, sqlx::FromRow)]
pub struct IncidentMessageRow {
    /// `NotificationId`.
    pub id: String,
    /// `UpdateId`; `None`: it tells something else.
    pub update_id: Option<String>,
    /// `CustomerId`.
    pub customer: Option<String>,
    /// The contact's name, or `caller`.
    pub contact: Option<String>,
    /// `Address::kind`.
    pub by: String,
    /// `waiting`, `sending`, or a `NotifyOutcome` word.
    pub state: String,
    /// The last try's word.
    pub note: Option<String>,
    /// Epoch ms.
    pub created_at: i64,
    /// Epoch ms.
    pub finished_at: Option<i64>,
}

/// Most incidents that are held in memory at a time.
const SNAPSHOT_MAX: usize = 5_000;
/// Lines of a timeline that are read at most, the latest.
const LINES_MAX: i64 = 5_000;

const ROW: &str = "SELECT id, opened_at, version, body FROM incidents";
const LINE: &str = "INSERT INTO incident_lines (incident_id, seq, at, actor, kind, what, why, text)";
const MESSAGE: &str = "INSERT INTO incident_messages (notification_id, incident_id, update_id, customer, contact)";

#[derive(sqlx::FromRow)]
struct Kept {
    id: String,
    opened_at: i64,
    version: i64,
    body: String,
}

impl Kept {
    fn incident(&self) -> Result<Incident, StoreError> {
        let mut incident = record_incident::decode(&self.body).map_err(StoreError::Database)?;
        incident.version = self.version;
        Ok(incident)
    }
}

impl Store {
    /// One incident.
    pub async fn incident(&self, id: IncidentId) -> Result<Option<Incident>, StoreError> {
        let sql = AssertSqlSafe(format!("{ROW} WHERE id = $1"));
        let row: Option<Kept> =
            pages::in_time(query_as(sql).bind(id.to_string()).fetch_optional(&self.shared.pool)).await?;
        row.as_ref().map(Kept::incident).transpose()
    }

    /// Incidents, the newest first. `limit` 1–200.
    pub async fn incidents(
        &self,
        filter: &IncidentFilter,
        cursor: Option<&str>,
        limit: u32,
    ) -> Result<Page<Incident>, StoreError> {
        let page = self.page(listed(filter), cursor, limit, |row: &Kept| pages::newest(row.opened_at, &row.id)).await?;
        let items = page.items.iter().map(Kept::incident).collect::<Result<_, _>>()?;
        Ok(Page { items, next_cursor: page.next_cursor })
    }

    /// All that are open, and those that ended at `since` or later; the newest first. Drills are among them.
    pub async fn open_and_since(&self, since: Timestamp) -> Result<Vec<Incident>, StoreError> {
        let sql = AssertSqlSafe(format!(
            "{ROW} WHERE is_open = 1 OR resolved_at >= $1 ORDER BY is_open DESC, opened_at DESC, id DESC
             LIMIT {SNAPSHOT_MAX}"
        ));
        let rows: Vec<Kept> = pages::in_time(query_as(sql).bind(ms(since)).fetch_all(&self.shared.pool)).await?;
        let mut incidents = rows.iter().map(Kept::incident).collect::<Result<Vec<_>, _>>()?;
        incidents.sort_by_key(|incident| std::cmp::Reverse((incident.opened_at, incident.id)));
        Ok(incidents)
    }

    /// The timeline, oldest first.
    pub async fn incident_timeline(&self, id: IncidentId) -> Result<Vec<IncidentLineRow>, StoreError> {
        let lines = query_as(
            "SELECT seq, at, actor, kind, what, why, text FROM incident_lines WHERE incident_id = $1
             ORDER BY seq DESC LIMIT $2",
        );
        let mut rows: Vec<IncidentLineRow> =
            pages::in_time(lines.bind(id.to_string()).bind(LINES_MAX).fetch_all(&self.shared.pool)).await?;
        rows.reverse();
        Ok(rows)
    }

    /// Who was told of it, and what came of that; oldest first.
    pub async fn incident_messages(&self, id: IncidentId) -> Result<Vec<IncidentMessageRow>, StoreError> {
        let messages = query_as(
            "SELECT n.id, m.update_id, m.customer, m.contact, n.by_kind AS \"by\", n.state, n.note, n.created_at,
                    n.finished_at
             FROM incident_messages m JOIN notifications n ON n.id = m.notification_id
             WHERE m.incident_id = $1 ORDER BY n.created_at, n.id LIMIT $2",
        );
        pages::in_time(messages.bind(id.to_string()).bind(LINES_MAX).fetch_all(&self.shared.pool)).await
    }

    /// The incident that a message is about, and its update; `None`: it is about none.
    pub async fn incident_of_message(
        &self,
        notification: hotline_core::ids::NotificationId,
    ) -> Result<Option<(IncidentId, Option<CustomerId>, Option<String>)>, StoreError> {
        let found = query_as::<_, (String, Option<String>, Option<String>)>(
            "SELECT incident_id, customer, contact FROM incident_messages WHERE notification_id = $1",
        );
        let found = found.bind(notification.to_string()).fetch_optional(&self.shared.pool);
        let Some((incident, customer, contact)) = pages::in_time(found).await? else { return Ok(None) };
        let incident = incident.parse().map_err(|_| StoreError::Database("an incident's id is broken".to_owned()))?;
        Ok(Some((incident, customer.map(CustomerId), contact)))
    }

    /// Makes an incident under a new reference (`INC-1001`), durably. `shape` is asked with the reference and may be asked again
    /// (a conflict).
    pub async fn open_incident<E: Send>(
        &self,
        at: Timestamp,
        shape: impl Fn(String) -> Result<IncidentVerdict, E> + Send + Sync,
    ) -> Result<Result<Incident, E>, StoreError> {
        let mut tries = Tries::default();
        in_time(async {
            loop {
                match self.open_incident_once(at, &shape).await {
                    Ok(made) => return Ok(made),
                    Err(error) => tries.again(error).await?,
                }
            }
        })
        .await
    }

    async fn open_incident_once<E: Send>(
        &self,
        at: Timestamp,
        shape: &(impl Fn(String) -> Result<IncidentVerdict, E> + Send + Sync),
    ) -> Result<Result<Incident, E>, WriteError> {
        let inner = &*self.shared;
        let mut writer = inner.writers.writer().await?;
        let mut transaction = writer.begin().await?;
        let next = query_scalar::<_, i64>(
            "UPDATE counters SET value = value + 1 WHERE name = 'incident_reference' RETURNING value",
        );
        let next = next.fetch_one(&mut *transaction).await?;
        let made = match shape(format!("INC-{next}")) {
            Ok(mut verdict) => {
                verdict.incident.version = 1;
                insert(&mut transaction, &verdict.incident).await?;
                keep(&mut transaction, inner, &verdict, at).await?;
                Ok(verdict.incident)
            }
            Err(refusal) => Err(refusal),
        };
        match made {
            Ok(made) => {
                transaction.commit().await?;
                writer.keep();
                Ok(Ok(made))
            }
            Err(refusal) => {
                // The reference is not used up by what was refused.
                transaction.rollback().await?;
                writer.keep();
                Ok(Err(refusal))
            }
        }
    }

    /// Loads the incident (locked against others), asks `decide` and keeps its verdict in the same transaction, durably; `Ok(None)`
    /// of it changes nothing. `Ok(None)`: no such incident. `decide` may run more than once, so it must have no effects.
    pub async fn change_incident<E: Send>(
        &self,
        id: IncidentId,
        at: Timestamp,
        decide: impl Fn(&Incident) -> Result<Option<IncidentVerdict>, E> + Send + Sync,
    ) -> Result<Option<Result<Incident, E>>, StoreError> {
        let mut tries = Tries::default();
        in_time(async {
            loop {
                match self.change_incident_once(id, at, &decide).await {
                    Ok(changed) => return Ok(changed),
                    Err(error) => tries.again(error).await?,
                }
            }
        })
        .await
    }

    async fn change_incident_once<E: Send>(
        &self,
        id: IncidentId,
        at: Timestamp,
        decide: &(impl Fn(&Incident) -> Result<Option<IncidentVerdict>, E> + Send + Sync),
    ) -> Result<Option<Result<Incident, E>>, WriteError> {
        let inner = &*self.shared;
        let mut writer = inner.writers.writer().await?;
        let mut transaction = writer.begin().await?;
        let sql = AssertSqlSafe(format!("{ROW} WHERE id = $1{}", inner.engine.for_update()));
        let row: Option<Kept> = query_as(sql).bind(id.to_string()).fetch_optional(&mut *transaction).await?;
        let mut changed = None;
        if let Some(row) = row {
            let before = row.incident().map_err(|error| sqlx::Error::Decode(error.to_string().into()))?;
            changed = Some(match decide(&before) {
                Ok(None) => Ok(before),
                Ok(Some(mut verdict)) => {
                    verdict.incident.version = before.version + 1;
                    update(&mut transaction, &verdict.incident).await?;
                    keep(&mut transaction, inner, &verdict, at).await?;
                    Ok(verdict.incident)
                }
                Err(refusal) => Err(refusal),
            });
        }
        // A refusal has changed nothing: committing it is as good as not.
        transaction.commit().await?;
        writer.keep();
        Ok(changed)
    }
}

fn listed(filter: &IncidentFilter) -> List {
    let mut list = List::new(ROW, "opened_at");
    list.equal("kind", filter.kind.clone());
    list.equal("phase", filter.phase.clone());
    list.equal("severity", filter.severity.clone());
    for (set, condition) in
        [(filter.open, "is_open = 1"), (filter.published, "published = 1"), (filter.no_drills, "drill = 0")]
    {
        if set {
            list.conditions.push(condition.to_owned());
        }
    }
    let mut linked = |table: &str, column: &str, word: Option<String>| {
        if let Some(word) = word {
            let place = list.place(word);
            list.conditions.push(format!(
                "EXISTS (SELECT 1 FROM {table} l WHERE l.incident_id = incidents.id AND l.{column} = {place})"
            ));
        }
    };
    linked("incident_services", "service", filter.service.as_ref().map(|service| service.0.clone()));
    linked("incident_alerts", "alert_id", filter.alert.map(|alert| alert.to_string()));
    linked("incident_calls", "call_id", filter.call.map(|call| call.to_string()));
    for touching in &filter.touching {
        let mut ways = vec!["1 = 0".to_owned()];
        let customers = touching.customers.iter().map(|customer| customer.0.clone());
        let services = touching.services.iter().map(|service| service.0.clone());
        for (table, column, words) in [
            ("incident_customers", "customer", customers.collect::<Vec<_>>()),
            ("incident_services", "service", services.collect()),
        ] {
            let places: Vec<String> = words.into_iter().map(|word| list.place(word)).collect();
            if !places.is_empty() {
                ways.push(format!(
                    "EXISTS (SELECT 1 FROM {table} l WHERE l.incident_id = incidents.id AND l.{column} IN ({}))",
                    places.join(", ")
                ));
            }
        }
        list.conditions.push(format!("({})", ways.join(" OR ")));
    }
    list
}

async fn insert(connection: &mut AnyConnection, incident: &Incident) -> Result<(), sqlx::Error> {
    let before =
        "INSERT INTO incidents (id, reference, kind, opened_at, title, severity, phase, is_open, published, drill,
        resolved_at, update_due, starts_at, ends_at, began_at, version, body)";
    let mut row = vec![
        Cell::Text(incident.id.to_string()),
        Cell::Text(incident.reference.clone()),
        Cell::Text(incident.kind.word().to_owned()),
        Cell::Int(ms(incident.opened_at)),
    ];
    row.extend(columns(incident));
    bulk::values(connection, before, row.len(), "", vec![row]).await.map(|_| ())
}

async fn update(connection: &mut AnyConnection, incident: &Incident) -> Result<(), sqlx::Error> {
    let sql = "UPDATE incidents SET title = $1, severity = $2, phase = $3, is_open = $4, published = $5, drill = $6,
        resolved_at = $7, update_due = $8, starts_at = $9, ends_at = $10, began_at = $11, version = $12, body = $13
        WHERE id = $14";
    let mut statement = query(sql);
    for cell in columns(incident) {
        statement = cell.bind(statement);
    }
    statement.bind(incident.id.to_string()).execute(connection).await.map(|_| ())
}

/// What changes, in the order of both statements.
fn columns(incident: &Incident) -> [Cell; 13] {
    let published = incident.updates.iter().any(|update| matches!(update.state, UpdateState::Published { .. }));
    [
        Cell::Text(incident.title.clone()),
        Cell::Text(incident.severity.word().to_owned()),
        Cell::Text(incident.phase.word().to_owned()),
        Cell::Int(i64::from(incident.is_open())),
        Cell::Int(i64::from(published)),
        Cell::Int(i64::from(incident.drill.is_some())),
        Cell::MaybeInt(incident.resolved_at.map(ms)),
        Cell::MaybeInt(incident.update_due.map(ms)),
        Cell::MaybeInt(incident.scheduled.map(|(from, _)| ms(from))),
        Cell::MaybeInt(incident.scheduled.map(|(_, until)| ms(until))),
        Cell::MaybeInt(incident.began.as_ref().map(|began| ms(began.at))),
        Cell::Int(incident.version),
        Cell::Text(record_incident::encode(incident)),
    ]
}

/// Links, timeline, messages, deeds; the other nodes are told with the commit.
async fn keep(
    connection: &mut AnyConnection,
    inner: &Inner,
    verdict: &IncidentVerdict,
    at: Timestamp,
) -> Result<(), sqlx::Error> {
    let incident = &verdict.incident;
    let id = incident.id.to_string();
    let words = |words: Vec<String>| {
        let mut words = words;
        words.sort_unstable();
        words.dedup();
        words
    };
    let services = incident.affected.iter().map(|affected| affected.service.0.clone()).collect();
    let customers = incident.customers.iter().map(|customer| customer.0.clone()).collect();
    let alerts = incident.alerts.iter().map(ToString::to_string).collect();
    let calls = incident.calls.iter().map(ToString::to_string).collect();
    for (table, column, linked) in [
        ("incident_services", "service", words(services)),
        ("incident_customers", "customer", words(customers)),
        ("incident_alerts", "alert_id", words(alerts)),
        ("incident_calls", "call_id", words(calls)),
    ] {
        let clear = query(AssertSqlSafe(format!("DELETE FROM {table} WHERE incident_id = $1"))).bind(id.clone());
        clear.execute(&mut *connection).await?;
        let rows = linked.into_iter().map(|word| vec![Cell::Text(id.clone()), Cell::Text(word)]).collect();
        bulk::values(connection, &format!("INSERT INTO {table} (incident_id, {column})"), 2, "", rows).await?;
    }
    add_lines(connection, &id, &verdict.lines).await?;
    for telling in &verdict.tell {
        let made =
            notifications::insert(connection, std::slice::from_ref(&telling.planned), Some(&telling.text), at).await?;
        let rows = made.into_iter().map(|notification| {
            vec![
                Cell::Text(notification.to_string()),
                Cell::Text(id.clone()),
                Cell::MaybeText(telling.update.map(|update| update.to_string())),
                Cell::MaybeText(telling.customer.as_ref().map(|customer| customer.0.clone())),
                Cell::MaybeText(telling.contact.clone()),
            ]
        });
        bulk::values(connection, MESSAGE, 5, "", rows.collect()).await?;
    }
    lines::audit(connection, &inner.node, verdict.audit.iter().cloned().map(|deed| (deed, at)).collect()).await?;
    inner.engine.tell(connection, &inner.node, &[Changed::Incident(incident.id)]).await
}

/// The incident's row is locked (or new), so nobody else counts meanwhile.
async fn add_lines(connection: &mut AnyConnection, id: &str, lines: &[Line]) -> Result<(), sqlx::Error> {
    if lines.is_empty() {
        return Ok(());
    }
    let last = query("SELECT MAX(seq) FROM incident_lines WHERE incident_id = $1").bind(id.to_owned());
    let last: AnyRow = last.fetch_one(&mut *connection).await?;
    let last: i64 = last.try_get::<Option<i64>, _>(0)?.unwrap_or(0);
    let row = |(seq, line): (i64, &Line)| {
        vec![
            Cell::Text(id.to_owned()),
            Cell::Int(seq),
            Cell::Int(ms(line.at)),
            Cell::Text(line.by.shown()),
            Cell::Text(line.kind.to_owned()),
            Cell::Text(line.what.clone()),
            Cell::Text(line.why.clone()),
            Cell::MaybeText(line.text.as_ref().map(|text| text.reveal().clone())),
        ]
    };
    bulk::values(connection, LINE, 8, "", (last + 1..).zip(lines).map(row).collect()).await.map(|_| ())
}
