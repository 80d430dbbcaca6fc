//! Numbers of callers' calls where several nodes share a database: each node reserves a block ahead, so that a call waits for
//! nothing and no two calls get the same number. Without the database a block lasts for a while.

use std::collections::VecDeque;
use std::sync::Arc;

use parking_lot::Mutex;
use sqlx::{Connection, Row, query};
use tokio::sync::Notify;

use super::engine::{Engine, back_off};
use super::recover::{REFERENCE_FIRST, REFERENCE_LAST};

/// Reserved at a time; what a stop leaves unused is lost, which does no harm.
const BLOCK: u32 = 200;
/// With fewer left, more are reserved.
const LOW: usize = 150;

/// The numbers reserved by this node.
#[derive(Debug)]
pub(super) struct CallReferences {
    free: Mutex<VecDeque<u32>>,
    /// The last number given out before there were reservations.
    before: u32,
    wanted: Notify,
}

impl CallReferences {
    /// None is reserved yet.
    pub fn after(last: u32) -> Arc<Self> {
        let before = last.max(REFERENCE_FIRST - 1);
        Arc::new(Self { free: Mutex::default(), before, wanted: Notify::new() })
    }

    /// The next number; `None`: the database was away for too long.
    pub fn take(&self) -> Option<u32> {
        let mut free = self.free.lock();
        let next = free.pop_front();
        if free.len() < LOW {
            self.wanted.notify_one();
        }
        next
    }

    /// Another block.
    pub async fn reserve(&self, engine: &Engine) -> Result<(), sqlx::Error> {
        let mut connection = engine.connect_writer().await?;
        let row = query(
            "UPDATE counters SET value = CASE WHEN value = 0 AND $4 + $1 <= $2 THEN $4 + $1
                                              WHEN value = 0 OR value + $1 > $2 THEN $3 + $1
                                              ELSE value + $1 END
             WHERE name = 'call_reference' RETURNING value",
        )
        .bind(i64::from(BLOCK))
        .bind(i64::from(REFERENCE_LAST))
        .bind(i64::from(REFERENCE_FIRST - 1))
        .bind(i64::from(self.before))
        .fetch_one(&mut connection)
        .await?;
        let last: i64 = row.try_get(0)?;
        let last = u32::try_from(last).map_err(|error| sqlx::Error::Decode(Box::new(error)))?;
        self.free.lock().extend(last - BLOCK + 1..=last);
        // It is committed; how the connection ends does not matter.
        let _ = connection.close().await;
        Ok(())
    }

    /// Reserves more whenever few are left; for ever.
    pub async fn keep_ready(self: Arc<Self>, engine: Engine) {
        let mut failures = 0;
        loop {
            if self.free.lock().len() >= LOW {
                self.wanted.notified().await;
            } else if self.reserve(&engine).await.is_ok() {
                failures = 0;
            } else {
                failures += 1;
                tokio::time::sleep(back_off(failures)).await;
            }
        }
    }
}
