//! How the promises of an alert stand now, for those who look.

use hotline_core::ids::AlertId;
use hotline_core::sla::{self, End, Pause};
use jiff::{SignedDuration, Timestamp};

use super::super::Switch;
use crate::clock::now;
use crate::store::StoreError;
use crate::store::clocks::{ClockRow, Subject};

/// The promises that an alert is under.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Promises {
    /// The customer is waited for since then.
    pub waiting_since: Option<Timestamp>,
    /// One for each promise.
    pub clocks: Vec<Standing>,
}

/// A promise as it stands.
#[derive(Debug, Clone, PartialEq)]
pub struct Standing {
    /// As it is kept.
    pub row: ClockRow,
    /// The contract's name.
    pub name: String,
    /// Counted time.
    pub elapsed: SignedDuration,
    /// Of its time, in hundredths.
    pub share: u32,
    /// When it is or was due; `None`: the customer is waited for.
    pub due_at: Option<Timestamp>,
    /// `running`, `paused`, `breached`, `kept`, `late`, `void`.
    pub state: &'static str,
}

impl Switch {
    /// The promises that an alert is under; empty: none.
    pub async fn promises(&self, alert: AlertId) -> Result<Promises, StoreError> {
        let (rows, pauses) = self.0.store.clocks(Subject::Alert, &alert.to_string()).await?;
        // Where all is over nobody is waited for any more.
        let open = rows.is_empty() || rows.iter().any(|row| row.measured.end.is_none());
        let waiting_since = pauses.iter().find(|pause| open && pause.to.is_none()).map(|pause| pause.from);
        let mut clocks = Vec::new();
        for row in rows {
            clocks.extend(self.standing(row, &pauses).await?);
        }
        Ok(Promises { waiting_since, clocks })
    }

    /// How a clock stands now; `None`: what it goes by is gone.
    pub(in crate::switch) async fn standing(
        &self,
        row: ClockRow,
        pauses: &[Pause],
    ) -> Result<Option<Standing>, StoreError> {
        let terms = self.terms(&row.measured.sla.0, row.measured.revision).await?;
        Ok(terms.map(|terms| {
            let clock = sla::standing(&row.measured, &terms, pauses, now().wall);
            Standing {
                name: terms.sla.name.clone(),
                elapsed: clock.elapsed,
                share: clock.share,
                due_at: clock.due_at,
                state: row.measured.end.map_or_else(|| clock.state.word(), End::word),
                row,
            }
        }))
    }
}
