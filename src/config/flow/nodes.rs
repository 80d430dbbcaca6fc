//! The node types, one function each, with their defaults.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;
use std::time::Duration;

use hotline_core::call::flow::{
    AlertNode, Announce, Block, ChooseLanguage, Connect, ConnectTarget, Engineer, Hours, HoursWindow, Identify, Known,
    Menu, Node, Script, Voicemail,
};
use hotline_core::call::prompt::Prompt;
use hotline_core::directory::{Destination, Language};
use hotline_core::fact::{Priority, Question};
use hotline_core::ids::{NodeId, ScheduleId};
use jiff::civil::Date;

use super::super::names::Kind;
use super::super::report::{Report, Section, Word, hint};
use super::super::server::choice;
use super::super::tree::{Spot, Value};
use super::super::words;
use super::Scope;

/// Waiting for a key or a word.
const WAIT: RangeInclusive<Duration> = Duration::from_secs(1)..=Duration::from_mins(2);
/// Silence that ends an answer.
const END_SILENCE: RangeInclusive<Duration> = Duration::from_millis(300)..=Duration::from_secs(30);
/// Length of something recorded.
const LENGTH: RangeInclusive<Duration> = Duration::from_secs(2)..=Duration::from_hours(2);

const TYPES: [&str; 14] = [
    "announce",
    "language",
    "hours",
    "block",
    "identify",
    "menu",
    "script",
    "connect",
    "known",
    "engineer",
    "voicemail",
    "alert",
    "goto",
    "hangup",
];

impl Scope<'_> {
    /// Reads one node; `None`: mistakes were told.
    pub(super) fn node(&self, section: &Section<'_>) -> Option<Node> {
        let Some(kind) = section.need("type", "\"announce\"") else {
            section.forgive();
            return None;
        };
        Some(match kind.text {
            "announce" => Node::Announce(self.announce(section)?),
            "language" => Node::ChooseLanguage(self.language(section)?),
            "hours" => Node::Hours(self.hours(section)?),
            "block" => Node::Block(self.block(section)?),
            "identify" => Node::Identify(self.identify(section)?),
            "menu" => Node::Menu(self.menu(section)?),
            "script" => Node::Script(self.script(section)),
            "connect" => Node::Connect(self.connect(section)?),
            "known" => Node::Known(self.known(section)?),
            "engineer" => Node::Engineer(self.engineer(section)?),
            "voicemail" => Node::Voicemail(self.voicemail(section)),
            "alert" => Node::Alert(self.alert(section)),
            "goto" => Node::Goto(self.need_node(section, "to")?),
            "hangup" => Node::Hangup(self.prompts(section, "prompts", &["goodbye"])),
            other => {
                let what =
                    format!("{} has the type `{other}`, which is not known; {}", section.what, hint(other, TYPES));
                self.report().mistake(kind.place, what);
                section.forgive();
                return None;
            }
        })
    }

    fn report(&self) -> &Report {
        self.flows.context.report
    }

    fn announce(&self, section: &Section<'_>) -> Option<Announce> {
        let named = section.has("prompts", "[\"greeting\"]");
        let announce = Announce {
            prompts: self.prompts(section, "prompts", &[]),
            barge_in: section.flag("barge_in").unwrap_or(true),
            next: self.next(section),
        };
        named.then_some(announce)
    }

    fn language(&self, section: &Section<'_>) -> Option<ChooseLanguage> {
        let offers = self.offers(section);
        let prompt = self.prompts(section, "prompt", &["choose-language"]).into_iter().next();
        let wait = section.duration("wait", &WAIT).unwrap_or(Duration::from_secs(6));
        Some(ChooseLanguage { offers: offers?, prompt: prompt?, wait, next: self.next(section) })
    }

    /// `offers = { 1 = "en", 2 = "de" }`.
    fn offers(&self, section: &Section<'_>) -> Option<Vec<(char, Language)>> {
        let spot = section.spot("offers");
        let Some(Spot { value: Value::Table(entries), .. }) = spot else {
            let place = spot.map_or(section.place, |spot| &spot.place);
            self.report().mistake(
                place,
                format!("{} needs the languages by key; add offers = {{ 1 = \"en\", 2 = \"de\" }}", section.what),
            );
            return None;
        };
        let mut offers = Vec::new();
        for (key, spot) in entries {
            if let (Some(key), Value::Text(tag)) = (single_key(key), &spot.value)
                && words::is_language(tag)
            {
                offers.push((key, Language(tag.clone())));
            } else {
                let what = format!(
                    "`offers` of {}: each line is a key and a language, such as 1 = \"en\"; mend this one",
                    section.what
                );
                self.report().mistake(&spot.place, what);
            }
        }
        // In the order of the keys, as they are offered.
        offers.sort_by_key(|(key, _)| *key);
        (!offers.is_empty()).then_some(offers)
    }

    fn hours(&self, section: &Section<'_>) -> Option<Hours> {
        let time_zone = self.flows.context.zone(section);
        let windows: Vec<HoursWindow> =
            section.tables("windows").iter().filter_map(|spot| self.flows.context.window(section, spot)).collect();
        if section.spot("windows").is_none() {
            let what = format!(
                "{} has no `windows`; add windows = [{{ days = [\"mon-fri\"], from = \"08:00\", to = \"18:00\" }}]",
                section.what
            );
            self.report().mistake(section.place, what);
        }
        let holidays = section.texts("holidays").unwrap_or_default();
        let holidays: Vec<Date> = holidays
            .into_iter()
            .filter_map(|word| self.parsed(section, word, "a day such as \"2026-12-25\"", words::day))
            .collect();
        let (open, closed) = (self.need_node(section, "open"), self.need_node(section, "closed"));
        Some(Hours { time_zone: time_zone?, windows, holidays, open: open?, closed: closed? })
    }

    fn block(&self, section: &Section<'_>) -> Option<Block> {
        let anonymous = section.flag("anonymous").unwrap_or(false);
        let prompts = self.prompts(section, "prompts", &[]);
        Some(Block { anonymous, prompts, next: self.need_node(section, "next")? })
    }

    fn identify(&self, section: &Section<'_>) -> Option<Identify> {
        let ask_pin = section.flag("ask_pin").unwrap_or(false);
        let tries = tries(section, "tries", 3);
        let wait = section.duration("wait", &WAIT).unwrap_or(Duration::from_secs(8));
        let (found, unknown) = (self.need_node(section, "found"), self.need_node(section, "unknown"));
        Some(Identify { ask_pin, tries, wait, found: found?, unknown: unknown? })
    }

    fn menu(&self, section: &Section<'_>) -> Option<Menu> {
        let options = self.options(section);
        let end = section.text("end").and_then(|word| self.key(section, "end", word));
        let menu = Menu {
            prompts: self.prompts(section, "prompts", &["menu"]),
            options: options.unwrap_or_default(),
            end,
            wait: section.duration("wait", &WAIT).unwrap_or(Duration::from_secs(6)),
            no_input: self.prompts(section, "no_input", &["no-input"]),
            no_match: self.prompts(section, "no_match", &["no-match"]),
            tries: tries(section, "tries", 3),
            give_up: self.node_or_last_resort(section, "give_up")?,
        };
        (!menu.options.is_empty()).then_some(menu)
    }

    /// `options = { 1 = "report", 2 = "engineer" }`.
    fn options(&self, section: &Section<'_>) -> Option<BTreeMap<String, NodeId>> {
        let spot = section.spot("options");
        let Some(Spot { value: Value::Table(entries), .. }) =
            spot.filter(|spot| !matches!(&spot.value, Value::Table(t) if t.is_empty()))
        else {
            let place = spot.map_or(section.place, |spot| &spot.place);
            self.report().mistake(
                place,
                format!(
                    "{} needs keys and where they lead; add options = {{ 1 = \"NODE\", 2 = \"NODE\" }}",
                    section.what
                ),
            );
            return None;
        };
        let mut options = BTreeMap::new();
        for (code, spot) in entries {
            if code.is_empty() || code.len() > 32 || !code.chars().all(is_key) {
                self.report().mistake(
                    &spot.place,
                    format!("`options` of {}: `{code}` are no keys of a phone; use 0-9, * and #", section.what),
                );
            }
            let Value::Text(node) = &spot.value else {
                self.report().mistake(
                    &spot.place,
                    format!("`options` of {}: the name of a node in quotes is needed here", section.what),
                );
                continue;
            };
            if self.exists(Word { text: node, place: &spot.place }) {
                options.insert(code.clone(), NodeId::from(node.as_str()));
            }
        }
        Some(options)
    }

    fn script(&self, section: &Section<'_>) -> Script {
        let known = Question::ALL.map(|question| (question.word(), question));
        let questions = section.texts("questions").map_or_else(
            || Question::ALL.to_vec(),
            |words| words.into_iter().filter_map(|word| choice(word, "questions", &known, self.report())).collect(),
        );
        Script {
            questions,
            answer_max: section.duration("answer_max", &LENGTH).unwrap_or(Duration::from_mins(2)),
            end_silence: section.duration("end_silence", &END_SILENCE).unwrap_or(Duration::from_millis(1_300)),
            no_speech: section.duration("no_speech", &WAIT).unwrap_or(Duration::from_secs(6)),
            tries: tries(section, "tries", 2),
            corrections: section.whole("corrections", &(0..=10)).map_or(2, |count| u32::try_from(count).unwrap_or(2)),
            confirm_wait: section.duration("confirm_wait", &WAIT).unwrap_or(Duration::from_secs(8)),
            next: self.next(section),
        }
    }

    fn connect(&self, section: &Section<'_>) -> Option<Connect> {
        let target = self.target(section);
        let confirm = section.flag("confirm");
        if confirm == Some(false) && !matches!(target, Some(ConnectTarget::Fixed(Destination::Sip(_))) | None) {
            let what = format!(
                "{}: people must press 1 (it may be their mailbox that answers); `confirm = false` is for `to = \"sip:…\"` only, remove it",
                section.what
            );
            self.report().mistake(section.place, what);
        }
        let leave_key = match section.text("leave_key") {
            Some(word) if word.text == "none" => None,
            Some(word) => self.key(section, "leave_key", word),
            None => Some('#'),
        };
        let connect = Connect {
            target: target?,
            ring: section
                .duration("ring", &(Duration::from_secs(5)..=Duration::from_mins(3)))
                .unwrap_or(Duration::from_secs(25)),
            rounds: section.whole("rounds", &(1..=20)).map_or(2, |rounds| u32::try_from(rounds).unwrap_or(2)),
            budget: section
                .duration("budget", &(Duration::from_secs(5)..=Duration::from_hours(12)))
                .unwrap_or(Duration::from_mins(5)),
            confirm: confirm.unwrap_or(true),
            accept_wait: section.duration("accept_wait", &WAIT).unwrap_or(Duration::from_secs(20)),
            comfort_every: section
                .duration("comfort_every", &(Duration::from_secs(5)..=Duration::from_mins(10)))
                .unwrap_or(Duration::from_secs(20)),
            record: section.flag("record").unwrap_or(true),
            leave_key,
            on_nobody: self.node_or_last_resort(section, "on_nobody")?,
        };
        Some(connect)
    }

    /// `schedule`, `policy`, `user`, `team`, or `to = "phone:… / number:… / sip:…"`; else the number's schedule.
    fn target(&self, section: &Section<'_>) -> Option<ConnectTarget> {
        let (context, report) = (self.flows.context, self.report());
        let named: Vec<(&str, Word<'_>)> = ["schedule", "policy", "user", "team", "to"]
            .into_iter()
            .filter_map(|key| Some((key, section.text(key)?)))
            .collect();
        if let [(first, _), (second, word), ..] = named.as_slice() {
            report.mistake(word.place, format!("{} has `{first}` and `{second}`; keep one of them", section.what));
            return None;
        }
        let known = |kind, word| context.names.check(kind, word, report);
        match named.first().copied() {
            Some(("schedule", word)) => known(Kind::Schedule, word).then(|| ConnectTarget::Schedule(word.text.into())),
            Some(("policy", word)) => known(Kind::Policy, word).then(|| ConnectTarget::Policy(word.text.into())),
            Some(("user", word)) => known(Kind::User, word).then(|| ConnectTarget::User(word.text.into())),
            Some(("team", word)) => known(Kind::Team, word).then(|| ConnectTarget::Team(word.text.into())),
            Some((_, to)) => context.destination(to).map(ConnectTarget::Fixed),
            None => {
                let schedule = self.schedule.or_else(|| context.names.only(Kind::Schedule));
                if schedule.is_none() {
                    let what = format!(
                        "{} does not say whom to call; add schedule = \"…\" (or policy, user, team, or to = \"phone:…\")",
                        section.what
                    );
                    report.mistake(section.place, what);
                }
                schedule.map(|schedule| ConnectTarget::Schedule(ScheduleId::from(schedule)))
            }
        }
    }

    /// `join`: for whoever adds to the open report; `something_new`: for whoever heard of it and does not; `next`: for all others.
    fn known(&self, section: &Section<'_>) -> Option<Known> {
        let wait = section.duration("wait", &WAIT).unwrap_or(Duration::from_secs(5));
        let (join, next) = (self.need_node(section, "join"), self.need_node(section, "next"));
        let prompts = self.prompts(section, "prompts", &["greeting"]);
        let something_new = match section.text("something_new") {
            Some(word) => self.exists(word).then(|| NodeId::from(word.text)),
            None => next.clone(),
        };
        let colleagues = section.flag("colleagues").unwrap_or(false);
        Some(Known { prompts, wait, colleagues, join: join?, something_new: something_new?, next: next? })
    }

    fn engineer(&self, section: &Section<'_>) -> Option<Engineer> {
        let tries = tries(section, "tries", 3);
        let wait = section.duration("wait", &WAIT).unwrap_or(Duration::from_secs(8));
        Some(Engineer { tries, wait, give_up: self.node_or_last_resort(section, "give_up")? })
    }

    fn voicemail(&self, section: &Section<'_>) -> Voicemail {
        Voicemail {
            prompts: self.prompts(section, "prompts", &["voicemail"]),
            max: section.duration("max", &LENGTH).unwrap_or(Duration::from_mins(3)),
            end_silence: never_or(section, "end_silence", &END_SILENCE, Duration::from_secs(5)),
            no_speech: never_or(section, "no_speech", &WAIT, Duration::from_secs(10)),
            thanks: self.prompts(section, "thanks", &["voicemail-thanks"]),
            next: self.next(section),
        }
    }

    fn alert(&self, section: &Section<'_>) -> AlertNode {
        let known = [Priority::P1, Priority::P2, Priority::P3, Priority::P4, Priority::P5]
            .map(|priority| (priority.word(), priority));
        AlertNode {
            priority: section.text("priority").and_then(|word| choice(word, "priority", &known, self.report())),
            title: section.text("title").map(|title| title.text.chars().take(200).collect()),
            next: self.next(section),
        }
    }

    /// `next`: a node, or nothing for goodbye.
    fn next(&self, section: &Section<'_>) -> Option<NodeId> {
        let word = section.text("next")?;
        self.exists(word).then(|| NodeId::from(word.text))
    }

    fn need_node(&self, section: &Section<'_>, key: &'static str) -> Option<NodeId> {
        let word = section.need(key, "\"NODE\"")?;
        self.exists(word).then(|| NodeId::from(word.text))
    }

    fn node_or_last_resort(&self, section: &Section<'_>, key: &'static str) -> Option<NodeId> {
        match section.text(key) {
            Some(word) => self.exists(word).then(|| NodeId::from(word.text)),
            None => self.last_resort.clone(),
        }
    }

    fn prompts(&self, section: &Section<'_>, key: &'static str, default: &[&str]) -> Vec<Prompt> {
        let context = self.flows.context;
        let read = |word: Word<'_>| self.flows.prompts.read(word, context.base, context.report);
        match section.texts(key) {
            Some(words) => words.into_iter().filter_map(read).collect(),
            None => default.iter().filter_map(|text| read(Word { text, place: section.place })).collect(),
        }
    }

    fn key(&self, section: &Section<'_>, name: &str, word: Word<'_>) -> Option<char> {
        let key = single_key(word.text);
        if key.is_none() {
            self.report().mistake(
                word.place,
                format!("`{name}` of {}: `{}` is no key; use one of 0-9, * and #", section.what, word.text),
            );
        }
        key
    }

    fn parsed<T>(
        &self,
        section: &Section<'_>,
        word: Word<'_>,
        need: &str,
        parse: impl Fn(&str) -> Option<T>,
    ) -> Option<T> {
        let value = parse(word.text);
        if value.is_none() {
            self.report()
                .mistake(word.place, format!("`{}` in {} can't be read; write {need}", word.text, section.what));
        }
        value
    }
}

const fn is_key(key: char) -> bool {
    matches!(key, '0'..='9' | '*' | '#')
}

fn single_key(text: &str) -> Option<char> {
    let mut keys = text.chars();
    keys.next().filter(|key| is_key(*key) && keys.next().is_none())
}

fn tries(section: &Section<'_>, key: &'static str, default: u32) -> u32 {
    section.whole(key, &(1..=20)).map_or(default, |tries| u32::try_from(tries).unwrap_or(default))
}

/// A duration, or `"never"`.
fn never_or(
    section: &Section<'_>,
    key: &'static str,
    range: &RangeInclusive<Duration>,
    default: Duration,
) -> Option<Duration> {
    let is_never = matches!(section.spot(key), Some(Spot { value: Value::Text(text), .. }) if text == "never");
    (!is_never).then(|| section.duration(key, range).unwrap_or(default))
}
