//! What a call asks of the house: open reports and alerts, people's words about them, a waiting caller to be joined
//! with, a phone that makes way. Answers come back to the call as events; nothing here decides.

use std::time::Duration;

use hotline_core::alert::{Command as Word, Urgency};
use hotline_core::call::Event;
use hotline_core::call::callback::callback;
use hotline_core::call::command::DialId;
use hotline_core::call::outside::{LineAlert, OpenReport};
use hotline_core::directory::{Destination, Language};
use hotline_core::fact::{Actor, Direction};
use hotline_core::ids::{AlertId, CallId, CustomerId, LegId};
use hotline_core::private::Private;
use tokio::sync::mpsc;

use super::{Outside, Switch};
use crate::store::OpenAlert;

/// The database has so long to name the open alerts; then the board does.
const LIST_WAIT: Duration = Duration::from_millis(1_500);
/// Keeping a person's word takes less than that.
const ORDER_WAIT: Duration = Duration::from_secs(5);
/// The voice has so long to speak what was never said before; what it can't is left out.
const VOICE_WAIT: Duration = Duration::from_secs(2);
/// Between two looks.
const LOOK: Duration = Duration::from_millis(50);
/// A phone that was hung up says "busy" for another moment.
const BREATH: Duration = Duration::from_millis(400);
/// A phone that makes way has so long to be free.
const WAY_WAIT: Duration = Duration::from_millis(1_500);
/// An engineer on the telephone hears at most so many.
const ALERTS_MAX: u32 = 50;

impl Switch {
    /// The caller's newest open report, from memory.
    pub(super) fn known_report(
        &self,
        call: CallId,
        caller: Option<&Private<String>>,
        customer: Option<&CustomerId>,
    ) -> Option<OpenReport> {
        self.0.board.lock().known_report(call, caller, customer)
    }

    /// Answers with the open alerts, their titles ready to be spoken.
    pub(super) fn list_alerts(&self, dial: DialId, language: Language, answer: mpsc::Sender<Event>) {
        let switch = self.clone();
        self.0.tasks.spawn(async move {
            let store = &switch.0.store;
            // Those of callers, and those of tools, heartbeats and people, which only the database knows.
            let both = async { tokio::try_join!(store.open_alerts(), store.open_alerts_without_call(ALERTS_MAX)) };
            let mut open = match tokio::time::timeout(LIST_WAIT, both).await {
                Ok(Ok((mut of_calls, others))) => {
                    of_calls.extend(others);
                    switch.0.board.lock().made_current(of_calls)
                }
                Ok(Err(_)) | Err(_) => switch.0.board.lock().open_alerts(),
            };
            open.sort_by_key(|alert| (alert.acknowledged, alert.priority, std::cmp::Reverse(alert.id)));
            open.truncate(ALERTS_MAX as usize);
            let alerts: Vec<LineAlert> = open.iter().map(|alert| switch.line_alert(alert)).collect();
            let names = alerts.iter().flat_map(|alert| [Some(alert.title.clone()), alert.runbook.clone()]).flatten();
            switch.make_ready(&language, names.collect()).await;
            // The call may be over by now.
            let _ = answer.send(Event::OpenAlertsFound { dial, alerts: Some(alerts) }).await;
        });
    }

    fn line_alert(&self, alert: &OpenAlert) -> LineAlert {
        let directory = self.directory();
        let customer = alert.customer.as_ref().and_then(|id| directory.customers.get(id));
        let caller = alert.caller.as_ref().map(|caller| caller.reveal().as_str());
        LineAlert {
            id: alert.id,
            reference: alert.reference.clone(),
            title: alert.title.clone(),
            priority: alert.priority,
            urgency: self.urgency_of(alert),
            customer: customer.map(|customer| customer.name.clone()),
            taken: alert.acknowledged,
            runbook: self.spoken_runbooks(&alert.title, None, alert.customer.as_ref(), None),
            opened: super::board::began(alert).unwrap_or_default(),
            recordings: alert.recordings.clone(),
            callback: match alert.call {
                Some(_) => callback(&directory, &alert.number, caller),
                None => Err("the alert does not come from a call".to_owned()),
            },
        }
    }

    fn urgency_of(&self, alert: &OpenAlert) -> Urgency {
        let (directory, at) = (self.directory(), crate::clock::now().wall);
        hotline_core::alert::urgency::urgency(alert.priority, alert.customer.as_ref(), None, &directory, at).0
    }

    /// Has the voice speak these, and waits a moment until it has.
    pub(super) async fn make_ready(&self, language: &Language, names: Vec<String>) {
        let prompts = &self.0.prompts;
        prompts.prepare(names.iter().map(|name| (language.clone(), name.clone())).collect());
        let ready = async {
            while names.iter().any(|name| prompts.name(language, name).is_none()) {
                tokio::time::sleep(LOOK).await;
            }
        };
        let _in_time = tokio::time::timeout(VOICE_WAIT, ready).await;
    }

    /// Carries a person's word out and answers whether it is kept.
    pub(super) fn order(&self, dial: DialId, alert: AlertId, word: Word, by: Actor, answer: mpsc::Sender<Event>) {
        let switch = self.clone();
        self.0.tasks.spawn(async move {
            let kept = tokio::time::timeout(ORDER_WAIT, switch.command(alert, word, by)).await;
            match &kept {
                Ok(Ok(())) => {}
                Ok(Err(error)) => tracing::warn!(%alert, %error, "an engineer's word on the telephone was not kept"),
                Err(_) => tracing::warn!(%alert, "an engineer's word on the telephone took too long to be kept"),
            }
            // The call may be over by now.
            let _ = answer.send(Event::Ordered { dial, done: matches!(kept, Ok(Ok(()))) }).await;
        });
    }

    /// The first of these alerts whose caller waits for somebody now, and the way to that call.
    pub(super) fn waiting_caller(&self, alerts: &[AlertId]) -> Option<(AlertId, mpsc::Sender<Outside>)> {
        let calls = self.0.calls.lock();
        alerts.iter().find_map(|alert| {
            let waits = |view: &hotline_core::call::CallView| {
                view.alert == Some(*alert) && view.direction == Direction::Inbound && view.state == "calling"
            };
            let running = calls.values().find(|running| waits(&running.view))?;
            Some((*alert, running.inbox.clone()))
        })
    }

    /// Calls of our own that ring this phone without anybody having accepted end for a live caller. Whether there
    /// was one.
    pub(super) fn make_way(&self, destination: &Destination) -> bool {
        let mut found = false;
        for running in self.0.calls.lock().values() {
            if running.view.direction == Direction::Inbound || running.view.state != "calling" {
                continue;
            }
            for (leg, _) in running.rings.iter().filter(|(_, to)| to == destination) {
                found |= running.inbox.try_send(Outside::MakeWay(*leg)).is_ok();
            }
        }
        found
    }

    /// Says when the phone is free of our own calls, at the latest after a moment.
    pub(super) fn when_free(&self, leg: LegId, destination: Destination, ready: mpsc::Sender<(LegId, Destination)>) {
        let switch = self.clone();
        self.0.tasks.spawn(async move {
            let free = async {
                while switch.rings_for_us(&destination) {
                    tokio::time::sleep(LOOK).await;
                }
            };
            let _in_time = tokio::time::timeout(WAY_WAIT, free).await;
            tokio::time::sleep(BREATH).await;
            // The call may be over by now.
            let _ = ready.send((leg, destination)).await;
        });
    }

    fn rings_for_us(&self, destination: &Destination) -> bool {
        self.0.calls.lock().values().any(|running| {
            running.view.direction != Direction::Inbound && running.rings.iter().any(|(_, to)| to == destination)
        })
    }

    /// A periodic look at the database: alerts of other nodes, and what was done to ours elsewhere. `undrained`: facts
    /// of ours that the database does not have yet; then it can't be compared.
    pub fn see_open_alerts(&self, alerts: Vec<OpenAlert>, undrained: bool) {
        self.0.board.lock().see(alerts, undrained, crate::clock::now().wall);
    }
}
