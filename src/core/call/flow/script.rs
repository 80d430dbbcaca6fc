//! `script`: asks the 5-W questions one by one, records the answers, plays them
//! back, lets the caller confirm, and gives the reference.

use std::time::Duration;

use crate::call::command::RecordLimits;
use crate::call::frame::{Frame, News, Way, spell};
use crate::call::prompt::{Prompt, PromptId, say};
use crate::call::recordings::Recorded;
use crate::call::timer::Timer;
use crate::fact::{Fact, Question, RecordingEnd, RecordingKind};
use crate::ids::{LegId, RecordingId};
use crate::now::Now;

use super::Script;

/// Wrong keys at the confirmation that are answered before it counts as given.
const WRONG_KEYS: u32 = 2;

/// Between the reference and its repetition.
const PAUSE: Duration = Duration::from_millis(700);

/// The script runs.
#[derive(Debug)]
pub(crate) struct Scripting {
    node: Script,
    /// The question's place.
    place: usize,
    /// Tries left for this question, this one included.
    tries: u32,
    /// Corrections left.
    corrections: u32,
    wrong: u32,
    stage: Stage,
}

#[derive(Debug)]
enum Stage {
    /// The question plays, and the beep.
    Asking,
    /// The beep alone: the question was cut short by a key.
    Beeping,
    /// The caller answers.
    Recording(RecordingId),
    /// The answers are played back; 1 or 2 is awaited.
    Confirming,
    /// The reference is spoken.
    Reference { why: String },
}

impl Scripting {
    pub(crate) fn enter(node: &Script, frame: &mut Frame, now: Now) -> Result<Self, Way> {
        if node.questions.is_empty() {
            return Err(Way::Go(node.next.clone(), "no questions".to_owned()));
        }
        frame.needed = true;
        frame.goes_on("is asked about a report", now);
        frame.typed.clear();
        let mut scripting = Self {
            node: node.clone(),
            place: 0,
            tries: node.tries.max(1),
            corrections: node.corrections,
            wrong: 0,
            stage: Stage::Asking,
        };
        let intro = (!frame.intro_said).then_some(say::SCRIPT_INTRO);
        frame.intro_said = true;
        scripting.ask(intro, frame, now);
        Ok(scripting)
    }

    /// For the page: `asking what`.
    pub(crate) fn state(&self) -> String {
        match &self.stage {
            Stage::Asking | Stage::Beeping | Stage::Recording(_) => {
                self.question().map_or_else(String::new, |question| format!("asking {}", question.word()))
            }
            Stage::Confirming => "confirming".to_owned(),
            Stage::Reference { .. } => "telling the reference".to_owned(),
        }
    }

    pub(crate) fn on(&mut self, news: &News, frame: &mut Frame, now: Now) -> Way {
        match (&self.stage, news) {
            (Stage::Asking, News::Digit(_)) => {
                self.stage = Stage::Beeping;
                frame.play_short(LegId::CALLER, vec![Prompt::Beep], now);
                Way::Stay
            }
            (Stage::Asking | Stage::Beeping, News::Played) => self.listen(frame, now),
            (Stage::Recording(recording), News::Digit('#')) => {
                frame.stop_record(*recording, RecordingEnd::Key, now);
                Way::Stay
            }
            (Stage::Recording(recording), News::Recorded(recorded)) if recorded.recording == *recording => {
                self.recorded(recorded, frame, now)
            }
            (Stage::Confirming, News::Digit(digit)) => self.pressed(*digit, frame, now),
            (Stage::Confirming, News::Played) => {
                frame.wake(Timer::NoInput, self.node.confirm_wait, now);
                Way::Stay
            }
            (Stage::Confirming, News::Timer(Timer::NoInput)) => {
                let why = format!("no key for {}: counts as confirmed", spell(self.node.confirm_wait));
                self.confirmed(&why, frame, now)
            }
            (Stage::Reference { why }, News::Played) => Way::Go(self.node.next.clone(), why.clone()),
            (Stage::Reference { why }, News::Digit(_)) => {
                frame.stop_play(LegId::CALLER);
                Way::Go(self.node.next.clone(), why.clone())
            }
            (
                Stage::Asking | Stage::Beeping | Stage::Recording(_) | Stage::Confirming | Stage::Reference { .. },
                News::Digit(_)
                | News::Played
                | News::Recorded(_)
                | News::Callee(..)
                | News::Found(..)
                | News::Told(_)
                | News::AlertTaken
                | News::Timer(_),
            ) => Way::Stay,
        }
    }

    fn question(&self) -> Option<Question> {
        self.node.questions.get(self.place).copied()
    }

    fn ask(&mut self, first: Option<PromptId>, frame: &mut Frame, now: Now) {
        let Some(question) = self.question() else { return };
        let words = first.into_iter().chain([ask(question)]).map(Prompt::Say);
        frame.note(&format!("asks {}", question.word()), "", now);
        frame.play_until_key(words.chain([Prompt::Beep]).collect(), now);
        self.stage = Stage::Asking;
    }

    fn listen(&mut self, frame: &mut Frame, now: Now) -> Way {
        let Some(question) = self.question() else { return Way::Stay };
        let limits = RecordLimits {
            max: self.node.answer_max,
            end_silence: Some(self.node.end_silence),
            no_speech: Some(self.node.no_speech),
        };
        self.stage = Stage::Recording(frame.record(RecordingKind::Answer(question), limits, now));
        Way::Stay
    }

    fn recorded(&mut self, recorded: &Recorded, frame: &mut Frame, now: Now) -> Way {
        if recorded.reason == RecordingEnd::Failed {
            // The next one would fail as well: do not let the caller speak to nobody.
            frame.fault = true;
            frame.note("no more questions", "an answer could not be kept", now);
            return self.tell_reference(Some(say::SORRY_FAULT), "answers could not be kept", frame, now);
        }
        if !recorded.speech {
            self.tries = self.tries.saturating_sub(1);
            if self.tries > 0 {
                self.ask(Some(say::NOT_HEARD), frame, now);
                return Way::Stay;
            }
            frame.note("goes on without an answer", "nothing was heard", now);
        }
        self.place += 1;
        self.tries = self.node.tries.max(1);
        if self.place < self.node.questions.len() {
            self.ask(None, frame, now);
            return Way::Stay;
        }
        self.read_back(frame, now)
    }

    fn read_back(&mut self, frame: &mut Frame, now: Now) -> Way {
        let answers = frame.answered();
        if answers.is_empty() {
            return self.tell_reference(None, "no question was answered", frame, now);
        }
        let mut prompts = vec![Prompt::Say(say::READ_BACK)];
        prompts.extend(answers.into_iter().map(Prompt::Recording));
        prompts.push(Prompt::Say(say::CONFIRM));
        frame.note("reads the answers back", "", now);
        frame.play_until_key(prompts, now);
        self.stage = Stage::Confirming;
        Way::Stay
    }

    fn pressed(&mut self, digit: char, frame: &mut Frame, now: Now) -> Way {
        frame.sleep(Timer::NoInput);
        frame.stop_play(LegId::CALLER);
        if digit == '1' {
            return self.confirmed("pressed 1", frame, now);
        }
        if digit == '2' {
            return self.answer_again(frame, now);
        }
        if self.wrong >= WRONG_KEYS {
            return self.confirmed("wrong keys only: counts as confirmed", frame, now);
        }
        self.wrong += 1;
        frame.note("asks to confirm again", &format!("{digit} means nothing here"), now);
        frame.play_until_key(vec![Prompt::Say(say::NO_MATCH), Prompt::Say(say::CONFIRM)], now);
        Way::Stay
    }

    fn answer_again(&mut self, frame: &mut Frame, now: Now) -> Way {
        if self.corrections == 0 {
            return self.confirmed("pressed 2, but no corrections are left: the last answers count", frame, now);
        }
        self.corrections -= 1;
        self.place = 0;
        self.tries = self.node.tries.max(1);
        frame.note("asks all again", "pressed 2", now);
        self.ask(None, frame, now);
        Way::Stay
    }

    fn confirmed(&mut self, why: &str, frame: &mut Frame, now: Now) -> Way {
        frame.keep(Fact::AnswersConfirmed, why, now);
        self.tell_reference(None, why, frame, now)
    }

    fn tell_reference(&mut self, first: Option<PromptId>, why: &str, frame: &mut Frame, now: Now) -> Way {
        let digits = Prompt::Digits(frame.reference.clone().into());
        let mut prompts: Vec<Prompt> = first.into_iter().map(Prompt::Say).collect();
        prompts.extend([Prompt::Say(say::REFERENCE), digits.clone(), Prompt::Silence(PAUSE), digits]);
        frame.note("tells the reference", why, now);
        frame.play_until_key(prompts, now);
        self.stage = Stage::Reference { why: why.to_owned() };
        Way::Stay
    }
}

/// The prompt that asks it.
const fn ask(question: Question) -> PromptId {
    match question {
        Question::Who => say::ASK_WHO,
        Question::What => say::ASK_WHAT,
        Question::When => say::ASK_WHEN,
        Question::Where => say::ASK_WHERE,
        Question::Why => say::ASK_WHY,
    }
}
