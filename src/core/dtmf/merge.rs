//! One press that is heard both by RFC 4733 and by SIP INFO counts once.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// How a key was heard.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source {
    /// A telephone event in the media (RFC 4733).
    Rtp,
    /// A SIP INFO.
    Info,
}

/// The same key by the other way within this time is the same press.
pub const WINDOW: Duration = Duration::from_millis(150);

/// Presses that are remembered at most; a human makes three in a window.
const REMEMBERED: usize = 16;

/// Merges the keys of one leg.
#[derive(Debug, Clone, Default)]
pub struct Merge {
    /// Counted, and not yet heard by the other way.
    open: VecDeque<(Source, char, Instant)>,
}

impl Merge {
    /// True: count this key. False: it is the echo of one that was counted.
    ///
    /// Each counted press swallows one echo, so a quick double press that arrives both ways stays a double press.
    pub fn accept(&mut self, source: Source, digit: char, now: Instant) -> bool {
        self.open.retain(|(_, _, at)| now.saturating_duration_since(*at) <= WINDOW);
        let echo = self.open.iter().position(|(from, key, _)| *from != source && *key == digit);
        if let Some(position) = echo {
            self.open.remove(position);
            return false;
        }
        if self.open.len() == REMEMBERED {
            self.open.pop_front();
        }
        self.open.push_back((source, digit, now));
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[expect(clippy::disallowed_methods, reason = "any instant will do as a start")]
    fn start() -> Instant {
        Instant::now()
    }

    /// Feeds (source, key, ms) and gives back the keys counted.
    fn counted(presses: &[(Source, char, u64)]) -> String {
        let (mut merge, start) = (Merge::default(), start());
        let accept = |(source, key, ms): &(Source, char, u64)| {
            merge.accept(*source, *key, start + Duration::from_millis(*ms)).then_some(*key)
        };
        presses.iter().filter_map(accept).collect()
    }

    #[test]
    fn both_ways_count_once_whichever_is_first() {
        assert_eq!(counted(&[(Source::Rtp, '1', 0), (Source::Info, '1', 149)]), "1");
        assert_eq!(counted(&[(Source::Info, '1', 0), (Source::Rtp, '1', 30)]), "1");
    }

    #[test]
    fn one_way_alone_is_never_swallowed() {
        assert_eq!(counted(&[(Source::Rtp, '1', 0), (Source::Rtp, '1', 60)]), "11");
        assert_eq!(counted(&[(Source::Info, '7', 0), (Source::Info, '7', 60)]), "77");
    }

    #[test]
    fn a_quick_double_press_heard_both_ways_stays_double() {
        let presses =
            [(Source::Rtp, '5', 0), (Source::Info, '5', 20), (Source::Rtp, '5', 100), (Source::Info, '5', 120)];
        assert_eq!(counted(&presses), "55");
        let presses =
            [(Source::Rtp, '5', 0), (Source::Rtp, '5', 90), (Source::Info, '5', 95), (Source::Info, '5', 140)];
        assert_eq!(counted(&presses), "55");
    }

    #[test]
    fn another_key_or_a_later_one_is_another_press() {
        assert_eq!(counted(&[(Source::Rtp, '1', 0), (Source::Info, '2', 10)]), "12");
        assert_eq!(counted(&[(Source::Rtp, '1', 0), (Source::Info, '1', 151)]), "11");
    }
}
