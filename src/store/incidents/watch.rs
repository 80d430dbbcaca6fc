//! An incident with the clocks of its promises, each touched customer's own: looked at and kept in one transaction.

use hotline_core::ids::IncidentId;
use hotline_core::incident::Incident;
use hotline_core::sla::Pause;
use jiff::Timestamp;
use sqlx::{AssertSqlSafe, query, query_as, query_scalar};

use super::{IncidentVerdict, Kept, ROW, keep, update};
use crate::store::clocks::{self, ClockRow, Subject};
use crate::store::pages;
use crate::store::writer::{Tries, WriteError, in_time};
use crate::store::{Store, StoreError};

/// What was decided about an incident's promises.
#[derive(Debug, Default)]
pub struct WatchedIncident {
    /// Clocks as they are now, those that changed and new ones.
    pub clocks: Vec<ClockRow>,
    /// What goes on the timeline, and who is told; `None`: nothing.
    pub verdict: Option<IncidentVerdict>,
    /// These customers (by [`clock_id`]) are waited for from now on (true), or not any more.
    pub waiting: Vec<(String, bool)>,
}

/// The id under which the clocks of an incident's customer stand.
pub fn clock_id(incident: IncidentId, customer: &str) -> String {
    format!("{incident}/{customer}")
}

impl Store {
    /// The clocks of an incident, all customers' together, and when each customer (by [`clock_id`]) was waited for.
    pub async fn incident_clocks(&self, id: IncidentId) -> Result<(Vec<ClockRow>, Vec<(String, Pause)>), StoreError> {
        pages::in_time(async {
            let mut connection = self.shared.pool.acquire().await?;
            let clocks = clocks::clocks_below(&mut connection, Subject::Incident, &id.to_string()).await?;
            let pauses = clocks::pauses_below(&mut connection, Subject::Incident, &id.to_string()).await?;
            Ok((clocks, pauses))
        })
        .await
    }

    /// Incidents that have a clock which has not ended.
    pub async fn incidents_under_clocks(&self) -> Result<Vec<IncidentId>, StoreError> {
        let asked = query_scalar::<_, String>(
            "SELECT DISTINCT substr(id, 1, 36) FROM sla_clocks WHERE subject = 'incident' AND ended IS NULL",
        );
        let ids = pages::in_time(asked.fetch_all(&self.shared.pool)).await?;
        Ok(ids.iter().filter_map(|id| id.parse().ok()).collect())
    }

    /// Loads an incident with its clocks (locked against others), asks `decide`, and keeps what it says. `Ok(None)`: no such incident. `decide`
    /// may run more than once.
    pub async fn watch_incident(
        &self,
        id: IncidentId,
        at: Timestamp,
        decide: impl Fn(&Incident, &[ClockRow], &[(String, Pause)]) -> WatchedIncident + Send + Sync,
    ) -> Result<Option<Incident>, StoreError> {
        let mut tries = Tries::default();
        in_time(async {
            loop {
                match self.watch_incident_once(id, at, &decide).await {
                    Ok(watched) => return Ok(watched),
                    Err(error) => tries.again(error).await?,
                }
            }
        })
        .await
    }

    async fn watch_incident_once(
        &self,
        id: IncidentId,
        at: Timestamp,
        decide: &(impl Fn(&Incident, &[ClockRow], &[(String, Pause)]) -> WatchedIncident + Send + Sync),
    ) -> Result<Option<Incident>, WriteError> {
        let inner = &*self.shared;
        let mut writer = inner.writers.writer().await?;
        let mut transaction = writer.begin().await?;
        let sql = AssertSqlSafe(format!("{ROW} WHERE id = $1{}", inner.engine.for_update()));
        let row: Option<Kept> = query_as(sql).bind(id.to_string()).fetch_optional(&mut *transaction).await?;
        let mut found = None;
        if let Some(row) = row {
            let before = row.incident().map_err(|error| sqlx::Error::Decode(error.to_string().into()))?;
            let known = clocks::clocks_below(&mut transaction, Subject::Incident, &id.to_string()).await?;
            let pauses = clocks::pauses_below(&mut transaction, Subject::Incident, &id.to_string()).await?;
            let watched = decide(&before, &known, &pauses);
            for (whose, waits) in &watched.waiting {
                clocks::wait(&mut transaction, Subject::Incident, whose, *waits, at).await?;
            }
            for clock in &watched.clocks {
                clocks::put(&mut transaction, Subject::Incident, clock).await?;
            }
            found = Some(match watched.verdict {
                Some(mut verdict) => {
                    verdict.incident.version = before.version + 1;
                    update(&mut transaction, &verdict.incident).await?;
                    keep(&mut transaction, inner, &verdict, at).await?;
                    verdict.incident
                }
                None => before,
            });
        } else {
            // Whatever it was about is gone.
            query("UPDATE sla_clocks SET ended = 'void' WHERE subject = 'incident' AND ended IS NULL AND substr(id, 1, 36) = $1")
                .bind(id.to_string())
                .execute(&mut *transaction)
                .await?;
        }
        transaction.commit().await?;
        writer.keep();
        Ok(found)
    }
}
