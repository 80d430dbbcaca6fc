//! Answers to deliveries. Those that wait at the same time are one transaction: each by itself would take a turn of the writer
//! that its events have just had.

use std::time::Duration;

use hotline_core::ids::SourceId;
use jiff::Timestamp;
use parking_lot::Mutex;
use sqlx::{query, query_as};
use tokio::sync::oneshot;

use super::bulk::{self, Cell};
use super::pages::in_time;
use super::writer::{self, Tries, WriteError};
use super::{Store, StoreError};

/// Answers to deliveries are kept so long.
const KEPT: Duration = Duration::from_hours(24);
/// Deliveries of one transaction.
const BATCH: usize = 500;

const INSERT: &str = "INSERT INTO deliveries (source, delivery, at, answer)";

/// What waits for the next transaction.
#[derive(Debug, Default)]
pub(super) struct Group {
    waiting: Mutex<Vec<Answered>>,
    turn: tokio::sync::Mutex<()>,
}

#[derive(Debug)]
struct Answered {
    rows: Vec<Vec<Cell>>,
    kept: oneshot::Sender<Result<(), StoreError>>,
}

impl Store {
    /// The answer that this delivery got.
    pub async fn delivery_answer(&self, source: &SourceId, delivery: &str) -> Result<Option<String>, StoreError> {
        let row: Option<(String,)> = in_time(
            query_as("SELECT answer FROM deliveries WHERE source = $1 AND delivery = $2")
                .bind(source.0.clone())
                .bind(delivery.to_owned())
                .fetch_optional(&self.shared.pool),
        )
        .await?;
        Ok(row.map(|(answer,)| answer))
    }

    /// Remembers the answer under each of the delivery's names; the first one counts. Durable when it returns.
    pub async fn keep_delivery(
        &self,
        source: &SourceId,
        deliveries: &[String],
        answer: &str,
        at: Timestamp,
    ) -> Result<(), StoreError> {
        let row = |delivery: &String| {
            vec![
                Cell::Text(source.0.clone()),
                Cell::Text(delivery.clone()),
                Cell::Int(at.as_millisecond()),
                Cell::Text(answer.to_owned()),
            ]
        };
        let group = &self.shared.deliveries;
        let (kept, mut asked) = oneshot::channel();
        group.waiting.lock().push(Answered { rows: deliveries.iter().map(row).collect(), kept });
        loop {
            // Whoever has the turn keeps what waits, its own and the others'.
            let _turn = tokio::select! {
                biased;
                kept = &mut asked => return kept.unwrap_or(Err(StoreError::Timeout)),
                turn = group.turn.lock() => turn,
            };
            let mut batch: Vec<Answered> = {
                let mut waiting = group.waiting.lock();
                let count = waiting.len().min(BATCH);
                waiting.drain(..count).collect()
            };
            let rows = batch.iter_mut().flat_map(|answered| std::mem::take(&mut answered.rows)).collect();
            let done = self.keep_answers(rows).await;
            for answered in batch {
                // Who asked may have gone away.
                let _ = answered.kept.send(done.clone());
            }
        }
    }

    async fn keep_answers(&self, rows: Vec<Vec<Cell>>) -> Result<(), StoreError> {
        let mut tries = Tries::default();
        writer::in_time(async {
            loop {
                match self.keep_answers_once(rows.clone()).await {
                    Ok(()) => return Ok(()),
                    Err(error) => tries.again(error).await?,
                }
            }
        })
        .await
    }

    async fn keep_answers_once(&self, rows: Vec<Vec<Cell>>) -> Result<(), WriteError> {
        let mut writer = self.shared.writers.writer().await?;
        let mut transaction = writer.begin().await?;
        bulk::values(&mut transaction, INSERT, 4, " ON CONFLICT (source, delivery) DO NOTHING", rows).await?;
        transaction.commit().await?;
        writer.keep();
        Ok(())
    }

    /// Forgets the answers of yesterday.
    pub async fn forget_deliveries(&self, at: Timestamp) -> Result<u64, StoreError> {
        let before = at.as_millisecond() - KEPT.as_millis() as i64;
        self.done(|| query("DELETE FROM deliveries WHERE at < $1").bind(before)).await
    }
}
