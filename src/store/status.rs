//! Status pages: since when services are there, who wants to be told, what is on its way to them, and a copy of the incidents in
//! the data folder, for a start without the database.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use hotline_core::ids::{CustomerId, IncidentId, PostmortemId, ServiceId, StatusPageId, SubscriptionId};
use hotline_core::incident::Incident;
use hotline_core::postmortem::Published;
use hotline_core::private::Private;
use hotline_core::status::{Existence, Lessons, Tongue};
use jiff::{SignedDuration, Timestamp};
use sqlx::{FromRow, query, query_as};
use uuid::Uuid;

use super::apply::ms;
use super::pages::in_time;
use super::{Store, StoreError, record_incident};

/// The copy in the data folder.
const FILE: &str = "status-incidents.json";
/// Mails that are looked at together.
const LETTERS_MAX: i64 = 200;
/// Calls of webhooks that are looked at together: enough to see past many that hang.
const HOOKS_MAX: i64 = 2_000;
/// A finished delivery is remembered so long: longer than anything is planned after its update.
const REMEMBERED: SignedDuration = SignedDuration::from_hours(72);
/// A subscription that nobody confirms is forgotten after so long.
const UNCONFIRMED: SignedDuration = SignedDuration::from_hours(24 * 3);

/// By what it is seen that something changed.
pub type Mark = (i64, i64, i64, i64);

/// What was told, for all pages.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Told {
    /// Incidents of which anything was published.
    pub incidents: Vec<Incident>,
    /// Since when services are there.
    pub since: Existence,
    /// Published postmortems.
    pub lessons: Lessons,
}

/// A postmortem in the copy: of which incident, its identity, when it was published, language, words.
type LessonRecord = (Uuid, Uuid, i64, String, String);

/// How somebody is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SubscriberKind {
    /// By mail.
    Email,
    /// By a signed POST.
    Webhook,
}

impl SubscriberKind {
    /// Its word.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Email => "email",
            Self::Webhook => "webhook",
        }
    }
}

/// Somebody who wants to be told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subscription {
    /// Its identity.
    pub id: SubscriptionId,
    /// What which page says.
    pub page: StatusPageId,
    /// How.
    pub kind: SubscriberKind,
    /// Mailbox or URL.
    pub address: Private<String>,
    /// Through whose eyes; `None`: anybody's.
    pub customer: Option<CustomerId>,
    /// About which; `None`: all.
    pub services: Option<BTreeSet<ServiceId>>,
    /// In which language.
    pub language: Tongue,
    /// Since when they said yes; `None`: not yet.
    pub confirmed_at: Option<Timestamp>,
    /// Tries in a row that came to nothing.
    pub failures: i64,
    /// It came to nothing too often.
    pub is_off: bool,
}

/// A link that proves whose an e-mail address is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProofRow {
    /// Its identity.
    pub id: Uuid,
    /// To open which page.
    pub page: StatusPageId,
    /// As whose.
    pub customer: CustomerId,
    /// The mailbox.
    pub address: Private<String>,
    /// In which language the link is mailed.
    pub language: Tongue,
    /// Worth nothing from then on.
    pub expires_at: Timestamp,
}

/// Something on its way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StatusDelivery {
    /// Once each.
    pub key: String,
    /// Subscription or proof.
    pub owner: Uuid,
    /// What it says, in words of the switch.
    pub what: String,
    /// When it is sent next.
    pub due_at: Timestamp,
    /// How often it was tried.
    pub tries: i64,
}

fn delivery((key, owner, what, due_at, tries): (String, String, String, i64, i64)) -> Option<StatusDelivery> {
    Some(StatusDelivery { owner: owner.parse().ok()?, key, what, due_at: of_ms(due_at), tries })
}

#[derive(FromRow)]
struct SubscriptionRow {
    id: String,
    page: String,
    kind: String,
    address: String,
    customer: String,
    components: Option<String>,
    language: String,
    confirmed_at: Option<i64>,
    failures: i64,
    off_at: Option<i64>,
}

const SUBSCRIPTION: &str =
    "SELECT id, page, kind, address, customer, components, language, confirmed_at, failures, off_at
    FROM status_subscriptions";

impl SubscriptionRow {
    fn read(self) -> Option<Subscription> {
        let services: Option<Vec<String>> = self.components.map(|text| serde_json::from_str(&text)).transpose().ok()?;
        Some(Subscription {
            id: self.id.parse().ok()?,
            page: StatusPageId(self.page),
            kind: if self.kind == "webhook" { SubscriberKind::Webhook } else { SubscriberKind::Email },
            address: self.address.into(),
            customer: (!self.customer.is_empty()).then_some(CustomerId(self.customer)),
            services: services.map(|names| names.into_iter().map(ServiceId).collect()),
            language: Tongue::from_word(&self.language).unwrap_or(Tongue::En),
            confirmed_at: self.confirmed_at.map(of_ms),
            failures: self.failures,
            is_off: self.off_at.is_some(),
        })
    }
}

fn of_ms(at: i64) -> Timestamp {
    Timestamp::from_millisecond(at).unwrap_or(Timestamp::UNIX_EPOCH)
}

impl Store {
    /// Since when these services are there: one that is new is there since now. Knows those too that are gone.
    pub async fn services_since(&self, services: &[ServiceId], now: Timestamp) -> Result<Existence, StoreError> {
        let all = || query_as::<_, (String, i64)>("SELECT service, since FROM status_services");
        let known = in_time(all().fetch_all(&self.shared.pool)).await?;
        let mut known: Existence = known.into_iter().map(|(id, since)| (ServiceId(id), of_ms(since))).collect();
        for service in services {
            if known.contains_key(service) {
                continue;
            }
            let add =
                query("INSERT INTO status_services (service, since) VALUES ($1, $2) ON CONFLICT (service) DO NOTHING");
            in_time(add.bind(service.0.clone()).bind(ms(now)).execute(&self.shared.pool)).await?;
            // Another node may have been faster, by a moment.
            known.insert(service.clone(), now);
        }
        Ok(known)
    }

    /// Changes whenever an incident does that is open or ended since, and whenever a postmortem does.
    pub async fn incidents_mark(&self, since: Timestamp) -> Result<Mark, StoreError> {
        let mark = query_as(
            "SELECT COUNT(*), CAST(COALESCE(SUM(version), 0) AS BIGINT), COALESCE(MAX(opened_at), 0),
                (SELECT CAST(COALESCE(SUM(version), 0) AS BIGINT) FROM postmortems)
             FROM incidents WHERE is_open = 1 OR resolved_at >= $1",
        );
        in_time(mark.bind(ms(since)).fetch_one(&self.shared.pool)).await
    }

    /// Somebody wants to be told. `None`: that is known and confirmed already; else the subscription as it is kept, to be
    /// confirmed.
    pub async fn add_subscription(
        &self,
        wanted: &Subscription,
        at: Timestamp,
    ) -> Result<Option<Subscription>, StoreError> {
        let services = wanted.services.as_ref();
        let services = services.map(|names| serde_json::json!(names.iter().map(|id| &id.0).collect::<Vec<_>>()));
        let customer = wanted.customer.as_ref().map(|id| id.0.clone()).unwrap_or_default();
        // Who asks again before they confirmed may ask for other components.
        let add = query(
            "INSERT INTO status_subscriptions
                (id, page, kind, address, customer, components, language, created_at, confirmed_at, failures, off_at)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, NULL, 0, NULL)
             ON CONFLICT (page, kind, address, customer) DO UPDATE
             SET components = excluded.components, language = excluded.language, created_at = excluded.created_at,
                 confirmed_at = NULL, failures = 0, off_at = NULL
             WHERE status_subscriptions.confirmed_at IS NULL OR status_subscriptions.off_at IS NOT NULL",
        )
        .bind(wanted.id.to_string())
        .bind(wanted.page.0.clone())
        .bind(wanted.kind.word())
        .bind(wanted.address.reveal().clone())
        .bind(customer.clone())
        .bind(services.map(|services| services.to_string()))
        .bind(wanted.language.word())
        .bind(ms(at));
        if in_time(add.execute(&self.shared.pool)).await?.rows_affected() == 0 {
            return Ok(None);
        }
        let sql = sqlx::AssertSqlSafe(format!(
            "{SUBSCRIPTION} WHERE page = $1 AND kind = $2 AND address = $3 AND customer = $4"
        ));
        let row: Option<SubscriptionRow> = in_time(
            query_as(sql)
                .bind(wanted.page.0.clone())
                .bind(wanted.kind.word())
                .bind(wanted.address.reveal().clone())
                .bind(customer)
                .fetch_optional(&self.shared.pool),
        )
        .await?;
        Ok(row.and_then(SubscriptionRow::read))
    }

    /// One subscription.
    pub async fn subscription(&self, id: SubscriptionId) -> Result<Option<Subscription>, StoreError> {
        let sql = sqlx::AssertSqlSafe(format!("{SUBSCRIPTION} WHERE id = $1"));
        let row: Option<SubscriptionRow> =
            in_time(query_as(sql).bind(id.to_string()).fetch_optional(&self.shared.pool)).await?;
        Ok(row.and_then(SubscriptionRow::read))
    }

    /// All that were confirmed and work.
    pub async fn subscriptions(&self) -> Result<Vec<Subscription>, StoreError> {
        let sql = sqlx::AssertSqlSafe(format!(
            "{SUBSCRIPTION} WHERE confirmed_at IS NOT NULL AND off_at IS NULL ORDER BY id"
        ));
        let rows: Vec<SubscriptionRow> = in_time(query_as(sql).fetch_all(&self.shared.pool)).await?;
        Ok(rows.into_iter().filter_map(SubscriptionRow::read).collect())
    }

    /// How many each page has: by mail, by webhook, switched off.
    pub async fn count_subscriptions(&self) -> Result<BTreeMap<StatusPageId, [i64; 3]>, StoreError> {
        let rows = query_as::<_, (String, i64, i64, i64)>(
            "SELECT page,
                CAST(SUM(CASE WHEN kind = 'email' AND off_at IS NULL THEN 1 ELSE 0 END) AS BIGINT),
                CAST(SUM(CASE WHEN kind = 'webhook' AND off_at IS NULL THEN 1 ELSE 0 END) AS BIGINT),
                CAST(SUM(CASE WHEN off_at IS NOT NULL THEN 1 ELSE 0 END) AS BIGINT)
             FROM status_subscriptions WHERE confirmed_at IS NOT NULL GROUP BY page",
        );
        let rows = in_time(rows.fetch_all(&self.shared.pool)).await?;
        Ok(rows.into_iter().map(|(page, mails, hooks, off)| (StatusPageId(page), [mails, hooks, off])).collect())
    }

    /// They said yes. `false`: there is no such subscription.
    pub async fn confirm_subscription(&self, id: SubscriptionId, at: Timestamp) -> Result<bool, StoreError> {
        let confirm = query(
            "UPDATE status_subscriptions SET confirmed_at = COALESCE(confirmed_at, $2), failures = 0, off_at = NULL
             WHERE id = $1",
        );
        let done = in_time(confirm.bind(id.to_string()).bind(ms(at)).execute(&self.shared.pool)).await?;
        Ok(done.rows_affected() > 0)
    }

    /// They want to hear no more: everything about them is deleted.
    pub async fn remove_subscription(&self, id: SubscriptionId) -> Result<bool, StoreError> {
        let gone = query("DELETE FROM status_subscriptions WHERE id = $1").bind(id.to_string());
        let gone = in_time(gone.execute(&self.shared.pool)).await?.rows_affected() > 0;
        let deliveries = query("DELETE FROM status_deliveries WHERE owner = $1").bind(id.to_string());
        in_time(deliveries.execute(&self.shared.pool)).await?;
        Ok(gone)
    }

    /// A delivery came to its end. Too many in a row that came to nothing switch the subscription off: whether this one did.
    pub async fn subscription_told(
        &self,
        id: SubscriptionId,
        well: bool,
        most_failures: i64,
        at: Timestamp,
    ) -> Result<bool, StoreError> {
        let told = query_as::<_, (i64,)>(
            "UPDATE status_subscriptions
             SET failures = CASE WHEN $2 = 1 THEN 0 ELSE failures + 1 END,
                 off_at = CASE WHEN $2 = 0 AND failures + 1 >= $3 THEN $4 ELSE off_at END
             WHERE id = $1 RETURNING failures",
        )
        .bind(id.to_string())
        .bind(i64::from(well))
        .bind(most_failures)
        .bind(ms(at));
        let failures = in_time(told.fetch_optional(&self.shared.pool)).await?.map_or(0, |(failures,)| failures);
        Ok(!well && failures == most_failures)
    }

    /// Keeps a proof that is about to be mailed.
    pub async fn add_proof(&self, proof: &ProofRow) -> Result<(), StoreError> {
        let add = query(
            "INSERT INTO status_proofs (id, page, customer, address, language, expires_at)
             VALUES ($1, $2, $3, $4, $5, $6)",
        )
        .bind(proof.id.to_string())
        .bind(proof.page.0.clone())
        .bind(proof.customer.0.clone())
        .bind(proof.address.reveal().clone())
        .bind(proof.language.word())
        .bind(ms(proof.expires_at));
        in_time(add.execute(&self.shared.pool)).await.map(drop)
    }

    /// A proof that is still worth something.
    pub async fn proof(&self, id: Uuid, now: Timestamp) -> Result<Option<ProofRow>, StoreError> {
        let row = query_as(
            "SELECT id, page, customer, address, language, expires_at FROM status_proofs
             WHERE id = $1 AND expires_at > $2",
        );
        let row = in_time(row.bind(id.to_string()).bind(ms(now)).fetch_optional(&self.shared.pool)).await?;
        Ok(row.and_then(read_proof))
    }

    /// Uses a proof up: of two at once one gets it.
    pub async fn use_proof(&self, id: Uuid, now: Timestamp) -> Result<Option<ProofRow>, StoreError> {
        let row = query_as(
            "DELETE FROM status_proofs WHERE id = $1 AND expires_at > $2
             RETURNING id, page, customer, address, language, expires_at",
        );
        let row = in_time(row.bind(id.to_string()).bind(ms(now)).fetch_optional(&self.shared.pool)).await?;
        Ok(row.and_then(read_proof))
    }

    /// Plans deliveries; those whose key is known are known. How many are new.
    pub async fn plan_status(&self, planned: &[StatusDelivery], at: Timestamp) -> Result<u64, StoreError> {
        let mut new = 0;
        for one in planned {
            let add = query(
                "INSERT INTO status_deliveries (key, owner, what, due_at, tries, created_at, done_at)
                 VALUES ($1, $2, $3, $4, 0, $5, NULL) ON CONFLICT (key) DO NOTHING",
            )
            .bind(one.key.clone())
            .bind(one.owner.to_string())
            .bind(one.what.clone())
            .bind(ms(one.due_at))
            .bind(ms(at));
            new += in_time(add.execute(&self.shared.pool)).await?.rows_affected();
        }
        Ok(new)
    }

    /// The mails that are to be sent now, the longest due first.
    pub async fn status_letters_due(&self, now: Timestamp) -> Result<Vec<StatusDelivery>, StoreError> {
        let rows = query_as::<_, (String, String, String, i64, i64)>(
            "SELECT key, owner, what, due_at, tries FROM status_deliveries
             WHERE done_at IS NULL AND due_at <= $1
                 AND NOT EXISTS (SELECT 1 FROM status_subscriptions s WHERE s.id = owner AND s.kind = 'webhook')
             ORDER BY due_at, key LIMIT $2",
        );
        let rows = in_time(rows.bind(ms(now)).bind(LETTERS_MAX).fetch_all(&self.shared.pool)).await?;
        Ok(rows.into_iter().filter_map(delivery).collect())
    }

    /// The webhooks that are to be called now, each with its address; what was not tried yet before what is tried again.
    pub async fn status_hooks_due(&self, now: Timestamp) -> Result<Vec<(StatusDelivery, Private<String>)>, StoreError> {
        let rows = query_as::<_, (String, String, String, i64, i64, String)>(
            "SELECT d.key, d.owner, d.what, d.due_at, d.tries, s.address
             FROM status_deliveries d JOIN status_subscriptions s ON s.id = d.owner
             WHERE d.done_at IS NULL AND d.due_at <= $1 AND s.kind = 'webhook'
             ORDER BY d.tries, d.due_at, d.key LIMIT $2",
        );
        let rows = in_time(rows.bind(ms(now)).bind(HOOKS_MAX).fetch_all(&self.shared.pool)).await?;
        let read = |(key, owner, what, due_at, tries, address)| {
            Some((delivery((key, owner, what, due_at, tries))?, Private::new(address)))
        };
        Ok(rows.into_iter().filter_map(read).collect())
    }

    /// Takes one for sending; nobody else gets it before `again`. `false`: another node was faster.
    pub async fn take_status(&self, one: &StatusDelivery, again: Timestamp) -> Result<bool, StoreError> {
        let take = query(
            "UPDATE status_deliveries SET due_at = $3, tries = tries + 1
             WHERE key = $1 AND due_at = $2 AND done_at IS NULL",
        )
        .bind(one.key.clone())
        .bind(ms(one.due_at))
        .bind(ms(again));
        Ok(in_time(take.execute(&self.shared.pool)).await?.rows_affected() == 1)
    }

    /// It was sent, or never will be.
    pub async fn finish_status(&self, key: &str, at: Timestamp) -> Result<(), StoreError> {
        let done = query("UPDATE status_deliveries SET done_at = $2 WHERE key = $1").bind(key.to_owned()).bind(ms(at));
        in_time(done.execute(&self.shared.pool)).await.map(drop)
    }

    /// It is tried again then.
    pub async fn delay_status(&self, key: &str, until: Timestamp) -> Result<(), StoreError> {
        let delay = query("UPDATE status_deliveries SET due_at = $2 WHERE key = $1 AND done_at IS NULL")
            .bind(key.to_owned())
            .bind(ms(until));
        in_time(delay.execute(&self.shared.pool)).await.map(drop)
    }

    /// Forgets what is of no use any more: old deliveries, proofs that are too old, what was never confirmed, and everything about pages
    /// that were deleted.
    pub async fn tidy_status(&self, now: Timestamp) -> Result<(), StoreError> {
        let before = |age: SignedDuration| ms(now.checked_sub(age).unwrap_or(Timestamp::UNIX_EPOCH));
        for (sql, before) in [
            ("DELETE FROM status_deliveries WHERE done_at < $1", before(REMEMBERED)),
            ("DELETE FROM status_proofs WHERE expires_at < $1", ms(now)),
            ("DELETE FROM status_subscriptions WHERE confirmed_at IS NULL AND created_at < $1", before(UNCONFIRMED)),
            (
                "DELETE FROM status_subscriptions WHERE page IN
                    (SELECT id FROM documents WHERE kind = 'status_pages' AND deleted = 1 AND updated_at < $1)",
                ms(now),
            ),
            (
                "DELETE FROM status_deliveries WHERE created_at < $1
                    AND owner NOT IN (SELECT id FROM status_subscriptions)
                    AND owner NOT IN (SELECT id FROM status_proofs)",
                before(SignedDuration::from_mins(1)),
            ),
        ] {
            in_time(query(sql).bind(before).execute(&self.shared.pool)).await?;
        }
        Ok(())
    }

    /// What was told at the last run, from the data folder: for a start without the database.
    pub fn cached_incidents(&self) -> Option<Told> {
        let text = std::fs::read(self.incidents_file()).ok()?;
        let (bodies, since, lessons): (Vec<String>, BTreeMap<String, i64>, Vec<LessonRecord>) =
            serde_json::from_slice(&text)
                .inspect_err(|_| {
                    tracing::warn!("the copy of the incidents in the data folder can't be read; it is left aside");
                })
                .ok()?;
        let lesson = |(incident, id, at, language, text): LessonRecord| {
            (IncidentId(incident), Published { id: PostmortemId(id), at: of_ms(at), language, text })
        };
        Some(Told {
            incidents: bodies.iter().filter_map(|body| record_incident::decode(body).ok()).collect(),
            since: since.into_iter().map(|(id, at)| (ServiceId(id), of_ms(at))).collect(),
            lessons: lessons.into_iter().map(lesson).collect(),
        })
    }

    /// Puts a copy into the data folder. Blocking.
    pub fn cache_incidents(&self, told: &Told) -> Result<(), StoreError> {
        let bodies: Vec<String> = told.incidents.iter().map(record_incident::encode).collect();
        let since: BTreeMap<&str, i64> = told.since.iter().map(|(id, at)| (id.0.as_str(), ms(*at))).collect();
        let lesson = |(incident, one): (&IncidentId, &Published)| -> LessonRecord {
            (incident.0, one.id.0, ms(one.at), one.language.clone(), one.text.clone())
        };
        let lessons: Vec<LessonRecord> = told.lessons.iter().map(lesson).collect();
        let text =
            serde_json::to_vec(&(bodies, since, lessons)).map_err(|error| StoreError::Journal(error.to_string()))?;
        super::disk::replace(&self.incidents_file(), &text).map_err(|error| {
            StoreError::Journal(super::disk::plain("the copy of the incidents can't be written", &error))
        })
    }

    fn incidents_file(&self) -> PathBuf {
        self.shared.recordings.data_dir().join(FILE)
    }
}

type ProofColumns = (String, String, String, String, String, i64);

fn read_proof((id, page, customer, address, language, expires_at): ProofColumns) -> Option<ProofRow> {
    Some(ProofRow {
        id: id.parse().ok()?,
        page: StatusPageId(page),
        customer: CustomerId(customer),
        address: address.into(),
        language: Tongue::from_word(&language).unwrap_or(Tongue::En),
        expires_at: of_ms(expires_at),
    })
}
