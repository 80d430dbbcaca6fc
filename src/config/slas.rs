//! `[[slas]]`: what was promised to customers; and what services need of each other.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;
use std::time::Duration;

use hotline_core::directory::{Directory, Service};
use hotline_core::fact::Priority;
use hotline_core::ids::{CalendarId, ServiceId, SlaId};
use hotline_core::sla::{Sla, Targets, reached_by};
use jiff::{SignedDuration, Timestamp};

use super::names::Kind;
use super::people::Context;
use super::report::{Report, Section};
use super::tree::{Place, Value};
use super::words;

/// What can be promised.
const TARGET: RangeInclusive<Duration> = Duration::from_mins(1)..=Duration::from_hours(24 * 366);
/// Where nothing else is said.
const WARN_AT: [u32; 3] = [50, 75, 90];
/// What else may stand in a contract, characters.
const TERMS_MAX: usize = 20_000;

/// Contracts and where they stand.
pub(super) type Slas = BTreeMap<SlaId, (Sla, Place)>;

impl Context<'_> {
    /// One `[[slas]]`.
    pub fn sla(&self, section: &Section<'_>) -> Option<Sla> {
        let id = self.id(Kind::Sla, section);
        let name = section.text("name");
        let customer = section.need("customer", "\"CUSTOMER\"");
        let customer = customer.filter(|word| self.names.check(Kind::Customer, *word, self.report));
        let category = self.category(section);
        let calendar = self.named(section, "calendar", Kind::Calendar).map(CalendarId::from);
        let time_zone = if section.spot("time_zone").is_some() { self.zone(section) } else { None };
        if let (Some(spot), None) = (section.spot("time_zone"), &calendar) {
            let what = format!(
                "`time_zone` of {} says nothing without a `calendar`: its clocks always run; add the calendar or remove it",
                section.what
            );
            self.report.mistake(&spot.place, what);
        }
        let before = self.report.count();
        let targets = self.targets(section);
        if targets.is_empty() && self.report.count() == before {
            let what = format!(
                "{} promises nothing; add [[slas.targets]] with priority = \"P1\" and response, resolution or update = \"15m\"",
                section.what
            );
            self.report.mistake(&section.place.within("targets"), what);
        }
        let warn_at = self.warn_at(section);
        let terms = section.text("terms");
        if let Some(word) = terms.filter(|word| word.text.chars().count() > TERMS_MAX) {
            let what = format!("`terms` of {} has more than {TERMS_MAX} characters; shorten it", section.what);
            self.report.mistake(word.place, what);
        }
        let id = id?;
        Some(Sla {
            id: SlaId::from(id.text),
            name: name.map_or(id.text, |name| name.text).to_owned(),
            customer: customer?.text.into(),
            category,
            calendar,
            time_zone,
            targets,
            warn_at,
            terms: terms.map(|word| word.text.to_owned()),
        })
    }

    /// `category = "infrastructure"`: compared without regard to case.
    pub fn category(&self, section: &Section<'_>) -> Option<String> {
        let word = section.text("category")?;
        let category = word.text.to_lowercase();
        if words::is_name(&category) {
            return Some(category);
        }
        let what = format!(
            "`category` of {}: `{}` can't be one; use letters, digits, `-`, `_` and `.` only",
            section.what, word.text
        );
        self.report.mistake(word.place, what);
        None
    }

    fn targets(&self, section: &Section<'_>) -> BTreeMap<Priority, Targets> {
        let mut all = BTreeMap::new();
        for spot in section.tables("targets") {
            let Some(own) = Section::new(spot, format!("a target of {}", section.what), self.report) else { continue };
            let priority = if own.has("priority", "\"P1\"") { self.priority(&own, "priority") } else { None };
            let promised = |key| own.duration(key, &TARGET).and_then(|length| SignedDuration::try_from(length).ok());
            let targets = Targets {
                response: promised("response"),
                resolution: promised("resolution"),
                update: promised("update"),
            };
            own.finish();
            let Some(priority) = priority else { continue };
            if targets == Targets::default() {
                let what = format!(
                    "{} promises nothing for {}; add response, resolution or update = \"15m\", or remove it",
                    section.what,
                    priority.word()
                );
                self.report.mistake(own.place, what);
            }
            if let (Some(response), Some(resolution)) = (targets.response, targets.resolution)
                && response > resolution
            {
                let what = format!(
                    "{} promises for {} to be over before anybody has to answer; make `response` the shorter one",
                    section.what,
                    priority.word()
                );
                self.report.mistake(own.place, what);
            }
            if all.insert(priority, targets).is_some() {
                let what = format!("{} has two targets for {}; keep one", section.what, priority.word());
                self.report.mistake(own.place, what);
            }
        }
        all
    }

    fn warn_at(&self, section: &Section<'_>) -> Vec<u32> {
        let Some(spot) = section.spot("warn_at") else { return WARN_AT.to_vec() };
        let share = |value: &Value| match value {
            Value::Whole(whole) => u32::try_from(*whole).ok().filter(|share| (1..=99).contains(share)),
            Value::Text(_)
            | Value::Float
            | Value::Flag(_)
            | Value::Moment(_)
            | Value::List(_)
            | Value::Table(_)
            | Value::Nothing => None,
        };
        let shares: Option<Vec<u32>> = match &spot.value {
            Value::List(items) => items.iter().map(|item| share(&item.value)).collect(),
            Value::Text(_)
            | Value::Whole(_)
            | Value::Float
            | Value::Flag(_)
            | Value::Moment(_)
            | Value::Table(_)
            | Value::Nothing => None,
        };
        let Some(mut shares) = shares else {
            let what = format!(
                "`warn_at` of {} must be a list of whole numbers between 1 and 99, such as [50, 75, 90]; change it",
                section.what
            );
            self.report.mistake(&spot.place, what);
            return WARN_AT.to_vec();
        };
        shares.sort_unstable();
        shares.dedup();
        shares
    }

    /// `depends_on` of a service.
    pub fn depends_on(&self, section: &Section<'_>) -> Vec<ServiceId> {
        self.list(section, "depends_on", Kind::Service).into_iter().map(ServiceId::from).collect()
    }
}

/// Contracts that can't be kept, and those of which nobody could say which holds.
pub(super) fn check(slas: &Slas, directory: &Directory, now: Timestamp, report: &Report) {
    let mut holds: BTreeMap<(&str, Option<&str>), &SlaId> = BTreeMap::new();
    for (sla, place) in slas.values() {
        let never = sla.hours(directory).is_some_and(|hours| !hours.ever_opens(now));
        if let (true, Some(calendar)) = (never, &sla.calendar) {
            let what = format!(
                "calendar `{calendar}` of [[slas]] `{}` never opens within a year, so its clocks would never run; give it windows on days that are no holidays",
                sla.id
            );
            report.mistake(&place.within("calendar"), what);
        }
        if !never {
            far_targets(sla, place, directory, now, report);
        }
        if let Some(other) = holds.insert((&sla.customer.0, sla.category.as_deref()), &sla.id) {
            let of = sla
                .category
                .as_ref()
                .map_or_else(|| "without a category".to_owned(), |of| format!("for category `{of}`"));
            let what = format!(
                "[[slas]] `{other}` and `{}` are both customer `{}`'s {of}; nobody could tell which holds, so keep one",
                sla.id, sla.customer
            );
            report.mistake(place, what);
        }
    }
}

/// Targets whose time would not pass within two years of their hours: nobody means that, and each clock of it would be long to compute.
fn far_targets(sla: &Sla, place: &Place, directory: &Directory, now: Timestamp, report: &Report) {
    let (Some(hours), Some(calendar)) = (sla.hours(directory), &sla.calendar) else { return };
    for (priority, targets) in &sla.targets {
        let promised = [("response", targets.response), ("resolution", targets.resolution), ("update", targets.update)];
        for (key, length) in promised.into_iter().filter_map(|(key, length)| Some((key, length?))) {
            let (soon, by) = reached_by(length, &hours, now);
            if soon {
                continue;
            }
            let by = by.map_or_else(
                || "in many years".to_owned(),
                |by| format!("on {}", hours.time_zone.to_datetime(by).date()),
            );
            let what = format!(
                "[[slas]] `{}` promises {key} = \"{}m\" for {}, but by the hours of calendar `{calendar}` so much time would have passed only {by}, more than two years away; shorten the target or open the calendar longer",
                sla.id,
                length.as_mins(),
                priority.word()
            );
            report.mistake(&place.within("targets"), what);
        }
    }
}

/// Services that need each other in a circle: said at each of them.
pub(super) fn circles(services: &BTreeMap<ServiceId, (Service, Place)>, report: &Report) {
    for (service, place) in services.values() {
        if let Some(way) = way_back(services, &service.id) {
            let way: Vec<String> = way.iter().map(|id| format!("`{id}`")).collect();
            let what = format!(
                "services need each other in a circle: {}; take one of them out of `depends_on`",
                way.join(" needs ")
            );
            report.mistake(&place.within("depends_on"), what);
        }
    }
}

/// The shortest way from a service over what it needs back to itself.
fn way_back<'a>(services: &'a BTreeMap<ServiceId, (Service, Place)>, of: &'a ServiceId) -> Option<Vec<&'a ServiceId>> {
    let mut came_from: BTreeMap<&ServiceId, &ServiceId> = BTreeMap::new();
    let mut next = std::collections::VecDeque::from([of]);
    while let Some(at) = next.pop_front() {
        let Some((service, _)) = services.get(at) else { continue };
        for needed in &service.depends_on {
            if needed == of {
                let mut way = vec![at];
                while let Some(before) = way.last().and_then(|last| came_from.get(last)) {
                    way.push(before);
                }
                way.reverse();
                // A service that needs itself is a circle of one.
                way.push(of);
                return Some(way);
            }
            if !came_from.contains_key(needed) && needed != of {
                came_from.insert(needed, at);
                next.push_back(needed);
            }
        }
    }
    None
}
