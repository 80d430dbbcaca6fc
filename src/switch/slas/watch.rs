//! The clocks of open alerts: begun, looked at when something may have to be said, ended. What is said is kept with the clock in one
//! transaction, so it is said once, whoever looks, on however many nodes.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use hotline_core::alert::change::PromiseWord;
use hotline_core::alert::command::Facts;
use hotline_core::alert::{Change, Status};
use hotline_core::escalation::{beside, span};
use hotline_core::fact::{Actor, Fact};
use hotline_core::ids::{AlertId, CustomerId, ServiceId, UserId};
use hotline_core::sla::{self, Look, Measured, Terms};
use jiff::Timestamp;
use parking_lot::Mutex;

use super::super::commands::audited;
use super::super::{Change as Told, Switch};
use super::say::words;
use crate::clock::now;
use crate::store::StoreError;
use crate::store::clocks::{ClockRow, Subject, UnderWatch, UnseenAlert, Watched};

/// Alerts of one look.
const BATCH: u32 = 200;
/// Alerts of one transaction: the next events wait for no longer than these take.
const TOGETHER: usize = 8;

/// Why somebody's word about waiting was not kept.
#[derive(Debug, thiserror::Error)]
pub enum WaitingError {
    /// There is no such alert.
    #[error("no such alert")]
    Unknown,
    /// It is over.
    #[error("the alert is resolved; nothing is waited for")]
    Resolved,
    /// Not now.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// The contracts by which clocks begin.
type Beginnings = HashMap<AlertId, Arc<Terms>>;

/// The revisions that a look may need.
type Known = HashMap<(String, u32), Arc<Terms>>;

impl Switch {
    /// Begins the clocks of alerts that nobody has looked at yet, and looks at those that are due. How many alerts were looked at.
    pub async fn watch_promises(&self) -> Result<usize, StoreError> {
        self.keep_contracts("the configuration").await?;
        // Without a contract nothing was promised to anybody.
        let Some(since) = self.0.store.first_contract().await? else { return Ok(0) };
        let unseen = self.0.store.unseen_alerts(since, BATCH).await?;
        let mut looked = unseen.len();
        let (mut without, mut begins) = (Vec::new(), Beginnings::new());
        for alert in unseen {
            match self.terms_for(&alert).await? {
                Some(terms) => drop(begins.insert(alert.id, terms)),
                None => without.push(alert.id),
            }
        }
        self.0.store.pass_over(without).await?;
        let due = self.0.store.due_clocks(now().wall, BATCH).await?;
        looked += due.len();
        let all: Vec<AlertId> = begins.keys().copied().chain(due).collect();
        for some in all.chunks(TOGETHER) {
            self.watch(some, &begins).await?;
        }
        self.watch_incident_promises().await?;
        Ok(looked)
    }

    /// The contract that held when the alert was opened.
    async fn terms_for(&self, alert: &UnseenAlert) -> Result<Option<Arc<Terms>>, StoreError> {
        let Some(customer) = alert.customer.clone().map(CustomerId) else { return Ok(None) };
        let directory = self.directory();
        let service = alert.service.clone().map(ServiceId);
        let Some(sla) = sla::contract(&directory, &customer, service.as_ref()) else { return Ok(None) };
        self.terms_at(&sla.id.0, alert.opened_at).await
    }

    /// Looks at the promises of alerts; `begins`: by these contracts, where they have none yet.
    async fn watch(&self, ids: &[AlertId], begins: &Beginnings) -> Result<(), StoreError> {
        let at = now().wall;
        let mut known = Known::new();
        for id in ids.iter().filter(|id| !begins.contains_key(id)) {
            known.extend(self.known(*id).await?);
        }
        let told: Mutex<HashMap<AlertId, Facts>> = Mutex::default();
        let decide = |seen: &UnderWatch<'_>| {
            let asked = || self.looked(seen, begins.get(&seen.alert.id).map(|terms| &**terms), &known, at);
            let watched = super::super::guarded("looking at a promise", asked).unwrap_or_default();
            told.lock().insert(seen.alert.id, watched.facts.clone());
            watched
        };
        let alerts = self.0.store.watch_alerts(ids, at, decide).await?;
        let told = told.into_inner();
        for alert in alerts.iter().filter(|alert| told.get(&alert.id).is_some_and(|facts| !facts.is_empty())) {
            self.tell_promises(alert.id);
        }
        Ok(())
    }

    /// What the clocks of this alert go by.
    async fn known(&self, id: AlertId) -> Result<Known, StoreError> {
        let (clocks, _) = self.0.store.clocks(Subject::Alert, &id.to_string()).await?;
        let mut known = Known::new();
        for row in clocks {
            let (sla, revision) = (row.measured.sla.0, row.measured.revision);
            if let Some(terms) = self.terms(&sla, revision).await? {
                known.insert((sla, revision), terms);
            }
        }
        Ok(known)
    }

    fn looked(&self, seen: &UnderWatch<'_>, begins: Option<&Terms>, known: &Known, at: Timestamp) -> Watched {
        let mut watched = Watched::default();
        let subject = subject(seen);
        for row in seen.clocks.iter().filter(|row| row.measured.end.is_none()) {
            let key = (row.measured.sla.0.clone(), row.measured.revision);
            let Some(terms) = known.get(&key) else { continue };
            let look = sla::look(&row.measured, terms, &subject, seen.pauses, at);
            self.keep_look(&mut watched, seen, &look, terms, &row.customer, at);
        }
        if let (Some(terms), true) = (begins, seen.clocks.is_empty()) {
            for measured in sla::promised(terms, seen.alert.priority, seen.alert.opened_at) {
                let clock = sla::standing(&measured, terms, seen.pauses, at);
                add(&mut watched, seen, &measured, PromiseWord::Runs, clock.share, clock.due_at, terms);
                let look = sla::look(&measured, terms, &subject, seen.pauses, at);
                self.keep_look(&mut watched, seen, &look, terms, &terms.sla.customer.0, at);
            }
        }
        watched
    }

    fn keep_look(
        &self,
        watched: &mut Watched,
        seen: &UnderWatch<'_>,
        look: &Look,
        terms: &Terms,
        customer: &str,
        at: Timestamp,
    ) {
        let Look { measured, clock, said, look_at } = look;
        for word in said {
            let share = if *word == PromiseWord::Warned { measured.warned } else { clock.share };
            let due = if *word == PromiseWord::Breached { measured.breached } else { clock.due_at };
            add(watched, seen, measured, *word, share, due, terms);
            if matches!(word, PromiseWord::Warned | PromiseWord::Breached) && seen.alert.status != Status::Resolved {
                self.tell_people(watched, seen, measured, *word, due, at);
            }
        }
        watched.clocks.push(ClockRow {
            id: seen.alert.id.to_string(),
            customer: customer.to_owned(),
            service: seen.alert.service.as_ref().map(|service| service.0.clone()),
            measured: measured.clone(),
            due_at: clock.due_at,
            look_at: *look_at,
            elapsed: clock.elapsed,
        });
    }

    fn tell_people(
        &self,
        watched: &mut Watched,
        seen: &UnderWatch<'_>,
        measured: &Measured,
        word: PromiseWord,
        due: Option<Timestamp>,
        at: Timestamp,
    ) {
        let (directory, reach) = (self.directory(), self.reaches());
        let about = match word {
            PromiseWord::Breached => format!("sla/{}/breached", measured.promise.word()),
            PromiseWord::Runs
            | PromiseWord::Changed
            | PromiseWord::Warned
            | PromiseWord::Kept
            | PromiseWord::Late
            | PromiseWord::Void => format!("sla/{}/{}", measured.promise.word(), measured.warned),
        };
        // With another priority the same share may come again.
        let about = format!("{about}/{}", measured.priority.word());
        let holder = holder(seen).filter(|holder| directory.users.contains_key(holder));
        let planned = beside(seen.alert, holder.as_ref(), &about, &directory, &|contact| reach.reaches(contact), at);
        for one in planned {
            let text = words(&one.to, seen.alert, measured, word, due, &directory);
            watched.notify.push((one, text));
        }
    }

    /// Somebody says that the customer is waited for, or not any more: from now on the clocks stand still, or run again. Said twice it is
    /// the same.
    pub async fn set_waiting(&self, id: AlertId, waits: bool, by: &Actor) -> Result<(), WaitingError> {
        let at = now().wall;
        let known = self.known(id).await?;
        let refused = Mutex::new(false);
        let told: Mutex<Facts> = Mutex::default();
        let decide = |seen: &UnderWatch<'_>| {
            let waits_now = seen.pauses.iter().any(|pause| pause.to.is_none());
            *refused.lock() = seen.alert.status == Status::Resolved;
            if *refused.lock() || waits_now == waits {
                return Watched::default();
            }
            let mut pauses = seen.pauses.to_vec();
            let (fact, why) = if waits {
                pauses.push(sla::Pause { from: at, to: None });
                (Change::WaitsForCustomer { by: by.clone() }, "what is missing can only come from the customer")
            } else {
                pauses.iter_mut().filter(|pause| pause.to.is_none()).for_each(|pause| pause.to = Some(at));
                (Change::CustomerAnswered { by: by.clone() }, "what was missing is there")
            };
            let mut facts = vec![(Fact::Alert(fact), why.to_owned())];
            // What is due moves with the pause.
            let then = UnderWatch { pauses: &pauses, ..*seen };
            let mut watched = self.looked(&then, None, &known, at);
            facts.append(&mut watched.facts);
            told.lock().clone_from(&facts);
            let audit = facts.iter().map(|(fact, why)| audited(id, fact, why, by)).take(1).collect();
            Watched { facts, audit, waiting: Some(waits), ..watched }
        };
        if self.0.store.watch_alerts(&[id], at, decide).await?.is_empty() {
            return Err(WaitingError::Unknown);
        }
        if refused.into_inner() {
            return Err(WaitingError::Resolved);
        }
        if !told.into_inner().is_empty() {
            self.tell_promises(id);
        }
        Ok(())
    }

    /// Lets listeners know, and the messages go.
    fn tell_promises(&self, alert: AlertId) {
        self.tell(Told::Alert(alert));
        self.poke_delivery();
    }
}

fn subject(seen: &UnderWatch<'_>) -> sla::Subject {
    sla::Subject {
        priority: seen.alert.priority,
        answered: seen.answered,
        over: seen.over.filter(|_| seen.alert.status == Status::Resolved),
        moved: seen.alert.merged_into.is_some(),
    }
}

/// Who has the alert: who took it, else whom it was given to.
fn holder(seen: &UnderWatch<'_>) -> Option<UserId> {
    if seen.alert.status != Status::Acknowledged {
        return None;
    }
    seen.holder.map(UserId::from).or_else(|| seen.alert.assigned.clone())
}

fn add(
    watched: &mut Watched,
    seen: &UnderWatch<'_>,
    measured: &Measured,
    said: PromiseWord,
    share: u32,
    due_at: Option<Timestamp>,
    terms: &Terms,
) {
    let change = Change::Promised {
        sla: measured.sla.clone(),
        revision: measured.revision,
        promise: measured.promise,
        said,
        share,
        due_at,
    };
    let fact = Fact::Alert(change);
    let why = why(measured, said, terms);
    if matches!(said, PromiseWord::Breached | PromiseWord::Late) {
        watched.audit.push(audited(seen.alert.id, &fact, &why, &Actor::System));
    }
    watched.facts.push((fact, why));
}

fn why(measured: &Measured, said: PromiseWord, terms: &Terms) -> String {
    let target = span(Duration::try_from(measured.target).unwrap_or_default());
    let hours = terms
        .hours
        .as_ref()
        .map_or_else(|| "at all hours".to_owned(), |hours| format!("in the hours of calendar `{}`", hours.id));
    let rule = format!("{} promises {target} for {} {hours}", terms.sla.name, measured.priority.word());
    match said {
        PromiseWord::Runs | PromiseWord::Changed | PromiseWord::Kept | PromiseWord::Late => rule,
        PromiseWord::Warned => format!("{rule}; whoever has it (else the policy's people) is told"),
        PromiseWord::Breached => format!("{rule}; that has passed"),
        PromiseWord::Void => "merged into another alert, or nothing is promised for its priority".to_owned(),
    }
}
