//! The engineers' line.

use uuid::Uuid;

use crate::alert::{self, Urgency};
use crate::call::flow::{Engineer, Flow, Node};
use crate::call::outside::LineAlert;
use crate::call::prompt::{Prompt, say};
use crate::call::{Call, Command, Event};

use crate::fact::{Actor, Fact, LegCause, Outcome, Priority};
use crate::ids::{AlertId, LegId};

use super::fixture::{announce, flow, incoming, menu, number, secs, speak, start, to, with};
use super::line::Line;

fn line_node() -> Node {
    Node::Engineer(Engineer { tries: 3, wait: secs(6), give_up: to("mail") })
}

fn own_number() -> Flow {
    flow([("line", line_node())])
}

fn behind_a_menu() -> Flow {
    flow([
        ("greet", Node::Announce(announce(Some("choose")))),
        ("choose", Node::Menu(menu(&[("1", "mail"), ("9", "line")]))),
        ("line", line_node()),
    ])
}

fn alert(place: u8, urgency: Urgency, taken: bool) -> LineAlert {
    LineAlert {
        id: AlertId(Uuid::from_u128(100 + u128::from(place))),
        reference: format!("{}", 5000 + u32::from(place)),
        title: "Disk full".to_owned(),
        priority: Priority::P2,
        urgency,
        customer: Some("Acme Logistics".to_owned()),
        taken,
        opened: start().wall,
        runbook: None,
        recordings: Vec::new(),
        callback: Ok(number("+49305550199")),
    }
}

fn opened(fact: &Fact) -> bool {
    matches!(fact, Fact::AlertOpened { .. })
}

fn rings_from(source: &str, wrong_pins: u32) -> Line {
    let directory = std::sync::Arc::new(with(own_number()));
    let mut setup = incoming(std::sync::Arc::clone(&directory), Some("+49305550101"), 7);
    source.clone_into(&mut setup.source);
    setup.wrong_pins = wrong_pins;
    Line::around(Call::incoming(setup, start()), directory, start())
}

impl Line {
    #[track_caller]
    fn lists(&mut self, alerts: Option<Vec<LineAlert>>) -> &mut Self {
        let Some(Command::ListAlerts { dial, .. }) = self.next_deed() else { panic!("the alerts are not asked for") };
        self.told(Event::OpenAlertsFound { dial, alerts })
    }

    /// It reads an alert out: which, by its reference.
    #[track_caller]
    fn reads_out(&mut self, reference: &str) -> &mut Self {
        let prompts = self.hears_something();
        assert!(prompts.contains(&Prompt::Digits(reference.into())), "{prompts:?}");
        assert_eq!(prompts.last(), Some(&speak(say::LINE_CHOICE)));
        self
    }

    #[track_caller]
    fn orders(&mut self, alert: u8, deed: &alert::Command, done: bool) -> &mut Self {
        let Some(Command::Order { dial, alert: on, deed: what, by }) = self.next_deed() else {
            panic!("nothing is ordered")
        };
        assert_eq!((on, &what), (AlertId(Uuid::from_u128(100 + u128::from(alert))), deed));
        assert_eq!(by, Actor::Person("ada".into()));
        self.told(Event::Ordered { dial, done })
    }
}

/// Ada, by her own phone, with three open alerts.
fn ada_listens() -> Line {
    let mut line = rings_from("phone:ada", 0);
    line.answered();
    let alerts = vec![alert(1, Urgency::Low, false), alert(2, Urgency::High, true), alert(3, Urgency::High, false)];
    line.lists(Some(alerts));
    line
}

#[test]
fn her_own_phone_is_proof_and_the_loudest_comes_first() {
    let mut line = ada_listens();
    line.reads_out("5003").presses("2").stops_playing(0).reads_out("5002").presses("2").stops_playing(0);
    line.reads_out("5001").presses("2").stops_playing(0).reads_out("5003").never_kept(opened);
    line.hangs_up().is_over(Outcome::Completed);
}

#[test]
fn one_acknowledges_and_four_closes() {
    let mut line = ada_listens();
    line.reads_out("5003").presses("1").stops_playing(0).orders(3, &alert::Command::Acknowledge, true);
    line.hears(&[say::ALERT_ACKNOWLEDGED, say::LINE_CHOICE]).presses("4").stops_playing(0);
    line.orders(3, &alert::Command::Resolve, true).reads_out("5002").presses("4").stops_playing(0);
    line.orders(2, &alert::Command::Resolve, false).reads_out("5002");
}

#[test]
fn three_rings_the_caller_back_and_joins_them() {
    let mut line = ada_listens();
    line.reads_out("5003").presses("3").stops_playing(0).calls(1, &number("+49305550199"));
    line.hears_all(&[speak(say::LINE_CALLING_BACK), Prompt::Music]).picks_up(1).joins(1);
    line.because("rings the caller of alert 5003 back").waits(secs(7200)).leg_ends(1, LegCause::HungUp);
    line.hears(&[say::LINE_CALLBACK_OVER, say::LINE_CHOICE]).presses("3").stops_playing(0);
    line.calls(2, &number("+49305550199")).hears_all(&[speak(say::LINE_CALLING_BACK), Prompt::Music]);
    line.presses("#").does(&Command::HangUp { leg: LegId(2) }).hears(&[say::LINE_CALLBACK_OVER, say::LINE_CHOICE]);
    let about = AlertId(Uuid::from_u128(103));
    assert!(line.facts.iter().any(|entry| matches!(entry.fact, Fact::Bridged { .. }) && entry.alert == Some(about)));
}

#[test]
fn a_caller_who_cant_be_rung_back_is_not() {
    let mut line = rings_from("phone:ada", 0);
    let refused = LineAlert { callback: Err("a foreign number".to_owned()), ..alert(1, Urgency::High, false) };
    line.answered().lists(Some(vec![refused])).reads_out("5001").presses("3").stops_playing(0);
    line.hears(&[say::LINE_NO_CALLBACK, say::LINE_CHOICE]).because("a foreign number");
}

#[test]
fn a_pin_is_proof_and_what_was_opened_for_the_call_is_closed() {
    let mut line = Line::from(with(behind_a_menu()), Some("+3312345"));
    line.answered().hears(&[say::GREETING]).presses("9").stops_playing(0).hears(&[say::LINE_PIN]).kept(opened);
    line.presses("2").stops_playing(0).presses("468#");
    line.kept(|fact| *fact == Fact::AlertResolved { by: Actor::Person("ada".into()) });
    line.lists(Some(Vec::new())).hears(&[say::LINE_NONE, say::GOODBYE]).listens().ends_leg(0);
    line.is_over(Outcome::Completed);
    assert!(!format!("{:?}", line.facts).contains("2468"), "a PIN stands on no record");
}

#[test]
fn three_wrong_pins_are_the_end_and_are_told_to_the_house() {
    let mut line = rings_from("trunk:carrier", 0);
    line.answered().hears(&[say::LINE_PIN]);
    for _try in 0..2 {
        line.presses("1").stops_playing(0).presses("1#").does(&Command::WrongPin);
        line.hears(&[say::PIN_UNKNOWN, say::LINE_PIN]);
    }
    line.presses("1").stops_playing(0).presses("1#").does(&Command::WrongPin).hears(&[say::LINE_LOCKED]);
    line.listens().ends_leg(0).never_kept(opened).is_over(Outcome::Blocked);
}

#[test]
fn a_source_that_tried_often_is_slowed_and_then_turned_away() {
    let mut line = rings_from("trunk:carrier", 5);
    line.answered().hears_all(&[Prompt::Silence(secs(4)), speak(say::LINE_PIN)]);
    // The pause is not to be skipped.
    line.presses("2468#").quiet().listens().presses("2468#").lists(None);
    line.hears(&[say::LINE_UNKNOWN, say::GOODBYE]);
    let mut line = rings_from("trunk:carrier", 12);
    line.answered().hears(&[say::LINE_LOCKED]).listens().ends_leg(0).is_over(Outcome::Blocked);
}

#[test]
fn what_the_source_types_in_other_calls_counts_at_each_pin() {
    let mut line = rings_from("trunk:carrier", 0);
    line.answered().hears(&[say::LINE_PIN]).presses("1").stops_playing(0).presses("1#").does(&Command::WrongPin);
    line.hears(&[say::PIN_UNKNOWN, say::LINE_PIN]).listens();
    assert_eq!(line.call.wrong_pins(), 1);
    line.call.set_wrong_pins(12);
    // Even the right one is not looked at any more: who guesses learns nothing.
    line.presses("2468#").hears(&[say::LINE_LOCKED]).listens().ends_leg(0);
    assert_eq!(line.call.wrong_pins(), 12, "nothing was judged");
}

#[test]
fn whoever_types_nothing_is_a_caller_like_any_other() {
    let mut line = rings_from("trunk:carrier", 0);
    line.answered().hears(&[say::LINE_PIN]).never_kept(opened).listens().waits(secs(6));
    line.kept(opened).hears_all(&[speak(say::VOICEMAIL), Prompt::Beep]);
    let mut line = rings_from("trunk:carrier", 0);
    line.answered().hears(&[say::LINE_PIN]).hangs_up().never_kept(opened).is_over(Outcome::Abandoned);
}

#[test]
fn a_phone_of_nobody_is_no_proof() {
    let mut line = rings_from("phone:lobby", 0);
    line.answered().hears(&[say::LINE_PIN]);
    assert_eq!(line.call.view().state, "identifying");
}
