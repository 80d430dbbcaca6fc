//! The 5-W script.

use std::time::Duration;

use crate::call::flow::Node;
use crate::call::prompt::{Prompt, PromptId, say};
use crate::fact::{Fact, Outcome, Question, RecordingEnd, RecordingKind};

use super::fixture::{flow, script, secs, speak};
use super::line::Line;

const WHO: RecordingKind = RecordingKind::Answer(Question::Who);
const WHAT: RecordingKind = RecordingKind::Answer(Question::What);

fn asked() -> Line {
    let mut line = Line::rings(flow([("ask", Node::Script(script(&[Question::Who, Question::What])))]));
    line.answered();
    line
}

fn question(prompts: &[PromptId]) -> Vec<Prompt> {
    prompts.iter().cloned().map(Prompt::Say).chain([Prompt::Beep]).collect()
}

fn reference() -> Vec<Prompt> {
    let digits = Prompt::Digits("4711".into());
    vec![speak(say::REFERENCE), digits.clone(), Prompt::Silence(Duration::from_millis(700)), digits]
}

fn read_back(line: &Line, answers: &[usize]) -> Vec<Prompt> {
    let recordings = line.recordings();
    let said = answers.iter().map(|place| Prompt::Recording(recordings[*place]));
    [speak(say::READ_BACK)].into_iter().chain(said).chain([speak(say::CONFIRM)]).collect()
}

#[test]
fn asks_records_reads_back_confirms_and_tells_the_reference() {
    let mut line = asked();
    line.hears_all(&question(&[say::SCRIPT_INTRO, say::ASK_WHO])).listens().records(WHO).speaks();
    line.hears_all(&question(&[say::ASK_WHAT])).listens().records(WHAT).presses("5").presses("#");
    line.stops_recording(RecordingEnd::Key).record_ends(true, RecordingEnd::Key);
    let expected = read_back(&line, &[0, 1]);
    line.hears_all(&expected).presses("1").stops_playing(0).kept(|fact| *fact == Fact::AnswersConfirmed);
    line.hears_all(&reference()).listens().hears_all(&question(&[say::VOICEMAIL])).hangs_up();
    line.is_over(Outcome::Reported);
}

#[test]
fn a_key_skips_to_the_beep() {
    let mut line = asked();
    line.hears_all(&question(&[say::SCRIPT_INTRO, say::ASK_WHO])).presses("#").hears_all(&[Prompt::Beep]).listens();
    line.records(WHO);
}

#[test]
fn silence_is_asked_again_and_then_passed_over() {
    let mut line = asked();
    line.hears_all(&question(&[say::SCRIPT_INTRO, say::ASK_WHO])).listens().records(WHO).is_silent();
    line.hears_all(&question(&[say::NOT_HEARD, say::ASK_WHO])).listens().records(WHO).is_silent();
    line.because("goes on without an answer").hears_all(&question(&[say::ASK_WHAT])).listens().records(WHAT).speaks();
    let expected = read_back(&line, &[2]);
    line.hears_all(&expected).listens().waits(secs(6)).because("no key for 6 s: counts as confirmed");
    line.kept(|fact| *fact == Fact::AnswersConfirmed).hears_all(&reference());
}

#[test]
fn two_answers_all_again_as_often_as_allowed() {
    let mut line = asked();
    line.hears_all(&question(&[say::SCRIPT_INTRO, say::ASK_WHO])).listens().records(WHO).speaks();
    line.hears_all(&question(&[say::ASK_WHAT])).listens().records(WHAT).speaks();
    let expected = read_back(&line, &[0, 1]);
    line.hears_all(&expected)
        .listens()
        .presses("2")
        .hears_all(&question(&[say::ASK_WHO]))
        .listens()
        .records(WHO)
        .speaks();
    line.hears_all(&question(&[say::ASK_WHAT])).listens().records(WHAT).is_silent();
    line.hears_all(&question(&[say::NOT_HEARD, say::ASK_WHAT])).listens().records(WHAT).is_silent();
    // The first answer to "what" still counts.
    let expected = read_back(&line, &[2, 1]);
    line.hears_all(&expected).presses("2").stops_playing(0).because("no corrections are left").hears_all(&reference());
}

#[test]
fn wrong_keys_at_the_confirmation_are_told_and_have_a_limit() {
    let mut line = asked();
    line.hears_all(&question(&[say::SCRIPT_INTRO, say::ASK_WHO])).listens().records(WHO).speaks();
    line.hears_all(&question(&[say::ASK_WHAT])).listens().records(WHAT).speaks();
    let expected = read_back(&line, &[0, 1]);
    line.hears_all(&expected)
        .listens()
        .presses("9")
        .hears(&[say::NO_MATCH, say::CONFIRM])
        .presses("8")
        .stops_playing(0);
    line.hears(&[say::NO_MATCH, say::CONFIRM])
        .listens()
        .presses("7")
        .because("wrong keys only")
        .hears_all(&reference());
}

#[test]
fn a_full_disk_is_told_and_the_caller_goes_on() {
    let mut line = asked();
    line.hears_all(&question(&[say::SCRIPT_INTRO, say::ASK_WHO])).listens().records(WHO);
    line.record_ends(false, RecordingEnd::Failed);
    let sorry: Vec<Prompt> = [speak(say::SORRY_FAULT)].into_iter().chain(reference()).collect();
    line.hears_all(&sorry).listens().hears_all(&question(&[say::VOICEMAIL]));
}

#[test]
fn nothing_said_at_all_still_gives_the_reference() {
    let mut line = asked();
    line.hears_all(&question(&[say::SCRIPT_INTRO, say::ASK_WHO])).listens().records(WHO).is_silent();
    line.hears_all(&question(&[say::NOT_HEARD, say::ASK_WHO])).listens().records(WHO).is_silent();
    line.hears_all(&question(&[say::ASK_WHAT])).listens().records(WHAT).is_silent();
    line.hears_all(&question(&[say::NOT_HEARD, say::ASK_WHAT])).listens().records(WHAT).is_silent();
    line.because("no question was answered").hears_all(&reference()).hangs_up().is_over(Outcome::Abandoned);
}

#[test]
fn hanging_up_in_the_middle_of_an_answer_keeps_it() {
    let mut line = asked();
    line.hears_all(&question(&[say::SCRIPT_INTRO, say::ASK_WHO])).listens().records(WHO).hangs_up();
    line.stops_recording(RecordingEnd::CallEnded).record_ends(true, RecordingEnd::CallEnded);
    line.is_over(Outcome::Reported);
}
