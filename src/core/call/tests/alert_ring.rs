//! Rings about an alert that nobody has.

use std::time::Duration;

use uuid::Uuid;

use crate::call::Event;
use crate::call::prompt::{Prompt, say};
use crate::directory::Destination;
use crate::fact::{Actor, Direction, Fact, LegCause, Outcome};
use crate::ids::RecordingId;

use super::fixture::{hotline, number, secs, speak, with};
use super::line::Line;

fn rung(people: &[&str]) -> Line {
    let mut line = Line::alert(with(hotline()));
    line.kept(|fact| matches!(fact, Fact::CallStarted { direction: Direction::AlertRing, .. }));
    line.on_call(people);
    line
}

fn knock() -> [Prompt; 2] {
    [speak(say::ALERT_KNOCK), Prompt::Silence(Duration::from_secs(2))]
}

fn briefing() -> Vec<Prompt> {
    vec![
        speak(say::ALERT_OPEN),
        Prompt::Digits("4711".into()),
        speak(say::ENGINEER_CALL_FROM),
        Prompt::Name("Acme Logistics".into()),
        speak(say::ENGINEER_CALLER_SAID),
        Prompt::Recording(RecordingId(Uuid::from_u128(4))),
        speak(say::ALERT_ACKNOWLEDGE),
        Prompt::Silence(Duration::from_secs(4)),
        speak(say::ALERT_ACKNOWLEDGE),
    ]
}

#[test]
fn one_and_one_acknowledges() {
    let mut line = rung(&["ada"]);
    line.calls(1, &Destination::Phone("ada".into())).picks_up(1).leg_hears(1, &knock()).at_leg_presses(1, '1');
    line.leg_hears(1, &briefing()).leg_listens(1).at_leg_presses(1, '1');
    line.kept(|fact| *fact == Fact::AlertAcknowledged { by: Actor::Person("ada".into()) });
    line.leg_hears(1, &[speak(say::ALERT_ACKNOWLEDGED)]).leg_listens(1).ends_leg(1).is_over(Outcome::Taken);
}

#[test]
fn one_walk_through_the_list_then_nobody() {
    let mut line = rung(&["ada", "ben"]);
    line.calls(1, &Destination::Phone("ada".into())).waits(secs(25)).ends_leg(1);
    line.calls(2, &number("+491715550001")).picks_up(2).leg_hears(2, &knock()).waits(secs(20)).ends_leg(2);
    line.because("a mailbox?").calls(3, &Destination::Phone("ben".into())).picks_up(3).leg_hears(3, &knock());
    line.at_leg_presses(3, '1').leg_hears(3, &briefing()).at_leg_presses(3, '2');
    line.leg_hears(3, &[speak(say::ENGINEER_DECLINED)]).leg_listens(3).ends_leg(3).is_over(Outcome::Unanswered);
}

#[test]
fn an_alert_taken_elsewhere_stops_everything() {
    let mut line = rung(&["ada"]);
    line.calls(1, &Destination::Phone("ada".into())).told(Event::AlertTaken).ends_leg(1).is_over(Outcome::Completed);
}

#[test]
fn nobody_to_ring_is_unanswered_with_the_reason() {
    let mut line = rung(&[]);
    line.because("the rota rota is empty").is_over(Outcome::Unanswered);
    let mut directory = with(hotline());
    directory.numbers.values_mut().for_each(|number| number.schedule = None);
    let mut line = Line::alert(directory);
    line.because("has no schedule").is_over(Outcome::Unanswered);
}

#[test]
fn shutdown_ends_it() {
    let mut line = rung(&["ada"]);
    line.calls(1, &Destination::Phone("ada".into())).leg_ends(1, LegCause::Busy).calls(2, &number("+491715550001"));
    line.told(Event::Shutdown).ends_leg(2).is_over(Outcome::Unanswered);
}
