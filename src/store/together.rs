//! Many alerts decided on in one transaction: each for itself, all kept together.

use hotline_core::alert::Alert;
use hotline_core::ids::AlertId;
use jiff::Timestamp;

use super::alerts::{Verdict, keep};
use super::writer::{Tries, WriteError, in_time};
use super::{Store, StoreError, alert_rows};

impl Store {
    /// Like [`Store::change_alert`] for each of them, in one durable transaction: one look-up, one commit. What came of each that
    /// was found, in the order of their ids; who is being worked on elsewhere (another node, an event's batch) is left out and is
    /// as due as before. An `Err` of `decide` keeps nothing of that alert. `Err`: nothing of any was kept.
    ///
    /// One that can't be read spoils the others; [`Store::change_alert`] asks for each by itself.
    pub async fn change_alerts<E: Send>(
        &self,
        ids: &[AlertId],
        at: Timestamp,
        decide: impl Fn(&Alert) -> Result<Verdict, E> + Send + Sync,
    ) -> Result<Vec<(AlertId, Result<Alert, E>)>, StoreError> {
        if ids.is_empty() {
            return Ok(Vec::new());
        }
        let mut tries = Tries::default();
        in_time(async {
            loop {
                match self.change_all_once(ids, at, &decide).await {
                    Ok(changed) => return Ok(changed),
                    Err(error) => tries.again(error).await?,
                }
            }
        })
        .await
    }

    async fn change_all_once<E: Send>(
        &self,
        ids: &[AlertId],
        at: Timestamp,
        decide: &(impl Fn(&Alert) -> Result<Verdict, E> + Send + Sync),
    ) -> Result<Vec<(AlertId, Result<Alert, E>)>, WriteError> {
        let inner = &*self.shared;
        let mut writer = inner.writers.writer().await?;
        let mut transaction = writer.begin().await?;
        let mut records = alert_rows::locked_free(&mut transaction, &inner.engine, ids).await?;
        let mut refused = Vec::with_capacity(records.len());
        let mut verdicts = Vec::with_capacity(records.len());
        for record in &mut records {
            match decide(&record.alert) {
                Ok(verdict) if verdict.is_empty() => refused.push(None),
                Ok(verdict) => {
                    refused.push(None);
                    verdicts.push((record, verdict));
                }
                Err(refusal) => refused.push(Some(refusal)),
            }
        }
        keep(&mut transaction, inner, verdicts, at).await?;
        transaction.commit().await?;
        writer.keep();
        let of_each = records.into_iter().zip(refused);
        Ok(of_each.map(|(record, refused)| (record.alert.id, refused.map_or(Ok(record.alert), Err))).collect())
    }
}
