//! Rings people about an alert that nobody has: one walk through the number's
//! schedule, no caller's leg.

use std::time::Duration;

use crate::fact::LegCause;
use crate::ids::UserId;
use crate::now::Now;

use super::flow::ConnectTarget;
use super::frame::{Frame, News, Way};
use super::hunt::{Goal, Hunt, Reply, Rules};
use super::prompt::{Prompt, say};

/// How long each phone rings.
const RING: Duration = Duration::from_secs(25);
/// How long an answered phone may be without a key.
const ACCEPT_WAIT: Duration = Duration::from_secs(20);

/// People are rung.
#[derive(Debug)]
pub(crate) struct Ringing {
    hunt: Hunt,
}

impl Ringing {
    pub(crate) fn begin(frame: &mut Frame, now: Now) -> Result<Self, Way> {
        let number = frame.directory.numbers.get(&frame.number);
        let Some(schedule) = number.and_then(|number| number.schedule.clone()) else {
            return Err(Way::Finish("the number has no schedule, so nobody can be rung".to_owned()));
        };
        let rules = Rules {
            target: ConnectTarget::Schedule(schedule),
            goal: Goal::Acknowledge,
            ring: RING,
            rounds: 1,
            confirm: true,
            accept_wait: ACCEPT_WAIT,
        };
        let (hunt, reply) = Hunt::begin(rules, frame, now);
        match take(reply, frame, now) {
            Way::Stay => Ok(Self { hunt }),
            way @ (Way::Go(..) | Way::Say(..) | Way::LastResort(_) | Way::Finish(_)) => Err(way),
        }
    }

    pub(crate) fn on(&mut self, news: News, frame: &mut Frame, now: Now) -> Way {
        if news == News::AlertTaken {
            frame.settled_elsewhere = true;
            self.hunt.stop(false, "the alert was taken meanwhile", frame, now);
            return Way::Finish("the alert was taken meanwhile".to_owned());
        }
        let reply = self.hunt.on(news, frame, now);
        take(reply, frame, now)
    }

    /// For the page: a person listens, or nobody has accepted yet.
    pub(crate) fn state(&self) -> &'static str {
        if self.hunt.is_briefing() { "telling" } else { "calling" }
    }

    pub(crate) fn person(&self) -> Option<&UserId> {
        self.hunt.person()
    }
}

fn take(reply: Reply, frame: &mut Frame, now: Now) -> Way {
    match reply {
        Reply::Stay => Way::Stay,
        Reply::Nobody { why } => Way::Finish(why),
        Reply::Accepted { leg, person: _, why } => {
            frame.taken = true;
            let words = vec![Prompt::Say(say::ALERT_ACKNOWLEDGED)];
            frame.farewell(leg, words, LegCause::Released, "acknowledged", now);
            Way::Finish(why)
        }
    }
}
