//! Who calls about what is known already.

use jiff::ToSpan;
use uuid::Uuid;

use crate::call::Command;
use crate::call::flow::{Known, Menu, Node};
use crate::call::outside::KnownIncident;
use crate::call::prompt::{Prompt, say};
use crate::fact::{Fact, LegCause, Outcome};
use crate::ids::IncidentId;

use super::fixture::{announce, connect, flow, menu, secs, speak, start, to, with};
use super::line::Line;

const INCIDENT: IncidentId = IncidentId(Uuid::from_u128(88));

fn known(can_tell: bool) -> KnownIncident {
    KnownIncident {
        id: INCIDENT,
        title: vec!["Mail is slow".into()],
        since: start().wall - 42.minutes(),
        update: vec!["A cable was cut.".into(), "We mend it.".into()],
        can_tell,
    }
}

fn rings(found: Option<KnownIncident>) -> Line {
    let node = Known {
        prompts: Vec::new(),
        wait: secs(6),
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
    line.looks_for_incident(found);
    line
}

fn choice(words: &[Prompt]) -> Vec<Prompt> {
    let pause = Prompt::Silence(std::time::Duration::from_millis(400));
    words.iter().cloned().chain([pause, speak(say::INCIDENT_CHOICE)]).collect()
}

fn told() -> Vec<Prompt> {
    choice(&[
        speak(say::INCIDENT_KNOWN),
        Prompt::Name("Mail is slow".into()),
        speak(say::INCIDENT_SINCE),
        Prompt::Digits("42".into()),
        speak(say::MINUTES),
    ])
}

fn opened(fact: &Fact) -> bool {
    matches!(fact, Fact::AlertOpened { .. })
}

#[test]
fn whoever_hears_of_it_and_hangs_up_wakes_nobody() {
    let mut line = rings(Some(known(true)));
    line.answered().hears_all(&told()).hangs_up();
    line.does(&Command::AddToIncident { incident: INCIDENT, recording: None });
    line.never_kept(opened).is_over(Outcome::Completed);
}

#[test]
fn one_tells_the_latest_update_and_asks_again() {
    let mut line = rings(Some(known(true)));
    line.answered().hears_all(&told()).presses("1").stops_playing(0);
    let update =
        [speak(say::INCIDENT_UPDATE), Prompt::Name("A cable was cut.".into()), Prompt::Name("We mend it.".into())];
    line.hears_all(&choice(&update)).listens().waits(secs(6));
    // No key: on the usual way, with an alert.
    line.hears(&[say::GREETING]).kept(opened).because("goes on");
}

#[test]
fn two_adds_what_is_said() {
    let mut line = rings(Some(known(true)));
    line.answered().hears_all(&told()).presses("2").stops_playing(0);
    line.hears_all(&[speak(say::INCIDENT_ADD), Prompt::Beep]).listens();
    let Some(Command::Record { recording, .. }) = line.next_deed() else { panic!("nothing is recorded") };
    line.told(crate::call::Event::RecordEnded {
        leg: crate::ids::LegId::CALLER,
        recording,
        duration: secs(5),
        speech: true,
        reason: crate::fact::RecordingEnd::Silence,
    });
    line.does(&Command::AddToIncident { incident: INCIDENT, recording: Some(recording) });
    line.hears_all(&choice(&[speak(say::INCIDENT_ADDED)])).hangs_up();
    line.does(&Command::AddToIncident { incident: INCIDENT, recording: None });
    line.never_kept(opened).is_over(Outcome::Completed);
}

#[test]
fn three_goes_on_to_a_person() {
    let mut line = rings(Some(known(true)));
    line.answered().hears_all(&told()).presses("3").stops_playing(0).kept(opened).because("wants a person");
    line.hears_all(&[speak(say::CALLING_ENGINEER), speak(say::LEAVE_QUEUE), Prompt::Music]);
}

#[test]
fn four_is_told_when_it_is_over_if_an_sms_can_be_sent() {
    let mut line = rings(Some(known(true)));
    line.answered().hears_all(&told()).presses("4").stops_playing(0);
    line.does(&Command::TellWhenOver { incident: INCIDENT, caller: "+49305550101".into() });
    line.hears_all(&choice(&[speak(say::INCIDENT_WILL_TELL)])).hangs_up();
    line.does(&Command::AddToIncident { incident: INCIDENT, recording: None }).is_over(Outcome::Completed);
    let mut line = rings(Some(known(false)));
    line.answered().hears_all(&told()).presses("4").stops_playing(0);
    line.hears_all(&choice(&[speak(say::INCIDENT_NO_SMS)]));
}

#[test]
fn whoever_has_chosen_often_enough_speaks_to_a_person() {
    let mut line = rings(Some(known(false)));
    line.answered().hears_all(&told());
    for _ in 0..3 {
        line.presses("9").stops_playing(0).hears_all(&choice(&[speak(say::NO_MATCH)]));
    }
    line.presses("9").stops_playing(0).kept(opened);
    line.hears_all(&[speak(say::CALLING_ENGINEER), speak(say::LEAVE_QUEUE), Prompt::Music]);
}

#[test]
fn answered_before_it_was_looked_for_the_alert_is_closed_with_it() {
    let node =
        Known { prompts: Vec::new(), wait: secs(6), join: to("mail"), something_new: to("mail"), next: to("mail") };
    let nodes = flow([("greet", Node::Announce(announce(Some("known")))), ("known", Node::Known(node))]);
    let mut line = Line::from(with(nodes), Some("+49305550101"));
    line.answered().hears(&[say::GREETING]).listens().looks_for_incident(Some(known(true)));
    line.hears_all(&told()).leg_ends(0, LegCause::HungUp);
    line.does(&Command::AddToIncident { incident: INCIDENT, recording: None });
    line.kept(|fact| matches!(fact, Fact::AlertResolved { .. })).is_over(Outcome::Completed);
}
