//! Messages.

use crate::call::flow::Node;
use crate::call::prompt::{Prompt, say};
use crate::fact::{Outcome, RecordingEnd, RecordingKind};

use super::fixture::{flow, secs, speak, voicemail};
use super::line::Line;

fn beeped() -> Line {
    let mut line = Line::rings(flow([("mail", Node::Voicemail(voicemail()))]));
    line.answered().hears_all(&[speak(say::VOICEMAIL), Prompt::Beep]).listens().records(RecordingKind::Voicemail);
    line
}

#[test]
fn a_message_is_thanked_for() {
    let mut line = beeped();
    line.presses("#").stops_recording(RecordingEnd::Key).record_ends(true, RecordingEnd::Key);
    line.hears(&[say::VOICEMAIL_THANKS]).listens().hears(&[say::GOODBYE]).listens().ends_leg(0);
    line.is_over(Outcome::Voicemail);
}

#[test]
fn an_empty_message_is_told() {
    let mut line = beeped();
    line.is_silent().hears(&[say::VOICEMAIL_EMPTY]).listens().hears(&[say::GOODBYE]).listens().ends_leg(0);
    line.because("wanted a person but left nothing").is_over(Outcome::Abandoned);
}

#[test]
fn a_message_that_cannot_be_kept_is_told() {
    let mut line = beeped();
    line.record_ends(false, RecordingEnd::Failed).hears(&[say::SORRY_FAULT]).listens().hears(&[say::GOODBYE]);
    line.listens().ends_leg(0).is_over(Outcome::Failed);
}

#[test]
fn hanging_up_after_speaking_is_a_message() {
    let mut line = beeped();
    line.hangs_up().stops_recording(RecordingEnd::CallEnded).record_ends(true, RecordingEnd::CallEnded);
    line.is_over(Outcome::Voicemail);
}

#[test]
fn a_recording_that_never_reports_its_end_does_not_hang_the_call() {
    let mut line = beeped();
    line.waits(secs(190)).stops_recording(RecordingEnd::Failed).hears(&[say::SORRY_FAULT]);
    // What comes late is kept all the same.
    line.record_ends(true, RecordingEnd::Silence).hangs_up().is_over(Outcome::Voicemail);
}

#[test]
fn the_budget_does_not_cut_a_message_but_nothing_follows_it() {
    let mut nodes = flow([("mail", Node::Voicemail(voicemail()))]);
    nodes.budget = secs(20);
    let mut line = Line::rings(nodes);
    line.answered().hears_all(&[speak(say::VOICEMAIL), Prompt::Beep]).listens().records(RecordingKind::Voicemail);
    line.waits(secs(60)).speaks().hears(&[say::VOICEMAIL_THANKS]);
}
