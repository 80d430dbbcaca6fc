//! `identify`: the customer by caller ID (known since the call began), or by PIN.
//! The PIN stands on no record.

use crate::call::frame::{Frame, News, Way, spell};
use crate::call::prompt::{Prompt, PromptId, say};
use crate::call::timer::Timer;
use crate::ids::LegId;
use crate::now::Now;

use super::Identify;

/// No PIN is longer.
const PIN_MAX: usize = 20;

/// The PIN is asked for.
#[derive(Debug)]
pub(crate) struct Asking {
    node: Identify,
    /// Tries left, this one included.
    tries: u32,
    pin: String,
}

impl Identify {
    /// The caller must hear something for it.
    pub(crate) fn needs_audio(&self, frame: &Frame) -> bool {
        frame.customer.is_none() && self.ask_pin && self.tries > 0
    }
}

impl Asking {
    /// Err: known already, or not to be asked.
    pub(crate) fn enter(node: &Identify, frame: &mut Frame, now: Now) -> Result<Self, Way> {
        if frame.customer.is_some() {
            return Err(Way::Go(Some(node.found.clone()), "the customer is known by caller ID".to_owned()));
        }
        if !node.needs_audio(frame) {
            return Err(Way::Go(Some(node.unknown.clone()), "the caller ID belongs to no customer".to_owned()));
        }
        let mut asking = Self { node: node.clone(), tries: node.tries, pin: String::new() };
        let typed = std::mem::take(&mut frame.typed);
        if typed.is_empty() {
            frame.play_until_key(vec![Prompt::Say(say::ASK_PIN)], now);
        }
        for digit in typed {
            match asking.pressed(digit, frame, now) {
                Way::Stay => {}
                way @ (Way::Go(..) | Way::Say(..) | Way::LastResort(_) | Way::Finish(_)) => return Err(way),
            }
        }
        Ok(asking)
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
                self.again(say::NO_INPUT, &why, frame, now)
            }
            News::Timer(Timer::InterDigit) => self.typed(frame, now),
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

    fn pressed(&mut self, digit: char, frame: &mut Frame, now: Now) -> Way {
        frame.stop_play(LegId::CALLER);
        frame.sleep(Timer::NoInput);
        if digit == '#' {
            return self.typed(frame, now);
        }
        if self.pin.len() < PIN_MAX {
            self.pin.push(digit);
        }
        frame.wake(Timer::InterDigit, self.node.wait, now);
        Way::Stay
    }

    fn typed(&mut self, frame: &mut Frame, now: Now) -> Way {
        frame.sleep(Timer::InterDigit);
        let pin = std::mem::take(&mut self.pin);
        if pin.is_empty() {
            return self.again(say::NO_INPUT, "no PIN was typed", frame, now);
        }
        let directory = std::sync::Arc::clone(&frame.directory);
        match directory.customer_by_pin(&pin) {
            Some(customer) => {
                frame.identified(customer, "the caller typed the customer's PIN", now);
                Way::Go(Some(self.node.found.clone()), "the PIN is a customer's".to_owned())
            }
            None => self.again(say::PIN_UNKNOWN, "the PIN is no customer's", frame, now),
        }
    }

    fn again(&mut self, first: PromptId, why: &str, frame: &mut Frame, now: Now) -> Way {
        self.tries = self.tries.saturating_sub(1);
        if self.tries == 0 {
            return Way::Go(Some(self.node.unknown.clone()), format!("{why}; no tries left"));
        }
        frame.note("asks for the PIN again", why, now);
        frame.play_until_key(vec![Prompt::Say(first), Prompt::Say(say::ASK_PIN)], now);
        Way::Stay
    }
}
