//! `[[numbers]]` and the flows they belong to.

use std::collections::BTreeMap;
use std::sync::Arc;

use hotline_core::call::flow::Flow;
use hotline_core::directory::{Directory, Number};
use hotline_core::ids::{FlowId, NodeId, NumberId, ScheduleId};

use super::flow::{Flows, ReadFlow};
use super::names::Kind;
use super::report::{Report, Section, hint};
use super::tree::{Place, Spot};
use super::words;

/// The name of the flow that a number has when it names none.
const STANDARD: &str = "standard";

/// Numbers and flows while they are read.
pub(super) struct Numbers<'a> {
    pub flows: &'a Flows<'a>,
    /// `[flows.NAME]` by name; the file's own, else the demo's.
    pub tables: &'a BTreeMap<&'a str, &'a Spot>,
    pub read_flows: BTreeMap<FlowId, ReadFlow>,
    pub by_name: BTreeMap<NumberId, (Number, Place)>,
}

impl Numbers<'_> {
    /// All flows that stand in the files, used or not: a mistake in an unused one is one too.
    pub fn read_flows(&mut self) {
        for (name, spot) in self.tables {
            if !words::is_name(name) {
                let what = format!("`{name}` can't be the name of a flow; use letters, digits, `-`, `_` and `.` only");
                self.report().mistake(&spot.place, what);
            }
            if let Some(read) = self.flows.read(name, spot, None) {
                self.read_flows.insert(FlowId::from(*name), read);
            }
        }
    }

    fn report(&self) -> &'_ Report {
        self.flows.context.report
    }

    /// One `[[numbers]]`.
    pub fn number(&mut self, section: &Section<'_>) {
        let context = self.flows.context;
        let report = context.report;
        let number = section.need("number", "\"+493012345678\" (or a name such as \"hotline\")");
        let aliases = section.texts("aliases").unwrap_or_default();
        let language = context.language(section).unwrap_or_default();
        let schedule = section.text("schedule").filter(|word| context.names.check(Kind::Schedule, *word, report));
        let flow = section.text("flow");
        let policy = context.policy_named(section);
        let test = section.flag("test").unwrap_or(false);
        let sms_when_taken = section.flag("sms_when_taken").unwrap_or(false);
        let record_calls = section.flag("record_calls").unwrap_or(false);
        let record_silently = section.flag("record_announcement") == Some(false);
        if record_silently && !test {
            let what = format!(
                "{}: people must hear that they are recorded, in many countries anything else is a crime; `record_announcement = false` is for test = true only, remove it",
                section.what
            );
            report.mistake(section.place, what);
        }
        let Some(number) = number.filter(|number| context.names.is_the_one(Kind::Number, number)) else { return };
        let (id, mut spellings) = self.spelled(number.text);
        if id.0.chars().any(|c| c.is_whitespace() || c.is_control() || matches!(c, '@' | ':' | ';' | '<' | '>' | '"')) {
            let what = format!(
                "`{}` can't be dialled; write a telephone number like \"+493012345678\" or a name such as \"hotline\"",
                number.text
            );
            report.mistake(number.place, what);
            return;
        }
        for alias in aliases {
            let (other, more) = self.spelled(alias.text);
            spellings.push(other.0);
            spellings.extend(more);
        }
        spellings.sort();
        spellings.dedup();
        spellings.retain(|spelling| *spelling != id.0);
        let schedule =
            schedule.map(|word| word.text).or_else(|| if test { None } else { context.names.only(Kind::Schedule) });
        let flow = match flow {
            Some(word) if word.text != STANDARD || self.tables.contains_key(STANDARD) => {
                if !self.tables.contains_key(word.text) {
                    let known = self.tables.keys().copied().chain([STANDARD]);
                    report.mistake(word.place, format!("there is no flow `{}`; {}", word.text, hint(word.text, known)));
                    return;
                }
                FlowId::from(word.text)
            }
            Some(_) | None => {
                let Some(flow) = self.standard(section, schedule) else { return };
                flow
            }
        };
        if !test && schedule.is_none() && policy.is_none() {
            let what = format!(
                "{} has no `schedule`; nobody can be rung about its alerts. Add schedule = \"…\" (or policy = \"…\", or test = true)",
                section.what
            );
            report.mistake(section.place, what);
        }
        let schedule = schedule.map(ScheduleId::from);
        let number = Number {
            id: id.clone(),
            aliases: spellings,
            flow,
            language,
            schedule,
            policy,
            test,
            record_calls,
            record_silently,
            sms_when_taken,
        };
        self.add(number, section.place);
    }

    /// The built-in flow for the number's schedule, or the file's own `standard`.
    fn standard(&mut self, section: &Section<'_>, schedule: Option<&str>) -> Option<FlowId> {
        if self.tables.contains_key(STANDARD) {
            return Some(FlowId::from(STANDARD));
        }
        let Some(schedule) = schedule else {
            let what = format!(
                "{} names no flow, and the standard flow needs somebody to call; add schedule = \"…\" and the [[schedules]] if it is missing",
                section.what
            );
            self.report().mistake(section.place, what);
            return None;
        };
        let only = self.flows.context.names.only(Kind::Schedule).is_some();
        let name = if only { STANDARD.to_owned() } else { format!("{STANDARD}-{schedule}") };
        let id = FlowId::from(name.as_str());
        if !self.read_flows.contains_key(&id) {
            let read = self.flows.standard(&name, schedule)?;
            self.read_flows.insert(id.clone(), read);
        }
        Some(id)
    }

    /// E.164 where it is a telephone number, with the other ways to write it.
    fn spelled(&self, text: &str) -> (NumberId, Vec<String>) {
        let code = self.flows.context.country_code;
        match words::e164(text, code) {
            Some(e164) => {
                let spellings = words::spellings(&e164, code);
                (NumberId(e164), spellings)
            }
            None => (NumberId(text.to_owned()), Vec::new()),
        }
    }

    fn add(&mut self, number: Number, place: &Place) {
        let mine = |text: &str| *text == number.id.0 || number.aliases.iter().any(|alias| alias == text);
        let twin =
            self.by_name.values().find(|(other, _)| mine(&other.id.0) || other.aliases.iter().any(|alias| mine(alias)));
        if let Some((other, first)) = twin {
            let what = format!(
                "number `{}` can't be told from `{}` (line {}); remove one, or one of the aliases",
                number.id, other.id, first.line
            );
            self.report().mistake(place, what);
        }
        self.by_name.insert(number.id.clone(), (number, place.clone()));
    }

    /// What the call machine's own check finds wrong with the flows, told where the node stands.
    pub fn check_flows(&self, directory: &Directory) {
        for read in self.read_flows.values() {
            for (node, text) in flow_problems(&read.flow, directory) {
                let place = node.as_ref().and_then(|node| read.nodes.get(node)).unwrap_or(&read.place);
                self.report().mistake(place, format!("flow `{}`: {text}", read.flow.id));
            }
        }
    }

    /// The flows as the directory keeps them.
    pub fn into_flows(self) -> (BTreeMap<NumberId, Number>, BTreeMap<FlowId, Arc<Flow>>) {
        let numbers = self.by_name.into_iter().map(|(id, (number, _))| (id, number)).collect();
        let flows = self.read_flows.into_iter().map(|(id, read)| (id, Arc::new(read.flow))).collect();
        (numbers, flows)
    }
}

fn flow_problems(flow: &Flow, directory: &Directory) -> Vec<(Option<NodeId>, String)> {
    let problems = hotline_core::call::flow::check(flow, directory);
    problems.into_iter().map(|problem| (problem.node, problem.text)).collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::path::Path;

    use hotline_core::call::flow::Node;

    use crate::config::{Config, load_from};

    fn load(text: &str) -> Result<Config, String> {
        load_from(text, Path::new("hotline.toml"), &BTreeMap::new(), false).map_err(|error| error.to_string())
    }

    #[test]
    fn conversations_are_recorded_where_a_number_asks_for_it_and_silently_in_tests_only() {
        let text = |more: &str| {
            format!(
                "[[numbers]]\nnumber = \"bench\"\ntest = true\nflow = \"main\"\n{more}\n[flows.main]\nstart = \"join\"\n\
                 last_resort = \"bye\"\n[flows.main.nodes.join]\ntype = \"connect\"\nto = \"sip:desk@127.0.0.1\"\n\
                 record = false\non_nobody = \"bye\"\n[flows.main.nodes.bye]\ntype = \"hangup\"\n"
            )
        };
        let flags = |more: &str| {
            let config = load(&text(more)).unwrap();
            let number = &config.directory.numbers[&"bench".into()];
            (number.record_calls, number.record_silently)
        };
        assert_eq!(flags(""), (false, false));
        assert_eq!(flags("record_calls = true"), (true, false));
        assert_eq!(flags("record_calls = true\nrecord_announcement = false"), (true, true));
        let config = load(&text("")).unwrap();
        let flow = &config.directory.flows[&"main".into()];
        assert!(matches!(&flow.nodes[&"join".into()], Node::Connect(connect) if !connect.record));
        let people = text("record_calls = true\nrecord_announcement = false").replace("test = true", "test = false");
        let told = load(&people).unwrap_err();
        assert!(told.contains("people must hear that they are recorded"), "{told}");
    }
}
