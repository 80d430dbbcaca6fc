//! Alerts that reached nobody, in the log: in a storm the first of each policy, then a count.

use std::collections::HashMap;
use std::time::Duration;

use hotline_core::alert::Alert;
use hotline_core::fact::Fact;
use hotline_core::ids::PolicyId;
use jiff::Timestamp;

/// Between two lines about the same policy and kind of trouble.
const QUIET: Duration = Duration::from_mins(1);

/// What was told, by policy and kind of trouble.
#[derive(Debug, Default)]
pub struct Unheard(HashMap<(Option<PolicyId>, &'static str), Told>);

#[derive(Debug)]
struct Told {
    until: Timestamp,
    /// Since the last line.
    more: u64,
}

impl Unheard {
    /// Tells of this one, or counts it.
    pub fn tell(&mut self, alert: &Alert, fact: &Fact, why: &str, at: Timestamp) {
        if self.is_first(alert.policy.as_ref(), fact.kind(), at) {
            tracing::warn!(alert = %alert.id, reference = %alert.reference, "{} {why}", fact.sentence());
        }
    }

    /// Tells how many more there were, a minute after the last line.
    pub fn sum_up(&mut self, at: Timestamp) {
        for (policy, kind, more) in self.due(at) {
            let policy = policy.as_ref().map_or("none", |policy| policy.0.as_str());
            tracing::warn!(policy, kind, more, "that many more alerts reached nobody; each says why on its timeline");
        }
    }

    fn is_first(&mut self, policy: Option<&PolicyId>, kind: &'static str, at: Timestamp) -> bool {
        if let Some(told) = self.0.get_mut(&(policy.cloned(), kind)) {
            told.more += 1;
            return false;
        }
        let until = at.checked_add(QUIET).unwrap_or(Timestamp::MAX);
        self.0.insert((policy.cloned(), kind), Told { until, more: 0 });
        true
    }

    /// Forgets what was quiet; who has something to tell is quiet for another minute.
    fn due(&mut self, at: Timestamp) -> Vec<(Option<PolicyId>, &'static str, u64)> {
        let mut due = Vec::new();
        self.0.retain(|(policy, kind), told| {
            if told.until > at {
                return true;
            }
            if told.more == 0 {
                return false;
            }
            due.push((policy.clone(), *kind, std::mem::take(&mut told.more)));
            told.until = at.checked_add(QUIET).unwrap_or(Timestamp::MAX);
            true
        });
        due
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_is_told_and_the_others_are_counted() {
        let mut unheard = Unheard::default();
        let at = |second: i64| Timestamp::from_second(1_790_000_000 + second).unwrap();
        let (one, other) = (PolicyId::from("one"), PolicyId::from("other"));
        assert!(unheard.is_first(Some(&one), "escalation-exhausted", at(0)));
        assert!(unheard.is_first(Some(&other), "escalation-exhausted", at(1)));
        assert!(unheard.is_first(Some(&one), "nobody-reached", at(1)));
        for second in 2..50 {
            assert!(!unheard.is_first(Some(&one), "escalation-exhausted", at(second)));
        }
        assert_eq!(unheard.due(at(59)), []);
        assert_eq!(unheard.due(at(61)), [(Some(one.clone()), "escalation-exhausted", 48)]);
        assert!(unheard.is_first(Some(&other), "escalation-exhausted", at(62)), "it was quiet for a minute");
        assert!(!unheard.is_first(Some(&one), "escalation-exhausted", at(62)), "it was not");
        assert_eq!(unheard.due(at(121)), [(Some(one), "escalation-exhausted", 1)]);
    }
}
