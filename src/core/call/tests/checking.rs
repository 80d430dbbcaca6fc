//! What is said about flows before they are used.

use std::collections::BTreeMap;

use crate::call::flow::{
    Announce, Connect, ConnectTarget, Engineer, Flow, Known, Menu, Node, Voicemail, check, longest_wait,
};
use crate::call::prompt::{Prompt, say};
use crate::directory::Destination;

use super::fixture::{announce, connect, directory, flow, hotline, menu, script, secs, speak, to, voicemail};

#[track_caller]
fn says(flow: &Flow, node: Option<&str>, words: &str) {
    let problems = check(flow, &directory());
    let found = problems.iter().any(|problem| problem.node == node.map(to) && problem.text.contains(words));
    assert!(found, "{node:?} {words:?}: {problems:#?}");
}

#[test]
fn a_sound_flow_has_no_problems() {
    assert_eq!(check(&hotline(), &directory()), []);
}

#[test]
fn targets_that_do_not_exist_are_named_with_those_that_do() {
    let mut broken = hotline();
    broken.nodes.insert(to("choose"), Node::Menu(menu(&[("1", "repport"), ("2", "engineer"), ("3", "mail")])));
    says(
        &broken,
        Some("choose"),
        "option \"1\" leads to \"repport\", which does not exist; there are: choose, engineer",
    );
    says(&broken, Some("report"), "no way leads here");
    broken.start = to("x");
    broken.last_resort = to("y");
    says(&broken, None, "start names the node \"x\"");
    says(&broken, None, "last_resort names the node \"y\"");
}

#[test]
fn the_last_resort_is_a_message_or_a_goodbye() {
    let mut broken = hotline();
    broken.last_resort = to("choose");
    says(&broken, Some("choose"), "must be a voicemail or hangup node, not menu");
    let mut broken = hotline();
    broken.nodes.insert(to("mail"), Node::Voicemail(Voicemail { next: Some(to("choose")), ..voicemail() }));
    says(&broken, Some("mail"), "after the last resort only a hangup node may follow");
}

#[test]
fn circles_and_dead_ends_are_found() {
    let broken = flow([("a", Node::Goto(to("b"))), ("b", Node::Goto(to("a")))]);
    says(&broken, Some("a"), "leads back to itself without ever waiting");
    says(&broken, Some("b"), "no way leads from here to an end");
    let waits = flow([("a", Node::Announce(announce(Some("b")))), ("b", Node::Goto(to("a")))]);
    says(&waits, Some("a"), "no way leads from here to an end");
    assert!(!check(&waits, &directory()).iter().any(|problem| problem.text.contains("without ever waiting")));
}

#[test]
fn settings_that_cannot_work_are_found() {
    let broken = |node: Node| flow([("x", node)]);
    says(&broken(Node::Menu(menu(&[]))), Some("x"), "no options");
    says(&broken(Node::Menu(Menu { tries: 0, ..menu(&[("1", "mail")]) })), Some("x"), "tries is 0");
    says(&broken(Node::Menu(menu(&[("a", "mail")]))), Some("x"), "no telephone has");
    says(&broken(Node::Menu(Menu { end: Some('#'), ..menu(&[("1#2", "mail")]) })), Some("x"), "ends a code");
    says(&broken(Node::Script(script(&[]))), Some("x"), "no questions");
    says(&broken(Node::Voicemail(Voicemail { max: secs(0), ..voicemail() })), Some("x"), "max is 0");
    says(&broken(Node::Hangup(vec![Prompt::Music])), Some("x"), "music has no end");
    says(&broken(Node::Connect(Connect { ring: secs(1), ..connect() })), Some("x"), "ring is under 5 s");
    says(&broken(Node::Connect(Connect { rounds: 0, ..connect() })), Some("x"), "rounds is 0");
    says(&broken(Node::Connect(Connect { budget: secs(9), ..connect() })), Some("x"), "budget is shorter than ring");
    let mut short = broken(Node::Connect(connect()));
    short.budget = secs(20);
    says(&short, Some("x"), "the flow's budget of 20 s is shorter than one ring of 25 s");
}

#[test]
fn whom_to_connect_must_exist_and_people_must_press_a_key() {
    let to_target = |target, confirm| flow([("x", Node::Connect(Connect { target, confirm, ..connect() }))]);
    says(&to_target(ConnectTarget::Schedule("nights".into()), true), Some("x"), "schedule \"nights\" does not exist");
    says(&to_target(ConnectTarget::Schedule("rota".into()), false), Some("x"), "confirm = false is for a fixed SIP");
    let phone = ConnectTarget::Fixed(Destination::Phone("zoe".into()));
    says(&to_target(phone, true), Some("x"), "phone \"zoe\" does not exist");
    let number = Destination::Number { trunk: "other".into(), number: "+4915550000".into() };
    says(&to_target(ConnectTarget::Fixed(number), true), Some("x"), "trunk \"other\" does not exist");
    let sip = |address: &str| ConnectTarget::Fixed(Destination::Sip(address.to_owned()));
    says(&to_target(sip("queue@pbx"), false), Some("x"), "must begin with sip:");
    assert_eq!(check(&to_target(sip("sip:queue@192.0.2.9"), false), &directory()), []);
}

#[test]
fn the_longest_wait_is_the_worst_way_or_the_budget_and_the_last_resort() {
    let goodbye = Flow {
        id: "f".into(),
        start: to("a"),
        nodes: BTreeMap::from([
            (to("a"), Node::Announce(Announce { next: Some(to("b")), ..announce(None) })),
            (to("b"), Node::Hangup(vec![speak(say::GOODBYE)])),
        ]),
        budget: secs(300),
        last_resort: to("b"),
    };
    assert_eq!(longest_wait(&goodbye, true), secs(30));
    // Budget 300 s, then 15 s of words, beep, 180 s of message, thanks and goodbye.
    assert_eq!(longest_wait(&hotline(), false), secs(300 + 15 + 180 + 15 + 15));
    // Whoever accepted is joined after the caller was told that it is recorded.
    assert_eq!(longest_wait(&hotline(), true), secs(300 + 20 + 15 + 180 + 15 + 15));
}

#[test]
fn new_nodes_that_cannot_work_are_found() {
    let known = Node::Known(Known {
        prompts: Vec::new(),
        wait: secs(0),
        colleagues: false,
        join: to("known"),
        something_new: to("mail"),
        next: to("mail"),
    });
    let line = Node::Engineer(Engineer { tries: 0, wait: secs(0), give_up: to("known") });
    let broken = flow([("line", line), ("known", known)]);
    says(&broken, Some("known"), "wait is 0");
    says(&broken, Some("known"), "leads back to the same node");
    says(&broken, Some("line"), "tries is 0");
    for (target, part) in [
        (ConnectTarget::Policy("none".into()), "the escalation policy \"none\" does not exist"),
        (ConnectTarget::User("none".into()), "the user \"none\" does not exist"),
        (ConnectTarget::Team("none".into()), "the team \"none\" does not exist"),
    ] {
        says(&flow([("people", Node::Connect(Connect { target, ..connect() }))]), Some("people"), part);
    }
}
