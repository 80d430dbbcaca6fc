//! Which names exist, so that a reference to one that does not is told where it stands.

use std::collections::BTreeMap;

use super::report::{Report, Word, hint};
use super::tree::{Place, Spot, Value};
use super::words;

/// A kind of thing that has a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Kind {
    Customer,
    Service,
    Sla,
    Team,
    User,
    Phone,
    Calendar,
    Schedule,
    Number,
    Trunk,
    Policy,
    Channel,
    Source,
    Heartbeat,
    Maintenance,
    StatusPage,
    Action,
    Template,
    /// Of the allow-list; never through the API.
    Command,
}

impl Kind {
    /// All of them, in the order in which the file has them.
    pub const ALL: [Self; 19] = [
        Self::Customer,
        Self::Service,
        Self::Sla,
        Self::Team,
        Self::User,
        Self::Phone,
        Self::Calendar,
        Self::Schedule,
        Self::Number,
        Self::Trunk,
        Self::Policy,
        Self::Channel,
        Self::Source,
        Self::Heartbeat,
        Self::Maintenance,
        Self::StatusPage,
        Self::Action,
        Self::Template,
        Self::Command,
    ];

    /// The key in the file: `[[users]]`.
    pub const fn key(self) -> &'static str {
        match self {
            Self::Customer => "customers",
            Self::Service => "services",
            Self::Sla => "slas",
            Self::Team => "teams",
            Self::User => "users",
            Self::Phone => "phones",
            Self::Calendar => "calendars",
            Self::Schedule => "schedules",
            Self::Number => "numbers",
            Self::Trunk => "trunks",
            Self::Policy => "escalation_policies",
            Self::Channel => "channels",
            Self::Source => "alert_sources",
            Self::Heartbeat => "heartbeats",
            Self::Maintenance => "maintenance_windows",
            Self::StatusPage => "status_pages",
            Self::Action => "actions",
            Self::Template => "update_templates",
            Self::Command => "commands",
        }
    }

    /// The key of the name within the table.
    pub const fn id_key(self) -> &'static str {
        match self {
            Self::Phone => "account",
            Self::Number => "number",
            Self::Customer
            | Self::Service
            | Self::Sla
            | Self::Team
            | Self::User
            | Self::Calendar
            | Self::Schedule
            | Self::Trunk
            | Self::Policy
            | Self::Channel
            | Self::Source
            | Self::Heartbeat
            | Self::Maintenance
            | Self::StatusPage
            | Self::Action
            | Self::Template
            | Self::Command => "id",
        }
    }

    const fn word(self) -> &'static str {
        match self {
            Self::Customer => "customer",
            Self::Service => "service",
            Self::Sla => "service level agreement",
            Self::Team => "team",
            Self::User => "user",
            Self::Phone => "phone",
            Self::Calendar => "calendar",
            Self::Schedule => "schedule",
            Self::Number => "number",
            Self::Trunk => "trunk",
            Self::Policy => "escalation policy",
            Self::Channel => "channel",
            Self::Source => "alert source",
            Self::Heartbeat => "heartbeat",
            Self::Maintenance => "maintenance window",
            Self::StatusPage => "status page",
            Self::Action => "action",
            Self::Template => "update template",
            Self::Command => "command",
        }
    }
}

/// Every name of every kind, and where it was given.
#[derive(Debug, Default)]
pub(super) struct Names {
    known: BTreeMap<Kind, BTreeMap<String, Place>>,
}

impl Names {
    /// Collects the names of these roots; of the same name in two roots the first root's counts.
    /// A name twice in one file is a mistake.
    pub fn collect(roots: &[Spot], report: &Report) -> Self {
        let mut names = Self::default();
        for root in roots {
            for kind in Kind::ALL {
                let Some(Spot { value: Value::List(items), .. }) = field(root, kind.key()) else { continue };
                for item in items {
                    let Some(Spot { value: Value::Text(id), place }) = field(item, kind.id_key()) else { continue };
                    names.add(kind, id.trim(), place, report);
                }
            }
        }
        names
    }

    fn add(&mut self, kind: Kind, id: &str, place: &Place, report: &Report) {
        if kind != Kind::Number && !words::is_name(id) {
            let what =
                format!("`{id}` can't be the name of a {}; use letters, digits, `-`, `_` and `.` only", kind.word());
            report.mistake(place, what);
        }
        let of_kind = self.known.entry(kind).or_default();
        match of_kind.get(id) {
            None => {
                of_kind.insert(id.to_owned(), place.clone());
            }
            Some(first) if first.file == place.file => {
                let what = format!(
                    "{} `{id}` is there twice (first in line {}); give one of them another name",
                    kind.word(),
                    first.line
                );
                report.mistake(place, what);
            }
            // The demo's own, or a document: the file's counts.
            Some(_) => {}
        }
    }

    /// Whether this very table is the one that counts for its name.
    pub fn is_the_one(&self, kind: Kind, id: &Word<'_>) -> bool {
        self.known.get(&kind).and_then(|known| known.get(id.text)).is_some_and(|first| first == id.place)
    }

    /// The names of a kind.
    pub fn all(&self, kind: Kind) -> impl Iterator<Item = &str> + Clone {
        self.known.get(&kind).into_iter().flat_map(|known| known.keys().map(String::as_str))
    }

    /// The only one of its kind.
    pub fn only(&self, kind: Kind) -> Option<&str> {
        let mut all = self.all(kind);
        all.next().filter(|_| all.next().is_none())
    }

    /// Whether the name exists; if not, that is a mistake.
    pub fn check(&self, kind: Kind, word: Word<'_>, report: &Report) -> bool {
        let known = self.known.get(&kind).is_some_and(|known| known.contains_key(word.text));
        if !known {
            let hint = hint(word.text, self.all(kind));
            report.mistake(word.place, format!("there is no {} `{}`; {hint}", kind.word(), word.text));
        }
        known
    }
}

fn field<'a>(spot: &'a Spot, key: &str) -> Option<&'a Spot> {
    let Value::Table(entries) = &spot.value else { return None };
    entries.iter().find(|(own, _)| own == key).map(|(_, spot)| spot)
}
