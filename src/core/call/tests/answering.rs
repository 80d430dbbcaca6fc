//! Before and around the answer: who calls, block, hours, language, PIN, the alert.

use jiff::civil::{Weekday, date, time};
use jiff::tz::TimeZone;

use crate::call::flow::{AlertNode, Block, ChooseLanguage, Hours, HoursWindow, Node};
use crate::call::prompt::say;
use crate::call::{Command, Event};
use crate::fact::{Fact, LegCause, Outcome, Priority};
use crate::now::Now;

use super::fixture::{announce, flow, hotline, identify, language, secs, speak, start, to, with};
use super::line::Line;

fn hangup() -> Node {
    Node::Hangup(vec![speak(say::GOODBYE)])
}

#[test]
fn the_record_begins_with_who_calls_and_the_alert_stands_before_the_answer() {
    let mut line = Line::rings(hotline());
    let facts: Vec<Fact> = line.facts.iter().map(|entry| entry.fact.clone()).collect();
    assert!(matches!(&facts[0], Fact::CallStarted { source, .. } if source == "trunk:carrier"));
    assert_eq!(facts[2], Fact::CustomerIdentified { customer: "acme".into() });
    let Fact::AlertOpened { title, priority, ring_at } = &facts[3] else { panic!("{facts:#?}") };
    assert_eq!((title.as_str(), *priority), ("Call from Acme Logistics to line", Priority::P3));
    let rings = ring_at.expect("it rings").duration_since(line.facts[3].at);
    assert_eq!(rings.as_secs(), 300);
    line.answered().hears(&[say::GREETING]);
}

#[test]
fn titles_hold_no_callers_number() {
    let mut line = Line::from(with(hotline()), Some("+33123456789"));
    line.kept(|fact| matches!(fact, Fact::AlertOpened { title, .. } if title == "Call from an unknown caller to line"));
    let mut line = Line::from(with(hotline()), None);
    line.kept(|fact| matches!(fact, Fact::AlertOpened { title, .. } if title == "Call from a withheld number to line"));
}

#[test]
fn a_test_number_leaves_no_alert() {
    let mut directory = with(hotline());
    directory.numbers.values_mut().for_each(|number| number.test = true);
    Line::from(directory, None).never_kept(|fact| matches!(fact, Fact::AlertOpened { .. }));
}

#[test]
fn a_number_without_a_flow_says_sorry_and_leaves_an_alert() {
    let mut directory = with(hotline());
    directory.flows.clear();
    let mut line = Line::from(directory, None);
    line.answered().hears(&[say::SORRY_FAULT]).listens().ends_leg(0).is_over(Outcome::Failed);
}

#[test]
fn a_blocked_caller_is_refused_without_an_alert() {
    let block = Block { anonymous: true, prompts: Vec::new(), next: to("mail") };
    for caller in [Some("+4966123"), None] {
        let mut line = Line::from(with(flow([("gate", Node::Block(block.clone()))])), caller);
        line.does(&Command::Reject { status: 603 });
        line.never_kept(|fact| matches!(fact, Fact::AlertOpened { .. }));
        line.leg_ends(0, LegCause::Released).is_over(Outcome::Blocked);
    }
    let mut line = Line::rings(flow([("gate", Node::Block(block))]));
    line.answered().because("not blocked").hears_all(&[speak(say::VOICEMAIL), crate::call::prompt::Prompt::Beep]);
}

#[test]
fn a_blocked_caller_may_be_told() {
    let block = Block { anonymous: false, prompts: vec![speak(say::BLOCKED)], next: to("mail") };
    let mut line = Line::from(with(flow([("gate", Node::Block(block))])), Some("+4966123"));
    line.answered().hears(&[say::BLOCKED]).listens().ends_leg(0);
    line.never_kept(|fact| matches!(fact, Fact::AlertOpened { .. })).is_over(Outcome::Blocked);
}

#[test]
fn hours_branch_by_local_time_and_holidays() {
    let window = |days: Vec<Weekday>, from, to| HoursWindow { days, from: time(from, 0, 0, 0), to: time(to, 0, 0, 0) };
    let hours = Hours {
        time_zone: TimeZone::fixed(jiff::tz::offset(1)),
        windows: vec![window(vec![Weekday::Monday], 9, 17), window(vec![Weekday::Friday], 22, 6)],
        holidays: vec![date(2026, 3, 9)],
        open: to("day"),
        closed: to("night"),
    };
    let open = |at: &str| hours.state(at.parse().expect("a valid time")).0;
    assert!(open("2026-03-02T08:00:00Z"), "Monday 09:00 local");
    assert!(!open("2026-03-02T07:59:59Z"));
    assert!(!open("2026-03-02T16:00:00Z"), "17:00 is the first moment after it");
    assert!(!open("2026-03-09T10:00:00Z"), "a holiday");
    assert!(open("2026-03-06T23:30:00Z"), "past midnight");
    assert!(open("2026-03-07T04:59:00Z") && !open("2026-03-07T05:00:00Z"), "Friday's window ends on Saturday");
    let nodes = [("clock", Node::Hours(hours)), ("day", hangup()), ("night", Node::Announce(announce(None)))];
    let wall = "2026-03-02T10:00:00Z".parse().expect("a valid time");
    let mut line = Line::at(with(flow(nodes)), None, Now { wall, ..start() });
    line.answered().because("open (Mon 2026-03-02 11:00 local)").hears(&[say::GOODBYE]).listens().ends_leg(0);
    line.is_over(Outcome::Completed);
}

#[test]
fn the_customers_language_wins_unless_the_caller_chooses() {
    let choose = ChooseLanguage {
        offers: vec![('1', language("en")), ('2', language("de"))],
        prompt: speak(say::CHOOSE_LANGUAGE),
        wait: secs(5),
        next: Some(to("bye")),
    };
    let nodes = || flow([("tongue", Node::ChooseLanguage(choose.clone())), ("bye", hangup())]);
    let mut line = Line::from(with(nodes()), Some("+4940555020"));
    line.kept(|fact| *fact == Fact::LanguageChosen { language: language("de") });
    line.answered().hears(&[say::CHOOSE_LANGUAGE]).listens().hears(&[say::CHOOSE_LANGUAGE]).presses("1");
    line.stops_playing(0).kept(|fact| *fact == Fact::LanguageChosen { language: language("en") });
    line.hears(&[say::GOODBYE]).because("pressed 1");

    let mut line = Line::rings(nodes());
    line.answered().hears(&[say::CHOOSE_LANGUAGE]).listens().hears(&[say::CHOOSE_LANGUAGE]).listens();
    line.waits(secs(5)).because("no key for 5 s: the language stays").hears(&[say::GOODBYE]);
}

#[test]
fn a_pin_finds_the_customer_and_stands_on_no_record() {
    let nodes =
        [("who", Node::Identify(identify(true))), ("known", hangup()), ("stranger", Node::Announce(announce(None)))];
    let mut line = Line::from(with(flow(nodes)), None);
    line.answered().hears(&[say::ASK_PIN]).presses("9").stops_playing(0).presses("9#");
    line.hears(&[say::PIN_UNKNOWN, say::ASK_PIN]).listens().presses("0042#");
    line.kept(|fact| *fact == Fact::CustomerIdentified { customer: "acme".into() });
    line.kept(|fact| matches!(fact, Fact::AlertUpdated { title: Some(title), .. } if title.contains("Acme")));
    line.hears(&[say::GOODBYE]);
    assert!(!format!("{:?}", line.facts).contains("0042"));
}

#[test]
fn silence_and_wrong_pins_lead_on_as_a_stranger() {
    let nodes =
        [("who", Node::Identify(identify(true))), ("known", hangup()), ("stranger", Node::Announce(announce(None)))];
    let mut line = Line::from(with(flow(nodes)), None);
    line.answered().hears(&[say::ASK_PIN]).listens().waits(secs(6)).hears(&[say::NO_INPUT, say::ASK_PIN]);
    line.presses("1").stops_playing(0).waits(secs(6)).because("no customer's; no tries left").hears(&[say::GREETING]);
}

#[test]
fn the_alert_node_describes_the_alert_before_or_after_it_is_open() {
    let alert = |next: &str| {
        Node::Alert(AlertNode {
            priority: Some(Priority::P1),
            title: Some("Night line".to_owned()),
            next: Some(to(next)),
        })
    };
    let mut line = Line::rings(flow([("first", alert("mail"))]));
    line.kept(|fact| matches!(fact, Fact::AlertOpened { title, priority: Priority::P1, .. } if title == "Night line"));
    let nodes = [("first", Node::Announce(announce(Some("then")))), ("then", alert("bye")), ("bye", hangup())];
    let mut line = Line::rings(flow(nodes));
    line.answered().hears(&[say::GREETING]).listens().hears(&[say::GOODBYE]);
    line.kept(|fact| matches!(fact, Fact::AlertUpdated { priority: Some(Priority::P1), title: Some(_) }));
}

#[test]
fn a_caller_who_gives_up_before_the_answer_leaves_an_alert() {
    let mut line = Line::rings(hotline());
    line.does(&Command::Answer).hangs_up().is_over(Outcome::Abandoned);
}

#[test]
fn an_answer_that_is_never_confirmed_ends_the_call() {
    let mut line = Line::rings(hotline());
    line.does(&Command::Answer).waits(secs(40)).ends_leg(0).is_over(Outcome::Failed);
}

#[test]
fn shutdown_ends_a_call_and_says_so() {
    let mut line = Line::rings(hotline());
    line.answered().hears(&[say::GREETING]).told(Event::Shutdown).ends_leg(0).because("shutting down");
    line.is_over(Outcome::Failed);
}

#[test]
fn a_circle_of_gotos_ends_at_the_last_resort() {
    let mut line = Line::rings(flow([("a", Node::Goto(to("b"))), ("b", Node::Goto(to("a")))]));
    line.answered().because("circle").hears_all(&[speak(say::VOICEMAIL), crate::call::prompt::Prompt::Beep]);
}
