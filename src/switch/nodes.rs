//! What other nodes of the same database do to alerts, brought to this node's board, calls and listeners.

use hotline_core::alert::Status;
use hotline_core::ids::AlertId;

use super::{Change, Switch};
use crate::store::Changed;

impl Switch {
    /// Another node changed something.
    pub async fn hear(&self, changed: Changed) {
        match changed {
            Changed::Alert(id) => {
                self.hear_of(id).await;
                self.tell(Change::Alert(id));
                self.wake_escalation();
                self.poke_delivery();
            }
            Changed::Call(id) => self.tell(Change::Call(id)),
            Changed::Incident(id) => self.hear_of_incident(id).await,
            // Whoever follows documents looks by itself.
            Changed::Directory => {}
            Changed::All => {
                let known: Vec<AlertId> = self.open_alert_list().into_iter().map(|alert| alert.id).collect();
                for id in known {
                    self.hear_of(id).await;
                    self.tell(Change::Alert(id));
                }
                if let Err(error) = self.reload_incidents().await {
                    tracing::warn!(%error, "the open incidents can't be read; tried again soon");
                }
                self.tell(Change::Health);
                self.wake_escalation();
                self.poke_delivery();
            }
        }
    }

    /// The board learns where an alert stands, so that nobody is rung without the database about what another node's people
    /// have; calls about it are told.
    async fn hear_of(&self, id: AlertId) {
        // What this node's journal still has to bring is newer.
        if self.open_alert(id).is_none() || self.0.journal.health().undrained > 0 {
            return;
        }
        let Ok(Some(alert)) = self.0.store.alert_state(id).await else { return };
        self.0.board.lock().set(id, alert.status, alert.progress.due);
        if alert.status != Status::Triggered {
            self.tell_calls_of(id);
        }
    }
}
