//! Menus: barge-in, typing ahead, silence, wrong keys, codes.

use crate::call::Timer;
use crate::call::flow::{Menu, Node};
use crate::call::prompt::say;
use crate::fact::Outcome;

use super::fixture::{announce, flow, hotline, menu, secs, speak};
use super::line::Line;

fn offered(menu: Menu) -> Line {
    let bye = Node::Hangup(vec![speak(say::GOODBYE)]);
    let closed = Node::Hangup(vec![speak(say::CLOSED)]);
    let mut line = Line::rings(flow([("choose", Node::Menu(menu)), ("bye", bye), ("closed", closed)]));
    line.answered();
    line
}

#[test]
fn a_key_during_the_greeting_is_kept_for_the_menu() {
    let mut line = Line::rings(hotline());
    line.answered().hears(&[say::GREETING]).presses("3").stops_playing(0).because("cut short by a key");
    line.because("pressed 3").hears_all(&[speak(say::VOICEMAIL), crate::call::prompt::Prompt::Beep]);
}

#[test]
fn without_barge_in_keys_are_not_kept() {
    let mut greeting = announce(Some("choose"));
    greeting.barge_in = false;
    let mut line =
        Line::rings(flow([("greet", Node::Announce(greeting)), ("choose", Node::Menu(menu(&[("1", "mail")])))]));
    line.answered().hears(&[say::GREETING]).presses("1").listens().hears(&[say::MENU]);
}

#[test]
fn silence_and_wrong_keys_are_told_kindly_and_have_a_limit() {
    let mut line = offered(menu(&[("1", "bye")]));
    line.hears(&[say::MENU]).listens().next_timer(Timer::NoInput, secs(6)).waits(secs(6)).because("no key for 6 s");
    line.hears(&[say::NO_INPUT, say::MENU]).presses("7").stops_playing(0).because("7 means nothing here");
    line.hears(&[say::NO_MATCH, say::MENU]).listens().waits(secs(6)).because("no tries left");
    line.hears_all(&[speak(say::VOICEMAIL), crate::call::prompt::Prompt::Beep]);
}

#[test]
fn a_key_acts_at_once_unless_a_longer_code_begins_with_it() {
    let mut line = offered(menu(&[("1", "bye"), ("12", "closed")]));
    line.hears(&[say::MENU]).presses("1").stops_playing(0).waits(secs(4)).because("pressed 1").hears(&[say::GOODBYE]);
    let mut line = offered(menu(&[("1", "bye"), ("12", "closed")]));
    line.hears(&[say::MENU]).presses("1").stops_playing(0).presses("2").hears(&[say::CLOSED]);
}

#[test]
fn a_code_ends_with_its_key() {
    let mut code = menu(&[("1598*473620", "bye")]);
    code.end = Some('#');
    let mut line = offered(code.clone());
    line.hears(&[say::MENU])
        .presses("1")
        .stops_playing(0)
        .presses("598*473620")
        .quiet()
        .presses("#")
        .because("typed a code");
    line.hears(&[say::GOODBYE]).listens().ends_leg(0).is_over(Outcome::Completed);
    let mut line = offered(code.clone());
    line.hears(&[say::MENU]).presses("1").stops_playing(0).presses("599999#").because("no such code");
    line.hears(&[say::NO_MATCH, say::MENU])
        .listens()
        .presses("1598*473620")
        .quiet()
        .waits(secs(4))
        .hears(&[say::GOODBYE]);
    code.end = None;
    let mut line = offered(code);
    line.hears(&[say::MENU]).presses("1").stops_playing(0).presses("598*473620").hears(&[say::GOODBYE]);
}

#[test]
fn a_lost_end_of_a_prompt_does_not_hang_the_call() {
    let mut line = offered(menu(&[("1", "bye")]));
    line.hears(&[say::MENU]).next_timer(Timer::Stuck, secs(120)).waits(secs(120)).because("did not report its end");
    line.waits(secs(6)).hears(&[say::NO_INPUT, say::MENU]);
}

#[test]
fn the_budget_ends_in_the_last_resort_and_stops_what_plays() {
    let mut line = Line::rings(hotline());
    line.answered().hears(&[say::GREETING]).waits(secs(120)).hears(&[say::MENU]).waits(secs(120));
    line.waits(secs(6)).hears(&[say::NO_INPUT, say::MENU]).waits(secs(54)).stops_playing(0);
    line.because("the flow's time of 5 min is over")
        .hears_all(&[speak(say::VOICEMAIL), crate::call::prompt::Prompt::Beep]);
}
