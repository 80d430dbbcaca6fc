//! A step that somebody ticked, in words for the timeline of the alert or incident.

use super::Step;

/// Characters of a step that stand on a timeline.
const TOLD: usize = 160;

/// What a timeline says of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ticked {
    /// Which step of which runbook, and that it is done (or not after all).
    pub what: String,
    /// The step's first line.
    pub words: String,
}

/// A step of the runbook with this title was ticked (`done`), or the tick was taken back.
pub fn ticked(title: &str, step: &Step, done: bool) -> Ticked {
    let word = if done { "done" } else { "not done after all" };
    Ticked {
        what: format!("Runbook \"{title}\", step {} {word}", step.number),
        words: step.text.lines().next().unwrap_or_default().chars().take(TOLD).collect(),
    }
}

/// The documents that belong to any of these things, each once, in the order in which they are found.
pub fn each_once<'a, K: PartialEq, D>(found: impl IntoIterator<Item = &'a (K, D)>) -> Vec<&'a (K, D)> {
    let mut each: Vec<&(K, D)> = Vec::new();
    for one in found {
        if !each.iter().any(|(key, _)| *key == one.0) {
            each.push(one);
        }
    }
    each
}
