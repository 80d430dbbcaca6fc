//! One look at an alert: the walk from where its escalation stands to the next moment at which something is to be done.

use std::time::Duration;

use jiff::Timestamp;

use super::choose::{choose, policy_of};
use super::route::Route;
use super::targets::{At, Telling, moment};
use super::{ASSIGNED_WAIT, Advance, CALL_PATIENCE, Reach, WAIT_MIN, later, span};
use crate::alert::urgency::urgency;
use crate::alert::{Alert, Change, RING_AGAIN_MIN, Status, Urgency};
use crate::directory::Directory;
use crate::fact::{Actor, Fact};

pub(super) struct Walk<'a> {
    /// With the facts found so far; `alert.progress` is where it stands.
    alert: Alert,
    directory: &'a Directory,
    reach: Reach<'a>,
    ring_again: Duration,
    now: Timestamp,
    out: Advance,
}

impl<'a> Walk<'a> {
    pub fn new(
        alert: &Alert,
        directory: &'a Directory,
        reach: Reach<'a>,
        ring_again: Duration,
        now: Timestamp,
    ) -> Self {
        let ring_again = ring_again.max(RING_AGAIN_MIN);
        Self { alert: alert.clone(), directory, reach, ring_again, now, out: Advance::default() }
    }

    pub fn done(mut self) -> Advance {
        match self.alert.status {
            Status::Resolved => self.rest(None),
            Status::Acknowledged => self.acknowledged(),
            Status::Triggered => self.triggered(),
        }
        self.out.progress = self.alert.progress;
        self.out
    }

    /// Keeps a fact: for good, and for the rest of this look.
    fn say(&mut self, fact: Fact, why: String) {
        self.alert.apply(&fact, self.now);
        self.out.facts.push((fact, why));
    }

    fn rest(&mut self, look: Option<Timestamp>) {
        self.alert.progress.due = None;
        self.alert.progress.look = look;
    }

    fn acknowledged(&mut self) {
        if self.alert.snoozed_until.is_some_and(|until| until <= self.now) {
            self.say(Fact::Alert(Change::Woke), "the snooze is over; somebody has it meanwhile".to_owned());
        }
        let Some((at, why)) = unacknowledged_at(&self.alert, self.directory) else {
            return self.rest(self.alert.snoozed_until);
        };
        if self.now < at {
            return self.rest(Some(self.alert.snoozed_until.map_or(at, |until| until.min(at))));
        }
        self.say(Fact::Alert(Change::Unacknowledged { by: Actor::System }), why);
        self.begin_anew();
        self.triggered();
    }

    fn triggered(&mut self) {
        if let Some(until) = self.alert.snoozed_until {
            if self.now < until {
                return self.rest(Some(until));
            }
            self.say(
                Fact::Alert(Change::Woke),
                "the snooze is over and nobody has it: the escalation goes on".to_owned(),
            );
            self.go_on();
        }
        let patience = later(self.alert.opened_at, CALL_PATIENCE);
        if self.alert.call_running && self.now < patience {
            self.alert.progress.look = Some(patience);
            return;
        }
        self.raise();
        if self.is_due() {
            self.choose();
            self.steps();
        }
        let rises_at = match self.alert.urgency {
            Urgency::High => None,
            Urgency::Low => self.loudness().1,
        };
        self.alert.progress.look = self.alert.progress.due.into_iter().chain(rises_at).min();
    }

    /// Support hours that have begun make it loud, and everybody is told anew. By itself it never becomes less loud.
    fn raise(&mut self) {
        if self.alert.urgency == Urgency::Low
            && let (Urgency::High, _, why) = self.loudness()
        {
            self.say(Fact::Alert(Change::Urgency { urgency: Urgency::High }), why);
            self.begin_anew();
        }
    }

    fn loudness(&self) -> (Urgency, Option<Timestamp>, String) {
        let (customer, service) = (self.alert.customer.as_ref(), self.alert.service.as_ref());
        urgency(self.alert.priority, customer, service, self.directory, self.now)
    }

    fn is_due(&self) -> bool {
        let progress = self.alert.progress;
        let route = self.route();
        match progress.due {
            // The policy is at its end and the alert may wait.
            None => !(route.is_past(progress.round) && self.alert.urgency == Urgency::Low),
            // The later case: the clock was set back, or the policy's waits are shorter now.
            Some(due) => {
                let longest = route.longest_wait().max(self.ring_again).max(ASSIGNED_WAIT);
                due <= self.now || due > later(self.now, longest)
            }
        }
    }

    fn route(&self) -> Route<'a> {
        Route::of(&self.alert, self.directory, self.ring_again)
    }

    /// Which policy it goes by: of a call's alert before its first step, of any where there is none (any more).
    fn choose(&mut self) {
        let first = self.alert.progress.round == 0 && self.alert.progress.cycle == 0;
        let of_call = self.alert.source.is_none();
        if !(first && of_call) && policy_of(&self.alert, self.directory).is_some() {
            return;
        }
        let gone = match (&self.alert.policy, policy_of(&self.alert, self.directory)) {
            (Some(policy), None) => format!("policy `{policy}` is not there any more; "),
            (Some(_), Some(_)) | (None, _) => String::new(),
        };
        let (policy, chosen) = choose(&self.alert, self.directory);
        if !(first && of_call) && policy == self.alert.policy {
            return;
        }
        let (loud, _, why) = self.loudness();
        let (customer, service) = (self.alert.customer.clone(), self.alert.service.clone());
        // What people made louder by hand, or what was told as loud before, stays so.
        let loud = if first { loud } else { loud.min(self.alert.urgency) };
        let routed = Change::Routed { policy, urgency: loud, customer, service };
        self.say(Fact::Alert(routed), format!("{gone}{chosen}; urgency {}: {why}", loud.word()));
    }

    /// The next step that reaches somebody; or the end of the round.
    fn steps(&mut self) {
        let route = self.route();
        let count = u32::try_from(route.steps.len()).unwrap_or(u32::MAX);
        let progress = &mut self.alert.progress;
        if progress.round == 0 {
            progress.round = 1;
            progress.step = 0;
        }
        let mut misses = Vec::new();
        // Once through all of them at most: whom nobody reaches now, nobody reaches a moment later.
        for _ in 0..count {
            if self.alert.progress.step >= count {
                if route.is_last(self.alert.progress.round) {
                    return self.end_of_round(&route, &misses);
                }
                self.next_round();
            }
            let index = self.alert.progress.step;
            self.alert.progress.step += 1;
            if self.step(&route, index, &mut misses) {
                return;
            }
        }
        self.end_of_round(&route, &misses);
    }

    /// Does one step; false: it is not for this alert, or reached nobody.
    fn step(&mut self, route: &Route<'_>, index: u32, misses: &mut Vec<String>) -> bool {
        let step = usize::try_from(index).ok().and_then(|index| route.steps.get(index));
        let Some(step) = step.filter(|step| step.fits(&self.alert)) else { return false };
        let round = self.alert.progress.round;
        let at = At { round, step: index + 1, by: &route.by, now: self.now };
        let told = Telling::new(&self.alert, self.directory, self.reach, at).step(step);
        if told.planned.is_empty() {
            let why = format!("{}, {}: {}", route.by, at.words(), told.misses.join("; "));
            if !Self::is_repeated(route, round) {
                self.say(Fact::Alert(Change::NobodyReached { step: index + 1 }), why.clone());
            }
            misses.push(why);
            return false;
        }
        let next = later(self.now, step.wait.max(WAIT_MIN));
        let left_out =
            if told.misses.is_empty() { String::new() } else { format!("; not told: {}", told.misses.join("; ")) };
        let why = format!("{}, {}: nobody has the alert; {}{left_out}", route.by, at.words(), told.whys.join("; "));
        let stepped = Change::Stepped { round, step: index + 1, targets: told.words, next_at: Some(next) };
        self.say(Fact::Alert(stepped), why);
        self.out.notify.extend(told.planned);
        self.alert.progress.due = Some(next);
        true
    }

    /// The policy is at its end, or a whole pass through it reached nobody.
    fn end_of_round(&mut self, route: &Route<'_>, misses: &[String]) {
        let round = self.alert.progress.round;
        let again = later(self.now, self.ring_again);
        let high = self.alert.urgency == Urgency::High;
        if !route.is_past(round) && route.rounds.is_some() {
            let reason = if !misses.is_empty() {
                format!("steps that reached nobody: {}", misses.join("; "))
            } else if route.steps.iter().any(|step| step.fits(&self.alert)) {
                "all its steps are done".to_owned()
            } else if route.steps.is_empty() {
                "nobody can be told".to_owned()
            } else {
                let (priority, urgency) = (self.alert.priority.word(), self.alert.urgency.word());
                format!("it has no step for {priority} at {urgency} urgency")
            };
            let next = if high {
                format!("high urgency: everybody is tried again at {}", moment(again))
            } else {
                "low urgency: it waits for support hours, an event or a person".to_owned()
            };
            self.say(Fact::Alert(Change::Exhausted), format!("{}: {reason}; {next}", route.by));
            self.alert.progress.round = route.rounds.unwrap_or(round);
        }
        self.next_round();
        self.alert.progress.due = high.then_some(again);
    }

    fn next_round(&mut self) {
        self.alert.progress.round = self.alert.progress.round.saturating_add(1);
        self.alert.progress.step = 0;
    }

    /// Nobody was reached so often already that it is told now and then only.
    fn is_repeated(route: &Route<'_>, round: u32) -> bool {
        let over = route.rounds.map_or(round, |rounds| round.saturating_sub(rounds));
        over > 0 && !over.is_power_of_two()
    }

    fn begin_anew(&mut self) {
        self.alert.progress = super::after::anew(self.alert.progress, self.now);
    }

    fn go_on(&mut self) {
        self.alert.progress = super::after::on(&self.alert, self.directory, self.now);
    }
}

/// When an acknowledged alert is nobody's again, and why.
pub(super) fn unacknowledged_at(alert: &Alert, directory: &Directory) -> Option<(Timestamp, String)> {
    let policy = policy_of(alert, directory)?;
    let after = policy.unacknowledge_after?;
    let taken = alert.acknowledged_at?;
    let why = format!("acknowledged {} ago and still open: policy `{}` begins anew", span(after), policy.id);
    Some((later(taken, after), why))
}
