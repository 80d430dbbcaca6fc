//! Ten thousand random calls from one seed. `HOTLINE_SIMULATION_SEED` sets it,
//! `HOTLINE_SIMULATION_CALLS` how many; a failure prints the one call's seed.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Duration;

use jiff::civil::Weekday;
use jiff::tz::TimeZone;

use crate::call::Call;
use crate::call::flow::{
    AlertNode, Announce, Block, ChooseLanguage, Connect, ConnectTarget, Engineer, Flow, Hours, HoursWindow, Identify,
    Known, Menu, Node, Script, Voicemail,
};
use crate::call::prompt::{Prompt, say};
use crate::directory::Destination;
use crate::fact::{Priority, Question};
use crate::ids::{IdSource, NodeId};

use super::fixture::{self, language, secs, speak, start, to};
use super::world::World;

fn from_environment(name: &str, or: u64) -> u64 {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(or)
}

#[test]
fn ten_thousand_random_calls_end_well() {
    let seed = from_environment("HOTLINE_SIMULATION_SEED", 20_260_303);
    let calls = from_environment("HOTLINE_SIMULATION_CALLS", 10_000);
    let mut seeds = IdSource::new(seed);
    let mut outcomes = std::collections::BTreeMap::new();
    for place in 0..calls {
        // The first call's seed is the seed itself, so that one failing call can be run alone.
        let own = if place == 0 { seed } else { seeds.next_u64() };
        for mark in one_call(own) {
            *outcomes.entry(mark).or_insert(0_u64) += 1;
        }
    }
    if calls >= 10_000 {
        for outcome in ["taken", "voicemail", "reported", "abandoned", "blocked", "completed", "failed", "unanswered"] {
            assert!(outcomes.get(outcome).is_some_and(|count| *count > 20), "too few {outcome}: {outcomes:?}");
        }
        for mark in [
            "call-joined",
            "alert-unacknowledged",
            "alert-assigned",
            "resolved",
            "walked in",
            "rung back",
            "the caller waits again",
            "brings in the next level",
            "nobody else is there; the two talk on",
            "an engineer is on the line",
            "asks to be joined with the caller",
            "the caller can't be rung back",
            "notice Acknowledged",
            "notice Escalate",
            "notice Joined",
            "notice Heard",
            "notice NoAnswer",
            "notice Busy",
        ] {
            assert!(outcomes.get(mark).is_some_and(|count| *count > 5), "too few {mark}: {outcomes:?}");
        }
    }
}

fn one_call(seed: u64) -> Vec<String> {
    let mut dice = Dice(IdSource::new(seed));
    let flow = if dice.percent(50) { dice.hotline() } else { dice.flow() };
    let bound = bound(&flow);
    let mut directory = fixture::with(flow);
    if dice.percent(5) {
        directory.numbers.values_mut().for_each(|number| number.test = true);
    }
    if dice.percent(50) {
        directory.numbers.values_mut().for_each(|number| number.record_calls = true);
    }
    let directory = Arc::new(directory);
    let now = start();
    let inbound = dice.percent(80);
    let call = if inbound {
        let caller =
            [Some("+49305550101"), Some("+4940555020"), Some("+4966123"), Some("+3312345"), None][dice.below(5)];
        let mut incoming = fixture::incoming(Arc::clone(&directory), caller, seed);
        if dice.percent(15) {
            "phone:ada".clone_into(&mut incoming.source);
        }
        incoming.wrong_pins = [0, 0, 0, 2, 5, 20][dice.below(6)];
        Call::incoming(incoming, now)
    } else if dice.percent(50) {
        Call::notice(fixture::notice(Arc::clone(&directory), dice.below(4), seed), now)
    } else {
        Call::alert_ring(fixture::alert_ring(Arc::clone(&directory), seed), now)
    };
    let mut world = World::new(call, inbound, directory, seed, now);
    world.weather();
    let result = catch_unwind(AssertUnwindSafe(|| {
        world.run();
        assert!(world.waited() <= bound, "waited {:?}, the bound is {bound:?}", world.waited());
    }));
    if result.is_err() {
        let story = world.story.join("\n");
        panic!("{story}\nrun it alone: HOTLINE_SIMULATION_SEED={seed} HOTLINE_SIMULATION_CALLS=1");
    }
    let outcome = world.outcome.expect("the call has ended");
    let mut marks = world.marks();
    marks.push(outcome.word().to_owned());
    marks
}

/// The flow's budget and a last resort, each lost answer waited for.
fn bound(flow: &Flow) -> Duration {
    let message = flow.nodes.values().map(|node| match node {
        Node::Voicemail(voicemail) => voicemail.max,
        _ => Duration::ZERO,
    });
    let lost_play = secs(140);
    let answer = secs(41);
    let alert_ring = (secs(25) + secs(20) * 2 + lost_play * 4) * 4;
    (answer + flow.budget + message.max().unwrap_or_default() + secs(15) + lost_play * 4 + secs(30)).max(alert_ring)
}

struct Dice(IdSource);

impl Dice {
    fn below(&mut self, limit: usize) -> usize {
        (self.0.next_u64() % limit as u64) as usize
    }

    fn percent(&mut self, chance: u64) -> bool {
        self.0.next_u64() % 100 < chance
    }

    fn seconds(&mut self, limit: u64) -> Duration {
        secs(self.0.next_u64() % (limit + 1))
    }

    fn hotline(&mut self) -> Flow {
        let mut flow = fixture::hotline();
        if self.percent(50) {
            let wait = self.seconds(8);
            flow.nodes.insert(
                to("known"),
                Node::Known(Known {
                    prompts: Vec::new(),
                    wait,
                    colleagues: false,
                    join: to("engineer"),
                    something_new: to("greet"),
                    next: to("greet"),
                }),
            );
            flow.start = to("known");
        }
        if self.percent(30) {
            let line = Engineer { tries: 3, wait: secs(6), give_up: to("mail") };
            flow.nodes.insert(to("line"), Node::Engineer(line));
            match flow.nodes.get_mut(&to("choose")) {
                Some(Node::Menu(menu)) => drop(menu.options.insert("7".to_owned(), to("line"))),
                _ => unreachable!("the fixture has a menu"),
            }
        }
        if self.percent(30) {
            flow.budget = self.seconds(300);
        }
        flow
    }

    /// A flow that no operator would draw; `check` would refuse many of them.
    fn flow(&mut self) -> Flow {
        let names = ["a", "b", "c", "d", "e", "mail", "bye"];
        let mut flow = fixture::flow([("bye", Node::Hangup(vec![speak(say::GOODBYE)]))]);
        for name in &names[..5] {
            let node = self.node();
            flow.nodes.insert(to(name), node);
        }
        if self.percent(30) {
            let voicemail = Node::Voicemail(self.voicemail());
            flow.nodes.insert(to("mail"), voicemail);
        }
        if self.percent(5) {
            flow.nodes.remove(&to("mail"));
        }
        flow.start = to("a");
        flow.budget = self.seconds(400);
        flow
    }

    fn target(&mut self) -> NodeId {
        to(["a", "b", "c", "d", "e", "mail", "bye", "nowhere"][self.below(8)])
    }

    fn maybe(&mut self) -> Option<NodeId> {
        let target = self.target();
        self.percent(80).then_some(target)
    }

    fn words(&mut self) -> Vec<Prompt> {
        match self.below(5) {
            0 => Vec::new(),
            1 => vec![Prompt::Silence(self.seconds(4)), speak(say::CLOSED)],
            2 => vec![Prompt::Music],
            _ => vec![speak(say::GREETING)],
        }
    }

    fn node(&mut self) -> Node {
        match self.below(16) {
            0 => Node::Announce(Announce { prompts: self.words(), barge_in: self.percent(50), next: self.maybe() }),
            1 => {
                let offers = [('1', language("en")), ('2', language("de"))].into_iter().take(self.below(3)).collect();
                let prompt = speak(say::CHOOSE_LANGUAGE);
                Node::ChooseLanguage(ChooseLanguage { offers, prompt, wait: self.seconds(6), next: self.maybe() })
            }
            2 => Node::Hours(self.hours()),
            3 => Node::Block(Block { anonymous: self.percent(50), prompts: self.words(), next: self.target() }),
            4 => Node::Identify(Identify {
                ask_pin: self.percent(70),
                tries: self.below(4) as u32,
                wait: self.seconds(6),
                found: self.target(),
                unknown: self.target(),
            }),
            5 | 6 => Node::Menu(self.menu()),
            7 => Node::Script(self.script()),
            8 | 9 => Node::Connect(self.connect()),
            10 => Node::Voicemail(self.voicemail()),
            11 => Node::Alert(AlertNode {
                priority: self.percent(50).then_some(Priority::P1),
                title: self.percent(50).then(|| "Night call".to_owned()),
                next: self.maybe(),
            }),
            12 | 13 => Node::Known(Known {
                prompts: vec![speak(say::GREETING)],
                wait: self.seconds(6),
                colleagues: false,
                join: self.target(),
                something_new: self.target(),
                next: self.target(),
            }),
            14 => {
                Node::Engineer(Engineer { tries: self.below(4) as u32, wait: self.seconds(8), give_up: self.target() })
            }
            _ => {
                if self.percent(50) {
                    Node::Goto(self.target())
                } else {
                    Node::Hangup(self.words())
                }
            }
        }
    }

    fn hours(&mut self) -> Hours {
        let at = |hour| jiff::civil::time(hour, 0, 0, 0);
        let days = vec![Weekday::Monday, Weekday::Tuesday];
        let window = HoursWindow { days, from: at(self.below(24) as i8), to: at(self.below(24) as i8) };
        let (open, closed) = (self.target(), self.target());
        Hours { time_zone: TimeZone::UTC, windows: vec![window], holidays: Vec::new(), open, closed }
    }

    fn menu(&mut self) -> Menu {
        let mut menu = fixture::menu(&[]);
        let keys = ["1", "2", "12", "3", "37#", "1598", "*"];
        for key in keys.into_iter().take(self.below(8)) {
            menu.options.insert(key.to_owned(), self.target());
        }
        menu.prompts = self.words();
        menu.end = self.percent(40).then_some('#');
        menu.wait = self.seconds(6);
        menu.tries = self.below(4) as u32;
        menu.give_up = self.target();
        menu
    }

    fn script(&mut self) -> Script {
        let mut script = fixture::script(&Question::ALL[..self.below(6)]);
        script.answer_max = self.seconds(40) + secs(1);
        script.tries = self.below(3) as u32;
        script.corrections = self.below(3) as u32;
        script.confirm_wait = self.seconds(6);
        script.next = self.maybe();
        script
    }

    fn connect(&mut self) -> Connect {
        let target = match self.below(9) {
            3 => ConnectTarget::Policy("urgent".into()),
            4 => ConnectTarget::User("ben".into()),
            5 => ConnectTarget::Team("night".into()),
            0 => ConnectTarget::Fixed(Destination::Sip("sip:queue@192.0.2.9".to_owned())),
            1 => ConnectTarget::Fixed(fixture::number("+4915550009")),
            2 => ConnectTarget::Fixed(Destination::Phone("ben".into())),
            _ => ConnectTarget::Schedule("rota".into()),
        };
        Connect {
            target,
            ring: self.seconds(30),
            rounds: self.below(4) as u32,
            budget: self.seconds(200),
            confirm: self.percent(60),
            accept_wait: self.seconds(20),
            comfort_every: self.seconds(20),
            record: self.percent(80),
            leave_key: self.percent(50).then_some('#'),
            on_nobody: self.target(),
        }
    }

    fn voicemail(&mut self) -> Voicemail {
        let mut voicemail = fixture::voicemail();
        voicemail.max = self.seconds(120) + secs(1);
        voicemail.prompts = self.words();
        voicemail.thanks = self.words();
        voicemail.next = self.maybe();
        voicemail
    }
}
