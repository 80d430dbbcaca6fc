//! A small installation for the tests, with values of its own.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use jiff::tz::TimeZone;
use uuid::Uuid;

use crate::call::flow::{Announce, Connect, ConnectTarget, Flow, Identify, Menu, Node, Script, Voicemail};
use crate::call::outside::{NoticeAlert, NoticeTo};
use crate::call::prompt::{Prompt, PromptId, say};
use crate::call::{AlertRing, Incoming, Notice};
use crate::directory::{Customer, Destination, Directory, Language, Number, Phone, Trunk, User};
use crate::fact::{Priority, Question};
use crate::ids::{AlertId, CallId, NodeId, RecordingId, ScheduleId, UserId};
use crate::now::Now;
use crate::oncall::{OnCall, OnCallPerson, Rotation, Schedule};

pub(super) const fn secs(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

#[expect(clippy::disallowed_methods, reason = "an arbitrary beginning; tests move time by themselves")]
pub(super) fn start() -> Now {
    let wall = "2026-03-03T02:15:00Z".parse().expect("a valid time");
    Now { mono: std::time::Instant::now(), wall }
}

pub(super) fn speak(prompt: PromptId) -> Prompt {
    Prompt::Say(prompt)
}

pub(super) fn to(node: &str) -> NodeId {
    NodeId::from(node)
}

pub(super) fn language(tag: &str) -> Language {
    Language(tag.to_owned())
}

/// Two engineers, two customers (one with German), one schedule, one trunk.
pub(super) fn directory() -> Directory {
    let mut directory = Directory::default();
    let customers =
        [("acme", "Acme Logistics", "+4930555010*", "0042", "en"), ("blau", "Blau GmbH", "+4940555020", "7300", "de")];
    for (id, name, caller, pin, tag) in customers {
        let customer = Customer {
            id: id.into(),
            name: name.to_owned(),
            caller_ids: vec![caller.into()],
            pin: Some(pin.into()),
            language: Some(language(tag)),
            retention_days: 90,
            ..Default::default()
        };
        directory.customers.insert(id.into(), customer);
    }
    for (id, mobile) in [("ada", "+491715550001"), ("ben", "+491715550002")] {
        let user = User {
            id: id.into(),
            name: id.to_uppercase(),
            language: language("en"),
            phones: vec![Destination::Phone(id.into()), number(mobile)],
            pin: (id == "ada").then(|| "2468".into()),
            ..Default::default()
        };
        directory.users.insert(id.into(), user);
        let auto = crate::dtmf::InBand::Auto;
        directory
            .phones
            .insert(id.into(), Phone { id: id.into(), user: Some(id.into()), inband_digits: auto, codecs: Vec::new() });
        let desk = format!("{id}-desk");
        let phone = Phone { id: desk.as_str().into(), user: Some(id.into()), inband_digits: auto, codecs: Vec::new() };
        directory.phones.insert(desk.as_str().into(), phone);
    }
    let trunk = Trunk {
        id: "carrier".into(),
        name: "Carrier".to_owned(),
        caller_id: None,
        trusted: true,
        callback_prefixes: Vec::new(),
        inband_digits: crate::dtmf::InBand::Auto,
        codecs: Vec::new(),
    };
    directory.trunks.insert("carrier".into(), trunk);
    let start = "2026-01-05T09:00".parse().expect("a valid time");
    let rotation = Rotation::weekly(&["ada".into(), "ben".into()], 1, start, TimeZone::UTC);
    directory.schedules.insert("rota".into(), Schedule::single("rota", "Rota", rotation));
    directory.blocklist.push("+4966*".into());
    directory
}

pub(super) fn number(e164: &str) -> Destination {
    Destination::Number { trunk: "carrier".into(), number: e164.into() }
}

/// The directory with one number, `line`, that has this flow.
pub(super) fn with(flow: Flow) -> Directory {
    let mut directory = directory();
    let number = Number {
        id: "line".into(),
        aliases: Vec::new(),
        flow: flow.id.clone(),
        language: language("en"),
        schedule: Some("rota".into()),
        test: false,
        ..Default::default()
    };
    directory.numbers.insert("line".into(), number);
    directory.flows.insert(flow.id.clone(), Arc::new(flow));
    directory
}

/// A flow of these nodes: begins at the first, its last resort is the node `mail` (added here).
pub(super) fn flow<const N: usize>(nodes: [(&str, Node); N]) -> Flow {
    let start = nodes.first().map_or_else(|| to("mail"), |(id, _)| to(id));
    let mut nodes: BTreeMap<NodeId, Node> = nodes.into_iter().map(|(id, node)| (to(id), node)).collect();
    nodes.entry(to("mail")).or_insert_with(|| Node::Voicemail(voicemail()));
    Flow { id: "flow".into(), start, nodes, budget: secs(300), last_resort: to("mail") }
}

pub(super) fn announce(next: Option<&str>) -> Announce {
    Announce { prompts: vec![speak(say::GREETING)], barge_in: true, next: next.map(to) }
}

pub(super) fn menu(options: &[(&str, &str)]) -> Menu {
    Menu {
        prompts: vec![speak(say::MENU)],
        options: options.iter().map(|(keys, node)| ((*keys).to_owned(), to(node))).collect(),
        end: None,
        wait: secs(6),
        no_input: vec![speak(say::NO_INPUT)],
        no_match: vec![speak(say::NO_MATCH)],
        tries: 3,
        give_up: to("mail"),
    }
}

pub(super) fn script(questions: &[Question]) -> Script {
    Script {
        questions: questions.to_vec(),
        answer_max: secs(60),
        end_silence: Duration::from_millis(1200),
        no_speech: secs(6),
        tries: 2,
        corrections: 1,
        confirm_wait: secs(6),
        next: Some(to("mail")),
    }
}

pub(super) fn connect() -> Connect {
    Connect {
        target: ConnectTarget::Schedule(ScheduleId::from("rota")),
        ring: secs(25),
        rounds: 2,
        budget: secs(240),
        confirm: true,
        accept_wait: secs(20),
        comfort_every: secs(30),
        record: true,
        leave_key: Some('#'),
        on_nobody: to("mail"),
    }
}

pub(super) fn voicemail() -> Voicemail {
    Voicemail {
        prompts: vec![speak(say::VOICEMAIL)],
        max: secs(180),
        end_silence: Some(secs(3)),
        no_speech: Some(secs(8)),
        thanks: vec![speak(say::VOICEMAIL_THANKS)],
        next: None,
    }
}

pub(super) fn identify(ask_pin: bool) -> Identify {
    Identify { ask_pin, tries: 2, wait: secs(6), found: to("known"), unknown: to("stranger") }
}

/// The flow of a real hotline in small: greeting, menu, script, engineer, voicemail.
pub(super) fn hotline() -> Flow {
    let mut questions = script(&Question::ALL);
    questions.next = Some(to("engineer"));
    flow([
        ("greet", Node::Announce(announce(Some("choose")))),
        ("choose", Node::Menu(menu(&[("1", "report"), ("2", "engineer"), ("3", "mail")]))),
        ("report", Node::Script(questions)),
        ("engineer", Node::Connect(connect())),
    ])
}

pub(super) fn incoming(directory: Arc<Directory>, caller: Option<&str>, seed: u64) -> Incoming {
    Incoming {
        call: CallId(Uuid::from_u128(1)),
        alert: AlertId(Uuid::from_u128(2)),
        reference: "4711".to_owned(),
        number: "line".into(),
        caller: caller.map(Into::into),
        source: "trunk:carrier".to_owned(),
        directory,
        seed,
        ring_again: secs(300),
        wrong_pins: 0,
    }
}

pub(super) fn alert_ring(directory: Arc<Directory>, seed: u64) -> AlertRing {
    AlertRing {
        call: CallId(Uuid::from_u128(3)),
        alert: AlertId(Uuid::from_u128(2)),
        reference: "4711".to_owned(),
        number: "line".into(),
        caller: Some("+49305550101".into()),
        customer: Some("acme".into()),
        language: language("en"),
        recordings: vec![RecordingId(Uuid::from_u128(4))],
        round: 1,
        directory,
        seed,
    }
}

/// Ada's phone is rung about so many alerts; none: a test.
pub(super) fn notice(directory: Arc<Directory>, alerts: usize, seed: u64) -> Notice {
    let alert = |place: u128| NoticeAlert {
        id: AlertId(Uuid::from_u128(20 + place)),
        reference: format!("{}", 4711 + place),
        title: "Mail queue is long".to_owned(),
        priority: Some(Priority::P2),
        customer: Some("Acme Logistics".to_owned()),
        runbook: None,
        recordings: vec![RecordingId(Uuid::from_u128(4))],
    };
    Notice {
        call: CallId(Uuid::from_u128(9)),
        number: "line".into(),
        to: NoticeTo {
            person: Some("ada".into()),
            destination: Destination::Phone("ada".into()),
            language: language("en"),
            alerts: (0..alerts as u128).map(alert).collect(),
            text: None,
            caller_waits: false,
        },
        directory,
        seed,
    }
}

/// An answer to who is on call: these people, with their phones.
pub(super) fn on_call(directory: &Directory, people: &[&str]) -> OnCall {
    let person = |id: &&str| {
        let user = &directory.users[&UserId::from(*id)];
        OnCallPerson {
            user: user.id.clone(),
            phones: user.phones.clone(),
            language: user.language.clone(),
            why: format!("{id} is on call by rota"),
            duty: people.first() == Some(id),
        }
    };
    let why = if people.is_empty() { "the rota rota is empty" } else { "by the rota rota" };
    OnCall { people: people.iter().map(person).collect(), why: why.to_owned(), ..Default::default() }
}
