//! Conversations that are recorded.

use std::time::Duration;

use crate::call::Event;
use crate::call::flow::{Connect, ConnectTarget, Node};
use crate::call::prompt::{Prompt, say};
use crate::call::supervise::{Role, Supervise};
use crate::directory::{Destination, Directory};
use crate::fact::{Actor, Fact, LegCause, Outcome, RecordingEnd, RecordingKind};
use crate::ids::LegId;

use super::fixture::{connect, flow, secs, speak, with};
use super::line::Line;

const KIND: RecordingKind = RecordingKind::Conversation;

fn recorded(node: Connect) -> Directory {
    let mut directory = with(flow([("engineer", Node::Connect(node))]));
    directory.numbers.get_mut(&"line".into()).expect("the line").record_calls = true;
    directory
}

/// Ada has pressed 1 twice.
fn accepted(directory: Directory) -> Line {
    let mut line = Line::from(directory, Some("+49305550101"));
    line.answered().hears_all(&[speak(say::CALLING_ENGINEER), speak(say::LEAVE_QUEUE), Prompt::Music]);
    line.on_call(&["ada", "ben"]);
    line.calls(1, &Destination::Phone("ada".into())).picks_up(1);
    line.leg_hears(1, &[speak(say::ENGINEER_KNOCK), Prompt::Silence(Duration::from_secs(2))]).at_leg_presses(1, '1');
    line.hears_something_at(1);
    line.at_leg_presses(1, '1').stops_playing(1);
    line
}

/// The caller is being told.
fn announced() -> Line {
    let mut line = accepted(recorded(connect()));
    line.hears(&[say::RECORDING_CALLER]).leg_hears(1, &[speak(say::RECORDING_ENGINEER)]);
    line
}

/// They talk, and it is recorded.
fn talking() -> Line {
    let mut line = announced();
    line.waits(secs(7)).listens().joins(1).records(KIND);
    line
}

fn refused(fact: &Fact) -> bool {
    matches!(fact, Fact::RecordingRefused { .. })
}

fn begun(fact: &Fact) -> bool {
    matches!(fact, Fact::RecordingStarted { kind: KIND, .. })
}

#[test]
fn a_supervisor_hears_that_it_is_recorded_while_it_is() {
    for refused in [false, true] {
        let mut line = talking();
        if refused {
            line.presses("9");
            while line.next_deed().is_some() {}
        }
        let by = Actor::Login("lea".to_owned());
        assert!(line.supervises(Supervise { role: Role::Barge, phone: "ben-desk".into(), by }).is_ok());
        line.calls(2, &Destination::Phone("ben-desk".into())).told(Event::LegAnswered { leg: LegId(2) });
        assert!(line.next_deed().is_some(), "whoever asked is told that it rings");
        let mut hears = vec![speak(say::SUPERVISOR_KNOCK), speak(say::SUPERVISOR_RECORDED), Prompt::Silence(secs(2))];
        if refused {
            hears.remove(1);
        }
        line.leg_hears(2, &hears);
    }
}

#[test]
fn it_begins_after_the_caller_heard_so_and_ends_with_the_conversation() {
    let mut line = announced();
    line.never_kept(begun);
    line.waits(secs(7)).listens().joins(1).records(KIND).because("the caller was told and did not refuse");
    line.kept(begun).waits(secs(600)).leg_ends(1, LegCause::HungUp).stops_recording(RecordingEnd::CallEnded);
    line.ends_leg(0).record_ends(true, RecordingEnd::CallEnded).is_over(Outcome::Taken);
    line.never_kept(refused);
}

#[test]
fn numbers_and_nodes_that_do_not_ask_for_it_record_nothing() {
    let off = with(flow([("engineer", Node::Connect(connect()))]));
    let node = recorded(Connect { record: false, ..connect() });
    for directory in [off, node] {
        let mut line = accepted(directory);
        line.hears(&[say::CONNECTING]).leg_hears(1, &[speak(say::ENGINEER_JOINED)]).waits(secs(3)).listens().joins(1);
        line.quiet().never_kept(begun);
    }
}

#[test]
fn the_caller_refuses_before_being_joined() {
    let mut line = announced();
    line.waits(secs(4)).presses("9").hears(&[say::RECORDING_OFF]).leg_hears(1, &[speak(say::RECORDING_OFF)]);
    line.kept(|fact| *fact == Fact::RecordingRefused { leg: LegId::CALLER, recording: None });
    line.because("the caller pressed 9").waits(secs(3)).listens().joins(1).quiet().never_kept(begun);
    // Another 9 changes nothing.
    line.presses("9").at_leg_presses(1, '9').quiet();
}

#[test]
fn the_engineer_refuses_before_they_are_joined() {
    let mut line = announced();
    line.waits(secs(4)).at_leg_presses(1, '9').hears(&[say::RECORDING_OFF]);
    line.leg_hears(1, &[speak(say::RECORDING_OFF)]).waits(secs(3)).listens().joins(1).quiet().never_kept(begun);
    line.kept(|fact| *fact == Fact::RecordingRefused { leg: LegId(1), recording: None });
}

#[test]
fn either_refuses_in_the_middle_and_what_was_kept_goes() {
    for caller in [true, false] {
        let mut line = talking();
        line.waits(secs(60));
        if caller {
            line.presses("9");
        } else {
            line.at_leg_presses(1, '9');
        }
        line.stops_recording(RecordingEnd::Refused).hears(&[say::RECORDING_OFF]);
        line.leg_hears(1, &[speak(say::RECORDING_OFF)]);
        let recording = line.recordings().last().copied();
        let leg = if caller { LegId::CALLER } else { LegId(1) };
        line.kept(|fact| *fact == Fact::RecordingRefused { leg, recording });
        line.record_ends(false, RecordingEnd::Refused).waits(secs(600)).quiet();
        line.leg_ends(1, LegCause::HungUp).ends_leg(0).is_over(Outcome::Taken);
    }
}

#[test]
fn an_announcement_that_nobody_can_have_heard_is_none() {
    // Its sound is missing, so it ends at once; or its end is never reported.
    let mut line = announced();
    line.listens().joins(1).quiet().never_kept(begun).because("was not heard as it should be");
    let mut line = announced();
    line.waits(secs(21)).joins(1).quiet().never_kept(begun);
}

#[test]
fn handed_back_it_ends_and_the_next_conversation_is_announced_anew() {
    let mut line = talking();
    line.at_leg_presses(1, '*').at_leg_presses(1, '2').leg_hears(1, &[speak(say::ENGINEER_HANDED_BACK)]);
    line.stops_recording(RecordingEnd::CallEnded).hears_all(&[speak(say::HANDED_BACK), Prompt::Music]);
    line.calls(2, &Destination::Phone("ben".into())).record_ends(true, RecordingEnd::CallEnded);
    line.kept(|fact| matches!(fact, Fact::RecordingEnded { reason: RecordingEnd::CallEnded, .. }));
    line.picks_up(2).hears_something_at(2).at_leg_presses(2, '1').hears_something_at(2).at_leg_presses(2, '1');
    line.stops_playing(2).hears(&[say::RECORDING_CALLER]).leg_hears(2, &[speak(say::RECORDING_ENGINEER)]);
}

#[test]
fn who_is_brought_in_is_told_while_it_goes_on() {
    let mut line = talking();
    line.at_leg_presses(1, '*').at_leg_presses(1, '1').leg_hears(1, &[speak(say::ENGINEER_NEXT_CALLED)]);
    line.calls(2, &Destination::Phone("ben".into())).picks_up(2).hears_something_at(2);
    line.at_leg_presses(2, '1')
        .hears_something_at(2)
        .at_leg_presses(2, '1')
        .stops_playing(2)
        .joins(2)
        .leg_hears(2, &[speak(say::RECORDING_ENGINEER)]);
    line.leg_hears(1, &[speak(say::ENGINEER_NEXT_THERE)]).quiet();
    line.at_leg_presses(2, '9').stops_recording(RecordingEnd::Refused);
}

#[test]
fn a_fixed_address_is_joined_after_the_announcement_too_but_for_tests() {
    let fixed = || Connect {
        target: ConnectTarget::Fixed(Destination::Sip("sip:desk@127.0.0.1".to_owned())),
        confirm: false,
        leave_key: None,
        ..connect()
    };
    for (test, silently) in [(false, true), (true, false), (true, true)] {
        let mut directory = recorded(fixed());
        let number = directory.numbers.get_mut(&"line".into()).expect("the line");
        (number.test, number.record_silently) = (test, silently);
        let mut line = Line::from(directory, None);
        line.answered().hears_all(&[Prompt::Music]);
        line.calls(1, &Destination::Sip("sip:desk@127.0.0.1".to_owned()));
        line.told(Event::LegAnswered { leg: LegId(1) });
        if !(test && silently) {
            line.hears(&[say::RECORDING_CALLER]).leg_hears(1, &[speak(say::RECORDING_ENGINEER)]);
            line.waits(secs(7)).listens();
        }
        line.joins(1).records(KIND);
        line.at_leg_presses(1, '9').stops_recording(RecordingEnd::Refused);
    }
}
