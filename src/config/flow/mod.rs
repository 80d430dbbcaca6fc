//! `[flows.NAME]`: a call flow as a table of nodes, in TOML or as a JSON file.

use std::collections::BTreeMap;
use std::time::Duration;

use hotline_core::call::flow::{Flow, Node};
use hotline_core::ids::{FlowId, NodeId};

use super::people::Context;
use super::prompts::KnownPrompts;
use super::report::{Section, Word, hint};
use super::tree::{self, Place, Spot, Value};

mod nodes;

/// The flow that a number has when it names none.
pub(super) const STANDARD: &str = include_str!("standard.toml");

/// A flow and where each of its nodes stands, for what is found wrong later.
pub(super) struct ReadFlow {
    pub flow: Flow,
    pub place: Place,
    pub nodes: BTreeMap<NodeId, Place>,
}

/// Reads flows.
pub(super) struct Flows<'a> {
    pub context: &'a Context<'a>,
    pub prompts: &'a KnownPrompts,
}

impl Flows<'_> {
    /// One `[flows.NAME]`. `schedule`: whom its connect nodes call if they name nobody.
    /// `None`: mistakes were told.
    pub fn read(&self, name: &str, spot: &Spot, schedule: Option<&str>) -> Option<ReadFlow> {
        let report = self.context.report;
        let before = report.count();
        let section = Section::new(spot, format!("[flows.{name}]"), report)?;
        if let Some(file) = section.file("flow_file") {
            section.finish();
            return self.read_file(name, file, schedule);
        }
        let (start, last_resort) = (section.text("start"), section.text("last_resort"));
        let budget = section.duration("budget", &(Duration::from_secs(5)..=Duration::from_hours(24)));
        let table =
            section.spot("nodes").and_then(|nodes| Section::new(nodes, format!("[flows.{name}.nodes]"), report));
        section.finish();
        let Some(table) = table.filter(|table| !table.entries().is_empty()) else {
            report.mistake(
                &spot.place,
                format!(
                    "flow `{name}` has no nodes; add [flows.{name}.nodes.greeting] with type = \"announce\" and so on"
                ),
            );
            return None;
        };
        let sections: Vec<(&str, Section<'_>)> = table
            .entries()
            .iter()
            .filter_map(|(node, spot)| {
                Some((node.as_str(), Section::new(spot, format!("node `{node}` of flow `{name}`"), report)?))
            })
            .collect();
        let scope = Scope {
            flow: name,
            flows: self,
            schedule,
            last_resort: last_resort_of(&sections, last_resort),
            nodes: &sections,
        };
        if start.is_none() && spot.place.is_document() {
            // JSON objects have no order, so there is no first node.
            report.mistake(&spot.place.within("start"), format!("flow `{name}` has no `start`; name its first node"));
            return None;
        }
        let start = start.filter(|start| scope.exists(*start)).map_or(sections.first()?.0, |start| start.text);
        if let Some(word) = last_resort {
            scope.exists(word);
        }
        let mut read = BTreeMap::new();
        for (node, section) in &sections {
            read.extend(scope.node(section).map(|done| (NodeId::from(*node), done)));
        }
        for (_, section) in &sections {
            section.finish();
        }
        let Some(last_resort) = scope.last_resort.clone() else {
            // A mistake in a node may be the cause: told alone it says enough.
            if report.count() == before {
                report.mistake(
                    &spot.place,
                    format!(
                        "flow `{name}` has no node of type voicemail or hangup; add one, callers must end somewhere"
                    ),
                );
            }
            return None;
        };
        if !matches!(read.get(&last_resort), Some(Node::Voicemail(_) | Node::Hangup(_)) | None) {
            report.mistake(
                &spot.place,
                format!("`last_resort` of flow `{name}` must be a node of type voicemail or hangup; name another"),
            );
        }
        let start = NodeId::from(start);
        let places = sections.iter().map(|(node, section)| (NodeId::from(*node), section.place.clone())).collect();
        if report.count() > before {
            return None;
        }
        let budget = budget.unwrap_or(Duration::from_mins(15));
        let flow = Flow { id: FlowId::from(name), start, nodes: read, budget, last_resort };
        Some(ReadFlow { flow, place: spot.place.clone(), nodes: places })
    }

    /// The built-in flow, for the people of one schedule.
    pub fn standard(&self, name: &str, schedule: &str) -> Option<ReadFlow> {
        let (spot, mistakes) = tree::toml(STANDARD, "standard flow (built in)");
        debug_assert!(mistakes.is_empty(), "a test reads the built-in flow");
        self.read(name, &spot, Some(schedule))
    }

    fn read_file(&self, name: &str, file: Word<'_>, schedule: Option<&str>) -> Option<ReadFlow> {
        let report = self.context.report;
        let path = self.context.base.join(file.text);
        let text = match std::fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) => {
                report.mistake(
                    file.place,
                    format!("{} can't be read: {error}; put the flow there or mend the path", path.display()),
                );
                return None;
            }
        };
        let is_json = path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("json"));
        let spot = if is_json {
            match tree::json(&text, file.text) {
                Ok(spot) => spot,
                Err((place, what)) => {
                    report.mistake(&place, what);
                    return None;
                }
            }
        } else {
            let (spot, mistakes) = tree::toml(&text, file.text);
            for (place, what) in &mistakes {
                report.mistake(place, what.as_str());
            }
            spot
        };
        if let Value::Table(entries) = &spot.value
            && let Some((_, again)) = entries.iter().find(|(key, _)| key == "flow_file")
        {
            report.mistake(&again.place, "a flow's file can't name another flow_file; write the nodes here");
            return None;
        }
        self.read(name, &spot, schedule)
    }
}

/// The node named as last resort; else one called `voicemail`, else the first that takes a message,
/// else the first that hangs up.
fn last_resort_of(sections: &[(&str, Section<'_>)], named: Option<Word<'_>>) -> Option<NodeId> {
    if let Some(named) = named {
        return Some(NodeId::from(named.text));
    }
    let of_type = |wanted: &str| {
        let mut found =
            sections.iter().filter(|(_, section)| section.text("type").is_some_and(|word| word.text == wanted));
        found.clone().find(|(name, _)| *name == wanted).or_else(|| found.next()).map(|(name, _)| NodeId::from(*name))
    };
    of_type("voicemail").or_else(|| of_type("hangup"))
}

/// What a node may refer to.
struct Scope<'a> {
    flow: &'a str,
    flows: &'a Flows<'a>,
    schedule: Option<&'a str>,
    last_resort: Option<NodeId>,
    nodes: &'a [(&'a str, Section<'a>)],
}

impl Scope<'_> {
    /// Whether there is such a node; if not, that is a mistake.
    fn exists(&self, word: Word<'_>) -> bool {
        let known = self.nodes.iter().any(|(name, _)| *name == word.text);
        if !known {
            let hint = hint(word.text, self.nodes.iter().map(|(name, _)| *name));
            self.flows
                .context
                .report
                .mistake(word.place, format!("flow `{}` has no node `{}`; {hint}", self.flow, word.text));
        }
        known
    }
}
