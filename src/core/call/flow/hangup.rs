//! `hangup` and every other goodbye: last words to the caller, then the end.

use crate::call::frame::{Frame, News, Way};
use crate::call::prompt::Prompt;
use crate::ids::LegId;
use crate::now::Now;

/// The last words play.
#[derive(Debug)]
pub(crate) struct Goodbye {
    why: String,
}

impl Goodbye {
    pub(crate) fn enter(prompts: Vec<Prompt>, why: String, frame: &mut Frame, now: Now) -> Self {
        frame.play_to_end(LegId::CALLER, prompts, now);
        Self { why }
    }

    pub(crate) fn on(&self, news: &News) -> Way {
        match news {
            News::Played => Way::Finish(self.why.clone()),
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
