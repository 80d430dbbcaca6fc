//! What a phone shall do and when: the syntax of `--keys` and `--play`, and the machine that runs it.
//! Pure: told what happens, asked what is due.

use std::collections::VecDeque;
use std::fmt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::log::Happening;

/// When a step is due.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum When {
    /// `2.5s`: so long after the call was answered.
    Answered(Duration),
    /// `+1s`: so long after the step before it (after the answer, for the first).
    Later(Duration),
    /// `menu`: that prompt has been heard to its end.
    Heard(String),
    /// `menu~`: that prompt has begun.
    Begun(String),
    /// Nothing said: the other side has said something and gone quiet.
    Quiet,
    /// Each time the hotline asks an engineer for a key; the step stays.
    EachQuestion,
}

/// What the hotline plays to an engineer when it wants a key.
const QUESTIONS: [&str; 9] = [
    "engineer-knock",
    "engineer-join",
    "alert-knock",
    "alert-acknowledge",
    "notice-knock",
    "notice-choice",
    "notice-choice-all",
    "supervisor-knock",
    "test-knock",
];

/// What to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Deed {
    /// Press these keys.
    Press(String),
    /// Play this WAV.
    Say(PathBuf),
}

/// One step of a script.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// What.
    pub deed: Deed,
    /// When.
    pub when: When,
}

/// What is wrong with `--keys` or `--play`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ScriptError {
    /// Not keys.
    #[error("{0:?} are no keys; keys are 0-9, *, # and A-D, with commas between steps: --keys \"1@menu,#@+4s\"")]
    Keys(String),
    /// Not a moment.
    #[error(
        "{0:?} is no moment; write 2.5s (after the answer), +1s (after the step before), a prompt's name (heard to its end) or its name and ~ (as soon as it begins)"
    )]
    When(String),
}

impl fmt::Display for When {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Answered(after) => write!(f, "{} s after the answer", after.as_secs_f32()),
            Self::Later(after) => write!(f, "{} s after the step before", after.as_secs_f32()),
            Self::Heard(prompt) => write!(f, "after {prompt}"),
            Self::Begun(prompt) => write!(f, "when {prompt} begins"),
            Self::Quiet => f.write_str("when the other side is quiet"),
            Self::EachQuestion => f.write_str("at each question"),
        }
    }
}

impl When {
    /// The prompt it waits for.
    pub fn prompt(&self) -> Option<&str> {
        match self {
            Self::Heard(prompt) | Self::Begun(prompt) => Some(prompt),
            Self::Answered(_) | Self::Later(_) | Self::Quiet | Self::EachQuestion => None,
        }
    }

    fn parse(text: &str) -> Result<Self, ScriptError> {
        let wrong = || ScriptError::When(text.to_owned());
        let seconds = |text: &str| {
            let seconds = text.strip_suffix('s').unwrap_or(text);
            seconds.parse::<f64>().ok().and_then(|seconds| Duration::try_from_secs_f64(seconds).ok())
        };
        if let Some(later) = text.strip_prefix('+') {
            return seconds(later).map(Self::Later).ok_or_else(wrong);
        }
        if text.starts_with(|c: char| c.is_ascii_digit() || c == '.') {
            return seconds(text).map(Self::Answered).ok_or_else(wrong);
        }
        let (prompt, begun) = match text.strip_suffix('~') {
            Some(prompt) => (prompt, true),
            None => (text, false),
        };
        let named = prompt.starts_with(|c: char| c.is_ascii_lowercase())
            && prompt.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-');
        if !named {
            return Err(wrong());
        }
        Ok(if begun { Self::Begun(prompt.to_owned()) } else { Self::Heard(prompt.to_owned()) })
    }
}

/// Reads `--keys`: steps with commas between, each `KEYS` or `KEYS@WHEN`.
pub fn parse_keys(text: &str) -> Result<Vec<Step>, ScriptError> {
    let step = |step: &str| {
        let (keys, when) = match step.split_once('@') {
            Some((keys, when)) => (keys, When::parse(when)?),
            None => (step, When::Quiet),
        };
        let keys = keys.to_ascii_uppercase();
        let fine = |c: char| c.is_ascii_digit() || matches!(c, '*' | '#' | 'A'..='D');
        if keys.is_empty() || !keys.chars().all(fine) {
            return Err(ScriptError::Keys(keys));
        }
        Ok(Step { deed: Deed::Press(keys), when })
    };
    text.split(',').map(|part| step(part.trim())).collect()
}

/// As [`parse_keys`]; but one group of keys without a moment is an engineer's answer to every question.
pub fn parse_engineers_keys(text: &str) -> Result<Vec<Step>, ScriptError> {
    let mut steps = parse_keys(text)?;
    if let [Step { when: when @ When::Quiet, .. }] = steps.as_mut_slice() {
        *when = When::EachQuestion;
    }
    Ok(steps)
}

/// Reads one `--play`: `FILE` or `FILE@WHEN`. A file that has an `@` in its name is taken as it is.
pub fn parse_play(text: &str) -> Result<Step, ScriptError> {
    let whole = Step { deed: Deed::Say(PathBuf::from(text)), when: When::Quiet };
    match text.rsplit_once('@') {
        Some((file, when)) if !Path::new(text).exists() => {
            Ok(Step { deed: Deed::Say(PathBuf::from(file)), when: When::parse(when)? })
        }
        Some(_) | None => Ok(whole),
    }
}

/// Runs steps one after the other.
#[derive(Debug, Default)]
pub struct Script {
    steps: VecDeque<Step>,
    /// The first step's moment has come.
    ready: bool,
    /// A step is being done.
    busy: bool,
    answered: Option<Duration>,
    /// When the step before was done.
    before: Duration,
}

impl Script {
    /// From steps in their order.
    pub fn new(steps: impl IntoIterator<Item = Step>) -> Self {
        Self { steps: steps.into_iter().collect(), ..Self::default() }
    }

    /// Tells what happened, and when. True: a quiet moment was taken by this script and is no other's.
    pub fn observe(&mut self, happening: &Happening, at: Duration) -> bool {
        if let Happening::Answered { .. } = happening {
            self.answered = Some(at);
            self.before = at;
        }
        let Some(first) = self.steps.front() else { return false };
        if self.ready || self.busy {
            return false;
        }
        let quiet = matches!((&first.when, happening), (When::Quiet, Happening::Quiet));
        let heard = match (&first.when, happening) {
            (When::Heard(prompt), Happening::PromptEnds(names))
            | (When::Begun(prompt), Happening::PromptStarts(names)) => names.iter().any(|name| name.prompt == *prompt),
            (When::EachQuestion, Happening::PromptEnds(names)) => {
                names.iter().any(|name| QUESTIONS.contains(&name.prompt.as_str()))
            }
            (_, _) => false,
        };
        self.ready = quiet || heard;
        quiet
    }

    /// What is due now. [`Script::done`] must follow before the next step is.
    pub fn take(&mut self, now: Duration) -> Option<Deed> {
        let answered = self.answered?;
        let by_clock = match self.steps.front()?.when {
            When::Answered(after) => now >= answered + after,
            When::Later(after) => now >= self.before + after,
            When::Heard(_) | When::Begun(_) | When::Quiet | When::EachQuestion => false,
        };
        if self.busy || !(self.ready || by_clock) {
            return None;
        }
        self.ready = false;
        self.busy = true;
        if self.steps.front()?.when == When::EachQuestion {
            return self.steps.front().map(|step| step.deed.clone());
        }
        self.steps.pop_front().map(|step| step.deed)
    }

    /// The step taken last is done.
    pub fn done(&mut self, at: Duration) {
        self.busy = false;
        self.before = at;
    }

    /// Steps that were not done.
    pub fn left(&self) -> impl Iterator<Item = &Step> {
        self.steps.iter()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::cli::handset::ear::Heard;
    use hotline_core::audio::Codec;

    fn s(seconds: f64) -> Duration {
        Duration::from_secs_f64(seconds)
    }

    fn names(prompt: &str) -> Arc<[Heard]> {
        Arc::new([Heard { prompt: prompt.to_owned(), language: "en".to_owned() }])
    }

    fn press(keys: &str, when: When) -> Step {
        Step { deed: Deed::Press(keys.to_owned()), when }
    }

    #[test]
    fn reads_keys() {
        assert_eq!(
            parse_keys("1@menu, #@+4s,2@confirm~,4711#,*a@2.5s"),
            Ok(vec![
                press("1", When::Heard("menu".to_owned())),
                press("#", When::Later(s(4.0))),
                press("2", When::Begun("confirm".to_owned())),
                press("4711#", When::Quiet),
                press("*A", When::Answered(s(2.5))),
            ])
        );
    }

    #[test]
    fn names_the_mistake() {
        for (text, told) in [
            ("", ScriptError::Keys(String::new())),
            ("1,,2", ScriptError::Keys(String::new())),
            ("x@menu", ScriptError::Keys("X".to_owned())),
            ("1@", ScriptError::When(String::new())),
            ("1@~", ScriptError::When("~".to_owned())),
            ("1@Menu", ScriptError::When("Menu".to_owned())),
            ("1@+x", ScriptError::When("+x".to_owned())),
            ("1@2.5m", ScriptError::When("2.5m".to_owned())),
            ("1@-3s", ScriptError::When("-3s".to_owned())),
            ("1@99999999999999999999999s", ScriptError::When("99999999999999999999999s".to_owned())),
        ] {
            assert_eq!(parse_keys(text), Err(told), "{text}");
        }
    }

    #[test]
    fn reads_what_to_play() {
        let say = |file: &str, when| Ok(Step { deed: Deed::Say(file.into()), when });
        assert_eq!(parse_play("who.wav"), say("who.wav", When::Quiet));
        assert_eq!(parse_play("a/who.wav@ask-who"), say("a/who.wav", When::Heard("ask-who".to_owned())));
        assert_eq!(parse_play("me@home.wav@+1s"), say("me@home.wav", When::Later(s(1.0))));
        let folder = tempfile::tempdir().expect("a temporary folder");
        let odd = folder.path().join("me@home");
        std::fs::write(&odd, "").expect("the file can be written");
        let odd = odd.to_str().expect("the path is text");
        assert_eq!(parse_play(odd), say(odd, When::Quiet));
    }

    #[test]
    fn runs_the_steps_in_their_order() {
        let mut script = Script::new(parse_keys("1@menu,#@+4s,2@confirm~,3@20s").expect("it is right"));
        assert_eq!(script.take(s(99.0)), None, "not answered yet");
        script.observe(&Happening::Answered { codec: Codec::Pcmu }, s(1.0));
        script.observe(&Happening::PromptStarts(names("menu")), s(2.0));
        script.observe(&Happening::PromptEnds(names("greeting")), s(3.0));
        assert_eq!(script.take(s(3.0)), None);
        assert!(!script.observe(&Happening::PromptEnds(names("menu")), s(6.0)));
        assert_eq!(script.take(s(6.0)), Some(Deed::Press("1".to_owned())));
        assert_eq!(script.take(s(60.0)), None, "the first is not done");
        script.done(s(6.5));
        assert_eq!(script.take(s(10.4)), None);
        assert_eq!(script.take(s(10.5)), Some(Deed::Press("#".to_owned())));
        script.done(s(10.5));
        script.observe(&Happening::PromptStarts(names("confirm")), s(12.0));
        assert_eq!(script.take(s(12.0)), Some(Deed::Press("2".to_owned())));
        script.done(s(12.0));
        assert_eq!(script.left().count(), 1);
        assert_eq!(script.take(s(20.9)), None);
        assert_eq!(script.take(s(21.0)), Some(Deed::Press("3".to_owned())));
        script.done(s(21.0));
        assert_eq!(script.left().count(), 0);
    }

    #[test]
    fn one_key_answers_each_of_the_hotlines_questions() {
        let mut script = Script::new(parse_engineers_keys("1").expect("it is right"));
        script.observe(&Happening::Answered { codec: Codec::Pcma }, s(0.0));
        assert!(!script.observe(&Happening::Quiet, s(1.0)), "a pause is no question");
        assert_eq!(script.take(s(1.0)), None);
        for (at, question) in
            [(3.0, "engineer-knock"), (9.0, "engineer-join"), (20.0, "alert-knock"), (40.0, "notice-choice")]
        {
            script.observe(&Happening::PromptEnds(names("engineer-call-from")), s(at));
            assert_eq!(script.take(s(at)), None);
            script.observe(&Happening::PromptEnds(names(question)), s(at));
            assert_eq!(script.take(s(at)), Some(Deed::Press("1".to_owned())), "{question}");
            assert_eq!(script.take(s(at)), None, "once for each");
            script.done(s(at + 0.2));
        }
        assert_eq!(parse_engineers_keys("1,1"), parse_keys("1,1"));
        assert_eq!(parse_engineers_keys("1@+2s"), parse_keys("1@+2s"));
    }

    #[test]
    fn a_quiet_moment_belongs_to_one_script() {
        let mut keys = Script::new(parse_keys("1").expect("it is right"));
        let mut plays = Script::new([parse_play("who.wav").expect("it is right")]);
        for script in [&mut keys, &mut plays] {
            script.observe(&Happening::Answered { codec: Codec::Pcma }, s(0.0));
        }
        assert!(keys.observe(&Happening::Quiet, s(5.0)));
        assert_eq!(keys.take(s(5.0)), Some(Deed::Press("1".to_owned())));
        keys.done(s(5.0));
        assert!(!keys.observe(&Happening::Quiet, s(9.0)));
        assert!(plays.observe(&Happening::Quiet, s(9.0)));
        assert_eq!(plays.take(s(9.0)), Some(Deed::Say("who.wav".into())));
    }
}
