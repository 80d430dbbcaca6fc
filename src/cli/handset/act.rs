//! Acts on a call as `--keys`, `--play` and the keyboard say, tells what happens, and how it came out.

use std::collections::BTreeMap;
use std::io::{BufRead as _, IsTerminal as _};
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use hotline_core::audio::Clip;
use hotline_core::fact::LegCause;
use tokio::sync::mpsc;

use super::clock;
use super::line::{KEY, Line, Order};
use super::log::{Happening, cause_in_words};
use super::prompts::KnownPrompts;
use super::script::{Deed, Script, ScriptError, Step, parse_engineers_keys, parse_keys, parse_play};
use crate::rtp::Quality;
use crate::speech::load_wav;

/// A call that was up for less than this and brought no packet is not called deaf.
const MEDIA_DUE: Duration = Duration::from_secs(2);
/// How often the script is asked what is due.
const TICK: Duration = Duration::from_millis(10);

/// What `--help` says about the syntax and the exit codes; shared by both commands.
pub const HELP: &str = "\
When to press and play:
  --keys KEYS[@WHEN],KEYS[@WHEN],…   and   --play FILE[@WHEN] (again and again)
    2.5s     so long after the call was answered
    +1s      so long after the step before it
    menu     when that prompt has been heard to its end
    menu~    as soon as that prompt begins
    (no @)   when the other side has said something and been quiet for 0.8 s;
             keys come first, then files, one step for each quiet moment
  `hotline phone --keys 1`, one key alone, answers each of the hotline's questions
  Prompts are recognised by their sound, in every language; `beep`, `music` and
  `digit-0` … `digit-9` too. An unknown name lists them all.
  In a terminal, keys can be typed during the call (Enter sends them; h hangs up).

Exit code:
  0  answered, and ended in good order by either side
  1  wrong usage, configuration, or a fault of this phone
  2  not answered: refused, busy, not reachable, nobody there
  3  answered, but no audio ever came
  4  a prompt that --keys or --play waited for was never heard";

/// What to do on a call.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Plan {
    keys: Vec<Step>,
    plays: Vec<Step>,
    clips: Clips,
    /// Hang up so long after the answer.
    pub hang_up_after: Option<Duration>,
    /// Give up when it was not answered after so long.
    pub ring_max: Option<Duration>,
}

/// The WAVs to play, read before the call.
#[derive(Debug, Clone, Default)]
struct Clips(BTreeMap<PathBuf, Arc<Clip>>);

impl PartialEq for Clips {
    fn eq(&self, other: &Self) -> bool {
        self.0.keys().eq(other.0.keys())
    }
}

impl Plan {
    /// Reads `--keys` and `--play`; every mistake in them is told before anybody's phone rings.
    pub fn new(keys: Option<&str>, plays: &[String], prompts: &KnownPrompts) -> anyhow::Result<Self> {
        Self::with(parse_keys, keys, plays, prompts)
    }

    /// The same for an engineer's phone, where one key alone answers each question.
    pub fn for_engineer(keys: Option<&str>, plays: &[String], prompts: &KnownPrompts) -> anyhow::Result<Self> {
        Self::with(parse_engineers_keys, keys, plays, prompts)
    }

    fn with(
        parse: impl Fn(&str) -> Result<Vec<Step>, ScriptError>,
        keys: Option<&str>,
        plays: &[String],
        prompts: &KnownPrompts,
    ) -> anyhow::Result<Self> {
        let keys = keys.map(parse).transpose()?.unwrap_or_default();
        let plays = plays.iter().map(|play| parse_play(play)).collect::<Result<Vec<_>, _>>()?;
        let mut clips = Clips::default();
        for step in keys.iter().chain(&plays) {
            if let Some(prompt) = step.when.prompt().filter(|prompt| !prompts.knows(prompt)) {
                anyhow::bail!("there is no prompt {prompt}; there are: {}", prompts.names().join(", "));
            }
            if let Deed::Say(file) = &step.deed {
                clips.0.insert(file.clone(), Arc::new(load_wav(file)?));
            }
        }
        Ok(Self { keys, plays, clips, hang_up_after: None, ring_max: None })
    }

    fn deed(&self, deed: Deed) -> (Order, Duration) {
        match deed {
            Deed::Press(keys) => {
                let takes = KEY * u32::try_from(keys.len()).unwrap_or(1);
                (Order::Press(keys), takes)
            }
            Deed::Say(file) => {
                let clip = self.clips.0.get(&file).cloned().unwrap_or_else(|| Arc::new(Clip::new(Vec::new())));
                let takes = clip.duration();
                (Order::Say(file, clip), takes)
            }
        }
    }
}

/// How a call came out.
#[derive(Debug, Clone, PartialEq)]
pub struct Outcome {
    /// How it ended.
    pub cause: LegCause,
    /// From the answer to the end; `None`: not answered.
    pub talked: Option<Duration>,
    /// How media went.
    pub quality: Quality,
    /// Steps that waited for a prompt in vain, in words.
    pub unheard: Vec<String>,
}

impl Outcome {
    /// See [`HELP`].
    pub fn exit_code(&self) -> ExitCode {
        ExitCode::from(self.code())
    }

    /// The exit code as a number.
    pub fn code(&self) -> u8 {
        let Some(talked) = self.talked else { return 2 };
        if self.quality.received == 0 && talked >= MEDIA_DUE {
            3
        } else if !self.unheard.is_empty() {
            4
        } else {
            u8::from(matches!(self.cause, LegCause::Failed { .. }))
        }
    }

    /// The lines after the call.
    pub fn summary(&self) -> String {
        let Quality { sent, received, lost, jitter_ms, .. } = self.quality;
        let mut lines = match self.talked {
            None => format!("{}; not answered", cause_in_words(&self.cause)),
            Some(talked) => format!(
                "{}; talked {:.1} s, sent {sent} packets, heard {received}, lost {lost}, jitter {jitter_ms:.1} ms",
                cause_in_words(&self.cause),
                talked.as_secs_f64(),
            ),
        };
        if self.code() == 3 {
            lines.push_str("\nno audio ever came: a firewall or a wrong media address (HOTLINE_RTP_ADDR) on the way?");
        }
        for step in &self.unheard {
            lines.push_str("\nnot done, its prompt was never heard: ");
            lines.push_str(step);
        }
        lines
    }
}

/// Lines typed in the terminal; nothing ever comes where there is no terminal.
#[derive(Debug)]
pub struct Keyboard(mpsc::UnboundedReceiver<String>);

impl Keyboard {
    /// Begins to read.
    pub fn start() -> Self {
        let (typed, lines) = mpsc::unbounded_channel();
        if std::io::stdin().is_terminal() {
            // Reading a terminal can't be broken off; the thread ends with the program.
            std::thread::spawn(move || {
                for line in std::io::stdin().lock().lines().map_while(Result::ok) {
                    if typed.send(line).is_err() {
                        break;
                    }
                }
            });
        }
        Self(lines)
    }

    /// Nobody types.
    pub fn none() -> Self {
        Self(mpsc::unbounded_channel().1)
    }

    /// The next line; waits for ever where there is none to come.
    pub async fn line(&mut self) -> String {
        match self.0.recv().await {
            Some(line) => line.trim().to_owned(),
            None => std::future::pending().await,
        }
    }
}

/// Prints what happens on the call and does what the plan says, until the call has ended.
pub async fn act(line: &Line, plan: &Plan, keyboard: &mut Keyboard) -> Outcome {
    let mut scripts = [plan.keys.clone(), plan.plays.clone()].map(Script::new);
    let mut doing: [Option<Duration>; 2] = [None, None];
    let mut read = 0;
    let mut tick = tokio::time::interval(TICK);
    tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Skip);
    let mut hung_up = false;
    let cause = loop {
        tokio::select! {
            entry = line.log.entry(read) => {
                let Some(entry) = entry else { break line.log.ended().unwrap_or(LegCause::Released) };
                read += 1;
                show(line, &entry.happening, entry.at);
                for script in &mut scripts {
                    if script.observe(&entry.happening, entry.at) {
                        break;
                    }
                }
            }
            _ = tick.tick() => {
                let now = line.log.now();
                for (script, doing) in scripts.iter_mut().zip(&mut doing) {
                    if doing.is_some_and(|until| now >= until) {
                        *doing = None;
                        script.done(now);
                    }
                    if let Some(deed) = script.take(now) {
                        let (order, takes) = plan.deed(deed);
                        *doing = Some(now + takes);
                        line.order(order);
                    }
                }
                if !hung_up && is_time_to_hang_up(line, plan, now) {
                    hung_up = true;
                    line.order(Order::HangUp);
                }
            }
            typed = keyboard.line() => match typed.as_str() {
                "h" | "q" => line.order(Order::HangUp),
                keys if !keys.is_empty() && keys.chars().all(|c| c.is_ascii_digit() || "*#ABCDabcd".contains(c)) => {
                    line.order(Order::Press(keys.to_ascii_uppercase()));
                }
                _ => println!("         type keys (0-9 * #) and Enter, or h to hang up"),
            },
            _ = tokio::signal::ctrl_c() => line.order(Order::HangUp),
        }
    };
    outcome(line, cause, &scripts)
}

fn is_time_to_hang_up(line: &Line, plan: &Plan, now: Duration) -> bool {
    match line.log.answered() {
        Some(answered) => plan.hang_up_after.is_some_and(|after| now >= answered + after),
        None => plan.ring_max.is_some_and(|max| now >= max),
    }
}

fn outcome(line: &Line, cause: LegCause, scripts: &[Script]) -> Outcome {
    let ended = line.log.entries().last().map_or(Duration::ZERO, |entry| entry.at);
    let unheard = scripts.iter().flat_map(Script::left).filter(|step| step.when.prompt().is_some());
    Outcome {
        cause,
        talked: line.log.answered().map(|answered| ended.saturating_sub(answered)),
        quality: line.quality(),
        unheard: unheard.map(|step| format!("{} {}", describe(&step.deed), step.when)).collect(),
    }
}

fn describe(deed: &Deed) -> String {
    match deed {
        Deed::Press(keys) => format!("press {keys}"),
        Deed::Say(file) => format!("play {}", file.display()),
    }
}

/// One line on the terminal; the time counts from the answer once there is one.
fn show(line: &Line, happening: &Happening, at: Duration) {
    // Ends of prompts and quiet moments matter to scripts; to a reader they are noise.
    if !matches!(happening, Happening::PromptEnds(_) | Happening::Quiet | Happening::SayEnds(_) | Happening::Ended(_)) {
        let since = line.log.answered().filter(|answered| at >= *answered).unwrap_or_default();
        println!("{} {happening}", clock(at.saturating_sub(since)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outcome(cause: LegCause, talked: Option<u64>, received: u64) -> Outcome {
        Outcome {
            cause,
            talked: talked.map(Duration::from_secs),
            quality: Quality { received, ..Quality::default() },
            unheard: Vec::new(),
        }
    }

    #[test]
    fn the_exit_code_tells_how_it_came_out() {
        assert_eq!(outcome(LegCause::HungUp, Some(10), 500).code(), 0);
        assert_eq!(outcome(LegCause::Released, Some(0), 0).code(), 0);
        assert_eq!(outcome(LegCause::Failed { reason: String::new() }, Some(10), 500).code(), 1);
        assert_eq!(outcome(LegCause::Busy, None, 0).code(), 2);
        assert_eq!(outcome(LegCause::HungUp, Some(10), 0).code(), 3);
        let unheard =
            Outcome { unheard: vec!["press 1 after menu".to_owned()], ..outcome(LegCause::HungUp, Some(10), 500) };
        assert_eq!(unheard.code(), 4);
        assert!(unheard.summary().ends_with("never heard: press 1 after menu"), "{}", unheard.summary());
    }

    #[test]
    fn mistakes_are_told_before_the_call() {
        let none = KnownPrompts::none();
        let told = |keys: Option<&str>, plays: &[&str]| {
            let plays: Vec<String> = plays.iter().map(|play| (*play).to_owned()).collect();
            Plan::new(keys, &plays, &none).map(drop).map_err(|error| error.to_string())
        };
        assert_eq!(told(Some("1,#@+2s"), &[]), Ok(()));
        assert!(told(Some("1@menu"), &[]).is_err_and(|told| told.starts_with("there is no prompt menu")));
        assert!(told(Some("1;2"), &[]).is_err_and(|told| told.contains("are no keys")));
    }
}
