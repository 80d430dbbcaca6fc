//! The way an alert goes: its policy's steps, or its number's schedule again and again, or nothing at all.

use std::borrow::Cow;
use std::time::Duration;

use super::choose::policy_of;
use super::{EscalationPolicy, Step, Target};
use crate::alert::{Alert, Urgency};
use crate::directory::Directory;

/// The steps of an alert and how often they are gone through.
pub(super) struct Route<'a> {
    pub steps: Cow<'a, [Step]>,
    /// Passes before it is exhausted; `None`: never.
    pub rounds: Option<u32>,
    /// Whose steps these are: `policy `x``, `schedule `y` of number `z``.
    pub by: String,
}

impl<'a> Route<'a> {
    pub fn of(alert: &Alert, directory: &'a Directory, ring_again: Duration) -> Self {
        if let Some(policy) = policy_of(alert, directory) {
            return Self::by_policy(policy);
        }
        let number = alert.number.as_ref().and_then(|id| directory.numbers.get(id));
        let Some((number, schedule)) = number.and_then(|number| Some((number, number.schedule.as_ref()?))) else {
            return Self { steps: Cow::Borrowed(&[]), rounds: Some(1), by: nothing(alert) };
        };
        let step = Step {
            targets: vec![Target::Schedule(schedule.clone())],
            wait: ring_again,
            priorities: Vec::new(),
            urgency: None,
        };
        Self {
            steps: Cow::Owned(vec![step]),
            // What waits for the morning is told once.
            rounds: match alert.urgency {
                Urgency::High => None,
                Urgency::Low => Some(1),
            },
            by: format!("schedule `{schedule}` of number `{}`", number.id),
        }
    }

    fn by_policy(policy: &'a EscalationPolicy) -> Self {
        Self {
            steps: Cow::Borrowed(&policy.steps),
            rounds: Some(rounds(policy)),
            by: format!("policy `{}`", policy.id),
        }
    }

    /// Round `round` (from 1) comes after the last of the policy: it was exhausted before.
    pub fn is_past(&self, round: u32) -> bool {
        self.rounds.is_some_and(|rounds| round > rounds)
    }

    /// No further round follows this one by the policy.
    pub fn is_last(&self, round: u32) -> bool {
        self.rounds.is_some_and(|rounds| round >= rounds)
    }

    /// The longest that any step waits.
    pub fn longest_wait(&self) -> Duration {
        self.steps.iter().map(|step| step.wait).max().unwrap_or_default()
    }
}

/// How often a policy's steps are gone through. Nobody lives to see the difference to more.
pub(super) fn rounds(policy: &EscalationPolicy) -> u32 {
    policy.repeat.min(99_999) + 1
}

impl Step {
    /// Whether it is for alerts like this.
    pub(super) fn fits(&self, alert: &Alert) -> bool {
        (self.priorities.is_empty() || self.priorities.contains(&alert.priority))
            && self.urgency.is_none_or(|urgency| urgency == alert.urgency)
    }
}

fn nothing(alert: &Alert) -> String {
    match (&alert.policy, &alert.number) {
        (Some(policy), _) => format!("policy `{policy}`, which is not there"),
        (None, Some(number)) => format!("number `{number}` without policy and schedule; give it one of them"),
        (None, None) => "no policy; set `default_policy`, or one for the source, service or customer".to_owned(),
    }
}
