//! Who calls about what is known already.

use jiff::ToSpan;
use uuid::Uuid;

use crate::alert::Change;
use crate::call::flow::{Known, Menu, Node};
use crate::call::outside::{KnownIncident, OpenReport};
use crate::call::prompt::{Prompt, PromptId, say};
use crate::call::{Command, Event};
use crate::fact::{Fact, LegCause, Outcome, RecordingEnd, RecordingKind};
use crate::ids::{AlertId, CallId, IncidentId};

use super::fixture::{announce, connect, flow, menu, secs, speak, start, to, with};
use super::line::Line;

const INCIDENT: IncidentId = IncidentId(Uuid::from_u128(88));
/// The alert of the fixture's call.
const OWN: AlertId = AlertId(Uuid::from_u128(2));

fn known(can_tell: bool) -> KnownIncident {
    KnownIncident {
        id: INCIDENT,
        reference: "INC-1001".to_owned(),
        title: vec!["Mail is slow".into()],
        since: start().wall - 42.minutes(),
        update: vec!["A cable was cut.".into(), "We mend it.".into()],
        can_tell,
    }
}

fn report() -> OpenReport {
    OpenReport {
        alert: AlertId(Uuid::from_u128(77)),
        reference: "1234".to_owned(),
        opened: start().wall - 5.minutes(),
        taken: false,
        by: None,
        recordings: Vec::new(),
    }
}

fn line(node: Known) -> Line {
    let nodes = flow([
        ("known", Node::Known(node)),
        ("greet", Node::Announce(announce(Some("choose")))),
        ("choose", Node::Menu(Menu { ..menu(&[("1", "engineer"), ("3", "mail")]) })),
        ("engineer", Node::Connect(connect())),
    ]);
    Line::from(with(nodes), Some("+49305550101"))
}

/// As in the standard flow.
fn node() -> Known {
    Known {
        prompts: vec![speak(say::GREETING)],
        wait: secs(6),
        colleagues: false,
        join: to("engineer"),
        something_new: to("choose"),
        next: to("greet"),
    }
}

fn rings(found: Option<KnownIncident>) -> Line {
    let mut line = line(node());
    line.looks_for_incident(found);
    line
}

fn choice(words: &[Prompt], can_tell: bool) -> Vec<Prompt> {
    let pause = Prompt::Silence(std::time::Duration::from_millis(400));
    let offer = if can_tell { say::INCIDENT_CHOICE } else { say::INCIDENT_CHOICE_NO_SMS };
    words.iter().cloned().chain([pause, speak(offer)]).collect()
}

/// What is told, behind the greeting.
fn told_by(greeting: &[Prompt], can_tell: bool) -> Vec<Prompt> {
    let words = [
        speak(say::INCIDENT_KNOWN),
        Prompt::Name("Mail is slow".into()),
        speak(say::INCIDENT_SINCE),
        speak(PromptId::new("number-42")),
        speak(say::MINUTES),
    ];
    choice(&[greeting, &words].concat(), can_tell)
}

fn told(can_tell: bool) -> Vec<Prompt> {
    told_by(&[speak(say::GREETING)], can_tell)
}

fn report_told() -> Vec<Prompt> {
    vec![
        speak(say::KNOWN_REPORT),
        Prompt::Digits("1234".into()),
        speak(say::KNOWN_OPENED),
        Prompt::Digits("5".into()),
        speak(say::MINUTES),
        speak(say::KNOWN_NOBODY),
        Prompt::Silence(std::time::Duration::from_millis(400)),
        speak(say::KNOWN_CHOICE),
    ]
}

fn joins() -> Command {
    Command::AddToIncident { incident: INCIDENT, recording: None }
}

fn may_be() -> Command {
    Command::MayBeAbout { incident: INCIDENT, alert: OWN }
}

fn opened(fact: &Fact) -> bool {
    matches!(fact, Fact::AlertOpened { .. })
}

fn resolved(fact: &Fact) -> bool {
    matches!(fact, Fact::AlertResolved { .. })
}

#[test]
fn whoever_hears_of_it_and_hangs_up_wakes_nobody() {
    let mut line = rings(Some(known(true)));
    line.answered().does(&joins()).hears_all(&told(true)).hangs_up();
    line.never_kept(opened).is_over(Outcome::Completed);
}

#[test]
fn whoever_waits_past_the_choice_and_hangs_up_wakes_nobody_either() {
    // In the menu that follows; the greeting is not said again.
    let mut line = rings(Some(known(true)));
    line.answered().does(&joins()).hears_all(&told(true)).listens().waits(secs(6)).hears(&[say::MENU]);
    line.hangs_up().never_kept(opened).is_over(Outcome::Completed);
    // Before the tone, behind a menu in which nothing was pressed.
    let mut line = rings(Some(known(true)));
    line.answered().does(&joins()).hears_all(&told(true)).listens().waits(secs(6)).hears(&[say::MENU]);
    for _ in 0..2 {
        line.listens().waits(secs(6)).hears(&[say::NO_INPUT, say::MENU]);
    }
    line.listens().waits(secs(6)).hears_all(&[speak(say::VOICEMAIL), Prompt::Beep]);
    line.hangs_up().never_kept(opened).is_over(Outcome::Completed);
}

#[test]
fn from_the_tone_on_there_is_an_alert_and_without_a_word_it_is_closed() {
    let silent = || {
        let mut line = line(Known { something_new: to("mail"), ..node() });
        line.looks_for_incident(Some(known(true))).answered().does(&joins()).hears_all(&told(true));
        line.listens().waits(secs(6)).hears_all(&[speak(say::VOICEMAIL), Prompt::Beep]).never_kept(opened);
        line.listens().records(RecordingKind::Voicemail).kept(opened).never_kept(resolved);
        line
    };
    // Nothing was said: nobody is woken.
    let mut line = silent();
    line.leg_ends(0, LegCause::HungUp).stops_recording(RecordingEnd::CallEnded);
    line.record_ends(false, RecordingEnd::CallEnded).kept(resolved).is_over(Outcome::Completed);
    // Something was said, be it to the very end: an alert as usual, which may be about it.
    let mut line = silent();
    line.leg_ends(0, LegCause::HungUp).stops_recording(RecordingEnd::CallEnded);
    line.record_ends(true, RecordingEnd::CallEnded).never_kept(resolved).does(&may_be()).is_over(Outcome::Voicemail);
    let mut line = silent();
    line.speaks().hears(&[say::VOICEMAIL_THANKS]).hangs_up().never_kept(resolved);
    line.does(&may_be()).is_over(Outcome::Voicemail);
}

#[test]
fn whoever_goes_on_by_key_has_an_alert_that_may_be_about_it() {
    for key in ["1", "3"] {
        let mut line = rings(Some(known(true)));
        line.answered().does(&joins()).hears_all(&told(true)).listens().waits(secs(6)).hears(&[say::MENU]);
        line.presses(key).stops_playing(0).kept(opened).does(&may_be()).because("goes on after hearing");
    }
}

#[test]
fn one_tells_the_latest_update_and_asks_again() {
    let mut line = rings(Some(known(true)));
    line.answered().does(&joins()).hears_all(&told(true)).presses("1").stops_playing(0);
    let update =
        [speak(say::INCIDENT_UPDATE), Prompt::Name("A cable was cut.".into()), Prompt::Name("We mend it.".into())];
    line.hears_all(&choice(&update, true)).listens().waits(secs(6));
    line.hears(&[say::MENU]).never_kept(opened).because("goes on");
}

fn adds(line: &mut Line) -> &mut Line {
    line.answered().does(&joins()).hears_all(&told(true)).presses("2").stops_playing(0);
    line.hears_all(&[speak(say::INCIDENT_ADD), Prompt::Beep]).listens().records(RecordingKind::Voicemail)
}

#[test]
fn two_adds_what_is_said() {
    let mut line = rings(Some(known(true)));
    adds(&mut line).speaks();
    let recording = line.recordings()[0];
    line.does(&Command::AddToIncident { incident: INCIDENT, recording: Some(recording) });
    line.hears_all(&choice(&[speak(say::INCIDENT_ADDED)], true)).hangs_up();
    line.never_kept(opened).is_over(Outcome::Completed);
}

#[test]
fn what_is_being_added_when_the_caller_hangs_up_is_added() {
    for speech in [true, false] {
        let mut line = rings(Some(known(true)));
        adds(&mut line).hangs_up().stops_recording(RecordingEnd::CallEnded);
        line.record_ends(speech, RecordingEnd::CallEnded);
        if speech {
            let recording = line.recordings()[0];
            line.does(&Command::AddToIncident { incident: INCIDENT, recording: Some(recording) });
        }
        line.never_kept(opened).is_over(Outcome::Completed);
    }
}

#[test]
fn three_goes_on_to_a_person() {
    let mut line = rings(Some(known(true)));
    line.answered().does(&joins()).hears_all(&told(true)).presses("3").stops_playing(0);
    line.kept(opened).because("wants a person").does(&may_be());
    line.hears_all(&[speak(say::CALLING_ENGINEER), speak(say::LEAVE_QUEUE), Prompt::Music]);
}

#[test]
fn four_is_told_when_it_is_over_if_an_sms_can_be_sent() {
    let mut line = rings(Some(known(true)));
    line.answered().does(&joins()).hears_all(&told(true)).presses("4").stops_playing(0);
    line.does(&Command::TellWhenOver { incident: INCIDENT, caller: "+49305550101".into() });
    line.hears_all(&choice(&[speak(say::INCIDENT_WILL_TELL)], true)).hangs_up().is_over(Outcome::Completed);
    // Else it is not offered.
    let mut line = rings(Some(known(false)));
    line.answered().does(&joins()).hears_all(&told(false)).presses("4").stops_playing(0);
    line.hears_all(&choice(&[speak(say::INCIDENT_NO_SMS)], false));
}

#[test]
fn whoever_has_chosen_often_enough_speaks_to_a_person() {
    let mut line = rings(Some(known(false)));
    line.answered().does(&joins()).hears_all(&told(false));
    for _ in 0..3 {
        line.presses("9").stops_playing(0).hears_all(&choice(&[speak(say::NO_MATCH)], false));
    }
    line.presses("9").stops_playing(0).kept(opened).does(&may_be());
    line.hears_all(&[speak(say::CALLING_ENGINEER), speak(say::LEAVE_QUEUE), Prompt::Music]);
}

#[test]
fn answered_before_it_was_looked_for_the_alert_is_closed_with_it() {
    let node = Known { join: to("mail"), something_new: to("mail"), next: to("mail"), ..node() };
    let nodes = flow([("greet", Node::Announce(announce(Some("known")))), ("known", Node::Known(node))]);
    let mut line = Line::from(with(nodes), Some("+49305550101"));
    line.answered().hears(&[say::GREETING]).listens().looks_for_incident(Some(known(true)));
    // The greeting was heard already.
    line.does(&joins()).hears_all(&told_by(&[], true)).leg_ends(0, LegCause::HungUp);
    line.kept(resolved).is_over(Outcome::Completed);
}

#[test]
fn an_open_report_of_the_caller_is_told_after_the_incident() {
    // Nothing pressed: the report, without a second greeting; 1 joins it.
    let mut both = line(node());
    both.looks_for_both(Some(report()), Some(known(true))).answered().does(&joins()).hears_all(&told(true));
    both.listens().waits(secs(6)).hears_all(&report_told()).presses("1").stops_playing(0);
    let joined = |fact: &Fact| *fact == Fact::Alert(Change::CallJoined { call: CallId(Uuid::from_u128(1)) });
    both.hears(&[say::KNOWN_JOINED]).kept(joined).never_kept(opened);
    // Silence: whoever only listened wakes nobody.
    let mut both = line(node());
    both.looks_for_both(Some(report()), Some(known(true))).answered().does(&joins()).hears_all(&told(true));
    both.listens().waits(secs(6)).hears_all(&report_told()).listens().waits(secs(6)).hears(&[say::MENU]);
    both.hangs_up().never_kept(opened).never_kept(joined).is_over(Outcome::Completed);
    // A person, about something new: there is one, and not the menu once more.
    let mut both = line(node());
    both.looks_for_both(Some(report()), Some(known(true))).answered().does(&joins()).hears_all(&told(true));
    both.presses("3").stops_playing(0).hears_all(&report_told()).never_kept(opened);
    both.presses("2").stops_playing(0).kept(opened).does(&may_be());
    both.hears_all(&[speak(say::CALLING_ENGINEER), speak(say::LEAVE_QUEUE), Prompt::Music]);
}

#[test]
fn a_fault_of_ours_after_hearing_of_it_is_an_alert() {
    let mut line = rings(Some(known(true)));
    line.answered().does(&joins()).hears_all(&told(true)).told(Event::Shutdown);
    line.ends_leg(0).kept(opened).does(&may_be()).is_over(Outcome::Failed);
}

#[test]
fn reports_of_colleagues_are_asked_for_only_where_the_flow_says_so() {
    for wanted in [false, true] {
        let mut line = line(Known { colleagues: wanted, ..node() });
        let Some(Command::FindKnown { colleagues, caller, customer, .. }) = line.next_deed() else { panic!("asks") };
        assert_eq!((colleagues, caller.is_some(), customer), (wanted, true, Some("acme".into())));
    }
}
