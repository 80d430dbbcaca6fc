//! What alerts start: signed webhooks and commands of the allow-list, by rule when an alert opens or by hand.
//!
//! A run is a row before it begins, so each trigger starts it once, whichever node does it. Cut off by a crash, a webhook is
//! sent again with the same delivery id; a command is not repeated, and the timeline says that nobody knows whether it was done.

mod command;

use std::sync::Arc;
use std::time::Duration;

use hotline_core::alert::{Alert, Change, Status};
use hotline_core::directory::{Action, ActionDeed, Directory};
use hotline_core::fact::{Actor, Fact};
use hotline_core::ids::{ActionId, AlertId, UserId};
use hotline_core::private::Private;
use jiff::{SignedDuration, Timestamp};
use parking_lot::Mutex;
use serde_json::json;
use tokio::sync::{Notify, Semaphore};

use super::Switch;
use crate::clock::now;
use crate::notify::SendError;
use crate::store::StoreError;
use crate::store::alerts::{Audited, Verdict};
use crate::store::intake::{ActionRunRow, ActionTried};

/// Runs at a time, on this node.
const AT_ONCE: usize = 8;
/// A run's lease is its time-out and this.
const MARGIN: Duration = Duration::from_mins(2);
/// Before the second try; doubled each time.
const AGAIN: Duration = Duration::from_secs(10);
/// Between two tries at most.
const AGAIN_MAX: Duration = Duration::from_mins(10);
/// So long it is tried to keep what came of a run.
const KEEP_TRIES: u32 = 30;
/// Opened alerts whose rules were not looked at yet; what does not fit is found by the job's own look.
const OPENED_MAX: usize = 10_000;

/// What waits for the job.
#[derive(Debug)]
pub(super) struct Actions {
    opened: Mutex<Vec<AlertId>>,
    work: Notify,
    places: Arc<Semaphore>,
}

impl Default for Actions {
    fn default() -> Self {
        Self { opened: Mutex::default(), work: Notify::new(), places: Arc::new(Semaphore::new(AT_ONCE)) }
    }
}

/// Why an action was not started.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ActionError {
    /// There is no such alert.
    #[error("no such alert")]
    UnknownAlert,
    /// There is no such action.
    #[error("no such action")]
    UnknownAction,
    /// The database is away.
    #[error("it can't be kept at the moment: {0}")]
    NotKept(String),
}

/// How a try went.
enum Tried {
    Done(String),
    Failed { output: String, again: bool, after: Option<Duration> },
}

impl Switch {
    /// Alerts were opened: their rules are looked at soon.
    pub(super) fn opened(&self, alerts: Vec<AlertId>) {
        if alerts.is_empty() || !has_rules(&self.directory()) {
            return;
        }
        let mut opened = self.0.actions.opened.lock();
        let room = OPENED_MAX.saturating_sub(opened.len());
        opened.extend(alerts.into_iter().take(room));
        drop(opened);
        self.0.actions.work.notify_one();
    }

    /// Starts it by hand; returns when that is durable: the run's id, and whether it is a new one (`once`: a key by which the same
    /// wish is known again).
    pub async fn start_action(
        &self,
        alert: AlertId,
        action: &ActionId,
        by: &Actor,
        once: Option<&str>,
    ) -> Result<(String, bool), ActionError> {
        let directory = self.directory();
        let known = directory.actions.get(action).ok_or(ActionError::UnknownAction)?;
        let not_kept = |error: StoreError| ActionError::NotKept(error.to_string());
        self.0.store.alert_state(alert).await.map_err(not_kept)?.ok_or(ActionError::UnknownAlert)?;
        let once = once.map_or_else(|| hex::encode(rand::random::<[u8; 8]>()), str::to_owned);
        let key = format!("{alert}/{action}/{}/{once}", word_of(by));
        let asked = self.ask(&key, known, alert, by).await.map_err(not_kept)?;
        self.0.actions.work.notify_one();
        Ok(asked)
    }

    async fn ask(&self, key: &str, action: &Action, alert: AlertId, by: &Actor) -> Result<(String, bool), StoreError> {
        let repeatable = matches!(action.deed, ActionDeed::Webhook(_));
        self.0.store.ask_action(key, &action.id, alert, &word_of(by), repeatable, now().wall).await
    }

    /// Returns when there may be something to do.
    pub async fn until_actions(&self) {
        self.0.actions.work.notified().await;
    }

    /// At the start: what this node was at when it stopped is not going on any more.
    pub async fn end_own_actions(&self) -> Result<(), StoreError> {
        self.0.store.lapse_own_actions(&self.0.node).await.map(drop)
    }

    /// Rules of alerts that were opened, here or (`found`) as the job saw it; asked twice it is the same run.
    pub async fn apply_rules(&self, found: Vec<AlertId>) -> Result<(), StoreError> {
        let mut opened = std::mem::take(&mut *self.0.actions.opened.lock());
        opened.extend(found);
        let directory = self.directory();
        if !has_rules(&directory) {
            return Ok(());
        }
        opened.sort_unstable();
        opened.dedup();
        for (place, id) in opened.iter().enumerate() {
            if let Err(error) = self.apply_rules_to(*id, &directory).await {
                self.0.actions.opened.lock().extend(&opened[place..]);
                return Err(error);
            }
        }
        Ok(())
    }

    async fn apply_rules_to(&self, id: AlertId, directory: &Directory) -> Result<(), StoreError> {
        let Some(alert) = self.0.store.alert_state(id).await? else { return Ok(()) };
        let wanted =
            directory.actions.values().filter(|action| action.on.as_ref().is_some_and(|rule| rule.fits(&alert)));
        for action in wanted {
            self.ask(&format!("{id}/{}/opened", action.id), action, id, &Actor::System).await?;
        }
        Ok(())
    }

    /// Does what is due, each run in a task of its own, a few at a time.
    pub async fn run_actions(&self) -> Result<(), StoreError> {
        let (at, directory) = (now().wall, self.directory());
        for lapsed in self.0.store.lapsed_actions(at).await? {
            self.tell_lapsed(&lapsed).await;
        }
        let free = self.0.actions.places.available_permits();
        if free == 0 {
            return Ok(());
        }
        let longest = directory.actions.values().map(|action| action.timeout).max().unwrap_or_default();
        let due = self.0.store.claim_actions(&self.0.node, at, longest + MARGIN, free as u32).await?;
        for run in due {
            let Ok(place) = Arc::clone(&self.0.actions.places).acquire_owned().await else { continue };
            let switch = self.clone();
            self.0.tasks.spawn(async move {
                switch.run_action(run).await;
                drop(place);
                switch.0.actions.work.notify_one();
            });
        }
        Ok(())
    }

    async fn run_action(&self, run: ActionRunRow) {
        let directory = self.directory();
        let by = actor_of(&run.started_by);
        let Ok(alert) = run.alert_id.parse::<AlertId>() else { return };
        let Some(action) = directory.actions.get(&ActionId(run.action.clone())) else {
            return self.over(&run, alert, &by, "failed", "The action is not configured any more.", "").await;
        };
        let state = match self.0.store.alert_state(alert).await {
            Ok(Some(state)) => state,
            Ok(None) => return self.over(&run, alert, &by, "failed", "The alert is gone.", "").await,
            Err(error) => return self.later(&run, &error).await,
        };
        if by == Actor::System && state.status == Status::Resolved {
            let why = "The alert was resolved before the action began.";
            return self.over(&run, alert, &by, "skipped", why, why).await;
        }
        let tries = action.retries + 1;
        let why = match (&by, run.attempts) {
            (_, 2..) => format!("Try {} of {tries}.", run.attempts),
            (Actor::System, _) => format!("By the rule of action `{}`.", action.id),
            (Actor::Person(_) | Actor::Login(_) | Actor::Token(_), _) => String::new(),
        };
        let begun = Change::Action { action: action.id.clone(), by: by.clone(), ok: None, output: None };
        if let Err(error) = self.note(alert, begun, why, Some((&by, &run))).await {
            // What is not on the timeline is not done.
            return self.later(&run, &error).await;
        }
        match self.deed(action, &state, &run, &directory).await {
            Tried::Done(output) => self.over(&run, alert, &by, "done", &output, "").await,
            Tried::Failed { output, again: true, after } if run.attempts < i64::from(tries) => {
                let pause = after.unwrap_or(Duration::ZERO).max(back_off(run.attempts)).min(AGAIN_MAX);
                let at = now().wall + SignedDuration::try_from(pause).unwrap_or(SignedDuration::ZERO);
                let why = format!("Try {} of {tries} failed; again at {at:.0}.", run.attempts);
                self.finish(&run, &ActionTried::Again { at, output: output.clone() }).await;
                self.result(&run, alert, &by, false, &output, why).await;
            }
            Tried::Failed { output, .. } => self.over(&run, alert, &by, "failed", &output, "").await,
        }
    }

    async fn deed(&self, action: &Action, alert: &Alert, run: &ActionRunRow, directory: &Directory) -> Tried {
        match &action.deed {
            ActionDeed::Webhook(url) => {
                let body = self.body(action, alert, run, directory);
                let sent = self.0.notifier.post_signed(url.reveal(), &run.id, &body);
                match tokio::time::timeout(action.timeout.max(Duration::from_secs(1)), sent).await {
                    Ok(Ok(answer)) => Tried::Done(tail(&answer)),
                    Ok(Err(SendError::Later { reason, after })) => Tried::Failed { output: reason, again: true, after },
                    Ok(Err(SendError::Never(reason))) => Tried::Failed { output: reason, again: false, after: None },
                    Err(_) => Tried::Failed {
                        output: "The receiver did not answer in time.".to_owned(),
                        again: true,
                        after: None,
                    },
                }
            }
            ActionDeed::Command(argv) => {
                let ran = command::run(argv, &self.variables(action, alert, run, directory), action.timeout).await;
                if ran.ok {
                    Tried::Done(ran.output)
                } else {
                    Tried::Failed { output: ran.output, again: true, after: None }
                }
            }
        }
    }

    fn body(&self, action: &Action, alert: &Alert, run: &ActionRunRow, directory: &Directory) -> serde_json::Value {
        let customer = alert.customer.as_ref().and_then(|id| directory.customers.get(id));
        let service = alert.service.as_ref().and_then(|id| directory.services.get(id));
        json!({
            "event": "action", "delivery": run.id, "attempt": run.attempts, "started_by": run.started_by,
            "action": { "id": action.id.0, "name": action.name },
            "alert": {
                "id": alert.id.to_string(), "reference": alert.reference, "title": alert.title,
                "status": alert.status.word(), "priority": alert.priority.word(), "urgency": alert.urgency.word(),
                "customer": customer.map(|customer| json!({ "id": customer.id.0, "name": customer.name })),
                "service": service.map(|service| json!({ "id": service.id.0, "name": service.name })),
                "source": alert.source.as_ref().map(|id| &id.0), "dedup_key": alert.dedup_key, "events": alert.events,
                "opened_at": format!("{:.3}", alert.opened_at), "url": self.alert_url(alert),
            },
        })
    }

    fn variables(
        &self,
        action: &Action,
        alert: &Alert,
        run: &ActionRunRow,
        directory: &Directory,
    ) -> Vec<(String, String)> {
        let customer = alert.customer.as_ref().and_then(|id| directory.customers.get(id));
        let service = alert.service.as_ref().and_then(|id| directory.services.get(id));
        let text = |value: Option<&String>| value.cloned().unwrap_or_default();
        let all = [
            ("ACTION", action.id.0.clone()),
            ("ACTION_RUN", run.id.clone()),
            ("ALERT_ID", alert.id.to_string()),
            ("ALERT_REFERENCE", alert.reference.clone()),
            ("ALERT_TITLE", alert.title.clone()),
            ("ALERT_STATUS", alert.status.word().to_owned()),
            ("ALERT_PRIORITY", alert.priority.word().to_owned()),
            ("ALERT_CUSTOMER", text(alert.customer.as_ref().map(|id| &id.0))),
            ("ALERT_CUSTOMER_NAME", text(customer.map(|customer| &customer.name))),
            ("ALERT_SERVICE", text(alert.service.as_ref().map(|id| &id.0))),
            ("ALERT_SERVICE_NAME", text(service.map(|service| &service.name))),
            ("ALERT_SOURCE", text(alert.source.as_ref().map(|id| &id.0))),
            ("ALERT_DEDUP_KEY", text(alert.dedup_key.as_ref())),
            ("ALERT_URL", text(self.alert_url(alert).as_ref())),
        ];
        // A variable ends at a NUL, and none can hold one.
        all.into_iter().map(|(name, value)| (format!("HOTLINE_{name}"), value.replace('\0', " "))).collect()
    }

    fn alert_url(&self, alert: &Alert) -> Option<String> {
        self.0.public_url.as_ref().map(|base| format!("{}/alerts/{}", base.trim_end_matches('/'), alert.id))
    }

    async fn over(&self, run: &ActionRunRow, alert: AlertId, by: &Actor, state: &'static str, output: &str, why: &str) {
        self.finish(run, &ActionTried::Over { state, output: output.to_owned() }).await;
        self.result(run, alert, by, state == "done", output, why.to_owned()).await;
    }

    async fn result(&self, run: &ActionRunRow, alert: AlertId, by: &Actor, ok: bool, output: &str, why: String) {
        let output = (!output.is_empty()).then(|| Private::from(output));
        let change = Change::Action { action: ActionId(run.action.clone()), by: by.clone(), ok: Some(ok), output };
        for _ in 0..KEEP_TRIES {
            if self.note(alert, change.clone(), why.clone(), None).await.is_ok() {
                return;
            }
            tokio::time::sleep(Duration::from_secs(2)).await;
        }
        tracing::error!(%alert, action = %run.action, "what came of an action is not on the timeline: the database is away");
    }

    /// A run that was claimed, but not begun.
    async fn later(&self, run: &ActionRunRow, error: &StoreError) {
        tracing::warn!(%error, action = %run.action, "an action begins later: the database is away");
        let at = now().wall + SignedDuration::from_secs(5);
        self.finish(run, &ActionTried::Again { at, output: String::new() }).await;
    }

    /// While the database is away it is tried again; at last the lease ends by itself.
    async fn finish(&self, run: &ActionRunRow, tried: &ActionTried) {
        for _ in 0..KEEP_TRIES {
            if self.0.store.finish_action(&run.id, now().wall, tried).await.is_ok() {
                return;
            }
            tokio::time::sleep(Duration::from_secs(2)).await;
        }
    }

    async fn tell_lapsed(&self, run: &ActionRunRow) {
        let Ok(alert) = run.alert_id.parse::<AlertId>() else { return };
        let output = "Unknown whether it was done: the service stopped in the middle of it. It is not repeated; look at the system, and start it again by hand if needed.";
        self.result(run, alert, &actor_of(&run.started_by), false, output, "Unknown, not repeated.".to_owned()).await;
    }

    /// On the timeline, and where it begins into the audit chain.
    async fn note(
        &self,
        alert: AlertId,
        change: Change,
        why: String,
        begun: Option<(&Actor, &ActionRunRow)>,
    ) -> Result<(), StoreError> {
        let audit: Vec<Audited> = begun
            .map(|(by, run)| Audited {
                actor: by.shown(),
                action: "action.start".to_owned(),
                object: format!("alert:{alert}"),
                detail: json!({ "action": run.action, "run": run.id, "attempt": run.attempts }).to_string(),
                personal: Vec::new(),
            })
            .into_iter()
            .collect();
        let fact = Fact::Alert(change);
        let decide = |_: &Alert| -> Result<Verdict, std::convert::Infallible> {
            Ok(Verdict { facts: vec![(fact.clone(), why.clone())], audit: audit.clone(), ..Verdict::default() })
        };
        self.0.store.change_alert(alert, now().wall, decide).await?;
        self.tell(super::Change::Alert(alert));
        Ok(())
    }
}

fn has_rules(directory: &Directory) -> bool {
    directory.actions.values().any(|action| action.on.is_some())
}

fn back_off(attempt: i64) -> Duration {
    AGAIN.saturating_mul(1 << (attempt - 1).clamp(0, 10)).min(AGAIN_MAX)
}

fn tail(text: &str) -> String {
    let over = text.chars().count().saturating_sub(command::OUTPUT_MAX);
    text.chars().skip(over).collect()
}

/// As the row keeps who started it.
fn word_of(by: &Actor) -> String {
    match by {
        Actor::Person(user) => format!("person:{user}"),
        Actor::Login(name) => format!("login:{name}"),
        Actor::Token(name) => format!("token:{name}"),
        Actor::System => "system".to_owned(),
    }
}

fn actor_of(word: &str) -> Actor {
    match word.split_once(':') {
        Some(("person", user)) => Actor::Person(UserId::from(user)),
        Some(("login", name)) => Actor::Login(name.to_owned()),
        Some(("token", name)) => Actor::Token(name.to_owned()),
        Some(_) | None => Actor::System,
    }
}

/// After a start, alerts opened since then that have no run yet start their actions; what is older is history.
const FOUND_SINCE: SignedDuration = SignedDuration::from_mins(15);

/// What the job has seen of the alerts that were opened: everything up to there.
#[derive(Debug, Clone)]
pub struct Seen {
    from: Timestamp,
    known: std::collections::HashSet<String>,
}

impl Seen {
    /// Begins a little before the start.
    pub fn new(now: Timestamp) -> Self {
        Self { from: now - FOUND_SINCE, known: std::collections::HashSet::new() }
    }
}

impl Switch {
    /// Alerts that were opened since the last look and that nobody told of: by calls, by other nodes, by a run before a crash.
    pub async fn find_opened(&self, seen: &mut Seen) -> Result<Vec<AlertId>, StoreError> {
        const PAGE: u32 = 500;
        /// Another node's clock may be behind, and its transaction not yet over.
        const OVERLAP: SignedDuration = SignedDuration::from_secs(20);
        if !has_rules(&self.directory()) {
            // A rule that comes later is for what comes later.
            *seen = Seen { from: now().wall, known: std::collections::HashSet::new() };
            return Ok(Vec::new());
        }
        let rows = self.0.store.opened_since(seen.from, PAGE).await?;
        let full = rows.len() == PAGE as usize;
        let last = rows.last().and_then(|(at, _)| Timestamp::from_millisecond(*at).ok());
        let new: Vec<AlertId> =
            rows.iter().filter(|(_, id)| seen.known.insert(id.clone())).filter_map(|(_, id)| id.parse().ok()).collect();
        let (settled, stuck) = (now().wall - OVERLAP, full && new.is_empty());
        if let Some(last) = last {
            // A page that is full and known: go on behind it, or it would be looked at for ever.
            let to = if full { last } else { last.min(settled) };
            if to > seen.from || stuck {
                seen.from = if stuck { last + SignedDuration::from_millis(1) } else { to };
                let kept: std::collections::HashSet<String> =
                    rows.iter().filter(|(at, _)| *at >= seen.from.as_millisecond()).map(|(_, id)| id.clone()).collect();
                seen.known = kept;
            }
        }
        Ok(new)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn actors_come_back_as_they_were() {
        for actor in
            [Actor::Person("ada".into()), Actor::Login("a:b".to_owned()), Actor::Token("ci".to_owned()), Actor::System]
        {
            assert_eq!(actor_of(&word_of(&actor)), actor);
        }
    }

    #[test]
    fn tries_are_further_and_further_apart() {
        assert_eq!([1, 2, 3, 40].map(back_off), [AGAIN, AGAIN * 2, AGAIN * 4, AGAIN_MAX]);
    }
}
