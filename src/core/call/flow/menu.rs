//! `menu`: a choice by key, or a code of several keys.

use std::time::Duration;

use crate::call::frame::{Frame, News, Way, spell};
use crate::call::prompt::Prompt;
use crate::call::timer::Timer;
use crate::ids::{LegId, NodeId};
use crate::now::Now;

use super::Menu;

/// Between two keys of a code people take less than that.
const INTER_DIGIT: Duration = Duration::from_secs(4);

/// A silent menu waits so long at least.
const WAIT_MIN: Duration = Duration::from_secs(1);

/// The menu is offered.
#[derive(Debug)]
pub(crate) struct Choosing {
    node: Menu,
    /// Offers left, this one included.
    tries: u32,
    keys: String,
}

impl Choosing {
    /// Err: the key was pressed ahead.
    pub(crate) fn enter(node: &Menu, frame: &mut Frame, now: Now) -> Result<Self, Way> {
        let mut choosing = Self { node: node.clone(), tries: node.tries, keys: String::new() };
        if node.tries == 0 || node.options.is_empty() {
            return Err(Way::Go(Some(node.give_up.clone()), "nothing to choose".to_owned()));
        }
        let mut typed = std::mem::take(&mut frame.typed).into_iter();
        for digit in typed.by_ref() {
            match choosing.pressed(digit, frame, now) {
                Way::Stay => {}
                way @ (Way::Go(..) | Way::Say(..) | Way::LastResort(_) | Way::Finish(_)) => {
                    frame.typed = typed.collect();
                    return Err(way);
                }
            }
        }
        if choosing.keys.is_empty() && choosing.tries == node.tries {
            choosing.offer(&[], frame, now);
        }
        Ok(choosing)
    }

    pub(crate) fn on(&mut self, news: &News, frame: &mut Frame, now: Now) -> Way {
        match news {
            News::Digit(digit) => self.pressed(*digit, frame, now),
            News::Played => {
                frame.wake(Timer::NoInput, self.node.wait, now);
                Way::Stay
            }
            News::Timer(Timer::NoInput) => {
                let why = format!("no key for {}", spell(self.node.wait));
                let words = self.node.no_input.clone();
                self.again(&words, &why, frame, now)
            }
            News::Timer(Timer::InterDigit) => self.decide(frame, now),
            News::Timer(
                Timer::Budget | Timer::Ring | Timer::Accept | Timer::Comfort | Timer::Connect | Timer::Stuck,
            )
            | News::Recorded(_)
            | News::Callee(..)
            | News::Found(..)
            | News::Told(_)
            | News::AlertTaken => Way::Stay,
        }
    }

    fn offer(&self, first: &[Prompt], frame: &mut Frame, now: Now) {
        let prompts: Vec<Prompt> = first.iter().chain(&self.node.prompts).cloned().collect();
        if prompts.is_empty() {
            return frame.wake(Timer::NoInput, self.node.wait.max(WAIT_MIN), now);
        }
        frame.play_until_key(prompts, now);
    }

    fn pressed(&mut self, digit: char, frame: &mut Frame, now: Now) -> Way {
        frame.stop_play(LegId::CALLER);
        frame.sleep(Timer::NoInput);
        if self.node.end == Some(digit) && !self.keys.is_empty() {
            return self.decide(frame, now);
        }
        self.keys.push(digit);
        if self.is_complete() {
            return self.decide(frame, now);
        }
        frame.wake(Timer::InterDigit, INTER_DIGIT, now);
        Way::Stay
    }

    /// No further key could change what these keys mean.
    fn is_complete(&self) -> bool {
        let options = self.node.options.keys();
        let longest = options.clone().map(|option| option.chars().count()).max().unwrap_or(1);
        let length = self.keys.chars().count();
        if options.clone().any(|option| option.len() > self.keys.len() && option.starts_with(&self.keys)) {
            return false;
        }
        let known = self.target().is_some();
        if longest == 1 || (known && length == 1) {
            return true;
        }
        // A code is ended by its own key, a wrong code too: else the rest of it would count as
        // further wrong keys. Where there is no such key, its length ends it.
        if self.node.end.is_some() { length > longest } else { known || length >= longest }
    }

    fn target(&self) -> Option<&NodeId> {
        self.node.options.get(&self.keys)
    }

    fn decide(&mut self, frame: &mut Frame, now: Now) -> Way {
        frame.sleep(Timer::InterDigit);
        let Some(to) = self.target().cloned() else {
            let single = self.keys.chars().count() == 1;
            let why = if single { format!("{} means nothing here", self.keys) } else { "no such code".to_owned() };
            let words = self.node.no_match.clone();
            return self.again(&words, &why, frame, now);
        };
        let why =
            if self.keys.chars().count() == 1 { format!("pressed {}", self.keys) } else { "typed a code".to_owned() };
        frame.goes_on(&why, now);
        Way::Go(Some(to), why)
    }

    fn again(&mut self, first: &[Prompt], why: &str, frame: &mut Frame, now: Now) -> Way {
        self.keys.clear();
        self.tries = self.tries.saturating_sub(1);
        if self.tries == 0 {
            return Way::Go(Some(self.node.give_up.clone()), format!("{why}; no tries left"));
        }
        frame.note("offered again", why, now);
        self.offer(first, frame, now);
        Way::Stay
    }
}
