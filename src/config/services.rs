//! What customers use and how it escalates: `[[services]]`, `[[teams]]`, `[[escalation_policies]]`, `[[calendars]]`.

use std::time::Duration;

use hotline_core::directory::{Service, Team};
use hotline_core::escalation::{EscalationPolicy, Step, Target};
use hotline_core::fact::Priority;
use hotline_core::ids::{CalendarId, ChannelId, CustomerId, PolicyId, ScheduleId, ServiceId, TeamId, UserId};

use super::names::Kind;
use super::people::Context;
use super::report::{Section, Word};
use super::server::choice;

/// Characters of a name for customers.
const PUBLIC_NAME_MAX: usize = 120;
/// Time that a step's people have.
const WAIT: std::ops::RangeInclusive<Duration> = Duration::ZERO..=Duration::from_hours(24 * 7);

impl Context<'_> {
    /// The thing that `key` names, where it names one.
    pub fn named<'s>(&self, section: &Section<'s>, key: &'static str, kind: Kind) -> Option<&'s str> {
        let word = section.text(key)?;
        self.names.check(kind, word, self.report).then_some(word.text)
    }

    /// `policy`, `support`, `customer` and their like are asked for so often.
    pub fn customer_named(&self, section: &Section<'_>) -> Option<CustomerId> {
        self.named(section, "customer", Kind::Customer).map(CustomerId::from)
    }

    /// `service`.
    pub fn service_named(&self, section: &Section<'_>) -> Option<ServiceId> {
        self.named(section, "service", Kind::Service).map(ServiceId::from)
    }

    /// `policy`.
    pub fn policy_named(&self, section: &Section<'_>) -> Option<PolicyId> {
        self.named(section, "policy", Kind::Policy).map(PolicyId::from)
    }

    /// `support`.
    pub fn support_named(&self, section: &Section<'_>) -> Option<CalendarId> {
        self.named(section, "support", Kind::Calendar).map(CalendarId::from)
    }

    /// `priority = "P2"`.
    pub fn priority(&self, section: &Section<'_>, key: &'static str) -> Option<Priority> {
        self.priority_word(section.text(key)?, key)
    }

    fn priority_word(&self, word: Word<'_>, key: &'static str) -> Option<Priority> {
        let known = Priority::ALL.map(|priority| (priority.word(), priority));
        choice(word, key, &known, self.report)
    }

    /// Names of one kind in a list, in their order, none twice.
    pub fn list<'s>(&self, section: &Section<'s>, key: &'static str, kind: Kind) -> Vec<&'s str> {
        let mut names: Vec<&str> = Vec::new();
        for word in section.texts(key).unwrap_or_default() {
            if !self.names.check(kind, word, self.report) {
                continue;
            }
            if names.contains(&word.text) {
                let what = format!("`{}` stands twice in `{key}` of {}; remove one", word.text, section.what);
                self.report.mistake(word.place, what);
                continue;
            }
            names.push(word.text);
        }
        names
    }

    /// One `[[services]]`.
    pub fn service(&self, section: &Section<'_>) -> Option<Service> {
        let id = self.id(Kind::Service, section);
        let name = section.text("name");
        let public_name = self.line(section, "public_name", PUBLIC_NAME_MAX);
        let customer = self.customer_named(section);
        let team = self.named(section, "team", Kind::Team).map(TeamId::from);
        let (policy, support) = (self.policy_named(section), self.support_named(section));
        let priority = self.priority(section, "priority");
        let (depends_on, category) = (self.depends_on(section), self.category(section));
        let id = id?;
        Some(Service {
            id: ServiceId::from(id.text),
            name: name.map_or(id.text, |name| name.text).to_owned(),
            public_name,
            customer,
            team,
            policy,
            support,
            priority,
            depends_on,
            category,
        })
    }

    /// One `[[teams]]`.
    pub fn team(&self, section: &Section<'_>) -> Option<Team> {
        let id = self.id(Kind::Team, section);
        let name = section.text("name");
        let members: Vec<UserId> = self.list(section, "members", Kind::User).into_iter().map(UserId::from).collect();
        let id = id?;
        if members.is_empty() {
            let what = format!("nobody is in {}; add members = [\"USER\", …]", section.what);
            self.report.warn(section.place, what);
        }
        Some(Team { id: TeamId::from(id.text), name: name.map_or(id.text, |name| name.text).to_owned(), members })
    }

    /// One `[[escalation_policies]]`.
    pub fn policy(&self, section: &Section<'_>) -> Option<EscalationPolicy> {
        let id = self.id(Kind::Policy, section);
        let name = section.text("name");
        let repeat = section.whole("repeat", &(0..=100)).unwrap_or(0);
        let again = section.duration("unacknowledge_after", &(Duration::from_mins(1)..=Duration::from_hours(24 * 7)));
        let tables = section.tables("steps");
        let before = self.report.count();
        let steps: Vec<Step> = tables
            .iter()
            .enumerate()
            .filter_map(|(at, spot)| {
                let own = Section::new(spot, format!("step {} of {}", at + 1, section.what), self.report)?;
                let step = self.step(&own);
                own.finish();
                step
            })
            .collect();
        if tables.is_empty() {
            let what = format!(
                "{} has no steps; add [[escalation_policies.steps]] with targets = [\"schedule:…\"] and wait = \"5m\"",
                section.what
            );
            self.report.mistake(&section.place.within("steps"), what);
        }
        let id = id?;
        if steps.is_empty() || self.report.count() > before {
            return None;
        }
        Some(EscalationPolicy {
            id: PolicyId::from(id.text),
            name: name.map_or(id.text, |name| name.text).to_owned(),
            steps,
            repeat: u32::try_from(repeat).unwrap_or(0),
            unacknowledge_after: again,
        })
    }

    fn step(&self, section: &Section<'_>) -> Option<Step> {
        let words = section.texts("targets");
        if words.as_ref().is_none_or(Vec::is_empty) {
            let what =
                format!("{} tells nobody; add targets = [\"schedule:…\", \"user:…\", \"channel:…\"]", section.what);
            self.report.mistake(&section.place.within("targets"), what);
        }
        let targets: Vec<Target> = words.unwrap_or_default().into_iter().filter_map(|word| self.target(word)).collect();
        let wait = section.duration("wait", &WAIT).unwrap_or(Duration::from_mins(5));
        let priorities = section.texts("priorities").unwrap_or_default();
        let priorities = priorities.into_iter().filter_map(|word| self.priority_word(word, "priorities")).collect();
        let urgency = self.urgency(section);
        (!targets.is_empty()).then_some(Step { targets, wait, priorities, urgency })
    }

    /// `schedule:on-call`, `user:ada`, `team:network`, `channel:ops`, `number:+49…@TRUNK`, `sip:…`, `phone:…`.
    fn target(&self, word: Word<'_>) -> Option<Target> {
        let (kind, rest) = word.text.split_once(':').unwrap_or((word.text, ""));
        let named = |of: Kind| self.names.check(of, Word { text: rest, place: word.place }, self.report);
        match kind {
            "schedule" => named(Kind::Schedule).then(|| Target::Schedule(ScheduleId::from(rest))),
            "user" => named(Kind::User).then(|| Target::User(UserId::from(rest))),
            "team" => named(Kind::Team).then(|| Target::Team(TeamId::from(rest))),
            "channel" => named(Kind::Channel).then(|| Target::Channel(ChannelId::from(rest))),
            "number" | "sip" | "phone" => self.destination(word).map(Target::Number),
            _ => {
                let what = format!(
                    "`{}` is no target; write \"schedule:…\", \"user:…\", \"team:…\", \"channel:…\" or \"number:+49…@TRUNK\"",
                    word.text
                );
                self.report.mistake(word.place, what);
                None
            }
        }
    }
}
