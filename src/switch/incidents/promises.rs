//! Promises about incidents: each touched customer's contract runs its own clocks. The response is the first word to that customer, the
//! resolution the incident's end. Said once, on the incident's timeline and to whoever is responsible.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use hotline_core::alert::change::PromiseWord;
use hotline_core::directory::Directory;
use hotline_core::fact::Actor;
use hotline_core::ids::{CustomerId, IncidentId, UserId};
use hotline_core::incident::{Incident, Kind, Line, UpdateState};
use hotline_core::sla::{self, Look, Measured, Promise, Subject, Terms};
use jiff::Timestamp;

use super::super::Switch;
use super::{clock, tell};
use crate::clock::now;
use crate::store::StoreError;
use crate::store::clocks::ClockRow;
use crate::store::incidents::{IncidentVerdict, Telling, WatchedIncident, clock_id};

/// Revisions that clocks go by.
type Known = HashMap<(String, u32), Arc<Terms>>;
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
        let rows = self.0.store.incident_clocks(id).await?;
        let incident = match self.open_incidents().into_iter().find(|open| open.id == id) {
            Some(open) => Some(Incident::clone(&open)),
            None => self.0.store.incident(id).await?,
        };
        let directory = self.directory();
        let (mut known, mut contracts) = (Known::new(), Contracts::new());
        for row in rows.iter().filter(|row| row.measured.end.is_none()) {
            let (sla, revision) = (row.measured.sla.0.clone(), row.measured.revision);
            if let Some(terms) = self.terms(&sla, revision).await? {
                known.insert((sla, revision), terms);
            }
        }
        if let Some(incident) = &incident {
            contracts = self.contracts_of(incident, &rows, &directory).await?;
            // Most looks find nothing: those take no writer's turn.
            let seen = looked(incident, &rows, &contracts, &known, &directory, at);
            let same = |row: &ClockRow| rows.iter().any(|old| old.measured == row.measured && old.id == row.id);
            if seen.verdict.is_none() && seen.clocks.iter().all(same) {
                return Ok(());
            }
        }
        let decide =
            |incident: &Incident, rows: &[ClockRow]| looked(incident, rows, &contracts, &known, &directory, at);
        if let Some(incident) = self.0.store.watch_incident(id, at, decide).await? {
            self.told_of(&incident);
        }
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
        let look = sla::look(&row.measured, terms, &subject(&customer), &[], at);
        out.keep(incident, &customer, look, directory, at);
    }
    for (customer, terms) in contracts {
        if rows.iter().any(|row| row.customer == customer.0) {
            continue;
        }
        // Whoever is touched later was promised nothing before.
        let started = if rows.is_empty() { incident.opened_at } else { at };
        for promise in Promise::ALL {
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
    WatchedIncident { clocks: out.clocks, verdict }
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
