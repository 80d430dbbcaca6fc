//! Notifications by telephone.

use std::sync::Arc;
use std::time::Duration;

use crate::call::outside::NoticeAnswer;
use crate::call::prompt::{Prompt, say};
use crate::call::{Command, Event};
use crate::directory::Destination;
use crate::fact::{Direction, Fact, LegCause, Outcome};
use crate::ids::{AlertId, LegId, RecordingId};

use super::fixture::{self, hotline, secs, speak, with};
use super::line::Line;

fn ada() -> Destination {
    Destination::Phone("ada".into())
}

fn about(alerts: usize) -> Line {
    Line::notice(fixture::notice(Arc::new(with(hotline())), alerts, 7))
}

fn knock() -> [Prompt; 2] {
    [speak(say::ALERT_KNOCK), Prompt::Silence(secs(2))]
}

fn one_alert(reference: &str, at_length: bool) -> Vec<Prompt> {
    let mut prompts = vec![
        speak(say::NOTICE_ALERT),
        Prompt::Digits(reference.into()),
        speak(say::PRIORITY_2),
        speak(say::NOTICE_CUSTOMER),
        Prompt::Name("Acme Logistics".into()),
        Prompt::Name("Mail queue is long".into()),
        Prompt::Silence(Duration::from_millis(400)),
    ];
    if at_length {
        let recording = RecordingId(uuid::Uuid::from_u128(4));
        prompts.extend([speak(say::ENGINEER_CALLER_SAID), Prompt::Recording(recording)]);
    }
    prompts
}

fn told() -> Vec<Prompt> {
    let mut prompts = one_alert("4711", true);
    prompts.push(speak(say::NOTICE_CHOICE));
    prompts
}

fn listening() -> Line {
    let mut line = about(1);
    line.kept(|fact| matches!(fact, Fact::CallStarted { direction: Direction::Notification, .. }));
    line.calls(1, &ada()).picks_up(1).leg_hears(1, &knock()).at_leg_presses(1, '1').leg_hears(1, &told());
    line
}

#[test]
fn an_exercise_is_called_one_before_anything_else_is_said() {
    let title = "ÜBUNG: Mail queue is long";
    let mut notice = fixture::notice(Arc::new(with(hotline())), 1, 7);
    title.clone_into(&mut notice.to.alerts[0].title);
    let mut heard: Vec<Prompt> = std::iter::once(speak(say::NOTICE_DRILL)).chain(told()).collect();
    let place = heard.iter().position(|prompt| *prompt == Prompt::Name("Mail queue is long".into())).unwrap();
    heard[place] = Prompt::Name(title.into());
    let mut line = Line::notice(notice);
    line.calls(1, &ada()).picks_up(1).leg_hears(1, &knock()).at_leg_presses(1, '1').leg_hears(1, &heard);
}

#[test]
fn one_then_one_acknowledges() {
    let mut line = listening();
    assert_eq!((line.call.view().state.as_str(), line.call.view().person), ("telling", Some("ada".into())));
    line.at_leg_presses(1, '1').answers(&NoticeAnswer::Acknowledged);
    line.leg_hears(1, &[speak(say::ALERT_ACKNOWLEDGED)]).leg_listens(1).ends_leg(1);
    line.kept(|fact| *fact == Fact::LegAccepted { leg: LegId(1), person: Some("ada".into()) });
    // Keeping it is the part of whoever asked for the notification.
    line.never_kept(|fact| matches!(fact, Fact::AlertAcknowledged { .. })).is_over(Outcome::Taken);
}

#[test]
fn a_mailbox_hears_only_the_knock() {
    let mut line = about(1);
    line.calls(1, &ada()).picks_up(1);
    for _knock in 0..4 {
        line.leg_hears(1, &knock()).leg_listens(1);
    }
    line.leg_hears(1, &knock()).leg_listens(1).quiet().waits(secs(20)).answers(&NoticeAnswer::NoAnswer).ends_leg(1);
    line.because("a mailbox?").is_over(Outcome::Unanswered);
}

#[test]
fn two_passes_it_on() {
    let mut line = listening();
    line.at_leg_presses(1, '7').at_leg_presses(1, '2').answers(&NoticeAnswer::Escalate);
    line.leg_hears(1, &[speak(say::NOTICE_ESCALATED)]).leg_listens(1).ends_leg(1).is_over(Outcome::Completed);
}

fn asks_to_join(line: &mut Line) {
    let join = Command::JoinCaller {
        leg: LegId(1),
        alerts: vec![AlertId(uuid::Uuid::from_u128(20))],
        person: Some("ada".into()),
        language: fixture::language("en"),
    };
    line.at_leg_presses(1, '3').stops_playing(1).does(&join);
}

#[test]
fn three_joins_the_caller_and_the_leg_goes_with_it() {
    let mut line = listening();
    asks_to_join(&mut line);
    let alert = Some(AlertId(uuid::Uuid::from_u128(20)));
    line.told(Event::JoinAnswered { leg: LegId(1), alert }).answers(&NoticeAnswer::Joined);
    line.is_over(Outcome::Taken);
}

#[test]
fn three_without_a_caller_is_told_and_asked_again() {
    let mut line = listening();
    asks_to_join(&mut line);
    line.told(Event::JoinAnswered { leg: LegId(1), alert: None });
    line.leg_hears(1, &[speak(say::NOTICE_NO_CALLER), speak(say::NOTICE_CHOICE)]).at_leg_presses(1, '1');
    line.answers(&NoticeAnswer::Acknowledged).leg_hears(1, &[speak(say::ALERT_ACKNOWLEDGED)]);
    let mut lost = listening();
    asks_to_join(&mut lost);
    lost.waits(secs(6)).leg_hears(1, &[speak(say::NOTICE_NO_CALLER), speak(say::NOTICE_CHOICE)]);
}

#[test]
fn several_alerts_are_counted_and_the_first_told() {
    let mut line = about(5);
    line.calls(1, &ada()).picks_up(1).leg_hears(1, &knock()).at_leg_presses(1, '1');
    let mut prompts =
        vec![speak(say::NOTICE_MANY), Prompt::Digits("5".into()), Prompt::Silence(Duration::from_millis(400))];
    for reference in ["4711", "4712", "4713"] {
        prompts.extend(one_alert(reference, false));
    }
    prompts.push(speak(say::NOTICE_CHOICE_ALL));
    // One of them being taken elsewhere leaves the others.
    line.leg_hears(1, &prompts).told(Event::AlertTaken).at_leg_presses(1, '1').answers(&NoticeAnswer::Acknowledged);
    line.leg_hears(1, &[speak(say::ALERT_ACKNOWLEDGED)]).leg_listens(1).ends_leg(1).is_over(Outcome::Taken);
}

#[test]
fn whoever_presses_nothing_hears_it_three_times() {
    let mut line = listening();
    for _again in 0..2 {
        line.leg_listens(1).waits(secs(8)).leg_hears(1, &told());
    }
    line.leg_listens(1).waits(secs(8)).answers(&NoticeAnswer::Heard).ends_leg(1).is_over(Outcome::Completed);
}

#[test]
fn three_minutes_are_the_most() {
    let mut line = listening();
    line.waits(secs(165)).waits(secs(10)).answers(&NoticeAnswer::Heard).ends_leg(1).is_over(Outcome::Completed);
}

#[test]
fn rung_in_vain() {
    let mut line = about(1);
    line.calls(1, &ada()).waits(secs(35)).answers(&NoticeAnswer::NoAnswer).ends_leg(1).is_over(Outcome::Unanswered);
    let mut line = about(1);
    line.calls(1, &ada()).leg_ends(1, LegCause::Busy).answers(&NoticeAnswer::Busy).is_over(Outcome::Unanswered);
    let mut line = about(1);
    let gone = LegCause::Unreachable { reason: "not registered".to_owned() };
    line.calls(1, &ada()).leg_ends(1, gone).answers(&NoticeAnswer::Unreachable("not registered".to_owned()));
    line.is_over(Outcome::Unanswered);
    let mut line = listening();
    line.leg_ends(1, LegCause::HungUp).answers(&NoticeAnswer::Heard).is_over(Outcome::Completed);
}

#[test]
fn taken_elsewhere_it_stops_and_says_so_only_to_a_person() {
    let mut line = about(1);
    line.calls(1, &ada()).picks_up(1).leg_hears(1, &knock()).told(Event::AlertTaken);
    line.answers(&NoticeAnswer::NoAnswer).ends_leg(1).is_over(Outcome::Completed);
    let mut line = listening();
    line.told(Event::AlertTaken).answers(&NoticeAnswer::Heard).leg_hears(1, &[speak(say::NOTICE_TAKEN)]);
    line.leg_listens(1).ends_leg(1).is_over(Outcome::Completed);
}

#[test]
fn it_makes_way_for_a_caller_until_a_key_is_pressed() {
    let mut line = about(1);
    line.calls(1, &ada()).told(Event::MakeWay { leg: LegId(1) }).answers(&NoticeAnswer::Busy).ends_leg(1);
    line.is_over(Outcome::Unanswered);
    let mut line = listening();
    line.told(Event::MakeWay { leg: LegId(1) }).quiet();
}

#[test]
fn a_test_says_so_before_and_after_the_key() {
    let mut line = about(0);
    line.calls(1, &ada()).picks_up(1).leg_hears(1, &[speak(say::TEST_KNOCK), Prompt::Silence(secs(2))]);
    line.at_leg_presses(1, '1').answers(&NoticeAnswer::Heard);
    line.leg_hears(1, &[speak(say::TEST_HEARD), speak(say::GOODBYE)]).leg_listens(1).ends_leg(1);
    line.is_over(Outcome::Completed);
}

#[test]
fn a_code_is_said_twice() {
    let mut notice = fixture::notice(Arc::new(with(hotline())), 0, 7);
    notice.to.text = Some("Your code is 123456.".into());
    let mut line = Line::notice(notice);
    line.calls(1, &ada()).picks_up(1).leg_hears(1, &[speak(say::NOTICE_KNOCK), Prompt::Silence(secs(2))]);
    let once = [speak(say::CODE_IS), Prompt::Digits("123456".into()), Prompt::Silence(secs(2))];
    let twice = [&once[..], &once[..], &[speak(say::GOODBYE)]].concat();
    line.at_leg_presses(1, '1').answers(&NoticeAnswer::Heard).leg_hears(1, &twice);
}
