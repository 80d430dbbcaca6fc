//! `language`: the caller chooses the language by key, each offered in its own; a single
//! offer is no choice and is set.

use crate::call::frame::{Frame, News, Way, spell};
use crate::call::prompt::Prompt;
use crate::call::timer::Timer;
use crate::directory::Language;
use crate::ids::LegId;
use crate::now::Now;

use super::ChooseLanguage;

/// The offers play one by one, or all were played and a key is awaited.
#[derive(Debug)]
pub(crate) struct Offering {
    node: ChooseLanguage,
    /// The offer that plays.
    place: usize,
}

impl Offering {
    /// Err: nothing to choose, or the key was pressed ahead.
    pub(crate) fn enter(node: &ChooseLanguage, frame: &mut Frame, now: Now) -> Result<Self, Way> {
        if let [(_, only)] = node.offers.as_slice() {
            choose(only, frame, "set by the flow", now);
            return Err(Way::Go(node.next.clone(), "the language is set".to_owned()));
        }
        if node.offers.is_empty() {
            return Err(Way::Go(node.next.clone(), "no language is offered".to_owned()));
        }
        let offering = Self { node: node.clone(), place: 0 };
        for digit in std::mem::take(&mut frame.typed) {
            if let way @ Way::Go(..) = offering.pressed(digit, frame, now) {
                return Err(way);
            }
        }
        offering.offer(frame, now);
        Ok(offering)
    }

    pub(crate) fn on(&mut self, news: &News, frame: &mut Frame, now: Now) -> Way {
        match news {
            News::Digit(digit) => self.pressed(*digit, frame, now),
            News::Played => {
                self.place += 1;
                self.offer(frame, now);
                Way::Stay
            }
            News::Timer(timer) if *timer == Timer::NoInput => {
                let why = format!("no key for {}: the language stays", spell(self.node.wait));
                Way::Go(self.node.next.clone(), why)
            }
            News::Timer(_)
            | News::Recorded(_)
            | News::Callee(..)
            | News::Found(..)
            | News::Told(_)
            | News::AlertTaken => Way::Stay,
        }
    }

    fn offer(&self, frame: &mut Frame, now: Now) {
        match self.node.offers.get(self.place) {
            Some((_, language)) => frame.play_in(language, vec![self.node.prompt.clone()], now),
            None => frame.wake(Timer::NoInput, self.node.wait, now),
        }
    }

    fn pressed(&self, digit: char, frame: &mut Frame, now: Now) -> Way {
        let Some((_, language)) = self.node.offers.iter().find(|(key, _)| *key == digit) else { return Way::Stay };
        frame.stop_play(LegId::CALLER);
        choose(language, frame, &format!("pressed {digit}"), now);
        Way::Go(self.node.next.clone(), format!("pressed {digit}"))
    }
}

fn choose(language: &Language, frame: &mut Frame, why: &str, now: Now) {
    frame.language_chosen = true;
    frame.speak(language.clone(), why, now);
}

impl ChooseLanguage {
    /// The caller must hear something for it.
    pub(crate) fn needs_audio(&self) -> bool {
        self.offers.len() > 1
    }

    /// What the caller hears in each language.
    pub fn offered(&self) -> Vec<(&Language, &Prompt)> {
        self.offers.iter().map(|(_, language)| (language, &self.prompt)).collect()
    }
}
