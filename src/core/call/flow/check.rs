//! Is a flow sound? Every mistake with its remedy, before the first call; and how
//! long a caller may have to wait in it.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use crate::call::frame::spell;
use crate::call::prompt::Prompt;
use crate::directory::{Destination, Directory};
use crate::ids::NodeId;

use super::{Connect, ConnectTarget, Flow, Menu, Node, Script, Voicemail, incident};

/// Something wrong with a flow.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// The node it stands in; `None`: the flow as a whole.
    pub node: Option<NodeId>,
    /// What is wrong and what to do about it, in one sentence.
    pub text: String,
}

/// What a phone needs at least to be picked up, unlocked and answered.
const RING_MIN: Duration = Duration::from_secs(5);
/// Music where the call must go on by itself.
const ENDLESS: &str = "music has no end, so what follows is never reached; use a file or silence instead";
/// The keys of a telephone.
const KEYS: &str = "0123456789*#ABCD";
/// A text of ours is not longer, for [`longest_wait`].
const PROMPT_MAX: Duration = Duration::from_secs(15);
/// The latest update of an incident, as long as it may be when it is spoken.
const INCIDENT_TEXT: Duration = Duration::from_mins(1);
/// Who accepted is joined after so much more at most: the caller hears that the conversation is recorded.
const ANNOUNCED: Duration = super::taped::ANNOUNCED;
/// A WAV file of the configuration is not longer, for [`longest_wait`].
const FILE_MAX: Duration = Duration::from_mins(1);

/// All that is wrong with `flow`; empty: it may be used.
pub fn check(flow: &Flow, directory: &Directory) -> Vec<Problem> {
    let mut checker = Checker { flow, directory, problems: Vec::new() };
    checker.whole();
    checker.targets();
    for (id, node) in &flow.nodes {
        checker.node(id, node);
    }
    checker.reach();
    checker.ends();
    checker.circles();
    checker.problems
}

struct Checker<'a> {
    flow: &'a Flow,
    directory: &'a Directory,
    problems: Vec<Problem>,
}

impl Checker<'_> {
    fn add(&mut self, node: Option<&NodeId>, text: impl Into<String>) {
        self.problems.push(Problem { node: node.cloned(), text: text.into() });
    }

    /// Adds `text` if `wrong`.
    fn need(&mut self, id: &NodeId, wrong: bool, text: &str) {
        if wrong {
            self.add(Some(id), text);
        }
    }

    fn whole(&mut self) {
        let flow = self.flow;
        if !flow.nodes.contains_key(&flow.start) {
            self.add(None, format!("start names the node \"{}\", which does not exist; {}", flow.start, self.known()));
        }
        if flow.budget.is_zero() {
            self.add(None, "budget is 0, so every call would go to the last resort at once; give it e.g. 300 s");
        }
        let last = &flow.last_resort;
        match flow.nodes.get(last) {
            None => {
                self.add(
                    None,
                    format!("last_resort names the node \"{last}\", which does not exist; {}", self.known()),
                );
            }
            Some(Node::Hangup(_)) => {}
            Some(Node::Voicemail(voicemail)) => {
                let next = voicemail.next.as_ref().and_then(|next| flow.nodes.get(next));
                if next.is_some_and(|next| !matches!(next, Node::Hangup(_))) {
                    let text =
                        "after the last resort only a hangup node may follow; let next name one, or leave it out";
                    self.add(Some(last), text);
                }
            }
            Some(node) => {
                let text = format!("last_resort must be a voicemail or hangup node, not {}", kind(node));
                self.add(Some(last), text);
            }
        }
    }

    fn known(&self) -> String {
        let names: Vec<&str> = self.flow.nodes.keys().map(|id| id.0.as_str()).collect();
        if names.is_empty() { "the flow has no nodes".to_owned() } else { format!("there are: {}", names.join(", ")) }
    }

    fn targets(&mut self) {
        for (id, node) in &self.flow.nodes {
            for (name, target) in ways(node) {
                if !self.flow.nodes.contains_key(target) {
                    let text = format!("{name} leads to \"{target}\", which does not exist; {}", self.known());
                    self.add(Some(id), text);
                }
            }
        }
    }

    fn node(&mut self, id: &NodeId, node: &Node) {
        match node {
            Node::Announce(announce) => {
                let endless = announce.prompts.contains(&Prompt::Music);
                self.need(
                    id,
                    endless && announce.next.is_some() && !announce.barge_in,
                    "music has no end, so `next` is never reached; set barge_in, or use a file or silence instead",
                );
            }
            Node::ChooseLanguage(choose) => {
                self.need(id, choose.offers.is_empty(), "no language is offered; add offers, or remove the node");
                let keys: BTreeSet<char> = choose.offers.iter().map(|(key, _)| *key).collect();
                self.need(id, keys.len() < choose.offers.len(), "two languages share a key; give each its own");
                let wrong = keys.iter().any(|key| !KEYS.contains(*key));
                self.need(id, wrong, "an offer's key is no telephone key; use 0-9, * or #");
            }
            Node::Hours(hours) => {
                self.need(
                    id,
                    hours.windows.is_empty(),
                    "there are no opening hours, so `open` is never reached; add windows",
                );
                let days = hours.windows.iter().any(|window| window.days.is_empty());
                self.need(id, days, "an opening window has no days; name at least one, e.g. mon");
            }
            Node::Identify(identify) => {
                let wrong = identify.ask_pin && identify.tries == 0;
                self.need(id, wrong, "ask_pin is on but tries is 0; set tries to 1 or more, or ask_pin to false");
                let wrong = identify.ask_pin && identify.wait.is_zero();
                self.need(id, wrong, "wait is 0, so nobody can type a PIN; give it e.g. 6 s");
            }
            Node::Menu(menu) => self.menu(id, menu),
            Node::Script(script) => self.script(id, script),
            Node::Connect(connect) => self.connect(id, connect),
            Node::Voicemail(voicemail) => {
                self.need(id, voicemail.max.is_zero(), "max is 0, so no message can be left; give it e.g. 180 s");
                let music = voicemail.prompts.contains(&Prompt::Music) || voicemail.thanks.contains(&Prompt::Music);
                self.need(id, music, ENDLESS);
            }
            Node::Alert(alert) => {
                let empty = alert.priority.is_none() && alert.title.is_none();
                self.need(id, empty, "changes nothing; set priority or title, or remove the node");
            }
            Node::Hangup(prompts) => self.need(id, prompts.contains(&Prompt::Music), ENDLESS),
            Node::Block(block) => self.need(id, block.prompts.contains(&Prompt::Music), ENDLESS),
            Node::Known(known) => {
                self.need(id, known.wait.is_zero(), "wait is 0, so nobody can press a key; give it e.g. 6 s");
                let circle = known.join == *id || known.next == *id;
                self.need(id, circle, "leads back to the same node; let join and next name others");
            }
            Node::Engineer(engineer) => {
                let text = "tries is 0, so nobody can type a PIN; set it to 1 or more";
                self.need(id, engineer.tries == 0, text);
                self.need(id, engineer.wait.is_zero(), "wait is 0, so nobody can press a key; give it e.g. 8 s");
            }
            Node::Goto(_) => {}
        }
    }

    fn menu(&mut self, id: &NodeId, menu: &Menu) {
        let prompts = [&menu.prompts, &menu.no_input, &menu.no_match];
        self.need(id, prompts.iter().any(|prompts| prompts.contains(&Prompt::Music)), ENDLESS);
        self.need(id, menu.options.is_empty(), "the menu has no options; add at least one key");
        self.need(id, menu.tries == 0, "tries is 0, so the menu is never offered; set it to 1 or more");
        self.need(id, menu.wait.is_zero(), "wait is 0, so nobody can press a key after the prompts; give it e.g. 6 s");
        for keys in menu.options.keys() {
            if keys.is_empty() || keys.chars().any(|key| !KEYS.contains(key)) {
                self.add(Some(id), format!("the option \"{keys}\" has keys that no telephone has; use 0-9, * or #"));
            }
            let ended = menu.end.is_some_and(|end| keys.chars().count() > 1 && keys.contains(end));
            if ended {
                let text = format!("the option \"{keys}\" contains the key that ends a code; choose another end");
                self.add(Some(id), text);
            }
        }
    }

    fn script(&mut self, id: &NodeId, script: &Script) {
        self.need(
            id,
            script.questions.is_empty(),
            "no questions are asked; name at least one of who, what, when, where, why",
        );
        let twice = script.questions.iter().collect::<BTreeSet<_>>().len() < script.questions.len();
        self.need(id, twice, "a question is asked twice; name each once");
        self.need(id, script.answer_max.is_zero(), "answer_max is 0, so no answer can be given; give it e.g. 60 s");
        self.need(
            id,
            script.end_silence.is_zero(),
            "end_silence is 0, so every answer would be cut off; give it e.g. 1.2 s",
        );
        self.need(id, script.no_speech.is_zero(), "no_speech is 0, so nobody can begin to speak; give it e.g. 6 s");
        self.need(id, script.tries == 0, "tries is 0, so nothing is asked; set it to 1 or more");
    }

    fn connect(&mut self, id: &NodeId, connect: &Connect) {
        self.need(id, connect.rounds == 0, "rounds is 0, so nobody is called; set it to 1 or more");
        self.need(id, connect.ring < RING_MIN, "ring is under 5 s, too short to pick a phone up; give it e.g. 25 s");
        self.need(
            id,
            connect.budget < connect.ring,
            "budget is shorter than ring, so not even one phone could ring its time; raise budget",
        );
        if self.flow.budget < connect.ring {
            let text = format!(
                "the flow's budget of {} is shorter than one ring of {}; raise the budget",
                spell(self.flow.budget),
                spell(connect.ring)
            );
            self.add(Some(id), text);
        }
        let hasty = connect.confirm && connect.accept_wait < RING_MIN;
        self.need(id, hasty, "accept_wait is under 5 s, too short to hear the words and press 1; give it e.g. 20 s");
        let key = connect.leave_key.is_some_and(|key| !KEYS.contains(key));
        self.need(id, key, "leave_key is no telephone key; use 0-9, * or #");
        self.need(id, connect.on_nobody == *id, "on_nobody leads back to the same node; name a voicemail node");
        let fixed_sip = matches!(&connect.target, ConnectTarget::Fixed(Destination::Sip(_)));
        self.need(
            id,
            !connect.confirm && !fixed_sip,
            "confirm = false is for a fixed SIP address only: a person's phone may be answered by a mailbox; remove it",
        );
        self.target(id, connect);
    }

    fn target(&mut self, id: &NodeId, connect: &Connect) {
        match &connect.target {
            ConnectTarget::Schedule(schedule) => match self.directory.schedules.get(schedule) {
                None => {
                    let text =
                        format!("the schedule \"{schedule}\" does not exist; add it to [[schedules]] or name another");
                    self.add(Some(id), text);
                }
                Some(found) if found.has_nobody() => {
                    self.add(
                        Some(id),
                        format!("the schedule \"{schedule}\" has no people; add members to its rotation"),
                    );
                }
                Some(_) => {}
            },
            ConnectTarget::Policy(policy) => {
                let known = self.directory.policies.contains_key(policy);
                let text = format!("the escalation policy \"{policy}\" does not exist; add it or name another");
                self.need(id, !known, &text);
            }
            ConnectTarget::User(user) => match self.directory.users.get(user) {
                None => {
                    self.add(
                        Some(id),
                        format!("the user \"{user}\" does not exist; add it to [[users]] or name another"),
                    );
                }
                Some(known) => {
                    let text = format!("the user \"{user}\" has no phones; add one");
                    self.need(id, known.phones.is_empty(), &text);
                }
            },
            ConnectTarget::Team(team) => match self.directory.teams.get(team) {
                None => {
                    self.add(
                        Some(id),
                        format!("the team \"{team}\" does not exist; add it to [[teams]] or name another"),
                    );
                }
                Some(known) => {
                    let text = format!("the team \"{team}\" has no members; add some");
                    self.need(id, known.members.is_empty(), &text);
                }
            },
            ConnectTarget::Fixed(Destination::Phone(phone)) if !self.directory.phones.contains_key(phone) => {
                self.add(
                    Some(id),
                    format!("the phone \"{phone}\" does not exist; add it to [[phones]] or name another"),
                );
            }
            ConnectTarget::Fixed(Destination::Number { trunk, .. }) if !self.directory.trunks.contains_key(trunk) => {
                self.add(
                    Some(id),
                    format!("the trunk \"{trunk}\" does not exist; add it to [[trunks]] or name another"),
                );
            }
            ConnectTarget::Fixed(Destination::Sip(address))
                if !(address.starts_with("sip:") || address.starts_with("sips:")) =>
            {
                self.add(Some(id), "the SIP address must begin with sip: or sips:, e.g. sip:queue@192.0.2.1:5060");
            }
            ConnectTarget::Fixed(Destination::Phone(_) | Destination::Number { .. } | Destination::Sip(_)) => {}
        }
    }

    fn reach(&mut self) {
        let mut reached = BTreeSet::new();
        let mut open = vec![&self.flow.start, &self.flow.last_resort];
        while let Some(id) = open.pop() {
            if let Some(node) = self.flow.nodes.get(id)
                && reached.insert(id)
            {
                open.extend(ways(node).into_iter().map(|(_, to)| to));
            }
        }
        for id in self.flow.nodes.keys() {
            if !reached.contains(id) {
                self.add(Some(id), "no way leads here; let another node lead to it, or remove it");
            }
        }
    }

    fn ends(&mut self) {
        let mut ending: BTreeSet<&NodeId> = BTreeSet::new();
        loop {
            let more: Vec<&NodeId> = self
                .flow
                .nodes
                .iter()
                .filter(|(id, node)| {
                    !ending.contains(id) && (may_end(node) || ways(node).iter().any(|(_, to)| ending.contains(to)))
                })
                .map(|(id, _)| id)
                .collect();
            if more.is_empty() {
                break;
            }
            ending.extend(more);
        }
        for (id, node) in &self.flow.nodes {
            let complete = ways(node).iter().all(|(_, to)| self.flow.nodes.contains_key(*to));
            if complete && !ending.contains(id) {
                self.add(Some(id), "no way leads from here to an end; let one lead to a voicemail or hangup node");
            }
        }
    }

    /// Nodes that never wait and lead back to themselves.
    fn circles(&mut self) {
        for (id, node) in &self.flow.nodes {
            let mut seen = BTreeSet::new();
            let mut open: Vec<&NodeId> = instant_ways(node);
            while let Some(next) = open.pop() {
                if next == id {
                    self.add(Some(id), "leads back to itself without ever waiting; break the circle");
                    break;
                }
                if let Some(node) = self.flow.nodes.get(next)
                    && seen.insert(next)
                {
                    open.extend(instant_ways(node));
                }
            }
        }
    }
}

/// All ways out of a node, with the name of the setting.
fn ways(node: &Node) -> Vec<(String, &NodeId)> {
    match node {
        Node::Announce(node) => next(node.next.as_ref()),
        Node::ChooseLanguage(node) => next(node.next.as_ref()),
        Node::Script(node) => next(node.next.as_ref()),
        Node::Voicemail(node) => next(node.next.as_ref()),
        Node::Alert(node) => next(node.next.as_ref()),
        Node::Hours(node) => vec![("open".to_owned(), &node.open), ("closed".to_owned(), &node.closed)],
        Node::Block(node) => vec![("next".to_owned(), &node.next)],
        Node::Identify(node) => vec![("found".to_owned(), &node.found), ("unknown".to_owned(), &node.unknown)],
        Node::Menu(node) => {
            let options = node.options.iter().map(|(keys, to)| (format!("option \"{keys}\""), to));
            options.chain([("give_up".to_owned(), &node.give_up)]).collect()
        }
        Node::Connect(node) => vec![("on_nobody".to_owned(), &node.on_nobody)],
        Node::Known(node) => vec![
            ("join".to_owned(), &node.join),
            ("something_new".to_owned(), &node.something_new),
            ("next".to_owned(), &node.next),
        ],
        Node::Engineer(node) => vec![("give_up".to_owned(), &node.give_up)],
        Node::Goto(to) => vec![("goto".to_owned(), to)],
        Node::Hangup(_) => Vec::new(),
    }
}

fn next(to: Option<&NodeId>) -> Vec<(String, &NodeId)> {
    to.map(|to| ("next".to_owned(), to)).into_iter().collect()
}

/// The ways out that may be taken without a moment of waiting.
fn instant_ways(node: &Node) -> Vec<&NodeId> {
    let instant = match node {
        Node::Announce(node) => node.prompts.is_empty(),
        Node::ChooseLanguage(node) => !node.needs_audio(),
        Node::Script(node) => node.questions.is_empty(),
        Node::Menu(node) => node.options.is_empty() || node.tries == 0,
        // Known by caller ID: asks nothing.
        // A caller without an open report hears nothing, and a line that nobody has a PIN for asks nothing.
        Node::Hours(_)
        | Node::Block(_)
        | Node::Identify(_)
        | Node::Known(_)
        | Node::Engineer(_)
        | Node::Alert(_)
        | Node::Goto(_) => true,
        Node::Connect(_) | Node::Voicemail(_) | Node::Hangup(_) => false,
    };
    if instant { ways(node).into_iter().map(|(_, to)| to).collect() } else { Vec::new() }
}

/// The call may end in it or after it.
fn may_end(node: &Node) -> bool {
    match node {
        Node::Announce(node) => node.next.is_none(),
        Node::ChooseLanguage(node) => node.next.is_none(),
        Node::Script(node) => node.next.is_none(),
        Node::Voicemail(node) => node.next.is_none(),
        Node::Alert(node) => node.next.is_none(),
        Node::Hangup(_) => true,
        // Engineers hang up when they have heard enough; strangers go on.
        Node::Hours(_)
        | Node::Block(_)
        | Node::Identify(_)
        | Node::Menu(_)
        | Node::Connect(_)
        | Node::Known(_)
        | Node::Engineer(_)
        | Node::Goto(_) => false,
    }
}

const fn kind(node: &Node) -> &'static str {
    match node {
        Node::Announce(_) => "announce",
        Node::ChooseLanguage(_) => "language",
        Node::Hours(_) => "hours",
        Node::Block(_) => "block",
        Node::Identify(_) => "identify",
        Node::Menu(_) => "menu",
        Node::Script(_) => "script",
        Node::Connect(_) => "connect",
        Node::Known(_) => "known",
        Node::Engineer(_) => "engineer",
        Node::Voicemail(_) => "voicemail",
        Node::Alert(_) => "alert",
        Node::Goto(_) => "goto",
        Node::Hangup(_) => "hangup",
    }
}

/// The longest that a call without a conversation may last from the answer to the goodbye: the worst way
/// through the flow, or budget and last resort (or a message begun just before), whichever is less. Prompts
/// count 15 s each, files a minute.
/// `recorded`: the number records conversations.
pub fn longest_wait(flow: &Flow, recorded: bool) -> Duration {
    let goodbye = PROMPT_MAX;
    let tells = |node: &Node| matches!(node, Node::Connect(connect) if recorded && connect.record);
    let announced = if flow.nodes.values().any(tells) { ANNOUNCED } else { Duration::ZERO };
    let tail = |node: &Node| match node {
        Node::Voicemail(voicemail) => voicemail_time(voicemail) + after(flow, voicemail.next.as_ref()),
        Node::Hangup(prompts) => texts(prompts).unwrap_or(goodbye),
        Node::Announce(_)
        | Node::ChooseLanguage(_)
        | Node::Hours(_)
        | Node::Block(_)
        | Node::Identify(_)
        | Node::Menu(_)
        | Node::Script(_)
        | Node::Connect(_)
        | Node::Known(_)
        | Node::Engineer(_)
        | Node::Alert(_)
        | Node::Goto(_) => goodbye,
    };
    // The flow's time may end while the caller is being told that it is recorded, and whoever accepted is gone after that.
    let capped = flow.budget + announced + flow.nodes.values().map(tail).max().unwrap_or(goodbye);
    let mut on_way = BTreeSet::new();
    let mut known = BTreeMap::new();
    let walked = walk(flow, &flow.start, recorded, &mut on_way, &mut known);
    walked.map_or(capped, |walked| walked.min(capped))
}

fn after(flow: &Flow, next: Option<&NodeId>) -> Duration {
    match next.and_then(|next| flow.nodes.get(next)) {
        Some(Node::Hangup(prompts)) => texts(prompts).unwrap_or(PROMPT_MAX),
        Some(_) | None => PROMPT_MAX,
    }
}

/// The longest way from `id` to an end; `None`: may go in circles or has no end.
fn walk<'a>(
    flow: &'a Flow,
    id: &'a NodeId,
    recorded: bool,
    on_way: &mut BTreeSet<&'a NodeId>,
    known: &mut BTreeMap<&'a NodeId, Option<Duration>>,
) -> Option<Duration> {
    if let Some(known) = known.get(id) {
        return *known;
    }
    let node = flow.nodes.get(id)?;
    if !on_way.insert(id) {
        return None;
    }
    let ends = if may_end(node) && !matches!(node, Node::Hangup(_)) { PROMPT_MAX } else { Duration::ZERO };
    let rest = ways(node)
        .into_iter()
        .try_fold(ends, |longest, (_, to)| Some(longest.max(walk(flow, to, recorded, on_way, known)?)));
    on_way.remove(id);
    let whole = rest.and_then(|rest| Some(rest + own(node, recorded)?));
    known.insert(id, whole);
    whole
}

/// The longest time within a node; `None`: without end.
fn own(node: &Node, recorded: bool) -> Option<Duration> {
    Some(match node {
        Node::Announce(node) => texts(&node.prompts)?,
        Node::ChooseLanguage(node) => {
            let count = u32::try_from(node.offers.len()).unwrap_or(u32::MAX);
            PROMPT_MAX * count + node.wait
        }
        Node::Identify(node) if node.ask_pin => (PROMPT_MAX * 2 + node.wait * 20) * node.tries,
        Node::Menu(node) => {
            let words = texts(&node.no_input)?.max(texts(&node.no_match)?);
            (texts(&node.prompts)? + words + node.wait + Duration::from_secs(40)) * node.tries
        }
        Node::Script(node) => {
            let count = u32::try_from(node.questions.len()).unwrap_or(u32::MAX);
            let answers = (PROMPT_MAX * 2 + node.answer_max) * count * node.tries.max(1);
            let read_back = PROMPT_MAX * 4 + node.answer_max * count + node.confirm_wait * 3;
            (answers + read_back) * (node.corrections + 1) + PROMPT_MAX * 4
        }
        Node::Known(node) => {
            let report = PROMPT_MAX * 8 + node.wait;
            // An incident: its title and latest update in pieces, and as often as the caller may choose what is added.
            let turn = PROMPT_MAX * 3 + node.wait + INCIDENT_TEXT + incident::LIMITS.max;
            texts(&node.prompts)? + PROMPT_MAX * 4 + turn * incident::TURNS_MAX + report
        }
        // A caller who comes here by mistake; an engineer may stay until the budget is over.
        Node::Engineer(node) => (PROMPT_MAX * 2 + Duration::from_secs(30) + node.wait * 20) * node.tries,
        Node::Connect(node) => {
            let announced = if recorded && node.record { ANNOUNCED } else { Duration::ZERO };
            node.budget + node.accept_wait + Duration::from_mins(2) + announced
        }
        Node::Voicemail(node) => voicemail_time(node),
        Node::Hangup(prompts) => texts(prompts)?,
        Node::Hours(_) | Node::Block(_) | Node::Identify(_) | Node::Alert(_) | Node::Goto(_) => Duration::ZERO,
    })
}

fn voicemail_time(node: &Voicemail) -> Duration {
    let words = texts(&node.prompts).unwrap_or(PROMPT_MAX);
    let thanks = texts(&node.thanks).unwrap_or(PROMPT_MAX).max(PROMPT_MAX);
    words + node.max + thanks
}

/// How long prompts are at most; `None`: without end.
fn texts(prompts: &[Prompt]) -> Option<Duration> {
    prompts.iter().try_fold(Duration::ZERO, |sum, prompt| {
        Some(
            sum + match prompt {
                Prompt::Music => return None,
                Prompt::Silence(length) => *length,
                Prompt::File(_) => FILE_MAX,
                Prompt::Say(_) | Prompt::Digits(_) | Prompt::Name(_) | Prompt::Recording(_) => PROMPT_MAX,
                Prompt::Beep => Duration::from_secs(1),
            },
        )
    })
}
