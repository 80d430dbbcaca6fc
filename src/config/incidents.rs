//! What is told about incidents: `[incident_rules]`, `[[update_templates]]`.

use std::time::Duration;

use hotline_core::directory::Language;
use hotline_core::ids::ServiceId;
use hotline_core::incident::rules::unknown_place;
use hotline_core::incident::{Impact, Phase, Rules, Severity, Template};

use super::names::Kind;
use super::people::Context;
use super::report::{Section, Word};
use super::server::choice;

/// Between two words to customers.
const EVERY: std::ops::RangeInclusive<Duration> = Duration::from_mins(1)..=Duration::from_hours(24 * 7);
/// Roles of logins that may be allowed to publish.
const ROLES: [(&str, &str); 3] = [("admin", "admin"), ("dispatcher", "dispatcher"), ("engineer", "engineer")];
/// Characters of a template.
const TEXT_MAX: usize = 4_000;

impl Context<'_> {
    /// `[incident_rules]` of the first root that has it.
    pub fn incident_rules(&self, roots: &[Section<'_>]) -> Rules {
        // Every root is asked, so that none calls the key unknown.
        let spots: Vec<_> = roots.iter().filter_map(|root| root.spot("incident_rules")).collect();
        let mut rules = Rules::default();
        let section = spots.first().and_then(|spot| Section::new(spot, "[incident_rules]", self.report));
        let Some(section) = section else { return rules };
        if let Some(words) = section.texts("publishers") {
            let known = |word: Word<'_>| choice(word, "publishers", &ROLES, self.report).map(str::to_owned);
            rules.publishers = words.into_iter().filter_map(known).collect();
        }
        if let Some(words) = section.texts("review") {
            let known = Severity::ALL.map(|severity| (severity.word(), severity));
            rules.review = words.into_iter().filter_map(|word| choice(word, "review", &known, self.report)).collect();
        }
        rules.auto_services =
            self.list(&section, "auto_services", Kind::Service).into_iter().map(ServiceId::from).collect();
        rules.auto_priority = self.priority(&section, "auto_priority").unwrap_or(rules.auto_priority);
        let impacts = Impact::ALL.map(|impact| (impact.word(), impact));
        let impact = section.text("auto_impact").and_then(|word| choice(word, "auto_impact", &impacts, self.report));
        rules.auto_impact = impact.unwrap_or(rules.auto_impact);
        if let Some(own) = section.spot("update_every").and_then(|spot| Section::new(spot, "update_every", self.report))
        {
            let every = |key: &'static str| own.duration(key, &EVERY);
            let all = [
                (Severity::Critical, every("critical")),
                (Severity::Major, every("major")),
                (Severity::Minor, every("minor")),
                (Severity::None, every("none")),
            ];
            rules.update_every =
                all.into_iter().filter_map(|(severity, every)| every.map(|every| (severity, every))).collect();
            own.finish();
        }
        let percent = section.whole("remind_at_percent", &(10..=99));
        rules.remind_at_percent =
            percent.and_then(|percent| u8::try_from(percent).ok()).unwrap_or(rules.remind_at_percent);
        section.finish();
        rules
    }

    /// One `[[update_templates]]`.
    pub fn template(&self, section: &Section<'_>) -> Option<Template> {
        let id = self.id(Kind::Template, section);
        let phases = Phase::ALL.map(|phase| (phase.word(), phase));
        let phase = section.need("phase", "\"investigating\"");
        let phase = phase.and_then(|word| choice(word, "phase", &phases, self.report));
        let language = section.text("language").map_or_else(Language::default, |word| Language(word.text.to_owned()));
        let title = section.text("title").and_then(|word| self.words(section, word));
        let text = section.need("text", "\"We know of a disturbance of {service} since {since}.\"");
        let text = text.and_then(|word| self.words(section, word));
        Some(Template { id: id?.text.to_owned(), phase: phase?, language, title, text: text? })
    }

    /// Words with places that are known.
    fn words(&self, section: &Section<'_>, word: Word<'_>) -> Option<String> {
        if let Some(place) = unknown_place(word.text) {
            let known = hotline_core::incident::rules::PLACES.map(|place| format!("{{{place}}}")).join(", ");
            let what = format!("{} has an unknown place `{{{place}}}`; there are {known}", section.what);
            self.report.mistake(word.place, what);
            return None;
        }
        if word.text.chars().count() > TEXT_MAX {
            self.report
                .mistake(word.place, format!("{} is longer than {TEXT_MAX} characters; shorten it", section.what));
            return None;
        }
        Some(word.text.to_owned())
    }
}
