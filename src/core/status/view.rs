//! What these eyes see.
//!
//! A component is seen where its service is shared or the customer's own. An update is seen where it was published, was
//! not kept for others, and (by its own words about services) touches a component that is seen, or the customer is named.
//! An incident is seen through its updates: phase, states and times are those that they told, not what the house knows by
//! now. The one exception: what is over is over, whoever was told. So a customer that was added later reads what went out since,
//! and a published postmortem is read by those who were told of its incident.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};

use super::uptime::{DAYS, Span, Uptime};
use super::{Component, Eyes, Indicator, StatusPage, Tongue, Visitor};
use crate::directory::{Directory, Language};
use crate::ids::{IncidentId, ServiceId, UpdateId};
use crate::incident::{Affected, Impact, Incident, Kind, Phase, Severity, Update, UpdateState, in_language};
use crate::postmortem::Published;

/// Since when services are there.
pub type Existence = BTreeMap<ServiceId, Timestamp>;

/// What was learned from incidents, as far as customers may read it.
pub type Lessons = BTreeMap<IncidentId, Published>;

/// What pages are made of beside themselves.
#[derive(Debug, Clone, Copy)]
pub struct World<'a> {
    /// The house's incidents, whatever they are.
    pub incidents: &'a [Incident],
    /// Published postmortems.
    pub lessons: &'a Lessons,
    /// Whose services are whose.
    pub directory: &'a Directory,
    /// Since when services are there.
    pub since: &'a Existence,
}

/// What a visitor sees.
#[derive(Debug, Clone, PartialEq)]
pub struct View {
    /// How it all is.
    pub indicator: Indicator,
    /// The components in the page's order.
    pub components: Vec<ComponentView>,
    /// What does not work now, the newest first.
    pub incidents: Vec<IncidentView>,
    /// Planned work that goes on or is to come, the next first.
    pub maintenances: Vec<IncidentView>,
    /// What is over, faults and planned work, the newest first.
    pub past: Vec<IncidentView>,
    /// When something was last published.
    pub updated_at: Option<Timestamp>,
}

/// A component.
#[derive(Debug, Clone, PartialEq)]
pub struct ComponentView {
    /// The page's id for it.
    pub id: String,
    /// What visitors call it.
    pub name: String,
    /// Under which heading it stands.
    pub group: Option<String>,
    /// What it is for.
    pub description: Option<String>,
    /// How it is.
    pub impact: Impact,
    /// Since when it is there, if that is known.
    pub since: Option<Timestamp>,
    /// When its state last changed.
    pub changed_at: Option<Timestamp>,
    /// How it was.
    pub uptime: Uptime,
}

/// A disturbance or planned work.
#[derive(Debug, Clone, PartialEq)]
pub struct IncidentView {
    /// Which.
    pub id: IncidentId,
    /// What it is called.
    pub title: String,
    /// The same in other languages.
    pub titles: Vec<(Language, String)>,
    /// Planned work.
    pub planned: bool,
    /// How bad it is at its worst, for what is seen of it.
    pub impact: Indicator,
    /// How far it is, as far as that was told.
    pub phase: Phase,
    /// Since when.
    pub started_at: Timestamp,
    /// When it was first told.
    pub created_at: Timestamp,
    /// When something was last told.
    pub updated_at: Timestamp,
    /// When it was told to be watched.
    pub monitoring_at: Option<Timestamp>,
    /// When it was over.
    pub resolved_at: Option<Timestamp>,
    /// Planned work: from, until.
    pub scheduled: Option<(Timestamp, Timestamp)>,
    /// What it touches now, by place in [`View::components`].
    pub components: Vec<(usize, Impact)>,
    /// What was told, the oldest first.
    pub updates: Vec<UpdateView>,
    /// What was learned from it; only once it is over.
    pub postmortem: Option<Published>,
}

impl IncidentView {
    /// Its title in this language, if it was written in it; else as it is.
    pub fn title_in(&self, tongue: Tongue) -> &str {
        in_language(&self.titles, &tongue.language()).unwrap_or(&self.title)
    }

    /// When anything about it last changed for its readers.
    pub fn changed_at(&self) -> Timestamp {
        let learned = self.postmortem.as_ref().map(|postmortem| postmortem.at);
        self.resolved_at.into_iter().chain(learned).fold(self.updated_at, Timestamp::max)
    }
}

/// What was told.
#[derive(Debug, Clone, PartialEq)]
pub struct UpdateView {
    /// Which.
    pub id: UpdateId,
    /// When.
    pub at: Timestamp,
    /// How far it was.
    pub phase: Phase,
    /// The words.
    pub text: String,
    /// The same in other languages.
    pub translations: Vec<(Language, String)>,
    /// What the components were before and from then on.
    pub changes: Vec<Change>,
}

impl UpdateView {
    /// The words in this language, if they were written in it; else as they are.
    pub fn text_in(&self, tongue: Tongue) -> &str {
        in_language(&self.translations, &tongue.language()).unwrap_or(&self.text)
    }
}

/// A component's state, before and from then on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Change {
    /// Place in [`View::components`].
    pub component: usize,
    /// Before.
    pub old: Impact,
    /// From then on.
    pub new: Impact,
}

/// What this visitor sees of the page; `None`: nothing, as if there were no such page.
pub fn view(page: &StatusPage, visitor: &Visitor, world: &World<'_>, now: Timestamp) -> Option<View> {
    let eyes = page.eyes(visitor)?;
    let looking = Looking::with(page, &eyes, world.directory, now);
    let story = |incident| looking.story(incident, world.lessons);
    let stories: Vec<Story> = world.incidents.iter().filter_map(story).collect();
    Some(looking.put_together(stories, world.since))
}

/// One look at a page.
struct Looking<'a> {
    page: &'a StatusPage,
    eyes: &'a Eyes,
    components: Vec<&'a Component>,
    now: Timestamp,
}

/// An update, when it was published, and the states that it tells of components that are seen.
type Told<'a> = (Timestamp, &'a Update, Vec<(usize, Impact)>);

/// What is seen of an incident, and what it did to components when.
struct Story {
    shown: IncidentView,
    spans: Vec<(usize, Span)>,
}

impl<'a> Looking<'a> {
    fn with(page: &'a StatusPage, eyes: &'a Eyes, directory: &'a Directory, now: Timestamp) -> Self {
        let seen = |component: &&Component| {
            let service = directory.services.get(&component.service);
            service.is_some_and(|service| match (&service.customer, eyes) {
                (None, Eyes::Shared | Eyes::Of(_)) => true,
                (Some(owner), Eyes::Of(own)) => owner == own,
                (Some(_), Eyes::Shared) => false,
            })
        };
        Self { page, eyes, components: page.components.iter().filter(seen).collect(), now }
    }

    /// The states of components that are seen.
    fn states(&self, affected: &[Affected]) -> Vec<(usize, Impact)> {
        let place = |one: &Affected| {
            let at = self.components.iter().position(|component| component.service == one.service)?;
            Some((at, one.impact))
        };
        affected.iter().filter_map(place).collect()
    }

    /// Whether these eyes may read an update. One without a word about services is for all who read one before. Who is touched
    /// since it went out, by name or service, was not meant by it.
    fn reads(&self, update: &Update, before: bool) -> bool {
        if !matches!(update.state, UpdateState::Published { .. }) {
            return false;
        }
        let (named, addressed) = match self.eyes {
            Eyes::Shared => (false, false),
            Eyes::Of(own) => (update.named.contains(own), update.customers.contains(own)),
        };
        let touched = if update.affected.is_empty() { before } else { !self.states(&update.affected).is_empty() };
        addressed || (update.customers.is_empty() && (named || touched))
    }

    /// What is seen of an incident; `None`: nothing.
    fn story(&self, incident: &Incident, lessons: &Lessons) -> Option<Story> {
        if incident.drill.is_some() {
            return None;
        }
        let mut published: Vec<(Timestamp, &Update)> = incident.updates.iter().filter_map(published).collect();
        published.sort_by_key(|(at, update)| (*at, update.id));
        let mut told: Vec<Told<'_>> = Vec::new();
        for (at, update) in published {
            if self.reads(update, !told.is_empty()) {
                told.push((at, update, self.states(&update.affected)));
            }
        }
        let (first, last) = (told.first()?.0, told.last()?.0);
        let read: Vec<&Update> = told.iter().map(|(_, update, _)| *update).collect();
        let (title, titles) = incident.title_told(&read)?;
        let (title, titles) = (title.to_owned(), titles.to_vec());
        let phase = match (incident.is_open(), incident.kind) {
            (true, Kind::Fault | Kind::Maintenance) => told.last()?.1.phase,
            (false, Kind::Fault) => Phase::Resolved,
            (false, Kind::Maintenance) => Phase::Completed,
        };
        let over = phase.is_over().then(|| incident.resolved_at.unwrap_or(last));
        let (updates, spans) = self.told(incident, told, over);
        let worst = spans.iter().map(|(_, span)| Indicator::from(span.impact)).max();
        let impact = match incident.kind {
            Kind::Maintenance => Indicator::Maintenance,
            Kind::Fault => worst.unwrap_or_else(|| of_severity(incident, &updates)),
        };
        let shown = IncidentView {
            id: incident.id,
            title,
            titles,
            planned: incident.kind == Kind::Maintenance,
            impact,
            phase,
            started_at: incident.since(Some(first)),
            created_at: first,
            updated_at: last,
            monitoring_at: updates.iter().find(|update| update.phase == Phase::Monitoring).map(|update| update.at),
            resolved_at: over,
            scheduled: incident.scheduled,
            components: now_touched(&updates, over.is_some()),
            updates,
            postmortem: lessons.get(&incident.id).filter(|_| over.is_some()).cloned(),
        };
        Some(Story { shown, spans })
    }

    /// The updates with what they changed, and how long each state lasted.
    fn told(
        &self,
        incident: &Incident,
        told: Vec<Told<'_>>,
        over: Option<Timestamp>,
    ) -> (Vec<UpdateView>, Vec<(usize, Span)>) {
        let mut updates = Vec::new();
        let mut spans: Vec<(usize, Span)> = Vec::new();
        // Component, state, since.
        let mut current: BTreeMap<usize, (Impact, Timestamp)> = BTreeMap::new();
        for (at, update, states) in told {
            // A fault did not begin with the first word about it.
            let began = incident.began.as_ref().filter(|_| updates.is_empty() && incident.kind == Kind::Fault);
            let from = began.map_or(at, |began| began.at.min(at));
            let mut changes = Vec::new();
            for (component, _) in self.components.iter().enumerate() {
                let named = states.iter().find(|(place, _)| *place == component).map(|(_, impact)| *impact);
                let before = current.get(&component).copied();
                if named.is_none() && before.is_none() {
                    continue;
                }
                let new = effective(named.unwrap_or(Impact::Operational), update.phase);
                let old = before.map_or(Impact::Operational, |(impact, _)| impact);
                changes.push(Change { component, old, new });
                if let Some((impact, since)) = before.filter(|(impact, _)| *impact != new) {
                    spans.push((component, Span { from: since, to: at, impact }));
                }
                if before.is_none_or(|(impact, _)| impact != new) {
                    current.insert(component, (new, from));
                }
            }
            let (text, translations) = (update.text.clone(), update.translations.clone());
            updates.push(UpdateView { id: update.id, at, phase: update.phase, text, translations, changes });
        }
        let ends = over.unwrap_or(self.now);
        let last = current.into_iter().map(|(component, (impact, from))| (component, Span { from, to: ends, impact }));
        spans.extend(last);
        spans.retain(|(_, span)| span.from < span.to || over.is_none());
        spans.retain(|(_, span)| span.impact != Impact::Operational);
        (updates, spans)
    }

    fn put_together(&self, mut stories: Vec<Story>, since: &Existence) -> View {
        // What is over for longer than anything is told about is left out.
        let horizon = self.now.checked_sub(SignedDuration::from_hours(24 * i64::from(DAYS))).unwrap_or(Timestamp::MIN);
        stories.retain(|story| story.shown.resolved_at.is_none_or(|at| at >= horizon));
        stories.sort_by_key(|story| (std::cmp::Reverse(story.shown.started_at), story.shown.id));
        let components: Vec<ComponentView> = self
            .components
            .iter()
            .enumerate()
            .map(|(at, component)| self.component(at, component, &stories, since.get(&component.service).copied()))
            .collect();
        let updated_at = stories.iter().map(|story| story.shown.changed_at()).max();
        let (mut incidents, mut maintenances, mut past) = (Vec::new(), Vec::new(), Vec::new());
        for Story { shown, .. } in stories {
            match (shown.phase.is_over(), shown.planned) {
                (true, _) => past.push(shown),
                (false, true) => maintenances.push(shown),
                (false, false) => incidents.push(shown),
            }
        }
        maintenances.reverse();
        let states = components.iter().map(|component| Indicator::from(component.impact));
        // An incident that touches no component that is seen counts by itself.
        let apart = incidents.iter().filter(|incident| incident.components.is_empty()).map(|incident| incident.impact);
        let indicator = states.chain(apart).max().unwrap_or(Indicator::None);
        View { indicator, components, incidents, maintenances, past, updated_at }
    }

    fn component(
        &self,
        at: usize,
        component: &Component,
        stories: &[Story],
        since: Option<Timestamp>,
    ) -> ComponentView {
        let spans: Vec<Span> = stories
            .iter()
            .flat_map(|story| &story.spans)
            .filter(|(place, _)| *place == at)
            .map(|(_, span)| *span)
            .collect();
        let of_open = stories.iter().filter(|story| !story.shown.phase.is_over());
        let states = of_open.flat_map(|story| &story.shown.components).filter(|(place, _)| *place == at);
        let edges = spans.iter().flat_map(|span| [span.from, span.to]).filter(|edge| *edge < self.now);
        let uptime = match since {
            Some(since) => Uptime::of(&spans, since, &self.page.time_zone, self.now),
            // Nobody knows since when it is there: nothing is known about any day.
            None => Uptime { since: None, ..Uptime::of(&[], self.now, &self.page.time_zone, self.now) },
        };
        ComponentView {
            id: self.page.component_id(&component.service),
            name: component.name.clone(),
            group: component.group.clone(),
            description: component.description.clone(),
            impact: states.map(|(_, impact)| *impact).max().unwrap_or(Impact::Operational),
            since,
            changed_at: edges.max(),
            uptime,
        }
    }
}

fn published(update: &Update) -> Option<(Timestamp, &Update)> {
    match &update.state {
        UpdateState::Published { at, .. } => Some((*at, update)),
        UpdateState::Draft | UpdateState::Review | UpdateState::Withdrawn { .. } => None,
    }
}

/// Before planned work begins, and when everything is over, components work.
const fn effective(impact: Impact, phase: Phase) -> Impact {
    match phase {
        Phase::Scheduled | Phase::Resolved | Phase::Completed => Impact::Operational,
        Phase::Investigating | Phase::Identified | Phase::Monitoring | Phase::InProgress | Phase::Verifying => impact,
    }
}

/// Of an incident that touches nothing that is seen here: its own; of one that did nothing to what is seen: none.
fn of_severity(incident: &Incident, updates: &[UpdateView]) -> Indicator {
    if updates.iter().any(|update| !update.changes.is_empty()) {
        return Indicator::None;
    }
    match incident.severity {
        Severity::Critical => Indicator::Critical,
        Severity::Major => Indicator::Major,
        Severity::Minor => Indicator::Minor,
        Severity::None => Indicator::None,
    }
}

/// The components that the last words were about.
fn now_touched(updates: &[UpdateView], over: bool) -> Vec<(usize, Impact)> {
    let state = |change: &Change| (change.component, if over { Impact::Operational } else { change.new });
    updates.last().map(|update| update.changes.iter().map(state).collect()).unwrap_or_default()
}
