//! Who typed wrong engineers' PINs lately. What is done about it (a pause, an end) is the call machine's decision.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use hotline_core::private::Private;
use parking_lot::Mutex;

/// A wrong PIN counts so long.
const REMEMBERED: Duration = Duration::from_hours(1);
/// Sources remembered at most; more means that somebody makes numbers up, and all count as one.
const SOURCES_MAX: usize = 4_096;
/// Wrong PINs of a whole trunk (or of all strangers) that count as one of each of its callers: numbers can be forged.
const SHARED: u32 = 10;

/// The memory.
#[derive(Debug, Default)]
pub struct Pins {
    sources: HashMap<String, Vec<Instant>>,
}

/// What wrong PINs are counted by: where the call came from, and who it says it is.
pub fn key(source: &str, caller: Option<&Private<String>>) -> (String, String) {
    let caller = caller.map_or("", |caller| caller.reveal().as_str());
    (source.to_owned(), format!("{source} {caller}"))
}

impl Pins {
    /// How many wrong ones this source typed lately.
    pub fn wrong(&self, (whole, one): &(String, String), now: Instant) -> u32 {
        let count = |key: &String| {
            let times = self.sources.get(key).into_iter().flatten();
            let lately = times.filter(|at| now.saturating_duration_since(**at) < REMEMBERED).count();
            u32::try_from(lately).unwrap_or(u32::MAX)
        };
        count(one).saturating_add(count(whole) / SHARED)
    }

    /// Another one.
    pub fn note(&mut self, (whole, one): (String, String), now: Instant) {
        self.sources.retain(|_, times| {
            times.retain(|at| now.saturating_duration_since(*at) < REMEMBERED);
            !times.is_empty()
        });
        let full = self.sources.len() >= SOURCES_MAX;
        self.sources.entry(whole).or_default().push(now);
        if !full {
            self.sources.entry(one).or_default().push(now);
        }
    }
}

/// A call's turn: `judge` is told how many wrong PINs its source typed lately and says how many there are after it. No other call
/// is judged meanwhile, so that calls side by side have no more tries than calls one after the other.
pub fn turn(pins: &Mutex<Pins>, source: &(String, String), now: Instant, judge: impl FnOnce(u32) -> u32) {
    let mut pins = pins.lock();
    let before = pins.wrong(source, now);
    for _wrong in before..judge(before) {
        pins.note(source.clone(), now);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_side_by_side_have_no_more_tries() {
        const LIMIT: u32 = 12;
        let pins = Mutex::new(Pins::default());
        let source = key("open", Some(&"+4930999".into()));
        let now = crate::clock::now().mono;
        let judged = std::sync::atomic::AtomicU32::new(0);
        std::thread::scope(|scope| {
            for _call in 0..12 {
                scope.spawn(|| {
                    for _pin in 0..3 {
                        turn(&pins, &source, now, |wrong| {
                            if wrong >= LIMIT {
                                return wrong;
                            }
                            judged.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
                            std::thread::yield_now();
                            wrong + 1
                        });
                    }
                });
            }
        });
        let judged = judged.into_inner();
        // Ten of a whole trunk count as one more.
        assert_eq!(judged, LIMIT - 1);
        assert_eq!(pins.lock().wrong(&source, now), LIMIT);
    }

    #[test]
    fn counted_by_caller_for_an_hour_and_a_little_by_trunk() {
        let mut pins = Pins::default();
        let start = crate::clock::now().mono;
        let (ada, other) = ("+491515550101".into(), "+491515550102".into());
        let (one, two) = (key("trunk:carrier", Some(&ada)), key("trunk:carrier", Some(&other)));
        for _try in 0..20 {
            pins.note(one.clone(), start);
        }
        assert_eq!((pins.wrong(&one, start), pins.wrong(&two, start)), (22, 2));
        assert_eq!(pins.wrong(&key("phone:lobby", None), start), 0);
        let later = start + Duration::from_mins(61);
        assert_eq!(pins.wrong(&one, later), 0);
        pins.note(two, later);
        assert_eq!(pins.sources.len(), 2, "what is too old is forgotten");
    }
}
