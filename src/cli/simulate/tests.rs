//! The walk as text, on a directory of its own.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use hotline_core::call::flow::{Connect, ConnectTarget, Engineer as EngineerNode, Flow, Known, Menu, Node, Voicemail};
use hotline_core::call::prompt::{Prompt, say};
use hotline_core::directory::{Destination, Directory, Language, Number};
use hotline_core::ids::NodeId;

use super::{Before, Engineer, SimulateArgs, walk};

fn directory() -> Arc<Directory> {
    let node = |name: &str| NodeId::from(name);
    let menu = Menu {
        prompts: vec![Prompt::Say(say::MENU)],
        options: [("2".to_owned(), node("engineer")), ("3".to_owned(), node("mail"))].into(),
        end: None,
        wait: Duration::from_secs(6),
        no_input: vec![Prompt::Say(say::NO_INPUT)],
        no_match: vec![Prompt::Say(say::NO_MATCH)],
        tries: 2,
        give_up: node("mail"),
    };
    // A fixed phone, so that no rota is asked.
    let connect = Connect {
        target: ConnectTarget::Fixed(Destination::Phone("night".into())),
        ring: Duration::from_secs(25),
        rounds: 1,
        budget: Duration::from_secs(100),
        confirm: true,
        accept_wait: Duration::from_secs(20),
        comfort_every: Duration::from_secs(30),
        record: true,
        leave_key: None,
        on_nobody: node("mail"),
    };
    let voicemail = Voicemail {
        prompts: vec![Prompt::Say(say::VOICEMAIL)],
        max: Duration::from_secs(90),
        end_silence: Some(Duration::from_secs(3)),
        no_speech: Some(Duration::from_secs(8)),
        thanks: vec![Prompt::Say(say::VOICEMAIL_THANKS)],
        next: None,
    };
    let flow = Flow {
        id: "f".into(),
        start: node("choose"),
        nodes: BTreeMap::from([
            (node("choose"), Node::Menu(menu)),
            (node("engineer"), Node::Connect(connect)),
            (node("mail"), Node::Voicemail(voicemail)),
        ]),
        budget: Duration::from_secs(200),
        last_resort: node("mail"),
    };
    let number = Number {
        id: "desk".into(),
        aliases: vec!["100".to_owned()],
        flow: "f".into(),
        language: Language::default(),
        schedule: None,
        test: false,
        ..Default::default()
    };
    let mut directory = Directory::default();
    let phone = hotline_core::directory::Phone {
        id: "night".into(),
        user: None,
        inband_digits: hotline_core::dtmf::InBand::Auto,
        codecs: Vec::new(),
    };
    directory.phones.insert("night".into(), phone);
    directory.flows.insert("f".into(), Arc::new(flow));
    directory.numbers.insert("desk".into(), number);
    Arc::new(directory)
}

fn args(number: &str, keys: &str, engineer: Engineer) -> SimulateArgs {
    let at = Some("2026-12-24T03:00:00Z".to_owned());
    SimulateArgs {
        number: number.to_owned(),
        at,
        caller: None,
        keys: Some(keys.to_owned()),
        engineer,
        open_report: super::Before::None,
        incident: None,
    }
}

fn told(keys: &str, engineer: Engineer) -> String {
    let mut out = Vec::new();
    walk(&directory(), &args("100", keys, engineer), crate::clock::now(), &mut out).expect("it walks");
    String::from_utf8(out).expect("text")
}

#[track_caller]
fn has(text: &str, lines: &[&str]) {
    for line in lines {
        assert!(text.contains(line), "{line:?} is missing in\n{text}");
    }
}

#[test]
fn silence_leads_to_a_message() {
    let text = told("-,-,#", Engineer::NoAnswer);
    has(
        &text,
        &[
            "A withheld number rings desk at 2026-12-24T03:00:00Z",
            "00:00.0  hears     menu  [en]",
            "00:09.0  step      choose: offered again  (no key for 6 s)",
            "hears     no-input, menu",
            "records   voicemail, at most 1 min 30 s",
            "presses   #  (the caller)",
            "hears     voicemail-thanks",
            "outcome: voicemail",
            "alert: P3 \"Call from a withheld number to desk\", nobody has it; rings people at 2026-12-24T03:05:00Z",
            "longest possible wait without a conversation: 5 min 35 s",
        ],
    );
}

#[test]
fn an_engineer_accepts_declines_or_is_a_mailbox() {
    has(&told("2", Engineer::Accept), &["accepts   the fixed address", "joined    the caller and", "outcome: taken"]);
    has(
        &told("2,x", Engineer::Decline),
        &["declines  the fixed address", "hangs up  the caller", "outcome: voicemail"],
    );
    has(&told("2", Engineer::Mailbox), &["answered but nobody pressed 1 (a mailbox?)", "outcome: voicemail"]);
    has(&told("2", Engineer::NoAnswer), &["rang 25 s without an answer", "outcome: voicemail"]);
}

#[test]
fn an_open_report_of_before_is_told_and_joined() {
    let mut directory = Directory::clone(&directory());
    let mut flow = Flow::clone(&directory.flows[&"f".into()]);
    let node = |name: &str| NodeId::from(name);
    let known = Known {
        prompts: Vec::new(),
        wait: Duration::from_secs(5),
        colleagues: false,
        join: node("engineer"),
        something_new: node("choose"),
        next: node("choose"),
    };
    flow.nodes.insert(node("known"), Node::Known(known));
    flow.nodes.insert(
        node("line"),
        Node::Engineer(EngineerNode { tries: 3, wait: Duration::from_secs(5), give_up: node("mail") }),
    );
    if let Some(Node::Menu(menu)) = flow.nodes.get_mut(&node("choose")) {
        menu.options.insert("9".to_owned(), node("line"));
    }
    flow.start = node("known");
    directory.flows.insert("f".into(), Arc::new(flow));
    let ada = hotline_core::directory::User { id: "ada".into(), pin: Some("246802".into()), ..Default::default() };
    directory.users.insert("ada".into(), ada);
    let directory = Arc::new(directory);
    let told = |keys: &str, open_report| {
        let caller = Some("+493055501".to_owned());
        let args = SimulateArgs { caller, open_report, ..args("desk", keys, Engineer::Accept) };
        let mut out = Vec::new();
        walk(&directory, &args, crate::clock::now(), &mut out).expect("a walk");
        String::from_utf8(out).expect("text")
    };
    has(
        &told("1", Before::Waiting),
        &["hears     known-report, digits 1230, known-opened, number-12, minutes, known-nobody", "outcome: taken"],
    );
    has(&told("-,2", Before::Taken), &["known-taken", "counts as something new", "outcome: taken"]);
    let nothing = told("2", Before::None);
    assert!(!nothing.contains("known-report"), "{nothing}");
    has(
        &told("-,9,246802#,1,4", Before::Waiting),
        &["orders    Acknowledge", "orders    Resolve", "outcome: completed"],
    );
    has(&told("-,9,000000#", Before::Waiting), &["noted     a PIN that is no engineer's"]);
    let of_incident = |keys: &str| {
        let (caller, incident) = (Some("+493055501".to_owned()), Some("Mail is slow".to_owned()));
        let args = SimulateArgs { caller, incident, ..args("desk", keys, Engineer::Accept) };
        let mut out = Vec::new();
        walk(&directory, &args, crate::clock::now(), &mut out).expect("a walk");
        String::from_utf8(out).expect("text")
    };
    has(
        &of_incident("1,2,#,4,x"),
        &[
            "incident-known",
            "incident-since",
            "incident-update",
            "incident-add",
            "adds to the incident what was said",
            "notes     an SMS when the incident is over",
            "outcome: completed",
        ],
    );
    has(&of_incident("3"), &["wants a person", "outcome: taken"]);
}

#[test]
fn mistakes_are_told_with_the_remedy() {
    let refused = |args: &SimulateArgs| {
        let result = walk(&directory(), args, crate::clock::now(), &mut Vec::new());
        result.expect_err("it is refused").to_string()
    };
    assert_eq!(refused(&args("hotlin", "", Engineer::Accept)), "no number hotlin; there are: desk");
    let wrong = SimulateArgs { at: Some("tomorrow".to_owned()), ..args("desk", "", Engineer::Accept) };
    assert!(refused(&wrong).contains("--at tomorrow is no time"));
}

#[test]
fn a_conversation_that_is_recorded_is_announced_first() {
    let mut directory = Directory::clone(&directory());
    directory.numbers.values_mut().for_each(|number| number.record_calls = true);
    let mut out = Vec::new();
    let args = args("100", "2", Engineer::Accept);
    walk(&Arc::new(directory), &args, crate::clock::now(), &mut out).expect("it walks");
    let text = String::from_utf8(out).expect("text");
    has(
        &text,
        &[
            "hears     recording-caller",
            "records   conversation, at most 240 min",
            "outcome: taken",
            "longest possible wait without a conversation: 5 min 55 s",
        ],
    );
    let (told, begun) = (text.find("recording-caller"), text.find("records   conversation"));
    assert!(told < begun, "{text}");
}
