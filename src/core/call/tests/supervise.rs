//! Listening in, whispering, speaking with both; and a call that is held.

use crate::call::command::Seat;
use crate::call::flow::Node;
use crate::call::prompt::{Prompt, say};
use crate::call::supervise::{NotSupervised, Role, Supervise, Supervised, SupervisorAnswer};
use crate::call::{Command, Event};
use crate::directory::Destination;
use crate::fact::{Actor, Fact, LegCause, Outcome};
use crate::ids::LegId;

use super::fixture::{connect, flow, secs, speak};
use super::line::Line;

const CALLER: LegId = LegId::CALLER;
const ADA: LegId = LegId(1);
const BEN: LegId = LegId(2);

/// Ada talks with the caller.
fn talking() -> Line {
    let mut line = Line::rings(flow([("engineer", Node::Connect(connect()))]));
    line.answered().hears_all(&[speak(say::CALLING_ENGINEER), speak(say::LEAVE_QUEUE), Prompt::Music]);
    line.on_call(&["ada"]).calls(1, &Destination::Phone("ada".into())).picks_up(1);
    assert!(line.next_deed().is_some(), "the knock");
    line.at_leg_presses(1, '1');
    assert!(line.next_deed().is_some(), "the briefing");
    line.at_leg_presses(1, '1').stops_playing(1);
    line.hears(&[say::CONNECTING]).leg_hears(1, &[speak(say::ENGINEER_JOINED)]);
    line.listens().joins(1);
    line
}

fn ask(line: &mut Line, role: Role, phone: &str) -> Result<Supervised, NotSupervised> {
    line.supervises(Supervise { role, phone: phone.into(), by: Actor::Login("lea".to_owned()) })
}

fn mix(seats: &[(LegId, &[LegId])]) -> Command {
    let seat = |(leg, hears): &(LegId, &[LegId])| Seat { leg: *leg, hears: hears.to_vec() };
    Command::Mix { seats: seats.iter().map(seat).collect() }
}

/// Ben's desk phone is rung and answered, and hears nothing but that somebody is wanted.
fn answers(line: &mut Line) {
    line.calls(2, &Destination::Phone("ben-desk".into()));
    line.told(Event::LegAnswered { leg: BEN }).does(&told(BEN, SupervisorAnswer::Rings));
    line.leg_hears(2, &KNOCK).quiet();
}

/// And somebody presses 1 there.
fn comes(line: &mut Line) {
    answers(line);
    line.at_leg_presses(2, '1').stops_playing(2);
}

const KNOCK: [Prompt; 2] = [Prompt::Say(say::SUPERVISOR_KNOCK), Prompt::Silence(secs(2))];

fn told(leg: LegId, answer: SupervisorAnswer) -> Command {
    Command::Supervised { leg, answer }
}

#[test]
fn somebody_listens_then_whispers_then_speaks() {
    let mut line = talking();
    assert_eq!(ask(&mut line, Role::Listen, "ben-desk"), Ok(Supervised::Rings(BEN)));
    line.calls(2, &Destination::Phone("ben-desk".into()));
    line.told(Event::LegRinging { leg: BEN }).does(&told(BEN, SupervisorAnswer::Rings));
    line.told(Event::LegAnswered { leg: BEN }).leg_hears(2, &KNOCK).quiet();
    line.at_leg_presses(2, '1').stops_playing(2);
    line.does(&mix(&[(CALLER, &[ADA]), (ADA, &[CALLER]), (BEN, &[CALLER, ADA])]));
    assert_eq!(ask(&mut line, Role::Whisper, "ben-desk"), Ok(Supervised::Changed { on: true }));
    line.does(&mix(&[(CALLER, &[ADA]), (ADA, &[CALLER, BEN]), (BEN, &[CALLER, ADA])]));
    assert_eq!(ask(&mut line, Role::Whisper, "ben-desk"), Ok(Supervised::Changed { on: true }));
    line.quiet();
    assert_eq!(ask(&mut line, Role::Barge, "ben-desk"), Ok(Supervised::Changed { on: true }));
    line.does(&mix(&[(CALLER, &[ADA, BEN]), (ADA, &[CALLER, BEN]), (BEN, &[CALLER, ADA])]));
    line.leg_ends(2, LegCause::HungUp).does(&Command::Bridge { a: CALLER, b: ADA });
    line.because("phone ben-desk listens").because("asked for by login lea");
    line.never_kept(|fact| matches!(fact, Fact::LegAccepted { leg, .. } if *leg == BEN));
    line.never_kept(|fact| matches!(fact, Fact::LegStarted { leg, person: Some(_), .. } if *leg == BEN));
    line.hangs_up().ends_leg(1).is_over(Outcome::Taken);
}

#[test]
fn the_end_of_the_call_ends_the_supervisor() {
    let mut line = talking();
    assert!(ask(&mut line, Role::Barge, "ben-desk").is_ok());
    comes(&mut line);
    assert!(line.next_deed().is_some(), "the room");
    line.hangs_up().does(&Command::Part { legs: vec![CALLER, ADA, BEN] });
    line.ends_leg(1).ends_leg(2).is_over(Outcome::Taken);
}

#[test]
fn a_supervisor_who_is_not_reached_touches_nothing() {
    for cause in [LegCause::Busy, LegCause::Unreachable { reason: "not registered".to_owned() }] {
        let mut line = talking();
        assert!(ask(&mut line, Role::Listen, "ben-desk").is_ok());
        line.calls(2, &Destination::Phone("ben-desk".into()));
        line.leg_ends(2, cause.clone()).does(&told(BEN, SupervisorAnswer::Ended(cause))).quiet();
        assert!(line.call.view().supervisors.is_empty() && line.call.view().talks);
    }
    let mut line = talking();
    assert!(ask(&mut line, Role::Listen, "ben-desk").is_ok());
    line.calls(2, &Destination::Phone("ben-desk".into()));
    line.told(Event::LegRinging { leg: BEN }).does(&told(BEN, SupervisorAnswer::Rings));
    line.waits(secs(31)).ends_leg(2).quiet();
    assert!(line.call.view().supervisors.is_empty());
}

#[test]
fn a_mailbox_that_answers_never_hears_the_conversation() {
    let mut line = talking();
    assert!(ask(&mut line, Role::Barge, "ben-desk").is_ok());
    answers(&mut line);
    line.leg_listens(2).leg_hears(2, &KNOCK);
    // A mailbox's menu, somebody's mistake: only a 1 is a person who wants to be there.
    line.at_leg_presses(2, '2').at_leg_presses(2, '#').quiet();
    assert_eq!(ask(&mut line, Role::Listen, "ben-desk"), Ok(Supervised::Changed { on: false }));
    line.waits(secs(21)).ends_leg(2).quiet();
    line.because("nobody pressed 1");
    assert!(line.call.view().supervisors.is_empty() && line.call.view().talks);
}

#[test]
fn whoever_presses_1_after_the_two_have_parted_hears_the_next_conversation() {
    let mut line = talking();
    assert!(ask(&mut line, Role::Listen, "ben-desk").is_ok());
    answers(&mut line);
    line.at_leg_presses(1, '*').at_leg_presses(1, '2');
    while line.next_deed().is_some() {}
    line.at_leg_presses(2, '1').stops_playing(2).quiet();
    assert!(line.call.view().supervisors[0].on && !line.call.view().talks);
}

#[test]
fn their_keys_mean_nothing_and_sending_them_away_leaves_the_two_alone() {
    let mut line = talking();
    assert!(ask(&mut line, Role::Whisper, "ben-desk").is_ok());
    comes(&mut line);
    assert!(line.next_deed().is_some(), "the room");
    for key in ['*', '2', '1', '3'] {
        line.at_leg_presses(2, key).quiet();
    }
    assert!(line.dismisses("ben-desk"));
    line.does(&Command::HangUp { leg: BEN }).does(&Command::Bridge { a: CALLER, b: ADA });
    assert!(!line.dismisses("ben-desk"));
}

#[test]
fn what_cannot_be_is_refused() {
    let mut line = Line::rings(flow([("engineer", Node::Connect(connect()))]));
    line.answered().hears_all(&[speak(say::CALLING_ENGINEER), speak(say::LEAVE_QUEUE), Prompt::Music]);
    line.on_call(&["ada"]).calls(1, &Destination::Phone("ada".into()));
    assert_eq!(ask(&mut line, Role::Listen, "ben-desk"), Err(NotSupervised::NobodyTalks));
    let mut line = talking();
    for (phone, refused) in [
        ("sip:elsewhere@example.com", NotSupervised::UnknownPhone),
        ("nobody", NotSupervised::UnknownPhone),
        ("ada", NotSupervised::Talks),
    ] {
        assert_eq!(ask(&mut line, Role::Listen, phone), Err(refused), "{phone}");
    }
    line.quiet();
    assert!(ask(&mut line, Role::Listen, "ben-desk").is_ok() && ask(&mut line, Role::Listen, "ada-desk").is_ok());
    assert_eq!(ask(&mut line, Role::Listen, "ben"), Err(NotSupervised::Full));
}

#[test]
fn a_supervisor_stays_while_the_caller_is_handed_on() {
    let mut line = talking();
    assert!(ask(&mut line, Role::Barge, "ben-desk").is_ok());
    comes(&mut line);
    assert!(line.next_deed().is_some(), "the room");
    line.at_leg_presses(1, '*').at_leg_presses(1, '2');
    // Nobody is heard while the caller waits: not by the caller, and not in what the caller says to a mailbox.
    line.does(&Command::Part { legs: vec![CALLER, ADA, BEN] });
    assert!(!line.call.view().talks && line.call.view().supervisors.len() == 1);
}

#[test]
fn whoever_waits_hears_music_while_the_other_holds() {
    let mut line = talking();
    line.told(Event::Held { leg: ADA, held: true }).does(&Command::HoldMusic { leg: CALLER, plays: true });
    line.told(Event::Held { leg: ADA, held: true }).quiet();
    line.told(Event::Held { leg: ADA, held: false }).does(&Command::HoldMusic { leg: CALLER, plays: false });
    line.told(Event::Held { leg: CALLER, held: true }).does(&Command::HoldMusic { leg: ADA, plays: true });
    line.because("the caller's phone holds the call");
    // The engineer is gone: nothing of that is left over.
    line.leg_ends(1, LegCause::HungUp).does(&Command::HoldMusic { leg: ADA, plays: false });
    line.ends_leg(0).is_over(Outcome::Taken);
}
