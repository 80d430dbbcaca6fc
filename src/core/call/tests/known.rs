//! Who calls again about an open report.

use std::time::Duration;

use jiff::ToSpan;
use uuid::Uuid;

use crate::alert::Change;
use crate::call::flow::{Known, Menu, Node};
use crate::call::outside::OpenReport;
use crate::call::prompt::{Prompt, PromptId, say};
use crate::call::{Command, Event};
use crate::fact::{Actor, Fact, LegCause, Outcome};
use crate::ids::{AlertId, CallId, RecordingId};

use super::fixture::{announce, connect, flow, menu, secs, speak, start, to, with};
use super::line::Line;

const BEFORE: AlertId = AlertId(Uuid::from_u128(77));

fn report(taken: bool) -> OpenReport {
    OpenReport {
        alert: BEFORE,
        reference: "1234".to_owned(),
        opened: start().wall - 12.minutes(),
        taken,
        by: taken.then(|| "ben".into()),
        recordings: vec![RecordingId(Uuid::from_u128(78))],
    }
}

fn rings(found: Option<OpenReport>) -> Line {
    let node = Known {
        prompts: vec![speak(say::GREETING)],
        wait: secs(6),
        colleagues: false,
        join: to("engineer"),
        something_new: to("choose"),
        next: to("greet"),
    };
    let nodes = flow([
        ("known", Node::Known(node)),
        ("greet", Node::Announce(announce(Some("choose")))),
        ("choose", Node::Menu(Menu { ..menu(&[("1", "engineer")]) })),
        ("engineer", Node::Connect(connect())),
    ]);
    let mut line = Line::from(with(nodes), Some("+49305550101"));
    line.looks_for_report(found);
    line
}

fn to_mail() -> Known {
    let prompts = vec![speak(say::GREETING)];
    Known { prompts, wait: secs(6), colleagues: false, join: to("mail"), something_new: to("mail"), next: to("mail") }
}

fn words(how: Prompt) -> Vec<Prompt> {
    vec![
        speak(say::GREETING),
        speak(say::KNOWN_REPORT),
        Prompt::Digits("1234".into()),
        speak(say::KNOWN_OPENED),
        Prompt::Say(PromptId::new("number-12")),
        speak(say::MINUTES),
        how,
        Prompt::Silence(Duration::from_millis(400)),
        speak(say::KNOWN_CHOICE),
    ]
}

fn opened(fact: &Fact) -> bool {
    matches!(fact, Fact::AlertOpened { .. })
}

fn joined(fact: &Fact) -> bool {
    *fact == Fact::Alert(Change::CallJoined { call: CallId(Uuid::from_u128(1)) })
}

#[test]
fn one_joins_the_open_report_and_opens_no_other() {
    let mut line = rings(Some(report(true)));
    line.answered().hears_all(&words(speak(say::KNOWN_TAKEN))).presses("1").stops_playing(0);
    line.hears(&[say::KNOWN_JOINED]).listens();
    line.hears_all(&[speak(say::CALLING_ENGINEER), speak(say::LEAVE_QUEUE), Prompt::Music]);
    line.kept(joined).never_kept(opened);
    assert_eq!(line.call.view().alert, Some(BEFORE));
    // Whoever has it is called first, and hears what was said before.
    line.on_call(&["ada", "ben"]).because("has the caller's report already");
    line.calls(1, &crate::directory::Destination::Phone("ben".into())).picks_up(1);
    line.leg_hears(1, &[speak(say::ENGINEER_KNOCK), Prompt::Silence(secs(2))]).at_leg_presses(1, '1');
    let Some(Command::Play { prompts, .. }) = line.next_deed() else { panic!("no briefing") };
    assert!(prompts.contains(&Prompt::Recording(RecordingId(Uuid::from_u128(78)))), "{prompts:?}");
    let about = line.facts.iter().filter(|entry| entry.alert == Some(BEFORE)).count();
    assert!(about > 3, "what follows belongs to that alert");
}

#[test]
fn two_or_silence_is_something_new() {
    let mut line = rings(Some(report(false)));
    line.answered().hears_all(&words(speak(say::KNOWN_NOBODY))).never_kept(opened);
    line.presses("2").stops_playing(0).hears(&[say::MENU]).kept(opened).never_kept(joined);
    let mut line = rings(Some(report(false)));
    line.answered().hears_all(&words(speak(say::KNOWN_NOBODY))).listens().waits(secs(6));
    line.hears(&[say::MENU]).kept(opened).because("counts as something new");
}

#[test]
fn who_has_none_hears_nothing_of_it() {
    let mut line = rings(None);
    line.answered().hears(&[say::GREETING]).kept(opened);
    let nodes = flow([("known", Node::Known(to_mail()))]);
    let mut withheld = Line::from(with(nodes), None);
    withheld.answered().hears_all(&[speak(say::VOICEMAIL), Prompt::Beep]);
}

#[test]
fn hanging_up_after_hearing_of_it_belongs_to_it() {
    let mut line = rings(Some(report(true)));
    line.answered().hears_all(&words(speak(say::KNOWN_TAKEN))).hangs_up().kept(joined).never_kept(opened);
    line.is_over(Outcome::Completed);
}

#[test]
fn hanging_up_or_a_fault_before_hearing_of_it_is_an_alert_of_its_own() {
    let mut line = rings(Some(report(true)));
    line.does(&Command::Answer).hangs_up().kept(opened).is_over(Outcome::Abandoned);
    let mut line = rings(Some(report(true)));
    line.answered().hears_all(&words(speak(say::KNOWN_TAKEN))).told(Event::Shutdown).kept(opened).never_kept(joined);
}

#[test]
fn no_answer_to_the_question_leads_on() {
    let nodes = flow([("known", Node::Known(to_mail()))]);
    let mut line = Line::from(with(nodes), Some("+49305550101"));
    assert!(matches!(line.next_deed(), Some(Command::FindKnown { .. })));
    line.waits(secs(5)).answered().kept(opened);
}

#[test]
fn answered_before_it_was_looked_for_the_new_alert_is_merged() {
    let nodes = flow([("greet", Node::Announce(announce(Some("known")))), ("known", Node::Known(to_mail()))]);
    let mut line = Line::from(with(nodes), Some("+49305550101"));
    line.answered().hears(&[say::GREETING]).listens().looks_for_report(Some(report(false)));
    // The greeting was heard already.
    line.hears_all(&words(speak(say::KNOWN_NOBODY))[1..]).presses("1").stops_playing(0).hears(&[say::KNOWN_JOINED]);
    line.kept(|fact| *fact == Fact::Alert(Change::Merged { into: BEFORE, by: Actor::System })).kept(joined);
    line.leg_ends(0, LegCause::HungUp).is_over(Outcome::Completed);
}

#[test]
fn the_greeting_that_follows_is_not_said_again() {
    let node = Known { something_new: to("greet"), ..to_mail() };
    let greet = announce(Some("mail"));
    let nodes = flow([("known", Node::Known(node)), ("greet", Node::Announce(greet))]);
    let mut line = Line::from(with(nodes), Some("+49305550101"));
    line.looks_for_report(Some(report(false))).answered().hears_all(&words(speak(say::KNOWN_NOBODY)));
    line.presses("2").stops_playing(0).because("was said already").hears_all(&[speak(say::VOICEMAIL), Prompt::Beep]);
}

#[test]
fn ages_are_spoken_as_numbers() {
    let number = |name| speak(PromptId::new(name));
    let (minutes, hours, days) = (speak(say::MINUTES), speak(say::HOURS), speak(say::DAYS));
    for (age, spoken) in [
        (0, vec![speak(say::ONE_MINUTE)]),
        (1, vec![speak(say::ONE_MINUTE)]),
        (2, vec![Prompt::Digits("2".into()), minutes.clone()]),
        (10, vec![number("number-10"), minutes.clone()]),
        (59, vec![number("number-59"), minutes]),
        (60, vec![speak(say::OVER_AN_HOUR)]),
        (119, vec![speak(say::OVER_AN_HOUR)]),
        (120, vec![Prompt::Digits("2".into()), hours.clone()]),
        (47 * 60, vec![number("number-47"), hours]),
        (48 * 60, vec![Prompt::Digits("2".into()), days.clone()]),
        (400 * 1_440, vec![Prompt::Digits("400".into()), days]),
    ] {
        assert_eq!(crate::call::prompt::age(age), spoken, "{age} minutes");
    }
}
