//! Promises about incidents: each touched customer's contract runs its own clocks. The response is the first word to that customer, the
//! resolution the incident's end. Said once, on the incident's timeline and to whoever is responsible.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use hotline_core::alert::change::PromiseWord;
use hotline_core::directory::Directory;
use hotline_core::fact::Actor;
use hotline_core::ids::{CustomerId, IncidentId, UserId};
use hotline_core::incident::{By, Incident, Kind, Line, UpdateState};
use hotline_core::sla::{self, Look, Measured, Pause, Promise, Subject, Terms};
use jiff::Timestamp;
use parking_lot::Mutex;

use super::super::Switch;
use super::super::slas::Promises;
use super::{audited, clock, tell};
use crate::clock::now;
use crate::store::StoreError;
use crate::store::clocks::ClockRow;
use crate::store::incidents::{IncidentVerdict, Telling, WatchedIncident, clock_id};

/// Revisions that clocks go by.
type Known = HashMap<(String, u32), Arc<Terms>>;
/// When a customer (by its clocks' id) was waited for.
type Paused = (String, Pause);
/// The contracts that hold for a customer's touched services.
type Contracts = BTreeMap<CustomerId, Vec<Arc<Terms>>>;

impl Switch {
    /// Looks at the promises about incidents; how many incidents were looked at.
    pub(in crate::switch) async fn watch_incident_promises(&self) -> Result<usize, StoreError> {
        let mut ids: BTreeSet<IncidentId> = self.open_incidents().iter().map(|incident| incident.id).collect();
        ids.extend(self.0.store.incidents_under_clocks().await?);
        for id in &ids {
            self.watch_promises_of(*id).await?;
        }
        Ok(ids.len())
    }

    async fn watch_promises_of(&self, id: IncidentId) -> Result<(), StoreError> {
        let at = now().wall;
        let (rows, pauses) = self.0.store.incident_clocks(id).await?;
        let incident = match self.open_incidents().into_iter().find(|open| open.id == id) {
            Some(open) => Some(Incident::clone(&open)),
            None => self.0.store.incident(id).await?,
        };
        let directory = self.directory();
        let (known, mut contracts) = (self.terms_of(&rows).await?, Contracts::new());
        if let Some(incident) = &incident {
            contracts = self.contracts_of(incident, &rows, &directory).await?;
            // Most looks find nothing: those take no writer's turn.
            let seen = looked(incident, &rows, &pauses, &contracts, &known, &directory, at);
            let same = |row: &ClockRow| rows.iter().any(|old| old.measured == row.measured && old.id == row.id);
            if seen.verdict.is_none() && seen.clocks.iter().all(same) {
                return Ok(());
            }
        }
        let decide = |incident: &Incident, rows: &[ClockRow], pauses: &[Paused]| {
            looked(incident, rows, pauses, &contracts, &known, &directory, at)
        };
        if let Some(incident) = self.0.store.watch_incident(id, at, decide).await? {
            self.told_of(&incident);
        }
        Ok(())
    }

    /// What the clocks that run go by.
    async fn terms_of(&self, rows: &[ClockRow]) -> Result<Known, StoreError> {
        let mut known = Known::new();
        for row in rows.iter().filter(|row| row.measured.end.is_none()) {
            let (sla, revision) = (row.measured.sla.0.clone(), row.measured.revision);
            if let Some(terms) = self.terms(&sla, revision).await? {
                known.insert((sla, revision), terms);
            }
        }
        Ok(known)
    }

    /// The promises about an incident as they stand now, customer by customer.
    pub async fn incident_promises(&self, id: IncidentId) -> Result<Vec<CustomerPromises>, StoreError> {
        let (rows, pauses) = self.0.store.incident_clocks(id).await?;
        let mut found: Vec<CustomerPromises> = Vec::new();
        for row in rows {
            let own = of(&pauses, &row.id);
            let customer = CustomerId(row.customer.clone());
            let Some(standing) = self.standing(row, &own).await? else { continue };
            let place = found.iter().position(|known| known.customer == customer).unwrap_or(found.len());
            if place == found.len() {
                found.push(CustomerPromises { customer, promises: Promises::default() });
            }
            let Some(known) = found.get_mut(place) else { continue };
            // Where all is over nobody is waited for any more.
            if standing.row.measured.end.is_none() {
                known.promises.waiting_since = own.iter().find(|pause| pause.to.is_none()).map(|pause| pause.from);
            }
            known.promises.clocks.push(standing);
        }
        Ok(found)
    }

    /// Somebody says that a customer (`None`: every customer with a promise) is waited for, or not any more: from now on the clocks of its
    /// contract stand still, or run again; those of the others go on. Said twice it is the same.
    pub async fn set_incident_waiting(
        &self,
        id: IncidentId,
        customer: Option<&CustomerId>,
        waits: bool,
        by: &By,
    ) -> Result<(), IncidentWaitingError> {
        let at = now().wall;
        let (rows, _) = self.0.store.incident_clocks(id).await?;
        let (known, directory) = (self.terms_of(&rows).await?, self.directory());
        let refused: Mutex<Option<IncidentWaitingError>> = Mutex::default();
        let decide = |incident: &Incident, rows: &[ClockRow], pauses: &[Paused]| {
            let runs = |row: &&ClockRow| row.measured.end.is_none();
            let meant = |row: &&ClockRow| customer.is_none_or(|customer| row.customer == customer.0);
            let whose: BTreeSet<&str> =
                rows.iter().filter(runs).filter(meant).map(|row| row.customer.as_str()).collect();
            *refused.lock() = match (incident.is_open(), whose.is_empty()) {
                (false, _) => Some(IncidentWaitingError::Over),
                (true, true) => Some(IncidentWaitingError::NothingPromised),
                (true, false) => None,
            };
            if refused.lock().is_some() {
                return WatchedIncident::default();
            }
            let changed = whose.into_iter().filter(|customer| is_waited_for(incident, customer, pauses) != waits);
            let changed: Vec<CustomerId> = changed.map(|customer| CustomerId(customer.to_owned())).collect();
            let (then, waiting) = after(incident, &changed, pauses, waits, at);
            let lines = changed.iter().map(|customer| waiting_line(customer, waits, by, &directory, at));
            let mut lines: Vec<Line> = lines.collect();
            let audit = lines.iter().map(|line| audited(incident, line, by)).collect();
            // What is due moves with the pause.
            let WatchedIncident { clocks, verdict, .. } =
                looked(incident, rows, &then, &Contracts::new(), &known, &directory, at);
            let (more, tell) = verdict.map_or_else(Default::default, |verdict| (verdict.lines, verdict.tell));
            lines.extend(more);
            let verdict =
                (!lines.is_empty()).then(|| IncidentVerdict { incident: incident.clone(), lines, tell, audit });
            WatchedIncident { clocks, verdict, waiting }
        };
        let incident = self.0.store.watch_incident(id, at, decide).await?.ok_or(IncidentWaitingError::Unknown)?;
        if let Some(refused) = refused.into_inner() {
            return Err(refused);
        }
        self.told_of(&incident);
        Ok(())
    }

    /// The contracts of touched customers that have no clock yet, as they were when the incident was opened.
    async fn contracts_of(
        &self,
        incident: &Incident,
        rows: &[ClockRow],
        directory: &Directory,
    ) -> Result<Contracts, StoreError> {
        let mut found = Contracts::new();
        if incident.kind != Kind::Fault || incident.drill.is_some() || !incident.is_open() {
            return Ok(found);
        }
        for customer in incident.touched(directory) {
            if rows.iter().any(|row| row.customer == customer.0) {
                continue;
            }
            let services = incident.services_of(&customer, directory);
            let mut slas: BTreeSet<&str> = services
                .iter()
                .filter_map(|affected| sla::contract(directory, &customer, Some(&affected.service)))
                .map(|sla| sla.id.0.as_str())
                .collect();
            if slas.is_empty() {
                slas.extend(sla::contract(directory, &customer, None).map(|sla| sla.id.0.as_str()));
            }
            let mut terms = Vec::new();
            for id in slas {
                terms.extend(self.terms_at(id, incident.opened_at).await?);
            }
            if !terms.is_empty() {
                found.insert(customer, terms);
            }
        }
        Ok(found)
    }
}

/// Why somebody's word about waiting was not kept.
#[derive(Debug, thiserror::Error)]
pub enum IncidentWaitingError {
    /// There is no such incident.
    #[error("no such incident")]
    Unknown,
    /// It is over.
    #[error("the incident is over; nobody is waited for")]
    Over,
    /// No clock runs.
    #[error("no promise to this customer is measured here, so there is nothing to stop")]
    NothingPromised,
    /// Not now.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// The promises about an incident to one customer.
#[derive(Debug, Clone, PartialEq)]
pub struct CustomerPromises {
    /// To whom.
    pub customer: CustomerId,
    /// As they stand.
    pub promises: Promises,
}

/// The pauses of one customer.
fn of(pauses: &[Paused], id: &str) -> Vec<Pause> {
    pauses.iter().filter(|(whose, _)| whose == id).map(|(_, pause)| *pause).collect()
}

fn is_waited_for(incident: &Incident, customer: &str, pauses: &[Paused]) -> bool {
    of(pauses, &clock_id(incident.id, customer)).iter().any(|pause| pause.to.is_none())
}

/// The pauses as they are when it is kept, and what is to be kept.
fn after(
    incident: &Incident,
    changed: &[CustomerId],
    pauses: &[Paused],
    waits: bool,
    at: Timestamp,
) -> (Vec<Paused>, Vec<(String, bool)>) {
    let mut then = pauses.to_vec();
    let mut waiting = Vec::new();
    for customer in changed {
        let id = clock_id(incident.id, &customer.0);
        if waits {
            then.push((id.clone(), Pause { from: at, to: None }));
        } else {
            let open = then.iter_mut().filter(|(whose, pause)| *whose == id && pause.to.is_none());
            open.for_each(|(_, pause)| pause.to = Some(at));
        }
        waiting.push((id, waits));
    }
    (then, waiting)
}

fn waiting_line(customer: &CustomerId, waits: bool, by: &By, directory: &Directory, at: Timestamp) -> Line {
    let name = directory.customers.get(customer).map_or(customer.0.as_str(), |customer| customer.name.as_str());
    let (kind, what, why) = if waits {
        let what = format!("{name} is waited for: the clocks of its contract stand still.");
        ("incident.waits-for-customer", what, "what is missing can only come from the customer")
    } else {
        let what = format!("{name} is not waited for any more: the clocks of its contract run.");
        ("incident.customer-answered", what, "what was missing is there")
    };
    Line { at, by: by.actor.clone(), kind, what, why: why.to_owned(), text: None }
}

/// When this customer was first told something.
fn first_word(incident: &Incident, customer: &CustomerId, directory: &Directory) -> Option<Timestamp> {
    let published = incident.published_to(customer, directory).into_iter().filter_map(|update| match &update.state {
        UpdateState::Published { at, .. } => Some(*at),
        UpdateState::Draft | UpdateState::Review | UpdateState::Withdrawn { .. } => None,
    });
    published.min()
}

fn looked(
    incident: &Incident,
    rows: &[ClockRow],
    pauses: &[Paused],
    contracts: &Contracts,
    known: &Known,
    directory: &Directory,
    at: Timestamp,
) -> WatchedIncident {
    let touched = incident.touched(directory);
    let mut out = Out { clocks: Vec::new(), lines: Vec::new(), tell: Vec::new() };
    let subject = |customer: &CustomerId| Subject {
        priority: sla::priority_of(incident.severity),
        answered: first_word(incident, customer, directory),
        over: incident.resolved_at.filter(|_| !incident.is_open()),
        moved: incident.drill.is_some() || !touched.contains(customer),
    };
    for row in rows.iter().filter(|row| row.measured.end.is_none()) {
        let key = (row.measured.sla.0.clone(), row.measured.revision);
        let Some(terms) = known.get(&key) else { continue };
        let customer = CustomerId(row.customer.clone());
        let look = sla::look(&row.measured, terms, &subject(&customer), &of(pauses, &row.id), at);
        out.keep(incident, &customer, look, directory, at);
    }
    for (customer, terms) in contracts {
        if rows.iter().any(|row| row.customer == customer.0) {
            continue;
        }
        // Whoever is touched later was promised nothing before.
        let started = if rows.is_empty() { incident.opened_at } else { at };
        for promise in Promise::CLOCKS {
            let priority = sla::priority_of(incident.severity);
            let of = |terms: &Arc<Terms>| {
                let mut all = sla::promised(terms, priority, started);
                all.retain(|measured| measured.promise == promise);
                all.pop().map(|measured| (measured.target, measured, terms.clone()))
            };
            // Of several contracts the strictest holds.
            let Some((_, measured, terms)) = terms.iter().filter_map(of).min_by_key(|(target, ..)| *target) else {
                continue;
            };
            let look = sla::look(&measured, &terms, &subject(customer), &[], at);
            out.say(incident, customer, &measured, PromiseWord::Runs, &look, directory, at);
            out.keep(incident, customer, look, directory, at);
        }
    }
    let verdict = (!out.lines.is_empty()).then(|| IncidentVerdict {
        incident: incident.clone(),
        lines: out.lines,
        tell: out.tell,
        audit: Vec::new(),
    });
    WatchedIncident { clocks: out.clocks, verdict, waiting: Vec::new() }
}

/// What there is to keep.
struct Out {
    clocks: Vec<ClockRow>,
    lines: Vec<Line>,
    tell: Vec<Telling>,
}

impl Out {
    fn keep(&mut self, incident: &Incident, customer: &CustomerId, look: Look, directory: &Directory, at: Timestamp) {
        for word in &look.said {
            self.say(incident, customer, &look.measured, *word, &look, directory, at);
        }
        self.clocks.push(ClockRow {
            id: clock_id(incident.id, &customer.0),
            customer: customer.0.clone(),
            service: None,
            due_at: look.clock.due_at,
            look_at: look.look_at,
            elapsed: look.clock.elapsed,
            measured: look.measured,
        });
    }

    #[expect(clippy::too_many_arguments, reason = "all of it is said, and no two belong together")]
    fn say(
        &mut self,
        incident: &Incident,
        customer: &CustomerId,
        measured: &Measured,
        word: PromiseWord,
        look: &Look,
        directory: &Directory,
        at: Timestamp,
    ) {
        let name = directory.customers.get(customer).map_or(customer.0.as_str(), |customer| customer.name.as_str());
        let promise = match measured.promise {
            Promise::Response => "first word",
            Promise::Resolution => "end",
            Promise::Update => "next word",
        };
        let due = look.clock.due_at.map_or_else(String::new, |at| format!(" {} UTC", at.strftime("%Y-%m-%d %H:%M:%S")));
        let share = if word == PromiseWord::Warned { measured.warned } else { look.clock.share };
        let (sla, revision) = (&measured.sla, measured.revision);
        let by = format!("{name} by SLA {sla}, revision {revision}");
        let what = match word {
            PromiseWord::Runs => format!("The {promise} is promised to {by}; due{due}."),
            PromiseWord::Changed => format!("The {promise} for {by} has another target now; due{due}."),
            PromiseWord::Warned => format!("{share} % of the time for the {promise} for {by} has passed; due{due}."),
            PromiseWord::Breached => format!("The {promise} for {by} is overdue: it was due{due}."),
            PromiseWord::Kept => format!("The {promise} for {by} came in time, after {share} %."),
            PromiseWord::Late => format!("The {promise} for {by} came late, after {share} %; it was due{due}."),
            PromiseWord::Void => format!("The {promise} for {by} counts no more."),
        };
        if matches!(word, PromiseWord::Warned | PromiseWord::Breached) && incident.is_open() {
            self.tell.extend(told(incident, customer, measured, word, &what, directory, at));
        }
        let why = format!("the severity {} counts as {}", incident.severity.word(), measured.priority.word());
        self.lines.push(Line { at, by: Actor::System, kind: "incident.sla", what, why, text: None });
    }
}

/// Whoever has a role, else who is on call for what is affected.
fn told(
    incident: &Incident,
    customer: &CustomerId,
    measured: &Measured,
    word: PromiseWord,
    what: &str,
    directory: &Directory,
    at: Timestamp,
) -> Vec<Telling> {
    let people: Vec<UserId> = match tell::responsible(incident) {
        Some((_, user)) => vec![user.clone()],
        None => clock::on_call(incident, directory, at),
    };
    let late = word == PromiseWord::Breached;
    let level = if late { "breached".to_owned() } else { measured.warned.to_string() };
    let key = format!("sla-{customer}-{}-{level}-{}", measured.promise.word(), measured.priority.word());
    let text = format!("{}: {what} {}", incident.reference, incident.title);
    let why = format!("a promise to {customer} about {}", incident.reference);
    let users = people.iter().filter_map(|user| directory.users.get(user));
    users.flat_map(|user| tell::to_person(incident, user, late, &text, &why, &key, at)).collect()
}
