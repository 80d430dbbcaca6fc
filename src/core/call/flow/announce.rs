//! `announce`: plays prompts, then goes on.

use crate::call::frame::{Frame, News, Way};
use crate::call::prompt::{Prompt, say};
use crate::ids::LegId;
use crate::now::Now;

use super::Announce;

/// The prompts play.
#[derive(Debug)]
pub(crate) struct Announcing {
    node: Announce,
}

impl Announcing {
    /// Err: nothing to play, or a key was pressed ahead.
    pub(crate) fn enter(node: &Announce, frame: &mut Frame, now: Now) -> Result<Self, Way> {
        let on = |why: &str| Err(Way::Go(node.next.clone(), why.to_owned()));
        if node.prompts.is_empty() {
            return on("nothing to announce");
        }
        frame.intro_said |= node.prompts.contains(&Prompt::Say(say::SCRIPT_INTRO));
        if node.barge_in && !frame.typed.is_empty() {
            return on("skipped by a key pressed before");
        }
        let greeted = std::mem::take(&mut frame.greeted);
        let words: Vec<Prompt> = node.prompts.iter().filter(|prompt| !greeted.contains(prompt)).cloned().collect();
        frame.announced.extend(words.iter().cloned());
        if words.is_empty() {
            return on("was said already");
        }
        frame.typed.clear();
        if node.barge_in {
            frame.play_until_key(words, now);
        } else {
            frame.play(LegId::CALLER, words, now);
        }
        Ok(Self { node: node.clone() })
    }

    pub(crate) fn on(&self, news: &News, frame: &mut Frame) -> Way {
        match news {
            News::Digit(digit) if self.node.barge_in => {
                frame.type_ahead(*digit);
                frame.stop_play(LegId::CALLER);
                Way::Go(self.node.next.clone(), "cut short by a key".to_owned())
            }
            News::Played => Way::Go(self.node.next.clone(), "announced".to_owned()),
            News::Digit(_)
            | News::Recorded(_)
            | News::Callee(..)
            | News::Found(..)
            | News::Told(_)
            | News::AlertTaken
            | News::Timer(_) => Way::Stay,
        }
    }
}
